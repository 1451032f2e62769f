/* SPDX-License-Identifier: MIT */
/* completed.c -- futures in the order in which they end
 *
 * An iterator has an entry for each future that it has not yielded.  Open
 * ones watch their future; when it ends the entry moves to the end of the
 * ready ones, from whose front the caller is served.  So each end and each
 * step cost the same however many there are.
 *
 *     add --> open ----future ends----> ready ---next---> yielded, gone
 *               \____ released: gone      \__ released meanwhile: gone
 *
 * A table by handle finds an entry again, so that a future that is added
 * twice is yielded once.  One that was yielded is forgotten: added again, it
 * is yielded again.
 *
 * Futures stay their owner's.  One that is released before its turn drops out:
 * an open entry is told by its watch, a ready one is found to be stale.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "iter.h"
#include "public.h"
#include "worker.h"

#define TABLE_FIRST 16u

/* ---- Entries ---------------------------------------------------------- */

/* Futures that live have different places in this rank's table, so those are
 * as good as a hash, and those that were submitted in a row are neighbours. */
static size_t slot(const struct scoop_iter *it, scoop_future h)
{
    return (size_t)h.id & (it->table_size - 1);
}

static struct entry *find(const struct scoop_iter *it, scoop_future h)
{
    struct entry *e = it->table ? it->table[slot(it, h)] : NULL;

    while (e && (e->handle.id != h.id || e->handle.generation != h.generation))
        e = e->same_hash;
    return e;
}

/* Makes room for one more.  Without memory the chains get longer. */
static int grow(struct scoop_iter *it)
{
    size_t old_size = it->table_size;
    struct entry **old = it->table;

    if (it->entries < old_size)
        return 0;
    size_t size = old_size ? 2 * old_size : TABLE_FIRST;
    struct entry **table = calloc(size, sizeof(struct entry *));
    if (!table)
        return old ? 0 : SCOOP_ENOMEM;
    it->table = table;
    it->table_size = size;
    for (size_t i = 0; i < old_size; i++)
        for (struct entry *e = old[i], *next; e; e = next) {
            struct entry **at = &table[slot(it, e->handle)];
            next = e->same_hash;
            e->same_hash = *at;
            *at = e;
        }
    free(old);
    return 0;
}

void iter_remove(struct entry *e)
{
    struct scoop_iter *it = e->iter;
    struct entry **at = &it->table[slot(it, e->handle)];

    while (*at != e)
        at = &(*at)->same_hash;
    *at = e->same_hash;
    it->entries--;
    watch_remove(&e->watch);
    link_remove(&e->link);
    free(e);
}

static void ended(struct runtime *rt, struct watch *w)
{
    struct entry *e = (struct entry *)(void *)w;

    link_remove(&e->link);
    link_add(&e->iter->ready, &e->link);
    gate_open(rt, &e->iter->gate);
}

static void released(struct runtime *rt, struct watch *w)
{
    (void)rt;
    iter_remove((struct entry *)(void *)w);
}

static const struct watch_kind entry_kind = {ended, released};

struct entry *iter_add(struct scoop_iter *it, struct future *f, bool in_order)
{
    scoop_future handle = public_handle(f);
    struct entry *e = find(it, handle);

    if (e)
        return e;
    e = grow(it) ? NULL : calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->iter = it;
    e->handle = handle;
    e->watch.future = f;
    struct entry **at = &it->table[slot(it, handle)];
    e->same_hash = *at;
    *at = e;
    it->entries++;
    link_add(f->state == FUTURE_DONE && !in_order ? &it->ready : &it->open,
             &e->link);
    if (f->state != FUTURE_DONE && !in_order)
        watch_add(f, &e->watch, &entry_kind);
    return e;
}

/* ---- Iterators -------------------------------------------------------- */

struct scoop_iter *iter_new(struct runtime *rt)
{
    struct scoop_iter *it = calloc(1, sizeof *it);

    if (!it)
        return NULL;
    it->anchor.state = FUTURE_ANCHOR;
    it->anchor.owner = rt->frame;
    link_add(frame_children(rt->frame)->next, &it->anchor.link); /* in front */
    link_init(&it->open);
    link_init(&it->ready);
    return it;
}

static void drop_all(struct runtime *rt, const struct scoop_iter *it,
                     struct link *head)
{
    while (!link_is_empty(head)) {
        struct entry *e = entry_of_link(head->next);
        struct future *f = e->watch.future;
        iter_remove(e);
        if (it->source)
            public_release(rt, f);
    }
}

void iter_close(struct runtime *rt, struct scoop_iter *it)
{
    link_remove(&it->anchor.link);
    drop_all(rt, it, &it->open);
    drop_all(rt, it, &it->ready);
    if (it->source)
        source_free(it->source);
    free(it->table);
    free(it);
}

struct scoop_iter *iter_own(struct runtime *rt, struct scoop_iter *it)
{
    struct link *head = rt->frame ? frame_children(rt->frame) : NULL;

    if (!it) {
        runtime_fail(rt, SCOOP_EINVAL, "the iterator is NULL");
        return NULL;
    }
    for (struct link *l = head ? head->next : NULL; l != head; l = l->next) {
        struct future *f = future_of_link(l);
        if (f->state != FUTURE_ANCHOR)
            break;
        if (iter_of_anchor(f) != it)
            continue;
        link_remove(l);
        link_add(head->next, l); /* it will be asked for again */
        return it;
    }
    runtime_fail(rt, SCOOP_ESTALE,
                 "the iterator was freed, or belongs to another task");
    return NULL;
}

int iter_next(struct runtime *rt, struct scoop_iter *it, uint64_t deadline_ns,
              struct entry **e)
{
    if (link_is_empty(&it->ready) && link_is_empty(&it->open))
        return SCOOP_END;
    it->gate.is_open = !link_is_empty(&it->ready);
    int err = gate_wait(rt, &it->gate, deadline_ns, "one of several futures");
    if (err)
        return err;
    *e = entry_of_link(it->ready.next);
    return 0;
}

/* ---- Calls ------------------------------------------------------------ */

static int add(struct runtime *rt, struct scoop_iter *it, scoop_future future)
{
    int why;
    struct future *f = public_own(rt, future, &why);

    if (!f)
        return why;
    if (!iter_add(it, f, false))
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for an iterator");
    return 0;
}

int scoop_as_completed(scoop_iter **iter, const scoop_future *futures, size_t n)
{
    struct runtime *rt = runtime_current;
    int err = 0;

    if (iter)
        *iter = NULL;
    if (!rt)
        return public_outside();
    if (!rt->frame)
        return SCOOP_ESTATE;
    if (--rt->calls_left == 0)
        worker_attend(rt);
    if (!iter || (n && !futures))
        return runtime_fail(rt, SCOOP_EINVAL, "%s NULL",
                            iter ? "the futures are" : "iter is");
    struct scoop_iter *it = iter_new(rt);
    if (!it)
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for an iterator");
    for (size_t i = 0; i < n && !err; i++)
        err = add(rt, it, futures[i]);
    if (err)
        iter_close(rt, it);
    else
        *iter = it;
    return err;
}

/* The running task's iterator over futures; NULL: *why says why not. */
static struct scoop_iter *own_completed(struct runtime *rt,
                                        struct scoop_iter *iter, int *why)
{
    struct scoop_iter *it = iter_own(rt, iter);

    *why = it ? 0 : iter ? SCOOP_ESTALE : SCOOP_EINVAL;
    if (!it || !it->source)
        return it;
    *why = runtime_fail(rt, SCOOP_EINVAL,
                        "an iterator over the items of a map has no futures");
    return NULL;
}

int scoop_iter_add(scoop_iter *iter, scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return public_outside();
    struct scoop_iter *it = own_completed(rt, iter, &why);
    return it ? add(rt, it, future) : why;
}

int scoop_next_of(scoop_iter *iter, scoop_future *future,
                  const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    int why;

    if (future)
        *future = public_no_future(0);
    if (!rt)
        return public_outside();
    uint64_t deadline_ns = public_deadline(options);
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    if (!future)
        return runtime_fail(rt, SCOOP_EINVAL, "future is NULL");
    struct scoop_iter *it = own_completed(rt, iter, &why);
    if (!it)
        return why;
    for (;;) {
        struct entry *e;
        int err = iter_next(rt, it, deadline_ns, &e);
        if (err < 0)
            return runtime_fail(rt, err,
                                "waiting for one of several futures: "
                                "%s",
                                scoop_strerror(err));
        if (err)
            return err;
        scoop_future h = e->handle;
        iter_remove(e);
        const struct future *f = future_find(&rt->futures, h.id, h.generation);
        if (f && f->owner == rt->frame) {
            *future = h;
            return 0;
        } /* else it was released */
    }
}

int scoop_iter_free(scoop_iter *iter)
{
    struct runtime *rt = runtime_current;

    if (!rt)
        return public_outside();
    if (!iter)
        return 0;
    struct scoop_iter *it = iter_own(rt, iter);
    if (!it)
        return SCOOP_ESTALE;
    if (it->is_busy)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "the iterator is in use: it calls this function");
    iter_close(rt, it);
    return 0;
}
