/* SPDX-License-Identifier: MIT */
/* shutdown.h -- no more tasks: refuse them, and wait for what is left
 *
 * See shutdown.c.
 */
#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_message;
struct runtime;
struct strand;

struct spared {
    uint64_t id, generation;
};

struct shutdown {
    /* The rank of the task that called. */
    bool is_calling;
    struct strand *waiter; /* parked until the answer of `round` */
    uint32_t round;        /* the last that was asked for, */
    uint64_t asker;        /* by that task; 0: the root */
    bool is_asked;         /* its answer is not here yet */
    int status;
    bool has_last;
    uint64_t last;           /* `ended` of the wave before */
    uint64_t created, ended; /* of all ranks */
    /* Every rank: the wave that it reports to, and whom. */
    uint32_t wave;
    int caller;
    int reports; /* children that have reported */
    uint64_t sum_created, sum_ended;
    /* Futures of this home that the caller descends from, and its own. */
    struct spared *spared;
    size_t spareds, room;
    /* Rank 0: who has shut the farm. */
    bool is_taken;
    int owner_rank;
    uint64_t owner_task;
};

void shutdown_free(struct shutdown *s);
void shutdown_on_message(struct runtime *rt, struct net_message *m);

#endif
