/* SPDX-License-Identifier: MIT */
/* limit: 150 s */
/* sim_tree.c -- an unbalanced tree, a future for each of its nodes
 *
 * From 1 to 1,000 ranks, on nodes of all sizes, with each way of stealing
 * alone and with all of them; the tree's size is known from a plain recursion.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds each, in place of a few
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>

struct tree_node {
    uint64_t state;
    uint32_t depth;
};

#define ROOT_CHILDREN 60u
#define CHILDREN 4u
#define PER_MILLE 235u /* of the nodes have children */

static unsigned children_of(const struct tree_node *node)
{
    uint64_t state = node->state;

    if (!node->depth)
        return ROOT_CHILDREN;
    return sim_next(&state) % 1000 < PER_MILLE ? CHILDREN : 0;
}

static struct tree_node child_of(const struct tree_node *node, unsigned k)
{
    uint64_t state = node->state ^ (k + 1) * 0x2545f4914f6cdd1du;

    return (struct tree_node){sim_next(&state), node->depth + 1};
}

static uint64_t count(const struct tree_node *node)
{
    uint64_t sum = 1;

    for (unsigned k = 0; k < children_of(node); k++) {
        struct tree_node child = child_of(node, k);
        sum += count(&child);
    }
    return sum;
}

SCOOP_TASK(visit, struct tree_node, uint64_t);

static int visit(const struct tree_node *node, uint64_t *sum)
{
    scoop_future future[ROOT_CHILDREN];
    unsigned n = children_of(node);
    uint64_t state = node->state;

    sim_work(sim_next(&state) % 2000);
    for (unsigned k = 0; k < n; k++) {
        struct tree_node child = child_of(node, k);
        future[k] = scoop_submit(visit, &child);
    }
    *sum = 1;
    for (unsigned k = n; k-- > 0;) {
        uint64_t part;
        int err = scoop_join(future[k], &part);
        if (err)
            return err;
        *sum += part;
    }
    return 0;
}

static int root(void *arg)
{
    struct tree_node *top = arg;
    uint64_t sum = 0;
    int err = visit(top, &sum);

    if (err)
        return scoop_perror("visit");
    top->state = sum;
    return 0;
}

static const struct world {
    int ranks, per_node;
    unsigned seeds;
    const char *setting, *value;
} worlds[] = {
    {1, 1, 2, NULL, NULL},           {2, 2, 4, NULL, NULL},
    {2, 1, 4, NULL, NULL},           {7, 7, 4, NULL, NULL},
    {7, 3, 4, NULL, NULL},           {7, 1, 4, NULL, NULL},
    {64, 64, 2, NULL, NULL},         {64, 8, 2, NULL, NULL},
    {64, 1, 2, NULL, NULL},          {1000, 64, 1, NULL, NULL},
    {1000, 8, 1, NULL, NULL},        {1000, 1, 1, NULL, NULL},
    {7, 3, 4, "LIFELINES", "0"},     {64, 8, 1, "LIFELINES", "0"},
    {7, 3, 4, "STEAL_LOCAL", "0"},   {64, 8, 1, "STEAL_LOCAL", "0"},
    {64, 8, 1, "STEAL_REMOTE", "0"}, {7, 3, 4, "SLEEP", "0"},
    {7, 3, 4, "SPIN", "0"},          {64, 8, 1, "SPIN", "0"},
};

/* A tree of a useful size. */
static struct tree_node pick(uint64_t seed, uint64_t *size)
{
    struct tree_node top = {seed, 0};

    do {
        sim_next(&top.state);
        *size = count(&top);
    } while (*size < 3000 || *size > 6000);
    return top;
}

static void run(const struct world *w, uint64_t seed)
{
    struct sim_params params = {.seed = seed,
                                .ranks = w->ranks,
                                .per_node = w->per_node,
                                .is_wild = seed % 3 == 1,
                                .has_helper = seed % 2,
                                .cpus = seed % 5 ? 0 : 1};
    struct sim_report r;
    uint64_t size;
    struct tree_node top = pick(seed, &size);
    char name[32];

    if (w->setting) {
        snprintf(name, sizeof name, "SCOOP_%s", w->setting);
        setenv(name, w->value, 1);
    }
    sim_run(&params, root, &top, &r);
    if (w->setting)
        unsetenv(name);
    CHECK(r.status == 0);
    CHECK(top.state == size);
    CHECK(r.run == size - 1);
    printf("%4d ranks, %2d a node, seed %llu, %s=%s: %llu nodes in %.3f ms, "
           "%llu events, %llu messages (%llu by idle ranks), steals %llu of "
           "%llu won, %llu slow\n",
           w->ranks, w->per_node, (unsigned long long)seed,
           w->setting ? w->setting : "-", w->setting ? w->value : "-",
           (unsigned long long)size, (double)r.end_ns * 1e-6,
           (unsigned long long)r.events, (unsigned long long)r.messages,
           (unsigned long long)r.idle, (unsigned long long)r.won,
           (unsigned long long)r.tried, (unsigned long long)r.stalls);
}

/* A run is a function of its seed, else no failure could be repeated. */
static void repeat(uint64_t seed)
{
    struct sim_params params = {.seed = seed,
                                .ranks = 33,
                                .per_node = 4,
                                .is_wild = true,
                                .has_helper = true};
    struct sim_report r[3];
    uint64_t size;

    for (int i = 0; i < 3; i++) {
        struct tree_node top = pick(seed, &size);
        params.seed = seed + (i == 2);
        sim_run(&params, root, &top, &r[i]);
        CHECK(top.state == size);
    }
    CHECK(r[0].hash == r[1].hash && r[0].events == r[1].events);
    CHECK(r[0].hash != r[2].hash);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 0);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_SPIN", "5us", 0); /* a rank that spins takes time here */
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        uint64_t n = seeds ? seeds : worlds[i].seeds;
        if (only)
            run(&worlds[i], only);
        for (uint64_t seed = 1; seed <= n && !only; seed++)
            run(&worlds[i], seed);
    }
    repeat(only ? only : 1);
    return checks_done();
}
