/* SPDX-License-Identifier: MIT */
/* lanes.c -- queued tasks by priority and place: which one comes first
 *
 * A lane is a deque for the tasks of one priority.  There are two for each of
 * the nine priorities, since tasks that must stay on their node are kept apart
 * from those that may go anywhere: a thief takes what lies next to each other,
 * and one of another node must not get the former.  Tasks that must stay on
 * their rank are in no deque at all but in a plain queue for each priority.
 *
 *     lane   0     1     2     3    ...   8     9    ...   16    17
 *            node  any   node  any        node  any        node  any
 *     of     4     4     3     3    ...   0     0    ...   -4    -4
 *
 * Owner and thieves go through them in this order, so a rank never begins a
 * task while one of a higher priority is queued on it, and what it is robbed
 * of first is what it would have run first.  There is no order between ranks.
 *
 * Nearly all tasks are those of lane 9.  It is rt->deque, with a large ring,
 * and what submit and join do with it knows nothing of this file but one word,
 * `filled`, which is 0 as long as nobody uses priorities or places.  The other
 * lanes are made when they are first used; their rings in node memory are
 * small.  What is public of them is announced in one more word of node memory,
 * so that a thief who finds nothing has read two words in all.  What does not
 * fit in a ring stays private until the owner comes by again.
 *
 * That word and sleep.  The owner sets a lane's bit by a seq_cst store before
 * it publishes there by a seq_cst operation (deque_publish), and then looks
 * for sleepers.  One who falls asleep says so, runs a seq_cst fence, and looks
 * at the word and then at the lanes.  If the fence comes before the
 * publication in the single order of all these, the owner sees the sleeper.
 * Else the bit's store comes before the fence as well, so that the sleeper
 * reads the bit, or what the owner wrote over it; and it clears a bit only
 * when it has seen the lane without public tasks, which it alone could add.
 *
 * A join and priorities.  What a task waits for runs with that task's own
 * priority, or that of what waits for it in turn, if that is the higher one:
 * otherwise each of many tasks of a high priority that wait for children of a
 * low one would have to be parked, on a stack of its own, before the first
 * child is run.  The root has the lowest priority in this: whatever is queued
 * goes before what it waits for.
 */
#include "lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scoop.h"

#define FIXED_FIRST 64u
#define FIXED_BITS (UINT32_MAX << LANES_FIXED)

_Static_assert(NODE_LANES == LANES - 1, "all but the main one");
_Static_assert(LANES == 2 * LANES_LEVELS && LANES <= 32, "two a level");
_Static_assert(LANES_FIXED + LANES_LEVELS <= 32, "bits of `filled`");

static int level_of_lane(unsigned lane)
{
    return TASK_PRIORITY_MAX - (int)(lane / 2);
}

static uint32_t bit(unsigned lane)
{
    return UINT32_C(1) << lane;
}

static unsigned first_of(uint32_t bits)
{
    return (unsigned)__builtin_ctz(bits);
}

/* All of a priority above `level`, fixed ones included. */
static uint32_t above(int level)
{
    unsigned levels = (unsigned)(TASK_PRIORITY_MAX - level);

    return (bit(2 * levels) - 1) | (bit(levels) - 1) << LANES_FIXED;
}

/* Lanes with tasks, about, the main one included. */
static uint32_t in_use(const struct lanes *l)
{
    return (l->filled & (bit(LANES) - 1)) | bit(LANES_MAIN);
}

/* ---- The thief's end -------------------------------------------------- */

unsigned lanes_first_public(struct node_block *b, unsigned from, bool is_mate)
{
    uint32_t bits =
        atomic_load_explicit(&b->lanes, memory_order_acquire) | bit(LANES_MAIN);

    for (bits &= ~(bit(from) - 1); bits; bits &= bits - 1) {
        unsigned lane = first_of(bits);
        if ((is_mate || lane % 2) && deque_public_count(lanes_ring(b, lane)))
            return lane;
    }
    return LANES_NONE;
}

unsigned lanes_public(struct node_block *b)
{
    unsigned n = 0;

    for (unsigned lane = lanes_first_public(b, 0, true); lane < LANES;
         lane = lanes_first_public(b, lane + 1, true))
        n += deque_public_count(lanes_ring(b, lane));
    return n;
}

/* ---- Lanes ------------------------------------------------------------ */

void lanes_init(struct lanes *l, struct deque *main, struct node_block *me)
{
    memset(l, 0, sizeof *l);
    l->main = main;
    l->me = me;
}

void lanes_fini(struct lanes *l)
{
    for (unsigned i = 0; i < NODE_LANES; i++)
        deque_fini(&l->deque[i]);
    for (unsigned i = 0; i < LANES_LEVELS; i++)
        free(l->fixed[i].task);
    free(l->by_node);
    memset(l, 0, sizeof *l);
}

static struct deque *deque_at(const struct lanes *l, unsigned lane)
{
    if (lane == LANES_MAIN)
        return l->main;
    return (struct deque *)(uintptr_t)&l->deque[lane - (lane > LANES_MAIN)];
}

static bool has_none(const struct lanes *l, unsigned lane)
{
    const struct deque *d = deque_at(l, lane);

    return !deque_private_count(d) && !deque_public_count(d->shared);
}

struct deque *lanes_of(struct lanes *l, const struct task *rec)
{
    return deque_at(l, lanes_index(rec));
}

struct deque *lanes_open(struct lanes *l, const struct task *rec)
{
    unsigned lane = lanes_index(rec);
    struct deque *d = deque_at(l, lane);

    if (lane == LANES_MAIN)
        return d;
    if (!(l->made & bit(lane))) {
        if (deque_init(d, lanes_ring(l->me, lane), NODE_LANE_SLOTS))
            return NULL;
        l->made |= bit(lane);
    }
    l->filled |= bit(lane);
    return d;
}

bool lanes_has_none_like(struct lanes *l, const struct task *rec)
{
    unsigned lane = lanes_index(rec);

    return (lane != LANES_MAIN && !(l->filled & bit(lane))) ||
           has_none(l, lane);
}

/* ---- Fixed tasks ------------------------------------------------------ */

int lanes_fix(struct lanes *l, struct future *f)
{
    unsigned i = (unsigned)(TASK_PRIORITY_MAX - f->rec.priority);
    struct lanes_fixed *q = &l->fixed[i];

    if (!q->task || q->tail - q->head > q->mask) {
        uint64_t room = q->task ? 2 * (q->mask + 1) : FIXED_FIRST;
        struct future **more = malloc(room * sizeof(struct future *));
        if (!more)
            return -ENOMEM;
        for (uint64_t at = q->head; at != q->tail; at++)
            more[at & (room - 1)] = q->task[at & q->mask];
        free(q->task);
        q->task = more;
        q->mask = room - 1;
    }
    q->task[q->tail++ & q->mask] = f;
    l->filled |= bit(LANES_FIXED + i);
    return 0;
}

static struct future *take_fixed(struct lanes *l, unsigned i)
{
    struct lanes_fixed *q = &l->fixed[i];
    struct future *f = q->task[q->head++ & q->mask];

    if (q->head == q->tail)
        l->filled &= ~bit(LANES_FIXED + i);
    return f;
}

uint64_t lanes_fixed_count(const struct lanes *l)
{
    uint64_t n = 0;

    for (uint32_t bits = l->filled >> LANES_FIXED; bits; bits &= bits - 1) {
        const struct lanes_fixed *q = &l->fixed[first_of(bits)];
        n += q->tail - q->head;
    }
    return n;
}

/* ---- Which is next ---------------------------------------------------- */

static struct future *take_from(struct lanes *l, unsigned lane)
{
    if (lane != LANES_MAIN && !(l->filled & bit(lane)))
        return NULL;
    struct deque_item *item = deque_pop(deque_at(l, lane));
    if (!item)
        l->filled &= ~bit(lane);
    return item ? future_of_item(item) : NULL;
}

struct future *lanes_take(struct lanes *l)
{
    struct future *f = NULL;

    for (unsigned i = 0; i < LANES_LEVELS && !f; i++) {
        if (l->filled & bit(LANES_FIXED + i))
            return take_fixed(l, i);
        f = take_from(l, 2 * i);
        if (!f)
            f = take_from(l, 2 * i + 1);
    }
    return f;
}

struct future *lanes_take_of(struct lanes *l, const struct frame *owner,
                             int level)
{
    for (uint32_t bits = in_use(l); bits; bits &= bits - 1) {
        unsigned lane = first_of(bits);
        int here = level_of_lane(lane);
        if (l->filled >> LANES_FIXED &&
            l->filled & FIXED_BITS & above(here > level ? here - 1 : level))
            return NULL;
        struct future *f = take_from(l, lane);
        if (!f)
            continue;
        if (f->owner == owner)
            return f;
        /* There is room: it was just there. */
        deque_push(deque_at(l, lane), &f->item);
        if (here > level)
            return NULL;
    }
    return NULL;
}

bool lanes_precede(struct lanes *l, int level)
{
    uint32_t bits = l->filled & above(level);

    for (; bits; bits &= bits - 1) {
        unsigned lane = first_of(bits);
        if (lane >= LANES_FIXED || !has_none(l, lane))
            return true;
        l->filled &= ~bit(lane);
    }
    return level < 0 && !has_none(l, LANES_MAIN);
}

/* ---- All together ----------------------------------------------------- */

bool lanes_is_empty(const struct lanes *l)
{
    for (uint32_t bits = in_use(l); bits; bits &= bits - 1)
        if (!has_none(l, first_of(bits)))
            return false;
    return true;
}

uint64_t lanes_private(const struct lanes *l)
{
    uint64_t n = 0;

    for (uint32_t bits = in_use(l); bits; bits &= bits - 1)
        n += deque_private_count(deque_at(l, first_of(bits)));
    return n;
}

bool lanes_is_stuck(struct lanes *l)
{
    uint64_t position;

    for (uint32_t bits = l->made | bit(LANES_MAIN); bits; bits &= bits - 1)
        if (deque_is_stuck(deque_at(l, first_of(bits)), &position))
            return true;
    return false;
}

void lanes_reclaim(struct lanes *l, deque_taken_fn *taken, void *ctx)
{
    deque_reclaim(l->main, taken, ctx);
    for (uint32_t bits = l->made; bits; bits &= bits - 1) {
        unsigned lane = first_of(bits);
        struct deque *d = deque_at(l, lane);
        uint32_t shown =
            atomic_load_explicit(&l->me->lanes, memory_order_relaxed);
        if (shown & bit(lane) && !deque_public_count(d->shared))
            atomic_store_explicit(&l->me->lanes, shown & ~bit(lane),
                                  memory_order_release);
        deque_reclaim(d, taken, ctx);
    }
}

/* Says that a lane may have public tasks from now on. */
static void show(struct lanes *l, unsigned lane)
{
    uint32_t shown = atomic_load_explicit(&l->me->lanes, memory_order_relaxed);

    if (lane != LANES_MAIN && !(shown & bit(lane)))
        atomic_store_explicit(&l->me->lanes, shown | bit(lane),
                              memory_order_seq_cst);
}

void lanes_publish(struct lanes *l, uint64_t keep, deque_pack_fn *pack)
{
    for (uint32_t bits = in_use(l); bits; bits &= bits - 1) {
        unsigned lane = first_of(bits);
        struct deque *d = deque_at(l, lane);
        uint64_t n = deque_private_count(d);
        if (n > keep) {
            show(l, lane);
            deque_publish(d, keep, pack);
            keep = 0;
        } else {
            keep -= n;
        }
    }
}

/* ---- Nodes ------------------------------------------------------------ */

/* Sorts the ranks by node: counts, then places. */
static bool sort_ranks(struct lanes *l, const struct node *node)
{
    size_t ranks = (size_t)node->size, nodes = (size_t)node->nodes;

    l->by_node = calloc(ranks + nodes + 1, sizeof *l->by_node);
    if (!l->by_node)
        return false;
    l->node_start = l->by_node + ranks;
    for (size_t i = 0; i < ranks; i++)
        l->node_start[node->node_of[i] + 1]++;
    for (size_t k = 0; k < nodes; k++)
        l->node_start[k + 1] += l->node_start[k];
    for (size_t i = ranks; i-- > 0;) /* ends with each start where it was */
        l->by_node[--l->node_start[node->node_of[i] + 1]] = (int32_t)i;
    /* Each start has moved down to that of its own node: entry k + 1 is where
     * node k begins. */
    memmove(l->node_start, l->node_start + 1, nodes * sizeof *l->by_node);
    l->node_start[nodes] = (int32_t)ranks;
    return true;
}

int lanes_rank_of_node(struct lanes *l, const struct node *node, int number)
{
    if (!l->by_node && !sort_ranks(l, node))
        return node->watcher[number];
    const int32_t *start = &l->node_start[number];
    return l->by_node[start[0] +
                      (int32_t)(l->turn++ % (uint32_t)(start[1] - start[0]))];
}
