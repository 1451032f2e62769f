/* SPDX-License-Identifier: MIT */
/* json_calls.c -- the public calls for JSON: submit, wait, map, arguments
 *
 * A JSON task is a bytes task whose bytes are the text of a value: it is
 * stored, stolen and sent as one.  Text is made of a value when it is
 * submitted, here, and of a result on the rank that ran the task (call.c).  A
 * result becomes a value again when its owner asks for it, and then takes the
 * place of its text in the future.
 *
 * A map over an array is a window of futures that moves over its items:
 *
 *     [ in the result | submitted, joined in order | not yet submitted )
 *
 * The oldest is waited for, so what has ended behind it stays in the window.
 * The window bounds what the map needs beside its input and its output, and
 * with it what must be cancelled when an item fails.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "json.h"
#include "public.h"

#define COPIED 96u /* bytes of text */
#define WINDOW_ITEMS 4096u
#define WINDOW_BYTES ((size_t)64 << 20)

/* ---- Submit ----------------------------------------------------------- */

static int check_task(struct runtime *rt, const struct scoop_task *task)
{
    int err = public_check_task(rt, task, "", task ? task->in_size : 0);

    if (!err && task->kind != SCOOP_JSON)
        err =
            runtime_fail(rt, SCOOP_EINVAL, "%s is not a JSON task", task->name);
    return err;
}

static int encode_argument(struct runtime *rt, const struct scoop_task *task,
                           const json_t *value, scoop_out *text)
{
    const struct json_limits limits = call_json_limits(rt);
    char why[ERROR_WORDS_MAX / 2];

    if (!value)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "the argument of %s is NULL: Jansson could not "
                            "make it (no memory, NaN, infinity, a string that "
                            "is not UTF-8), or json_null() is meant",
                            task->name);
    int err = json_encode(value, &limits, text, why, sizeof why);
    if (err)
        err = runtime_fail(rt, err, "the argument of %s %s", task->name, why);
    return err;
}

/* A long text becomes the future's, a short one is copied into it. */
static scoop_future submit(struct runtime *rt, const struct scoop_task *task,
                           const json_t *value,
                           const struct scoop_submit_options *options,
                           size_t *len)
{
    struct scoop_submit_options own = {0};
    scoop_out text = {0};
    int err = encode_argument(rt, task, value, &text);

    if (err) {
        value_drop(&text);
        return public_no_future(err);
    }
    if (options)
        own = *options;
    own.borrow = 0;
    own.take = text.len > COPIED;
    if (own.take) {
        void *fitting = realloc(text.data, text.len);
        text.data = fitting ? fitting : text.data;
    }
    *len = text.len;
    scoop_future f = scoop_submit_task(task, text.data, text.len, &own);
    if (!own.take)
        value_drop(&text);
    return f;
}

scoop_future scoop_submit_json(const struct scoop_task *task, json_t *value,
                               const struct scoop_submit_options *options)
{
    struct runtime *rt = runtime_current;
    int err = 0;

    if (!rt)
        rt = public_enter(&err);
    if (!err)
        err = check_task(rt, task);
    size_t len;
    scoop_future f =
        err ? public_no_future(err) : submit(rt, task, value, options, &len);

    if (options && options->take)
        json_decref(value);
    return f;
}

/* ---- Wait ------------------------------------------------------------- */

/* The value of a future that went well: a new reference, or, where the future
 * has one already, that. */
static int decode_result(struct runtime *rt, const struct future *f,
                         json_t **value)
{
    const struct scoop_task *task = registry_task(&rt->registry, f->rec.number);
    const struct json_limits limits = call_json_limits(rt);
    char why[ERROR_WORDS_MAX / 2];
    int err;

    if (task->kind != SCOOP_JSON)
        return runtime_fail(rt, SCOOP_EINVAL, "%s is not a JSON task",
                            task->name);
    if (f->flags & FUTURE_DECODED) {
        *value = f->result;
        return 0;
    }
    *value =
        json_decode(f->result, f->result_len, &limits, &err, why, sizeof why);
    if (!*value)
        err = runtime_fail(rt, err, "the result of %s %s", task->name, why);
    return err;
}

/* The value takes the place of its text. */
static void keep_take(struct future *f, json_t *value)
{
    if (f->flags & FUTURE_OWNS_RESULT)
        free(f->result);
    f->flags &= (uint16_t)~FUTURE_OWNS_RESULT;
    f->flags |= FUTURE_DECODED;
    f->result = value;
    f->result_len = 0;
}

int scoop_result_json_of(scoop_future future, json_t **value,
                         const struct scoop_wait_options *options)
{
    struct future *f;
    json_t *found = NULL;
    int err = public_look(future, public_deadline(options), &f);

    if (!err)
        err = decode_result(runtime_current, f, &found);
    if (!err && !(f->flags & FUTURE_DECODED))
        keep_take(f, found);
    if (value)
        *value = err ? NULL : found;
    return err;
}

/* Waits, decodes and releases: *value is a new reference. */
static int join_json(scoop_future future, json_t **value, uint64_t deadline_ns)
{
    struct future *f;
    int err = public_result(future, deadline_ns, &f);

    *value = NULL;
    if (!f || (err == SCOOP_ETIMEDOUT && f->state != FUTURE_DONE))
        return err;
    if (!err)
        err = decode_result(runtime_current, f, value);
    if (!err && (f->flags & FUTURE_DECODED))
        json_incref(*value);
    public_release(runtime_current, f);
    return err;
}

int scoop_join_json_of(scoop_future future, json_t **value,
                       const struct scoop_wait_options *options)
{
    json_t *found;
    int err = join_json(future, &found, public_deadline(options));

    if (value)
        *value = found;
    else
        json_decref(found);
    return err;
}

/* ---- Map -------------------------------------------------------------- */

struct item {
    scoop_future future;
    size_t len; /* of its argument as text */
};

struct window {
    const struct scoop_task *task;
    const json_t *array;
    json_t *result;
    uint64_t deadline_ns;
    struct scoop_submit_options each;
    struct item *item; /* a ring, by index % room */
    size_t room;
    size_t n, submitted, joined;
    size_t bytes;  /* of text in the window */
    uint64_t path; /* a map is one child, for seeds, and has the items */
    int status;    /* why no more are submitted */
};

static void submit_item(struct runtime *rt, struct window *w)
{
    const json_t *value = json_array_get(w->array, w->submitted);
    struct item *item = &w->item[w->submitted % w->room];
    struct frame *frame = rt->frame;
    uint64_t path = frame->path, made = frame->made;

    frame->path = w->path;
    frame->made = w->submitted;
    item->future = submit(rt, w->task, value, &w->each, &item->len);
    frame->path = path;
    frame->made = made;
    if (!item->future.id) {
        w->status = (int)(int64_t)item->future.generation;
        return;
    }
    w->bytes += item->len;
    w->submitted++;
}

static void name_item(struct runtime *rt, size_t index)
{
    struct error *last = rt->frame->last;

    if (last) {
        last->said.has_item = true;
        last->said.item = index;
    }
}

static int join_item(struct runtime *rt, struct window *w)
{
    struct item *item = &w->item[w->joined % w->room];
    json_t *value;
    int err = join_json(item->future, &value, w->deadline_ns);

    if (err == SCOOP_ETIMEDOUT)
        return runtime_fail(rt, err, "map of %s: the time given has passed",
                            w->task->name);
    w->bytes -= item->len;
    w->joined++;
    if (err)
        name_item(rt, w->joined - 1);
    else if (json_array_append_new(w->result, value))
        err = runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    return err;
}

static bool has_room(const struct window *w)
{
    return w->submitted < w->n && w->submitted - w->joined < w->room &&
           (w->bytes < WINDOW_BYTES || w->submitted == w->joined);
}

/* If an item cannot be submitted, one before it may still fail: that one is
 * the first. */
static int move_window(struct runtime *rt, struct window *w)
{
    while (w->joined < w->n) {
        while (!w->status && has_room(w))
            submit_item(rt, w);
        if (w->joined == w->submitted) {
            name_item(rt, w->joined);
            return w->status;
        }
        int err = join_item(rt, w);
        if (err)
            return err;
    }
    return 0;
}

int scoop_map_json_of(const struct scoop_task *task, const json_t *array,
                      json_t **out,
                      const struct scoop_map_json_options *options)
{
    struct runtime *rt = runtime_current;
    struct scoop_wait_options wait = {options ? options->timeout : 0};

    if (out)
        *out = NULL;
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    err = check_task(rt, task);
    if (err)
        return err;
    if (!json_is_array(array))
        return runtime_fail(rt, SCOOP_EINVAL,
                            "a map of %s needs a JSON array of items",
                            task->name);
    struct window w = {.task = task,
                       .array = array,
                       .deadline_ns = public_deadline(&wait),
                       .path = call_next_path(rt->frame),
                       .n = json_array_size(array),
                       .room = WINDOW_ITEMS};
    if (options) {
        w.room = options->in_flight ? options->in_flight : w.room;
        w.each.retries = options->retries;
        w.each.priority = options->priority;
    }
    if (w.room > w.n)
        w.room = w.n + !w.n;
    w.result = json_array();
    w.item = calloc(w.room, sizeof *w.item);
    if (w.result && w.item)
        err = move_window(rt, &w);
    else
        err = runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    for (; w.joined < w.submitted; w.joined++)
        scoop_release(w.item[w.joined % w.room].future);
    free(w.item);
    if (out && !err)
        *out = w.result;
    else
        json_decref(w.result);
    return err;
}

/* ---- Arguments -------------------------------------------------------- */

static json_t *no_args(const char *why)
{
    struct runtime *rt = runtime_current;

    if (rt && rt->frame)
        runtime_fail(rt, SCOOP_EJSON, "the arguments cannot be packed: %s",
                     why);
    return NULL;
}

json_t *scoop_args(json_t *positional, json_t *named)
{
    if ((positional && !json_is_array(positional)) ||
        (named && !json_is_object(named))) {
        json_decref(positional);
        json_decref(named);
        return no_args("an array and an object are needed");
    }
    if (!positional)
        positional = json_array();
    if (!named)
        named = json_object();
    json_t *both = json_pack("{s:o,s:o}", "args", positional, "kwargs", named);
    return both ? both : no_args("no memory");
}

json_t *scoop_args_pack(const char *format, ...)
{
    char list[512];
    json_error_t e;
    va_list args;

    if (!format || strlen(format) + 3 > sizeof list)
        return no_args("the format is NULL or longer than 509 bytes");
    snprintf(list, sizeof list, "[%s]", format);
    va_start(args, format);
    json_t *parts = json_vpack_ex(&e, 0, list, args);
    va_end(args);
    if (!parts)
        return no_args(*e.text ? e.text : "no memory");
    json_t *first = json_array_get(parts, 0),
           *second = json_array_get(parts, 1);
    if (json_array_size(parts) == 1 && json_is_object(first)) {
        second = first;
        first = NULL;
    }
    json_t *both = NULL;
    if (json_array_size(parts) <= 2)
        both = scoop_args(json_incref(first), json_incref(second));
    else
        no_args("there are more than two parts");
    json_decref(parts);
    return both;
}

json_t *scoop_arg(const json_t *in, size_t position, const char *name)
{
    json_t *found = NULL;

    if (name)
        found = json_object_get(json_object_get(in, "kwargs"), name);
    if (!found)
        found = json_array_get(json_object_get(in, "args"), position);
    return found;
}

int scoop_unpack(json_t *in, const char *format, ...)
{
    json_error_t e;
    va_list args;

    e.text[0] = 0;
    va_start(args, format);
    int err = json_vunpack_ex(in, &e, 0, format, args);
    va_end(args);
    return err ? scoop_fail(SCOOP_EJSON, "%s", e.text) : 0;
}
