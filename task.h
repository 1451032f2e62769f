/* SPDX-License-Identifier: MIT */
/* task.h -- the task record: what a task is, on every rank and on the wire
 *
 * A task record is the body of the message that carries the task, byte for
 * byte: the same 104 bytes stand in the home's table, in a slot of the deque
 * in node memory and in an MPI message.  A short argument follows it directly
 * (TASK_INLINE_MAX bytes at most); a longer one stays with the home, which is
 * asked for it by the address in `arg`.
 *
 * The future that a task will fulfil is named by `id` (home rank << 32 | place
 * in the home's table) and `generation`, which no other task of that place
 * ever has: 64 bits do not wrap.  Together they mean the same on every rank.
 *
 * A range (flag TASK_RANGE) is a stretch [first, first + count) of the items
 * of a map.  Pieces that are split off away from home keep the id of the piece
 * that they came from: the home counts items, not pieces.  What the items of a
 * range are is told by `range`: items of the arrays, or blocks of them.  A
 * subtree (flag TASK_SUBTREE) is a range of a reduction (reduce.c): a task like
 * any other, with one value as its result.
 */
#ifndef TASK_H
#define TASK_H

#include <stdint.h>

struct task_range {
    uint32_t op;      /* of a subtree: number of the reducer */
    uint16_t retries; /* further attempts of an item */
    uint8_t how;      /* enum range_how */
    uint8_t block;    /* binary logarithm of the items of a block */
};

enum range_how {
    RANGE_KEEP_GOING = 1 << 0, /* an item that fails stops no other */
    RANGE_FOLD = 1 << 1,       /* of each block the sum (scan.c) */
    RANGE_SWEEP = 1 << 2       /* of each block the sums so far (scan.c) */
};

struct task {
    uint64_t id;
    uint64_t generation;
    uint64_t parent; /* id of the task that submitted it; 0: the root */
    uint64_t path;   /* hash of the way from the root: same on any run */
    uint64_t first;  /* range: */
    uint64_t count;
    union {
        uint32_t then;  /* number of the task for its result; 0: none */
        uint32_t chunk; /* range: pieces of fewer items are not divided; 0:
                         * measure */
    };
    uint32_t hops; /* how often it has changed hands */
    union {
        uint64_t created_ns; /* at home: on its clock; elsewhere 0 */
        uint64_t out; /* range: address of the whole map's results in the home's
                       * memory, where mates may write theirs; 0: they must
                       * not */
    };
    union {
        uint64_t timeout_ns;     /* for each attempt; 0: none */
        struct task_range range; /* of a range or a subtree */
    };
    uint64_t arg; /* address of the argument in the home's memory; at home, if
                   * it is no range: its struct terms, or 0 */
    uint64_t arg_len;
    uint32_t number; /* of the task in the registry, from 1 */
    int32_t holder;  /* rank that has it now, as far as the home knows */
    int32_t place;   /* rank (node: TASK_NODE) it must run on; -1: any */
    uint16_t flags;
    uint8_t attempt; /* from 1 */
    int8_t priority;
};
_Static_assert(sizeof(struct task) == 104, "the record is a wire format");

enum task_flags {
    TASK_DETACHED = 1 << 0,
    TASK_RANGE = 1 << 1,
    TASK_INLINE = 1 << 2, /* the argument follows the record */
    TASK_CANCEL = 1 << 3, /* cancellation was asked for */
    TASK_JOURNAL = 1 << 4,
    TASK_ISOLATE = 1 << 5,
    TASK_DROPPED = 1 << 6, /* home: its holder will not run it */
    TASK_NODE = 1 << 8,    /* `place` is a node, which it must not leave */
    TASK_SUBTREE = 1 << 12
};

#define TASK_PRIORITY_MAX 4 /* and -4 at least */

#define TASK_INLINE_MAX 88u

static inline int task_home(const struct task *t)
{
    return (int)(t->id >> 32);
}

static inline uint32_t task_index(const struct task *t)
{
    return (uint32_t)t->id;
}

#endif
