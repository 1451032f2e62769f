/* SPDX-License-Identifier: MIT */
/* item.h -- one item of a range: its path, its attempts, its error
 *
 * What maps and reductions have in common.
 */
#ifndef ITEM_H
#define ITEM_H

#include "call.h"

/* How a range's items are called. */
struct item_way {
    uint64_t path; /* of the whole map */
    uint32_t retries;
};

/* Whether a thief would find nothing of this priority. */
static inline bool item_has_none_like(struct runtime *rt,
                                      const struct task *rec)
{
    if (__builtin_expect(lanes_is_main(rec), 1))
        return rt->deque.bottom == rt->deque.first &&
               !deque_public_count(rt->deque.shared);
    return lanes_has_none_like(&rt->lanes, rec);
}

/* The item, or the operation of a reducer, has failed with that code, for the
 * first time: tries again as often as it may.  0, or a SCOOP_E... code, with
 * what is known of it in *error. */
int item_again(struct runtime *rt, const struct item_way *way,
               struct frame *frame, uint64_t index, const void *in, void *out,
               int code, struct error **error);

/* Calls frame->type for the item of that index: 0 or a SCOOP_E... code. */
static inline int item_call(struct runtime *rt, const struct item_way *way,
                            struct frame *frame, uint64_t index, const void *in,
                            void *out, struct error **error)
{
    frame->path = call_child_path(way->path, index + 1);
    frame->made = 0;
    int code = call_function(rt, frame, in, out, error);
    if (__builtin_expect(code, 0))
        return item_again(rt, way, frame, index, in, out, code, error);
    return 0;
}

/* *out = op(left, right), in a frame that was entered for another function;
 * index: of the first item that `right` stands for. */
static inline int item_combine(struct runtime *rt, const struct item_way *way,
                               struct frame *frame, const struct scoop_task *op,
                               uint64_t index, const void *left,
                               const void *right, void *out,
                               struct error **error)
{
    const struct scoop_task *type = frame->type;
    struct measure *measure = frame->measure;
    const void *pair[2] = {left, right};

    frame->type = op;
    frame->measure = &rt->registry.measure[op->number];
    int status = item_call(rt, way, frame, index, pair, out, error);
    frame->type = type;
    frame->measure = measure;
    return status;
}

#endif
