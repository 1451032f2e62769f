/* SPDX-License-Identifier: MIT */
/* world.h -- what the files of the simulation share
 *
 * See world.c.
 */
#ifndef WORLD_H
#define WORLD_H

#include "sim.h"

#include "fiber.h"

struct letter;
struct cast;
struct net;
struct runtime;

/* A rank: a coroutine, on whichever of its stacks. */
struct sim_rank {
    struct fiber *fiber; /* where it stands while another one runs */
    /* The words outside of struct runtime, while another rank runs. */
    struct runtime *current, *running;
    struct runtime *rt; /* while its net is open */
    struct net *net;
    uint64_t turn;    /* counts how often it went on */
    uint64_t skew_ns; /* its clock is that much ahead */
    uint64_t now_ns;  /* when it stopped */
    unsigned looks;   /* at the clock, since something happened */
    int rank, node, local;
    int status;
    bool is_blocked;
    bool is_in_user; /* in sim_work() */
    bool has_ended;
};

/* An event: a letter arrives, or a rank goes on if it has not yet. */
struct event {
    uint64_t at_ns, number;
    struct letter *letter; /* NULL: a rank goes on */
    uint64_t turn;
    int rank;
};

struct sim_world {
    struct sim_params params;
    struct sim_report report;
    int (*root)(void *);
    void *arg;
    uint64_t random, now_ns;
    uint64_t skew_ns;     /* of the clock that the loop reads */
    uint64_t progress_ns; /* when a task ran or a message came */
    struct event *heap;
    size_t events, room;
    struct sim_rank *rank;
    struct sim_rank *running; /* NULL: the event loop */
    int nodes;
    int32_t *node_of, *local_of, *watcher, *members;
    void **memory; /* by node */
    struct fiber thread;
    struct fiber_pool pool;
    struct cast *casts; /* broadcasts that not all have got */
    uint64_t under_way; /* messages that nobody has got */
    int ended;
    int waiting; /* at the barrier */
    uint64_t barriers;
};

extern struct sim_world *sim_world;

/* Numbers that depend on the seed and on all drawn before. */
uint64_t sim_random(void);
uint64_t sim_below(uint64_t n);
bool sim_chance(unsigned one_in);

/* The running rank has been at work for so long; others may go on first. */
void sim_spend(uint64_t ns);
/* It stops until sim_wake() or that moment (not on its own clock). */
void sim_block(uint64_t until_ns);
/* Goes on in so many ns if it is blocked. */
void sim_wake(struct sim_rank *rank, uint64_t in_ns);
/* Returns when all ranks have called it; meanwhile(ctx) every now and then. */
void sim_barrier(void (*meanwhile)(void *ctx), void *ctx);
/* The letter comes to net_arrive() in so many ns. */
void sim_post(struct letter *letter, uint64_t in_ns);
/* A message or a task: not a hang. */
void sim_progress(void);
/* A rule is broken: says so with all there is to know, and ends. */
void sim_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* scoop.c: the words outside of struct runtime. */
void sim_set_farm(struct runtime *current, struct runtime *running);
void sim_get_farm(struct runtime **current, struct runtime **running);

/* node.c */
struct node;
void sim_node_open(struct node *node, const struct sim_rank *rank);
void sim_node_close(struct node *node);

/* net.c: an event. */
void sim_net_arrive(struct letter *letter);

#endif
