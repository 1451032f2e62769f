/* SPDX-License-Identifier: MIT */
/* map.c -- maps with all options, that are well, fail, or are left
 *
 * Items are tasks as all others, with operations of their own.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#define MOST 20u
#define LONG_TIME 1000.0

struct job {
    struct node in[MOST];
    uint64_t out[MOST];
    int status[MOST];
    struct scoop_map_options options;
    unsigned n;
    unsigned failing; /* how many */
    /* Progress. */
    unsigned calls;
    uint64_t last;
    bool is_wrong;
};

static void on_progress(const struct scoop_progress *p, void *arg)
{
    struct job *job = arg;

    job->calls++;
    job->is_wrong |= p->total != job->n || p->done + p->failed > job->n ||
                     p->done + p->failed < job->last ||
                     strcmp(p->label, "node_task") || !(p->seconds >= 0);
    job->last = p->done + p->failed;
}

static struct job *draw_job(const struct node *node, const struct op *op)
{
    uint64_t state = hash(op->state, 40);
    struct job *job = calloc(1, sizeof *job);
    struct scoop_map_options *o = &job->options;

    job->n = op->n;
    if (draw(&state, 3) == 0)
        o->chunk = 1 + (size_t)draw(&state, 6);
    if (draw(&state, 4) == 0)
        o->retries = 1 + (int)draw(&state, 4);
    if (draw(&state, 4) == 0)
        o->priority = (int)draw(&state, 9) - 4;
    if (draw(&state, 4) == 0)
        o->timeout = LONG_TIME;
    if (draw(&state, 2) == 0)
        o->status = job->status;
    if (draw(&state, 2) == 0)
        o->on_error = SCOOP_KEEP_GOING;
    if (draw(&state, 4) == 0) {
        o->on_progress = on_progress;
        o->progress_arg = job;
    }
    for (unsigned i = 0; i < job->n; i++) {
        job->in[i] = child_of(node, op, i, job->n);
        job->in[i].index = (int)i;
        job->in[i].good =
            (uint8_t)(draw(&state, 4)
                          ? 0
                          : 1 + draw(&state, (unsigned)o->retries + 1u));
        job->out[i] = 77;
        job->status[i] = 77;
    }
    return job;
}

static int run(struct job *job)
{
    return scoop_map_task(scoop_task_of(node_task), job->in, job->out, job->n,
                          &job->options);
}

static void check_progress(const struct node *node, const struct job *job,
                           bool is_whole)
{
    if (!job->options.on_progress)
        return;
    if (job->is_wrong || (job->n && !job->calls))
        note(node, "the progress of a map", (int)job->calls);
    if (is_whole && job->calls && job->last != job->n)
        note(node, "the last progress of a map", (int)job->last);
}

static uint64_t sum_of(const struct job *job)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < job->n; i++)
        sum += hash(job->out[i], i);
    return sum;
}

/* ---- All is well ----------------------------------------------------------
 */

static uint64_t finish_map(const struct node *node, const struct op *op,
                           struct held *held)
{
    struct job *job = draw_job(node, op);
    int err = run(job);

    (void)held;
    if (err)
        note(node, "a map", err);
    for (unsigned i = 0; i < job->n && job->options.status; i++)
        if (job->status[i])
            note(node, "the status of an item", job->status[i]);
    check_progress(node, job, true);
    uint64_t sum = sum_of(job);
    free(job);
    return sum;
}

static uint64_t expect_map(const struct node *node, const struct op *op,
                           struct account *account)
{
    struct job *job = draw_job(node, op);

    for (unsigned i = 0; i < job->n; i++)
        job->out[i] = node_expect(&job->in[i], account);
    uint64_t sum = sum_of(job);
    free(job);
    return sum;
}

const struct kind map_kind = {"map", 8, MOST, NULL, finish_map, expect_map};

/* ---- Some items fail -------------------------------------------------------
 */

static struct job *draw_failing(const struct node *node, const struct op *op)
{
    struct job *job = draw_job(node, op);
    uint64_t state = hash(op->state, 41);

    for (unsigned i = 0; i < job->n; i++) {
        if (draw(&state, 4) == 0) {
            job->in[i].fails = FAILURE;
            job->in[i].good = 0;
            job->failing++;
        }
        if (job->options.on_error == SCOOP_STOP)
            job->in[i] = loose(job->in[i]);
    }
    if (!job->failing) /* then none may be dropped */
        for (unsigned i = 0; i < job->n; i++)
            job->in[i].is_counted = node->is_counted;
    return job;
}

static bool is_short(const struct scoop_map_options *o)
{
    return o->timeout < 0 || (o->timeout > 0 && o->timeout < 1);
}

static void check_statuses(const struct node *node, const struct job *job,
                           const struct scoop_error *e)
{
    unsigned first = job->n;

    for (unsigned i = 0; i < job->n; i++) {
        int status = job->status[i];
        bool fails = job->in[i].fails, was_dropped = status == SCOOP_ECANCELLED;
        if (fails && status == SCOOP_EFAILED && first == job->n)
            first = i;
        if (was_dropped && job->options.on_error == SCOOP_KEEP_GOING &&
            !is_short(&job->options))
            note(node, "an item was dropped", (int)i);
        if (!was_dropped && status != (fails ? SCOOP_EFAILED : 0))
            note(node, "the status of an item", status);
        if (!status && job->out[i] != node_value(&job->in[i]))
            note(node, "the value of an item", (int)i);
    }
    if (e && e->item != first)
        note(node, "the first item that failed", (int)e->item);
}

static uint64_t finish_failing(const struct node *node, const struct op *op,
                               struct held *held)
{
    struct job *job = draw_failing(node, op);
    bool keeps = job->options.on_error == SCOOP_KEEP_GOING;
    int err = run(job);
    const struct scoop_error *e = err ? scoop_last_error() : NULL;

    (void)held;
    if (err != (job->failing ? SCOOP_EFAILED : 0))
        note(node, "a map with items that fail", err);
    if (err == SCOOP_EFAILED) {
        check_failure(node, e, 1 + job->options.retries);
        if (!e || !e->has_item || e->item >= job->n || !job->in[e->item].fails)
            note(node, "the item that failed", e ? (int)e->item : -1);
        for (unsigned i = 0; e && keeps && i < e->item && i < job->n; i++)
            if (job->in[i].fails)
                note(node, "an earlier item that failed", (int)i);
    }
    if (job->options.status)
        check_statuses(node, job, err == SCOOP_EFAILED ? e : NULL);
    check_progress(node, job, keeps || !job->failing);
    free(job);
    return FAILURE;
}

static uint64_t expect_failing(const struct node *node, const struct op *op,
                               struct account *account)
{
    struct job *job = draw_failing(node, op);

    for (unsigned i = 0; i < job->n; i++) {
        if (job->in[i].fails)
            job->in[i].good = (uint8_t)(job->options.retries + 1);
        node_expect(&job->in[i], account);
    }
    free(job);
    return FAILURE;
}

const struct kind map_failing_kind = {
    "map that fails", 3, MOST, NULL, finish_failing, expect_failing};

/* ---- Its time is short ------------------------------------------------------
 */

static uint64_t finish_left(const struct node *node, const struct op *op,
                            struct held *held)
{
    struct job *job = draw_failing(node, op);
    uint64_t state = hash(op->state, 42);

    (void)held;
    for (unsigned i = 0; i < job->n; i++)
        job->in[i] = loose(job->in[i]);
    job->options.status = job->status;
    job->options.timeout =
        draw(&state, 8) ? (double)draw(&state, 60) * 1e-6 + 1e-9 : SCOOP_NOW;
    int err = run(job);
    if (err != SCOOP_ETIMEDOUT && err != (job->failing ? SCOOP_EFAILED : 0))
        note(node, "a map in time", err);
    struct job was = *job;
    check_statuses(node, job, NULL);
    sim_work(2000);
    scoop_done((scoop_future){0, 0}); /* lets late results in */
    if (memcmp(was.out, job->out, sizeof was.out) ||
        memcmp(was.status, job->status, sizeof was.status))
        note(node, "written to after a time-out", err);
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

const struct kind map_left_kind = {"map in time", 3,           MOST,
                                   NULL,          finish_left, expect_left};
