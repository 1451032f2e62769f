/* SPDX-License-Identifier: MIT */
/* node_segment.h -- a piece of memory that the ranks of one node share
 *
 * Beside node memory proper: made and dropped while the farm runs, of any
 * size, written by its maker and then read by all.  One rank of the node makes
 * it, the others join it by its name, and once all have it somebody forgets
 * the name for all of them.  A rank that is alone on its node gets ordinary
 * memory without a name.
 */
#ifndef NODE_SEGMENT_H
#define NODE_SEGMENT_H

#include <stddef.h>

struct node;

#define NODE_SEGMENT_NAME 48u

struct node_segment { /* all zero: none */
    void *data;       /* on a page of its own */
    size_t len;
    char name[NODE_SEGMENT_NAME]; /* "": there is none to be forgotten */
};

/* So many bytes, writable, with their memory: what does not fit is an error
 * here and not a SIGBUS later.  They are a copy of those at `from`, zeroes if
 * that is NULL.  0, SCOOP_ENOMEM or SCOOP_ESYSTEM; then nothing is left of it.
 * len is 1 at least. */
int node_segment_make(struct node_segment *segment, const struct node *node,
                      const void *from, size_t len);
/* Maps what another rank of the node has made, for reading. */
int node_segment_join(struct node_segment *segment, const char *name,
                      size_t len);
/* The maker has written all: from now on a store is a crash. */
void node_segment_seal(struct node_segment *segment);
/* The name of a segment that all have joined.  "" is no name. */
void node_segment_forget(const char *name);
/* Unmaps it, and forgets its name if it still has one. */
void node_segment_drop(struct node_segment *segment);

#endif
