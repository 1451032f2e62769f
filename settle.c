/* SPDX-License-Identifier: MIT */
/* settle.c -- how a future ends: by a result, a cancellation, its release
 *
 * Every end of a home future goes through settle_take(), once for each of its
 * attempts.  It may be queued again (terms.c); otherwise it is done, and who
 * waits for it is told: the one strand, or the ring of watches (watch.h).
 *
 * A cancelled task that has not started ends at once.  One that runs is asked
 * to stop, and so is everything below it: cancellation goes down the tree of
 * tasks, on this rank by the list of a frame's children, to other ranks by
 * CANCEL (holder.c), each of which does the same.
 *
 * A future that was released lives on as an orphan until its task has ended,
 * its debts are paid and its callbacks have returned.
 */
#include "settle.h"

#include <stdlib.h>

#include "call.h"
#include "clock.h"
#include "holder.h"
#include "map.h"
#include "queue.h"
#include "runtime.h"
#include "terms.h"
#include "watch.h"
#include "worker.h"

/* A future that nobody has a handle to has ended. */
static void bury(struct runtime *rt, struct future *f)
{
    char words[ERROR_WORDS_MAX];

    if ((f->rec.flags & TASK_DETACHED) && f->error) {
        error_format(&f->error->said, words, sizeof words);
        log_error(&rt->log, "detached task: %s", words);
    }
    if (!f->debts && !f->callbacks)
        future_put(&rt->futures, f);
}

void settle_note_times(struct future *f, uint64_t run_ns, uint64_t now_ns)
{
    uint64_t ns = now_ns - f->rec.created_ns;

    f->rec.first = ns > run_ns ? ns - run_ns : 0;
    f->rec.count = run_ns;
}

void settle_take(struct runtime *rt, struct future *f, int status,
                 struct error *error)
{
    if ((f->flags & FUTURE_CANCELLED) && status != SCOOP_ECANCELLED) {
        error_free(error);
        error = NULL;
        status = SCOOP_ECANCELLED;
    }
    if (f->flags & FUTURE_HAS_TERMS) {
        if (status && terms_again(rt, f, status)) {
            error_free(error);
            return;
        }
        if (error) {
            error->said.attempt = f->rec.attempt;
            error->said.attempts = terms_attempts(f);
        }
        terms_drop(rt, f);
        rt->futures.indebted += f->debts != 0;
    }
    if (status && !error)
        error = call_error(rt, f, status, NULL);
    f->status = (int8_t)status;
    f->error = error;
    f->state = FUTURE_DONE;
    rt->futures.ended++;
    if (f->flags & FUTURE_WATCHED)
        watch_ended(rt, f);
    else if (f->waiter)
        worker_wake(rt, f->waiter);
    if (f->flags & FUTURE_ORPHAN)
        bury(rt, f);
}

/* Puts the frame on the list of those that are to be asked. */
static void will_ask(struct runtime *rt, struct frame *frame)
{
    struct worker *w = &rt->worker;

    if (frame->is_asked)
        return;
    frame->is_asked = true;
    shared_look_again(&rt->shared); /* it may wait for a constant */
    if (w->asked_count == w->asked_room) {
        size_t room = 2 * w->asked_room + 16;
        void *more = realloc(w->asked, room * sizeof *w->asked);
        if (!more) {
            log_warn(&rt->log, "no memory to cancel the children of %s",
                     call_name(frame));
            return;
        }
        w->asked = more;
        w->asked_room = room;
    }
    w->asked[w->asked_count++] = frame;
}

static void cancel(struct runtime *rt, struct future *f)
{
    if (f->state == FUTURE_DONE || f->state == FUTURE_ANCHOR ||
        (f->flags & FUTURE_CANCELLED))
        return;
    f->flags |= FUTURE_CANCELLED;
    if (f->state == FUTURE_QUEUED && queue_remove(rt, f)) {
        if (f->flags & FUTURE_PIECE)
            map_drop_piece(rt, f, SCOOP_ECANCELLED, NULL);
        else
            settle_take(rt, f, SCOOP_ECANCELLED, NULL);
    } else if (f->flags & FUTURE_PIECE) {
        map_cancel_piece(rt, f);
    } else if (f->state == FUTURE_HELD) {
        holder_cancel(rt, f, f->rec.holder);
    }
    if (f->state == FUTURE_RUNNING)
        will_ask(rt, f->frame);
    /* PLACED, RUNNING, or public and perhaps taken: whoever meets it next
     * (the pop, the function's return, the reclaim) sees the flag. */
}

/* Cancels the children of all that is to be asked, and theirs: by a list, as
 * tasks may be nested deeper than this stack.  No frame ends meanwhile. */
static void cancel_below(struct runtime *rt)
{
    struct worker *w = &rt->worker;

    while (w->asked_count) {
        struct link *head = frame_children(w->asked[--w->asked_count]);
        struct link *next;
        for (struct link *l = head->next; l != head; l = next) {
            next = l->next;
            cancel(rt, future_of_link(l));
        }
    }
}

void settle_cancel(struct runtime *rt, struct future *f)
{
    loan_end(rt);
    fresh_enlist(rt); /* any may be below */
    cancel(rt, f);
    cancel_below(rt);
}

void settle_ask(struct runtime *rt, struct frame *frame)
{
    loan_end(rt);
    fresh_enlist(rt);
    will_ask(rt, frame);
    cancel_below(rt);
}

bool settle_release(struct runtime *rt, struct future *f)
{
    loan_end(rt);
    f->owner = NULL;
    link_init(&f->link);
    if (f->state == FUTURE_DONE) { /* an old attempt may still run somewhere */
        f->flags |= FUTURE_ORPHAN;
        if (!f->debts && !f->callbacks)
            future_put(&rt->futures, f);
        return false;
    }
    f->flags |= FUTURE_ORPHAN;
    if (f->flags & FUTURE_WATCHED)
        watch_released(rt, f);
    else
        f->waiter = NULL;
    settle_cancel(rt, f);
    return true;
}
