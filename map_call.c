/* SPDX-License-Identifier: MIT */
/* map_call.c -- the call that waits for all items of a map
 *
 * The caller runs pieces itself while it waits.  What ends the wait: the last
 * item, counted by whoever brings its result (map.c); the time-out; for a map
 * that shows its progress also a timer, so that it is told in time.
 *
 * A caller with a time-out leaves the job behind when it goes: no piece finds
 * an owner any more, and so none of the caller's arrays.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "map.h"
#include "map_inside.h"
#include "public.h"
#include "queue.h"
#include "settle.h"
#include "worker.h"

static void wait_job(struct runtime *rt, struct map_job *job,
                     uint64_t deadline_ns)
{
    while (job->remaining) {
        if (deadline_ns == CLOCK_NEVER && --rt->calls_left == 0) {
            worker_attend(rt);
            if (!job->remaining)
                break;
        }
        progress_tell(rt, &job->progress);
        if (deadline_ns == CLOCK_NEVER) {
            if (worker_help(rt))
                continue;
        } else if (clock_is_past(deadline_ns)) {
            return;
        }
        uint64_t until_ns = job->progress.due_ns < deadline_ns
                                ? job->progress.due_ns
                                : deadline_ns;
        job->waiter = rt->strand;
        worker_park(rt, until_ns, "the items of a map", NULL);
        job->waiter = NULL;
    }
}

/* The caller goes: its pieces are nobody's any more. */
static void leave(struct runtime *rt, struct map_job *job)
{
    struct link *head = frame_children(job->owner), *next;

    job->owner = NULL;
    job->item_status = NULL;
    for (struct link *l = head->next; l != head; l = next) {
        struct future *f = future_of_link(l);
        next = l->next;
        if (!(f->flags & FUTURE_PIECE) || f->job != job)
            continue;
        link_remove(&f->link);
        settle_release(rt, f);
    }
}

struct map_job *map_new_job(const struct map_order *order, struct frame *owner,
                            uint64_t path)
{
    const struct scoop_task *task = order->task;
    struct map_sizes size = map_sizes_of(task, &order->range);
    struct map_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->type = task;
    job->in = order->in;
    job->out = order->out;
    job->item_status = order->options.status;
    job->in_size = size.in;
    job->out_size = size.out;
    job->n = job->remaining = order->n;
    job->path = path;
    job->users = 1;
    job->owner = owner;
    job->range = order->range;
    job->chunk = order->options.chunk < UINT32_MAX
                     ? (uint32_t)order->options.chunk
                     : UINT32_MAX;
    job->priority = (int8_t)order->options.priority;
    job->is_careful = order->deadline_ns != CLOCK_NEVER;
    if (job->is_careful && size.in) {
        job->copy = value_alloc(order->n * size.in, task->in_align);
        if (!job->copy) {
            map_let_go(job);
            return NULL;
        }
        job->in = memcpy(job->copy, order->in, order->n * size.in);
    }
    return job;
}

/* What the caller is told at the end. */
static int conclude(struct runtime *rt, struct map_job *job)
{
    int status = job->status;

    if (job->remaining) {
        leave(rt, job);
        return runtime_fail(rt, SCOOP_ETIMEDOUT,
                            "map of %s: the time given has passed",
                            job->type->name);
    }
    if (!status)
        return 0;
    if (job->range.how & RANGE_KEEP_GOING)
        status = SCOOP_EFAILED;
    if (job->error) {
        runtime_set_error_take(rt, job->error);
        job->error = NULL;
    } else {
        runtime_fail(rt, status, "map of %s: %s", job->type->name,
                     scoop_strerror(status));
    }
    return status;
}

int map_check_wanted(struct runtime *rt)
{
    if (!map_is_unwanted(rt->frame))
        return 0;
    return runtime_fail(rt, SCOOP_ECANCELLED,
                        "the task that calls was cancelled");
}

int map_finish(struct runtime *rt, struct map_job *job, uint64_t deadline_ns)
{
    wait_job(rt, job, deadline_ns);
    int status = conclude(rt, job);
    progress_end(rt, &job->progress);
    job->owner = NULL;
    job->item_status = NULL;
    map_let_go(job);
    return status;
}

int map_run(struct runtime *rt, const struct map_order *order)
{
    const struct scoop_map_options *o = &order->options;
    int err = map_check_wanted(rt);

    if (err)
        return err;
    struct map_job *job =
        map_new_job(order, rt->frame, call_next_path(rt->frame));
    struct future *whole = job ? map_new_piece(rt, job, 0, order->n) : NULL;

    if (!whole) {
        if (job)
            map_let_go(job);
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    }
    job->progress.name = order->task->name;
    progress_begin(rt, &job->progress, o->progress, order->n, o->on_progress,
                   o->progress_arg);
    if (order->deadline_ns == CLOCK_NEVER && !job->priority &&
        call_has_room(rt))
        map_run_piece(rt, whole);
    else if (queue_push(rt, whole))
        map_drop_piece(rt, whole, SCOOP_ENOMEM, NULL);
    return map_finish(rt, job, order->deadline_ns);
}

/* ---- The public call -------------------------------------------------- */

static int check_arrays(struct runtime *rt, const struct scoop_task *task,
                        const void *in, const void *out, size_t n)
{
    size_t widest =
        task->in_size > task->out_size ? task->in_size : task->out_size;

    if (task->kind != SCOOP_TYPED)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s is not a task of fixed types: it has no arrays "
                            "to map over",
                            task->name);
    if (n && ((task->in_size && !in) || (task->out_size && !out)))
        return runtime_fail(rt, SCOOP_EINVAL, "an array of a map of %s is NULL",
                            task->name);
    if (widest && n > SIZE_MAX / 2 / widest)
        return runtime_fail(rt, SCOOP_EINVAL, "a map of %zu items cannot be",
                            n);
    return 0;
}

int map_check_terms(struct runtime *rt, int retries, int priority,
                    uint16_t *out)
{
    if (retries > UINT16_MAX)
        return runtime_fail(rt, SCOOP_EINVAL, "%d retries are too many",
                            retries);
    *out = retries > 0 ? (uint16_t)retries : 0;
    return public_check_priority(rt, priority);
}

static int check_options(struct runtime *rt, struct map_order *order)
{
    const struct scoop_map_options *o = &order->options;

    if (o->on_error != SCOOP_STOP && o->on_error != SCOOP_KEEP_GOING)
        return runtime_fail(rt, SCOOP_EINVAL, "%d is no value of .on_error",
                            (int)o->on_error);
    if (o->on_error == SCOOP_KEEP_GOING)
        order->range.how |= RANGE_KEEP_GOING;
    return map_check_terms(rt, o->retries, o->priority, &order->range.retries);
}

int scoop_map_task(const struct scoop_task *task, const void *in, void *out,
                   size_t n, const struct scoop_map_options *options)
{
    struct map_order order = {.task = task, .in = in, .out = out, .n = n};
    struct runtime *rt = runtime_current;
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    if (!task)
        return runtime_fail(rt, SCOOP_EINVAL, "the task is NULL");
    if (options)
        order.options = *options;
    err = public_check_task(rt, task, "", task->in_size);
    if (!err)
        err = check_arrays(rt, task, in, out, n);
    if (!err)
        err = check_options(rt, &order);
    if (err || !n)
        return err;
    struct scoop_wait_options wait = {order.options.timeout};
    order.deadline_ns = public_deadline(&wait);
    if (--rt->calls_left == 0)
        worker_attend(rt);
    for (size_t i = 0; order.options.status && i < n; i++)
        order.options.status[i] = SCOOP_ECANCELLED; /* until it is known */
    return map_run(rt, &order);
}
