/* SPDX-License-Identifier: MIT */
/* scale.h -- a search on simulated ranks, and what it cost
 *
 * For bench/scale.c and tests/sim_scale.c.  Each run is a process of its own,
 * so that its memory is its own.
 */
#ifndef SCALE_H
#define SCALE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/sim.h"

#define SCALE_NODE_NS 65u /* what a node of the tree takes */

/* What the root has found and when. */
struct scale_search {
    uint64_t start_ns, end_ns, nodes;
};

struct scale_run {
    struct sim_report report;
    struct scale_search search;
    double cpu_seconds;
    /* What the nodes take, by ranks times the time of the search. */
    double efficiency;
    double messages_a_steal; /* to other ranks, by successful thefts */
    double idle_messages;    /* of ranks without a task, for each rank */
    double memory_kib;       /* resident at most, for each rank */
};

static inline double scale_seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* root(), in the child, leaves what it found in *search.  False: it failed. */
static inline bool scale_run(const struct sim_params *params,
                             int (*root)(void *), struct scale_search *search,
                             struct scale_run *run)
{
    struct rusage used;
    int ends[2], status;

    fflush(stdout);
    memset(run, 0, sizeof *run);
    if (pipe(ends))
        return false;
    pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0) {
        sim_run(params, root, search, &run->report);
        run->search = *search;
        _exit(write(ends[1], run, sizeof *run) != sizeof *run);
    }
    close(ends[1]);
    bool is_whole = read(ends[0], run, sizeof *run) == sizeof *run;
    close(ends[0]);
    if (wait4(child, &status, 0, &used) != child || status || !is_whole ||
        run->report.status)
        return false;
    const struct sim_report *r = &run->report;
    double ns = (double)(run->search.end_ns - run->search.start_ns);
    double ranks = params->ranks;
    run->cpu_seconds =
        scale_seconds(used.ru_utime) + scale_seconds(used.ru_stime);
    run->efficiency =
        (double)(run->search.nodes * SCALE_NODE_NS) / (ns * ranks);
    run->messages_a_steal = (double)r->messages / (double)(r->won ? r->won : 1);
    run->idle_messages = (double)r->idle / ranks;
    run->memory_kib = (double)used.ru_maxrss / ranks;
    return true;
}

#endif
