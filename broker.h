/* SPDX-License-Identifier: MIT */
/* broker.h -- rank 0's second job: first placement, the farm's end
 *
 * See broker.c.
 */
#ifndef BROKER_H
#define BROKER_H

struct net_message;
struct runtime;

/* At start, on every rank: who is hungry from the beginning. */
void broker_start(struct runtime *rt);
/* Rank 0: the root has returned. */
void broker_root_ended(struct runtime *rt);
/* This rank is idle: answer the wave that waits for it, if one does. */
void broker_idle(struct runtime *rt);

void broker_on_wave(struct runtime *rt, struct net_message *m);
void broker_on_count(struct runtime *rt, struct net_message *m);
void broker_on_stop(struct runtime *rt, struct net_message *m);

#endif
