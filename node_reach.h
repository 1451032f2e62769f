/* SPDX-License-Identifier: MIT */
/* node_reach.h -- the memory of another rank of this node, without its help
 *
 * See node_reach.c.
 */
#ifndef NODE_REACH_H
#define NODE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

/* Before mates look at this rank's block. */
void node_reach_open(struct node *node);
void node_reach_close(struct node *node);

/* Whether this rank can read and write the memory of the one at place `local`.
 * Tries, the first time, and stays at that. */
bool node_can_reach(struct node *node, int local);

/* From an address there, or to one.  Returns when it is done; false: it could
 * not be done, or not all of it.  The other rank sees to it that the memory is
 * there, and that nobody else uses it. */
bool node_read(struct node *node, int local, void *to, uint64_t from,
               size_t len);
bool node_write(struct node *node, int local, uint64_t to, const void *from,
                size_t len);

#endif
