/* SPDX-License-Identifier: MIT */
/* scan.c -- the sums so far of an array, in blocks
 *
 * After the map the values stand in the caller's output.  They are divided in
 * blocks, about as many as a block has values, and go through two passes:
 *
 *     values     | a b c d | e f g h | i j k l | m n
 *     1. up        S0        S1        S2           each block's sum: a map
 *        here      -         S0        S0+S1 ...    sums of the blocks before
 *                            |         |
 *                            v         v
 *     2. down    | a ...   | S0+e ...| ...          each block's sums so far,
 *                                                   a map
 *
 * Between the passes the caller adds what stands before a block to the first
 * value of the block, so that a block needs nothing but itself.  The last
 * block, if it is not full, is left to the caller, which has less to do with
 * it than with the sums.
 *
 * The passes are maps like any other (map.c) whose items are blocks; they
 * read and write the output in place.  That is safe while pieces are fetched
 * by other ranks, since a block is written only by the piece that it is in,
 * after it was read.  A call with a time-out copies its input, as maps do.
 *
 * How operations are grouped follows from n alone.
 */
#include "scan.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "map_inside.h"
#include "public.h"
#include "reduce.h"
#include "worker.h"

/* Between two operations: lets others have their turn.  SCOOP_ECANCELLED: the
 * rest is not wanted. */
static int look_around(struct runtime *rt, const struct frame *frame)
{
    if (__builtin_expect(--rt->calls_left != 0, 1))
        return 0;
    worker_attend(rt);
    return frame->task && (frame->task->flags & FUTURE_CANCELLED)
               ? SCOOP_ECANCELLED
               : 0;
}

int scan_fold_block(struct runtime *rt, const struct item_way *way,
                    struct frame *frame, uint64_t block, unsigned log2,
                    const void *in, void *out, void *scratch,
                    struct error **error)
{
    const struct scoop_task *op = frame->type;
    uint64_t first = block << log2, items = (uint64_t)1 << log2;
    size_t size = op->out_size;
    const char *sum = in;

    for (uint64_t i = 1; i < items; i++) {
        char *next = (char *)scratch + (i & 1) * size;
        int status = item_combine(rt, way, frame, op, first + i, sum,
                                  (const char *)in + i * size, next, error);
        if (!status)
            status = look_around(rt, frame);
        if (status)
            return status;
        sum = next;
    }
    memcpy(out, sum, size);
    return 0;
}

/* to[i] = to[i - 1] op from[i] for 1 <= i < items; to[0] is there. */
static int sweep(struct runtime *rt, const struct item_way *way,
                 struct frame *frame, uint64_t first, uint64_t items,
                 const char *from, char *to, void *scratch,
                 struct error **error)
{
    const struct scoop_task *op = frame->type;
    size_t size = op->out_size;

    for (uint64_t i = 1; i < items; i++) {
        int status =
            item_combine(rt, way, frame, op, first + i, to + (i - 1) * size,
                         from + i * size, scratch, error);
        if (status)
            return status;
        memcpy(to + i * size, scratch, size);
    }
    return 0;
}

int scan_sweep_block(struct runtime *rt, const struct item_way *way,
                     struct frame *frame, uint64_t block, unsigned log2,
                     const void *in, void *out, void *scratch,
                     struct error **error)
{
    memmove(out, in, frame->type->out_size);
    return sweep(rt, way, frame, block << log2, (uint64_t)1 << log2, in, out,
                 scratch, error);
}

/* ---- The call --------------------------------------------------------- */

struct scan {
    struct runtime *rt;
    const struct scoop_task *op;
    char *out;
    char *sums;    /* of each block but the last, then of all up to it */
    char *scratch; /* room for two values */
    uint64_t n, blocks;
    uint64_t deadline_ns;
    struct item_way way;
    struct map_order order; /* of a pass over blocks */
    unsigned block;         /* binary logarithm of its items */
};

/* What the caller does itself: op in a frame of its own. */
static int by_hand(struct scan *s,
                   int (*what)(struct scan *s, struct frame *frame,
                               struct error **error))
{
    struct error *error = NULL;
    struct frame frame;

    call_enter(s->rt, &frame, NULL, s->op, s->way.path);
    int status = what(s, &frame, &error);
    call_leave(s->rt, &frame);
    if (status == SCOOP_ETIMEDOUT)
        runtime_fail(s->rt, status, "scan by %s: the time given has passed",
                     s->op->name);
    else if (status && error)
        runtime_set_error_take(s->rt, error);
    else if (status)
        runtime_fail(s->rt, status, "scan by %s: %s", s->op->name,
                     scoop_strerror(status));
    return status;
}

/* Of each block's sum the sum up to it, and that on to the next block. */
static int add_up(struct scan *s, struct frame *frame, struct error **error)
{
    size_t size = s->op->out_size;

    for (uint64_t k = 1; k < s->blocks; k++) {
        uint64_t first = k << s->block;
        char *sum = s->sums + k * size, *value = s->out + first * size;
        int status = item_combine(s->rt, &s->way, frame, s->op, first,
                                  sum - size, value, s->scratch, error);
        if (!status) {
            memcpy(value, s->scratch, size);
            if (k + 1 < s->blocks)
                status = item_combine(s->rt, &s->way, frame, s->op, first,
                                      sum - size, sum, s->scratch, error);
        }
        if (status)
            return status;
        memcpy(sum, s->scratch, size);
        if (s->deadline_ns != CLOCK_NEVER && clock_is_past(s->deadline_ns))
            return SCOOP_ETIMEDOUT;
        look_around(s->rt, frame);
    }
    return 0;
}

/* The last block, where it is not full; all of it where there are no blocks. */
static int sweep_rest(struct scan *s, struct frame *frame, struct error **error)
{
    uint64_t first = s->block ? s->n >> s->block << s->block : 0;
    char *rest = s->out + first * s->op->out_size;

    return sweep(s->rt, &s->way, frame, first, s->n - first, rest, rest,
                 s->scratch, error);
}

static int pass(struct scan *s, void *out, uint64_t blocks, uint8_t how)
{
    s->order.out = out;
    s->order.n = blocks;
    s->order.range.how = how;
    return blocks ? map_run(s->rt, &s->order) : 0;
}

static int both_passes(struct scan *s)
{
    uint64_t full = s->n >> s->block;
    size_t size = s->op->out_size, align = s->op->out_align;
    int err = 0;

    s->scratch = value_alloc(2 * size, align);
    s->sums = value_alloc(s->blocks * size, align);
    if (!s->sums || !s->scratch)
        err = runtime_fail(s->rt, SCOOP_ENOMEM, "no memory for a scan");
    if (!err && s->block)
        err = pass(s, s->sums, s->blocks - 1, RANGE_FOLD);
    if (!err && s->block)
        err = by_hand(s, add_up);
    if (!err && (!s->block || full << s->block != s->n))
        err = by_hand(s, sweep_rest);
    if (!err && s->block)
        err = pass(s, s->out, full, RANGE_SWEEP);
    free(s->sums);
    free(s->scratch);
    return err;
}

static int scan(struct runtime *rt, const struct scoop_task *task,
                const struct scoop_task *op, const void *in, void *out,
                size_t n, const struct map_order *order)
{
    struct scan s = {.rt = rt, .op = op, .out = out, .n = n, .order = *order};
    int err = 0;

    s.deadline_ns = order->deadline_ns;
    s.way = (struct item_way){rt->frame->path, order->range.retries};
    if (task)
        err = map_run(rt, order);
    else if (in != out)
        memmove(out, in, n * op->out_size);
    s.block = (63 - (unsigned)__builtin_clzll(n)) / 2;
    s.blocks = ((n - 1) >> s.block) + 1;
    s.order.task = op;
    s.order.in = out;
    s.order.range.block = (uint8_t)s.block;
    /* `chunk` counts items, and now they are blocks. */
    s.order.options.chunk =
        (order->options.chunk + ((size_t)1 << s.block) - 1) >> s.block;
    if (!err && n > 1)
        err = both_passes(&s);
    return err;
}

int scoop_map_scan_task(const struct scoop_task *task,
                        const struct scoop_task *op, const void *in, void *out,
                        size_t n, const struct scoop_scan_options *options)
{
    struct map_order order = {.task = task, .in = in, .out = out, .n = n};
    struct runtime *rt = runtime_current;
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    err = reduce_check(rt, task, op, in, out, n);
    if (!err && options)
        err = map_check_terms(rt, options->retries, options->priority,
                              &order.range.retries);
    if (err || !n)
        return err;
    if (options) {
        order.options.chunk = options->chunk;
        order.options.priority = options->priority;
    }
    struct scoop_wait_options wait = {options ? options->timeout : 0};
    order.deadline_ns = public_deadline(&wait);
    if (--rt->calls_left == 0)
        worker_attend(rt);
    return scan(rt, task, op, in, out, n, &order);
}
