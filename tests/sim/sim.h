/* SPDX-License-Identifier: MIT */
/* sim.h -- a farm of any size in one process, on a virtual clock
 *
 * A file tests/sim/X.c stands in the place of X.c.  Those of net and clock are
 * written anew; the others are the library's own source with a door added.
 * All else that is linked is the library's as it is.
 *
 *     struct sim_params p = {.seed = 1, .ranks = 64, .per_node = 8};
 *     struct sim_report r;
 *     sim_run(&p, root, arg, &r);
 *
 * runs one farm.  Settings are taken from the environment, as ever.  Of two
 * runs with the same parameters, settings and root each event is the same; the
 * report's hash tells.
 *
 * A run that hangs, or breaks a rule that is checked here, writes down its
 * parameters and what the ranks wait for, and ends the program with code 1.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct sim_params {
    uint64_t seed;
    int ranks;
    int per_node;    /* ranks of a node; 0: all are on one */
    int cpus;        /* of a node; 0: one for each rank */
    bool is_wild;    /* long delays, and ranks that stand still for a while */
    bool is_slow;    /* thieves are, up to 2 ms, to write their names */
    bool has_helper; /* a busy rank answers what a helper thread could */
    /* For measurements: everything takes the time that it took on a real
     * machine, nothing is late out of malice, */
    bool is_calm;
    /* and a rank may run ahead of the others by so much, which spares most
     * switches between them.  What a rank of its node has just done is seen
     * that much too late, or too early. */
    uint64_t ahead_ns;
    unsigned full_one_in; /* /dev/shm is full so often; 0: never */
    uint64_t limit_ns;    /* of virtual time; 0: 100 s */
};

struct sim_report {
    int status;      /* what scoop_run returned, on every rank */
    uint64_t hash;   /* of all events in their order */
    uint64_t end_ns; /* virtual time */
    uint64_t events;
    uint64_t messages; /* to other ranks */
    uint64_t idle;     /* of these, by ranks without a task */
    uint64_t of[WIRE_TYPES];
    uint64_t tried, won, taken, run; /* sums of scoop_stats() */
    uint64_t stalls; /* thieves that were slow to write their names */
};

/* A farm, from its start to its end. */
void sim_run(const struct sim_params *params, int (*root)(void *), void *arg,
             struct sim_report *report);

/* For tasks: computes for that long. */
void sim_work(uint64_t ns);
/* The time, without looking at a clock. */
uint64_t sim_now_ns(void);
/* Messages to other ranks until now. */
uint64_t sim_messages(void);
/* How often that rank has been awake until now. */
uint64_t sim_turns(int rank);
/* A sequence of its own for tests: the next number of *state. */
uint64_t sim_next(uint64_t *state);
/* The environment variable as a number, or what there is else. */
uint64_t sim_asked(const char *name, uint64_t otherwise);

#endif
