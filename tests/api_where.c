/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_where.c -- who and where, on each rank and where no farm runs */
#define _GNU_SOURCE 1 /* pthread */
#include "api.h"

#include <pthread.h>

struct place {
    int rank, size, node, nodes, node_rank, node_size;
    int is_origin, is_running, is_debug;
    char host[64], worker[128], broker[128], broker_address[128], meta[128];
};

SCOOP_TASK(look, SCOOP_NONE, struct place);
SCOOP_TASK(look_on_thread, SCOOP_NONE, struct place);

static void fill(struct place *p)
{
    memset(p, 0, sizeof *p);
    p->rank = scoop_rank();
    p->size = scoop_size();
    p->node = scoop_node();
    p->nodes = scoop_nodes();
    p->node_rank = scoop_node_rank();
    p->node_size = scoop_node_size();
    p->is_origin = scoop_is_origin();
    p->is_running = scoop_is_running();
    p->is_debug = scoop_is_debug();
    snprintf(p->host, sizeof p->host, "%s", scoop_host());
    snprintf(p->worker, sizeof p->worker, "%s", scoop_worker_name());
    snprintf(p->broker, sizeof p->broker, "%s", scoop_broker_name());
    snprintf(p->broker_address, sizeof p->broker_address, "%s",
             scoop_broker_address());
    snprintf(p->meta, sizeof p->meta, "%s", scoop_meta_address());
}

static int look(const SCOOP_NONE *none, struct place *p)
{
    (void)none;
    fill(p);
    return 0;
}

static void *on_a_thread(void *arg)
{
    fill(arg);
    return NULL;
}

static int look_on_thread(const SCOOP_NONE *none, struct place *p)
{
    pthread_t thread;

    (void)none;
    if (pthread_create(&thread, NULL, on_a_thread, p))
        return scoop_fail(1, "no thread");
    pthread_join(thread, NULL);
    return 0;
}

static void check(const struct place *p, int rank)
{
    const char *memory = getenv("SCOOP_NODE_MEMORY");
    int apart = memory && *memory == '0';
    char name[128];

    CHECK(p->rank == rank && p->size == scoop_size());
    CHECK(p->is_origin == (rank == 0) && p->is_running && !p->is_debug);
    CHECK(p->nodes == (apart ? p->size : 1) && p->nodes == scoop_nodes());
    CHECK(p->node == (apart ? rank : 0) && p->node == scoop_node_of(rank));
    CHECK(p->node_rank == (apart ? 0 : rank));
    CHECK(p->node_size == (apart ? 1 : p->size));
    CHECK(p->host[0] && !strcmp(p->host, scoop_host()));
    snprintf(name, sizeof name, "%d@%s", rank, p->host);
    CHECK(!strcmp(p->worker, name));
    snprintf(name, sizeof name, "0@%s", p->host);
    CHECK(!strcmp(p->broker, name));
    CHECK(!strcmp(p->broker, scoop_broker_name()));
    CHECK(strstr(p->broker_address, name) && strstr(p->meta, name));
    CHECK(strcmp(p->broker_address, p->meta));
}

static int root(int argc, char **argv)
{
    struct place p;

    (void)argc;
    (void)argv;
    for (int r = 0; r < scoop_size(); r++) {
        scoop_future f = scoop_submit(look, NULL, .place = scoop_on_rank(r));
        CHECK(scoop_join(f, &p) == 0);
        check(&p, r);
        f = scoop_submit(look_on_thread, NULL, .place = scoop_on_rank(r));
        CHECK(scoop_join(f, &p) == 0);
        check(&p, r);
    }
    CHECK(scoop_node_of(-1) == SCOOP_EINVAL);
    CHECK(scoop_node_of(scoop_size()) == SCOOP_EINVAL);
    CHECK(scoop_task_find("look") != NULL);
    return checks_done();
}

static void check_outside(void)
{
    struct place p;

    fill(&p);
    CHECK(p.rank == 0 && p.size == 1 && p.node == 0 && p.nodes == 1);
    CHECK(p.node_rank == 0 && p.node_size == 1 && scoop_node_of(0) == 0);
    CHECK(scoop_node_of(1) == SCOOP_EINVAL);
    CHECK(p.is_origin && !p.is_running && !p.is_debug);
    CHECK(p.host[0] && strstr(p.worker, p.host) && strstr(p.meta, p.host));
    CHECK(!strcmp(p.worker, p.broker));
}

int main(int argc, char **argv)
{
    check_outside();
    int status = scoop_main(argc, argv, root);
    check_outside();
    return status ? status : checks_done();
}
