/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_shutdown.c -- a farm is shut by some task in the middle of a tree
 *
 * All ranks are in this process, so the tasks that run can be counted: when
 * the call returns there are no others than the caller and its parents, and no
 * task begins any more.  Messages overtake each other here.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds each, in place of a few
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct tree {
    uint32_t depth, width;
    uint32_t shuts;  /* so many levels further down one shuts; 0: this one */
    uint32_t on_way; /* the one that will is below this */
    uint32_t cancel, is_far;
    double timeout;
};

static int running;   /* tasks on all ranks, the root not counted */
static int others;    /* of these, when the farm was shut; -1: it was not */
static int began;     /* since then */
static int shut_code; /* what the call returned */
static int timeouts;

SCOOP_TASK(node, struct tree, int);
SCOOP_TASK(flat, int, int);

static int shut(const struct tree *t, int depth)
{
    struct scoop_shutdown_options options = {0};

    options.cancel = (int)t->cancel;
    options.timeout = t->timeout;
    do
        shut_code = scoop_shutdown_farm(&options);
    while (shut_code == SCOOP_ETIMEDOUT && ++timeouts < 100000);
    others = running - depth;
    began = 0;
    return scoop_join(scoop_submit(node, t), NULL) == SCOOP_ESHUTDOWN
               ? 0
               : scoop_fail(2, "it is not shut");
}

static int flat(const int *ns, int *out)
{
    running++;
    began++;
    sim_work((uint64_t)*ns);
    running--;
    return *out = 1, 0;
}

static int submit_below(const struct tree *t, scoop_future *f, uint32_t *n)
{
    for (*n = 0; *n < t->width && t->depth; ++*n) {
        struct tree below = *t;
        struct scoop_submit_options options = {0};
        below.depth--;
        below.on_way = t->on_way && t->shuts && *n == 0;
        below.shuts = t->shuts ? t->shuts - 1 : 0;
        if (t->is_far)
            options.place =
                scoop_on_rank((scoop_rank() + 1 + (int)*n) % scoop_size());
        f[*n] =
            scoop_submit_task(&scoop_task_node, &below, sizeof below, &options);
    }
    return 0;
}

static int run_tree(const struct tree *t, int level)
{
    scoop_future f[8];
    uint32_t n;
    int err = 0, ns[20], out[20];

    submit_below(t, f, &n);
    for (int i = 0; i < 20; i++)
        ns[i] = 300 * (i + 1);
    if (t->depth == 2 && !t->on_way)
        err = scoop_map(flat, ns, out, 20);
    if (t->on_way && !t->shuts)
        err = shut(t, level);
    for (uint32_t i = 0; i < n; i++) {
        int was = scoop_join(f[i], NULL);
        if (was && was != SCOOP_ESHUTDOWN && was != SCOOP_ECANCELLED &&
            was != SCOOP_EFAILED)
            err = was;
        if (i == 0 && t->on_way && t->shuts && was)
            err = was; /* the way to the caller is spared */
    }
    if (err == SCOOP_ESHUTDOWN || err == SCOOP_ECANCELLED)
        err = 0;
    return err;
}

static uint32_t whole; /* levels of the tree */

static int node(const struct tree *t, int *out)
{
    running++;
    began++;
    sim_work(200 + 50 * t->depth);
    int err = run_tree(t, (int)(whole - t->depth));
    running--;
    return *out = 0, err;
}

static int root(void *arg)
{
    return run_tree(arg, 0);
}

static const struct world {
    int ranks, per_node;
    bool is_wild, has_helper;
    uint32_t shuts, cancel, is_far;
    double timeout;
    uint64_t seeds;
} worlds[] = {
    {1, 0, false, false, 0, 0, 0, 0, 2},  {1, 0, false, false, 2, 1, 0, 0, 2},
    {4, 4, false, false, 0, 0, 0, 0, 5},  {4, 1, false, true, 1, 0, 1, 0, 5},
    {8, 4, true, true, 3, 0, 1, 0, 8},    {8, 2, true, false, 3, 1, 0, 0, 8},
    {16, 4, true, true, 2, 1, 1, 0, 8},   {9, 3, true, true, 2, 0, 1, 50e-6, 8},
    {40, 8, false, false, 0, 0, 0, 0, 3},
};

static void run(const struct world *w, uint64_t seed)
{
    struct sim_params p = {.seed = seed,
                           .ranks = w->ranks,
                           .per_node = w->per_node,
                           .is_wild = w->is_wild,
                           .has_helper = w->has_helper};
    struct tree t = {.depth = 5,
                     .width = 3,
                     .shuts = w->shuts,
                     .on_way = 1,
                     .cancel = w->cancel,
                     .is_far = w->is_far,
                     .timeout = w->timeout};
    struct sim_report r;

    whole = t.depth;
    running = timeouts = 0;
    others = began = shut_code = -1;
    sim_run(&p, root, &t, &r);
    CHECK(r.status == 0 && running == 0);
    CHECK(shut_code == 0 && others == 0 && began == 0);
    if (r.status || others || began || shut_code)
        printf("ranks %d, seed %llu: status %d, code %d, %d others, %d began\n",
               w->ranks, (unsigned long long)seed, r.status, shut_code, others,
               began);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 0);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        uint64_t n = seeds ? seeds : worlds[i].seeds;
        if (only)
            run(&worlds[i], only);
        for (uint64_t seed = 1; seed <= n && !only; seed++)
            run(&worlds[i], seed);
    }
    return checks_done();
}
