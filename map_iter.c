/* SPDX-License-Identifier: MIT */
/* map_iter.c -- the items of a map one by one, from an array or a generator
 *
 * A map whose input need not exist at once, nor end, and whose results are
 * taken one at a time.  A source makes items when they are asked for and
 * submits each as a future; at most `in_flight` of them are unyielded, so
 * memory is bounded by that and not by the length of the input.
 *
 *     array, generator --fill--> at most in_flight futures --next--> caller
 *
 * As they are completed, they go the way of scoop_as_completed().  In order,
 * the entries have no watch: the caller waits for the oldest itself, as a join
 * does, and runs it right here if it is still queued.
 *
 * scoop_map_each() is the loop around such an iterator, written once.
 *
 * The user's functions run in the frame of the task that asks for an item,
 * and while they run the iterator may not be used.  What they say with
 * scoop_fail() becomes the words of the call's error, not of the task's.
 */
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "iter.h"
#include "public.h"
#include "worker.h"

#define IN_FLIGHT_LEAST 64u /* without the option */
#define IN_FLIGHT_EACH 4u   /* and for each rank */

typedef int next_fn(void *ctx, void *item);
typedef int put_fn(void *ctx, uint64_t index, const void *out, int status);

struct source {
    const struct scoop_task *task;
    const char *in; /* an array of n items */
    size_t n;
    next_fn *next; /* or a generator */
    void *ctx;
    void *item; /* room for one of its items */
    uint64_t made;
    uint64_t path; /* the items' parent's, as far as seeds go */
    size_t in_flight;
    bool is_in_order;
    bool has_ended;      /* makes no more */
    int status;          /* why, if something went wrong */
    struct error *error; /* the words */
    struct scoop_submit_options submit;
};

/* They begin alike, so that what submit learns is an option here as well. */
_Static_assert(offsetof(struct scoop_submit_options, detached) ==
                       offsetof(struct scoop_iter_options, detached) &&
                   offsetof(struct scoop_submit_options, detached) ==
                       offsetof(struct scoop_each_options, detached),
               "the options of submit come first");

void source_free(struct source *s)
{
    error_free(s->error);
    free(s->item);
    free(s);
}

/* ---- The user's functions --------------------------------------------- */

/* A function of the user's has returned code, which is none of the library's:
 * takes what it said out of the task's own words. */
static int user_failed(struct runtime *rt, const struct source *s, int code,
                       const char *what)
{
    struct frame *frame = rt->frame;
    struct error *told = frame->told, *last = frame->last;
    const char *why = "it gave no reason";

    if (told)
        why = told->said.message;
    else if (last && last->said.code == code)
        why = last->said.message;
    else if (code <= SCOOP_EFAILED && code >= SCOOP_ERROR_LAST)
        why = scoop_strerror(code);
    runtime_fail(rt, SCOOP_EFAILED, "%s of a map of %s failed (code %d: %s)",
                 what, s->task->name, code, why);
    if (frame->last)
        frame->last->said.task_code = code;
    return SCOOP_EFAILED;
}

/* scoop_fail() replaces what the task has said before: that is put aside. */
static struct error *put_told_aside(struct runtime *rt)
{
    struct error *told = rt->frame->told;

    rt->frame->told = NULL;
    return told;
}

static void put_told_back(struct runtime *rt, struct error *told)
{
    error_free(rt->frame->told);
    rt->frame->told = told;
}

static int call_next(struct runtime *rt, struct scoop_iter *it)
{
    struct source *s = it->source;
    struct error *told = put_told_aside(rt);

    it->is_busy = true;
    int code = s->next(s->ctx, s->item);
    it->is_busy = false;
    if (code && code != SCOOP_END)
        code = user_failed(rt, s, code, "the generator");
    put_told_back(rt, told);
    return code;
}

static int call_put(struct runtime *rt, struct scoop_iter *it, put_fn *put,
                    const struct entry *e)
{
    const struct future *f = e->watch.future;
    struct error *told = put_told_aside(rt);

    it->is_busy = true;
    int code =
        put(it->source->ctx, e->index, f->status ? NULL : f->result, f->status);
    it->is_busy = false;
    if (code)
        code = user_failed(rt, it->source, code, "the put function");
    put_told_back(rt, told);
    return code;
}

/* ---- Items ------------------------------------------------------------ */

/* The next item of the input; NULL: none, and the source has ended. */
static const void *make_item(struct runtime *rt, struct scoop_iter *it)
{
    static const char nothing[1];
    struct source *s = it->source;
    const void *item = s->item;
    int err = 0;

    if (s->next)
        err = call_next(rt, it);
    else if (s->made == s->n)
        err = SCOOP_END;
    else if (s->in)
        item = s->in + s->made * s->task->in_size;
    if (!err)
        return item ? item : nothing;
    s->has_ended = true;
    s->status = err < 0 ? err : 0;
    if (err < 0 && rt->frame->last)
        s->error = error_new(&rt->frame->last->said);
    return NULL;
}

/* The iterator is one child of the task, and the items are its children: how
 * many were made before it was left must not change the seeds of what comes
 * after it. */
static scoop_future submit_as_child(struct runtime *rt, const struct source *s,
                                    const void *item)
{
    struct frame *frame = rt->frame;
    uint64_t path = frame->path, made = frame->made;

    frame->path = s->path;
    frame->made = s->made;
    scoop_future h =
        scoop_submit_task(s->task, item, s->task->in_size, &s->submit);
    frame->path = path;
    frame->made = made;
    return h;
}

static int submit(struct runtime *rt, struct scoop_iter *it, const void *item)
{
    struct source *s = it->source;
    int err;
    struct future *f = public_own(rt, submit_as_child(rt, s, item), &err);

    if (!f)
        return err;
    struct entry *e = iter_add(it, f, s->is_in_order);
    if (e) {
        e->index = s->made++;
        return 0;
    }
    public_release(rt, f);
    return runtime_fail(rt, SCOOP_ENOMEM, "no memory for an item of a map");
}

/* Makes items until enough are in flight. */
static void fill(struct runtime *rt, struct scoop_iter *it,
                 uint64_t deadline_ns)
{
    struct source *s = it->source;

    while (!s->has_ended && it->entries < s->in_flight) {
        if (it->entries && deadline_ns && deadline_ns != CLOCK_NEVER &&
            clock_is_past(deadline_ns))
            return;
        const void *item = make_item(rt, it);
        if (!item)
            return;
        int err = submit(rt, it, item);
        if (!err)
            continue;
        s->has_ended = true;
        s->status = err;
        if (rt->frame->last)
            s->error = error_new(&rt->frame->last->said);
    }
}

static int wait_oldest(struct runtime *rt, struct scoop_iter *it,
                       uint64_t deadline_ns, struct entry **e)
{
    if (link_is_empty(&it->open))
        return SCOOP_END;
    *e = entry_of_link(it->open.next);
    struct future *f = (*e)->watch.future;
    if (!deadline_ns && f->state != FUTURE_DONE)
        worker_yield(rt);
    return worker_wait(rt, f, deadline_ns);
}

/* 0, SCOOP_END, or an error that has been said. */
static int next_entry(struct runtime *rt, struct scoop_iter *it,
                      uint64_t deadline_ns, struct entry **e)
{
    struct source *s = it->source;

    fill(rt, it, deadline_ns);
    int err = s->is_in_order ? wait_oldest(rt, it, deadline_ns, e)
                             : iter_next(rt, it, deadline_ns, e);
    if (err < 0)
        return runtime_fail(rt, err, "waiting for an item of a map of %s: %s",
                            s->task->name, scoop_strerror(err));
    if (err != SCOOP_END || !s->status)
        return err;
    runtime_set_error_take(rt, s->error ? error_new(&s->error->said) : NULL);
    return s->status;
}

/* What went wrong with an item becomes the last error; returns its status. */
static int tell_status(struct runtime *rt, const struct entry *e)
{
    const struct future *f = e->watch.future;

    if (f->status) {
        struct error *error = f->error ? error_new(&f->error->said) : NULL;
        if (error) {
            error->said.has_item = true;
            error->said.item = e->index;
        }
        runtime_set_error_take(rt, error);
    }
    return f->status;
}

static void finish(struct runtime *rt, struct entry *e)
{
    struct future *f = e->watch.future;

    iter_remove(e);
    public_release(rt, f);
}

/* ---- Iterators -------------------------------------------------------- */

static int check(struct runtime *rt, const struct scoop_task *task,
                 const struct scoop_submit_options *submit_options)
{
    if (!rt->frame)
        return SCOOP_ESTATE;
    if (!task)
        return runtime_fail(rt, SCOOP_EINVAL, "the task is NULL");
    int err = public_check_task(rt, task, "", task->in_size);
    if (err)
        return err;
    if (task->kind != SCOOP_TYPED)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s is not a typed task: it has no items",
                            task->name);
    if (submit_options->detached || submit_options->borrow ||
        submit_options->take || submit_options->done_there)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "an item of a map cannot be detached, borrowed, "
                            "taken, or go to another task");
    return 0;
}

static struct scoop_iter *make(struct runtime *rt,
                               const struct scoop_task *task,
                               const struct scoop_submit_options *options,
                               size_t in_flight)
{
    struct scoop_iter *it = iter_new(rt);
    struct source *s = it ? calloc(1, sizeof *s) : NULL;

    if (!s) {
        if (it)
            iter_close(rt, it);
        runtime_fail(rt, SCOOP_ENOMEM, "no memory for an iterator");
        return NULL;
    }
    it->source = s;
    s->task = task;
    s->path = call_next_path(rt->frame);
    s->submit = *options;
    s->in_flight = in_flight;
    if (!in_flight)
        s->in_flight = IN_FLIGHT_EACH * (size_t)rt->size;
    if (!in_flight && s->in_flight < IN_FLIGHT_LEAST)
        s->in_flight = IN_FLIGHT_LEAST;
    return it;
}

/* The same over a generator. */
static struct scoop_iter *make_gen(struct runtime *rt,
                                   const struct scoop_task *task, next_fn *next,
                                   void *ctx,
                                   const struct scoop_submit_options *options,
                                   size_t in_flight)
{
    struct scoop_iter *it = make(rt, task, options, in_flight);

    if (!it)
        return NULL;
    it->source->next = next;
    it->source->ctx = ctx;
    if (!task->in_size)
        return it;
    it->source->item = value_alloc(task->in_size, task->in_align);
    if (it->source->item) {
        memset(it->source->item, 0, task->in_size);
        return it;
    }
    iter_close(rt, it);
    runtime_fail(rt, SCOOP_ENOMEM, "no memory for an iterator");
    return NULL;
}

/* What all three calls begin with: the farm, and those of their options that a
 * submit has as well, which stand first in each. */
static int begin(struct runtime **rt, const struct scoop_task *task,
                 const void *options, struct scoop_submit_options *of_submit)
{
    int err;

    memcpy(of_submit, options, sizeof *of_submit);
    *rt = runtime_current;
    if (!*rt)
        *rt = public_enter(&err);
    return *rt ? check(*rt, task, of_submit) : err;
}

int scoop_map_iter_task(const struct scoop_task *task, scoop_iter **iter,
                        const void *in, size_t n,
                        const struct scoop_iter_options *options)
{
    static const struct scoop_iter_options none;
    struct scoop_submit_options of_submit;
    struct runtime *rt;

    if (iter)
        *iter = NULL;
    if (!options)
        options = &none;
    int err = begin(&rt, task, options, &of_submit);
    if (err)
        return err;
    if (!iter || (n && task->in_size && !in))
        return runtime_fail(rt, SCOOP_EINVAL, "%s of a map of %s is NULL",
                            iter ? "the input" : "the iterator", task->name);
    if (task->in_size && n > SIZE_MAX / 2 / task->in_size)
        return runtime_fail(rt, SCOOP_EINVAL, "a map of %zu items cannot be",
                            n);
    struct scoop_iter *it = make(rt, task, &of_submit, options->in_flight);
    if (!it)
        return SCOOP_ENOMEM;
    it->source->in = in;
    it->source->n = n;
    it->source->is_in_order = !options->as_completed;
    *iter = it;
    return 0;
}

int scoop_map_gen_task(const struct scoop_task *task, scoop_iter **iter,
                       int (*next)(void *ctx, void *item), void *ctx,
                       const struct scoop_iter_options *options)
{
    static const struct scoop_iter_options none;
    struct scoop_submit_options of_submit;
    struct runtime *rt;

    if (iter)
        *iter = NULL;
    if (!options)
        options = &none;
    int err = begin(&rt, task, options, &of_submit);
    if (err)
        return err;
    if (!iter || !next)
        return runtime_fail(rt, SCOOP_EINVAL, "%s of a map of %s is NULL",
                            iter ? "the generator" : "the iterator",
                            task->name);
    struct scoop_iter *it =
        make_gen(rt, task, next, ctx, &of_submit, options->in_flight);
    if (!it)
        return SCOOP_ENOMEM;
    it->source->is_in_order = !options->as_completed;
    *iter = it;
    return 0;
}

int scoop_next_item_of(scoop_iter *iter, uint64_t *index, void *out,
                       int *status, const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    struct entry *e;

    if (!rt)
        return public_outside();
    uint64_t deadline_ns = public_deadline(options);
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    struct scoop_iter *it = iter_own(rt, iter);
    if (!it)
        return iter ? SCOOP_ESTALE : SCOOP_EINVAL;
    if (!it->source || it->is_busy)
        return runtime_fail(rt, SCOOP_EINVAL,
                            it->source ? "the iterator is in use: it calls "
                                         "this function"
                                       : "an iterator over futures has no "
                                         "items");
    int err = next_entry(rt, it, deadline_ns, &e);
    if (err)
        return err;
    const struct future *f = e->watch.future;
    int code = tell_status(rt, e);
    if (index)
        *index = e->index;
    if (!code && out && f->result_len)
        memcpy(out, f->result, f->result_len);
    finish(rt, e);
    if (!status)
        return code;
    *status = code;
    return 0;
}

/* ---- The loop --------------------------------------------------------- */

static int each(struct runtime *rt, struct scoop_iter *it, put_fn *put,
                bool keeps_going, uint64_t deadline_ns)
{
    struct entry *e;
    int err;

    while ((err = next_entry(rt, it, deadline_ns, &e)) == 0) {
        int code = tell_status(rt, e);
        if (code && !keeps_going)
            return code;
        if (put)
            err = call_put(rt, it, put, e);
        finish(rt, e);
        if (err)
            return err;
        if (--rt->calls_left == 0)
            worker_attend(rt);
    }
    return err == SCOOP_END ? 0 : err;
}

int scoop_map_each_task(const struct scoop_task *task,
                        int (*next)(void *ctx, void *item), void *ctx,
                        int (*put)(void *ctx, uint64_t index, const void *out,
                                   int status),
                        const struct scoop_each_options *options)
{
    static const struct scoop_each_options none;
    struct scoop_submit_options of_submit;
    struct runtime *rt;

    if (!options)
        options = &none;
    int err = begin(&rt, task, options, &of_submit);
    if (err)
        return err;
    struct scoop_wait_options limit = {options->limit};
    uint64_t deadline_ns = public_deadline(&limit);
    if (!next)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "the generator of a map of %s is NULL", task->name);
    struct scoop_iter *it =
        make_gen(rt, task, next, ctx, &of_submit, options->in_flight);
    if (!it)
        return SCOOP_ENOMEM;
    it->source->is_in_order = true;
    err = each(rt, it, put, options->on_error == SCOOP_KEEP_GOING, deadline_ns);
    iter_close(rt, it);
    return err;
}
