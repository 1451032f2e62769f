/* SPDX-License-Identifier: MIT */
/* reduce.c -- one value of many: a tree over the index
 *
 * The tree: items are paired with their neighbours, 0 with 1, 2 with 3 and so
 * on, these pairs with theirs, up to one value; what has no neighbour on its
 * level is passed up.  It follows from the number of items alone, and no
 * operation is ever grouped in another way, whoever does it.
 *
 *     level 3   [0 ............... 7) whole
 *           2   [0 ..... 4) [4 .. 7)          a subtree of level k begins at a
 *           1   [0 2) [2 4) [4 6) [6          multiple of 2^k and has 2^k
 * items, 0    0 1   2 3   4 5   6          or all up to the end
 *
 * A task is one subtree.  Whoever runs it goes through its items from the
 * lower end with a stack of finished subtrees, as in a binary counter: two of
 * the same level are combined to one of the next.  So a subtree of any size
 * needs memory for its levels, not for its items.
 *
 * Before an item it looks at its deque, and if that is empty, so that a thief
 * would find nothing, it splits off the largest subtree at the upper end of
 * what is left (lazy splitting, as in map.c), queues it, and goes on with what
 * is below that.  At the end it takes the values of those it has split off,
 * last one first, which is the order of the index, and puts them on the stack.
 * So a value is combined where it was made, or by the one that split it off,
 * never at a place where all come together.
 *
 * A subtree is an ordinary future: its argument is its stretch of the input,
 * which lies in the memory of the one that split it off (its home), and is
 * fetched from there.  It therefore stays until all that were split off have
 * ended, also when something has failed: they are cancelled, and waited for.
 *
 * A caller with a time-out leaves its future when it goes; that is why it
 * copied the input beforehand.
 */
#include "reduce.h"

#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "item.h"
#include "map_inside.h"
#include "offer.h"
#include "public.h"
#include "queue.h"
#include "settle.h"
#include "worker.h"

#define SPLIT_NS 5000u /* a subtree that takes less is not worth a steal */
#define LEVELS 64u     /* of a tree over 2^63 items, and one more */

struct run {
    struct frame outer; /* owns what was split off */
    struct frame frame; /* of items and operations */
    struct item_way way;
    struct future *f;
    const struct scoop_task *map; /* NULL: the items are the values */
    const struct scoop_task *op;
    size_t in_size, size;
    const char *in;     /* of the item that comes next */
    uint64_t next, end; /* items that this task does itself */
    /* Finished subtrees and their levels; one slot above is free. */
    char *slot[LEVELS + 2];
    uint8_t level[LEVELS + 1];
    unsigned depth;
    struct future *part[LEVELS]; /* split off: at falling indices, */
    uint64_t part_first[LEVELS]; /* these */
    unsigned parts;
    struct error *error;
    int status;
};

static unsigned level_of(uint64_t items)
{
    return 63 - (unsigned)__builtin_clzll(items);
}

/* ---- Splitting off ---------------------------------------------------- */

/* Where the largest subtree begins that ends where [next, end) does, and does
 * not begin with `next`: at the number in between that has most zeros. */
static uint64_t upper_part(uint64_t next, uint64_t end)
{
    /* The first bit in which the two differ is 0 in `next`, 1 in `end - 1`. */
    return (end - 1) & ~(((uint64_t)1 << level_of(next ^ (end - 1))) - 1);
}

static bool is_worth_splitting(struct runtime *rt, const struct run *run)
{
    const struct measure *m = run->frame.measure;
    uint64_t items = run->end - run->next;

    if (items < 2 || !item_has_none_like(rt, &run->f->rec))
        return false;
    if (run->f->rec.chunk)
        return items / 2 >= run->f->rec.chunk;
    return !m->is_short || items * (m->stretch_ns + 1) > SPLIT_NS;
}

/* A future for a subtree; NULL: no memory. */
static struct future *make(struct runtime *rt, struct frame *owner,
                           const struct task *like, size_t size)
{
    struct future *f =
        future_take(&rt->futures, size <= 16 * FUTURE_CLASSES ? size : 0);

    if (!f)
        return NULL;
    f->owner = owner;
    f->arg = NULL;
    f->rec.path = like->path;
    f->rec.number = like->number;
    f->rec.chunk = like->chunk;
    f->rec.priority = like->priority;
    f->rec.range = like->range;
    f->rec.flags = TASK_SUBTREE;
    link_add(frame_children(owner), &f->link);
    rt->futures.created++;
    return f;
}

static void unmake(struct runtime *rt, struct future *f)
{
    rt->futures.ended++;
    link_remove(&f->link);
    future_put(&rt->futures, f);
}

static void split(struct runtime *rt, struct run *run)
{
    uint64_t first = upper_part(run->next, run->end);
    struct future *f;

    if (rt->is_alone || rt->is_draining || run->parts == LEVELS)
        return;
    f = make(rt, &run->outer, &run->f->rec, run->size);
    if (!f)
        return; /* goes on in one piece */
    f->rec.first = first;
    f->rec.count = run->end - first;
    f->rec.arg_len = f->rec.count * run->in_size;
    if (run->in_size)
        f->arg =
            (char *)(uintptr_t)run->in + (first - run->next) * run->in_size;
    if (queue_push(rt, f)) {
        unmake(rt, f);
        return;
    }
    run->end = first;
    run->part_first[run->parts] = first;
    run->part[run->parts++] = f;
    offer_tasks(rt);
}

/* ---- The stack of subtrees -------------------------------------------- */

static bool has_failed(struct run *run, int status)
{
    if (status)
        run->status = status;
    return status != 0;
}

/* The two on top become one. */
static bool combine_top(struct runtime *rt, struct run *run, uint64_t index)
{
    char **top = &run->slot[run->depth];

    if (has_failed(run, item_combine(rt, &run->way, &run->frame, run->op, index,
                                     top[-2], top[-1], top[0], &run->error)))
        return false;
    char *sum = top[0];
    top[0] = top[-2];
    top[-2] = sum;
    run->depth--;
    return true;
}

/* The slot above the top has the value of a subtree of that level. */
static bool push(struct runtime *rt, struct run *run, unsigned level,
                 uint64_t index)
{
    run->depth++;
    while (run->depth > 1 && run->level[run->depth - 2] == level) {
        if (!combine_top(rt, run, index))
            return false;
        level++;
    }
    run->level[run->depth - 1] = (uint8_t)level;
    return true;
}

/* Room for so many levels, in one block. */
static char *make_slots(struct run *run, uint64_t items)
{
    unsigned n = level_of(items) + 4;
    char *block = value_alloc(n * run->size, run->op->out_align);

    for (unsigned i = 0; block && i < n && i < LEVELS + 2; i++)
        run->slot[i] = block + i * run->size;
    return block;
}

/* ---- Running a subtree ------------------------------------------------ */

/* Another part has failed: take_part() will say which. */
static bool has_bad_part(const struct run *run)
{
    for (unsigned i = 0; i < run->parts; i++)
        if (run->part[i]->state == FUTURE_DONE && run->part[i]->status)
            return true;
    return false;
}

static void run_items(struct runtime *rt, struct run *run)
{
    struct future *f = run->f;
    uint32_t is_low = f->rec.priority < 0; /* even lane 9 goes before it */

    while (run->next < run->end && !run->status) {
        char *out = run->slot[run->depth];

        if (f->flags & FUTURE_CANCELLED) {
            run->status = SCOOP_ECANCELLED;
            return;
        }
        if (__builtin_expect(rt->lanes.filled | is_low, 0) &&
            lanes_precede(&rt->lanes, f->rec.priority)) {
            worker_yield(rt); /* a task of a higher priority goes first */
            continue;
        }
        if (__builtin_expect(!rt->is_alone, 1) && is_worth_splitting(rt, run))
            split(rt, run);
        f->rec.first = run->next; /* for errors, and scoop_index() */
        if (!run->map)
            memcpy(out, run->in, run->size);
        else if (has_failed(run,
                            item_call(rt, &run->way, &run->frame, run->next,
                                      run->in, out, &run->error)))
            return;
        if (!push(rt, run, 0, run->next))
            return;
        if (run->in)
            run->in += run->in_size;
        run->next++;
        if (__builtin_expect(--rt->calls_left == 0, 0)) {
            worker_attend(rt);
            if (has_bad_part(run))
                run->status = SCOOP_ECANCELLED; /* until it is asked why */
        }
    }
}

/* The value of a subtree that has ended. */
static int value_of(const struct future *f, void *out, size_t size)
{
    if (!f->status && f->result_len != size)
        return SCOOP_EMISMATCH;
    if (!f->status)
        memcpy(out, f->result, size);
    return f->status;
}

static void cancel_parts(struct runtime *rt, struct run *run)
{
    for (unsigned i = 0; i < run->parts; i++)
        settle_cancel(rt, run->part[i]);
}

/* Takes the value of what was split off last, and releases it.  Parts come in
 * the order of the index, so the first that failed is the one to tell of. */
static void take_part(struct runtime *rt, struct run *run)
{
    struct future *f = run->part[--run->parts];
    uint64_t first = run->part_first[run->parts];
    bool was_well = !run->status;

    rt->frame = run->f->frame = &run->outer; /* whose it is */
    worker_wait(rt, f, CLOCK_NEVER);
    rt->frame = run->f->frame = &run->frame;
    if ((was_well || run->status == SCOOP_ECANCELLED) &&
        has_failed(run, value_of(f, run->slot[run->depth], run->size))) {
        error_free(run->error);
        run->error = f->error;
        f->error = NULL;
    }
    if (was_well && run->status)
        cancel_parts(rt, run);
    public_release(rt, f);
    if (!run->status && !push(rt, run, (unsigned)__builtin_ctzll(first), first))
        cancel_parts(rt, run);
}

static void reduce(struct runtime *rt, struct run *run)
{
    run_items(rt, run);
    if (run->status)
        cancel_parts(rt, run);
    while (run->parts)
        take_part(rt, run);
    while (!run->status && run->depth > 1) /* the end of the array */
        combine_top(rt, run, run->next);
}

int reduce_execute(struct runtime *rt, struct future *f, struct error **error)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    uint64_t first = f->rec.first;
    struct run run;

    memset(&run, 0, sizeof run);
    run.f = f;
    run.op = registry_task(&rt->registry, f->rec.range.op);
    if (!run.op || !f->rec.count)
        return SCOOP_ENOTASK;
    run.map = type == run.op ? NULL : type;
    run.way.path = f->rec.path;
    run.way.retries = f->rec.range.retries;
    run.in_size = type->in_size;
    run.size = run.op->out_size;
    run.in = run.in_size ? f->arg : NULL;
    run.next = first;
    run.end = first + f->rec.count;
    f->result = future_result_room(f, run.size, run.op->out_align);
    char *block = make_slots(&run, f->rec.count);
    if (!f->result || !block) {
        free(block);
        return SCOOP_ENOMEM;
    }
    f->state = FUTURE_RUNNING;
    call_enter(rt, &run.outer, f, type, f->rec.path);
    call_enter(rt, &run.frame, f, type, f->rec.path);
    reduce(rt, &run);
    rt->frame = &run.outer;
    call_leave(rt, &run.outer);
    f->rec.first = first;
    if (!run.status) {
        memcpy(f->result, run.slot[0], run.size);
        f->result_len = run.size;
    }
    free(block);
    *error = run.error;
    return run.status;
}

/* ---- The call --------------------------------------------------------- */

int reduce_check(struct runtime *rt, const struct scoop_task *task,
                 const struct scoop_task *op, const void *in, const void *out,
                 size_t n)
{
    size_t in_size;

    if (!rt->frame)
        return SCOOP_ESTATE;
    if (!op || op->kind != SCOOP_OPERATOR)
        return runtime_fail(rt, SCOOP_EINVAL, "%s is not a reducer",
                            op && op->name ? op->name : "NULL");
    if (!registry_has(&rt->registry, op))
        return runtime_fail(rt, SCOOP_ENOTASK,
                            "the reducer \"%s\" is not registered", op->name);
    if (task) {
        int err = public_check_task(rt, task, "", task->in_size);
        if (err)
            return err;
        if (task->kind != SCOOP_TYPED || task->out_size != op->out_size)
            return runtime_fail(rt, SCOOP_EINVAL,
                                "%s does not make what %s combines", task->name,
                                op->name);
    }
    in_size = task ? task->in_size : op->in_size;
    if (!op->out_size)
        return runtime_fail(rt, SCOOP_EINVAL, "%s combines nothing", op->name);
    if (!out || (n && in_size && !in))
        return runtime_fail(rt, SCOOP_EINVAL, "an array for %s is NULL",
                            op->name);
    if (n > SIZE_MAX / 4 / (in_size > op->out_size ? in_size : op->out_size))
        return runtime_fail(rt, SCOOP_EINVAL, "an array of %zu items cannot be",
                            n);
    return 0;
}

/* A future for all of it, not queued yet; NULL: no memory. */
static struct future *make_whole(struct runtime *rt,
                                 const struct scoop_task *type,
                                 const struct task *like, const void *in,
                                 size_t n, bool is_careful)
{
    struct future *f = make(rt, rt->frame, like, type->out_size);

    if (!f)
        return NULL;
    f->rec.count = n;
    f->rec.arg_len = n * type->in_size;
    if (!f->rec.arg_len)
        return f;
    f->arg = (void *)(uintptr_t)in;
    if (!is_careful)
        return f;
    f->arg = value_alloc(n * type->in_size, type->in_align);
    if (!f->arg) {
        unmake(rt, f);
        return NULL;
    }
    f->flags |= FUTURE_OWNS_ARG;
    memcpy(f->arg, in, n * type->in_size);
    return f;
}

static int wait_whole(struct runtime *rt, struct future *f, void *out,
                      size_t size, uint64_t deadline_ns)
{
    int status = worker_wait(rt, f, deadline_ns);

    if (status) {
        status =
            runtime_fail(rt, status, "reduction: %s", scoop_strerror(status));
    } else {
        status = value_of(f, out, size);
        if (status)
            runtime_set_error_take(rt, f->error);
        if (status)
            f->error = NULL;
    }
    public_release(rt, f);
    return status;
}

int scoop_map_reduce_task(const struct scoop_task *task,
                          const struct scoop_task *op, const void *in,
                          void *result, size_t n,
                          const struct scoop_reduce_options *options)
{
    static const struct scoop_reduce_options none;
    struct runtime *rt = runtime_current;
    struct task like = {0};
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    if (!options)
        options = &none;
    err = reduce_check(rt, task, op, in, result, n);
    if (!err)
        err = map_check_terms(rt, options->retries, options->priority,
                              &like.range.retries);
    if (err)
        return err;
    if (!n && options->neutral)
        memcpy(result, options->neutral, op->out_size);
    else if (!n)
        return runtime_fail(rt, SCOOP_EEMPTY, "reduction by %s: %s", op->name,
                            scoop_strerror(SCOOP_EEMPTY));
    if (!n)
        return 0;
    struct scoop_wait_options wait = {options->timeout};
    uint64_t deadline_ns = public_deadline(&wait);
    if (--rt->calls_left == 0)
        worker_attend(rt);
    err = map_check_wanted(rt);
    if (err)
        return err;
    like.path = call_next_path(rt->frame);
    like.number = task ? task->number : op->number;
    like.range.op = op->number;
    like.priority = (int8_t)options->priority;
    like.chunk =
        options->chunk < UINT32_MAX ? (uint32_t)options->chunk : UINT32_MAX;
    struct future *f = make_whole(rt, task ? task : op, &like, in, n,
                                  deadline_ns != CLOCK_NEVER);
    if (!f)
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a reduction");
    if (deadline_ns == CLOCK_NEVER && !like.priority && call_has_room(rt)) {
        struct error *error = NULL; /* here, where the input is */
        int status = reduce_execute(rt, f, &error);
        settle_take(rt, f, status, error);
    } else if ((err = queue_push(rt, f)) != 0) {
        unmake(rt, f);
        return runtime_fail(rt, err, "reduction by %s: %s", op->name,
                            scoop_strerror(err));
    }
    return wait_whole(rt, f, result, op->out_size, deadline_ns);
}
