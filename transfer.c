/* SPDX-License-Identifier: MIT */
/* transfer.c -- tasks that change hands between ranks
 *
 *   victim                      thief                        home
 *     |<------ rob (node memory)--|                            |
 *     |    or STEAL, TASKS        |                            |
 *     |                           |------- HELD (if the victim |
 *     |                           |         is not the home)-->|
 *     |                           |------- FETCH (long arg) -->|
 *     |                           |<------ ARG ----------------|
 *     |                           |------- RESULT ------------>|
 *
 * A task that arrives becomes a guest: an entry beside the table of this
 * rank's own futures, with the record as it came.  That a task comes back to
 * its own home as a guest is no special case: the messages then go to oneself.
 *
 * The home is told who has a task: by its own deque when a thief took it from
 * there (holder_taken), else by the thief's HELD.  News of the same task may
 * overtake each other, so each carries the number of hands that it has gone
 * through, and only later news are believed.
 *
 * An argument that does not fit in a slot stays with the home and is sent
 * from where it lies.  It lies there until the result is in: a home frees
 * nothing of a task that another rank holds.  So the address in the record
 * stays good for as long as anybody can ask for it.
 *
 * A result may arrive before the deque has told that the task was taken (its
 * thief has won it, but was slow to sign).  The future is then EARLY: complete
 * but still in the deque's books, and ends when the deque lets go of it.
 */
#include "transfer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "map.h"
#include "offer.h"
#include "queue.h"
#include "recall.h"
#include "runtime.h"
#include "settle.h"
#include "terms.h"

#define TASK_WORDS (sizeof(struct task) / 8)

_Static_assert(offsetof(struct task, parent) < 8 * DEQUE_KIN_WORDS,
               "a parent is seen by are_kin()");
_Static_assert(sizeof(struct task) + TASK_INLINE_MAX == DEQUE_SLOT_BYTES,
               "a slot holds a record and a short argument");

static size_t padded(uint64_t len)
{
    return (size_t)((len + 7) & ~(uint64_t)7);
}

static struct future *future_of_const(const struct deque_item *item)
{
    return (struct future *)(uintptr_t)item;
}

size_t transfer_pack(const struct deque_item *item, uint64_t *words)
{
    const struct future *f = future_of_const(item);
    struct task rec = f->rec;
    size_t used = TASK_WORDS;

    if (!(f->flags & FUTURE_GUEST)) { /* known here, not needed before */
        rec.arg = (uint64_t)(uintptr_t)f->arg;
        if (!(rec.flags & TASK_RANGE))
            rec.created_ns = 0;
        if (!(rec.flags & (TASK_RANGE | TASK_SUBTREE)))
            rec.timeout_ns = terms_of(f) ? terms_of(f)->timeout_ns : 0;
        if (f->owner && f->owner->task)
            rec.parent = f->owner->task->rec.id;
    }

    if (f->arg && rec.arg_len <= TASK_INLINE_MAX) {
        rec.flags |= TASK_INLINE;
        words[TASK_WORDS + padded(rec.arg_len) / 8 - (rec.arg_len > 0)] = 0;
        memcpy(words + TASK_WORDS, f->arg, (size_t)rec.arg_len);
        used += padded(rec.arg_len) / 8;
    } else {
        rec.flags &= (uint16_t)~TASK_INLINE;
    }
    memcpy(words, &rec, sizeof rec);
    return used;
}

/* Bytes of a record with what follows it; 0: it cannot be one. */
static size_t record_bytes(const struct task *rec)
{
    if (!(rec->flags & TASK_INLINE))
        return sizeof *rec;
    if (rec->arg_len > TASK_INLINE_MAX)
        return 0;
    return sizeof *rec + padded(rec->arg_len);
}

/* ---- Taking in -------------------------------------------------------- */

static int send_or_end(struct runtime *rt, int dst, unsigned type,
                       const void *body)
{
    int err = net_send(rt->net, dst, type, body, NULL, 0, NET_COPY);

    if (err) { /* not even a message without data: the job cannot go on */
        log_error(&rt->log, "cannot send %s to rank %d: %s", wire_name(type),
                  dst, scoop_strerror(err));
        net_abort(rt->net, 1);
    }
    return err;
}

/* Tells the home of a task that could not even be taken in. */
static void send_back(struct runtime *rt, const struct task *rec, int status)
{
    bool is_range = rec->flags & TASK_RANGE;
    struct wire_result body = {rec->id,
                               rec->generation,
                               is_range ? rec->first : rec->attempt,
                               is_range ? rec->count : 0,
                               status,
                               rt->rank};

    send_or_end(rt, task_home(rec), WIRE_RESULT, &body);
}

/* Argument bytes that came in a message become the guest's; *block, from
 * malloc, is kept if it is not NULL and aligned well enough. */
static int give_argument(struct runtime *rt, struct future *g,
                         const void *bytes, void **block)
{
    size_t align = registry_task(&rt->registry, g->rec.number)->in_align;
    size_t len = (size_t)g->rec.arg_len;
    void *own = NULL;

    if (block && align <= _Alignof(max_align_t)) {
        own = *block;
        *block = NULL;
    } else if (!(g->flags & FUTURE_PIECE) && align <= 8 &&
               len <= 16 * ((size_t)g->size_class + 1)) {
        g->arg = memcpy(g->data, bytes, len);
        return 0;
    } else {
        own = value_alloc(len, align);
        if (!own)
            return SCOOP_ENOMEM;
        memcpy(own, bytes, len);
    }
    if (g->flags & FUTURE_PIECE)
        return map_input_take(rt, g, own);
    g->arg = own;
    g->flags |= FUTURE_OWNS_ARG;
    return 0;
}

/* A guest for a record; NULL after the home was told why not. */
static struct future *adopt(struct runtime *rt, const struct task *rec)
{
    const struct scoop_task *type = registry_task(&rt->registry, rec->number);
    int err = type ? 0 : SCOOP_ENOTASK;
    struct future *g = NULL;
    bool has_arg = (rec->flags & TASK_INLINE) && rec->arg_len;

    if (!err) {
        size_t room = has_arg ? padded(rec->arg_len) : 0;
        if (room + type->out_size <= 16 * FUTURE_CLASSES)
            room += type->out_size;
        g = future_take(&rt->guests, room);
        err = g ? 0 : SCOOP_ENOMEM;
    }
    if (!err) {
        g->flags = FUTURE_GUEST;
        if (rec->flags & TASK_RANGE)
            g->flags |= FUTURE_PIECE;
        g->owner = NULL;
        g->arg = NULL;
        g->rec = *rec;
        g->rec.hops++;
        g->rec.holder = rt->rank;
        if (recall_has(&rt->recalls, rec))
            g->flags |= FUTURE_CANCELLED;
        link_add(&rt->guests.guests, &g->link);
        if (has_arg)
            err = give_argument(rt, g, rec + 1, NULL);
        if (!err)
            return g;
        link_remove(&g->link);
        map_forget_guest(g);
        future_put(&rt->guests, g);
    }
    send_back(rt, rec, err);
    return NULL;
}

/* Tells the homes who has their tasks now.  One message for a run of tasks
 * of one home; none to the rank that they were taken from, which knows. */
struct news {
    struct wire_held_one one[WORKER_LOOT];
    uint32_t tasks;
    int home;
};

static void flush(struct runtime *rt, struct news *news)
{
    struct wire_held body = {rt->rank, news->tasks};

    if (!news->tasks)
        return;
    if (net_send(rt->net, news->home, WIRE_HELD, &body, news->one,
                 news->tasks * sizeof news->one[0], NET_COPY))
        log_warn(&rt->log, "no memory to tell rank %d who has its tasks",
                 news->home);
    news->tasks = 0;
}

static void tell(struct runtime *rt, struct news *news, const struct task *rec,
                 int victim)
{
    int home = task_home(rec);

    if (home == victim)
        return;
    if (news->tasks == WORKER_LOOT || (news->tasks && news->home != home))
        flush(rt, news);
    news->home = home;
    news->one[news->tasks++] =
        (struct wire_held_one){rec->id, rec->generation, rec->count,
                               rec->hops + 1, rec->attempt};
}

void transfer_give_up(struct runtime *rt, struct future *g, int status,
                      struct error *error)
{
    if (g->flags & FUTURE_PIECE)
        map_drop_guest(rt, g, status, error);
    else
        transfer_return(rt, g, status, error);
}

static void queue(struct runtime *rt, struct future *g, bool must_stay)
{
    if (g->flags & FUTURE_CANCELLED) { /* that came first */
        transfer_give_up(rt, g, SCOOP_ECANCELLED, NULL);
        return;
    }
    int err = must_stay ? queue_place(rt, g) : queue_push(rt, g);

    if (!err)
        return;
    transfer_give_up(rt, g, err, NULL);
}

/* Kin are tasks of one parent; and so are all that the owner has itself taken
 * from others, a bag of which half is half. */
static bool are_kin(const uint64_t *a, const uint64_t *b, int owner)
{
    const struct task *one = (const struct task *)(const void *)a;
    const struct task *other = (const struct task *)(const void *)b;
    bool is_own = task_home(one) == owner;

    if (is_own != (task_home(other) == owner))
        return false;
    return !is_own || one->parent == other->parent;
}

/* From the lane of the highest priority that has any; how many. */
static unsigned steal_first(const struct node *node, int local, int thief,
                            struct deque_record *loot, unsigned most,
                            struct deque_claim *claim)
{
    struct node_block *b = node_block(node, local);
    bool is_mate = node_is_mate(node, thief);
    int victim = node->members[local];
    unsigned n = 0;

    for (unsigned lane = lanes_first_public(b, 0, is_mate); lane < LANES && !n;
         lane = lanes_first_public(b, lane + 1, is_mate))
        n = deque_steal_kin(lanes_ring(b, lane), thief, loot, most, claim,
                            lanes_claim(local, lane), victim, are_kin);
    return n;
}

unsigned transfer_rob(struct runtime *rt, int local)
{
    struct deque_record *loot = rt->worker.loot;
    int victim = rt->node.members[local];
    struct news news;

    rt->stats.steals_tried++;
    unsigned n = steal_first(&rt->node, local, rt->rank, loot, WORKER_LOOT,
                             &rt->node.me->claim);
    if (!n)
        return 0;
    rt->stats.steals_won++;
    call_trace_steal(rt, victim, n);
    rt->stats.tasks_taken += n;
    news.tasks = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct task *rec = (const struct task *)(void *)loot[i].word;
        tell(rt, &news, rec, victim);
        struct future *g = adopt(rt, rec);
        if (g)
            queue(rt, g, false);
    }
    deque_claim_clear(&rt->node.me->claim);
    flush(rt, &news);
    return n;
}

static bool is_sound(const struct runtime *rt, const struct task *rec)
{
    return task_home(rec) >= 0 && task_home(rec) < rt->size &&
           rec->priority <= TASK_PRIORITY_MAX &&
           rec->priority >= -TASK_PRIORITY_MAX;
}

/* Tasks were pushed here, for which some rank of this node had registered:
 * its place on the list there is used up. */
static void note_fed(struct node *node, int by)
{
    int from = node->node_of[by], lifelines = steal_lifelines(node->nodes);

    for (int k = 0; k < lifelines; k++)
        if (steal_lifeline(node->my_node, node->nodes, k) == from)
            node_cut(node, k);
}

void transfer_on_tasks(struct runtime *rt, struct net_message *m)
{
    const struct wire_tasks *body = m->body;
    const char *at = m->data;
    size_t left = m->data_len;
    struct news news;
    uint32_t n = 0;

    if (!m->data) { /* no memory here, and the tasks are nobody's now */
        log_error(&rt->log, "no memory for tasks from rank %d", m->src);
        net_abort(rt->net, 1);
        return;
    }
    news.tasks = 0;
    for (; n < body->tasks; n++) {
        const struct task *rec = (const struct task *)(const void *)at;
        size_t bytes = left >= sizeof *rec ? record_bytes(rec) : 0;
        if (!bytes || bytes > left || !is_sound(rt, rec)) {
            log_error(&rt->log, "damaged tasks from rank %d", m->src);
            break;
        }
        if (body->reason != WIRE_PLACED)
            tell(rt, &news, rec, rec->holder);
        struct future *g = adopt(rt, rec);
        if (g)
            queue(rt, g, body->reason == WIRE_PLACED);
        at += bytes;
        left -= bytes;
    }
    flush(rt, &news);
    rt->stats.tasks_taken += n;
    if (body->reason == WIRE_STOLEN) {
        rt->stats.steals_won++;
        call_trace_steal(rt, m->src, n);
        steal_answered(&rt->steal);
        node_asked(&rt->node);
    } else if (body->reason == WIRE_PUSHED) {
        note_fed(&rt->node, m->src);
    }
}

void transfer_on_empty(struct runtime *rt, struct net_message *m)
{
    (void)m;
    steal_answered(&rt->steal);
    node_asked(&rt->node);
}

/* ---- Giving away ------------------------------------------------------ */

/* From the deques of `rings` ranks, from `local` on, until there are `most`;
 * from each what one theft brings.  How many. */
static unsigned lend(struct node *node, struct net *net, int local, int rings,
                     int thief, unsigned most, uint32_t reason)
{
    struct deque_record loot[WORKER_LOOT];
    unsigned n = 0;

    if (most > WORKER_LOOT)
        most = WORKER_LOOT;
    for (int i = 0; i < rings && n < most; i++) {
        int from = (local + i) % node->locals;
        unsigned more =
            steal_first(node, from, thief, loot + n, most - n, NULL);
        for (; more; more--, n++)
            ((struct task *)(void *)loot[n].word)->holder = node->members[from];
    }
    if (!n)
        return 0;
    struct wire_tasks body = {n, reason};
    char *data = (char *)loot; /* packed in place: no record grows */
    size_t len = 0;
    for (unsigned i = 0; i < n; i++) {
        struct task *rec = (struct task *)(void *)loot[i].word;
        size_t bytes = record_bytes(rec);
        memmove(data + len, rec, bytes);
        len += bytes;
    }
    if (net_send(net, thief, WIRE_TASKS, &body, data, len, NET_COPY))
        net_abort(net, 1); /* they are nobody's now: see send_or_end() */
    return n;
}

unsigned transfer_lend(struct node *node, struct net *net, int local, int thief,
                       unsigned most, uint32_t reason)
{
    return lend(node, net, local, 1, thief, most, reason);
}

/* A rank of another node has as many mates without work, maybe, as it asks
 * tasks for: the ranks of this node all give some. */
static bool lend_any(struct node *node, struct net *net, int thief,
                     unsigned most, uint32_t reason)
{
    return lend(node, net, node->local, node->locals, thief, most, reason);
}

/* First on the list, then a look at the deques: one who publishes does it the
 * other way round, so one of the two sees the other. */
static void note_hungry(struct node *node, struct net *net, int rank)
{
    if (rank < 0 || rank >= node->size || !node_hungry_add(node, rank))
        return;
    for (int i = 0; i < node->locals; i++)
        atomic_store_explicit(&node_block(node, i)->wanted, 1,
                              memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    for (int i = 0; i < node->locals; i++) {
        if (!lanes_has_loot(node_block(node, i), false))
            continue;
        int first = node_hungry_take(node);
        if (first < 0 || lend_any(node, net, first, WORKER_LOOT, WIRE_PUSHED))
            return;
        node_hungry_add(node, first); /* somebody was faster: the next one */
        atomic_thread_fence(memory_order_seq_cst);
    }
}

/* Where nothing is public those who have something are asked to share it, and
 * the thief is on the list meanwhile. */
static void answer_steal(struct node *node, struct net *net,
                         const struct wire_steal *ask)
{
    struct wire_empty empty = {node->rank, 0};

    if (ask->thief < 0 || ask->thief >= node->size ||
        lend_any(node, net, ask->thief, ask->most, WIRE_STOLEN))
        return;
    if (atomic_load_explicit(&node->head->hungry, memory_order_relaxed) <
        NODE_HUNGRY_MAX / 2)
        note_hungry(node, net, ask->thief);
    if (net_send(net, ask->thief, WIRE_EMPTY, &empty, NULL, 0, NET_COPY))
        net_abort(net, 1); /* the thief would wait for ever */
}

static void send_argument(struct net *net, int dst,
                          const struct wire_fetch *ask)
{
    struct wire_arg body = {ask->id, ask->generation, ask->token};

    if (net_send(net, dst, WIRE_ARG, &body, (void *)(uintptr_t)ask->arg,
                 (size_t)ask->len, NET_BORROW) &&
        net_send(net, dst, WIRE_ARG, &body, NULL, 0, NET_COPY))
        net_abort(net, 1); /* the asker would wait for ever */
}

bool transfer_serve(struct node *node, struct net *net, struct net_message *m)
{
    if (m->type == WIRE_STEAL)
        answer_steal(node, net, m->body);
    else if (m->type == WIRE_HUNGRY)
        note_hungry(node, net, ((const struct wire_hungry *)m->body)->rank);
    else if (m->type == WIRE_FETCH)
        send_argument(net, m->src, m->body);
    else
        return false;
    return true;
}

static bool has_bound(const struct net_message *m)
{
    const char *at = m->data;

    for (size_t left = m->data_len; left >= sizeof(struct task);) {
        const struct task *rec = (const struct task *)(const void *)at;
        size_t bytes = record_bytes(rec);
        if (rec->flags & TASK_NODE)
            return true;
        if (!bytes || bytes > left)
            return false;
        at += bytes;
        left -= bytes;
    }
    return false;
}

static int sleeping_mate(const struct node *node)
{
    for (int i = 1; i < node->locals; i++) {
        int local = (node->local + i) % node->locals;
        if (atomic_load_explicit(&node_block(node, local)->asleep,
                                 memory_order_relaxed) == NODE_ASLEEP)
            return node->members[local];
    }
    return -1;
}

/* Tasks that arrive while the main thread is in a long function would wait
 * for it where nobody can rob them. */
bool transfer_pass_on(struct node *node, struct net *net, struct net_message *m)
{
    struct wire_tasks body = *(const struct wire_tasks *)m->body;
    size_t left = m->data_len;

    if (body.reason == WIRE_PLACED || !m->data)
        return false;
    int to = sleeping_mate(node);
    if (to < 0 && !has_bound(m))
        to = node_hungry_take(node);
    if (to < 0 || to == node->rank)
        return false;
    for (char *at = m->data; left;) {
        struct task *rec = (struct task *)(void *)at;
        size_t bytes = left >= sizeof *rec ? record_bytes(rec) : 0;
        if (!bytes || bytes > left)
            return false; /* damaged: the main thread will say so */
        /* What the deque of its home has told is not true any more. */
        rec->holder = task_home(rec) == node->rank ? -1 : node->rank;
        rec->hops++;
        at += bytes;
        left -= bytes;
    }
    if (body.reason == WIRE_PUSHED)
        note_fed(node, m->src);
    body.reason = WIRE_PUSHED;
    return !net_send(net, to, WIRE_TASKS, &body, m->data, m->data_len,
                     NET_COPY);
}

void transfer_on_steal(struct runtime *rt, struct net_message *m)
{
    offer_tasks(rt);
    answer_steal(&rt->node, rt->net, m->body);
}

void transfer_on_hungry(struct runtime *rt, struct net_message *m)
{
    offer_tasks(rt);
    note_hungry(&rt->node, rt->net,
                ((const struct wire_hungry *)m->body)->rank);
}

void transfer_on_fetch(struct runtime *rt, struct net_message *m)
{
    send_argument(rt->net, m->src, m->body);
}

int transfer_place(struct runtime *rt, struct future *f, int rank,
                   uint32_t reason)
{
    struct wire_tasks body = {1, reason};
    uint64_t words[DEQUE_SLOT_WORDS];
    size_t used = transfer_pack(&f->item, words);

    f->state = FUTURE_HELD;
    f->rec.holder = rank;
    f->rec.hops = 1;
    return net_send(rt->net, rank, WIRE_TASKS, &body, words, 8 * used,
                    NET_COPY);
}

/* ---- Long arguments --------------------------------------------------- */

int transfer_fetch(struct runtime *rt, struct future *g)
{
    struct wire_fetch ask = {g->rec.id, g->rec.generation, g->rec.arg,
                             g->rec.arg_len, (uint64_t)(uintptr_t)g};

    g->state = FUTURE_FETCHING;
    return net_send(rt->net, task_home(&g->rec), WIRE_FETCH, &ask, NULL, 0,
                    NET_COPY);
}

/* The token is this rank's own pointer, and the guest stays where it is as
 * long as it is FETCHING. */
void transfer_on_arg(struct runtime *rt, struct net_message *m)
{
    const struct wire_arg *body = m->body;
    struct future *g = (struct future *)(uintptr_t)body->token;
    int err = SCOOP_ENOMEM; /* there, or here */

    if (m->data_len == g->rec.arg_len && m->data)
        err = give_argument(rt, g, m->data, m->is_owned ? &m->data : NULL);
    if (!err)
        err = queue_place(rt, g);
    if (!err)
        return;
    transfer_give_up(rt, g, err, NULL);
}

/* ---- Results ---------------------------------------------------------- */

void transfer_return(struct runtime *rt, struct future *g, int status,
                     struct error *error)
{
    struct wire_result body = {g->rec.id,      g->rec.generation,
                               g->rec.attempt, g->rec.count,
                               status,         rt->rank};
    int home = task_home(&g->rec), err;

    if (status) {
        size_t len;
        void *packed = error_pack(error, &len);
        err =
            net_send(rt->net, home, WIRE_RESULT, &body, packed, len, NET_TAKE);
        error_free(error);
    } else {
        enum net_own own = NET_COPY;
        if (g->flags & FUTURE_OWNS_RESULT) {
            own = NET_TAKE;
            g->flags &= (uint16_t)~FUTURE_OWNS_RESULT;
        }
        err = net_send(rt->net, home, WIRE_RESULT, &body, g->result,
                       g->result_len, own);
    }
    if (err) {
        body.status = err;
        send_or_end(rt, home, WIRE_RESULT, &body);
    }
    link_remove(&g->link);
    future_put(&rt->guests, g);
}

/* The result of f has come: keeps it in f.  Returns its status. */
static int keep_result(struct runtime *rt, struct future *f,
                       struct net_message *m)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);

    if (type->kind == SCOOP_TYPED && m->data_len != type->out_size) {
        log_error(&rt->log, "result of %s from rank %d has %zu bytes, not %zu",
                  type->name, m->src, m->data_len, type->out_size);
        return SCOOP_EMISMATCH;
    }
    f->result_len = m->data_len;
    if (!m->data_len)
        return 0;
    if (!m->data)
        return SCOOP_ENOMEM;
    if (m->is_owned && type->out_align <= 16) {
        f->result = m->data;
        f->flags |= FUTURE_OWNS_RESULT;
        m->data = NULL;
        return 0;
    }
    f->result = type->kind == SCOOP_TYPED
                    ? future_result_room(f, m->data_len, type->out_align)
                    : malloc(m->data_len);
    if (!f->result)
        return SCOOP_ENOMEM;
    if (type->kind != SCOOP_TYPED)
        f->flags |= FUTURE_OWNS_RESULT;
    memcpy(f->result, m->data, m->data_len);
    return 0;
}

/* Of an attempt that was given up: see terms.c. */
static bool is_late(const struct future *f, const struct wire_result *body)
{
    return !(f->flags & FUTURE_PIECE) && f->debts &&
           (f->state == FUTURE_DONE || body->first != f->rec.attempt);
}

void transfer_on_result(struct runtime *rt, struct net_message *m)
{
    const struct wire_result *body = m->body;
    struct future *f = future_find(&rt->futures, body->id, body->generation);
    int status = body->status;

    if (f && is_late(f, body)) {
        terms_pay(rt, f, 1);
        return;
    }
    if (!f || (f->state != FUTURE_HELD && f->state != FUTURE_QUEUED)) {
        log_error(&rt->log, "rank %d sent a result that nobody waits for",
                  m->src);
        return;
    }
    if (f->flags & FUTURE_PIECE) {
        map_result(rt, f, body->first, body->count, status, m->data,
                   m->data_len);
        return;
    }
    if (f->state == FUTURE_QUEUED)
        queue_reclaim(rt);
    struct error *error = NULL;
    if (status)
        error = error_unpack(m->data, m->data_len);
    else
        status = keep_result(rt, f, m);
    f->rec.holder = body->rank;
    settle_note_times(f, body->count, clock_now_ns());
    if (f->state == FUTURE_HELD) {
        settle_take(rt, f, status, error);
        return;
    }
    f->status = (int8_t)status;
    f->error = error;
    f->state = FUTURE_EARLY;
    rt->worker.early++;
}
