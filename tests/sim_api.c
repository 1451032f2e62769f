/* SPDX-License-Identifier: MIT */
/* limit: 180 s; long: SIM_SEEDS=1000 */
/* sim_api.c -- random programs of all calls against a serial model
 *
 * A seed gives a program (tests/sim/api/api.h), a farm (how many ranks, nodes,
 * how wild its network is) and settings.  A plain recursion says what the
 * program gives and how many tasks run; a farm of one rank, where nothing is
 * late, says what scoop_seed() and scoop_index() are.  Then the program runs
 * in the farm, and all must be the same.  What may end in several ways (a
 * cancelled task may have run) may, but in no others.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds, in place of 150
 *     SIM_TRACE=1  prints what runs where
 */
#include "check.h"
#include "sim/api/api.h"

#include <stdlib.h>
#include <string.h>

struct program {
    struct node top;
    uint64_t value;
    int err;
};

static int root(void *arg)
{
    struct program *program = arg;

    scoop_future shutter = {0};

    if (world.ends == SHUTS_MIDWAY)
        shutter = end_midway(&program->top);
    world.root_runs = true;
    program->err = node_run(&program->top, &program->value);
    world.root_runs = false;
    if (world.ends == SHUTS)
        end_program(&program->top);
    if (world.ends == SHUTS_MIDWAY)
        end_join(&program->top, shutter);
    return program->err;
}

static bool choose(const char *name, const char *value, bool is_chosen)
{
    if (is_chosen)
        setenv(name, value, 1);
    else
        unsetenv(name);
    return is_chosen;
}

static void draw_settings(uint64_t *state)
{
    choose("SCOOP_STEAL_LOCAL", "0", draw(state, 8) == 0);
    choose("SCOOP_STEAL_REMOTE", "0", draw(state, 16) == 0);
    choose("SCOOP_LIFELINES", "0", draw(state, 8) == 0);
    choose("SCOOP_SLEEP", "0", draw(state, 16) == 0);
    choose("SCOOP_SPIN", "0", draw(state, 8) == 0);
    choose("SCOOP_EAGER", "256", draw(state, 4) == 0);
    choose("SCOOP_SEED", "17", draw(state, 4) == 0);
    setenv("SCOOP_STACK", draw(state, 3) ? "256K" : "96K", 1);
}

static struct sim_params draw_farm(uint64_t seed, uint64_t *state)
{
    static const int ranks[] = {1, 2, 2, 3, 4, 5, 8, 16, 33};
    struct sim_params p = {.seed = seed};

    p.ranks = ranks[draw(state, sizeof ranks / sizeof ranks[0])];
    p.per_node = 1 + (int)draw(state, (uint64_t)p.ranks);
    p.is_wild = draw(state, 3) == 0;
    p.is_slow = draw(state, 4) == 0;
    p.has_helper = draw(state, 2);
    p.cpus = (int)draw(state, 3);
    return p;
}

/* The program in that farm; the books are in world.got. */
static void run_in(const struct sim_params *p, unsigned ends,
                   struct program *program)
{
    bool is_traced = sim_asked("SIM_TRACE", 0);
    struct sim_report r;

    memset(&world, 0, sizeof world);
    world.ranks = p->ranks;
    world.per_node = p->per_node;
    world.ends = ends;
    world.is_traced = is_traced;
    there_clear();
    sim_run(p, root, program, &r);
    const char *wrong = called_check();
    if (!wrong)
        wrong = end_check();
    if (!wrong && r.status)
        wrong = "the status of the farm";
    if (!world.wrong)
        world.wrong = wrong;
}

/* The first thing in which they differ. */
static const char *difference(const struct program *program, uint64_t value,
                              const struct account *account, uint64_t *got,
                              uint64_t *expected)
{
    const struct account *g = &world.got, *e = account;
    const struct {
        const char *name;
        uint64_t got, expected;
    } rows[] = {
        {"the value", program->value, value},
        {"the number of tasks that ran", g->runs, e->runs},
        {"which tasks ran", g->ran, e->ran},
        {"the number of .done_there", g->there, e->there},
        {"which .done_there ran", g->was_there, e->was_there},
        {"the number of callbacks", g->callbacks, e->callbacks},
        {"which callbacks ran", g->called, e->called},
        {"scoop_seed() or scoop_index()", g->seeds, e->seeds},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        *got = rows[i].got;
        *expected = rows[i].expected;
        if (*got != *expected)
            return rows[i].name;
    }
    return NULL;
}

static bool check(const struct sim_params *p, const struct program *program,
                  uint64_t value, const struct account *account)
{
    uint64_t got = 0, expected = 0;
    const char *differs = NULL;

    if (world.ends != SHUTS_MIDWAY)
        differs = difference(program, value, account, &got, &expected);

    CHECK(!world.wrong);
    CHECK(!differs);
    if (!world.wrong && !differs)
        return true;
    printf("SIM_SEED=%llu: %d ranks, %d a node, wild %d, slow %d, helper %d, "
           "end %d: ",
           (unsigned long long)p->seed, p->ranks, p->per_node, p->is_wild,
           p->is_slow, p->has_helper, (int)world.ends);
    if (world.wrong)
        printf("%s (%d) in task %llx; ", world.wrong, world.wrong_code,
               (unsigned long long)world.wrong_state);
    if (differs)
        printf("%s: %llu, not %llu", differs, (unsigned long long)got,
               (unsigned long long)expected);
    printf("\n");
    return false;
}

static void run(uint64_t seed)
{
    uint64_t state = seed;
    struct sim_params tame = {.seed = seed, .ranks = 1, .per_node = 1};
    struct sim_params farm = draw_farm(seed, &state);
    struct program program = {.top = {.state = hash(seed, 0),
                                      .budget = seed % 16 ? 250 : 1500,
                                      .is_counted = true,
                                      .rank = -1,
                                      .home = -1,
                                      .index = -1}};
    struct program again = program;
    struct account account = {0};
    unsigned ends = (unsigned)draw(&state, 8);

    draw_settings(&state);
    ends = ends == 1 ? SHUTS : ends == 2 ? SHUTS_MIDWAY : RETURNS;
    memset(&world, 0, sizeof world);
    world.ranks = world.per_node = 1;
    world.ends = ends;
    uint64_t value = node_expect(&program.top, &account);
    if (ends == SHUTS)
        end_expect(&program.top, &account);
    run_in(&tame, ends, &program);
    account.seeds = world.got.seeds;
    if (!check(&tame, &program, value, &account))
        return;
    run_in(&farm, ends, &again);
    check(&farm, &again, value, &account);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 150);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_LOG", "error", 0); /* not of futures that were left */
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); seed++)
        run(seed);
    return checks_done();
}
