/* SPDX-License-Identifier: MIT */
/* clock.c -- a clock that moves when somebody looks at it
 *
 * Who looks at the clock again and again without a message or a task between
 * waits for time to pass: the steps grow, so that a rank that spins for 50 us
 * costs some dozen events and not thousands.
 */
#include "clock.h"

#include "world.h"

#define STEP_NS 20u
#define STEP_MAX_NS 2000u

uint64_t clock_now_ns(void)
{
    struct sim_rank *rank = sim_world->running;
    uint64_t step_ns = STEP_NS;

    if (!rank)
        return sim_world->now_ns + sim_world->skew_ns;
    unsigned few = sim_world->params.is_calm ? 64 : 8;
    if (++rank->looks > few)
        step_ns = STEP_NS * (rank->looks - few);
    if (step_ns > STEP_MAX_NS)
        step_ns = STEP_MAX_NS;
    sim_spend(1 + sim_below(2 * step_ns));
    return sim_world->now_ns + rank->skew_ns;
}

uint64_t clock_cpu_ns(int32_t pid)
{
    (void)pid;
    return CLOCK_NEVER;
}

void clock_sleep_ns(uint64_t duration_ns)
{
    uint64_t until_ns = clock_after(sim_world->now_ns, duration_ns);

    while (sim_world->now_ns < until_ns)
        sim_block(until_ns);
}
