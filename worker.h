/* SPDX-License-Identifier: MIT */
/* worker.h -- the work-stealing loop: run, park, wake
 *
 * See worker.c.
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct frame;
struct future;
struct runtime;
struct strand;

int worker_init(struct runtime *rt);
void worker_fini(struct runtime *rt);
/* Works until the farm has ended.  On rank 0 runs the root first. */
void worker_loop(struct runtime *rt);

/* For calls outside of a farm, after worker_init(): the caller's stack, which
 * is the thread's, counts as that of a task, and the scheduler gets another.
 * Returns SCOOP_ENOMEM. */
int worker_open_outside(struct runtime *rt);
void worker_close_outside(struct runtime *rt);
/* Whether it is that stack that runs. */
bool worker_is_outside(const struct runtime *rt);
/* There, lets tasks run until none can; elsewhere does nothing. */
void worker_settle(struct runtime *rt);

/* Looks around: messages, those who want work, the time that the running
 * function took.  Called by library calls now and then. */
void worker_attend(struct runtime *rt);

/* Lets one queued task run, for a caller that only looks: one that polls for
 * its own task must not keep it from running. */
void worker_yield(struct runtime *rt);

/* Parks the running task until worker_wake() or the deadline; the worker goes
 * on with other work.  The caller checks why it was woken. */
void worker_park(struct runtime *rt, uint64_t deadline_ns, const char *what,
                 const struct future *for_what);
void worker_wake(struct runtime *rt, struct strand *strand);

/* Waits until f is done: 0 or SCOOP_ETIMEDOUT. */
int worker_wait(struct runtime *rt, struct future *f, uint64_t deadline_ns);
/* Runs the newest queued task on the running stack if the running task
 * submitted it and there is room; false: there is none. */
bool worker_help(struct runtime *rt);

/* No task is queued, parked or running here (the root included). */
bool worker_is_idle(const struct runtime *rt);
/* Or all that is here is parked, without a time-out: only a message can make
 * it go on. */
bool worker_is_stuck(const struct runtime *rt);
/* Messages, timers, the deque's news; whether there is something to run.
 * is_keen: this rank has nothing better to do than to look. */
bool worker_look_around(struct runtime *rt, bool is_keen);

#endif
