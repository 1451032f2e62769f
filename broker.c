/* SPDX-License-Identifier: MIT */
/* broker.c -- rank 0's second job: first placement, the farm's end
 *
 * First placement: when a farm starts all nodes are hungry, and all know it
 * without being told.  So each is on the lists of its lifelines from the start,
 * and all are on that of rank 0's node: the root's first tasks go out to them,
 * half of what there is to each, before any of them has asked, and those that
 * were fed feed others.
 *
 * The end: once the root has returned, rank 0 sends out waves (term.c) until
 * one finds that no task and no message is left, then says STOP.  If tasks are
 * left that wait for constants, and nobody is there to define them, they are
 * told so.  A rank
 * passes STOP on to its children in the tree and leaves its loop; net_close()
 * waits until all have.
 */
#include "broker.h"

#include "runtime.h"
#include "worker.h"

/* Nodes that rank 0 feeds; a part of its list, which others need as well. */
#define FIRST_MAX ((int)NODE_HUNGRY_MAX / 2)

void broker_start(struct runtime *rt)
{
    struct node *n = &rt->node;

    if (n->local || !rt->config.lifelines || !rt->config.steal_remote)
        return;
    for (int k = 0; k < steal_lifelines(n->nodes); k++)
        node_hungry_add(n,
                        n->watcher[steal_lifeline_to(n->my_node, n->nodes, k)]);
    for (int i = 1; !rt->rank && i < n->nodes && i < FIRST_MAX; i++)
        node_hungry_add(n, n->watcher[(n->my_node + i) % n->nodes]);
}

static void down(struct runtime *rt, unsigned type, const void *body)
{
    for (int k = 0; k < term_children(&rt->term); k++) {
        if (!net_send(rt->net, term_child(&rt->term, k), type, body, NULL, 0,
                      NET_COPY))
            continue;
        log_error(&rt->log, "no memory to end the farm");
        net_abort(rt->net, 1);
    }
}

static void send_wave(struct runtime *rt)
{
    struct wire_wave body = {rt->term.wave, rt->term.phase, 0};

    rt->is_draining = rt->term.phase == TERM_DRAIN;
    down(rt, WIRE_WAVE, &body);
}

static void stop(struct runtime *rt)
{
    struct wire_stop body = {rt->status, 0};

    down(rt, WIRE_STOP, &body);
    rt->is_stopping = true;
}

void broker_root_ended(struct runtime *rt)
{
    rt->root_has_ended = true;
    term_start(&rt->term);
    send_wave(rt);
}

static void report(struct runtime *rt)
{
    const struct term_counts *sum = &rt->term.sum;
    struct wire_count body = {rt->term.wave, sum->created,  sum->ended,
                              sum->sent,     sum->received, sum->taken};

    if (!net_send(rt->net, term_parent(&rt->term), WIRE_COUNT, &body, NULL, 0,
                  NET_COPY))
        return;
    log_error(&rt->log, "no memory to end the farm");
    net_abort(rt->net, 1);
}

/* Tasks that are parked for ever can only wait, in the end, for constants that
 * nobody defines; once they are told, all others wait as ever. */
static bool may_answer(const struct runtime *rt)
{
    if (worker_is_idle(rt))
        return true;
    return rt->term.phase == TERM_TASKS && !shared_is_ending(&rt->shared) &&
           worker_is_stuck(rt);
}

void broker_idle(struct runtime *rt)
{
    while (rt->term.is_open && may_answer(rt)) {
        struct term_counts mine = {rt->futures.created, rt->futures.ended,
                                   net_sent(rt->net), net_received(rt->net),
                                   rt->stats.steals_won};
        switch (term_judge(&rt->term, &mine)) {
        case TERM_WAIT:
            return;
        case TERM_REPORT:
            report(rt);
            return;
        case TERM_STUCK:
            shared_end(rt); /* they wait for constants: not any more */
            term_start(&rt->term);
            send_wave(rt);
            break;
        case TERM_AGAIN:
            term_start(&rt->term);
            send_wave(rt);
            break;
        case TERM_DONE:
            stop(rt);
            return;
        }
    }
}

void broker_on_wave(struct runtime *rt, struct net_message *m)
{
    const struct wire_wave *body = m->body;

    term_wave(&rt->term, body->wave,
              body->phase == TERM_DRAIN ? TERM_DRAIN : TERM_TASKS);
    send_wave(rt);
}

void broker_on_count(struct runtime *rt, struct net_message *m)
{
    const struct wire_count *body = m->body;
    struct term_counts counts = {body->created, body->ended, body->sent,
                                 body->received, body->taken};

    if (!term_count(&rt->term, body->wave, &counts))
        log_error(&rt->log, "rank %d answered a question that is not asked",
                  m->src);
}

void broker_on_stop(struct runtime *rt, struct net_message *m)
{
    const struct wire_stop *body = m->body;

    rt->status = body->status;
    stop(rt);
}
