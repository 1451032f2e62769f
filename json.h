/* SPDX-License-Identifier: MIT */
/* json.h -- JSON values as text: encode, decode, limits
 *
 * See json.c.  Both calls say in words what is wrong, to be put behind a
 * subject: "its argument", "is nested more than 512 levels deep ...".
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value.h"

struct json_limits {
    size_t levels;    /* arrays and objects within each other */
    uint64_t bytes;   /* of text; 0: no limit */
    bool is_by_stack; /* `levels` is what the stack has room for */
};

/* What limits there are with so many bytes of stack left. */
struct json_limits json_limits(int depth, uint64_t bytes, size_t stack_left);

/* Appends the text of a value to out.  0, SCOOP_EJSON or SCOOP_ENOMEM. */
int json_encode(const json_t *value, const struct json_limits *limits,
                scoop_out *out, char *why, size_t why_len);

/* A new reference, or NULL: *err is SCOOP_EJSON or SCOOP_ENOMEM. */
json_t *json_decode(const void *text, size_t len,
                    const struct json_limits *limits, int *err, char *why,
                    size_t why_len);

#endif
