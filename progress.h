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

/* Part of whoever is to be shown; all zero is one that shows nothing. */
struct progress {
    uint64_t total, done, failed;
    uint64_t began_ns;
    uint64_t next_ns;      /* when to show again */
    uint64_t next_line_ns; /* and in a log */
    uint32_t shows;        /* enum in progress.c; 0: nobody looks */
    scoop_progress_fn *fn;
    void *arg;
    char label[PROGRESS_LABEL];
};

/* label: NULL or empty: none.  total: 0 where it is not known.  fn: may be
 * NULL.  Made by the task that waits for it all. */
void progress_begin(struct runtime *rt, struct progress *p, const char *label,
                    uint64_t total, scoop_progress_fn *fn, void *arg);
/* So many more are done, of which so many failed. */
void progress_add(struct runtime *rt, struct progress *p, uint64_t done,
                  uint64_t failed);
/* status: 0, or why it ended. */
void progress_end(struct runtime *rt, struct progress *p, int status);

#endif
