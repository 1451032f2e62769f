/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_callback.c -- functions that are called when a future has ended */
#include "api.h"

SCOOP_TASK(same, int, int);
SCOOP_TASK(nap, double, int);
SCOOP_TASK(fail, int, int);
SCOOP_TASK(abandon, int, SCOOP_NONE);
SCOOP_TASK(counted_there, int, int);

#define MANY 100000

static int same(const int *in, int *out)
{
    return *out = *in, 0;
}

static int nap(const double *seconds, int *out)
{
    api_nap(*seconds);
    return *out = 42, 0;
}

static int fail(const int *in, int *out)
{
    *out = 0;
    return scoop_fail(*in, "this is %d", *in);
}

/* What callbacks have seen; they run on this rank's thread. */
static struct seen {
    int calls, sum, order[8], err, code, rank;
    bool is_stale;
} seen;

static int count(scoop_future f, void *arg)
{
    int out = 0;

    (void)arg;
    seen.err = scoop_result(f, &out, .timeout = SCOOP_NOW);
    seen.sum += out;
    seen.calls++;
    seen.rank = scoop_rank();
    return 0;
}

static int note_order(scoop_future f, void *arg)
{
    (void)f;
    if (seen.calls < 8)
        seen.order[seen.calls] = *(int *)arg;
    seen.calls++;
    return 0;
}

/* Everything that may be asked of the future inside, and what may not. */
static int look(scoop_future f, void *arg)
{
    const struct scoop_error *e = scoop_error_of(f), *same_e = NULL;

    (void)arg;
    seen.err = scoop_result(f, NULL);
    seen.code = e ? e->task_code : 0;
    if (scoop_exception(f, &same_e) || same_e != e || scoop_done(f) != 1)
        return scoop_fail(1, "the answers differ");
    if (scoop_wait(&f, 1))
        return scoop_fail(2, "the wait");
    seen.is_stale = scoop_join(f, NULL) < 0 && scoop_release(f) < 0 &&
                    scoop_cancel(f) < 0 && scoop_join_bytes(f, NULL, NULL) < 0;
    seen.calls++;
    return 0;
}

/* Lets callbacks run until so many have, or a long time has passed.  On one
 * rank a loop that joins what it has just submitted would never come to older
 * tasks, so it looks at one that has ended as well. */
static bool wait_calls(int calls)
{
    double end = api_now() + 50;
    scoop_future ended = scoop_submit(same, &calls);

    scoop_result(ended, NULL);
    while (seen.calls < calls && api_now() < end) {
        scoop_join(scoop_submit(same, &calls, .place = scoop_on_rank(0)), NULL,
                   .timeout = 10);
        scoop_done(ended);
    }
    scoop_release(ended);
    return seen.calls == calls;
}

static void before_and_after(scoop_place place)
{
    int out = 0;

    seen = (struct seen){0};
    scoop_future f = scoop_submit(same, &(int){5}, .place = place);
    CHECK(scoop_on_done(f, count, NULL) == 0);
    CHECK(scoop_result(f, &out) == 0 && out == 5);
    CHECK(wait_calls(1) && seen.sum == 5 && seen.err == 0);
    CHECK(scoop_on_done(f, count, NULL) == 0); /* it has ended */
    CHECK(wait_calls(2) && seen.sum == 10 && seen.err == 0);
    CHECK(scoop_on_done(f, count, NULL) == 0);
    CHECK(scoop_join(f, &out) == 0 && out == 5); /* kept for the callback */
    CHECK(scoop_done(f) == SCOOP_ESTALE);
    CHECK(wait_calls(3) && seen.sum == 15 && seen.err == 0);
    CHECK(seen.rank == 0);
}

static void in_order(void)
{
    static int number[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    bool is_right = true;

    seen = (struct seen){0};
    scoop_future f = scoop_submit(same, &(int){5});
    for (int i = 0; i < 5; i++)
        CHECK(scoop_on_done(f, note_order, &number[i]) == 0);
    CHECK(scoop_result(f, NULL) == 0);
    for (int i = 5; i < 8; i++)
        CHECK(scoop_on_done(f, note_order, &number[i]) == 0);
    CHECK(scoop_release(f) == 0);
    CHECK(wait_calls(8));
    for (int i = 0; i < 8; i++)
        is_right = is_right && seen.order[i] == i;
    CHECK(is_right);
}

static void inside(void)
{
    seen = (struct seen){0};
    scoop_future f = scoop_submit(fail, &(int){7});
    CHECK(scoop_on_done(f, look, NULL) == 0);
    CHECK(scoop_join(f, NULL) == SCOOP_EFAILED);
    CHECK(wait_calls(1) && seen.err == SCOOP_EFAILED && seen.code == 7);
    CHECK(seen.is_stale);
    f = scoop_submit(same, &(int){7}, .place = scoop_on_rank(0));
    CHECK(scoop_on_done(f, look, NULL) == 0 && scoop_cancel(f) == 0);
    CHECK(wait_calls(2) && seen.err == SCOOP_ECANCELLED && seen.is_stale);
    CHECK(scoop_release(f) == 0);
    /* Released before its end, wherever it is then. */
    for (int r = 0; r < scoop_size(); r++) {
        f = scoop_submit(nap, &(double){0.02}, .place = scoop_on_rank(r));
        CHECK(scoop_on_done(f, look, NULL) == 0);
        CHECK(scoop_release(f) == 0);
        CHECK(wait_calls(3 + r) && seen.err == SCOOP_ECANCELLED);
    }
}

static int bad(scoop_future f, void *arg)
{
    (void)f;
    (void)arg;
    seen.calls++;
    return scoop_fail(13, "thirteen things went wrong");
}

static int wordless(scoop_future f, void *arg)
{
    (void)f;
    (void)arg;
    seen.calls++;
    return -77;
}

static int leaver(scoop_future f, void *arg)
{
    (void)f;
    (void)arg;
    scoop_future g = scoop_submit(fail, &(int){99});
    scoop_result(g, NULL);
    seen.calls++;
    return 0;
}

static int passer(scoop_future f, void *arg)
{
    (void)f;
    (void)arg;
    int err = scoop_join(scoop_submit(fail, &(int){55}), NULL);
    seen.calls++;
    return err;
}

static void failing(void)
{
    struct api_catch c;
    bool all;

    seen = (struct seen){0};
    scoop_future f = scoop_submit(same, &(int){5});
    api_catch(&c);
    scoop_on_done(f, bad, NULL);
    scoop_on_done(f, wordless, NULL);
    scoop_on_done(f, leaver, NULL);
    scoop_on_done(f, passer, NULL);
    scoop_on_done(f, count, NULL);
    scoop_join(f, NULL);
    all = wait_calls(5);
    char *said = api_caught(&c);
    CHECK(all && seen.sum == 5); /* one that fails stops no other */
    CHECK(api_lines(said, "thirteen things went wrong") == 1);
    CHECK(api_lines(said, "-77") == 1);
    CHECK(api_lines(said, "this is 99") == 1);
    CHECK(api_lines(said, "this is 55") == 1);
    CHECK(api_lines(said, "callback of task") == 4);
    free(said);
}

/* Submits, waits with and without a time-out, maps, adds callbacks. */
static int busy(scoop_future f, void *arg)
{
    int in[20], out[20], got = 0, sum = 0;
    scoop_future g[20];
    scoop_iter *it;

    if (scoop_result(f, &got))
        return 1;
    for (int i = 0; i < 20; i++)
        in[i] = i;
    for (int i = 0; i < 20; i++)
        g[i] = scoop_submit(same, &i);
    if (scoop_wait(g, 10, .timeout = 50) || scoop_as_completed(&it, g, 20))
        return 2;
    for (scoop_future next; scoop_next(it, &next) == 0;) {
        if (scoop_join(next, &got))
            return 3;
        sum += got;
    }
    if (sum != 190 || scoop_map(same, in, out, 20) || out[19] != 19)
        return 4;
    g[0] = scoop_submit(same, &(int){1000});
    if (scoop_on_done(g[0], count, arg) || scoop_join(g[0], NULL))
        return 5;
    seen.calls++;
    return 0;
}

static void doing_much(void)
{
    enum { BUSY = 300 }; /* more than may run at once */
    static scoop_future f[BUSY];

    seen = (struct seen){0};
    for (int i = 0; i < BUSY; i++) {
        f[i] = scoop_submit(same, &i);
        CHECK(scoop_on_done(f[i], busy, NULL) == 0);
    }
    CHECK(scoop_wait(f, BUSY) == 0);
    CHECK(wait_calls(2 * BUSY) && seen.sum == 1000 * BUSY);
    for (int i = 0; i < BUSY; i++)
        scoop_release(f[i]);
}

/* They do not need a stack each. */
static void very_many(void)
{
    static scoop_future f[MANY];
    struct scoop_stats before, after;

    seen = (struct seen){0};
    scoop_stats(&before);
    for (int i = 0; i < MANY; i++) {
        f[i] = scoop_submit(same, &(int){1});
        if (scoop_on_done(f[i], count, NULL))
            return;
    }
    CHECK(scoop_wait(f, MANY) == 0);
    for (int i = 0; i < MANY; i++)
        scoop_release(f[i]);
    CHECK(wait_calls(MANY) && seen.sum == MANY);
    scoop_stats(&after);
    CHECK(after.fibers < before.fibers + 200);
}

static int same_rank_calls; /* on whatever rank */

static int count_here(scoop_future f, void *arg)
{
    if (scoop_result(f, NULL, .timeout = SCOOP_NOW) == SCOOP_ECANCELLED)
        ++*(int *)arg;
    same_rank_calls++;
    return 0;
}

/* Returns with futures that have not ended, and callbacks on them. */
static int abandon(const int *n, SCOOP_NONE *out)
{
    (void)out;
    for (int i = 0; i < *n; i++)
        scoop_on_done(scoop_submit(nap, &(double){1e-3}), count_here,
                      &same_rank_calls);
    return 0;
}

/* Callbacks run at the home of their future: here. */
static int counted_there(const int *n, int *out)
{
    static int cancelled;
    scoop_future f[10];
    double end = api_now() + 50;

    same_rank_calls = 0;
    for (int i = 0; i < *n; i++) {
        f[i] = scoop_submit(same, &i);
        if (scoop_on_done(f[i], count_here, &cancelled))
            return 1;
    }
    for (int i = 0; i < *n; i++)
        if (scoop_join(f[i], NULL))
            return 2;
    while (same_rank_calls < *n && api_now() < end)
        scoop_join(scoop_submit(nap, &(double){1e-3}), NULL, .timeout = 1);
    *out = same_rank_calls;
    return 0;
}

static void of_others(void)
{
    struct api_catch c;
    double end = api_now() + 50;
    int out = 0;

    for (int r = 0; r < scoop_size(); r++) {
        scoop_future f =
            scoop_submit(counted_there, &(int){10}, .place = scoop_on_rank(r));
        CHECK(scoop_join(f, &out) == 0 && out == 10);
    }
    same_rank_calls = 0;
    api_catch(&c);
    scoop_future f =
        scoop_submit(abandon, &(int){10}, .place = scoop_on_rank(0));
    int err = scoop_join(f, NULL);
    while (same_rank_calls < 10 && api_now() < end)
        scoop_join(scoop_submit(nap, &(double){1e-3}), NULL, .timeout = 1);
    free(api_caught(&c));
    CHECK(err == 0 && same_rank_calls >= 10);
}

static void bad_ones(void)
{
    scoop_future f = scoop_submit(same, &(int){1});

    CHECK(scoop_on_done(f, NULL, NULL) == SCOOP_EINVAL);
    CHECK(scoop_join(f, NULL) == 0);
    CHECK(scoop_on_done(f, count, NULL) == SCOOP_ESTALE);
    CHECK(scoop_on_done((scoop_future){0, 0}, count, NULL) == SCOOP_EINVAL);
}

static int last_calls;

static int count_last(scoop_future f, void *arg)
{
    (void)f;
    (void)arg;
    scoop_join(scoop_submit(nap, &(double){0.01}), NULL);
    last_calls++;
    return 0;
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    before_and_after((scoop_place){0});
    before_and_after(scoop_on_rank(0));
    before_and_after(scoop_on_rank(scoop_size() - 1));
    in_order();
    inside();
    failing();
    doing_much();
    very_many();
    of_others();
    bad_ones();
    /* The farm waits for these, of futures that it releases itself. */
    int status = checks_done();
    scoop_future f = scoop_submit(same, &(int){1});
    scoop_on_done(f, count_last, NULL);
    scoop_join(f, NULL);
    f = scoop_submit(same, &(int){1});
    scoop_cancel(f);
    scoop_on_done(f, count_last, NULL);
    return status;
}

int main(int argc, char **argv)
{
    scoop_future f = {1, 1};

    CHECK(scoop_on_done(f, count, NULL) == SCOOP_ESTATE);
    int status = scoop_main(argc, argv, root);
    if (last_calls && last_calls != 2) {
        puts("the farm ended before all callbacks had");
        return 1;
    }
    return status;
}
