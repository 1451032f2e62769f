/* SPDX-License-Identifier: MIT */
/* settle.h -- how a future ends: by a result, a cancellation, its release
 *
 * See settle.c.
 */
#ifndef SETTLE_H
#define SETTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct frame;
struct future;
struct runtime;

/* What scoop_future_info() tells of a home future that has just been run. */
void settle_note_times(struct future *f, uint64_t run_ns, uint64_t now_ns);
/* An attempt of a home future has ended with that status; error is kept.  It
 * is done, or queued for its next attempt. */
void settle_take(struct runtime *rt, struct future *f, int status,
                 struct error *error);
/* Releases a home future that has no owner any more: frees it, or sees to it
 * that it is freed once it has ended.  True if it was unfinished. */
bool settle_release(struct runtime *rt, struct future *f);
/* Asks for a home future not to be run any more, and for its children. */
void settle_cancel(struct runtime *rt, struct future *f);
/* Asks a running function to end soon; cancels its children. */
void settle_ask(struct runtime *rt, struct frame *frame);

#endif
