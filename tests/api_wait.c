/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_wait.c -- time-outs, polls, cancel, release, and futures of others */
#define _GNU_SOURCE 1 /* pthread */
#include "api.h"

#include <pthread.h>

SCOOP_TASK(nap, double, int);
SCOOP_TASK(mark, int, int);
SCOOP_TASK(linger, double, int);
SCOOP_TASK(leave, int, SCOOP_NONE);
SCOOP_TASK(leave_some, int, SCOOP_NONE);
SCOOP_TASK(look, scoop_future, int);
SCOOP_TASK(thread_calls, SCOOP_NONE, int);

static int marks; /* how often mark() ran in this process */

static int nap(const double *seconds, int *out)
{
    api_nap(*seconds);
    return *out = 42, 0;
}

static int mark(const int *in, int *out)
{
    marks++;
    return *out = *in, 0;
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

/* Forgets so many futures. */
static int leave(const int *n, SCOOP_NONE *out)
{
    (void)out;
    for (int i = 0; i < *n; i++)
        scoop_submit(nap, &(double){0.02});
    return 0;
}

/* Forgets two, but not those that it joined, released or cancelled. */
static int leave_some(const int *n, SCOOP_NONE *out)
{
    scoop_future f[6];

    (void)out;
    (void)n;
    for (int i = 0; i < 6; i++)
        f[i] = scoop_submit(nap, &(double){0.02});
    scoop_cancel(f[1]);
    scoop_release(f[2]);
    scoop_join(f[3], NULL);
    scoop_result(f[4], NULL);
    return 0;
}

static scoop_place rank(int r)
{
    return scoop_on_rank(r);
}

static void times_out(scoop_place place)
{
    int out = -1, early = 0;
    scoop_future f = scoop_submit(nap, &(double){0.1}, .place = place);

    for (int i = 1; i <= 3; i++) {
        double begin = api_now();
        int err = scoop_result(f, &out, .timeout = 0.01 * i);
        early += err == SCOOP_ETIMEDOUT && api_now() - begin < 0.01 * i;
        CHECK(err == SCOOP_ETIMEDOUT ? out == -1 : err == 0 && out == 42);
        if (err == 0)
            break;
    }
    CHECK(early == 0);
    CHECK(scoop_result(f, &out, .timeout = 1e9) == 0 && out == 42);
    out = -1;
    CHECK(scoop_result(f, &out, .timeout = SCOOP_NOW) == 0 && out == 42);
    CHECK(scoop_result(f, &out, .timeout = 1e-9) == 0);
    CHECK(scoop_join(f, &out, .timeout = SCOOP_NOW) == 0);
    f = scoop_submit(nap, &(double){0.03}, .place = place);
    int err = scoop_join(f, &out, .timeout = SCOOP_NOW);
    CHECK(err == 0 || err == SCOOP_ETIMEDOUT); /* a poll may run tasks */
    if (err)
        CHECK(scoop_join(f, &out) == 0 && out == 42);
    CHECK(scoop_done(f) == SCOOP_ESTALE);
}

/* Who only polls finds the end at some time, on one rank too. */
static void polls(int there)
{
    int out = 0, polls = 0, err;
    scoop_future f = scoop_submit(nap, &(double){0.02}, .place = rank(there));
    double end = api_now() + 20;

    while ((err = scoop_done(f)) == 0 && api_now() < end)
        polls++;
    CHECK(err == 1 && polls >= 0);
    CHECK(scoop_join(f, &out) == 0 && out == 42);
    f = scoop_submit(nap, &(double){0.02}, .place = rank(there));
    do
        err = scoop_result(f, &out, .timeout = SCOOP_NOW);
    while (err == SCOOP_ETIMEDOUT && api_now() < end);
    CHECK(err == 0);
    CHECK(scoop_release(f) == 0);
}

static void cancels(scoop_place place)
{
    int out = 0, before = marks;

    /* Nothing was waited for: on this rank it has not started. */
    scoop_future f = scoop_submit(mark, &(int){1}, .place = rank(0));
    CHECK(scoop_cancel(f) == 0 && scoop_cancel(f) == 0);
    CHECK(scoop_result(f, &out) == SCOOP_ECANCELLED);
    CHECK(scoop_done(f) == 1);
    const struct scoop_error *e = scoop_error_of(f);
    CHECK(e && e->code == SCOOP_ECANCELLED && !strcmp(e->task, "mark"));
    CHECK(scoop_join(f, &out) == SCOOP_ECANCELLED);
    CHECK(scoop_cancel(f) == SCOOP_ESTALE);
    CHECK(marks == before && out == 0);
    /* Running: it runs on, its result is not wanted. */
    f = scoop_submit(linger, &(double){0.06}, .place = place);
    CHECK(scoop_result(f, &out, .timeout = 0.02) == SCOOP_ETIMEDOUT);
    CHECK(scoop_cancel(f) == SCOOP_ASKED);
    CHECK(scoop_join(f, &out) == SCOOP_ECANCELLED && out == 0);
    /* Behind another one on its rank. */
    scoop_future first = scoop_submit(linger, &(double){0.06}, .place = place);
    f = scoop_submit(nap, &(double){0.01}, .place = place);
    CHECK(scoop_cancel(f) <= SCOOP_ASKED);
    CHECK(scoop_join(f, NULL) == SCOOP_ECANCELLED);
    CHECK(scoop_join(first, NULL) == 0);
    /* After its end nothing changes. */
    f = scoop_submit(nap, &(double){0}, .place = place);
    CHECK(scoop_result(f, NULL) == 0 && scoop_cancel(f) == SCOOP_TOO_LATE);
    CHECK(scoop_join(f, &out) == 0 && out == 42);
}

static void cancel_many(void)
{
    enum { MANY = 2000 };
    static scoop_future f[MANY];
    int wrong = 0;

    for (int i = 0; i < MANY; i++)
        f[i] = scoop_submit(mark, &i);
    for (int i = 0; i < MANY; i += 2)
        wrong += scoop_cancel(f[i]) < 0;
    for (int i = 0; i < MANY; i++) {
        int out = -1, err = scoop_join(f[i], &out);
        if (i % 2 || err == 0)
            wrong += err != 0 || out != i;
        else
            wrong += err != SCOOP_ECANCELLED || out != -1;
    }
    CHECK(wrong == 0);
}

static void releases(scoop_place place)
{
    scoop_future f = scoop_submit(nap, &(double){0.05}, .place = place);

    CHECK(scoop_release(f) == 0);
    CHECK(scoop_release(f) == SCOOP_ESTALE);
    CHECK(scoop_result(f, NULL) == SCOOP_ESTALE);
    CHECK(scoop_join(f, NULL) == SCOOP_ESTALE);
    CHECK(scoop_done(f) == SCOOP_ESTALE && scoop_cancel(f) == SCOOP_ESTALE);
    CHECK(scoop_error_of(f) == NULL);
    f = scoop_submit(linger, &(double){0.05}, .place = place);
    CHECK(scoop_result(f, NULL, .timeout = 0.01) == SCOOP_ETIMEDOUT);
    CHECK(scoop_release(f) == 0);
    CHECK(scoop_done(f) == SCOOP_ESTALE);
}

static void strange_handles(void)
{
    const scoop_future strange[] = {{0, 1},
                                    {0, UINT64_MAX - 100},
                                    {1, 1},
                                    {UINT64_MAX, UINT64_MAX},
                                    {UINT64_C(1) << 32 | 5, 9},
                                    {UINT64_C(1) << 63, 0},
                                    {UINT32_MAX, 0}};
    int out = 7;

    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        CHECK(scoop_result(strange[i], &out) == SCOOP_ESTALE);
        CHECK(scoop_join(strange[i], &out) == SCOOP_ESTALE);
        CHECK(scoop_done(strange[i]) == SCOOP_ESTALE);
        CHECK(scoop_cancel(strange[i]) == SCOOP_ESTALE);
        CHECK(scoop_release(strange[i]) == SCOOP_ESTALE);
        CHECK(scoop_error_of(strange[i]) == NULL);
    }
    CHECK(out == 7);
    scoop_future none = {0, 0};
    CHECK(scoop_result(none, &out) == SCOOP_EINVAL);
    CHECK(scoop_join(none, &out) == SCOOP_EINVAL);
}

/* An id is used again; its generation tells the old future from the new. */
static void never_the_same(void)
{
    scoop_future old = scoop_submit(mark, &(int){1});
    int came_back = 0;

    CHECK(scoop_join(old, NULL) == 0);
    for (int i = 0; i < 10000; i++) {
        scoop_future f = scoop_submit(mark, &i);
        came_back += f.id == old.id && f.generation == old.generation;
        scoop_join(f, NULL);
    }
    CHECK(came_back == 0);
    CHECK(scoop_result(old, NULL) == SCOOP_ESTALE);
}

static int look(const scoop_future *f, int *err)
{
    *err = scoop_result(*f, NULL);
    if (scoop_join(*f, NULL) != *err || scoop_cancel(*f) != *err ||
        scoop_release(*f) != *err || scoop_done(*f) != *err)
        return scoop_fail(1, "not all say the same");
    return 0;
}

/* Another rank cannot tell a future that was released from one that was not. */
static void of_others(void)
{
    scoop_future f = scoop_submit(mark, &(int){5});
    int err = 0, out = 0;

    for (int r = 0; r < scoop_size(); r++) {
        CHECK(scoop_join(scoop_submit(look, &f, .place = rank(r)), &err) == 0);
        CHECK(err == SCOOP_EOWNER || (r > 0 && err == SCOOP_ESTALE));
    }
    CHECK(scoop_join(f, &out) == 0 && out == 5);
}

/* Nobody else can run it: on rank 0 itself, and each child takes a while. */
static void forgotten(void)
{
    struct api_catch c;

    api_catch(&c);
    scoop_future f = scoop_submit(leave, &(int){5}, .place = rank(0));
    int err = scoop_join(f, NULL);
    f = scoop_submit(leave, &(int){0}, .place = rank(0));
    err += scoop_join(f, NULL);
    char *said = api_caught(&c);
    CHECK(err == 0);
    CHECK(api_lines(said, "leave") == 1);
    CHECK(api_lines(said, " 5 ") == 1 && api_lines(said, "warn") == 1);
    free(said);
    api_catch(&c);
    f = scoop_submit(leave_some, &(int){0}, .place = rank(0));
    err = scoop_join(f, NULL);
    said = api_caught(&c);
    CHECK(err == 0);
    /* Others may have ended the two meanwhile; one rank takes them in turn. */
    CHECK(api_lines(said, "warn") == api_lines(said, "leave_some"));
    CHECK(api_lines(said, "warn") <= 1);
    if (scoop_size() == 1)
        CHECK(api_lines(said, " 2 ") == 1);
    free(said);
}

static void not_submitted(void)
{
    struct scoop_task unknown = scoop_task_mark;
    int out;

    unknown.name = "unknown";
    scoop_future f = scoop_submit_task(&unknown, &(int){1}, sizeof(int), NULL);
    CHECK(scoop_result_of(f, &out, NULL) == SCOOP_ENOTASK);
    CHECK(scoop_last_error() && strstr(scoop_last_error()->message, "unknown"));
    CHECK(scoop_done(f) == SCOOP_ENOTASK && scoop_cancel(f) == SCOOP_ENOTASK);
    CHECK(scoop_join_of(f, &out, NULL) == SCOOP_ENOTASK);
    CHECK(scoop_release(f) == SCOOP_ENOTASK && !scoop_error_of(f));
    CHECK(scoop_map_task(&unknown, &out, &out, 1, NULL) == SCOOP_ENOTASK);
    CHECK(scoop_map_task(NULL, &out, &out, 1, NULL) == SCOOP_EINVAL);
    f = scoop_submit(mark, NULL);
    CHECK(scoop_join(f, &out) == SCOOP_EINVAL);
}

/* Every call, from where none may be made. */
static int wrong_place(int expected)
{
    int out = 0, wrong = 0;
    scoop_future f = scoop_submit(mark, &(int){1});
    struct scoop_stats stats;

    wrong += scoop_join(f, &out) != expected;
    wrong += scoop_result(f, &out, .timeout = 1) != expected;
    wrong += scoop_join(f, &out, .timeout = SCOOP_NOW) != expected;
    wrong += scoop_done(f) != expected || scoop_cancel(f) != expected;
    wrong += scoop_release(f) != expected;
    wrong += scoop_result_bytes(f, NULL, NULL) != expected;
    wrong += scoop_join_bytes(f, NULL, NULL) != expected;
    wrong += scoop_map(mark, &out, &out, 1) != expected;
    wrong += scoop_stats(&stats) != expected;
    wrong += scoop_error_of(f) != NULL || scoop_last_error() != NULL;
    f = scoop_submit(mark, &(int){1}, .place = rank(0), .detached = 1);
    wrong += scoop_join(f, &out) != expected;
    wrong += scoop_fail(9, "words") != 9;
    return wrong;
}

static void *on_a_thread(void *arg)
{
    *(int *)arg = wrong_place(SCOOP_ETHREAD);
    return NULL;
}

static int thread_calls(const SCOOP_NONE *in, int *wrong)
{
    pthread_t thread;

    (void)in;
    if (pthread_create(&thread, NULL, on_a_thread, wrong))
        return scoop_fail(1, "no thread");
    pthread_join(thread, NULL);
    return 0;
}

static int root(int argc, char **argv)
{
    int wrong = -1;

    (void)argc;
    (void)argv;
    strange_handles();
    never_the_same();
    not_submitted();
    times_out((scoop_place){0});
    times_out(rank(0));
    times_out(rank(scoop_size() - 1));
    for (int r = 0; r < scoop_size(); r++)
        polls(r);
    cancels(rank(0));
    cancels(rank(scoop_size() - 1));
    cancels((scoop_place){0});
    cancel_many();
    releases((scoop_place){0});
    releases(rank(scoop_size() - 1));
    of_others();
    forgotten();
    for (int r = 0; r < scoop_size(); r++) {
        scoop_future f = scoop_submit(thread_calls, NULL, .place = rank(r));
        CHECK(scoop_join(f, &wrong) == 0 && wrong == 0);
    }
    return checks_done();
}

int main(int argc, char **argv)
{
    const scoop_future stale = {1, 1};

    CHECK(scoop_rank() == 0 && scoop_size() == 1);
    CHECK(scoop_perror("nothing") == EXIT_FAILURE);
    CHECK(!scoop_task_find("mark") && scoop_version() == SCOOP_VERSION);
    /* What outside calls do is in api_serial.c. */
    CHECK(scoop_join(stale, NULL) == SCOOP_ESTATE);
    CHECK(scoop_done(stale) == SCOOP_ESTATE);
    return scoop_main(argc, argv, root);
}
