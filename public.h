/* SPDX-License-Identifier: MIT */
/* public.h -- what the public calls share: where am I, whose future is this
 *
 * A public call finds the farm through `runtime_current`, checks what its
 * caller may have got wrong, and leaves the rest to the rooms.  What most of
 * them check stands here, so that the answer is the same everywhere.
 */
#ifndef PUBLIC_H
#define PUBLIC_H

#include "runtime.h"

/* Why a call cannot be made here: NULL runtime_current. */
int public_outside(void);

/* A handle that carries an error: every call on it returns the code. */
static inline scoop_future public_no_future(int code)
{
    return (scoop_future){0, (uint64_t)(int64_t)code};
}

static inline scoop_future public_handle(const struct future *f)
{
    return (scoop_future){f->rec.id, f->rec.generation};
}

/* The running task's own future of that name; NULL: *why says why not. */
struct future *public_own(struct runtime *rt, scoop_future handle, int *why);
/* The same for calls that only look: in a callback also what it was called
 * for. */
struct future *public_see(struct runtime *rt, scoop_future handle, int *why);
/* On the clock: 0 for SCOOP_NOW, CLOCK_NEVER without a time-out. */
uint64_t public_deadline(const struct scoop_wait_options *options);
/* 0 if a task with that argument can be submitted. */
int public_check_task(struct runtime *rt, const struct scoop_task *task,
                      const void *arg, size_t len);
/* 0 if it is a priority. */
int public_check_priority(struct runtime *rt, int priority);
/* Waits for a future of the running task, *f unless the handle is a bad one:
 * 0, what it ended with, or SCOOP_ETIMEDOUT. */
int public_result(scoop_future handle, uint64_t deadline_ns, struct future **f);
/* The same for calls that leave the future as it is: see public_see(). */
int public_look(scoop_future handle, uint64_t deadline_ns, struct future **f);
/* The owner gives the future back. */
void public_release(struct runtime *rt, struct future *f);

#endif
