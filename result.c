/* SPDX-License-Identifier: MIT */
/* result.c -- waiting for one future: result, join, done, cancel, release
 *
 * scoop_join_plain() is the other half of what a future costs: a child that
 * is joined while it is still the newest of its parent's tasks is a function
 * call with some bookkeeping, with the caller's memory as its output.  What
 * is elsewhere is waited for by worker_wait().
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "public.h"
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
                            "%s is a bytes task: scoop_result_bytes() has its "
                            "result",
                            type->name);
    if (out && f->result_len)
        memcpy(out, f->result, f->result_len);
    return 0;
}

/* The usual join: the future is the newest of the queued tasks, which makes
 * it valid without a look at the table, and is called right here with the
 * caller's memory as its output.  NULL: it is not that case. */
static inline struct future *newest(struct runtime *rt, scoop_future handle,
                                    const void *out)
{
    struct deque *d = &rt->deque;

    if (d->bottom == d->first)
        return NULL;
    struct deque_item *item = d->items[(d->bottom - 1) & d->mask];
    struct future *f = future_of_item(item);
    if (!item || f->rec.id != handle.id ||
        f->rec.generation != handle.generation || f->flags ||
        f->owner != rt->frame || !call_has_room(rt))
        return NULL;
    const struct scoop_task *type = rt->registry.task[f->rec.number - 1];
    if (type->kind != SCOOP_TYPED || (!out && type->out_size))
        return NULL;
    d->bottom--;
    return f;
}

static inline int join_newest(struct runtime *rt, struct future *f, void *out)
{
    const struct scoop_task *type = rt->registry.task[f->rec.number - 1];
    struct error *error = NULL;
    struct frame frame;

    f->state = FUTURE_RUNNING;
    call_enter(rt, &frame, f, type, f->rec.path);
    int code =
        call_function(rt, &frame, f->arg, type->out_size ? out : NULL, &error);
    call_leave(rt, &frame);
    rt->futures.ended++;
    link_remove(&f->link);
    if (__builtin_expect(!f->flags, 1))
        future_put_clean(&rt->futures, f);
    else
        future_put(&rt->futures, f); /* it was cancelled meanwhile */
    if (__builtin_expect(!code, 1))
        return 0;
    code = error ? error->said.code : SCOOP_EFAILED;
    runtime_set_error_take(rt, error);
    return code;
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

int scoop_join_plain(scoop_future future, void *out)
{
    struct runtime *rt = runtime_current;
    int why;

    if (__builtin_expect(!rt, 0))
        return public_outside();
    if (__builtin_expect(--rt->calls_left == 0, 0))
        worker_attend(rt);
    struct future *f = newest(rt, future, out);
    if (__builtin_expect(f != NULL, 1))
        return join_newest(rt, f, out);
    f = public_own(rt, future, &why);
    return f ? join(rt, f, out, CLOCK_NEVER) : why;
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

/* The waits that leave the future as it is. */
static int result_of(scoop_future future,
                     const struct scoop_wait_options *options,
                     struct future **f)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    uint64_t deadline_ns = public_deadline(options);
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    *f = public_see(rt, future, &why);
    return *f ? wait_for(rt, *f, deadline_ns) : why;
}

int scoop_result_of(scoop_future future, void *out,
                    const struct scoop_wait_options *options)
{
    struct future *f;
    int err = result_of(future, options, &f);

    return err ? err : copy_out(runtime_current, f, out);
}

int scoop_result_bytes(scoop_future future, const void **data, size_t *len,
                       const struct scoop_wait_options *options)
{
    struct future *f;
    int err = result_of(future, options, &f);

    if (data)
        *data = err ? NULL : f->result;
    if (len)
        *len = err ? 0 : f->result_len;
    return err;
}

int scoop_join_bytes(scoop_future future, void **data, size_t *len,
                     const struct scoop_wait_options *options)
{
    struct future *f = NULL;
    int err;

    if (data)
        *data = NULL;
    if (len)
        *len = 0;
    if (runtime_current && !public_own(runtime_current, future, &err))
        return err; /* a callback may look at its future, no more */
    err = result_of(future, options, &f);
    if (!f || (err == SCOOP_ETIMEDOUT && f->state != FUTURE_DONE))
        return err;
    if (!err && data && f->result_len) {
        if (f->flags & FUTURE_OWNS_RESULT) {
            *data = f->result;
            f->flags &= (uint8_t)~FUTURE_OWNS_RESULT;
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

int scoop_cancel(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    struct future *f = public_own(rt, future, &why);
    if (!f)
        return why;
    worker_cancel(rt, f);
    return 0;
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
