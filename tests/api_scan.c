/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_scan.c -- scans: equal to the fold from the left, the documented blocks
 */
#include "api.h"

SCOOP_TASK(square, double, double);
SCOOP_TASK(same, double, double);
SCOOP_TASK(slow_same, double, double);
SCOOP_TASK(one, SCOOP_NONE, long);
SCOOP_TASK(picky, long, long);
SCOOP_TASK(moody, long, long);
SCOOP_TASK(dawdle, long, long);
SCOOP_TASK(row, long, long);
SCOOP_REDUCER(add, double);
SCOOP_REDUCER(slow_add, double);
SCOOP_REDUCER(plus, long);
SCOOP_REDUCER(picky_plus, long);
SCOOP_REDUCER(moody_plus, long);
SCOOP_REDUCER(slow_plus, long);

/* x -> a x + b, modulo 2^64: composition is associative, not commutative. */
struct affine {
    uint64_t a, b;
};

struct page {
    _Alignas(64) long value[500];
};

SCOOP_TASK(make_affine, long, struct affine);
SCOOP_TASK(make_page, long, struct page);
SCOOP_REDUCER(then, struct affine);
SCOOP_REDUCER(page_plus, struct page);

static int square(const double *x, double *y)
{
    *y = *x * *x;
    return 0;
}

static int same(const double *x, double *y)
{
    *y = *x;
    return 0;
}

static int slow_same(const double *x, double *y)
{
    api_compute(10e-6);
    return same(x, y);
}

static int one(const SCOOP_NONE *none, long *out)
{
    *out = 1;
    return none != NULL;
}

static int add(const double *left, const double *right, double *out)
{
    *out = *left + *right;
    return 0;
}

static int slow_add(const double *left, const double *right, double *out)
{
    api_compute(10e-6);
    return add(left, right, out);
}

static int plus(const long *left, const long *right, long *out)
{
    *out = *left + *right;
    return 0;
}

static int slow_plus(const long *left, const long *right, long *out)
{
    api_nap(0.002);
    return plus(left, right, out);
}

static int picky(const long *x, long *y)
{
    *y = *x;
    return *x < 0 ? scoop_fail(3, "not %ld", *x) : 0;
}

static int picky_plus(const long *left, const long *right, long *out)
{
    if (*right < 0)
        return scoop_fail(4, "not %ld", *right);
    return plus(left, right, out);
}

static int moody(const long *x, long *y)
{
    *y = *x;
    return scoop_attempt() > 1 ? 0 : 5;
}

static int moody_plus(const long *left, const long *right, long *out)
{
    return scoop_attempt() > 1 ? plus(left, right, out) : 5;
}

static int dawdle(const long *x, long *y)
{
    api_nap(0.004);
    *y = *x;
    return 0;
}

static int make_affine(const long *x, struct affine *out)
{
    *out = (struct affine){2 * (uint64_t)*x + 3, (uint64_t)*x * 77};
    return 0;
}

/* First left, then right. */
static int then(const struct affine *left, const struct affine *right,
                struct affine *out)
{
    out->a = right->a * left->a;
    out->b = right->a * left->b + right->b;
    return 0;
}

static int make_page(const long *x, struct page *out)
{
    for (long i = 0; i < 500; i++)
        out->value[i] = *x + i;
    return 0;
}

static int page_plus(const struct page *left, const struct page *right,
                     struct page *out)
{
    if (((uintptr_t)left | (uintptr_t)right | (uintptr_t)out) % 64)
        return scoop_fail(1, "it is not aligned");
    for (int i = 0; i < 500; i++)
        out->value[i] = left->value[i] + right->value[i];
    return 0;
}

/* A scan within a task. */
static int row(const long *n, long *last)
{
    long x[50], sum[50];

    for (long i = 0; i < *n; i++)
        x[i] = i;
    int err = scoop_map_scan(picky, plus, x, sum, (size_t)*n);
    *last = *n ? sum[*n - 1] : 0;
    return err;
}

enum { MOST = 100000 };

static double x[MOST], y[MOST], expected[MOST];
static long in[MOST], out[MOST];

/* The documented order of operations. */
static void by_hand(size_t n)
{
    unsigned log = 0;
    double before = 0, sum;

    while ((size_t)2 << log <= n)
        log++;
    size_t block = (size_t)1 << log / 2;
    for (size_t first = 0; first < n; first += block) {
        expected[first] = first ? before + x[first] : x[first];
        sum = x[first];
        for (size_t i = first + 1; i < first + block && i < n; i++) {
            expected[i] = expected[i - 1] + x[i];
            sum += x[i];
        }
        before = first ? before + sum : sum;
    }
}

static void bits(size_t n, int is_slow)
{
    for (size_t i = 0; i < n; i++)
        x[i] = 1 / (double)(i * i % 1013 + 1) - 1e-3 * (double)(i % 7);
    by_hand(n);
    y[n < MOST ? n : 0] = -77;
    for (int again = 0; again < 3; again++) {
        CHECK(scoop_map_scan(same, add, x, y, n) == 0);
        CHECK(!memcmp(y, expected, n * sizeof *y));
    }
    CHECK(n == MOST || (y[n] <= -77 && y[n] >= -77));
    if (is_slow) {
        CHECK(scoop_map_scan(slow_same, slow_add, x, y, n) == 0);
        CHECK(!memcmp(y, expected, n * sizeof *y));
        CHECK(scoop_map_scan(slow_same, slow_add, x, y, n, .chunk = 40) == 0);
        CHECK(!memcmp(y, expected, n * sizeof *y));
        CHECK(scoop_map_scan(slow_same, slow_add, x, y, n, .timeout = 50) == 0);
        CHECK(!memcmp(y, expected, n * sizeof *y));
    }
    CHECK(scoop_scan(slow_add, x, y, n < 2000 ? n : 1) == 0);
    CHECK(!memcmp(y, expected, (n < 2000 ? n : 1) * sizeof *y));
    CHECK(scoop_scan(add, x, x, n) == 0); /* in place */
    CHECK(!memcmp(x, expected, n * sizeof *y));
}

static void in_order(size_t n)
{
    struct affine *sum = malloc(n * sizeof *sum), all, item;
    size_t wrong = 0;

    CHECK(sum != NULL);
    if (!sum)
        return;
    for (size_t i = 0; i < n; i++)
        in[i] = (long)i;
    CHECK(scoop_map_scan(make_affine, then, in, sum, n) == 0);
    for (size_t i = 0; i < n; i++) {
        make_affine(&in[i], &item);
        if (i)
            then(&(struct affine){all.a, all.b}, &item, &all);
        else
            all = item;
        wrong += sum[i].a != all.a || sum[i].b != all.b;
    }
    CHECK(wrong == 0);
    free(sum);
}

static void few(void)
{
    double five[] = {1, 2, 3, 4, 5}, sum[5] = {-1};
    static const double is[] = {1, 3, 6, 10, 15}, squares[] = {1, 5, 14};
    long wrong = 0;

    CHECK(scoop_map_scan(same, add, five, sum, 5) == 0);
    CHECK(!memcmp(sum, is, sizeof is));
    CHECK(scoop_map_scan(square, add, five, sum, 3) == 0);
    CHECK(!memcmp(sum, squares, sizeof squares));
    sum[0] = -1;
    CHECK(scoop_map_scan(square, add, five, sum, 0) == 0);
    CHECK(sum[0] <= -1 && sum[0] >= -1);
    CHECK(scoop_map_scan(one, plus, NULL, out, 12345) == 0);
    for (long i = 0; i < 12345; i++)
        wrong += out[i] != i + 1;
    CHECK(wrong == 0);
}

static void large(void)
{
    enum { N = 300 };
    static struct page sum[N];
    long wrong = 0;

    for (long i = 0; i < N; i++)
        in[i] = i;
    CHECK(scoop_map_scan(make_page, page_plus, in, sum, N) == 0);
    for (long k = 0; k < N; k++)
        for (long i = 0; i < 500; i++)
            wrong += sum[k].value[i] != k * (k + 1) / 2 + (k + 1) * i;
    CHECK(wrong == 0);
}

static void one_fails(size_t n, size_t bad)
{
    for (size_t i = 0; i < n; i++)
        in[i] = (long)i;
    in[bad] = -1 - (long)n * (long)n;
    CHECK(scoop_map_scan(picky, plus, in, out, n) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item && e->item == bad && e->task_code == 3);
    CHECK(e && !strcmp(e->task, "picky"));
    if (!bad)
        return;
    CHECK(scoop_scan(picky_plus, in, out, n) == SCOOP_EFAILED);
    e = scoop_last_error();
    CHECK(e && !e->has_item && e->task_code == 4);
    CHECK(e && !strcmp(e->task, "picky_plus"));
}

static void retries(void)
{
    long wrong = 0;

    for (long i = 0; i < 500; i++)
        in[i] = 1;
    CHECK(scoop_map_scan(moody, plus, in, out, 500, .retries = 1) == 0);
    for (long i = 0; i < 500; i++)
        wrong += out[i] != i + 1;
    CHECK(scoop_scan(moody_plus, in, out, 500, .retries = 1) == 0);
    for (long i = 0; i < 500; i++)
        wrong += out[i] != i + 1;
    CHECK(wrong == 0);
}

static void left(double timeout, int is_in_map)
{
    static long copy[3000];
    int err;

    for (long i = 0; i < 3000; i++) {
        in[i] = 1;
        out[i] = -1;
    }
    if (is_in_map)
        err = scoop_map_scan(dawdle, plus, in, out, 3000, .timeout = timeout);
    else
        err = scoop_scan(slow_plus, in, out, 3000, .timeout = timeout);
    CHECK(err == SCOOP_ETIMEDOUT);
    memcpy(copy, out, sizeof copy);
    for (int i = 0; i < 8; i++)
        CHECK(scoop_join(scoop_submit(dawdle, &(long){1}), NULL) == 0);
    CHECK(!memcmp(copy, out, sizeof copy));
}

static void timeouts(void)
{
    long wrong = 0;

    left(SCOOP_NOW, 1);
    left(0.03, 1);
    left(SCOOP_NOW, 0);
    left(0.03, 0);
    left(0.2, 0);
    CHECK(scoop_map_scan(dawdle, slow_plus, in, out, 20, .timeout = 50) == 0);
    for (long i = 0; i < 20; i++)
        wrong += out[i] != i + 1;
    CHECK(wrong == 0);
}

static void bad_input(void)
{
    CHECK(scoop_scan(plus, NULL, out, 1) == SCOOP_EINVAL);
    CHECK(scoop_scan(plus, in, NULL, 1) == SCOOP_EINVAL);
    CHECK(scoop_scan(plus, in, out, 1, .retries = 70000) == SCOOP_EINVAL);
    CHECK(scoop_scan(plus, in, out, 1, .priority = 9) == SCOOP_EINVAL);
    CHECK(scoop_scan(plus, in, out, 5000, .priority = -2) == 0);
    CHECK(scoop_map_scan_task(NULL, scoop_task_find("picky"), in, out, 1,
                              NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_scan_task(scoop_task_find("square"),
                              scoop_task_find("then"), x, out, 1,
                              NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_scan_task(scoop_task_find("picky"), scoop_task_find("plus"),
                              in, out, 10, NULL) == 0);
}

static int root(int argc, char **argv)
{
    static const size_t n[] = {1, 2, 3, 4, 5, 7, 16, 127, 1009, MOST};
    long wrong = 0;

    (void)argc;
    (void)argv;
    few();
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        bits(n[i], n[i] < 2000);
        in_order(n[i]);
    }
    large();
    one_fails(1, 0);
    one_fails(2, 1);
    one_fails(5000, 0);
    one_fails(5000, 1);
    one_fails(5000, 64);
    one_fails(5000, 2500);
    one_fails(5000, 4999);
    retries();
    timeouts();
    for (long i = 0; i < 300; i++)
        in[i] = i % 50;
    CHECK(scoop_map(row, in, out, 300) == 0);
    for (long i = 0; i < 300; i++)
        wrong += out[i] != (in[i] ? (in[i] - 1) * in[i] / 2 : 0);
    CHECK(wrong == 0);
    bad_input();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
