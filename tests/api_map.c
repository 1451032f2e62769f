/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_map.c -- maps of any length: order, failing items, maps within maps */
#include "api.h"

SCOOP_TASK(square, long, double);
SCOOP_TASK(slow_square, long, double);
SCOOP_TASK(nothing, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(count_up, SCOOP_NONE, int);
SCOOP_TASK(swallow, long, SCOOP_NONE);
SCOOP_TASK(picky, long, long);
SCOOP_TASK(row, long, double);
SCOOP_TASK(tree, int, long);
SCOOP_TASK(picky_row, long, long);
SCOOP_TASK(picky_child, long, long);

static int square(const long *x, double *y)
{
    *y = (double)*x * (double)*x;
    return 0;
}

static int slow_square(const long *x, double *y)
{
    api_compute(20e-6);
    return square(x, y);
}

static int nothing(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    return in || out ? scoop_fail(1, "something") : 0;
}

static int count_up(const SCOOP_NONE *in, int *out)
{
    *out = 1;
    return in ? scoop_fail(1, "something") : 0;
}

static int swallow(const long *in, SCOOP_NONE *out)
{
    return *in < 0 || out ? scoop_fail(1, "something") : 0;
}

/* Odd numbers above 1,000 are not to its taste. */
static int picky(const long *in, long *out)
{
    if (*in > 1000 && *in % 2)
        return scoop_fail(3, "not %ld", *in);
    *out = *in;
    return 0;
}

/* A map within a map: the sum of the squares below *n. */
static int row(const long *n, double *sum)
{
    long *x = malloc((size_t)*n * sizeof *x + 1);
    double *y = malloc((size_t)*n * sizeof *y + 1);
    int err = x && y ? 0 : scoop_fail(1, "no memory");

    for (long i = 0; !err && i < *n; i++)
        x[i] = i;
    if (!err)
        err = scoop_map(square, x, y, (size_t)*n);
    *sum = 0;
    for (long i = 0; !err && i < *n; i++)
        *sum += y[i];
    free(x);
    free(y);
    return err;
}

/* Maps and futures in turn, down to the leaves, which are counted. */
static int tree(const int *levels, long *leaves)
{
    int less[5];
    long below[5] = {0};
    int err = 0;

    *leaves = 1;
    if (!*levels)
        return 0;
    for (int i = 0; i < 5; i++)
        less[i] = *levels - 1;
    if (*levels % 2) {
        err = scoop_map(tree, less, below, 5);
    } else {
        scoop_future f[5];
        for (int i = 0; i < 5; i++)
            f[i] = scoop_submit(tree, &less[i]);
        for (int i = 0; i < 5; i++) {
            int e = scoop_join(f[i], &below[i]);
            err = err ? err : e;
        }
    }
    *leaves = 0;
    for (int i = 0; i < 5; i++)
        *leaves += below[i];
    return err;
}

/* Passes on what its inner map, or its child, says. */
static int picky_row(const long *in, long *out)
{
    long x[8], y[8];

    *out = 0;
    for (long i = 0; i < 8; i++)
        x[i] = i == 7 - *in % 8 ? *in : 0;
    return scoop_map(picky, x, y, 8);
}

static int picky_child(const long *in, long *out)
{
    return scoop_join(scoop_submit(picky, in), out);
}

static void in_order(size_t n, int is_slow)
{
    long *x = malloc(n * sizeof *x + 1);
    double *y = malloc(n * sizeof *y + 1);
    size_t wrong = 0;
    int err;

    CHECK(x && y);
    if (!x || !y)
        return;
    for (size_t i = 0; i < n; i++) {
        x[i] = (long)i;
        y[i] = -1;
    }
    if (is_slow)
        err = scoop_map(slow_square, x, y, n);
    else
        err = scoop_map(square, x, y, n);
    CHECK(err == 0);
    for (size_t i = 0; i < n; i++)
        wrong += y[i] < (double)i * (double)i || y[i] > (double)i * (double)i;
    CHECK(wrong == 0);
    free(x);
    free(y);
}

static void half_a_map(void)
{
    static long x[5000];
    static int ones[5000];
    int sum = 0;

    CHECK(scoop_map(nothing, NULL, NULL, 5000) == 0);
    CHECK(scoop_map(count_up, NULL, ones, 5000) == 0);
    for (int i = 0; i < 5000; i++)
        sum += ones[i];
    CHECK(sum == 5000);
    CHECK(scoop_map(swallow, x, NULL, 5000) == 0);
    x[4999] = -1;
    CHECK(scoop_map(swallow, x, NULL, 5000) == SCOOP_EFAILED);
    CHECK(scoop_map(square, x, NULL, 1) == SCOOP_EINVAL);
    CHECK(scoop_map(count_up, NULL, NULL, 1) == SCOOP_EINVAL);
    CHECK(scoop_map(swallow, NULL, NULL, 1) == SCOOP_EINVAL);
    CHECK(scoop_map(square, NULL, NULL, 0) == 0);
}

typedef int map_function(const long *x, long *y, size_t n);

static int map_picky(const long *x, long *y, size_t n)
{
    return scoop_map(picky, x, y, n);
}

static int map_rows(const long *x, long *y, size_t n)
{
    return scoop_map(picky_row, x, y, n);
}

static int map_children(const long *x, long *y, size_t n)
{
    return scoop_map(picky_child, x, y, n);
}

enum { ITEMS = 2000 };

static long x[ITEMS], y[ITEMS];

/* One item alone is sure to be the one that is reported. */
static void one_fails(map_function *map, size_t n, size_t bad)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 2 * (long)i;
    x[bad] = 2001;
    int err = map(x, y, n);
    const struct scoop_error *e = scoop_last_error();
    CHECK(err == SCOOP_EFAILED);
    CHECK(e && e->code == SCOOP_EFAILED && e->has_item && e->item == bad);
    CHECK(e && e->task_code == 3 && !strcmp(e->message, "not 2001"));
    CHECK(e && !strcmp(e->task, "picky"));
}

/* All fail: whichever have run, the first of them by index is told. On one
 * rank items run in order, so it is the first of all. */
static void all_fail(map_function *map)
{
    for (size_t i = 0; i < ITEMS; i++)
        x[i] = 2001 + 2 * (long)i;
    CHECK(map(x, y, ITEMS) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    char words[32] = "";
    if (e)
        snprintf(words, sizeof words, "not %ld", 2001 + 2 * (long)e->item);
    CHECK(e && e->has_item && !strcmp(e->message, words));
    CHECK(e && (scoop_size() > 1 || e->item == 0));
}

static void several_fail(void)
{
    for (size_t i = 0; i < ITEMS; i++)
        x[i] = 0;
    x[500] = x[1200] = x[1999] = 2001;
    CHECK(scoop_map(picky, x, y, ITEMS) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item &&
          (e->item == 500 || e->item == 1200 || e->item == 1999));
    CHECK(e && (scoop_size() > 1 || e->item == 500));
    x[500] = x[1200] = x[1999] = 0;
    CHECK(scoop_map(picky, x, y, ITEMS) == 0); /* as if nothing had been */
}

static void failures(map_function *map)
{
    one_fails(map, ITEMS, 0);
    one_fails(map, ITEMS, ITEMS - 1);
    one_fails(map, ITEMS, 777);
    one_fails(map, 1, 0);
    one_fails(map, 2, 1);
    all_fail(map);
}

static void nested(void)
{
    static long n[200];
    static double sum[200];
    int wrong = 0;
    long leaves = 0;

    for (long i = 0; i < 200; i++)
        n[i] = i;
    CHECK(scoop_map(row, n, sum, 200) == 0);
    for (long i = 0; i < 200; i++) {
        double is = (double)((i - 1) * i * (2 * i - 1) / 6);
        wrong += sum[i] < is || sum[i] > is;
    }
    CHECK(wrong == 0);
    CHECK(tree(&(int){6}, &leaves) == 0 && leaves == 15625);
    CHECK(scoop_join(scoop_submit(tree, &(int){5}), &leaves) == 0);
    CHECK(leaves == 3125);
}

static int root(int argc, char **argv)
{
    size_t n[] = {0, 1, 2, 7, 1009, 100000};

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        in_order(n[i], 0);
    for (size_t i = 0; i < 5; i++)
        in_order(n[i], 1);
    half_a_map();
    failures(map_picky);
    failures(map_rows);
    failures(map_children);
    several_fail();
    nested();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
