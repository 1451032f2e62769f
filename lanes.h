/* SPDX-License-Identifier: MIT */
/* lanes.h -- queued tasks by priority and place: which one comes first
 *
 * See lanes.c.
 */
#ifndef LANES_H
#define LANES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "deque.h"
#include "future.h"
#include "node.h"
#include "task.h"

#define LANES_LEVELS 9u /* priorities 4 to -4 */
#define LANES 18u       /* two a level: for tasks of this node, for any */
#define LANES_MAIN 9u   /* priority 0, for anybody: runtime.deque */
#define LANES_FIXED 18u /* a level's bit for tasks of this rank only */
#define LANES_NONE UINT32_MAX

/* Tasks that no other rank may take: first come, first served. */
struct lanes_fixed {
    struct future **task; /* a ring */
    uint64_t head, tail, mask;
};

struct lanes {
    /* Bit r: lane r may hold tasks, private or public.  Bit LANES_FIXED + i:
     * there are tasks fixed to this rank, of priority 4 - i.  Bit LANES_MAIN
     * is never set: rt->deque itself tells. */
    uint32_t filled;
    uint32_t made; /* lanes that exist */
    struct deque deque[NODE_LANES];
    struct lanes_fixed fixed[LANES_LEVELS];
    struct deque *main;
    struct node_block *me;
    int32_t *by_node;    /* the ranks, node by node; NULL: not needed yet */
    int32_t *node_start; /* where those of a node begin there */
    uint32_t turn;
};

/* Those of more than priority 0. */
#define LANES_ABOVE (0xffu | 0xfu << LANES_FIXED)

static inline unsigned lanes_index(const struct task *rec)
{
    return 2 * (unsigned)(TASK_PRIORITY_MAX - rec->priority) +
           !(rec->flags & TASK_NODE);
}

static inline bool lanes_is_main(const struct task *rec)
{
    return !(rec->priority | (rec->flags & TASK_NODE));
}

/* ---- The thief's end: any thread of the node ---- */

static inline struct deque_shared *lanes_ring(struct node_block *b,
                                              unsigned lane)
{
    if (lane == LANES_MAIN)
        return &b->ring.shared;
    return &b->lane[lane - (lane > LANES_MAIN)].shared;
}

/* For claims: a number for each deque of the node. */
static inline int lanes_claim(int local, unsigned lane)
{
    return local * 32 + (int)lane;
}

/* The first lane, from `from` on, that has public tasks; LANES_NONE: none has.
 * With is_mate those that must stay on the node count as well.  Promises what
 * deque_public_count() does to one who goes to sleep. */
unsigned lanes_first_public(struct node_block *b, unsigned from, bool is_mate);

/* Whether a mate, or somebody of another node, would find anything. */
static inline bool lanes_has_loot(struct node_block *b, bool is_mate)
{
    return deque_public_count(&b->ring.shared) ||
           (atomic_load_explicit(&b->lanes, memory_order_acquire) &&
            lanes_first_public(b, 0, is_mate) != LANES_NONE);
}

/* How much is public in all. */
unsigned lanes_public(struct node_block *b);

/* ---- The owner's end ---- */

void lanes_init(struct lanes *l, struct deque *main, struct node_block *me);
void lanes_fini(struct lanes *l);

/* The deque that a queued task is in. */
struct deque *lanes_of(struct lanes *l, const struct task *rec);
/* The same for a task that is about to be pushed; made if need be.  NULL: no
 * memory. */
struct deque *lanes_open(struct lanes *l, const struct task *rec);
/* Queues a task that no other rank may take.  0 or -ENOMEM. */
int lanes_fix(struct lanes *l, struct future *f);

/* The next to run: the highest priority, and of one priority those fixed to
 * this rank, then those of this node, then the others, newest first. */
struct future *lanes_take(struct lanes *l);
/* The newest of the highest priority that belongs to `owner`; NULL if there is
 * none, or if something of a priority above `level` has to go before it. */
struct future *lanes_take_of(struct lanes *l, const struct frame *owner,
                             int level);
/* Whether anything of a priority above `level` is queued. */
bool lanes_precede(struct lanes *l, int level);

bool lanes_is_empty(const struct lanes *l); /* fixed tasks are not counted */
/* Whether nothing is queued where that task would be. */
bool lanes_has_none_like(struct lanes *l, const struct task *rec);
uint64_t lanes_private(const struct lanes *l);
uint64_t lanes_fixed_count(const struct lanes *l);
/* A thief of some lane has won and not signed: deque_is_stuck(). */
bool lanes_is_stuck(struct lanes *l);
/* deque_reclaim() of all. */
void lanes_reclaim(struct lanes *l, deque_taken_fn *taken, void *ctx);
/* Makes all but the `keep` tasks public that this rank would run first, as far
 * as the rings have room: lanes_reclaim() first. */
void lanes_publish(struct lanes *l, uint64_t keep, deque_pack_fn *pack);

/* A rank of that node, each time another one. */
int lanes_rank_of_node(struct lanes *l, const struct node *node, int number);

#endif
