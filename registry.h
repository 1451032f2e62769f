/* SPDX-License-Identifier: MIT */
/* registry.h -- tasks by name and by number, the same on all ranks
 *
 * See registry.c.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "scoop.h"

/* What this rank has measured of a task: how long it runs at a stretch, from
 * its start, or a library call, to the next library call, or its end. */
enum measure_traits {
    MEASURE_ENDED_LONG = 1, /* one of its stretches was long */
    MEASURE_SPAWNS = 2      /* it submitted tasks */
};

struct measure {
    uint32_t runs_left;  /* until the next one is timed */
    uint8_t is_short;    /* no stretch of the last runs was long */
    uint8_t streak;      /* runs like that in a row */
    uint8_t calm;        /* short stretches in a row, of any run */
    uint8_t traits;      /* enum measure_traits, of the last run timed */
    uint64_t stretch_ns; /* the longest of the last run that was timed */
    const struct scoop_task *type; /* whose it is; NULL: the root's */
};

struct registry {
    struct scoop_task **task; /* by number - 1, sorted by name */
    struct measure *measure;  /* by number; 0 is the root */
    uint32_t tasks;
    uint64_t hash; /* of all names, kinds and sizes */
};

/* Collects and numbers the program's tasks.  0, SCOOP_ENOMEM, or SCOOP_EINVAL
 * with one line of words in why (a name used twice, sizes that make no
 * sense). */
int registry_open(struct registry *r, char *why, size_t why_len);
void registry_close(struct registry *r);

/* NULL: no task has that number. */
static inline struct scoop_task *registry_task(const struct registry *r,
                                               uint32_t number)
{
    return number - 1 < r->tasks ? r->task[number - 1] : NULL;
}

/* Whether this very descriptor is in the list. */
static inline int registry_has(const struct registry *r,
                               const struct scoop_task *task)
{
    return registry_task(r, task->number) == task;
}

const struct scoop_task *registry_find(const struct registry *r,
                                       const char *name);

#endif
