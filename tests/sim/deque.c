/* SPDX-License-Identifier: MIT */
/* deque.c -- the deque, whose thieves are slow where it hurts
 *
 * Between its claim, its compare-and-swap and the writing of its name a thief
 * may lose its processor: all others go on then.
 */
#define DEQUE_TEST_STALL() stall()
static void stall(void);

#include "../../deque.c"

#include "world.h"

#define STEAL_NS 500u /* as measured between two processes of a machine */

static void stall(void)
{
    struct sim_world *w = sim_world;

    if (w->params.is_calm) {
        sim_spend(STEAL_NS / 2); /* it stands here twice */
        return;
    }
    if (!w->running || !sim_chance(w->params.is_slow ? 2 : 4))
        return;
    w->report.stalls++;
    sim_spend(sim_below(w->params.is_slow ? 2000000 : 5000));
}
