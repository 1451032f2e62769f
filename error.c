/* SPDX-License-Identifier: MIT */
/* error.c -- error objects: made where something fails, carried, told
 *
 * In memory an error is a struct scoop_error whose strings stand behind it in
 * the same block.  On the wire the struct's pointers are replaced by the
 * strings in a fixed order, each with its final zero; the receiver trusts no
 * length and no zero that it has not found itself.
 */
#include "error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS (3 + SCOOP_PARENTS_KEPT)

/* The wire form; the strings follow. */
struct packed {
    int32_t code, task_code, rank, attempt, attempts;
    uint32_t has_item, parents, strings;
    uint64_t item, id;
};
_Static_assert(sizeof(struct packed) == 48, "wire format");

static unsigned kept(const struct scoop_error *e)
{
    return e->parents < SCOOP_PARENTS_KEPT ? e->parents : SCOOP_PARENTS_KEPT;
}

/* The strings of e in their order; returns how many. */
static unsigned list(const struct scoop_error *e, const char **string)
{
    unsigned n = 0;

    string[n++] = e->task ? e->task : "";
    string[n++] = e->message ? e->message : scoop_strerror(e->code);
    string[n++] = e->host ? e->host : "";
    for (unsigned i = 0; i < kept(e); i++)
        string[n++] = e->parent[i] ? e->parent[i] : "";
    return n;
}

static struct error *build(const struct scoop_error *from,
                           const char *const *string, unsigned strings)
{
    size_t bytes = sizeof(struct error), len[STRINGS];

    for (unsigned i = 0; i < strings; i++)
        bytes += len[i] = strlen(string[i]) + 1;
    struct error *e = malloc(bytes);
    if (!e)
        return NULL;
    e->said = *from;
    e->bytes = bytes;
    char *at = (char *)(e + 1);
    const char *copy[STRINGS] = {0};
    for (unsigned i = 0; i < strings; i++) {
        copy[i] = memcpy(at, string[i], len[i]);
        at += len[i];
    }
    e->said.task = copy[0];
    e->said.message = copy[1];
    e->said.host = copy[2];
    for (unsigned i = 0; i < SCOOP_PARENTS_KEPT; i++)
        e->said.parent[i] = 3 + i < strings ? copy[3 + i] : NULL;
    return e;
}

struct error *error_new(const struct scoop_error *from)
{
    const char *string[STRINGS];

    return build(from, string, list(from, string));
}

struct error *error_pass_on(const struct error *e, const char *parent)
{
    if (!e)
        return NULL;
    struct scoop_error more = e->said;
    if (more.parents < SCOOP_PARENTS_KEPT)
        more.parent[more.parents] = parent;
    more.parents++;
    return error_new(&more);
}

void error_free(struct error *e)
{
    free(e);
}

void *error_pack(const struct error *e, size_t *len)
{
    *len = 0;
    if (!e)
        return NULL;
    const struct scoop_error *s = &e->said;
    const char *string[STRINGS];
    unsigned strings = list(s, string);
    struct packed head = {s->code,     s->task_code, s->rank,    s->attempt,
                          s->attempts, s->has_item,  s->parents, strings,
                          s->item,     s->id};
    size_t bytes = sizeof head;
    for (unsigned i = 0; i < strings; i++)
        bytes += strlen(string[i]) + 1;
    char *out = malloc(bytes), *at = out;
    if (!out)
        return NULL;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (unsigned i = 0; i < strings; i++) {
        size_t n = strlen(string[i]) + 1;
        memcpy(at, string[i], n);
        at += n;
    }
    *len = bytes;
    return out;
}

struct error *error_unpack(const void *data, size_t len)
{
    struct packed head;
    const char *string[STRINGS], *at = data, *end = at + len;

    if (!data || len < sizeof head)
        return NULL;
    memcpy(&head, data, sizeof head);
    at += sizeof head;
    if (head.strings < 3 || head.strings > STRINGS)
        return NULL;
    for (unsigned i = 0; i < head.strings; i++) {
        const char *zero = memchr(at, 0, (size_t)(end - at));
        if (!zero)
            return NULL;
        string[i] = at;
        at = zero + 1;
    }
    struct scoop_error from = {0};
    from.code = head.code;
    from.task_code = head.task_code;
    from.rank = head.rank;
    from.attempt = head.attempt;
    from.attempts = head.attempts;
    from.has_item = head.has_item != 0;
    from.item = head.item;
    from.id = head.id;
    from.parents = head.parents;
    return build(&from, string, head.strings);
}

int error_format(const struct scoop_error *e, char *out, size_t len)
{
    char item[40] = "", parents[96] = "";

    if (!e->task || !*e->task) /* a call that failed, not a task */
        return snprintf(out, len, "%s", e->message);
    if (e->has_item)
        snprintf(item, sizeof item, "item %llu, ", (unsigned long long)e->item);
    if (e->parents)
        snprintf(parents, sizeof parents, ", passed on by %s%s",
                 e->parent[0] ? e->parent[0] : "its parent",
                 e->parents > 1 ? " and others" : "");
    if (e->code != SCOOP_EFAILED)
        return snprintf(out, len, "%s: %s on rank %d host %s, %stask %u.%u%s",
                        e->task, e->message, e->rank, e->host, item,
                        (unsigned)(e->id >> 32), (unsigned)e->id, parents);
    return snprintf(out, len,
                    "%s failed (code %d: %s) on rank %d host %s, %sattempt "
                    "%d of %d, task %u.%u%s",
                    e->task, e->task_code, e->message, e->rank, e->host, item,
                    e->attempt, e->attempts, (unsigned)(e->id >> 32),
                    (unsigned)e->id, parents);
}

const char *scoop_strerror(int code)
{
    switch (code) {
    case SCOOP_OK:
        return "success";
#define WORDS(name, number, words)                                             \
    case name:                                                                 \
        return words;
        SCOOP_ERRORS(WORDS)
#undef WORDS
    default:
        return "unknown error";
    }
}
