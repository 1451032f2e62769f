/* SPDX-License-Identifier: MIT */
/* idle.h -- what a rank does that has nothing to run
 *
 * See idle.c.
 */
#ifndef IDLE_H
#define IDLE_H

struct runtime;

/* Returns when there is something to run, or the farm ends. */
void idle_search(struct runtime *rt);
/* A moment's rest for the processor. */
void idle_relax(void);

#endif
