/* SPDX-License-Identifier: MIT */
/* offer.h -- what of the deque is public, and who is told
 *
 * See offer.c.
 */
#ifndef OFFER_H
#define OFFER_H

#include <stdbool.h>
#include <stdint.h>

struct net;
struct node;
struct runtime;

/* Makes tasks public and calls in those who would take them. */
void offer_tasks(struct runtime *rt);
/* Makes all but `keep` private tasks public, because they are many. */
void offer_all_but(struct runtime *rt, uint64_t keep);
/* Whether anybody is without work. */
bool offer_is_wanted(const struct runtime *rt);

/* Calls in those who would take what is public; the helper may as well. */
void offer_call_in(struct node *node, struct net *net);
/* Wakes a sleeper of the node to search, unless somebody does already. */
void offer_call_one(struct node *node);
/* A rank has risen: it searches now itself. */
void offer_take_call(struct node *node);

#endif
