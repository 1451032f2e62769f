/* SPDX-License-Identifier: MIT */
/* submit.c -- a task is made: checks, future, argument, first place
 *
 * The submit that costs nothing stands in scoop_macros.h, inlined in the
 * user's program: it makes a fresh future (fresh.c).  Where it may not, it
 * calls scoop_submit_plain(), which looks around, sees to it that the next may
 * (fresh_open), and otherwise makes an ordinary future: a free entry of the
 * table, a copy of the argument, a pointer pushed at the newest end of the
 * deque; no message, no fence.  Everything that has options goes through
 * scoop_submit_task().
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "fresh.h"
#include "place.h"
#include "public.h"
#include "queue.h"
#include "terms.h"
#include "value.h"
#include "worker.h"

_Static_assert(offsetof(struct frame, path) ==
                       offsetof(struct scoop_frame_, path) &&
                   offsetof(struct frame, made) ==
                       offsetof(struct scoop_frame_, made),
               "as the header says");
#define SAME_PLACE(ours, theirs)                                               \
    (offsetof(struct future, ours) == offsetof(struct scoop_fresh_, theirs))
_Static_assert(SAME_PLACE(size_class, size_class) && SAME_PLACE(owner, owner) &&
                   SAME_PLACE(rec.id, rec.id) &&
                   SAME_PLACE(rec.generation, rec.generation) &&
                   SAME_PLACE(rec.path, rec.path) &&
                   SAME_PLACE(rec.created_ns, rec.created_ns) &&
                   SAME_PLACE(rec.number, rec.number) &&
                   SAME_PLACE(data, data) &&
                   SCOOP_FRESH_MAX_ == 16 * FUTURE_CLASSES,
               "as the header says");

static bool is_long(const struct scoop_task *task, size_t len)
{
    return len && (len > 16 * FUTURE_CLASSES || task->in_align > 8);
}

/* What a future needs for an argument that is not long, and for the result if
 * that fits as well. */
static size_t room_for(const struct scoop_task *task, size_t len)
{
    size_t in_room = (len + 7) & ~(size_t)7, room = in_room + task->out_size;

    return room > 16 * FUTURE_CLASSES ? in_room : room;
}

/* A future whose argument does not fit in it, or not as it must be aligned. */
static struct future *make_long(struct runtime *rt,
                                const struct scoop_task *task, const void *arg,
                                size_t len)
{
    struct future *f = future_take(&rt->futures, 0);

    if (!f)
        return NULL;
    f->arg = value_alloc(len, task->in_align);
    if (!f->arg) {
        future_put(&rt->futures, f);
        return NULL;
    }
    f->flags = FUTURE_OWNS_ARG;
    memcpy(f->arg, arg, len);
    return f;
}

static inline void fill(struct runtime *rt, struct future *f,
                        const struct scoop_task *task, size_t len)
{
    f->owner = rt->frame;
    f->rec.path = call_next_path(rt->frame);
    f->rec.created_ns = rt->attended_ns;
    f->rec.arg_len = len;
    f->rec.number = task->number;
    rt->futures.created++;
}

/* A future for a task that was checked, not queued yet; NULL: no memory. */
static inline __attribute__((always_inline)) struct future *make(
    struct runtime *rt, const struct scoop_task *task, const void *arg,
    size_t len)
{
    struct future *f;

    if (__builtin_expect(is_long(task, len), 0)) {
        f = make_long(rt, task, arg, len);
        if (!f)
            return NULL;
    } else {
        f = future_take(&rt->futures, room_for(task, len));
        if (__builtin_expect(!f, 0))
            return NULL;
        f->arg = f->data;
        if (__builtin_expect(len != 0, 1))
            scoop_copy_(f->data, arg, len, task->in_align);
        else if (task->kind == SCOOP_TYPED)
            f->arg = NULL;
    }
    fill(rt, f, task, len);
    return f;
}

static scoop_future undo(struct runtime *rt, struct future *f, int code,
                         const char *task)
{
    rt->futures.ended++;
    link_remove(&f->link);
    terms_drop(rt, f);
    future_put(&rt->futures, f);
    return public_no_future(
        runtime_fail(rt, code, "submit of %s: %s", task, scoop_strerror(code)));
}

/* What the inline half does, for the rest of those that may be fresh. */
static scoop_future push_fresh(struct runtime *rt,
                               const struct scoop_task *task, const void *arg,
                               size_t len)
{
    struct future *f = *rt->fresh_top++;

    f->owner = rt->frame;
    f->rec.path = call_next_path(rt->frame);
    f->rec.created_ns = rt->attended_ns;
    f->rec.number = task->number;
    if (len)
        scoop_copy_(f->data, arg, len, task->in_align);
    return public_handle(f);
}

scoop_future scoop_submit_plain(struct scoop_task *task, const void *arg,
                                size_t arg_len)
{
    struct runtime *rt = runtime_current;

    if (__builtin_expect(!rt, 0)) {
        int why;
        rt = public_enter(&why);
        if (!rt)
            return public_no_future(why);
    }
    if (__builtin_expect(!rt->frame || !registry_has(&rt->registry, task) ||
                             (!arg && arg_len),
                         0))
        return public_no_future(public_check_task(rt, task, arg, arg_len));
    if (__builtin_expect(--rt->calls_left == 0, 0))
        worker_attend(rt);
    if (task->kind == SCOOP_TYPED && !is_long(task, arg_len) &&
        fresh_open(rt, room_for(task, arg_len)))
        return push_fresh(rt, task, arg, arg_len);
    struct future *f = make(rt, task, arg, arg_len);
    if (__builtin_expect(!f, 0))
        return public_no_future(runtime_fail(rt, SCOOP_ENOMEM,
                                             "no memory to submit %s",
                                             task->name));
    link_add(frame_children(rt->frame), &f->link);
    scoop_future handle = public_handle(f);
    /* A farm that is shut, or serial, has no room for private tasks, fresh
     * ones included, so that only this way has to ask. */
    int err = rt->is_shut ? SCOOP_ESHUTDOWN : queue_push(rt, f);
    if (err)
        return undo(rt, f, err, task->name);
    if (rt->is_serial)
        worker_settle(rt);
    return handle;
}

static int check_then(struct runtime *rt, const struct scoop_task *task,
                      const struct scoop_task *then)
{
    if (!registry_has(&rt->registry, then))
        return runtime_fail(rt, SCOOP_ENOTASK,
                            "the task \"%s\" of .done_there is not registered",
                            then->name ? then->name : "?");
    if (then->kind != task->kind ||
        (then->kind == SCOOP_TYPED && then->in_size != task->out_size))
        return runtime_fail(rt, SCOOP_EINVAL,
                            ".done_there: %s does not take what %s gives",
                            then->name, task->name);
    return 0;
}

static int check_options(struct runtime *rt, const struct scoop_task *task,
                         const void *arg,
                         const struct scoop_submit_options *options)
{
    int err = place_check(rt, options->place);

    if (!err)
        err = public_check_priority(rt, options->priority);
    if (err)
        return err;
    if ((options->borrow || options->take) && (uintptr_t)arg % task->in_align)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "the argument of %s is not aligned", task->name);
    if (options->borrow && (options->detached || options->take ||
                            options->timeout > 0 || options->deadline > 0))
        return runtime_fail(rt, SCOOP_EINVAL,
                            "an argument can be borrowed only until the "
                            "future ends: not with .take, .detached, "
                            ".timeout or .deadline");
    err = terms_check(rt, options);
    if (!err && options->done_there)
        err = check_then(rt, task, options->done_there);
    return err;
}

/* A future whose argument stays where it is. */
static struct future *make_around(struct runtime *rt,
                                  const struct scoop_task *task,
                                  const void *arg, size_t len,
                                  const struct scoop_submit_options *options)
{
    struct future *f =
        future_take(&rt->futures,
                    task->out_size > 16 * FUTURE_CLASSES ? 0 : task->out_size);

    if (!f)
        return NULL;
    f->arg = (void *)(uintptr_t)arg;
    f->flags = options->take ? FUTURE_OWNS_ARG : FUTURE_BORROWS;
    fill(rt, f, task, len);
    return f;
}

static void detach(struct runtime *rt, struct future *f)
{
    link_remove(&f->link);
    link_init(&f->link);
    f->owner = NULL;
    f->flags |= FUTURE_ORPHAN;
    f->rec.flags |= TASK_DETACHED;
    f->rec.parent = rt->frame->task ? rt->frame->task->rec.id : 0;
}

/* What the options say is written into a new future. */
static int furnish(struct runtime *rt, struct future *f,
                   const struct scoop_submit_options *options,
                   uint64_t called_ns)
{
    if (options->detached)
        detach(rt, f);
    if (options->done_there) {
        f->rec.then = options->done_there->number;
        f->flags |= FUTURE_THEN;
    }
    f->rec.priority = (int8_t)options->priority;
    if (options->timeout > 0 || options->deadline > 0 || options->retries > 0)
        return terms_give(rt, f, options, called_ns);
    return 0;
}

/* An argument that was to be taken is gone, whatever happens. */
static scoop_future refuse(int code, const void *arg,
                           const struct scoop_submit_options *options)
{
    if (options->take)
        free((void *)(uintptr_t)arg);
    return public_no_future(code);
}

scoop_future scoop_submit_task(const struct scoop_task *task, const void *arg,
                               size_t arg_len,
                               const struct scoop_submit_options *options)
{
    static const struct scoop_submit_options none;
    struct runtime *rt = runtime_current;
    struct future *f;
    int err = 0;

    if (!options)
        options = &none;
    if (!rt)
        rt = public_enter(&err);
    if (!err)
        err = public_check_task(rt, task, arg, arg_len);
    if (!err)
        err = check_options(rt, task, arg, options);
    if (err)
        return refuse(err, arg, options);
    uint64_t called_ns = options->deadline > 0 ? clock_now_ns() : 0;
    if (--rt->calls_left == 0)
        worker_attend(rt);
    if (rt->is_shut) /* meanwhile */
        return refuse(runtime_fail(rt, SCOOP_ESHUTDOWN, "%s",
                                   scoop_strerror(SCOOP_ESHUTDOWN)),
                      arg, options);
    bool stays = (options->borrow || options->take) && arg;
    f = stays ? make_around(rt, task, arg, arg_len, options)
              : make(rt, task, arg, arg_len);
    if (!f)
        return refuse(runtime_fail(rt, SCOOP_ENOMEM, "no memory to submit %s",
                                   task->name),
                      arg, options);
    scoop_future handle =
        options->detached ? public_no_future(0) : public_handle(f);
    link_add(frame_children(rt->frame), &f->link);
    err = furnish(rt, f, options, called_ns);
    if (!err)
        err = place_task(rt, f, options->place);
    if (err)
        return undo(rt, f, err, task->name);
    if (rt->is_serial)
        worker_settle(rt);
    return handle;
}
