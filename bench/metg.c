/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 120 s */
/* metg.c -- how small tasks may be (METG: Slaughter et al., SC20)
 *
 * metg_map_G   efficiency of a map whose items compute for the time G
 * metg_task_G  the same of tasks that the origin submits one by one and joins
 * metg_map     the smallest grain with an efficiency of one half, between two
 *              points of the curve, in ns; metg_task the same
 *
 * The efficiency is the time that the same work takes without the library on
 * all ranks at once, by the time that it took. That is measured in each round
 * as well: one task on each rank calls the function for its share in a loop.
 * So CPUs that are slower together than alone do not count against the
 * library, and what is left is its own: calls, thefts, waiting at the end.
 *
 * A round of a grain is about 40 ms of work, and 8 tasks at least.
 *
 *     metg [LONGEST]    in ns; 100 ms otherwise
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

#include <math.h>

enum { ROUNDS = 5, TASKS_MIN = 8, TASKS_MAX = 1 << 20 };

#define ROUND_NS 40e6

struct share {
    long turns; /* of one call */
    int calls;
};

struct grain {
    double ns;
    const char *name;
};

static const struct grain grains[] = {
    {2, "2ns"},     {5, "5ns"},     {10, "10ns"},   {20, "20ns"},
    {50, "50ns"},   {100, "100ns"}, {200, "200ns"}, {500, "500ns"},
    {1e3, "1us"},   {2e3, "2us"},   {5e3, "5us"},   {1e4, "10us"},
    {1e5, "100us"}, {1e6, "1ms"},   {1e7, "10ms"},  {1e8, "100ms"},
};

enum { GRAINS = sizeof grains / sizeof *grains };

SCOOP_TASK(burn, long, SCOOP_NONE);
SCOOP_TASK(burn_share, struct share, double);

/* A chain of operations that each wait for the one before. */
static int burn(const long *turns, SCOOP_NONE *out)
{
    (void)out;
    for (long i = *turns; i > 0; i--)
        __asm__ volatile("" : "+r"(i));
    return 0;
}

/* Through a pointer, as the library calls it. */
static int (*volatile const plain_burn)(const long *, SCOOP_NONE *) = burn;

/* The work of one rank, without the library; seconds. */
static int burn_share(const struct share *share, double *seconds)
{
    double begin = bench_now();

    for (int i = 0; i < share->calls; i++)
        plain_burn(&share->turns, NULL);
    *seconds = bench_now() - begin;
    return 0;
}

static int on_all(struct share share, double *seconds)
{
    scoop_future futures[64];
    int ranks = scoop_size() < 64 ? scoop_size() : 64, err = 0;

    *seconds = 0;
    for (int i = 0; i < ranks; i++)
        futures[i] =
            scoop_submit(burn_share, &share, .place = scoop_on_rank(i));
    for (int i = ranks - 1; i >= 0; i--) {
        double own;
        err |= scoop_join(futures[i], &own);
        *seconds = own > *seconds ? own : *seconds;
    }
    return err;
}

/* Turns of the loop that take so long. */
static int calibrate(double *turns_per_ns)
{
    double best = 1e9;

    for (int i = 0; i < 5; i++) {
        double seconds;
        if (on_all((struct share){1000000, 10}, &seconds))
            return EXIT_FAILURE;
        best = seconds < best ? seconds : best;
    }
    *turns_per_ns = 1e7 / (best * 1e9);
    return 0;
}

static int run_map(const long *turns, int tasks, double *seconds)
{
    double begin = bench_now();
    int err = scoop_map(burn, turns, NULL, (size_t)tasks);

    *seconds = bench_now() - begin;
    return err;
}

static int run_tasks(const long *turns, int tasks, scoop_future *futures,
                     double *seconds)
{
    double begin = bench_now();
    int err = 0;

    for (int i = 0; i < tasks; i++)
        futures[i] = scoop_submit(burn, turns + i);
    for (int i = tasks - 1; i >= 0; i--)
        err |= scoop_join(futures[i], NULL);
    *seconds = bench_now() - begin;
    return err;
}

static int measure(const struct grain *grain, double turns_per_ns,
                   double medians[2])
{
    struct bench_series map = {.count = 0}, task = map;
    int ranks = scoop_size(), err = 0;
    int tasks = (int)(ROUND_NS * ranks / grain->ns);
    long turns = lrint(grain->ns * turns_per_ns);
    char name[64];

    tasks = tasks < TASKS_MIN ? TASKS_MIN : tasks;
    tasks = tasks > TASKS_MAX ? TASKS_MAX : tasks;
    tasks -= tasks % ranks;
    long *in = malloc((size_t)tasks * sizeof *in);
    scoop_future *futures = malloc((size_t)tasks * sizeof *futures);
    if (!in || !futures)
        err = EXIT_FAILURE;
    for (int i = 0; i < tasks && !err; i++)
        in[i] = turns > 0 ? turns : 1;
    for (int round = -1; round < ROUNDS && !err; round++) {
        double ideal, by_map, by_task;
        if (round < 0 && grain->ns > 1e6)
            continue; /* nothing there to get warm */
        if (on_all((struct share){in[0], tasks / ranks}, &ideal) ||
            run_map(in, tasks, &by_map) ||
            run_tasks(in, tasks, futures, &by_task)) {
            err = scoop_perror("metg");
        } else if (round >= 0) {
            bench_add(&map, ideal / by_map);
            bench_add(&task, ideal / by_task);
        }
    }
    free(in);
    free(futures);
    if (err)
        return err;
    snprintf(name, sizeof name, "metg_map_%s", grain->name);
    bench_print(name, ranks, "of ideal", &map);
    snprintf(name, sizeof name, "metg_task_%s", grain->name);
    bench_print(name, ranks, "of ideal", &task);
    medians[0] = bench_median(&map);
    medians[1] = bench_median(&task);
    return 0;
}

/* Where the curve crosses one half for the last time, on logarithmic paper. */
static void find(const char *name, const double (*curve)[2], int n, int which)
{
    struct bench_series at = {.count = 0};
    int i = n;

    while (i > 0 && curve[i - 1][which] >= 0.5)
        i--;
    if (i == n) {
        printf("# %s: not within the curve\n", name);
        return;
    }
    double ns = grains[i].ns;
    if (i > 0) {
        double low = curve[i - 1][which], high = curve[i][which];
        ns = grains[i - 1].ns *
             pow(ns / grains[i - 1].ns, (0.5 - low) / (high - low));
    }
    bench_add(&at, ns);
    bench_print(name, scoop_size(), "ns", &at);
}

static int root(int argc, char **argv)
{
    double longest = argc > 1 ? atof(argv[1]) : 1e8;
    double curve[GRAINS][2], turns_per_ns;
    int n = 0;

    if (calibrate(&turns_per_ns))
        return scoop_perror("metg");
    for (; n < GRAINS && grains[n].ns <= longest; n++)
        if (measure(&grains[n], turns_per_ns, curve[n]))
            return EXIT_FAILURE;
    find("metg_map", (const double(*)[2])curve, n, 0);
    find("metg_task", (const double(*)[2])curve, n, 1);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
