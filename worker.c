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
 *
 * What is kept private and when.  Up to WORKER_PRIVATE_MAX queued tasks stay
 * out of the thieves' sight, for the sake of speed, as long as this rank comes
 * by often enough to notice that somebody wants them.  So before a function
 * that is not known to be short, all is made public; a function is known to be
 * short when its last runs were, each timed from its start, or the library
 * call before, to its end or the next library call (a stretch).
 */
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "call.h"
#include "clock.h"
#include "helper.h"
#include "map.h"
#include "runtime.h"
#include "signals.h"
#include "transfer.h"

#define SHORT_NS 10000u    /* a stretch up to this is short */
#define SLOW_CALL_NS 2000u /* library calls further apart come slowly */
#define SHORT_STREAK 8u    /* so many such runs in a row make it short */
#define CALM_STRETCHES 64u /* or so many stretches */
#define TIME_EVERY 256u    /* runs of a short function between two timed ones */
#define RESERVE_MIN 24576u /* what the library's own calls need */
#define KEEP_IDLE 16u      /* stacks kept for reuse */
#define PLACED_FIRST 64u
#define ASK_AGAIN_NS 10000000u /* a rank whom nobody would wake */
#define STUCK_NS 200000u       /* a thief that was stopped in the middle */

static struct strand *strand_of_ready(struct link *l)
{
    return (struct strand *)(void *)((char *)l -
                                     offsetof(struct strand, ready));
}

static struct strand *strand_of_timer(struct link *l)
{
    return (struct strand *)(void *)((char *)l -
                                     offsetof(struct strand, timer));
}

static const char *name_of(const struct frame *frame)
{
    return frame->type ? frame->type->name : "the root";
}

/* ---- Time spent in functions ------------------------------------------ */

/* A stretch of the running, timed frame has ended. */
static void end_stretch(struct runtime *rt, struct frame *frame)
{
    struct measure *m = frame->measure;
    uint64_t ns = clock_now_ns() - rt->mark_ns;

    if (m->stretch_ns < ns)
        m->stretch_ns = ns;
    if (ns > SHORT_NS) {
        frame->was_long = true;
        m->is_short = 0;
        m->calm = 0;
    } else if (!m->is_short && ++m->calm >= CALM_STRETCHES) {
        /* Of a deep recursion no run ends for a long time. */
        m->is_short = 1;
        m->runs_left = TIME_EVERY;
    }
}

/* Tells the helper where this thread is from now on. */
static void go_away(struct runtime *rt, uint64_t now_ns)
{
    atomic_store_explicit(&rt->long_name, name_of(rt->frame),
                          memory_order_relaxed);
    atomic_store_explicit(&rt->long_since_ns, now_ns, memory_order_relaxed);
}

static void come_back(struct runtime *rt)
{
    atomic_store_explicit(&rt->long_since_ns, 0, memory_order_relaxed);
}

static void begin_stretch(struct runtime *rt)
{
    rt->calls_left = 1; /* the next library call ends it */
    rt->mark_ns = clock_now_ns();
    go_away(rt, rt->mark_ns);
}

/* A timed run begins: always for a function that is not known to be short. */
void call_begin_timed(struct runtime *rt, struct frame *frame)
{
    struct measure *m = frame->measure;

    m->runs_left = m->is_short ? TIME_EVERY : 1;
    if (!m->is_short)
        worker_offer(rt);
    m->stretch_ns = 0;
    frame->is_timed = true;
    frame->was_long = false;
    begin_stretch(rt);
}

void call_end_timed(struct runtime *rt, struct frame *frame)
{
    struct measure *m = frame->measure;

    end_stretch(rt, frame);
    come_back(rt);
    frame->is_timed = false;
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
    if (!rt->frame->measure->is_short && deque_private_count(&rt->deque))
        worker_offer(rt);
    if (rt->frame->is_timed)
        begin_stretch(rt);
    else
        go_away(rt, rt->attended_ns);
}

/* ---- Frames ----------------------------------------------------------- */

void call_abandon_children(struct runtime *rt, struct frame *frame)
{
    unsigned unfinished = 0;

    while (!link_is_empty(&frame->children)) {
        struct future *f = future_of_link(frame->children.next);
        bool was_cancelled = f->flags & FUTURE_CANCELLED;
        link_remove(&f->link);
        if (worker_release(rt, f) && !was_cancelled)
            unfinished++;
    }
    if (unfinished)
        log_warn(&rt->log,
                 "%s returned with %u of its futures unfinished; they are "
                 "cancelled (join, release or detach them)",
                 name_of(frame), unfinished);
}

static struct error *describe(struct runtime *rt, const struct frame *frame,
                              int code)
{
    struct scoop_error e = {0};

    bool is_last = frame->last && frame->last->said.code == code;
    bool has_item = frame->task && (frame->task->flags & FUTURE_PIECE);

    if (!frame->told && is_last && code == SCOOP_EFAILED) {
        struct error *more = error_pass_on(frame->last, name_of(frame));
        if (more && has_item) { /* the map names its own item */
            more->said.has_item = true;
            more->said.item = frame->task->rec.first;
        }
        return more;
    }
    /* Whatever the code: to the one who waits, a time-out in here is a task
     * that failed, not a time-out of the wait. */
    e.code = SCOOP_EFAILED;
    e.task_code = code;
    e.task = name_of(frame);
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

struct error *worker_error(struct runtime *rt, const struct future *f, int code,
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
        error = worker_error(rt, f, status, NULL);
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

/* ---- Letting others have work ----------------------------------------- */

/* Some function that was thought to be short is not.  All of them have to
 * prove anew that they are. */
static void doubt_all(struct runtime *rt)
{
    for (uint32_t i = 0; i <= rt->registry.tasks && !rt->is_alone; i++) {
        struct measure *m = &rt->registry.measure[i];
        m->is_short = 0;
        m->streak = 0;
        m->calm = 0;
        m->runs_left = 1;
    }
}

static bool is_wanted(const struct runtime *rt)
{
    const struct node *n = &rt->node;

    return atomic_load_explicit(&n->me->wanted, memory_order_relaxed) ||
           atomic_load_explicit(&n->head->searching, memory_order_relaxed) ||
           atomic_load_explicit(&n->head->sleepers, memory_order_relaxed) ||
           atomic_load_explicit(&n->head->hungry, memory_order_relaxed);
}

static void take_call(struct node *n)
{
    uint32_t calls = atomic_load(&n->head->called);

    while (calls &&
           !atomic_compare_exchange_weak(&n->head->called, &calls, calls - 1))
        ;
}

static void publish(struct runtime *rt, uint64_t keep)
{
    if (deque_private_count(&rt->deque) <= keep)
        return;
    worker_reclaim(rt); /* makes room in the ring */
    deque_publish(&rt->deque, keep, transfer_pack);
}

/* Wakes a sleeper to search, unless somebody searches already or has been
 * woken to.  Such a call is counted before the sleeper can count itself, and
 * taken by whoever rises next. */
static void call_one(struct node *n)
{
    struct node_head *head = n->head;

    if (!atomic_load(&head->sleepers) || atomic_load(&head->searching) ||
        atomic_load(&head->called))
        return;
    atomic_fetch_add(&head->called, 1);
    if (!node_wake_one(n))
        take_call(n);
}

/* Wakes whoever would take what is public now.  While a rank of the node is
 * searching it will find the work and, having robbed, wake the next: one
 * wake-up at a time, paid by a rank that had nothing to do. */
static void call_in(struct runtime *rt)
{
    struct node *n = &rt->node;

    if (!deque_public_count(&n->me->deque))
        return;
    call_one(n);
    while (atomic_load_explicit(&n->head->hungry, memory_order_seq_cst) &&
           deque_public_count(&n->me->deque)) {
        int rank = node_hungry_take(n);
        if (rank < 0)
            break;
        if (!transfer_lend(n, rt->net, n->local, rank, WORKER_LOOT,
                           WIRE_PUSHED)) {
            node_hungry_add(n, rank);
            break;
        }
    }
}

void worker_offer(struct runtime *rt)
{
    if (rt->is_alone)
        return;
    if (atomic_load_explicit(&rt->was_away, memory_order_relaxed)) {
        atomic_store_explicit(&rt->was_away, false, memory_order_relaxed);
        doubt_all(rt);
    }
    if (!deque_private_count(&rt->deque) &&
        !deque_public_count(&rt->node.me->deque))
        return;
    atomic_store_explicit(&rt->node.me->wanted, 0, memory_order_relaxed);
    /* A rank that runs nothing keeps one to run: else a single task could be
     * handed round by ranks that are all without work.  So does one in a short
     * function, which will join it: a chain of tasks must not be torn apart. */
    publish(rt, rt->frame && !rt->frame->measure->is_short ? 0 : 1);
    call_in(rt);
}

int worker_push(struct runtime *rt, struct future *f)
{
    f->state = FUTURE_QUEUED;
    if (__builtin_expect(deque_push(&rt->deque, &f->item), 0))
        return SCOOP_ENOMEM;
    if (__builtin_expect(rt->deque.bottom - rt->deque.first > rt->private_max,
                         0)) {
        publish(rt, WORKER_PRIVATE_KEEP);
        call_in(rt);
    } else if (rt->frame && (!rt->frame->measure->is_short ||
                             atomic_load_explicit(&rt->node.me->wanted,
                                                  memory_order_relaxed))) {
        worker_offer(rt); /* it may compute for long now */
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
    go_away(rt, clock_now_ns());
    rt->status = rt->root(rt->root_arg);
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
    fiber_switch(s->fiber, &rt->worker.thread);
}

static void resume(struct runtime *rt, struct strand *s)
{
    struct worker *w = &rt->worker;

    rt->strand = s;
    rt->frame = s->frame;
    rt->worker.is_polled = false;
    rt->stack_floor = (uintptr_t)s->fiber->stack_low + rt->stack_reserve;
    fiber_switch(&w->thread, s->fiber);
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
    struct error *error = worker_error(rt, f, code, words);
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
    come_back(rt);
    fiber_switch(s->fiber, &rt->worker.thread);
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
    leave_strand(rt); /* ends by worker_wake(), or the timer's */
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
        doubt_all(rt);
    return ns > WORKER_CALLS * (uint64_t)SLOW_CALL_NS ? 1 : WORKER_CALLS;
}

void worker_attend(struct runtime *rt)
{
    if (rt->frame && rt->frame->is_timed)
        end_stretch(rt, rt->frame);
    rt->calls_left = calls_until_next(rt);
    take_mail(rt, false);
    if (!rt->is_alone && is_wanted(rt))
        worker_offer(rt);
    if (signals_asked(SIGNALS_DUMP))
        worker_dump(rt);
    fire_timers(rt);
    if (!link_is_empty(&rt->worker.ready))
        yield(rt);
    else if (rt->frame && rt->frame->is_timed)
        begin_stretch(rt);
    else if (rt->frame)
        go_away(rt, rt->attended_ns);
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

static void relax(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#endif
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
static bool look_around(struct runtime *rt, bool is_keen)
{
    struct worker *w = &rt->worker;

    take_mail(rt, is_keen);
    fire_timers(rt);
    if (w->early)
        worker_reclaim(rt);
    if (signals_asked(SIGNALS_DUMP))
        worker_dump(rt);
    return rt->is_stopping || !link_is_empty(&w->ready) ||
           w->placed_head != w->placed_tail ||
           deque_private_count(&rt->deque) ||
           deque_public_count(&rt->node.me->deque);
}

static bool rob_mates(struct runtime *rt, int from)
{
    const struct node *n = &rt->node;

    for (int i = 0; i < n->locals; i++) {
        int local = (from + i) % n->locals;
        if (local == n->local ||
            !deque_public_count(&node_block(n, local)->deque))
            continue;
        if (transfer_rob(rt, local)) {
            return true;
        }
    }
    return false;
}

/* Asks the mates for what they keep private. */
static void want(struct runtime *rt)
{
    const struct node *n = &rt->node;

    for (int i = 0; i < n->locals; i++) {
        struct node_block *b = node_block(n, i);
        if (i != n->local &&
            !atomic_load_explicit(&b->wanted, memory_order_relaxed) &&
            !atomic_load_explicit(&b->asleep, memory_order_relaxed))
            atomic_store_explicit(&b->wanted, 1, memory_order_relaxed);
    }
}

/* The next moment at which this rank has to be awake of its own accord. */
static uint64_t alarm_ns(struct runtime *rt)
{
    uint64_t until_ns = CLOCK_NEVER, soon_ns = 0, position;

    if (!link_is_empty(&rt->worker.timers))
        until_ns = strand_of_timer(rt->worker.timers.next)->deadline_ns;
    if (deque_is_stuck(&rt->deque, &position))
        soon_ns = STUCK_NS; /* its thief will sign, but tells nobody */
    else if (!rt->config.lifelines && rt->node.nodes > 1)
        soon_ns = ASK_AGAIN_NS; /* nobody will wake this rank */
    if (soon_ns) {
        soon_ns = clock_after(clock_now_ns(), soon_ns);
        until_ns = soon_ns < until_ns ? soon_ns : until_ns;
    }
    if (rt->config.watchdog_ns) {
        uint64_t dog_ns = clock_after(rt->progress_ns, rt->config.watchdog_ns);
        until_ns = dog_ns < until_ns ? dog_ns : until_ns;
    }
    return until_ns;
}

static void watch(struct runtime *rt)
{
    uint64_t now_ns = clock_now_ns();

    if (!rt->config.watchdog_ns ||
        now_ns - rt->progress_ns < rt->config.watchdog_ns)
        return;
    rt->progress_ns = now_ns;
    worker_dump(rt);
}

/* Whether a mate has something to rob. */
static bool has_loot(const struct runtime *rt)
{
    const struct node *n = &rt->node;

    for (int i = 0; i < n->locals; i++)
        if (i != n->local && deque_public_count(&node_block(n, i)->deque))
            return true;
    return false;
}

/* What a rank that is about to sleep must not miss. */
static bool is_called(struct runtime *rt)
{

    if (net_has_mail(rt->net) || helper_has_mail(rt->helper) ||
        signals_asked(SIGNALS_PEEK))
        return true;
    return !rt->is_draining && rt->config.steal_local && has_loot(rt);
}

/* Sleeps until a message, a wake-up or the next alarm.  All that could be
 * missed is looked at between node_doze() and the sleep: see node.h. */
static void rest(struct runtime *rt)
{
    struct node *n = &rt->node;
    uint64_t until_ns = alarm_ns(rt);
    bool has_happened = false;

    if (!rt->config.sleep) {
        relax();
        return;
    }
    atomic_fetch_sub(&n->head->searching, 1);
    while (!has_happened) {
        node_doze(n);
        has_happened = is_called(rt) || net_wait(rt->net, until_ns);
        node_rise(n);
        if (until_ns != CLOCK_NEVER && clock_is_past(until_ns))
            break;
    }
    atomic_fetch_add(&n->head->searching, 1);
    take_call(n);
    watch(rt);
}

static bool try_step(struct runtime *rt)
{
    struct steal_step step = steal_next(&rt->steal, clock_now_ns());
    struct wire_steal ask = {rt->rank, WORKER_LOOT};
    struct wire_hungry hungry = {rt->rank, 0};

    switch (step.what) {
    case STEAL_MATES:
        if (rob_mates(rt, step.whom))
            return true;
        want(rt);
        break;
    case STEAL_ASK:
        rt->stats.steals_tried++;
        if (net_send(rt->net, step.whom, WIRE_STEAL, &ask, NULL, 0, NET_COPY))
            steal_answered(&rt->steal, false);
        break;
    case STEAL_REGISTER:
        net_send(rt->net, step.whom, WIRE_HUNGRY, &hungry, NULL, 0, NET_COPY);
        break;
    case STEAL_WAIT:
        relax();
        break;
    case STEAL_REST:
        rest(rt);
        steal_woken(&rt->steal, clock_now_ns());
        break;
    }
    return false;
}

/* Until there is something to run. */
static void search(struct runtime *rt)
{
    uint64_t since_ns = clock_now_ns();

    atomic_fetch_add(&rt->node.head->searching, 1);
    come_back(rt);
    if (atomic_exchange(&rt->was_passed_by, false))
        steal_fed(&rt->steal); /* its place on a list is used up */
    steal_begin(&rt->steal, since_ns);
    while (!look_around(rt, true)) {
        worker_reclaim(rt); /* a guest that was robbed still counts as here */
        broker_idle(rt);
        if (rt->is_draining) {
            if (!rt->is_stopping)
                rest(rt);
        } else if (try_step(rt)) {
            break;
        }
    }
    /* Whoever published while this rank searched counted on it, and it may
     * have found something else to do. */
    if (atomic_fetch_sub(&rt->node.head->searching, 1) == 1 &&
        atomic_load(&rt->node.head->sleepers) && has_loot(rt))
        call_one(&rt->node);
    rt->progress_ns = rt->attended_ns = clock_now_ns();
    rt->idle_ns += rt->progress_ns - since_ns;
    helper_rouse(rt->helper);
}

void worker_loop(struct runtime *rt)
{
    struct worker *w = &rt->worker;

    if (rt->rank == 0) {
        int err = start(rt, NULL);
        if (err) {
            log_error(&rt->log, "no stack for the root: %s",
                      scoop_strerror(err));
            rt->status = err;
            broker_root_ended(rt);
        }
    }
    while (!rt->is_stopping) {
        look_around(rt, false);
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
            relax(); /* ends: net_poll() moves what is queued */
            continue;
        }
        struct future *f = next_task(rt);
        if (f) {
            int err = start(rt, f);
            if (err)
                refuse(rt, f, err);
        } else if (!is_polled) {
            search(rt);
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
            rt->registry.measure[i].runs_left = 0;
            rt->registry.measure[i].is_short = 1;
        }
    return 0;
}

void worker_fini(struct runtime *rt)
{
    deque_fini(&rt->deque);
    fiber_pool_fini(&rt->worker.pool);
    free(rt->worker.placed);
}

/* Where the task is that a strand waits for. */
static void whereabouts(const struct runtime *rt, const struct strand *s,
                        char *words, size_t len)
{
    static const char *const state[] = {[FUTURE_FREE] = "gone",
                                        [FUTURE_QUEUED] = "queued here",
                                        [FUTURE_PLACED] = "to run here",
                                        [FUTURE_HELD] = "held by rank",
                                        [FUTURE_FETCHING] = "fetching",
                                        [FUTURE_RUNNING] = "running here",
                                        [FUTURE_EARLY] = "done, says its thief",
                                        [FUTURE_DONE] = "done"};
    const struct future *f = s->waits_for;

    if (!s->waits_what) {
        snprintf(words, len, s == rt->strand ? "runs" : "is ready to go on");
        return;
    }
    if (!f) {
        snprintf(words, len, "waits for %s", s->waits_what);
        return;
    }
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    int n = snprintf(words, len, "waits for %s %s %u.%u, %s", s->waits_what,
                     type ? type->name : "?", (unsigned)(f->rec.id >> 32),
                     (unsigned)f->rec.id, state[f->state]);
    if (f->state == FUTURE_HELD && n > 0 && (size_t)n < len)
        snprintf(words + n, len - (size_t)n, " %d", f->rec.holder);
}

void worker_dump(struct runtime *rt)
{
    const struct worker *w = &rt->worker;
    char words[256];

    log_line(&rt->log, LOG_WARN,
             "state: %llu stacks, %llu tasks queued private, %u public, %llu "
             "to run here only, %llu futures unfinished; %s",
             (unsigned long long)w->live,
             (unsigned long long)deque_private_count(&rt->deque),
             deque_public_count(&rt->node.me->deque),
             (unsigned long long)(w->placed_tail - w->placed_head),
             (unsigned long long)(rt->futures.created - rt->futures.ended),
             rt->frame ? "in a task" : "looking for work");
    for (struct link *l = w->strands.next; l != &w->strands; l = l->next) {
        struct strand *s =
            (struct strand *)(void *)((char *)l - offsetof(struct strand, all));
        const struct frame *top = s == rt->strand ? rt->frame : s->frame;
        whereabouts(rt, s, words, sizeof words);
        log_line(&rt->log, LOG_WARN, "state: %s %s",
                 top ? name_of(top) : "a new task", words);
    }
}
