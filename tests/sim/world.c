/* SPDX-License-Identifier: MIT */
/* world.c -- ranks as coroutines, events in the order of their time
 *
 * A rank is a coroutine that calls scoop_run().  It runs until what it does
 * takes it past the next event: then that comes first.  So each rank sees what
 * the others have done up to its own present, and the order in which they do
 * things is that of a clock, which the seed disturbs.
 *
 *     loop --go_on--> rank: its scheduler <--> its tasks, on their stacks
 *       ^               |
 *       +-- sim_spend --+   from whichever of these stacks
 *       +-- sim_block --+
 *
 * A rank's struct fiber is where the simulation left it, be that on the
 * scheduler's stack or on a task's: the library's own fibers do not notice.
 *
 * Nothing hangs: if there is no event any more, if virtual time passes its
 * limit, or if for two seconds of it no task ran and no message came, the run
 * is over and says what everybody waits for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* environ */
#endif
#include "world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "dump.h"
#include "runtime.h"
#include "worker.h"

#define LIMIT_NS (100 * UINT64_C(1000000000))
#define STILL_NS (2 * UINT64_C(1000000000))
#define STACK_BYTES ((size_t)128 << 10)
#define DUMPS 40

struct sim_world *sim_world;

/* ---- Chance ----------------------------------------------------------- */

uint64_t sim_next(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t sim_random(void)
{
    return sim_next(&sim_world->random);
}

uint64_t sim_below(uint64_t n)
{
    return sim_random() % n;
}

bool sim_chance(unsigned one_in)
{
    return !sim_below(one_in);
}

uint64_t sim_asked(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- What to say when it ends badly ----------------------------------- */

static void say_params(int fd)
{
    const struct sim_params *p = &sim_world->params;
    char line[256];
    int len = snprintf(line, sizeof line,
                       "sim: SIM_SEED=%llu ranks=%d per_node=%d cpus=%d "
                       "wild=%d slow=%d helper=%d; at %.6f s, event %llu, "
                       "%llu messages under way\n",
                       (unsigned long long)p->seed, p->ranks, p->per_node,
                       p->cpus, p->is_wild, p->is_slow, p->has_helper,
                       (double)sim_world->now_ns * 1e-9,
                       (unsigned long long)sim_world->report.events,
                       (unsigned long long)sim_world->under_way);

    if (write(fd, line, (size_t)len) != len)
        return;
    for (char **at = environ; *at; at++)
        if (!strncmp(*at, "SCOOP_", 6) && write(fd, *at, strlen(*at)) > 0 &&
            write(fd, "\n", 1) < 0)
            return;
}

static void dump(const struct sim_rank *rank)
{
    struct runtime *rt = rank->rt;
    const struct node_block *me = rt->node.me;

    fprintf(stderr,
            "sim: rank %d: turn %llu, %s, asleep %u, created %llu, ended %llu, "
            "early %llu, wave %llu of phase %d %s, %d reports%s"
            "%s%s, sent %llu received %llu\n",
            rank->rank, (unsigned long long)rank->turn,
            rank->is_blocked ? "blocked" : "ready",
            me ? (unsigned)atomic_load(&me->asleep) : 9,
            (unsigned long long)rt->futures.created,
            (unsigned long long)rt->futures.ended,
            (unsigned long long)rt->worker.early,
            (unsigned long long)rt->term.wave, (int)rt->term.phase,
            rt->term.is_open ? "open" : "shut", rt->term.reports,
            rt->steal.is_asking ? ", asks" : "",
            rt->is_draining ? ", drains" : "", rt->is_stopping ? ", stops" : "",
            (unsigned long long)net_sent(rt->net),
            (unsigned long long)net_received(rt->net));
    if (!rt->worker.strands.next)
        return;
    sim_world->skew_ns = rank->skew_ns;
    dump_state(rt);
    for (struct link *l = rt->guests.guests.next; l != &rt->guests.guests;
         l = l->next) {
        const struct future *f = future_of_link(l);
        fprintf(stderr,
                "sim: rank %d has task %u of rank %d, state %d, flags %x\n",
                rank->rank, (unsigned)f->rec.id, task_home(&f->rec), f->state,
                f->flags);
    }
}

static bool is_interesting(const struct sim_rank *rank)
{
    const struct runtime *rt = rank->rt;

    return rt && rt->net && rt->worker.strands.next &&
           (!worker_is_idle(rt) || rt->futures.created != rt->futures.ended ||
            !rank->is_blocked);
}

void sim_fail(const char *format, ...)
{
    struct sim_world *w = sim_world;
    va_list args;
    int left = DUMPS;

    fflush(stdout);
    fputs("sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    say_params(STDERR_FILENO);
    for (int i = 0; i < w->params.ranks && left; i++) {
        if (!is_interesting(&w->rank[i]))
            continue;
        dump(&w->rank[i]);
        left--;
    }
    for (int i = 0; i < w->params.ranks && left == DUMPS && i < 4; i++)
        if (w->rank[i].rt && w->rank[i].rt->net)
            dump(&w->rank[i]);
    exit(1);
}

static void on_crash(int number)
{
    static const char words[] = "sim: a signal ended the run\n";

    if (write(STDERR_FILENO, words, sizeof words - 1) > 0)
        say_params(STDERR_FILENO);
    signal(number, SIG_DFL);
    raise(number);
}

/* The seed must be known after a crash too, a stack's overflow included. */
static void watch_crashes(void)
{
#if !defined FIBER_ASAN && !defined FIBER_TSAN
    static char stack[16 << 10];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = SA_ONSTACK | SA_NODEFER};

    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
#else
    (void)on_crash;
#endif
}

/* ---- Events ----------------------------------------------------------- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void add_event(struct event event)
{
    struct sim_world *w = sim_world;
    size_t at = w->events++;

    if (w->events > w->room) {
        w->room = 2 * w->room + 1024;
        w->heap = realloc(w->heap, w->room * sizeof *w->heap);
        if (!w->heap)
            abort();
    }
    event.number = ++w->report.events;
    for (; at && is_before(&event, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = event;
}

static struct event take_event(void)
{
    struct sim_world *w = sim_world;
    struct event first = w->heap[0], last = w->heap[--w->events];
    size_t at = 0, child;

    for (; (child = 2 * at + 1) < w->events; at = child) {
        if (child + 1 < w->events &&
            is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_before(&w->heap[child], &last))
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return first;
}

static void go_on_at(struct sim_rank *rank, uint64_t at_ns)
{
    add_event(
        (struct event){.at_ns = at_ns, .turn = rank->turn, .rank = rank->rank});
}

void sim_post(struct letter *letter, uint64_t in_ns)
{
    add_event(
        (struct event){.at_ns = sim_world->now_ns + in_ns, .letter = letter});
}

void sim_progress(void)
{
    if (sim_world->progress_ns < sim_world->now_ns)
        sim_world->progress_ns = sim_world->now_ns;
}

/* ---- Ranks ------------------------------------------------------------ */

static void leave(struct sim_rank *rank)
{
    rank->now_ns = sim_world->now_ns;
    fiber_switch(rank->fiber, &sim_world->thread);
}

void sim_spend(uint64_t ns)
{
    struct sim_world *w = sim_world;
    struct sim_rank *rank = w->running;

    if (!rank)
        return; /* the loop takes no time */
    if (w->params.is_wild && sim_chance(4096))
        ns += sim_below(2000000);
    w->now_ns += ns;
    if (!w->events || w->heap[0].at_ns + w->params.ahead_ns > w->now_ns)
        return;
    go_on_at(rank, w->now_ns);
    leave(rank);
}

void sim_block(uint64_t until_ns)
{
    struct sim_rank *rank = sim_world->running;

    rank->is_blocked = true;
    if (until_ns != UINT64_MAX)
        go_on_at(rank,
                 until_ns > sim_world->now_ns ? until_ns : sim_world->now_ns);
    leave(rank);
}

void sim_wake(struct sim_rank *rank, uint64_t in_ns)
{
    if (rank->is_blocked)
        go_on_at(rank, sim_world->now_ns + in_ns);
}

void sim_barrier(void (*meanwhile)(void *ctx), void *ctx)
{
    struct sim_world *w = sim_world;
    uint64_t mine = w->barriers;

    if (++w->waiting == w->params.ranks) {
        w->waiting = 0;
        w->barriers++;
        for (int i = 0; i < w->params.ranks; i++)
            if (&w->rank[i] != w->running)
                sim_wake(&w->rank[i], sim_below(10000));
        return;
    }
    while (w->barriers == mine) {
        if (meanwhile)
            meanwhile(ctx);
        sim_block(meanwhile ? w->now_ns + 100000 : UINT64_MAX);
    }
}

void sim_work(uint64_t ns)
{
    struct sim_world *w = sim_world;
    struct sim_rank *rank = w->running;
    uint64_t until_ns = w->now_ns + ns;

    rank->looks = 0;
    rank->is_in_user = true;
    if (w->progress_ns < until_ns)
        w->progress_ns = until_ns;
    sim_spend(ns);
    rank->is_in_user = false;
}

uint64_t sim_now_ns(void)
{
    return sim_world->now_ns;
}

uint64_t sim_turns(int rank)
{
    return sim_world->rank[rank].turn;
}

uint64_t sim_messages(void)
{
    return sim_world->report.messages;
}

static void rank_main(void *arg)
{
    struct sim_world *w = sim_world;
    struct sim_rank *rank = arg;

    rank->status = scoop_run(MPI_COMM_WORLD, w->root, w->arg);
    rank->has_ended = true;
    w->ended++;
    leave(rank);
}

static void go_on(struct sim_rank *rank)
{
    struct sim_world *w = sim_world;

    rank->turn++;
    rank->is_blocked = false;
    if (w->now_ns < rank->now_ns) /* who woke it is behind: see ahead_ns */
        w->now_ns = rank->now_ns;
    w->running = rank;
    sim_set_farm(rank->current, rank->running);
    fiber_switch(&w->thread, rank->fiber);
    sim_get_farm(&rank->current, &rank->running);
    sim_set_farm(NULL, NULL);
    w->running = NULL;
}

/* ---- A run ------------------------------------------------------------ */

static void *room(size_t count, size_t bytes)
{
    void *at = calloc(count, bytes);

    if (!at)
        abort();
    return at;
}

static void make_world(struct sim_world *w, const struct sim_params *params)
{
    w->params = *params;
    struct sim_params *p = &w->params;
    if (p->per_node < 1 || p->per_node > p->ranks)
        p->per_node = p->ranks;
    if (!p->limit_ns)
        p->limit_ns = LIMIT_NS;
    w->random = p->seed * 0xd1342543de82ef95u + (uint64_t)p->ranks;
    w->now_ns = 1000000 + sim_below(1000000000);
    p->limit_ns += w->now_ns;
    w->progress_ns = w->now_ns;
    w->nodes = (p->ranks + p->per_node - 1) / p->per_node;
    w->rank = room((size_t)p->ranks, sizeof *w->rank);
    w->node_of = room((size_t)p->ranks, sizeof *w->node_of);
    w->local_of = room((size_t)p->ranks, sizeof *w->local_of);
    w->members = room((size_t)p->ranks, sizeof *w->members);
    w->watcher = room((size_t)w->nodes, sizeof *w->watcher);
    w->memory = room((size_t)w->nodes, sizeof *w->memory);
    fiber_adopt_thread(&w->thread);
    if (fiber_pool_init(&w->pool, STACK_BYTES, 0, (unsigned)p->ranks, 0))
        abort();
    uint64_t skew_ns = 0;
    for (int i = 0; i < p->ranks; i++) {
        struct sim_rank *rank = &w->rank[i];
        rank->rank = w->members[i] = i;
        rank->node = w->node_of[i] = i / p->per_node;
        rank->local = w->local_of[i] = i % p->per_node;
        if (!rank->local) { /* clocks of two nodes have nothing in common */
            w->watcher[rank->node] = i;
            skew_ns = sim_below(UINT64_C(1) << 40);
        }
        rank->skew_ns = skew_ns;
        rank->fiber = fiber_new(&w->pool, rank_main, rank);
        if (!rank->fiber)
            abort();
        rank->is_blocked = true;
        go_on_at(rank, w->now_ns + sim_below(1000000));
    }
}

static void end_world(struct sim_world *w)
{
    for (int i = 0; i < w->params.ranks; i++)
        fiber_free(&w->pool, w->rank[i].fiber);
    fiber_pool_fini(&w->pool);
    for (size_t i = 0; i < w->events; i++) /* ticks of helpers, if any */
        free(w->heap[i].letter);
    for (int i = 0; i < w->nodes; i++)
        free(w->memory[i]);
    free(w->memory);
    free(w->heap);
    free(w->rank);
    free(w->node_of);
    free(w->local_of);
    free(w->members);
    free(w->watcher);
}

static void mix(struct sim_world *w, uint64_t x)
{
    w->report.hash = (w->report.hash ^ x) * 0xd6e8feb86659fd93u;
    w->report.hash ^= w->report.hash >> 32;
}

static void run_event(struct sim_world *w)
{
    struct event event = take_event();

    w->now_ns = event.at_ns;
    mix(w, event.at_ns ^ (uint64_t)event.rank << 48);
    if (w->now_ns > w->params.limit_ns)
        sim_fail("virtual time has passed its limit");
    if (w->now_ns > w->progress_ns && w->now_ns - w->progress_ns > STILL_NS)
        sim_fail("nothing has happened for two seconds");
    if (event.letter)
        sim_net_arrive(event.letter);
    else if (event.turn == w->rank[event.rank].turn)
        go_on(&w->rank[event.rank]);
}

void sim_run(const struct sim_params *params, int (*root)(void *), void *arg,
             struct sim_report *report)
{
    struct sim_world w = {.root = root, .arg = arg};

    sim_world = &w;
    watch_crashes();
    make_world(&w, params);
    uint64_t start_ns = w.now_ns;
    while (w.ended < w.params.ranks) {
        if (!w.events)
            sim_fail("all ranks wait for ever");
        run_event(&w);
    }
    for (int i = 1; i < w.params.ranks; i++)
        if (w.rank[i].status != w.rank[0].status)
            sim_fail("scoop_run returned %d on rank %d, %d on rank 0",
                     w.rank[i].status, i, w.rank[0].status);
    w.report.status = w.rank[0].status;
    w.report.end_ns = w.now_ns - start_ns;
    end_world(&w);
    sim_world = NULL;
    *report = w.report;
}
