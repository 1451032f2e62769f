/* SPDX-License-Identifier: MIT */
/* steal.c -- whom to rob next, when to stop asking: pure decisions
 *
 * A rank that has run dry goes through these steps, and starts over whenever
 * something wakes it:
 *
 *   1. look into the deques of its node: some loads, no message;
 *   2. ask a few random nodes, one at a time, by message, looking at its own
 *      node again while the answer is under way; of a node one rank asks at a
 *      time, for all that are idle there (node_may_ask);
 *   3. keep looking at its node until SCOOP_SPIN has passed (four times as long
 *      behind a short rest);
 *   4. see to it that its node is registered with its lifelines (Saraswat et
 *      al., Lifeline-based Global Load Balancing, PPoPP 2011): a few fixed
 *      nodes that will send work as soon as they have it, and
 *   5. sleep.
 *
 * The number of nodes asked at random grows with the logarithm of their
 * number, as does the number of lifelines: neither an idle rank's messages nor
 * its memory grow faster.  Lifelines lead from node b to b + 1, b + 2, b + 4,
 * ... modulo the number of nodes: the graph is connected in at most log2 hops,
 * so that work reaches every sleeping node as long as each woken one has some
 * to pass on.
 *
 * Everything here is arithmetic on struct steal; worker.c does what it says.
 */
#include "steal.h"

#include <string.h>

#define PATIENCE 4u
/* A rank may look for work, before it rests, for a share of the time that it
 * has worked: a sleeper is some 50 us late, and a farm of many nodes that
 * rebalances, or ends, in a chain of such sleepers would be so for each of
 * them. */
#define WORK_SHARE 8u
#define SPINS_MAX 20u

static uint64_t next_random(struct steal *s)
{
    uint64_t x = s->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static int below(struct steal *s, int n)
{
    return (int)(next_random(s) % (uint64_t)n);
}

int steal_lifelines(int nodes)
{
    int k = 0;

    while (k < 30 && 1 << k < nodes)
        k++;
    return k;
}

int steal_lifeline(int node, int nodes, int k)
{
    return (int)(((int64_t)node + ((int64_t)1 << k)) % nodes);
}

int steal_lifeline_to(int node, int nodes, int k)
{
    return (int)(((int64_t)node + nodes - ((int64_t)1 << k) % nodes) % nodes);
}

void steal_init(struct steal *s, const struct steal_world *world, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->world = *world;
    s->random = seed ^ (uint64_t)world->rank * 0xd1342543de82ef95u;
    s->credit_ns = SPINS_MAX * world->spin_ns; /* all begin at once */
}

/* How long it looks for work before it sleeps.  A rest that is over soon has
 * cost more than it saved, and a wake-up takes about as long as SCOOP_SPIN: two
 * ranks that wait for each other in turn, one of which had slept once, would
 * sleep before each answer from then on, each for want of patience as long as
 * the other's wake-up.  So behind a short rest it looks for longer; so does a
 * watcher behind work, for all of its node.  And what it has earned by work
 * comes on top. */
static uint64_t patience_ns(const struct steal *s)
{
    const struct steal_world *w = &s->world;
    bool is_watchful =
        s->has_worked && w->nodes > 1 && w->watcher[w->my_node] == w->rank;

    return w->spin_ns * (s->is_patient || is_watchful ? PATIENCE : 1) +
           s->credit_ns;
}

void steal_rested(struct steal *s, uint64_t ns)
{
    s->is_patient = ns < s->world.spin_ns * PATIENCE;
}

/* Ranks that can only be reached by message. */
static int strangers(const struct steal_world *w)
{
    return w->local ? w->size - w->locals : w->size - 1;
}

static int asks(const struct steal_world *w)
{
    return w->remote && strangers(w) > 0 ? 2 + steal_lifelines(w->nodes) : 0;
}

void steal_begin(struct steal *s, uint64_t now_ns, uint64_t worked_ns)
{
    uint64_t most_ns = SPINS_MAX * s->world.spin_ns;

    s->credit_ns += worked_ns / WORK_SHARE;
    if (s->credit_ns > most_ns)
        s->credit_ns = most_ns;
    s->has_worked = true;
    s->dry_since_ns = now_ns;
    s->turn = 0;
    s->asks_left = asks(&s->world);
}

void steal_end(struct steal *s, uint64_t now_ns)
{
    uint64_t spent_ns = now_ns - s->dry_since_ns;

    s->credit_ns -= spent_ns < s->credit_ns ? spent_ns : s->credit_ns;
}

void steal_woken(struct steal *s, uint64_t now_ns)
{
    const struct steal_world *w = &s->world;

    s->turn = 0;
    if (s->is_asking)
        return;
    s->has_worked = false;
    s->dry_since_ns = now_ns;
    s->credit_ns = 0;
    if (!w->local || !w->has_lifelines)
        s->asks_left = asks(w);
}

/* A random rank to ask: of another node its watcher, who answers for all of
 * it; of this node (when direct stealing is off) the rank itself. */
static int pick(struct steal *s)
{
    const struct steal_world *w = &s->world;

    for (;;) {
        int rank = below(s, w->size);
        if (w->node_of[rank] != w->my_node)
            return w->watcher[w->node_of[rank]];
        if (!w->local && rank != w->rank)
            return rank;
    }
}

/* Nobody is to be asked, or not now. */
static struct steal_step rest(struct steal *s, uint64_t now_ns)
{
    if (now_ns - s->dry_since_ns < patience_ns(s))
        return (struct steal_step){STEAL_WAIT, -1};
    return (struct steal_step){STEAL_REST, -1};
}

struct steal_step steal_next(struct steal *s, uint64_t now_ns)
{
    const struct steal_world *w = &s->world;

    if (w->local && w->locals > 1 && !(s->turn++ & 1))
        return (struct steal_step){STEAL_MATES, below(s, w->locals)};
    if (s->is_asking) /* the answer ends a rest as well */
        return (struct steal_step){now_ns - s->dry_since_ns < patience_ns(s)
                                       ? STEAL_WAIT
                                       : STEAL_REST,
                                   -1};
    if (s->asks_left > 0) {
        s->asks_left--;
        s->is_asking = true;
        return (struct steal_step){STEAL_ASK, pick(s)};
    }
    return rest(s, now_ns);
}

struct steal_step steal_put_off(struct steal *s, uint64_t now_ns)
{
    s->asks_left++;
    s->is_asking = false;
    return rest(s, now_ns);
}

void steal_answered(struct steal *s)
{
    s->is_asking = false;
}
