/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_wait.c -- waits for several, iterators and callbacks on many ranks
 *
 * Trees of tasks in which each task waits for its children in a way that is
 * drawn by lot: for all, for one after the other, as they are completed, with
 * time-outs that are too short, as items of a generator; some futures are
 * cancelled or released on the way.  Each tree has a known sum, each callback
 * must have been called once when the farm has ended.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds, in place of a few
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define WIDE 6
#define WAYS 8

struct node {
    uint64_t seed;
    int depth;
};

static struct {
    long value, expected;
    int err;
    uint64_t added, called, cancelled, wrong;
} seen;

SCOOP_TASK(tree, struct node, long);

static struct node child(const struct node *n, int i)
{
    uint64_t seed = n->seed + 7919 * (uint64_t)(i + 1);

    sim_next(&seed);
    return (struct node){seed, n->depth - 1};
}

static int children(const struct node *n)
{
    uint64_t state = n->seed;

    return n->depth ? (int)(sim_next(&state) % WIDE) : 0;
}

/* What tree() returns, without a farm. */
static long value_of(const struct node *n)
{
    long sum = 1;

    for (int i = 0; i < children(n); i++) {
        struct node c = child(n, i);
        sum += value_of(&c);
    }
    return sum;
}

static int on_done(scoop_future f, void *arg)
{
    long x = 0, y = 0;
    int err = scoop_result(f, &x);

    (void)arg;
    seen.called++;
    seen.cancelled += err == SCOOP_ECANCELLED;
    seen.wrong += err && err != SCOOP_ECANCELLED;
    if (seen.called % 16) /* some do work of their own */
        return 0;
    struct node n = {seen.called, 1};
    scoop_future g = scoop_submit(tree, &n);
    if (scoop_wait(&g, 1, .timeout = seen.called % 32 ? 0 : 1e-6) == 0)
        seen.wrong += scoop_join(g, &y) || y != value_of(&n);
    else
        scoop_release(g);
    return 0;
}

static void watch(scoop_future f)
{
    if (scoop_on_done(f, on_done, NULL))
        seen.wrong++;
    else
        seen.added++;
}

static int by_wait(const scoop_future *f, int n, int return_when,
                   double timeout, long *sum)
{
    int err, tries = 0;
    long x;

    do
        err = scoop_wait(f, (size_t)n, .return_when = return_when,
                         .timeout = tries++ < 3 ? timeout : 0);
    while (err == SCOOP_ETIMEDOUT);
    for (int i = 0; i < n && !err; i++) {
        err = scoop_join(f[i], &x);
        *sum += x;
    }
    return err;
}

static int by_completed(const scoop_future *f, int n, double timeout, long *sum)
{
    scoop_iter *it;
    scoop_future next;
    int err = scoop_as_completed(&it, f, (size_t)n / 2), tries = 0;
    long x;

    for (int i = n / 2; i < n && !err; i++)
        err = scoop_iter_add(it, f[i]);
    while (!err) {
        err = scoop_next(it, &next, .timeout = tries++ < 3 ? timeout : 0);
        if (err == SCOOP_ETIMEDOUT) {
            err = 0;
            continue;
        }
        if (!err)
            err = scoop_join(next, &x);
        *sum += err ? 0 : x;
    }
    return err == SCOOP_END ? 0 : err;
}

struct maker {
    const struct node *n;
    int made;
};

static int next_child(void *ctx, void *item)
{
    struct maker *m = ctx;

    if (m->made == children(m->n))
        return SCOOP_END;
    *(struct node *)item = child(m->n, m->made++);
    return 0;
}

static int by_items(const struct node *n, int is_completed, double timeout,
                    long *sum)
{
    struct maker m = {n, 0};
    scoop_iter *it;
    int status = 0, tries = 0;
    long x;
    int err = scoop_map_gen(tree, &it, next_child, &m, .in_flight = 3,
                            .as_completed = is_completed);

    while (!err) {
        err = scoop_next_item(it, NULL, &x, &status,
                              .timeout = tries++ < 3 ? timeout : 0);
        if (err == SCOOP_ETIMEDOUT) {
            err = 0;
            continue;
        }
        *sum += err ? 0 : x;
        err = err ? err : status;
    }
    return err == SCOOP_END ? 0 : err;
}

/* Futures that nobody wants: cancelled, released, or left to the return. */
static void spoil(uint64_t *state, const struct node *n)
{
    struct node c = {n->seed ^ 5, 1};
    scoop_future f = scoop_submit(tree, &c), g = scoop_submit(tree, &c);
    scoop_iter *it;

    watch(f);
    watch(g);
    if (scoop_as_completed(&it, (scoop_future[]){f, g}, 2))
        seen.wrong++;
    if (sim_next(state) % 2)
        scoop_cancel(f);
    if (sim_next(state) % 2)
        scoop_release(g);
    else
        scoop_cancel(g);
    scoop_release(f);
}

static int tree(const struct node *n, long *out)
{
    uint64_t state = n->seed ^ 0x5eed;
    scoop_future f[WIDE];
    int count = children(n), way = (int)(sim_next(&state) % WAYS), err = 0;
    double timeout = way % 2 ? (double)(sim_next(&state) % 2000) * 1e-9 : 0;

    sim_work(sim_next(&state) % 3000);
    *out = 1;
    if (n->depth && sim_next(&state) % 8 == 0)
        spoil(&state, n);
    if (way >= 6)
        return by_items(n, way == 7, timeout, out);
    for (int i = 0; i < count; i++) {
        struct node c = child(n, i);
        f[i] = scoop_submit(tree, &c);
        if (sim_next(&state) % 4 == 0)
            watch(f[i]);
    }
    if (way < 2)
        err = by_wait(f, count, SCOOP_ALL_COMPLETED, timeout, out);
    else if (way < 4)
        err = by_wait(f, count, way - 1, timeout, out);
    else
        err = by_completed(f, count, timeout, out);
    return err;
}

static int root(void *arg)
{
    seen.err = scoop_join(scoop_submit(tree, arg), &seen.value);
    return seen.err ? scoop_perror("tree") : 0;
}

static void one(struct sim_params p)
{
    struct sim_report r;
    struct node n = {p.seed * 31 + 1, 6};

    if (children(&n) < 2)
        n.seed += 17;
    memset(&seen, 0, sizeof seen);
    sim_run(&p, root, &n, &r);
    CHECK(r.status == 0 && seen.err == 0);
    CHECK(seen.value == value_of(&n));
    CHECK(seen.called == seen.added && seen.wrong == 0);
    if (seen.err || seen.called != seen.added || seen.wrong)
        printf("seed %llu, %d ranks: err %d, %llu of %llu called\n",
               (unsigned long long)p.seed, p.ranks, seen.err,
               (unsigned long long)seen.called, (unsigned long long)seen.added);
}

int main(void)
{
    uint64_t first = sim_asked("SIM_SEED", 1);
    uint64_t seeds = getenv("SIM_SEED") ? 1 : sim_asked("SIM_SEEDS", 12);

    setenv("SCOOP_STACK", "128K", 0);
    setenv("SCOOP_LOG", "error", 0); /* not of futures that were left */
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        one((struct sim_params){.seed = seed, .ranks = 1});
        one((struct sim_params){.seed = seed, .ranks = 4});
        one((struct sim_params){
            .seed = seed, .ranks = 8, .per_node = 1, .is_wild = true});
        one((struct sim_params){
            .seed = seed, .ranks = 32, .per_node = 4, .is_slow = true});
        one((struct sim_params){.seed = seed,
                                .ranks = 16,
                                .per_node = 8,
                                .has_helper = true,
                                .is_wild = true,
                                .is_slow = true});
    }
    return checks_done();
}
