/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_reduce.c -- reductions: the documented tree, bit by bit, and failures */
#include "api.h"

SCOOP_TASK(square, double, double);
SCOOP_TASK(slow_square, double, double);
SCOOP_TASK(one, SCOOP_NONE, long);
SCOOP_TASK(picky, long, long);
SCOOP_TASK(moody, long, long);
SCOOP_TASK(dawdle, long, long);
SCOOP_TASK(nested, long, double);
SCOOP_TASK(node_square, long, long);
SCOOP_TASK(swallow, long, SCOOP_NONE);
SCOOP_TASK(long_sum, SCOOP_NONE, long);
SCOOP_REDUCER(add, double);
SCOOP_REDUCER(slow_add, double);
SCOOP_REDUCER(plus, long);
SCOOP_REDUCER(picky_plus, long);
SCOOP_REDUCER(moody_plus, long);
SCOOP_REDUCER(node_plus, long);
SCOOP_REDUCER_AS(least, "api.least", long);

/* x -> a x + b, modulo 2^64: composition is associative, not commutative. */
struct affine {
    uint64_t a, b;
};

/* Too large for a slot, with an alignment of its own. */
struct page {
    _Alignas(64) long value[500];
};

SCOOP_TASK(make_affine, long, struct affine);
SCOOP_TASK(make_page, long, struct page);
SCOOP_TASK(same_page, struct page, struct page);
SCOOP_REDUCER(then, struct affine);
SCOOP_REDUCER(page_plus, struct page);

/* As for a header and a source file. */
SCOOP_REDUCER_DECLARE(most, long);
SCOOP_REDUCER_EXTERN(most, long);

static int square(const double *x, double *y)
{
    *y = *x * *x;
    return 0;
}

static int slow_square(const double *x, double *y)
{
    api_compute(20e-6);
    return square(x, y);
}

static int add(const double *left, const double *right, double *out)
{
    *out = *left + *right;
    return 0;
}

static int slow_add(const double *left, const double *right, double *out)
{
    api_compute(20e-6);
    return add(left, right, out);
}

static int one(const SCOOP_NONE *none, long *out)
{
    *out = 1;
    return none != NULL;
}

static int plus(const long *left, const long *right, long *out)
{
    *out = *left + *right;
    return 0;
}

static int least(const long *left, const long *right, long *out)
{
    *out = *left < *right ? *left : *right;
    return 0;
}

int most(const long *left, const long *right, long *out)
{
    *out = *left > *right ? *left : *right;
    return 0;
}

static int picky(const long *x, long *y)
{
    *y = *x;
    return *x < 0 ? scoop_fail(3, "not %ld", *x) : 0;
}

static int swallow(const long *x, SCOOP_NONE *none)
{
    (void)none;
    return *x < 0;
}

static int picky_plus(const long *left, const long *right, long *out)
{
    if (*left < 0 || *right < 0)
        return scoop_fail(4, "not %ld and %ld", *left, *right);
    *out = *left + *right;
    return 0;
}

/* Fails as often as it is told to. */
static int moody(const long *x, long *out)
{
    *out = *x;
    return scoop_attempt() <= *x ? scoop_fail(5, "too early") : 0;
}

static int moody_plus(const long *left, const long *right, long *out)
{
    return scoop_attempt() > 1 ? plus(left, right, out) : 5;
}

static int dawdle(const long *x, long *y)
{
    *y = *x;
    api_nap(0.004);
    return 0;
}

/* Items and operations that submit and wait. */
static int node_square(const long *x, long *y)
{
    *y = *x * *x;
    return scoop_join(scoop_submit(one, NULL), NULL);
}

static int node_plus(const long *left, const long *right, long *out)
{
    long pair[2] = {*left, *right};

    return scoop_reduce(plus, pair, out, 2);
}

static int nested(const long *n, double *sum)
{
    double x[100];

    for (long i = 0; i < *n; i++)
        x[i] = (double)i;
    return scoop_map_reduce(square, add, x, sum, (size_t)*n,
                            .neutral = &(double){0});
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
    return (uintptr_t)out % 64 != 0;
}

static int same_page(const struct page *in, struct page *out)
{
    *out = *in;
    return (uintptr_t)in % 64 || (uintptr_t)out % 64;
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

enum { MOST = 100000 };

static double x[MOST];
static long in[MOST];

static void fill(size_t n)
{
    for (size_t i = 0; i < n; i++)
        in[i] = (long)i;
}

static double by_hand(size_t n, int is_squared)
{
    double *v = malloc(n * sizeof *v);

    for (size_t i = 0; v && i < n; i++)
        v[i] = is_squared ? x[i] * x[i] : x[i];
    while (v && n > 1) {
        for (size_t i = 0; i < n / 2; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
        if (n % 2)
            v[n / 2] = v[n - 1];
        n = (n + 1) / 2;
    }
    double sum = v ? v[0] : 0;
    free(v);
    return sum;
}

/* The same bits, whoever has done what. */
static void bits(size_t n, int is_slow)
{
    double sum = 0, expected;

    for (size_t i = 0; i < n; i++)
        x[i] = 1 / (double)(i * i % 1013 + 1) - 1e-3 * (double)(i % 7);
    expected = by_hand(n, 1);
    for (int again = 0; again < (is_slow ? 1 : 5); again++) {
        sum = -1;
        CHECK(scoop_map_reduce(square, add, x, &sum, n) == 0);
        CHECK(!memcmp(&sum, &expected, sizeof sum));
    }
    if (is_slow) {
        CHECK(scoop_map_reduce(slow_square, add, x, &sum, n) == 0);
        CHECK(!memcmp(&sum, &expected, sizeof sum));
        CHECK(scoop_map_reduce(square, slow_add, x, &sum, n, .chunk = 3) == 0);
        CHECK(!memcmp(&sum, &expected, sizeof sum));
        CHECK(scoop_map_reduce(slow_square, slow_add, x, &sum, n, .chunk = 1,
                               .timeout = 50) == 0);
        CHECK(!memcmp(&sum, &expected, sizeof sum));
    }
    expected = by_hand(n, 0);
    CHECK(scoop_reduce(add, x, &sum, n) == 0);
    CHECK(!memcmp(&sum, &expected, sizeof sum));
}

static void in_order(size_t n)
{
    struct affine all = {1, 0}, item, out;

    fill(n);
    for (size_t i = 0; i < n; i++) {
        make_affine(&in[i], &item);
        then(&all, &item, &all);
    }
    CHECK(scoop_map_reduce(make_affine, then, in, &out, n) == 0);
    CHECK(out.a == all.a && out.b == all.b);
}

static void few(void)
{
    double ten[] = {10, 20, 30}, sum = -1;
    long out = -1, ends[] = {7, -3, 12};

    CHECK(scoop_map_reduce(square, add, ten, &sum, 3) == 0);
    CHECK(sum >= 1400 && sum <= 1400);
    CHECK(scoop_map_reduce(square, add, ten, &sum, 1) == 0);
    CHECK(sum >= 100 && sum <= 100);
    CHECK(scoop_map_reduce(square, add, ten, &sum, 0) == SCOOP_EEMPTY);
    CHECK(scoop_last_error() && scoop_last_error()->code == SCOOP_EEMPTY);
    CHECK(sum >= 100 && sum <= 100);
    CHECK(scoop_map_reduce(square, add, NULL, &sum, 0,
                           .neutral = &(double){5}) == 0);
    CHECK(sum >= 5 && sum <= 5);
    CHECK(scoop_reduce(add, ten, &sum, 2, .neutral = &(double){5}) == 0);
    CHECK(sum >= 30 && sum <= 30);
    CHECK(scoop_map_reduce(one, plus, NULL, &out, 12345) == 0 && out == 12345);
    CHECK(scoop_reduce(least, ends, &out, 3) == 0 && out == -3);
    CHECK(scoop_reduce(most, ends, &out, 3) == 0 && out == 12);
    CHECK(scoop_task_find("api.least") != NULL);
}

static void large(void)
{
    enum { N = 300 };
    static struct page page[N], sum;
    long wrong = 0;

    fill(N);
    CHECK(scoop_map_reduce(make_page, page_plus, in, &sum, N) == 0);
    for (long i = 0; i < 500; i++)
        wrong += sum.value[i] != N * (N - 1) / 2 + N * i;
    for (long i = 0; i < N; i++)
        make_page(&in[i], &page[i]);
    memset(&sum, 0, sizeof sum);
    CHECK(scoop_map_reduce(same_page, page_plus, page, &sum, N, .chunk = 4) ==
          0);
    for (long i = 0; i < 500; i++)
        wrong += sum.value[i] != N * (N - 1) / 2 + N * i;
    CHECK(wrong == 0);
}

static void one_fails(size_t n, size_t bad)
{
    long out = 42;

    fill(n);
    in[bad] = -7;
    CHECK(scoop_map_reduce(picky, plus, in, &out, n) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->code == SCOOP_EFAILED && e->task_code == 3);
    CHECK(e && e->has_item && e->item == bad && !strcmp(e->task, "picky"));
    CHECK(e && !strcmp(e->message, "not -7"));
    CHECK(out == 42);
    if (n < 2)
        return;
    CHECK(scoop_reduce(picky_plus, in, &out, n, .chunk = 2) == SCOOP_EFAILED);
    e = scoop_last_error();
    CHECK(e && e->task_code == 4 && !e->has_item);
    CHECK(e && !strcmp(e->task, "picky_plus"));
    CHECK(out == 42);
}

static void failures(void)
{
    long out = 42;

    one_fails(1, 0);
    one_fails(2, 0);
    one_fails(2, 1);
    one_fails(5000, 0);
    one_fails(5000, 4999);
    one_fails(5000, 2500);
    for (size_t i = 0; i < 5000; i++)
        in[i] = -1 - (long)i;
    CHECK(scoop_map_reduce(picky, plus, in, &out, 5000) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item && e->item < 5000);
    CHECK(e && (scoop_size() > 1 || e->item == 0));
    fill(5000);
    CHECK(scoop_map_reduce(picky, plus, in, &out, 5000) == 0);
    CHECK(out == 5000L * 4999 / 2);
}

static void retries(void)
{
    long out = 42, sum = 0;

    for (long i = 0; i < 1000; i++)
        sum += in[i] = i % 3;
    CHECK(scoop_map_reduce(moody, plus, in, &out, 1000, .retries = 2) == 0);
    CHECK(out == sum);
    CHECK(scoop_map_reduce(picky, moody_plus, in, &out, 1000, .retries = 1) ==
          0);
    CHECK(out == sum);
    for (long i = 0; i < 1000; i++)
        in[i] = 0;
    in[17] = 100;
    CHECK(scoop_map_reduce(moody, plus, in, &out, 1000, .retries = 2) ==
          SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->item == 17 && e->attempt == 3 && e->attempts == 3);
}

static void timeouts(void)
{
    long out = 42;
    long *page = malloc(4000 * sizeof *page);

    CHECK(page != NULL);
    for (long i = 0; page && i < 4000; i++)
        page[i] = i;
    for (int i = 0; page && i < 3; i++) {
        double seconds = i == 0 ? SCOOP_NOW : 0.02 * i;
        double begin = api_now();
        CHECK(scoop_map_reduce(dawdle, plus, page, &out, 4000,
                               .timeout = seconds) == SCOOP_ETIMEDOUT);
        CHECK(api_now() - begin >= seconds);
    }
    if (page)
        memset(page, -1, 4000 * sizeof *page);
    free(page);
    for (int i = 0; i < 6; i++)
        CHECK(scoop_join(scoop_submit(dawdle, &(long){1}), NULL) == 0);
    CHECK(out == 42);
    fill(20);
    CHECK(scoop_map_reduce(dawdle, plus, in, &out, 20, .timeout = 50) == 0);
    CHECK(out == 190);
}

static void nests(void)
{
    static long n[300];
    static double sum[300];
    double all = 0, by = 0;
    long out = 0, wrong = 0;

    for (long i = 0; i < 300; i++)
        n[i] = i % 100;
    CHECK(scoop_map(nested, n, sum, 300) == 0);
    for (long i = 0; i < 300; i++) {
        double k = (double)n[i], is = (k - 1) * k * (2 * k - 1) / 6;
        wrong += sum[i] < is || sum[i] > is;
        by += is;
    }
    CHECK(wrong == 0);
    CHECK(scoop_map_reduce(nested, add, n, &all, 300) == 0);
    CHECK(all >= by && all <= by);
    fill(3000);
    CHECK(scoop_map_reduce(node_square, node_plus, in, &out, 3000) == 0);
    CHECK(out == 2999L * 3000 * 5999 / 6);
}

static int long_sum(const SCOOP_NONE *none, long *out)
{
    static long n[5000];

    (void)none;
    return scoop_map_reduce(dawdle, plus, n, out, 5000);
}

/* A task that is cancelled in the middle of a reduction does not end it. */
static void cancelled(void)
{
    for (int i = 0; i < 3; i++) {
        scoop_future f = scoop_submit(long_sum, NULL);
        CHECK(scoop_result(f, NULL, .timeout = 0.02 * i + 1e-6) ==
              SCOOP_ETIMEDOUT);
        CHECK(scoop_cancel(f) >= 0);
        CHECK(scoop_join(f, NULL) == SCOOP_ECANCELLED);
    }
}

static void priorities(void)
{
    long sum = 0;

    fill(3000);
    for (int p = -4; p <= 4; p++)
        CHECK(scoop_map_reduce(node_square, node_plus, in, &sum, 3000,
                               .priority = p) == 0 &&
              sum == 2999L * 3000 * 5999 / 6);
    CHECK(scoop_reduce(plus, in, &sum, 1, .priority = -5) == SCOOP_EINVAL);
}

static void bad_input(void)
{
    long out = 42;

    fill(10);
    CHECK(scoop_reduce(plus, NULL, &out, 1) == SCOOP_EINVAL);
    CHECK(scoop_reduce(plus, in, NULL, 1) == SCOOP_EINVAL);
    CHECK(scoop_reduce(plus, in, &out, SIZE_MAX / 8) == SCOOP_EINVAL);
    CHECK(scoop_reduce(plus, in, &out, 1, .retries = 70000) == SCOOP_EINVAL);
    CHECK(scoop_map_reduce_task(NULL, NULL, in, &out, 1, NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_reduce_task(NULL, scoop_task_find("picky"), in, &out, 1,
                                NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_reduce_task(scoop_task_find("square"),
                                scoop_task_find("then"), x, &out, 1,
                                NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_reduce_task(scoop_task_find("swallow"),
                                scoop_task_find("plus"), in, &out, 1,
                                NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_reduce_task(scoop_task_find("plus"),
                                scoop_task_find("plus"), in, &out, 1,
                                NULL) == SCOOP_EINVAL);
    scoop_future f = scoop_submit_task(scoop_task_find("plus"), in, 8, NULL);
    CHECK(scoop_join(f, NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_task(scoop_task_find("plus"), in, &out, 1, NULL) ==
          SCOOP_EINVAL);
    CHECK(out == 42);
    CHECK(scoop_map_reduce_task(scoop_task_find("picky"),
                                scoop_task_find("plus"), in, &out, 10,
                                NULL) == 0);
    CHECK(out == 45);
}

static int root(int argc, char **argv)
{
    static const size_t n[] = {1, 2, 3, 4, 5, 7, 64, 127, 1009, MOST};

    (void)argc;
    (void)argv;
    few();
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
        bits(n[i], n[i] < 2000);
        in_order(n[i]);
    }
    large();
    failures();
    retries();
    timeouts();
    nests();
    cancelled();
    priorities();
    bad_input();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
