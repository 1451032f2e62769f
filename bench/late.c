/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 120 s */
/* late.c -- how late is a time-out?
 *
 * On rank 0 several kinds of time pass, each while the rank
 *
 *     idle       has nothing to do,
 *     10us, 1ms  runs a task that calls the library so often,
 *     20ms       runs one that computes for 20 ms between two calls,
 *
 * and what is printed is by how much the end was later than asked for, in ms:
 *
 *     late_wait       of a wait: from its call until it returned
 *     late_const      of scoop_const_get(), for a constant that nobody defines
 *     late_deadline   of a task's .deadline: from its submit until its future
 *                     had ended, for a task that runs on rank 1
 *     late_timeout    of its .timeout: from its start on rank 1
 *
 * each as median, p99 and max. (The ends of futures are seen by a callback.)
 * The median's line also says how many were too early: there must be none, and
 * the exit code is 1 if there is one. Both ranks must have one clock.
 *
 * The time of an attempt counts from just before its function is called, and
 * its rank may lose its CPU between the two: then the function sees less of
 * it, and late_timeout may be below 0. Early is what ends before so much time
 * has passed since the submit.
 *
 * Times are not round and not equal, so that they do not fall in step with the
 * busy task.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { MOST = 400, WAIT_S = 60 };

struct lateness {
    double ms[MOST];
    int count, early;
};

static volatile int is_over; /* on rank 0: the busy task shall return */
static double began;         /* on rank 1: when stay() was called */
static int any_early;

SCOOP_TASK(be_busy, double, SCOOP_NONE);
SCOOP_TASK(stay, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(tell_begin, SCOOP_NONE, double);

/* Computes for so many seconds, calls the library, and so on. */
static int be_busy(const double *seconds, SCOOP_NONE *out)
{
    (void)out;
    while (!is_over) {
        double until = bench_now() + *seconds;
        while (bench_now() < until)
            ;
        scoop_cancel_requested();
    }
    return 0;
}

/* Sleeps until nobody wants its result. */
static int stay(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    struct timespec nap = {0, 100000};

    (void)in;
    (void)out;
    began = bench_now();
    while (!scoop_cancel_requested())
        nanosleep(&nap, NULL);
    return 0;
}

static int note_end(scoop_future f, void *end)
{
    (void)f;
    *(double *)end = bench_now();
    return 0;
}

static int tell_begin(const SCOOP_NONE *in, double *time)
{
    (void)in;
    *time = began;
    return 0;
}

/* 1.0 to 4.9 ms, in no order that repeats soon, and the time that calls before
 * the wait may take. */
static double next_time(int i, double gap)
{
    return 1e-3 + 3 * gap + 1e-4 * (i * 17 % 40) + 3.1e-6 * (i % 13);
}

/* took: what it is to be judged by; at_most: what it took by any measure. */
static void note(struct lateness *l, double asked, double took, double at_most)
{
    l->early += at_most < asked;
    l->ms[l->count++] = (took - asked) * 1e3;
}

static void print_one(const char *name, const char *how, const char *what,
                      double ms, const struct lateness *l)
{
    char line[64];

    snprintf(line, sizeof line, "%s_%s_%s", name, how, what);
    printf("%-28s %3d %12.4g %-8s", line, scoop_size(), ms, "ms");
    if (!strcmp(what, "median"))
        printf("  %d times, %d early", l->count, l->early);
    putchar('\n');
}

static void print(const char *name, const char *how, struct lateness *l)
{
    qsort(l->ms, (size_t)l->count, sizeof *l->ms, bench_order);
    print_one(name, how, "median", l->ms[l->count / 2], l);
    print_one(name, how, "p99", l->ms[l->count * 99 / 100], l);
    print_one(name, how, "max", l->ms[l->count - 1], l);
    fflush(stdout);
    any_early |= l->early > 0;
}

static int time_waits(const char *how, double gap, int times)
{
    struct lateness l = {.count = 0};
    scoop_future f = scoop_submit(stay, NULL, .place = scoop_on_rank(1));

    for (int i = 0; i < times; i++) {
        double seconds = next_time(i, gap), before = bench_now();
        int err = scoop_result(f, NULL, .timeout = seconds);
        double took = bench_now() - before;
        note(&l, seconds, took, took);
        if (err != SCOOP_ETIMEDOUT)
            return scoop_fail(1, "a wait ended with %s", scoop_strerror(err));
    }
    print("late_wait", how, &l);
    scoop_cancel(f);
    return scoop_join(f, NULL) == SCOOP_ECANCELLED ? 0 : 1;
}

static int time_consts(const char *how, double gap, int times)
{
    struct lateness l = {.count = 0};

    for (int i = 0; i < times; i++) {
        double seconds = next_time(i, gap), before = bench_now();
        const int *value;
        int err = scoop_const_get("never", &value, .timeout = seconds);
        double took = bench_now() - before;
        note(&l, seconds, took, took);
        if (err != SCOOP_ETIMEDOUT)
            return scoop_fail(1, "a look ended with %s", scoop_strerror(err));
    }
    print("late_const", how, &l);
    return 0;
}

static int time_tasks(const char *how, double gap, int times, bool is_deadline)
{
    struct lateness l = {.count = 0};

    for (int i = 0; i < times; i++) {
        double seconds = next_time(i, gap), submitted = bench_now();
        double start = submitted, end = 0;
        scoop_future f = scoop_submit(stay, NULL, .place = scoop_on_rank(1),
                                      .timeout = is_deadline ? 0 : seconds,
                                      .deadline = is_deadline ? seconds : 0);
        scoop_on_done(f, note_end, &end);
        int err = scoop_join(f, NULL, .timeout = WAIT_S);
        if (err != SCOOP_EEXPIRED)
            return scoop_fail(1, "a task ended with %s", scoop_strerror(err));
        f = scoop_submit(tell_begin, NULL, .place = scoop_on_rank(1));
        err = scoop_join(f, is_deadline ? NULL : &start, .timeout = WAIT_S);
        if (err)
            return err;
        note(&l, seconds, end - start, end - submitted);
    }
    print(is_deadline ? "late_deadline" : "late_timeout", how, &l);
    return 0;
}

static int time_all(const char *how, double gap, int times)
{
    scoop_future busy = {0, 0};

    is_over = 0;
    if (gap > 0)
        busy = scoop_submit(be_busy, &gap, .place = scoop_on_rank(0));
    int err = time_waits(how, gap, times);
    if (!err)
        err = time_consts(how, gap, times);
    if (!err)
        err = time_tasks(how, gap, times, true);
    if (!err)
        err = time_tasks(how, gap, times, false);
    is_over = 1;
    if (!err && gap > 0)
        err = scoop_join(busy, NULL);
    return err;
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (scoop_size() != 2) {
        fprintf(stderr, "late: needs two ranks\n");
        return 77;
    }
    if (time_all("idle", 0, MOST) || time_all("10us", 10e-6, MOST) ||
        time_all("1ms", 1e-3, MOST) || time_all("20ms", 20e-3, 100))
        return scoop_perror("late");
    if (any_early)
        fprintf(stderr, "late: a time-out came early\n");
    return any_early;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
