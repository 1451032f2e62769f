/* SPDX-License-Identifier: MIT */
/* link: -lnettle */
/* uts.c -- Unbalanced Tree Search, a map over the children of each node
 *
 * The benchmark of Olivier, Huan, Liu, Prins, Dinan, Sadayappan and Tseng
 * ("UTS: An Unbalanced Tree Search Benchmark", LCPC 2006): count the nodes
 * of a tree that nobody has ever stored. How many children a node has follows
 * from a hash, so that no part of the tree tells anything about the size of
 * another, and only balancing while it runs can keep many ranks busy.
 *
 *     state of the root   SHA-1(16 zero bytes, seed)
 *     state of child i    SHA-1(state of the parent, i)
 *     children            a function of depth and of the state's last word
 *
 * Numbers are hashed as 4 bytes, the highest first. The same options give the
 * same tree as the published program, whose sample trees are listed below:
 * where the options are those of one, the size found is compared with the
 * published one, and a difference makes the exit code 1.
 *
 * A task visits one node: it maps itself over the node's children and adds up
 * what they found. There is no chunk of nodes and no depth below which it turns
 * serial; making a map of four items cheap enough for that is the work of the
 * library. The rank that runs a map goes through its items in order, so the
 * search goes depth first, and what waits at any moment is the siblings along
 * one path, depth times branching nodes, not a generation of the tree. Thieves
 * get a part of the oldest map that has items left, those which stand nearest
 * to the root and carry the largest subtrees.
 *
 * With --futures it submits a task for each child and joins them, instead. With
 * --serial the same visit() calls itself where it would map, in a process that
 * starts no farm. It is the twin to measure the farm by.
 *
 * What a node costs apart from its future matters for that measure: every
 * nanosecond wasted on it flatters the farm. It is one SHA-1, and the fastest
 * one to be had from a library of the distribution is nettle's compression
 * function (SHA instructions where the CPU has them), called directly: the 24
 * bytes and their padding are a single block, which needs no context. Where
 * this was written (an EPYC of family 26) that took 39 to 43 ns, nettle's
 * sha1_init, _update and _digest 48 to 52, OpenSSL's SHA1_Init, _Update and
 * _Final 48 to 49, which are deprecated besides, and its one-shot SHA1() 280.
 * What the number of children owes to the height, powers and logarithms, is
 * computed once for each height.
 */
#define _GNU_SOURCE 1 /* getopt_long */
#include <scoop.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <nettle/sha1.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum tree_type { BINOMIAL, GEOMETRIC, HYBRID, BALANCED };
enum tree_shape { LINEAR, EXPONENTIAL, CYCLIC, FIXED };
enum way { MAPS, FUTURES, SERIAL }; /* how a node's children are visited */

/* The options by letter, in the order of the published program. All values
 * are kept as double, which holds an int exactly. */
enum parameter {
    OPT_T,
    OPT_B,
    OPT_R,
    OPT_A,
    OPT_D,
    OPT_Q,
    OPT_M,
    OPT_F,
    OPT_G,
    OPTIONS
};

static const struct parameter_row {
    char letter;
    bool is_whole;
    double lowest, highest, standard;
    const char *help;
} parameter_table[OPTIONS] = {
    [OPT_T] = {'t', true, 0, 3, 1,
               "tree: 0 binomial, 1 geometric, 2 hybrid, 3 balanced"},
    [OPT_B] = {'b', false, 0, 1e9, 4, "branching at the root"},
    [OPT_R] = {'r', true, 0, INT_MAX, 0, "seed of the root"},
    [OPT_A] = {'a', true, 0, 3, 0,
               "geometric shape: 0 linear, 1 exponential, 2 cyclic, 3 fixed"},
    [OPT_D] = {'d', true, 0, 1e8, 6, "depth of the geometric law"},
    [OPT_Q] = {'q', false, 0, 1, 15.0 / 64,
               "binomial: probability of having children"},
    [OPT_M] = {'m', true, 0, INT_MAX, 4, "binomial: children, if any"},
    [OPT_F] = {'f', false, 0, 1e3, 0.5,
               "hybrid: part of the depth that is geometric"},
    [OPT_G] = {'g', true, 1, INT_MAX, 1, "hashes for each node"},
};

/* The published trees, and one whose root has 50,000 children. Where a depth
 * or a number of leaves was not published it is 0. */
static const struct known_tree {
    const char *name;
    double value[OPT_G]; /* in the order of enum parameter, without -g */
    uint64_t nodes, depth, leaves;
} known_trees[] = {
    {"T1", {1, 4, 19, 3, 10}, 4130071, 10, 3305118},
    {"T5", {1, 4, 34, 0, 20}, 4147582, 20, 2181318},
    {"T2", {1, 6, 502, 2, 16}, 4117769, 81, 2342762},
    {"T3", {0, 2000, 42, 0, 0, 0.124875, 8}, 4112897, 1572, 3599034},
    {"T4", {2, 6, 1, 0, 16, 0.234375, 4, 0.5}, 4132453, 134, 3108986},
    {"T1L", {1, 4, 29, 3, 13}, 102181082, 13, 81746377},
    {"T2L", {1, 7, 220, 2, 23}, 96793510, 67, 53791152},
    {"T3L", {0, 2000, 7, 0, 0, 0.200014, 5}, 111345631, 17844, 89076904},
    {"T1XL", {1, 4, 29, 3, 15}, 1635119272, 15, 1308100063},
    {"T1XXL", {1, 4, 19, 3, 15}, 4230646601, 15, 0},
    {"T3XXL", {0, 2000, 316, 0, 0, 0.499995, 2}, 2793220501, 0, 0},
    {"T2XXL",
     {0, 2000, 0, 0, 0, 0.499999995, 2},
     10612052303,
     216370,
     5306027151},
    {"T1WL", {1, 4, 19, 3, 18}, 270751679750, 18, 216601257283},
    {"T2WL",
     {0, 2000, 559, 0, 0, 0.4999999995, 2},
     295393891003,
     1021239,
     147696946501},
    {"T3WL",
     {0, 2000, 559, 0, 0, 0.4999995, 2},
     157063495159,
     758577,
     78531748579},
    {"wide root", {0, 50000, 42, 0, 0, 0.1, 8}, 239113, 0, 0},
};

enum {
    CHILDREN_MAX = 100, /* the published limit; a binomial root has none */
    LAWS_KNOWN = 1024,
    FEW = 8 /* most nodes have no more children */
};

#define OWN_FRAME __attribute__((noinline)) /* not all of them at once */

/* How many children a node of some height has in a geometric tree. */
struct law {
    double more, log_more;
};

/* The tree that is searched: filled by main() on every rank from the same
 * arguments, before there is a farm, and constant from then on. */
static struct tree {
    enum tree_type type;
    enum tree_shape shape;
    double root_branching;
    uint32_t seed;
    int depth;
    double probability;
    int branching;
    double shift_height;
    int hashes;
    enum way way;
    struct law law[LAWS_KNOWN];         /* by height */
    const struct known_tree *published; /* or NULL */
} tree;

struct node {
    uint32_t state[5]; /* the digest as five numbers */
    int32_t height;
};

struct totals {
    uint64_t nodes, leaves;
    int64_t depth;
};

SCOOP_TASK(visit, struct node, struct totals);
SCOOP_TASK(measure_rank, SCOOP_NONE, struct scoop_stats);

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- The generator ---------------------------------------------------- */

/* SHA-1 counts its words from the highest byte. */
static inline uint32_t big_endian(uint32_t x)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap32(x);
#else
    return x;
#endif
}

/* The SHA-1 of `words` numbers. The padding of a message that short is in the
 * same block: a one bit, zeroes, its length in bits. */
static inline void hash(uint32_t state[5], const uint32_t *text, unsigned words)
{
    static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe,
                                      0x10325476, 0xc3d2e1f0};
    uint32_t block[16] = {0};

    for (unsigned i = 0; i < words; i++)
        block[i] = big_endian(text[i]);
    block[words] = big_endian(UINT32_C(1) << 31);
    block[15] = big_endian(words * 32);
    memcpy(state, start, sizeof start);
    nettle_sha1_compress(state, (const uint8_t *)block);
}

static struct node plant_root(void)
{
    const uint32_t text[5] = {0, 0, 0, 0, tree.seed};
    struct node root = {.height = 0};

    hash(root.state, text, 5);
    return root;
}

static inline void make_child(const struct node *parent, int number,
                              struct node *child)
{
    uint32_t text[6];

    memcpy(text, parent->state, sizeof parent->state);
    text[5] = (uint32_t)number;
    child->height = parent->height + 1;
    for (int i = 0; i < tree.hashes; i++)
        hash(child->state, text, 6);
}

/* The node's random number in [0, 1): 31 bits of the last word. */
static inline double chance(const struct node *node)
{
    return (node->state[4] & INT32_MAX) / 2147483648.0;
}

/* The number of children expected at a height, by the shape. */
static double expected_children(int height)
{
    double b = tree.root_branching, d = tree.depth;

    if (height == 0)
        return b;
    switch (tree.shape) {
    case EXPONENTIAL:
        return b * pow(height, -log(b) / log(d));
    case CYCLIC:
        if (height > 5 * d)
            return 0;
        return pow(b, sin(2 * 3.141592653589793 * height / d));
    case FIXED:
        return height < tree.depth ? b : 0;
    case LINEAR:
        break;
    }
    return b * (1 - height / d);
}

/* A node has n or more children with probability more^n, where `more` is
 * chosen for the number expected. */
static struct law make_law(int height)
{
    double more = 1 - 1 / (1 + expected_children(height));

    return (struct law){more, log(more)};
}

/* The largest n for which 1 - chance is at most more^n. Most nodes have no
 * child, which is known without a logarithm; that alone is 15 ns a node. */
static inline int geometric_children(const struct node *node)
{
    struct law law = node->height < LAWS_KNOWN ? tree.law[node->height]
                                               : make_law(node->height);
    double rest = 1 - chance(node);

    if (rest > law.more)
        return 0;
    double count = log(rest) / law.log_more;
    if (!(count >= 1)) /* NaN too: a depth of 0 divides by it */
        return 0;
    return count < CHILDREN_MAX ? (int)count : CHILDREN_MAX;
}

static inline int binomial_children(const struct node *node)
{
    if (!(chance(node) < tree.probability))
        return 0;
    return tree.branching < CHILDREN_MAX ? tree.branching : CHILDREN_MAX;
}

static inline int count_children(const struct node *node)
{
    switch (tree.type) {
    case BINOMIAL:
        if (node->height == 0)
            return (int)tree.root_branching;
        return binomial_children(node);
    case GEOMETRIC:
        return geometric_children(node);
    case HYBRID:
        if (node->height < tree.shift_height)
            return geometric_children(node);
        return binomial_children(node);
    case BALANCED:
        break;
    }
    return node->height < tree.depth ? (int)tree.root_branching : 0;
}

/* ---- The search ------------------------------------------------------- */

static inline void add(struct totals *sum, const struct totals *part)
{
    sum->nodes += part->nodes;
    sum->leaves += part->leaves;
    if (sum->depth < part->depth)
        sum->depth = part->depth;
}

static int call_children(const struct node *node, int count, struct totals *sum)
{
    for (int i = 0; i < count; i++) {
        struct node child;
        struct totals part;
        make_child(node, i, &child);
        int err = visit(&child, &part);
        if (err)
            return err;
        add(sum, &part);
    }
    return 0;
}

static inline int map_children(const struct node *node, struct node *child,
                               struct totals *part, int count,
                               struct totals *sum)
{
    for (int i = 0; i < count; i++)
        make_child(node, i, &child[i]);
    int err = scoop_map(visit, child, part, (size_t)count);
    if (err)
        return err;
    struct totals all = *sum;
    for (int i = 0; i < count; i++)
        add(&all, &part[i]);
    *sum = all;
    return 0;
}

/* One of these three, by what room the children need: a path may be deep, and
 * its memory is best when it is little and always the same. */
static OWN_FRAME int map_few(const struct node *node, int count,
                             struct totals *sum)
{
    struct node child[FEW];
    struct totals part[FEW];

    return map_children(node, child, part, count, sum);
}

static OWN_FRAME int map_many(const struct node *node, int count,
                              struct totals *sum)
{
    struct node child[CHILDREN_MAX];
    struct totals part[CHILDREN_MAX];

    return map_children(node, child, part, count, sum);
}

static OWN_FRAME int map_root(const struct node *node, int count,
                              struct totals *sum)
{
    struct node *child = malloc((size_t)count * sizeof *child);
    struct totals *part = malloc((size_t)count * sizeof *part);
    int err;

    if (child && part)
        err = map_children(node, child, part, count, sum);
    else
        err = scoop_fail(1, "no memory for %d children", count);
    free(child);
    free(part);
    return err;
}

/* Joins from the newest to the oldest, since the newest task is the one that
 * its own rank takes next: the join of the newest finds its task on top and
 * simply runs it. After a failure the rest is given back, which cancels what
 * has not started. */
static int join_children(const scoop_future *futures, int count,
                         struct totals *sum)
{
    int err = 0;

    while (count-- > 0) {
        struct totals part;
        if (err) {
            scoop_release(futures[count]);
            continue;
        }
        err = scoop_join(futures[count], &part);
        if (!err)
            add(sum, &part);
    }
    return err;
}

/* A future that could not be made carries the reason, and its join returns
 * that: one place deals with errors. */
static int submit_children(const struct node *node, int count,
                           struct totals *sum)
{
    scoop_future few[FEW], *futures = few;

    if (count > FEW) {
        futures = malloc((size_t)count * sizeof *futures);
        if (!futures)
            return scoop_fail(1, "no memory for %d futures", count);
    }
    for (int i = 0; i < count; i++) {
        struct node child;
        make_child(node, i, &child);
        futures[i] = scoop_submit(visit, &child);
    }
    int err = join_children(futures, count, sum);
    if (futures != few)
        free(futures);
    return err;
}

static int visit(const struct node *node, struct totals *sum)
{
    int count = count_children(node);

    *sum = (struct totals){1, count == 0, node->height};
    if (count == 0)
        return 0;
    if (tree.way == SERIAL)
        return call_children(node, count, sum);
    if (tree.way == FUTURES)
        return submit_children(node, count, sum);
    if (count <= FEW)
        return map_few(node, count, sum);
    return count <= CHILDREN_MAX ? map_many(node, count, sum)
                                 : map_root(node, count, sum);
}

/* ---- What is printed -------------------------------------------------- */

/* Which options have a part in a tree of a type. */
static bool is_used(enum tree_type type, enum parameter p)
{
    bool has_geometric = type == GEOMETRIC || type == HYBRID;
    bool has_binomial = type == BINOMIAL || type == HYBRID;

    switch (p) {
    case OPT_A:
        return has_geometric;
    case OPT_D:
        return has_geometric || type == BALANCED;
    case OPT_Q:
    case OPT_M:
        return has_binomial;
    case OPT_F:
        return type == HYBRID;
    default:
        return true;
    }
}

static const struct known_tree *find_known(const double value[OPTIONS])
{
    size_t count = sizeof known_trees / sizeof *known_trees;

    for (const struct known_tree *k = known_trees; k < known_trees + count;
         k++) {
        bool is_same = true;
        for (enum parameter o = 0; o < OPT_G; o++) {
            double difference = value[o] - k->value[o];
            if (is_used((enum tree_type)value[OPT_T], o) &&
                (difference > 0 || difference < 0))
                is_same = false;
        }
        if (is_same)
            return k;
    }
    return NULL;
}

static const char *line_end(uint64_t found, uint64_t published)
{
    if (!published)
        return "";
    return found == published ? " (as published)" : " (WRONG)";
}

/* Returns whether the tree is what it should be, as far as that is known. */
static bool print_tree(const struct totals *sum)
{
    static const struct known_tree unknown;
    const struct known_tree *k = tree.published ? tree.published : &unknown;
    uint64_t depth = (uint64_t)sum->depth;

    printf("tree size    %" PRIu64, sum->nodes);
    if (k->nodes)
        printf(", %s is %" PRIu64 "%s", k->name, k->nodes,
               sum->nodes == k->nodes ? ": equal" : ": WRONG");
    printf("\ntree depth   %" PRIu64 "%s\n", depth, line_end(depth, k->depth));
    printf("leaves       %" PRIu64 ", %.2f %%%s\n", sum->leaves,
           100 * (double)sum->leaves / (double)sum->nodes,
           line_end(sum->leaves, k->leaves));
    return (!k->nodes || sum->nodes == k->nodes) &&
           (!k->depth || depth == k->depth) &&
           (!k->leaves || sum->leaves == k->leaves);
}

static void print_speed(const struct totals *sum, double seconds, int ranks)
{
    double nodes = (double)sum->nodes;

    printf("time         %.4f s, %.0f nodes/s, %.2f ns/node, ", seconds,
           nodes / seconds, seconds / nodes * 1e9);
    if (ranks)
        printf("%d rank%s\n", ranks, ranks == 1 ? "" : "s");
    else
        printf("serial\n");
}

/* Each hash feeds the next one, as from a parent to its child. Measured after
 * the search, so as to be no part of it. */
static void print_hash_speed(void)
{
    enum { HASHES = 100000 };
    struct node node = plant_root();
    double begin = now();

    for (int i = 0; i < HASHES; i++)
        hash(node.state, node.state, 5);
    double ns = (now() - begin) / HASHES * 1e9;
    /* The digest is looked at, so that the loop cannot be left out. */
    printf("hash         nettle SHA-1, %.1f ns each%s\n", ns,
           node.state[0] | node.state[1] ? "" : " (all zero)");
}

static int measure_rank(const SCOOP_NONE *in, struct scoop_stats *out)
{
    (void)in;
    return scoop_stats(out);
}

/* Everything that a rank has done since the farm started, which is little
 * besides the search. Must be called before anything else takes time. */
static int print_ranks(void)
{
    printf("%4s %12s %12s %13s %11s %7s\n", "rank", "tasks run", "from others",
           "steals tried", "steals won", "busy");
    for (int rank = 0; rank < scoop_size(); rank++) {
        struct scoop_stats s;
        scoop_future f =
            scoop_submit(measure_rank, NULL, .place = scoop_on_rank(rank));
        int err = scoop_join(f, &s);
        if (err)
            return err;
        double all = s.busy_seconds + s.idle_seconds;
        printf("%4d %12" PRIu64 " %12" PRIu64 " %13" PRIu64 " %11" PRIu64
               " %5.1f %%\n",
               rank, s.tasks_run, s.tasks_taken, s.steals_tried, s.steals_won,
               all > 0 ? 100 * s.busy_seconds / all : 0);
    }
    return 0;
}

/* ---- Options ---------------------------------------------------------- */

/* Before there is a farm all ranks say the same; one of them is enough. */
static bool is_first_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");

    if (!rank) /* srun --mpi=pmix */
        rank = getenv("PMIX_RANK");
    return !rank || strcmp(rank, "0") == 0;
}

static void print_help(void)
{
    printf("usage: uts [--serial | --futures] [-t N] [-b X] ...\n"
           "Counts the nodes of an unbalanced tree, a map for each.\n\n");
    for (enum parameter o = 0; o < OPTIONS; o++)
        printf("  -%c %s  %s (%g)\n", parameter_table[o].letter,
               parameter_table[o].is_whole ? "N" : "X", parameter_table[o].help,
               parameter_table[o].standard);
    printf("  --serial  plain calls, no farm\n"
           "  --futures a task for each node, no maps\n"
           "  --help    this text\n\n"
           "T1: -t 1 -a 3 -d 10 -b 4 -r 19    "
           "T3: -t 0 -b 2000 -q 0.124875 -m 8 -r 42\n");
}

static bool parse_value(enum parameter o, const char *text, double *value)
{
    const struct parameter_row *row = &parameter_table[o];
    char *end;
    double x = strtod(text, &end);

    if (end != text && !*end && x >= row->lowest && x <= row->highest &&
        !(row->is_whole && x > floor(x))) {
        *value = x;
        return true;
    }
    if (is_first_rank())
        fprintf(stderr, "uts: -%c %s: not a %snumber from %.0f to %.0f (%s)\n",
                row->letter, text, row->is_whole ? "whole " : "", row->lowest,
                row->highest, row->help);
    return false;
}

enum command { RUN_FARM, RUN_FUTURES, RUN_SERIAL, RUN_HELP, RUN_NOTHING };

static enum command parse(int argc, char **argv, double value[OPTIONS])
{
    static const struct option words[] = {{"serial", no_argument, NULL, 1},
                                          {"futures", no_argument, NULL, 2},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    enum command command = RUN_FARM;
    int letter;

    for (enum parameter o = 0; o < OPTIONS; o++)
        value[o] = parameter_table[o].standard;
    opterr = is_first_rank();
    while ((letter = getopt_long(argc, argv, "t:b:r:a:d:q:m:f:g:h", words,
                                 NULL)) != -1) {
        if (letter == 'h')
            return RUN_HELP;
        if (letter == '?')
            return RUN_NOTHING;
        if (letter == 1)
            command = RUN_SERIAL;
        if (letter == 2)
            command = RUN_FUTURES;
        for (enum parameter o = 0; o < OPTIONS; o++)
            if (letter == parameter_table[o].letter &&
                !parse_value(o, optarg, &value[o]))
                return RUN_NOTHING;
    }
    if (optind == argc)
        return command;
    if (is_first_rank())
        fprintf(stderr, "uts: %s: not an option; --help lists them\n",
                argv[optind]);
    return RUN_NOTHING;
}

static void fill_tree(const double value[OPTIONS], enum way way)
{
    tree.type = (enum tree_type)value[OPT_T];
    tree.shape = (enum tree_shape)value[OPT_A];
    tree.root_branching = value[OPT_B];
    tree.seed = (uint32_t)value[OPT_R];
    tree.depth = (int)value[OPT_D];
    tree.probability = value[OPT_Q];
    tree.branching = (int)value[OPT_M];
    tree.shift_height = value[OPT_F] * value[OPT_D];
    tree.hashes = (int)value[OPT_G];
    tree.way = way;
    tree.published = find_known(value);
    for (int height = 0; height < LAWS_KNOWN; height++)
        tree.law[height] = make_law(height);
    if (is_used(tree.type, OPT_Q) && !tree.published && is_first_rank() &&
        tree.probability * tree.branching >= 1)
        fprintf(stderr, "uts: with -q %g -m %d the tree may have no end\n",
                tree.probability, tree.branching);
}

/* ---- The two ways to run ---------------------------------------------- */

static int search_farm(int argc, char **argv)
{
    struct node root = plant_root();
    struct totals sum;

    (void)argc;
    (void)argv;
    double begin = now();
    int err = scoop_join(scoop_submit(visit, &root), &sum);
    double seconds = now() - begin;
    if (err)
        return scoop_perror("uts");
    bool is_right = print_tree(&sum);
    print_speed(&sum, seconds, scoop_size());
    if (print_ranks())
        return scoop_perror("uts: statistics of a rank");
    print_hash_speed();
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void *search_serial(void *arg)
{
    struct node root = plant_root();
    struct totals sum;
    bool *is_right = arg;

    double begin = now();
    visit(&root, &sum);
    double seconds = now() - begin;
    *is_right = print_tree(&sum);
    print_speed(&sum, seconds, 0);
    print_hash_speed();
    return NULL;
}

/* Plain recursion needs a stack as deep as the tree, up to a million levels
 * for the largest published ones. A thread may ask for as much address space
 * as it likes and uses what it touches; where that much is not to be had
 * (ulimit -v) less has to do. */
static int run_serial(void)
{
    bool is_right = false;
    pthread_attr_t attributes;
    pthread_t thread;
    int err = ENOMEM;

    pthread_attr_init(&attributes);
    for (size_t size = (size_t)4 << 30; err && size >= 1 << 20; size /= 2) {
        pthread_attr_setstacksize(&attributes, size);
        err = pthread_create(&thread, &attributes, search_serial, &is_right);
    }
    pthread_attr_destroy(&attributes);
    if (err) {
        fprintf(stderr, "uts: no thread: %s\n", strerror(err));
        return EXIT_FAILURE;
    }
    pthread_join(thread, NULL);
    return is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    double value[OPTIONS];
    enum command command = parse(argc, argv, value);

    if (command == RUN_HELP) {
        if (is_first_rank())
            print_help();
        return EXIT_SUCCESS;
    }
    if (command == RUN_NOTHING)
        return 2;
    fill_tree(value, command == RUN_SERIAL    ? SERIAL
                     : command == RUN_FUTURES ? FUTURES
                                              : MAPS);
    if (command == RUN_SERIAL)
        return run_serial();
    return scoop_main(argc, argv, search_farm);
}
