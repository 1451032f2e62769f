/* SPDX-License-Identifier: MIT */
/* node_segment.c -- segments as they are, but now and then there is no room
 *
 * The ranks of a simulated node are one process, which maps a segment as often
 * as ranks join it.
 */
#include "world.h"

static int is_full(void);
#define NODE_TEST_FULL() is_full()

#include "../../node_segment.c"

static int is_full(void)
{
    return sim_world->params.full_one_in &&
           sim_chance(sim_world->params.full_one_in);
}
