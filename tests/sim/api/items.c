/* SPDX-License-Identifier: MIT */
/* items.c -- maps whose items are taken one by one
 *
 * From an array or a generator, in order or as they are completed, to the end
 * or not, with items that fail and generators that do.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#define MOST 20u

struct job {
    struct node in[MOST];
    struct scoop_iter_options options;
    unsigned n;
    bool is_made;       /* by a generator */
    bool stops_badly;   /* the generator does, after n items */
    unsigned made, put; /* how many it has, how many were */
    const struct node *node;
    uint64_t sum;
    unsigned refused; /* put() fails at that item */
    bool seen[MOST];
};

static void draw_job(const struct node *node, const struct op *op,
                     struct job *job)
{
    uint64_t state = hash(op->state, 60);
    struct scoop_iter_options *o = &job->options;
    unsigned rough = draw(&state, 3) ? 1000000 : 6;

    memset(job, 0, sizeof *job);
    job->n = op->n;
    job->node = node;
    job->refused = MOST;
    job->is_made = draw(&state, 2);
    o->as_completed = (int)draw(&state, 2);
    if (draw(&state, 2))
        o->in_flight = 1 + (size_t)draw(&state, 6);
    if (draw(&state, 3) == 0)
        o->priority = (int)draw(&state, 9) - 4;
    if (draw(&state, 3) == 0)
        o->retries = 1 + (int)draw(&state, 3);
    if (draw(&state, 4) == 0)
        o->timeout = 1000;
    if (draw(&state, 4) == 0)
        o->deadline = 1000;
    job->stops_badly = job->is_made && draw(&state, 4) == 0;
    for (unsigned i = 0; i < job->n; i++) {
        job->in[i] = child_of(node, op, i, job->n);
        if (draw(&state, 4) == 0)
            job->in[i].good =
                (uint8_t)(1 + draw(&state, (unsigned)o->retries + 1u));
        if (draw(&state, rough) == 0) {
            job->in[i].fails = FAILURE;
            job->in[i].good = 0;
        }
    }
}

static int next(void *ctx, void *item)
{
    struct job *job = ctx;

    if (job->made == job->n)
        return job->stops_badly ? scoop_fail(3, "no more") : SCOOP_END;
    if (job->options.in_flight &&
        job->made - job->put >= job->options.in_flight)
        note(job->node, "more items than .in_flight", (int)job->made);
    *(struct node *)item = job->in[job->made++];
    return 0;
}

static scoop_iter *open_iter(struct job *job)
{
    const struct scoop_task *task = scoop_task_of(node_task);
    scoop_iter *iter = NULL;
    int err =
        job->is_made
            ? scoop_map_gen_task(task, &iter, next, job, &job->options)
            : scoop_map_iter_task(task, &iter, job->in, job->n, &job->options);

    if (err || !iter)
        note(job->node, "an iterator", err);
    return iter;
}

/* One item was told of. */
static void got(struct job *job, uint64_t index, int status, uint64_t value)
{
    const struct node *node = job->node;

    if (index >= job->n || job->seen[index]) {
        note(node, "an item that cannot be", (int)index);
        return;
    }
    job->seen[index] = true;
    if (!job->options.as_completed && index != job->put)
        note(node, "the order of items", (int)index);
    job->put++;
    if (status != (job->in[index].fails ? SCOOP_EFAILED : 0))
        note(node, "the status of an item", status);
    if (status && value)
        note(node, "a value of an item that failed", status);
    if (status == SCOOP_EFAILED)
        check_failure(node, scoop_last_error(), 1 + job->options.retries);
    job->sum += status ? FAILURE : hash(value, index);
}

/* Takes so many; what scoop_next_item() returned last. */
static int take(struct job *job, scoop_iter *iter, unsigned n, uint64_t *state)
{
    const struct node *node = job->node;
    int err = 0, tries = 3;

    while (n-- && !err) {
        uint64_t index = 99, value = 0;
        int status = 0;
        double timeout = tries-- > 0 && draw(state, 2)
                             ? (double)draw(state, 20) * 1e-6 + 1e-9
                             : 0;
        bool has_status = draw(state, 2);
        err = scoop_next_item_of(iter, &index, &value,
                                 has_status ? &status : NULL,
                                 &(struct scoop_wait_options){timeout});
        if (err == SCOOP_ETIMEDOUT && timeout > 0) {
            n++;
            err = 0;
            continue;
        }
        if (!has_status && err == SCOOP_EFAILED && index < job->n &&
            job->in[index].fails) {
            status = err;
            err = 0;
        }
        if (!err)
            got(job, index, status, value);
    }
    if (err && err != SCOOP_END && !(err == SCOOP_EFAILED && job->stops_badly))
        note(node, "scoop_next_item", err);
    return err;
}

static void close_iter(const struct node *node, scoop_iter *iter)
{
    int err = scoop_iter_free(iter);

    if (err)
        note(node, "scoop_iter_free", err);
    err = scoop_next_item(iter, NULL, NULL, NULL);
    if (err != SCOOP_ESTALE)
        note(node, "an iterator that was freed", err);
}

/* ---- To the end -------------------------------------------------------------
 */

static uint64_t finish_items(const struct node *node, const struct op *op,
                             struct held *held)
{
    struct job *job = malloc(sizeof *job);
    uint64_t state = hash(op->state, 61);

    (void)held;
    draw_job(node, op, job);
    scoop_iter *iter = open_iter(job);
    int err = take(job, iter, MOST + 1, &state);
    if (err != (job->stops_badly ? SCOOP_EFAILED : SCOOP_END))
        note(node, "the end of items", err);
    if (job->put != job->n)
        note(node, "items that were not yielded", (int)job->put);
    if (draw(&state, 2))
        close_iter(node, iter);
    else if ((err = take(job, iter, 1, &state)) !=
             (job->stops_badly ? SCOOP_EFAILED : SCOOP_END))
        note(node, "what follows the end of items", err);
    uint64_t sum = job->sum;
    if (iter)
        scoop_iter_free(iter); /* the array is gone now */
    free(job);
    return sum;
}

static uint64_t expect_all(struct job *job, struct account *account)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < job->n; i++) {
        if (job->in[i].fails) {
            job->in[i].good = (uint8_t)(job->options.retries + 1);
            node_expect(&job->in[i], account);
            sum += FAILURE;
        } else {
            sum += hash(node_expect(&job->in[i], account), i);
        }
    }
    return sum;
}

static uint64_t expect_items(const struct node *node, const struct op *op,
                             struct account *account)
{
    struct job job;

    draw_job(node, op, &job);
    return expect_all(&job, account);
}

const struct kind items_kind = {"items",      6,           MOST, NULL,
                                finish_items, expect_items};

/* ---- Stopped early
 * ----------------------------------------------------------- */

static uint64_t finish_left(const struct node *node, const struct op *op,
                            struct held *held)
{
    struct job *job = malloc(sizeof *job);
    uint64_t state = hash(op->state, 62);

    (void)held;
    draw_job(node, op, job);
    for (unsigned i = 0; i < job->n; i++)
        job->in[i] = loose(job->in[i]);
    scoop_iter *iter = open_iter(job);
    take(job, iter, (unsigned)draw(&state, job->n + 1u), &state);
    for (unsigned i = 0; i < job->n; i++)
        if (job->seen[i] && !job->in[i].fails)
            job->sum -= hash(node_value(&job->in[i]), i);
        else if (job->seen[i])
            job->sum -= FAILURE;
    if (job->sum)
        note(node, "the values of some items", (int)job->put);
    if (draw(&state, 3)) /* else it is left to the return of this task */
        close_iter(node, iter);
    free(job);
    return 0;
}

static uint64_t expect_left(const struct node *node, const struct op *op,
                            struct account *account)
{
    (void)node;
    (void)op;
    (void)account;
    return 0;
}

const struct kind items_left_kind = {"items, not all", 3,          MOST, NULL,
                                     finish_left,      expect_left};

/* ---- scoop_map_each()
 * --------------------------------------------------------- */

static void draw_each(const struct node *node, const struct op *op,
                      struct job *job, struct scoop_each_options *o)
{
    uint64_t state = hash(op->state, 63);
    bool keeps_going = draw(&state, 2);
    unsigned end = op->n; /* the first item that ends the map */

    draw_job(node, op, job);
    job->options.as_completed = 0;
    job->is_made = true;
    if (draw(&state, 4) == 0 && job->n)
        end = job->refused = (unsigned)draw(&state, job->n);
    for (unsigned i = end; i-- && !keeps_going;)
        if (job->in[i].fails)
            end = i;
    memset(o, 0, sizeof *o);
    o->in_flight = job->options.in_flight;
    o->priority = job->options.priority;
    o->retries = job->options.retries;
    o->timeout = job->options.timeout;
    o->deadline = job->options.deadline;
    o->on_error = keeps_going ? SCOOP_KEEP_GOING : SCOOP_STOP;
    if (draw(&state, 4) == 0)
        o->limit = 1000;
    /* What is behind the end may or may not have been begun. */
    for (unsigned i = end + 1; i < job->n; i++)
        job->in[i] = loose(job->in[i]);
    if (end < job->n)
        job->stops_badly = false;
}

static int put(void *ctx, uint64_t index, const void *out, int status)
{
    struct job *job = ctx;

    if (!status != !!out)
        note(job->node, "what was put", status);
    if (index == job->refused)
        return scoop_fail(4, "enough");
    got(job, index, status, out ? *(const uint64_t *)out : 0);
    return 0;
}

/* How far it comes, and whether it fails there. */
static unsigned end_of(const struct job *job,
                       const struct scoop_each_options *o, bool *fails)
{
    unsigned i = 0;

    *fails = true;
    for (; i < job->n; i++)
        if (i == job->refused ||
            (job->in[i].fails && o->on_error == SCOOP_STOP))
            return i;
    *fails = job->stops_badly;
    return i;
}

static uint64_t finish_each(const struct node *node, const struct op *op,
                            struct held *held)
{
    struct job *job = malloc(sizeof *job);
    struct scoop_each_options o;
    bool fails;

    (void)held;
    draw_each(node, op, job, &o);
    unsigned end = end_of(job, &o, &fails);
    int err = scoop_map_each_task(scoop_task_of(node_task), next, job, put, &o);
    if (err != (fails ? SCOOP_EFAILED : 0))
        note(node, "scoop_map_each", err);
    if (job->put != end)
        note(node, "how many were put", (int)job->put);
    const struct scoop_error *e = scoop_last_error();
    if (err == SCOOP_EFAILED && end < job->n && job->in[end].fails &&
        o.on_error == SCOOP_STOP && end != job->refused) {
        check_failure(node, e, 1 + job->options.retries);
        if (!e || !e->has_item || e->item != end)
            note(node, "the item of scoop_map_each", e ? (int)e->item : -1);
    }
    uint64_t sum = job->sum;
    free(job);
    return sum;
}

static uint64_t expect_each(const struct node *node, const struct op *op,
                            struct account *account)
{
    struct job job;
    struct scoop_each_options o;
    bool fails;
    uint64_t sum = 0;

    draw_each(node, op, &job, &o);
    unsigned end = end_of(&job, &o, &fails), n = job.n;
    for (unsigned i = 0; i < n; i++) {
        struct node *in = &job.in[i];
        if (in->fails)
            in->good = (uint8_t)(job.options.retries + 1);
        uint64_t value = node_expect(in, account);
        if (i < end)
            sum += in->fails ? FAILURE : hash(value, i);
    }
    return sum;
}

const struct kind each_kind = {"each", 4, MOST, NULL, finish_each, expect_each};
