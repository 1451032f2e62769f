/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 120 s */
/* map.c -- how many items a map gets through
 *
 * map_empty    a map of a million items whose function does nothing, from the
 *              origin: an int goes in, nothing comes out
 * map_64       the same with results of 64 bytes
 * map_call     the floor of map_empty: a loop over the same array that calls
 *              the same function through a pointer, on one rank
 * map_64_call  the floor of map_64, in the same way
 * map_64_copy  memcpy of as many results, in touched pages
 *
 * The floors are those of one rank: N ranks that did nothing but call could
 * be N times as fast, if the machine had as many cores. All arrays have been
 * written to before. The first map of each kind, which finds the functions
 * unmeasured and the other ranks asleep, is not counted.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { ROUNDS = 15, ITEMS = 1000000 };

struct line { /* of a cache */
    long word[8];
};

SCOOP_TASK(empty, int, SCOOP_NONE);
SCOOP_TASK(fill, int, struct line);

static int empty(const int *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    return 0;
}

static int fill(const int *in, struct line *out)
{
    for (int i = 0; i < 8; i++)
        out->word[i] = *in;
    return 0;
}

/* Through pointers that the compiler cannot see through: a call each. */
static int (*volatile const plain_empty)(const int *, SCOOP_NONE *) = empty;
static int (*volatile const plain_fill)(const int *, struct line *) = fill;

struct arrays {
    int *in;
    struct line *out, *again;
};

/* Millions a second. */
static void note(struct bench_series *series, double begin)
{
    bench_add(series, ITEMS / (bench_now() - begin) * 1e-6);
}

static int time_calls(const struct arrays *a, struct bench_series *calls,
                      struct bench_series *fills, struct bench_series *copies)
{
    int err = 0;
    double begin = bench_now();

    for (int i = 0; i < ITEMS; i++)
        err |= plain_empty(&a->in[i], NULL);
    note(calls, begin);
    begin = bench_now();
    for (int i = 0; i < ITEMS; i++)
        err |= plain_fill(&a->in[i], &a->again[i]);
    note(fills, begin);
    begin = bench_now();
    memcpy(a->again, a->out, ITEMS * sizeof *a->out);
    note(copies, begin);
    return err;
}

static int check(const struct arrays *a)
{
    for (int i = 0; i < ITEMS; i++)
        if (a->out[i].word[0] != i || a->out[i].word[7] != i) {
            fprintf(stderr, "map_64: item %d is wrong\n", i);
            return EXIT_FAILURE;
        }
    return 0;
}

static int measure(const struct arrays *a)
{
    struct bench_series maps = {.count = 0}, lines = maps, calls = maps;
    struct bench_series fills = maps, copies = maps;

    for (int round = -1; round < ROUNDS; round++) {
        double begin = bench_now();
        if (scoop_map(empty, a->in, NULL, ITEMS))
            return scoop_perror("map_empty");
        if (round >= 0)
            note(&maps, begin);
        begin = bench_now();
        if (scoop_map(fill, a->in, a->out, ITEMS))
            return scoop_perror("map_64");
        if (round >= 0)
            note(&lines, begin);
        if (time_calls(a, &calls, &fills, &copies) || check(a))
            return EXIT_FAILURE;
        memset(a->out, round, ITEMS * sizeof *a->out);
    }
    int ranks = scoop_size();
    bench_print("map_empty", ranks, "M/s", &maps);
    bench_print("map_call", 1, "M/s", &calls);
    bench_print("map_64", ranks, "M/s", &lines);
    bench_print("map_64_call", 1, "M/s", &fills);
    bench_print("map_64_copy", 1, "M/s", &copies);
    return 0;
}

static int root(int argc, char **argv)
{
    struct arrays a = {malloc(ITEMS * sizeof *a.in),
                       malloc(ITEMS * sizeof *a.out),
                       malloc(ITEMS * sizeof *a.again)};
    int err = EXIT_FAILURE;

    (void)argc;
    (void)argv;
    if (a.in && a.out && a.again) {
        for (int i = 0; i < ITEMS; i++)
            a.in[i] = i;
        memset(a.out, 0, ITEMS * sizeof *a.out);
        memset(a.again, 0, ITEMS * sizeof *a.again);
        err = measure(&a);
    }
    free(a.in);
    free(a.out);
    free(a.again);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
