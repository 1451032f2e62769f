/* SPDX-License-Identifier: MIT */
/* offer.c -- what of the deque is public, and who is told
 *
 * Private tasks cost nothing to queue and cannot be robbed.  They may be many
 * only as long as this rank comes by often enough to notice that somebody
 * wants some.  So everything is made public
 *
 *   - before a function that is not known to be short (call.c),
 *   - when such a function submits, and when it goes on behind a wait,
 *   - when a rank of the node that searches, or one of another node that asks,
 *     has set this rank's `wanted`: it is looked at by each submit,
 *   - at worker_attend(), if anybody is without work.
 *
 * Waking a sleeper costs 8 us, so only one is called at a time: while a rank
 * of the node searches, or has been called to, no other is.  It will find the
 * work and, when it leaves off searching, call the next if there is more.  And
 * only as many as there is room for: crowd.c.
 */
#include "offer.h"

#include "call.h"
#include "crowd.h"
#include "queue.h"
#include "transfer.h"
#include "worker.h"

bool offer_is_wanted(const struct runtime *rt)
{
    const struct node *n = &rt->node;

    return atomic_load_explicit(&n->me->wanted, memory_order_relaxed) ||
           atomic_load_explicit(&n->head->searching, memory_order_relaxed) ||
           atomic_load_explicit(&n->head->hungry, memory_order_relaxed) ||
           (atomic_load_explicit(&n->head->sleepers, memory_order_relaxed) &&
            !crowd_has_enough(n));
}

void offer_take_call(struct node *n)
{
    uint32_t calls = atomic_load(&n->head->called);

    while (calls &&
           !atomic_compare_exchange_weak(&n->head->called, &calls, calls - 1))
        ;
}

static void publish(struct runtime *rt, uint64_t keep)
{
    loan_end(rt);
    if (lanes_private(&rt->lanes) <= keep)
        return;
    if (!rt->lanes.filled && deque_shows_plenty(&rt->deque))
        return;
    queue_reclaim(rt); /* makes room in the rings */
    lanes_publish(&rt->lanes, keep, transfer_pack);
}

/* Wakes a sleeper to search, unless somebody searches already or has been
 * woken to, or enough are awake.  Such a call is counted before the sleeper can
 * count itself, and taken by whoever rises next. */
void offer_call_one(struct node *n)
{
    struct node_head *head = n->head;

    if (!atomic_load(&head->sleepers) || atomic_load(&head->searching) ||
        atomic_load(&head->called) || crowd_has_enough(n))
        return;
    atomic_fetch_add(&head->called, 1);
    if (!crowd_wake_one(n))
        offer_take_call(n);
}

/* Wakes whoever would take what is public now.  While a rank of the node is
 * searching it will find the work and, having robbed, wake the next: one
 * wake-up at a time, paid by a rank that had nothing to do. */
void offer_call_in(struct node *n, struct net *net)
{
    if (!lanes_has_loot(n->me, true))
        return;
    offer_call_one(n);
    while (atomic_load_explicit(&n->head->hungry, memory_order_seq_cst) &&
           lanes_has_loot(n->me, false)) {
        int rank = node_hungry_take(n);
        if (rank < 0)
            break;
        if (!transfer_lend(n, net, n->local, rank, WORKER_LOOT, WIRE_PUSHED)) {
            node_hungry_add(n, rank);
            break;
        }
    }
}

void offer_tasks(struct runtime *rt)
{
    if (rt->is_alone)
        return;
    if (atomic_load_explicit(&rt->was_away, memory_order_relaxed)) {
        atomic_store_explicit(&rt->was_away, false, memory_order_relaxed);
        call_doubt_all(rt);
    }
    fresh_enlist(rt);
    if (lanes_is_empty(&rt->lanes))
        return;
    atomic_store_explicit(&rt->node.me->wanted, 0, memory_order_relaxed);
    /* What is taken back before a long function is published again, so then
     * one at a time is enough. */
    rt->deque.take_back =
        rt->frame && !rt->frame->measure->is_short ? 1 : DEQUE_TAKE_BACK;
    /* A rank that runs nothing keeps one to run: else a single task could be
     * handed round by ranks that are all without work.  So does one in a short
     * function, which will join it: a chain of tasks must not be torn apart. */
    publish(rt, rt->frame && !rt->frame->measure->is_short ? 0 : 1);
    offer_call_in(&rt->node, rt->net);
}

void offer_all_but(struct runtime *rt, uint64_t keep)
{
    if (rt->is_alone)
        return;
    fresh_enlist(rt);
    rt->deque.take_back = DEQUE_TAKE_BACK;
    publish(rt, keep);
    offer_call_in(&rt->node, rt->net);
}
