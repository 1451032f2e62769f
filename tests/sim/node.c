/* SPDX-License-Identifier: MIT */
/* node.c -- node memory in ordinary memory, futexes that stop a coroutine
 *
 * The protocols are the library's; only what they ask of the system is
 * replaced, and node_open(), which nobody calls here.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long futex(long number, _Atomic uint32_t *word, int op, uint32_t value,
                  const struct timespec *until, ...);
#define syscall(...) futex(__VA_ARGS__)

#include "../../node.c"

#include "world.h"

/* From a wake-up to the first instruction, and what it takes the waker; and
 * what was measured on a virtual machine. */
#define WAKE_NS 3000u
#define WAKER_NS 1000u
#define CALM_WAKE_NS 45000u
#define CALM_WAKER_NS 8000u

static long futex(long number, _Atomic uint32_t *word, int op, uint32_t value,
                  const struct timespec *until, ...)
{
    struct sim_world *w = sim_world;
    struct node_block *block =
        (struct node_block *)(void *)((char *)word -
                                      offsetof(struct node_block, asleep));

    (void)number;
    if (op == FUTEX_WAKE) {
        bool is_calm = w->params.is_calm;
        sim_wake(&w->rank[atomic_load(&block->pid)],
                 is_calm ? CALM_WAKE_NS : WAKE_NS + sim_below(2 * WAKE_NS));
        sim_spend(is_calm ? CALM_WAKER_NS : WAKER_NS);
    } else if (atomic_load(word) == value &&
               (w->params.is_calm || !sim_chance(64))) {
        uint64_t until_ns = UINT64_MAX;
        if (until)
            until_ns = (uint64_t)until->tv_sec * NS_PER_S +
                       (uint64_t)until->tv_nsec - w->running->skew_ns;
        sim_block(until_ns);
    }
    return 0;
}

void sim_node_open(struct node *node, const struct sim_rank *rank)
{
    struct sim_world *w = sim_world;
    int per_node = w->params.per_node, first = rank->rank - rank->local;
    int left = w->params.ranks - first;

    *node = (struct node){
        .rank = rank->rank,
        .size = w->params.ranks,
        .nodes = w->nodes,
        .my_node = rank->node,
        .local = rank->local,
        .locals = left < per_node ? left : per_node,
        .node_of = w->node_of,
        .local_of = w->local_of,
        .watcher = w->watcher,
        .members = w->members + first,
    };
    node->cpus = w->params.cpus ? w->params.cpus : node->locals;
    node->os = calloc(1, sizeof *node->os);
    size_t len = segment_bytes(node->locals) + PAGE;
    if (!w->memory[rank->node]) /* large, so that it comes as it is used */
        w->memory[rank->node] = calloc(1, len);
    uintptr_t base = (uintptr_t)w->memory[rank->node];
    if (!node->os || !base)
        sim_fail("no memory for a node");
    node->os->base =
        (unsigned char *)((base + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    node->os->len = 0;
    atomic_store(&node->os->next_wake, (uint32_t)rank->local + 1);
    node->head = (struct node_head *)(void *)node->os->base;
    node->me = node_block(node, node->local);
    atomic_store(&node->me->pid, rank->rank);
    node_reach_open(node);
}

void sim_node_close(struct node *node)
{
    node_reach_close(node);
    free(node->os);
    node->os = NULL;
    node->head = NULL;
    node->me = NULL;
}
