/* SPDX-License-Identifier: MIT */
/* scoop.c -- life cycle, who and how much, errors, the dispatch table
 *
 * A farm is a struct runtime that exists from the start of scoop_run() to its
 * end.  Two words outside of it say that it exists: `runtime_current`, a
 * thread-local of the main thread, through which public calls find it, and
 * `running`, through which the other threads at least learn rank and size.
 *
 * The calls on tasks and futures are in the rooms they are about: submit.c,
 * result.c, map.c.
 */
#include "scoop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker.h"
#include "call.h"
#include "clock.h"
#include "crowd.h"
#include "dump.h"
#include "helper.h"
#include "holder.h"
#include "prolog.h"
#include "public.h"
#include "serial.h"
#include "shutdown.h"
#include "signals.h"
#include "transfer.h"
#include "worker.h"

#define VISIT_NS 20000u
#define DEBUG_WATCHDOG_NS 30000000000u

extern char **environ;

_Thread_local struct runtime *runtime_current
    __attribute__((tls_model("initial-exec")));

/* Where there is none, the inline half of submit finds no room. */
static struct scoop_here_ nowhere;
__thread struct scoop_here_ *scoop_here_ = &nowhere;

#define SAME_PLACE(ours, theirs)                                               \
    (offsetof(struct runtime, ours) == offsetof(struct scoop_here_, theirs))
_Static_assert(SAME_PLACE(frame, frame) && SAME_PLACE(fresh_top, top) &&
                   SAME_PLACE(fresh_limit, limit) &&
                   SAME_PLACE(wanted, wanted) &&
                   SAME_PLACE(attended_ns, now_ns),
               "as the header says");

void runtime_set_current(struct runtime *rt)
{
    runtime_current = rt;
    scoop_here_ = rt ? (struct scoop_here_ *)(void *)rt : &nowhere;
}

/* The farm of this process, for threads that are not the main one.  Written
 * by the main thread only. */
static _Atomic(struct runtime *) running;

/* Calls from other threads that look at the farm; it ends behind them. */
static _Atomic unsigned visitors;

int public_outside(void)
{
    return atomic_load(&running) || serial_is_open() ? SCOOP_ETHREAD
                                                     : SCOOP_ESTATE;
}

struct runtime *public_visit(void)
{
    struct runtime *rt = runtime_current;

    if (rt)
        return rt; /* this thread itself would end it */
    atomic_fetch_add(&visitors, 1);
    rt = atomic_load(&running);
    if (!rt)
        atomic_fetch_sub(&visitors, 1);
    return rt;
}

void public_leave(const struct runtime *rt)
{
    if (rt && rt != runtime_current)
        atomic_fetch_sub(&visitors, 1);
}

/* No other thread finds the farm from here on. */
static void close_doors(void)
{
    atomic_store(&running, NULL);
    while (atomic_load(&visitors)) /* ends: a visit waits for nothing */
        clock_sleep_ns(VISIT_NS);
}

/* ---- Errors ----------------------------------------------------------- */

int scoop_fail(int code, const char *format, ...)
{
    struct runtime *rt = runtime_current;
    char words[ERROR_WORDS_MAX];
    struct scoop_error e = {0};
    va_list args;

    if (!code)
        code = SCOOP_EFAILED;
    if (!rt || !rt->frame || !format)
        return code;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    e.code = SCOOP_EFAILED;
    e.task_code = code;
    e.message = words;
    error_free(rt->frame->told);
    rt->frame->told = error_new(&e);
    return code;
}

const struct scoop_error *scoop_error_of(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;
    struct future *f = rt ? public_see(rt, future, &why) : NULL;

    return f && f->state == FUTURE_DONE && f->error ? &f->error->said : NULL;
}

const struct scoop_error *scoop_last_error(void)
{
    struct runtime *rt = runtime_current;

    return rt && rt->frame && rt->frame->last ? &rt->frame->last->said : NULL;
}

int scoop_perror(const char *words)
{
    const struct scoop_error *e = scoop_last_error();
    char line[2 * ERROR_WORDS_MAX];

    if (e)
        error_format(e, line, sizeof line);
    else
        snprintf(line, sizeof line, "no error is known");
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    fprintf(stderr, "%s%s%s\n", words ? words : "", words ? ": " : "", line);
    return EXIT_FAILURE;
}

/* ---- How much --------------------------------------------------------- */

int scoop_version(void)
{
    return SCOOP_VERSION;
}

int scoop_stats(struct scoop_stats *stats)
{
    struct runtime *rt = runtime_current;

    if (!rt)
        return public_outside();
    if (!stats)
        return runtime_fail(rt, SCOOP_EINVAL, "stats is NULL");
    *stats = rt->stats;
    stats->messages_sent = net_sent(rt->net);
    stats->idle_seconds = clock_seconds_of(rt->idle_ns);
    stats->busy_seconds =
        clock_seconds_of(clock_now_ns() - rt->started_ns - rt->idle_ns);
    return 0;
}

const struct scoop_task *scoop_task_find(const char *name)
{
    struct runtime *rt = public_visit();
    const struct scoop_task *task =
        rt && name ? registry_find(&rt->registry, name) : NULL;

    public_leave(rt);
    return task;
}

/* ---- Messages --------------------------------------------------------- */

static void on_dump(struct runtime *rt, struct net_message *m)
{
    (void)m;
    dump_state(rt);
}

typedef void handler(struct runtime *rt, struct net_message *m);

/* Column by column the table of wire.h, with the room that handles it. */
static handler *const handlers[WIRE_TYPES] = {
    [WIRE_TASKS] = transfer_on_tasks,
    [WIRE_STEAL] = transfer_on_steal,
    [WIRE_EMPTY] = transfer_on_empty,
    [WIRE_HUNGRY] = transfer_on_hungry,
    [WIRE_HELD] = holder_on_held,
    [WIRE_FETCH] = transfer_on_fetch,
    [WIRE_ARG] = transfer_on_arg,
    [WIRE_RESULT] = transfer_on_result,
    [WIRE_STARTED] = holder_on_started,
    [WIRE_CANCEL] = holder_on_cancel,
    [WIRE_ASKED] = holder_on_asked,
    [WIRE_WAVE] = broker_on_wave,
    [WIRE_COUNT] = broker_on_count,
    [WIRE_STOP] = broker_on_stop,
    [WIRE_DUMP] = on_dump,
    [WIRE_CONST_ASK] = shared_on_message,
    [WIRE_CONST_START] = shared_on_message,
    [WIRE_CONST_MATE] = shared_on_message,
    [WIRE_CONST_READY] = shared_on_message,
    [WIRE_CONST_COMMIT] = shared_on_message,
    [WIRE_CONST_DONE] = shared_on_message,
    [WIRE_CONST_ANSWER] = shared_on_message,
    [WIRE_CONST_END] = shared_on_message,
    [WIRE_SHUTDOWN] = shutdown_on_message,
};

static void deliver(void *ctx, struct net_message *m)
{
    handlers[m->type](ctx, m); /* net has checked the type */
}

/* ---- Life cycle ------------------------------------------------------- */

static void warn_of_setting(void *ctx, const char *line)
{
    log_warn((const struct log *)ctx, "%s", line);
}

static void read_settings(struct runtime *rt)
{
    struct log plain;

    log_open(&plain, NULL, -1, "");
    /* One rank says it, not all; the rank is not known yet, but mpirun's and
     * srun's variables tell. */
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank)
        rank = getenv("PMIX_RANK");
    bool is_first = !rank || !strcmp(rank, "0");
    config_init(&rt->config, environ, is_first ? warn_of_setting : NULL,
                &plain);
    if (rt->config.help && is_first)
        config_print_help(stderr);
    log_close(&plain);
    if (!rt->config.debug)
        return;
    if (!config_is_given(&rt->config, CONFIG_LOG))
        rt->config.log = LOG_DEBUG;
    if (!config_is_given(&rt->config, CONFIG_WATCHDOG))
        rt->config.watchdog_ns = DEBUG_WATCHDOG_NS;
}

static int open_rooms(struct runtime *rt, MPI_Comm *comm)
{
    char why[512];
    struct net_start start = {0};
    int err;

    err = registry_open(&rt->registry, why, sizeof why);
    if (err) {
        log_error(&rt->log, "%s", why);
        return err;
    }
    start.comm = comm;
    start.config = &rt->config;
    start.log = &rt->log;
    start.program = rt->registry.hash ^ prolog_hash();
    start.tasks = rt->registry.tasks;
    rt->handle = deliver;
    start.deliver = deliver;
    start.ctx = rt;
    err = rt->is_serial ? net_open_alone(&rt->net, &rt->node, &start)
                        : net_open(&rt->net, &rt->node, &start);
    if (err) {
        registry_close(&rt->registry);
        return err;
    }
    rt->rank = rt->node.rank;
    rt->size = rt->node.size;
    log_close(&rt->log);
    log_open(&rt->log, &rt->config, rt->rank, rt->host);
    return 0;
}

/* What the settings ask of the process. */
static void obey_settings(struct runtime *rt)
{
    struct config *config = &rt->config;

    if (config->nice && setpriority(PRIO_PROCESS, 0, config->nice))
        log_warn(&rt->log, "SCOOP_NICE: %s", strerror(errno));
    if (config->profile[0]) {
        rt->trace = trace_open(config->profile_bytes);
        if (!rt->trace)
            log_warn(&rt->log, "no memory for a timeline");
    }
}

static void set_up(struct runtime *rt)
{
    const struct node *n = &rt->node;

    crowd_init(&rt->node, &rt->config);
    struct steal_world world = {rt->rank,
                                rt->size,
                                n->nodes,
                                n->my_node,
                                n->locals,
                                n->node_of,
                                n->watcher,
                                rt->config.steal_local,
                                rt->config.steal_remote,
                                rt->config.lifelines && rt->config.steal_remote,
                                rt->config.spin_ns};

    if (!config_is_given(&rt->config, CONFIG_SPIN) && n->awake_max > n->cpus)
        world.spin_ns = 0;
    steal_init(&rt->steal, &world, rt->config.seed + 1);
    term_init(&rt->term, rt->rank, rt->size);
    future_table_init(&rt->futures, rt->rank, clock_now_ns());
    future_table_init(&rt->guests, -1, 0); /* found by nobody's handle */
}

static void say_stats(struct runtime *rt)
{
    struct scoop_stats s;

    if (!rt->config.stats || scoop_stats(&s))
        return;
    log_line(&rt->log, LOG_WARN,
             "stats: %llu tasks, %llu taken, %llu of %llu steals won, %llu "
             "messages, %llu stacks, busy %.3f s, idle %.3f s",
             (unsigned long long)s.tasks_run, (unsigned long long)s.tasks_taken,
             (unsigned long long)s.steals_won,
             (unsigned long long)s.steals_tried,
             (unsigned long long)s.messages_sent, (unsigned long long)s.fibers,
             s.busy_seconds, s.idle_seconds);
}

static void close_rooms(struct runtime *rt)
{
    trace_close(rt->trace, &rt->log, rt->config.profile);
    net_close(rt->net);
    worker_fini(rt);
    shared_fini(&rt->shared);
    shutdown_free(&rt->shutdown);
    recall_free(&rt->recalls);
    future_table_fini(&rt->futures);
    future_table_fini(&rt->guests);
    registry_close(&rt->registry);
}

static void work(struct runtime *rt)
{
    struct signals signals;

    broker_start(rt);
    signals_open(&signals);
    rt->helper = helper_start(rt);
    rt->started_ns = rt->progress_ns = clock_now_ns();
    runtime_set_current(rt);
    worker_loop(rt);
    say_stats(rt);
    close_doors();
    runtime_set_current(NULL);
    helper_stop(rt->helper);
    signals_close(&signals);
}

/* *rank stays as it is where the farm could not start. */
static int farm(struct runtime *rt, int *rank)
{
    set_up(rt);
    atomic_store(&running, rt);
    int err = prolog_run(rt);
    if (err) {
        close_doors();
        close_rooms(rt);
        return err;
    }
    obey_settings(rt);
    err = worker_init(rt);
    if (!err)
        err = shared_init(&rt->shared);
    if (err) {
        log_error(&rt->log, "cannot start: %s", scoop_strerror(err));
        net_abort(rt->net, 1); /* the others have begun */
    }
    *rank = rt->rank;
    work(rt);
    int status = rt->status;
    close_rooms(rt);
    return status;
}

static struct runtime *new_runtime(void)
{
    struct runtime *rt = aligned_alloc(64, (sizeof *rt + 63) & ~(size_t)63);

    if (!rt)
        return NULL;
    memset(rt, 0, sizeof *rt);
    read_settings(rt);
    gethostname(rt->host, sizeof rt->host - 1);
    log_open(&rt->log, NULL, -1, rt->host);
    return rt;
}

static void free_runtime(struct runtime *rt)
{
    log_close(&rt->log);
    free(rt);
}

struct runtime *serial_rooms_open(int *why)
{
    struct runtime *rt = new_runtime();

    *why = SCOOP_ENOMEM;
    if (!rt)
        return NULL;
    rt->is_serial = true;
    *why = open_rooms(rt, NULL);
    if (*why) {
        free_runtime(rt);
        return NULL;
    }
    set_up(rt);
    *why = prolog_run(rt);
    if (!*why) {
        obey_settings(rt);
        *why = worker_init(rt);
        if (!*why)
            *why = shared_init(&rt->shared);
    }
    if (!*why)
        *why = worker_open_outside(rt);
    rt->started_ns = rt->progress_ns = clock_now_ns();
    if (!*why)
        return rt;
    serial_rooms_close(rt);
    return NULL;
}

void serial_rooms_close(struct runtime *rt)
{
    close_rooms(rt);
    free_runtime(rt);
}

/* *rank: of this process in the farm; -1: there was none. */
static int run(MPI_Comm *comm, int (*root)(void *arg), void *arg, int *rank)
{
    struct runtime *rt;
    int status;

    *rank = -1;
    if (!root)
        return SCOOP_EINVAL;
    if (!serial_end() || runtime_current || atomic_load(&running))
        return SCOOP_ESTATE;
    rt = new_runtime();
    if (!rt)
        return SCOOP_ENOMEM;
    rt->root = root;
    rt->root_arg = arg;
    status = open_rooms(rt, comm);
    if (!status)
        status = farm(rt, rank);
    free_runtime(rt);
    return status;
}

int scoop_run(MPI_Comm comm, int (*root)(void *arg), void *arg)
{
    int rank;

    return run(&comm, root, arg, &rank);
}

struct main_call {
    int (*root)(int argc, char **argv);
    int argc;
    char **argv;
};

static int call_root(void *arg)
{
    struct main_call *m = arg;

    return m->root(m->argc, m->argv);
}

int scoop_main(int argc, char **argv, int (*root)(int argc, char **argv))
{
    struct main_call m = {root, argc, argv};
    int rank;

    if (!root) {
        fprintf(stderr, "scoop_main: the root function is NULL\n");
        return EXIT_FAILURE;
    }
    if (net_mpi_init(&m.argc, &m.argv)) {
        fprintf(stderr, "scoop_main: MPI could not be initialised\n");
        return EXIT_FAILURE;
    }
    int status = run(NULL, call_root, &m, &rank);
    net_mpi_fini();
    if (rank < 0)
        return EXIT_FAILURE;
    return rank == 0 ? status : 0;
}
