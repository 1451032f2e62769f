/* SPDX-License-Identifier: MIT */
/* public.c -- what the public calls share: where am I, whose future is this
 *
 * Handles come from the user, so they are looked up, never followed: a stale
 * one, one of another task and one that a failed submit returned are told
 * apart here, with words for scoop_last_error().
 */
#include "public.h"

#include <stdarg.h>
#include <stdio.h>

#include "callback.h"
#include "clock.h"
#include "fresh.h"
#include "settle.h"
#include "worker.h"

/* ---- Errors of calls -------------------------------------------------- */

void runtime_set_error_take(struct runtime *rt, struct error *e)
{
    struct frame *frame = rt->frame;

    if (!frame) {
        error_free(e);
        return;
    }
    error_free(frame->last);
    frame->last = e;
}

int runtime_fail(struct runtime *rt, int code, const char *format, ...)
{
    char words[ERROR_WORDS_MAX];
    struct scoop_error e = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    e.code = e.task_code = code;
    e.message = words;
    e.host = rt->host;
    e.rank = rt->rank;
    runtime_set_error_take(rt, error_new(&e));
    return code;
}

/* ---- Futures by handle ------------------------------------------------ */

struct future *public_own(struct runtime *rt, scoop_future handle, int *why)
{
    struct future *f;

    if (!handle.id) {
        *why = (int)(int64_t)handle.generation;
        if (*why > 0 || *why < SCOOP_ERROR_LAST)
            *why = SCOOP_ESTALE;
        if (!*why)
            *why =
                runtime_fail(rt, SCOOP_EINVAL, "a detached task has no future");
        else if (*why == SCOOP_ESTALE)
            runtime_fail(rt, *why, "%s", scoop_strerror(*why));
        return NULL; /* else submit has said it */
    }
    fresh_enlist(rt);
    f = future_find(&rt->futures, handle.id, handle.generation);
    if (!f || (f->flags & FUTURE_ORPHAN)) /* released: nobody's any more */
        *why = runtime_fail(rt, SCOOP_ESTALE,
                            "the future %u.%u was released or never existed",
                            (unsigned)(handle.id >> 32), (unsigned)handle.id);
    else if (f->owner != rt->frame)
        *why = runtime_fail(rt, SCOOP_EOWNER,
                            "the future %u.%u belongs to another task",
                            (unsigned)(handle.id >> 32), (unsigned)handle.id);
    else
        return f;
    return NULL;
}

struct future *public_see(struct runtime *rt, scoop_future handle, int *why)
{
    struct future *f = callback_lent(rt->frame);

    if (f && f->rec.id == handle.id && f->rec.generation == handle.generation)
        return f;
    return public_own(rt, handle, why);
}

uint64_t public_deadline(const struct scoop_wait_options *options)
{
    double seconds = options ? options->timeout : 0;

    if (seconds > 0)
        return clock_deadline(seconds);
    return seconds < 0 ? 0 : CLOCK_NEVER;
}

void public_release(struct runtime *rt, struct future *f)
{
    if ((f->flags & FUTURE_BORROWS) && f->state != FUTURE_DONE) {
        settle_cancel(rt, f); /* the function may read its argument */
        worker_wait(rt, f, CLOCK_NEVER);
    }
    link_remove(&f->link);
    settle_release(rt, f);
}

int public_check_task(struct runtime *rt, const struct scoop_task *task,
                      const void *arg, size_t len)
{
    if (!rt->frame)
        return SCOOP_ESTATE;
    if (rt->is_shut)
        return runtime_fail(rt, SCOOP_ESHUTDOWN, "%s",
                            scoop_strerror(SCOOP_ESHUTDOWN));
    if (!task)
        return runtime_fail(rt, SCOOP_EINVAL, "the task is NULL");
    if (!registry_has(&rt->registry, task))
        return runtime_fail(rt, SCOOP_ENOTASK,
                            "the task \"%s\" is not "
                            "registered",
                            task->name ? task->name : "?");
    if (task->kind == SCOOP_OPERATOR)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s is a reducer: it cannot be run by itself",
                            task->name);
    if (!arg && len)
        return runtime_fail(rt, SCOOP_EINVAL, "the argument of %s is NULL",
                            task->name);
    if (task->kind == SCOOP_TYPED && len != task->in_size)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s takes %zu bytes of input, not %zu", task->name,
                            task->in_size, len);
    return 0;
}

int public_check_priority(struct runtime *rt, int priority)
{
    if (priority <= TASK_PRIORITY_MAX && priority >= -TASK_PRIORITY_MAX)
        return 0;
    return runtime_fail(rt, SCOOP_EINVAL, "a priority is -%d to %d, not %d",
                        TASK_PRIORITY_MAX, TASK_PRIORITY_MAX, priority);
}
