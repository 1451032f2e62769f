/* SPDX-License-Identifier: MIT */
/* loan.c -- queued tasks that the helper may publish while a function runs
 *
 * Before a long function all that is queued is made public, but only as many
 * tasks as the ring in node memory has slots.  Of 10,000 that were submitted
 * before a function of a second, thieves would take the first 512 and then
 * wait for it.  So the main thread, when it calls such a function and something
 * is left that did not fit, lends its queue to the helper thread, and takes it
 * back at the first library call, or when the function returns.  A thief that
 * finds the ring empty, or nearly so, calls the helper, which reclaims the
 * slots of what was taken and fills them again.
 *
 *      main     KEPT --give--> GIVEN --------------------take back--> KEPT
 *      helper                    | --serve--> SERVED --done--> GIVEN
 *
 * Whoever has the queue may touch the lanes (private part, ring, what was
 * reclaimed); each change of hands is a release by the one and an acquire by
 * the other.  The main thread that finds SERVED waits for the helper, some
 * tens of microseconds at most, and yields: they may share a CPU.
 *
 * The helper knows nothing of futures.  What it reclaims it only notes down;
 * the main thread does what there is to do (holder_taken) when it takes its
 * queue back.  Until then such a future is what it would be if its deque had
 * not told yet, which is a state like any other.  What the packer reads of a
 * queued task does not change while the queue is lent: everything that could
 * change it takes the queue back first.
 *
 * A function that submits and then computes itself is not seen: the queue is
 * lent only at the start of a function, since nobody tells when a call of the
 * library returns.
 *
 * `hidden` in node memory says that there is more: HIDDEN by the owner or its
 * helper, ASKED by a mate, which then calls the helper; 0 when nothing is lent.
 * A mate that falls asleep has looked at it (idle.c), after it said that it
 * sleeps; the owner says HIDDEN, and then looks for sleepers.
 */
#include "loan.h"

#include <stdlib.h>

#include "holder.h"
#include "lanes.h"
#include "offer.h"
#include "runtime.h"
#include "transfer.h"

enum loan_state { LOAN_KEPT, LOAN_GIVEN, LOAN_SERVED };

/* As many as the rings of a rank can hold. */
#define RINGS (NODE_DEQUE_SLOTS + NODE_LANES * NODE_LANE_SLOTS)

void loan_give(struct runtime *rt)
{
    struct node *n = &rt->node;

    if (!rt->helper || !lanes_private(&rt->lanes))
        return;
    rt->loan.is_given = true;
    atomic_store_explicit(&rt->loan.state, LOAN_GIVEN, memory_order_release);
    atomic_store(&n->me->hidden, NODE_HIDDEN);
    if (!lanes_has_loot(n->me, true))
        offer_call_one(n); /* it was robbed of all of it, and then slept */
}

void loan_take_back(struct runtime *rt)
{
    struct loan *l = &rt->loan;
    uint32_t given = LOAN_GIVEN;

    while (!atomic_compare_exchange_strong_explicit(&l->state, &given,
                                                    LOAN_KEPT,
                                                    memory_order_acquire,
                                                    memory_order_relaxed)) {
        given = LOAN_GIVEN;
        node_yield(); /* ends: the helper is in loan_serve() */
    }
    l->is_given = false;
    atomic_store_explicit(&rt->node.me->hidden, 0, memory_order_relaxed);
    for (size_t i = 0; i < l->count; i++)
        holder_taken(rt, l->taken[i].task, l->taken[i].thief, 1);
    l->count = 0;
}

void loan_fini(struct runtime *rt)
{
    free(rt->loan.taken);
}

void loan_ask(struct node *node, int local)
{
    _Atomic uint32_t *hidden = &node_block(node, local)->hidden;
    uint32_t seen = NODE_HIDDEN;

    if (atomic_load_explicit(hidden, memory_order_relaxed) == seen &&
        atomic_compare_exchange_strong(hidden, &seen, NODE_ASKED))
        node_wake_helper(node, local);
}

bool loan_is_asked(const struct node *node)
{
    return atomic_load_explicit(&node->me->hidden, memory_order_relaxed) ==
           NODE_ASKED;
}

/* There is room: see loan_serve(). */
static void note_taken(void *ctx, struct deque_item *item, int thief)
{
    struct loan *l = ctx;

    l->taken[l->count++] = (struct loan_taken){future_of_item(item), thief};
}

static bool make_room(struct loan *l)
{
    size_t room = l->count + RINGS;

    if (room > l->room) {
        void *more = realloc(l->taken, 2 * room * sizeof *l->taken);
        if (!more)
            return false;
        l->taken = more;
        l->room = 2 * room;
    }
    return true;
}

void loan_serve(struct runtime *rt)
{
    struct loan *l = &rt->loan;
    uint32_t given = LOAN_GIVEN;
    bool has_more = false;

    if (!atomic_compare_exchange_strong_explicit(&l->state, &given, LOAN_SERVED,
                                                 memory_order_acquire,
                                                 memory_order_relaxed))
        return; /* the main thread is here */
    if (make_room(l)) {
        lanes_reclaim(&rt->lanes, note_taken, l);
        lanes_publish(&rt->lanes, 0, transfer_pack);
        has_more = lanes_private(&rt->lanes) > 0;
    }
    atomic_store(&rt->node.me->hidden, has_more ? NODE_HIDDEN : 0);
    atomic_store_explicit(&l->state, LOAN_GIVEN, memory_order_release);
    offer_call_in(&rt->node, rt->net);
}
