/* SPDX-License-Identifier: MIT */
/* shared.c -- constants: values under a name that every rank can look at
 *
 * Each rank has a table of names.  To look at a constant is to look into that
 * table: no message, no copy.  How the tables of all ranks are changed, in one
 * order, stands in shared_change.c; here are the calls and the table.
 *
 * A name once asked for has an entry until the farm ends, so that whoever
 * waits can be told apart: version 0 means that it was never defined, and may
 * be; a version and nothing there, that it was deleted.  "It will never be" is
 * also the answer once the farm is ending: all that is left in it are tasks
 * that wait, directly or for one another, for constants.  Rank 0 finds that
 * out by the same waves that find the farm's end (term.c).
 *
 * Threads.  The helper changes the table, the main thread reads it: under a
 * lock, which is held for the length of a look-up, or of decoding JSON, and
 * never by somebody who then waits for the pump.  The list of waiting tasks is
 * the main thread's own.  News between the two are one word: the table is
 * changed, then the word is set, then the main thread is woken; it clears the
 * word, then looks at the table.
 *
 * JSON.  A JSON constant travels as text.  The first look decodes it, on that
 * rank, and the value is lent from then on.  Reference counts of Jansson's
 * values are the main thread's: what belonged to a deleted constant is put
 * aside for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "json.h"
#include "public.h"
#include "runtime.h"
#include "worker.h"

#define BUCKETS_FIRST 64u

/* ---- The table -------------------------------------------------------- */

static uint64_t hash_of(const char *name, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

struct shared_entry *shared_find(const struct shared *s, const char *name,
                                 size_t len)
{
    if (!s->buckets)
        return NULL;
    uint64_t hash = hash_of(name, len);
    struct shared_entry *e = s->bucket[hash & (s->buckets - 1)];
    while (e && (e->hash != hash || e->name_len != len ||
                 memcmp(e->name, name, len) != 0))
        e = e->next;
    return e;
}

/* More buckets, if there is memory for them. */
static void grow(struct shared *s)
{
    size_t buckets = s->buckets ? 4 * s->buckets : BUCKETS_FIRST;
    struct shared_entry **bucket =
        calloc(buckets, sizeof(struct shared_entry *));

    if (!bucket)
        return;
    for (size_t i = 0; i < s->buckets; i++) {
        while (s->bucket[i]) {
            struct shared_entry *e = s->bucket[i];
            s->bucket[i] = e->next;
            e->next = bucket[e->hash & (buckets - 1)];
            bucket[e->hash & (buckets - 1)] = e;
        }
    }
    free(s->bucket);
    s->bucket = bucket;
    s->buckets = buckets;
}

struct shared_entry *shared_entry_of(struct shared *s, const char *name,
                                     size_t len)
{
    struct shared_entry *e = shared_find(s, name, len);

    if (e)
        return e;
    if (s->entries >= s->buckets)
        grow(s);
    if (!s->buckets)
        return NULL;
    e = calloc(1, sizeof *e + len + 1);
    if (!e)
        return NULL;
    e->hash = hash_of(name, len);
    e->name_len = len;
    memcpy(e->name, name, len);
    e->next = s->bucket[e->hash & (s->buckets - 1)];
    s->bucket[e->hash & (s->buckets - 1)] = e;
    s->entries++;
    return e;
}

void shared_clear(struct shared *s, struct shared_entry *e)
{
    if (e->json) {
        e->old = e->json;
        e->json = NULL;
        e->stale = s->stale;
        s->stale = e;
    }
    if (!e->segment.data)
        free(e->data);
    node_segment_drop(&e->segment);
    e->data = NULL;
    e->len = 0;
    e->is_there = false;
}

/* The main thread: values that nobody may look at any more. */
static void drop_stale(struct shared *s)
{
    while (s->stale) {
        struct shared_entry *e = s->stale;
        s->stale = e->stale;
        json_decref(e->old);
        e->old = NULL;
    }
}

void shared_ask_free(struct shared_ask *ask)
{
    for (uint32_t i = 0; i < ask->parts; i++)
        node_segment_drop(&ask->segment[i]);
    free(ask);
}

int shared_init(struct shared *s)
{
    if (pthread_mutex_init(&s->lock, NULL))
        return SCOOP_ESYSTEM;
    link_init(&s->waits);
    s->last = &s->first;
    return 0;
}

void shared_fini(struct shared *s)
{
    for (size_t i = 0; i < s->buckets; i++) {
        while (s->bucket[i]) {
            struct shared_entry *e = s->bucket[i];
            s->bucket[i] = e->next;
            shared_clear(s, e);
            drop_stale(s);
            free(e);
        }
    }
    free(s->bucket);
    pthread_mutex_destroy(&s->lock);
}

/* ---- Waiting ---------------------------------------------------------- */

void shared_tell(struct runtime *rt)
{
    atomic_store_explicit(&rt->shared.has_news, true, memory_order_release);
    node_wake(&rt->node, rt->node.local);
}

/* Whether nobody wants the result of the task any more. */
static bool is_asked(const struct frame *frame)
{
    return frame->is_asked ||
           (frame->task && (frame->task->flags & FUTURE_CANCELLED));
}

static bool is_over(const struct shared *s, const struct shared_wait *w)
{
    if (w->ask)
        return w->ask->is_done;
    return w->entry->is_there || w->entry->version || shared_is_ending(s) ||
           is_asked(w->frame);
}

void shared_attend(struct runtime *rt)
{
    struct shared *s = &rt->shared;

    if (!atomic_exchange(&s->has_news, false))
        return;
    pthread_mutex_lock(&s->lock);
    drop_stale(s);
    for (struct link *l = s->waits.next; l != &s->waits; l = l->next) {
        struct shared_wait *w = (struct shared_wait *)(void *)l;
        if (is_over(s, w))
            worker_wake(rt, w->strand);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Until one of them is over, or the deadline. */
static void wait_for(struct runtime *rt, const struct shared_entry *entry,
                     const struct shared_ask *ask, uint64_t deadline_ns)
{
    struct shared_wait wait = {.strand = rt->strand,
                               .frame = rt->frame,
                               .entry = entry,
                               .ask = ask};
    char words[80] = "a change of constants"; /* for the dump */

    if (entry)
        snprintf(words, sizeof words, "the constant %s", entry->name);
    link_add(&rt->shared.waits, &wait.link);
    worker_park(rt, deadline_ns, words, NULL); /* ends by shared_attend() */
    link_remove(&wait.link);
}

/* ---- What the calls have in common ------------------------------------ */

/* Whether there is a farm, and the name is one; its length. */
static int check(struct runtime *rt, const char *name, size_t *len)
{
    if (!rt->frame)
        return SCOOP_ESTATE;
    *len = name ? strnlen(name, SCOOP_CONST_NAME_MAX + 1) : 0;
    if (*len && *len <= SCOOP_CONST_NAME_MAX)
        return 0;
    return runtime_fail(rt, SCOOP_EINVAL,
                        name ? "the name of a constant has 1 to %d bytes"
                             : "the name of a constant (1 to %d bytes) is NULL",
                        SCOOP_CONST_NAME_MAX);
}

static void look_around(struct runtime *rt, uint64_t deadline_ns)
{
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
}

/* Waits for rank 0's answer.  The request is the protocol's once the time is
 * up; else it is freed here. */
static int await(struct runtime *rt, struct shared_ask *ask,
                 uint64_t deadline_ns)
{
    struct shared *s = &rt->shared;

    for (bool is_first = true;; is_first = false) {
        pthread_mutex_lock(&s->lock);
        bool is_done = ask->is_done;
        bool is_late = !is_done && (deadline_ns || !is_first) &&
                       clock_is_past(deadline_ns);
        ask->is_abandoned = is_late;
        pthread_mutex_unlock(&s->lock);
        if (is_done)
            break;
        if (is_late)
            return SCOOP_ETIMEDOUT;
        if (!deadline_ns)
            worker_yield(rt);
        else
            wait_for(rt, NULL, ask, deadline_ns);
    }
    int status = ask->status;
    shared_ask_free(ask);
    return status;
}

/* Sends a request to rank 0 and waits for the answer. */
static int ask_take(struct runtime *rt, struct shared_ask *ask, uint32_t what,
                    void *catalogue, size_t bytes, uint64_t deadline_ns)
{
    struct shared *s = &rt->shared;
    struct wire_const_ask body = {0, what, ask->parts, rt->rank, 0};

    pthread_mutex_lock(&s->lock);
    body.token = ask->token = ++s->token;
    ask->next = s->asks;
    s->asks = ask;
    atomic_fetch_add(&s->busy, 1);
    pthread_mutex_unlock(&s->lock);
    int err =
        net_send(rt->net, 0, WIRE_CONST_ASK, &body, catalogue, bytes, NET_TAKE);
    if (!err)
        return await(rt, ask, deadline_ns);
    pthread_mutex_lock(&s->lock);
    struct shared_ask **at = &s->asks;
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    atomic_fetch_sub(&s->busy, 1);
    pthread_mutex_unlock(&s->lock);
    shared_ask_free(ask);
    return err;
}

/* ---- To define -------------------------------------------------------- */

/* A constant to be defined, in bytes. */
struct item {
    const void *data;
    size_t len, name_len;
    uint32_t task;
    void *text; /* of JSON; to be freed */
};

static int read_json(struct runtime *rt, const struct scoop_const *c,
                     struct item *item)
{
    const struct json_limits limits = call_json_limits(rt);
    scoop_out out = {0};
    char why[256];
    int err = json_encode(c->json, &limits, &out, why, sizeof why);

    if (err) {
        value_drop(&out);
        return runtime_fail(rt, err, "the value of \"%s\" %s", c->name, why);
    }
    item->data = item->text = value_take(&out, &item->len);
    return 0;
}

static int read_item(struct runtime *rt, const struct scoop_const *c,
                     struct item *item)
{
    int err = check(rt, c->name, &item->name_len);

    if (err)
        return err;
    switch (c->kind) {
    case SCOOP_CONST_TYPED:
    case SCOOP_CONST_BYTES:
        item->data = c->data;
        item->len = c->len;
        if (c->data || !c->len)
            return 0;
        return runtime_fail(rt, SCOOP_EINVAL, "the value of \"%s\" is NULL",
                            c->name);
    case SCOOP_CONST_JSON:
        if (!c->json)
            return runtime_fail(rt, SCOOP_EINVAL, "the value of \"%s\" is NULL",
                                c->name);
        return read_json(rt, c, item);
    case SCOOP_CONST_TASK:
        if (!c->task)
            return runtime_fail(rt, SCOOP_EINVAL, "the task of \"%s\" is NULL",
                                c->name);
        if (!registry_has(&rt->registry, c->task))
            return runtime_fail(rt, SCOOP_ENOTASK,
                                "the task of \"%s\" is not registered",
                                c->name);
        item->task = c->task->number;
        return 0;
    }
    return runtime_fail(rt, SCOOP_EINVAL, "\"%s\" is of no known kind",
                        c->name);
}

/* The catalogue of n items, from malloc, and their large values in memory of
 * the node. */
static int pack(struct runtime *rt, const struct scoop_const *consts,
                const struct item *item, size_t n, struct shared_ask *ask,
                unsigned char **catalogue, size_t *bytes)
{
    *bytes = 0;
    for (size_t i = 0; i < n; i++)
        *bytes += sizeof(struct shared_head) + shared_padded(item[i].name_len) +
                  (item[i].len > SHARED_SMALL ? 0 : shared_padded(item[i].len));
    if (*bytes > SHARED_CATALOGUE_MAX)
        return SCOOP_ELIMIT;
    unsigned char *at = *catalogue = calloc(1, *bytes);
    if (!at)
        return SCOOP_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct shared_head *head = (struct shared_head *)(void *)at;
        *head = (struct shared_head){.len = item[i].len,
                                     .kind = consts[i].kind,
                                     .task = item[i].task,
                                     .name_len = (uint32_t)item[i].name_len,
                                     .is_large = item[i].len > SHARED_SMALL};
        at += sizeof *head;
        memcpy(at, consts[i].name, item[i].name_len);
        at += shared_padded(item[i].name_len);
        if (head->is_large) {
            int err = node_segment_make(&ask->segment[i], &rt->node,
                                        item[i].data, item[i].len);
            if (err)
                return err;
            memcpy(head->segment, ask->segment[i].name, sizeof head->segment);
        } else if (item[i].len) {
            memcpy(at, item[i].data, item[i].len);
            at += shared_padded(item[i].len);
        }
    }
    return 0;
}

/* item: n of them, all zero. */
static int set(struct runtime *rt, const struct scoop_const *consts,
               struct item *item, size_t n, uint64_t deadline_ns)
{
    struct shared_ask *ask;
    unsigned char *catalogue = NULL;
    size_t bytes;
    int err = 0;

    for (size_t i = 0; i < n; i++) {
        err = read_item(rt, &consts[i], &item[i]);
        if (err)
            return err;
    }
    ask = calloc(1, sizeof *ask + n * sizeof ask->segment[0]);
    if (!ask)
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a constant");
    ask->parts = (uint32_t)n;
    err = pack(rt, consts, item, n, ask, &catalogue, &bytes);
    if (err) {
        free(catalogue);
        shared_ask_free(ask);
    } else {
        err = ask_take(rt, ask, SHARED_DEFINE, catalogue, bytes, deadline_ns);
    }
    if (err)
        runtime_fail(rt, err, "defining \"%s\"%s: %s", consts[0].name,
                     n > 1 ? " and others" : "", scoop_strerror(err));
    return err;
}

int scoop_const_set_of(const struct scoop_const *consts, size_t n,
                       const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    struct item one = {0}, *item = &one;
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    if (!rt->frame)
        return SCOOP_ESTATE;
    if (!n)
        return 0;
    if (!consts)
        return runtime_fail(rt, SCOOP_EINVAL, "the constants are NULL");
    if (n > SHARED_CATALOGUE_MAX / sizeof(struct shared_head))
        return runtime_fail(rt, SCOOP_ELIMIT, "too many constants at once");
    uint64_t deadline_ns = public_deadline(options);
    look_around(rt, deadline_ns);
    if (n > 1)
        item = calloc(n, sizeof *item);
    if (!item)
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a constant");
    err = set(rt, consts, item, n, deadline_ns);
    for (size_t i = 0; i < n; i++)
        free(item[i].text);
    if (n > 1)
        free(item);
    return err;
}

int scoop_const_delete_of(const char *name,
                          const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    size_t len;
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    err = check(rt, name, &len);
    if (err)
        return err;
    uint64_t deadline_ns = public_deadline(options);
    look_around(rt, deadline_ns);
    size_t bytes = sizeof(struct shared_head) + shared_padded(len);
    struct shared_head *head = calloc(1, bytes);
    struct shared_ask *ask = calloc(1, sizeof *ask + sizeof ask->segment[0]);
    if (head && ask) {
        ask->parts = 1;
        head->name_len = (uint32_t)len;
        memcpy(head + 1, name, len);
        err = ask_take(rt, ask, SHARED_DELETE, head, bytes, deadline_ns);
    } else {
        free(head);
        free(ask);
        err = SCOOP_ENOMEM;
    }
    if (err)
        runtime_fail(rt, err, "deleting \"%s\": %s", name, scoop_strerror(err));
    return err;
}

/* ---- To look ---------------------------------------------------------- */

/* Waits until the constant is there; then returns 0 with the lock held. */
static int find(struct runtime *rt, const char *name, size_t len,
                uint64_t deadline_ns, struct shared_entry **found)
{
    struct shared *s = &rt->shared;

    for (bool is_first = true;; is_first = false) {
        int err = 0;
        pthread_mutex_lock(&s->lock);
        struct shared_entry *e = shared_find(s, name, len);
        if (e && e->is_there) {
            *found = e;
            return 0;
        }
        if ((e && e->version) || shared_is_ending(s) ||
            (rt->is_serial && worker_is_outside(rt))) /* who else would? */
            err = SCOOP_ENOCONST;
        else if ((deadline_ns || !is_first) && clock_is_past(deadline_ns))
            err = SCOOP_ETIMEDOUT;
        else if (deadline_ns && is_asked(rt->frame))
            err = SCOOP_ECANCELLED;
        else if (deadline_ns && !e)
            e = shared_entry_of(s, name, len);
        pthread_mutex_unlock(&s->lock);
        if (!err && deadline_ns && !e)
            err = SCOOP_ENOMEM;
        if (err)
            return runtime_fail(rt, err, "the constant \"%s\": %s", name,
                                scoop_strerror(err));
        if (!deadline_ns)
            worker_yield(rt);
        else
            wait_for(rt, e, NULL, deadline_ns);
    }
}

static const char *kind_name(uint32_t kind)
{
    static const char *const name[] = {"no", "a typed", "a bytes", "a JSON",
                                       "a task"};

    return name[kind <= SCOOP_CONST_TASK ? kind : 0];
}

/* The first look of this rank at a JSON constant. */
static int decode(struct runtime *rt, struct shared_entry *e)
{
    const struct json_limits limits = call_json_limits(rt);
    char why[256];
    int err = 0;

    drop_stale(&rt->shared); /* this one's old value, perhaps */
    e->json = json_decode(e->data, e->len, &limits, &err, why, sizeof why);
    if (e->json)
        return 0;
    return runtime_fail(rt, err, "the value of \"%s\" %s", e->name, why);
}

/* What the constant is, for the caller; under the lock. */
static int fill(struct runtime *rt, struct shared_entry *e,
                struct scoop_const *found)
{
    bool is_other =
        found->kind && found->kind != e->kind &&
        (found->kind != SCOOP_CONST_BYTES || e->kind != SCOOP_CONST_TYPED);

    if (is_other)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "\"%s\" is %s constant, not %s one", e->name,
                            kind_name(e->kind), kind_name(found->kind));
    if (e->kind == SCOOP_CONST_JSON && !e->json) {
        int err = decode(rt, e);
        if (err)
            return err;
    }
    *found = (struct scoop_const){.name = e->name,
                                  .kind = (enum scoop_const_kind)e->kind,
                                  .version = e->version};
    if (e->kind == SCOOP_CONST_JSON)
        found->json = e->json;
    else if (e->kind == SCOOP_CONST_TASK)
        found->task = registry_task(&rt->registry, e->task);
    if (e->kind == SCOOP_CONST_TYPED || e->kind == SCOOP_CONST_BYTES) {
        found->data = e->data;
        found->len = e->len;
    }
    return 0;
}

int scoop_const_get_of(const char *name, struct scoop_const *found,
                       const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    struct shared_entry *e = NULL;
    size_t len;
    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    err = check(rt, name, &len);
    if (!err && !found)
        err = runtime_fail(rt, SCOOP_EINVAL, "nowhere to put a constant");
    if (err)
        return err;
    uint64_t deadline_ns = public_deadline(options);
    look_around(rt, deadline_ns);
    if (rt->is_serial)
        worker_settle(rt); /* what is left may define it */
    err = find(rt, name, len, deadline_ns, &e);
    if (err)
        return err;
    err = fill(rt, e, found);
    pthread_mutex_unlock(&rt->shared.lock);
    return err;
}

int scoop_const_get_typed(const char *name, void *where, size_t size,
                          const struct scoop_wait_options *options)
{
    struct scoop_const found = {.kind = SCOOP_CONST_BYTES};
    int err = scoop_const_get_of(name, &found, options);

    if (err)
        return err;
    if (found.len != size)
        return runtime_fail(runtime_current, SCOOP_EINVAL,
                            "\"%s\" has %zu bytes, and %zu are asked for", name,
                            found.len, size);
    if (where)
        memcpy(where, &found.data, sizeof found.data);
    return 0;
}

uint64_t scoop_const_version(const char *name)
{
    struct runtime *rt = runtime_current;
    size_t len;

    if (!rt || check(rt, name, &len))
        return 0;
    look_around(rt, CLOCK_NEVER);
    pthread_mutex_lock(&rt->shared.lock);
    const struct shared_entry *e = shared_find(&rt->shared, name, len);
    uint64_t version = e && e->is_there ? e->version : 0;
    pthread_mutex_unlock(&rt->shared.lock);
    return version;
}
