/* SPDX-License-Identifier: MIT */
/* carry.c -- the same task as a typed one, with bytes and in JSON
 *
 * A node travels as it is, with a long tail that does not fit in a slot of the
 * deque, as the head of some bytes, or as a JSON object.  The value comes back
 * the same way.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

struct wide {
    struct node node;
    uint64_t fill[40];
};

#define THERE_ROOM (1u << 14)

static struct {
    uint64_t value;
    unsigned count;
} there[THERE_ROOM];

SCOOP_TASK(wide_task, struct wide, uint64_t);
SCOOP_TASK_BYTES(bytes_task);
SCOOP_TASK_JSON(json_task);
SCOOP_TASK(there_task, uint64_t, SCOOP_NONE);
SCOOP_TASK_BYTES(there_bytes);
SCOOP_TASK_JSON(there_json);

/* ---- Tasks -------------------------------------------------------------- */

static int wide_task(const struct wide *wide, uint64_t *value)
{
    for (unsigned i = 0; i < 40; i++)
        if (wide->fill[i] != wide->node.state + i)
            note(&wide->node, "a long argument", (int)i);
    return node_run(&wide->node, value);
}

static unsigned char byte_of(uint64_t state, size_t i)
{
    return (unsigned char)(state >> i % 56 ^ i);
}

/* Gives the value, and the tail doubled. */
static int bytes_task(const void *data, size_t len, scoop_out *out)
{
    const unsigned char *tail = (const unsigned char *)data;
    struct node node;
    uint64_t value;

    memcpy(&node, data, sizeof node);
    int err = node_run(&node, &value);
    tail += sizeof node;
    len -= sizeof node;
    if (err)
        return err;
    if (len % 3 == 0) {
        unsigned char *whole = malloc(len + sizeof value);
        memcpy(whole, &value, sizeof value);
        for (size_t i = 0; i < len; i++)
            whole[sizeof value + i] = (unsigned char)(2 * tail[i]);
        scoop_out_take(out, whole, len + sizeof value);
        return 0;
    }
    if (scoop_out_write(out, &value, sizeof value))
        note(&node, "scoop_out_write", 0);
    unsigned char *to = scoop_out_extend(out, len);
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)(2 * tail[i]);
    return 0;
}

static json_t *json_of(const struct node *node)
{
    const unsigned char *data = (const unsigned char *)node;
    json_t *array = json_array();

    for (size_t i = 0; i < sizeof *node; i++)
        json_array_append_new(array, json_integer(data[i]));
    return json_pack("{so sf ss}", "node", array, "real", 0.1, "text",
                     "\xc3\xa9\n");
}

static json_t *json_task(json_t *in)
{
    struct node node;
    uint64_t value;
    const json_t *array = json_object_get(in, "node");

    for (size_t i = 0; i < sizeof node; i++)
        ((unsigned char *)&node)[i] =
            (unsigned char)json_integer_value(json_array_get(array, i));
    double real = json_real_value(json_object_get(in, "real"));
    if (!(real >= 0.1) || real > 0.1 ||
        strcmp(json_string_value(json_object_get(in, "text")), "\xc3\xa9\n"))
        note(&node, "a JSON argument", 0);
    if (node_run(&node, &value))
        return NULL;
    json_object_set_new(in, "value", json_integer((json_int_t)value));
    return json_incref(in);
}

/* ---- What is called where a result was made ------------------------------ */

static void was_there(uint64_t value)
{
    unsigned at = (unsigned)(value % THERE_ROOM);

    while (there[at].count && there[at].value != value)
        at = (at + 1) % THERE_ROOM;
    there[at].value = value;
    there[at].count++;
    world.got.there++;
    world.got.was_there += hash(value, 0);
}

unsigned there_count(uint64_t value)
{
    unsigned at = (unsigned)(value % THERE_ROOM);

    while (there[at].count && there[at].value != value)
        at = (at + 1) % THERE_ROOM;
    return there[at].count;
}

void there_clear(void)
{
    memset(there, 0, sizeof there);
}

static int there_task(const uint64_t *value, SCOOP_NONE *out)
{
    (void)out;
    was_there(*value);
    sim_work(100);
    return 0;
}

static int there_bytes(const void *data, size_t len, scoop_out *out)
{
    uint64_t value;

    (void)out;
    (void)len;
    memcpy(&value, data, sizeof value);
    was_there(value);
    return 0;
}

static uint64_t value_in(const json_t *json)
{
    return (uint64_t)json_integer_value(json_object_get(json, "value"));
}

static json_t *there_json(json_t *in)
{
    was_there(value_in(in));
    return json_null();
}

const struct scoop_task *there_of(unsigned carrier)
{
    return carrier == BYTES  ? scoop_task_of(there_bytes)
           : carrier == TEXT ? scoop_task_of(there_json)
                             : scoop_task_of(there_task);
}

/* ---- There and back ------------------------------------------------------ */

const char *carrier_name(unsigned carrier)
{
    static const char *const name[CARRIERS] = {"node_task", "wide_task",
                                               "bytes_task", "json_task"};
    return name[carrier];
}

static scoop_future carry_memory(const struct terms *t, void **borrowed)
{
    const struct scoop_task *task =
        t->carrier == WIDE    ? scoop_task_of(wide_task)
        : t->carrier == BYTES ? scoop_task_of(bytes_task)
                              : scoop_task_of(node_task);
    size_t len = t->carrier == WIDE    ? sizeof(struct wide)
                 : t->carrier == BYTES ? sizeof t->child + t->tail
                                       : sizeof t->child;
    unsigned char *data = calloc(1, len);

    memcpy(data, &t->child, sizeof t->child);
    if (t->carrier == WIDE)
        for (unsigned i = 0; i < 40; i++)
            ((struct wide *)(void *)data)->fill[i] = t->child.state + i;
    for (unsigned i = 0; i < t->tail && t->carrier == BYTES; i++)
        data[sizeof t->child + i] = byte_of(t->child.state, i);
    scoop_future f = scoop_submit_task(task, data, len, &t->options);
    *borrowed = NULL;
    if (t->options.take)
        return f;
    if (t->options.borrow) {
        *borrowed = data;
        return f;
    }
    memset(data, 0xdd, len);
    free(data);
    return f;
}

/* The macro without an option goes a way of its own. */
scoop_future carry(const struct terms *t, void **borrowed)
{
    const struct scoop_submit_options *o = &t->options;

    if (t->carrier == TYPED && !o->take && !o->borrow) {
        *borrowed = NULL;
        return scoop_submit(node_task, &t->child, .place = o->place,
                            .detached = o->detached, .timeout = o->timeout,
                            .deadline = o->deadline, .retries = o->retries,
                            .priority = o->priority,
                            .done_there = o->done_there);
    }
    if (t->carrier != TEXT)
        return carry_memory(t, borrowed);
    json_t *json = json_of(&t->child);
    scoop_future f = scoop_submit_json(scoop_task_of(json_task), json, o);
    *borrowed = NULL;
    if (!o->take)
        json_decref(json);
    return f;
}

static int fetch_bytes(const struct node *node, const struct terms *t,
                       scoop_future f, bool is_join, double timeout,
                       uint64_t *value)
{
    void *mine = NULL;
    const void *data = NULL;
    size_t len = 0;
    int err = is_join ? scoop_join_bytes(f, &mine, &len, .timeout = timeout)
                      : scoop_result_bytes(f, &data, &len, .timeout = timeout);

    if (!err) {
        data = is_join ? mine : data;
        const unsigned char *tail = (const unsigned char *)data + sizeof *value;
        if (len != sizeof *value + t->tail)
            note(node, "the length of a result", (int)len);
        for (unsigned i = 0; i < t->tail && len == sizeof *value + t->tail; i++)
            if (tail[i] != (unsigned char)(2 * byte_of(t->child.state, i)))
                note(node, "the bytes of a result", (int)i);
        if (len >= sizeof *value)
            memcpy(value, data, sizeof *value);
    }
    free(mine);
    return err;
}

static int fetch_json(const struct node *node, scoop_future f, bool is_join,
                      double timeout, uint64_t *value)
{
    json_t *json = NULL, *again = NULL;
    int err = is_join ? scoop_join_json(f, &json, .timeout = timeout)
                      : scoop_result_json(f, &json, .timeout = timeout);

    if (!err)
        *value = value_in(json);
    else if (json)
        note(node, "a value after an error", err);
    if (!err && !is_join && (scoop_result_json(f, &again) || again != json))
        note(node, "a JSON result that changes", 0);
    if (is_join)
        json_decref(json);
    return err;
}

int fetch(const struct node *node, const struct terms *t, scoop_future f,
          bool is_join, double timeout, uint64_t *value)
{
    if (t->carrier == BYTES)
        return fetch_bytes(node, t, f, is_join, timeout, value);
    if (t->carrier == TEXT)
        return fetch_json(node, f, is_join, timeout, value);
    return is_join ? scoop_join(f, value, .timeout = timeout)
                   : scoop_result(f, value, .timeout = timeout);
}
