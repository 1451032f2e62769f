/* SPDX-License-Identifier: MIT */
/* consts.c -- constants that one task owns, and names that several fight for
 *
 * Of a name that only one task knows, and those that it tells, each outcome is
 * known: what a definition that has returned has defined is there on all
 * ranks.  Of several that define or delete the same at once one must win.
 */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE 9000u
#define MOST 6u

/* A constant as a number tells it, and how a task shall look at it. */
struct look {
    struct node node; /* whose it is */
    char name[32];
    enum scoop_const_kind kind;
    uint64_t state, version;
    unsigned len;
    double timeout;
    int expected;
};

struct entry {
    char name[32];
    uint64_t value;
    struct node node;
    bool is_deleter;
};

struct outcome {
    uint64_t value;
    int err;
};

SCOOP_TASK(look_task, struct look, int);
SCOOP_TASK(race_task, struct entry, struct outcome);

static void new_name(char name[32])
{
    snprintf(name, 32, "name %llu", (unsigned long long)world.names++);
}

/* ---- One constant
 * ------------------------------------------------------------ */

static void fill(unsigned char *data, const struct look *c)
{
    for (unsigned i = 0; i < c->len; i++)
        data[i] = (unsigned char)(hash(c->state, i / 8) >> i % 8 * 8);
}

static int define(const struct look *c, double timeout)
{
    struct scoop_wait_options options = {timeout};
    struct scoop_const one = {.name = c->name, .kind = c->kind, .len = c->len};
    unsigned char *data = malloc(c->len + 1);
    json_t *json = json_pack("[I]", (json_int_t)c->state);

    fill(data, c);
    one.data = data;
    one.json = json;
    one.task = scoop_task_of(node_task);
    int err = scoop_const_set_of(&one, 1, &options);
    memset(data, 0xdd, c->len);
    free(data);
    json_decref(json);
    return err;
}

static void check_found(const struct look *c, const struct scoop_const *found)
{
    unsigned char *data;

    if (found->version != c->version)
        note(&c->node, "the version of a constant", (int)found->version);
    if (found->kind != c->kind) {
        note(&c->node, "the kind of a constant", (int)found->kind);
        return;
    }
    if (c->kind == SCOOP_CONST_TASK) {
        if (found->task != scoop_task_of(node_task))
            note(&c->node, "a task that is a constant", 0);
        return;
    }
    if (c->kind == SCOOP_CONST_JSON) {
        if ((uint64_t)json_integer_value(json_array_get(found->json, 0)) !=
            c->state)
            note(&c->node, "a JSON constant", 0);
        return;
    }
    data = malloc(c->len + 1);
    fill(data, c);
    if (found->len != c->len || memcmp(data, found->data, c->len))
        note(&c->node, "the bytes of a constant", (int)found->len);
    if ((uintptr_t)found->data % 64)
        note(&c->node, "the address of a constant", 0);
    free(data);
}

static void look(const struct look *c)
{
    struct scoop_const found = {.kind = c->kind};
    struct scoop_wait_options options = {c->timeout};
    int err;

    if (c->state % 3 == 0)
        found.kind = 0; /* any */
    err = scoop_const_get_of(c->name, &found, &options);
    if (err != c->expected)
        note(&c->node, "scoop_const_get", err);
    if (!err)
        check_found(c, &found);
    if (c->timeout < 0 &&
        scoop_const_version(c->name) != (c->expected ? 0 : c->version))
        note(&c->node, "scoop_const_version",
             (int)scoop_const_version(c->name));
    if (err || c->kind == SCOOP_CONST_TASK)
        return;
    found.kind = SCOOP_CONST_TASK;
    if (scoop_const_get_of(c->name, &found, NULL) != SCOOP_EINVAL)
        note(&c->node, "a constant of another kind", 0);
}

static int look_task(const struct look *c, int *out)
{
    sim_work(200);
    look(c);
    *out = 1;
    return 0;
}

static scoop_future look_elsewhere(const struct look *c, uint64_t *state)
{
    int rank = (int)draw(state, (uint64_t)world.ranks);
    scoop_place anywhere = {0};

    return scoop_submit(look_task, c,
                        .place = rank % 2 ? scoop_on_rank(rank) : anywhere);
}

/* What was defined, or deleted, is so on all ranks. */
static void look_all_over(const struct node *node, const struct look *c,
                          unsigned n, uint64_t *state)
{
    scoop_future f[MOST];

    look(c);
    for (unsigned i = 0; i < n; i++)
        f[i] = look_elsewhere(c, state);
    for (unsigned i = 0; i < n; i++) {
        int err = scoop_join(f[i], NULL);
        if (err)
            note(node, "a task that looks at a constant", err);
    }
}

static void draw_const(struct look *c, uint64_t *state)
{
    c->kind = (enum scoop_const_kind)(1 + draw(state, 4));
    c->len = (unsigned)draw(state, draw(state, 4) ? 64 : LARGE);
    if (c->kind == SCOOP_CONST_TYPED)
        c->len = c->len / 8 * 8 + 8;
    c->state = sim_next(state);
}

/* Children that wait for it before it is there; nothing else is to be waited
 * for until they have what they want. */
static unsigned wait_early(struct look *c, scoop_future *f, uint64_t *state)
{
    unsigned n = (unsigned)draw(state, 3);

    c->timeout = 0;
    for (unsigned i = 0; i < n; i++)
        f[i] = look_elsewhere(c, state);
    c->timeout = SCOOP_NOW;
    return n;
}

static void once(const struct node *node, struct look *c, unsigned n,
                 uint64_t *state)
{
    scoop_future early[2];
    unsigned earlies = 0;
    int err;

    c->version++;
    draw_const(c, state);
    c->expected = c->version == 1 ? SCOOP_ETIMEDOUT : SCOOP_ENOCONST;
    c->timeout = SCOOP_NOW;
    look(c);
    c->expected = 0;
    if (c->version == 1)
        earlies = wait_early(c, early, state);
    /* Then it is defined later; a look at a name that was deleted before
     * would not wait. */
    bool is_hasty = c->version == 1 && draw(state, 4) == 0;
    err = define(c, is_hasty ? 1e-6 : 0);
    if (err && !(is_hasty && err == SCOOP_ETIMEDOUT))
        note(node, "scoop_const_set", err);
    if (err)
        c->timeout = 0;
    for (unsigned i = 0; i < earlies; i++)
        if ((err = scoop_join(early[i], NULL)))
            note(node, "a task that waits for a constant", err);
    look_all_over(node, c, n, state);
    struct look again = *c;
    again.state++;
    if ((err = define(&again, 0)) != SCOOP_EEXISTS)
        note(node, "scoop_const_set of a name that is taken", err);
    look_all_over(node, c, n % 2, state);
    if ((err = scoop_const_delete(c->name)))
        note(node, "scoop_const_delete", err);
    c->timeout = SCOOP_NOW;
    c->expected = SCOOP_ENOCONST;
    look_all_over(node, c, n, state);
    if ((err = scoop_const_delete(c->name)) != SCOOP_ENOCONST)
        note(node, "scoop_const_delete of what is not there", err);
}

/* All or none. */
static void several(const struct node *node, const struct op *op)
{
    struct look c[3] = {{.node = *node}, {.node = *node}, {.node = *node}};
    struct scoop_const many[3];
    double number[3] = {1, 2, 3};
    int err;

    for (unsigned i = 0; i < 3; i++) {
        new_name(c[i].name);
        number[i] += (double)(op->state % 97);
        many[i] = (struct scoop_const){.name = c[i].name,
                                       .kind = SCOOP_CONST_TYPED,
                                       .data = &number[i],
                                       .len = sizeof number[i]};
    }
    if ((err = scoop_const_set(c[1].name, &number[0])))
        note(node, "scoop_const_set of one of several", err);
    if ((err = scoop_const_set_many(many, 3)) != SCOOP_EEXISTS)
        note(node, "scoop_const_set_many", err);
    for (unsigned i = 0; i < 3; i += 2) {
        const double *found = NULL;
        err = scoop_const_get(c[i].name, &found, .timeout = SCOOP_NOW);
        if (err != SCOOP_ETIMEDOUT || found)
            note(node, "a part of what was not defined", err);
    }
    if ((err = scoop_const_delete(c[1].name)) ||
        (err = scoop_const_set_many(many, 3)))
        note(node, "scoop_const_set_many", err);
    for (unsigned i = 0; i < 3 && !err; i++) {
        const double *found = NULL;
        err = scoop_const_get(c[i].name, &found, .timeout = SCOOP_NOW);
        if (err || memcmp(found, &number[i], sizeof number[i]))
            note(node, "one of several constants", err);
        if ((err = scoop_const_delete(c[i].name)))
            note(node, "scoop_const_delete of one of several", err);
    }
}

static uint64_t finish_const(const struct node *node, const struct op *op,
                             struct held *held)
{
    uint64_t state = hash(op->state, 80);
    struct look c = {.node = *node};

    (void)held;
    if (draw(&state, 4) == 0) {
        several(node, op);
        return 0;
    }
    new_name(c.name);
    for (unsigned k = 1 + (unsigned)draw(&state, 2); k; k--)
        once(node, &c, op->n % (MOST + 1), &state);
    return 0;
}

static uint64_t expect_nothing(const struct node *node, const struct op *op,
                               struct account *account)
{
    (void)node;
    (void)op;
    (void)account;
    return 0;
}

const struct kind const_kind = {"constant",    3, 0, NULL, finish_const,
                                expect_nothing};

/* ---- One name, several tasks
 * --------------------------------------------------- */

static int race_task(const struct entry *entry, struct outcome *out)
{
    const uint64_t *found = NULL;

    sim_work(entry->value % 500);
    memset(out, 0, sizeof *out);
    if (entry->is_deleter) {
        out->err = scoop_const_delete(entry->name);
        return 0;
    }
    out->err = scoop_const_set(entry->name, &entry->value);
    int err = scoop_const_get(entry->name, &found, .timeout = SCOOP_NOW);
    if (err)
        note(&entry->node, "a name that is taken, and has no constant", err);
    else
        out->value = *found;
    return 0;
}

static void race(const struct node *node, struct entry *entry, unsigned n,
                 int loses, uint64_t *state)
{
    scoop_future f[MOST];
    struct outcome o, first = {0};
    uint64_t value[MOST], won = 0;
    unsigned winners = 0;

    for (unsigned i = 0; i < n; i++) {
        int rank = (int)draw(state, (uint64_t)world.ranks);
        scoop_place anywhere = {0};
        entry->value = value[i] = sim_next(state);
        f[i] = scoop_submit(race_task, entry,
                            .place = rank % 3 ? scoop_on_rank(rank) : anywhere);
    }
    for (unsigned i = 0; i < n; i++) {
        int err = scoop_join(f[i], &o);
        if (err)
            note(node, "a task of a race", err);
        if (err)
            continue;
        if (o.err && o.err != loses)
            note(node, "the end of a race", o.err);
        if (!o.err)
            winners++, won = value[i];
        if (!i)
            first = o;
        else if (o.value != first.value)
            note(node, "two values of one name", (int)i);
    }
    if (winners != 1)
        note(node, "the winners of a race", (int)winners);
    if (!entry->is_deleter && first.value != won)
        note(node, "the value of a race", 0);
}

static uint64_t finish_race(const struct node *node, const struct op *op,
                            struct held *held)
{
    uint64_t state = hash(op->state, 81);
    struct entry entry = {.node = *node};
    unsigned n = 1 + op->n % MOST;

    (void)held;
    new_name(entry.name);
    race(node, &entry, n, SCOOP_EEXISTS, &state);
    entry.is_deleter = true;
    race(node, &entry, n, SCOOP_ENOCONST, &state);
    return 0;
}

const struct kind race_kind = {"race", 2, 0, NULL, finish_race, expect_nothing};
