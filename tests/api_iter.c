/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_iter.c -- the items of a map one by one, from arrays and generators */
#include "api.h"

SCOOP_TASK(square, int, long);
SCOOP_TASK(nap, double, int);
SCOOP_TASK(fail_odd, int, int);
SCOOP_TASK(hello, SCOOP_NONE, int);
SCOOP_TASK(no_output, int, SCOOP_NONE);
SCOOP_TASK(leave_iterator, int, int);
SCOOP_TASK(second_time, int, int);
SCOOP_TASK_BYTES(echo);

struct pair {
    int left;
    double right;
};
SCOOP_TASK(add, struct pair, double);

struct wide {
    _Alignas(64) double x[40]; /* more than a future has room for */
};
SCOOP_TASK(turn, struct wide, struct wide);

#define MANY 10000

static int square(const int *in, long *out)
{
    return *out = (long)*in * *in, 0;
}

static int nap(const double *seconds, int *out)
{
    api_nap(*seconds);
    return *out = 42, 0;
}

static int fail_odd(const int *in, int *out)
{
    if (*in % 2)
        return scoop_fail(3, "%d is odd", *in);
    return *out = *in, 0;
}

static int hello(const SCOOP_NONE *in, int *out)
{
    return *out = in == NULL ? 7 : 8, 0;
}

static int no_output(const int *in, SCOOP_NONE *out)
{
    return out || *in < 0;
}

static int add(const struct pair *in, double *out)
{
    return *out = in->left + in->right, 0;
}

static int turn(const struct wide *in, struct wide *out)
{
    if ((uintptr_t)in % 64 || (uintptr_t)out % 64)
        return scoop_fail(1, "not aligned");
    for (int i = 0; i < 40; i++)
        out->x[i] = in->x[39 - i];
    return 0;
}

static int second_time(const int *in, int *out)
{
    *out = *in;
    return scoop_attempt() == 2 ? 0 : scoop_fail(1, "not yet");
}

static int echo(const void *data, size_t len, scoop_out *out)
{
    return scoop_out_write(out, data, len);
}

/* Makes 0, 1, 2 ... up to a limit (-1: without end). */
struct counter {
    int made, limit, most_ahead, yielded;
};

static int next_number(void *ctx, void *item)
{
    struct counter *c = ctx;

    if (c->made == c->limit)
        return SCOOP_END;
    *(int *)item = c->made++;
    if (c->most_ahead < c->made - c->yielded)
        c->most_ahead = c->made - c->yielded;
    return 0;
}

static int leave_iterator(const int *n, int *out)
{
    struct counter c = {0, -1, 0, 0};
    scoop_iter *it;
    long x;
    int status;

    *out = 0;
    if (scoop_map_gen(square, &it, next_number, &c, .as_completed = *n % 2))
        return 1;
    for (int i = 0; i < *n; i++)
        if (scoop_next_item(it, NULL, &x, &status, .timeout = 50) || status)
            return 2;
    return 0; /* the rest is cancelled, without a word */
}

static void in_order(int n, size_t in_flight, double timeout)
{
    static int in[MANY];
    scoop_iter *it;
    uint64_t index = 99, expected = 0;
    long out = -1;
    int status = -1, wrong = 0, err;

    for (int i = 0; i < n; i++)
        in[i] = i;
    CHECK(scoop_map_iter(square, &it, in, (size_t)n, .in_flight = in_flight) ==
          0);
    while ((err = scoop_next_item(it, &index, &out, &status,
                                  .timeout = timeout)) != SCOOP_END) {
        if (err == SCOOP_ETIMEDOUT && timeout < 0)
            continue;
        wrong += err || status || index != expected;
        wrong += out != (long)(expected * expected);
        expected++;
        if (err)
            break;
    }
    CHECK(wrong == 0 && expected == (uint64_t)n && err == SCOOP_END);
    CHECK(scoop_next_item(it, NULL, NULL, NULL) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

static void as_completed(int n, size_t in_flight, double timeout)
{
    static int in[MANY];
    static char seen[MANY];
    scoop_iter *it;
    uint64_t index;
    long out;
    int status, wrong = 0, err, count = 0;

    memset(seen, 0, sizeof seen);
    for (int i = 0; i < n; i++)
        in[i] = i;
    CHECK(scoop_map_iter(square, &it, in, (size_t)n, .as_completed = 1,
                         .in_flight = in_flight) == 0);
    while ((err = scoop_next_item(it, &index, &out, &status,
                                  .timeout = timeout)) != SCOOP_END) {
        if (err == SCOOP_ETIMEDOUT && timeout < 0)
            continue;
        wrong += err || status || index >= (uint64_t)n;
        if (wrong)
            break;
        wrong += seen[index]++ || out != (long)(index * index);
        count++;
    }
    CHECK(wrong == 0 && count == n && err == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

/* Without end: only what is wanted is made. */
static void endless(int is_completed)
{
    struct counter c = {0, -1, 0, 0};
    scoop_iter *it;
    uint64_t index, sum = 0;
    long out;
    int status, wrong = 0;

    CHECK(scoop_map_gen(square, &it, next_number, &c, .in_flight = 10,
                        .as_completed = is_completed) == 0);
    CHECK(c.made == 0);
    for (int i = 0; i < 1000; i++) {
        wrong += scoop_next_item(it, &index, &out, &status) || status;
        wrong += out != (long)(index * index);
        wrong += !is_completed && index != (uint64_t)i;
        sum += index;
        c.yielded++;
    }
    CHECK(wrong == 0 && c.most_ahead <= 10 && c.made <= 1010);
    CHECK(is_completed || sum == 999 * 500);
    CHECK(scoop_iter_free(it) == 0);
    c = (struct counter){0, -1, 0, 0};
    CHECK(scoop_map_gen(square, &it, next_number, &c) == 0);
    CHECK(scoop_next_item(it, &index, &out, &status) == 0 && index == 0);
    CHECK(c.made >= 64 && c.made <= 64 + 4 * scoop_size());
    CHECK(scoop_iter_free(it) == 0);
}

/* Two inputs of different types, as long as the shorter one. */
struct zip {
    const int *left;
    const double *right;
    size_t lefts, rights, at;
};

static int next_pair(void *ctx, void *item)
{
    struct zip *z = ctx;
    struct pair *p = item;

    if (z->at == z->lefts || z->at == z->rights)
        return SCOOP_END;
    p->left = z->left[z->at];
    p->right = z->right[z->at++];
    return 0;
}

static void zipped(void)
{
    int left[] = {1, 2, 3, 4, 5};
    double right[] = {0.5, 0.25, 0.125}, out, sum = 0;
    struct zip z = {left, right, 5, 3, 0};
    scoop_iter *it;
    int status;

    CHECK(scoop_map_gen(add, &it, next_pair, &z) == 0);
    while (scoop_next_item(it, NULL, &out, &status) == 0)
        sum += out;
    CHECK(sum == 6.875);
    CHECK(scoop_iter_free(it) == 0);
}

static void failing_items(int is_completed)
{
    int in[100], good = 0, bad = 0, wrong = 0, status, out;
    scoop_iter *it;
    uint64_t index;

    for (int i = 0; i < 100; i++)
        in[i] = i;
    CHECK(scoop_map_iter(fail_odd, &it, in, 100,
                         .as_completed = is_completed) == 0);
    while (scoop_next_item(it, &index, &out, &status) == 0) {
        const struct scoop_error *e = scoop_last_error();
        if (status) {
            char words[32];
            snprintf(words, sizeof words, "%d is odd", (int)index);
            wrong += status != SCOOP_EFAILED || index % 2 == 0 || !e ||
                     e->task_code != 3 || !e->has_item || e->item != index ||
                     strcmp(e->message, words) != 0;
            bad++;
        } else {
            wrong += index % 2 != 0 || out != (int)index;
            good++;
        }
    }
    CHECK(wrong == 0 && good == 50 && bad == 50);
    CHECK(scoop_iter_free(it) == 0);
    /* Without a place for it the status is what the call returns. */
    CHECK(scoop_map_iter(fail_odd, &it, in, 3) == 0);
    CHECK(scoop_next_item(it, NULL, &out, NULL) == 0);
    CHECK(scoop_next_item(it, NULL, &out, NULL) == SCOOP_EFAILED);
    CHECK(scoop_next_item(it, NULL, &out, NULL) == 0 && out == 2);
    CHECK(scoop_next_item(it, NULL, &out, NULL) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

static int next_then_fail(void *ctx, void *item)
{
    struct counter *c = ctx;

    if (c->made == c->limit)
        return c->limit % 2 ? scoop_fail(21, "the file ended")
                            : SCOOP_ETIMEDOUT;
    *(int *)item = c->made++;
    return 0;
}

static void failing_generators(int made, int is_completed)
{
    struct counter c = {0, made, 0, 0};
    scoop_iter *it;
    int status, count = 0, err;
    long out;

    CHECK(scoop_map_gen(square, &it, next_then_fail, &c,
                        .as_completed = is_completed) == 0);
    while ((err = scoop_next_item(it, NULL, &out, &status, .timeout = 50)) == 0)
        count++;
    CHECK(count == made && err == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->task_code == (made % 2 ? 21 : SCOOP_ETIMEDOUT));
    CHECK(e && strstr(e->message, made % 2 ? "the file ended" : "generator"));
    CHECK(scoop_next_item(it, NULL, &out, &status) == SCOOP_EFAILED);
    CHECK(scoop_iter_free(it) == 0);
}

static scoop_iter *own; /* the one that a generator runs for */

static int next_misuses(void *ctx, void *item)
{
    long out;
    int status;

    *(int *)item = 3;
    if (scoop_next_item(own, NULL, &out, &status) != SCOOP_EINVAL ||
        scoop_iter_free(own) != SCOOP_EINVAL)
        return 1;
    /* Other calls are fine. */
    if (scoop_join(scoop_submit(square, (int *)item), &out) || out != 9)
        return 2;
    return (*(int *)ctx)-- ? 0 : SCOOP_END;
}

static void generators_that_call(void)
{
    int left = 100, count = 0, status, err;
    long out;

    CHECK(scoop_map_gen(square, &own, next_misuses, &left) == 0);
    while ((err = scoop_next_item(own, NULL, &out, &status)) == 0)
        count += out == 9 && !status;
    CHECK(err == SCOOP_END && count == 100);
    CHECK(scoop_iter_free(own) == 0);
}

static void times_out(int is_completed)
{
    double in[3] = {0.2, 0.001, 0.001};
    int out = -1, status = 5, err;
    scoop_place away = scoop_on_rank(scoop_size() - 1);
    scoop_iter *it;

    CHECK(scoop_map_iter(nap, &it, in, 3, .place = away,
                         .as_completed = is_completed) == 0);
    double begin = api_now(), end = begin + 50;
    err = scoop_next_item(it, NULL, &out, &status, .timeout = 0.02);
    CHECK(err == SCOOP_ETIMEDOUT
              ? api_now() - begin >= 0.02 && out == -1 && status == 5
              : err == 0 && out == 42);
    for (int count = err == 0; count < 3 && api_now() < end;) {
        err = scoop_next_item(it, NULL, &out, &status, .timeout = SCOOP_NOW);
        CHECK(err == 0 || err == SCOOP_ETIMEDOUT);
        count += err == 0;
    }
    CHECK(out == 42 && status == 0);
    CHECK(scoop_next_item(it, NULL, &out, &status, .timeout = 50) == SCOOP_END);
    CHECK(scoop_iter_free(it) == 0);
}

/* The options of submit reach the items. */
static void with_retries(int is_completed)
{
    int in[50], out, status, good = 0;
    scoop_iter *it;
    uint64_t index;

    for (int i = 0; i < 50; i++)
        in[i] = i;
    CHECK(scoop_map_iter(second_time, &it, in, 50, .retries = 1, .priority = 2,
                         .as_completed = is_completed) == 0);
    while (scoop_next_item(it, &index, &out, &status, .timeout = 50) == 0)
        good += status == 0 && out == (int)index;
    CHECK(good == 50);
    CHECK(scoop_iter_free(it) == 0);
    CHECK(scoop_map_iter(second_time, &it, in, 50) == 0);
    CHECK(scoop_next_item(it, &index, &out, &status) == 0 &&
          status == SCOOP_EFAILED);
    CHECK(scoop_iter_free(it) == 0);
}

/* Items that were made and not yielded go without a trace. */
static void freed_early(void)
{
    struct api_catch c;
    struct counter count = {0, -1, 0, 0};
    int status, err = 0;
    scoop_iter *it;
    long out;

    api_catch(&c);
    for (int i = 0; i < 20; i++) {
        err += scoop_map_gen(square, &it, next_number, &count,
                             .as_completed = i % 2);
        for (int k = 0; k < i; k++)
            err += scoop_next_item(it, NULL, &out, &status);
        err += scoop_iter_free(it);
        err += scoop_join(scoop_submit(leave_iterator, &i), NULL);
    }
    char *said = api_caught(&c);
    CHECK(err == 0 && said[0] == 0);
    free(said);
}

static void all_types(void)
{
    struct wide in[30], out;
    int one[2] = {1, 2}, x = 0, status, wrong = 0, count = 0;
    scoop_iter *it;

    memset(in, 0, sizeof in);
    for (int i = 0; i < 30; i++)
        in[i].x[0] = i;
    CHECK(scoop_map_iter(turn, &it, in, 30) == 0);
    for (int i = 0; i < 30; i++)
        wrong += scoop_next_item(it, NULL, &out, &status) || status ||
                 out.x[39] != i;
    CHECK(wrong == 0);
    CHECK(scoop_map_iter(hello, &it, NULL, 5) == 0); /* the other is left */
    while (scoop_next_item(it, NULL, &x, &status) == 0)
        count += x == 7;
    CHECK(count == 5);
    CHECK(scoop_map_iter(no_output, &it, one, 2) == 0);
    while (scoop_next_item(it, NULL, NULL, &status) == 0)
        count += status == 0;
    CHECK(count == 7);
}

/* What put() is told, and when it ends the map itself. */
struct sink {
    int made, limit, put, failed, wrong, stop_at;
};

static int next_of_sink(void *ctx, void *item)
{
    struct sink *s = ctx;

    if (s->made == s->limit)
        return SCOOP_END;
    *(int *)item = s->made++;
    return 0;
}

static int put(void *ctx, uint64_t index, const void *out, int status)
{
    struct sink *s = ctx;

    s->wrong += index != (uint64_t)(s->put + s->failed);
    if (status) {
        s->wrong += out != NULL || index % 2 == 0;
        s->failed++;
    } else {
        s->wrong += *(const int *)out != (int)index;
        s->put++;
    }
    if (s->put + s->failed == s->stop_at)
        return scoop_fail(31, "the disk is full");
    return 0;
}

static void each(void)
{
    struct sink s = {0, 1000, 0, 0, 0, -1};

    CHECK(scoop_map_each(fail_odd, next_of_sink, &s, put,
                         .on_error = SCOOP_KEEP_GOING) == 0);
    CHECK(s.put == 500 && s.failed == 500 && s.wrong == 0);
    s = (struct sink){0, 1000, 0, 0, 0, -1};
    CHECK(scoop_map_each(fail_odd, next_of_sink, &s, put, .in_flight = 3) ==
          SCOOP_EFAILED);
    CHECK(s.put == 1 && s.failed == 0 && s.made <= 4);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item && e->item == 1 && e->task_code == 3);
    s = (struct sink){0, -1, 0, 0, 0, 77};
    CHECK(scoop_map_each(fail_odd, next_of_sink, &s, put,
                         .on_error = SCOOP_KEEP_GOING) == SCOOP_EFAILED);
    e = scoop_last_error();
    CHECK(s.put + s.failed == 77 && s.wrong == 0);
    CHECK(e && e->task_code == 31 && strstr(e->message, "the disk is full"));
    for (int n = 0; n < 3; n++) {
        s = (struct sink){0, n, 0, 0, 0, -1};
        CHECK(scoop_map_each(fail_odd, next_of_sink, &s, put,
                             .on_error = SCOOP_KEEP_GOING) == 0);
        CHECK(s.put + s.failed == n && s.wrong == 0);
    }
    s = (struct sink){0, 1, 0, 0, 0, -1};
    CHECK(scoop_map_each(fail_odd, next_of_sink, &s, NULL) == 0 && s.made == 1);
    s = (struct sink){0, -1, 0, 0, 0, -1};
    double begin = api_now();
    CHECK(scoop_map_each(fail_odd, next_of_sink, &s, put,
                         .on_error = SCOOP_KEEP_GOING,
                         .limit = 0.05) == SCOOP_ETIMEDOUT);
    CHECK(api_now() - begin >= 0.05 && s.wrong == 0);
}

static void bad_ones(void)
{
    scoop_iter *it = (void *)&it;
    struct counter c = {0, 1, 0, 0};
    scoop_future f;
    int x = 1, status;
    long out;

    CHECK(scoop_map_iter(square, &it, NULL, 1) == SCOOP_EINVAL && !it);
    CHECK(scoop_map_iter(square, NULL, &x, 1) == SCOOP_EINVAL);
    CHECK(scoop_map_gen(square, &it, NULL, &c) == SCOOP_EINVAL);
    CHECK(scoop_map_each(square, NULL, &c, NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_iter(square, &it, &x, 1, .detached = 1) == SCOOP_EINVAL);
    CHECK(scoop_map_iter(square, &it, &x, 1, .borrow = 1) == SCOOP_EINVAL);
    CHECK(scoop_map_iter(square, &it, &x, 1, .take = 1) == SCOOP_EINVAL);
    CHECK(scoop_map_iter_task(NULL, &it, &x, 1, NULL) == SCOOP_EINVAL);
    CHECK(scoop_map_iter_task(&scoop_task_echo, &it, &x, 1, NULL) ==
          SCOOP_EINVAL);
    CHECK(scoop_map_iter_task(&scoop_task_square, &it, &x, 1, NULL) == 0);
    CHECK(scoop_next(it, &f) == SCOOP_EINVAL);
    CHECK(scoop_iter_add(it, (scoop_future){1, 1}) == SCOOP_EINVAL);
    CHECK(scoop_next_item_of(it, NULL, &out, &status, NULL) == 0 && out == 1);
    CHECK(scoop_iter_free(it) == 0);
    CHECK(scoop_next_item(it, NULL, &out, &status) == SCOOP_ESTALE);
    CHECK(scoop_next_item(NULL, NULL, &out, &status) == SCOOP_EINVAL);
    /* No such rank: told when the first item is wanted. */
    CHECK(scoop_map_iter(square, &it, &x, 1,
                         .place = scoop_on_rank(scoop_size())) == 0);
    CHECK(scoop_next_item(it, NULL, &out, &status) == SCOOP_EINVAL);
    CHECK(scoop_iter_free(it) == 0);
}

static int root(int argc, char **argv)
{
    static const int size[] = {0, 1, 2, 63, 64, 65, 997};

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (int k = 0; k < 3; k++) {
            double timeout = k == 0 ? 0 : k == 1 ? 50 : SCOOP_NOW;
            in_order(size[i], (size_t)k * 7, timeout);
            as_completed(size[i], (size_t)k * 7, timeout);
        }
    in_order(MANY, 0, 0);
    as_completed(MANY, MANY, 0);
    in_order(100, 1, 0);
    as_completed(100, 1, 0);
    for (int is_completed = 0; is_completed < 2; is_completed++) {
        endless(is_completed);
        failing_items(is_completed);
        for (int n = 0; n < 4; n++)
            failing_generators(n, is_completed);
        failing_generators(500, is_completed);
        times_out(is_completed);
        with_retries(is_completed);
    }
    zipped();
    generators_that_call();
    freed_early();
    all_types();
    each();
    bad_ones();
    return checks_done();
}

int main(int argc, char **argv)
{
    struct counter c = {0, 5, 0, 0};
    scoop_iter *it = NULL;
    uint64_t index;
    long out = 0;
    int x = 3, status = 1, wrong = 0;

    CHECK(scoop_next_item(it, NULL, NULL, NULL) == SCOOP_ESTATE);
    /* Outside of a farm they work, one by one. */
    CHECK(scoop_map_iter(square, &it, &x, 1) == 0);
    CHECK(scoop_next_item(it, &index, &out, &status) == 0);
    CHECK(index == 0 && out == 9 && status == 0);
    CHECK(scoop_next_item(it, &index, &out, &status) == SCOOP_END);
    CHECK(scoop_map_gen(square, &it, next_number, &c) == 0);
    for (int i = 0; i < 5; i++)
        wrong += scoop_next_item(it, &index, &out, &status) || out != i * i;
    CHECK(wrong == 0);
    CHECK(scoop_next_item(it, &index, &out, &status) == SCOOP_END);
    return scoop_main(argc, argv, root);
}
