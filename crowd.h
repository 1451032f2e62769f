/* SPDX-License-Identifier: MIT */
/* crowd.h -- how many ranks of a node are awake at a time
 *
 * See crowd.c.
 */
#ifndef CROWD_H
#define CROWD_H

#include "node.h"

struct config;

/* Decides how many this rank thinks they may be. */
void crowd_init(struct node *node, const struct config *config);

/* Whether there are more ranks than may be awake. */
static inline bool crowd_is_bounded(const struct node *n)
{
    return n->awake_max < n->locals;
}

/* Ranks that may still be woken for work that any of them could do; below 0:
 * so many are awake too many.  seq_cst: who published work, or said that it
 * dozes, has done so before. */
static inline int crowd_room(const struct node *n)
{
    int awake = n->locals - (int)atomic_load(&n->head->sleepers);

    return n->awake_max + (int)atomic_load(&n->head->stuck) - awake;
}

/* Whether work that is public needs no sleeper: enough are awake, and one that
 * sleeps looks after them. */
static inline bool crowd_has_enough(const struct node *n)
{
    return crowd_room(n) <= 0 && atomic_load(&n->head->sentry);
}

/* This rank has looked round, or gone on with what it runs. */
static inline void crowd_beat(struct node *n)
{
    uint64_t beat = atomic_load_explicit(&n->me->beat, memory_order_relaxed);

    atomic_store_explicit(&n->me->beat, beat + 1, memory_order_relaxed);
}

/* Wakes a sleeper: to work if there is room, else to be the sentry. */
bool crowd_wake_one(struct node *node);

/* Becomes the sentry, or is it already; false: another rank is. */
bool crowd_mount(struct node *node);
/* Not any more.  Who calls this looks for work afterwards. */
void crowd_dismount(struct node *node);
/* The sentry's next look, on clock_now_ns()'s clock; CLOCK_NEVER for others. */
uint64_t crowd_alarm_ns(const struct node *node);
/* The sentry's look, or of anyone without work, if it is due. */
void crowd_look(struct node *node);
/* This rank has slept: it was not stuck. */
void crowd_was_asleep(struct node *node);

#endif
