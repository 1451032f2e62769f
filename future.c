/* SPDX-License-Identifier: MIT */
/* future.c -- the table of futures whose home is this rank, and of guests
 *
 * A future is an entry of a table on the rank that submitted it, its home.
 * The entry holds the task's record until the result is in, so that the home
 * can always say where the task is, cancel it, or run it again.  A rank that
 * has a task of another home keeps a guest: an entry of the same table that
 * nobody has a handle to.
 *
 *                 pop               park, wake
 *      QUEUED ----------> RUNNING <------------+
 *        |  ^                |  \______________|
 *   taken|  |pushed          |return
 *        v  |                v
 *      HELD ------------>  DONE --release--> FREE
 *            RESULT
 *
 * A guest goes QUEUED -> (FETCHING ->) RUNNING -> FREE, or QUEUED -> FREE when
 * another rank takes it on.  PLACED is QUEUED for a task that may run here
 * only.
 *
 * A handle is the entry's place and its generation.  The generation is 64 bits
 * wide and grows each time the place is freed, from a start that is the
 * clock's: no place can be reused as fast as the clock's nanoseconds pass, so
 * the handles of an earlier farm in the same process are stale as well.
 *
 * Entries come in chunks of one size class and are never moved; freed ones go
 * to a list a class and are used again last in, first out, while they are in
 * the cache.  Chunks stay until the farm ends.
 */
#include "future.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "value.h"

void future_table_init(struct future_table *t, int rank, uint64_t generation)
{
    memset(t, 0, sizeof *t);
    t->rank = rank;
    t->first_generation = generation;
    link_init(&t->guests);
}

static size_t stride(unsigned size_class)
{
    return sizeof(struct future) + 16 * ((size_t)size_class + 1);
}

static void drop_data(struct future *f)
{
    if (f->flags & FUTURE_OWNS_ARG)
        free(f->arg);
    if (f->flags & FUTURE_OWNS_RESULT)
        free(f->result);
    if (f->flags & FUTURE_DECODED)
        json_decref(f->result);
    error_free(f->error);
}

/* What future_take() promises; keeps place, class and generation. */
static void reset(struct future *f, int rank)
{
    uint64_t id = f->rec.id, generation = f->rec.generation;
    uint8_t size_class = f->size_class;

    memset(f, 0, sizeof *f);
    f->size_class = size_class;
    f->rec.id = id;
    f->rec.generation = generation;
    f->rec.holder = rank;
    f->rec.place = -1;
    f->rec.attempt = 1;
}

void future_put(struct future_table *t, struct future *f)
{
    drop_data(f);
    reset(f, t->rank);
    future_put_clean(t, f);
}

void future_table_fini(struct future_table *t)
{
    for (uint32_t i = 0; i < t->chunks; i++) {
        struct future_chunk *c = &t->chunk[i];
        for (uint32_t k = 0; k < FUTURE_CHUNK; k++) {
            struct future *f =
                (struct future *)(void *)(c->base + c->stride * k);
            if (f->state != FUTURE_FREE)
                drop_data(f);
        }
        free(c->base);
    }
    free(t->chunk);
    memset(t, 0, sizeof *t);
}

static struct future_chunk *add_chunk(struct future_table *t, unsigned c)
{
    if (t->chunks == UINT32_MAX / FUTURE_CHUNK)
        return NULL;
    if (t->chunks == t->room) {
        uint32_t room = t->room ? 2 * t->room : 16;
        void *more = realloc(t->chunk, room * sizeof *t->chunk);
        if (!more)
            return NULL;
        t->chunk = more;
        t->room = room;
    }
    struct future_chunk *chunk = &t->chunk[t->chunks];
    chunk->stride = stride(c);
    chunk->base = malloc(FUTURE_CHUNK * chunk->stride);
    if (!chunk->base)
        return NULL;
    t->chunks++;
    return chunk;
}

struct future *future_refill(struct future_table *t, unsigned size_class)
{
    struct future_chunk *chunk = add_chunk(t, size_class);

    if (!chunk)
        return NULL;
    uint64_t place = (uint64_t)(t->chunks - 1) * FUTURE_CHUNK + 1;
    for (uint32_t k = FUTURE_CHUNK; k-- > 0;) {
        struct future *f =
            (struct future *)(void *)(chunk->base + chunk->stride * k);
        f->size_class = (uint8_t)size_class;
        f->rec.id = (uint64_t)(uint32_t)t->rank << 32 | (place + k);
        f->rec.generation = t->first_generation;
        reset(f, t->rank);
        f->link.next = t->idle[size_class];
        t->idle[size_class] = &f->link;
    }
    struct link *l = t->idle[size_class];
    t->idle[size_class] = l->next;
    return future_of_link(l);
}

void *future_result_room(struct future *f, size_t len, size_t align)
{
    size_t room = future_room(f), used = 0;

    if (!len)
        return NULL;
    if (f->arg == f->data)
        used = (f->rec.arg_len + 7) & ~(size_t)7;
    if (align <= 8 && used + len <= room)
        return (char *)f->data + used;
    void *block = value_alloc(len, align);
    if (block)
        f->flags |= FUTURE_OWNS_RESULT;
    return block;
}
