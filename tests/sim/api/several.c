/* SPDX-License-Identifier: MIT */
/* several.c -- waits for several futures, and futures as they are completed
 *
 * Among them are some that fail and some that are cancelled, which have to
 * count as ended all the same.
 */
#include "api.h"

#include <string.h>

#define MOST 20u

enum fate { GOOD, FAILS, CANCELLED, DROPPED };

struct group {
    unsigned n;
    struct node child[MOST];
    enum fate fate[MOST];
    scoop_future f[MOST];
    bool has_ended[MOST];
};

static void draw_group(const struct node *node, const struct op *op,
                       struct group *g)
{
    uint64_t state = hash(op->state, 20);
    unsigned rough = draw(&state, 2) ? 8 : 1000000;

    memset(g, 0, sizeof *g);
    g->n = op->n;
    for (unsigned i = 0; i < g->n; i++) {
        g->child[i] = child_of(node, op, i, g->n);
        uint64_t fate = draw(&state, rough);
        if (fate == 0) {
            g->fate[i] = FAILS;
            g->child[i].fails = FAILURE;
        } else if (fate < 3) {
            g->fate[i] = fate == 1 ? CANCELLED : DROPPED;
            g->child[i] = loose(g->child[i]);
        }
    }
}

static void begin_group(const struct op *op, struct group *g)
{
    uint64_t state = hash(op->state, 21);

    for (unsigned i = 0; i < g->n; i++) {
        int priority = draw(&state, 3) ? 0 : (int)draw(&state, 9) - 4;
        g->f[i] = scoop_submit(node_task, &g->child[i], .priority = priority);
    }
}

static uint64_t expect_group(const struct node *node, const struct op *op,
                             struct account *account)
{
    struct group g;
    uint64_t sum = 0;

    draw_group(node, op, &g);
    for (unsigned i = 0; i < g.n; i++)
        if (g.fate[i] == GOOD)
            sum += node_expect(&g.child[i], account);
        else if (g.fate[i] == FAILS)
            node_expect(&g.child[i], account);
    return sum;
}

static void cancel_some(const struct node *node, struct group *g)
{
    for (unsigned i = 0; i < g->n; i++)
        if (g->fate[i] == CANCELLED && scoop_cancel(g->f[i]) < 0)
            note(node, "scoop_cancel of one of several", (int)i);
}

static uint64_t join_at(const struct node *node, struct group *g, unsigned i,
                        double timeout)
{
    uint64_t value = 0;
    int err = scoop_join(g->f[i], &value, .timeout = timeout);

    if (g->fate[i] == FAILS ? err != SCOOP_EFAILED
        : g->fate[i] == GOOD
            ? err != 0
            : err && (g->fate[i] == DROPPED || err != SCOOP_ECANCELLED))
        note(node, "one of several", err);
    if (!err && value != node_value(&g->child[i]))
        note(node, "the value of one of several", (int)i);
    if (g->fate[i] == FAILS)
        check_failure(node, scoop_last_error(), 1);
    return g->fate[i] == GOOD ? value : 0;
}

/* ---- scoop_wait() -------------------------------------------------------- */

static void check_wait(const struct node *node, struct group *g,
                       const bool *done, size_t count, int return_when, int err)
{
    size_t counted = 0, bad = 0;

    for (unsigned i = 0; i < g->n; i++) {
        counted += done[i];
        bad += done[i] && g->fate[i] != GOOD;
        if (g->has_ended[i] && !done[i])
            note(node, "an end that was taken back", (int)i);
        if (done[i] && scoop_done(g->f[i]) != 1)
            note(node, "done, but not for scoop_done", (int)i);
        g->has_ended[i] = done[i];
    }
    if (count != counted)
        note(node, "the count of a wait", (int)count);
    if (err)
        return;
    if (return_when == SCOOP_ALL_COMPLETED && count != g->n)
        note(node, "a wait for all", (int)count);
    if (return_when == SCOOP_FIRST_COMPLETED && !count && g->n)
        note(node, "a wait for the first", 0);
    if (return_when == SCOOP_FIRST_EXCEPTION && count != g->n && !bad)
        note(node, "a wait for the first that fails", (int)count);
}

static void wait_some(const struct node *node, struct group *g, uint64_t *state)
{
    bool done[MOST + 1] = {0};
    scoop_future f[MOST + 1];
    size_t count = 99, n = g->n;
    int when = (int)draw(state, 3);
    double timeout = draw(state, 2)   ? 0
                     : draw(state, 4) ? (double)draw(state, 30) * 1e-6 + 1e-9
                                      : SCOOP_NOW;
    memcpy(f, g->f, sizeof g->f);
    if (n && draw(state, 4) == 0)
        f[n] = f[draw(state, n)], n++; /* one of them stands there twice */
    int err = scoop_wait(f, n, .return_when = when, .timeout = timeout,
                         .done = done, .count = &count);

    if (err && !(err == SCOOP_ETIMEDOUT && (timeout > 0 || timeout < 0)))
        note(node, "scoop_wait", err);
    if (n > g->n)
        count -= done[g->n];
    if (!err || err == SCOOP_ETIMEDOUT)
        check_wait(node, g, done, count, when, err);
}

static uint64_t finish_several(const struct node *node, const struct op *op,
                               struct held *held)
{
    struct group g;
    uint64_t state = hash(op->state, 22), sum = 0;
    unsigned order[MOST];

    (void)held;
    draw_group(node, op, &g);
    begin_group(op, &g);
    cancel_some(node, &g);
    for (unsigned k = (unsigned)draw(&state, 4); k; k--)
        wait_some(node, &g, &state);
    for (unsigned i = 0; i < g.n; i++)
        order[i] = i;
    for (unsigned left = g.n; left;) {
        unsigned at = (unsigned)draw(&state, left--), i = order[at];
        order[at] = order[left];
        /* What has ended is not waited for. */
        sum += join_at(node, &g, i, g.has_ended[i] ? SCOOP_NOW : 0);
    }
    return sum;
}

const struct kind several_kind = {"several",      5,           MOST, NULL,
                                  finish_several, expect_group};

/* ---- As they are completed ------------------------------------------------
 */

/* Takes what is yielded next; returns its number, -1 at the end, -2 for a time
 * that has passed. */
static int take(const struct node *node, struct group *g, scoop_iter *iter,
                double timeout)
{
    scoop_future f = {0};
    int err = scoop_next(iter, &f, .timeout = timeout);

    if (err == SCOOP_END)
        return -1;
    if (err == SCOOP_ETIMEDOUT && (timeout > 0 || timeout < 0))
        return -2;
    if (err)
        note(node, "scoop_next", err);
    for (unsigned i = 0; i < g->n && !err; i++)
        if (g->f[i].id == f.id && g->f[i].generation == f.generation)
            return (int)i;
    if (!err)
        note(node, "scoop_next yields what was not given", 0);
    return -1;
}

static uint64_t drain(const struct node *node, struct group *g,
                      scoop_iter *iter, unsigned *added, uint64_t *state)
{
    uint64_t sum = 0;
    int tries = 3;

    for (;;) {
        double timeout = tries-- > 0 && draw(state, 2)
                             ? (double)draw(state, 9) * 1e-6 + 1e-9
                             : 0;
        int i = take(node, g, iter, timeout), err = 0;
        if (i == -1)
            return sum;
        if (i >= 0 && g->has_ended[i])
            note(node, "yielded twice", i);
        if (i >= 0) {
            g->has_ended[i] = true;
            sum += join_at(node, g, (unsigned)i, SCOOP_NOW);
        }
        while (*added < g->n && g->fate[*added] == DROPPED)
            ++*added;
        if (*added < g->n && draw(state, 2))
            err = scoop_iter_add(iter, g->f[(*added)++]);
        if (err)
            note(node, "scoop_iter_add", err);
    }
}

static uint64_t finish_completed(const struct node *node, const struct op *op,
                                 struct held *held)
{
    struct group g;
    uint64_t state = hash(op->state, 23), sum = 0;
    scoop_iter *iter = NULL;

    (void)held;
    draw_group(node, op, &g);
    begin_group(op, &g);
    cancel_some(node, &g);
    unsigned added = (unsigned)draw(&state, g.n + 1u);
    int err = scoop_as_completed(&iter, g.f, added);
    if (err)
        note(node, "scoop_as_completed", err);
    for (unsigned i = 0; i < g.n; i++) /* these drop out */
        if (g.fate[i] == DROPPED && scoop_release(g.f[i]))
            note(node, "a release from an iterator", (int)i);
    for (;;) {
        sum += drain(node, &g, iter, &added, &state);
        while (added < g.n && g.fate[added] == DROPPED)
            added++;
        if (added == g.n || is_given_up(node))
            break;
        if ((err = scoop_iter_add(iter, g.f[added++])))
            note(node, "scoop_iter_add after the end", err);
    }
    for (unsigned i = 0; i < g.n; i++)
        if (!g.has_ended[i] && g.fate[i] != DROPPED)
            note(node, "never yielded", (int)i);
    err = scoop_iter_free(iter);
    if (err || scoop_iter_free(iter) != SCOOP_ESTALE)
        note(node, "scoop_iter_free", err);
    return sum;
}

const struct kind completed_kind = {"as completed",   5,           MOST, NULL,
                                    finish_completed, expect_group};
