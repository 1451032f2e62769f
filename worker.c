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
 * stack of its own.  A wait with a time-out runs nothing on top.
 */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "call.h"
#include "clock.h"
#include "dump.h"
#include "helper.h"
#include "idle.h"
#include "map.h"
#include "offer.h"
#include "runtime.h"
#include "signals.h"
#include "transfer.h"

#define SLOW_CALL_NS 2000u /* library calls further apart come slowly */
#define RESERVE_MIN 24576u /* what the library's own calls need */
#define KEEP_IDLE 16u      /* stacks kept for reuse */
#define PLACED_FIRST 64u

static struct strand *strand_of_ready(struct link *l)
{
    return (struct strand *)(void *)((char *)l -
                                     offsetof(struct strand, ready));
}

/* ---- Futures that end ------------------------------------------------- */

void worker_finish_take(struct runtime *rt, struct future *f, int status,
                        struct error *error)
{
    if ((f->flags & FUTURE_CANCELLED) && status != SCOOP_ECANCELLED) {
        error_free(error);
        error = NULL;
        status = SCOOP_ECANCELLED;
    }
    if (status && !error)
        error = call_error(rt, f, status, NULL);
    f->status = (int8_t)status;
    f->error = error;
    f->state = FUTURE_DONE;
    rt->futures.ended++;
    if (f->flags & FUTURE_ORPHAN) {
        if ((f->rec.flags & TASK_DETACHED) && error) {
            char words[ERROR_WORDS_MAX];
            error_format(&error->said, words, sizeof words);
            log_error(&rt->log, "detached task: %s", words);
        }
        future_put(&rt->futures, f);
    } else if (f->waiter) {
        worker_wake(rt, f->waiter);
    }
}

void worker_cancel(struct runtime *rt, struct future *f)
{
    if (f->state == FUTURE_DONE || (f->flags & FUTURE_CANCELLED))
        return;
    f->flags |= FUTURE_CANCELLED;
    if (f->state == FUTURE_QUEUED && deque_remove(&rt->deque, &f->item)) {
        if (f->flags & FUTURE_PIECE)
            map_drop_piece(rt, f, SCOOP_ECANCELLED, NULL);
        else
            worker_finish_take(rt, f, SCOOP_ECANCELLED, NULL);
    } else if (f->flags & FUTURE_PIECE) {
        map_cancel_piece(rt, f);
    } else if (f->state == FUTURE_HELD) {
        transfer_cancel(rt, f, f->rec.holder);
    }
    /* PLACED, RUNNING, or public and perhaps taken: whoever meets it next
     * (the pop, the function's return, the reclaim) sees the flag. */
}

bool worker_release(struct runtime *rt, struct future *f)
{
    f->owner = NULL;
    link_init(&f->link);
    if (f->state == FUTURE_DONE) {
        future_put(&rt->futures, f);
        return false;
    }
    f->flags |= FUTURE_ORPHAN;
    f->waiter = NULL;
    worker_cancel(rt, f);
    return true;
}

static void taken(void *ctx, struct deque_item *item, int thief)
{
    transfer_taken(ctx, future_of_item(item), thief, 1);
}

void worker_reclaim(struct runtime *rt)
{
    deque_reclaim(&rt->deque, taken, rt);
}

int worker_push(struct runtime *rt, struct future *f)
{
    f->state = FUTURE_QUEUED;
    if (__builtin_expect(deque_push(&rt->deque, &f->item), 0))
        return SCOOP_ENOMEM;
    if (__builtin_expect(rt->deque.bottom - rt->deque.first > rt->private_max,
                         0)) {
        offer_all_but(rt, WORKER_PRIVATE_KEEP);
    } else if (rt->frame && (!rt->frame->measure->is_short ||
                             atomic_load_explicit(&rt->node.me->wanted,
                                                  memory_order_relaxed))) {
        offer_tasks(rt); /* it may compute for long now */
    }
    return 0;
}

int worker_place(struct runtime *rt, struct future *f)
{
    struct worker *w = &rt->worker;

    if (w->placed_tail - w->placed_head > w->placed_mask || !w->placed) {
        uint64_t room = w->placed ? 2 * (w->placed_mask + 1) : PLACED_FIRST;
        struct future **more = malloc(room * sizeof *more);
        if (!more)
            return SCOOP_ENOMEM;
        for (uint64_t i = w->placed_head; i != w->placed_tail; i++)
            more[i & (room - 1)] = w->placed[i & w->placed_mask];
        free(w->placed);
        w->placed = more;
        w->placed_mask = room - 1;
    }
    if (!(f->flags & FUTURE_GUEST))
        f->state = FUTURE_PLACED;
    w->placed[w->placed_tail++ & w->placed_mask] = f;
    return 0;
}

/* ---- Running queued tasks --------------------------------------------- */

/* The call itself, with the result left in f. */
static int execute(struct runtime *rt, struct future *f, struct error **error)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    struct frame frame;
    scoop_out out = {0};
    void *to = &out;

    if (!type)
        return SCOOP_ENOTASK;
    if (type->kind == SCOOP_TYPED) {
        to = f->result = future_result_room(f, type->out_size, type->out_align);
        if (!to && type->out_size)
            return SCOOP_ENOMEM;
    }
    f->state = FUTURE_RUNNING;
    call_enter(rt, &frame, f, type, f->rec.path);
    int code = call_function(rt, &frame, f->arg, to, error);
    call_leave(rt, &frame);
    if (type->kind == SCOOP_TYPED) {
        f->result_len = type->out_size;
    } else if (code || out.status) {
        value_drop(&out);
    } else {
        f->result = value_take(&out, &f->result_len);
        if (f->result)
            f->flags |= FUTURE_OWNS_RESULT;
    }
    if (code)
        return *error ? (*error)->said.code : SCOOP_EFAILED;
    return out.status;
}

static void run_guest(struct runtime *rt, struct future *f)
{
    struct error *error = NULL;

    if (!(f->flags & FUTURE_CANCELLED) && !f->arg && f->rec.arg_len) {
        int err = transfer_fetch(rt, f);
        if (!err)
            return; /* it comes back when the argument is here */
        transfer_give_up(rt, f, err, NULL);
    } else if (f->flags & FUTURE_PIECE) {
        map_run_piece(rt, f);
    } else if (f->flags & FUTURE_CANCELLED) {
        transfer_return(rt, f, SCOOP_ECANCELLED, NULL);
    } else {
        int status = execute(rt, f, &error);
        transfer_return(rt, f, status, error);
    }
}

static void run_task(struct runtime *rt, struct future *f)
{
    struct error *error = NULL;

    if (f->flags & FUTURE_GUEST) {
        run_guest(rt, f);
    } else if (f->flags & FUTURE_PIECE) {
        map_run_piece(rt, f);
    } else if (f->flags & FUTURE_CANCELLED) {
        worker_finish_take(rt, f, SCOOP_ECANCELLED, NULL);
    } else {
        int status = execute(rt, f, &error);
        worker_finish_take(rt, f, status, error);
    }
}

static struct future *next_task(struct runtime *rt)
{
    struct worker *w = &rt->worker;

    if (w->placed_head != w->placed_tail)
        return w->placed[w->placed_head++ & w->placed_mask];
    struct deque_item *item = deque_pop(&rt->deque);
    return item ? future_of_item(item) : NULL;
}

/* ---- Strands ---------------------------------------------------------- */

static void run_root(struct runtime *rt)
{
    struct frame frame;

    call_enter(rt, &frame, NULL, NULL, rt->config.seed);
    call_go_away(rt, clock_now_ns());
    frame.began_ns = rt->trace ? clock_now_ns() : 0;
    rt->status = rt->root(rt->root_arg);
    if (rt->trace)
        call_trace(rt, &frame);
    if (!link_is_empty(&frame.children))
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

    return !link_is_empty(&w->ready) || !link_is_empty(&w->timers) ||
           is_clogged(rt) || rt->is_stopping || w->early ||
           net_has_mail(rt->net) || helper_has_mail(rt->helper);
}

static void strand_main(void *arg)
{
    struct runtime *rt = arg;
    struct strand *s = rt->strand;

    if (!s->task)
        run_root(rt);
    while (s->task) {
        run_task(rt, s->task);
        if (--rt->calls_left == 0)
            worker_attend(rt); /* tasks that call nothing, one by one */
        s->task = is_needed_elsewhere(rt) ? NULL : next_task(rt);
    }
    rt->worker.ended = s;
    fiber_switch(s->fiber, rt->worker.scheduler.fiber);
}

static void resume(struct runtime *rt, struct strand *s)
{
    struct worker *w = &rt->worker;

    rt->strand = s;
    rt->frame = s->frame;
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

/* f == NULL: the root.  Returns SCOOP_ELIMIT or SCOOP_ENOMEM. */
static int start(struct runtime *rt, struct future *f)
{
    struct worker *w = &rt->worker;
    struct fiber *fiber = fiber_new(&w->pool, strand_main, rt);

    if (!fiber)
        return w->pool.refusal == FIBER_LIMIT ? SCOOP_ELIMIT : SCOOP_ENOMEM;
    struct strand *s = fiber_extra(fiber);
    s->fiber = fiber;
    s->frame = NULL;
    s->task = f;
    s->deadline_ns = CLOCK_NEVER;
    s->waits_what = NULL;
    link_add(&w->strands, &s->all);
    link_init(&s->ready);
    link_init(&s->timer);
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
        worker_finish_take(rt, f, code, error);
    }
}

void worker_wake(struct runtime *rt, struct strand *s)
{
    link_remove(&s->timer);
    link_init(&s->timer);
    if (link_is_empty(&s->ready))
        link_add(&rt->worker.ready, &s->ready);
}

static void add_timer(struct runtime *rt, struct strand *s)
{
    struct link *at = &rt->worker.timers;

    while (at->prev != &rt->worker.timers &&
           strand_of_timer(at->prev)->deadline_ns > s->deadline_ns)
        at = at->prev;
    link_add(at, &s->timer); /* before `at` */
}

static void fire_timers(struct runtime *rt)
{
    struct link *timers = &rt->worker.timers;

    if (link_is_empty(timers))
        return;
    uint64_t now_ns = clock_now_ns();
    while (!link_is_empty(timers)) {
        struct strand *s = strand_of_timer(timers->next);
        if (s->deadline_ns > now_ns)
            return;
        worker_wake(rt, s);
    }
}

static void leave_strand(struct runtime *rt)
{
    struct strand *s = rt->strand;

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

    s->deadline_ns = deadline_ns;
    s->waits_what = what;
    s->waits_for = for_what;
    if (deadline_ns != CLOCK_NEVER)
        add_timer(rt, s);
    uint64_t from_ns = rt->trace ? clock_now_ns() : 0;
    uint64_t id = for_what ? for_what->rec.id : 0;
    leave_strand(rt); /* ends by worker_wake(), or the timer's */
    if (rt->trace)
        trace_add(rt->trace, TRACE_WAIT, what, s->row, from_ns, clock_now_ns(),
                  id);
    s->waits_what = NULL;
}

/* Lets strands run whose wait has ended. */
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
    if (rt->frame && rt->frame->is_timed)
        call_end_stretch(rt, rt->frame);
    rt->calls_left = calls_until_next(rt);
    take_mail(rt, false);
    if (!rt->is_alone && offer_is_wanted(rt))
        offer_tasks(rt);
    if (signals_asked(SIGNALS_DUMP))
        dump_state(rt);
    fire_timers(rt);
    if (!link_is_empty(&rt->worker.ready))
        yield(rt);
    else if (rt->frame && rt->frame->is_timed)
        call_begin_stretch(rt);
    else if (rt->frame)
        call_go_away(rt, rt->attended_ns);
}

void worker_yield(struct runtime *rt)
{
    rt->worker.is_polled = true;
    yield(rt);
}

bool worker_help(struct runtime *rt)
{
    if (!call_has_room(rt))
        return false;
    struct deque_item *item = deque_pop(&rt->deque);
    if (!item)
        return false;
    struct future *f = future_of_item(item);
    if (f->owner != rt->frame) {
        deque_push(&rt->deque, item); /* there is room: it was just there */
        return false;
    }
    fiber_note_depth(rt->strand->fiber);
    run_task(rt, f);
    return true;
}

int worker_wait(struct runtime *rt, struct future *f, uint64_t deadline_ns)
{
    while (f->state != FUTURE_DONE) {
        if (--rt->calls_left == 0) {
            worker_attend(rt);
            if (f->state == FUTURE_DONE) /* it brought the result */
                break;
        }
        if (deadline_ns == CLOCK_NEVER) {
            if (call_has_room(rt) && f->state == FUTURE_QUEUED &&
                deque_remove(&rt->deque, &f->item)) {
                fiber_note_depth(rt->strand->fiber);
                run_task(rt, f);
                continue;
            }
            if (worker_help(rt))
                continue;
        } else if (clock_is_past(deadline_ns)) {
            return SCOOP_ETIMEDOUT;
        }
        f->waiter = rt->strand;
        worker_park(rt, deadline_ns, "the result of", f);
        f->waiter = NULL;
    }
    return 0;
}

/* ---- The scheduler ---------------------------------------------------- */

bool worker_is_idle(const struct runtime *rt)
{
    const struct worker *w = &rt->worker;

    return !w->live && w->placed_head == w->placed_tail && !w->early &&
           !helper_has_mail(rt->helper) && link_is_empty(&rt->guests.guests) &&
           !deque_private_count(&rt->deque) &&
           !deque_public_count(&rt->node.me->deque);
}

/* Messages, timers, the deque's news; whether there is something to run. */
bool worker_look_around(struct runtime *rt, bool is_keen)
{
    struct worker *w = &rt->worker;

    take_mail(rt, is_keen);
    fire_timers(rt);
    if (w->early)
        worker_reclaim(rt);
    if (signals_asked(SIGNALS_DUMP))
        dump_state(rt);
    return rt->is_stopping || !link_is_empty(&w->ready) ||
           w->placed_head != w->placed_tail ||
           deque_private_count(&rt->deque) ||
           deque_public_count(&rt->node.me->deque);
}

void worker_loop(struct runtime *rt)
{
    struct worker *w = &rt->worker;

    if (rt->rank == 0 && !rt->is_serial) {
        int err = start(rt, NULL);
        if (err) {
            log_error(&rt->log, "no stack for the root: %s",
                      scoop_strerror(err));
            rt->status = err;
            broker_root_ended(rt);
        }
    }
    while (!rt->is_stopping) {
        worker_look_around(rt, false);
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
            int err = start(rt, f);
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
    link_init(&w->timers);
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
    if (deque_init(&rt->deque, &rt->node.me->deque))
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
    s->deadline_ns = CLOCK_NEVER;
    s->row = ++w->rows;
    link_add(&w->strands, &s->all);
    link_init(&s->ready);
    link_init(&s->timer);
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

    while (!link_is_empty(&frame->children)) {
        struct future *f = future_of_link(frame->children.next);
        link_remove(&f->link);
        worker_release(rt, f);
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
           (!link_is_empty(&w->ready) || w->placed_head != w->placed_tail ||
            deque_private_count(&rt->deque) ||
            deque_public_count(&rt->node.me->deque)))
        worker_yield(rt);
}

void worker_fini(struct runtime *rt)
{
    deque_fini(&rt->deque);
    fiber_pool_fini(&rt->worker.pool);
    free(rt->worker.placed);
}
