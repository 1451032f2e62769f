/* SPDX-License-Identifier: MIT */
/* node.h -- who shares my node; memory that they share; sleep and wake
 *
 * Node memory is one segment of ours per node: a head and a block per rank.
 * All-zero bytes are its valid initial state.  Every rank may read and write
 * all of it; what each word is for, and who writes it, stands beside it.
 */
#ifndef NODE_H
#define NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deque.h"

/* ---- Small messages between ranks of a node ---- */

#define NODE_MAIL_SLOT 64u    /* bytes, with an 8-byte word of state */
#define NODE_MAIL_SLOTS 1024u /* a ring of 64 KiB per rank */
#define NODE_MAIL_MAX 8192u   /* longest message that goes by mail */

struct node_slot {
    _Alignas(64) _Atomic uint64_t word; /* node.c says what is in these */
    unsigned char byte[NODE_MAIL_SLOT - 8];
};

/* For node.c alone. Positions count slots and never wrap. */
struct node_mailbox {
    _Alignas(64) _Atomic uint64_t tail; /* putters: the next free position */
    _Atomic uint64_t seen;              /* putters: `head` as last read */
    _Atomic uint64_t claim[NODE_MAIL_SLOTS]; /* putters: who writes there */
    _Alignas(64) _Atomic uint64_t head;      /* the taker: what it takes next */
    struct node_slot slot[NODE_MAIL_SLOTS];
};

/* ---- The block of one rank ---- */

#define NODE_DEQUE_SLOTS 512u /* tasks without priority that are public */
/* The other lanes (lanes.h) are many, and their rings small: all of them are
 * as large as the one above. */
#define NODE_LANES 17u
#define NODE_LANE_SLOTS 32u

struct node_ring DEQUE_RING(NODE_DEQUE_SLOTS);
struct node_lane DEQUE_RING(NODE_LANE_SLOTS);

enum node_state {
    NODE_AWAKE,
    NODE_ASLEEP,
    NODE_CALLED /* the helper only: awake, its next sleep ends at once */
};

/* Whether a rank in a long function has more tasks than are public. */
enum node_hidden { NODE_HIDDEN = 1, NODE_ASKED };

struct node_block {
    /* Written by whoever wakes or sleeps: futexes. */
    _Alignas(64) _Atomic uint32_t asleep;  /* enum node_state */
    _Atomic uint32_t helper_asleep;        /* the same, of the helper */
    _Atomic int32_t pid;                   /* written once, by node_open */
    _Atomic uint64_t reach_at, reach_word; /* the same: node_reach.c */
    /* Written by hungry ranks, cleared by the owner, who reads it at every
     * push: publish what you keep private. */
    _Alignas(64) _Atomic uint32_t wanted;
    _Atomic uint32_t hidden; /* enum node_hidden: see loan.c */
    /* The owner's beat: counts how often it looked round.  Others read it. */
    _Alignas(64) _Atomic uint64_t beat;
    /* What a sentry saw the last time: crowd.c. */
    _Atomic uint64_t seen_beat;
    uint64_t seen_cpu_ns;
    struct deque_claim claim; /* what this rank is about to steal */
    /* Which lanes but the deque's may have public tasks: lanes.h. */
    _Alignas(64) _Atomic uint32_t lanes;
    struct node_ring ring;
    struct node_lane lane[NODE_LANES];
    struct node_mailbox mail;
};

/* Remote ranks that asked this node for work: rank + 1, or 0. */
#define NODE_HUNGRY_MAX 256u

#define NODE_CPUS_MAX 8192u /* the kernel's own limit */

struct node_head {
    _Alignas(64) _Atomic uint32_t sleepers; /* ranks asleep, about */
    _Atomic uint32_t stuck;  /* ranks that may be awake besides: crowd.c */
    _Atomic uint32_t sentry; /* place + 1 of who watches the awake ones, or 0 */
    _Atomic uint64_t watched_ns;             /* when one last did */
    _Alignas(64) _Atomic uint32_t searching; /* ranks awake without work */
    _Atomic uint32_t called; /* and sleepers that were woken to search */
    /* Lifelines (steal.c), a bit each, that this node is not registered with
     * because they have sent tasks.  None when the farm starts. */
    _Atomic uint32_t cut;
    /* When a rank of this node may ask another node for work again. */
    _Alignas(64) _Atomic uint64_t ask_ns;
    _Alignas(64) _Atomic uint32_t hungry; /* entries below, about */
    _Atomic uint32_t hungry_rank[NODE_HUNGRY_MAX];
    /* During node_open: the CPUs that any rank of the node may use. */
    _Alignas(64) _Atomic uint64_t cpu[NODE_CPUS_MAX / 64];
};

struct node {
    int rank, size;          /* in the farm */
    int nodes, my_node;      /* how many nodes; which is mine */
    int local, locals;       /* my place in my node; how many ranks it has */
    const int32_t *node_of;  /* by rank */
    const int32_t *local_of; /* by rank: its place in its node */
    const int32_t *watcher;  /* by node: the rank that receives for it */
    const int32_t *members;  /* by place: the ranks of my node */
    int cpus;                /* that this node's ranks may use in all */
    int awake_max;           /* ranks to be awake at a time: crowd.c */
    struct node_head *head;
    struct node_block *me;
    struct node_os *os;       /* the mapping; node.c's own */
    struct node_reach *reach; /* node_reach.c's */
};

/* The block of the rank at place `local` of my node. */
struct node_block *node_block(const struct node *node, int local);

static inline bool node_is_mate(const struct node *node, int rank)
{
    return node->node_of[rank] == node->my_node;
}

/* Mail.  Any thread may put; one thread at a time takes.  Messages of one
 * thread arrive in their order. */
/* head and data, one after the other, are the message: 1 to NODE_MAIL_MAX
 * bytes.  false: the mailbox is full (try later), or the length is not that.
 * Wakes the rank if it sleeps; with `urgent`, its helper if it does not. */
bool node_mail_put(struct node *node, int local, const void *head,
                   size_t head_len, const void *data, size_t data_len,
                   bool urgent);
/* Length of the next message, 0 if none; copied to buffer, whose size must be
 * NODE_MAIL_MAX at least. */
size_t node_mail_take(struct node *node, void *buffer);
bool node_has_mail(const struct node *node); /* two loads */
/* The place of the rank that is still writing the next message, so that
 * nothing can be taken; -1 if that is not so.  Mostly it will be done in a
 * moment.  If it is dead, node_mail_skip drops what it began; false if it had
 * finished after all.  Both are for the thread that takes. */
int node_mail_stuck(const struct node *node);
bool node_mail_skip(struct node *node, int dead);

/* Sleep.  A rank that wants to sleep calls node_doze(), looks once more for
 * all that it must not miss (mail, deques, `hungry`), then node_sleep() or
 * node_rise().  node_doze() is a full fence between its store and those
 * looks, as every waker has one between its own store and its look at
 * `asleep`: one of the two sees the other. */
void node_doze(struct node *node);
/* Until woken, the time (on clock_now_ns()'s clock; UINT64_MAX: no end), a
 * signal, or nothing at all; afterwards the rank is up, as by node_rise(). */
void node_sleep(struct node *node, uint64_t until_ns);
void node_rise(struct node *node);
/* These two begin with the waker's full fence.  A fence is most of their cost
 * when nobody sleeps; where one has just been made, look at head->sleepers.
 * Wakes the rank if it dozes or sleeps; true if it did. */
bool node_wake(struct node *node, int local);
/* Lets others run on this CPU, if any would. */
void node_yield(void);
/* Wakes one sleeper of the node, if any; true if it did. */
bool node_wake_one(struct node *node);
/* The helper thread's own sleep: until an urgent message, node_wake_helper()
 * or the time.  A call that finds the helper awake ends its next sleep before
 * it begins. */
void node_helper_sleep(struct node *node, uint64_t until_ns);
void node_wake_helper(struct node *node, int local);

/* Remote ranks that are hungry: false if the list is full or has it.  Adding
 * ends with a full fence: who looks for work to send after it, and who looks
 * at head->hungry after publishing work and a fence, cannot both see none. */
bool node_hungry_add(struct node *node, int rank);
int node_hungry_take(struct node *node); /* a rank, or -1 */

/* Whether this rank may ask another node now, for all of its own: one does so
 * at a time.  It ends with node_asked(), when the answer has come, or by itself
 * where that takes long: the asker may have found other work meanwhile. */
bool node_may_ask(struct node *node, uint64_t now_ns);
void node_asked(struct node *node);
/* How many ranks of this node are without work, about. */
static inline unsigned node_idle(const struct node *node)
{
    return atomic_load_explicit(&node->head->searching, memory_order_relaxed) +
           atomic_load_explicit(&node->head->sleepers, memory_order_relaxed);
}

/* A lifeline of this node has been used up; node_mend() gives one that has, to
 * be registered with anew, or -1. */
void node_cut(struct node *node, int lifeline);
int node_mend(struct node *node);

/* Set up.  node_open maps or makes the segment: collective over the node,
 * through the two callbacks (net.c has the means), which a rank that is alone
 * on its node does not need.  Returns the same on all: 0, SCOOP_ENOMEM or
 * SCOOP_ESYSTEM (node memory cannot be had), SCOOP_ELIMIT (too many ranks), or
 * what a callback returned; then there are words in `why` on every rank.
 * node_close leaves the memory alone for those who still use it. */
struct node_start {
    int rank, size;
    int nodes, my_node, local, locals;
    const int32_t *node_of, *local_of, *watcher, *members; /* kept, not freed */
    /* from the member at place 0 to all of the node; returns 0 or SCOOP_E... */
    int (*broadcast)(void *ctx, void *data, size_t len);
    /* all of the node say whether they did well; returns 0 if all did, else
     * some rank's status, the same on all */
    int (*agree)(void *ctx, int status);
    void *ctx;
    char *why; /* 256 bytes for the words of a failure */
};
int node_open(struct node *node, const struct node_start *start);
void node_close(struct node *node);

#endif
