/* SPDX-License-Identifier: MIT */
/* where.c -- what a program can ask about itself: who, where, which seed; log
 *
 * All of these may be called from any thread and at any time, so they look at
 * the farm as visitors do (public.h): it does not end while one is here.
 * Texts are handed out in buffers of the calling thread, since there is no
 * moment at which another thread would give them back.
 *
 * Seeds.  The path of a task is a hash of its way from the root: the root's is
 * SCOOP_SEED, the path of a child is made from its parent's path and from how
 * many children came before it (call_next_path()).  A map counts as one child
 * with its items as children, so the path of an item depends on its index and
 * not on the piece it is in.  All that is known where the task was submitted,
 * so it is the same on any number of ranks.  Paths need to be different only;
 * a seed shall also look random, and for that it is mixed once more.  That
 * mixing takes no two numbers to one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "public.h"

extern char **environ;

#define HOST_SIZE 64
#define NAME_SIZE 128

/* ---- Who and where ---------------------------------------------------- */

int scoop_rank(void)
{
    struct runtime *rt = public_visit();
    int rank = rt ? rt->rank : 0;

    public_leave(rt);
    return rank;
}

int scoop_size(void)
{
    struct runtime *rt = public_visit();
    int size = rt ? rt->size : 1;

    public_leave(rt);
    return size;
}

bool scoop_is_origin(void)
{
    return scoop_rank() == 0;
}

bool scoop_is_running(void)
{
    struct runtime *rt = public_visit();
    bool is_running = rt && !rt->is_serial;

    public_leave(rt);
    return is_running;
}

bool scoop_is_debug(void)
{
    struct runtime *rt = public_visit();
    bool is_debug = rt && rt->config.debug;

    public_leave(rt);
    return is_debug;
}

int scoop_node(void)
{
    struct runtime *rt = public_visit();
    int node = rt ? rt->node.my_node : 0;

    public_leave(rt);
    return node;
}

int scoop_nodes(void)
{
    struct runtime *rt = public_visit();
    int nodes = rt ? rt->node.nodes : 1;

    public_leave(rt);
    return nodes;
}

int scoop_node_of(int rank)
{
    struct runtime *rt = public_visit();
    int node = SCOOP_EINVAL;

    if (rank >= 0 && rank < (rt ? rt->size : 1))
        node = rt ? rt->node.node_of[rank] : 0;
    public_leave(rt);
    return node;
}

int scoop_node_rank(void)
{
    struct runtime *rt = public_visit();
    int local = rt ? rt->node.local : 0;

    public_leave(rt);
    return local;
}

int scoop_node_size(void)
{
    struct runtime *rt = public_visit();
    int locals = rt ? rt->node.locals : 1;

    public_leave(rt);
    return locals;
}

const char *scoop_host(void)
{
    static _Thread_local char host[HOST_SIZE];

    if (!host[0] && (gethostname(host, sizeof host - 1) || !host[0]))
        memcpy(host, "localhost", sizeof "localhost");
    return host;
}

/* ---- For debugging ---------------------------------------------------- */

/* Of rank 0. */
static void name_broker(char *name, size_t size, const char *before,
                        const char *behind)
{
    struct runtime *rt = public_visit();
    const char *host = rt ? net_origin_host(rt->net) : scoop_host();

    snprintf(name, size, "%s0@%s%s", before, host, behind);
    public_leave(rt);
}

const char *scoop_worker_name(void)
{
    static _Thread_local char name[NAME_SIZE];

    snprintf(name, sizeof name, "%d@%s", scoop_rank(), scoop_host());
    return name;
}

const char *scoop_broker_name(void)
{
    static _Thread_local char name[NAME_SIZE];

    name_broker(name, sizeof name, "", "");
    return name;
}

const char *scoop_broker_address(void)
{
    static _Thread_local char address[NAME_SIZE];

    name_broker(address, sizeof address, "mpi:", "/tasks");
    return address;
}

const char *scoop_meta_address(void)
{
    static _Thread_local char address[NAME_SIZE];

    name_broker(address, sizeof address, "mpi:", "/control");
    return address;
}

/* ---- Seeds ------------------------------------------------------------ */

uint64_t scoop_seed(void)
{
    struct runtime *rt = public_visit();
    uint64_t x = 0;

    if (rt && rt == runtime_current && rt->frame)
        x = rt->frame->path;
    else if (rt)
        x = rt->config.seed;
    public_leave(rt);
    /* The last steps of splitmix64 (Steele, Lea, Flood, 2014). */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t scoop_index(void)
{
    struct runtime *rt = runtime_current;
    const struct future *task = rt && rt->frame ? rt->frame->task : NULL;

    if (!task || !(task->rec.flags & (TASK_RANGE | TASK_SUBTREE)) ||
        rt->frame->type->kind == SCOOP_OPERATOR)
        return 0;
    return task->rec.first;
}

/* ---- Log -------------------------------------------------------------- */

_Static_assert((int)SCOOP_LOG_ERROR == (int)LOG_ERROR &&
                   (int)SCOOP_LOG_WARN == (int)LOG_WARN &&
                   (int)SCOOP_LOG_INFO == (int)LOG_INFO &&
                   (int)SCOOP_LOG_DEBUG == (int)LOG_DEBUG,
               "the levels are the log's own");

/* Where no farm runs: to stderr, from the level that is set. */
static void log_outside(enum log_level level, const char *words)
{
    struct config config;
    struct log log;

    config_init(&config, environ, NULL, NULL);
    config.log_file[0] = '\0';
    log_open(&log, &config, -1, scoop_host());
    log_line(&log, level, "%s", words);
    log_close(&log);
}

int scoop_log(enum scoop_log_level level, const char *format, ...)
{
    char words[LOG_LINE_SIZE];
    va_list args;

    if (!format || (int)level < 0 || (int)level >= LOG_LEVEL_COUNT)
        return SCOOP_EINVAL;
    struct runtime *rt = public_visit();
    if (rt && !log_is_on(&rt->log, (enum log_level)level)) {
        public_leave(rt);
        return 0;
    }
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (!rt)
        log_outside((enum log_level)level, words);
    else if (rt == runtime_current && rt->frame &&
             (rt->frame->task || !rt->is_serial))
        log_line(&rt->log, (enum log_level)level, "%s: %s",
                 call_name(rt->frame), words);
    else
        log_line(&rt->log, (enum log_level)level, "%s", words);
    public_leave(rt);
    return 0;
}
