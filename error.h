/* SPDX-License-Identifier: MIT */
/* error.h -- error objects: made where something fails, carried, told
 *
 * An error is one block of memory with its strings behind it.  Whoever holds
 * the pointer frees it; all functions take NULL for "no memory even for the
 * error" and do what is still right: the code travels beside it.
 */
#ifndef ERROR_H
#define ERROR_H

#include <stddef.h>
#include <stdint.h>

#include "scoop.h"

struct error {
    struct scoop_error said; /* what the user sees; points into this block */
    size_t bytes;            /* of the whole block */
};

#define ERROR_WORDS_MAX 1024u

/* Copies what `from` points to.  NULL strings become the code's own words
 * (message) or "". */
struct error *error_new(const struct scoop_error *from);
/* The same failure as seen by a task that passes it on. */
struct error *error_pass_on(const struct error *e, const char *parent);
void error_free(struct error *e);

/* As bytes for a message, from malloc; NULL for NULL or out of memory. */
void *error_pack(const struct error *e, size_t *len);
/* NULL if the bytes are no error, or out of memory. */
struct error *error_unpack(const void *data, size_t len);

/* One line without a newline; returns as snprintf. */
int error_format(const struct scoop_error *e, char *out, size_t len);

#endif
