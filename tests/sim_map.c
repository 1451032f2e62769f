/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_map.c -- maps of all lengths, whose items submit tasks of their own
 *
 * Items take very different times, some fail, some are maps themselves, and
 * some maps are left by their time-out.  What must be in the output is known
 * from the index alone.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds each, in place of a few
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>

#define MOST 10000u

struct item {
    uint64_t value;
    uint64_t work_ns;
    uint32_t nested; /* submits that many, and joins them */
    uint32_t fails;
};

static uint64_t image(uint64_t value)
{
    return sim_next(&value);
}

SCOOP_TASK(leaf, uint64_t, uint64_t);

static int leaf(const uint64_t *value, uint64_t *out)
{
    sim_work(100);
    *out = image(*value);
    return 0;
}

SCOOP_TASK(item, struct item, uint64_t);

static int item(const struct item *in, uint64_t *out)
{
    scoop_future future[8];
    uint64_t sum = image(in->value), part;

    sim_work(in->work_ns);
    if (in->fails)
        return scoop_fail(7, "item %llu", (unsigned long long)in->value);
    for (uint32_t i = 0; i < in->nested; i++)
        future[i] = scoop_submit(leaf, &(uint64_t){in->value + i});
    for (uint32_t i = 0; i < in->nested; i++) {
        int err = scoop_join(future[i], &part);
        if (err)
            return err;
        sum += part;
    }
    *out = sum;
    return 0;
}

/* A map within an item. */
SCOOP_TASK(row, uint64_t, uint64_t);

static int row(const uint64_t *first, uint64_t *out)
{
    uint64_t in[37], image_of[37];

    for (unsigned i = 0; i < 37; i++)
        in[i] = *first + i;
    int err = scoop_map(leaf, in, image_of, 37);
    if (err)
        return err;
    *out = 0;
    for (unsigned i = 0; i < 37; i++)
        *out += image_of[i];
    return 0;
}

static uint64_t expect(const struct item *in)
{
    uint64_t sum = image(in->value);

    for (uint32_t i = 0; i < in->nested; i++)
        sum += image(in->value + i);
    return sum;
}

/* What the root checks, for main() to count; no CHECK on a strand's stack,
 * where printf would need more room than there is. */
struct job {
    uint64_t seed;
    const char *wrong;
};

static struct item *make_items(uint64_t *state, size_t n, size_t failing)
{
    struct item *in = calloc(n + 1, sizeof *in);

    for (size_t i = 0; i < n; i++) {
        in[i].value = i;
        in[i].work_ns = sim_next(state) % (i % 64 ? 500 : 20000);
        in[i].nested = i % 16 ? 0 : (uint32_t)(sim_next(state) % 8);
        in[i].fails = i >= failing && sim_next(state) % 4 == 0;
    }
    if (failing < n)
        in[n - 1].fails = 1;
    return in;
}

static const char *map_once(uint64_t *state, size_t n)
{
    struct item *in = make_items(state, n, n);
    uint64_t *out = malloc((n + 1) * sizeof *out);
    const char *wrong = NULL;

    out[n] = 42;
    if (scoop_map(item, in, out, n))
        wrong = "the map failed";
    for (size_t i = 0; i < n && !wrong; i++)
        if (out[i] != expect(&in[i]))
            wrong = "an item has another value";
    if (out[n] != 42)
        wrong = "it wrote past the end";
    free(in);
    free(out);
    return wrong;
}

static const char *map_failing(uint64_t *state, size_t n)
{
    struct item *in = make_items(state, n, n / 2);
    uint64_t *out = malloc((n + 1) * sizeof *out);
    const char *wrong = NULL;
    int err = scoop_map(item, in, out, n);
    const struct scoop_error *e = scoop_last_error();

    if (err != SCOOP_EFAILED)
        wrong = "a map with failing items did not fail";
    else if (!e || !e->has_item || e->item >= n || !in[e->item].fails ||
             e->task_code != 7)
        wrong = "the error does not name an item that failed";
    free(in);
    free(out);
    return wrong;
}

/* Left by its time-out: nothing is written to the output afterwards. */
static const char *map_in_time(uint64_t *state, size_t n)
{
    struct item *in = make_items(state, n, n);
    uint64_t *out = calloc(n + 1, sizeof *out);
    double seconds = (double)(sim_next(state) % 1000) * 1e-6;
    const char *wrong = NULL;
    int err = scoop_map(item, in, out, n, .timeout = seconds + 1e-9);

    if (err == SCOOP_ETIMEDOUT) {
        uint64_t *copy = malloc((n + 1) * sizeof *copy), value;
        for (size_t i = 0; i < n; i++) {
            copy[i] = out[i];
            in[i].value = 1234567; /* may not be looked at any more */
        }
        sim_work(300000);
        for (int i = 0; i < 20; i++)
            scoop_join(scoop_submit(leaf, &(uint64_t){1}), &value);
        for (size_t i = 0; i < n; i++)
            if (copy[i] != out[i])
                wrong = "written to after the time-out";
        free(copy);
    } else if (err) {
        wrong = "a map with a time-out failed otherwise";
    }
    for (size_t i = 0; i < n && !wrong && !err; i++)
        if (out[i] != expect(&in[i]))
            wrong = "an item of a map with a time-out has another value";
    free(in);
    free(out);
    return wrong;
}

static const char *map_rows(size_t n)
{
    uint64_t first[64], out[64];

    for (size_t i = 0; i < n; i++)
        first[i] = i * 100;
    if (scoop_map(row, first, out, n))
        return "a map of maps failed";
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < 37; k++)
            out[i] -= image(first[i] + k);
    for (size_t i = 0; i < n; i++)
        if (out[i])
            return "a map of maps has another value";
    return NULL;
}

static int root(void *arg)
{
    static const size_t length[] = {0, 1, 2, 3, 127, 1009, MOST};
    struct job *job = arg;
    uint64_t state = job->seed;

    for (size_t i = 0; i < sizeof length / sizeof length[0]; i++) {
        if (!job->wrong)
            job->wrong = map_once(&state, length[i]);
        if (!job->wrong && length[i])
            job->wrong = map_in_time(&state, length[i]);
        if (!job->wrong && length[i] && length[i] < MOST)
            job->wrong = map_failing(&state, length[i]);
    }
    if (!job->wrong)
        job->wrong = map_rows(64);
    return 0;
}

static const struct world {
    int ranks, per_node;
    unsigned seeds;
    const char *setting, *value;
} worlds[] = {
    {1, 1, 2, NULL, NULL},     {2, 2, 4, NULL, NULL},
    {2, 1, 4, NULL, NULL},     {7, 3, 4, NULL, NULL},
    {64, 64, 2, NULL, NULL},   {64, 8, 2, NULL, NULL},
    {64, 1, 2, NULL, NULL},    {7, 3, 2, "STEAL_LOCAL", "0"},
    {7, 3, 2, "EAGER", "256"},
};

static void run(const struct world *w, uint64_t seed)
{
    struct sim_params params = {.seed = seed,
                                .ranks = w->ranks,
                                .per_node = w->per_node,
                                .is_wild = seed % 3 == 1,
                                .has_helper = seed % 2};
    struct sim_report r;
    struct job job = {seed, NULL};
    char name[32];

    if (w->setting) {
        snprintf(name, sizeof name, "SCOOP_%s", w->setting);
        setenv(name, w->value, 1);
    }
    sim_run(&params, root, &job, &r);
    if (w->setting)
        unsetenv(name);
    CHECK(r.status == 0);
    CHECK(!job.wrong);
    printf("%2d ranks, %2d a node, seed %llu, %s=%s: %s; %.3f ms, %llu "
           "events, %llu messages, steals %llu of %llu won\n",
           w->ranks, w->per_node, (unsigned long long)seed,
           w->setting ? w->setting : "-", w->setting ? w->value : "-",
           job.wrong ? job.wrong : "right", (double)r.end_ns * 1e-6,
           (unsigned long long)r.events, (unsigned long long)r.messages,
           (unsigned long long)r.won, (unsigned long long)r.tried);
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
