/* SPDX-License-Identifier: MIT */
/* test_node_ranks.h -- some processes as the ranks of one node, for tests
 *
 * run() forks ranks. They open node memory with the two collective calls made
 * of a page that they inherit, and do their part. A watchdog ends what hangs:
 * a lost wake-up is a failed test.
 *
 * node.c is compiled in here, with a putter that can be made to die in the
 * middle of a message and an allocation that can be made to fail.
 */
#ifndef TEST_NODE_RANKS_H
#define TEST_NODE_RANKS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare, CPU sets */
#endif
#include <fcntl.h>

static void stall(void);
static int allocate_or_not(int fd, off_t from, off_t len);
#define NODE_TEST_STALL() stall()
#define posix_fallocate allocate_or_not
#include "node.c"
#undef posix_fallocate

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define RANKS_MAX 16
#define WATCHDOG_S 30

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

static int passed, failed;

/* What the hooks do in this process. */
static int dies_in; /* stalling points to live; 0: for ever */
static bool stalls;
static bool has_no_room;

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (!(cond)) {                                                         \
            failed++;                                                          \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #cond);          \
        } else {                                                               \
            passed++;                                                          \
        }                                                                      \
    } while (0)

/* Inherited by all ranks of one test. */
struct stage {
    pthread_barrier_t barrier;
    int ranks;
    unsigned char offer[512];
    int status[RANKS_MAX];
    _Atomic uint64_t sum[4]; /* tests count in here */
    _Atomic bool is_over;
};

struct player {
    struct stage *stage;
    int local;
};

struct cast { /* of one rank */
    struct node node;
    struct stage *stage;
    char why[256];
    int opened; /* what node_open returned */
};

typedef void part_fn(struct cast *);

static void stall(void)
{
    static _Thread_local uint32_t count;

    if (dies_in > 0 && --dies_in == 0)
        _exit(0);
    if (stalls && ++count % 61 == 0)
        for (uint32_t i = 0; i < 1 + count % 3; i++)
            sched_yield();
}

static int allocate_or_not(int fd, off_t from, off_t len)
{
    return has_no_room ? ENOSPC : posix_fallocate(fd, from, len);
}

/* ---- Ranks --------------------------------------------------------------- */

static void meet(struct stage *stage)
{
    pthread_barrier_wait(&stage->barrier);
}

static int broadcast(void *ctx, void *data, size_t len)
{
    struct player *me = ctx;

    CHECK(len <= sizeof me->stage->offer);
    if (me->local == 0)
        memcpy(me->stage->offer, data, len);
    meet(me->stage);
    memcpy(data, me->stage->offer, len);
    meet(me->stage);
    return 0;
}

static int agree(void *ctx, int status)
{
    struct player *me = ctx;
    int agreed = 0;

    me->stage->status[me->local] = status;
    meet(me->stage);
    for (int i = 0; i < me->stage->ranks; i++)
        if (me->stage->status[i] < agreed)
            agreed = me->stage->status[i];
    meet(me->stage);
    return agreed;
}

static void open_node(struct cast *cast, struct stage *stage, int local)
{
    struct player player = {stage, local};
    struct node_start start = {
        .rank = local,
        .size = stage->ranks,
        .nodes = 1,
        .local = local,
        .locals = stage->ranks,
        .broadcast = broadcast,
        .agree = agree,
        .ctx = &player,
        .why = cast->why,
    };

    cast->stage = stage;
    cast->opened = node_open(&cast->node, &start);
}

/* Before node_open, in the rank's process. */
typedef void prepare_fn(int local);

static int play(struct stage *stage, int local, prepare_fn *prepare,
                part_fn *part)
{
    struct cast cast;

    passed = failed = 0;
    alarm(WATCHDOG_S);
    if (prepare)
        prepare(local);
    open_node(&cast, stage, local);
    part(&cast);
    if (cast.opened == 0)
        node_close(&cast.node);
    fflush(stdout);
    return failed > 0;
}

/* True if all ranks went well. */
static bool run(int ranks, prepare_fn *prepare, part_fn *part)
{
    struct stage *stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t attr;
    bool is_well = stage != MAP_FAILED;

    if (!is_well)
        return false;
    stage->ranks = ranks;
    pthread_barrierattr_init(&attr);
    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&stage->barrier, &attr, (unsigned)ranks);
    fflush(stdout);
    for (int i = 0; i < ranks; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(play(stage, i, prepare, part));
        if (pid < 0) /* the others would wait for it until the watchdog */
            is_well = false;
    }
    int status;
    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status)) {
            if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                printf("a rank hung\n");
            is_well = false;
        }
    munmap(stage, sizeof *stage);
    return is_well;
}

#endif
