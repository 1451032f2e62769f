/* SPDX-License-Identifier: MIT */
/* ranks: 1 4; node-memory: 1 0; limit: 60 s */
/* api_nested.c -- waits of every kind inside each other, a thousand deep */
#include "api.h"

SCOOP_TASK(deep, int, int);
SCOOP_TASK(same, int, int);

#define DEPTH 1000
#define KINDS 14

static int same(const int *in, int *out)
{
    return *out = *in, 0;
}

static int next_one(void *ctx, void *item)
{
    int *level = ctx;

    if (*level < 0)
        return SCOOP_END;
    *(int *)item = *level;
    *level = -1;
    return 0;
}

static int put_one(void *ctx, uint64_t index, const void *out, int status)
{
    (void)index;
    (void)status;
    *(int *)ctx = -2 - *(const int *)out; /* below -1: what came */
    return 0;
}

static int by_iterator(int level, int *out, int is_completed, double timeout)
{
    scoop_iter *it;
    int status, err;

    err = scoop_map_gen(deep, &it, next_one, &level,
                        .as_completed = is_completed);
    if (err)
        return err;
    err = scoop_next_item(it, NULL, out, &status, .timeout = timeout);
    if (err || status)
        return err ? err : status;
    return scoop_next_item(it, NULL, out, &status) == SCOOP_END ? 0 : 1;
}

/* With a few others that are trivial. */
static int by_completed(int level, int *out, double timeout)
{
    scoop_future f[4], next;
    scoop_iter *it;
    int err = 0, sum = 0, x;

    for (int i = 0; i < 4; i++)
        f[i] = i == 2 ? scoop_submit(deep, &level) : scoop_submit(same, &i);
    err = scoop_as_completed(&it, f, 4);
    for (int i = 0; i < 4 && !err; i++) {
        err = scoop_next(it, &next, .timeout = timeout);
        if (!err)
            err = scoop_join(next, &x);
        sum += err ? 0 : x;
    }
    *out = sum - 0 - 1 - 3;
    return err;
}

static int by_wait(int level, int *out, int return_when, double timeout)
{
    scoop_future f[3] = {scoop_submit(same, &level), scoop_submit(deep, &level),
                         scoop_submit(same, &level)};
    int err = scoop_wait(f, 3, .return_when = return_when, .timeout = timeout);

    for (int i = 0; i < 3 && !err; i++)
        err = scoop_join(f[i], i == 1 ? out : NULL, .timeout = timeout);
    return err;
}

static int by_callback(scoop_future f, void *arg)
{
    int out = 0;

    *(int *)arg = scoop_result(f, &out) ? -1 : out;
    return 0;
}

static int poll_done(scoop_future f, int *out)
{
    int err;

    while ((err = scoop_done(f)) == 0)
        ;
    return err < 0 ? err : scoop_join(f, out);
}

static int by_kind(int kind, int level, int *out)
{
    const struct scoop_error *e;
    scoop_future f;
    int in[2] = {level, 0}, outs[2], err;

    switch (kind) {
    case 0:
        return scoop_join(scoop_submit(deep, &level), out);
    case 1:
        return scoop_join(scoop_submit(deep, &level), out, .timeout = 50);
    case 2:
        return by_wait(level, out, SCOOP_ALL_COMPLETED, 0);
    case 3:
        return by_wait(level, out, SCOOP_FIRST_COMPLETED, 50);
    case 4:
        return by_completed(level, out, 0);
    case 5:
        return by_completed(level, out, 50);
    case 6:
        err = scoop_map(deep, in, outs, 2);
        return *out = outs[0], err;
    case 7:
        return by_iterator(level, out, 0, 0);
    case 8:
        return by_iterator(level, out, 1, 50);
    case 9:
        err = scoop_map_each(deep, next_one, &level, put_one);
        return *out = -2 - level, err;
    case 10:
        f = scoop_submit(deep, &level);
        err = scoop_exception(f, &e);
        return err ? err : e ? 1 : scoop_join(f, out);
    case 11: /* a callback watches as well */
        f = scoop_submit(deep, &level);
        static int seen;
        err = scoop_on_done(f, by_callback, &seen);
        return err ? err : scoop_join(f, out);
    case 12:
        err = scoop_map(deep, in, outs, 1, .timeout = 50);
        return *out = outs[0], err;
    default:
        return poll_done(scoop_submit(deep, &level), out);
    }
}

/* Returns its level, counted on the way back. */
static int deep(const int *level, int *out)
{
    int below = -1, err;

    if (*level == 0)
        return *out = 0, 0;
    err = by_kind(*level % KINDS, *level - 1, &below);
    *out = below + 1;
    return err;
}

static int root(int argc, char **argv)
{
    int out;

    (void)argc;
    (void)argv;
    for (int kind = 0; kind < KINDS; kind++) {
        out = -1;
        CHECK(scoop_join(scoop_submit(deep, &(int){kind + KINDS}), &out) == 0);
        CHECK(out == kind + KINDS);
    }
    out = -1;
    if (scoop_join(scoop_submit(deep, &(int){DEPTH}), &out))
        scoop_perror("deep");
    CHECK(out == DEPTH);
    /* Several at once. */
    int in[4] = {DEPTH / 4, DEPTH / 4 + 1, DEPTH / 4 + 2, DEPTH / 4 + 3};
    int outs[4] = {0};
    CHECK(scoop_map(deep, in, outs, 4) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(outs[i] == in[i]);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
