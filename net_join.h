/* SPDX-License-Identifier: MIT */
/* net_join.h -- how the ranks come together
 *
 * Part of the net, seen by net.c only: a communicator of our own, the
 * comparison of programs, the map of nodes, what the ranks must agree on.
 */
#ifndef NET_JOIN_H
#define NET_JOIN_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct log;

/* What each rank says of itself, in an order that later versions keep: they
 * must be able to tell that they differ.  Up to `program` it must be the same
 * on all ranks; from there on, rank 0's word is law. */
struct join_hello {
    unsigned char magic[8];
    uint32_t byte_order;
    uint32_t word_bytes;
    uint32_t version;
    uint32_t tasks;
    uint64_t program;
    uint64_t eager_bytes;
    uint64_t piece_bytes;
    uint32_t node_memory;
    uint32_t host_parts; /* nodes to make of each host; 0: one */
    uint64_t unused;
};
_Static_assert(sizeof(struct join_hello) == 64, "all versions' format");

struct join_start {
    MPI_Comm comm; /* the program's */
    const struct config *config;
    const struct log *log;
    uint64_t program; /* hash of its tasks */
    uint32_t tasks;
};

struct join {
    MPI_Comm comm; /* ours; MPI_COMM_NULL where there is one rank only */
    int rank, size;
    bool allows_helper;
    bool is_stuck; /* a collective is pending: this struct must stay */
    struct join_hello hello; /* rank 0's */
    int nodes, my_node, local, locals;
    int32_t *node_of, *local_of, *watcher, *members; /* as in struct node */
    uint64_t deadline_ns;
    const struct log *log;
    char why[256];
    char origin[64]; /* rank 0's host */
    /* Where pending collectives read and write. */
    struct join_hello mine;
    int give[2], get[2];
    uint64_t host;
    uint64_t *hosts;
};

/* Collective.  0, or a code, the same on all ranks and said in a line on one
 * (unless the others are out of reach).  *join stays at its place. */
int join_open(struct join *join, const struct join_start *start);
/* One rank, without MPI.  0 or SCOOP_ENOMEM. */
int join_alone(struct join *join, const struct log *log);
/* Collective.  After a failure too, unless it is stuck. */
void join_close(struct join *join);

/* Collective: 0 if all ranks pass 0; else the worst code, and the first rank
 * that did not do well says `why`. */
int join_agree(struct join *join, int status);
/* For node_open(): among the ranks of my node.  ctx: a struct join. */
int join_node_broadcast(void *ctx, void *data, size_t len);
int join_node_agree(void *ctx, int status);

#endif
