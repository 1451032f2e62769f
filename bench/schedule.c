/* SPDX-License-Identifier: MIT */
/* ranks: 2; limit: 120 s */
/* schedule.c -- how close to the list schedule do tasks of known length come?
 *
 *     schedule [SECONDS [DRAWS]]    the shortest of the tasks of the tail (1e-5
 *                                   if not said), how many draws of them (20)
 *
 * A task here computes until a moment, so that what it takes is known, whatever
 * else the machine does. The root has 10,000 of them and waits for all: as
 * futures, submitted and then joined in that order; as a map.
 *
 *     equal_X   each takes 100 us
 *     tail_X    lengths from a heavy tail (Pareto, 1.1: one of them is often a
 *               twentieth of all), each round another draw
 *
 * Both as the time from the first submit to the last result by that of the
 * list schedule (Graham): whoever is free begins the next in the order of
 * submission, and nothing takes any time but the tasks. Of tasks of one length
 * it is the best there is. Of others it is not, and a farm runs them in another
 * order, so in one draw or the other it may be faster or slower by luck: where
 * the longest task happens to come last, all others wait for it. Hence the
 * median; the highest says how bad luck can be.
 *
 * The list schedule is computed. As a twin each rank also runs its own share of
 * it as one task, a plain loop: what X_loop takes longer than what was computed
 * is the machine's, which had something else to do. X_by_loop has only the
 * farm's part, as far as the machine did the same in both.
 *
 * It takes as many CPUs as there are ranks.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <math.h>
#include <scoop.h>
#include <stdint.h>

#include "bench.h"

enum { TASKS = 10000, ROUNDS = 5, RANKS_MAX = 64 };

/* Lengths of the tasks. */
struct draw {
    double shortest;
    uint64_t seed; /* 0: all of that length */
};

static double seconds[TASKS];
static int machine[TASKS]; /* in the list schedule: the rank */

SCOOP_TASK(burn, double, SCOOP_NONE);
SCOOP_TASK(burn_share, struct draw, double);

static int burn(const double *length, SCOOP_NONE *out)
{
    double until = bench_now() + *length;

    (void)out;
    while (bench_now() < until)
        ;
    return 0;
}

/* ---- Lengths and the list schedule ---- */

/* In (0, 1]: splitmix64. */
static double next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return ((double)(x >> 11) + 1) * 0x1p-53;
}

static void draw_lengths(const struct draw *draw)
{
    uint64_t random = draw->seed;

    for (int i = 0; i < TASKS; i++)
        seconds[i] = draw->shortest *
                     (draw->seed ? pow(next_random(&random), -1 / 1.1) : 1);
}

/* When the last task ends; who runs which. */
static double list_schedule(int ranks)
{
    double free_at[RANKS_MAX] = {0}, last = 0;

    for (int i = 0; i < TASKS; i++) {
        int first = 0;
        for (int k = 1; k < ranks; k++)
            if (free_at[k] < free_at[first])
                first = k;
        machine[i] = first;
        free_at[first] += seconds[i];
        if (last < free_at[first])
            last = free_at[first];
    }
    return last;
}

/* ---- The same work in three ways: seconds, or -1 ---- */

/* This rank's share; tells how long it took. */
static int burn_share(const struct draw *draw, double *time)
{
    SCOOP_NONE nothing;

    draw_lengths(draw);
    list_schedule(scoop_size());
    double begin = bench_now();
    for (int i = 0; i < TASKS; i++)
        if (machine[i] == scoop_rank())
            burn(&seconds[i], &nothing);
    *time = bench_now() - begin;
    return 0;
}

static double time_loop(const struct draw *draw)
{
    scoop_future future[RANKS_MAX];
    int ranks = scoop_size();
    double last = 0;

    for (int rank = 0; rank < ranks; rank++)
        future[rank] =
            scoop_submit(burn_share, draw, .place = scoop_on_rank(rank));
    for (int rank = 0; rank < ranks; rank++) {
        double time;
        if (scoop_join(future[rank], &time))
            return -1;
        if (last < time)
            last = time;
    }
    return last;
}

static double time_futures(const struct draw *draw)
{
    static scoop_future future[TASKS];
    double begin = bench_now();

    (void)draw;
    for (int i = 0; i < TASKS; i++)
        future[i] = scoop_submit(burn, &seconds[i]);
    for (int i = 0; i < TASKS; i++)
        if (scoop_join(future[i], NULL))
            return -1;
    return bench_now() - begin;
}

static double time_map(const struct draw *draw)
{
    double begin = bench_now();

    (void)draw;
    if (scoop_map(burn, seconds, NULL, TASKS))
        return -1;
    return bench_now() - begin;
}

/* ---- The figures ---- */

static const struct way {
    const char *name;
    double (*time)(const struct draw *draw);
} ways[] = {
    {"loop", time_loop},
    {"futures", time_futures},
    {"map", time_map},
};

enum { WAYS = sizeof ways / sizeof ways[0] };

/* One round of each; 0, or a task has failed. */
static int add_round(struct bench_series *series, const struct draw *draw)
{
    draw_lengths(draw);
    double best = list_schedule(scoop_size());
    for (int k = 0; k < WAYS; k++) {
        double time = ways[k].time(draw);
        if (time < 0)
            return -1;
        bench_add(&series[k], time / best);
    }
    return 0;
}

static void print(const char *kind, const struct bench_series *series)
{
    char name[64];

    for (int k = 0; k < WAYS; k++) {
        snprintf(name, sizeof name, "%s_%s", kind, ways[k].name);
        bench_print(name, scoop_size(), "times", &series[k]);
    }
    for (int k = 1; k < WAYS; k++) {
        snprintf(name, sizeof name, "%s_%s_by_loop", kind, ways[k].name);
        bench_print_ratio(name, scoop_size(), &series[k], &series[0]);
    }
}

static int root(int argc, char **argv)
{
    static struct bench_series equal[WAYS], tail[WAYS];
    double shortest = argc > 1 ? strtod(argv[1], NULL) : 1e-5;
    int draws = argc > 2 ? atoi(argv[2]) : 20;

    if (scoop_size() > RANKS_MAX || !(shortest > 0)) {
        fprintf(stderr, "schedule: at most %d ranks, and a length\n",
                RANKS_MAX);
        return 77;
    }
    for (int round = 0; round < ROUNDS; round++)
        if (add_round(equal, &(struct draw){100e-6, 0}))
            return scoop_perror("schedule");
    for (int draw = 1; draw <= draws; draw++)
        if (add_round(tail, &(struct draw){shortest, (uint64_t)draw}))
            return scoop_perror("schedule");
    print("equal", equal);
    print("tail", tail);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
