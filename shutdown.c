/* SPDX-License-Identifier: MIT */
/* shutdown.c -- no more tasks: refuse them, and wait for what is left
 *
 * Some task, anywhere, says that the farm shall take no more tasks, and wants
 * to go on when it and the tasks that it descends from are all that is left.
 *
 * 1. ASK goes up the tasks that the caller descends from, from home to home:
 *    each home notes the future as spared.  Those are neither cancelled nor
 *    waited for.  From the last one it goes to rank 0, which takes the first
 *    caller and refuses others.
 * 2. DOWN goes down the tree of ranks (term.h).  A rank that gets it refuses
 *    tasks from then on, and cancels what is its own if that was asked for.
 * 3. UP brings sums back: of the futures that the ranks below created, and of
 *    those that have ended or are spared.
 * 4. SAID brings the sums to the caller, who asks again, ever more slowly,
 *    until they tell that nothing is left.
 *
 * When do they?  Both counts of a rank only grow: a spared future that ends
 * was counted before.  So if `ended` of one wave equals `created` of the next,
 * all that was created until the moment between the two had ended or was
 * spared then (the argument of term.c), and all ranks refused new ones before
 * they gave their first count.  Unlike the waves of term.c these are answered
 * by ranks that are not idle, since the stacks of the caller and its parents
 * keep theirs from being so; therefore they have to be repeated, and the
 * caller sleeps between them, up to WAVE_MAX_NS.
 *
 * A future whose time has passed counts as ended when its last attempt has
 * returned, wherever that runs: until then it is "indebted" (terms.h).
 *
 * A piece of a map is one future: if the caller is an item of it the whole
 * piece is spared, that is, parts of it that run elsewhere are not waited for.
 */
#include "shutdown.h"

#include <stdlib.h>

#include "clock.h"
#include "fresh.h"
#include "public.h"
#include "settle.h"
#include "worker.h"

#define WAVE_MIN_NS 100000u
#define WAVE_MAX_NS 20000000u

enum what { ASK, DOWN, UP, SAID };

static void post(struct runtime *rt, int dst, const struct wire_shutdown *body)
{
    if (!net_send(rt->net, dst, WIRE_SHUTDOWN, body, NULL, 0, NET_COPY))
        return;
    log_error(&rt->log, "no memory to shut the farm");
    net_abort(rt->net, 1);
}

static void answer(struct runtime *rt, int caller, uint32_t round, int status)
{
    const struct shutdown *s = &rt->shutdown;
    struct wire_shutdown body = {.created = s->sum_created,
                                 .ended = s->sum_ended,
                                 .caller = caller,
                                 .what = SAID,
                                 .round = round,
                                 .status = status};

    post(rt, caller, &body);
}

/* ---- What is left ----------------------------------------------------- */

static bool is_spared(const struct shutdown *s, const struct future *f)
{
    for (size_t i = 0; i < s->spareds; i++)
        if (s->spared[i].id == f->rec.id &&
            s->spared[i].generation == f->rec.generation)
            return true;
    return false;
}

static int spare(struct shutdown *s, const struct future *f)
{
    if (is_spared(s, f))
        return 0;
    if (s->spareds == s->room) {
        size_t room = 2 * s->room + 8;
        struct spared *more = realloc(s->spared, room * sizeof *more);
        if (!more)
            return SCOOP_ENOMEM;
        s->spared = more;
        s->room = room;
    }
    s->spared[s->spareds++] = (struct spared){f->rec.id, f->rec.generation};
    return 0;
}

/* Of the spared ones, those that have not ended, nor have their attempts. */
static uint64_t count_spared(const struct runtime *rt)
{
    const struct shutdown *s = &rt->shutdown;
    uint64_t n = 0;

    for (size_t i = 0; i < s->spareds; i++) {
        const struct future *f =
            future_find(&rt->futures, s->spared[i].id, s->spared[i].generation);
        /* A short map's piece is in no count before the map has a job. */
        bool is_counted = f && !((f->flags & FUTURE_PIECE) && !f->job);
        n += is_counted && (f->state != FUTURE_DONE || f->debts);
    }
    return n;
}

/* Goes by place, since what is cancelled may be freed, and others with it. */
static void cancel_all(struct runtime *rt)
{
    const struct future_table *t = &rt->futures;

    for (uint32_t i = 0; i < t->chunks; i++)
        for (uint32_t k = 0; k < FUTURE_CHUNK; k++) {
            char *at = t->chunk[i].base + t->chunk[i].stride * k;
            struct future *f = (struct future *)(void *)at;
            if (f->state != FUTURE_FREE && f->state != FUTURE_DONE &&
                !is_spared(&rt->shutdown, f))
                settle_cancel(rt, f);
        }
}

/* ---- The tree --------------------------------------------------------- */

static void report(struct runtime *rt)
{
    struct shutdown *s = &rt->shutdown;

    if (s->reports < term_children(&rt->term))
        return;
    s->sum_created += rt->futures.created;
    s->sum_ended += rt->futures.ended - rt->futures.indebted + count_spared(rt);
    if (rt->rank == 0) {
        answer(rt, s->caller, s->wave, 0);
        return;
    }
    struct wire_shutdown body = {.created = s->sum_created,
                                 .ended = s->sum_ended,
                                 .caller = s->caller,
                                 .what = UP,
                                 .round = s->wave};
    post(rt, term_parent(&rt->term), &body);
}

static void on_down(struct runtime *rt, const struct wire_shutdown *body)
{
    struct shutdown *s = &rt->shutdown;
    struct wire_shutdown further = *body;

    if (body->round <= s->wave)
        return; /* overtaken by a later one */
    s->wave = body->round;
    s->caller = body->caller;
    s->reports = 0;
    s->sum_created = s->sum_ended = 0;
    rt->is_shut = true;
    rt->private_max = 0; /* so that submits ask */
    fresh_close(rt);
    further.what = DOWN;
    for (int k = 0; k < term_children(&rt->term); k++)
        post(rt, term_child(&rt->term, k), &further);
    if (body->cancel)
        cancel_all(rt);
    report(rt);
}

static void on_up(struct runtime *rt, const struct wire_shutdown *body)
{
    struct shutdown *s = &rt->shutdown;

    if (body->round != s->wave || s->reports == term_children(&rt->term))
        return;
    s->reports++;
    s->sum_created += body->created;
    s->sum_ended += body->ended;
    report(rt);
}

/* ---- The caller's parents --------------------------------------------- */

/* Rank 0: the first who asks gets the farm. */
static void take(struct runtime *rt, const struct wire_shutdown *body)
{
    struct shutdown *s = &rt->shutdown;

    if (body->status) {
        answer(rt, body->caller, body->round, body->status);
    } else if (s->is_taken && (s->owner_rank != body->caller ||
                               s->owner_task != body->created)) {
        answer(rt, body->caller, body->round, SCOOP_ESHUTDOWN);
    } else {
        s->is_taken = true;
        s->owner_rank = body->caller;
        s->owner_task = body->created;
        on_down(rt, body);
    }
}

static void on_ask(struct runtime *rt, const struct wire_shutdown *body)
{
    struct wire_shutdown further = *body;
    struct future *f = future_find(&rt->futures, body->id, body->generation);

    if (!body->id) {
        take(rt, body);
        return;
    }
    further.id = 0;
    if (f && (f->state != FUTURE_DONE || f->debts)) {
        further.status = spare(&rt->shutdown, f);
        const struct frame *owner = f->owner;
        if (owner && owner->task && !further.status) {
            further.id = owner->task->rec.id;
            further.generation = owner->task->rec.generation;
        }
    }
    post(rt, further.id ? (int)(further.id >> 32) : 0, &further);
}

static void on_said(struct runtime *rt, const struct wire_shutdown *body)
{
    struct shutdown *s = &rt->shutdown;

    if (body->round != s->round)
        return;
    s->is_asked = false;
    s->status = body->status;
    s->created = body->created;
    s->ended = body->ended;
    if (s->waiter)
        worker_wake(rt, s->waiter);
}

void shutdown_on_message(struct runtime *rt, struct net_message *m)
{
    const struct wire_shutdown *body = m->body;

    if (body->caller < 0 || body->caller >= rt->size ||
        (int)(body->id >> 32) >= rt->size || (int)(body->id >> 32) < 0) {
        log_error(&rt->log, "a damaged message from rank %d", m->src);
        return;
    }
    fresh_enlist(rt); /* to be found, and to be counted */
    switch ((enum what)body->what) {
    case ASK:
        on_ask(rt, body);
        break;
    case DOWN:
        on_down(rt, body);
        break;
    case UP:
        on_up(rt, body);
        break;
    case SAID:
        on_said(rt, body);
        break;
    }
}

void shutdown_free(struct shutdown *s)
{
    free(s->spared);
    s->spared = NULL;
    s->spareds = s->room = 0;
}

/* ---- The call --------------------------------------------------------- */

static void send_ask(struct runtime *rt, bool cancels)
{
    struct shutdown *s = &rt->shutdown;
    const struct future *task = rt->frame->task;
    struct wire_shutdown body = {.what = ASK,
                                 .caller = rt->rank,
                                 .cancel = cancels,
                                 .round = ++s->round};

    s->is_asked = true;
    s->asker = 0;
    if (task) {
        body.id = s->asker = task->rec.id;
        body.generation = task->rec.generation;
        body.created = body.id; /* who it is, to rank 0 */
    }
    post(rt, task ? task_home(&task->rec) : 0, &body);
}

/* One wave: its answer is in rt->shutdown.  SCOOP_ETIMEDOUT, or 0.  What was
 * asked before a time-out and not answered yet will do. */
static int ask(struct runtime *rt, bool cancels, uint64_t deadline_ns)
{
    struct shutdown *s = &rt->shutdown;

    if (cancels || !s->is_asked)
        send_ask(rt, cancels);
    if (!deadline_ns)
        worker_yield(rt); /* whoever polls must let tasks run */
    while (s->is_asked) {
        if (clock_is_past(deadline_ns))
            return SCOOP_ETIMEDOUT;
        s->waiter = rt->strand; /* on_said() wakes it */
        worker_park(rt, deadline_ns, "the counts of all ranks", NULL);
        s->waiter = NULL;
    }
    return 0;
}

/* Nothing wakes it before its time. */
static void pause_until(struct runtime *rt, uint64_t pause_ns,
                        uint64_t deadline_ns)
{
    uint64_t until_ns = clock_after(clock_now_ns(), pause_ns);

    if (deadline_ns < until_ns)
        until_ns = deadline_ns;
    while (!clock_is_past(until_ns))
        worker_park(rt, until_ns, "the last tasks to end", NULL);
}

static int await_all(struct runtime *rt, bool cancels, uint64_t deadline_ns)
{
    struct shutdown *s = &rt->shutdown;
    uint64_t pause_ns = WAVE_MIN_NS;

    if (s->asker != (rt->frame->task ? rt->frame->task->rec.id : 0))
        s->is_asked = s->has_last = false;
    for (;;) {
        int err = ask(rt, cancels, deadline_ns);
        if (!err)
            err = s->status;
        if (err)
            return err;
        if (s->has_last && s->last == s->created)
            return 0;
        /* Nothing seems to be left: make sure at once. */
        bool seems_done = s->ended == s->created;
        s->last = s->ended;
        s->has_last = true;
        cancels = false;
        if (seems_done)
            continue;
        pause_until(rt, pause_ns, deadline_ns);
        if (pause_ns < WAVE_MAX_NS)
            pause_ns *= 2;
    }
}

int scoop_shutdown_farm(const struct scoop_shutdown_options *options)
{
    struct scoop_wait_options wait = {options ? options->timeout : 0};
    struct runtime *rt = runtime_current;
    int err = SCOOP_ESHUTDOWN;

    if (!rt || !rt->frame)
        return public_outside();
    if (rt->is_serial)
        return runtime_fail(rt, SCOOP_ESTATE, "no farm runs that could end");
    uint64_t deadline_ns = public_deadline(&wait);
    worker_attend(rt);
    if (!rt->shutdown.is_calling) {
        rt->shutdown.is_calling = true;
        err = await_all(rt, options && options->cancel, deadline_ns);
        rt->shutdown.is_calling = false;
    }
    if (!err)
        return 0;
    return runtime_fail(rt, err, "shutdown: %s",
                        err == SCOOP_ESHUTDOWN ? "another task has called it"
                                               : scoop_strerror(err));
}
