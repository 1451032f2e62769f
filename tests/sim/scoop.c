/* SPDX-License-Identifier: MIT */
/* scoop.c -- the life cycle, and a door to its words outside of a farm
 *
 * They are one each for a process, and here each rank has its own.
 */
#include "../../scoop.c"

#include "world.h"

void sim_set_farm(struct runtime *current, struct runtime *other)
{
    runtime_set_current(current);
    atomic_store(&running, other);
}

void sim_get_farm(struct runtime **current, struct runtime **other)
{
    *current = runtime_current;
    *other = atomic_load(&running);
}
