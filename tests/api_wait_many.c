/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_wait_many.c -- waits for several futures, and for how one ended */
#include "api.h"

SCOOP_TASK(twice, int, int);
SCOOP_TASK(nap, double, int);
SCOOP_TASK(linger, double, int);
SCOOP_TASK(fail, int, int);
SCOOP_TASK(wait_inside, int, int);
SCOOP_TASK_BYTES(echo);

#define MANY 10000

static int twice(const int *in, int *out)
{
    return *out = 2 * *in, 0;
}

static int nap(const double *seconds, int *out)
{
    api_nap(*seconds);
    return *out = 42, 0;
}

/* Runs for so long, but leaves its rank to others meanwhile. */
static int linger(const double *seconds, int *out)
{
    double end = api_now() + *seconds;
    int err = 0;

    while (!err && api_now() < end)
        err =
            scoop_join(scoop_submit(nap, &(double){1e-3}), NULL, .timeout = 10);
    *out = 42;
    return err;
}

static int fail(const int *in, int *out)
{
    *out = 0;
    return scoop_fail(*in, "this is %d", *in);
}

static int echo(const void *data, size_t len, scoop_out *out)
{
    return scoop_out_write(out, data, len);
}

/* Waits for so many children inside, each of which is trivial. */
static int wait_inside(const int *n, int *sum)
{
    scoop_future f[64];
    int err, out;

    for (int i = 0; i < *n; i++)
        f[i] = scoop_submit(twice, &i);
    err = scoop_wait(f, (size_t)*n);
    for (int i = *sum = 0; i < *n; i++) {
        err = err ? err : scoop_join(f[i], &out, .timeout = SCOOP_NOW);
        *sum += out;
    }
    return err;
}

static void of_any_number(size_t n, int return_when, double timeout)
{
    static scoop_future f[MANY];
    static bool done[MANY];
    size_t count = 77, told = 0;
    int wrong = 0, out;

    for (size_t i = 0; i < n; i++)
        f[i] = scoop_submit(twice, &(int){(int)i});
    memset(done, 2, sizeof done);
    int err = scoop_wait(f, n, .return_when = return_when, .timeout = timeout,
                         .done = done, .count = &count);
    CHECK(err == 0 || (timeout < 0 && err == SCOOP_ETIMEDOUT));
    for (size_t i = 0; i < n; i++)
        told += done[i];
    CHECK(told == count && count <= n);
    if (return_when == SCOOP_FIRST_COMPLETED)
        CHECK(err || !n || count >= 1);
    else
        CHECK(err || count == n);
    for (size_t i = 0; i < n; i++) {
        if (done[i])
            wrong += scoop_result(f[i], &out, .timeout = SCOOP_NOW) != 0;
        wrong += scoop_join(f[i], &out) != 0 || out != 2 * (int)i;
    }
    CHECK(wrong == 0);
}

static void duplicates(void)
{
    scoop_future a = scoop_submit(twice, &(int){1});
    scoop_future b = scoop_submit(twice, &(int){2});
    scoop_future f[] = {a, b, a, a, b};
    bool done[5] = {false};
    size_t count = 0;

    CHECK(scoop_wait(f, 5, .done = done, .count = &count) == 0);
    CHECK(count == 5 && done[0] && done[1] && done[2] && done[3] && done[4]);
    CHECK(scoop_wait(f, 5, .timeout = SCOOP_NOW) == 0);
    CHECK(scoop_join(a, NULL) == 0 && scoop_join(b, NULL) == 0);
}

/* Never early, and what was done before is told; nothing is lost. */
static void times_out(int where)
{
    scoop_place there = scoop_on_rank(where);
    scoop_future f[3] = {scoop_submit(twice, &(int){4}),
                         scoop_submit(linger, &(double){0.3}, .place = there),
                         scoop_submit(twice, &(int){5})};
    bool done[3] = {false};
    size_t count = 9;
    int out = 0;

    CHECK(scoop_result(f[0], NULL) == 0 && scoop_result(f[2], NULL) == 0);
    double begin = api_now();
    int err = scoop_wait(f, 3, .timeout = 0.05, .done = done, .count = &count);
    double took = api_now() - begin;
    CHECK(err == SCOOP_ETIMEDOUT ? took >= 0.05 : err == 0);
    CHECK(done[0] && done[2] && count == 2 + (size_t)done[1]);
    CHECK(err == 0 || scoop_last_error()->code == SCOOP_ETIMEDOUT);
    CHECK(err == 0 || !done[1]);
    CHECK(scoop_wait(f, 3, .timeout = 50, .done = done) == 0 && done[1]);
    CHECK(scoop_join(f[0], &out) == 0 && out == 8);
    CHECK(scoop_join(f[1], &out) == 0 && out == 42);
    CHECK(scoop_join(f[2], &out) == 0 && out == 10);
}

/* Who only polls finds the end at some time, on one rank too. */
static void polls(int where)
{
    scoop_place there = scoop_on_rank(where);
    scoop_future f[2] = {scoop_submit(nap, &(double){0.01}, .place = there),
                         scoop_submit(nap, &(double){0.01}, .place = there)};
    double end = api_now() + 40;
    int err;

    do
        err = scoop_wait(f, 2, .timeout = SCOOP_NOW);
    while (err == SCOOP_ETIMEDOUT && api_now() < end);
    CHECK(err == 0);
    CHECK(scoop_join(f[0], NULL) == 0 && scoop_join(f[1], NULL) == 0);
}

static void first_ones(void)
{
    scoop_future f[3];
    bool done[3];
    size_t count;

    /* The first that is done ends the wait: nothing can end the second. */
    f[0] = scoop_submit(twice, &(int){1});
    f[1] = scoop_submit(linger, &(double){0.1}, .place = scoop_on_rank(0));
    CHECK(scoop_wait(f, 2, .return_when = SCOOP_FIRST_COMPLETED, .timeout = 50,
                     .done = done) == 0);
    CHECK(done[0] || done[1]);
    CHECK(scoop_wait(f, 2, .return_when = SCOOP_FIRST_COMPLETED) == 0);
    scoop_release(f[0]);
    scoop_release(f[1]);
    /* One that fails, before the others have ended or not. */
    f[0] = scoop_submit(twice, &(int){1});
    f[1] = scoop_submit(fail, &(int){7});
    f[2] = scoop_submit(linger, &(double){0.1}, .place = scoop_on_rank(0));
    CHECK(scoop_wait(f, 3, .return_when = SCOOP_FIRST_EXCEPTION, .timeout = 50,
                     .done = done, .count = &count) == 0);
    CHECK(done[1] && count >= 1);
    CHECK(scoop_wait(f, 3, .return_when = SCOOP_FIRST_EXCEPTION) == 0);
    CHECK(scoop_join(f[1], NULL) == SCOOP_EFAILED);
    /* None fails: the end of all of them. */
    f[1] = scoop_submit(twice, &(int){1});
    CHECK(scoop_wait(f, 3, .return_when = SCOOP_FIRST_EXCEPTION, .done = done,
                     .count = &count) == 0);
    CHECK(count == 3 && done[0] && done[1] && done[2]);
    for (int i = 0; i < 3; i++)
        CHECK(scoop_join(f[i], NULL) == 0);
    /* A cancelled one has ended, and badly. */
    f[0] = scoop_submit(linger, &(double){0.1}, .place = scoop_on_rank(0));
    f[1] = scoop_submit(twice, &(int){1}, .place = scoop_on_rank(0));
    scoop_cancel(f[1]);
    CHECK(scoop_wait(f, 2, .return_when = SCOOP_FIRST_EXCEPTION, .timeout = 50,
                     .done = done) == 0);
    CHECK(done[1]);
    CHECK(scoop_wait(f, 2) == 0);
    CHECK(scoop_join(f[0], NULL) == 0);
    CHECK(scoop_join(f[1], NULL) == SCOOP_ECANCELLED);
}

static void bad_ones(void)
{
    scoop_future f[2] = {scoop_submit(twice, &(int){1}), {1, 1}};
    bool done[2] = {true, true};
    size_t count = 5;

    CHECK(scoop_wait(f, 2, .done = done, .count = &count) == SCOOP_ESTALE);
    CHECK(count == 5 && done[0] && done[1]); /* nothing was waited for */
    CHECK(scoop_wait(NULL, 2) == SCOOP_EINVAL);
    CHECK(scoop_wait(f, 1, .return_when = 3) == SCOOP_EINVAL);
    CHECK(scoop_wait(f, 1, .return_when = -1) == SCOOP_EINVAL);
    f[1] = (scoop_future){0, 0};
    CHECK(scoop_wait(f, 2) == SCOOP_EINVAL);
    f[1] = scoop_submit_task(NULL, NULL, 0, NULL);
    CHECK(scoop_wait(f, 2) == SCOOP_EINVAL);
    CHECK(scoop_wait_many(f, 1, NULL) == 0);
    CHECK(scoop_wait(NULL, 0, .count = &count) == 0 && count == 0);
    CHECK(scoop_wait_many(NULL, 0, NULL) == 0);
    f[1] = f[0];
    CHECK(scoop_join(f[0], NULL) == 0);
    CHECK(scoop_wait(f, 1) == SCOOP_ESTALE);
}

static void exceptions(void)
{
    const struct scoop_error *e = (void *)&e;
    scoop_future f = scoop_submit(twice, &(int){1});

    CHECK(scoop_exception(f, &e) == 0 && e == NULL);
    CHECK(scoop_exception(f, &e, .timeout = SCOOP_NOW) == 0 && e == NULL);
    CHECK(scoop_join(f, NULL) == 0);
    CHECK(scoop_exception(f, &e) == SCOOP_ESTALE && e == NULL);
    f = scoop_submit(fail, &(int){9});
    CHECK(scoop_exception(f, &e, .timeout = 50) == 0 && e != NULL);
    CHECK(e && e->task_code == 9 && !strcmp(e->message, "this is 9"));
    CHECK(e == scoop_error_of(f));
    CHECK(scoop_exception(f, NULL) == SCOOP_EINVAL);
    CHECK(scoop_join(f, NULL) == SCOOP_EFAILED);
    f = scoop_submit(twice, &(int){1}, .place = scoop_on_rank(0));
    CHECK(scoop_cancel(f) == 0);
    CHECK(scoop_exception_of(f, &e, NULL) == 0 && e);
    CHECK(e && e->code == SCOOP_ECANCELLED);
    CHECK(scoop_release(f) == 0);
    f = scoop_submit(linger, &(double){0.3});
    double begin = api_now();
    int err = scoop_exception(f, &e, .timeout = 0.02);
    CHECK(err == SCOOP_ETIMEDOUT ? api_now() - begin >= 0.02 : err == 0);
    CHECK(e == NULL);
    err = scoop_exception(f, &e, .timeout = SCOOP_NOW);
    CHECK((err == SCOOP_ETIMEDOUT || err == 0) && e == NULL);
    CHECK(scoop_exception(f, &e, .timeout = 50) == 0 && e == NULL);
    CHECK(scoop_release(f) == 0);
}

static void bytes_too(void)
{
    scoop_future f[2] = {scoop_submit(echo, "abc", .len = 3),
                         scoop_submit(echo, "", .len = 0)};
    void *data;
    size_t len;

    CHECK(scoop_wait(f, 2, .timeout = 50) == 0);
    CHECK(scoop_join_bytes(f[0], &data, &len) == 0 && len == 3);
    CHECK(!memcmp(data, "abc", 3));
    free(data);
    CHECK(scoop_join_bytes(f[1], NULL, &len) == 0 && len == 0);
}

static int root(int argc, char **argv)
{
    static const size_t size[] = {0, 1, 2, 15, 16, 17, 997, MANY};
    int out;

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (int when = SCOOP_ALL_COMPLETED; when <= SCOOP_FIRST_EXCEPTION;
             when++) {
            of_any_number(size[i], when, 0);
            of_any_number(size[i], when, 50);
            of_any_number(size[i], when, SCOOP_NOW);
        }
    duplicates();
    times_out(0);
    times_out(scoop_size() - 1);
    for (int r = 0; r < scoop_size(); r++)
        polls(r);
    first_ones();
    bad_ones();
    exceptions();
    bytes_too();
    for (int i = 0; i < 200; i++)
        CHECK(scoop_join(scoop_submit(wait_inside, &(int){i % 64}), &out) ==
                  0 &&
              out == (i % 64) * (i % 64 - 1));
    return checks_done();
}

int main(int argc, char **argv)
{
    scoop_future f = {1, 1};
    const struct scoop_error *e;

    CHECK(scoop_wait(&f, 1) == SCOOP_ESTATE);
    CHECK(scoop_exception(f, &e) == SCOOP_ESTATE);
    return scoop_main(argc, argv, root);
}
