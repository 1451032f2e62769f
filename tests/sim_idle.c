/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_idle.c -- ranks without work: silent, soon at work, small
 *
 * While the root computes alone the others send nothing and stay asleep, but
 * for the naps of the watchers.  Work that then comes reaches them.  Tasks
 * that are queued behind one that does not call the library are taken from it
 * all the same.  A rank that has not run a task yet is small.
 *
 *     SIM_SEED=n  another seed
 */
#include "check.h"
#include "fiber.h"
#include "runtime.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define RANKS_MAX 1000

/* What the root finds out, for main() to check. */
static struct {
    int ranks, per_node;
    uint64_t messages; /* in a second of silence */
    uint64_t most_turns, most_watcher_turns;
    uint64_t spread_ns;
    uint64_t half_ns, all_ns; /* until so many of the queued have begun */
    uint64_t begun, since_ns;
    size_t rss_bytes;
    int err;
} seen;

static size_t rss_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total = 0, resident = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

SCOOP_TASK(small, SCOOP_NONE, SCOOP_NONE);

static int small(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    sim_work(100000);
    return 0;
}

SCOOP_TASK(queued, SCOOP_NONE, SCOOP_NONE);

static int queued(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    seen.begun++;
    if (seen.begun == 50)
        seen.half_ns = sim_now_ns() - seen.since_ns;
    if (seen.begun == 100)
        seen.all_ns = sim_now_ns() - seen.since_ns;
    sim_work(1000);
    return 0;
}

/* Never calls the library. */
SCOOP_TASK(stubborn, SCOOP_NONE, SCOOP_NONE);

static int stubborn(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    seen.since_ns = sim_now_ns();
    sim_work(1000 * MS);
    return 0;
}

static int quiet_root(void *arg)
{
    static uint64_t turns[RANKS_MAX];

    (void)arg;
    sim_work(200 * MS); /* all fall asleep */
    seen.rss_bytes = rss_bytes();
    uint64_t messages = sim_messages();
    for (int i = 0; i < seen.ranks; i++)
        turns[i] = sim_turns(i);
    sim_work(1000 * MS);
    seen.messages = sim_messages() - messages;
    for (int i = 1; i < seen.ranks; i++) {
        uint64_t n = sim_turns(i) - turns[i];
        uint64_t *most =
            i % seen.per_node ? &seen.most_turns : &seen.most_watcher_turns;
        if (seen.per_node == seen.ranks)
            most = &seen.most_turns;
        if (n > *most)
            *most = n;
    }
    return 0;
}

static int spread_root(void *arg)
{
    scoop_future f[1000];

    (void)arg;
    sim_work(200 * MS);
    uint64_t from_ns = sim_now_ns();
    for (int i = 0; i < 1000; i++)
        f[i] = scoop_submit(small, NULL);
    for (int i = 0; i < 1000; i++)
        seen.err |= scoop_join(f[i], NULL);
    seen.spread_ns = sim_now_ns() - from_ns;
    return 0;
}

static int stubborn_root(void *arg)
{
    scoop_future f[100], last;

    (void)arg;
    sim_work(200 * MS);
    for (int i = 0; i < 100; i++)
        f[i] = scoop_submit(queued, NULL);
    last = scoop_submit(stubborn, NULL);
    seen.err |= scoop_join(last, NULL);
    for (int i = 0; i < 100; i++)
        seen.err |= scoop_join(f[i], NULL);
    return 0;
}

static void run(int ranks, int per_node, int (*root)(void *))
{
    struct sim_params p = {.seed = sim_asked("SIM_SEED", 1),
                           .ranks = ranks,
                           .per_node = per_node,
                           .has_helper = true};
    struct sim_report r;

    memset(&seen, 0, sizeof seen);
    seen.ranks = ranks;
    seen.per_node = per_node;
    sim_run(&p, root, NULL, &r);
    CHECK(r.status == 0);
    CHECK(seen.err == 0);
}

static void test_quiet(int ranks, int per_node)
{
    run(ranks, per_node, quiet_root);
    printf("%d ranks, %d a node: in a second of silence %llu messages; a rank "
           "woke %llu times at most, a watcher %llu\n",
           ranks, per_node, (unsigned long long)seen.messages,
           (unsigned long long)seen.most_turns,
           (unsigned long long)seen.most_watcher_turns);
    CHECK(seen.messages == 0);
    CHECK(seen.most_turns <= 2);
    CHECK(seen.most_watcher_turns <= 2500); /* a nap of 1 ms is two */
}

/* Ideal are 1000 times 0.1 ms on all ranks. */
static void test_spread(int ranks, int per_node)
{
    run(ranks, per_node, spread_root);
    double ideal_ns = 1000 * 100e3 / ranks;
    printf("%d ranks, %d a node: 1000 tasks of 0.1 ms in %.3f ms, %.0f %% of "
           "what is ideal\n",
           ranks, per_node, (double)seen.spread_ns * 1e-6,
           100 * ideal_ns / (double)seen.spread_ns);
    CHECK((double)seen.spread_ns < 3 * ideal_ns + 10e6);
}

static void test_stubborn(int ranks, int per_node, uint64_t limit_ns)
{
    run(ranks, per_node, stubborn_root);
    printf("%d ranks, %d a node: half of 100 tasks behind a task of 1 s have "
           "begun after %.3f ms, all after %.3f\n",
           ranks, per_node, (double)seen.half_ns * 1e-6,
           (double)seen.all_ns * 1e-6);
    CHECK(seen.half_ns > 0 && seen.half_ns < limit_ns);
    CHECK(seen.all_ns > 0 && seen.all_ns < 100 * MS);
}

static void test_size(void)
{
    size_t before = rss_bytes();

    run(RANKS_MAX, 8, quiet_root);
    size_t each = (seen.rss_bytes - before) / RANKS_MAX;
    printf("a rank has %zu KiB; struct runtime %zu (settings %zu, loot %zu), "
           "its block in node memory %zu (deque %zu, mail %zu), array of the "
           "deque 2, a stack with a task or a scheduler 8 to 12\n",
           each / 1024, sizeof(struct runtime) / 1024,
           sizeof(struct config) / 1024,
           sizeof(struct deque_record[WORKER_LOOT]) / 1024,
           sizeof(struct node_block) / 1024, sizeof(struct node_ring) / 1024,
           sizeof(struct node_mailbox) / 1024);
#if !defined FIBER_ASAN && !defined FIBER_TSAN
    CHECK(each < 512 * 1024);
#endif
    CHECK(seen.messages == 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    test_size();
    test_quiet(8, 8);
    test_quiet(64, 8);
    test_quiet(64, 1);
    test_spread(8, 8);
    test_spread(64, 8);
    test_spread(64, 64);
    test_spread(64, 1);
    test_stubborn(2, 2, 1 * MS);
    test_stubborn(8, 8, 1 * MS);
    test_stubborn(2, 1, 10 * MS);
    test_stubborn(16, 4, 10 * MS);
    return checks_done();
}
