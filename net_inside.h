/* SPDX-License-Identifier: MIT */
/* net_inside.h -- what net.c and net_open.c share: struct net */
#ifndef NET_INSIDE_H
#define NET_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "net.h"
#include "net_cast.h"
#include "net_ferry.h"
#include "net_join.h"
#include "net_letter.h"
#include "node.h"

/* Naps between two looks of a rank that sleeps: doubled from MIN to MAX, and
 * LONG after a while without a message. */
#define NET_NAP_MIN_NS UINT64_C(50000)
#define NET_NAP_MAX_NS UINT64_C(1000000)

struct net {
    struct node *node;
    const struct log *log;
    struct ferry *ferry; /* NULL: one rank */
    struct cast cast;    /* a watcher's */
    int rank, size;
    size_t eager_bytes;
    bool is_locked; /* there may be a helper: take the pump */
    bool is_watcher;
    pthread_mutex_t pump;
    /* To whom messages go; another one while the helper polls. */
    net_deliver_fn *deliver;
    void *ctx;
    unsigned delivered; /* in this poll */
    struct letter_queue self;
    struct letter_queue *mail; /* by place: what found a mailbox full */
    _Atomic size_t selves, mails;
    _Atomic uint64_t sent, received;
    _Atomic int failed;
    /* When MPI gets its next look; CLOCK_NEVER: it was never used. */
    _Atomic uint64_t look_ns;
    uint64_t linger_ns;       /* the pump's: doubles */
    _Atomic uint64_t main_ns; /* when the main thread last looked at MPI */
    /* The main thread's: */
    uint64_t has_ns; /* net_has_mail: the clock as last read */
    unsigned skip;   /* and how often it is not to be read */
    uint64_t nap_ns; /* net_wait: the next nap */
    uint64_t nap_events, nap_since_ns;
    struct join join;
    _Alignas(64) unsigned char letter[NODE_MAIL_MAX];
};

/* What the ferry calls; ctx is the net. */
void net_open_small(void *ctx, void *letter, size_t len);
int net_announce(void *ctx, const struct ferry_cargo *cargo);
void net_land(void *ctx, struct ferry_cargo *cargo);

#endif
