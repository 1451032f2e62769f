/* SPDX-License-Identifier: MIT */
/* progress.h -- how far a map is: a line on a terminal, lines in a log, a call
 *
 * See progress.c.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "scoop.h"

struct runtime;

#define PROGRESS_LABEL 64

/* Part of whoever is to be shown; all zero, but for due_ns, is one that shows
 * nothing. */
struct progress {
    const char *name; /* what it is called without a label; set before begin */
    uint64_t total, done, failed; /* failed ones are not among `done` */
    uint64_t began_ns;
    uint64_t due_ns; /* when it is told next; CLOCK_NEVER: never */
    uint64_t next_line_ns;
    uint32_t shows; /* enum in progress.c */
    bool is_on;     /* somebody looks */
    void (*fn)(const struct scoop_progress *progress, void *arg);
    void *arg;
    char label[PROGRESS_LABEL];
};

/* label: the user's, or NULL.  total: 0 where it is not known.  fn: may be
 * NULL.  Called by the task that waits for it all; where nobody wants to know,
 * nothing is done. */
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
