/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 90 s */
/* api_attempts.c -- retries, the times of tasks, and requests to stop
 *
 * A task that fails is tried again as often as it was allowed to be; one that
 * takes too long ends its future, and its function is asked to stop.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

static scoop_place on(int r)
{
    return scoop_on_rank(r % scoop_size());
}

/* ---- Retries ---------------------------------------------------------- */

SCOOP_TASK(third_time, int, int);

static int third_time(const int *good, int *attempt)
{
    *attempt = scoop_attempt();
    if (*attempt < *good)
        return scoop_fail(*attempt, "attempt %d is too early", *attempt);
    return 0;
}

static void retries(scoop_place place)
{
    int attempt = 0;

    scoop_future f =
        scoop_submit(third_time, &(int){3}, .place = place, .retries = 2);
    CHECK(scoop_join(f, &attempt) == 0 && attempt == 3);
    f = scoop_submit(third_time, &(int){4}, .place = place, .retries = 2);
    CHECK(scoop_result(f, &attempt) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_error_of(f);
    CHECK(e && e->attempt == 3 && e->attempts == 3 && e->task_code == 3);
    CHECK(e && !strcmp(e->message, "attempt 3 is too early"));
    scoop_release(f);
    f = scoop_submit(third_time, &(int){2}, .place = place,
                     .retries = SCOOP_NEVER);
    CHECK(scoop_join(f, &attempt) == SCOOP_EFAILED);
    f = scoop_submit(third_time, &(int){250}, .place = place, .retries = 250);
    CHECK(scoop_join(f, &attempt) == 0 && attempt == 250);
}

static void many(void)
{
    enum { MANY = 500 };
    static scoop_future f[MANY];
    int wrong = 0;

    for (int i = 0; i < MANY; i++) {
        int good = i % 4 + 1;
        f[i] = scoop_submit(third_time, &good, .retries = 3);
    }
    for (int i = 0; i < MANY; i++) {
        int attempt = 0, err = scoop_join(f[i], &attempt);
        wrong += err || attempt != i % 4 + 1;
    }
    CHECK(wrong == 0);
}

/* ---- Times ------------------------------------------------------------ */

SCOOP_TASK(until_asked, double, int);

/* Works until it is asked to stop, or for so long. */
static int until_asked(const double *seconds, int *asked)
{
    double end = api_now() + *seconds;

    while (api_now() < end)
        if (scoop_cancel_requested())
            break;
    *asked = scoop_cancel_requested();
    return 0;
}

SCOOP_TASK(slow_at_first, double, int);

static int slow_at_first(const double *seconds, int *attempt)
{
    double end = api_now() + (scoop_attempt() == 1 ? *seconds : 0);

    while (api_now() < end && !scoop_cancel_requested())
        continue;
    *attempt = scoop_attempt();
    return 0;
}

static void timeouts(scoop_place place)
{
    int out = 77;
    double began = api_now();

    scoop_future f = scoop_submit(until_asked, &(double){60}, .place = place,
                                  .timeout = 0.05);
    CHECK(scoop_result(f, &out) == SCOOP_EEXPIRED && out == 77);
    CHECK(api_now() - began >= 0.05);
    const struct scoop_error *e = scoop_error_of(f);
    CHECK(e && e->code == SCOOP_EEXPIRED && strstr(e->message, "time-out"));
    CHECK(e && !strcmp(e->task, "until_asked") && e->attempt == 1);
    CHECK(scoop_join(f, &out) == SCOOP_EEXPIRED && out == 77);
    /* In time. */
    f = scoop_submit(until_asked, &(double){0.01}, .place = place,
                     .timeout = 60, .deadline = 60);
    CHECK(scoop_join(f, &out) == 0 && out == 0);
    /* The wait's time-out is not the task's. */
    f = scoop_submit(until_asked, &(double){60}, .place = place,
                     .timeout = 0.2);
    CHECK(scoop_result(f, &out, .timeout = 0.01) == SCOOP_ETIMEDOUT);
    CHECK(scoop_join(f, &out) == SCOOP_EEXPIRED);
    /* Another attempt after the time-out of the first. */
    began = api_now();
    f = scoop_submit(slow_at_first, &(double){60}, .place = place,
                     .timeout = 0.1, .retries = 3);
    CHECK(scoop_join(f, &out) == 0 && out == 2);
    CHECK(api_now() - began >= 0.1);
}

static void deadlines(scoop_place place)
{
    int out = 77;
    double began = api_now();

    scoop_future f = scoop_submit(until_asked, &(double){60}, .place = place,
                                  .deadline = 0.05, .retries = 9);
    CHECK(scoop_join(f, &out) == SCOOP_EEXPIRED && out == 77);
    CHECK(api_now() - began >= 0.05);
    /* Never started: others stand before it on its rank. */
    scoop_future first =
        scoop_submit(until_asked, &(double){0.2}, .place = place);
    f = scoop_submit(until_asked, &(double){0}, .place = place,
                     .deadline = 0.05);
    CHECK(scoop_result(f, &out) == SCOOP_EEXPIRED);
    CHECK(scoop_release(f) == 0);
    CHECK(scoop_join(first, &out) == 0 && out == 0);
    /* Failures until the time is over. */
    f = scoop_submit(third_time, &(int){250}, .place = place, .deadline = 0.05,
                     .retries = 100);
    int err = scoop_join(f, &out);
    CHECK(err == SCOOP_EEXPIRED || err == SCOOP_EFAILED);
}

/* Some expire in the queue, some while they run, some not; none is lost. */
static void many_times(void)
{
    enum { MANY = 200 };
    static scoop_future f[MANY];
    int wrong = 0;

    for (int i = 0; i < MANY; i++)
        f[i] = scoop_submit(until_asked, &(double){0.001}, .retries = i % 3,
                            .timeout = i % 2 ? 0.0005 : 0,
                            .deadline = i % 5 ? 0.05 : 0.001);
    for (int i = 0; i < MANY; i++) {
        int asked, err = scoop_join(f[i], &asked);
        wrong += err != 0 && err != SCOOP_EEXPIRED;
    }
    CHECK(wrong == 0);
}

/* ---- Requests to stop ------------------------------------------------- */

SCOOP_TASK(family, int, int);

/* A line of tasks, each waits for the next; the last works until it is asked
 * to stop. */
static int family(const int *generations, int *sum)
{
    int asked = 0;

    if (!*generations) {
        double end = api_now() + 60;
        while (!asked && api_now() < end)
            asked = scoop_cancel_requested();
        *sum = asked;
        return asked ? 5 : 0;
    }
    scoop_future f = scoop_submit(family, &(int){*generations - 1},
                                  .place = on(*generations));
    int err = scoop_join(f, sum);
    return err && !scoop_cancel_requested() ? 99 : err;
}

static void families(void)
{
    int out = 0;

    for (int how = 0; how < 3; how++) {
        scoop_future f = scoop_submit(family, &(int){9}, .place = on(how),
                                      .deadline = how == 2 ? 0.2 : 0);
        CHECK(scoop_result(f, &out, .timeout = 0.1) == SCOOP_ETIMEDOUT);
        if (how == 0)
            CHECK(scoop_cancel(f) == SCOOP_ASKED);
        if (how != 1)
            CHECK(scoop_result(f, &out) ==
                  (how == 0 ? SCOOP_ECANCELLED : SCOOP_EEXPIRED));
        CHECK(scoop_release(f) == 0); /* the farm ends: so do they all */
    }
}

static void cancels(scoop_place place)
{
    int out = 3;
    struct scoop_info info;

    scoop_future f = scoop_submit(until_asked, &(double){60}, .place = place);
    CHECK(scoop_result(f, NULL, .timeout = 0.05) == SCOOP_ETIMEDOUT);
    CHECK(scoop_running(f) == 1 && scoop_cancelled(f) == 0);
    CHECK(scoop_future_info(f, &info) == 0 && info.state == SCOOP_RUNNING);
    CHECK(scoop_cancel(f) == SCOOP_ASKED);
    CHECK(scoop_result(f, &out) == SCOOP_ECANCELLED && out == 3);
    CHECK(scoop_cancelled(f) == 1 && scoop_running(f) == 0);
    CHECK(scoop_future_info(f, &info) == 0 && info.state == SCOOP_FINISHED);
    CHECK(info.status == SCOOP_ECANCELLED && info.run >= 0.04);
    scoop_release(f);
    f = scoop_submit(until_asked, &(double){0}, .place = place);
    CHECK(scoop_result(f, &out) == 0 && scoop_cancel(f) == SCOOP_TOO_LATE);
    CHECK(scoop_result(f, &out) == 0 && scoop_cancelled(f) == 0);
    scoop_release(f);
    CHECK(!scoop_cancel_requested() && scoop_attempt() == 1);
}

/* Public on this rank: taken back, and certain not to run. */
static void cancel_queued(void)
{
    enum { MANY = 300 };
    static scoop_future f[MANY];
    int wrong = 0, asked;

    for (int i = 0; i < MANY; i++)
        f[i] = scoop_submit(until_asked, &(double){0.0005});
    for (int i = 0; i < MANY; i++) {
        int answer = scoop_cancel(f[i]), err = scoop_join(f[i], &asked);
        if (answer == SCOOP_CANCELLED)
            wrong += err != SCOOP_ECANCELLED;
        else if (answer == SCOOP_TOO_LATE)
            wrong += err != 0;
        else
            wrong +=
                answer != SCOOP_ASKED || (err != 0 && err != SCOOP_ECANCELLED);
    }
    CHECK(wrong == 0);
}

/* ---- What is known of a future ---------------------------------------- */

SCOOP_TASK(nap, double, SCOOP_NONE);

static int nap(const double *seconds, SCOOP_NONE *none)
{
    double end = api_now() + *seconds;

    (void)none;
    while (api_now() < end)
        continue;
    return 0;
}

static void infos(int r)
{
    struct scoop_info info;

    scoop_future f = scoop_submit(nap, &(double){0.02}, .place = on(r));
    CHECK(scoop_future_info(f, &info) == 0);
    CHECK(info.state != SCOOP_FINISHED && !strcmp(info.task, "nap"));
    CHECK(scoop_result(f, NULL) == 0);
    CHECK(scoop_future_info(f, &info) == 0 && info.state == SCOOP_FINISHED);
    CHECK(info.rank == r % scoop_size() && info.attempt == 1);
    CHECK(info.run >= 0.019 && info.waited >= 0 && info.created >= 0);
    CHECK(info.status == 0);
    CHECK(scoop_future_info(f, NULL) == SCOOP_EINVAL);
    scoop_release(f);
    CHECK(scoop_future_info(f, &info) == SCOOP_ESTALE);
}

/* ---- Arguments that stay where they are ------------------------------- */

struct large {
    int n[4096];
};

SCOOP_TASK(sum_large, struct large, long);

static int sum_large(const struct large *in, long *sum)
{
    *sum = 0;
    for (int i = 0; i < 4096; i++)
        *sum += in->n[i];
    return 0;
}

SCOOP_TASK_BYTES(count_bytes);

static int count_bytes(const void *data, size_t len, scoop_out *out)
{
    long sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += ((const unsigned char *)data)[i];
    return scoop_out_write(out, &sum, sizeof sum);
}

static void arguments(scoop_place place)
{
    struct large *large = malloc(sizeof *large);
    long sum = 0;
    void *got;
    size_t len;

    for (int i = 0; i < 4096; i++)
        large->n[i] = i;
    scoop_future f =
        scoop_submit(sum_large, large, .borrow = 1, .place = place);
    CHECK(scoop_join(f, &sum) == 0 && sum == 4096L * 4095 / 2);
    /* Released while it may run: afterwards the memory is ours again. */
    f = scoop_submit(sum_large, large, .borrow = 1, .place = place);
    CHECK(scoop_release(f) == 0);
    memset(large, 0, sizeof *large);
    for (int i = 0; i < 4096; i++)
        large->n[i] = 2;
    f = scoop_submit(sum_large, large, .take = 1, .place = place);
    CHECK(scoop_join(f, &sum) == 0 && sum == 8192);
    unsigned char *data = malloc(100000);
    memset(data, 3, 100000);
    f = scoop_submit(count_bytes, data, .len = 100000, .take = 1,
                     .place = place, .retries = 1);
    CHECK(scoop_join_bytes(f, &got, &len) == 0 && len == sizeof sum);
    memcpy(&sum, got, sizeof sum);
    CHECK(sum == 300000);
    free(got);
    data = malloc(10);
    f = scoop_submit(count_bytes, data, .len = 10, .take = 1, .priority = 9);
    CHECK(scoop_done(f) == SCOOP_EINVAL);
    f = scoop_submit(sum_large, large, .borrow = 1, .timeout = 1);
    CHECK(scoop_done(f) == SCOOP_EINVAL);
}

/* ---- A task for the result, where it was made -------------------------- */

SCOOP_TASK(note_there, int, SCOOP_NONE);
SCOOP_TASK(noted, SCOOP_NONE, int);
SCOOP_TASK(double_it, int, int);

static int notes;

static int note_there(const int *value, SCOOP_NONE *none)
{
    (void)none;
    notes += *value;
    return *value == 26 ? scoop_fail(9, "not this one") : 0;
}

static int noted(const SCOOP_NONE *none, int *sum)
{
    (void)none;
    *sum = notes;
    return 0;
}

static int double_it(const int *x, int *y)
{
    *y = 2 * *x;
    return *x == 5 ? 1 : 0;
}

static void there(int r)
{
    int before, after, out;

    scoop_join(scoop_submit(noted, NULL, .place = on(r)), &before);
    for (int i = 4; i < 7; i++) { /* 5 fails, so nothing is noted */
        scoop_future f = scoop_submit(double_it, &i, .place = on(r),
                                      .done_there = &scoop_task_note_there);
        CHECK(scoop_join(f, &out) == (i == 5 ? SCOOP_EFAILED : 0));
        CHECK(i == 5 || out == 2 * i);
    }
    scoop_join(scoop_submit(noted, NULL, .place = on(r)), &after);
    CHECK(after - before == 20);
    struct api_catch c;
    api_catch(&c);
    scoop_future f = scoop_submit(double_it, &(int){13}, .place = on(0),
                                  .done_there = &scoop_task_note_there);
    int err = scoop_join(f, &out);
    char *said = api_caught(&c);
    CHECK(err == 0 && out == 26 && strstr(said, "not this one"));
    free(said);
    f = scoop_submit(double_it, &(int){1}, .done_there = &scoop_task_nap);
    CHECK(scoop_join(f, &out) == SCOOP_EINVAL);
    double nan = strtod("nan", NULL); /* on their own: with nothing else */
    f = scoop_submit(double_it, &(int){1}, .deadline = nan);
    CHECK(scoop_join(f, &out) == SCOOP_EINVAL);
    f = scoop_submit(double_it, &(int){1}, .timeout = nan);
    CHECK(scoop_join(f, &out) == SCOOP_EINVAL);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    retries((scoop_place){0});
    many();
    many_times();
    cancel_queued();
    for (int r = 0; r < 2 && r < scoop_size(); r++) {
        retries(on(r));
        timeouts(on(r));
        deadlines(on(r));
        cancels(on(r));
        infos(r);
        arguments(on(r));
        there(r);
    }
    arguments((scoop_place){0});
    families();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
