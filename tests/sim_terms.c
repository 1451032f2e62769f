/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* sim_terms.c -- tasks with times, retries and cancels on a wild network
 *
 * Each task has a number, and from it follow how long it computes, at which
 * attempt it is well, what its terms are and how its submitter deals with it.
 * Whatever the network does: nothing expires early, a result is that of an
 * attempt that was well, no attempt runs twice, the farm ends, and a task that
 * was said never to run does not.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds, in place of 400
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 24u
#define TASKS_MAX 4096u

struct plan {
    uint32_t number;     /* in `seen` */
    uint32_t below;      /* generations below this task */
    uint64_t state;      /* of the children */
    uint64_t work_ns;    /* of each attempt */
    uint8_t good;        /* attempts before this one fail */
    uint8_t retries;     /* that are allowed */
    bool looks;          /* asks whether it should stop */
    uint64_t timeout_ns; /* 0: none */
    uint64_t deadline_ns;
    int priority;
    int place; /* -1: anywhere */
    enum { JOIN, WAIT, CANCEL, CANCEL_LATE, RELEASE, LEAVE, WAYS } way;
};

/* One process: what all ranks see. */
static struct {
    const char *wrong;
    uint32_t tasks;
    uint32_t runs[TASKS_MAX]; /* bit k: attempt k + 1 ran (first 32) */
    bool must_not_run[TASKS_MAX];
} seen;

static void note(const char *wrong)
{
    if (!seen.wrong)
        seen.wrong = wrong;
}

static uint64_t draw(uint64_t *state, uint64_t n)
{
    return sim_next(state) % n;
}

static void make_plan(struct plan *p, uint64_t *state, uint32_t below)
{
    memset(p, 0, sizeof *p);
    p->number = seen.tasks++;
    p->below = below;
    p->state = sim_next(state);
    p->work_ns = draw(state, 4) ? draw(state, 3000) : draw(state, 200000);
    p->good = (uint8_t)(1 + (draw(state, 3) ? 0 : draw(state, 4)));
    p->retries = (uint8_t)(draw(state, 2) ? 0 : draw(state, 5));
    p->looks = draw(state, 2);
    if (draw(state, 3) == 0)
        p->timeout_ns = 1 + draw(state, 100000);
    if (draw(state, 3) == 0)
        p->deadline_ns = 1 + draw(state, 300000);
    p->priority = draw(state, 3) ? 0 : (int)draw(state, 9) - 4;
    p->place = draw(state, 4) ? -1 : (int)draw(state, 1000);
    p->way = draw(state, 2) ? JOIN : (unsigned)draw(state, WAYS);
}

SCOOP_TASK(work, struct plan, uint32_t);

static scoop_future submit(const struct plan *p)
{
    scoop_place anywhere = {0};

    return scoop_submit(work, p, .timeout = (double)p->timeout_ns * 1e-9,
                        .deadline = (double)p->deadline_ns * 1e-9,
                        .retries = p->retries, .priority = p->priority,
                        .place = p->place < 0
                                     ? anywhere
                                     : scoop_on_rank(p->place % scoop_size()));
}

static void check_end(const struct plan *p, int err, uint32_t attempt,
                      uint64_t took_ns)
{
    uint64_t least_ns = UINT64_MAX;

    if (p->timeout_ns)
        least_ns = p->timeout_ns;
    if (p->deadline_ns && p->deadline_ns < least_ns)
        least_ns = p->deadline_ns;
    switch (err) {
    case 0:
        if (attempt < p->good || attempt > 1u + p->retries)
            note("a result of an attempt that cannot be");
        break;
    case SCOOP_EEXPIRED:
        if (took_ns < least_ns)
            note("expired early");
        break;
    case SCOOP_EFAILED:
        if (p->good <= 1u + p->retries && !p->timeout_ns && !p->deadline_ns)
            note("failed though one of its attempts was to be well");
        break;
    case SCOOP_ECANCELLED:
        if (p->way != CANCEL && p->way != CANCEL_LATE)
            note("cancelled by nobody");
        break;
    default:
        note("an error that cannot be");
    }
}

static void deal_with(const struct plan *p, scoop_future f, uint64_t since_ns)
{
    uint32_t attempt = 0;
    int err, answer;

    switch (p->way) {
    case WAIT:
        err = scoop_result(f, &attempt, .timeout = 5e-6);
        if (err == SCOOP_ETIMEDOUT && attempt)
            note("written to at a time-out");
        break;
    case CANCEL_LATE:
        sim_work(p->work_ns);
        /* fall through */
    case CANCEL:
        answer = scoop_cancel(f);
        if (answer < 0)
            note("scoop_cancel");
        if (answer == SCOOP_CANCELLED && !seen.runs[p->number])
            seen.must_not_run[p->number] = true;
        if (answer == SCOOP_CANCELLED && seen.runs[p->number] && !p->retries)
            note("said never to run, and it had");
        break;
    case RELEASE:
        if (scoop_release(f))
            note("scoop_release");
        return;
    case LEAVE:
        return;
    case JOIN:
    case WAYS:
        break;
    }
    err = scoop_join(f, &attempt);
    if (scoop_cancel_requested())
        return; /* cancelled from above: so are they all */
    check_end(p, err, attempt, sim_now_ns() - since_ns);
}

static void have_children(const struct plan *p, unsigned n)
{
    scoop_future f[WIDTH];
    struct plan child[WIDTH];
    uint64_t state = p->state, since_ns = sim_now_ns();

    if (seen.tasks + n > TASKS_MAX)
        return;
    for (unsigned i = 0; i < n; i++) {
        make_plan(&child[i], &state, p->below - 1);
        f[i] = submit(&child[i]);
    }
    for (unsigned i = 0; i < n; i++)
        deal_with(&child[i], f[i], since_ns);
}

static int work(const struct plan *p, uint32_t *attempt)
{
    uint32_t bit = 1u << (scoop_attempt() - 1);

    *attempt = (uint32_t)scoop_attempt();
    if (seen.runs[p->number] & bit)
        note("an attempt ran twice");
    if (seen.must_not_run[p->number])
        note("it ran, and was said never to");
    seen.runs[p->number] |= bit;
    for (unsigned i = 0; i < 8; i++) {
        sim_work(p->work_ns / 8);
        if (p->looks && scoop_cancel_requested())
            return 7;
    }
    if (p->below)
        have_children(p, 3);
    return *attempt < p->good ? scoop_fail(5, "too early") : 0;
}

static int root(void *arg)
{
    struct plan *top = arg;

    for (int round = 0; round < 3; round++) {
        have_children(top, WIDTH);
        sim_next(&top->state);
    }
    return 0;
}

static void choose(const char *name, const char *value, bool is_chosen)
{
    if (is_chosen)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void run(uint64_t seed)
{
    uint64_t state = seed * 77;
    struct sim_params p = {.seed = seed};
    struct sim_report r;
    struct plan top = {.below = 3, .state = seed};

    p.ranks = 1 + (int)draw(&state, 9);
    p.per_node = 1 + (int)draw(&state, (uint64_t)p.ranks);
    p.is_wild = draw(&state, 2);
    p.is_slow = draw(&state, 3) == 0;
    p.has_helper = draw(&state, 2);
    choose("SCOOP_SPIN", "0", draw(&state, 4) == 0);
    choose("SCOOP_STEAL_LOCAL", "0", draw(&state, 8) == 0);
    memset(&seen, 0, sizeof seen);
    sim_run(&p, root, &top, &r);
    CHECK(r.status == 0 && !seen.wrong);
    if (r.status || seen.wrong)
        printf("SIM_SEED=%llu: %d ranks, %d a node, wild %d, helper %d: %s\n",
               (unsigned long long)seed, p.ranks, p.per_node, p.is_wild,
               p.has_helper, seen.wrong ? seen.wrong : "a status");
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 400);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_LOG", "error", 0); /* not of futures that were left */
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); seed++)
        run(seed);
    return checks_done();
}
