/* SPDX-License-Identifier: MIT */
/* watch.h -- who is told when a future ends
 *
 * A future that nobody watches has at most one strand that waits for it
 * (f->waiter), which is what the usual wait needs.  With the flag
 * FUTURE_WATCHED the same word holds a ring of watches instead, in the order
 * in which they were added: of waits for several futures, of iterators, of
 * callbacks, and of the strand that waits for this one.
 *
 * A watch is memory of the watcher's.  It leaves the ring before the watcher
 * is told, so that the watcher may free it, and for good: nobody is told
 * twice.  Only home futures that are unfinished and have a handle are
 * watched; a map's pieces never are.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>

#include "future.h"

struct runtime;
struct watch;

struct watch_kind {
    /* The future is done. */
    void (*ended)(struct runtime *rt, struct watch *w);
    /* Its owner has released it before it was done.  NULL: the watch stays,
     * and hears of the end. */
    void (*released)(struct runtime *rt, struct watch *w);
};

struct watch {
    struct watch *next, *prev; /* NULL: in no ring */
    struct future *future;
    const struct watch_kind *kind;
};

static inline bool watch_is_on(const struct watch *w)
{
    return w->next != NULL;
}

/* f must not be done. */
void watch_add(struct future *f, struct watch *w,
               const struct watch_kind *kind);
/* Nothing if it is in no ring. */
void watch_remove(struct watch *w);

/* Tell the watchers of a future with FUTURE_WATCHED: it is done; it was
 * released and is not done. */
void watch_ended(struct runtime *rt, struct future *f);
void watch_released(struct runtime *rt, struct future *f);

#endif
