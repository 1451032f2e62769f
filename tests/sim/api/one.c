/* SPDX-License-Identifier: MIT */
/* one.c -- one task, submitted with any options and dealt with in any way
 *
 * Three kinds of operations: the task is well and its value is got, in one of
 * the ways there are; it fails and its story is looked at; it is given up, or
 * its time is so short that it may or may not end well.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#define LONG_TIME 1000.0 /* more than a run has */

enum { JOIN, RESULT, TIMED, POLLED, EXCEPTION, WAITED, SHOWN, DETACHED, WAYS };
enum { CANCEL, CANCEL_LATER, RELEASE, LEAVE, SHORT, DEADLINE, GIVEN_WAYS };

/* ---- How it is submitted ------------------------------------------------ */

static scoop_place draw_place(uint64_t *state, struct node *child)
{
    int rank = (int)draw(state, (uint64_t)world.ranks);
    scoop_place anywhere = {0};

    switch (draw(state, 12)) {
    case 0:
        return scoop_on_rank(child->rank = rank);
    case 1:
        return scoop_near_rank(rank);
    case 2:
        return scoop_on_node(child->home = rank / world.per_node);
    case 3:
        return scoop_near_node(rank / world.per_node);
    default:
        return anywhere;
    }
}

/* The numbers that are drawn here must not depend on the farm's size. */
static struct terms draw_terms(const struct node *node, const struct op *op)
{
    struct terms t = {.child = child_of(node, op, 0, 1)};
    struct scoop_submit_options *o = &t.options;
    uint64_t state = hash(op->state, 7), places = hash(op->state, 8);

    t.carrier = draw(&state, 3) ? TYPED : (unsigned)draw(&state, CARRIERS);
    if (t.carrier == BYTES)
        t.tail = (unsigned)draw(&state, draw(&state, 8) ? 20 : 20000);
    o->place = draw_place(&places, &t.child);
    o->priority = draw(&state, 3) ? 0 : (int)draw(&state, 9) - 4;
    if (draw(&state, 6) == 0) {
        t.child.good = (uint8_t)(1 + draw(&state, 4));
        t.child.fails_late = draw(&state, 4) == 0;
        t.child.budget /= t.child.fails_late ? t.child.good : 1u;
        o->retries = (int)(t.child.good - 1u + draw(&state, 3));
    }
    if (draw(&state, 8) == 0)
        o->timeout = LONG_TIME;
    if (draw(&state, 8) == 0)
        o->deadline = LONG_TIME;
    if (draw(&state, 4) == 0)
        o->take = 1;
    else if (draw(&state, 4) == 0 && !(o->timeout > 0) && !(o->deadline > 0))
        o->borrow = 1;
    return t;
}

static unsigned draw_one(const struct node *node, const struct op *op,
                         struct terms *t)
{
    uint64_t state = hash(op->state, 9);
    unsigned way = (unsigned)draw(&state, draw(&state, 3) ? 1 : WAYS);

    *t = draw_terms(node, op);
    if (draw(&state, 5) == 0 && node->is_counted)
        t->options.done_there = there_of(t->carrier);
    if (way == DETACHED && world.ends != RETURNS)
        way = JOIN;
    if (way == DETACHED) {
        t->options.detached = 1;
        t->options.borrow = 0;
    }
    return way;
}

/* From its release on nobody reads it. */
static void drop(void *borrowed)
{
    if (borrowed)
        memset(borrowed, 0xdd, sizeof(struct node));
    free(borrowed);
}

/* ---- It is well ---------------------------------------------------------- */

static void begin_one(const struct node *node, const struct op *op,
                      struct held *held)
{
    struct terms t;
    unsigned way = draw_one(node, op, &t);

    held->future = carry(&t, &held->borrowed);
    if (way == DETACHED && (held->future.id || held->future.generation))
        note(node, "the future of a detached task", 0);
}

static void check_info(const struct node *node, const struct terms *t,
                       scoop_future f)
{
    struct scoop_info i;
    int err = scoop_future_info(f, &i), attempt = t->child.good;

    if (err || i.state != SCOOP_FINISHED || i.status)
        note(node, "the state in scoop_future_info", err ? err : i.status);
    else if (i.attempt != (attempt ? attempt : 1))
        note(node, "the attempt in scoop_future_info", i.attempt);
    else if (i.rank < 0 || i.rank >= world.ranks ||
             (t->child.rank >= 0 && i.rank != t->child.rank))
        note(node, "the rank in scoop_future_info", i.rank);
    else if (strcmp(i.task, carrier_name(t->carrier)))
        note(node, "the name in scoop_future_info", 0);
    else if (!(i.created >= 0) || !(i.waited >= 0) || !(i.run >= 0))
        note(node, "a time in scoop_future_info", 0);
}

/* All that can be asked of a future that has ended well. */
static void look(const struct node *node, const struct terms *t, scoop_future f,
                 uint64_t value)
{
    const struct scoop_error *e = NULL;
    uint64_t again = 0;
    int err = fetch(node, t, f, false, SCOOP_NOW, &again);

    if (err || again != value)
        note(node, "a result that is asked for again", err);
    if ((err = scoop_cancel(f)) != SCOOP_TOO_LATE)
        note(node, "scoop_cancel of what has ended", err);
    if ((err = scoop_done(f)) != 1)
        note(node, "scoop_done of what has ended", err);
    if ((err = scoop_running(f)))
        note(node, "scoop_running of what has ended", err);
    if ((err = scoop_cancelled(f)))
        note(node, "scoop_cancelled of what was well", err);
    if ((err = scoop_exception(f, &e)) || e || scoop_error_of(f))
        note(node, "an error of what was well", err);
    check_info(node, t, f);
}

static void fetch_in_time(const struct node *node, const struct terms *t,
                          scoop_future f, uint64_t *state)
{
    for (int i = 0; i < 3; i++) {
        uint64_t value = 0;
        double timeout =
            draw(state, 3) ? (double)draw(state, 20) * 1e-6 + 1e-9 : SCOOP_NOW;
        int err = fetch(node, t, f, false, timeout, &value);
        if (err == SCOOP_ETIMEDOUT && value)
            note(node, "written to at a time-out", 0);
        if (err && err != SCOOP_ETIMEDOUT)
            note(node, "a wait with a time-out", err);
        if (!err && value != node_value(&t->child))
            note(node, "a value in time", 0);
    }
}

static void poll(const struct node *node, scoop_future f)
{
    struct scoop_info i;
    int was = 0;

    for (int k = 0; k < 3; k++) {
        int done = scoop_done(f), runs = scoop_running(f);
        int err = scoop_future_info(f, &i);
        if (done < was || done > 1 || runs < 0 || runs > 1)
            note(node, "scoop_done or scoop_running", done);
        if (err || (done && i.state != SCOOP_FINISHED))
            note(node, "scoop_future_info", err);
        if (scoop_cancelled(f))
            note(node, "scoop_cancelled", 0);
        was = done;
        sim_work(300);
    }
}

/* Another task gets the handle, and can do nothing with it. */
struct shown {
    struct node node;
    scoop_future f;
};

SCOOP_TASK(shown_task, struct shown, int);

static bool is_refused(int code)
{
    return code == SCOOP_EOWNER || code == SCOOP_ESTALE;
}

static int shown_task(const struct shown *shown, int *out)
{
    scoop_future f = shown->f;
    uint64_t value = 0;
    bool is_done = true;

    *out = scoop_rank();
    if (!is_refused(scoop_result(f, &value)) ||
        !is_refused(scoop_join(f, &value)) || value)
        note(&shown->node, "the result of another task's future", 0);
    if (!is_refused(scoop_cancel(f)) || !is_refused(scoop_release(f)))
        note(&shown->node, "another task's future was given up", 0);
    if (!is_refused(scoop_done(f)) ||
        !is_refused(scoop_wait(&f, 1, .done = &is_done)) || !is_done)
        note(&shown->node, "a wait for another task's future", 0);
    return 0;
}

static void show(const struct node *node, scoop_future f, uint64_t *state)
{
    struct shown shown = {*node, f};
    int rank = -1, wanted = (int)draw(state, (uint64_t)world.ranks);
    int err = scoop_join(scoop_submit(shown_task, &shown,
                                      .place = scoop_on_rank(wanted)),
                         &rank);

    if (err || rank != wanted)
        note(node, "a task that was shown a future", err);
}

/* Before the value is fetched for good. */
static void prepare(const struct node *node, const struct op *op, unsigned way,
                    const struct terms *t, scoop_future f)
{
    const struct scoop_error *e = (const struct scoop_error *)t;
    uint64_t value = 0, state = hash(op->state, 10);
    bool is_done = false;
    size_t count = 0;
    int err = 0;

    switch (way) {
    case RESULT:
        err = fetch(node, t, f, false, 0, &value);
        if (!err)
            look(node, t, f, value);
        break;
    case TIMED:
        fetch_in_time(node, t, f, &state);
        break;
    case POLLED:
        poll(node, f);
        break;
    case EXCEPTION:
        err = scoop_exception(f, &e);
        if (!err && e)
            note(node, "scoop_exception of what was well", e->task_code);
        break;
    case WAITED:
        err = scoop_wait(&f, 1, .done = &is_done, .count = &count);
        if (!err && (!is_done || count != 1 || scoop_done(f) != 1))
            note(node, "scoop_wait for one", (int)count);
        break;
    case SHOWN:
        show(node, f, &state);
        break;
    default:
        break;
    }
    if (err)
        note(node, "a wait for one", err);
}

static uint64_t finish_one(const struct node *node, const struct op *op,
                           struct held *held)
{
    uint64_t value = 0;
    struct terms t;
    unsigned way = draw_one(node, op, &t);
    bool is_last = true;

    if (way == DETACHED)
        return 0;
    prepare(node, op, way, &t, held->future);
    if (way == RESULT && op->n % 2) {
        int code = fetch(node, &t, held->future, false, 0, &value);
        if (code)
            note(node, "a result", code);
        is_last = false;
    } else {
        int code = fetch(node, &t, held->future, true, 0, &value);
        if (code)
            note(node, "a join", code);
    }
    if (t.options.done_there && !there_count(value))
        note(node, "an end before .done_there", 0);
    if (!is_last && scoop_release(held->future))
        note(node, "a release", 0);
    drop(held->borrowed);
    if (op->n % 7 == 0 &&
        (scoop_done(held->future) != SCOOP_ESTALE ||
         fetch(node, &t, held->future, true, 0, &value) != SCOOP_ESTALE))
        note(node, "a stale future", 0);
    return value;
}

static uint64_t expect_one(const struct node *node, const struct op *op,
                           struct account *account)
{
    struct terms t;
    unsigned way = draw_one(node, op, &t);
    uint64_t value = node_expect(&t.child, account);

    if (t.options.done_there) {
        account->there++;
        account->was_there += hash(value, 0);
    }
    return way == DETACHED ? 0 : value;
}

const struct kind one_kind = {"one", 24, 1, begin_one, finish_one, expect_one};

/* ---- It fails ------------------------------------------------------------ */

static struct terms draw_failing(const struct node *node, const struct op *op)
{
    struct terms t = draw_terms(node, op);

    t.child.good = 0;
    t.child.fails_late = false;
    t.child.passes_on = op->n % 3 == 0;
    t.child.fails = t.child.passes_on ? 0 : FAILURE;
    if (t.child.passes_on)
        t.options.retries = 0;
    return t;
}

static void begin_failing(const struct node *node, const struct op *op,
                          struct held *held)
{
    struct terms t = draw_failing(node, op);

    held->future = carry(&t, &held->borrowed);
}

static void check_story(const struct node *node, const struct terms *t,
                        const struct scoop_error *e)
{
    const char *name = carrier_name(t->carrier);

    check_failure(node, e, 1 + t->options.retries);
    if (!e)
        return;
    if (e->parents != t->child.passes_on)
        note(node, "the parents of a failure", (int)e->parents);
    else if (e->parents && strcmp(e->parent[0], name))
        note(node, "the parent of a failure", 0);
    if (strcmp(e->task, t->child.passes_on ? "node_task" : name))
        note(node, "the name of what failed", 0);
    if (!t->child.passes_on && t->child.rank >= 0 && e->rank != t->child.rank)
        note(node, "the rank of what failed", e->rank);
    if (e->has_item)
        note(node, "an item that is none", (int)e->item);
}

static uint64_t finish_failing(const struct node *node, const struct op *op,
                               struct held *held)
{
    struct terms t = draw_failing(node, op);
    const struct scoop_error *e = NULL;
    scoop_future f = held->future;
    uint64_t value = 0;
    int err = 0;

    if (op->n % 2)
        err = scoop_exception(f, &e);
    if (err || (op->n % 2 && !is_given_up(node) && e != scoop_error_of(f)))
        note(node, "scoop_exception", err);
    err = fetch(node, &t, f, false, 0, &value);
    if (err != SCOOP_EFAILED || value)
        note(node, "a failure", err);
    check_story(node, &t, scoop_error_of(f));
    err = fetch(node, &t, f, true, 0, &value);
    if (err != SCOOP_EFAILED || value)
        note(node, "the join of a failure", err);
    check_story(node, &t, scoop_last_error());
    drop(held->borrowed);
    return FAILURE;
}

static uint64_t expect_failing(const struct node *node, const struct op *op,
                               struct account *account)
{
    struct terms t = draw_failing(node, op);

    t.child.good = (uint8_t)(t.options.retries + 1);
    node_expect(&t.child, account);
    return FAILURE;
}

const struct kind failing_kind = {
    "failing", 6, 1, begin_failing, finish_failing, expect_failing};

/* ---- It is given up ------------------------------------------------------ */

static unsigned draw_given_up(const struct node *node, const struct op *op,
                              struct terms *t)
{
    uint64_t state = hash(op->state, 11);
    unsigned way = (unsigned)draw(&state, GIVEN_WAYS);

    *t = draw_terms(node, op);
    t->child = loose(t->child);
    if (way == SHORT || way == DEADLINE) {
        double seconds = (double)(1 + draw(&state, 40000)) * 1e-9;
        t->options.borrow = 0;
        if (way == SHORT)
            t->options.timeout = seconds;
        else
            t->options.deadline = seconds;
    }
    return way;
}

static void begin_given_up(const struct node *node, const struct op *op,
                           struct held *held)
{
    struct terms t;

    draw_given_up(node, op, &t);
    held->future = carry(&t, &held->borrowed);
}

static void check_end(const struct node *node, unsigned way,
                      const struct terms *t, int err, uint64_t value)
{
    bool is_short = way == SHORT || way == DEADLINE;

    if (!err && value != node_value(&t->child))
        note(node, "the value of a task that was given up", 0);
    if (err && value)
        note(node, "a value with an error", err);
    if (err == SCOOP_EEXPIRED     ? !is_short
        : err == SCOOP_ECANCELLED ? is_short
                                  : err && !(err == SCOOP_EFAILED && is_short))
        note(node, "the end of a task that was given up", err);
}

static uint64_t finish_given_up(const struct node *node, const struct op *op,
                                struct held *held)
{
    struct terms t;
    unsigned way = draw_given_up(node, op, &t);
    scoop_future f = held->future;
    uint64_t value = 0;
    int err = 0;

    if (way == CANCEL_LATER)
        sim_work(op->n * 100);
    if (way == CANCEL || way == CANCEL_LATER)
        err = scoop_cancel(f);
    if (err < 0)
        note(node, "scoop_cancel", err);
    if (way == RELEASE || ((way == LEAVE || op->n % 4 == 0) && held->borrowed))
        err = scoop_release(f);
    else if (way != LEAVE && op->n % 4) {
        err = fetch(node, &t, f, true, 0, &value);
        check_end(node, way, &t, err, value);
        err = 0;
    }
    if (err < 0)
        note(node, "a release", err);
    drop(held->borrowed);
    return 0;
}

static uint64_t expect_nothing(const struct node *node, const struct op *op,
                               struct account *account)
{
    (void)node;
    (void)op;
    (void)account;
    return 0;
}

const struct kind given_up_kind = {
    "given up", 6, 1, begin_given_up, finish_given_up, expect_nothing};
