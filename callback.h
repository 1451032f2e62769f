/* SPDX-License-Identifier: MIT */
/* callback.h -- functions that are called when a future has ended
 *
 * See callback.c.
 */
#ifndef CALLBACK_H
#define CALLBACK_H

#include <stdbool.h>

#include "runtime.h"

#define CALLBACKS_AT_ONCE 64u /* more wait until one of these has returned */

/* Whether there is a callback to run, and it may have a stack. */
static inline bool callback_is_due(const struct runtime *rt)
{
    const struct worker *w = &rt->worker;

    return w->callback && w->callbacks_running < CALLBACKS_AT_ONCE &&
           (!w->callbacks_refused || w->live < w->callbacks_refused);
}

/* Runs the next one on the running stack, which has nothing else on it. */
void callback_run(struct runtime *rt);
/* There is no stack for it now. */
void callback_refuse(struct runtime *rt, int code);

/* The future that the frame was called for if it is a callback's, else
 * NULL. */
struct future *callback_lent(const struct frame *frame);

#endif
