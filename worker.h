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

/* Queues a task of this rank, or a guest, at the newest end.  On failure
 * nothing has happened. */
int worker_push(struct runtime *rt, struct future *f);
/* Queues a task that no other rank may take. */
int worker_place(struct runtime *rt, struct future *f);
/* Queues a home future, for the first time or again, where it is to run. */
int worker_queue(struct runtime *rt, struct future *f);
/* Takes a home future out of the deque; false: it is not there any more, or
 * where thieves may take it. */
bool worker_unqueue(struct runtime *rt, struct future *f);
/* The same for a home future or a guest, also where thieves might take it;
 * false: one has. */
bool worker_withdraw(struct runtime *rt, struct future *f);

/* Looks around: messages, those who want work, the time that the running
 * function took.  Called by library calls now and then. */
void worker_attend(struct runtime *rt);
/* Learns from the deque which tasks were taken. */
void worker_reclaim(struct runtime *rt);

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

/* What scoop_future_info() tells of a home future that has just been run. */
void worker_note_times(struct future *f, uint64_t run_ns);
/* An attempt of a home future has ended with that status; error is kept.  It
 * is done, or queued for its next attempt. */
void worker_finish_take(struct runtime *rt, struct future *f, int status,
                        struct error *error);
/* Releases a home future that has no owner any more: frees it, or sees to it
 * that it is freed once it has ended.  True if it was unfinished. */
bool worker_release(struct runtime *rt, struct future *f);
/* Asks for a home future not to be run any more, and for its children. */
void worker_cancel(struct runtime *rt, struct future *f);
/* Asks a running function to end soon; cancels its children. */
void worker_ask(struct runtime *rt, struct frame *frame);

/* No task is queued, parked or running here (the root included). */
bool worker_is_idle(const struct runtime *rt);
/* Or all that is here is parked, without a time-out: only a message can make
 * it go on. */
bool worker_is_stuck(const struct runtime *rt);
/* Messages, timers, the deque's news; whether there is something to run.
 * is_keen: this rank has nothing better to do than to look. */
bool worker_look_around(struct runtime *rt, bool is_keen);

#endif
