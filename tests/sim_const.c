/* SPDX-License-Identifier: MIT */
/* limit: 120 s */
/* sim_const.c -- constants among many ranks that all define and delete
 *
 * Every rank has a task that does this and that with a few names, at the same
 * time as the others.  The ranks are one process, so what they see is written
 * down in one place: of a name and a version there is only one value, however
 * often and wherever it is looked at; who is told that he has defined it has;
 * and when all is quiet, all tables are the same and the books balance.
 */
#include "check.h"
#include "runtime.h"
#include "sim/sim.h"
#include "sim/world.h"

#include <scoop.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 6, VERSIONS = 400, RANKS = 256 };

struct value {
    uint64_t id;
    uint64_t fill[8];
};

static struct {
    const char *wrong;
    int code;
    uint64_t value[NAMES][VERSIONS]; /* 0: nobody has looked at it */
    unsigned defined[NAMES], deleted[NAMES], unknown;
    uint64_t state[NAMES][2]; /* version and value at the end */
    unsigned vain;
    uint64_t last_id;
    unsigned full, turns;
} seen;

static void note(const char *what, int code)
{
    if (seen.wrong)
        return;
    seen.wrong = what;
    seen.code = code;
}

SCOOP_TASK(act, uint64_t, SCOOP_NONE);
SCOOP_TASK(compare, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(vain, int, SCOOP_NONE);

static const char *name_of(unsigned k)
{
    static const char *const name[NAMES] = {"a", "b", "large.c",
                                            "d", "e", "large.f"};
    return name[k];
}

static size_t len_of(unsigned k)
{
    return name_of(k)[0] == 'l' ? 5000 + 1000 * k : sizeof(struct value);
}

static void fill(unsigned char *data, uint64_t id, size_t len)
{
    for (size_t i = 0; i < len / 8; i++) {
        uint64_t word = id * (i + 1);
        memcpy(data + 8 * i, &word, 8);
    }
}

/* What is found under a name must be what everybody finds. */
static uint64_t look(unsigned k, double timeout)
{
    struct scoop_const c = {.kind = SCOOP_CONST_BYTES};
    struct scoop_wait_options options = {timeout};
    int err = scoop_const_get_of(name_of(k), &c, &options);

    if (err && err != SCOOP_ETIMEDOUT && err != SCOOP_ENOCONST)
        note("a look", err);
    if (err)
        return 0;
    const uint64_t *word = c.data;
    uint64_t id = word[0];
    if (c.len != len_of(k) || c.version >= VERSIONS || !c.version)
        note("a constant's length or version", (int)c.len);
    for (size_t i = 0; i < c.len / 8; i++)
        if (word[i] != id * (i + 1))
            note("a constant's bytes", (int)i);
    uint64_t *first = &seen.value[k][c.version % VERSIONS];
    if (*first && *first != id)
        note("two values of one version", (int)c.version);
    *first = id;
    return id;
}

static const struct shared_entry *entry_on(int rank, unsigned k)
{
    const struct runtime *rt = sim_world->rank[rank].rt;

    return shared_find(&rt->shared, name_of(k), strlen(name_of(k)));
}

/* A definition has succeeded: there is no rank that does not have it, or has
 * not had it. */
static void check_all_have(unsigned k, uint64_t id)
{
    uint64_t version = 0;

    for (int i = 0; i < scoop_size() && !version; i++) {
        const struct shared_entry *e = entry_on(i, k);
        if (e && e->is_there && *(uint64_t *)e->data == id)
            version = e->version;
    }
    for (int i = 0; i < scoop_size() && version; i++) {
        const struct shared_entry *e = entry_on(i, k);
        if (!e || e->version < version)
            note("a rank does not have it yet", i);
    }
}

static void define(uint64_t *state, unsigned k, bool has_time)
{
    unsigned char *data = calloc(2, 16384);
    uint64_t id = ++seen.last_id;
    unsigned second = (k + 1 + (unsigned)(sim_next(state) % 2)) % NAMES;
    size_t n = 1 + sim_next(state) % 2;
    struct scoop_wait_options options = {has_time ? 1e-6 : 0};

    fill(data, id, len_of(k));
    fill(data + 16384, id, len_of(second));
    struct scoop_const c[2] = {{.name = name_of(k),
                                .kind = SCOOP_CONST_BYTES,
                                .data = data,
                                .len = len_of(k)},
                               {.name = name_of(second),
                                .kind = SCOOP_CONST_BYTES,
                                .data = data + 16384,
                                .len = len_of(second)}};
    int err = scoop_const_set_of(c, n, &options);
    memset(data, 0xdd, 2 * 16384);
    free(data);
    if (err == SCOOP_ETIMEDOUT && has_time)
        seen.unknown++;
    else if (err && err != SCOOP_EEXISTS && !(err == SCOOP_ENOMEM && seen.full))
        note("a definition", err);
    if (err)
        return;
    for (size_t i = 0; i < n; i++)
        check_all_have(i ? second : k, id);
    seen.defined[k]++;
    if (n > 1)
        seen.defined[second]++;
}

static int act(const uint64_t *seed, SCOOP_NONE *out)
{
    uint64_t state = *seed;

    (void)out;
    for (unsigned i = 0; i < seen.turns; i++) {
        unsigned k = (unsigned)(sim_next(&state) % NAMES);
        int err;
        switch (sim_next(&state) % 8) {
        case 0:
        case 1:
            define(&state, k, false);
            break;
        case 2:
            if (sim_next(&state) % 4 == 0)
                define(&state, k, true);
            break;
        case 3:
        case 4:
            err = scoop_const_delete(name_of(k));
            if (!err)
                seen.deleted[k]++;
            else if (err != SCOOP_ENOCONST)
                note("a deletion", err);
            break;
        case 5:
            sim_work(sim_next(&state) % (sim_next(&state) % 4 ? 5000 : 300000));
            break;
        case 6:
            look(k, 1e-6 + (double)(sim_next(&state) % 100) * 1e-6);
            break;
        default:
            look(k, SCOOP_NOW);
        }
    }
    return 0;
}

/* All ranks have the same table. */
static int compare(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    for (unsigned k = 0; k < NAMES; k++) {
        uint64_t version = scoop_const_version(name_of(k));
        uint64_t value = look(k, SCOOP_NOW);
        if (!scoop_rank()) {
            seen.state[k][0] = version;
            seen.state[k][1] = value;
        } else if (seen.state[k][0] != version || seen.state[k][1] != value) {
            note("the table of a rank", scoop_rank());
        }
    }
    return 0;
}

static int vain(const int *is_endless, SCOOP_NONE *out)
{
    const int *value;
    int err =
        scoop_const_get("never", &value, .timeout = *is_endless ? 0 : 0.001);

    (void)out;
    if (err != (*is_endless ? SCOOP_ENOCONST : SCOOP_ETIMEDOUT) &&
        err != SCOOP_ENOCONST)
        note("a look in vain", err);
    seen.vain++;
    return 0;
}

/* Nothing is under way any more, by rank 0's order: this is the last. */
static void settle(void)
{
    int err;

    do
        err = scoop_const_set("the last", &(int){1});
    while (err == SCOOP_ENOMEM && seen.full);
    if (err)
        note("the last definition", err);
}

static void balance(void)
{
    for (unsigned k = 0; k < NAMES && !seen.unknown; k++) {
        unsigned there = seen.state[k][1] != 0;
        if (seen.defined[k] != seen.deleted[k] + there)
            note("the books do not balance", (int)k);
        if (there && seen.state[k][0] != seen.defined[k])
            note("a version is not the number of definitions", (int)k);
    }
}

static int root(void *arg)
{
    static scoop_future f[RANKS];
    uint64_t state = *(uint64_t *)arg;
    int size = scoop_size();

    for (int i = 0; i < size; i++) {
        uint64_t seed = sim_next(&state);
        f[i] = scoop_submit(act, &seed, .place = scoop_on_rank(i));
    }
    for (int i = 0; i < size; i++)
        if (scoop_join(f[i], NULL))
            note("a task", i);
    settle();
    compare(NULL, NULL);
    balance();
    for (int i = 0; i < size; i++)
        f[i] = scoop_submit(compare, NULL, .place = scoop_on_rank(i));
    for (int i = 0; i < size; i++)
        if (scoop_join(f[i], NULL))
            note("a comparison", i);
    for (int i = 0; i < size; i++)
        scoop_submit(vain, &(int){i % 2 == 0}, .detached = 1,
                     .place = scoop_on_rank(i));
    scoop_const_set("after the end", &(int){1}, .timeout = SCOOP_NOW);
    return 0;
}

static void run(uint64_t seed)
{
    static const int ranks[] = {1, 2, 2, 3, 4, 4, 7, 8, 16, 33};
    uint64_t state = seed;
    struct sim_params p = {.seed = seed};
    struct sim_report r;

    p.ranks = ranks[sim_next(&state) % (sizeof ranks / sizeof ranks[0])];
    p.per_node = 1 + (int)(sim_next(&state) % (uint64_t)p.ranks);
    if (seed % 60 == 0)
        p.ranks = 150, p.per_node = 1 + (int)(seed / 60 % 8);
    p.is_wild = sim_next(&state) % 3 == 0;
    p.has_helper = sim_next(&state) % 2;
    p.full_one_in = sim_next(&state) % 4 ? 0 : 16;
    memset(&seen, 0, sizeof seen);
    seen.full = p.full_one_in;
    seen.turns = p.ranks > 100 ? 3 : 24;
    sim_run(&p, root, &state, &r);
    CHECK(r.status == 0);
    CHECK(!seen.wrong);
    CHECK(seen.vain == (unsigned)p.ranks);
    if (!seen.wrong && !r.status && seen.vain == (unsigned)p.ranks)
        return;
    printf("SIM_SEED=%llu: %d ranks, %d a node, wild %d, helper %d, full %u: "
           "%s (%d)\n",
           (unsigned long long)seed, p.ranks, p.per_node, p.is_wild,
           p.has_helper, p.full_one_in,
           seen.wrong ? seen.wrong : "not all tasks ended", seen.code);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 60);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_SPIN", "5us", 0); /* a rank that spins takes time here */
    setenv("SCOOP_LOG", "error", 0);
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); seed++)
        run(seed);
    return checks_done();
}
