/* SPDX-License-Identifier: MIT */
/* node_reach.c -- all ranks are one process, and reach each other
 *
 * SIM_REACH=0: none does. SIM_REACH=n: after some copies, one in n on average,
 * it is as if the memory were not there.
 */
#include "../../node_reach.h"

#include <string.h>

#include "sim.h"
#include "world.h"

#define COPY_NS 500u /* and a quarter for each byte */

static bool copy(void *to, const void *from, size_t len)
{
    uint64_t one_in = sim_asked("SIM_REACH", UINT64_MAX);

    sim_spend(COPY_NS + len / 4);
    if (one_in < 1000 && sim_chance((unsigned)one_in))
        return false;
    memcpy(to, from, len);
    return true;
}

bool node_read(struct node *node, int local, void *to, uint64_t from,
               size_t len)
{
    (void)node;
    (void)local;
    return copy(to, (const void *)(uintptr_t)from, len);
}

bool node_write(struct node *node, int local, uint64_t to, const void *from,
                size_t len)
{
    (void)node;
    (void)local;
    return copy((void *)(uintptr_t)to, from, len);
}

bool node_can_reach(struct node *node, int local)
{
    (void)node;
    (void)local;
    return sim_asked("SIM_REACH", UINT64_MAX) != 0;
}

void node_reach_open(struct node *node)
{
    (void)node;
}

void node_reach_close(struct node *node)
{
    (void)node;
}
