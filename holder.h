/* SPDX-License-Identifier: MIT */
/* holder.h -- who has a task: news of it, and what its holder is told
 *
 * See holder.c.
 */
#ifndef HOLDER_H
#define HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct future;
struct net;
struct net_message;
struct runtime;
struct wire_cancel;

/* To the home of a guest: it begins to run. */
void holder_tell_started(struct runtime *rt, const struct future *guest);
/* To the holder of a home future: do not run it, or end soon. */
void holder_cancel(struct runtime *rt, struct future *f, int holder);
/* The same; the answer is its RESULT, or ASKED: then the record's flags have
 * TASK_CANCEL, and who waits for the future is woken. */
void holder_cancel_and_tell(struct runtime *rt, struct future *f);
/* Says what has come of a CANCEL, if somebody waits to hear.  The helper does
 * it where the main thread is busy, and cannot know more. */
void holder_answer_cancel(struct net *net, int home,
                          const struct wire_cancel *ask, bool is_dropped);
/* The deque has told who took a future. */
void holder_taken(struct runtime *rt, struct future *f, int holder,
                  uint32_t hops);
void holder_on_held(struct runtime *rt, struct net_message *m);
void holder_on_started(struct runtime *rt, struct net_message *m);
void holder_on_cancel(struct runtime *rt, struct net_message *m);
void holder_on_asked(struct runtime *rt, struct net_message *m);

#endif
