/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_completed.c -- iterators over futures in the order in which they end */
#include "api.h"

SCOOP_TASK(same, int, int);
SCOOP_TASK(nap, double, int);
SCOOP_TASK(fail, int, int);
SCOOP_TASK(leave_iterators, int, int);
SCOOP_TASK(foreign, uint64_t, int);
SCOOP_TASK_BYTES(echo);

#define MANY 10000

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

static int echo(const void *data, size_t len, scoop_out *out)
{
    return scoop_out_write(out, data, len);
}

/* Returns with iterators that it neither ended nor freed. */
static int leave_iterators(const int *n, int *out)
{
    scoop_future f[20], next;
    scoop_iter *it;

    *out = 0;
    for (int i = 0; i < 20; i++)
        f[i] = scoop_submit(same, &i);
    for (int i = 0; i < *n; i++)
        if (scoop_as_completed(&it, f, 20) || scoop_next(it, &next))
            return 1;
    for (int i = 0; i < 20; i++)
        if (scoop_join(f[i], NULL))
            return 2;
    return 0;
}

static int foreign(const uint64_t *iter, int *err)
{
    scoop_iter *it = (scoop_iter *)(uintptr_t)*iter;
    scoop_future f;

    *err = scoop_next(it, &f, .timeout = 1);
    if (scoop_iter_free(it) != *err || scoop_iter_add(it, f) != *err)
        return 1;
    return 0;
}

/* Each once; those that are yielded can be joined without a wait. */
static void each_once(int n, double timeout)
{
    static scoop_future f[MANY];
    static char seen[MANY];
    scoop_future next = {1, 1};
    scoop_iter *it = NULL;
    int wrong = 0, count = 0, err, out = -1;

    memset(seen, 0, sizeof seen);
    for (int i = 0; i < n; i++)
        f[i] = scoop_submit(same, &i);
    CHECK(scoop_as_completed(&it, f, (size_t)n) == 0 && it);
    while ((err = scoop_next(it, &next, .timeout = timeout)) == 0 ||
           (err == SCOOP_ETIMEDOUT && timeout < 0)) {
        if (err)
            continue;
        wrong += scoop_join(next, &out, .timeout = SCOOP_NOW) != 0;
        wrong += out < 0 || out >= n || seen[out]++;
        count++;
    }
    CHECK(err == SCOOP_END && next.id == 0);
    CHECK(wrong == 0 && count == n);
    CHECK(scoop_next(it, &next) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
    CHECK(scoop_iter_free(it) == SCOOP_ESTALE);
    CHECK(scoop_next(it, &next) == SCOOP_ESTALE);
}

/* A short one that was submitted last overtakes a long one elsewhere. */
static void in_order_of_ends(void)
{
    scoop_place away = scoop_on_rank(scoop_size() - 1);
    scoop_future f[3], next[3] = {{0, 0}};
    scoop_iter *it;

    f[0] = scoop_submit(nap, &(double){0.1}, .place = away);
    f[1] = scoop_submit(same, &(int){1}, .place = scoop_on_rank(0));
    f[2] = scoop_submit(same, &(int){2}, .place = scoop_on_rank(0));
    /* Those that have ended come in the order of the list. */
    CHECK(scoop_result(f[2], NULL) == 0 && scoop_result(f[1], NULL) == 0);
    CHECK(scoop_as_completed(&it, f, 3) == 0);
    if (scoop_done(f[0]) == 0) {
        for (int i = 0; i < 3; i++)
            CHECK(scoop_next(it, &next[i], .timeout = 50) == 0);
        CHECK(next[0].id == f[1].id || next[0].id == f[0].id);
        CHECK(next[2].id == f[0].id || scoop_size() == 1 ||
              next[0].id == f[0].id);
    }
    CHECK(scoop_iter_free(it) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(scoop_join(f[i], NULL) == 0);
}

static void failed_ones_too(void)
{
    scoop_future f[4] = {scoop_submit(same, &(int){1}),
                         scoop_submit(fail, &(int){3}),
                         scoop_submit(same, &(int){1}),
                         scoop_submit(echo, "abc", .len = 3)};
    scoop_future next;
    scoop_iter *it;
    int good = 0, failed = 0, cancelled = 0;

    CHECK(scoop_as_completed(&it, f, 4) == 0);
    CHECK(scoop_cancel(f[2]) >= 0);
    for (int i = 0; i < 4; i++) {
        CHECK(scoop_next(it, &next) == 0);
        int err = scoop_join(next, NULL);
        good += err == 0;
        failed += err == SCOOP_EFAILED;
        cancelled += err == SCOOP_ECANCELLED;
    }
    CHECK(failed == 1 && good + cancelled == 3 && cancelled <= 1);
    CHECK(scoop_next(it, &next) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

static void duplicates(void)
{
    scoop_future a = scoop_submit(same, &(int){1});
    scoop_future b = scoop_submit(same, &(int){2});
    scoop_future f[] = {a, b, a, b, a}, next;
    scoop_iter *it;
    int count = 0;

    CHECK(scoop_result(a, NULL) == 0);
    CHECK(scoop_as_completed(&it, f, 5) == 0);
    CHECK(scoop_iter_add(it, b) == 0 && scoop_iter_add(it, a) == 0);
    while (scoop_next(it, &next) == 0)
        count++;
    CHECK(count == 2);
    CHECK(scoop_iter_add(it, a) == 0); /* it was yielded: once more */
    CHECK(scoop_next(it, &next) == 0 && next.id == a.id);
    CHECK(scoop_next(it, &next) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
    CHECK(scoop_join(a, NULL) == 0 && scoop_join(b, NULL) == 0);
}

/* A tree of tasks, each of which is submitted when another has ended. */
static void adding(void)
{
    scoop_iter *it;
    scoop_future next;
    int count = 0, sum = 0, made = 1, out, wrong = 0;

    CHECK(scoop_as_completed(&it, NULL, 0) == 0);
    CHECK(scoop_next(it, &next) == SCOOP_END);
    CHECK(scoop_iter_add(it, scoop_submit(same, &(int){1})) == 0);
    while (scoop_next(it, &next, .timeout = 50) == 0) {
        wrong += scoop_join(next, &out) != 0;
        count++;
        sum += out;
        for (int k = 0; k < 2 && made < 1000; k++) {
            made++;
            wrong += scoop_iter_add(it, scoop_submit(same, &made)) != 0;
        }
    }
    CHECK(wrong == 0 && count == 1000 && sum == 1000 * 1001 / 2);
    CHECK(scoop_iter_free(it) == 0);
}

static void releasing(void)
{
    scoop_place away = scoop_on_rank(scoop_size() - 1);
    scoop_future f[6], next;
    scoop_iter *it;
    int count = 0;

    for (int i = 0; i < 6; i++)
        f[i] = i % 2 ? scoop_submit(same, &i)
                     : scoop_submit(nap, &(double){0.02}, .place = away);
    CHECK(scoop_result(f[1], NULL) == 0);
    CHECK(scoop_as_completed(&it, f, 6) == 0);
    CHECK(scoop_release(f[0]) == 0); /* unfinished, or not */
    CHECK(scoop_release(f[1]) == 0); /* it has ended */
    CHECK(scoop_release(f[3]) == 0);
    while (scoop_next(it, &next, .timeout = 50) == 0) {
        CHECK(next.id == f[2].id || next.id == f[4].id || next.id == f[5].id);
        CHECK(scoop_join(next, NULL) == 0);
        count++;
    }
    CHECK(count == 3);
    CHECK(scoop_iter_free(it) == 0);
    /* All of them: nothing is left to wait for. */
    f[0] = scoop_submit(nap, &(double){0.02}, .place = away);
    CHECK(scoop_as_completed(&it, f, 1) == 0);
    CHECK(scoop_release(f[0]) == 0);
    CHECK(scoop_next(it, &next) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

static void times_out(int where)
{
    scoop_future next;
    scoop_iter *it;
    int err;

    scoop_future f =
        scoop_submit(nap, &(double){0.2}, .place = scoop_on_rank(where));
    CHECK(scoop_as_completed(&it, &f, 1) == 0);
    double begin = api_now();
    err = scoop_next(it, &next, .timeout = 0.02);
    CHECK(err == SCOOP_ETIMEDOUT ? api_now() - begin >= 0.02 && next.id == 0
                                 : err == 0);
    double end = api_now() + 50;
    while (err == SCOOP_ETIMEDOUT && api_now() < end)
        err = scoop_next(it, &next, .timeout = SCOOP_NOW);
    CHECK(err == 0 && next.id == f.id);
    CHECK(scoop_join(f, NULL) == 0);
    CHECK(scoop_next(it, &next, .timeout = 1) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

/* The same future in several iterators, in a wait and in a join at once. */
static void several(void)
{
    scoop_iter *it[3];
    scoop_future f[50], next;
    int wrong = 0;

    for (int i = 0; i < 50; i++)
        f[i] = scoop_submit(same, &i);
    for (int k = 0; k < 3; k++)
        CHECK(scoop_as_completed(&it[k], f, 50) == 0);
    CHECK(scoop_result(f[7], NULL) == 0);
    CHECK(scoop_result(f[8], NULL, .timeout = 50) == 0);
    CHECK(scoop_wait(f, 50) == 0);
    for (int i = 0; i < 50; i++)
        for (int k = 0; k < 2; k++)
            wrong += scoop_next(it[k], &next, .timeout = SCOOP_NOW) != 0;
    CHECK(wrong == 0);
    for (int k = 0; k < 3; k++)
        CHECK(scoop_iter_free(it[k]) == 0);
    for (int i = 0; i < 50; i++)
        CHECK(scoop_join(f[i], NULL) == 0);
}

static void bad_ones(void)
{
    scoop_future f[2] = {scoop_submit(same, &(int){1}), {1, 1}}, next;
    scoop_iter *it = (void *)f;
    uint64_t index;
    int status, err = 0;

    CHECK(scoop_as_completed(&it, f, 2) == SCOOP_ESTALE && it == NULL);
    CHECK(scoop_as_completed(&it, NULL, 1) == SCOOP_EINVAL && it == NULL);
    CHECK(scoop_as_completed(NULL, f, 1) == SCOOP_EINVAL);
    CHECK(scoop_next(NULL, &next) == SCOOP_EINVAL);
    CHECK(scoop_iter_add(NULL, f[0]) == SCOOP_EINVAL);
    CHECK(scoop_iter_free(NULL) == 0);
    CHECK(scoop_next((scoop_iter *)(void *)f, &next) == SCOOP_ESTALE);
    CHECK(scoop_as_completed(&it, f, 1) == 0);
    CHECK(scoop_next(it, NULL) == SCOOP_EINVAL);
    CHECK(scoop_iter_add(it, f[1]) == SCOOP_ESTALE);
    CHECK(scoop_next_item(it, &index, NULL, &status) == SCOOP_EINVAL);
    for (int r = 0; r < scoop_size(); r++) {
        scoop_future g = scoop_submit(foreign, &(uint64_t){(uintptr_t)it},
                                      .place = scoop_on_rank(r));
        CHECK(scoop_join(g, &err) == 0 && err == SCOOP_ESTALE);
    }
    CHECK(scoop_next_of(it, &next, NULL) == 0 && next.id == f[0].id);
    CHECK(scoop_join(next, NULL) == 0);
    CHECK(scoop_iter_free(it) == 0);
}

static int root(int argc, char **argv)
{
    struct api_catch c;
    int err = 0;

    (void)argc;
    (void)argv;
    for (int i = 0; i < 3; i++) {
        double timeout = i == 0 ? 0 : i == 1 ? 50 : SCOOP_NOW;
        each_once(0, timeout);
        each_once(1, timeout);
        each_once(2, timeout);
        each_once(97, timeout);
        each_once(MANY, timeout);
    }
    in_order_of_ends();
    failed_ones_too();
    duplicates();
    adding();
    releasing();
    times_out(0);
    times_out(scoop_size() - 1);
    several();
    bad_ones();
    api_catch(&c);
    for (int i = 0; i < 10; i++)
        err += scoop_join(scoop_submit(leave_iterators, &i), NULL);
    char *said = api_caught(&c);
    CHECK(err == 0 && api_lines(said, "warn") == 0);
    free(said);
    scoop_iter *it; /* the root's are freed as well */
    scoop_future f = scoop_submit(same, &(int){1});
    CHECK(scoop_as_completed(&it, &f, 1) == 0);
    CHECK(scoop_join(f, NULL) == 0);
    return checks_done();
}

int main(int argc, char **argv)
{
    scoop_iter *it;
    scoop_future f = {1, 1};

    CHECK(scoop_as_completed(&it, &f, 1) == SCOOP_ESTATE && it == NULL);
    CHECK(scoop_next(it, &f) == SCOOP_ESTATE);
    CHECK(scoop_iter_add(it, f) == SCOOP_ESTATE);
    CHECK(scoop_iter_free(it) == SCOOP_ESTATE);
    return scoop_main(argc, argv, root);
}
