/* SPDX-License-Identifier: MIT */
/* idle.c -- what a rank does that has nothing to run
 *
 * It takes the steps that steal.c decides on, between looks at its mail, until
 * there is something to run; in the end it sleeps.  A rank counts as searching
 * while it is awake here, and as a sleeper while it rests: what those counts
 * are for stands in offer.c.
 *
 * Every sleep here ends by one of these: mail (whoever sends it wakes the
 * rank), a task made public on this node or a lifeline's push, the next timer
 * of a parked task, a signal, the watchdog; and by a short alarm where none of
 * these would come: a thief of this rank's own deque has won but not signed,
 * or there are no lifelines that could bring work.
 */
#include "idle.h"

#include "broker.h"
#include "call.h"
#include "callback.h"
#include "clock.h"
#include "crowd.h"
#include "dump.h"
#include "helper.h"
#include "offer.h"
#include "queue.h"
#include "signals.h"
#include "transfer.h"
#include "worker.h"

#define ASK_AGAIN_NS 10000000u /* a rank whom nobody would wake */
#define STUCK_NS 200000u       /* a thief that was stopped in the middle */
#define YIELD_AFTER_NS 5000u   /* without work */
#define LOOKS 8u               /* for mail alone between two looks around */
#define VICTIMS 4u             /* that a thief compares */
#define LOOT_MORE 8u           /* asked for than for those idle now */

void idle_relax(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#endif
}

/* Of the first few that have something, the one that has most: of a tree that
 * is searched depth first it has the most work, since its queue is the longer
 * the nearer to the root its oldest task stands. */
static bool rob_mates(struct runtime *rt, int from)
{
    const struct node *n = &rt->node;
    unsigned most = 0, seen = 0;
    int victim = -1;

    for (int i = 0; i < n->locals; i++) {
        int local = (from + i) % n->locals;
        struct node_block *b = node_block(n, local);
        if (local == n->local || !lanes_has_loot(b, true))
            continue;
        unsigned count = deque_public_count(lanes_ring(b, LANES_MAIN));
        if (victim < 0 || count > most) {
            victim = local;
            most = count;
        }
        if (++seen == VICTIMS)
            break;
    }
    unsigned loot = victim < 0 ? 0 : transfer_rob(rt, victim);
    if (loot && loot < WORKER_LOOT) /* not much is left */
        loan_ask(&rt->node, victim);
    return loot > 0;
}

/* Asks the mates for what they keep private. */
static void want(struct runtime *rt)
{
    const struct node *n = &rt->node;

    for (int i = 0; i < n->locals; i++) {
        struct node_block *b = node_block(n, i);
        if (i != n->local)
            loan_ask(&rt->node, i);
        if (i != n->local &&
            !atomic_load_explicit(&b->wanted, memory_order_relaxed) &&
            !atomic_load_explicit(&b->asleep, memory_order_relaxed))
            atomic_store_explicit(&b->wanted, 1, memory_order_relaxed);
    }
}

/* The next moment at which this rank has to be awake of its own accord. */
static uint64_t alarm_ns(struct runtime *rt)
{
    uint64_t until_ns = CLOCK_NEVER, soon_ns = 0;

    if (rt->worker.timers.first)
        until_ns = rt->worker.timers.first->at_ns;
    if (lanes_is_stuck(&rt->lanes))
        soon_ns = STUCK_NS; /* its thief will sign, but tells nobody */
    else if (!rt->config.lifelines && rt->node.nodes > 1)
        soon_ns = ASK_AGAIN_NS; /* nobody will wake this rank */
    if (soon_ns) {
        soon_ns = clock_after(clock_now_ns(), soon_ns);
        until_ns = soon_ns < until_ns ? soon_ns : until_ns;
    }
    if (rt->config.watchdog_ns) {
        uint64_t dog_ns = clock_after(rt->progress_ns, rt->config.watchdog_ns);
        until_ns = dog_ns < until_ns ? dog_ns : until_ns;
    }
    return until_ns;
}

static void watch(struct runtime *rt)
{
    uint64_t now_ns = clock_now_ns();

    if (!rt->config.watchdog_ns ||
        now_ns - rt->progress_ns < rt->config.watchdog_ns)
        return;
    rt->progress_ns = now_ns;
    dump_state(rt);
}

/* Whether a mate has something to rob, or will have in a moment. */
static bool has_loot(const struct runtime *rt)
{
    const struct node *n = &rt->node;

    for (int i = 0; i < n->locals; i++)
        if (i != n->local && (lanes_has_loot(node_block(n, i), true) ||
                              atomic_load(&node_block(n, i)->hidden)))
            return true;
    return false;
}

/* What a rank that is about to sleep must not miss.  Work that it leaves to
 * others needs a sentry: crowd.c. */
static bool is_called(struct runtime *rt)
{
    struct node *n = &rt->node;

    crowd_dismount(n);
    if (net_has_mail(rt->net) || helper_has_mail(rt->helper) ||
        shared_has_news(&rt->shared) || signals_asked(SIGNALS_PEEK))
        return true;
    if (rt->is_draining || !rt->config.steal_local || !has_loot(rt))
        return false;
    if (!crowd_is_bounded(n) || crowd_room(n) > 0)
        return true;
    return crowd_mount(n) && crowd_room(n) > 0;
}

/* Sleeps until a message, a wake-up or the next alarm.  All that could be
 * missed is looked at between node_doze() and the sleep: see node.h. */
static void rest(struct runtime *rt)
{
    struct node *n = &rt->node;
    uint64_t until_ns = alarm_ns(rt), end_ns;
    bool has_happened = false;

    if (!rt->config.sleep) {
        idle_relax();
        return;
    }
    atomic_fetch_sub(&n->head->searching, 1);
    while (!has_happened) {
        node_doze(n);
        has_happened = is_called(rt);
        end_ns = crowd_alarm_ns(n);
        end_ns = end_ns < until_ns ? end_ns : until_ns;
        if (!has_happened)
            has_happened = net_wait(rt->net, end_ns);
        node_rise(n);
        offer_take_call(n); /* also if it goes on sleeping: else it is called
                             * for nothing, and nobody else would be */
        if (end_ns != CLOCK_NEVER && clock_is_past(end_ns))
            break;
    }
    atomic_fetch_add(&n->head->searching, 1);
    crowd_was_asleep(n);
    watch(rt);
}

/* Whether more ranks are awake than should: then this one, which has nothing
 * to do, leaves the work to the others.  Where there is none to leave, other
 * nodes may have some. */
static bool is_one_too_many(struct runtime *rt)
{
    const struct node *n = &rt->node;

    if (!crowd_is_bounded(n))
        return false;
    crowd_look(&rt->node);
    return crowd_room(n) < 0 && (n->nodes == 1 || has_loot(rt));
}

/* Between two looks.  The kernel may have put this rank and the one that it
 * waits for on one CPU, where a wake-up likes to leave them: so before long
 * it lets others run, which costs 0.3 us where there are none. */
static void linger(struct runtime *rt, uint64_t now_ns)
{
    if (now_ns - rt->steal.dry_since_ns > YIELD_AFTER_NS)
        node_yield();
    idle_relax();
    if (rt->node.nodes > 1)
        return; /* what it waits for may come by MPI */
    for (unsigned i = 1; i < LOOKS && !node_has_mail(&rt->node); i++)
        idle_relax();
}

/* Registers with the lifelines that this node is not registered with, or not
 * any more.  One rank does so for all of its node: what it is sent the others
 * take from it.  Where the memory for a message is short it stays undone. */
static void register_node(struct runtime *rt)
{
    struct node *n = &rt->node;
    struct wire_hungry hungry = {rt->rank, 0};
    int k;

    while (rt->config.lifelines && rt->config.steal_remote &&
           (k = node_mend(n)) >= 0) {
        int to = n->watcher[steal_lifeline(n->my_node, n->nodes, k)];
        if (!net_send(rt->net, to, WIRE_HUNGRY, &hungry, NULL, 0, NET_COPY))
            continue;
        node_cut(n, k);
        break;
    }
}

/* For all who have nothing to do here, and will not have soon: they take it
 * from this rank then. */
static uint32_t loot_wanted(const struct runtime *rt)
{
    unsigned most = 2 * node_idle(&rt->node) + LOOT_MORE;

    return rt->node.locals > 1 && most < WORKER_LOOT ? most : WORKER_LOOT;
}

static struct steal_step next_step(struct runtime *rt, uint64_t now_ns)
{
    struct steal_step step = steal_next(&rt->steal, now_ns);

    if (step.what == STEAL_ASK && !node_may_ask(&rt->node, now_ns))
        step = steal_put_off(&rt->steal, now_ns); /* a mate has asked */
    return step;
}

static bool try_step(struct runtime *rt)
{
    uint64_t now_ns = clock_now_ns();
    struct steal_step step = next_step(rt, now_ns);
    struct wire_steal ask = {rt->rank, WORKER_LOOT};

    switch (step.what) {
    case STEAL_MATES:
        if (rob_mates(rt, step.whom))
            return true;
        want(rt);
        break;
    case STEAL_ASK:
        rt->stats.steals_tried++;
        ask.most = loot_wanted(rt);
        if (net_send(rt->net, step.whom, WIRE_STEAL, &ask, NULL, 0, NET_COPY)) {
            steal_answered(&rt->steal);
            node_asked(&rt->node);
        }
        break;
    case STEAL_WAIT:
        linger(rt, now_ns);
        break;
    case STEAL_REST:
        register_node(rt);
        rest(rt);
        steal_rested(&rt->steal, clock_now_ns() - now_ns);
        steal_woken(&rt->steal, clock_now_ns());
        break;
    }
    return false;
}

/* Until there is something to run. */
void idle_search(struct runtime *rt)
{
    uint64_t since_ns = clock_now_ns();

    atomic_fetch_add(&rt->node.head->searching, 1);
    call_come_back(rt);
    steal_begin(&rt->steal, since_ns, since_ns - rt->progress_ns);
    while (!worker_look_around(rt, true)) {
        queue_reclaim(rt); /* a guest that was robbed still counts as here */
        if (!link_is_empty(&rt->worker.ready) || callback_is_due(rt))
            continue; /* a thief has signed, and its result was here before */
        broker_idle(rt);
        if (rt->is_draining) {
            if (!rt->is_stopping)
                rest(rt);
        } else if (is_one_too_many(rt)) {
            rest(rt);
            steal_woken(&rt->steal, clock_now_ns());
        } else if (try_step(rt)) {
            break;
        }
    }
    /* Whoever published while this rank searched, or was the sentry, counted
     * on it, and it may have found something else to do. */
    crowd_dismount(&rt->node);
    if (atomic_fetch_sub(&rt->node.head->searching, 1) == 1 &&
        atomic_load(&rt->node.head->sleepers) && has_loot(rt))
        offer_call_one(&rt->node);
    rt->progress_ns = rt->attended_ns = clock_now_ns();
    steal_end(&rt->steal, rt->progress_ns);
    rt->idle_ns += rt->progress_ns - since_ns;
    if (rt->trace)
        trace_add(rt->trace, TRACE_IDLE, "no work", 0, since_ns,
                  rt->progress_ns, 0);
    helper_rouse(rt->helper);
}
