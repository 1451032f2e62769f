/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_shutdown.c -- no more tasks, and what is left ends or is cancelled
 *
 * Several farms, one after the other, since each can be shut once.
 */
#include "api.h"

SCOOP_TASK(nap, double, int);
SCOOP_TASK(tries, double, int);
SCOOP_TASK(middle, int, int);
SCOOP_TASK(shuts, int, int);
SCOOP_TASK(item, int, int);
SCOOP_TASK(parent, int, int);

static int nap(const double *seconds, int *out)
{
    api_nap(*seconds);
    return *out = 42, 0;
}

/* Submits until it is refused; what its first child brings still comes. */
static int tries(const double *seconds, int *out)
{
    scoop_future first = scoop_submit(nap, &(double){0.01});
    double end = api_now() + *seconds;
    int err = 0, got = 0;

    while (!err && api_now() < end) {
        err = scoop_join(scoop_submit(nap, &(double){1e-3}), &got);
        if (err)
            break;
    }
    *out = err;
    got = 0;
    int was = scoop_join(first, &got); /* it may have begun too late */
    if (was != SCOOP_ESHUTDOWN && (was || got != 42))
        return scoop_fail(1, "what was submitted before is lost");
    if (scoop_map(nap, &(double){0}, &got, 1) != err)
        return scoop_fail(2, "a map is not refused");
    return 0;
}

static int last(void)
{
    return scoop_size() - 1;
}

static void refused(void)
{
    int out = 0;

    CHECK(scoop_join(scoop_submit(nap, &(double){0}), &out) == SCOOP_ESHUTDOWN);
    CHECK(scoop_last_error() &&
          strstr(scoop_last_error()->message, "no more tasks"));
    scoop_future f =
        scoop_submit(nap, &(double){0}, .place = scoop_on_rank(last()));
    CHECK(scoop_join(f, &out) == SCOOP_ESHUTDOWN);
    CHECK(scoop_map(nap, &(double){0}, &out, 1) == SCOOP_ESHUTDOWN);
}

static int waits(void *arg)
{
    enum { N = 60 };
    scoop_future f[N], t[8];
    int out = 0, wrong = 0, size = scoop_size() > 8 ? 8 : scoop_size();

    (void)arg;
    for (int i = 0; i < N; i++)
        f[i] = scoop_submit(nap, &(double){2e-3});
    scoop_submit(nap, &(double){0.05}, .detached = 1);
    for (int r = 0; r < size; r++)
        t[r] = scoop_submit(tries, &(double){20}, .place = scoop_on_rank(r));
    for (int r = 0; r < size; r++) /* some of them have begun */
        scoop_result(t[r], NULL, .timeout = 0.02);
    CHECK(scoop_shutdown() == 0);
    for (int i = 0; i < N; i++)
        wrong += scoop_done(f[i]) != 1;
    for (int r = 0; r < size; r++)
        wrong += scoop_done(t[r]) != 1;
    CHECK(wrong == 0);
    refused();
    for (int i = 0; i < N; i++)
        wrong += scoop_join(f[i], &out) != 0 || out != 42;
    CHECK(wrong == 0);
    for (int r = 0; r < size; r++) {
        int err = scoop_join(t[r], &out);
        if (err)
            scoop_perror("tries");
        CHECK(err == 0);
        CHECK(out == SCOOP_ESHUTDOWN);
    }
    CHECK(scoop_shutdown() == 0); /* nothing is left: it is so already */
    return 0;
}

static int cancels(void *arg)
{
    enum { N = 40 };
    scoop_future f[N];
    int cancelled = 0, wrong = 0, out;

    (void)arg;
    for (int i = 0; i < N; i++)
        f[i] = scoop_submit(nap, &(double){0.5},
                            .place = scoop_on_rank(i % scoop_size()));
    CHECK(scoop_shutdown(.cancel = 1, .timeout = 30) == 0);
    for (int i = 0; i < N; i++) {
        int err = scoop_join(f[i], &out);
        cancelled += err == SCOOP_ECANCELLED;
        wrong += err != 0 && err != SCOOP_ECANCELLED;
    }
    CHECK(wrong == 0);
    CHECK(cancelled >= N - 3 * scoop_size());
    refused();
    return 0;
}

static int times_out(void *arg)
{
    scoop_future f =
        scoop_submit(nap, &(double){0.3}, .place = scoop_on_rank(last()));
    int out = 0, err;

    (void)arg;
    while ((err = scoop_shutdown(.timeout = 0.02)) == SCOOP_ETIMEDOUT) {
        CHECK(scoop_submit(nap, &(double){0}).id == 0);
        out++;
    }
    /* On one rank the wait itself runs the task. */
    CHECK(err == 0 && (out > 0 || scoop_size() == 1));
    CHECK(scoop_join(f, &out) == 0 && out == 42);
    return 0;
}

static int shuts(const int *cancel, int *out)
{
    *out = scoop_shutdown(.cancel = *cancel);
    int err = scoop_join(scoop_submit(nap, &(double){0}), NULL);
    return err == SCOOP_ESHUTDOWN ? 0 : scoop_fail(1, "it is not shut");
}

static int middle(const int *cancel, int *out)
{
    return scoop_join(scoop_submit(shuts, cancel, .place = scoop_on_rank(0)),
                      out);
}

/* From below: its parents, on other ranks, are left alone. */
static int from_below(void *arg)
{
    int cancel = *(int *)arg, out = -1, wrong = 0;
    scoop_future other[8];

    for (int i = 0; i < 8; i++)
        other[i] = scoop_submit(nap, &(double){0.02});
    scoop_future f =
        scoop_submit(middle, &cancel, .place = scoop_on_rank(last()));
    CHECK(scoop_join(f, &out) == 0 && out == 0);
    for (int i = 0; i < 8; i++) {
        wrong += scoop_done(other[i]) != 1;
        int err = scoop_join(other[i], &out);
        wrong += err && !(cancel && err == SCOOP_ECANCELLED);
    }
    CHECK(wrong == 0);
    CHECK(scoop_shutdown() == SCOOP_ESHUTDOWN); /* another task has */
    refused();
    return 0;
}

static int item(const int *n, int *out)
{
    *out = *n;
    if (*n == 3)
        return scoop_shutdown(.timeout = 30);
    api_nap(1e-3);
    return 0;
}

static int parent(const int *n, int *out)
{
    int in[64], result[64];

    for (int i = 0; i < 64; i++)
        in[i] = i;
    int err = scoop_map(item, in, result, 64);
    *out = err ? *n : result[63];
    return err;
}

static int from_item(void *arg)
{
    int out = 0;
    scoop_future f = scoop_submit(nap, &(double){0.02});

    (void)arg;
    CHECK(scoop_join(scoop_submit(parent, &out), &out) == 0 && out == 63);
    CHECK(scoop_done(f) == 1 && scoop_join(f, &out) == 0);
    refused();
    return 0;
}

/* Two want it at once: one gets it. */
static int two(void *arg)
{
    int a = 1, b = 1;

    (void)arg;
    scoop_future f =
        scoop_submit(shuts, &(int){0}, .place = scoop_on_rank(last()));
    scoop_future g = scoop_submit(shuts, &(int){0}, .place = scoop_on_rank(0));
    CHECK(scoop_join(f, &a) == 0 && scoop_join(g, &b) == 0);
    CHECK((a == 0 && b == SCOOP_ESHUTDOWN) || (b == 0 && a == SCOOP_ESHUTDOWN));
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    CHECK(scoop_shutdown_farm(NULL) == 0);
    refused();
    return 0;
}

int main(int argc, char **argv)
{
    int no = 0, yes = 1;

    CHECK(scoop_shutdown() == SCOOP_ESTATE);
    MPI_Init(&argc, &argv);
    CHECK(scoop_run(MPI_COMM_WORLD, nothing, NULL) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, waits, NULL) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, cancels, NULL) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, times_out, NULL) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, from_below, &no) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, from_below, &yes) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, from_item, NULL) == 0);
    CHECK(scoop_run(MPI_COMM_WORLD, two, NULL) == 0);
    MPI_Finalize();
    return checks_done();
}
