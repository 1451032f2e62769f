/* SPDX-License-Identifier: MIT */
/* helper.c -- who answers while the main thread is in user code
 *
 * A task may run for an hour without a library call.  Its rank must still
 * answer: a thief on another node asks for tasks, somebody fetches a long
 * argument, a large payload wants to move on.  So each rank of several has a
 * second thread that owns the pump when the main thread does not.
 *
 * It touches three things only: the net, the thief's end of the deques, and
 * node memory.  Every other message it puts aside, in order, for the main
 * thread, which takes them at its next library call.  User code never runs on
 * it, and it never looks into the runtime's own tables, but for that of the
 * constants, which has a lock.
 *
 * When it looks:
 *  - the main thread sleeps: never.  It is roused when work has come.
 *  - the main thread works, and messages can come by MPI (this rank is the
 *    watcher of its node, or a payload is under way): every SCOOP_HELPER_TICK.
 *  - otherwise: when an urgent message is put into this rank's mailbox, and
 *    ten times a second for what a signal or the watchdog wants to know, and
 *    to notice that a function takes longer than the main thread thinks.
 */
#include "helper.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "holder.h"
#include "lanes.h"
#include "loan.h"
#include "runtime.h"
#include "signals.h"
#include "transfer.h"

#define SLOW_TICK_NS 100000000u

struct letter {
    struct letter *next;
    struct net_message message;
    uint64_t body[WIRE_BODY_MAX / 8];
};

struct helper {
    pthread_t thread;
    struct runtime *rt;     /* only node, net, log, config, and `long_*` */
    net_deliver_fn *handle; /* the main thread's handler */
    _Atomic bool is_stopping;
    _Atomic bool is_resting; /* sleeps until it is roused */
    _Atomic uint32_t letters;
    pthread_mutex_t lock; /* of the list */
    struct letter *first, **last;
    uint64_t told_ns; /* when it last said where the main thread is */
};

/* ---- Messages for the main thread ------------------------------------- */

static void put_aside(struct helper *h, struct net_message *m)
{
    struct letter *letter = malloc(sizeof *letter);
    void *data = m->is_owned ? m->data : NULL;

    if (letter && m->data && !m->is_owned)
        data = malloc(m->data_len);
    if (!letter || (m->data && !data)) {
        log_error(&h->rt->log, "no memory to keep a message");
        net_abort(h->rt->net, 1); /* it would be lost */
        free(letter);
        return;
    }
    letter->message = *m;
    memcpy(letter->body, m->body, wire_body_bytes(m->type));
    letter->message.body = letter->body;
    if (!m->is_owned && m->data)
        memcpy(data, m->data, m->data_len);
    letter->message.data = m->data ? data : NULL;
    letter->message.is_owned = m->data != NULL;
    m->data = NULL;
    letter->next = NULL;
    pthread_mutex_lock(&h->lock);
    *h->last = letter;
    h->last = &letter->next;
    atomic_fetch_add(&h->letters, 1);
    pthread_mutex_unlock(&h->lock);
    node_wake(&h->rt->node, h->rt->node.local);
}

bool helper_has_mail(const struct helper *h)
{
    return h && atomic_load_explicit(&h->letters, memory_order_acquire);
}

void helper_deliver(struct helper *h)
{
    while (helper_has_mail(h)) {
        pthread_mutex_lock(&h->lock);
        struct letter *letter = h->first;
        if (letter)
            h->first = letter->next;
        if (!h->first)
            h->last = &h->first;
        pthread_mutex_unlock(&h->lock);
        if (!letter)
            return; /* the helper has it in hand */
        h->handle(h->rt, &letter->message);
        free(letter->message.data);
        free(letter);
        /* Not before: a rank with a message in hand is not idle. */
        atomic_fetch_sub(&h->letters, 1);
    }
}

/* ---- The thread ------------------------------------------------------- */

static bool main_sleeps(const struct helper *h)
{
    return atomic_load_explicit(&h->rt->node.me->asleep,
                                memory_order_seq_cst) == NODE_ASLEEP;
}

static const struct wire_empty no_tasks;

/* Whether the main thread has been in one function for a while. */
static bool is_away(const struct helper *h)
{
    uint64_t since_ns =
        atomic_load_explicit(&h->rt->long_since_ns, memory_order_relaxed);

    return since_ns && clock_now_ns() > since_ns + h->rt->config.helper_tick_ns;
}

/* Passes tasks on that the main thread has no time for.  What it asked for is
 * answered all the same: it is told that there was nothing. */
static bool pass_on(struct helper *h, struct net_message *m)
{
    struct runtime *rt = h->rt;
    const struct wire_tasks *body = m->body;
    bool was_asked = body->reason == WIRE_STOLEN;

    if (!transfer_pass_on(&rt->node, rt->net, m))
        return false;
    if (!was_asked)
        return true;
    put_aside(h, &(struct net_message){.type = WIRE_EMPTY,
                                       .src = m->src,
                                       .body = &no_tasks});
    return true;
}

static void serve(void *ctx, struct net_message *m)
{
    struct helper *h = ctx;

    if ((m->type == WIRE_STEAL || m->type == WIRE_HUNGRY) &&
        !lanes_has_loot(h->rt->node.me, false))
        loan_serve(h->rt);
    if (transfer_serve(&h->rt->node, h->rt->net, m) || shared_serve(h->rt, m))
        return;
    if (m->type == WIRE_TASKS && is_away(h) && pass_on(h, m))
        return;
    if (m->type == WIRE_CANCEL && is_away(h))
        holder_answer_cancel(h->rt->net, m->src, m->body, false);
    put_aside(h, m);
}

/* The same for tasks that came before the main thread was known to be away,
 * or when nobody was hungry. */
static void pass_on_kept(struct helper *h)
{
    struct letter *gone = NULL;

    pthread_mutex_lock(&h->lock);
    for (struct letter **at = &h->first; *at && !gone; at = &(*at)->next) {
        const struct wire_tasks *body = (const void *)(*at)->body;
        if ((*at)->message.type != WIRE_TASKS || body->reason == WIRE_PLACED)
            continue;
        gone = *at;
        *at = gone->next;
        if (!*at)
            h->last = at;
        break;
    }
    pthread_mutex_unlock(&h->lock);
    if (!gone)
        return;
    if (!pass_on(h, &gone->message))
        put_aside(h, &gone->message);
    free(gone->message.data);
    free(gone);
    atomic_fetch_sub(&h->letters, 1);
}

/* Says where the main thread is, if someone asked and it did not answer. */
static void speak_for_main(struct helper *h)
{
    struct runtime *rt = h->rt;
    uint64_t since_ns =
        atomic_load_explicit(&rt->long_since_ns, memory_order_relaxed);
    const char *name =
        atomic_load_explicit(&rt->long_name, memory_order_relaxed);
    uint64_t now_ns = clock_now_ns(), dog_ns = rt->config.watchdog_ns;

    if (!since_ns || !name || now_ns <= since_ns)
        return;
    uint64_t ns = now_ns - since_ns;
    bool is_asked = signals_asked(SIGNALS_PEEK) && ns > SLOW_TICK_NS;
    bool is_due = dog_ns && ns > dog_ns;
    if ((!is_asked && !is_due) ||
        now_ns - h->told_ns < (is_due ? dog_ns : SLOW_TICK_NS / 2))
        return;
    h->told_ns = now_ns;
    log_line(&rt->log, LOG_WARN,
             "state: in %s for %.1f s without a library call; %u tasks queued "
             "public",
             name, clock_seconds_of(ns), lanes_public(rt->node.me));
    if (is_asked)
        signals_asked(SIGNALS_DUMP); /* answered */
}

static uint64_t next_look_ns(struct helper *h)
{
    struct runtime *rt = h->rt;
    uint64_t now_ns = clock_now_ns();

    if (main_sleeps(h)) {
        atomic_store(&h->is_resting, true);
        /* Whoever rises after this store rouses this thread; one that rose
         * before is seen here. */
        if (main_sleeps(h))
            return CLOCK_NEVER;
        atomic_store(&h->is_resting, false);
    }
    if ((net_is_watcher(rt->net) && rt->node.nodes > 1) ||
        net_is_moving(rt->net))
        return clock_after(now_ns, rt->config.helper_tick_ns);
    return clock_after(now_ns, SLOW_TICK_NS);
}

static void *help(void *arg)
{
    struct helper *h = arg;

    while (!atomic_load(&h->is_stopping)) {
        net_helper_poll(h->rt->net, serve, h);
        if (loan_is_asked(&h->rt->node))
            loan_serve(h->rt);
        if (is_away(h)) {
            if (helper_has_mail(h))
                pass_on_kept(h);
            atomic_store_explicit(&h->rt->was_away, true, memory_order_relaxed);
            atomic_store_explicit(&h->rt->node.me->wanted, 1,
                                  memory_order_relaxed); /* to look at it */
        }
        /* What this thread has begun, a main thread must move on that went to
         * sleep before: it naps while something moves, and looks whether it
         * does after it has said that it sleeps. */
        if (net_is_moving(h->rt->net))
            node_wake(&h->rt->node, h->rt->node.local);
        speak_for_main(h);
        node_helper_sleep(&h->rt->node, next_look_ns(h)); /* ends: above */
        atomic_store(&h->is_resting, false);
    }
    return NULL;
}

void helper_rouse(struct helper *h)
{
    if (h && atomic_load(&h->is_resting))
        node_wake_helper(&h->rt->node, h->rt->node.local);
}

struct helper *helper_start(struct runtime *rt)
{
    sigset_t all, before;

    if (rt->size == 1 || rt->config.helper == CONFIG_HELPER_OFF)
        return NULL;
    if (!net_allows_helper(rt->net)) {
        if (rt->config.helper == CONFIG_HELPER_ON && rt->rank == 0)
            log_warn(&rt->log,
                     "SCOOP_HELPER=on, but MPI was initialised for one "
                     "thread: there is no helper");
        return NULL;
    }
    struct helper *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->rt = rt;
    h->handle = rt->handle;
    h->last = &h->first;
    pthread_mutex_init(&h->lock, NULL);
    /* Signals are for the user's threads, above all for the main one. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&h->thread, NULL, help, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!err)
        return h;
    log_warn(&rt->log, "no helper thread: %s", strerror(err));
    pthread_mutex_destroy(&h->lock);
    free(h);
    return NULL;
}

void helper_stop(struct helper *h)
{
    if (!h)
        return;
    atomic_store(&h->is_stopping, true);
    node_wake_helper(&h->rt->node, h->rt->node.local);
    pthread_join(h->thread, NULL); /* ends: it looks at is_stopping next */
    pthread_mutex_destroy(&h->lock);
    free(h);
}
