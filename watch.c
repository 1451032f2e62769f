/* SPDX-License-Identifier: MIT */
/* watch.c -- who is told when a future ends
 *
 * See watch.h.  The ring has no head of its own: the future points at the
 * first watch, and the one before the first is the last.
 */
#include "watch.h"

void watch_add(struct future *f, struct watch *w, const struct watch_kind *kind)
{
    w->future = f;
    w->kind = kind;
    if (!(f->flags & FUTURE_WATCHED)) {
        w->next = w->prev = w;
        f->watchers = w;
        f->flags |= FUTURE_WATCHED;
        return;
    }
    struct watch *first = f->watchers;
    w->next = first;
    w->prev = first->prev;
    first->prev->next = w;
    first->prev = w;
}

void watch_remove(struct watch *w)
{
    struct future *f = w->future;

    if (!watch_is_on(w))
        return;
    if (w->next == w) {
        f->watchers = NULL;
        f->flags ^= FUTURE_WATCHED;
    } else {
        if (f->watchers == w)
            f->watchers = w->next;
        w->next->prev = w->prev;
        w->prev->next = w->next;
    }
    w->next = w->prev = NULL;
}

void watch_ended(struct runtime *rt, struct future *f)
{
    while (f->flags & FUTURE_WATCHED) {
        struct watch *w = f->watchers;
        watch_remove(w);
        w->kind->ended(rt, w);
    }
}

void watch_released(struct runtime *rt, struct future *f)
{
    struct watch *w = f->watchers, *last = w->prev, *next;

    for (bool was_last = false; !was_last; w = next) {
        next = w->next;
        was_last = w == last;
        if (!w->kind->released)
            continue;
        watch_remove(w);
        w->kind->released(rt, w);
    }
}
