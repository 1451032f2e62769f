/* SPDX-License-Identifier: MIT */
/* ranks: 1 2 4 8; node-memory: 1 0; limit: 60 s */
/* api_scoop_values.c -- the nested sums by which Python's SCOOP is tested
 *
 * The same shapes of tasks inside tasks, with the same results: a square, a
 * map of squares, submits of such maps taken as they are completed, a map of
 * those, a submit of that.
 */
#include "api.h"

SCOOP_TASK(square, int, long);
SCOOP_TASK(squares_by_map, int, long);
SCOOP_TASK(squares_by_iterator, int, long);
SCOOP_TASK(squares_by_completed, int, long);
SCOOP_TASK(rows, int, long);
SCOOP_TASK(blocks, int, long);
SCOOP_TASK(whole, int, long);
SCOOP_TASK(always_fails, int, long);

#define MOST 64

static int square(const int *n, long *out)
{
    return *out = (long)*n * *n, 0;
}

static long sum_of(const long *x, int n)
{
    long sum = 0;

    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static void count_up(int *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = i + 1;
}

static int squares_by_map(const int *n, long *out)
{
    int in[MOST];
    long x[MOST];

    count_up(in, *n);
    int err = scoop_map(square, in, x, (size_t)*n);
    return *out = err ? 0 : sum_of(x, *n), err;
}

static int squares_by_iterator(const int *n, long *out)
{
    int in[MOST], err, status;
    scoop_iter *it;
    long x;

    count_up(in, *n);
    *out = 0;
    err = scoop_map_iter(square, &it, in, (size_t)*n, .as_completed = 1);
    while (!err && (err = scoop_next_item(it, NULL, &x, &status)) == 0)
        *out += x;
    return err == SCOOP_END ? 0 : err;
}

/* The sum of what n futures bring, as they end. */
static int sum_completed(const scoop_future *f, int n, long *out)
{
    scoop_future next;
    scoop_iter *it;
    long x;
    int err = scoop_as_completed(&it, f, (size_t)n);

    *out = 0;
    while (!err && (err = scoop_next(it, &next)) == 0) {
        err = scoop_join(next, &x);
        *out += x;
    }
    return err == SCOOP_END ? 0 : err;
}

static int squares_by_completed(const int *n, long *out)
{
    scoop_future f[MOST];

    for (int i = 0; i < *n; i++)
        f[i] = scoop_submit(square, &(int){i + 1});
    return sum_completed(f, *n, out);
}

static int rows(const int *n, long *out)
{
    scoop_future f[MOST];

    for (int i = 0; i < *n; i++)
        f[i] = scoop_submit(squares_by_map, &(int){i + 1});
    return sum_completed(f, *n, out);
}

static int blocks(const int *n, long *out)
{
    int in[MOST];
    long x[MOST];

    count_up(in, *n);
    int err = scoop_map(rows, in, x, (size_t)*n);
    return *out = err ? 0 : sum_of(x, *n), err;
}

static int whole(const int *n, long *out)
{
    scoop_future f = scoop_submit(blocks, n);
    int err = scoop_result(f, out);

    scoop_release(f);
    return err;
}

static int always_fails(const int *n, long *out)
{
    *out = 0;
    return scoop_fail(*n, "it always fails");
}

static long value_of(const struct scoop_task *task, int n)
{
    scoop_future f = scoop_submit_task(task, &n, sizeof n, NULL);
    long out = -1;

    if (scoop_wait(&f, 1) || scoop_join(f, &out))
        return -1;
    return out;
}

static void waits(double timeout)
{
    enum { N = 1000 };
    static scoop_future f[N];
    static bool done[N];
    size_t count = 0;
    int finished = 0, wrong = 0;

    for (int i = 0; i < N; i++)
        f[i] = scoop_submit(square, &i);
    int err =
        scoop_wait(f, N, .timeout = timeout, .done = done, .count = &count);
    CHECK(err == 0 || (timeout != 0 && err == SCOOP_ETIMEDOUT));
    for (int i = 0; i < N; i++)
        finished += done[i];
    CHECK((size_t)finished == count && (err || count == N));
    for (int i = 0; i < N; i++) {
        long out;
        wrong += scoop_join(f[i], &out) || out != (long)i * i;
    }
    CHECK(wrong == 0);
}

static int mark(scoop_future f, void *arg)
{
    (void)f;
    *(int *)arg = 1;
    return 0;
}

static int root(int argc, char **argv)
{
    static int was_called;
    long out;

    (void)argc;
    (void)argv;
    for (int i = 0; i < 3; i++) {
        CHECK(value_of(&scoop_task_whole, 4) == 77);
        CHECK(value_of(&scoop_task_whole, 20) == 76153);
        CHECK(value_of(&scoop_task_squares_by_map, 4) == 30);
        CHECK(value_of(&scoop_task_squares_by_map, 20) == 2870);
        CHECK(value_of(&scoop_task_squares_by_map, 30) == 9455);
        CHECK(value_of(&scoop_task_squares_by_iterator, 30) == 9455);
        CHECK(value_of(&scoop_task_squares_by_completed, 30) == 9455);
        CHECK(value_of(&scoop_task_square, 10) == 100);
    }
    /* In the root itself, without a task around. */
    CHECK(whole(&(int){20}, &out) == 0 && out == 76153);
    CHECK(squares_by_completed(&(int){30}, &out) == 0 && out == 9455);
    CHECK(squares_by_iterator(&(int){30}, &out) == 0 && out == 9455);
    scoop_future f = scoop_submit(always_fails, &(int){19});
    CHECK(scoop_join(f, &out) == SCOOP_EFAILED);
    f = scoop_submit(square, &(int){100});
    CHECK(scoop_wait(&f, 1) == 0 && scoop_done(f) == 1);
    CHECK(scoop_result(f, &out) == 0 && scoop_done(f) == 1 && out == 10000);
    CHECK(scoop_on_done(f, mark, &was_called) == 0);
    scoop_join(f, NULL);
    double end = api_now() + 50;
    while (!was_called && api_now() < end)
        scoop_join(scoop_submit(square, &(int){1}), NULL, .timeout = 1);
    CHECK(was_called);
    waits(0);
    waits(0.1);
    waits(SCOOP_NOW);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
