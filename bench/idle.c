/* SPDX-License-Identifier: MIT */
/* ranks: 2 4; node-memory: 1 0; limit: 60 s */
/* idle.c -- what a rank costs that has nothing to do
 *
 *     idle_rank       CPU of an idle rank, in percent of a core, over seconds
 *                     in which the root sleeps and there is no work at all
 *     idle_messages   what it sends meanwhile
 *     idle_origin     CPU of rank 0 while its root waits for a task that
 *                     sleeps on rank 1
 *
 * CPU is what getrusage() says of the whole process, every thread of the
 * library and of MPI included, between two tasks that ask for it. Both are
 * placed, so that an idle rank is woken twice, and looks for work for a while
 * after the first time: that is in the figure.
 */
#define _GNU_SOURCE 1 /* clock_gettime, nanosleep */
#include <scoop.h>

#include <sys/resource.h>

#include "bench.h"

enum { ROUNDS = 3, SETTLE_MS = 250, SLEEP_MS = 2000 };

struct usage {
    double time, cpu;
    double messages;
};

SCOOP_TASK(measure, SCOOP_NONE, struct usage);
SCOOP_TASK(rest, int, SCOOP_NONE);

static int measure(const SCOOP_NONE *in, struct usage *u)
{
    struct scoop_stats stats;
    struct rusage r;

    (void)in;
    int err = scoop_stats(&stats);
    getrusage(RUSAGE_SELF, &r);
    u->time = bench_now();
    u->cpu = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
             1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
    u->messages = (double)stats.messages_sent;
    return err;
}

/* Sleeps without the library's knowledge: a long task that takes no CPU. */
static int rest(const int *ms, SCOOP_NONE *out)
{
    struct timespec left = {*ms / 1000, *ms % 1000 * 1000000L};

    (void)out;
    while (nanosleep(&left, &left))
        ;
    return 0;
}

static int ask(int rank, struct usage *u)
{
    scoop_future f = scoop_submit(measure, NULL, .place = scoop_on_rank(rank));

    return scoop_join(f, u);
}

/* The last rank: the one that nobody has a reason to talk to. */
static int time_rank(struct bench_series *cpu, struct bench_series *messages)
{
    struct usage before, after;
    int last = scoop_size() - 1;

    if (ask(last, &before))
        return scoop_perror("measure");
    rest(&(int){SLEEP_MS}, NULL);
    if (ask(last, &after))
        return scoop_perror("measure");
    bench_add(cpu, 100 * (after.cpu - before.cpu) / (after.time - before.time));
    bench_add(messages, after.messages - before.messages);
    return 0;
}

static int time_origin(struct bench_series *cpu)
{
    struct usage before, after;
    scoop_future f =
        scoop_submit(rest, &(int){SLEEP_MS}, .place = scoop_on_rank(1));
    int err =
        measure(NULL, &before) || scoop_join(f, NULL) || measure(NULL, &after);

    if (err)
        return scoop_perror("rest");
    bench_add(cpu, 100 * (after.cpu - before.cpu) / (after.time - before.time));
    return 0;
}

static int root(int argc, char **argv)
{
    struct bench_series rank = {.count = 0}, messages = rank, origin = rank;
    int ranks = scoop_size();

    (void)argc;
    (void)argv;
    if (ranks < 2) {
        fprintf(stderr, "idle: needs two ranks\n");
        return 77;
    }
    for (int round = 0; round < ROUNDS; round++) {
        rest(&(int){SETTLE_MS}, NULL);
        if (time_rank(&rank, &messages) || time_origin(&origin))
            return EXIT_FAILURE;
    }
    bench_print("idle_rank", ranks, "percent", &rank);
    bench_print("idle_messages", ranks, "messages", &messages);
    bench_print("idle_origin", ranks, "percent", &origin);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
