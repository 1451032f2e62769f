/* SPDX-License-Identifier: MIT */
/* wait.c -- waits of a task for something that several futures bring about
 *
 * A wait for n futures puts a watch on each that is unfinished, which costs n
 * steps once, and sleeps at a gate.  Each future that ends takes its own watch
 * off and counts down: one step, however many there are.  Whoever makes the
 * wait's condition true opens the gate.  When the wait is over, by whatever
 * way, the watches that are left are taken off; which futures are done is then
 * read off the futures themselves, so no end is missed between two waits.
 *
 * The gate knows nothing of futures: iterators sleep at one as well.
 *
 * As in worker_wait(), a wait without a time-out runs queued children of the
 * waiting task on top of it, and one with a time-out runs nothing on top.
 */
#include "wait.h"

#include <stdlib.h>

#include "clock.h"
#include "public.h"
#include "watch.h"
#include "worker.h"

#define FEW 16u /* watches of so many futures stand on the stack */

/* ---- One future ------------------------------------------------------- */

/* The wait for one future of which others are told as well. */
struct strand_watch {
    struct watch watch;
    struct strand *strand;
};

static void wake_watcher(struct runtime *rt, struct watch *w)
{
    worker_wake(rt, ((struct strand_watch *)(void *)w)->strand);
}

static const struct watch_kind strand_kind = {wake_watcher, NULL};

void wait_park(struct runtime *rt, struct future *f, uint64_t deadline_ns,
               const char *what)
{
    struct strand_watch w;

    if (!(f->flags & FUTURE_WATCHED)) {
        f->waiter = rt->strand;
        worker_park(rt, deadline_ns, what, f);
        f->waiter = NULL;
        return;
    }
    w.strand = rt->strand;
    watch_add(f, &w.watch, &strand_kind);
    worker_park(rt, deadline_ns, what, f);
    watch_remove(&w.watch);
}

void wait_wake(struct runtime *rt, const struct future *f)
{
    if (!(f->flags & FUTURE_WATCHED)) {
        if (f->waiter)
            worker_wake(rt, f->waiter);
        return;
    }
    struct watch *w = f->watchers;
    do {
        if (w->kind == &strand_kind)
            wake_watcher(rt, w);
        w = w->next;
    } while (w != f->watchers);
}

/* ---- The gate --------------------------------------------------------- */

void gate_open(struct runtime *rt, struct gate *gate)
{
    gate->is_open = true;
    if (gate->waiter)
        worker_wake(rt, gate->waiter);
}

int gate_wait(struct runtime *rt, struct gate *gate, uint64_t deadline_ns,
              const char *what)
{
    if (!deadline_ns && !gate->is_open)
        worker_yield(rt);
    while (!gate->is_open) {
        if (deadline_ns == CLOCK_NEVER) {
            if (--rt->calls_left == 0) {
                worker_attend(rt);
                if (gate->is_open)
                    break;
            }
            if (worker_help(rt))
                continue;
        } else if (clock_is_past(deadline_ns)) {
            return SCOOP_ETIMEDOUT;
        }
        gate->waiter = rt->strand;
        worker_park(rt, deadline_ns, what, NULL);
        gate->waiter = NULL;
    }
    return 0;
}

/* ---- Several futures -------------------------------------------------- */

struct many {
    struct gate gate;
    size_t open; /* not done yet; duplicates count */
    int return_when;
};

struct one {
    struct watch watch;
    struct many *many;
};

/* Another of them is done: whether the wait is over. */
static bool is_enough(const struct many *many, const struct future *f)
{
    return !many->open || many->return_when == SCOOP_FIRST_COMPLETED ||
           (many->return_when == SCOOP_FIRST_EXCEPTION && f->status);
}

static void one_ended(struct runtime *rt, struct watch *w)
{
    struct many *many = ((struct one *)(void *)w)->many;

    many->open--;
    if (is_enough(many, w->future))
        gate_open(rt, &many->gate);
}

static const struct watch_kind one_kind = {one_ended, NULL};

/* Finds the futures; 0, or what is wrong with one of them. */
static int look_up(struct runtime *rt, const scoop_future *future, size_t n,
                   struct one *one)
{
    for (size_t i = 0; i < n; i++) {
        int why;
        one[i].watch.next = one[i].watch.prev = NULL;
        one[i].watch.future = public_see(rt, future[i], &why);
        if (!one[i].watch.future)
            return why;
    }
    return 0;
}

static int wait_many(struct runtime *rt, struct one *one, size_t n,
                     int return_when, uint64_t deadline_ns)
{
    struct many many = {{false, NULL}, n, return_when};

    for (size_t i = 0; i < n; i++) {
        struct future *f = one[i].watch.future;
        one[i].many = &many;
        if (f->state != FUTURE_DONE) {
            watch_add(f, &one[i].watch, &one_kind);
        } else {
            many.open--;
            if (is_enough(&many, f))
                many.gate.is_open = true;
        }
    }
    int err = gate_wait(rt, &many.gate, deadline_ns, "several futures");
    for (size_t i = 0; i < n; i++)
        watch_remove(&one[i].watch);
    return err;
}

static void tell(const struct one *one, size_t n,
                 const struct scoop_wait_many_options *options)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        bool is_done = one[i].watch.future->state == FUTURE_DONE;
        count += is_done;
        if (options->done)
            options->done[i] = is_done;
    }
    if (options->count)
        *options->count = count;
}

int scoop_wait_many(const scoop_future *futures, size_t n,
                    const struct scoop_wait_many_options *options)
{
    static const struct scoop_wait_many_options none;
    struct runtime *rt = runtime_current;
    struct one few[FEW], *one = few;

    if (!rt)
        return public_outside();
    if (!options)
        options = &none;
    struct scoop_wait_options wait = {options->timeout};
    uint64_t deadline_ns = public_deadline(&wait);
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    if (options->return_when < SCOOP_ALL_COMPLETED ||
        options->return_when > SCOOP_FIRST_EXCEPTION)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%d is not one of the values of return_when",
                            options->return_when);
    if (n && !futures)
        return runtime_fail(rt, SCOOP_EINVAL, "the futures are NULL");
    if (n > FEW)
        one = n > SIZE_MAX / sizeof *one ? NULL : malloc(n * sizeof *one);
    if (!one)
        return runtime_fail(rt, SCOOP_ENOMEM,
                            "no memory to wait for %zu futures", n);
    int err = look_up(rt, futures, n, one);
    if (!err) {
        if (n)
            err = wait_many(rt, one, n, options->return_when, deadline_ns);
        tell(one, n, options);
        if (err)
            runtime_fail(rt, err, "waiting for %zu futures: %s", n,
                         scoop_strerror(err));
    }
    if (one != few)
        free(one);
    return err;
}

int scoop_exception_of(scoop_future future, const struct scoop_error **error,
                       const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    int why;

    if (error)
        *error = NULL;
    if (!rt)
        return public_outside();
    uint64_t deadline_ns = public_deadline(options);
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    if (!error)
        return runtime_fail(rt, SCOOP_EINVAL, "error is NULL");
    struct future *f = public_see(rt, future, &why);
    if (!f)
        return why;
    if (!deadline_ns && f->state != FUTURE_DONE)
        worker_yield(rt);
    int err = worker_wait(rt, f, deadline_ns);
    if (err)
        return runtime_fail(rt, err, "waiting for task %u.%u: %s",
                            (unsigned)(f->rec.id >> 32), (unsigned)f->rec.id,
                            scoop_strerror(err));
    if (f->status && !f->error)
        return runtime_fail(rt, SCOOP_ENOMEM,
                            "task %u.%u failed (%s), and there was no memory "
                            "for its error",
                            (unsigned)(f->rec.id >> 32), (unsigned)f->rec.id,
                            scoop_strerror(f->status));
    if (f->error)
        *error = &f->error->said;
    return 0;
}
