/* SPDX-License-Identifier: MIT */
/* ranks: 64; limit: 60 s */
/* sleepers.c -- what ranks without work take from one that computes
 *
 *     sleepers_alone      ns for a step of a computation on rank 0, while all
 *                         other ranks are stopped (SIGSTOP): they take nothing
 *     sleepers_beside     the same while they sleep for want of work
 *     sleepers_speed      alone by beside, turn by turn: 1 is no loss
 *     sleepers_messages   what all ranks together send in ten seconds in which
 *                         nobody has anything to do
 *
 * A step is a random walk through 256 KiB and some arithmetic, so that caches
 * and switches both count. Numbers of messages are asked for by tasks, which
 * take messages themselves: what asking alone takes is measured before, and
 * taken off.
 */
#define _GNU_SOURCE 1 /* clock_gettime, nanosleep, kill */
#include <scoop.h>

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "bench.h"

enum {
    ROUNDS = 40,
    STEPS = 10000000,
    WORDS = 32768,
    SETTLE_MS = 60,
    SILENCE_MS = 10000,
    RANKS_MAX = 1024
};

struct answer {
    double messages;
    long pid;
};

SCOOP_TASK(tell, SCOOP_NONE, struct answer);

static int tell(const SCOOP_NONE *in, struct answer *answer)
{
    struct scoop_stats stats;
    int err = scoop_stats(&stats);

    (void)in;
    answer->messages = (double)stats.messages_sent;
    answer->pid = getpid();
    return err;
}

static void rest(int ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&left, &left))
        ;
}

/* Asks each rank; their messages in all. */
static int ask_all(double *messages, long *pids)
{
    *messages = 0;
    for (int rank = 0; rank < scoop_size(); rank++) {
        struct answer answer;
        scoop_future f = scoop_submit(tell, NULL, .place = scoop_on_rank(rank));
        if (scoop_join(f, &answer))
            return scoop_perror("tell");
        *messages += answer.messages;
        pids[rank] = answer.pid;
    }
    return 0;
}

static uint64_t field[WORDS];

/* ns for a step. */
static double compute(void)
{
    double begin = bench_now();
    uint64_t x = 1;

    for (int i = 0; i < STEPS; i++) {
        x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
        x += field[x % WORDS]++;
    }
    field[0] = x; /* it is looked at, so that nothing can be left out */
    return 1e9 * (bench_now() - begin) / STEPS;
}

static void signal_others(const long *pids, int number)
{
    for (int rank = 1; rank < scoop_size(); rank++)
        kill((pid_t)pids[rank], number);
}

static int time_silence(struct bench_series *series, long *pids)
{
    double first, second, third;

    if (ask_all(&first, pids) || ask_all(&second, pids))
        return EXIT_FAILURE;
    rest(SILENCE_MS);
    if (ask_all(&third, pids))
        return EXIT_FAILURE;
    bench_add(series, third - second - (second - first));
    return 0;
}

static int root(int argc, char **argv)
{
    static long pids[RANKS_MAX];
    struct bench_series alone = {.count = 0}, beside = alone, messages = alone;
    int ranks = scoop_size();

    (void)argc;
    (void)argv;
    if (ranks < 2 || ranks > RANKS_MAX || scoop_nodes() > 1) {
        fprintf(stderr, "sleepers: needs 2 to %d ranks, of one node\n",
                RANKS_MAX);
        return 77;
    }
    if (time_silence(&messages, pids))
        return EXIT_FAILURE;
    compute();
    for (int round = 0; round < ROUNDS; round++) {
        signal_others(pids, SIGSTOP);
        rest(SETTLE_MS);
        bench_add(&alone, compute());
        signal_others(pids, SIGCONT);
        rest(SETTLE_MS);
        bench_add(&beside, compute());
    }
    bench_print("sleepers_messages", ranks, "messages", &messages);
    bench_print("sleepers_alone", ranks, "ns", &alone);
    bench_print("sleepers_beside", ranks, "ns", &beside);
    bench_print_ratio("sleepers_speed", ranks, &alone, &beside);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
