/* SPDX-License-Identifier: MIT */
/* montecarlo_pi.c -- pi by throwing darts, one map over seeds
 *
 *     montecarlo_pi [millions of darts]     100 if not given
 *
 * Each item of the map has a seed of its own and throws a million darts, so
 * that the result is the same on any number of ranks. The generator is
 * SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), whose state may start
 * anywhere.
 */
#include <scoop.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { DARTS = 1000000 };

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* In [0, 1): the upper 53 bits, all that a double can hold. */
static double next_fraction(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

SCOOP_TASK(throw_darts, uint64_t, uint64_t);

static int throw_darts(const uint64_t *seed, uint64_t *hits)
{
    uint64_t state = *seed;

    *hits = 0;
    for (int i = 0; i < DARTS; i++) {
        double x = next_fraction(&state), y = next_fraction(&state);
        *hits += x * x + y * y < 1;
    }
    return 0;
}

static int root(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
    uint64_t *seed = calloc(n ? n : 1, sizeof *seed), all = 0, start = 42;
    uint64_t *hits = calloc(n ? n : 1, sizeof *hits);
    int err = EXIT_FAILURE;

    if (!n) {
        fprintf(stderr, "usage: montecarlo_pi [millions of darts]\n");
        err = 2;
    } else if (!seed || !hits) {
        perror("montecarlo_pi");
    } else {
        for (size_t i = 0; i < n; i++)
            seed[i] = next_random(&start);
        err = 0;
        if (scoop_map(throw_darts, seed, hits, n))
            err = scoop_perror("throw_darts");
    }
    if (!err) {
        double darts = (double)n * DARTS;
        for (size_t i = 0; i < n; i++)
            all += hits[i];
        printf("pi is about %.6f, give or take %.6f\n", 4 * (double)all / darts,
               1.64 / sqrt(darts));
    }
    free(seed);
    free(hits);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
