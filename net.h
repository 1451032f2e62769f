/* SPDX-License-Identifier: MIT */
/* net.h -- messages between ranks: the pump, small and large, self-send
 *
 * One interface for all ways: to oneself (a queue), to a rank of the same
 * node (mail in node memory), to another node (MPI, by way of its watcher),
 * and payloads too large for either (MPI, from rank to rank, in pieces).
 * Nothing here blocks but net_wait(), and net_open() and net_close(), which
 * are collective.  Receiving never waits for sending.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct config;
struct log;
struct node;
struct net;

struct net_message {
    uint32_t type;    /* enum wire_type, checked */
    int32_t src;      /* rank */
    const void *body; /* wire_body_bytes(type), aligned to 8 */
    void *data;       /* aligned to 16; NULL where data_len is 0 */
    size_t data_len;
    int status;    /* 0; SCOOP_ENOMEM: data_len bytes came, and there was no
                    * memory to keep them in: data is NULL */
    bool is_owned; /* data came from malloc: the handler may keep it, and
                    * then sets data to NULL */
};

/* Called by net_poll() for each message.  May send; must not poll. */
typedef void net_deliver_fn(void *ctx, struct net_message *message);

enum net_own {
    NET_COPY,  /* the caller's until net_send returns */
    NET_TAKE,  /* from malloc; the net frees it, also when it fails */
    NET_BORROW /* stays as it is until the receiver has it: the caller knows
                * that from the protocol */
};

/* MPI itself, for programs that leave it to us. */
int net_mpi_init(int *argc, char ***argv); /* 0, SCOOP_ESTATE, SCOOP_EMPI */
void net_mpi_fini(void);
/* Ends the job: the one place.  net may be NULL; does not return. */
void net_abort(struct net *net, int code);

struct net_start {
    void *comm; /* MPI_Comm *; NULL: the world */
    const struct config *config;
    struct log *log;
    uint64_t program; /* hash of the registry; must be equal on all ranks */
    uint32_t tasks;
    net_deliver_fn *deliver;
    void *ctx;
};

/* Collective.  Joins the ranks (for SCOOP_START_TIMEOUT at most), compares
 * version, byte order, word size and program, finds the nodes, opens node
 * memory.  On failure says why in one line, on one rank, and returns the same
 * code on all.  Where a rank never came it cannot clean up: MPI keeps what
 * it was given, and the job should end.  NODE_MEMORY, NODES, EAGER and PIECE
 * are rank 0's on every rank. */
int net_open(struct net **net, struct node *node, const struct net_start *s);
/* Collective.  When no message is under way any more, to or from this rank;
 * relays for its mates until all ranks are here.  Closes the node too. */
void net_close(struct net *net);

/* body: wire_body_bytes(type).  Returns 0, SCOOP_ENOMEM, SCOOP_EINVAL.  To
 * oneself it arrives at the next poll, like any other.  Any thread that may
 * poll may send. */
int net_send(struct net *net, int dst, unsigned type, const void *body,
             void *data, size_t data_len, enum net_own own);

/* Broadcasts so many bytes, 1 at least, from the watcher of node `root` to
 * those of all others.  For handlers on watchers, where there are several
 * nodes: each calls it for the same broadcasts in the same order, and for the
 * next one not before the last has landed.  data stays until landed(ctx) is
 * called, as a message is delivered, on whichever thread polls.  Counts as no
 * message; net_is_moving() meanwhile. */
void net_cast(struct net *net, int root, void *data, size_t len,
              void (*landed)(void *ctx), void *ctx);

/* Delivers what has arrived and moves what is under way; returns how many
 * messages were delivered.  A rank that spins for want of work calls this
 * each time round. */
unsigned net_poll(struct net *net);
/* The same for the helper thread: takes the pump only if it is free, and
 * delivers to `deliver`. */
unsigned net_helper_poll(struct net *net, net_deliver_fn *deliver, void *ctx);

/* For the main thread between tasks: whether net_poll() might find something.
 * Some loads, no MPI call; a look at the clock where MPI matters.  True at
 * least as often as the rank must look at MPI. */
bool net_has_mail(struct net *net);
/* Whether payloads or queued messages are under way: poll again soon. */
bool net_is_moving(const struct net *net);
/* Whether this rank must poll MPI to hear of other nodes (the watcher). */
bool net_is_watcher(const struct net *net);
/* Whether a helper thread may use the net. */
bool net_allows_helper(const struct net *net);
/* Stands in the place of node_sleep() after node_doze(): sleeps until mail, a
 * wake-up or the time.  Where something can come by MPI it only naps, looks,
 * and returns false if nothing has happened: then the caller dozes, looks at
 * what it must not miss, and waits again, without spinning anew.  Delivers
 * nothing: net_poll() does. */
bool net_wait(struct net *net, uint64_t until_ns);

size_t net_queued_bytes(const struct net *net); /* payloads not yet gone */
/* Messages, self included: sent when net_send() took it, received when it was
 * delivered (to the helper too).  Summed over the ranks they are equal when
 * nothing is under way. */
uint64_t net_sent(const struct net *net);
uint64_t net_received(const struct net *net);
/* 0, or what ended the net: SCOOP_EMPI, SCOOP_ENOMEM.  A message has been
 * lost, which was said in a line, and the farm cannot go on. */
int net_status(const struct net *net);

#endif
