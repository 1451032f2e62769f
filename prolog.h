/* SPDX-License-Identifier: MIT */
/* prolog.h -- functions that run once on each rank before its first task
 *
 * See prolog.c.
 */
#ifndef PROLOG_H
#define PROLOG_H

#include <stdint.h>

struct runtime;

/* Of the names of all prologs; 0 if there are none.  Ranks compare it. */
uint64_t prolog_hash(void);
/* Collective, if there are any.  Runs those that have not run yet; 0, or the
 * same code on all ranks, said in a line on one. */
int prolog_run(struct runtime *rt);

#endif
