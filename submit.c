/* SPDX-License-Identifier: MIT */
/* submit.c -- a task is made: checks, future, argument, first place
 *
 * scoop_submit_plain() is half of what a future costs when nobody steals it:
 * a free entry of the table, a copy of the argument in the size of its
 * members, a pointer pushed at the newest end of the deque; no message, no
 * fence.  Everything that has options goes through scoop_submit_task().
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "public.h"
#include "transfer.h"
#include "value.h"
#include "worker.h"

/* memcpy for arguments that are short and of a size that the compiler does not
 * know.  They were written a moment ago, member by member, so they are copied
 * in the size of their members: a load that spans several stores which are
 * still on their way to the cache would have to wait for them. */
static inline void copy_short(void *to, const void *from, size_t len,
                              size_t align)
{
    if (align == 8) {
        for (size_t i = 0; i < len; i += 8)
            memcpy((char *)to + i, (const char *)from + i, 8);
    } else if (align == 4) {
        for (size_t i = 0; i < len; i += 4)
            memcpy((char *)to + i, (const char *)from + i, 4);
    } else {
        memcpy(to, from, len);
    }
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

/* A future for a task that was checked, not queued yet; NULL: no memory. */
static inline __attribute__((always_inline)) struct future *make(
    struct runtime *rt, const struct scoop_task *task, const void *arg,
    size_t len)
{
    size_t in_room = (len + 7) & ~(size_t)7, room = in_room + task->out_size;
    struct frame *frame = rt->frame;
    struct future *f;

    if (__builtin_expect(len && (in_room > 16 * FUTURE_CLASSES ||
                                 task->in_align > 8),
                         0)) {
        f = make_long(rt, task, arg, len);
        if (!f)
            return NULL;
    } else {
        f = future_take(&rt->futures,
                        room > 16 * FUTURE_CLASSES ? in_room : room);
        if (__builtin_expect(!f, 0))
            return NULL;
        f->arg = f->data;
        if (__builtin_expect(len != 0, 1))
            copy_short(f->data, arg, len, task->in_align);
        else if (task->kind == SCOOP_TYPED)
            f->arg = NULL;
    }
    f->owner = frame;
    f->rec.path = call_next_path(frame);
    f->rec.arg_len = len;
    f->rec.number = task->number;
    rt->futures.created++;
    return f;
}

static scoop_future undo(struct runtime *rt, struct future *f, int code,
                         const char *task)
{
    rt->futures.ended++;
    link_remove(&f->link);
    future_put(&rt->futures, f);
    return public_no_future(
        runtime_fail(rt, code, "submit of %s: %s", task, scoop_strerror(code)));
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
    struct future *f = make(rt, task, arg, arg_len);
    if (__builtin_expect(!f, 0))
        return public_no_future(runtime_fail(rt, SCOOP_ENOMEM,
                                             "no memory to submit %s",
                                             task->name));
    link_add(&rt->frame->children, &f->link);
    if (__builtin_expect(rt->frame->measure->is_short &&
                             !atomic_load_explicit(&rt->node.me->wanted,
                                                   memory_order_relaxed) &&
                             rt->deque.bottom - rt->deque.first <
                                 rt->private_max &&
                             rt->deque.bottom - rt->deque.reclaimed <=
                                 rt->deque.mask,
                         1)) {
        f->state = FUTURE_QUEUED;
        deque_push(&rt->deque, &f->item);
        return public_handle(f);
    }
    scoop_future handle = public_handle(f);
    /* A farm that is shut, or serial, has no room for private tasks, so that
     * only this way has to ask. */
    int err = rt->is_shut ? SCOOP_ESHUTDOWN : worker_push(rt, f);
    if (err)
        return undo(rt, f, err, task->name);
    if (rt->is_serial)
        worker_settle(rt);
    return handle;
}

static int check_options(struct runtime *rt,
                         const struct scoop_submit_options *options)
{
    int place = options->place.rank_plus_1;

    if (place < 0 || place > rt->size)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "there is no rank %d to place a task on",
                            place < 0 ? -1 : place - 1);
    return 0;
}

scoop_future scoop_submit_task(const struct scoop_task *task, const void *arg,
                               size_t arg_len,
                               const struct scoop_submit_options *options)
{
    static const struct scoop_submit_options none;
    struct runtime *rt = runtime_current;

    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return public_no_future(err);
    if (!options)
        options = &none;
    err = public_check_task(rt, task, arg, arg_len);
    if (!err)
        err = check_options(rt, options);
    if (err)
        return public_no_future(err);
    if (--rt->calls_left == 0)
        worker_attend(rt);
    struct future *f = make(rt, task, arg, arg_len);
    if (!f)
        return public_no_future(runtime_fail(rt, SCOOP_ENOMEM,
                                             "no memory to submit %s",
                                             task->name));
    scoop_future handle = public_handle(f);
    link_add(&rt->frame->children, &f->link);
    if (options->detached) {
        link_remove(&f->link);
        link_init(&f->link);
        f->owner = NULL;
        f->flags |= FUTURE_ORPHAN;
        f->rec.flags |= TASK_DETACHED;
        f->rec.parent = rt->frame->task ? rt->frame->task->rec.id : 0;
        handle = public_no_future(0);
    }
    if (!options->place.rank_plus_1) {
        err = worker_push(rt, f);
    } else {
        f->rec.place = options->place.rank_plus_1 - 1;
        err = f->rec.place == rt->rank ? worker_place(rt, f)
                                       : transfer_place(rt, f);
    }
    if (err)
        return undo(rt, f, err, task->name);
    if (rt->is_serial)
        worker_settle(rt);
    return handle;
}
