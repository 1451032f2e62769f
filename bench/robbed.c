/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 60 s */
/* robbed.c -- when does a hungry rank get what lies behind a busy one?
 *
 *     robbed [TRIES [MS]]      1,000 and 20 if not said
 *
 * The victim, rank 1, submits 100 tasks and then computes for MS milliseconds
 * without a call of the library. Rank 0, whose root only waits, has nothing
 * else to do. Each of the 100 notes when and where it ran. What is printed,
 * over all tries:
 *
 *     robbed_first   ms from the last submit to the first task run elsewhere
 *     robbed_half    ms until 50 had run elsewhere
 *     robbed_share   how many of the 100 ran elsewhere while it computed
 *
 * each as median, p99 and the worst. A negative time is one that came before
 * the last submit. A time that is MS or more means that it did not happen while
 * the victim computed: a runtime whose victims have to answer needs all of MS
 * every time, however long that is, and has a share of 0.
 *
 * A victim that computes for a second (robbed 5 1000) is no other than one that
 * computes for 20 ms, as long as the times are far below that: nobody knows
 * beforehand how long a function will take. 1,000 seconds would be too long.
 *
 * The tasks are empty, so that the time of the 50th is that of taking them,
 * not of running them. Both ranks must have one clock, as on one machine.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { QUEUED = 100, TRIES_MAX = 10000 };

struct trace {
    double time;
    int rank;
};

struct report {
    double first_ms, half_ms;
    int elsewhere;
};

SCOOP_TASK(leave_trace, SCOOP_NONE, struct trace);
SCOOP_TASK(be_victim, double, struct report);

static int leave_trace(const SCOOP_NONE *in, struct trace *trace)
{
    (void)in;
    trace->time = bench_now();
    trace->rank = scoop_rank();
    return 0;
}

/* The traces of other ranks from before `end`, as milliseconds since begin. */
static int collect(scoop_future *futures, double begin, double end,
                   double elsewhere_ms[QUEUED])
{
    int count = 0;

    for (int i = QUEUED - 1; i >= 0; i--) {
        struct trace trace;
        if (scoop_join(futures[i], &trace))
            return -1;
        if (trace.rank != scoop_rank() && trace.time < end)
            elsewhere_ms[count++] = (trace.time - begin) * 1e3;
    }
    qsort(elsewhere_ms, (size_t)count, sizeof *elsewhere_ms, bench_order);
    return count;
}

static int be_victim(const double *leaf_ms, struct report *report)
{
    scoop_future futures[QUEUED];
    double elsewhere_ms[QUEUED], begin, end;

    for (int i = 0; i < QUEUED; i++)
        futures[i] = scoop_submit(leave_trace, NULL);
    begin = bench_now();
    while ((end = bench_now()) - begin < *leaf_ms * 1e-3)
        ;
    int count = collect(futures, begin, end, elsewhere_ms);
    if (count < 0)
        return scoop_fail(1, "a trace was lost");
    report->elsewhere = count;
    report->first_ms = count > 0 ? elsewhere_ms[0] : *leaf_ms;
    report->half_ms =
        count >= QUEUED / 2 ? elsewhere_ms[QUEUED / 2 - 1] : *leaf_ms;
    return 0;
}

/* Sorts them. */
static void print(const char *name, const char *unit, double *value, int count,
                  int ranks, int worst)
{
    qsort(value, (size_t)count, sizeof *value, bench_order);
    int one_of_100 = worst ? count - 1 - count / 100 : count / 100;
    printf("%-28s %3d %12.4g %-8s  p99 %.4g, worst %.4g, %d tries\n", name,
           ranks, value[count / 2], unit, value[one_of_100], value[worst],
           count);
}

static int root(int argc, char **argv)
{
    static double first[TRIES_MAX], half[TRIES_MAX], share[TRIES_MAX];
    int tries = argc > 1 ? atoi(argv[1]) : 1000, ranks = scoop_size();
    double leaf_ms = argc > 2 ? strtod(argv[2], NULL) : 20;

    if (ranks < 2 || tries < 1 || tries > TRIES_MAX) {
        fprintf(stderr, "robbed: needs two ranks, and 1 to %d tries\n",
                TRIES_MAX);
        return 77;
    }
    for (int i = 0; i < tries; i++) {
        struct report report;
        scoop_future f =
            scoop_submit(be_victim, &leaf_ms, .place = scoop_on_rank(1));
        if (scoop_join(f, &report))
            return scoop_perror("be_victim");
        first[i] = report.first_ms;
        half[i] = report.half_ms;
        share[i] = report.elsewhere;
    }
    print("robbed_first", "ms", first, tries, ranks, tries - 1);
    print("robbed_half", "ms", half, tries, ranks, tries - 1);
    print("robbed_share", "of 100", share, tries, ranks, 0);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
