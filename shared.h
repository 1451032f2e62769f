/* SPDX-License-Identifier: MIT */
/* shared.h -- constants: values under a name that every rank can look at
 *
 * See shared.c for the calls and the table, shared_change.c for how a change
 * of the table comes to all ranks.
 */
#ifndef SHARED_H
#define SHARED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deque.h"
#include "future.h"
#include "node_segment.h"

struct frame;
struct json_t;
struct net_message;
struct runtime;
struct strand;

/* Longer ones get memory that their node shares. */
#define SHARED_SMALL ((size_t)4096)
/* Of one change: all that is not in memory of its own. */
#define SHARED_CATALOGUE_MAX ((size_t)64 << 20)

enum shared_what { SHARED_DEFINE = 1, SHARED_DELETE };

/* A name: of a constant that is there, was there, or is waited for.  It stays
 * where it is until the farm ends. */
struct shared_entry {
    struct shared_entry *next;  /* in its bucket */
    struct shared_entry *stale; /* the next with a value of `old` */
    uint64_t hash;
    uint64_t version; /* how often it has been defined */
    uint64_t mark;    /* the last change that named it */
    bool is_there;
    uint32_t kind; /* enum scoop_const_kind */
    uint32_t task; /* number of the task, for a task constant */
    void *data;
    size_t len;
    struct node_segment segment; /* where data is; else it is from malloc */
    struct json_t *json; /* decoded by the main thread, and freed by it: */
    struct json_t *old;  /* of a constant that was deleted */
    size_t name_len;
    char name[];
};

/* One constant in a catalogue: this head, its name, and if it is small its
 * bytes; name and bytes are padded to a multiple of 8. */
struct shared_head {
    uint64_t len;
    uint32_t kind, task;
    uint32_t name_len;
    uint32_t is_large;
    char segment[NODE_SEGMENT_NAME]; /* on this node, once it is known */
};

/* A constant of a change under way, on this rank. */
struct shared_part {
    struct shared_head *head; /* in the catalogue */
    struct shared_entry *entry;
    void *small;
    struct node_segment segment;
};

/* What a task of this rank has asked rank 0 for. */
struct shared_ask {
    struct shared_ask *next;
    uint64_t token;
    uint32_t parts;
    bool is_done;
    bool is_abandoned; /* nobody waits for it any more */
    int status;
    struct node_segment segment[]; /* for each part; all zero: small, taken */
};

/* Rank 0: what waits for its turn. */
struct shared_request {
    struct shared_request *next;
    uint64_t token;
    int definer;
    uint32_t what, parts;
    unsigned char *catalogue;
    size_t bytes;
};

/* The one change that is under way. */
struct shared_change {
    bool is_open;
    bool is_known;     /* the catalogue is here */
    bool is_committed; /* rank 0 has decided */
    bool has_told;     /* the mates take part */
    uint64_t number, token;
    int definer;
    uint32_t what, parts;
    unsigned char *catalogue;
    size_t bytes;
    struct shared_part *part;
    uint32_t next_cast;
    int left; /* reports that have not come, this rank's own among them */
    int status;
};

/* A task that waits for one of these to be decided; on its stack. */
struct shared_wait {
    struct link link;
    struct strand *strand;
    const struct frame *frame;
    const struct shared_entry *entry;
    const struct shared_ask *ask;
};

struct shared {
    /* Of all below but the atomics and `waits`.  Nobody sends while he holds
     * it, unless he has the pump already, as all handlers have. */
    pthread_mutex_t lock;
    struct shared_entry **bucket;
    size_t buckets, entries;
    struct shared_entry *stale;
    struct shared_ask *asks;
    uint64_t token;
    struct shared_change change;
    struct shared_request *first, **last;
    uint64_t number;   /* rank 0: of the last change */
    bool is_in_turn;   /* rank 0: shared_change_next() is running */
    struct link waits; /* the main thread's */
    _Atomic bool has_news;
    _Atomic bool is_ending; /* what is not there will not be */
    _Atomic uint32_t busy;  /* changes and requests that are here */
};

int shared_init(struct shared *shared);
/* Once no message is under way any more: frees all constants. */
void shared_fini(struct shared *shared);

/* Handles a message of the constants; for either thread, in the pump.  False:
 * it is none. */
bool shared_serve(struct runtime *rt, struct net_message *m);
void shared_on_message(struct runtime *rt, struct net_message *m);

/* Whether shared_attend() has something to do: a load. */
static inline bool shared_has_news(const struct shared *shared)
{
    return atomic_load_explicit(&shared->has_news, memory_order_acquire);
}
/* A task may have been asked to stop that waits: shared_attend() will see. */
static inline void shared_look_again(struct shared *shared)
{
    if (!link_is_empty(&shared->waits))
        atomic_store_explicit(&shared->has_news, true, memory_order_release);
}
/* Wakes the tasks whose wait is over. */
void shared_attend(struct runtime *rt);

/* Whether a change is under way here, or asked for by this rank. */
static inline bool shared_is_busy(const struct shared *shared)
{
    return atomic_load_explicit(&shared->busy, memory_order_acquire);
}

/* On rank 0: the farm is ending; all ranks are told that who waits for a
 * constant that is not there waits in vain. */
void shared_end(struct runtime *rt);
/* On any rank: so it is for this one. */
void shared_end_here(struct runtime *rt);
static inline bool shared_is_ending(const struct shared *shared)
{
    return atomic_load_explicit(&shared->is_ending, memory_order_acquire);
}

/* ---- Between shared.c and shared_change.c; under the lock ---- */

/* NULL: there is none. */
struct shared_entry *shared_find(const struct shared *shared, const char *name,
                                 size_t len);
/* The same, made if need be; NULL: out of memory. */
struct shared_entry *shared_entry_of(struct shared *shared, const char *name,
                                     size_t len);
/* The constant is gone: its memory is given back. */
void shared_clear(struct shared *shared, struct shared_entry *entry);
void shared_ask_free(struct shared_ask *ask);
/* Something has changed that a task may wait for. */
void shared_tell(struct runtime *rt);

static inline size_t shared_padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

#endif
