/* SPDX-License-Identifier: MIT */
/* callback.c -- functions that are called when a future has ended
 *
 * A callback watches its future.  When that ends, it joins the queue of this
 * rank, and the scheduler begins one after the other in the order of the
 * queue, on a stack of its own with a frame of its own: it is to the library
 * what a task is, only that it never leaves its rank and nobody waits for it.
 *
 *     on_done ---> watches f ---> f ends ---> queue ---> runs, gone
 *          \______ f has ended already ______/
 *
 * The future stays in its table until its last callback has returned, whoever
 * releases it meanwhile: f->callbacks counts them, and the last one frees it.
 * Inside the callback its handle may be looked at (public_see), not released.
 *
 * A stack is needed for a callback that runs, not for one that waits in the
 * queue, and only so many run at once: a hundred thousand futures that end
 * together cost a hundred thousand small blocks of memory.  Those that run
 * may wait for tasks, and tasks never wait for callbacks, so they come to an
 * end.
 *
 * A farm does not end while there are callbacks: see worker_is_idle().
 */
#include "callback.h"

#include <stdlib.h>

#include "call.h"
#include "clock.h"
#include "public.h"
#include "watch.h"
#include "worker.h"

struct callback {
    struct watch watch; /* until the future ends */
    struct callback *next;
    int (*function)(scoop_future future, void *arg);
    void *arg;
    uint64_t path; /* it counts as a child of the task that added it */
};

struct callback_frame {
    struct frame frame; /* first: it is found by a pointer to this */
    struct future *lent;
};

/* By it the frame of a callback is recognised. */
static const struct scoop_task callback_type = {.name = "a callback"};

struct future *callback_lent(const struct frame *frame)
{
    if (!frame || frame->type != &callback_type)
        return NULL;
    return ((const struct callback_frame *)(const void *)frame)->lent;
}

static void enqueue(struct runtime *rt, struct callback *c)
{
    c->next = NULL;
    *rt->worker.callback_end = c;
    rt->worker.callback_end = &c->next;
}

static struct callback *dequeue(struct worker *w)
{
    struct callback *c = w->callback;

    w->callback = c->next;
    if (!w->callback)
        w->callback_end = &w->callback;
    return c;
}

static void ended(struct runtime *rt, struct watch *w)
{
    enqueue(rt, (struct callback *)(void *)w);
}

static const struct watch_kind callback_kind = {ended, NULL};

static void dispose(struct runtime *rt, struct callback *c)
{
    struct future *f = c->watch.future;

    free(c);
    if (!--f->callbacks && !f->debts && (f->flags & FUTURE_ORPHAN))
        future_put(&rt->futures, f);
}

static void say(struct runtime *rt, const struct future *f, const char *what,
                const struct error *error, int code)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    char words[ERROR_WORDS_MAX];

    if (error)
        error_format(&error->said, words, sizeof words);
    log_error(&rt->log, "%s of task %u.%u (%s): %s", what,
              (unsigned)(f->rec.id >> 32), (unsigned)f->rec.id,
              type ? type->name : "?", error ? words : scoop_strerror(code));
}

/* What a callback leaves behind has nobody who could ask for it. */
static void say_left(struct runtime *rt, struct frame *frame,
                     const struct future *f)
{
    const struct link *head = frame_children(frame);

    for (struct link *l = head->next; l != head; l = l->next) {
        const struct future *left = future_of_link(l);
        if (left->state == FUTURE_DONE && left->status &&
            left->status != SCOOP_ECANCELLED)
            say(rt, f, "a future that was left by a callback", left->error,
                left->status);
    }
}

void callback_run(struct runtime *rt)
{
    struct worker *w = &rt->worker;
    struct callback *c = dequeue(w);
    struct future *f = c->watch.future;
    struct callback_frame on;
    struct error *error = NULL;

    w->callbacks_running++;
    w->callbacks_refused = 0;
    call_enter(rt, &on.frame, NULL, &callback_type, c->path);
    on.lent = f;
    call_go_away(rt, clock_now_ns());
    int code = c->function(public_handle(f), c->arg);
    fresh_enlist(rt);
    say_left(rt, &on.frame, f);
    if (frame_has_children(&on.frame))
        call_abandon_children(rt, &on.frame);
    call_settle(rt, &on.frame, code, &error);
    if (code)
        say(rt, f, "callback", error, SCOOP_EFAILED);
    error_free(error);
    call_leave(rt, &on.frame);
    call_come_back(rt);
    w->callbacks_running--;
    dispose(rt, c);
}

void callback_refuse(struct runtime *rt, int code)
{
    struct worker *w = &rt->worker;

    if (w->live) { /* until one of those has ended */
        w->callbacks_refused = w->live;
        return;
    }
    struct callback *c = dequeue(w);
    say(rt, c->watch.future, "no stack for a callback", NULL, code);
    dispose(rt, c);
}

int scoop_on_done(scoop_future future,
                  int (*function)(scoop_future future, void *arg), void *arg)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    if (--rt->calls_left == 0)
        worker_attend(rt);
    if (!function)
        return runtime_fail(rt, SCOOP_EINVAL, "the callback is NULL");
    struct future *f = public_see(rt, future, &why);
    if (!f)
        return why;
    struct callback *c = calloc(1, sizeof *c);
    if (!c)
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a callback");
    if (f->callbacks == UINT16_MAX) {
        free(c);
        return runtime_fail(rt, SCOOP_ELIMIT,
                            "a future has at most %u callbacks", UINT16_MAX);
    }
    c->function = function;
    c->arg = arg;
    c->path = call_next_path(rt->frame);
    c->watch.future = f;
    f->callbacks++;
    if (f->state == FUTURE_DONE)
        enqueue(rt, c);
    else
        watch_add(f, &c->watch, &callback_kind);
    if (rt->is_serial)
        worker_settle(rt); /* nobody else would run it */
    return 0;
}
