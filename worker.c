/* SPDX-License-Identifier: MIT */
/* worker.c -- the work-stealing loop: run, park, wake
 *
 * A rank has one scheduler, on the thread's own stack, and any number of
 * strands: stacks with tasks on them.  The scheduler resumes strands that were
 * woken, starts new ones for queued tasks, and looks for work elsewhere when
 * there is none.  A strand runs until it has nothing left to run or its
 * topmost task must wait for something that another rank, or another strand,
 * is doing: then it is parked and the scheduler goes on.
 *
 *     scheduler --start--> strand: task
 *         ^                  |  join of a queued child: a plain call, on the
 *         |                  |  same stack
 *         +---- park --------+  join of a child that is elsewhere
 *         |
 *         +---- resume ----> strand goes on behind its wait
 *
 * A wait without a time-out runs queued children of the waiting task on top
 * of it, newest first.  Only children: anything else could keep the waiting
 * task, buried below, from going on when its result has come, so it gets a
 * stack of its own.  A wait with a time-out runs nothing on top.  Its caller
 * has attended already; it does not do so again, as that may let others run
 * for as long as one of their functions takes, and its time may be over.
 */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "call.h"
#include "callback.h"
#include "clock.h"
#include "crowd.h"
#include "dump.h"
#include "execute.h"
#include "helper.h"
#include "idle.h"
#include "iter.h"
#include "lanes.h"
#include "map.h"
#include "offer.h"
#include "queue.h"
#include "runtime.h"
#include "settle.h"
#include "signals.h"
#include "transfer.h"
#include "wait.h"

#define SLOW_CALL_NS 2000u /* library calls further apart come slowly */
#define RESERVE_MIN 24576u /* what the library's own calls need */
#define KEEP_IDLE 16u      /* stacks kept for reuse */

static struct strand *strand_of_ready(struct link *l)
{
    return (struct strand *)(void *)((char *)l -
                                     offsetof(struct strand, ready));
}

/* ---- Strands and what they run ---------------------------------------- */

static struct future *next_task(struct runtime *rt)
{
    if (rt->lanes.filled)
        return lanes_take(&rt->lanes);
    struct deque_item *item = deque_pop(&rt->deque);
    return item ? future_of_item(item) : NULL;
}

static void run_root(struct runtime *rt)
{
    struct frame frame;

    call_enter(rt, &frame, NULL, NULL, rt->config.seed);
    call_go_away(rt, clock_now_ns());
    frame.began_ns = rt->trace ? clock_now_ns() : 0;
    rt->status = rt->root(rt->root_arg);
    if (rt->trace)
        call_trace(rt, &frame);
    if (call_has_left(rt, &frame))
        call_abandon_children(rt, &frame);
    error_free(frame.last);
    error_free(frame.told);
    call_leave(rt, &frame);
    broker_root_ended(rt);
}

/* Whether so much waits to be sent that no new task shall add to it
 * (SCOOP_MEMORY). */
static bool is_clogged(const struct runtime *rt)
{
    return rt->config.memory_bytes &&
           net_queued_bytes(rt->net) > rt->config.memory_bytes;
}

/* Whether the scheduler has something better to do than the next task. */
static bool is_needed_elsewhere(const struct runtime *rt)
{
    const struct worker *w = &rt->worker;

    return !link_is_empty(&w->ready) ||
           (w->timers.first && clock_is_past(w->timers.first->at_ns)) ||
           is_clogged(rt) || rt->is_stopping || w->early ||
           net_has_mail(rt->net) || helper_has_mail(rt->helper) ||
           shared_has_news(&rt->shared);
}

static void strand_main(void *arg)
{
    struct runtime *rt = arg;
    struct strand *s = rt->strand;

    if (!s->task)
        s->first(rt);
    while (s->task) {
        s->level = s->task->rec.priority;
        execute_task(rt, s->task);
        if (--rt->calls_left == 0)
            worker_attend(rt); /* tasks that call nothing, one by one */
        s->task = is_needed_elsewhere(rt) || callback_is_due(rt)
                      ? NULL
                      : next_task(rt);
    }
    rt->worker.ended = s;
    fiber_switch(s->fiber, rt->worker.scheduler.fiber);
}

static void resume(struct runtime *rt, struct strand *s)
{
    struct worker *w = &rt->worker;

    rt->strand = s;
    rt->frame = s->frame;
    rt->freed_ns = 0;
    rt->worker.is_polled = false;
    rt->stack_floor = (uintptr_t)s->fiber->stack_low + rt->stack_reserve;
    if (s == &w->outside)
        rt->stack_floor = UINTPTR_MAX;
    fiber_switch(w->scheduler.fiber, s->fiber);
    rt->strand = &w->scheduler;
    rt->frame = NULL;
    if (w->ended) {
        s = w->ended;
        w->ended = NULL;
        link_remove(&s->all);
        w->live--;
        fiber_free(&w->pool, s->fiber);
    }
}

static void on_timer(void *ctx, struct timer *timer)
{
    worker_wake(ctx, strand_of_timer(timer));
}

/* f == NULL: first, which is no task of the queue.  Returns SCOOP_ELIMIT or
 * SCOOP_ENOMEM. */
static int start(struct runtime *rt, struct future *f,
                 void (*first)(struct runtime *rt))
{
    struct worker *w = &rt->worker;
    struct fiber *fiber = fiber_new(&w->pool, strand_main, rt);

    if (!fiber)
        return w->pool.refusal == FIBER_LIMIT ? SCOOP_ELIMIT : SCOOP_ENOMEM;
    struct strand *s = fiber_extra(fiber);
    s->fiber = fiber;
    s->frame = NULL;
    s->task = f;
    s->level = -TASK_PRIORITY_MAX; /* the root's */
    s->first = first;
    s->waits_what = NULL;
    link_add(&w->strands, &s->all);
    link_init(&s->ready);
    s->timer.link = NULL;
    s->timer.fire = on_timer;
    if (!s->row)
        s->row = ++w->rows;
    if (++w->live > rt->stats.fibers)
        rt->stats.fibers = w->live;
    resume(rt, s);
    return 0;
}

/* No stack is to be had for a task: it ends with an error that names the
 * limit.  It cannot wait for a stack: those that hold them may all wait for
 * tasks like this one. */
static void refuse(struct runtime *rt, struct future *f, int code)
{
    char words[128];

    if (code == SCOOP_ELIMIT)
        snprintf(words, sizeof words,
                 "no stack for another task: all %d of SCOOP_FIBERS wait",
                 rt->config.fibers);
    else
        snprintf(words, sizeof words, "no stack for another task: %s",
                 strerror(rt->worker.pool.errno_seen));
    struct error *error = call_error(rt, f, code, words);
    if (f->flags & FUTURE_GUEST) {
        transfer_give_up(rt, f, code, error);
    } else if (f->flags & FUTURE_PIECE) {
        map_drop_piece(rt, f, code, error);
    } else {
        settle_take(rt, f, code, error);
    }
}

void worker_wake(struct runtime *rt, struct strand *s)
{
    timer_clear(&rt->worker.timers, &s->timer);
    if (link_is_empty(&s->ready))
        link_add(&rt->worker.ready, &s->ready);
}

static void fire_timers(struct runtime *rt)
{
    if (rt->worker.timers.first)
        timers_fire(&rt->worker.timers, clock_now_ns(), rt);
}

static void leave_strand(struct runtime *rt)
{
    struct strand *s = rt->strand;

    loan_end(rt);
    fresh_enlist(rt);
    fresh_close(rt);
    rt->freed_ns = 0;
    fiber_note_depth(s->fiber);
    s->frame = rt->frame;
    call_come_back(rt);
    fiber_switch(s->fiber, rt->worker.scheduler.fiber);
    if (rt->frame)
        call_resume(rt);
}

void worker_park(struct runtime *rt, uint64_t deadline_ns, const char *what,
                 const struct future *for_what)
{
    struct strand *s = rt->strand;

    s->waits_what = what;
    s->waits_for = for_what;
    if (deadline_ns != CLOCK_NEVER) {
        s->timer.at_ns = deadline_ns;
        timer_set(&rt->worker.timers, &s->timer);
    }
    uint64_t from_ns = rt->trace ? clock_now_ns() : 0;
    uint64_t id = for_what ? for_what->rec.id : 0;
    leave_strand(rt); /* ends by worker_wake(), or the timer's */
    if (rt->trace)
        trace_add(rt->trace, TRACE_WAIT, what, s->row, from_ns, clock_now_ns(),
                  id);
    s->waits_what = NULL;
}

/* Lets strands run whose wait has ended, and callbacks. */
static void yield(struct runtime *rt)
{
    link_add(&rt->worker.ready, &rt->strand->ready);
    leave_strand(rt); /* ends when the scheduler comes to it */
}

/* is_keen: this rank has nothing better to do than to look. */
static void take_mail(struct runtime *rt, bool is_keen)
{
    if (net_has_mail(rt->net) || net_is_moving(rt->net) ||
        (is_keen && rt->node.nodes > 1))
        net_poll(rt->net);
    if (helper_has_mail(rt->helper))
        helper_deliver(rt->helper);
    if (shared_has_news(&rt->shared))
        shared_attend(rt);
    if (net_status(rt->net)) /* a message was lost; net has said why */
        net_abort(rt->net, 1);
}

/* Library calls until the next look around: a fixed number where they come
 * fast, the very next one where they come slowly. */
static uint32_t calls_until_next(struct runtime *rt)
{
    uint64_t now_ns = clock_now_ns(), ns = now_ns - rt->attended_ns;

    rt->attended_ns = now_ns;
    if (ns > WORKER_CALLS * (uint64_t)SHORT_NS)
        call_doubt_all(rt);
    return ns > WORKER_CALLS * (uint64_t)SLOW_CALL_NS ? 1 : WORKER_CALLS;
}

void worker_attend(struct runtime *rt)
{
    if (rt->frame && rt->frame->marks & FRAME_TIMED)
        call_end_stretch(rt, rt->frame);
    rt->calls_left = calls_until_next(rt);
    rt->freed_ns = 0;
    crowd_beat(&rt->node);
    take_mail(rt, false);
    if (!rt->is_alone && offer_is_wanted(rt))
        offer_tasks(rt);
    queue_reclaim(rt); /* of what was taken some may have been cancelled */
    if (signals_asked(SIGNALS_DUMP))
        dump_state(rt);
    fire_timers(rt);
    if (!link_is_empty(&rt->worker.ready) || callback_is_due(rt))
        yield(rt);
    else if (rt->frame && rt->frame->marks & FRAME_TIMED)
        call_begin_stretch(rt);
    else if (rt->frame)
        call_go_away(rt, rt->attended_ns);
}

void worker_yield(struct runtime *rt)
{
    rt->worker.is_polled = true;
    yield(rt);
}

/* Tasks above this go before what the running task waits for: see lanes.c. */
static int level_of_waiter(const struct runtime *rt)
{
    const struct future *f = rt->frame->task;
    int own = f ? f->rec.priority : -TASK_PRIORITY_MAX;

    return own > rt->strand->level ? own : rt->strand->level;
}

/* What runs on top of a task keeps that from going on: it has its priority. */
static void run_on_top(struct runtime *rt, struct future *f)
{
    struct strand *s = rt->strand;
    int level = s->level;

    fiber_note_depth(s->fiber);
    if (f->rec.priority > level)
        s->level = f->rec.priority;
    execute_task(rt, f);
    s->level = level;
}

static bool help(struct runtime *rt)
{
    loan_end(rt);
    if (!call_has_room(rt))
        return false;
    struct future *f =
        lanes_take_of(&rt->lanes, rt->frame, level_of_waiter(rt));
    if (!f)
        return false;
    run_on_top(rt, f);
    return true;
}

bool worker_help(struct runtime *rt)
{
    fresh_enlist(rt);
    rt->freed_ns = 0;
    return help(rt);
}

/* Takes out of its queue a task that is waited for; false: it is not here, or
 * others go before it.  Then it shall be among the next, with the priority of
 * the one who waits. */
static bool take_awaited(struct runtime *rt, struct future *f)
{
    int level = level_of_waiter(rt);
    bool is_first =
        !lanes_precede(&rt->lanes,
                       level > f->rec.priority ? level : f->rec.priority);

    if ((!is_first && level <= f->rec.priority) || !queue_remove(rt, f))
        return false;
    if (!is_first) {
        f->rec.priority = (int8_t)level;
        if (queue_push(rt, f)) /* no memory for one more lane: run it now */
            return true;
    }
    return is_first;
}

int worker_wait(struct runtime *rt, struct future *f, uint64_t deadline_ns)
{
    fresh_enlist(rt);
    rt->freed_ns = 0;
    while (f->state != FUTURE_DONE) {
        if (deadline_ns == CLOCK_NEVER) {
            if (--rt->calls_left == 0) {
                worker_attend(rt);
                if (f->state == FUTURE_DONE) /* it brought the result */
                    break;
            }
            if (call_has_room(rt) && f->state == FUTURE_QUEUED &&
                take_awaited(rt, f)) {
                run_on_top(rt, f);
                continue;
            }
            if (help(rt))
                continue;
        } else if (clock_is_past(deadline_ns)) {
            return SCOOP_ETIMEDOUT;
        }
        wait_park(rt, f, deadline_ns, "the result of");
    }
    return 0;
}

/* ---- The scheduler ---------------------------------------------------- */

/* Nothing is queued, nor asked for, and no message is put aside. */
static bool has_nothing_to_do(const struct runtime *rt)
{
    const struct worker *w = &rt->worker;

    return !w->callback && !lanes_fixed_count(&rt->lanes) && !w->early &&
           !helper_has_mail(rt->helper) && lanes_is_empty(&rt->lanes) &&
           !shared_is_busy(&rt->shared);
}

bool worker_is_idle(const struct runtime *rt)
{
    return !rt->worker.live && link_is_empty(&rt->guests.guests) &&
           has_nothing_to_do(rt);
}

bool worker_is_stuck(const struct runtime *rt)
{
    const struct worker *w = &rt->worker;

    return has_nothing_to_do(rt) && link_is_empty(&w->ready) &&
           !w->timers.first && !rt->frame && !shared_has_news(&rt->shared) &&
           !net_is_moving(rt->net);
}

/* Messages, timers, the deque's news; whether there is something to run. */
bool worker_look_around(struct runtime *rt, bool is_keen)
{
    struct worker *w = &rt->worker;

    crowd_beat(&rt->node);
    take_mail(rt, is_keen);
    fire_timers(rt);
    if (w->early)
        queue_reclaim(rt);
    if (signals_asked(SIGNALS_DUMP))
        dump_state(rt);
    return rt->is_stopping || !link_is_empty(&w->ready) ||
           callback_is_due(rt) || !lanes_is_empty(&rt->lanes) ||
           lanes_fixed_count(&rt->lanes);
}

static void run_callbacks(struct runtime *rt)
{
    do
        callback_run(rt);
    while (callback_is_due(rt) && !is_needed_elsewhere(rt));
}

/* One stack with callbacks, in turn with what is ready. */
static bool take_callback_turn(struct runtime *rt, bool *had_turn)
{
    struct worker *w = &rt->worker;
    bool is_polled = w->is_polled;

    if (*had_turn || !callback_is_due(rt)) {
        *had_turn = false;
        return false;
    }
    *had_turn = true;
    int err = start(rt, NULL, run_callbacks);
    if (err)
        callback_refuse(rt, err);
    w->is_polled = is_polled;
    return true;
}

void worker_loop(struct runtime *rt)
{
    struct worker *w = &rt->worker;
    bool had_turn = false;

    if (rt->rank == 0 && !rt->is_serial) {
        int err = start(rt, NULL, run_root);
        if (err) {
            log_error(&rt->log, "no stack for the root: %s",
                      scoop_strerror(err));
            rt->status = err;
            broker_root_ended(rt);
        }
    }
    while (!rt->is_stopping) {
        worker_look_around(rt, false);
        if (take_callback_turn(rt, &had_turn))
            continue;
        bool is_polled = w->is_polled;
        w->is_polled = false;
        if (!link_is_empty(&w->ready) && !is_polled) {
            struct strand *s = strand_of_ready(w->ready.next);
            link_remove(&s->ready);
            link_init(&s->ready);
            resume(rt, s);
            continue;
        }
        if (is_clogged(rt)) {
            idle_relax(); /* ends: net_poll() moves what is queued */
            continue;
        }
        struct future *f = next_task(rt);
        if (f) {
            int err = start(rt, f, NULL);
            if (err)
                refuse(rt, f, err);
        } else if (!is_polled) {
            idle_search(rt);
        }
    }
}

int worker_init(struct runtime *rt)
{
    struct worker *w = &rt->worker;

    link_init(&w->strands);
    link_init(&w->ready);
    link_init(&rt->ranges);
    w->callback_end = &w->callback;
    w->scheduler.fiber = &w->thread;
    fiber_adopt_thread(&w->thread);
    rt->strand = &w->scheduler;
    rt->calls_left = WORKER_CALLS;
    rt->is_alone = rt->size == 1;
    rt->private_max = rt->is_alone ? UINT64_MAX : WORKER_PRIVATE_MAX;
    rt->stack_reserve = rt->config.stack_bytes / 8;
    if (rt->stack_reserve < RESERVE_MIN)
        rt->stack_reserve = RESERVE_MIN;
    if (fiber_pool_init(&w->pool, rt->config.stack_bytes, sizeof(struct strand),
                        (unsigned)rt->config.fibers, KEEP_IDLE))
        return SCOOP_EINVAL;
    lanes_init(&rt->lanes, &rt->deque, rt->node.me);
    if (deque_init(&rt->deque, lanes_ring(rt->node.me, LANES_MAIN),
                   NODE_DEQUE_SLOTS))
        return SCOOP_ENOMEM;
    if (fresh_init(rt))
        return SCOOP_ENOMEM;
    if (rt->is_alone) /* nobody to share with: nothing to measure */
        for (uint32_t i = 0; i <= rt->registry.tasks; i++) {
            rt->registry.measure[i].runs_left = rt->trace != NULL;
            rt->registry.measure[i].is_short = 1;
        }
    return 0;
}

/* ---- Outside of a farm ------------------------------------------------ */

static void schedule_forever(void *arg)
{
    worker_loop(arg); /* nobody stops it; in the end it is just not resumed */
}

int worker_open_outside(struct runtime *rt)
{
    struct worker *w = &rt->worker;
    struct strand *s = &w->outside;
    struct fiber *fiber = fiber_new(&w->pool, schedule_forever, rt);

    if (!fiber)
        return SCOOP_ENOMEM;
    w->scheduler.fiber = fiber;
    s->fiber = &w->thread;
    s->timer.fire = on_timer;
    s->row = ++w->rows;
    link_add(&w->strands, &s->all);
    link_init(&s->ready);
    rt->strand = s;
    /* Nothing runs on the thread's own stack: how much there is of it is the
     * program's affair. */
    rt->stack_floor = UINTPTR_MAX;
    rt->private_max = 0; /* each submit goes the long way, and settles */
    call_enter(rt, &w->outside_frame, NULL, NULL, rt->config.seed);
    return 0;
}

void worker_close_outside(struct runtime *rt)
{
    struct worker *w = &rt->worker;
    struct frame *frame = &w->outside_frame;

    while (frame_has_children(frame)) {
        struct future *f = future_of_link(frame->children.next);
        if (f->state == FUTURE_ANCHOR) {
            iter_close(rt, iter_of_anchor(f));
            continue;
        }
        link_remove(&f->link);
        settle_release(rt, f);
    }
    error_free(frame->last);
    error_free(frame->told);
    rt->frame = NULL;
    fiber_free(&w->pool, w->scheduler.fiber);
}

bool worker_is_outside(const struct runtime *rt)
{
    return rt->strand == &rt->worker.outside;
}

void worker_settle(struct runtime *rt)
{
    struct worker *w = &rt->worker;

    while (worker_is_outside(rt) &&
           (!link_is_empty(&w->ready) || callback_is_due(rt) ||
            lanes_fixed_count(&rt->lanes) || !lanes_is_empty(&rt->lanes)))
        worker_yield(rt);
}

void worker_fini(struct runtime *rt)
{
    fresh_fini(rt);
    deque_fini(&rt->deque);
    lanes_fini(&rt->lanes);
    loan_fini(rt);
    fiber_pool_fini(&rt->worker.pool);
    free(rt->worker.asked);
}
