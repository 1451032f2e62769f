/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_shape.c -- task graphs of extreme shapes, and too few stacks for them
 *
 * A chain of waits, 20,000 deep; 50,000 children of one task, joined in the
 * order of their submission and against it; futures that are given up in
 * bulk; tasks that all wait while a rank may have few stacks, which must end
 * with the limit's error or with the right result, but must end.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds each, in place of a few
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>

#define DEEP 20000
#define WIDE 50000

/* What the root has found. */
static struct {
    int err;
    long value;
    uint64_t run;
} seen;

SCOOP_TASK(chain, int, long);

static int chain(const int *left, long *depth)
{
    sim_work(50);
    seen.run++;
    *depth = 1;
    if (!*left)
        return 0;
    long below = 0;
    scoop_future f = scoop_submit(chain, &(int){*left - 1});
    int err = scoop_join(f, &below);
    *depth += below;
    return err;
}

static int chain_root(void *arg)
{
    (void)arg;
    seen.err = scoop_join(scoop_submit(chain, &(int){DEEP - 1}), &seen.value);
    return 0;
}

/* A chain whose links also leave work for others: they wait on many ranks. */
SCOOP_TASK(ladder, int, long);

static int ladder(const int *left, long *sum)
{
    long up, side = 0;

    sim_work(300);
    seen.run++;
    *sum = 1;
    if (!*left)
        return 0;
    scoop_future f = scoop_submit(ladder, &(int){*left - 1});
    scoop_future g = scoop_submit(ladder, &(int){*left / 8});
    int err = scoop_join(f, &up);
    int err2 = scoop_join(g, &side);
    *sum += up + side;
    return err ? err : err2;
}

static int ladder_root(void *arg)
{
    (void)arg;
    seen.err = scoop_join(scoop_submit(ladder, &(int){220}), &seen.value);
    return 0;
}

static long ladder_size(int left)
{
    return left ? 1 + ladder_size(left - 1) + ladder_size(left / 8) : 1;
}

SCOOP_TASK(leaf, int, long);

static int leaf(const int *number, long *value)
{
    sim_work(300);
    seen.run++;
    *value = *number;
    return 0;
}

static int wide_root(void *arg)
{
    scoop_future *f = malloc(WIDE * sizeof *f);
    bool is_backwards = arg;
    long value;

    for (int i = 0; i < WIDE; i++)
        f[i] = scoop_submit(leaf, &i);
    for (int i = 0; i < WIDE; i++) {
        int at = is_backwards ? WIDE - 1 - i : i;
        seen.err |= scoop_join(f[at], &value);
        seen.value += value;
    }
    free(f);
    return 0;
}

/* Every second future is given up, some of which have run. */
static int drop_root(void *arg)
{
    scoop_future f[2000];
    long value;

    (void)arg;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2000; i++)
            f[i] = scoop_submit(leaf, &i);
        for (int i = 0; i < 2000; i += 2)
            seen.err |= i % 4 ? scoop_release(f[i]) : scoop_cancel(f[i]) < 0;
        for (int i = 1; i < 2000; i += 2) {
            seen.err |= scoop_join(f[i], &value);
            seen.value += value == i;
        }
        for (int i = 0; i < 2000; i += 4)
            seen.err |= scoop_release(f[i]);
    }
    return 0;
}

static const struct shape {
    const char *name;
    int (*root)(void *);
    bool arg;
    int ranks, per_node;
    const char *fibers; /* SCOOP_FIBERS: may fail with SCOOP_ELIMIT */
} shapes[] = {
    {"chain", chain_root, false, 1, 1, NULL},
    {"chain", chain_root, false, 4, 2, NULL},
    {"chain", chain_root, false, 4, 4, "5"},
    {"ladder", ladder_root, false, 1, 1, NULL},
    {"ladder", ladder_root, false, 4, 4, NULL},
    {"ladder", ladder_root, false, 16, 4, NULL},
    {"ladder", ladder_root, false, 4, 4, "2"},
    {"ladder", ladder_root, false, 16, 4, "3"},
    {"wide", wide_root, false, 1, 1, NULL},
    {"wide", wide_root, false, 8, 8, NULL},
    {"wide", wide_root, true, 8, 4, NULL},
    {"wide", wide_root, true, 8, 1, "2"},
    {"drop", drop_root, false, 1, 1, NULL},
    {"drop", drop_root, false, 8, 8, NULL},
    {"drop", drop_root, false, 8, 2, NULL},
};

static bool is_right(const struct shape *s)
{
    if (s->root == chain_root)
        return seen.value == DEEP && seen.run == DEEP;
    if (s->root == ladder_root)
        return seen.value == ladder_size(220) &&
               seen.run == (uint64_t)seen.value;
    if (s->root == wide_root)
        return seen.value == (long)WIDE * (WIDE - 1) / 2 && seen.run == WIDE;
    return seen.value == 5000 && seen.run >= 5000 && seen.run <= 10000;
}

static void run(const struct shape *s, uint64_t seed)
{
    struct sim_params p = {.seed = seed,
                           .ranks = s->ranks,
                           .per_node = s->per_node,
                           .is_slow = seed % 4 == 3,
                           .is_wild = seed % 4 == 2,
                           .has_helper = seed % 2};
    struct sim_report r;
    bool flag = s->arg;

    seen.err = 0;
    seen.value = 0;
    seen.run = 0;
    if (s->fibers)
        setenv("SCOOP_FIBERS", s->fibers, 1);
    sim_run(&p, s->root, flag ? &flag : NULL, &r);
    unsetenv("SCOOP_FIBERS");
    bool is_limit =
        s->fibers && (seen.err == SCOOP_ELIMIT || seen.err == SCOOP_EFAILED);
    CHECK(r.status == 0);
    CHECK(is_limit || (!seen.err && is_right(s)));
    /* Leaves that call nothing, from one rank's queue: the others get some. */
    if (s->root == wide_root && s->per_node > 1 && !p.is_wild && !p.is_slow)
        CHECK(r.end_ns < WIDE * 300 / 2);
    printf("%s, %d ranks, %d a node, seed %llu, fibers %s: %s after %.3f ms, "
           "value %ld, %llu run, %llu events\n",
           s->name, s->ranks, s->per_node, (unsigned long long)seed,
           s->fibers ? s->fibers : "-", scoop_strerror(seen.err),
           (double)r.end_ns * 1e-6, seen.value, (unsigned long long)seen.run,
           (unsigned long long)r.events);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 4);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_LOG", "error", 0);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds);
             seed++)
            run(&shapes[i], seed);
    return checks_done();
}
