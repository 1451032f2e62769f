/* SPDX-License-Identifier: MIT */
/* limit: 120 s */
/* sim_scale.c -- 64, 256 and 1,024 ranks with the same work for each
 *
 * A tree of a future a node, four times as large for four times as many ranks,
 * on nodes of 16 ranks, where everything takes what was measured.  What a rank
 * sends and what memory it takes may grow as the logarithm of their number, and
 * they must not be idle for long.  bench/scale.c does the same with a published
 * tree, and in earnest.
 *
 *     SIM_SEED=n  another sequence of chance
 */
#include "check.h"
#include "scale.h"
#include "scoop.h"

struct tree_node {
    uint64_t state;
    uint32_t below; /* further levels */
};

#define CHILDREN_MAX 12u
#define NO_MORE                                                                \
    1431655765u /* of 2^32: one more child with chance 2/3, so                 \
                 * that each level has twice as many nodes */

/* Geometric: 0, 1, 2, ... with ever smaller chance. */
static unsigned children_of(const struct tree_node *node)
{
    uint64_t state = node->state;
    unsigned n = 0;

    while (node->below && n < CHILDREN_MAX &&
           (uint32_t)sim_next(&state) >= NO_MORE)
        n++;
    return n;
}

static struct tree_node child_of(const struct tree_node *node, unsigned k)
{
    uint64_t state = node->state ^ (k + 1) * 0x2545f4914f6cdd1du;

    return (struct tree_node){sim_next(&state), node->below - 1};
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

/* 2^k nodes, or up to a quarter more: some dozen tries, as most trees die
 * early and the others have that many on the average. */
static struct tree_node pick(unsigned k)
{
    struct tree_node top = {sim_asked("SIM_SEED", 1), k - 1};
    uint64_t size, nodes = UINT64_C(1) << k;

    do {
        sim_next(&top.state);
        size = count(&top);
    } while (size < nodes || size > nodes + nodes / 4);
    return top;
}

SCOOP_TASK(visit, struct tree_node, uint64_t);

static int visit(const struct tree_node *node, uint64_t *sum)
{
    scoop_future future[CHILDREN_MAX];
    unsigned n = children_of(node);

    sim_work(SCALE_NODE_NS);
    for (unsigned k = 0; k < n; k++) {
        struct tree_node child = child_of(node, k);
        future[k] = scoop_submit(visit, &child);
    }
    *sum = 1;
    while (n-- > 0) {
        uint64_t part;
        int err = scoop_join(future[n], &part);
        if (err)
            return err;
        *sum += part;
    }
    return 0;
}

static struct tree_node top;

static int root(void *arg)
{
    struct scale_search *search = arg;

    search->start_ns = sim_now_ns();
    int err = visit(&top, &search->nodes);
    search->end_ns = sim_now_ns();
    return err;
}

static void run(int ranks, unsigned k, struct scale_run *r)
{
    struct sim_params params = {.seed = sim_asked("SIM_SEED", 1),
                                .ranks = ranks,
                                .per_node = 16,
                                .has_helper = true,
                                .is_calm = true,
                                .ahead_ns = 1000};
    struct scale_search search = {0};

    top = pick(k);
    CHECK(scale_run(&params, root, &search, r));
    CHECK(r->search.nodes == count(&top));
    printf("%4d ranks: %llu nodes in %.3f ms, efficiency %.3f, %.2f messages a "
           "steal, %.1f by idle ranks, %.0f KiB; %llu events in %.1f s\n",
           ranks, (unsigned long long)r->search.nodes,
           (double)(r->search.end_ns - r->search.start_ns) * 1e-6,
           r->efficiency, r->messages_a_steal, r->idle_messages, r->memory_kib,
           (unsigned long long)r->report.events, r->cpu_seconds);
}

int main(void)
{
    /* The logarithm grows by this from 64 to 1,024; and what chance does. */
    const double growth = 10.0 / 6 * 1.2;
    struct scale_run few, some, many;

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    run(64, 18, &few);
    run(256, 20, &some);
    run(1024, 22, &many);
    CHECK(few.efficiency > 0.6);
    CHECK(some.efficiency > 0.4);
    CHECK(many.efficiency > 0.33);
    CHECK(many.messages_a_steal < growth * few.messages_a_steal);
    CHECK(many.idle_messages < growth * few.idle_messages);
    CHECK(many.memory_kib < growth * few.memory_kib);
    return checks_done();
}
