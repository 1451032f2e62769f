/* SPDX-License-Identifier: MIT */
/* timer.h -- what is to happen at a moment
 *
 * A timer stands in whatever it is for (a parked strand, a task with a time)
 * and needs no memory of its own, so that a wait with a time-out cannot fail
 * for want of any.  See timer.c.
 */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    uint64_t at_ns; /* on clock_now_ns()'s clock */
    void (*fire)(void *ctx, struct timer *timer);
    struct timer *child, *next; /* the heap's */
    struct timer **link;        /* what points here; NULL: it is not set */
};

/* All timers of a rank. */
struct timers {
    struct timer *first; /* the next to fire */
};

static inline bool timer_is_set(const struct timer *t)
{
    return t->link != 0;
}

/* at_ns and fire are filled in; it is not set. */
void timer_set(struct timers *all, struct timer *t);
/* Does nothing if it is not set. */
void timer_clear(struct timers *all, struct timer *t);
/* Clears and fires those whose moment has come. */
void timers_fire(struct timers *all, uint64_t now_ns, void *ctx);

#endif
