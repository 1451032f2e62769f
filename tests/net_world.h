/* SPDX-License-Identifier: MIT */
/* net_world.h -- a net between the ranks of a test, and nothing above it */
#ifndef NET_WORLD_H
#define NET_WORLD_H

#include "check.h"
#include "clock.h"
#include "config.h"
#include "log.h"
#include "net.h"
#include "node.h"
#include "scoop.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct world {
    struct config config;
    struct log log;
    struct node node;
    struct net *net;
    int rank, size; /* in MPI_COMM_WORLD */
};

static inline void world_ignore(void *ctx, const char *line)
{
    (void)ctx;
    (void)line;
}

/* MPI and the settings; then the net is opened as often as one likes. */
static inline void world_init(struct world *world, int *argc, char ***argv)
{
    char host[64] = "";

    *world = (struct world){0};
    CHECK(net_mpi_init(argc, argv) == 0);
    MPI_Comm_rank(MPI_COMM_WORLD, &world->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world->size);
    gethostname(host, sizeof host - 1);
    config_init(&world->config, environ, world_ignore, NULL);
    log_open(&world->log, &world->config, world->rank, host);
}

static inline int world_open(struct world *world, uint64_t program,
                             net_deliver_fn *deliver, void *ctx)
{
    struct net_start start = {
        .config = &world->config,
        .log = &world->log,
        .program = program,
        .tasks = 3,
        .deliver = deliver,
        .ctx = ctx,
    };

    return net_open(&world->net, &world->node, &start);
}

/* One turn of a rank that has nothing else to do. */
static inline void world_turn(struct world *world)
{
    if (net_poll(world->net) || net_has_mail(world->net))
        return;
    node_doze(&world->node);
    if (net_has_mail(world->net))
        node_rise(&world->node);
    else
        net_wait(world->net, clock_after(clock_now_ns(), 100000000));
}

/* The counts of all ranks; the exit code of this one. */
static inline int world_fini(struct world *world)
{
    int mine[2] = {checks_passed, checks_failed}, all[2] = {0, 0};
    bool is_first = world->rank == 0;

    MPI_Reduce(mine, all, 2, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    log_close(&world->log);
    net_mpi_fini();
    if (is_first)
        printf("%d passed, %d failed\n", all[0], all[1]);
    return checks_failed || (is_first && (all[1] || !all[0]));
}

#endif
