/* SPDX-License-Identifier: MIT */
/* ranks: 1; limit: 120 s */
/* spawn.c -- what a future costs its own rank
 *
 * spawn_empty   submit and join of a task that does nothing, one at a time
 * spawn_burst   the same, 1,000 submitted before the first is joined
 * spawn_fib     fib(25) with a future at every level, for each future
 * spawn_map     an item of a map whose function does nothing
 *
 * The twin of each is the same work by plain calls of functions that are not
 * inlined. A future that costs as much as a call is not to be had; the twin
 * shows how little of a figure is the machine.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { ROUNDS = 11, SPAWNS = 200000, BURST = 1000, ITEMS = 1000000, FIB = 25 };

SCOOP_TASK(nothing, int, int);
SCOOP_TASK(fib, int, long);

static int nothing(const int *in, int *out)
{
    *out = *in;
    return 0;
}

static int fib(const int *n, long *out)
{
    if (*n < 2) {
        *out = *n;
        return 0;
    }
    scoop_future left = scoop_submit(fib, &(int){*n - 1});
    long a, b;
    int err = fib(&(int){*n - 2}, &b);
    if (!err)
        err = scoop_join(left, &a);
    if (err)
        return err;
    *out = a + b;
    return 0;
}

static __attribute__((noinline)) int plain_fib(const int *n, long *out)
{
    if (*n < 2) {
        *out = *n;
        return 0;
    }
    long a, b;
    int err = plain_fib(&(int){*n - 1}, &a);
    if (!err)
        err = plain_fib(&(int){*n - 2}, &b);
    if (err)
        return err;
    *out = a + b;
    return 0;
}

/* Through a pointer that the compiler cannot see through: a call each. */
static int (*volatile const plain_nothing)(const int *, int *) = nothing;

static double time_calls(int calls)
{
    double begin = bench_now();
    int out, err = 0;

    for (int i = 0; i < calls; i++)
        err |= plain_nothing(&i, &out);
    return err ? -1 : (bench_now() - begin) / calls * 1e9;
}

static int time_empty(struct bench_series *series)
{
    double begin = bench_now();
    int out;

    for (int i = 0; i < SPAWNS; i++)
        if (scoop_join(scoop_submit(nothing, &i), &out))
            return scoop_perror("spawn_empty");
    bench_add(series, (bench_now() - begin) / SPAWNS * 1e9);
    return 0;
}

static int time_burst(struct bench_series *series)
{
    scoop_future futures[BURST];
    double begin = bench_now();
    int out;

    for (int i = 0; i < SPAWNS / BURST; i++) {
        for (int k = 0; k < BURST; k++)
            futures[k] = scoop_submit(nothing, &k);
        for (int k = BURST - 1; k >= 0; k--)
            if (scoop_join(futures[k], &out))
                return scoop_perror("spawn_burst");
    }
    bench_add(series, (bench_now() - begin) / SPAWNS * 1e9);
    return 0;
}

/* Each call with n > 1 makes one future: fib(n + 1) - 1 of them. */
static int time_fib(struct bench_series *with, struct bench_series *without)
{
    long value, again, next, futures;
    double begin = bench_now();

    if (plain_fib(&(int){FIB + 1}, &next))
        return EXIT_FAILURE;
    futures = next - 1;
    begin = bench_now();
    plain_fib(&(int){FIB}, &value);
    bench_add(without, (bench_now() - begin) / (double)futures * 1e9);
    begin = bench_now();
    if (fib(&(int){FIB}, &again))
        return scoop_perror("spawn_fib");
    bench_add(with, (bench_now() - begin) / (double)futures * 1e9);
    if (value == again)
        return 0;
    fprintf(stderr, "spawn_fib: %ld instead of %ld\n", again, value);
    return EXIT_FAILURE;
}

static int time_map(struct bench_series *series)
{
    int *in = calloc(ITEMS, sizeof *in), *out = calloc(ITEMS, sizeof *out);
    int err = EXIT_FAILURE;

    if (in && out) {
        memset(out, 1, ITEMS * sizeof *out); /* pages that exist */
        memset(in, 0, ITEMS * sizeof *in);
        double begin = bench_now();
        err = scoop_map(nothing, in, out, ITEMS);
        bench_add(series, (bench_now() - begin) / ITEMS * 1e9);
        if (err)
            scoop_perror("spawn_map");
    }
    free(in);
    free(out);
    return err;
}

static int root(int argc, char **argv)
{
    struct bench_series call = {.count = 0}, empty = call, burst = call;
    struct bench_series with = call, without = call, map = call;

    (void)argc;
    (void)argv;
    for (int round = 0; round < ROUNDS; round++) {
        bench_add(&call, time_calls(SPAWNS));
        if (time_empty(&empty) || time_burst(&burst) ||
            time_fib(&with, &without) || time_map(&map))
            return EXIT_FAILURE;
    }
    int ranks = scoop_size();
    bench_print("spawn_call", ranks, "ns", &call);
    bench_print("spawn_empty", ranks, "ns", &empty);
    bench_print("spawn_burst", ranks, "ns", &burst);
    bench_print("spawn_fib_plain", ranks, "ns", &without);
    bench_print("spawn_fib", ranks, "ns", &with);
    bench_print("spawn_map", ranks, "ns", &map);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
