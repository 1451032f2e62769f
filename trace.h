/* SPDX-License-Identifier: MIT */
/* trace.h -- a timeline: what ran, waited and was stolen, and when
 *
 * See trace.c.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>

struct log;
struct trace;

enum trace_kind {
    TRACE_TASK,  /* of: id of its future; 0: the root */
    TRACE_WAIT,  /* of: id of the future that it waited for, or 0 */
    TRACE_IDLE,  /* the rank had nothing to run */
    TRACE_STEAL, /* of: the victim's rank << 32 | tasks; from_ns: to_ns */
};

/* NULL: no memory.  bytes: what the events may take in all. */
struct trace *trace_open(uint64_t bytes);
/* name: a text that stays.  lane: of the stack it happened on; 0 is the
 * scheduler.  Where there is no more room the event is only counted. */
void trace_add(struct trace *trace, enum trace_kind kind, const char *name,
               uint32_t lane, uint64_t from_ns, uint64_t to_ns, uint64_t of);
/* Writes PREFIX.RANK.json and frees all; NULL: does nothing.  What fails is
 * said in the log. */
void trace_close(struct trace *trace, const struct log *log,
                 const char *prefix);

#endif
