/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_reduce.c -- reductions, scans, and maps that keep going
 *
 * Items and operations take very different times, some fail, and some calls
 * are left by their time-out.  Sums of floating-point numbers must have the
 * bits of the documented tree on any number of ranks, whoever stole what.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds each, in place of a few
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define MOST 10000u

struct item {
    double value;
    uint64_t work_ns;
    uint32_t nested; /* submits that many, and joins them */
    uint32_t fails;
};

SCOOP_TASK(leaf, double, double);

static int leaf(const double *value, double *out)
{
    sim_work(100);
    *out = *value;
    return 0;
}

SCOOP_TASK(item, struct item, double);

static int item(const struct item *in, double *out)
{
    scoop_future future[8];
    double part;
    int err = 0;

    sim_work(in->work_ns);
    if (in->fails)
        return scoop_fail(7, "item");
    for (uint32_t i = 0; i < in->nested; i++)
        future[i] = scoop_submit(leaf, &in->value);
    for (uint32_t i = 0; i < in->nested; i++) {
        int e = scoop_join(future[i], &part);
        err = err ? err : e;
    }
    *out = in->value;
    return err;
}

SCOOP_REDUCER(add, double);

static int add(const double *left, const double *right, double *out)
{
    sim_work((uint64_t)(*left * 1e6) % 64 ? 50 : 5000);
    *out = *left + *right;
    return 0;
}

/* A reduction within an item. */
SCOOP_TASK(row, double, double);

static int row(const double *first, double *out)
{
    double in[37];

    for (unsigned i = 0; i < 37; i++)
        in[i] = *first + i;
    return scoop_map_reduce(leaf, add, in, out, 37);
}

/* What the root checks, for main() to count; no CHECK on a strand's stack,
 * where printf would need more room than there is. */
struct job {
    uint64_t seed;
    const char *wrong;
};

static struct item *make_items(uint64_t *state, size_t n, unsigned one_in)
{
    struct item *in = calloc(n + 1, sizeof *in);

    for (size_t i = 0; i < n; i++) {
        in[i].value = 1 / (double)(i * i % 1013 + 1);
        in[i].work_ns = sim_next(state) % (i % 64 ? 500 : 20000);
        in[i].nested = i % 16 ? 0 : (uint32_t)(sim_next(state) % 8);
        in[i].fails = one_in && sim_next(state) % one_in == 0;
    }
    return in;
}

/* The documented tree. */
static double tree(const struct item *in, size_t n)
{
    double *v = malloc(n * sizeof *v);

    for (size_t i = 0; i < n; i++)
        v[i] = in[i].value;
    while (n > 1) {
        for (size_t i = 0; i < n / 2; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
        if (n % 2)
            v[n / 2] = v[n - 1];
        n = (n + 1) / 2;
    }
    double sum = v[0];
    free(v);
    return sum;
}

static const char *reduce_once(uint64_t *state, size_t n)
{
    struct item *in = make_items(state, n, 0);
    double sum = -1, expected = tree(in, n);
    size_t chunk = sim_next(state) % 2 ? 0 : sim_next(state) % 50;
    const char *wrong = NULL;

    if (scoop_map_reduce(item, add, in, &sum, n, .chunk = chunk))
        wrong = "the reduction failed";
    else if (memcmp(&sum, &expected, sizeof sum))
        wrong = "the sum has other bits";
    free(in);
    return wrong;
}

static const char *reduce_failing(uint64_t *state, size_t n)
{
    struct item *in = make_items(state, n, 50);
    double sum = -1;
    const char *wrong = NULL;

    in[sim_next(state) % n].fails = 1;
    int err = scoop_map_reduce(item, add, in, &sum, n);
    const struct scoop_error *e = scoop_last_error();
    if (err != SCOOP_EFAILED || sum > -1 || sum < -1)
        wrong = "a reduction with failing items did not fail";
    else if (!e || !e->has_item || e->item >= n || !in[e->item].fails ||
             e->task_code != 7)
        wrong = "the error does not name an item that failed";
    free(in);
    return wrong;
}

/* Left by its time-out: nothing is read or written afterwards. */
static const char *reduce_in_time(uint64_t *state, size_t n)
{
    struct item *in = make_items(state, n, 0);
    double sum = -1, value = 1, expected = tree(in, n);
    double seconds = (double)(sim_next(state) % 1000) * 1e-6;
    const char *wrong = NULL;
    int err =
        scoop_map_reduce(item, add, in, &sum, n, .timeout = seconds + 1e-9);

    if (err == SCOOP_ETIMEDOUT) {
        memset(in, -1, n * sizeof *in);
        sim_work(300000);
        for (int i = 0; i < 20; i++)
            scoop_join(scoop_submit(leaf, &(double){1}), &value);
        if (sum > -1 || sum < -1)
            wrong = "written to after the time-out";
    } else if (err) {
        wrong = "a reduction with a time-out failed otherwise";
    } else if (memcmp(&sum, &expected, sizeof sum)) {
        wrong = "the sum has other bits";
    }
    free(in);
    return wrong;
}

/* The documented blocks. */
static const char *scan_once(uint64_t *state, size_t n, bool in_time)
{
    struct item *in = make_items(state, n, 0);
    double *out = calloc(n + 1, sizeof *out), before = 0, here = 0, sum = 0;
    const char *wrong = NULL;
    unsigned log = 0;
    int err;

    while ((size_t)2 << log <= n)
        log++;
    if (in_time) {
        double seconds = (double)(sim_next(state) % 1000) * 1e-6;
        err = scoop_map_scan(item, add, in, out, n, .timeout = seconds + 1e-9);
    } else {
        err = scoop_map_scan(item, add, in, out, n);
    }
    if (err && !(in_time && err == SCOOP_ETIMEDOUT))
        wrong = "the scan failed";
    for (size_t i = 0; i < n && !err && !wrong; i++) {
        if (i & (((size_t)1 << log / 2) - 1)) {
            here += in[i].value;
            sum += in[i].value;
        } else {
            before = i > (size_t)1 << log / 2 ? before + sum : sum;
            here = i ? before + in[i].value : in[i].value;
            sum = in[i].value;
        }
        if (memcmp(&here, &out[i], sizeof here))
            wrong = "a sum so far has other bits";
    }
    if (err) {
        memset(in, -1, n * sizeof *in);
        memset(out, 0, n * sizeof *out);
        sim_work(300000);
        for (int i = 0; i < 20; i++)
            scoop_join(scoop_submit(leaf, &(double){1}), &sum);
        for (size_t i = 0; i < n; i++)
            if (out[i] > 0)
                wrong = "written to after the time-out";
    }
    free(in);
    free(out);
    return wrong;
}

/* Whatever fails, the others have their results. */
static const char *keep_going(uint64_t *state, size_t n, unsigned one_in,
                              bool in_time)
{
    struct item *in = make_items(state, n, one_in);
    double *out = calloc(n + 1, sizeof *out);
    int *status = calloc(n + 1, sizeof *status);
    const char *wrong = NULL;
    size_t first = SIZE_MAX;
    double seconds = (double)(sim_next(state) % 1000) * 1e-6;
    int err = in_time
                  ? scoop_map(item, in, out, n, .timeout = seconds + 1e-9,
                              .on_error = SCOOP_KEEP_GOING, .status = status)
                  : scoop_map(item, in, out, n, .status = status,
                              .on_error = SCOOP_KEEP_GOING);
    const struct scoop_error *e = scoop_last_error();

    for (size_t i = 0; i < n; i++) {
        bool is_right = out[i] >= in[i].value && out[i] <= in[i].value;
        if (in[i].fails && first == SIZE_MAX)
            first = i;
        if (status[i] == SCOOP_ECANCELLED && err == SCOOP_ETIMEDOUT)
            continue;
        if (status[i] != (in[i].fails ? SCOOP_EFAILED : 0))
            wrong = "an item has another status";
        else if (!status[i] && !is_right)
            wrong = "an item has another value";
    }
    if (err != SCOOP_ETIMEDOUT || !in_time) {
        if (err != (first < n ? SCOOP_EFAILED : 0))
            wrong = "the map says something else";
        if (err && (!e || !e->has_item || e->item != first))
            wrong = "the error does not name the first item that failed";
    }
    free(in);
    free(out);
    free(status);
    return wrong;
}

static const char *reduce_rows(size_t n)
{
    double first[64], sum, expected = 0;

    for (size_t i = 0; i < n; i++) {
        first[i] = (double)i * 100;
        expected += 37 * first[i] + 36 * 37 / 2;
    }
    if (scoop_map_reduce(row, add, first, &sum, n))
        return "a reduction of reductions failed";
    return sum < expected || sum > expected ? "its value is another" : NULL;
}

static int root(void *arg)
{
    static const size_t length[] = {1, 2, 3, 127, 1009, MOST};
    struct job *job = arg;
    uint64_t state = job->seed;

    for (size_t i = 0; i < sizeof length / sizeof length[0]; i++) {
        size_t n = length[i];
        const char *wrong = reduce_once(&state, n);
        if (!wrong)
            wrong = reduce_in_time(&state, n);
        if (!wrong && n < MOST)
            wrong = reduce_failing(&state, n);
        if (!wrong)
            wrong = scan_once(&state, n, false);
        if (!wrong)
            wrong = scan_once(&state, n, true);
        if (!wrong && n < MOST)
            wrong = keep_going(&state, n, 20, false);
        if (!wrong && n < MOST)
            wrong = keep_going(&state, n, i % 2 ? 1 : 5, false);
        if (!wrong && n < MOST)
            wrong = keep_going(&state, n, 20, true);
        if (wrong && !job->wrong)
            job->wrong = wrong;
    }
    if (!job->wrong)
        job->wrong = reduce_rows(64);
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
