/* SPDX-License-Identifier: MIT */
/* call.c -- the rare parts of a call: timing, errors, abandoned futures
 *
 * What may be hidden from thieves depends on how often the running function
 * calls the library (offer.c), so functions are timed.  A stretch is the time
 * from the start of a run, or from a library call, to the next library call or
 * the end.  In a timed run every library call ends one stretch and begins the
 * next.  A function is short once no stretch of its last runs was long, or
 * once so many stretches in a row were short that a recursion which has not
 * ended yet may be believed.  A short function is timed now and then; one long
 * stretch ends its being short.
 *
 * A function that turns long between two timed runs is noticed by others: by
 * worker_attend(), which sees that many calls took very long, or by the helper
 * thread.  Neither knows which function it was, so all have to prove anew that
 * they are short.
 */
#include "call.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "iter.h"
#include "offer.h"
#include "settle.h"
#include "worker.h"

#define SHORT_STREAK 8u    /* so many short runs in a row make it short */
#define CALM_STRETCHES 64u /* or so many stretches */
#define TIME_EVERY 256u    /* runs of a short function between two timed ones */

const char *call_name(const struct frame *frame)
{
    return frame->type ? frame->type->name : "the root";
}

/* ---- Time spent in functions ------------------------------------------ */

/* A stretch of the running, timed frame has ended. */
void call_end_stretch(struct runtime *rt, struct frame *frame)
{
    struct measure *m = frame->measure;
    uint64_t ns = clock_now_ns() - rt->mark_ns;

    loan_end(rt);
    if (m->stretch_ns < ns)
        m->stretch_ns = ns;
    if (ns > SHORT_NS) {
        frame->was_long = true;
        m->is_short = 0;
        m->calm = 0;
    } else if (!m->is_short && !(m->traits & MEASURE_ENDED_LONG) &&
               ++m->calm >= CALM_STRETCHES) {
        /* Of a deep recursion no run ends for a long time.  But a function
         * that was long when it last ended will be long again behind the many
         * tasks that it submits first. */
        m->is_short = 1;
        m->runs_left = rt->trace ? 1 : TIME_EVERY;
    }
}

/* Tells the helper where this thread is from now on. */
void call_go_away(struct runtime *rt, uint64_t now_ns)
{
    atomic_store_explicit(&rt->long_name, call_name(rt->frame),
                          memory_order_relaxed);
    atomic_store_explicit(&rt->long_since_ns, now_ns, memory_order_relaxed);
}

void call_come_back(struct runtime *rt)
{
    atomic_store_explicit(&rt->long_since_ns, 0, memory_order_relaxed);
}

void call_begin_stretch(struct runtime *rt)
{
    rt->calls_left = 1; /* the next library call ends it, */
    fresh_close(rt);    /* submits included */
    rt->mark_ns = clock_now_ns();
    call_go_away(rt, rt->mark_ns);
}

/* The frame's run, for the timeline. */
void call_trace(struct runtime *rt, const struct frame *frame)
{
    trace_add(rt->trace, TRACE_TASK, call_name(frame), rt->strand->row,
              frame->began_ns, clock_now_ns(),
              frame->task ? frame->task->rec.id : 0);
}

void call_trace_steal(struct runtime *rt, int victim, uint32_t tasks)
{
    if (!rt->trace)
        return;
    uint64_t now_ns = clock_now_ns();
    trace_add(rt->trace, TRACE_STEAL, "steal", 0, now_ns, now_ns,
              (uint64_t)(uint32_t)victim << 32 | tasks);
}

/* A timed run begins: always for a function that is not known to be short. */
void call_begin_timed(struct runtime *rt, struct frame *frame)
{
    struct measure *m = frame->measure;

    m->runs_left = m->is_short && !rt->trace ? TIME_EVERY : 1;
    if (!m->is_short)
        offer_tasks(rt);
    m->stretch_ns = 0;
    frame->marks |= FRAME_TIMED;
    frame->was_long = false;
    call_begin_stretch(rt);
    frame->began_ns = rt->mark_ns;
    if (!m->is_short)
        loan_give(rt); /* the function is next */
}

void call_end_timed(struct runtime *rt, struct frame *frame)
{
    struct measure *m = frame->measure;

    call_end_stretch(rt, frame);
    call_come_back(rt);
    frame->marks &= (uint8_t)~FRAME_TIMED;
    if (rt->trace)
        call_trace(rt, frame);
    m->traits = (uint8_t)((frame->was_long ? MEASURE_ENDED_LONG : 0) |
                          (frame->made ? MEASURE_SPAWNS : 0));
    if (frame->was_long) {
        m->streak = 0;
        m->runs_left = 1;
    } else if (!m->is_short && ++m->streak >= SHORT_STREAK) {
        m->is_short = 1;
    }
}

/* A task goes on behind a wait.  What it has queued, or what was taken back
 * meanwhile, must not stay hidden while it computes. */
void call_resume(struct runtime *rt)
{
    if (!rt->frame->measure->is_short && lanes_private(&rt->lanes))
        offer_tasks(rt);
    fresh_close(rt);
    if (rt->frame->marks & FRAME_TIMED)
        call_begin_stretch(rt);
    else
        call_go_away(rt, rt->attended_ns);
}

/* Some function that was thought to be short is not.  All of them have to
 * prove anew that they are. */
void call_doubt_all(struct runtime *rt)
{
    if (rt->is_alone)
        return;
    fresh_enlist(rt);
    fresh_close(rt);
    for (uint32_t i = 0; i <= rt->registry.tasks; i++) {
        struct measure *m = &rt->registry.measure[i];
        m->is_short = 0;
        m->streak = 0;
        m->calm = 0;
        m->runs_left = 1;
    }
}

/* ---- Frames ----------------------------------------------------------- */

void call_abandon_children(struct runtime *rt, struct frame *frame)
{
    unsigned unfinished = 0;

    fresh_enlist(rt);
    while (frame_has_children(frame)) {
        struct future *f = future_of_link(frame->children.next);
        bool was_cancelled = f->flags & FUTURE_CANCELLED;
        if (f->state == FUTURE_ANCHOR) { /* they stand before the futures */
            iter_close(rt, iter_of_anchor(f));
            continue;
        }
        if ((f->flags & FUTURE_BORROWS) && f->state != FUTURE_DONE) {
            unfinished += !was_cancelled;
            settle_cancel(rt, f);
            worker_wait(rt, f, CLOCK_NEVER); /* it reads this task's memory */
        }
        link_remove(&f->link);
        if (settle_release(rt, f) && !was_cancelled)
            unfinished++;
    }
    if (unfinished)
        log_warn(&rt->log,
                 "%s returned with %u of its futures unfinished; they are "
                 "cancelled (join, release or detach them)",
                 call_name(frame), unfinished);
}

static struct error *describe(struct runtime *rt, const struct frame *frame,
                              int code)
{
    struct scoop_error e = {0};

    bool is_last = frame->last && frame->last->said.code == code;
    bool has_item =
        frame->task && (frame->task->rec.flags & (TASK_RANGE | TASK_SUBTREE));

    if (!frame->told && is_last && code == SCOOP_EFAILED) {
        struct error *more = error_pass_on(frame->last, call_name(frame));
        if (more && has_item) { /* the map names its own item */
            more->said.has_item = true;
            more->said.item = frame->task->rec.first;
        }
        return more;
    }
    /* Whatever the code: to the one who waits, a time-out in here is a task
     * that failed, not a time-out of the wait. */
    e.code = frame->told ? frame->told->said.code : SCOOP_EFAILED;
    e.task_code = code;
    e.task = call_name(frame);
    e.host = rt->host;
    e.message = "it gave no reason";
    if (frame->told)
        e.message = frame->told->said.message;
    else if (is_last)
        e.message = frame->last->said.message;
    else if (code <= SCOOP_EFAILED && code >= SCOOP_ERROR_LAST)
        e.message = scoop_strerror(code);
    e.rank = rt->rank;
    e.attempt = e.attempts = 1;
    if (frame->task) {
        e.id = frame->task->rec.id;
        e.has_item = has_item;
        e.item = has_item ? frame->task->rec.first : 0;
    }
    return error_new(&e);
}

struct error *call_error(struct runtime *rt, const struct future *f, int code,
                         const char *message)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    struct scoop_error e = {0};

    e.code = code;
    e.task_code = code;
    e.task = type ? type->name : "?";
    e.host = rt->host;
    e.message = message;
    e.rank = rt->rank;
    e.attempt = e.attempts = 1;
    e.id = f->rec.id;
    return error_new(&e);
}

/* ---- Tasks with data of any length ------------------------------------ */

/* Words as if by scoop_fail(); of the library's own where the code is none of
 * the task's. */
static int tell(struct frame *frame, int code, const char *subject,
                const char *words)
{
    char message[ERROR_WORDS_MAX];
    struct scoop_error e = {0};

    snprintf(message, sizeof message, "%s %s", subject, words);
    e.code = e.task_code = code;
    e.message = message;
    error_free(frame->told);
    frame->told = error_new(&e);
    return code;
}

/* The code of a JSON task, which cannot return one. */
static int code_of_null(struct frame *frame)
{
    if (frame->told)
        return frame->told->said.task_code;
    if (frame->last) /* most likely for this */
        return frame->last->said.code;
    return tell(frame, SCOOP_EFAILED, "it", "returned NULL and no reason");
}

static int call_json(struct runtime *rt, struct frame *frame, const void *text,
                     size_t len, scoop_out *out)
{
    const struct json_limits limits = call_json_limits(rt);
    char why[ERROR_WORDS_MAX / 2];
    int err;

    json_t *in = json_decode(text, len, &limits, &err, why, sizeof why);
    if (!in)
        return tell(frame, err, "its argument", why);
    json_t *result = frame->type->json(in);
    json_decref(in);
    if (!result)
        return code_of_null(frame);
    err = json_encode(result, &limits, out, why, sizeof why);
    json_decref(result);
    return err ? tell(frame, err, "its result", why) : 0;
}

int call_untyped(struct runtime *rt, struct frame *frame, const void *data,
                 scoop_out *out)
{
    size_t len = (size_t)frame->task->rec.arg_len;

    if (frame->type->kind == SCOOP_JSON)
        return call_json(rt, frame, data, len, out);
    return frame->type->bytes(data, len, out);
}

int call_settle(struct runtime *rt, struct frame *frame, int code,
                struct error **error)
{
    if (code)
        *error = describe(rt, frame, code);
    error_free(frame->last);
    error_free(frame->told);
    frame->last = frame->told = NULL;
    return code;
}
