/* SPDX-License-Identifier: MIT */
/* recall.h -- cancels that came before their tasks
 *
 * See recall.c.
 */
#ifndef RECALL_H
#define RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "task.h"

struct recall {
    uint64_t id, generation;
    uint32_t attempt;
};

struct recalls {
    struct recall *one; /* by a hash of the id; NULL: none so far */
};

/* A CANCEL has come for a task that is not here. */
void recall_note(struct recalls *all, uint64_t id, uint64_t generation,
                 uint32_t attempt);
/* Whether one has come for this task, which arrives only now. */
bool recall_has(const struct recalls *all, const struct task *rec);
void recall_free(struct recalls *all);

#endif
