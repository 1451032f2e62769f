/* SPDX-License-Identifier: MIT */
/* value.c -- results of any length while a task writes them
 *
 * A bytes task does not know beforehand how long its result will be, so it
 * writes to a buffer that doubles.  A write that finds no memory marks the
 * result as failed for good: a task that ignores the return value cannot
 * deliver half a result.
 */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256u

void *value_alloc(size_t len, size_t align)
{
    void *block;

    if (!len)
        return NULL;
    if (align <= _Alignof(max_align_t))
        return malloc(len);
    return posix_memalign(&block, align, len) ? NULL : block;
}

void *value_take(scoop_out *out, size_t *len)
{
    void *data = out->data;

    *len = out->len;
    if (!out->len) {
        free(data);
        data = NULL;
    }
    out->data = NULL;
    out->len = out->room = 0;
    return data;
}

void value_drop(scoop_out *out)
{
    free(out->data);
    out->data = NULL;
    out->len = out->room = 0;
}

void *scoop_out_extend(scoop_out *out, size_t len)
{
    if (!out || out->status)
        return NULL;
    if (len > SIZE_MAX / 2 - out->len)
        goto no_memory;
    if (!out->data || out->len + len > out->room) {
        size_t room = out->room ? 2 * out->room : FIRST_ROOM;
        if (room < out->len + len)
            room = out->len + len;
        void *more = realloc(out->data, room);
        if (!more)
            goto no_memory;
        out->data = more;
        out->room = room;
    }
    void *at = (char *)out->data + out->len;
    out->len += len;
    return at;

no_memory:
    out->status = SCOOP_ENOMEM;
    return NULL;
}

int scoop_out_write(scoop_out *out, const void *data, size_t len)
{
    if (!out || (!data && len))
        return SCOOP_EINVAL;
    void *at = scoop_out_extend(out, len);
    if (!at)
        return SCOOP_ENOMEM;
    if (len)
        memcpy(at, data, len);
    return 0;
}

void scoop_out_take(scoop_out *out, void *data, size_t len)
{
    if (!out) {
        free(data);
        return;
    }
    free(out->data);
    out->data = data;
    out->len = data ? len : 0;
    out->room = out->len;
}
