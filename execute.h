/* SPDX-License-Identifier: MIT */
/* execute.h -- the run of a task that was queued
 *
 * See execute.c.
 */
#ifndef EXECUTE_H
#define EXECUTE_H

struct future;
struct runtime;

/* Runs what was taken from a queue, on the running stack: a home future, a
 * guest, a piece of a map.  It may be gone afterwards. */
void execute_task(struct runtime *rt, struct future *f);

#endif
