/* SPDX-License-Identifier: MIT */
/* link: -lnettle */
/* scale.c -- one search on 64 to 4,096 simulated ranks
 *
 *     scale [TREE [RANKS...]]        T1L 64 256 1024 4096
 *     SIM_SEED=n       another sequence of chance
 *     SIM_PER_NODE=n   ranks of a node, in place of 64
 *     SIM_HELPER=0     busy ranks have no helper thread
 *     SIM_AHEAD=ns     a rank runs so far ahead of others at most, in place of
 *                      300: 1000 takes half as long
 *
 * Unbalanced Tree Search on the simulated network of tests/sim, a future for
 * each node of the published tree: the library's own code decides who robs
 * whom, on a virtual clock.  What things take is what was measured: a node of
 * the tree 65 ns, a message 0.3 us within a node of 64 ranks and 2 us between
 * nodes, a theft half a microsecond, a wake-up 8 us for the waker and 45 us
 * until the sleeper runs.  It prints, for each number of ranks:
 *
 *     scale_efficiency        what the nodes take, by ranks times time
 *     scale_search            from the root's submit to its result
 *     scale_messages_a_steal  messages to other ranks, by successful thefts
 *     scale_idle_messages     messages of ranks without a task, by ranks
 *     scale_memory            resident at most, by ranks; the tables of who
 *                             is where, 12 bytes for each rank of the job,
 *                             stand there once and not once a rank
 */
#include "scoop.h"

#include <math.h>
#include <nettle/sha1.h>

#include "tests/scale.h"

#define CHILDREN_MAX 100
#define FUTURES_ON_STACK 12

/* Geometric trees of fixed shape, as examples/uts.c describes them. */
static const struct tree {
    const char *name;
    unsigned branching, depth, seed;
    uint64_t nodes;
} trees[] = {
    {"T1", 4, 10, 19, 4130071},
    {"T1L", 4, 13, 29, 102181082},
};

static const struct tree *tree;
static double law_more, law_log;

struct tree_node {
    uint32_t state[5];
    uint32_t height;
};

static void hash(uint32_t state[5], const uint32_t *text, unsigned words)
{
    static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe,
                                      0x10325476, 0xc3d2e1f0};
    uint32_t block[16] = {0};

    for (unsigned i = 0; i < words; i++)
        block[i] = __builtin_bswap32(text[i]);
    block[words] = __builtin_bswap32(UINT32_C(1) << 31);
    block[15] = __builtin_bswap32(words * 32);
    memcpy(state, start, sizeof start);
    nettle_sha1_compress(state, (const uint8_t *)block);
}

static int children_of(const struct tree_node *node)
{
    double rest = 1 - (node->state[4] & INT32_MAX) / 2147483648.0;

    if (node->height >= tree->depth || rest > law_more)
        return 0;
    double count = log(rest) / law_log;
    return count < CHILDREN_MAX ? (int)count : CHILDREN_MAX;
}

static struct tree_node child_of(const struct tree_node *node, int number)
{
    struct tree_node child = {.height = node->height + 1};
    uint32_t text[6];

    memcpy(text, node->state, sizeof node->state);
    text[5] = (uint32_t)number;
    hash(child.state, text, 6);
    return child;
}

SCOOP_TASK(visit, struct tree_node, uint64_t);

static int visit(const struct tree_node *node, uint64_t *sum)
{
    scoop_future few[FUTURES_ON_STACK], *future = few;
    int n = children_of(node), count = n;

    sim_work(SCALE_NODE_NS);
    if (n > FUTURES_ON_STACK)
        future = malloc((size_t)n * sizeof *future);
    for (int k = 0; k < n; k++) {
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
    if (count > FUTURES_ON_STACK)
        free(future);
    return 0;
}

static int root(void *arg)
{
    const uint32_t text[5] = {0, 0, 0, 0, tree->seed};
    struct tree_node top = {.height = 0};
    struct scale_search *search = arg;

    hash(top.state, text, 5);
    search->start_ns = sim_now_ns();
    int err = scoop_join(scoop_submit(visit, &top), &search->nodes);
    search->end_ns = sim_now_ns();
    return err;
}

static void print(const char *name, int ranks, double value, const char *unit)
{
    printf("%-28s %4d %12.4g %-8s  %s\n", name, ranks, value, unit, tree->name);
    fflush(stdout);
}

static bool run(int ranks)
{
    struct sim_params params = {.seed = sim_asked("SIM_SEED", 1),
                                .ranks = ranks,
                                .per_node = (int)sim_asked("SIM_PER_NODE", 64),
                                .has_helper = sim_asked("SIM_HELPER", 1),
                                .is_calm = true,
                                .ahead_ns = sim_asked("SIM_AHEAD", 300),
                                .limit_ns = UINT64_C(1000000000000)};
    struct scale_search search = {0};
    struct scale_run r;

    if (!scale_run(&params, root, &search, &r) ||
        (tree->nodes && r.search.nodes != tree->nodes)) {
        fprintf(stderr, "scale: the search on %d ranks has failed\n", ranks);
        return false;
    }
    uint64_t ns = r.search.end_ns - r.search.start_ns;
    print("scale_efficiency", ranks, r.efficiency, "");
    print("scale_search", ranks, (double)ns * 1e-6, "ms");
    print("scale_messages_a_steal", ranks, r.messages_a_steal, "");
    print("scale_idle_messages", ranks, r.idle_messages, "a rank");
    print("scale_memory", ranks, r.memory_kib, "KiB/rank");
    printf("# %llu events, %.1f s of CPU, %llu steals of %llu, %llu tasks;",
           (unsigned long long)r.report.events, r.cpu_seconds,
           (unsigned long long)r.report.won, (unsigned long long)r.report.tried,
           (unsigned long long)r.report.taken);
    for (unsigned i = 1; i < WIRE_TYPES; i++)
        if (r.report.of[i])
            printf(" %s %llu", wire_name(i),
                   (unsigned long long)r.report.of[i]);
    printf("\n");
    return true;
}

int main(int argc, char **argv)
{
    static const int usual[] = {64, 256, 1024, 4096};
    const char *name = argc > 1 ? argv[1] : "T1L";

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
        if (!strcmp(trees[i].name, name))
            tree = &trees[i];
    if (!tree) {
        fprintf(stderr, "scale: no tree %s\n", name);
        return 2;
    }
    law_more = 1 - 1 / (1 + (double)tree->branching);
    law_log = log(law_more);
    for (int i = 2; i < argc; i++)
        if (!run(atoi(argv[i])))
            return 1;
    for (size_t i = 0; argc < 3 && i < sizeof usual / sizeof *usual; i++)
        if (!run(usual[i]))
            return 1;
    return 0;
}
