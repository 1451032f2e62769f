/* SPDX-License-Identifier: MIT */
/* limit: 180 s; long: SIM_SEEDS=40 */
/* sim_crowd.c -- more ranks than CPUs: few are awake, and no task is left
 *
 * The simulated ranks do not share CPUs, so that what is looked at here is the
 * rule and not what it is for: how many ranks run at a time, and that work
 * reaches those that sleep where the awake ones do not come for it.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds, in place of 6
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

enum { RANKS = 24, SHORT = 3000, LONG = 24 };

static struct {
    int running, most;
    int long_running, long_most;
    uint64_t all_ns; /* until as many long tasks run as there are ranks */
    uint64_t since_ns;
    int run;
    int err;
} seen;

SCOOP_TASK(brief, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(lasting, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(burst, int, SCOOP_NONE);

static int brief(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    if (++seen.running > seen.most)
        seen.most = seen.running;
    sim_work(20000);
    seen.running--;
    seen.run++;
    return 0;
}

/* Does not call the library for a second. */
static int lasting(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    if (++seen.long_running > seen.long_most) {
        seen.long_most = seen.long_running;
        seen.all_ns = sim_now_ns() - seen.since_ns;
    }
    sim_work(1000 * MS);
    seen.long_running--;
    seen.run++;
    return 0;
}

static int brief_root(void *arg)
{
    static scoop_future f[SHORT];

    (void)arg;
    sim_work(50 * MS); /* all fall asleep */
    for (int i = 0; i < SHORT; i++)
        f[i] = scoop_submit(brief, NULL);
    for (int i = 0; i < SHORT; i++)
        seen.err |= scoop_join(f[i], NULL);
    return 0;
}

static int lasting_root(void *arg)
{
    scoop_future f[LONG];

    (void)arg;
    sim_work(50 * MS);
    seen.since_ns = sim_now_ns();
    for (int i = 0; i < LONG; i++)
        f[i] = scoop_submit(lasting, NULL);
    for (int i = 0; i < LONG; i++)
        seen.err |= scoop_join(f[i], NULL);
    return 0;
}

/* Some tasks, and now and then one that lasts for a while. */
static int burst(const int *depth, SCOOP_NONE *out)
{
    scoop_future f[4];
    uint64_t n = scoop_seed() % 5;

    (void)out;
    seen.run++;
    sim_work(n == 4 ? 15 * MS : 500 * n);
    if (*depth == 0)
        return 0;
    for (uint64_t i = 0; i < n; i++)
        f[i] = scoop_submit(burst, &(int){*depth - 1});
    sim_work(1000 * (n % 3));
    for (uint64_t i = n; i-- > 0;)
        seen.err |= scoop_join(f[i], NULL);
    return 0;
}

/* Bursts, between which all go to sleep, or do not quite. */
static int burst_root(void *arg)
{
    uint64_t state = *(uint64_t *)arg;

    for (int i = 0; i < 40; i++) {
        sim_work(sim_next(&state) % (i % 4 ? 100000 : 30 * MS));
        seen.err |= scoop_join(scoop_submit(burst, &(int){5}), NULL);
    }
    return 0;
}

static void run(uint64_t seed, int per_node, int cpus, int (*root)(void *))
{
    struct sim_params p = {.seed = seed,
                           .ranks = RANKS,
                           .per_node = per_node,
                           .cpus = cpus,
                           .is_wild = root == burst_root && seed % 3 == 1,
                           .is_slow = root == burst_root && seed % 4 == 1,
                           .has_helper = seed % 2};
    struct sim_report r;

    memset(&seen, 0, sizeof seen);
    sim_run(&p, root, &seed, &r);
    CHECK(r.status == 0);
    CHECK(seen.err == 0);
}

/* Those that are awake besides come from their start, or for a moment. */
static void test_few(uint64_t seed, int cpus)
{
    run(seed, RANKS, cpus, brief_root);
    CHECK(seen.run == SHORT);
    CHECK(seen.most <= cpus + 1);
    CHECK(seen.most >= cpus);
}

/* Tasks that only wait, for all that the farm knows, do so on all ranks. */
static void test_stuck(uint64_t seed, int per_node, int cpus)
{
    run(seed, per_node, cpus, lasting_root);
    CHECK(seen.run == LONG);

    if (per_node < RANKS)
        return; /* how far it comes is a matter of the lifelines, too */
    CHECK(seen.long_most == RANKS);
    CHECK(seen.all_ns < 150 * MS);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 6);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_SPIN", "5us", 0); /* a rank that spins takes time here */
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds);
         seed++) {
        for (int cpus = 1; cpus <= 3; cpus++) {
            test_few(seed, cpus);
            test_stuck(seed, RANKS, cpus);
            test_stuck(seed, 8, cpus);
            run(seed, RANKS, cpus, burst_root);
            run(seed, 8, cpus, burst_root);
        }
    }
    return checks_done();
}
