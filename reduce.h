/* SPDX-License-Identifier: MIT */
/* reduce.h -- one value of many: a tree over the index
 *
 * See reduce.c.
 */
#ifndef REDUCE_H
#define REDUCE_H

#include <stddef.h>

struct error;
struct future;
struct runtime;
struct scoop_task;

/* Runs a subtree (TASK_SUBTREE), home or guest; its value is the future's
 * result.  0 or a SCOOP_E... code. */
int reduce_execute(struct runtime *rt, struct future *f, struct error **error);

/* 0 if op can combine what task (NULL: none) makes of an array of n items. */
int reduce_check(struct runtime *rt, const struct scoop_task *task,
                 const struct scoop_task *op, const void *in, const void *out,
                 size_t n);

#endif
