/* SPDX-License-Identifier: MIT */
/* fresh.c -- futures that only their owner has seen yet
 *
 * Most futures live a short life: a function submits a task, goes on, and
 * joins it, and nobody else has ever wanted to know of it.  An ordinary future
 * stands in its owner's list of children, in the deque, and in the counts by
 * which the farm's end is found.  All that is written in vain if the next one
 * who comes is the join.  So a future without options begins as a fresh one:
 * it stands on this stack and nowhere else.
 *
 *      base             top              limit          end
 *       |                |                 |             |
 *       +----------------+-----------------+-------------+
 *       | fresh: running | free futures    | free ones   |
 *       | or to be run   | ready for use   | or NULL     |
 *       +----------------+-----------------+-------------+
 *
 * Submit (the inline half, in scoop_macros.h) fills in the future at the top
 * and moves the top; a join of the topmost (result.c) calls its function and
 * moves the top back when that has returned.  The future stays where it is, to
 * be used by the next submit that comes so far.  Nothing else is written: its
 * state is still FUTURE_FREE, so that whoever looks for it in the table does
 * not find it.
 *
 * Therefore whoever might look has to enlist what is fresh before, oldest
 * first, which makes ordinary futures of it: in a list, in the deque, counted.
 * These are
 *
 *   - all who push in the deque, or take from it: what is fresh is newer than
 *     all that is queued (queue.c, worker.c),
 *   - what a handle is looked up for that is not the topmost (public.c),
 *   - whoever publishes (offer.c), cancels (settle.c), counts (shutdown.c,
 *     dump.c),
 *   - a frame that is entered in any other way, or left with children (call.h,
 *     call.c), and a strand that is left (worker.c).
 *
 * It follows that what is fresh belongs to frames of the strand that runs, and
 * that a fresh future that runs was called by the very frame that owns it, so
 * that the frames of the fresh ones are the topmost frames, without a gap: one
 * that has been enlisted, or never was fresh, has none below.  While a
 * scheduler runs there are none.  Enlisting costs each future once, and cannot
 * fail: room in the deque is made before the stack is opened.
 *
 * `limit` is where the inline half gives up and calls the library.  Closed
 * (limit = base), the stack takes nothing from it.  It is closed
 *
 *   - whenever something was enlisted,
 *   - while the running function is timed: each of its submits ends a stretch,
 *   - while the running function is not known to be short: it must not hide
 *     tasks (offer.c).
 *
 * Only fresh_open() opens it, from a submit that came by: it knows everything
 * that forbids it.  Whatever may come to forbid it enlists, or closes.
 */
#include "fresh.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 512u  /* the deepest stack; more are enlisted */
#define AT_ONCE 16u /* free futures made ready by one who comes by */

/* Below the bottom, so that a join need not ask whether there is a topmost: of
 * no handle, no frame. */
static const struct future nobody = {.rec = {.id = UINT64_MAX}};

int fresh_init(struct runtime *rt)
{
    struct future **all = calloc(1 + SLOTS, sizeof *all);

    if (!all)
        return SCOOP_ENOMEM;
    all[0] = (struct future *)(uintptr_t)&nobody;
    rt->fresh.base = rt->fresh_top = rt->fresh_limit = all + 1;
    rt->wanted = &rt->node.me->wanted;
    return 0;
}

void fresh_fini(struct runtime *rt)
{
    if (rt->fresh.base)
        free(rt->fresh.base - 1); /* the futures are the table's */
}

/* A free future with that much room in the slot: there is one, or the one that
 * is too small goes back.  False: no memory. */
static bool furnish(struct runtime *rt, struct future **slot, size_t bytes)
{
    if (*slot && future_room(*slot) >= bytes)
        return true;
    struct future *f = future_take(&rt->futures, bytes);
    if (!f)
        return false;
    if (*slot)
        future_put_clean(&rt->futures, *slot);
    *slot = f;
    return true;
}

/* How many more may be pushed, as far as there is room for them in the deque
 * and as many may be private. */
static size_t room_for_more(struct runtime *rt)
{
    struct deque *d = &rt->deque;
    size_t fresh = (size_t)(rt->fresh_top - rt->fresh.base);
    uint64_t private = d->bottom - d->first + fresh;
    uint64_t room = d->mask + 1 - (d->bottom - d->reclaimed);

    if (room < fresh + AT_ONCE && !deque_grow(d))
        room = d->mask + 1 - (d->bottom - d->reclaimed);
    if (room > SLOTS)
        room = SLOTS;
    if (private >= rt->private_max || fresh >= room)
        return 0;
    room -= fresh;
    return room < rt->private_max - private ? room : rt->private_max - private;
}

bool fresh_open(struct runtime *rt, size_t bytes)
{
    struct frame *frame = rt->frame;
    size_t n = 0, room;

    if (!frame->measure->is_short || rt->lanes.filled & LANES_ABOVE ||
        atomic_load_explicit(&rt->node.me->wanted, memory_order_relaxed))
        return false;
    room = room_for_more(rt);
    if (!room) { /* the oldest make room, and perhaps are published */
        fresh_enlist(rt);
        return false;
    }
    while (n < room && n < AT_ONCE && furnish(rt, &rt->fresh_top[n], bytes))
        n++;
    if (frame->marks & FRAME_TIMED)
        fresh_close(rt);
    else
        rt->fresh_limit = rt->fresh_top + n;
    return n > 0;
}

/* Those that run, which end in the long way from now on. */
static void enlist_running(struct runtime *rt)
{
    for (struct frame *frame = rt->frame; frame && frame->marks & FRAME_FRESH;
         frame = frame->below) {
        frame->marks &= (uint8_t)~FRAME_FRESH;
        frame->task->state = FUTURE_RUNNING;
        frame->task->frame = frame;
    }
}

void fresh_enlist_all(struct runtime *rt)
{
    enlist_running(rt);
    for (struct future **slot = rt->fresh.base; slot < rt->fresh_top; slot++) {
        struct future *f = *slot;
        const struct scoop_task *type =
            registry_task(&rt->registry, f->rec.number);
        *slot = NULL;
        f->arg = type->in_size ? f->data : NULL;
        f->rec.arg_len = type->in_size;
        link_add(frame_children(f->owner), &f->link);
        rt->futures.created++;
        if (f->state == FUTURE_RUNNING)
            continue;
        f->state = FUTURE_QUEUED;
        deque_push(&rt->deque, &f->item); /* room_for_more() made room */
    }
    rt->fresh_top = rt->fresh.base;
    fresh_close(rt);
}
