/* SPDX-License-Identifier: MIT */
/* node.c -- one task of a random program: its plan, its work, its model
 *
 * See api.h.
 */
#include "api.h"

#include <stdio.h>
#include <string.h>

struct world world;

static const struct kind *const kinds[] = {
    &one_kind,       &failing_kind,  &given_up_kind, &several_kind,
    &completed_kind, &called_kind,   &map_kind,      &map_failing_kind,
    &map_left_kind,  &map_json_kind, &items_kind,    &items_left_kind,
    &each_kind,      &reduce_kind,   &scan_kind,     &const_kind,
    &race_kind};

#define KINDS (sizeof kinds / sizeof kinds[0])

uint64_t draw(uint64_t *state, uint64_t n)
{
    return sim_next(state) % n;
}

uint64_t hash(uint64_t x, uint64_t y)
{
    uint64_t state = x * 0xd6e8feb86659fd93u ^ y;

    return sim_next(&state);
}

bool is_given_up(const struct node *node)
{
    return world.is_shut || (!node->is_counted && scoop_cancel_requested());
}

void insist(const struct node *node, const char *wrong, int code)
{
    if (world.wrong)
        return;
    world.wrong = wrong;
    world.wrong_state = node->state;
    world.wrong_code = code;
}

void note(const struct node *node, const char *wrong, int code)
{
    if (!is_given_up(node))
        insist(node, wrong, code);
}

/* ---- What a number means ---------------------------------------------- */

static unsigned draw_kind(uint64_t *state)
{
    unsigned sum = 0, at;

    for (unsigned i = 0; i < KINDS; i++)
        sum += kinds[i]->weight;
    at = (unsigned)draw(state, sum);
    for (unsigned i = 0; i < KINDS; i++) {
        if (at < kinds[i]->weight)
            return i;
        at -= kinds[i]->weight;
    }
    return 0;
}

static unsigned plan(const struct node *node, struct op *op)
{
    uint64_t state = node->state;
    unsigned n = 1 + (unsigned)draw(&state, OPS_MAX);

    if (!node->budget || node->depth >= DEPTH_MAX)
        return 0;
    if (!node->depth)
        n = OPS_MAX;
    for (unsigned i = 0; i < n; i++) {
        const struct kind *kind = kinds[op[i].kind = draw_kind(&state)];
        op[i].state = sim_next(&state);
        op[i].n = (unsigned)draw(&state, 20);
        op[i].budget = node->budget / n;
        if (op[i].n > kind->children && kind->children)
            op[i].n = 1 + op[i].n % kind->children;
        if (op[i].n > op[i].budget && kind->children)
            op[i].n = op[i].budget;
    }
    return n;
}

struct node child_of(const struct node *node, const struct op *op, unsigned i,
                     unsigned n)
{
    uint32_t share = op->budget / (n ? n : 1);

    return (struct node){.state = hash(op->state, i),
                         .budget = share ? share - 1 : 0,
                         .depth = node->depth + 1,
                         .is_counted = node->is_counted,
                         .rank = -1,
                         .home = -1,
                         .index = -1};
}

struct node loose(struct node node)
{
    node.is_counted = false;
    return node;
}

static uint64_t own_value(const struct node *node)
{
    return hash(node->state, 1) >> 8;
}

/* ---- What it gives ----------------------------------------------------- */

static void expect_run(const struct node *node, struct account *account,
                       unsigned attempt)
{
    account->runs += node->is_counted;
    account->ran += node->is_counted * hash(node->state, attempt);
}

static uint64_t expect_work(const struct node *node, struct account *account)
{
    struct op op[OPS_MAX];
    unsigned n = plan(node, op);
    uint64_t value = own_value(node);

    for (unsigned i = 0; i < n; i++)
        value += kinds[op[i].kind]->expect(node, &op[i], account);
    return value;
}

static struct node failing_child(const struct node *node)
{
    struct node child = *node;

    child.state = hash(node->state, 2);
    child.passes_on = false;
    child.fails = FAILURE;
    child.good = 0;
    child.rank = child.home = child.index = -1;
    return child;
}

void node_expect_early(const struct node *node, struct account *account)
{
    for (unsigned attempt = 1; attempt < node->good; attempt++) {
        expect_run(node, account, attempt);
        if (node->fails_late)
            expect_work(node, account);
    }
}

uint64_t node_expect(const struct node *node, struct account *account)
{
    node_expect_early(node, account);
    expect_run(node, account, node->good ? node->good : 1);
    if (node->passes_on) {
        struct node child = failing_child(node);
        expect_run(&child, account, 1);
    }
    if (node->fails || node->passes_on)
        return 0;
    return expect_work(node, account);
}

uint64_t node_value(const struct node *node)
{
    struct account account = {0};

    return node_expect(node, &account);
}

/* ---- What it does ------------------------------------------------------ */

static void begin_run(const struct node *node)
{
    unsigned attempt = (unsigned)scoop_attempt();
    uint64_t index = scoop_index(), seed = scoop_seed();

    if (world.is_traced)
        printf("run %llx attempt %u counted %d rank %d index %llu seed %llx\n",
               (unsigned long long)node->state, attempt, node->is_counted,
               scoop_rank(), (unsigned long long)index,
               (unsigned long long)seed);
    if (node->is_counted) {
        expect_run(node, &world.got, attempt);
        world.got.seeds += hash(node->state, hash(seed, index));
    }
    if (node->rank >= 0 && node->rank != scoop_rank())
        note(node, "placed elsewhere", scoop_rank());
    if (node->home >= 0 && node->home != scoop_rank() / world.per_node)
        note(node, "placed on another node", scoop_rank());
    if (node->index >= 0 && (uint64_t)node->index != index)
        note(node, "scoop_index", (int)index);
    if (scoop_seed() != seed)
        note(node, "scoop_seed changes", 0);
}

static int work(const struct node *node, uint64_t *value)
{
    struct op op[OPS_MAX];
    struct held held[OPS_MAX];
    unsigned order[OPS_MAX], n = plan(node, op);
    uint64_t state = node->state ^ 1;

    memset(held, 0, sizeof held);
    *value = own_value(node);
    for (unsigned i = 0; i < n; i++) {
        order[i] = i;
        held[i].since_ns = sim_now_ns();
        if (kinds[op[i].kind]->begin)
            kinds[op[i].kind]->begin(node, &op[i], &held[i]);
    }
    for (unsigned left = n; left;) { /* in any order */
        unsigned at = (unsigned)draw(&state, left--);
        unsigned i = order[at];
        order[at] = order[left];
        if (world.is_traced)
            printf("%llx: %s, n %u, op %llx\n", (unsigned long long)node->state,
                   kinds[op[i].kind]->name, op[i].n,
                   (unsigned long long)op[i].state);
        *value += kinds[op[i].kind]->finish(node, &op[i], &held[i]);
    }
    return 0;
}

static int pass_on(const struct node *node)
{
    struct node child = failing_child(node);
    int err = scoop_join(scoop_submit(node_task, &child), NULL);

    if (err != SCOOP_EFAILED)
        note(node, "a failure's child", err);
    return err ? err : FAILURE;
}

static int run(const struct node *node, uint64_t *value)
{
    uint64_t state = node->state ^ 3;
    int attempt = scoop_attempt();

    sim_work(draw(&state, draw(&state, 32) ? 2000 : 50000));
    if (node->fails)
        return scoop_fail(node->fails, FAILURE_WORDS);
    if (node->passes_on)
        return pass_on(node);
    if (attempt < node->good && !node->fails_late)
        return scoop_fail(TOO_EARLY, "too early");
    work(node, value);
    return attempt < node->good ? scoop_fail(TOO_EARLY, "too early") : 0;
}

int node_run(const struct node *node, uint64_t *value)
{
    world.begun++;
    begin_run(node);
    int err = run(node, value);
    world.ended++;
    if (world.is_traced)
        printf("end %llx on rank %d: %d\n", (unsigned long long)node->state,
               scoop_rank(), err);
    if (!err && !node->is_counted &&
        scoop_cancel_requested()) /* may be wrong */
        return scoop_fail(TOO_LATE, "it was given up");
    return err;
}

SCOOP_TASK_EXTERN(node_task, struct node, uint64_t);

int node_task(const struct node *node, uint64_t *value)
{
    return node_run(node, value);
}

void check_failure(const struct node *node, const struct scoop_error *error,
                   int attempts)
{
    const struct scoop_error *e = error;

    if (!e || e->code != SCOOP_EFAILED || e->task_code != FAILURE)
        note(node, "the code of a failure", e ? e->task_code : 0);
    else if (!e->message || strcmp(e->message, FAILURE_WORDS))
        note(node, "the words of a failure", 0);
    else if (e->attempt != attempts || e->attempts != attempts)
        note(node, "the attempts of a failure", e->attempt);
    else if (e->rank < 0 || e->rank >= world.ranks || !e->host)
        note(node, "where a failure was", e->rank);
}
