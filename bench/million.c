/* SPDX-License-Identifier: MIT */
/* ranks: 1 2; limit: 60 s */
/* million.c -- a million futures submitted one by one, and then awaited
 *
 * million_first    the first round, in which every page is new: millions of
 *                  futures in a second, submit and join taken together
 * million          the rounds behind it, joined in the order of submission
 * million_newest   the same, but joined newest first
 * million_calls    the twin: the same tasks by plain calls that are not
 *                  inlined, their arguments and results in arrays
 *
 * The tasks are empty.  The handles stand in memory of the program, touched
 * before.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { FUTURES = 1000000, ROUNDS = 9 };

SCOOP_TASK(nothing, uint64_t, uint64_t);

static int nothing(const uint64_t *in, uint64_t *out)
{
    *out = *in;
    return 0;
}

static int (*volatile const plain_nothing)(const uint64_t *,
                                           uint64_t *) = nothing;

static int join_all(const scoop_future *futures, bool is_newest_first)
{
    uint64_t out;

    for (uint64_t i = 0; i < FUTURES; i++) {
        uint64_t at = is_newest_first ? FUTURES - 1 - i : i;
        if (scoop_join(futures[at], &out) || out != at)
            return scoop_perror("million");
    }
    return 0;
}

static int turn(scoop_future *futures, bool is_newest_first,
                struct bench_series *series)
{
    double begin = bench_now();

    for (uint64_t i = 0; i < FUTURES; i++)
        futures[i] = scoop_submit(nothing, &i);
    int err = join_all(futures, is_newest_first);
    bench_add(series, FUTURES / (bench_now() - begin) * 1e-6);
    return err;
}

static int turn_of_calls(uint64_t *data, struct bench_series *series)
{
    double begin = bench_now();
    int err = 0;

    for (uint64_t i = 0; i < FUTURES; i++)
        data[2 * i] = i;
    for (uint64_t i = 0; i < FUTURES; i++)
        err |= plain_nothing(&data[2 * i], &data[2 * i + 1]);
    bench_add(series, FUTURES / (bench_now() - begin) * 1e-6);
    return err;
}

static int root(int argc, char **argv)
{
    struct bench_series first = {.count = 0}, again = first, newest = first;
    struct bench_series calls = first;
    scoop_future *futures = malloc(FUTURES * sizeof *futures);
    uint64_t *data = malloc(2 * FUTURES * sizeof *data);
    int err = !futures || !data, ranks = scoop_size();

    (void)argc;
    (void)argv;
    if (!err) { /* pages that exist */
        memset(futures, 0xff, FUTURES * sizeof *futures);
        memset(data, 0xff, 2 * FUTURES * sizeof *data);
        err = turn(futures, false, &first);
    }
    for (int round = 0; round < ROUNDS && !err; round++)
        err = turn(futures, false, &again) || turn(futures, true, &newest) ||
              turn_of_calls(data, &calls);
    free(futures);
    free(data);
    if (err)
        return EXIT_FAILURE;
    bench_print("million_first", ranks, "M/s", &first);
    bench_print("million", ranks, "M/s", &again);
    bench_print("million_newest", ranks, "M/s", &newest);
    bench_print("million_calls", ranks, "M/s", &calls);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
