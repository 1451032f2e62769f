/* SPDX-License-Identifier: MIT */
/* transfer.h -- tasks that change hands between ranks
 *
 * See transfer.c.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deque_item;
struct error;
struct future;
struct net;
struct net_message;
struct node;
struct runtime;
struct task;
struct wire_cancel;

/* The deque's packer: record and, if it is short, argument. */
size_t transfer_pack(const struct deque_item *item, uint64_t *words);

/* Steals from the deque of a mate; how many tasks came. */
unsigned transfer_rob(struct runtime *rt, int local);

/* Sends tasks from a deque of this node to another rank, who asked for them
 * or would like them; how many.  Called by the helper thread as well: touches
 * only node memory and the net. */
unsigned transfer_lend(struct node *node, struct net *net, int local, int thief,
                       unsigned most, uint32_t reason);

/* Sends a task to the rank where it was placed: WIRE_PLACED or WIRE_NEAR. */
int transfer_place(struct runtime *rt, struct future *f, int rank,
                   uint32_t reason);
/* Sends for a guest's argument; it comes back through queue_place(). */
int transfer_fetch(struct runtime *rt, struct future *guest);
/* Sends a guest's result, or error (taken), home and frees the guest. */
void transfer_return(struct runtime *rt, struct future *guest, int status,
                     struct error *error);
/* Ends a guest, piece or not, that was not run. */
void transfer_give_up(struct runtime *rt, struct future *guest, int status,
                      struct error *error);

/* Handlers. */
void transfer_on_tasks(struct runtime *rt, struct net_message *m);
void transfer_on_steal(struct runtime *rt, struct net_message *m);
void transfer_on_empty(struct runtime *rt, struct net_message *m);
void transfer_on_hungry(struct runtime *rt, struct net_message *m);
void transfer_on_fetch(struct runtime *rt, struct net_message *m);
void transfer_on_arg(struct runtime *rt, struct net_message *m);
void transfer_on_result(struct runtime *rt, struct net_message *m);

/* For the helper thread: answers STEAL, HUNGRY and FETCH without the runtime;
 * false: it was another message. */
bool transfer_serve(struct node *node, struct net *net, struct net_message *m);
/* For the helper thread, while the main thread is busy: sends tasks on that
 * are not bound to this rank, to a mate that sleeps or, unless they are bound
 * to this node, a rank that is hungry; false: there is none, they stay. */
bool transfer_pass_on(struct node *node, struct net *net,
                      struct net_message *m);

#endif
