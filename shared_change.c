/* SPDX-License-Identifier: MIT */
/* shared_change.c -- how a change of the constants comes to all ranks
 *
 * A change defines some constants, or deletes one.  Whoever wants one asks rank
 * 0, which numbers the changes and carries them out one at a time, in that
 * order: the next one begins when every rank has reported that it is through
 * with the last.  So all tables go through the same states, and rank 0's own
 * table tells whether a name is taken.
 *
 *     definer --ASK (catalogue)--> rank 0
 *     rank 0  --START--> watchers, down a tree
 *     rank 0  ==Ibcast== the catalogue: names, kinds, small values
 *     watcher --MATE (catalogue)--> the ranks of its node
 *     mate --READY--> watcher --READY--> up the tree: all could, or not
 *     rank 0  --COMMIT--> down the tree: do it, or drop it
 *     definer's watcher ==Ibcast== each large value, into memory of the node
 *     watcher --COMMIT--> mates
 *     mate --DONE--> watcher --DONE--> up the tree
 *     rank 0  --ANSWER--> definer
 *
 * Large values.  The definer copies the value into a segment of its node when
 * it asks, so that its own memory is free again; its mates map the same
 * segment.  On every other node the watcher makes one before it reports that
 * it is ready, and its mates join it.  What can fail (memory, addresses) fails
 * before rank 0 decides: all or none.  Small values are in the catalogue, and
 * each rank copies them.
 *
 * Order.  No handler here relies on the order of messages.  A START comes after
 * all reports on the last change, and a COMMIT after all READY; a report of a
 * child in the tree may come before this rank's own broadcast has landed, so
 * the count of what is left includes this rank itself until it is through.
 * That the numbers agree is checked all the same.  The order of the broadcasts
 * on each watcher is that of the changes, and within one that of its parts.
 *
 * Threads.  All of this runs in the pump, on the main thread or on the helper,
 * and touches no table but its own.  A rank in a long function takes part; the
 * tasks that wait are woken by its main thread, which finds `has_news`.
 *
 * Names of segments are forgotten by the watcher, on its node, as soon as rank
 * 0 has decided.  Until then a segment that was asked for belongs to the
 * request, and goes with it when the request is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define ARITY 4

/* ---- The ranks around this one ---------------------------------------- */

static bool is_watcher(const struct runtime *rt)
{
    return rt->node.local == 0;
}

static int children(const struct runtime *rt)
{
    int64_t left = rt->node.nodes - ((int64_t)rt->node.my_node * ARITY + 1);

    if (!is_watcher(rt) || left <= 0)
        return 0;
    return left < ARITY ? (int)left : ARITY;
}

static int child(const struct runtime *rt, int k)
{
    return rt->node.watcher[rt->node.my_node * ARITY + 1 + k];
}

static int parent(const struct runtime *rt)
{
    if (!is_watcher(rt))
        return rt->node.members[0];
    return rt->node.watcher[(rt->node.my_node - 1) / ARITY];
}

static int mates(const struct runtime *rt)
{
    return is_watcher(rt) ? rt->node.locals - 1 : 0;
}

static void post(struct runtime *rt, int dst, unsigned type, const void *body,
                 void *data, size_t len)
{
    if (!net_send(rt->net, dst, type, body, data, len, NET_BORROW))
        return;
    log_error(&rt->log, "no memory to pass on a constant");
    net_abort(rt->net, 1); /* all ranks would wait for it */
}

static void post_children(struct runtime *rt, unsigned type, const void *body)
{
    for (int k = 0; k < children(rt); k++)
        post(rt, child(rt, k), type, body, NULL, 0);
}

static void post_mates(struct runtime *rt, unsigned type, const void *body,
                       void *data, size_t len)
{
    for (int k = 1; k <= mates(rt); k++)
        post(rt, rt->node.members[k], type, body, data, len);
}

/* ---- The catalogue ---------------------------------------------------- */

/* The part at *at, and *at behind it; NULL: damaged. */
static struct shared_head *next_head(unsigned char **at, size_t *left)
{
    struct shared_head *head = (struct shared_head *)(void *)*at;
    size_t bytes = sizeof *head;

    if (*left < bytes || head->name_len > SCOOP_CONST_NAME_MAX ||
        (!head->is_large && head->len > SHARED_SMALL))
        return NULL;
    bytes += shared_padded(head->name_len);
    if (!head->is_large)
        bytes += shared_padded((size_t)head->len);
    if (*left < bytes)
        return NULL;
    *at += bytes;
    *left -= bytes;
    return head;
}

static const char *name_of(const struct shared_head *head)
{
    return (const char *)(head + 1);
}

static const void *bytes_of(const struct shared_head *head)
{
    return name_of(head) + shared_padded(head->name_len);
}

/* ---- This rank's part of it ------------------------------------------- */

static struct shared_ask *find_ask(struct shared *s, uint64_t token)
{
    struct shared_ask *ask = s->asks;

    while (ask && ask->token != token)
        ask = ask->next;
    return ask;
}

/* Memory of this node for a large value: what the definer has made, or new. */
static int prepare_large(struct runtime *rt, struct shared_part *part,
                         uint32_t number)
{
    struct shared_change *c = &rt->shared.change;
    struct shared_head *head = part->head;
    size_t len = (size_t)head->len;
    bool is_ours = node_is_mate(&rt->node, c->definer);

    if (c->definer == rt->rank) {
        struct shared_ask *ask = find_ask(&rt->shared, c->token);
        if (!ask || number >= ask->parts || ask->segment[number].len != len)
            return SCOOP_EINVAL;
        part->segment = ask->segment[number];
        part->segment.name[0] = '\0'; /* the watcher's from now on */
        ask->segment[number] = (struct node_segment){0};
        return 0;
    }
    if (is_ours || !is_watcher(rt))
        return node_segment_join(&part->segment, head->segment, len);
    int err = node_segment_make(&part->segment, &rt->node, NULL, len);
    if (err)
        return err;
    memcpy(head->segment, part->segment.name, sizeof head->segment);
    part->segment.name[0] = '\0';
    return 0;
}

static int prepare_part(struct runtime *rt, struct shared_part *part,
                        uint32_t number)
{
    struct shared_change *c = &rt->shared.change;
    struct shared_head *head = part->head;

    part->entry = shared_entry_of(&rt->shared, name_of(head), head->name_len);
    if (!part->entry)
        return SCOOP_ENOMEM;
    if (c->what != SHARED_DEFINE)
        return 0;
    if (head->is_large)
        return prepare_large(rt, part, number);
    part->small = aligned_alloc(64, ((size_t)head->len + 64) & ~(size_t)63);
    if (!part->small)
        return SCOOP_ENOMEM;
    memcpy(part->small, bytes_of(head), (size_t)head->len);
    return 0;
}

/* All that may fail.  Not to be undone here: drop_parts() does. */
static int prepare(struct runtime *rt)
{
    struct shared_change *c = &rt->shared.change;
    unsigned char *at = c->catalogue;
    size_t left = c->bytes;
    int status = 0;

    c->part = calloc(c->parts, sizeof *c->part);
    if (!c->part)
        return SCOOP_ENOMEM;
    for (uint32_t i = 0; i < c->parts; i++) {
        c->part[i].head = next_head(&at, &left);
        if (!c->part[i].head)
            return SCOOP_EINVAL;
        if (is_watcher(rt) && !node_is_mate(&rt->node, c->definer))
            c->part[i].head->segment[0] = '\0'; /* was another node's */
    }
    for (uint32_t i = 0; i < c->parts && !status; i++)
        status = prepare_part(rt, &c->part[i], i);
    return status;
}

static void drop_parts(struct shared_change *c)
{
    for (uint32_t i = 0; c->part && i < c->parts; i++) {
        free(c->part[i].small);
        node_segment_drop(&c->part[i].segment);
        c->part[i].small = NULL;
    }
}

static void apply(struct runtime *rt)
{
    struct shared_change *c = &rt->shared.change;

    for (uint32_t i = 0; i < c->parts; i++) {
        struct shared_part *part = &c->part[i];
        struct shared_entry *entry = part->entry;
        shared_clear(&rt->shared, entry);
        if (c->what != SHARED_DEFINE)
            continue;
        node_segment_seal(&part->segment);
        entry->kind = part->head->kind;
        entry->task = part->head->task;
        entry->len = (size_t)part->head->len;
        entry->segment = part->segment;
        entry->data = part->small ? part->small : part->segment.data;
        entry->version++;
        entry->is_there = true;
        part->small = NULL;
        part->segment = (struct node_segment){0};
    }
}

/* ---- Steps of a change ------------------------------------------------ */

static void commit(struct runtime *rt, int status);

static void close_change(struct runtime *rt)
{
    struct shared_change *c = &rt->shared.change;

    drop_parts(c);
    free(c->part);
    free(c->catalogue);
    *c = (struct shared_change){0};
    atomic_fetch_sub(&rt->shared.busy, 1);
    shared_tell(rt);
}

static void on_answer(struct runtime *rt, uint64_t token, int status)
{
    struct shared *s = &rt->shared;
    struct shared_ask **at = &s->asks;

    while (*at && (*at)->token != token)
        at = &(*at)->next;
    if (!*at)
        return;
    struct shared_ask *ask = *at;
    *at = ask->next;
    ask->is_done = true;
    ask->status = status;
    if (ask->is_abandoned)
        shared_ask_free(ask);
    atomic_fetch_sub(&s->busy, 1);
    shared_tell(rt);
}

static void answer(struct runtime *rt, int definer, uint64_t token, int status)
{
    struct wire_const_answer body = {token, status, 0};

    if (definer == rt->rank)
        on_answer(rt, token, status);
    else
        post(rt, definer, WIRE_CONST_ANSWER, &body, NULL, 0);
}

/* All ranks below this one have reported, and so has this one. */
static void report(struct runtime *rt)
{
    struct shared_change *c = &rt->shared.change;
    struct wire_const_up body = {c->number, c->status, 0};
    bool is_done = c->is_committed;

    if (rt->rank) {
        int to = parent(rt);
        if (is_done)
            close_change(rt); /* before the next one can come */
        post(rt, to, is_done ? WIRE_CONST_DONE : WIRE_CONST_READY, &body, NULL,
             0);
    } else if (is_done) {
        int definer = c->definer, status = c->status;
        uint64_t token = c->token;
        close_change(rt);
        answer(rt, definer, token, status);
    } else {
        commit(rt, c->status);
    }
}

static void one_less(struct runtime *rt)
{
    if (--rt->shared.change.left == 0)
        report(rt);
}

/* This rank is through with what it has to do itself. */
static void landed(struct runtime *rt)
{
    struct shared_change *c = &rt->shared.change;
    struct wire_const_up body = {c->number, c->status, 0};

    if (!c->status) {
        apply(rt);
        shared_tell(rt);
    }
    if (c->has_told)
        post_mates(rt, WIRE_CONST_COMMIT, &body, NULL, 0);
    one_less(rt);
}

static void on_cast(void *ctx);
static void next_change(struct runtime *rt);

/* The next large value that has to travel between nodes. */
static void cast_more(struct runtime *rt)
{
    struct shared_change *c = &rt->shared.change;

    while (c->next_cast < c->parts && !c->status && c->what == SHARED_DEFINE &&
           is_watcher(rt) && rt->node.nodes > 1) {
        struct shared_part *part = &c->part[c->next_cast++];
        if (!part->head->is_large)
            continue;
        net_cast(rt->net, rt->node.node_of[c->definer], part->segment.data,
                 part->segment.len, on_cast, rt);
        return; /* goes on in on_cast() */
    }
    landed(rt);
}

/* The catalogue is here. */
static void learn(struct runtime *rt, int status)
{
    struct shared_change *c = &rt->shared.change;
    struct wire_const_start body = {c->number, c->token,   c->bytes, c->what,
                                    c->parts,  c->definer, 0};

    c->is_known = true;
    if (!status)
        status = prepare(rt);
    if (status && !c->status)
        c->status = status;
    if (!status && mates(rt)) {
        c->has_told = true;
        c->left += mates(rt);
        post_mates(rt, WIRE_CONST_MATE, &body, c->catalogue, c->bytes);
    }
    one_less(rt);
}

static void on_cast(void *ctx)
{
    struct runtime *rt = ctx;
    struct shared *s = &rt->shared;

    pthread_mutex_lock(&s->lock);
    if (s->change.is_known)
        cast_more(rt);
    else
        learn(rt, 0);
    next_change(rt);
    pthread_mutex_unlock(&s->lock);
}

static void open_change(struct runtime *rt, const struct wire_const_start *body,
                        unsigned char *catalogue)
{
    struct shared_change *c = &rt->shared.change;

    *c = (struct shared_change){
        .is_open = true,
        .number = body->number,
        .token = body->token,
        .definer = body->definer,
        .what = body->what,
        .parts = body->parts,
        .catalogue = catalogue,
        .bytes = (size_t)body->catalogue_bytes,
        .left = children(rt) + 1,
    };
    atomic_fetch_add(&rt->shared.busy, 1);
}

/* A watcher: the change begins. */
static void start(struct runtime *rt, const struct wire_const_start *body,
                  unsigned char *catalogue)
{
    open_change(rt, body, catalogue);
    post_children(rt, WIRE_CONST_START, body);
    if (rt->node.nodes > 1)
        net_cast(rt->net, 0, catalogue, (size_t)body->catalogue_bytes, on_cast,
                 rt); /* goes on there */
    else
        learn(rt, 0);
}

/* Rank 0 has decided. */
static void commit(struct runtime *rt, int status)
{
    struct shared_change *c = &rt->shared.change;
    struct wire_const_up body = {c->number, status, 0};

    c->is_committed = true;
    c->status = status;
    c->left = children(rt) + 1 + (c->has_told ? mates(rt) : 0);
    post_children(rt, WIRE_CONST_COMMIT, &body);
    for (uint32_t i = 0; is_watcher(rt) && c->part && i < c->parts; i++)
        if (c->part[i].head)
            node_segment_forget(c->part[i].head->segment);
    if (status)
        drop_parts(c);
    cast_more(rt);
}

/* ---- Rank 0's queue --------------------------------------------------- */

/* Whether it can be done, by rank 0's table, which is the law. */
static int judge(struct shared *s, const struct shared_request *r,
                 uint64_t number)
{
    unsigned char *at = r->catalogue;
    size_t left = r->bytes;

    for (uint32_t i = 0; i < r->parts; i++) {
        struct shared_head *head = next_head(&at, &left);
        if (!head)
            return SCOOP_EINVAL;
        struct shared_entry *entry =
            shared_entry_of(s, name_of(head), head->name_len);
        if (!entry)
            return SCOOP_ENOMEM;
        if (r->what == SHARED_DELETE && !entry->is_there)
            return SCOOP_ENOCONST;
        if (r->what == SHARED_DEFINE &&
            (entry->is_there || entry->mark == number))
            return SCOOP_EEXISTS;
        entry->mark = number;
    }
    return left ? SCOOP_EINVAL : 0;
}

static void carry_out(struct runtime *rt, struct shared_request *r)
{
    struct shared *s = &rt->shared;
    struct wire_const_start body = {++s->number, r->token,   r->bytes, r->what,
                                    r->parts,    r->definer, 0};
    int status = judge(s, r, body.number);

    if (status) {
        answer(rt, r->definer, r->token, status);
        free(r->catalogue);
    } else {
        start(rt, &body, r->catalogue);
    }
    free(r);
    atomic_fetch_sub(&s->busy, 1);
    shared_tell(rt);
}

/* Whoever comes here from within (a change that is over at once) leaves it to
 * the loop. */
static void next_change(struct runtime *rt)
{
    struct shared *s = &rt->shared;

    if (s->is_in_turn)
        return;
    s->is_in_turn = true;
    while (s->first && !s->change.is_open) {
        struct shared_request *r = s->first;
        s->first = r->next;
        if (!s->first)
            s->last = &s->first;
        carry_out(rt, r);
    }
    s->is_in_turn = false;
}

/* ---- Messages --------------------------------------------------------- */

/* The data of a message, to be freed; NULL: no memory. */
static unsigned char *keep_data(struct net_message *m)
{
    unsigned char *data = m->data;

    if (m->is_owned) {
        m->data = NULL;
        return data;
    }
    data = m->data_len ? malloc(m->data_len) : NULL;
    if (data)
        memcpy(data, m->data, m->data_len);
    return data;
}

static void on_ask(struct runtime *rt, struct net_message *m)
{
    const struct wire_const_ask *body = m->body;
    struct shared *s = &rt->shared;
    struct shared_request *r = malloc(sizeof *r);
    unsigned char *catalogue = m->status ? NULL : keep_data(m);

    if (!r || !catalogue) {
        free(r);
        free(catalogue);
        answer(rt, m->src, body->token, SCOOP_ENOMEM);
        return;
    }
    *r = (struct shared_request){
        .token = body->token,
        .definer = m->src,
        .what = body->what,
        .parts = body->parts,
        .catalogue = catalogue,
        .bytes = m->data_len,
    };
    *s->last = r;
    s->last = &r->next;
    atomic_fetch_add(&s->busy, 1);
}

static void on_start(struct runtime *rt, struct net_message *m)
{
    const struct wire_const_start *body = m->body;
    unsigned char *catalogue = NULL;

    if (body->catalogue_bytes <= SHARED_CATALOGUE_MAX)
        catalogue = malloc((size_t)body->catalogue_bytes);
    if (!catalogue || rt->shared.change.is_open) {
        log_error(&rt->log, "no memory for the names of new constants");
        net_abort(rt->net, 1); /* the broadcast has begun elsewhere */
    }
    start(rt, body, catalogue);
}

static void on_mate(struct runtime *rt, struct net_message *m)
{
    unsigned char *catalogue = m->status ? NULL : keep_data(m);

    open_change(rt, m->body, catalogue);
    learn(rt, catalogue ? 0 : SCOOP_ENOMEM);
}

static void on_report(struct runtime *rt, struct net_message *m)
{
    const struct wire_const_up *body = m->body;
    struct shared_change *c = &rt->shared.change;

    if (body->status && !c->status)
        c->status = body->status;
    one_less(rt);
}

/* Whether a message belongs to the change that is under way, at that point of
 * it. */
static bool is_expected(const struct runtime *rt, const struct net_message *m)
{
    const struct shared_change *c = &rt->shared.change;
    const struct wire_const_up *body = m->body;

    switch (m->type) {
    case WIRE_CONST_ASK:
        return rt->rank == 0;
    case WIRE_CONST_START:
    case WIRE_CONST_MATE:
        return !c->is_open;
    case WIRE_CONST_READY:
    case WIRE_CONST_COMMIT:
        return c->is_open && c->number == body->number && !c->is_committed;
    case WIRE_CONST_DONE:
        return c->is_open && c->number == body->number && c->is_committed;
    default:
        return true;
    }
}

static void end(struct runtime *rt)
{
    static const struct wire_const_end body;

    for (int k = 0; k < term_children(&rt->term); k++)
        post(rt, term_child(&rt->term, k), WIRE_CONST_END, &body, NULL, 0);
    shared_end_here(rt);
}

void shared_end_here(struct runtime *rt)
{
    atomic_store(&rt->shared.is_ending, true);
    shared_tell(rt);
}

void shared_end(struct runtime *rt)
{
    if (!shared_is_ending(&rt->shared))
        end(rt);
}

void shared_on_message(struct runtime *rt, struct net_message *m)
{
    struct shared *s = &rt->shared;

    pthread_mutex_lock(&s->lock);
    if (!is_expected(rt, m)) {
        log_error(&rt->log, "%s from rank %d does not belong here",
                  wire_name(m->type), m->src);
    } else if (m->type == WIRE_CONST_ASK) {
        on_ask(rt, m);
    } else if (m->type == WIRE_CONST_START) {
        on_start(rt, m);
    } else if (m->type == WIRE_CONST_MATE) {
        on_mate(rt, m);
    } else if (m->type == WIRE_CONST_COMMIT) {
        commit(rt, ((const struct wire_const_up *)m->body)->status);
    } else if (m->type == WIRE_CONST_ANSWER) {
        const struct wire_const_answer *body = m->body;
        on_answer(rt, body->token, body->status);
    } else if (m->type == WIRE_CONST_END) {
        end(rt);
    } else {
        on_report(rt, m);
    }
    next_change(rt);
    pthread_mutex_unlock(&s->lock);
}

bool shared_serve(struct runtime *rt, struct net_message *m)
{
    if (m->type < WIRE_CONST_ASK || m->type > WIRE_CONST_END)
        return false;
    shared_on_message(rt, m);
    return true;
}
