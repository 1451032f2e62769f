/* SPDX-License-Identifier: MIT */
/* result.c -- waiting for one future: result, join, done, cancel, release
 *
 * scoop_join_plain() is the other half of what a future costs: a child that
 * is joined while it is still the newest of its parent's tasks is a function
 * call with some bookkeeping, with the caller's memory as its output.  One
 * that is still fresh (fresh.c) needs very little of that.  What is elsewhere
 * is waited for by worker_wait().
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "holder.h"
#include "public.h"
#include "queue.h"
#include "settle.h"
#include "transfer.h"
#include "wait.h"
#include "worker.h"

static struct error *copy_error(const struct error *e)
{
    return e ? error_new(&e->said) : NULL;
}

/* Waits and checks; 0: f is done and went well. */
static int wait_for(struct runtime *rt, struct future *f, uint64_t deadline_ns)
{
    if (!deadline_ns && f->state != FUTURE_DONE)
        worker_yield(rt);
    int err = worker_wait(rt, f, deadline_ns);

    if (err)
        return runtime_fail(rt, err, "waiting for task %u.%u: %s",
                            (unsigned)(f->rec.id >> 32), (unsigned)f->rec.id,
                            scoop_strerror(err));
    if (f->status)
        runtime_set_error_take(rt, copy_error(f->error));
    return f->status;
}

static int copy_out(struct runtime *rt, struct future *f, void *out)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);

    if (type->kind != SCOOP_TYPED && out)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s is a %s task: scoop_result_%s() has its "
                            "result",
                            type->name,
                            type->kind == SCOOP_JSON ? "JSON" : "bytes",
                            type->kind == SCOOP_JSON ? "json" : "bytes");
    if (out && f->result_len)
        memcpy(out, f->result, f->result_len);
    return 0;
}

/* An ordinary future has been called by its join: its end. */
static void put_joined(struct runtime *rt, struct future *f)
{
    rt->futures.ended++;
    link_remove(&f->link);
    if (__builtin_expect(!f->flags, 1))
        future_put_clean(&rt->futures, f);
    else
        future_put(&rt->futures, f); /* it was cancelled meanwhile */
}

static inline int pass_on(struct runtime *rt, int code, struct error *error)
{
    if (__builtin_expect(!code, 1))
        return 0;
    code = error ? error->said.code : SCOOP_EFAILED;
    runtime_set_error_take(rt, error);
    return code;
}

static inline bool is_named(const struct future *f, scoop_future handle)
{
    return f->rec.id == handle.id && f->rec.generation == handle.generation;
}

/* The usual join: the future is the topmost of the fresh ones, which makes it
 * valid without a look at the table. */
static inline struct future *topmost(struct runtime *rt, scoop_future handle,
                                     const void *out)
{
    struct future *f = rt->fresh_top[-1];

    if (is_named(f, handle) && f->owner == rt->frame && call_has_room(rt) &&
        (out || !rt->registry.measure[f->rec.number].type->out_size))
        return f;
    return NULL;
}

/* It has been called, and something is not as usual: it was timed, or
 * enlisted, it left futures, it failed. */
static __attribute__((noinline)) int end_fresh(struct runtime *rt,
                                               struct frame *frame, int code)
{
    struct future *f = frame->task;
    struct error *error = NULL;

    code = call_end(rt, frame, code, &error);
    /* Off the stack before its frame is left: what goes on below may publish,
     * and that enlists all that is on it. */
    if (frame->marks & FRAME_FRESH) {
        rt->fresh_top--;
        f->rec.generation++;
    } else {
        put_joined(rt, f);
    }
    call_leave(rt, frame);
    return pass_on(rt, code, error);
}

/* Calls it, with the caller's memory as its output.  It keeps its place on the
 * stack meanwhile, since the function reads its argument; what the function
 * submits goes on top. */
static inline int join_topmost(struct runtime *rt, struct future *f, void *out)
{
    struct measure *measure = &rt->registry.measure[f->rec.number];
    struct future **top = rt->fresh_top;
    struct frame frame;

    call_enter_as(rt, &frame, f, measure, f->rec.path, FRAME_FRESH);
    if (__builtin_expect(--measure->runs_left == 0, 0))
        call_begin_timed(rt, &frame);
    int code = measure->type->typed(f->data, out);
    if (__builtin_expect(code || frame.marks != FRAME_FRESH ||
                             rt->fresh_top != top || frame.last || frame.told ||
                             frame.below->marks & FRAME_TIMED,
                         0))
        return end_fresh(rt, &frame, code);
    rt->frame = frame.below;
    rt->fresh_top = top - 1;
    rt->stats.tasks_run++;
    f->rec.generation++;
    return 0;
}

/* The same for an ordinary future, the newest of those that are queued.  NULL:
 * it is not that case. */
static inline struct future *newest(struct runtime *rt, scoop_future handle,
                                    const void *out)
{
    struct deque *d = &rt->deque;

    if (d->bottom == d->first || rt->lanes.filled & LANES_ABOVE)
        return NULL;
    struct deque_item *item = d->items[(d->bottom - 1) & d->mask];
    struct future *f = future_of_item(item);
    if (!item || !is_named(f, handle) || f->flags || f->owner != rt->frame ||
        !call_has_room(rt))
        return NULL;
    const struct scoop_task *type = rt->registry.task[f->rec.number - 1];
    if (type->kind != SCOOP_TYPED || (!out && type->out_size))
        return NULL;
    d->bottom--;
    return f;
}

static inline int join_queued(struct runtime *rt, struct future *f, void *out)
{
    const struct scoop_task *type = rt->registry.task[f->rec.number - 1];
    struct error *error = NULL;
    struct frame frame;

    f->state = FUTURE_RUNNING;
    call_enter(rt, &frame, f, type, f->rec.path);
    int code =
        call_function(rt, &frame, f->arg, type->out_size ? out : NULL, &error);
    call_leave(rt, &frame);
    put_joined(rt, f);
    return pass_on(rt, code, error);
}

static int join(struct runtime *rt, struct future *f, void *out,
                uint64_t deadline_ns)
{
    int err = wait_for(rt, f, deadline_ns);

    if (err == SCOOP_ETIMEDOUT && f->state != FUTURE_DONE)
        return err;
    if (!err)
        err = copy_out(rt, f, out);
    public_release(rt, f);
    return err;
}

/* Whether a future that is queued can be called where it is waited for, as the
 * newest is; then it is queued no more. */
static bool take_out(struct runtime *rt, struct future *f, const void *out)
{
    if (f->state != FUTURE_QUEUED || f->flags || !lanes_is_main(&f->rec) ||
        rt->lanes.filled & LANES_ABOVE || !call_has_room(rt))
        return false;
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    return type->kind == SCOOP_TYPED && (out || !type->out_size) &&
           deque_remove(&rt->deque, &f->item);
}

/* A join that is not of the topmost. */
static __attribute__((noinline)) int join_other(struct runtime *rt,
                                                scoop_future future, void *out)
{
    int why;

    fresh_enlist(rt);
    struct future *f = newest(rt, future, out);
    if (f)
        return join_queued(rt, f, out);
    f = public_own(rt, future, &why);
    if (!f)
        return why;
    if (take_out(rt, f, out))
        return join_queued(rt, f, out);
    return join(rt, f, out, CLOCK_NEVER);
}

int scoop_join_plain(scoop_future future, void *out)
{
    struct runtime *rt = runtime_current;

    if (__builtin_expect(!rt, 0))
        return public_outside();
    if (__builtin_expect(--rt->calls_left == 0, 0))
        worker_attend(rt);
    struct future *f = topmost(rt, future, out);
    if (__builtin_expect(f != NULL, 1))
        return join_topmost(rt, f, out);
    return join_other(rt, future, out);
}

int scoop_join_of(scoop_future future, void *out,
                  const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    uint64_t deadline_ns = public_deadline(options);
    if (deadline_ns == CLOCK_NEVER)
        return scoop_join_plain(future, out);
    worker_attend(rt);
    struct future *f = public_own(rt, future, &why);
    return f ? join(rt, f, out, deadline_ns) : why;
}

typedef struct future *find_fn(struct runtime *rt, scoop_future handle,
                               int *why);

static int find_and_wait(find_fn *find, scoop_future future,
                         uint64_t deadline_ns, struct future **f)
{
    struct runtime *rt = runtime_current;
    int why;

    *f = NULL;
    if (!rt)
        return public_outside();
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    *f = find(rt, future, &why);
    return *f ? wait_for(rt, *f, deadline_ns) : why;
}

int public_result(scoop_future future, uint64_t deadline_ns, struct future **f)
{
    return find_and_wait(public_own, future, deadline_ns, f);
}

int public_look(scoop_future future, uint64_t deadline_ns, struct future **f)
{
    return find_and_wait(public_see, future, deadline_ns, f);
}

int scoop_result_of(scoop_future future, void *out,
                    const struct scoop_wait_options *options)
{
    struct future *f;
    int err = public_look(future, public_deadline(options), &f);

    return err ? err : copy_out(runtime_current, f, out);
}

/* The bytes are there, and not a value that was made of them. */
static int check_bytes(struct runtime *rt, const struct future *f)
{
    if (!(f->flags & FUTURE_DECODED))
        return 0;
    return runtime_fail(rt, SCOOP_EINVAL,
                        "the result of %s was decoded: scoop_result_json() "
                        "has it",
                        registry_task(&rt->registry, f->rec.number)->name);
}

int scoop_result_bytes_of(scoop_future future, const void **data, size_t *len,
                          const struct scoop_wait_options *options)
{
    struct future *f;
    int err = public_look(future, public_deadline(options), &f);

    if (!err)
        err = check_bytes(runtime_current, f);
    if (data)
        *data = err ? NULL : f->result;
    if (len)
        *len = err ? 0 : f->result_len;
    return err;
}

int scoop_join_bytes_of(scoop_future future, void **data, size_t *len,
                        const struct scoop_wait_options *options)
{
    struct future *f = NULL;
    int err;

    if (data)
        *data = NULL;
    if (len)
        *len = 0;
    err = public_result(future, public_deadline(options), &f);
    if (!f || (err == SCOOP_ETIMEDOUT && f->state != FUTURE_DONE))
        return err;
    if (!err)
        err = check_bytes(runtime_current, f);
    if (!err && data && f->result_len) {
        if (f->flags & FUTURE_OWNS_RESULT) {
            *data = f->result;
            f->flags &= (uint16_t)~FUTURE_OWNS_RESULT;
        } else {
            *data = malloc(f->result_len);
            if (*data)
                memcpy(*data, f->result, f->result_len);
            else
                err = runtime_fail(runtime_current, SCOOP_ENOMEM,
                                   "no memory for a result of %zu bytes",
                                   f->result_len);
        }
    }
    if (!err && len)
        *len = f->result_len;
    public_release(runtime_current, f);
    return err;
}

int scoop_done(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    worker_attend(rt);
    struct future *f = public_see(rt, future, &why);
    /* Who looks at a future that is done may wait for what a callback does,
     * which may wait for tasks in its turn. */
    if (f && (f->state != FUTURE_DONE || rt->worker.callbacks_running))
        worker_yield(rt);
    return f ? f->state == FUTURE_DONE : why;
}

/* What has become of a future that was just cancelled. */
static int what_happened(const struct future *f)
{
    bool has_run = f->rec.count > 0 && !(f->flags & FUTURE_PIECE);

    if (f->state == FUTURE_PLACED || (f->rec.flags & TASK_DROPPED))
        return SCOOP_CANCELLED;
    if (f->state != FUTURE_DONE)
        return SCOOP_ASKED;
    if (f->status == SCOOP_ECANCELLED)
        return has_run ? SCOOP_ASKED : SCOOP_CANCELLED;
    return SCOOP_TOO_LATE;
}

/* Ends by RESULT, or by ASKED: the holder answers, or its helper. */
static void ask_holder(struct runtime *rt, struct future *f)
{
    holder_cancel_and_tell(rt, f);
    while (f->state != FUTURE_DONE && !(f->rec.flags & TASK_CANCEL))
        wait_park(rt, f, CLOCK_NEVER, "what has come of the cancel of");
}

int scoop_cancel(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    struct future *f = public_own(rt, future, &why);
    if (!f)
        return why;
    if (f->state == FUTURE_QUEUED && queue_withdraw(rt, f)) {
        f->flags |= FUTURE_CANCELLED;
        settle_take(rt, f, SCOOP_ECANCELLED, NULL);
        return SCOOP_CANCELLED;
    }
    bool was_running = f->state == FUTURE_RUNNING;
    settle_cancel(rt, f);
    if (was_running)
        return SCOOP_ASKED;
    if (f->state == FUTURE_HELD)
        ask_holder(rt, f);
    return what_happened(f);
}

bool scoop_cancel_requested(void)
{
    struct runtime *rt = runtime_current;

    if (!rt || !rt->frame)
        return false;
    if (--rt->calls_left == 0)
        worker_attend(rt);
    struct frame *frame = rt->frame;
    return frame->is_asked ||
           (frame->task && (frame->task->flags & FUTURE_CANCELLED));
}

int scoop_running(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    worker_attend(rt);
    struct future *f = public_see(rt, future, &why);
    return f ? f->state == FUTURE_RUNNING || f->state == FUTURE_HELD : why;
}

int scoop_cancelled(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    worker_attend(rt);
    struct future *f = public_see(rt, future, &why);
    if (!f)
        return why;
    return f->state == FUTURE_DONE && f->status == SCOOP_ECANCELLED;
}

int scoop_future_info(scoop_future future, struct scoop_info *info)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    if (!info)
        return runtime_fail(rt, SCOOP_EINVAL, "info is NULL");
    struct future *f = public_see(rt, future, &why);
    if (!f)
        return why;
    memset(info, 0, sizeof *info);
    info->state = SCOOP_PENDING;
    if (f->state == FUTURE_DONE)
        info->state = SCOOP_FINISHED;
    else if (f->state == FUTURE_RUNNING || f->state == FUTURE_HELD)
        info->state = SCOOP_RUNNING;
    info->task = registry_task(&rt->registry, f->rec.number)->name;
    info->rank = info->state == SCOOP_PENDING ? -1 : f->rec.holder;
    info->attempt = f->rec.attempt;
    info->created = clock_seconds_of(f->rec.created_ns - rt->started_ns);
    if (f->state == FUTURE_DONE) {
        info->status = f->status;
        info->waited = clock_seconds_of(f->rec.first);
        info->run = clock_seconds_of(f->rec.count);
    }
    return 0;
}

int scoop_attempt(void)
{
    struct runtime *rt = runtime_current;

    return rt && rt->frame ? rt->frame->attempt : 1;
}

int scoop_release(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    struct future *f = public_own(rt, future, &why);
    if (!f)
        return why;
    public_release(rt, f);
    return 0;
}
