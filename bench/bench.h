/* SPDX-License-Identifier: MIT */
/* bench.h -- what all measurements share: a clock, medians, one line a figure
 *
 * A figure is the median of several rounds, and its line says how far the
 * rounds lay apart:
 *
 *     name ranks value unit   lowest to highest, rounds
 *
 * Where something is compared, both sides are measured in the same run, turn
 * by turn, so that a machine that slows down or speeds up does so for both;
 * the ratio is the median of the ratios of each turn.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_ROUNDS_MAX 64

/* Monotonic, and the same for all processes of a host. */
static inline double bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct bench_series {
    double value[BENCH_ROUNDS_MAX];
    int count;
};

/* What comes after the last place is dropped. */
static inline void bench_add(struct bench_series *s, double value)
{
    if (s->count < BENCH_ROUNDS_MAX)
        s->value[s->count++] = value;
}

static inline int bench_order(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static inline double bench_median(const struct bench_series *s)
{
    double sorted[BENCH_ROUNDS_MAX];
    int half = s->count / 2;

    if (s->count == 0)
        return 0;
    memcpy(sorted, s->value, (size_t)s->count * sizeof *sorted);
    qsort(sorted, (size_t)s->count, sizeof *sorted, bench_order);
    return s->count % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

static inline void bench_print(const char *name, int ranks, const char *unit,
                               const struct bench_series *s)
{
    double low = s->count ? s->value[0] : 0, high = low;

    for (int i = 1; i < s->count; i++) {
        if (s->value[i] < low)
            low = s->value[i];
        if (s->value[i] > high)
            high = s->value[i];
    }
    printf("%-28s %3d %12.4g %-8s  %.4g to %.4g, %d rounds\n", name, ranks,
           bench_median(s), unit, low, high, s->count);
    fflush(stdout);
}

/* a / b, turn by turn. */
static inline void bench_print_ratio(const char *name, int ranks,
                                     const struct bench_series *a,
                                     const struct bench_series *b)
{
    struct bench_series ratio = {.count = 0};

    for (int i = 0; i < a->count && i < b->count; i++)
        bench_add(&ratio, a->value[i] / b->value[i]);
    bench_print(name, ranks, "times", &ratio);
}

#endif
