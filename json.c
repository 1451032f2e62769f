/* SPDX-License-Identifier: MIT */
/* json.c -- JSON values as text: encode, decode, limits
 *
 * Between ranks, and in a future, a JSON value is its text; values in memory
 * (json_t) are made from it where somebody wants one and counted by Jansson.
 *
 * Jansson recurses, a level of nesting for a call or two, and tasks run on
 * stacks of a size that the user chose.  So depth is limited, and looked at
 * before Jansson gets there.  The same scanner does it both ways: it counts
 * brackets outside of strings, in the whole text before it is parsed, and in
 * what the encoder has written so far, since a bracket is written before what
 * is in it.  In text that is not JSON it counts something else, but never
 * less than the parser does before that meets the mistake.
 *
 * Encoding ends as soon as the text is too long.  A value that holds another
 * one twice, which holds a third one twice, and so on, is small in memory and
 * has no end as text.
 *
 * Reals are written with 17 digits, which every double survives.  NaN and
 * infinity cannot occur: Jansson makes no value of them.
 */
#include "json.h"

#include <stdio.h>
#include <string.h>

/* Measured: 304 bytes a level to write, 79 to read, 80 to free, with Jansson
 * 2.14 on x86-64; the rest of the room is for what is called at the bottom. */
#define LEVEL_BYTES 1024u
#define BOTTOM_BYTES 12288u

#define NEAR_MAX 24u /* bytes of text that a message shows */

/* ---- Depth ------------------------------------------------------------ */

struct scan {
    size_t depth;
    bool in_string;
    bool is_escaped; /* the next character means itself */
};

/* Where the string ends that `at` is in; end: not yet.  Strings may be huge:
 * memchr() is many times faster than a look at each character. */
static const char *skip_string(struct scan *s, const char *at, const char *end)
{
    const char *quote = NULL;

    if (s->is_escaped && at < end) {
        s->is_escaped = false;
        at++;
    }
    while (at < end) {
        if (!quote || quote < at)
            quote = memchr(at, '"', (size_t)(end - at));
        if (!quote)
            quote = end;
        const char *escape = memchr(at, '\\', (size_t)(quote - at));
        if (!escape)
            return quote;
        if (escape + 1 == end) {
            s->is_escaped = true;
            return end;
        }
        at = escape + 2;
    }
    return end;
}

/* Reads on; false: there are more than so many levels. */
static bool scan(struct scan *s, const char *at, size_t len, size_t levels)
{
    const char *end = at + len;

    for (; at < end; at++) {
        if (s->in_string) {
            at = skip_string(s, at, end);
            if (at == end)
                break;
            s->in_string = false;
        } else if (*at == '"') {
            s->in_string = true;
        } else if (*at == '[' || *at == '{') {
            if (++s->depth > levels)
                return false;
        } else if ((*at == ']' || *at == '}') && s->depth) {
            s->depth--;
        }
    }
    return true;
}

struct json_limits json_limits(int depth, uint64_t bytes, size_t stack_left)
{
    struct json_limits limits = {(size_t)depth, bytes, false};
    size_t room = 0;

    if (stack_left > BOTTOM_BYTES)
        room = (stack_left - BOTTOM_BYTES) / LEVEL_BYTES;
    if (room < limits.levels) {
        limits.levels = room;
        limits.is_by_stack = true;
    }
    return limits;
}

/* ---- Words ------------------------------------------------------------ */

static int say_too_deep(const struct json_limits *limits, char *why, size_t len)
{
    if (limits->is_by_stack)
        snprintf(why, len,
                 "is nested more than %zu levels deep, for which the stack "
                 "has no room (SCOOP_STACK)",
                 limits->levels);
    else
        snprintf(why, len,
                 "is nested more than %zu levels deep (SCOOP_JSON_DEPTH)",
                 limits->levels);
    return SCOOP_EJSON;
}

static int say_too_long(const struct json_limits *limits, char *why, size_t len)
{
    snprintf(why, len, "is longer than %llu bytes as text (SCOOP_JSON_SIZE)",
             (unsigned long long)limits->bytes);
    return SCOOP_EJSON;
}

static int say_no_memory(char *why, size_t len)
{
    snprintf(why, len, "found no memory");
    return SCOOP_ENOMEM;
}

/* The end of what was written, fit to be shown. */
static void show_end(const scoop_out *out, size_t from,
                     char shown[NEAR_MAX + 1])
{
    size_t len = out->len - from, n = len < NEAR_MAX ? len : NEAR_MAX;
    const char *text = (const char *)out->data + out->len - n;

    for (size_t i = 0; i < n; i++)
        shown[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    shown[n] = 0;
}

/* ---- Encoding --------------------------------------------------------- */

struct encoder {
    scoop_out *out;
    size_t from; /* where the text begins in out */
    const struct json_limits *limits;
    struct scan scan;
    int status;
    char *why;
    size_t why_len;
};

static int write_text(const char *text, size_t len, void *data)
{
    struct encoder *e = data;
    uint64_t most = e->limits->bytes, used = e->out->len - e->from;

    if (most && len > most - used)
        e->status = say_too_long(e->limits, e->why, e->why_len);
    else if (!scan(&e->scan, text, len, e->limits->levels))
        e->status = say_too_deep(e->limits, e->why, e->why_len);
    else if (scoop_out_write(e->out, text, len))
        e->status = say_no_memory(e->why, e->why_len);
    return e->status ? -1 : 0;
}

/* Jansson does not say why it gave up; where it did tells it. */
static int explain(const struct encoder *e)
{
    char shown[NEAR_MAX + 1] = "";

    if (e->out->len > e->from)
        show_end(e->out, e->from, shown);
    if (e->scan.in_string)
        snprintf(e->why, e->why_len,
                 "holds a string that is not UTF-8, behind %s", shown);
    else
        snprintf(e->why, e->why_len,
                 "contains itself, or found no memory, behind %s",
                 *shown ? shown : "nothing");
    return SCOOP_EJSON;
}

int json_encode(const json_t *value, const struct json_limits *limits,
                scoop_out *out, char *why, size_t why_len)
{
    struct encoder e = {.out = out,
                        .from = out->len,
                        .limits = limits,
                        .why = why,
                        .why_len = why_len};
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);

    if (!json_dump_callback(value, write_text, &e, flags))
        return 0;
    return e.status ? e.status : explain(&e);
}

/* ---- Decoding --------------------------------------------------------- */

json_t *json_decode(const void *text, size_t len,
                    const struct json_limits *limits, int *err, char *why,
                    size_t why_len)
{
    struct scan s = {0};
    json_error_t e;

    *err = 0;
    if (limits->bytes && len > limits->bytes)
        *err = say_too_long(limits, why, why_len);
    else if (!scan(&s, text, len, limits->levels))
        *err = say_too_deep(limits, why, why_len);
    if (*err)
        return NULL;
    e.text[0] = 0;
    json_t *value = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (value)
        return value;
    if (!e.text[0] || json_error_code(&e) == json_error_out_of_memory) {
        *err = say_no_memory(why, why_len);
        return NULL;
    }
    *err = SCOOP_EJSON;
    snprintf(why, why_len, "is not JSON: line %d, column %d, position %d: %s",
             e.line, e.column, e.position, e.text);
    return NULL;
}
