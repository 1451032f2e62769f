/* SPDX-License-Identifier: MIT */
/* net.c -- messages that take their time and overtake each other
 *
 * Each message is a letter and each letter an event.  Within a node it comes
 * after some tenths of a microsecond and wakes the rank that it is for.  From
 * another node it comes to the watcher, who hands it on when it looks; one
 * that sleeps looks from nap to nap, as with MPI.
 *
 * Unlike the real net this one keeps nothing in order, and hands over what was
 * only lent (NET_BORROW) at the last moment that the contract allows.  What
 * the receiver may not keep is overwritten once its handler has returned.
 *
 * A broadcast lands at a watcher some time after both it and the root have
 * called for it.  All must call for the same ones in the same order.
 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "node.h"
#include "runtime.h"
#include "shared.h"
#include "transfer.h"
#include "world.h"

#define SEND_NS 60u
#define LOOK_NS 5u
#define HANDLE_NS 60u
#define LOCAL_NS 300u
#define REMOTE_NS 2000u
#define NAP_MIN_NS 50000u
#define NAP_MAX_NS 1000000u
#define NAP_LONG_NS 10000000u
#define NAP_PART 64u
#define TICK_NS 1000000u /* of the helper */

struct letter {
    struct letter *next;
    unsigned type;
    int src, dst;
    bool is_relayed; /* it is in its own node */
    bool is_for_helper;
    bool is_cast; /* no message: a broadcast lands */
    enum net_own own;
    void *data;
    size_t len;
    uint64_t body[WIRE_BODY_MAX / 8];
};

/* A broadcast, from the first call for it to the last landing. */
struct cast {
    struct cast *next;
    uint64_t number;
    int root, landed;
    size_t len;
    void *data;    /* a copy of the root's; NULL: it has not called yet */
    bool *waiting; /* by node: has called, before the root */
};

struct queue {
    struct letter *first, **last;
};

struct net {
    struct sim_rank *rank;
    struct node *node;
    net_deliver_fn *deliver;
    void *ctx;
    size_t eager_bytes;
    struct queue inbox;
    struct queue mpi; /* a watcher's */
    uint64_t moving;  /* long messages that have not arrived */
    uint64_t sent, received;
    uint64_t nap_ns, nap_received, nap_since_ns;
    bool is_polling, is_helper_called;
    /* Of a watcher: the broadcast that it has called for. */
    uint64_t casts;
    void *cast_data;
    void (*cast_landed)(void *ctx);
    void *cast_ctx;
    bool has_landed;
};

/* ---- Letters ---------------------------------------------------------- */

static void put(struct queue *queue, struct letter *letter)
{
    letter->next = NULL;
    *queue->last = letter;
    queue->last = &letter->next;
}

static struct letter *take(struct queue *queue)
{
    struct letter *letter = queue->first;

    if (!letter)
        return NULL;
    queue->first = letter->next;
    if (!queue->first)
        queue->last = &queue->first;
    return letter;
}

static void drop(struct queue *queue)
{
    struct letter *letter;

    while ((letter = take(queue))) {
        if (letter->own != NET_BORROW)
            free(letter->data);
        free(letter);
    }
    queue->last = &queue->first;
}

static bool is_long(const struct net *net, const struct letter *letter)
{
    return letter->len > net->eager_bytes;
}

static uint64_t way_ns(uint64_t usual_ns, size_t len)
{
    uint64_t ns = usual_ns / 2 + sim_below(usual_ns) + len / 4;

    if (sim_world->params.is_calm)
        return usual_ns + sim_below(usual_ns / 8) + len / 4;
    if (sim_chance(8)) /* others overtake it */
        ns += sim_below(8 * usual_ns);
    if (sim_world->params.is_wild && sim_chance(8))
        ns += sim_below(sim_chance(8) ? 20000000 : 500000);
    return ns;
}

/* ---- Arrival ---------------------------------------------------------- */

static void call_helper(struct net *net)
{
    if (net->is_helper_called)
        return;
    net->is_helper_called = true;
    struct letter *tick = calloc(1, sizeof *tick);
    if (!tick)
        sim_fail("no memory for a letter");
    tick->type = WIRE_NONE;
    tick->dst = net->rank->rank;
    tick->is_relayed = true;
    sim_post(tick, 10000 + sim_below(TICK_NS));
}

/* ---- Broadcasts ------------------------------------------------------- */

static struct cast *find_cast(uint64_t number, int root, size_t len)
{
    struct sim_world *w = sim_world;
    struct cast *c = w->casts;

    while (c && c->number != number)
        c = c->next;
    if (c && (c->root != root || c->len != len))
        sim_fail("broadcast %llu is of %zu bytes from node %d, and of %zu "
                 "bytes from node %d",
                 (unsigned long long)number, len, root, c->len, c->root);
    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (c)
        c->waiting = calloc((size_t)w->nodes, sizeof *c->waiting);
    if (!c || !c->waiting)
        sim_fail("no memory for a broadcast");
    c->number = number;
    c->root = root;
    c->len = len;
    c->next = w->casts;
    w->casts = c;
    return c;
}

static void post_landing(int node, size_t len)
{
    struct letter *letter = calloc(1, sizeof *letter);

    if (!letter)
        sim_fail("no memory for a letter");
    letter->is_cast = true;
    letter->dst = sim_world->watcher[node];
    sim_post(letter, way_ns(REMOTE_NS, len));
}

void net_cast(struct net *net, int root, void *data, size_t len,
              void (*landed)(void *ctx), void *ctx)
{
    struct sim_world *w = sim_world;
    struct cast *c = find_cast(net->casts, root, len);

    if (!net_is_watcher(net) || net->cast_data || !len)
        sim_fail("rank %d may not call for a broadcast", net->rank->rank);
    net->cast_data = data;
    net->cast_landed = landed;
    net->cast_ctx = ctx;
    net->rank->looks = 0;
    if (net->rank->node != root) {
        memset(data, 0xdd, len);
        if (c->data)
            post_landing(net->rank->node, len);
        else
            c->waiting[net->rank->node] = true;
        return;
    }
    c->data = malloc(len);
    if (!c->data)
        sim_fail("no memory for a broadcast");
    memcpy(c->data, data, len);
    post_landing(root, 0);
    for (int node = 0; node < w->nodes; node++)
        if (c->waiting[node])
            post_landing(node, len);
}

static void forget_cast(struct cast *cast)
{
    struct cast **at = &sim_world->casts;

    while (*at != cast)
        at = &(*at)->next;
    *at = cast->next;
    free(cast->data);
    free(cast->waiting);
    free(cast);
}

/* What landed meanwhile is told when the watcher looks. */
static void land(struct net *net)
{
    struct cast *c = sim_world->casts;

    if (!net->has_landed)
        return;
    while (c->number != net->casts)
        c = c->next;
    if (net->rank->node != c->root)
        memcpy(net->cast_data, c->data, c->len);
    net->has_landed = false;
    net->cast_data = NULL;
    net->casts++;
    if (++c->landed == sim_world->nodes)
        forget_cast(c);
    sim_progress();
    net->cast_landed(net->cast_ctx);
}

/* ---- Arrival, once more ----------------------------------------------- */

static void come_in(struct net *net, struct letter *letter)
{
    struct sim_world *w = sim_world;

    put(&net->inbox, letter);
    net->rank->looks = 0;
    if (is_long(net, letter))
        w->rank[letter->src].net->moving--;
    letter->is_for_helper =
        w->params.has_helper && wire_who(letter->type) == WIRE_HELPER;
    if (letter->is_for_helper ||
        (w->params.has_helper && letter->type == WIRE_TASKS))
        call_helper(net);
    node_wake(net->node, net->node->local);
}

/* A watcher hands on what has come from other nodes. */
static void relay(struct net *net)
{
    struct letter *letter;

    while ((letter = take(&net->mpi))) {
        letter->is_relayed = true;
        if (letter->dst == net->rank->rank)
            come_in(net, letter);
        else
            sim_post(letter, way_ns(LOCAL_NS, 0));
    }
}

static void hand_over(struct net *net, struct letter *letter,
                      net_deliver_fn *deliver, void *ctx)
{
    struct net_message m = {.type = letter->type,
                            .src = letter->src,
                            .body = letter->body,
                            .data_len = letter->len};
    void *bytes = NULL;

    if (letter->len) {
        bytes = letter->data;
        if (letter->own == NET_BORROW) {
            bytes = malloc(letter->len);
            if (!bytes)
                sim_fail("no memory for a message");
            memcpy(bytes, letter->data, letter->len);
        }
        m.data = bytes;
        m.is_owned = is_long(net, letter);
    }
    net->received++;
    sim_world->under_way--;
    sim_progress();
    deliver(ctx, &m);
    if (bytes && (m.data || !m.is_owned)) {
        memset(bytes, 0xdd, letter->len);
        free(bytes);
    }
    memset(letter->body, 0xdd, sizeof letter->body);
    free(letter);
}

/* What a helper thread does while the main thread is in user code. */
static void serve(void *ctx, struct net_message *m)
{
    struct net *net = ctx;

    if (!transfer_serve(net->node, net, m) && !shared_serve(net->rank->rt, m))
        sim_fail("a message for the helper that it does not know: %s",
                 wire_name(m->type));
}

/* Tasks that the main thread has no time for; not those that it asked for. */
static bool passes_on(struct net *net, struct letter *letter)
{
    const struct wire_tasks *body = (const void *)letter->body;
    struct net_message m = {.type = letter->type,
                            .src = letter->src,
                            .body = letter->body,
                            .data = letter->data,
                            .data_len = letter->len};

    if (letter->type != WIRE_TASKS || body->reason == WIRE_STOLEN ||
        !transfer_pass_on(net->node, net, &m))
        return false;
    net->received++;
    sim_world->under_way--;
    sim_progress();
    free(letter->data);
    free(letter);
    return true;
}

static void help(struct net *net)
{
    struct queue rest = {NULL, &rest.first};
    struct letter *letter;

    net->is_helper_called = false;
    if (!net->rank->is_in_user)
        return;
    relay(net);
    land(net);
    while ((letter = take(&net->inbox))) {
        if (letter->is_for_helper)
            hand_over(net, letter, serve, net);
        else if (!passes_on(net, letter))
            put(&rest, letter);
    }
    while ((letter = take(&rest))) {
        if (letter->type == WIRE_TASKS)
            call_helper(net); /* to try again */
        put(&net->inbox, letter);
    }
}

void sim_net_arrive(struct letter *letter)
{
    struct sim_world *w = sim_world;
    int to =
        letter->is_relayed ? letter->dst : w->watcher[w->node_of[letter->dst]];
    struct net *net = w->rank[to].net;

    if (letter->is_cast) {
        free(letter);
        if (!net)
            sim_fail("a broadcast comes to a rank that has left");
        net->has_landed = true;
        net->rank->looks = 0;
        if (w->params.has_helper)
            call_helper(net);
    } else if (letter->type == WIRE_NONE) {
        free(letter);
        if (net)
            help(net);
    } else if (!net) {
        sim_fail("%s from rank %d came to rank %d, which has left",
                 wire_name(letter->type), letter->src, letter->dst);
    } else if (letter->is_relayed) {
        come_in(net, letter);
    } else {
        put(&net->mpi, letter);
        net->rank->looks = 0;
        if (w->params.has_helper)
            call_helper(net);
    }
}

/* ---- Start and end ---------------------------------------------------- */

int net_mpi_init(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

void net_mpi_fini(void)
{
}

void net_abort(struct net *net, int code)
{
    sim_fail("rank %d ends the job with code %d", net ? net->rank->rank : -1,
             code);
}

int net_open(struct net **net, struct node *node, const struct net_start *s)
{
    struct sim_rank *rank = sim_world->running;
    struct net *n = calloc(1, sizeof *n);

    *net = n;
    if (!n)
        return SCOOP_ENOMEM;
    n->rank = rank;
    n->node = node;
    n->deliver = s->deliver;
    n->ctx = s->ctx;
    n->eager_bytes = (size_t)s->config->eager_bytes;
    n->inbox.last = &n->inbox.first;
    n->mpi.last = &n->mpi.first;
    n->nap_ns = NAP_MIN_NS;
    sim_node_open(node, rank);
    rank->net = n;
    rank->rt = s->ctx;
    sim_barrier(NULL, NULL);
    return 0;
}

int net_open_alone(struct net **net, struct node *node,
                   const struct net_start *s)
{
    (void)node;
    (void)s;
    *net = NULL;
    return SCOOP_ESTATE; /* a simulated rank is always in a farm */
}

int net_agree(struct net *net, int status, const char *why)
{
    (void)net;
    (void)why;
    sim_barrier(NULL, NULL);
    return status;
}

const char *net_origin_host(const struct net *net)
{
    (void)net;
    return "simulated";
}

static void await_others(void *ctx)
{
    struct net *net = ctx;

    relay(net);
    if (net->inbox.first)
        sim_fail("%s from rank %d came to rank %d after the end",
                 wire_name(net->inbox.first->type), net->inbox.first->src,
                 net->rank->rank);
}

static unsigned in_use(const struct future_table *t)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < t->chunks; i++)
        for (uint32_t k = 0; k < FUTURE_CHUNK; k++) {
            const char *at = t->chunk[i].base + t->chunk[i].stride * k;
            n +=
                ((const struct future *)(const void *)at)->state != FUTURE_FREE;
        }
    return n;
}

/* A farm that has ended has nothing left. */
static void check_end(const struct sim_rank *rank)
{
    const struct runtime *rt = rank->rt;

    if (in_use(&rt->futures) || in_use(&rt->guests) || rt->worker.live ||
        rt->futures.created != rt->futures.ended)
        sim_fail("rank %d ends with %u futures, %u guests, %llu stacks",
                 rank->rank, in_use(&rt->futures), in_use(&rt->guests),
                 (unsigned long long)rt->worker.live);
}

void net_close(struct net *net)
{
    struct sim_report *report = &sim_world->report;
    struct sim_rank *rank = net->rank;

    check_end(rank);
    report->run += rank->rt->stats.tasks_run;
    report->tried += rank->rt->stats.steals_tried;
    report->won += rank->rt->stats.steals_won;
    report->taken += rank->rt->stats.tasks_taken;
    sim_barrier(net_is_watcher(net) ? await_others : NULL, net);
    if (sim_world->under_way)
        sim_fail("%llu messages are left at the end",
                 (unsigned long long)sim_world->under_way);
    if (sim_world->casts)
        sim_fail("a broadcast is left at the end");
    drop(&net->inbox);
    drop(&net->mpi);
    rank->net = NULL;
    rank->rt = NULL;
    sim_node_close(net->node);
    free(net);
}

/* ---- Sending ---------------------------------------------------------- */

static void count(struct net *net, unsigned type)
{
    struct sim_report *report = &sim_world->report;

    report->messages++;
    report->of[type]++;
    if (!net->rank->rt->worker.live)
        report->idle++;
}

static struct letter *write_letter(struct net *net, int dst, unsigned type,
                                   const void *body, void *data, size_t len,
                                   enum net_own own)
{
    struct letter *letter = calloc(1, sizeof *letter);

    if (!letter)
        return NULL;
    letter->type = type;
    letter->src = net->rank->rank;
    letter->dst = dst;
    letter->own = own;
    letter->data = data;
    letter->len = len;
    memcpy(letter->body, body, wire_body_bytes(type));
    if (own == NET_COPY && len) {
        letter->data = malloc(len);
        if (!letter->data) {
            free(letter);
            return NULL;
        }
        memcpy(letter->data, data, len);
    }
    return letter;
}

int net_send(struct net *net, int dst, unsigned type, const void *body,
             void *data, size_t data_len, enum net_own own)
{
    struct sim_world *w = sim_world;
    struct letter *letter = NULL;
    bool is_sound = dst >= 0 && dst < w->params.ranks &&
                    wire_body_bytes(type) && body && (data || !data_len);

    if (is_sound)
        letter = write_letter(net, dst, type, body, data, data_len, own);
    if (!letter || (own == NET_TAKE && !data_len)) {
        if (own == NET_TAKE)
            free(data);
        if (!letter)
            return is_sound ? SCOOP_ENOMEM : SCOOP_EINVAL;
        letter->data = NULL;
    }
    net->sent++;
    net->rank->looks = 0;
    w->under_way++;
    if (dst == net->rank->rank) {
        letter->is_relayed = true;
        put(&net->inbox, letter);
        return 0;
    }
    count(net, type);
    if (is_long(net, letter))
        net->moving++;
    letter->is_relayed = node_is_mate(net->node, dst);
    sim_post(letter,
             way_ns(letter->is_relayed ? LOCAL_NS : REMOTE_NS, data_len));
    sim_spend(SEND_NS);
    return 0;
}

/* ---- Receiving -------------------------------------------------------- */

unsigned net_poll(struct net *net)
{
    struct queue now;
    struct letter *letter;
    unsigned delivered = 0;

    if (net->is_polling)
        sim_fail("a handler of rank %d polls", net->rank->rank);
    if (net->rank != sim_world->running)
        sim_fail("rank %d polls for rank %d", sim_world->running->rank,
                 net->rank->rank);
    sim_spend(LOOK_NS);
    relay(net);
    net->is_polling = true;
    land(net);
    now = net->inbox; /* what comes by handlers waits for the next poll */
    if (!now.first)
        now.last = &now.first;
    net->inbox = (struct queue){NULL, &net->inbox.first};
    while ((letter = take(&now))) {
        net->rank->looks = 0;
        hand_over(net, letter, net->deliver, net->ctx);
        sim_spend(HANDLE_NS);
        delivered++;
    }
    net->is_polling = false;
    return delivered;
}

unsigned net_helper_poll(struct net *net, net_deliver_fn *deliver, void *ctx)
{
    (void)net;
    (void)deliver;
    (void)ctx;
    return 0;
}

bool net_has_mail(struct net *net)
{
    sim_spend(sim_below(2 * LOOK_NS));
    return net->inbox.first || net->mpi.first || net->has_landed ||
           (net_is_watcher(net) && sim_chance(64));
}

bool net_is_moving(const struct net *net)
{
    return net->moving || net->cast_data;
}

bool net_is_watcher(const struct net *net)
{
    return sim_world->nodes > 1 && !net->rank->local;
}

bool net_allows_helper(const struct net *net)
{
    (void)net;
    return false;
}

/* As in the real net. */
static uint64_t longest_nap_ns(const struct net *net, uint64_t now_ns)
{
    uint64_t part_ns = (now_ns - net->nap_since_ns) / NAP_PART;

    if (net_is_moving(net))
        return NAP_MAX_NS;
    if (part_ns < NAP_MIN_NS)
        return NAP_MIN_NS;
    return part_ns < NAP_LONG_NS ? part_ns : NAP_LONG_NS;
}

bool net_wait(struct net *net, uint64_t until_ns)
{
    uint64_t now_ns = clock_now_ns(), end_ns;

    if (!net_is_watcher(net) && !net_is_moving(net)) {
        node_sleep(net->node, until_ns);
        return true;
    }
    if (net->received != net->nap_received) {
        net->nap_received = net->received;
        net->nap_ns = NAP_MIN_NS;
        net->nap_since_ns = now_ns;
    }
    uint64_t most_ns = longest_nap_ns(net, now_ns);
    end_ns = clock_after(now_ns, net->nap_ns < most_ns ? net->nap_ns : most_ns);
    node_sleep(net->node, end_ns < until_ns ? end_ns : until_ns);
    now_ns = clock_now_ns();
    if (now_ns >= until_ns || now_ns < end_ns)
        return true;
    if (net->nap_ns < NAP_LONG_NS)
        net->nap_ns *= 2;
    return net->mpi.first || net->inbox.first || net->has_landed;
}

size_t net_queued_bytes(const struct net *net)
{
    (void)net;
    return 0;
}

uint64_t net_sent(const struct net *net)
{
    return net->sent;
}

uint64_t net_received(const struct net *net)
{
    return net->received;
}

int net_status(const struct net *net)
{
    (void)net;
    return 0;
}
