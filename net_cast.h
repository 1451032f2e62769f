/* SPDX-License-Identifier: MIT */
/* net_cast.h -- broadcasts between the nodes
 *
 * Part of the net, seen by net.c only.  One at a time, among the watchers; none
 * of its functions waits, but for the first and the last, which are collective.
 */
#ifndef NET_CAST_H
#define NET_CAST_H

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct join;
struct log;

/* What is called once the bytes are there: net.h. */
typedef void cast_done_fn(void *ctx);

struct cast { /* all zero: cannot be used, can be closed */
    MPI_Comm comm;
    bool is_open;
    const struct log *log;
    size_t piece_bytes;
    MPI_Request request;
    unsigned char *data;
    size_t len, done; /* bytes; `done` counts the piece under way */
    int root;
    bool has_landed; /* all of it: `landed` is to be called */
    cast_done_fn *landed;
    void *ctx;
    _Atomic bool is_moving;
    _Atomic size_t steps; /* counts what completes */
    _Atomic int failed;   /* SCOOP_EMPI once MPI failed */
};

/* Collective over the watchers. */
int cast_open(struct cast *cast, const struct join *join, size_t piece_bytes);
void cast_close(struct cast *cast);

/* Not while one is moving.  len is 1 at least. */
void cast_begin(struct cast *cast, int root, void *data, size_t len,
                cast_done_fn *landed, void *ctx);
/* Moves what can be moved; true if there is something for cast_poll(). */
bool cast_look(struct cast *cast);
/* The same, with the call of `landed`. */
void cast_poll(struct cast *cast);

static inline bool cast_is_moving(const struct cast *cast)
{
    return atomic_load_explicit(&cast->is_moving, memory_order_relaxed);
}

#endif
