/* SPDX-License-Identifier: MIT */
/* future.h -- the table of futures whose home is this rank, and of guests
 *
 * See future.c for the states and who changes them.
 */
#ifndef FUTURE_H
#define FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deque.h"
#include "task.h"

struct error;
struct frame;
struct map_job;
struct slice;
struct strand;
struct watch;

enum future_state {
    FUTURE_FREE,
    FUTURE_QUEUED,   /* in this rank's deque, or taken and not yet reclaimed */
    FUTURE_PLACED,   /* in this rank's list of tasks that must run here */
    FUTURE_HELD,     /* home: another rank has it, rec.holder says which */
    FUTURE_FETCHING, /* guest: its argument is under way */
    FUTURE_RUNNING,  /* on a stack of this rank */
    FUTURE_EARLY,    /* home: its result is here, but not yet the deque's word
                      * that it was taken */
    FUTURE_DONE,     /* home: `status`, and result or error */
    FUTURE_ANCHOR    /* no future: an iterator among its task's (iter.h) */
};

enum future_flags {
    FUTURE_GUEST = 1 << 0,       /* its home is elsewhere, or it came back */
    FUTURE_ORPHAN = 1 << 1,      /* released: free it once it has ended */
    FUTURE_CANCELLED = 1 << 2,   /* its result is not wanted any more */
    FUTURE_PIECE = 1 << 3,       /* a range: `job` (home) or `slice` (guest) */
    FUTURE_OWNS_ARG = 1 << 4,    /* arg came from malloc */
    FUTURE_OWNS_RESULT = 1 << 5, /* result came from malloc */
    FUTURE_BORROWS = 1 << 6,     /* arg is the submitter's own memory */
    FUTURE_HAS_TERMS = 1 << 7,   /* home: see terms.h */
    FUTURE_WATCHED = 1 << 8,     /* home: `watchers`, not `waiter` (watch.h) */
    FUTURE_THEN = 1 << 9,        /* another task gets its result: rec.then */
    FUTURE_DECODED = 1 << 10     /* home, done: the result is a json_t */
};

/* Lists through members: circular, with a head. */
struct link {
    struct link *next, *prev;
};

static inline void link_init(struct link *head)
{
    head->next = head->prev = head;
}

static inline bool link_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline void link_add(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void link_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
}

/* One task on this rank.  184 bytes and its data: a burst of a million costs
 * what its arguments and results cost and at most 200 bytes each.  The inline
 * half of submit knows some of it as struct scoop_fresh_. */
struct future {
    union {
        struct deque_item item; /* while it is queued */
        struct frame *frame;    /* while it runs */
    };
    uint8_t state; /* enum future_state */
    uint8_t size_class;
    uint16_t flags;     /* enum future_flags */
    int8_t status;      /* once done: 0 or SCOOP_E... */
    uint8_t debts;      /* see terms.h; it is not freed before they are paid, */
    uint16_t callbacks; /* nor before those that were added have ended */
    struct frame *owner; /* home: who submitted it; NULL: detached */
    void *arg;
    struct task rec;  /* once done: first is what it waited, count what it
                       * ran, both in ns, unless it is a range */
    struct link link; /* home: siblings; guest: the rank's guests */
    union {
        struct strand *waiter;  /* home: parked until it is done */
        struct watch *watchers; /* home, FUTURE_WATCHED: who is told */
        struct slice *slice;    /* guest piece: its part of the input */
    };
    union {
        void *result;        /* room for it, or NULL */
        struct map_job *job; /* home piece */
    };
    size_t result_len;
    struct error *error;
    uint64_t data[]; /* argument and result, if they fit */
};
_Static_assert(offsetof(struct future, data) == 184, "at most 200 a future");

#define FUTURE_CLASSES 6u /* data of 16, 32, ... 96 bytes */
#define FUTURE_CHUNK 256u /* futures allocated together */

struct future_chunk {
    char *base;
    size_t stride;
};

struct future_table {
    struct link *idle[FUTURE_CLASSES]; /* free ones, last used first */
    struct future_chunk *chunk;
    uint32_t chunks, room;
    int32_t rank;
    uint64_t first_generation;
    uint64_t created, ended; /* home futures: what term.c counts */
    uint64_t indebted; /* of these that ended: old attempts may still run */

    struct link guests;
};

void future_table_init(struct future_table *t, int rank, uint64_t generation);
void future_table_fini(struct future_table *t);

/* More futures of that class; NULL: out of memory, or 2^32 in use. */
struct future *future_refill(struct future_table *t, unsigned size_class);

static inline struct future *future_of_link(struct link *l)
{
    return (struct future *)(void *)((char *)l - offsetof(struct future, link));
}

static inline struct future *future_of_item(struct deque_item *i)
{
    return (struct future *)(void *)i;
}

static inline size_t future_room(const struct future *f)
{
    return 16 * ((size_t)f->size_class + 1);
}

/* A free one with room for so many bytes of data, or more.  All of it is zero
 * but what tells its place, and the record's holder (this rank), place (-1)
 * and attempt (1); `owner`, `arg` and the record's path, number, length and
 * moment of creation may be anything. */
static inline struct future *future_take(struct future_table *t, size_t bytes)
{
    unsigned c = bytes > 16 ? (unsigned)((bytes - 1) / 16) : 0;
    struct link *l = t->idle[c];

    if (__builtin_expect(!l, 0))
        return future_refill(t, c);
    t->idle[c] = l->next;
    return future_of_link(l);
}

/* Back to the table; its generation ends here.  Frees what it owns and makes
 * it again what future_take() promises. */
void future_put(struct future_table *t, struct future *f);

/* The same for a future of which only that, with `arg` within itself, was
 * written since it was taken. */
static inline void future_put_clean(struct future_table *t, struct future *f)
{
    f->state = FUTURE_FREE;
    f->rec.generation++;
    f->link.next = t->idle[f->size_class];
    t->idle[f->size_class] = &f->link;
}

/* The future of that id and generation, or NULL: released, or never was. */
static inline struct future *future_find(const struct future_table *t,
                                         uint64_t id, uint64_t generation)
{
    uint32_t place = (uint32_t)id - 1;

    if (__builtin_expect((int32_t)(id >> 32) != t->rank, 0) ||
        __builtin_expect(place / FUTURE_CHUNK >= t->chunks, 0))
        return NULL;
    const struct future_chunk *c = &t->chunk[place / FUTURE_CHUNK];
    struct future *f =
        (struct future *)(void *)(c->base + c->stride * (place % FUTURE_CHUNK));
    if (__builtin_expect(f->rec.generation != generation, 0) ||
        f->state == FUTURE_FREE)
        return NULL;
    return f;
}

/* Where a result of that size goes: in the future itself if there is room
 * behind the argument, else from malloc.  NULL: out of memory, or 0 bytes. */
void *future_result_room(struct future *f, size_t len, size_t align);

#endif
