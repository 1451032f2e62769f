/* SPDX-License-Identifier: MIT */
/* value.h -- results of any length while a task writes them
 *
 * struct scoop_out grows as it is written, or takes a block whole.
 */
#ifndef VALUE_H
#define VALUE_H

#include <stddef.h>

#include "scoop.h"

struct scoop_out {
    void *data; /* from malloc, or NULL */
    size_t len, room;
    int status; /* SCOOP_ENOMEM once a write has failed */
};

/* Hands over what was written: the caller frees it.  NULL where *len is 0. */
void *value_take(scoop_out *out, size_t *len);
void value_drop(scoop_out *out);

/* Memory of that alignment; free() frees it.  NULL for 0 bytes. */
void *value_alloc(size_t len, size_t align);

#endif
