/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_recall.c -- a cancel that overtakes its task is not lost
 *
 * Tasks that end only when they are asked to are sent to other ranks and
 * cancelled, released or given up at once, on a network without order.
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>

enum { TASKS = 40, PATIENCE_MS = 5000 };

static unsigned unasked;

SCOOP_TASK(stay, SCOOP_NONE, SCOOP_NONE);

static int stay(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (scoop_cancel_requested())
            return 0;
        sim_work(1000000);
    }
    unasked++;
    return 0;
}

static int root(void *arg)
{
    scoop_future f[TASKS];

    (void)arg;
    for (int i = 0; i < TASKS; i++) {
        int rank = i % scoop_size();
        scoop_place there = i % 2 ? scoop_on_rank(rank) : scoop_near_rank(rank);
        f[i] = scoop_submit(stay, NULL, .place = there,
                            .deadline = i % 3 ? 0 : 1e-7);
        if (i % 3 == 1)
            CHECK(scoop_cancel(f[i]) >= 0);
        else if (i % 3 == 2)
            scoop_release(f[i]);
    }
    for (int i = 0; i < TASKS; i++)
        if (i % 3 != 2)
            CHECK(scoop_join(f[i], NULL) ==
                  (i % 3 ? SCOOP_ECANCELLED : SCOOP_EEXPIRED));
    return 0;
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 100);

    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_LOG", "error", 0); /* not of futures that were left */
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds);
         seed++) {
        struct sim_params p = {.seed = seed};
        struct sim_report r;
        p.ranks = 2 + (int)(seed % 3);
        p.per_node = seed % 2 ? 1 : 0;
        p.is_wild = true;
        p.has_helper = seed % 5 > 1;
        unasked = 0;
        sim_run(&p, root, NULL, &r);
        CHECK(r.status == 0 && !unasked);
        if (unasked)
            printf("SIM_SEED=%llu: %u were not asked\n",
                   (unsigned long long)seed, unasked);
    }
    return checks_done();
}
