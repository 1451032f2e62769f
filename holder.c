/* SPDX-License-Identifier: MIT */
/* holder.c -- who has a task: news of it, and what its holder is told
 *
 * A home learns that a task was taken from its own deque (holder_taken), and
 * from then on by HELD from each rank that takes it on.  News may overtake
 * each other, so they carry the number of hands that a task has gone through.
 *
 * A cancel goes to the holder as far as the home knows.  Where a task has moved
 * on meanwhile the news of that bring another cancel on the way.
 */
#include "holder.h"

#include <stdlib.h>

#include "map.h"
#include "queue.h"
#include "runtime.h"
#include "settle.h"
#include "terms.h"
#include "transfer.h"
#include "wait.h"

static void send_cancel(struct runtime *rt, const struct future *f, int holder,
                        uint32_t attempt, bool must_answer)
{
    struct wire_cancel body = {f->rec.id, f->rec.generation, attempt,
                               must_answer};

    if (net_send(rt->net, holder, WIRE_CANCEL, &body, NULL, 0, NET_COPY))
        log_warn(&rt->log, "no memory to cancel a task on rank %d",
                 holder); /* it runs, and its result is dropped */
}

void holder_cancel(struct runtime *rt, struct future *f, int holder)
{
    send_cancel(rt, f, holder, f->rec.attempt, false);
}

void holder_cancel_and_tell(struct runtime *rt, struct future *f)
{
    send_cancel(rt, f, f->rec.holder, f->rec.attempt, true);
}

/* News of who has a task of this rank. */
static void note_held(struct runtime *rt, const struct wire_held_one *one,
                      int holder)
{
    struct future *f = future_find(&rt->futures, one->id, one->generation);

    if (!f)
        return; /* it has ended */
    if (f->flags & FUTURE_PIECE) {
        map_note_holder(rt, f, holder);
    } else if (f->rec.attempt != one->attempt) { /* one that was given up */
        send_cancel(rt, f, holder, one->attempt, false);
        return;
    }
    if (f->rec.hops >= one->hops)
        return; /* old news */
    f->rec.hops = one->hops;
    f->rec.holder = holder;
    if (!(f->flags & FUTURE_PIECE) &&
        ((f->flags & FUTURE_CANCELLED && f->state == FUTURE_HELD) ||
         f->state == FUTURE_DONE))
        holder_cancel(rt, f, holder);
}

void holder_taken(struct runtime *rt, struct future *f, int holder,
                  uint32_t hops)
{
    if (f->flags & FUTURE_GUEST) { /* its thief tells the home, if another */
        struct wire_held_one one = {f->rec.id, f->rec.generation, f->rec.count,
                                    f->rec.hops + 1, f->rec.attempt};
        if (task_home(&f->rec) == rt->rank)
            note_held(rt, &one, holder);
        link_remove(&f->link);
        map_forget_guest(f);
        future_put(&rt->guests, f);
        return;
    }
    if (f->state == FUTURE_EARLY) {
        rt->worker.early--;
        f->state = FUTURE_HELD;
        if (f->flags & FUTURE_PIECE) {
            map_result(rt, f, 0, 0, 0, NULL, 0);
        } else {
            struct error *error = f->error;
            f->error = NULL;
            settle_take(rt, f, f->status, error);
        }
        return;
    }
    if (f->state == FUTURE_DONE) { /* settled while it was queued */
        holder_cancel(rt, f, holder);
        terms_pay(rt, f, 1);
        return;
    }
    f->state = FUTURE_HELD;
    if (f->rec.hops < hops) {
        f->rec.hops = hops;
        f->rec.holder = holder;
    }
    if (f->flags & FUTURE_PIECE)
        map_note_holder(rt, f, holder);
    else if (f->flags & FUTURE_CANCELLED)
        holder_cancel(rt, f, f->rec.holder); /* perhaps it went on */
}

void holder_on_held(struct runtime *rt, struct net_message *m)
{
    const struct wire_held *body = m->body;
    const struct wire_held_one *one = m->data;

    if (!m->data || m->data_len / sizeof *one < body->tasks) {
        log_error(&rt->log, "damaged news from rank %d", m->src);
        return;
    }
    for (uint32_t i = 0; i < body->tasks; i++, one++)
        note_held(rt, one, body->holder);
}

void holder_tell_started(struct runtime *rt, const struct future *g)
{
    struct wire_started body = {g->rec.id, g->rec.generation, g->rec.attempt,
                                rt->rank};

    if (net_send(rt->net, task_home(&g->rec), WIRE_STARTED, &body, NULL, 0,
                 NET_COPY))
        log_warn(&rt->log, "no memory to say that a task has begun; its "
                           "time-out will not be kept");
}

void holder_on_started(struct runtime *rt, struct net_message *m)
{
    const struct wire_started *body = m->body;
    struct future *f = future_find(&rt->futures, body->id, body->generation);

    if (f && f->state != FUTURE_DONE && f->rec.attempt == body->attempt)
        terms_started(rt, f);
}

void holder_on_asked(struct runtime *rt, struct net_message *m)
{
    const struct wire_asked *body = m->body;
    struct future *f = future_find(&rt->futures, body->id, body->generation);

    if (!f || f->state == FUTURE_DONE)
        return;
    f->rec.flags |= TASK_CANCEL;
    if (body->is_dropped)
        f->rec.flags |= TASK_DROPPED;
    wait_wake(rt, f);
}

/* Also for a task that is not here: it has ended and its result is under way,
 * or another rank took it on and will be told when the home hears of that.
 * Nobody waits for it to be certain. */
void holder_answer_cancel(struct net *net, int home,
                          const struct wire_cancel *ask, bool is_dropped)
{
    struct wire_asked body = {ask->id, ask->generation, is_dropped, 0};

    if (ask->must_answer &&
        net_send(net, home, WIRE_ASKED, &body, NULL, 0, NET_COPY))
        net_abort(net, 1); /* the asker would wait for ever */
}

static bool is_meant(const struct future *g, const struct wire_cancel *body)
{
    return g->rec.id == body->id && g->rec.generation == body->generation &&
           ((g->flags & FUTURE_PIECE) || g->rec.attempt == body->attempt);
}

void holder_on_cancel(struct runtime *rt, struct net_message *m)
{
    const struct wire_cancel *body = m->body;
    struct link *guests = &rt->guests.guests, *next;
    bool has_answered = false, is_dropped = false, is_here = false;

    for (struct link *l = guests->next; l != guests; l = next) {
        struct future *g = future_of_link(l);
        bool is_news = !(g->flags & FUTURE_CANCELLED);
        next = l->next;
        if (!is_meant(g, body))
            continue;
        is_here = true;
        g->flags |= FUTURE_CANCELLED;
        if (g->state == FUTURE_QUEUED && is_news) {
            bool was_queued = queue_withdraw(rt, g);
            if (was_queued)
                transfer_give_up(rt, g, SCOOP_ECANCELLED, NULL);
            has_answered |= was_queued; /* by its RESULT */
            next = guests->next;        /* others may have gone meanwhile */
        } else if (g->state == FUTURE_RUNNING) {
            settle_ask(rt, g->frame);
        } else if (g->state != FUTURE_QUEUED) {
            is_dropped = true; /* whoever meets it next sees the flag */
        }
    }
    if (!is_here)
        recall_note(&rt->recalls, body->id, body->generation, body->attempt);
    if (!has_answered)
        holder_answer_cancel(rt->net, m->src, body, is_dropped);
}
