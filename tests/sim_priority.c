/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_priority.c -- which of the queued tasks comes first
 *
 *   one rank    a random tree of tasks of all priorities: whenever one starts,
 *               none of a higher priority is queued, that of the task that
 *               waits for it considered
 *   robbed      a thief that finds tasks of all priorities on a busy mate, or
 *               asks a busy rank of another node, runs the highest first
 *   fixed       tasks for one rank, or for the node that it is alone on, in
 *               the order of their priorities
 *   a node      tasks for a node run there, on all of its ranks, while the
 *               rank that they were sent to is busy
 *   early end   a cancelled one of each lane never runs
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds, in place of 60
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define LEVELS 9
#define MANY 2000
#define MS UINT64_C(1000000)

/* One process, one run at a time: what all ranks see. */
static struct {
    uint64_t random;
    int per_node;
    int queued[LEVELS]; /* submitted and not started, of one rank */
    int wrong;
    int ran;
    int level[MANY]; /* of those that ran, in order */
    int rank[MANY];
    bool is_held; /* a rank is kept busy, */
    bool is_open; /* and this may end */
} seen;

struct leaf {
    int level;
    int number;
};

SCOOP_TASK(grow, struct leaf, int);
SCOOP_TASK(leaf, struct leaf, SCOOP_NONE);
SCOOP_TASK(hold, int, SCOOP_NONE);

static int below(int n)
{
    return (int)(sim_next(&seen.random) % (uint64_t)n);
}

/* ---- One rank --------------------------------------------------------- */

/* number: the highest level of all that may wait for it, and how deep it is. */
static scoop_future plant(int parent, int depth)
{
    struct leaf new = {below(LEVELS) - 4, (parent + 4) * 10 + depth};

    seen.queued[new.level + 4]++;
    return scoop_submit(grow, &new, .priority = new.level);
}

static int grow(const struct leaf *me, int *size)
{
    int parent = me->number / 10 - 4, depth = me->number % 10;
    int level = parent > me->level ? parent : me->level;
    scoop_future f[6];
    int n = depth < 4 ? below(6) : 0, part;

    seen.queued[me->level + 4]--;
    for (int i = level + 1; i <= 4; i++)
        seen.wrong += seen.queued[i + 4] != 0;
    sim_work((uint64_t)below(3000));
    *size = 1;
    for (int i = 0; i < n; i++)
        f[i] = plant(level, depth + 1);
    for (int left = n; left; left--) {
        int i = below(left);
        if (scoop_join(f[i], &part))
            return 1;
        *size += part;
        f[i] = f[left - 1];
    }
    return 0;
}

static int one_rank(void *arg)
{
    scoop_future f[40];
    int part, *size = arg;

    for (int i = 0; i < 40; i++)
        f[i] = plant(-4, 0);
    for (int i = 0; i < 40; i++) {
        if (scoop_join(f[i], &part))
            return 1;
        *size += part;
    }
    return 0;
}

/* ---- In what order a rank runs what it finds -------------------------- */

static int leaf(const struct leaf *me, SCOOP_NONE *none)
{
    (void)none;
    seen.level[seen.ran] = me->level;
    seen.rank[seen.ran++] = scoop_rank();
    sim_work(20000);
    return 0;
}

/* Keeps its rank busy, without a call, until the root says so. */
static int hold(const int *ns, SCOOP_NONE *none)
{
    (void)none;
    seen.is_held = true;
    while (!seen.is_open)
        sim_work((uint64_t)*ns);
    return 0;
}

/* How often a rank of the range ran a task after one of a lower priority. */
static int disorder(int first, int last)
{
    int wrong = 0;

    for (int rank = first; rank <= last; rank++)
        for (int i = 0, level = 4; i < seen.ran; i++) {
            if (seen.rank[i] != rank)
                continue;
            wrong += seen.level[i] > level;
            level = seen.level[i];
        }
    return wrong;
}

static int join_all(scoop_future *f, int n)
{
    int wrong = 0;

    while (n--)
        wrong += scoop_join(f[n], NULL) != 0;
    return wrong;
}

static scoop_future keep_busy(int rank, int ns)
{
    scoop_future held = scoop_submit(hold, &ns, .place = scoop_on_rank(rank));

    while (!seen.is_held)
        sim_work(MS);
    return held;
}

/* Rank 1 is busy, rank 0 stays so.  Then rank 1 finds or is sent all of it. */
static int robbed(void *arg)
{
    enum { N = LEVELS * 16 };
    scoop_future f[N], held;

    held = keep_busy(1, 1000);
    for (int i = 0; i < N; i++) {
        struct leaf new = {below(LEVELS) - 4, i};
        f[i] = scoop_submit(leaf, &new, .priority = new.level);
    }
    seen.is_open = true;
    sim_work(500 * MS);
    /* What was taken, half by half, was all of the highest there was. */
    if (seen.per_node == 2) /* else some were sent while they were few */
        CHECK(disorder(1, 1) == 0);
    *(int *)arg += seen.ran;
    return join_all(f, N) + scoop_join(held, NULL);
}

static int fixed(void *arg)
{
    enum { N = 300 };
    scoop_future f[N], held;
    int to = *(int *)arg;

    held = keep_busy(to, 1000);
    for (int i = 0; i < N; i++) {
        struct leaf new = {below(LEVELS) - 4, i};
        scoop_place place =
            seen.per_node == 1 && i % 2 ? scoop_on_node(to) : scoop_on_rank(to);
        f[i] = scoop_submit(leaf, &new, .priority = new.level, .place = place);
    }
    sim_work(200 * MS); /* all have arrived */
    seen.is_open = true;
    int err = join_all(f, N) + scoop_join(held, NULL);
    CHECK(disorder(to, to) == 0);
    for (int i = 0; i < N; i++)
        CHECK(seen.rank[i] == to);
    return err;
}

/* Node 1 has ranks 3, 4 and 5; rank 3, its watcher, is busy for long. */
static int on_node(void *arg)
{
    enum { N = 400 };
    scoop_future f[N], held;
    int ran[16] = {0};

    held = keep_busy(3, 100000);
    for (int i = 0; i < N; i++) {
        struct leaf new = {below(LEVELS) - 4, i};
        f[i] = scoop_submit(leaf, &new, .priority = new.level,
                            .place =
                                i % 2 ? scoop_on_node(1) : scoop_near_node(1));
        if (i % 2 == 0)
            scoop_join(f[i], NULL);
    }
    seen.is_open = true;
    int err = scoop_join(held, NULL);
    for (int i = 1; i < N; i += 2)
        err += scoop_join(f[i], NULL);
    for (int i = 0; i < seen.ran; i++)
        ran[seen.rank[i]]++;
    CHECK(seen.ran == N);
    CHECK(ran[3] + ran[4] + ran[5] >= N / 2);
    *(int *)arg += ran[4] + ran[5];
    return err;
}

/* One of each lane, of this rank, cancelled while it is queued. */
static int cancelled(void *arg)
{
    scoop_future f[2 * LEVELS];

    (void)arg;
    for (int i = 0; i < 2 * LEVELS; i++) {
        struct leaf new = {i / 2 - 4, i};
        f[i] = scoop_submit(leaf, &new, .priority = new.level,
                            .place =
                                i % 2 ? scoop_on_node(0) : scoop_near_rank(0));
    }
    for (int i = 0; i < 2 * LEVELS; i++)
        scoop_cancel(f[i]);
    for (int i = 0; i < 2 * LEVELS; i++)
        CHECK(scoop_join(f[i], NULL) == SCOOP_ECANCELLED);
    CHECK(seen.ran == 0);
    return 0;
}

/* ---- Runs ------------------------------------------------------------- */

static void run(uint64_t seed, int ranks, int per_node, int (*root)(void *),
                int *arg)
{
    struct sim_params p = {.seed = seed,
                           .ranks = ranks,
                           .per_node = per_node,
                           .is_wild = seed % 3 == 0,
                           .has_helper = true};
    struct sim_report r;

    memset(&seen, 0, sizeof seen);
    seen.random = seed;
    seen.per_node = per_node;
    int before = checks_failed;
    sim_run(&p, root, arg, &r);
    CHECK(r.status == 0);
    CHECK(seen.wrong == 0);
    for (int i = 0; i < LEVELS; i++)
        CHECK(seen.queued[i] == 0);
    if (checks_failed != before)
        printf("SIM_SEED=%llu: %d ranks, %d a node\n", (unsigned long long)seed,
               ranks, per_node);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 60);
    int size = 0, taken = 0, helped = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds);
         seed++) {
        run(seed, 1, 1, one_rank, &size);
        run(seed, 1, 1, cancelled, NULL);
        run(seed, 2, 2, robbed, &taken);
        run(seed, 2, 1, robbed, &taken);
        run(seed, 2, 2, fixed, &(int){1});
        run(seed, 3, 1, fixed, &(int){2});
        run(seed, 9, 3, on_node, &helped);
    }
    printf("%d tasks in trees, %d taken, %d run by mates\n", size, taken,
           helped);
    CHECK(size > 40 && taken > 0 && helped > 0);
    return checks_done();
}
