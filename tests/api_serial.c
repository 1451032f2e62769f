/* SPDX-License-Identifier: MIT */
/* ranks: - 2; node-memory: 1; limit: 60 s */
/* api_serial.c -- calls outside of a farm run here, one after the other */
#define _GNU_SOURCE 1 /* pthread */
#include "api.h"

#include <pthread.h>

SCOOP_TASK(square, int, int);
SCOOP_TASK(fib, int, long);
SCOOP_TASK(spoil, int, int);
SCOOP_TASK(order, int, int);
SCOOP_TASK(linger, double, int);
SCOOP_TASK(starts_farm, SCOOP_NONE, int);
SCOOP_TASK(seed, SCOOP_NONE, uint64_t);
SCOOP_TASK_BYTES(twice);

static int runs; /* of square() in this process */
static int next; /* what order() gives out */

static int square(const int *x, int *y)
{
    runs++;
    return *y = *x * *x, 0;
}

static int fib(const int *n, long *out)
{
    long a = *n, b = 0;

    if (*n >= 2) {
        scoop_future left = scoop_submit(fib, &(int){*n - 1});
        scoop_future right = scoop_submit(fib, &(int){*n - 2});
        if (scoop_join(left, &a) || scoop_join(right, &b))
            return scoop_fail(1, "fib(%d)", *n);
    }
    return *out = a + b, 0;
}

static int spoil(const int *x, int *y)
{
    *y = 0;
    return *x % 2 ? scoop_fail(*x, "%d is odd", *x) : 0;
}

static int order(const int *x, int *y)
{
    (void)x;
    return *y = next++, 0;
}

/* Waits for so long for what never comes. */
static int linger(const double *seconds, int *out)
{
    (void)seconds;
    return *out = scoop_is_running() || scoop_size() != 1, 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int starts_farm(const SCOOP_NONE *none, int *code)
{
    (void)none;
    return *code = scoop_run(MPI_COMM_WORLD, nothing, NULL), 0;
}

static int seed(const SCOOP_NONE *none, uint64_t *out)
{
    (void)none;
    return *out = scoop_seed(), 0;
}

static int twice(const void *data, size_t len, scoop_out *out)
{
    if (scoop_out_write(out, data, len) || scoop_out_write(out, data, len))
        return 1;
    return 0;
}

static void futures(void)
{
    int before = runs, y = 0;
    scoop_future f = scoop_submit(square, &(int){7});

    CHECK(runs == before + 1); /* at once */
    CHECK(scoop_done(f) == 1);
    CHECK(scoop_result(f, &y) == 0 && y == 49);
    CHECK(scoop_join(f, &y, .timeout = 1) == 0 && y == 49);
    CHECK(scoop_join(f, &y) == SCOOP_ESTALE);
    f = scoop_submit(square, &(int){8});
    CHECK(scoop_release(f) == 0 && scoop_release(f) == SCOOP_ESTALE);
    f = scoop_submit(square, &(int){9});
    scoop_cancel(f); /* it has ended */
    CHECK(scoop_join(f, &y) == 0 && y == 81);
    f = scoop_submit(spoil, &(int){3});
    CHECK(scoop_result(f, &y) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_error_of(f);
    CHECK(e && e->task_code == 3 && !strcmp(e->message, "3 is odd"));
    CHECK(scoop_join(f, &y) == SCOOP_EFAILED);
    CHECK(scoop_last_error() && scoop_last_error()->task_code == 3);
    before = runs;
    f = scoop_submit(square, &(int){1}, .detached = 1);
    CHECK(runs == before + 1 && f.id == 0);
    f = scoop_submit(square, &(int){2}, .place = scoop_on_rank(0));
    CHECK(runs == before + 2 && scoop_join(f, &y) == 0 && y == 4);
    f = scoop_submit(square, &(int){2}, .place = scoop_on_rank(1));
    CHECK(scoop_join(f, &y) == SCOOP_EINVAL);
    f = scoop_submit(square, NULL);
    CHECK(scoop_join(f, &y) == SCOOP_EINVAL);
    CHECK(scoop_join(scoop_submit(linger, &(double){0}), &y) == 0 && !y);
}

static int called; /* callbacks */

static int add_another(scoop_future f, void *arg)
{
    int y = 0;

    called++;
    CHECK(scoop_result(f, &y) == 0 && y == 36);
    return arg ? scoop_on_done(f, add_another, NULL) : 0;
}

/* Without a wait, and of a future that has ended before. */
static void callbacks(void)
{
    scoop_future f = scoop_submit(square, &(int){6});

    called = 0;
    CHECK(scoop_on_done(f, add_another, &called) == 0);
    CHECK(called == 2);
    CHECK(scoop_release(f) == 0);
}

static void nested(void)
{
    scoop_future f[100];
    long sum = 0, out;

    CHECK(scoop_join(scoop_submit(fib, &(int){15}), &out) == 0 && out == 610);
    for (int i = 0; i < 100; i++)
        f[i] = scoop_submit(fib, &(int){5});
    for (int i = 99; i >= 0; i--)
        sum += scoop_join(f[i], &out) == 0 ? out : 1000;
    CHECK(sum == 500);
}

static void arrays(void)
{
    enum { N = 1000 };
    static int in[N], out[N];
    int wrong = 0;

    next = 0;
    CHECK(scoop_map(order, in, out, N) == 0);
    for (int i = 0; i < N; i++)
        wrong += out[i] != i; /* in order */
    CHECK(wrong == 0);
    for (int i = 0; i < N; i++)
        in[i] = i;
    CHECK(scoop_map(square, in, out, N, .timeout = 100) == 0);
    CHECK(out[N - 1] == (N - 1) * (N - 1));
    CHECK(scoop_map(square, in, out, 0) == 0);
    CHECK(scoop_map(spoil, in, out, N) == SCOOP_EFAILED);
    CHECK(scoop_last_error() && scoop_last_error()->item == 1);
}

static void bytes(void)
{
    size_t len = 0;
    void *data = NULL;
    scoop_future f = scoop_submit(twice, "abc", .len = 3);

    CHECK(scoop_join_bytes(f, &data, &len) == 0 && len == 6);
    CHECK(data && !memcmp(data, "abcabc", 6));
    free(data);
}

static void *on_a_thread(void *arg)
{
    int y;
    scoop_future f = scoop_submit(square, &(int){1});

    *(int *)arg = scoop_join(f, &y);
    return NULL;
}

static void threads(void)
{
    pthread_t thread;
    int err = 0;

    CHECK(pthread_create(&thread, NULL, on_a_thread, &err) == 0);
    pthread_join(thread, NULL);
    CHECK(err == SCOOP_ETHREAD);
}

static uint64_t seed_before;

static int root(int argc, char **argv)
{
    uint64_t s = 0;
    int y;

    (void)argc;
    (void)argv;
    CHECK(scoop_is_running());
    CHECK(scoop_join(scoop_submit(square, &(int){5}), &y) == 0 && y == 25);
    CHECK(scoop_join(scoop_submit(seed, NULL), &s) == 0);
    (void)s;
    threads();
    return checks_done();
}

int main(int argc, char **argv)
{
    struct api_catch c;
    scoop_future old;
    int y = 0;

    CHECK(!scoop_is_running());
    api_catch(&c);
    old = scoop_submit(square, &(int){6});
    futures();
    callbacks();
    nested();
    arrays();
    bytes();
    threads();
    CHECK(scoop_join(scoop_submit(starts_farm, NULL), &y) == 0);
    CHECK(y == SCOOP_ESTATE);
    CHECK(scoop_join(scoop_submit(seed, NULL), &seed_before) == 0);
    CHECK(!scoop_is_running() && scoop_rank() == 0 && scoop_size() == 1);
    char *said = api_caught(&c);
    CHECK(api_lines(said, "where no farm runs") == 1);
    CHECK(api_lines(said, "scoop") == 1);
    free(said);
    int status = scoop_main(argc, argv, root);
    /* MPI has been finalized; the old future is stale. */
    api_catch(&c);
    int err = scoop_join(old, &y);
    CHECK(err == SCOOP_ESTATE || err == SCOOP_ESTALE);
    futures();
    CHECK(scoop_join(old, &y) == SCOOP_ESTALE);
    arrays();
    scoop_submit(square, &(int){6}); /* left behind */
    said = api_caught(&c);
    CHECK(api_lines(said, "scoop") == 0);
    free(said);
    return status ? status : checks_done();
}
