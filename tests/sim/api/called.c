/* SPDX-License-Identifier: MIT */
/* called.c -- callbacks: each once, in order, with rights of a task
 *
 * Each that is added gets a record, which stays until the farm has ended:
 * callbacks may come long after the task that asked for them has returned.  A
 * callback looks at its future, and some have work of their own: a child that
 * they wait for, with a callback of its own.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

/* Those of one future. */
struct turn {
    unsigned begun;
};

struct called {
    struct called *next;
    struct turn *turn; /* owned by the first */
    struct node node;  /* whose future it is: that of `child` */
    struct node child;
    unsigned carrier, number, calls;
    bool may_end_badly;
};

static struct called *all;

const char *called_check(void)
{
    const char *wrong = NULL;

    while (all) {
        struct called *c = all;
        all = c->next;
        if (c->calls != 1 && !wrong)
            wrong = c->calls ? "a callback was called twice"
                             : "a callback was not called";
        if (!c->number)
            free(c->turn);
        free(c);
    }
    return wrong;
}

/* ---- What a callback does -------------------------------------------------
 */

static struct node nested_of(const struct called *c)
{
    struct node child = c->child;

    child.state = hash(c->child.state, 30 + c->number);
    child.budget = 0;
    child.good = 0;
    child.fails = 0;
    child.passes_on = false;
    child.rank = child.home = child.index = -1;
    return child;
}

static bool is_nesting(const struct node *child, unsigned number)
{
    return world.ends == RETURNS && child->is_counted &&
           (child->state >> 8) % 3 == 0 && number < 3 && child->depth % 2 == 0;
}

static int nest(const struct called *c)
{
    struct node child = nested_of(c);
    uint64_t value = 0;
    scoop_future f = scoop_submit(node_task, &child);

    if (c->child.state >> 16 & 1) {
        struct terms t = {.child = child};
        call_back(&c->node, f, &t.child, TYPED, false, 1);
    }
    int err = c->child.state >> 17 & 1 ? scoop_wait(&f, 1) : 0;
    if (!err)
        err = scoop_join(f, &value);
    if (err || value != node_value(&child))
        note(&c->node, "a callback's child", err);
    return 0;
}

static int call(scoop_future f, void *arg)
{
    struct called *c = arg;
    struct terms t = {.carrier = c->carrier, .child = c->child};
    uint64_t value = 0;
    int err;

    c->calls++;
    if (c->turn->begun++ != c->number)
        note(&c->node, "the order of callbacks", (int)c->number);
    if (c->child.is_counted) {
        world.got.callbacks++;
        world.got.called += hash(c->child.state, c->number);
    }
    if ((err = scoop_done(f)) != 1)
        note(&c->node, "a callback before the end", err);
    err = fetch(&c->node, &t, f, false, 0, &value);
    if (c->child.fails ? err != SCOOP_EFAILED && !c->may_end_badly
                       : err && !(c->may_end_badly && value == 0))
        note(&c->node, "the result in a callback", err);
    if (!err && value != node_value(&c->child))
        note(&c->node, "the value in a callback", 0);
    if (!err != !scoop_error_of(f) && err != SCOOP_ESHUTDOWN)
        note(&c->node, "the error in a callback", err);
    /* Not its own: its owner may have released it. */
    err = scoop_release(f);
    if (err != SCOOP_EOWNER && err != SCOOP_ESTALE)
        note(&c->node, "a release in a callback", err);
    err = fetch(&c->node, &t, f, true, SCOOP_NOW, &value);
    if (err != SCOOP_EOWNER && err != SCOOP_ESTALE)
        note(&c->node, "a join in a callback", err);
    sim_work(200);
    return is_nesting(&c->child, c->number) ? nest(c) : 0;
}

void call_back(const struct node *node, scoop_future f,
               const struct node *child, unsigned carrier, bool may_end_badly,
               unsigned n)
{
    struct turn *turn = calloc(1, sizeof *turn);

    for (unsigned i = 0; i < n; i++) {
        struct called *c = calloc(1, sizeof *c);
        *c = (struct called){.turn = turn,
                             .node = *node,
                             .child = *child,
                             .carrier = carrier,
                             .number = i,
                             .may_end_badly =
                                 may_end_badly || !node->is_counted};
        int err = scoop_on_done(f, call, c);
        if (err) {
            note(node, "scoop_on_done", err);
            free(c);
            if (!i)
                free(turn);
            return;
        }
        c->next = all;
        all = c;
    }
    if (!n)
        free(turn);
}

void call_back_expect(const struct node *node, const struct node *child,
                      unsigned n, struct account *account)
{
    for (unsigned i = 0; i < n; i++) {
        if (child->is_counted) {
            account->callbacks++;
            account->called += hash(child->state, i);
        }
        if (!is_nesting(child, i))
            continue;
        struct called c = {.node = *node, .child = *child, .number = i};
        struct node nested = nested_of(&c);
        node_expect(&nested, account);
        if (child->state >> 16 & 1)
            call_back_expect(node, &nested, 1, account);
    }
}

/* ---- One future that is watched -------------------------------------------
 */

enum { BEFORE, AFTER, BOTH, GIVEN_UP, MOMENTS };

static unsigned draw_called(const struct node *node, const struct op *op,
                            struct terms *t)
{
    uint64_t state = hash(op->state, 31);
    unsigned moment = (unsigned)draw(&state, MOMENTS);

    *t = (struct terms){.child = child_of(node, op, 0, 1)};
    t->carrier = draw(&state, 2) ? TYPED : (unsigned)draw(&state, CARRIERS);
    if (moment == GIVEN_UP)
        t->child = loose(t->child);
    else if (draw(&state, 4) == 0)
        t->child.fails = FAILURE;
    return moment;
}

static unsigned count_of(const struct op *op)
{
    return 1 + op->n % 4;
}

static void begin_called(const struct node *node, const struct op *op,
                         struct held *held)
{
    struct terms t;
    unsigned moment = draw_called(node, op, &t);

    held->future = carry(&t, &held->borrowed);
    if (moment != AFTER)
        call_back(node, held->future, &t.child, t.carrier, moment == GIVEN_UP,
                  count_of(op));
}

static uint64_t finish_called(const struct node *node, const struct op *op,
                              struct held *held)
{
    struct terms t;
    unsigned moment = draw_called(node, op, &t);
    scoop_future f = held->future;
    uint64_t value = 0;
    int err;

    if (moment == GIVEN_UP) {
        if (op->state % 2 && scoop_cancel(f) < 0)
            note(node, "scoop_cancel of what has callbacks", 0);
        if (op->state % 3)
            scoop_release(f);
        return 0;
    }
    err = fetch(node, &t, f, false, 0, &value);
    if (err != (t.child.fails ? SCOOP_EFAILED : 0))
        note(node, "the result of what has callbacks", err);
    if (moment != BEFORE)
        call_back(node, f, &t.child, t.carrier, false, count_of(op));
    if (op->state % 2 && (err = scoop_release(f)))
        note(node, "the release of what has callbacks", err);
    return value; /* sometimes left to the return */
}

static uint64_t expect_called(const struct node *node, const struct op *op,
                              struct account *account)
{
    struct terms t;
    unsigned moment = draw_called(node, op, &t);

    if (moment == GIVEN_UP)
        return 0;
    for (int k = 0; k < (moment == BOTH ? 2 : 1); k++)
        call_back_expect(node, &t.child, count_of(op), account);
    return node_expect(&t.child, account);
}

const struct kind called_kind = {
    "called", 6, 1, begin_called, finish_called, expect_called};
