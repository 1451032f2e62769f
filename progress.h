/* SPDX-License-Identifier: MIT */
/* progress.h -- how far a map is, told on the rank that called it
 *
 * See progress.c.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "scoop.h"

struct runtime;

struct progress {
    const char *label;
    void (*fn)(const struct scoop_progress *progress, void *arg);
    void *arg;
    uint64_t done, failed, total;
    uint64_t begun_ns;
    uint64_t due_ns; /* when it is told next; CLOCK_NEVER: never */
    bool is_on;
};

/* label and fn may be NULL; where nobody wants to know, nothing is done. */
void progress_begin(
    struct runtime *rt, struct progress *p, const char *label, uint64_t total,
    void (*fn)(const struct scoop_progress *progress, void *arg), void *arg);
/* So many more have ended, well or badly.  Only counts: it may be called where
 * no code of the user's may run. */
void progress_add(struct runtime *rt, struct progress *p, uint64_t done,
                  uint64_t failed);
/* Tells if it is due.  Looks at the clock, if anybody wants to know. */
void progress_tell(struct runtime *rt, struct progress *p);
/* Tells for the last time. */
void progress_end(struct runtime *rt, struct progress *p);

#endif
