/* SPDX-License-Identifier: MIT */
/* queue.h -- a rank's queued tasks: in, out, and what thieves took
 *
 * See queue.c.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct future;
struct runtime;

/* Queues a task of this rank, or a guest, at the newest end.  On failure
 * nothing has happened. */
int queue_push(struct runtime *rt, struct future *f);
/* Queues a task that no other rank may take. */
int queue_place(struct runtime *rt, struct future *f);
/* Queues a home future, for the first time or again, where it is to run. */
int queue_task(struct runtime *rt, struct future *f);
/* Takes a home future out of the deque; false: it is not there any more, or
 * where thieves may take it. */
bool queue_remove(struct runtime *rt, struct future *f);
/* The same for a home future or a guest, also where thieves might take it;
 * false: one has. */
bool queue_withdraw(struct runtime *rt, struct future *f);
/* Learns from the deque which tasks were taken. */
void queue_reclaim(struct runtime *rt);

#endif
