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

#define SHORT_ITEMS 64u /* at most, of a short map */
#define SPLIT_NS 5000u  /* a range that takes less is not worth a steal */

/* One that runs, on its caller's stack. */
struct short_map {
    struct map_range range;
    struct frame frame;
    struct item_way way;
    const void *in;
    void *out;
    size_t n;
};

/* ---- Opening ---------------------------------------------------------- */

static bool is_short(const struct map_range *range)
{
    const struct future *f = range->piece;

    return !(f->flags & FUTURE_GUEST) && !f->job;
}

/* A short map gets its job, and its piece all that a piece has. */
static bool open_map(struct runtime *rt, struct short_map *s)
{
    struct map_order order = {.task = s->frame.type,
                              .in = s->in,
                              .out = s->out,
                              .n = s->n,
                              .deadline_ns = CLOCK_NEVER};
    struct future *f = s->range.piece;
    struct map_job *job = map_new_job(&order, f->owner, s->way.path);

    if (!job)
        return false;
    progress_begin(rt, &job->progress, NULL, s->n, NULL, NULL);
    rt->futures.created++;
    job->users++;
    f->job = job;
    f->rec.path = s->way.path;
    f->rec.number = order.task->number;
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
    const struct frame *items = range->piece->frame;
    const struct measure *m = items->measure;

    /* The stretches of items that submit tasks say nothing of their length. */
    return t->chunk || items->made || !m->is_short ||
           (m->traits & MEASURE_SPAWNS) ||
           (t->count << t->range.block) * (m->stretch_ns + 1) > SPLIT_NS;
}

static bool divide(struct runtime *rt, struct map_range *range)
{
    if (!can_be_divided(range) || !is_worth_dividing(range))
        return false;
    if (is_short(range) && /* a range is the first member of its map */
        !open_map(rt, (struct short_map *)(void *)range))
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

static inline void begin(struct runtime *rt, struct short_map *s,
                         struct future *f, const struct scoop_task *task)
{
    struct frame *caller = rt->frame;

    f->state = FUTURE_RUNNING;
    f->owner = caller;
    f->rec.count = s->n;
    link_add(frame_children(caller), &f->link);
    s->way.path = call_next_path(caller);
    s->way.retries = 0;
    s->range.piece = f;
    call_enter(rt, &s->frame, f, task, s->way.path);
    link_add(&rt->ranges, &s->range.link);
}

/* A piece that nobody has heard of, from those kept for short maps: as it comes
 * from the table, but for what all of them have.  NULL: no memory. */
static inline struct future *take_piece(struct runtime *rt)
{
    struct link *l = rt->pieces;
    struct future *f;

    if (__builtin_expect(l != NULL, 1)) {
        rt->pieces = l->next;
        return future_of_link(l);
    }
    f = future_take(&rt->futures, 0);
    if (f) {
        f->flags = FUTURE_PIECE;
        f->rec.flags = TASK_RANGE;
    }
    return f;
}

static inline void keep_piece(struct runtime *rt, struct future *f)
{
    link_remove(&f->link);
    f->state = FUTURE_FREE;
    f->flags = FUTURE_PIECE; /* it may have been cancelled in its last item */
    f->rec.first = 0;
    f->link.next = rt->pieces;
    rt->pieces = &f->link;
}

/* Whether a thief would find nothing, and there may be something for it. */
static inline bool shall_share(struct runtime *rt)
{
    const struct deque *d = &rt->deque;

    return !rt->is_alone && d->bottom == d->first &&
           !deque_public_count(d->shared) && !link_is_empty(&rt->ranges);
}

/* Until all is done, or something happens that a job is needed for.  The status
 * of the last item, and its error. */
static inline int run_items(struct runtime *rt, struct short_map *s,
                            struct error **error)
{
    struct future *f = s->range.piece;
    const struct scoop_task *type = s->frame.type;
    const char *in = s->in;
    char *out = type->out_size ? s->out : NULL;

    while (f->rec.count && f->flags == FUTURE_PIECE) {
        if (__builtin_expect(rt->lanes.filled, 0) &&
            lanes_precede(&rt->lanes, 0)) {
            worker_yield(rt); /* a task of a higher priority goes first */
            continue;
        }
        if (__builtin_expect(shall_share(rt), 0))
            map_share(rt, &s->range);
        int status =
            item_call(rt, &s->way, &s->frame, f->rec.first, in, out, error);
        if (__builtin_expect(status, 0))
            return status;
        in += type->in_size;
        out += type->out_size;
        f->rec.first++;
        f->rec.count--;
        if (__builtin_expect(--rt->calls_left == 0, 0))
            worker_attend(rt);
    }
    return 0;
}

/* The rest of a map that is not short any more. */
static int go_on(struct runtime *rt, struct short_map *s, int status,
                 struct error *error)
{
    struct future *f = s->range.piece;

    if (!f->job && !open_map(rt, s)) {
        error_free(error);
        f->rec.count = 0;
        keep_piece(rt, f);
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
        if (job->in_size)
            f->arg = (char *)(uintptr_t)job->in + f->rec.first * job->in_size;
        else
            f->arg = NULL;
        f->rec.arg_len = f->rec.count * job->in_size;
        map_run_piece(rt, f);
    } else {
        map_end_piece(rt, f);
    }
    return map_finish(rt, job, CLOCK_NEVER);
}

static int run(struct runtime *rt, const struct scoop_task *task,
               struct short_map *s, struct future *f)
{
    struct error *error = NULL;

    begin(rt, s, f, task);
    int status = run_items(rt, s, &error);
    call_leave(rt, &s->frame);
    link_remove(&s->range.link);
    if (__builtin_expect(f->job || f->rec.count, 0))
        return go_on(rt, s, status, error);
    keep_piece(rt, f);
    return 0;
}

/* ---- The public call -------------------------------------------------- */

/* What else is to be said of the arguments, and of who calls, says
 * scoop_map_task(). */
static inline bool is_usual(const struct runtime *rt,
                            const struct scoop_task *task, const void *in,
                            const void *out, size_t n)
{
    return rt && rt->frame && rt->frame->task && n - 1 < SHORT_ITEMS &&
           registry_has(&rt->registry, task) && task->kind == SCOOP_TYPED &&
           (in || !task->in_size) && (out || !task->out_size) && !rt->is_shut &&
           call_has_room(rt);
}

int scoop_map_plain(struct scoop_task *task, const void *in, void *out,
                    size_t n)
{
    struct runtime *rt = runtime_current;
    struct short_map s;

    if (__builtin_expect(!is_usual(rt, task, in, out, n), 0))
        return scoop_map_task(task, in, out, n, NULL);
    if (__builtin_expect(--rt->calls_left == 0, 0))
        worker_attend(rt);
    if (__builtin_expect(map_is_unwanted(rt->frame), 0))
        return map_check_wanted(rt);
    struct future *f = take_piece(rt);
    if (__builtin_expect(!f, 0))
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    s.in = in;
    s.out = out;
    s.n = n;
    return run(rt, task, &s, f);
}
