/* SPDX-License-Identifier: MIT */
/* place.h -- where a new task goes
 *
 * See place.c.
 */
#ifndef PLACE_H
#define PLACE_H

#include "scoop.h"

struct future;
struct runtime;

/* 0 if there is such a place, else SCOOP_EINVAL and words. */
int place_check(struct runtime *rt, scoop_place place);
/* Queues a new future there, or sends it.  On failure nothing has happened. */
int place_task(struct runtime *rt, struct future *f, scoop_place place);

#endif
