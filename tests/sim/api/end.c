/* SPDX-License-Identifier: MIT */
/* end.c -- what some programs do last: they shut the farm
 *
 * Some tasks are left, none of which submits others, and the root or a task of
 * its calls scoop_shutdown().  When that has returned they have ended, and if
 * they were not to be cancelled they are well.  Nothing begins any more.  Or a
 * task shuts the farm while the program runs.
 */
#include "api.h"

#include <stdio.h>

#define MOST 24u

struct last {
    struct node node;
    bool cancels, has_time;
    uint64_t after_ns;
};

static uint64_t begun; /* when the farm was empty */

SCOOP_TASK(shut_task, struct last, SCOOP_NONE);

static struct last draw_last(const struct node *node, uint64_t *state)
{
    struct last last = {.node = *node};

    *state = hash(node->state, 90);
    last.cancels = draw(state, 2);
    last.has_time = draw(state, 2);
    return last;
}

static struct node leaf_of(const struct last *last, unsigned i)
{
    struct node leaf = {.state = hash(last->node.state, 100 + i),
                        .is_counted = !last->cancels,
                        .rank = -1,
                        .home = -1,
                        .index = -1};
    return leaf;
}

static void shut(const struct last *last)
{
    int err, tries = 0;

    world.is_shut = true;
    do
        err = scoop_shutdown(.cancel = last->cancels,
                             .timeout =
                                 last->has_time && tries++ < 100 ? 20e-6 : 0);
    while (err == SCOOP_ETIMEDOUT && last->has_time);
    if (err)
        insist(&last->node, "scoop_shutdown", err);
    begun = world.begun;
    if (world.is_traced)
        printf("scoop_shutdown: %d\n", err);
    if (world.begun != world.ended + world.root_runs)
        insist(&last->node, "tasks behind scoop_shutdown",
               (int)(world.begun - world.ended));
    struct node leaf = leaf_of(last, 99);
    err = scoop_join(scoop_submit(node_task, &leaf), NULL);
    if (err != SCOOP_ESHUTDOWN)
        insist(&last->node, "a submit behind scoop_shutdown", err);
    err = scoop_map(node_task, &leaf, &(uint64_t){0}, 1);
    if (err != SCOOP_ESHUTDOWN)
        insist(&last->node, "a map behind scoop_shutdown", err);
}

static int shut_task(const struct last *last, SCOOP_NONE *out)
{
    (void)out;
    sim_work(500 + last->after_ns);
    shut(last);
    return 0;
}

/* The farm is shut while the program runs: it may fail in whatever way, but
 * it ends. */
scoop_future end_midway(const struct node *node)
{
    uint64_t state;
    struct last last = draw_last(node, &state);

    last.after_ns = draw(&state, 30000);
    return scoop_submit(shut_task, &last,
                        .place = scoop_near_rank(world.ranks - 1));
}

void end_join(const struct node *node, scoop_future f)
{
    int err = scoop_join(f, NULL);

    if (err)
        insist(node, "the task that shuts the farm midway", err);
}

static void check_left(const struct last *last, const struct node *leaf,
                       scoop_future f)
{
    uint64_t value = 0;
    int err = scoop_join(f, &value, .timeout = SCOOP_NOW);

    if (err && !(err == SCOOP_ECANCELLED && last->cancels))
        insist(&last->node, "a task that was left", err);
    if (!err && value != node_value(leaf))
        insist(&last->node, "the value of a task that was left", 0);
}

void end_program(const struct node *node)
{
    uint64_t state;
    struct last last = draw_last(node, &state);
    struct node leaf[MOST];
    scoop_future f[MOST];
    unsigned n = (unsigned)draw(&state, MOST);
    bool is_root = draw(&state, 2);

    for (unsigned i = 0; i < n; i++) {
        leaf[i] = leaf_of(&last, i);
        bool is_detached = draw(&state, 4) == 0 && !last.cancels,
             is_placed = draw(&state, 3);
        scoop_place place = {0};
        if (!is_placed)
            place = scoop_on_rank((int)(leaf[i].state % (unsigned)world.ranks));
        f[i] = scoop_submit(node_task, &leaf[i], .detached = is_detached,
                            .place = place);
    }
    if (is_root)
        shut(&last);
    else if (scoop_join(scoop_submit(shut_task, &last), NULL))
        insist(node, "the task that shuts the farm", 0);
    for (unsigned i = 0; i < n; i++)
        if (f[i].id || f[i].generation)
            check_left(&last, &leaf[i], f[i]);
}

void end_expect(const struct node *node, struct account *account)
{
    uint64_t state;
    struct last last = draw_last(node, &state);

    for (unsigned n = (unsigned)draw(&state, MOST), i = 0; i < n; i++) {
        struct node leaf = leaf_of(&last, i);
        node_expect(&leaf, account);
    }
}

const char *end_check(void)
{
    return world.is_shut && begun != world.begun
               ? "tasks began after scoop_shutdown"
               : NULL;
}
