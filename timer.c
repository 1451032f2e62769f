/* SPDX-License-Identifier: MIT */
/* timer.c -- what is to happen at a moment
 *
 * A pairing heap (Fredman, Sedgewick, Sleator and Tarjan, Algorithmica 1986)
 * whose nodes are the timers themselves: setting one is a comparison and some
 * stores, also with a million of them, and taking out any takes the logarithm
 * of their number, amortised.  Most time-outs never fire; they are set and
 * cleared again.
 *
 *     first --> [3]
 *                | child
 *               [7] --next--> [4]        a node is no later than its children
 *                              | child
 *                             [9]
 *
 * `link` is the pointer that points to a node: the heap's `first`, its
 * parent's `child`, or its elder sibling's `next`.
 */
#include "timer.h"

#include <stddef.h>

/* Two heaps become one; neither is NULL, and nothing points to either. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (b->at_ns < a->at_ns) {
        struct timer *t = a;
        a = b;
        b = t;
    }
    b->next = a->child;
    if (b->next)
        b->next->link = &b->next;
    a->child = b;
    b->link = &a->child;
    return a;
}

/* The siblings from t on become one heap: melded in pairs from the left, then
 * all of these from the right. */
static struct timer *meld_all(struct timer *t)
{
    struct timer *pairs = NULL, *all = NULL;

    while (t) {
        struct timer *a = t, *b = t->next;
        t = b ? b->next : NULL;
        a->next = NULL;
        if (b) {
            b->next = NULL;
            a = meld(a, b);
        }
        a->next = pairs; /* a stack of them */
        pairs = a;
    }
    while (pairs) {
        struct timer *a = pairs;
        pairs = a->next;
        a->next = NULL;
        all = all ? meld(all, a) : a;
    }
    return all;
}

static void put_first(struct timers *all, struct timer *t)
{
    all->first = t;
    if (t)
        t->link = &all->first;
}

void timer_set(struct timers *all, struct timer *t)
{
    t->child = t->next = NULL;
    put_first(all, all->first ? meld(all->first, t) : t);
}

void timer_clear(struct timers *all, struct timer *t)
{
    if (!timer_is_set(t))
        return;
    struct timer *below = meld_all(t->child);
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->child = t->next = NULL;
    t->link = NULL;
    if (below)
        put_first(all, all->first ? meld(all->first, below) : below);
}

void timers_fire(struct timers *all, uint64_t now_ns, void *ctx)
{
    while (all->first && all->first->at_ns <= now_ns) {
        struct timer *t = all->first;
        timer_clear(all, t);
        t->fire(ctx, t);
    }
}
