/* SPDX-License-Identifier: MIT */
/* net_open.c -- the net's start and end, and MPI's
 *
 * To start: the ranks join (net_join.c), then each opens its node's memory
 * and its ferry, then all agree that all of them could.  Only then may the
 * first message be sent: to a rank that failed it would go nowhere.
 *
 * To end: each rank has received all that it will, but may have to hand on
 * what others have not, as the watcher of its node.  So all wait for all, and
 * keep the pump going meanwhile.
 */
#include "net.h"

#include "clock.h"
#include "config.h"
#include "log.h"
#include "net_inside.h"
#include "scoop.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

static int open_node(struct net *net, struct node *node)
{
    struct join *join = &net->join;
    struct node_start start = {
        .rank = join->rank,
        .size = join->size,
        .nodes = join->nodes,
        .my_node = join->my_node,
        .local = join->local,
        .locals = join->locals,
        .node_of = join->node_of,
        .local_of = join->local_of,
        .watcher = join->watcher,
        .members = join->members,
        .broadcast = join_node_broadcast,
        .agree = join_node_agree,
        .ctx = join,
        .why = join->why,
    };
    int status = node_open(node, &start);

    if (!status)
        net->node = node;
    return status;
}

static int open_ferry(struct net *net, const struct config *config)
{
    const struct join *join = &net->join;
    size_t small_bytes = LETTER_HEAD_MAX + net->eager_bytes;

    if (small_bytes < NODE_MAIL_MAX)
        small_bytes = NODE_MAIL_MAX;
    struct ferry_start start = {
        .comm = join->comm,
        .log = net->log,
        .is_watcher = net->is_watcher,
        .small_bytes = small_bytes,
        .piece_bytes = (size_t)join->hello.piece_bytes,
        .sends = config->sends,
        .ctx = net,
        .small = net_open_small,
        .announce = net_announce,
        .landed = net_land,
    };

    return ferry_open(&net->ferry, &start);
}

static int open_pump(struct net *net)
{
    pthread_mutexattr_t attributes;

    if (pthread_mutexattr_init(&attributes))
        return SCOOP_ESYSTEM;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(&net->pump, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return error ? SCOOP_ESYSTEM : 0;
}

/* What each rank does by itself once all have joined. */
static int furnish(struct net *net, struct node *node,
                   const struct config *config)
{
    const struct join *join = &net->join;

    net->rank = join->rank;
    net->size = join->size;
    net->eager_bytes = (size_t)join->hello.eager_bytes;
    net->is_locked = join->allows_helper;
    net->is_watcher = join->nodes > 1 && join->local == 0;
    net->look_ns = net->is_watcher ? 0 : CLOCK_NEVER;
    net->nap_ns = NET_NAP_MIN_NS;
    net->mail = calloc((size_t)join->locals, sizeof *net->mail);
    int status = open_node(net, node); /* collective: whatever failed before */
    if (!status && !net->mail)
        status = SCOOP_ENOMEM;
    if (!status && net->size > 1)
        status = open_ferry(net, config);
    return status;
}

/* Once all are known to have come this far: the watchers make a communicator
 * of their own, which takes a collective call of MPI's.  The others know no
 * more until they hear from one of them. */
static int open_cast(struct net *net)
{
    int status = 0;

    if (net->is_watcher)
        status = cast_open(&net->cast, &net->join,
                           (size_t)net->join.hello.piece_bytes);
    return net->join.nodes > 1 ? join_agree(&net->join, status) : 0;
}

static void drop_queue(struct letter_queue *queue)
{
    struct letter *letter;

    while ((letter = letter_pop(queue)))
        letter_free(letter);
}

static void demolish(struct net *net)
{
    cast_close(&net->cast);
    ferry_close(net->ferry);
    for (int local = 0; net->mail && local < net->join.locals; local++)
        drop_queue(&net->mail[local]);
    drop_queue(&net->self);
    free(net->mail);
    if (net->node)
        node_close(net->node);
    join_close(&net->join);
    pthread_mutex_destroy(&net->pump);
    free(net);
}

/* At the end nobody is there any more to whom messages could go. */
static void ignore(void *ctx, struct net_message *message)
{
    struct net *net = ctx;

    log_debug(net->log, "%s from rank %d came after the end",
              wire_name(message->type), message->src);
}

/* Until all ranks are here.  One that left earlier might be the watcher that
 * has to hand on another one's last message. */
static void await_all(struct net *net)
{
    MPI_Request all = MPI_REQUEST_NULL;
    uint64_t nap_ns = NET_NAP_MIN_NS;
    int done = 0;
    int code = MPI_Ibarrier(net->join.comm, &all);

    while (code == MPI_SUCCESS && !net_status(net) &&
           (!done || net_is_moving(net))) {
        net_poll(net);
        code = MPI_Test(&all, &done, MPI_STATUS_IGNORE);
        if (done && !net_is_moving(net))
            break;
        clock_sleep_ns(nap_ns);
        if (nap_ns < NET_NAP_MAX_NS)
            nap_ns *= 2;
    }
}

int net_mpi_init(int *argc, char ***argv)
{
    int is_initialised = 0, level = 0;

    MPI_Initialized(&is_initialised);
    if (is_initialised)
        return SCOOP_ESTATE;
    /* Without mpirun MPI_Init would start a daemon that nobody needs.  Whether
     * Open MPI yields when it idles is left to mpirun, which knows whether
     * ranks outnumber CPUs: tasks may well call MPI themselves. */
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK"))
        setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    int code = MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &level);
    return code == MPI_SUCCESS ? 0 : SCOOP_EMPI;
}

void net_mpi_fini(void)
{
    int is_finalized = 0;

    MPI_Finalized(&is_finalized);
    if (!is_finalized)
        MPI_Finalize();
}

void net_abort(struct net *net, int code)
{
    (void)net; /* of a farm on a part of the ranks too the job is over */
    MPI_Abort(MPI_COMM_WORLD, code);
}

int net_open(struct net **net, struct node *node, const struct net_start *s)
{
    struct net *n = aligned_alloc(64, (sizeof *n + 63) / 64 * 64);
    struct join_start start = {
        .comm = s->comm ? *(MPI_Comm *)s->comm : MPI_COMM_WORLD,
        .config = s->config,
        .log = s->log,
        .program = s->program,
        .tasks = s->tasks,
    };

    *net = NULL;
    if (!n)
        return SCOOP_ENOMEM;
    memset(n, 0, sizeof *n);
    n->log = s->log;
    n->deliver = s->deliver;
    n->ctx = s->ctx;
    int status = open_pump(n);
    if (status) {
        free(n);
        return status;
    }
    status = join_open(&n->join, &start);
    if (!status) {
        status = furnish(n, node, s->config);
        if (!n->join.is_stuck)
            status = join_agree(&n->join, status);
    }
    if (!status)
        status = open_cast(n);
    if (status) {
        if (!n->join.is_stuck)
            demolish(n);
        return status;
    }
    *net = n;
    return 0;
}

void net_close(struct net *net)
{
    if (!net)
        return;
    net->deliver = ignore;
    net->ctx = net;
    if (net->size > 1)
        await_all(net);
    demolish(net);
}
