/* SPDX-License-Identifier: MIT */
/* item.c -- one item of a range: its path, its attempts, its error
 *
 * An item that fails is tried again at once, on the stack and the rank that it
 * failed on: what failed there may well fail there again, but an item does not
 * travel alone, and whoever has its range has its input.  All attempts have
 * the same path, so that what a task draws from its seed is the same each
 * time.
 *
 * A range that was cancelled tries nothing again.
 */
#include "item.h"

#include "worker.h"

/* The one who waits learns of the item of his own map, also where it only
 * passed on what another task had to say. */
static void sign(struct error *error, const struct item_way *way,
                 const struct frame *frame, uint64_t index, uint32_t attempt)
{
    bool is_item = frame->type->kind != SCOOP_OPERATOR;

    if (!error)
        return;
    error->said.has_item = is_item;
    error->said.item = is_item ? index : 0;
    if (!way->retries)
        return;
    error->said.attempt = (int)attempt;
    error->said.attempts = (int)way->retries + 1;
}

int item_again(struct runtime *rt, const struct item_way *way,
               struct frame *frame, uint64_t index, const void *in, void *out,
               int code, struct error **error)
{
    struct future *f = frame->task;
    uint32_t attempt = 1;

    while (code && attempt <= way->retries &&
           !(f && (f->flags & FUTURE_CANCELLED))) {
        error_free(*error);
        *error = NULL;
        frame->attempt = ++attempt < UINT8_MAX ? (uint8_t)attempt : UINT8_MAX;
        frame->made = 0;
        code = call_function(rt, frame, in, out, error);
        if (--rt->calls_left == 0)
            worker_attend(rt);
    }
    frame->attempt = 1;
    if (!code)
        return 0;
    if (f && (f->flags & FUTURE_CANCELLED)) {
        error_free(*error); /* no wonder: its children were cancelled, too */
        *error = NULL;
        return SCOOP_ECANCELLED;
    }
    sign(*error, way, frame, index, attempt);
    return *error ? (*error)->said.code : SCOOP_EFAILED;
}
