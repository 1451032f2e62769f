/* SPDX-License-Identifier: MIT */
/* test_node.c -- node memory between processes: set up, sleep, hunger, CPUs
 *
 * What needs another /dev/shm is skipped where we may not mount one.
 */
#include "test_node_ranks.h"

#include "clock.h"

#include <dirent.h>
#include <sys/mount.h>

/* ---- Sleep --------------------------------------------------------------- */

#define ROUNDS (50000 / SLOWER)

/* Not longer than the other takes to answer, mostly: so the doze and the call
 * meet at all points. */
static void dawdle(_Atomic uint64_t *word, uint64_t until, uint32_t turns)
{
    while (turns-- > 0 &&
           atomic_load_explicit(word, memory_order_relaxed) < until)
        ;
}

/* Two ranks wake each other in turn. `beat` counts the calls that a rank has
 * got; nothing but a wake-up ends a sleep. */
static void part_ping_pong(struct cast *cast)
{
    struct node *node = &cast->node;
    int other = 1 - node->local;
    _Atomic uint64_t *mine = &node->me->beat;
    _Atomic uint64_t *theirs = &node_block(node, other)->beat;

    CHECK(cast->opened == 0);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        if (node->local == 0) {
            atomic_store_explicit(theirs, round, memory_order_release);
            node_wake(node, other);
        }
        dawdle(mine, round, (uint32_t)(round * 7919 % 997));
        while (atomic_load_explicit(mine, memory_order_acquire) < round) {
            node_doze(node);
            if (atomic_load_explicit(mine, memory_order_acquire) < round)
                node_sleep(node, UINT64_MAX);
            else
                node_rise(node);
        }
        if (node->local == 1) {
            atomic_store_explicit(theirs, round, memory_order_release);
            node_wake(node, other);
        }
    }
    meet(cast->stage);
    CHECK(atomic_load(&node->head->sleepers) == 0);
}

/* The same with urgent mail, answered by what stands for the helper. */
static void part_helper(struct cast *cast)
{
    struct node *node = &cast->node;
    unsigned char in[NODE_MAIL_MAX];
    uint64_t start_ns = clock_now_ns();

    CHECK(cast->opened == 0);
    node_helper_sleep(node, start_ns + 2000000);
    CHECK(clock_now_ns() - start_ns >= 2000000);
    meet(cast->stage);
    for (int round = 0; round < ROUNDS; round++) {
        if (node->local == 0)
            CHECK(node_mail_put(node, 1, &round, 4, NULL, 0, true));
        while (node_mail_take(node, in) == 0)
            node_helper_sleep(node, UINT64_MAX);
        CHECK(!memcmp(in, &round, 4));
        if (node->local == 1)
            CHECK(node_mail_put(node, 0, &round, 4, NULL, 0, true));
    }
    meet(cast->stage);
    if (node->local == 0)
        return;
    node_wake_helper(node, 1);
    node_wake_helper(node, 1);
    node_helper_sleep(node, UINT64_MAX); /* called before: ends at once */
    start_ns = clock_now_ns();
    CHECK(node_mail_put(node, 1, "m", 1, NULL, 0, false)); /* not urgent */
    node_helper_sleep(node, start_ns + 2000000);
    CHECK(clock_now_ns() - start_ns >= 2000000);
}

static void part_alone_asleep(struct cast *cast)
{
    struct node *node = &cast->node;
    uint64_t start_ns = clock_now_ns();

    CHECK(cast->opened == 0);
    CHECK(!node_wake(node, 0));
    CHECK(!node_wake_one(node));
    node_doze(node);
    node_sleep(node, start_ns + 5000000);
    CHECK(clock_now_ns() - start_ns >= 5000000);
    CHECK(atomic_load(&node->head->sleepers) == 0);
    node_doze(node);
    node_sleep(node, 0); /* that time is past */
    node_doze(node);
    node_doze(node);
    CHECK(atomic_load(&node->head->sleepers) == 1);
    CHECK(node_wake_one(node));
    CHECK(!node_wake_one(node));
    CHECK(atomic_load(&node->head->sleepers) == 0);
    node_sleep(node, UINT64_MAX); /* woken before: returns */
    node_doze(node);
    CHECK(node_mail_put(node, 0, "m", 1, NULL, 0, false));
    node_sleep(node, UINT64_MAX);
    node_rise(node);
    CHECK(atomic_load(&node->head->sleepers) == 0);
}

static void pretend_sleep(struct node *node, int local)
{
    atomic_store(&node_block(node, local)->asleep, NODE_ASLEEP);
    atomic_fetch_add(&node->head->sleepers, 1);
}

/* Whom node_wake_one wakes: -1 if nobody, -2 if it is not as it says. */
static int woken(struct node *node)
{
    uint32_t before = atomic_load(&node->head->sleepers);
    bool was_asleep[RANKS_MAX];
    int who = -1;

    for (int i = 0; i < node->locals; i++)
        was_asleep[i] = atomic_load(&node_block(node, i)->asleep);
    bool is_one = node_wake_one(node);
    for (int i = 0; i < node->locals; i++)
        if (was_asleep[i] && !atomic_load(&node_block(node, i)->asleep))
            who = who == -1 ? i : -2;
    if (is_one != (who >= 0) ||
        atomic_load(&node->head->sleepers) != before - is_one)
        who = -2;
    return who;
}

static void part_turns(struct cast *cast)
{
    struct node *node = &cast->node;

    CHECK(cast->opened == 0);
    if (node->local == 1) {
        for (int i = 0; i < 4; i++)
            pretend_sleep(node, i);
        CHECK(woken(node) == 2); /* its neighbour first */
        CHECK(woken(node) == 3);
        pretend_sleep(node, 2);
        pretend_sleep(node, 3);
        CHECK(woken(node) == 0);
        CHECK(woken(node) == 1);
        CHECK(node_wake(node, 2));
        CHECK(!node_wake(node, 2));
        CHECK(woken(node) == 3);
        CHECK(woken(node) == -1);
    }
    meet(cast->stage); /* the memory stays until then */
}

/* One wakes, one at a time, three who sleep: no wake-up hits nobody, none
 * stays asleep. */
static void part_wake_one(struct cast *cast)
{
    struct node *node = &cast->node;
    struct stage *stage = cast->stage;
    int rounds = 3000 / SLOWER;

    CHECK(cast->opened == 0);
    if (node->local != 0) {
        uint64_t ups = 0;
        for (;;) {
            node_doze(node);
            if (atomic_load(&stage->is_over))
                break;
            node_sleep(node, UINT64_MAX);
            ups++;
            atomic_fetch_add(&stage->sum[0], 1);
        }
        node_rise(node);
        CHECK(ups > 0);
    } else {
        for (int i = 0; i < rounds;)
            if (node_wake_one(node))
                i++;
            else
                sched_yield();
        atomic_store(&stage->is_over, true);
        for (int i = 1; i < node->locals; i++)
            node_wake(node, i);
    }
    meet(stage);
    CHECK(atomic_load(&stage->sum[0]) >= (uint64_t)rounds - 3);
    CHECK(atomic_load(&node->head->sleepers) == 0);
    CHECK(!node_wake_one(node));
}

/* ---- Hunger, CPUs -------------------------------------------------------- */

static void part_hungry_alone(struct cast *cast)
{
    struct node *node = &cast->node;

    CHECK(cast->opened == 0);
    CHECK(node_hungry_take(node) == -1);
    CHECK(node_hungry_add(node, 0));
    CHECK(!node_hungry_add(node, 0));
    CHECK(node_hungry_add(node, 7));
    CHECK(atomic_load(&node->head->hungry) == 2);
    CHECK(node_hungry_take(node) == 0);
    CHECK(node_hungry_add(node, 0)); /* behind 7: its turn comes later */
    CHECK(node_hungry_take(node) == 7);
    CHECK(node_hungry_take(node) == 0);
    CHECK(node_hungry_take(node) == -1);
    for (int i = 0; i < (int)NODE_HUNGRY_MAX; i++)
        CHECK(node_hungry_add(node, 1000 + i));
    CHECK(!node_hungry_add(node, 5));
    CHECK(atomic_load(&node->head->hungry) == NODE_HUNGRY_MAX);
    for (int i = 0; i < (int)NODE_HUNGRY_MAX; i++)
        CHECK(node_hungry_take(node) >= 1000);
    CHECK(node_hungry_take(node) == -1);
    CHECK(atomic_load(&node->head->hungry) == 0);
}

/* What is added comes out once. */
static void part_hungry(struct cast *cast)
{
    struct node *node = &cast->node;
    struct stage *stage = cast->stage;

    CHECK(cast->opened == 0);
    for (int i = 0; i < 30000 / SLOWER; i++) {
        int rank = i * node->locals + node->local;
        if (node_hungry_add(node, rank)) {
            atomic_fetch_add(&stage->sum[0], (uint64_t)rank);
            atomic_fetch_add(&stage->sum[1], 1);
        }
        rank = node_hungry_take(node);
        if (rank >= 0) {
            atomic_fetch_sub(&stage->sum[0], (uint64_t)rank);
            atomic_fetch_sub(&stage->sum[1], 1);
        }
    }
    meet(stage);
    if (node->local == 0)
        for (int rank; (rank = node_hungry_take(node)) >= 0;) {
            atomic_fetch_sub(&stage->sum[0], (uint64_t)rank);
            atomic_fetch_sub(&stage->sum[1], 1);
        }
    meet(stage);
    CHECK(atomic_load(&stage->sum[0]) == 0);
    CHECK(atomic_load(&stage->sum[1]) == 0);
    CHECK(atomic_load(&node->head->hungry) == 0);
}

static int allowed_cpus(size_t *first)
{
    cpu_set_t set;
    int n = 0;

    *first = 0;
    if (sched_getaffinity(0, sizeof set, &set))
        return 0;
    for (size_t i = CPU_SETSIZE; i-- > 0;)
        if (CPU_ISSET(i, &set)) {
            *first = i;
            n++;
        }
    return n;
}

/* As mpirun may do: rank 0 on one CPU, rank 1 on all the others. */
static void bind_cpus(int local)
{
    cpu_set_t set;
    size_t first;

    if (allowed_cpus(&first) < 2 || sched_getaffinity(0, sizeof set, &set))
        return;
    CPU_CLR(first, &set);
    if (local == 0) {
        CPU_ZERO(&set);
        CPU_SET(first, &set);
    }
    CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}

/* Each rank has CPUs of its own, or all have the same. */
static void part_cpus(struct cast *cast)
{
    size_t first;
    int mine = allowed_cpus(&first);

    CHECK(cast->opened == 0);
    atomic_fetch_add(&cast->stage->sum[0], (uint64_t)mine);
    atomic_fetch_add(&cast->stage->sum[1], first);
    meet(cast->stage);
    int cpus = (int)atomic_load(&cast->stage->sum[0]);
    if (atomic_load(&cast->stage->sum[1]) == 2 * first)
        cpus = mine;
    CHECK(cast->node.cpus == cpus);
    CHECK(atomic_load(&node_block(&cast->node, 1)->pid) != 0);
    CHECK(atomic_load(&cast->node.me->pid) == getpid());
}

/* ---- Set up -------------------------------------------------------------- */

static int names_in_shm(void)
{
    DIR *dir = opendir("/dev/shm");
    int names = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        names += strncmp(entry->d_name, "scoop-", 6) == 0;
    if (dir)
        closedir(dir);
    return names;
}

/* All bytes can be written, by all. */
static void part_open(struct cast *cast)
{
    struct node *node = &cast->node;

    CHECK(cast->opened == 0);
    CHECK(cast->why[0] == '\0');
    CHECK((uintptr_t)node->head % PAGE == 0);
    CHECK((uintptr_t)node->me % PAGE == 0);
    meet(cast->stage);
    unsigned char *block =
        (unsigned char *)node_block(node, (node->local + 1) % node->locals);
    for (size_t i = 0; i < sizeof(struct node_block); i++)
        block[i] = (unsigned char)(i % 251);
    meet(cast->stage);
    size_t wrong = 0;
    block = (unsigned char *)node->me;
    for (size_t i = 0; i < sizeof(struct node_block); i++)
        wrong += block[i] != i % 251;
    CHECK(wrong == 0);
}

static void part_open_clean(struct cast *cast)
{
    part_open(cast);
    CHECK(names_in_shm() == 0);
}

static void part_no_room(struct cast *cast)
{
    CHECK(cast->opened == SCOOP_ENOMEM);
    CHECK(strstr(cast->why, "/dev/shm is too small") ||
          (!has_no_room && strstr(cast->why, "another rank")));
    CHECK(!cast->node.os && !cast->node.head && !cast->node.me);
    node_close(&cast->node); /* does nothing */
    meet(cast->stage);
}

static void part_no_room_clean(struct cast *cast)
{
    part_no_room(cast);
    CHECK(names_in_shm() == 0);
    CHECK(strstr(cast->why, " 1024 KiB were free"));
}

static void no_room_for_all(int local)
{
    (void)local;
    has_no_room = true;
}

static void no_room_for_two(int local)
{
    has_no_room = local == 2;
}

/* A /dev/shm of this process's own and its children's. */
static bool mount_shm(const char *options)
{
    return !unshare(CLONE_NEWNS) &&
           !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) &&
           !mount("tmpfs", "/dev/shm", "tmpfs", 0, options);
}

static void leave_shm(int local)
{
    if (local == 1 && !mount_shm("size=64m"))
        _exit(1);
}

static void part_apart(struct cast *cast)
{
    CHECK(cast->opened == SCOOP_ESYSTEM);
    CHECK(strstr(cast->why, cast->node.local == 1 ? "different /dev/shm"
                                                  : "another rank"));
}

/* Says no before it looks at anything else. */
static void part_too_many(struct cast *cast)
{
    struct node node;
    struct node_start start = {.locals = LOCALS_MAX + 1, .why = cast->why};

    CHECK(node_open(&node, &start) == SCOOP_ELIMIT);
    CHECK(strstr(cast->why, "at most 4094"));
}

/* 0: passed, 1: failed, 2: may not be done here. */
static int with_own_shm(const char *options, int ranks, prepare_fn *prepare,
                        part_fn *part)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (!mount_shm(options))
            _exit(2);
        _exit(!run(ranks, prepare, part));
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 1;
    return WEXITSTATUS(status);
}

#define CHECK_MOUNTED(what)                                                    \
    do {                                                                       \
        int outcome = (what);                                                  \
        CHECK(outcome != 1);                                                   \
        if (outcome == 2)                                                      \
            printf("skipped, cannot mount a tmpfs: %s\n", #what);              \
    } while (0)

int main(void)
{
    CHECK(run(1, NULL, part_open));
    CHECK(run(2, NULL, part_open));
    CHECK(run(RANKS_MAX, NULL, part_open));
    CHECK(run(1, NULL, part_too_many));
    CHECK(run(3, no_room_for_all, part_no_room));
    CHECK(run(4, no_room_for_two, part_no_room));
    CHECK_MOUNTED(with_own_shm("size=64m", 16, NULL, part_open_clean));
    CHECK_MOUNTED(with_own_shm("size=1m", 16, NULL, part_no_room_clean));
    CHECK_MOUNTED(with_own_shm("size=0", 4, NULL, part_open_clean));
    CHECK_MOUNTED(with_own_shm("size=64m", 2, leave_shm, part_apart));
    CHECK(run(2, bind_cpus, part_cpus));
    CHECK(run(2, NULL, part_cpus));
    CHECK(run(1, NULL, part_alone_asleep));
    CHECK(run(2, NULL, part_ping_pong));
    CHECK(run(2, NULL, part_helper));
    CHECK(run(4, NULL, part_turns));
    CHECK(run(4, NULL, part_wake_one));
    CHECK(run(1, NULL, part_hungry_alone));
    CHECK(run(4, NULL, part_hungry));
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
