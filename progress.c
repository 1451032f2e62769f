/* SPDX-License-Identifier: MIT */
/* progress.c -- how far a map is, told on the rank that called it
 *
 * The home of a map counts its items anyway.  It tells the numbers between
 * items that it runs itself, and where it waits for others by a timer of that
 * wait; so they are late by an item's time at most.  They are told every
 * tenth of a second, and at the end.
 */
#include "progress.h"

#include "clock.h"
#include "runtime.h"

#define EVERY_NS 100000000u

static void tell(struct progress *p, uint64_t now_ns)
{
    struct scoop_progress said = {p->label, p->done, p->failed, p->total,
                                  0,        0,       -1};
    uint64_t ended = p->done + p->failed;

    said.seconds = clock_seconds_of(now_ns - p->begun_ns);
    if (said.seconds > 0)
        said.rate = (double)ended / said.seconds;
    if (ended)
        said.eta = (double)(p->total - ended) / (double)ended * said.seconds;
    if (p->fn)
        p->fn(&said, p->arg);
}

void progress_begin(
    struct runtime *rt, struct progress *p, const char *label, uint64_t total,
    void (*fn)(const struct scoop_progress *progress, void *arg), void *arg)
{
    (void)rt;
    p->label = label ? label : "";
    p->fn = fn;
    p->arg = arg;
    p->done = p->failed = 0;
    p->total = total;
    p->is_on = fn != NULL;
    p->begun_ns = p->is_on ? clock_now_ns() : 0;
    p->due_ns = p->is_on ? clock_after(p->begun_ns, EVERY_NS) : CLOCK_NEVER;
}

void progress_add(struct runtime *rt, struct progress *p, uint64_t done,
                  uint64_t failed)
{
    (void)rt;
    p->done += done;
    p->failed += failed;
}

void progress_tell(struct runtime *rt, struct progress *p)
{
    (void)rt;
    if (!p->is_on)
        return;
    uint64_t now_ns = clock_now_ns();
    if (now_ns < p->due_ns)
        return;
    p->due_ns = clock_after(now_ns, EVERY_NS);
    tell(p, now_ns);
}

void progress_end(struct runtime *rt, struct progress *p)
{
    (void)rt;
    if (p->is_on)
        tell(p, clock_now_ns());
    p->is_on = false;
    p->fn = NULL;
    p->due_ns = CLOCK_NEVER;
}
