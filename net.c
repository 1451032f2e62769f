/* SPDX-License-Identifier: MIT */
/* net.c -- messages between ranks: the pump, small and large, self-send
 *
 * A message is a letter: an envelope, the body, and the data if they fit.
 * Which way it goes depends on where it goes to and how long it is:
 *
 *     to            short                        long
 *     oneself       a queue of this process      the same, by pointer
 *     a node mate   mail in node memory          letter by mail, payload by MPI
 *     another node  MPI to the node's watcher,   letter that way, payload by
 *                   who puts it in the mail      MPI from rank to rank
 *
 *       node 0                       node 1
 *     +--------------+   MPI       +------------------------+
 *     | any rank ----+------------>| watcher --mail--> rank |
 *     +--------------+             +------------------------+
 *
 * So one rank of a node listens to MPI, the others look at a word in node
 * memory, and a job of one node sends no small message by MPI at all.  A long
 * message's letter says how long it is and under which tag it comes; see
 * net_ferry.c.
 *
 * Back-pressure.  A mailbox may be full and MPI may be slow; then letters
 * queue up here, in memory, and net_poll() tries again.  Nothing that
 * receives ever waits for them, so there is no circle; memory is their only
 * bound, and small messages are few in proportion to tasks.  Payloads, which
 * could fill memory, leave at most SENDS at a time and are counted in
 * net_queued_bytes() for whoever makes them.
 *
 * Threads.  If a helper thread may use the net, one lock, the pump, guards
 * all that is here but a letter's way into a mailbox.  It is recursive since
 * handlers send.  The helper only tries it.  Where there can be no helper it
 * is never taken.
 *
 * When to look at MPI.  A test costs 20 ns, but 500 where Open MPI yields
 * because ranks outnumber CPUs; so between tasks a rank that needs MPI looks
 * as often as is cheap, measured as it goes, and the others never do.  A rank
 * that once sent or received by MPI does go on to look, ever more rarely: MPI
 * may have called a transfer complete and yet hold a last packet for the other
 * side, which leaves when somebody calls MPI.
 *
 * What arrives is checked before it is followed, as far as a length, a type
 * and a rank can be; what is not sound is logged and dropped.
 */
#include "net.h"

#include "clock.h"
#include "config.h"
#include "log.h"
#include "net_inside.h"
#include "scoop.h"

#include <stdlib.h>
#include <string.h>

/* One poll takes so much mail at most. */
#define MAIL_BATCH 256u

/* Between tasks MPI gets a look after LOOK_SHARE times as long as the last
 * ones took, within these bounds: it costs a twentieth of the time. */
#define LOOK_SHARE 20u
#define LOOK_MIN_NS UINT64_C(1000)
#define LOOK_MAX_NS UINT64_C(20000)
/* The helper leaves MPI alone when the main thread has looked so lately. */
#define MAIN_LOOKS_NS LOOK_MAX_NS
/* So many may be spared the reading of the clock if the last so many came
 * faster than that. */
#define LOOK_SKIP 8u
/* Of a rank that has nothing under way with MPI any more. */
#define LINGER_MIN_NS UINT64_C(100000)
#define LINGER_MAX_NS UINT64_C(100000000)

/* Naps while something is under way begin shorter than others.  Those of a
 * rank that has heard nothing for a while are as long as a small part of that
 * while: whatever comes then is late by that part at most, and polling costs
 * about 1 % of a core in the first second and 0.2 % later on (a nap of 1 ms
 * costs 2 to 3 % of a core, one of 10 ms a fifth of a percent). */
#define NAP_MOVING_NS UINT64_C(20000)
#define NAP_LONG_NS UINT64_C(10000000)
#define NAP_PART 64u
/* No naps so shortly after something was moved: a piece or an answer may
 * follow at once, and a nap would cost more than it takes. */
#define MOVED_NS UINT64_C(100000)
/* A look that took longer has moved bytes. */
#define BUSY_LOOK_NS UINT64_C(3000)

/* Self-sent data up to this length shares the letter's memory. */
#define SELF_SHORT ((size_t)4096)

/* ---- The pump's lock and the counters ---- */

static void lock(struct net *net)
{
    if (net->is_locked)
        pthread_mutex_lock(&net->pump);
}

static void unlock(struct net *net)
{
    if (net->is_locked)
        pthread_mutex_unlock(&net->pump);
}

/* One writer at a time, readers at any time. */
static void add(_Atomic size_t *count, size_t plus, size_t minus)
{
    size_t now = atomic_load_explicit(count, memory_order_relaxed);

    atomic_store_explicit(count, now + plus - minus, memory_order_relaxed);
}

static size_t number(const _Atomic size_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* Two threads may send at once, without the pump. */
static void count_sent(struct net *net, uint64_t change)
{
    if (net->is_locked)
        atomic_fetch_add_explicit(&net->sent, change, memory_order_relaxed);
    else
        atomic_store_explicit(&net->sent,
                              atomic_load_explicit(&net->sent,
                                                   memory_order_relaxed) +
                                  change,
                              memory_order_relaxed);
}

static void count_received(struct net *net)
{
    uint64_t now = atomic_load_explicit(&net->received, memory_order_relaxed);

    atomic_store_explicit(&net->received, now + 1, memory_order_relaxed);
    net->delivered++;
}

/* A message is lost, and nothing can bring it back. */
static void fail(struct net *net, int status, const char *what)
{
    if (!atomic_exchange(&net->failed, status))
        log_error(net->log, "a message is lost: %s", what);
}

static void hand_over(struct net *net, struct net_message *message)
{
    count_received(net);
    net->deliver(net->ctx, message);
}

_Static_assert(LETTER_HEAD_MAX <= FERRY_HEAD_MAX, "a payload keeps its head");

/* ---- The ways out ---- */

static int send_self(struct net *net, const struct letter_head *head,
                     size_t head_len, void *data, size_t len, enum net_own own)
{
    bool is_apart = own != NET_COPY || len > SELF_SHORT;
    struct letter *letter =
        letter_new(head->byte, head_len, data, is_apart ? 0 : len);

    if (!letter)
        return SCOOP_ENOMEM;
    if (is_apart && len) {
        letter->is_owned = own != NET_BORROW;
        letter->data = data;
        if (own == NET_COPY) {
            letter->data = malloc(len);
            if (!letter->data) {
                free(letter);
                return SCOOP_ENOMEM;
            }
            memcpy(letter->data, data, len);
        }
    }
    lock(net);
    letter_push(&net->self, letter);
    add(&net->selves, 1, 0);
    unlock(net);
    return 0;
}

/* Into the mail of a mate.  Without the pump, unless the mailbox is full. */
static int put_mail(struct net *net, int dst, const void *head, size_t head_len,
                    const void *data, size_t len)
{
    struct envelope envelope;
    int local = net->node->local_of[dst];

    memcpy(&envelope, head, sizeof envelope);
    bool is_urgent = wire_who(envelope.type) == WIRE_HELPER;
    if (node_mail_put(net->node, local, head, head_len, data, len, is_urgent))
        return 0;
    struct letter *letter = letter_new(head, head_len, data, len);
    if (!letter)
        return SCOOP_ENOMEM;
    letter->is_urgent = is_urgent;
    lock(net);
    letter_push(&net->mail[local], letter);
    add(&net->mails, 1, 0);
    unlock(net);
    return 0;
}

/* MPI has been used: it wants looks from now on. */
static void use_ferry(struct net *net)
{
    net->linger_ns = LINGER_MIN_NS;
    if (atomic_load_explicit(&net->look_ns, memory_order_relaxed) ==
        CLOCK_NEVER)
        atomic_store_explicit(&net->look_ns, 0, memory_order_relaxed);
}

/* A letter to a rank that is not this one. */
static int post(struct net *net, int dst, const void *head, size_t head_len,
                const void *data, size_t len)
{
    struct node *node = net->node;

    if (node_is_mate(node, dst))
        return put_mail(net, dst, head, head_len, data, len);
    lock(net);
    use_ferry(net);
    int status = ferry_small(net->ferry, node->watcher[node->node_of[dst]],
                             head, head_len, data, len);
    unlock(net);
    return status;
}

/* The longest data that goes with its letter: it must fit a mailbox, unless a
 * watcher is written to by MPI. */
static size_t longest_inline(const struct net *net, int dst, unsigned type)
{
    const struct node *node = net->node;
    size_t by_mail = NODE_MAIL_MAX - letter_offset(type);

    if (node_is_mate(node, dst))
        return by_mail;
    if (node->watcher[node->node_of[dst]] == dst)
        return net->eager_bytes;
    return net->eager_bytes < by_mail ? net->eager_bytes : by_mail;
}

static int send_payload(struct net *net, int dst,
                        const struct letter_head *head, size_t head_len,
                        void *data, size_t len, enum net_own own)
{
    struct ferry_cargo *cargo =
        ferry_cargo_new(FERRY_SEND, dst, head->byte, head_len);

    if (!cargo)
        return SCOOP_ENOMEM;
    cargo->len = len;
    cargo->data = data;
    cargo->is_borrowed = own == NET_BORROW;
    if (own == NET_COPY) {
        cargo->data = malloc(len);
        if (!cargo->data) {
            free(cargo);
            return SCOOP_ENOMEM;
        }
        memcpy(cargo->data, data, len);
    }
    lock(net);
    use_ferry(net);
    ferry_payload_take(net->ferry, cargo);
    unlock(net);
    return 0;
}

/* ---- What the ferry calls ---- */

/* A payload's turn has come: its letter, which now knows the tag. */
int net_announce(void *ctx, const struct ferry_cargo *cargo)
{
    struct net *net = ctx;
    struct letter_head head;
    struct envelope envelope;

    memcpy(head.byte, cargo->head, cargo->head_len);
    memcpy(&envelope, head.byte, sizeof envelope);
    envelope.tag = (uint32_t)cargo->tag;
    memcpy(head.byte, &envelope, sizeof envelope);
    return post(net, cargo->peer, head.byte, cargo->head_len, NULL, 0);
}

void net_land(void *ctx, struct ferry_cargo *cargo)
{
    struct net *net = ctx;
    struct envelope envelope;

    memcpy(&envelope, cargo->head, sizeof envelope);
    struct net_message message = {
        .type = envelope.type,
        .src = envelope.src,
        .body = cargo->head + sizeof envelope,
        .data = cargo->data,
        .data_len = cargo->len,
        .status = cargo->status,
        .is_owned = cargo->data != NULL,
    };
    hand_over(net, &message);
    cargo->data = message.data;
}

/* ---- What comes in ---- */

/* To me, or to a mate whom I watch for and whose mailbox can hold it. */
static bool is_for_us(const struct net *net, const struct envelope *e,
                      size_t len, bool is_by_mail)
{
    if (e->tag && (e->src == net->rank || !net->ferry))
        return false;
    return e->dst == net->rank ||
           (!is_by_mail && node_is_mate(net->node, e->dst) &&
            len <= NODE_MAIL_MAX);
}

/* The payload that a letter announces. */
static void expect(struct net *net, const struct envelope *e,
                   const unsigned char *letter, size_t len)
{
    struct ferry_cargo *cargo =
        ferry_cargo_new(FERRY_RECEIVE, e->src, letter, len);

    if (!cargo) {
        fail(net, SCOOP_ENOMEM, "no memory to receive a payload");
        return;
    }
    cargo->tag = (int)e->tag;
    cargo->len = (size_t)e->data_len;
    use_ferry(net);
    ferry_payload_take(net->ferry, cargo);
}

static void open_letter(struct net *net, unsigned char *letter, size_t len,
                        bool is_by_mail)
{
    struct envelope e = {0};

    if (len >= sizeof e)
        memcpy(&e, letter, sizeof e);
    if (!letter_is_sound(&e, len, net->size) ||
        !is_for_us(net, &e, len, is_by_mail)) {
        log_error(net->log,
                  "a damaged message of %zu bytes was dropped (type %u, from "
                  "%d to %d)",
                  len, e.type, e.src, e.dst);
    } else if (e.dst != net->rank) {
        if (put_mail(net, e.dst, letter, len, NULL, 0))
            fail(net, SCOOP_ENOMEM, "no memory to pass it on");
    } else if (e.tag) {
        expect(net, &e, letter, len);
    } else {
        struct net_message message = {
            .type = e.type,
            .src = e.src,
            .body = letter + sizeof e,
            .data = e.data_len ? letter + letter_offset(e.type) : NULL,
            .data_len = (size_t)e.data_len,
        };
        hand_over(net, &message);
    }
}

void net_open_small(void *ctx, void *letter, size_t len)
{
    open_letter(ctx, letter, len, false);
}

/* Those that were there when it began: handlers may send more. */
static void open_self(struct net *net)
{
    for (size_t n = number(&net->selves); n > 0; n--) {
        struct letter *letter = letter_pop(&net->self);
        struct envelope e;
        memcpy(&e, letter->byte, sizeof e);
        struct net_message message = {
            .type = e.type,
            .src = net->rank,
            .body = letter->byte + sizeof e,
            .data = letter->data,
            .data_len = (size_t)e.data_len,
            .is_owned = letter->is_owned,
        };
        if (e.data_len && !letter->data)
            message.data = letter->byte + letter_offset(e.type);
        add(&net->selves, 0, 1);
        hand_over(net, &message);
        letter->data = message.data;
        letter_free(letter);
    }
}

static void open_mail(struct net *net)
{
    for (unsigned n = 0; n < MAIL_BATCH; n++) {
        size_t len = node_mail_take(net->node, net->letter);
        if (!len)
            break;
        open_letter(net, net->letter, len, true);
    }
}

/* ---- The pump ---- */

static void retry_mail(struct net *net)
{
    for (int local = 0; local < net->node->locals; local++) {
        struct letter_queue *queue = &net->mail[local];
        while (queue->head && node_mail_put(net->node, local, queue->head->byte,
                                            queue->head->len, NULL, 0,
                                            queue->head->is_urgent)) {
            letter_free(letter_pop(queue));
            add(&net->mails, 0, 1);
        }
    }
}

/* Has MPI been used, and is its next look due? */
static bool is_look_due(const struct net *net, uint64_t now_ns)
{
    return net->is_watcher || ferry_moving(net->ferry) ||
           now_ns >= atomic_load_explicit(&net->look_ns, memory_order_relaxed);
}

/* When the next look is due, after one that took cost_ns. */
static void set_look(struct net *net, uint64_t now_ns, uint64_t cost_ns)
{
    uint64_t gap_ns = LOOK_SHARE * cost_ns;

    if (!net->is_watcher && !ferry_moving(net->ferry)) {
        gap_ns = net->linger_ns;
        if (net->linger_ns < LINGER_MAX_NS)
            net->linger_ns *= 2;
    } else if (gap_ns < LOOK_MIN_NS) {
        gap_ns = LOOK_MIN_NS;
    } else if (gap_ns > LOOK_MAX_NS) {
        gap_ns = LOOK_MAX_NS;
    }
    atomic_store_explicit(&net->look_ns, now_ns + gap_ns, memory_order_relaxed);
}

static void look_at_mpi(struct net *net, bool is_main)
{
    uint64_t from_ns;

    if (atomic_load_explicit(&net->look_ns, memory_order_relaxed) ==
        CLOCK_NEVER)
        return;
    from_ns = clock_now_ns();
    if (!is_look_due(net, from_ns))
        return;
    if (is_main)
        atomic_store_explicit(&net->main_ns, from_ns, memory_order_relaxed);
    ferry_poll(net->ferry);
    cast_poll(&net->cast);
    uint64_t now_ns = clock_now_ns();
    set_look(net, now_ns, now_ns - from_ns);
}

static unsigned pump(struct net *net, bool is_main)
{
    net->delivered = 0;
    if (is_main && number(&net->selves))
        open_self(net);
    open_mail(net);
    look_at_mpi(net, is_main);
    if (number(&net->mails))
        retry_mail(net);
    return net->delivered;
}

/* ---- For everybody ---- */

int net_send(struct net *net, int dst, unsigned type, const void *body,
             void *data, size_t data_len, enum net_own own)
{
    struct letter_head head;
    int status = SCOOP_EINVAL;

    if (dst >= 0 && dst < net->size && wire_body_bytes(type) && body &&
        (data || !data_len)) {
        size_t head_len =
            letter_compose(&head, net->rank, dst, type, body, data_len);
        bool is_kept = true;
        /* Counted first: nobody may see it received and not sent. */
        count_sent(net, 1);
        if (dst == net->rank) {
            status = send_self(net, &head, head_len, data, data_len, own);
            is_kept = data_len > 0;
        } else if (data_len <= longest_inline(net, dst, type)) {
            status = post(net, dst, head.byte, head_len, data, data_len);
            is_kept = false;
        } else {
            status =
                send_payload(net, dst, &head, head_len, data, data_len, own);
        }
        if (!status && is_kept)
            return 0;
        if (status)
            count_sent(net, UINT64_MAX); /* one less */
    }
    if (own == NET_TAKE)
        free(data);
    return status;
}

void net_cast(struct net *net, int root, void *data, size_t len,
              void (*landed)(void *ctx), void *ctx)
{
    lock(net);
    cast_begin(&net->cast, root, data, len, landed, ctx);
    unlock(net);
}

unsigned net_poll(struct net *net)
{
    lock(net);
    unsigned delivered = pump(net, true);
    unlock(net);
    return delivered;
}

/* A main thread that looks for itself must not find the pump taken: it would
 * have to sleep until the helper, which may be on no CPU, lets go of it.  Mail
 * of the node is another matter: the helper was called for it. */
static bool is_main_looking(const struct net *net)
{
    uint64_t main_ns =
        atomic_load_explicit(&net->main_ns, memory_order_relaxed);

    return !node_has_mail(net->node) && main_ns &&
           clock_now_ns() - main_ns < MAIN_LOOKS_NS;
}

unsigned net_helper_poll(struct net *net, net_deliver_fn *deliver, void *ctx)
{
    net_deliver_fn *main_deliver;
    void *main_ctx;

    if (!net->is_locked || is_main_looking(net) ||
        pthread_mutex_trylock(&net->pump))
        return 0;
    main_deliver = net->deliver;
    main_ctx = net->ctx;
    net->deliver = deliver;
    net->ctx = ctx;
    unsigned delivered = pump(net, false);
    net->deliver = main_deliver;
    net->ctx = main_ctx;
    unlock(net);
    return delivered;
}

bool net_has_mail(struct net *net)
{
    if (node_has_mail(net->node) || number(&net->selves))
        return true;
    uint64_t look_ns =
        atomic_load_explicit(&net->look_ns, memory_order_relaxed);
    if (look_ns == CLOCK_NEVER && !number(&net->mails))
        return false;
    /* The clock costs as much as an empty task.  Whoever asks faster than
     * looks are due is spared it most of the time; a slow one never is, but
     * for the few times after it became slow. */
    if (net->skip) {
        net->skip--;
        return false;
    }
    uint64_t now_ns = clock_now_ns();
    if (now_ns - net->has_ns < LOOK_MAX_NS)
        net->skip = LOOK_SKIP;
    net->has_ns = now_ns;
    return now_ns >= look_ns || number(&net->mails);
}

bool net_is_moving(const struct net *net)
{
    return number(&net->mails) || cast_is_moving(&net->cast) ||
           (net->ferry && ferry_moving(net->ferry));
}

bool net_is_watcher(const struct net *net)
{
    return net->is_watcher;
}

bool net_allows_helper(const struct net *net)
{
    return net->is_locked;
}

/* Something has happened, so more may soon. */
static void shorten_naps(struct net *net, uint64_t now_ns)
{
    net->nap_since_ns = now_ns;
    net->nap_ns = net_is_moving(net) ? NAP_MOVING_NS : NET_NAP_MIN_NS;
}

/* The longest nap that the state of things allows now. */
static uint64_t longest_nap(const struct net *net, uint64_t now_ns)
{
    if (net_is_moving(net))
        return NET_NAP_MAX_NS;
    if (!net->is_watcher) {
        uint64_t look_ns =
            atomic_load_explicit(&net->look_ns, memory_order_relaxed);
        return look_ns == CLOCK_NEVER ? CLOCK_NEVER : LINGER_MAX_NS;
    }
    uint64_t part_ns = (now_ns - net->nap_since_ns) / NAP_PART;
    if (part_ns < NET_NAP_MIN_NS)
        return NET_NAP_MIN_NS;
    return part_ns < NAP_LONG_NS ? part_ns : NAP_LONG_NS;
}

/* Sees to MPI without delivering; true if there is something to poll for. */
static bool look(struct net *net)
{
    uint64_t before_ns = clock_now_ns();

    lock(net);
    bool found = net->ferry && ferry_look(net->ferry);
    found |= cast_look(&net->cast);
    if (number(&net->mails))
        retry_mail(net);
    unlock(net);
    uint64_t now_ns = clock_now_ns();
    if (found || (net_is_moving(net) && now_ns - before_ns > BUSY_LOOK_NS))
        shorten_naps(net, now_ns);
    return found;
}

bool net_wait(struct net *net, uint64_t until_ns)
{
    bool found = false;
    uint64_t now_ns = clock_now_ns();
    uint64_t events = net_received(net) +
                      (net->ferry ? ferry_steps(net->ferry) : 0) +
                      number(&net->cast.steps);

    if (events != net->nap_events || !net->nap_since_ns)
        shorten_naps(net, now_ns);
    net->nap_events = events;
    uint64_t most_ns = longest_nap(net, now_ns);
    if (most_ns == CLOCK_NEVER) {
        node_sleep(net->node, until_ns);
        return true;
    }
    if (net_is_moving(net)) {
        found = look(net);
        if (found || now_ns - net->nap_since_ns < MOVED_NS) {
            node_rise(net->node);
            return found;
        }
    }
    uint64_t nap_ns = net->nap_ns < most_ns ? net->nap_ns : most_ns;
    uint64_t end_ns = clock_after(now_ns, nap_ns);
    node_sleep(net->node, end_ns < until_ns ? end_ns : until_ns);
    now_ns = clock_now_ns();
    if (now_ns >= until_ns || now_ns < end_ns)
        return true; /* the time, or woken */
    net->nap_ns = 2 * nap_ns;
    return look(net);
}

size_t net_queued_bytes(const struct net *net)
{
    return net->ferry ? ferry_queued_bytes(net->ferry) : 0;
}

uint64_t net_sent(const struct net *net)
{
    return atomic_load_explicit(&net->sent, memory_order_relaxed);
}

uint64_t net_received(const struct net *net)
{
    return atomic_load_explicit(&net->received, memory_order_relaxed);
}

int net_status(const struct net *net)
{
    int status = atomic_load_explicit(&net->failed, memory_order_relaxed);

    if (!status)
        status = atomic_load_explicit(&net->cast.failed, memory_order_relaxed);
    return status || !net->ferry ? status : ferry_status(net->ferry);
}
