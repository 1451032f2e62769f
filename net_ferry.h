/* SPDX-License-Identifier: MIT */
/* net_ferry.h -- bytes carried by MPI: small messages and payloads
 *
 * Part of the net, seen by net.c only.  The ferry does not know what is in a
 * message.  It calls back when a small message has come, when a payload's
 * turn has come (announce it to its receiver) and when a payload has landed.
 * None of its functions waits.  One thread at a time.
 */
#ifndef NET_FERRY_H
#define NET_FERRY_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log;
struct ferry;

#define FERRY_HEAD_MAX 80u

enum ferry_kind { FERRY_SMALL, FERRY_SEND, FERRY_RECEIVE };

/* Something to carry: a small message with its bytes behind it, or a payload
 * with the head of the message that it belongs to. */
struct ferry_cargo {
    struct ferry_cargo *next;
    enum ferry_kind kind;
    int peer;         /* rank */
    int tag;          /* of a payload: its own as long as it is under way */
    int status;       /* 0, or SCOOP_ENOMEM: dropped for want of memory */
    bool is_borrowed; /* data is not from malloc */
    unsigned char *data;
    size_t len, done; /* bytes; how many of them have gone or come */
    size_t head_len;
    _Alignas(16) unsigned char head[FERRY_HEAD_MAX];
};

struct ferry_start {
    MPI_Comm comm; /* errors are returned on it; kept */
    const struct log *log;
    bool is_watcher;    /* small messages may come here */
    size_t small_bytes; /* the longest small message */
    size_t piece_bytes; /* the same on all ranks */
    int sends;          /* payloads that may be going out at once */
    void *ctx;
    /* The message is the ferry's again when the call returns. */
    void (*small)(void *ctx, void *message, size_t len);
    /* 0, or not: then it is asked again later. */
    int (*announce)(void *ctx, const struct ferry_cargo *cargo);
    /* What it finds in data afterwards, the ferry frees. */
    void (*landed)(void *ctx, struct ferry_cargo *cargo);
};

/* 0, SCOOP_ENOMEM or SCOOP_EMPI. */
int ferry_open(struct ferry **ferry, const struct ferry_start *start);
/* Once nothing moves and nobody sends any more. */
void ferry_close(struct ferry *ferry);

/* A cargo with head and all else zero but the arguments; NULL: no memory. */
struct ferry_cargo *ferry_cargo_new(enum ferry_kind kind, int peer,
                                    const void *head, size_t head_len);
void ferry_cargo_free(
    struct ferry_cargo *cargo); /* data too, if not borrowed */

/* Sends a copy.  0 or SCOOP_ENOMEM. */
int ferry_small(struct ferry *ferry, int peer, const void *head,
                size_t head_len, const void *data, size_t len);
/* Takes a payload to be sent (FERRY_SEND), or one that was announced and will
 * come (FERRY_RECEIVE: peer, tag and len are set, data is not). */
void ferry_payload_take(struct ferry *ferry, struct ferry_cargo *cargo);

/* Moves what can be moved, without a call back to `small` or `landed`: those
 * are for ferry_poll().  True if it found anything for them or completed
 * something. */
bool ferry_look(struct ferry *ferry);
void ferry_poll(struct ferry *ferry);

size_t ferry_moving(const struct ferry *ferry); /* cargoes not yet done */
size_t ferry_queued_bytes(const struct ferry *ferry);
size_t ferry_steps(const struct ferry *ferry); /* counts what completes */
int ferry_status(const struct ferry *ferry);   /* SCOOP_EMPI once MPI failed */

#endif
