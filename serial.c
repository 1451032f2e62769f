/* SPDX-License-Identifier: MIT */
/* serial.c -- calls outside of a farm
 *
 * A function that submits tasks may be called where no farm runs: before
 * scoop_main(), after it, in a unit test, in a tool without MPI.  It shall work
 * there as well, one task after the other, and say so once.
 *
 * So the first such call opens a farm of one rank, which makes no MPI call, for
 * the thread that called.  From then on that thread finds it as any task finds
 * its farm (`runtime_current`), and all calls proceed as ever.  What is
 * different is who runs where:
 *
 *     a farm:    the thread's stack is the scheduler's; tasks are on fibers
 *     here:      the thread's stack is the caller's, who looks like a task
 *                that has always been running; the scheduler is on a fiber
 *                of its own and runs while the caller waits
 *
 * (worker_open_outside()).  A submit by the caller itself waits until no task
 * can run any more, since nobody would run them behind its back.
 *
 * It is the thread's until it starts a real farm or the process ends; its
 * futures are stale then.  Other threads are refused meanwhile (SCOOP_ETHREAD).
 */
#include "serial.h"

#include <stdatomic.h>

#include "public.h"
#include "worker.h"

/* Some thread has it: of the process, since a farm is. */
static atomic_bool is_open;
static atomic_bool has_warned;
/* Why it could not be opened, which was said once; 0: it could. */
static atomic_int refusal;

bool serial_is_open(void)
{
    return atomic_load(&is_open);
}

struct runtime *public_enter(int *why)
{
    struct runtime *rt = runtime_current;

    if (rt)
        return rt;
    *why = public_outside();
    if (*why != SCOOP_ESTATE)
        return NULL;
    if (atomic_exchange(&is_open, true)) {
        *why = SCOOP_ETHREAD;
        return NULL;
    }
    *why = atomic_load(&refusal);
    rt = *why ? NULL : serial_rooms_open(why);
    if (!rt) {
        atomic_store(&refusal, *why);
        atomic_store(&is_open, false);
        return NULL;
    }
    if (!atomic_exchange(&has_warned, true))
        log_warn(&rt->log, "called where no farm runs: tasks run one by one in "
                           "this process (scoop_main or scoop_run starts one)");
    runtime_set_current(rt);
    return rt;
}

bool serial_end(void)
{
    struct runtime *rt = runtime_current;

    if (!rt || !rt->is_serial)
        return true;
    if (!worker_is_outside(rt))
        return false;
    worker_close_outside(rt);
    runtime_set_current(NULL);
    serial_rooms_close(rt);
    atomic_store(&is_open, false);
    return true;
}

__attribute__((destructor)) static void end_with_process(void)
{
    serial_end();
}
