/* SPDX-License-Identifier: MIT */
/* fresh.h -- futures that only their owner has seen yet
 *
 * See fresh.c.
 */
#ifndef FRESH_H
#define FRESH_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime.h"

int fresh_init(struct runtime *rt);
void fresh_fini(struct runtime *rt);

/* Whether a future with room for so many bytes may be pushed without anybody
 * being told; if so there is room for it at the top, and mostly for some of
 * those that follow, which the inline half of submit pushes by itself. */
bool fresh_open(struct runtime *rt, size_t bytes);

static inline bool fresh_is_empty(const struct runtime *rt)
{
    return rt->fresh_top == rt->fresh.base;
}

/* From now on each submit comes by. */
static inline void fresh_close(struct runtime *rt)
{
    rt->fresh_limit = rt->fresh.base;
}

/* Makes ordinary futures of all that are fresh; then the stack is closed. */
void fresh_enlist_all(struct runtime *rt);

/* The same if there are any; if there are none it may stay open. */
static inline void fresh_enlist(struct runtime *rt)
{
    if (__builtin_expect(!fresh_is_empty(rt), 0))
        fresh_enlist_all(rt);
}

#endif
