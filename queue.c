/* SPDX-License-Identifier: MIT */
/* queue.c -- a rank's queued tasks: in, out, and what thieves took
 *
 * What is queued stands in a lane (lanes.c) until it is popped, removed, or
 * reported as taken.  A task that is public may be taken at any moment, so
 * only a private one can simply be removed; queue_withdraw() makes private
 * what is public until it has found the one it looks for.
 */
#include "queue.h"

#include <stdlib.h>

#include "fresh.h"
#include "holder.h"
#include "lanes.h"
#include "offer.h"
#include "runtime.h"
#include "transfer.h"

static void taken(void *ctx, struct deque_item *item, int thief)
{
    holder_taken(ctx, future_of_item(item), thief, 1);
}

void queue_reclaim(struct runtime *rt)
{
    loan_end(rt);
    lanes_reclaim(&rt->lanes, taken, rt);
}

int queue_push(struct runtime *rt, struct future *f)
{
    struct deque *d = &rt->deque;

    loan_end(rt);
    fresh_enlist(rt);
    fresh_close(rt); /* what it counted on has changed */
    f->state = FUTURE_QUEUED;
    if (!lanes_is_main(&f->rec))
        d = lanes_open(&rt->lanes, &f->rec);
    if (__builtin_expect(!d || deque_push(d, &f->item), 0))
        return SCOOP_ENOMEM;
    if (deque_shows_plenty(d))
        return 0;
    if (__builtin_expect(d->bottom - d->first > rt->private_max, 0)) {
        offer_all_but(rt, WORKER_PRIVATE_KEEP);
    } else if (rt->frame && (!rt->frame->measure->is_short ||
                             atomic_load_explicit(&rt->node.me->wanted,
                                                  memory_order_relaxed))) {
        offer_tasks(rt); /* it may compute for long now */
    }
    return 0;
}

int queue_place(struct runtime *rt, struct future *f)
{
    fresh_enlist(rt);
    fresh_close(rt); /* it may be of a higher priority */
    if (lanes_fix(&rt->lanes, f))
        return SCOOP_ENOMEM;
    if (!(f->flags & FUTURE_GUEST))
        f->state = FUTURE_PLACED;
    return 0;
}

int queue_task(struct runtime *rt, struct future *f)
{
    int place = f->rec.place, rank = rt->rank;

    if (place >= 0 && !(f->rec.flags & TASK_NODE))
        return place == rank ? queue_place(rt, f)
                             : transfer_place(rt, f, place, WIRE_PLACED);
    if (place >= 0 && place != rt->node.my_node)
        rank = lanes_rank_of_node(&rt->lanes, &rt->node, place);
    return rank == rt->rank ? queue_push(rt, f)
                            : transfer_place(rt, f, rank, WIRE_NEAR);
}

bool queue_remove(struct runtime *rt, struct future *f)
{
    loan_end(rt);
    return deque_remove(lanes_of(&rt->lanes, &f->rec), &f->item);
}

/* All that is public is taken back, newest first, until it is found; then
 * everything is as it was, but private. */
bool queue_withdraw(struct runtime *rt, struct future *f)
{
    struct deque *d = lanes_of(&rt->lanes, &f->rec);
    struct deque_item *item;
    size_t n = 0, room;
    bool is_found = false;

    if (queue_remove(rt, f))
        return true;
    queue_reclaim(rt);
    room = deque_private_count(d) + d->slots;
    struct deque_item **kept = malloc(room * sizeof *kept);
    if (!kept)
        return false;
    while (n < room && !is_found && (item = deque_pop(d))) {
        is_found = item == &f->item;
        if (!is_found)
            kept[n++] = item;
    }
    while (n)
        deque_push(d, kept[--n]); /* there is room: they were just there */
    free(kept);
    return is_found;
}
