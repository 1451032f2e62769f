/* SPDX-License-Identifier: MIT */
/* net_ferry.c -- bytes carried by MPI: small messages and payloads
 *
 * Two kinds of goods, so that a small message never waits behind a payload:
 *
 *   small     sent with MPI_Isend under TAG_SMALL, received by a ring of
 *             receives that were posted before.  MPI matches in the order of
 *             posting, so only the oldest of the ring is ever tested.
 *   payload   announced by a small message that names a tag; the receiver
 *             then posts a receive for exactly (sender, tag).  It goes in
 *             pieces, since MPI counts in int, one piece at a time and in
 *             order, which MPI's rule against overtaking keeps.
 *
 *     sender                              receiver
 *       queue --turn--> slot
 *                        | announce(tag) ---small---> expect queue
 *                        | MPI_Issend(tag) . . . . .    | turn: malloc
 *                        |                 <--match-->  | MPI_Irecv(tag)
 *                        | next piece                   | next piece
 *                       free slot                     landed
 *
 * A payload is announced when its turn has come, not when it is queued: a
 * receiver has to do with at most `sends` payloads of each sender.  It holds
 * memory for RECEIVES_MAX of them and lets the others wait at their senders.
 * Pieces go by MPI_Issend, which completes when the receive has been matched:
 * an MPI that would buffer short pieces at a receiver that is not ready
 * cannot, and a tag is free once its payload is done.  The tag is the number
 * of the slot, so it is unique among what this rank has under way.
 *
 * Nothing here waits for anything else in a circle: a posted receive belongs
 * to a payload whose sender has begun to send it, a sender needs nothing but
 * the receiver's polling, small messages need nothing but buffers.
 *
 * If memory for a payload cannot be had, it must be received all the same: its
 * sender has begun.  It goes into a scrap of memory, over and over, by a
 * datatype whose blocks lie on top of each other, and lands with SCOOP_ENOMEM.
 * MPI calls what such a receive leaves in memory undefined; nobody looks at
 * it.  A receive that is too short would be simpler, but Open MPI's TCP writes
 * past its end.
 */
#include "net_ferry.h"

#include "log.h"
#include "scoop.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Posted ahead.  What comes meanwhile is kept by MPI: the ring only spares
 * that copy, and is not a limit. */
#define RING 16u
/* A small message that MPI does not take at once keeps its buffer; with more
 * than so many of them further ones queue up here instead of in MPI. */
#define SMALLS_MAX 256u
#define RECEIVES_MAX 64u
/* One poll hands over so many small messages at most: the rank has other
 * things to do as well. */
#define SMALL_BATCH 64u

#define TAG_SMALL 0
#define TAG_PAYLOAD 1 /* and up: a slot each */

#define HUGE_BYTES ((size_t)32 << 20)
#define SCRAP_BYTES 4096 /* for payloads that are dropped */

struct fifo {
    struct ferry_cargo *head, **end;
    size_t count;
};

struct ferry {
    struct ferry_start how;
    /* What has a request pending has a slot.  Free slots below `used` hold
     * MPI_REQUEST_NULL and are linked through next_free. */
    MPI_Request *request;
    struct ferry_cargo **owner;
    int *next_free, *index;
    MPI_Status *status;
    int room, used, first_free;
    size_t under_way[3]; /* slots in use, by kind */
    struct fifo waiting[3];
    struct fifo landed;
    /* Small messages on their way in. */
    MPI_Request ring[RING];
    unsigned char *buffer;
    size_t buffer_bytes;
    unsigned oldest;
    int arrived; /* bytes in the oldest buffer; -1: nothing yet */
    unsigned char *scrap;
    /* Read by other threads. */
    _Atomic size_t moving, queued_bytes, steps;
    _Atomic int failed;
};

static void push(struct fifo *fifo, struct ferry_cargo *cargo)
{
    cargo->next = NULL;
    *fifo->end = cargo;
    fifo->end = &cargo->next;
    fifo->count++;
}

static struct ferry_cargo *pop(struct fifo *fifo)
{
    struct ferry_cargo *cargo = fifo->head;

    if (!cargo)
        return NULL;
    fifo->head = cargo->next;
    if (!fifo->head)
        fifo->end = &fifo->head;
    fifo->count--;
    return cargo;
}

static void drop_all(struct fifo *fifo)
{
    struct ferry_cargo *cargo;

    while ((cargo = pop(fifo)))
        ferry_cargo_free(cargo);
}

/* Only one thread at a time writes; others may read. */
static void add(_Atomic size_t *count, size_t plus, size_t minus)
{
    size_t now = atomic_load_explicit(count, memory_order_relaxed);

    atomic_store_explicit(count, now + plus - minus, memory_order_relaxed);
}

/* True if the call did well; says what did not, the first time. */
static bool is_fine(struct ferry *ferry, int code, const char *what)
{
    char words[MPI_MAX_ERROR_STRING];
    int len = 0;

    if (code == MPI_SUCCESS)
        return true;
    if (!atomic_exchange(&ferry->failed, SCOOP_EMPI)) {
        if (MPI_Error_string(code, words, &len) != MPI_SUCCESS)
            len = 0;
        log_error(ferry->how.log, "%s failed: %.*s (MPI error %d)", what, len,
                  words, code);
    }
    return false;
}

/* ---- Slots ---- */

static bool grow(struct ferry *ferry)
{
    size_t room = ferry->room ? 2 * (size_t)ferry->room : 16;
    void *p;

    if ((p = realloc(ferry->request, room * sizeof *ferry->request)))
        ferry->request = p;
    if (p && (p = realloc(ferry->owner, room * sizeof(void *))))
        ferry->owner = p;
    if (p && (p = realloc(ferry->next_free, room * sizeof(int))))
        ferry->next_free = p;
    if (p && (p = realloc(ferry->index, room * sizeof(int))))
        ferry->index = p;
    if (p && (p = realloc(ferry->status, room * sizeof *ferry->status)))
        ferry->status = p;
    if (!p)
        return false;
    ferry->room = (int)room;
    return true;
}

/* A slot, or -1 if there is no memory for another one. */
static int take_slot(struct ferry *ferry, struct ferry_cargo *cargo)
{
    int slot = ferry->first_free;

    if (slot >= 0) {
        ferry->first_free = ferry->next_free[slot];
    } else {
        if (ferry->used == ferry->room && !grow(ferry))
            return -1;
        slot = ferry->used++;
    }
    ferry->request[slot] = MPI_REQUEST_NULL;
    ferry->owner[slot] = cargo;
    ferry->under_way[cargo->kind]++;
    return slot;
}

static void free_slot(struct ferry *ferry, int slot)
{
    ferry->under_way[ferry->owner[slot]->kind]--;
    ferry->owner[slot] = NULL;
    ferry->request[slot] = MPI_REQUEST_NULL;
    ferry->next_free[slot] = ferry->first_free;
    ferry->first_free = slot;
    /* Nothing under way: forget the holes, so that what is tested shrinks
     * again after a burst. */
    if (!ferry->under_way[FERRY_SMALL] && !ferry->under_way[FERRY_SEND] &&
        !ferry->under_way[FERRY_RECEIVE]) {
        ferry->used = 0;
        ferry->first_free = -1;
    }
}

/* ---- One request at a time ---- */

static int piece_of(const struct ferry *ferry, const struct ferry_cargo *cargo)
{
    size_t left = cargo->len - cargo->done;

    return (int)(left < ferry->how.piece_bytes ? left : ferry->how.piece_bytes);
}

/* Receives a piece into the scrap: whole blocks, then the rest. */
static int drop_piece(struct ferry *ferry, const struct ferry_cargo *cargo,
                      MPI_Request *request)
{
    int len = piece_of(ferry, cargo);
    int lengths[2] = {1, len % SCRAP_BYTES};
    MPI_Aint offsets[2] = {0, 0};
    MPI_Datatype types[2] = {MPI_BYTE, MPI_BYTE}, all;
    int code = MPI_Type_create_hvector(len / SCRAP_BYTES, SCRAP_BYTES, 0,
                                       MPI_BYTE, &types[0]);

    if (code != MPI_SUCCESS)
        return code;
    code = MPI_Type_create_struct(2, lengths, offsets, types, &all);
    MPI_Type_free(&types[0]);
    if (code != MPI_SUCCESS)
        return code;
    code = MPI_Type_commit(&all);
    if (code == MPI_SUCCESS)
        code = MPI_Irecv(ferry->scrap, 1, all, cargo->peer, cargo->tag,
                         ferry->how.comm, request);
    MPI_Type_free(&all); /* MPI keeps it as long as the request needs it */
    return code;
}

/* Starts the next request of what is in the slot. */
static bool start(struct ferry *ferry, int slot)
{
    struct ferry_cargo *cargo = ferry->owner[slot];
    MPI_Request *request = &ferry->request[slot];
    MPI_Comm comm = ferry->how.comm;
    int code = MPI_SUCCESS;

    switch (cargo->kind) {
    case FERRY_SMALL:
        code = MPI_Isend(cargo->data, (int)cargo->len, MPI_BYTE, cargo->peer,
                         TAG_SMALL, comm, request);
        break;
    case FERRY_SEND:
        code = MPI_Issend(cargo->data + cargo->done, piece_of(ferry, cargo),
                          MPI_BYTE, cargo->peer, cargo->tag, comm, request);
        break;
    case FERRY_RECEIVE:
        code = cargo->data ? MPI_Irecv(cargo->data + cargo->done,
                                       piece_of(ferry, cargo), MPI_BYTE,
                                       cargo->peer, cargo->tag, comm, request)
                           : drop_piece(ferry, cargo, request);
        break;
    }
    return is_fine(ferry, code, "starting a transfer");
}

/* The payload's memory.  Large ones ask for large pages: fresh pages of 4 KiB
 * come four times slower than the bytes that fill them. */
static void allocate(struct ferry_cargo *cargo)
{
    const uintptr_t page = (uintptr_t)2 << 20;

    cargo->data = malloc(cargo->len);
    if (!cargo->data) {
        cargo->status = SCOOP_ENOMEM;
    } else if (cargo->len >= HUGE_BYTES) {
        uintptr_t from = ((uintptr_t)cargo->data + page - 1) & ~(page - 1);
        uintptr_t to = ((uintptr_t)cargo->data + cargo->len) & ~(page - 1);
        madvise((void *)from, to - from, MADV_HUGEPAGE); /* a wish only */
    }
}

/* The cargo is through, well or not. */
static void finish(struct ferry *ferry, int slot)
{
    struct ferry_cargo *cargo = ferry->owner[slot];

    free_slot(ferry, slot);
    if (cargo->kind == FERRY_RECEIVE) {
        push(&ferry->landed, cargo); /* moving until it has been handed over */
        return;
    }
    if (cargo->kind == FERRY_SEND)
        add(&ferry->queued_bytes, 0, cargo->len - cargo->done);
    add(&ferry->moving, 0, 1);
    ferry_cargo_free(cargo);
}

/* What MPI says of a request that has completed. */
static int outcome(const struct ferry *ferry, const struct ferry_cargo *cargo,
                   const MPI_Status *status, bool has_error)
{
    int count = 0;

    if (has_error && status->MPI_ERROR != MPI_SUCCESS)
        return status->MPI_ERROR;
    if (cargo->kind != FERRY_RECEIVE)
        return MPI_SUCCESS;
    int code = MPI_Get_count(status, MPI_BYTE, &count);
    if (code == MPI_SUCCESS && count != piece_of(ferry, cargo))
        code = MPI_ERR_COUNT; /* not the piece that was announced */
    return code;
}

/* A request has completed: the next piece, or the end. */
static void advance(struct ferry *ferry, int slot, int code)
{
    struct ferry_cargo *cargo = ferry->owner[slot];

    if (!is_fine(ferry, code, "a transfer")) {
        finish(ferry, slot);
        return;
    }
    if (cargo->kind != FERRY_SMALL) {
        size_t piece = (size_t)piece_of(ferry, cargo);
        cargo->done += piece;
        if (cargo->kind == FERRY_SEND)
            add(&ferry->queued_bytes, 0, piece);
        if (cargo->done < cargo->len && start(ferry, slot))
            return;
    }
    finish(ferry, slot);
}

static bool test_slots(struct ferry *ferry)
{
    int done = 0, class = MPI_SUCCESS;
    int code = MPI_Testsome(ferry->used, ferry->request, &done, ferry->index,
                            ferry->status);

    if (code != MPI_SUCCESS)
        MPI_Error_class(code, &class);
    if (class != MPI_SUCCESS && class != MPI_ERR_IN_STATUS)
        return !is_fine(ferry, code, "MPI_Testsome");
    if (done == MPI_UNDEFINED)
        return false;
    add(&ferry->steps, (size_t)done, 0);
    for (int i = 0; i < done; i++) {
        int slot = ferry->index[i];
        advance(ferry, slot,
                outcome(ferry, ferry->owner[slot], &ferry->status[i],
                        class == MPI_ERR_IN_STATUS));
    }
    return done > 0;
}

/* ---- Whose turn it is ---- */

static size_t most(const struct ferry *ferry, enum ferry_kind kind)
{
    switch (kind) {
    case FERRY_SMALL:
        return SMALLS_MAX;
    case FERRY_SEND:
        return (size_t)ferry->how.sends;
    case FERRY_RECEIVE:
        break;
    }
    return RECEIVES_MAX;
}

/* Starts the oldest of those that wait.  False: it has to wait on. */
static bool start_one(struct ferry *ferry, enum ferry_kind kind)
{
    struct ferry_cargo *cargo = ferry->waiting[kind].head;
    int slot = take_slot(ferry, cargo);

    if (slot < 0)
        return false;
    if (kind == FERRY_SEND) {
        cargo->tag = TAG_PAYLOAD + slot;
        if (ferry->how.announce(ferry->how.ctx, cargo)) {
            free_slot(ferry, slot);
            return false;
        }
    }
    pop(&ferry->waiting[kind]);
    if (kind == FERRY_RECEIVE)
        allocate(cargo);
    if (!start(ferry, slot))
        finish(ferry, slot);
    return true;
}

static void start_waiting(struct ferry *ferry, enum ferry_kind kind)
{
    while (ferry->waiting[kind].head &&
           ferry->under_way[kind] < most(ferry, kind) && start_one(ferry, kind))
        ;
}

/* ---- Small messages coming in ---- */

static unsigned char *ring_buffer(const struct ferry *ferry, unsigned i)
{
    return ferry->buffer + i * ferry->buffer_bytes;
}

static bool post(struct ferry *ferry, unsigned i)
{
    int code =
        MPI_Irecv(ring_buffer(ferry, i), (int)ferry->buffer_bytes, MPI_BYTE,
                  MPI_ANY_SOURCE, TAG_SMALL, ferry->how.comm, &ferry->ring[i]);

    return is_fine(ferry, code, "posting a receive");
}

/* Whether the oldest of the ring has something. */
static bool test_ring(struct ferry *ferry)
{
    MPI_Status status;
    int done = 0;

    if (ferry->arrived >= 0)
        return true;
    if (!ferry->how.is_watcher ||
        ferry->ring[ferry->oldest] == MPI_REQUEST_NULL)
        return false;
    int code = MPI_Test(&ferry->ring[ferry->oldest], &done, &status);
    if (!is_fine(ferry, code, "receiving a message"))
        return false;
    if (!done)
        return false;
    if (MPI_Get_count(&status, MPI_BYTE, &ferry->arrived) != MPI_SUCCESS ||
        ferry->arrived < 0)
        ferry->arrived = 0; /* of no length: the net will complain */
    return true;
}

static void hand_over_smalls(struct ferry *ferry)
{
    for (unsigned n = 0; n < SMALL_BATCH && test_ring(ferry); n++) {
        unsigned i = ferry->oldest;
        ferry->how.small(ferry->how.ctx, ring_buffer(ferry, i),
                         (size_t)ferry->arrived);
        ferry->arrived = -1;
        add(&ferry->steps, 1, 0);
        ferry->oldest = (i + 1) % RING;
        post(ferry, i);
    }
}

/* Each call makes one call of MPI at least, for its own sake: what MPI itself
 * has left to send leaves only then. */
static bool move(struct ferry *ferry)
{
    bool found = false;
    int flag;

    if (ferry->used)
        found = test_slots(ferry);
    else if (!ferry->how.is_watcher)
        is_fine(ferry,
                MPI_Iprobe(MPI_ANY_SOURCE, TAG_SMALL, ferry->how.comm, &flag,
                           MPI_STATUS_IGNORE),
                "MPI_Iprobe");
    start_waiting(ferry, FERRY_SMALL);
    start_waiting(ferry, FERRY_SEND);
    start_waiting(ferry, FERRY_RECEIVE);
    return found || ferry->landed.head;
}

/* Ends the receives that were posted ahead.  Nothing comes any more, so each
 * can be cancelled, and the wait for that is a local matter. */
static void end_ring(struct ferry *ferry)
{
    for (unsigned i = 0; i < RING; i++) {
        if (ferry->ring[i] == MPI_REQUEST_NULL)
            continue;
        is_fine(ferry, MPI_Cancel(&ferry->ring[i]), "MPI_Cancel");
        is_fine(ferry, MPI_Wait(&ferry->ring[i], MPI_STATUS_IGNORE),
                "MPI_Wait");
    }
}

/* Tags are slots: there must be one for each slot that can be in use. */
static int limit_sends(MPI_Comm comm, int sends)
{
    int *upper = NULL, has_it = 0, tags = 32767; /* MPI's guarantee */

    if (MPI_Comm_get_attr(comm, MPI_TAG_UB, &upper, &has_it) == MPI_SUCCESS &&
        has_it)
        tags = *upper;
    tags -= (int)(TAG_PAYLOAD + SMALLS_MAX + RECEIVES_MAX);
    return sends < tags ? sends : tags;
}

/* ---- For the net ---- */

int ferry_open(struct ferry **ferry, const struct ferry_start *start)
{
    struct ferry *f = calloc(1, sizeof *f);

    *ferry = NULL;
    if (!f)
        return SCOOP_ENOMEM;
    f->how = *start;
    f->how.sends = limit_sends(start->comm, start->sends);
    f->first_free = -1;
    f->arrived = -1;
    f->landed.end = &f->landed.head;
    for (int kind = 0; kind < 3; kind++)
        f->waiting[kind].end = &f->waiting[kind].head;
    for (unsigned i = 0; i < RING; i++)
        f->ring[i] = MPI_REQUEST_NULL;
    if (start->is_watcher) {
        f->buffer_bytes = (start->small_bytes + 63) & ~(size_t)63;
        f->buffer = aligned_alloc(64, RING * f->buffer_bytes);
    }
    f->scrap = malloc(SCRAP_BYTES);
    if (!f->scrap || (start->is_watcher && !f->buffer)) {
        ferry_close(f);
        return SCOOP_ENOMEM;
    }
    for (unsigned i = 0; start->is_watcher && i < RING; i++) {
        if (!post(f, i)) {
            ferry_close(f);
            return SCOOP_EMPI;
        }
    }
    *ferry = f;
    return 0;
}

void ferry_close(struct ferry *ferry)
{
    if (!ferry)
        return;
    end_ring(ferry);
    for (int kind = 0; kind < 3; kind++)
        drop_all(&ferry->waiting[kind]);
    drop_all(&ferry->landed);
    free(ferry->buffer);
    free(ferry->scrap);
    free(ferry->request);
    free(ferry->owner);
    free(ferry->next_free);
    free(ferry->index);
    free(ferry->status);
    free(ferry);
}

struct ferry_cargo *ferry_cargo_new(enum ferry_kind kind, int peer,
                                    const void *head, size_t head_len)
{
    struct ferry_cargo *cargo = calloc(1, sizeof *cargo);

    if (!cargo)
        return NULL;
    cargo->kind = kind;
    cargo->peer = peer;
    cargo->head_len = head_len;
    memcpy(cargo->head, head, head_len);
    return cargo;
}

void ferry_cargo_free(struct ferry_cargo *cargo)
{
    if (!cargo->is_borrowed)
        free(cargo->data);
    free(cargo);
}

int ferry_small(struct ferry *ferry, int peer, const void *head,
                size_t head_len, const void *data, size_t len)
{
    struct ferry_cargo *cargo = malloc(sizeof *cargo + head_len + len);

    if (!cargo)
        return SCOOP_ENOMEM;
    cargo->kind = FERRY_SMALL;
    cargo->peer = peer;
    cargo->status = 0;
    cargo->is_borrowed = true; /* one block with the cargo */
    cargo->data = (unsigned char *)(cargo + 1);
    cargo->len = head_len + len;
    memcpy(cargo->data, head, head_len);
    if (len)
        memcpy(cargo->data + head_len, data, len);
    add(&ferry->moving, 1, 0);
    push(&ferry->waiting[FERRY_SMALL], cargo);
    start_waiting(ferry, FERRY_SMALL);
    return 0;
}

void ferry_payload_take(struct ferry *ferry, struct ferry_cargo *cargo)
{
    add(&ferry->moving, 1, 0);
    if (cargo->kind == FERRY_SEND)
        add(&ferry->queued_bytes, cargo->len, 0);
    push(&ferry->waiting[cargo->kind], cargo);
    start_waiting(ferry, cargo->kind);
}

bool ferry_look(struct ferry *ferry)
{
    bool found = move(ferry);

    return test_ring(ferry) || found;
}

void ferry_poll(struct ferry *ferry)
{
    struct ferry_cargo *cargo;

    hand_over_smalls(ferry);
    move(ferry);
    while ((cargo = pop(&ferry->landed))) {
        add(&ferry->moving, 0, 1);
        ferry->how.landed(ferry->how.ctx, cargo);
        ferry_cargo_free(cargo);
    }
}

size_t ferry_moving(const struct ferry *ferry)
{
    return atomic_load_explicit(&ferry->moving, memory_order_relaxed);
}

size_t ferry_queued_bytes(const struct ferry *ferry)
{
    return atomic_load_explicit(&ferry->queued_bytes, memory_order_relaxed);
}

size_t ferry_steps(const struct ferry *ferry)
{
    return atomic_load_explicit(&ferry->steps, memory_order_relaxed);
}

int ferry_status(const struct ferry *ferry)
{
    return atomic_load_explicit(&ferry->failed, memory_order_relaxed);
}
