/* SPDX-License-Identifier: MIT */
/* ranks: 1; limit: 60 s */
/* burst.c -- what a future costs in memory while it is unfinished
 *
 * burst_bytes   resident memory that a million futures added, for each, less
 *               the argument and the result of 8 bytes each
 * burst_again   the same for a second burst after the first was joined: what
 *               has been used is used again, and 0 is the figure
 *
 * The handles stand in memory of the program, touched before.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include <unistd.h>

#include "bench.h"

enum { FUTURES = 1000000, DATA = 2 * sizeof(uint64_t) };

SCOOP_TASK(nothing, uint64_t, uint64_t);

static int nothing(const uint64_t *in, uint64_t *out)
{
    *out = *in;
    return 0;
}

static double resident_bytes(void)
{
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file && fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static int burst(scoop_future *futures, struct bench_series *series, int data)
{
    double before = resident_bytes();
    uint64_t i, out;

    for (i = 0; i < FUTURES; i++)
        futures[i] = scoop_submit(nothing, &i);
    bench_add(series, (resident_bytes() - before) / FUTURES - data);
    while (i-- > 0)
        if (scoop_join(futures[i], &out) || out != i)
            return scoop_perror("burst");
    return 0;
}

static int root(int argc, char **argv)
{
    struct bench_series first = {.count = 0}, again = first;
    scoop_future *futures = malloc(FUTURES * sizeof *futures);

    (void)argc;
    (void)argv;
    if (!futures)
        return EXIT_FAILURE;
    memset(futures, 0xff, FUTURES * sizeof *futures); /* pages that exist */
    int err = burst(futures, &first, DATA) || burst(futures, &again, 0);
    free(futures);
    if (err)
        return EXIT_FAILURE;
    bench_print("burst_bytes", scoop_size(), "bytes", &first);
    bench_print("burst_again", scoop_size(), "bytes", &again);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
