/* SPDX-License-Identifier: MIT */
/* wait.h -- waits of a task for something that several futures bring about
 *
 * See wait.c.
 */
#ifndef WAIT_H
#define WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime.h"

/* Parks the running task until f is done or the deadline has come, or for no
 * reason: the caller looks. */
void wait_park(struct runtime *rt, struct future *f, uint64_t deadline_ns,
               const char *what);
/* Has whoever is parked for f look. */
void wait_wake(struct runtime *rt, const struct future *f);

/* What the running task waits for: whoever brings it about opens it. */
struct gate {
    bool is_open;
    struct strand *waiter;
};

void gate_open(struct runtime *rt, struct gate *gate);

/* Until it is open: 0 or SCOOP_ETIMEDOUT.  Without a deadline the task's
 * queued children run on top meanwhile; `what` is for the dump. */
int gate_wait(struct runtime *rt, struct gate *gate, uint64_t deadline_ns,
              const char *what);

#endif
