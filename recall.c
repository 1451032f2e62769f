/* SPDX-License-Identifier: MIT */
/* recall.c -- cancels that came before their tasks
 *
 * Messages have no order, so a CANCEL may overtake the task that it is for: the
 * helper has put that aside, say, and the main thread hears the CANCEL first.
 * A rank that has no such task cannot tell whether it has ended, went on to
 * another rank or is still to come.  In the third case nobody would ask again,
 * and the task, should it wait to be asked to stop, would never end.
 *
 * So the rank remembers.  Generations are never used twice, so what it
 * remembers never becomes wrong, only needless, and a small table will do in
 * which a later cancel takes the place of an earlier one: what is forgotten
 * matters only if its task is still under way when a thousand others have been
 * cancelled that are not here.
 */
#include "recall.h"

#include <stdlib.h>

#define RECALLS 1024u

static struct recall *place(const struct recalls *all, uint64_t id)
{
    return &all->one[(id * 0x9e3779b97f4a7c15u >> 32) % RECALLS];
}

void recall_note(struct recalls *all, uint64_t id, uint64_t generation,
                 uint32_t attempt)
{
    if (!all->one)
        all->one = calloc(RECALLS, sizeof *all->one);
    if (all->one)
        *place(all, id) = (struct recall){id, generation, attempt};
}

bool recall_has(const struct recalls *all, const struct task *rec)
{
    if (!all->one)
        return false;
    const struct recall *r = place(all, rec->id);
    return r->id == rec->id && r->generation == rec->generation &&
           ((rec->flags & TASK_RANGE) || r->attempt == rec->attempt);
}

void recall_free(struct recalls *all)
{
    free(all->one);
    all->one = NULL;
}
