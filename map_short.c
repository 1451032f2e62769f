/* SPDX-License-Identifier: MIT */
/* map_short.c -- short maps, and what of the running ranges is given away
 *
 * A recursion that maps over a handful of items at every level makes a map for
 * every few items, so a map must cost little more than its items do.  Nearly
 * always nobody comes to rob it.  Such a map has no job (map_inside.h) but only
 * a piece, from the top of the free list and put back as clean as it was; its
 * items are called in a loop that knows of nothing else.  As soon as something
 * happens that the loop does not know, it leaves off: the map is opened, that
 * is, gets its job, and what is left of it goes on as any other piece (map.c).
 * That may be an item that fails, a cancellation, or a part that is given away.
 *
 * What is given away.  Before each item, here and in map.c, a rank looks at its
 * deque, and if that is empty it splits off a part of what it has begun.  Of
 * which range?  In a recursion many are under way on one rank, each the item
 * of another, on this stack and on parked ones:
 *
 *     rt->ranges   [0 .. 1 | 2 3]          oldest: the root's children
 *                       [0 | 1 2 3 4 5]      those of its child 1
 *                        [0 .. 3 | 4]          and so on: the newest
 *
 * The oldest that has items left is divided: nearest to the root are the
 * largest subtrees, and a thief that gets one is busy for long.  Dividing the
 * newest would give it leaves, and it would come back at once.  A range whose
 * current item is its last is not going to have any to spare: it is taken off
 * the list when it is met, so finding the oldest costs nothing in the long run.
 *
 * Whoever divides a range is either in its loop or in one of its items, on the
 * same thread; loops read first and count anew at each item.
 */
#include "map_inside.h"

#include "call.h"
#include "clock.h"
#include "map.h"
#include "public.h"
#include "queue.h"
#include "worker.h"

/* One that runs, on its caller's stack. */
struct short_map {
    struct map_range range;
    struct frame frame;
    struct item_way way;
};

/* ---- Opening ---------------------------------------------------------- */

/* What a piece of a map with a job has beside that of a short one. */
static bool open_map(struct runtime *rt, struct map_range *range)
{
    const struct map_order *order = range->order;
    struct future *f = range->piece;
    struct map_job *job = map_new_job(order, f->owner, f->rec.path);

    if (!job)
        return false;
    progress_begin(rt, &job->progress, NULL, order->n, NULL, NULL);
    job->users++;
    f->job = job;
    f->rec.range = job->range;
    range->order = NULL;
    return true;
}

/* ---- Giving away ------------------------------------------------------ */

static bool can_be_divided(const struct map_range *range)
{
    const struct task *t = &range->piece->rec;

    return t->count >= 2 && (!t->chunk || t->count / 2 >= t->chunk) &&
           !(range->piece->flags & FUTURE_CANCELLED);
}

static bool is_worth_dividing(const struct map_range *range)
{
    const struct task *t = &range->piece->rec;
    const struct measure *m = range->frame->measure;

    /* The stretches of items that submit tasks say nothing of their length. */
    return t->chunk || range->frame->made || !m->is_short ||
           (m->traits & MEASURE_SPAWNS) ||
           (t->count << t->range.block) * (m->stretch_ns + 1) > MAP_SPLIT_NS;
}

static bool divide(struct runtime *rt, struct map_range *range)
{
    if (!can_be_divided(range) || !is_worth_dividing(range))
        return false;
    if (range->order && !open_map(rt, range))
        return false;
    map_split(rt, range->piece);
    return true;
}

static struct map_range *oldest(struct runtime *rt)
{
    struct link *head = &rt->ranges;

    while (!link_is_empty(head)) {
        struct map_range *range = map_range_of_link(head->next);
        if (can_be_divided(range))
            return range;
        link_remove(&range->link);
        link_init(&range->link);
    }
    return NULL;
}

void map_share(struct runtime *rt, struct map_range *own)
{
    struct map_range *range = oldest(rt);

    /* One of another priority is on no list: what is queued of that is its own
     * affair. */
    if (!lanes_is_main(&own->piece->rec) || !range || !divide(rt, range))
        divide(rt, own);
}

/* ---- Running ---------------------------------------------------------- */

bool map_is_short(const struct runtime *rt, const struct map_order *order)
{
    const struct scoop_map_options *o = &order->options;

    return order->n <= MAP_SHORT_ITEMS && order->deadline_ns == CLOCK_NEVER &&
           !order->range.block && !o->chunk && !o->priority && !o->progress &&
           !o->on_progress && rt->frame->task && call_has_room(rt);
}

static inline void begin(struct runtime *rt, struct short_map *s,
                         struct future *f, const struct map_order *order)
{
    f->state = FUTURE_RUNNING;
    f->flags = FUTURE_PIECE;
    f->owner = rt->frame;
    f->rec.path = call_next_path(rt->frame);
    f->rec.count = order->n;
    f->rec.number = order->task->number;
    f->rec.flags = TASK_RANGE;
    link_add(&rt->frame->children, &f->link);
    rt->futures.created++;
    s->way.path = f->rec.path;
    s->way.retries = order->range.retries;
    s->range.piece = f;
    s->range.frame = &s->frame;
    s->range.order = order;
    call_enter(rt, &s->frame, f, order->task, f->rec.path);
    link_add(&rt->ranges, &s->range.link);
}

/* Back in the free list as it came from there: see future_put_clean(). */
static inline void end_clean(struct runtime *rt, struct future *f)
{
    link_remove(&f->link);
    rt->futures.ended++;
    f->flags = 0;
    f->rec.first = f->rec.count = 0;
    f->rec.flags = 0;
    future_put_clean(&rt->futures, f);
}

/* Until all is done, or something happens that a job is needed for.  The status
 * of the last item, and its error. */
static int run_items(struct runtime *rt, struct short_map *s,
                     const struct map_order *order, struct error **error)
{
    struct future *f = s->range.piece;
    const struct scoop_task *type = order->task;
    const char *in = order->in;
    char *out = type->out_size ? order->out : NULL;
    int *item_status = order->options.status;

    while (f->rec.count && !f->job && f->flags == FUTURE_PIECE) {
        if (__builtin_expect(rt->lanes.filled != 0, 0) &&
            lanes_precede(&rt->lanes, 0)) {
            worker_yield(rt); /* a task of a higher priority goes first */
            continue;
        }
        if (!rt->is_alone && item_has_none_like(rt, &f->rec) &&
            !link_is_empty(&rt->ranges))
            map_share(rt, &s->range);
        int status =
            item_call(rt, &s->way, &s->frame, f->rec.first, in, out, error);
        if (__builtin_expect(status, 0))
            return status;
        if (item_status)
            item_status[f->rec.first] = 0;
        in += type->in_size;
        if (out)
            out += type->out_size;
        f->rec.first++;
        f->rec.count--;
        if (__builtin_expect(--rt->calls_left == 0, 0))
            worker_attend(rt);
    }
    return 0;
}

/* The rest of a map that is not short any more. */
static int go_on(struct runtime *rt, struct short_map *s,
                 const struct map_order *order, int status, struct error *error)
{
    struct future *f = s->range.piece;

    if (s->range.order && !open_map(rt, &s->range)) {
        error_free(error);
        end_clean(rt, f);
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    }
    struct map_job *job = f->job;
    if (status) {
        map_fail_take(rt, job, f->rec.first, 1, status, error);
        f->rec.first++;
        f->rec.count--;
    }
    job->remaining -= f->rec.first;
    if (f->rec.count) {
        f->arg =
            job->in_size
                ? (char *)(uintptr_t)(job->in + f->rec.first * job->in_size)
                : NULL;
        f->rec.arg_len = f->rec.count * job->in_size;
        map_run_piece(rt, f);
    } else {
        map_end_piece(rt, f);
    }
    return map_finish(rt, job, order->deadline_ns);
}

int map_run_short(struct runtime *rt, const struct map_order *order)
{
    struct future *f = future_take(&rt->futures, 0);
    struct error *error = NULL;
    struct short_map s;

    if (__builtin_expect(!f, 0))
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    begin(rt, &s, f, order);
    int status = run_items(rt, &s, order, &error);
    call_leave(rt, &s.frame);
    link_remove(&s.range.link);
    if (__builtin_expect(f->job || f->rec.count, 0))
        return go_on(rt, &s, order, status, error);
    end_clean(rt, f);
    return 0;
}
