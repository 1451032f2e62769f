/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 60 s */
/* robbed.c -- when does a hungry rank get what lies behind a busy one?
 *
 * The victim, rank 1, submits 100 tasks and then computes for a second without
 * a call of the library. Rank 0, whose root only waits, has nothing else to do.
 * Each of the 100 notes when and where it ran. What is printed, for one round
 * of waiting each:
 *
 *     robbed_first   ms from the last submit to the first task run elsewhere
 *     robbed_half    ms until 50 had run elsewhere
 *     robbed_share   how many of the 100 ran elsewhere while it computed
 *
 * A negative time is one that came before the last submit. A runtime whose
 * victims have to answer needs the whole second: 1,000 ms, and a share of 0.
 *
 * The tasks are empty, so that the time of the 50th is that of taking them,
 * not of running them. Both ranks must have one clock, as on one machine.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { ROUNDS = 5, QUEUED = 100, LEAF_MS = 1000 };

struct trace {
    double time;
    int rank;
};

struct report {
    double first_ms, half_ms;
    int elsewhere;
};

SCOOP_TASK(leave_trace, SCOOP_NONE, struct trace);
SCOOP_TASK(be_victim, SCOOP_NONE, struct report);

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

static int be_victim(const SCOOP_NONE *in, struct report *report)
{
    scoop_future futures[QUEUED];
    double elsewhere_ms[QUEUED], begin, end;

    (void)in;
    for (int i = 0; i < QUEUED; i++)
        futures[i] = scoop_submit(leave_trace, NULL);
    begin = bench_now();
    while ((end = bench_now()) - begin < LEAF_MS * 1e-3)
        ;
    int count = collect(futures, begin, end, elsewhere_ms);
    if (count < 0)
        return scoop_fail(1, "a trace was lost");
    report->elsewhere = count;
    report->first_ms = count > 0 ? elsewhere_ms[0] : LEAF_MS;
    report->half_ms =
        count >= QUEUED / 2 ? elsewhere_ms[QUEUED / 2 - 1] : LEAF_MS;
    return 0;
}

static int root(int argc, char **argv)
{
    struct bench_series first = {.count = 0}, half = first, share = first;
    int ranks = scoop_size();

    (void)argc;
    (void)argv;
    if (ranks < 2) {
        fprintf(stderr, "robbed: needs two ranks\n");
        return 77;
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct report report;
        scoop_future f =
            scoop_submit(be_victim, NULL, .place = scoop_on_rank(1));
        if (scoop_join(f, &report))
            return scoop_perror("be_victim");
        bench_add(&first, report.first_ms);
        bench_add(&half, report.half_ms);
        bench_add(&share, report.elsewhere);
    }
    bench_print("robbed_first", ranks, "ms", &first);
    bench_print("robbed_half", ranks, "ms", &half);
    bench_print("robbed_share", ranks, "of 100", &share);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
