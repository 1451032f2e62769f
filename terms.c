/* SPDX-License-Identifier: MIT */
/* terms.c -- tasks with a time of their own, or with further attempts
 *
 * `.timeout` bounds each attempt from its start, `.deadline` all of them from
 * submit, `.retries` allows further attempts after one that failed or took
 * too long.  All of it is kept at the home: the holder says when an attempt
 * begins (STARTED), and the home's clock decides.
 *
 * A function cannot be stopped from outside.  When the time of an attempt has
 * passed, the home asks for it to stop (scoop_cancel_requested()), ends the
 * future or queues the next attempt, and from then on the old attempt is
 * nobody's: its rank is busy until it returns, and its result is dropped.  An
 * attempt is known by its number, which travels with the task and with its
 * result.
 *
 * Until it has returned, an old attempt may read the argument, and whoever
 * has it will send a result.  So the future stays in the table for as long as
 * it has debts:
 *
 *   running here, or held elsewhere   1   paid by its return, or by its RESULT
 *   in this rank's deque              2   paid by its pop; or half by the word
 *                                         that it was taken, half by the RESULT
 *   in this rank's list of placed     2   paid when it comes up there
 *
 * At home the record's `arg` is not needed before it is packed (transfer.c),
 * and names the struct terms until then.
 */
#include "terms.h"

#include <stdio.h>
#include <stdlib.h>

#include "call.h"
#include "clock.h"
#include "holder.h"
#include "queue.h"
#include "runtime.h"
#include "settle.h"
#include "transfer.h"
#include "worker.h"

#define LATER_NS 1000000u /* to ask again for the word of a slow thief */

int terms_check(struct runtime *rt, const struct scoop_submit_options *options)
{
    if (options->timeout < 0 || options->timeout != options->timeout ||
        options->deadline < 0 || options->deadline != options->deadline)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "a time that a task may take is positive");
    if (options->retries < SCOOP_NEVER || options->retries > TERMS_RETRIES_MAX)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "a task can have 0 to %d retries, not %d",
                            TERMS_RETRIES_MAX, options->retries);
    return 0;
}

void terms_drop(struct runtime *rt, struct future *f)
{
    struct terms *terms = terms_of(f);

    if (!terms)
        return;
    timer_clear(&rt->worker.timers, &terms->attempt);
    timer_clear(&rt->worker.timers, &terms->whole);
    f->rec.arg = 0; /* the flag stays: it may be in the deque still, where
                     * the fast path of join must not take it for new */
    free(terms);
}

void terms_pay(struct runtime *rt, struct future *f, unsigned debts)
{
    f->debts = (uint8_t)(f->debts - debts);
    if (f->debts || f->state != FUTURE_DONE)
        return;
    rt->futures.indebted--;
    if (!f->callbacks && (f->flags & FUTURE_ORPHAN))
        future_put(&rt->futures, f);
}

static bool may_go_again(const struct future *f, int status)
{
    const struct terms *terms = terms_of(f);

    return terms && !terms->is_over && f->rec.attempt < terms->attempts &&
           !(f->flags & FUTURE_CANCELLED) && status != SCOOP_ECANCELLED &&
           status != SCOOP_ENOTASK && status != SCOOP_EMISMATCH;
}

bool terms_again(struct runtime *rt, struct future *f, int status)
{
    struct terms *terms = terms_of(f);

    if (!may_go_again(f, status))
        return false;
    timer_clear(&rt->worker.timers, &terms->attempt);
    if (f->flags & FUTURE_OWNS_RESULT)
        free(f->result);
    f->flags &= (uint16_t)~FUTURE_OWNS_RESULT;
    f->result = NULL;
    f->result_len = 0;
    f->rec.first = f->rec.count = 0;
    f->rec.attempt++;
    f->rec.holder = rt->rank;
    f->rec.hops = 0;
    return !queue_task(rt, f);
}

/* The current attempt becomes nobody's.  False: it has its result already, or
 * nothing can be said yet. */
static bool abandon_attempt(struct runtime *rt, struct future *f)
{
    if (f->state == FUTURE_QUEUED)
        queue_reclaim(rt);
    switch (f->state) {
    case FUTURE_QUEUED:
        if (!queue_remove(rt, f))
            f->debts = (uint8_t)(f->debts + 2);
        break;
    case FUTURE_PLACED:
        f->debts = (uint8_t)(f->debts + 2);
        break;
    case FUTURE_HELD:
        f->debts++;
        holder_cancel(rt, f, f->rec.holder);
        break;
    case FUTURE_RUNNING:
        f->debts++;
        settle_ask(rt, f->frame);
        break;
    default:
        return false;
    }
    return true;
}

static void expire(struct runtime *rt, struct future *f, double seconds,
                   const char *what)
{
    char words[96];

    if (f->debts && !f->rec.count)
        f->rec.count = 1; /* it may have run */
    snprintf(words, sizeof words, "%s of %g s has passed", what, seconds);
    struct error *error = call_error(rt, f, SCOOP_EEXPIRED, words);
    settle_take(rt, f, SCOOP_EEXPIRED, error);
}

static void on_deadline(void *ctx, struct timer *timer)
{
    struct terms *terms =
        (struct terms *)(void *)((char *)timer - offsetof(struct terms, whole));
    struct future *f = terms->future;

    if (!abandon_attempt(ctx, f))
        return;
    terms->is_over = true;
    expire(ctx, f, terms->deadline, "its deadline");
}

static void on_timeout(void *ctx, struct timer *timer)
{
    struct terms *terms =
        (struct terms *)(void *)((char *)timer -
                                 offsetof(struct terms, attempt));
    struct future *f = terms->future;
    struct runtime *rt = ctx;

    /* It runs, so its thief has signed for it; but the deque tells of takers
     * in their order, and an earlier one may be slow. */
    if (f->state == FUTURE_QUEUED)
        queue_reclaim(rt);
    if (f->state == FUTURE_QUEUED) {
        timer->at_ns = clock_after(clock_now_ns(), LATER_NS);
        timer_set(&rt->worker.timers, timer);
        return;
    }
    if (abandon_attempt(rt, f))
        expire(rt, f, terms->timeout, "its time-out");
}

void terms_started(struct runtime *rt, struct future *f)
{
    struct terms *terms = terms_of(f);

    if (!terms || !terms->timeout_ns)
        return;
    timer_clear(&rt->worker.timers, &terms->attempt);
    terms->attempt.at_ns = clock_after(clock_now_ns(), terms->timeout_ns);
    timer_set(&rt->worker.timers, &terms->attempt);
}

int terms_give(struct runtime *rt, struct future *f,
               const struct scoop_submit_options *options, uint64_t called_ns)
{
    struct terms *terms = calloc(1, sizeof *terms);

    if (!terms)
        return SCOOP_ENOMEM;
    terms->future = f;
    terms->timeout = options->timeout;
    terms->deadline = options->deadline;
    terms->timeout_ns = clock_ns_of(options->timeout);
    terms->attempts =
        (uint8_t)(1 + (options->retries > 0 ? options->retries : 0));
    terms->attempt.fire = on_timeout;
    terms->whole.fire = on_deadline;
    f->flags |= FUTURE_HAS_TERMS;
    f->rec.arg = (uint64_t)(uintptr_t)terms;
    if (options->deadline > 0) {
        terms->whole.at_ns =
            clock_after(called_ns, clock_ns_of(options->deadline));
        timer_set(&rt->worker.timers, &terms->whole);
    }
    return 0;
}
