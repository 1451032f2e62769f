/* SPDX-License-Identifier: MIT */
/* net_cast.c -- broadcasts between the nodes
 *
 * The bytes of a constant go from one node to all others by MPI_Ibcast on a
 * communicator of the watchers.  The blocking form would spin, and would keep
 * this rank from answering others; here the pump tests the request as it tests
 * all others, and the helper thread's pump does if the main thread is away.
 *
 * MPI counts in int and makes a schedule as long as the message, so the bytes
 * go in pieces, one after the other.  Each rank cuts them alike.  One rank may
 * be a piece ahead of another: MPI matches collectives by their order on the
 * communicator, and that nothing else is done on it is why it exists.
 */
#include "net_cast.h"

#include "log.h"
#include "net_join.h"
#include "scoop.h"

#include <stdlib.h>

#define PIECE_MAX ((size_t)64 << 20)
#define TAG_GROUP 7

static bool is_fine(struct cast *cast, int code, const char *what)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int len = 0;

    if (code == MPI_SUCCESS)
        return true;
    MPI_Error_string(code, words, &len);
    log_error(cast->log, "%s failed: %s", what, words);
    atomic_store_explicit(&cast->failed, SCOOP_EMPI, memory_order_relaxed);
    return false;
}

int cast_open(struct cast *cast, const struct join *join, size_t piece_bytes)
{
    MPI_Group all = MPI_GROUP_NULL, watchers = MPI_GROUP_NULL;

    cast->log = join->log;
    cast->piece_bytes = piece_bytes < PIECE_MAX ? piece_bytes : PIECE_MAX;
    cast->request = MPI_REQUEST_NULL;
    cast->comm = MPI_COMM_NULL;
    cast->is_open = true;
    bool ok =
        is_fine(cast, MPI_Comm_group(join->comm, &all), "MPI_Comm_group") &&
        is_fine(cast,
                MPI_Group_incl(all, join->nodes, join->watcher, &watchers),
                "MPI_Group_incl") &&
        is_fine(cast,
                MPI_Comm_create_group(join->comm, watchers, TAG_GROUP,
                                      &cast->comm),
                "MPI_Comm_create_group") &&
        is_fine(cast, MPI_Comm_set_errhandler(cast->comm, MPI_ERRORS_RETURN),
                "MPI_Comm_set_errhandler");
    if (watchers != MPI_GROUP_NULL)
        MPI_Group_free(&watchers);
    if (all != MPI_GROUP_NULL)
        MPI_Group_free(&all);
    return ok ? 0 : SCOOP_EMPI;
}

void cast_close(struct cast *cast)
{
    if (cast->is_open && cast->comm != MPI_COMM_NULL)
        is_fine(cast, MPI_Comm_free(&cast->comm), "MPI_Comm_free");
    cast->is_open = false;
}

static void begin_piece(struct cast *cast)
{
    size_t left = cast->len - cast->done;
    size_t len = left < cast->piece_bytes ? left : cast->piece_bytes;
    unsigned char *from = cast->data + cast->done;

    cast->done += len;
    is_fine(cast,
            MPI_Ibcast(from, (int)len, MPI_BYTE, cast->root, cast->comm,
                       &cast->request),
            "MPI_Ibcast");
}

void cast_begin(struct cast *cast, int root, void *data, size_t len,
                cast_done_fn *landed, void *ctx)
{
    cast->root = root;
    cast->data = data;
    cast->len = len;
    cast->done = 0;
    cast->landed = landed;
    cast->ctx = ctx;
    atomic_store_explicit(&cast->is_moving, true, memory_order_relaxed);
    begin_piece(cast);
}

bool cast_look(struct cast *cast)
{
    int done = 0;

    if (!cast_is_moving(cast) || cast->has_landed || cast->failed)
        return cast->has_landed;
    if (!is_fine(cast, MPI_Test(&cast->request, &done, MPI_STATUS_IGNORE),
                 "MPI_Test") ||
        !done)
        return false;
    atomic_fetch_add_explicit(&cast->steps, 1, memory_order_relaxed);
    if (cast->done < cast->len)
        begin_piece(cast);
    else
        cast->has_landed = true;
    return true;
}

void cast_poll(struct cast *cast)
{
    cast_look(cast);
    if (!cast->has_landed)
        return;
    cast->has_landed = false;
    atomic_store_explicit(&cast->is_moving, false, memory_order_relaxed);
    cast->landed(cast->ctx); /* may begin the next one */
}
