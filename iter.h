/* SPDX-License-Identifier: MIT */
/* iter.h -- iterators over futures as they end, and over the items of a map
 *
 * See completed.c for the iterator itself and map_iter.c for what feeds one
 * with the items of a map.
 *
 * An iterator is one of the things that a task leaves behind when it returns,
 * so it stands among the task's futures, in front of all of them: an anchor,
 * which looks like a future in the state FUTURE_ANCHOR and with no flag.
 */
#ifndef ITER_H
#define ITER_H

#include "runtime.h"
#include "wait.h"
#include "watch.h"

struct source;

/* A future that has not been yielded. */
struct entry {
    struct watch watch;      /* unless it is done, or yielded in order */
    struct link link;        /* of the iterator's open or ready ones */
    struct entry *same_hash; /* chain of its table */
    struct scoop_iter *iter;
    scoop_future handle;
    uint64_t index; /* of a map's item */
};

struct scoop_iter {
    struct link open;  /* entries that are unfinished */
    struct link ready; /* that have ended, in that order */
    struct gate gate;  /* open: there is one to yield, or none to wait for */
    struct entry **table;
    size_t table_size, entries;
    struct source *source; /* of a map's items, else NULL */
    bool is_busy;          /* in a function of the user's */
    struct future anchor;  /* last: a future ends in an array */
};

static inline struct scoop_iter *iter_of_anchor(struct future *f)
{
    return (struct scoop_iter *)(void *)((char *)f -
                                         offsetof(struct scoop_iter, anchor));
}

static inline struct entry *entry_of_link(struct link *l)
{
    return (struct entry *)(void *)((char *)l - offsetof(struct entry, link));
}

/* A new one of the running task; NULL: no memory. */
struct scoop_iter *iter_new(struct runtime *rt);
/* Frees it with its entries; the items of a map are released. */
void iter_close(struct runtime *rt, struct scoop_iter *iter);
/* The running task's own iterator, or NULL, with the words said. */
struct scoop_iter *iter_own(struct runtime *rt, struct scoop_iter *iter);

/* f will be yielded when it ends; in_order: by whoever waits for it itself.
 * NULL: no memory. */
struct entry *iter_add(struct scoop_iter *iter, struct future *f,
                       bool in_order);
void iter_remove(struct entry *e);
/* The next that has ended: 0, SCOOP_END or SCOOP_ETIMEDOUT. */
int iter_next(struct runtime *rt, struct scoop_iter *iter, uint64_t deadline_ns,
              struct entry **e);

/* Lets go of what feeds the iterator (map_iter.c). */
void source_free(struct source *source);

#endif
