/* SPDX-License-Identifier: MIT */
/*
 * test_fiber.c -- stacks, and the switch between them
 *
 * A plain program: a line for each failure, the count at the end. What must
 * end in a signal runs in a forked child.
 */
#include "fiber.h"

#include <errno.h>
#include <fenv.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#if defined(FIBER_ASAN) || defined(FIBER_TSAN)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum {
#ifdef FIBER_TSAN
    MANY = 2000, /* it counts each as one of 8,128 threads */
#else
    MANY = 10000,
#endif
    KIB = 1024,
    MIB = 1024 * KIB,
    SMALL_STACK = 16 * KIB,
    PLAIN_STACK = 256 * KIB,
    /* Instrumented frames are large, and so is a ucontext_t. */
    RESERVE = SANITIZED ? 32 * KIB : 8 * KIB
};

/* Which knows neither roundings nor the kernel's limits. */
static bool is_under_valgrind(void)
{
#ifdef RUNNING_ON_VALGRIND
    return RUNNING_ON_VALGRIND;
#else
    return false;
#endif
}

static struct tally {
    unsigned passed, failed;
} tally;

static bool check(bool good, const char *what, int line)
{
    if (good) {
        tally.passed++;
    } else {
        tally.failed++;
        printf("test_fiber.c:%d: failed: %s\n", line, what);
    }
    return good;
}
#define CHECK(expr) check((expr), #expr, __LINE__)

/* Without a C++ runtime in the program this is the one the fibers find. */
struct fiber_cxx *__cxa_get_globals(void);
struct fiber_cxx *__cxa_get_globals(void)
{
    static struct fiber_cxx globals;

    return &globals;
}

/* What most tests run: fibers that log a letter and switch as told. */
struct stage {
    struct fiber_pool pool;
    struct fiber self;
    struct fiber *actor[8];
    char log[64];
};

static void set_up(struct stage *s, size_t stack_bytes, unsigned max,
                   unsigned keep)
{
    memset(s, 0, sizeof *s);
    CHECK(fiber_pool_init(&s->pool, stack_bytes, 0, max, keep) == 0);
    fiber_adopt_thread(&s->self);
}

static void note(struct stage *s, char letter)
{
    s->log[strlen(s->log)] = letter;
}

/* -- order of switches ----------------------------------------------------- */

static void act_first(void *arg)
{
    struct stage *s = arg;

    note(s, 'b');
    fiber_switch(s->actor[0], s->actor[1]);
    note(s, 'd');
    fiber_switch(s->actor[0], &s->self);
    note(s, 'f');
    fiber_switch(s->actor[0], s->actor[1]);
}

static void act_second(void *arg)
{
    struct stage *s = arg;

    note(s, 'c');
    fiber_switch(s->actor[1], s->actor[0]);
    note(s, 'g');
    fiber_switch(s->actor[1], s->actor[1]); /* to itself: goes on */
    note(s, 'h');
    fiber_switch(s->actor[1], &s->self);
}

static void test_order(void)
{
    struct stage s;

    set_up(&s, PLAIN_STACK, 4, 4);
    s.actor[0] = fiber_new(&s.pool, act_first, &s);
    s.actor[1] = fiber_new(&s.pool, act_second, &s);
    CHECK(s.pool.in_use == 2);
    note(&s, 'a');
    fiber_switch(&s.self, s.actor[0]);
    note(&s, 'e');
    fiber_switch(&s.self, s.actor[0]);
    CHECK(strcmp(s.log, "abcdefgh") == 0);
    fiber_free(&s.pool, s.actor[0]);
    fiber_free(&s.pool, s.actor[1]);
    CHECK(s.pool.in_use == 0 && s.pool.idle_count == 2);
    fiber_pool_fini(&s.pool);
}

/* -- many at once ---------------------------------------------------------- */

struct one_of_many {
    struct stage *stage;
    struct fiber *fiber;
    unsigned number, seen;
};

static void stay(void *arg)
{
    struct one_of_many *m = arg;
    volatile unsigned mine = m->number * 7 + 1;

    fiber_switch(m->fiber, &m->stage->self);
    m->seen = mine;
    fiber_switch(m->fiber, &m->stage->self);
}

static void run_many(size_t stack_bytes, unsigned count)
{
    struct one_of_many *many = calloc(count, sizeof *many);
    struct stage s;
    unsigned made = 0, right = 0;

    set_up(&s, stack_bytes, count, 8);
    for (unsigned i = 0; i < count; i++) {
        many[i] = (struct one_of_many){.stage = &s, .number = i};
        many[i].fiber = fiber_new(&s.pool, stay, &many[i]);
        if (!many[i].fiber)
            break;
        made++;
        fiber_switch(&s.self, many[i].fiber);
    }
    CHECK(made == count && s.pool.in_use_peak == count);
    for (unsigned i = made; i-- > 0;)
        fiber_switch(&s.self, many[i].fiber);
    for (unsigned i = 0; i < made; i++) {
        right += many[i].seen == i * 7 + 1;
        fiber_free(&s.pool, many[i].fiber);
    }
    CHECK(right == count);
    CHECK(s.pool.in_use == 0 && s.pool.idle_count == 8);
    fiber_pool_fini(&s.pool);
    CHECK(s.pool.idle_count == 0);
    free(many);
}

static void test_many(void)
{
    run_many(SMALL_STACK, MANY);
    run_many(0, 1000); /* the default: 64 MiB each */
}

/* -- reuse ----------------------------------------------------------------- */

static void act_once(void *arg)
{
    struct stage *s = arg;

    note(s, 'x');
    fiber_switch(s->actor[0], &s->self);
    note(s, '!'); /* entered again after its end */
}

static void act_other(void *arg)
{
    struct stage *s = arg;

    note(s, 'y');
    fiber_switch(s->actor[0], &s->self);
    note(s, 'z');
    fiber_switch(s->actor[0], &s->self);
}

static void test_reuse(void)
{
    struct stage s;

    set_up(&s, PLAIN_STACK, 2, 1);
    s.actor[0] = fiber_new(&s.pool, act_once, &s);
    fiber_switch(&s.self, s.actor[0]);
    fiber_free(&s.pool, s.actor[0]);

    struct fiber *first = s.actor[0];

    s.actor[0] = fiber_new(&s.pool, act_other, &s);
    CHECK(s.actor[0] == first && first->lives == 2 && s.pool.mapped == 1);
    fiber_switch(&s.self, s.actor[0]);
    fiber_switch(&s.self, s.actor[0]);
    CHECK(strcmp(s.log, "xyz") == 0);
    fiber_free(&s.pool, s.actor[0]);

    /* One that was never entered may be freed too. */
    s.actor[0] = fiber_new(&s.pool, act_once, &s);
    fiber_free(&s.pool, s.actor[0]);
    for (int i = 0; i < 3000; i++) {
        memset(s.log, 0, sizeof s.log);
        s.actor[0] = fiber_new(&s.pool, act_once, &s);
        fiber_switch(&s.self, s.actor[0]);
        fiber_free(&s.pool, s.actor[0]);
    }
    CHECK(strcmp(s.log, "x") == 0 && s.pool.mapped == 1);
    fiber_pool_fini(&s.pool);
}

static void test_extra(void)
{
    enum { EXTRA = 1000 };
    struct fiber_pool pool;

    CHECK(fiber_pool_init(&pool, PLAIN_STACK, EXTRA, 2, 2) == 0);

    struct fiber *f = fiber_new(&pool, act_once, NULL);
    unsigned char *extra = fiber_extra(f);
    unsigned sum = 0;

    CHECK((uintptr_t)extra % 64 == 0 && (uintptr_t)f % 64 == 0);
    CHECK((char *)extra >= (char *)(f + 1));
    for (int i = 0; i < EXTRA; i++)
        sum += extra[i];
    CHECK(sum == 0);
    memset(extra, 0x5a, EXTRA);
    fiber_free(&pool, f);
    CHECK(fiber_new(&pool, act_once, NULL) == f);
    for (int i = 0; i < EXTRA; i++)
        sum += extra[i] == 0x5a;
    CHECK(sum == EXTRA);
    fiber_free(&pool, f);
    fiber_pool_fini(&pool);
}

/* -- limits ---------------------------------------------------------------- */

static void test_limits(void)
{
    struct stage s;

    CHECK(fiber_pool_init(&s.pool, 4 * KIB, 0, 1, 1) == -EINVAL);
    CHECK(fiber_pool_init(&s.pool, SMALL_STACK, 1 * MIB, 1, 1) == -EINVAL);
    CHECK(fiber_pool_init(&s.pool, SIZE_MAX, 0, 1, 1) == -EINVAL);
    CHECK(fiber_pool_init(&s.pool, SMALL_STACK, SIZE_MAX, 1, 1) == -EINVAL);
    CHECK(fiber_pool_init(&s.pool, SMALL_STACK, 0, 0, 1) == -EINVAL);

    set_up(&s, SMALL_STACK, 3, 1);
    for (int i = 0; i < 3; i++)
        s.actor[i] = fiber_new(&s.pool, act_once, &s);
    CHECK(s.actor[2] && s.pool.refusal == FIBER_NOT_REFUSED);
    CHECK(!fiber_new(&s.pool, act_once, &s));
    CHECK(s.pool.refusal == FIBER_LIMIT);
    fiber_free(&s.pool, s.actor[1]);
    s.actor[1] = fiber_new(&s.pool, act_once, &s);
    CHECK(s.actor[1] != NULL);
    for (int i = 0; i < 3; i++)
        fiber_free(&s.pool, s.actor[i]);
    CHECK(s.pool.idle_count == 1);
    fiber_pool_fini(&s.pool);

    /* More address space than there is. */
    CHECK(fiber_pool_init(&s.pool, SIZE_MAX / 8, 0, 3, 1) == 0);
    CHECK(!fiber_new(&s.pool, act_once, &s));
    CHECK(s.pool.refusal == FIBER_NO_MEMORY);
    CHECK(s.pool.errno_seen == ENOMEM || is_under_valgrind());
    CHECK(s.pool.in_use == 0);
    fiber_pool_fini(&s.pool);
}

/* Until the process has no mapping left, where that is soon enough. */
static void test_mappings(void)
{
    struct fiber_pool pool;
    struct fiber *all = NULL, *f;

    CHECK(fiber_pool_init(&pool, SMALL_STACK, 0, 40000, 0) == 0);
    while ((f = fiber_new(&pool, act_once, NULL)) != NULL) {
        f->next = all;
        all = f;
    }
    CHECK(pool.in_use == 40000
              ? pool.refusal == FIBER_LIMIT
              : pool.refusal == FIBER_NO_MEMORY && pool.errno_seen == ENOMEM);
    CHECK(pool.in_use > 30000);
    while ((f = all) != NULL) {
        all = f->next;
        fiber_free(&pool, f);
    }
    CHECK(pool.in_use == 0 && pool.idle_count == 0);
    f = fiber_new(&pool, act_once, NULL);
    if (CHECK(f != NULL))
        fiber_free(&pool, f);
    fiber_pool_fini(&pool);
}

/* -- depth ----------------------------------------------------------------- */

__attribute__((noinline)) static unsigned long descend(struct fiber *f,
                                                       size_t leave_bytes,
                                                       bool tell)
{
    volatile unsigned char frame[200];
    unsigned long below = 0;

    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (unsigned char)i;
    if (tell)
        fiber_note_depth(f);
    if (fiber_stack_left(f) > leave_bytes)
        below = descend(f, leave_bytes, tell);
    for (unsigned i = 0; i < sizeof frame; i++)
        below += frame[i] != (unsigned char)i ? 1000000 : 0;
    return below + 1;
}

struct dive {
    struct stage stage;
    size_t leave_bytes;
    bool tell;
    size_t left_first;
    unsigned long levels;
};

static void act_dive(void *arg)
{
    struct dive *d = arg;
    struct fiber *me = d->stage.actor[0];

    d->left_first = fiber_stack_left(me);
    d->levels = descend(me, d->leave_bytes, d->tell);
    fiber_switch(me, &d->stage.self);
}

static void dive(struct dive *d, size_t leave_bytes, bool tell)
{
    d->leave_bytes = leave_bytes;
    d->tell = tell;
    d->stage.actor[0] = fiber_new(&d->stage.pool, act_dive, d);
    fiber_switch(&d->stage.self, d->stage.actor[0]);
}

static void test_deep(void)
{
    enum { DEEP = 8 * MIB };
    struct dive d;

    set_up(&d.stage, DEEP, 1, 1);
    dive(&d, RESERVE, true);

    struct fiber *f = d.stage.actor[0];

    CHECK(d.left_first < f->stack_bytes &&
          d.left_first > f->stack_bytes - RESERVE);
    CHECK(d.levels > DEEP / 4096 && d.levels < DEEP / 200);
    CHECK(f->low_water > f->stack_low);
    CHECK(f->low_water < f->stack_low + RESERVE + KIB);
    fiber_free(&d.stage.pool, f);
    fiber_pool_fini(&d.stage.pool);

    /* The thread's own stack has its bounds as well. */
    CHECK(d.stage.self.stack_bytes == 0);
    CHECK(fiber_stack_left(&d.stage.self) > 64 * KIB);
    CHECK(fiber_stack_left(&d.stage.self) < (size_t)1 << 40);
}

static size_t count_resident(char *low, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = bytes / page, n = 0;
    unsigned char *there = malloc(pages);

    if (CHECK(mincore(low, pages * page, there) == 0))
        for (size_t i = 0; i < pages; i++)
            n += there[i] & 1;
    free(there);
    return n * page;
}

static void test_trim(void)
{
    enum { DEEP = 4 * MIB };
    struct dive d;

    set_up(&d.stage, DEEP, 1, 1);
    dive(&d, DEEP / 2, true);

    struct fiber *f = d.stage.actor[0];

    CHECK(count_resident(f->stack_low, DEEP) > 1 * MIB);
    fiber_free(&d.stage.pool, f);
    CHECK(count_resident(f->stack_low, DEEP) <= 64 * KIB);
    CHECK(d.stage.pool.trimmed == 1);

    /* Not deep: nothing to do. */
    dive(&d, f->stack_bytes - 16 * KIB, true);
    fiber_free(&d.stage.pool, f);
    CHECK(d.stage.pool.trimmed == 1);

    /* Deep, and nobody said so: found in time all the same. */
    dive(&d, DEEP / 2, false);
    fiber_free(&d.stage.pool, f);
    CHECK(count_resident(f->stack_low, DEEP) > 1 * MIB);
    for (int i = 0; i < 64; i++)
        fiber_free(&d.stage.pool, fiber_new(&d.stage.pool, act_dive, &d));
    CHECK(d.stage.pool.trimmed == 2);
    CHECK(count_resident(f->stack_low, DEEP) <= 64 * KIB);
    fiber_pool_fini(&d.stage.pool);
}

/* -- what ends in a signal ------------------------------------------------- */

/* The signal that ended the child which ran it, its last words in text. */
static int die_of(void (*run)(void), char *text, size_t text_bytes)
{
    int end[2], status = 0;
    ssize_t got;
    size_t have = 0;

    fflush(stdout);
    if (!CHECK(pipe(end) == 0))
        return -1;

    pid_t child = fork();

    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL); /* the sanitizers' reports otherwise */
        signal(SIGBUS, SIG_DFL);
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        dup2(end[1], STDERR_FILENO);
        run();
        _exit(0);
    }
    close(end[1]);
    /* Ends when the child does. */
    while ((got = read(end[0], text + have, text_bytes - 1 - have)) > 0)
        have += (size_t)got;
    text[have] = 0;
    close(end[0]);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void hit_guard(void)
{
    struct dive d;

    set_up(&d.stage, PLAIN_STACK, 1, 1);
    dive(&d, 0, false);
    fiber_free(&d.stage.pool, d.stage.actor[0]);
}

static void act_return(void *arg)
{
    (void)arg;
}

static void return_from_entry(void)
{
    struct stage s;

    set_up(&s, PLAIN_STACK, 1, 1);
    s.actor[0] = fiber_new(&s.pool, act_return, NULL);
    fiber_switch(&s.self, s.actor[0]);
}

static void act_free_itself(void *arg)
{
    struct stage *s = arg;

    fiber_free(&s->pool, s->actor[0]);
}

static void free_running(void)
{
    struct stage s;

    set_up(&s, PLAIN_STACK, 1, 1);
    s.actor[0] = fiber_new(&s.pool, act_free_itself, &s);
    fiber_switch(&s.self, s.actor[0]);
}

static bool is_trap(int sig)
{
    return sig == SIGILL || sig == SIGTRAP || sig == SIGABRT;
}

static void test_deaths(void)
{
    char text[4096];

    CHECK(die_of(hit_guard, text, sizeof text) == SIGSEGV);
    CHECK(is_trap(die_of(return_from_entry, text, sizeof text)));
    CHECK(strstr(text, "entry function returned") != NULL);
    CHECK(is_trap(die_of(free_running, text, sizeof text)));
    CHECK(strstr(text, "fiber that is running") != NULL);
}

/* -- what belongs to a fiber ----------------------------------------------- */

static void act_errno(void *arg)
{
    struct stage *s = arg;

    note(s, errno == 0 ? 'z' : '!');
    errno = EDOM;
    fiber_switch(s->actor[0], &s->self);
    note(s, errno == EDOM ? 'd' : '!');
    fiber_switch(s->actor[0], &s->self);
}

static void test_errno(void)
{
    struct stage s;

    set_up(&s, PLAIN_STACK, 1, 1);
    s.actor[0] = fiber_new(&s.pool, act_errno, &s);
    errno = ERANGE;
    fiber_switch(&s.self, s.actor[0]);
    CHECK(errno == ERANGE);
    errno = EILSEQ;
    fiber_switch(&s.self, s.actor[0]);
    CHECK(errno == EILSEQ);
    CHECK(strcmp(s.log, "zd") == 0);
    fiber_free(&s.pool, s.actor[0]);
    fiber_pool_fini(&s.pool);
}

/* How this machine rounds a third now: in double by SSE, in long double by
 * the x87 unit, where the two are different. */
static int rounding(void)
{
    volatile double one = 1, three = 3;
    volatile long double long_one = 1, long_three = 3;
    const double near = 0x1.5555555555555p-2;
    const volatile double third = one / three, minus = -one / three;
    const volatile long double long_third = long_one / long_three;
    const volatile long double long_minus = -long_one / long_three;
    bool up = third > near, down = -minus > near;
    bool long_up = long_third > -long_minus;
    bool long_down = long_third < -long_minus;

    if (up != long_up || down != long_down)
        return -1;
    return up ? FE_UPWARD : down ? FE_DOWNWARD : FE_TONEAREST;
}

static void act_round(void *arg)
{
    struct stage *s = arg;

    note(s, rounding() == FE_TONEAREST ? 'n' : '!');
    fesetround(FE_UPWARD);
    fiber_switch(s->actor[0], &s->self);
    note(s, rounding() == FE_UPWARD ? 'u' : '!');
    fiber_switch(s->actor[0], &s->self);
}

static void test_rounding(void)
{
    struct stage s;

    set_up(&s, PLAIN_STACK, 1, 1);
    fesetround(FE_DOWNWARD);
    s.actor[0] = fiber_new(&s.pool, act_round, &s);
    fiber_switch(&s.self, s.actor[0]);
    CHECK(rounding() == FE_DOWNWARD);
    fesetround(FE_TONEAREST);
    fiber_switch(&s.self, s.actor[0]);
    CHECK(rounding() == FE_TONEAREST);
    CHECK(strcmp(s.log, "nu") == 0);
    fiber_free(&s.pool, s.actor[0]);
    fiber_pool_fini(&s.pool);
}

static void act_catch(void *arg)
{
    struct stage *s = arg;
    struct fiber_cxx *globals = __cxa_get_globals();

    note(s, !globals->caught && globals->uncaught == 0 ? 'e' : '!');
    *globals = (struct fiber_cxx){s, 5};
    fiber_switch(s->actor[0], &s->self);
    note(s, globals->caught == s && globals->uncaught == 5 ? 'k' : '!');
    *globals = (struct fiber_cxx){NULL, 0};
    fiber_switch(s->actor[0], &s->self);
}

static void test_exceptions(void)
{
    struct fiber_cxx *globals = __cxa_get_globals();
    struct stage s;

    set_up(&s, PLAIN_STACK, 1, 1);
    s.actor[0] = fiber_new(&s.pool, act_catch, &s);
    *globals = (struct fiber_cxx){&s.pool, 1};
    fiber_switch(&s.self, s.actor[0]);
    CHECK(globals->caught == &s.pool && globals->uncaught == 1);
    *globals = (struct fiber_cxx){NULL, 0};
    fiber_switch(&s.self, s.actor[0]);
    CHECK(strcmp(s.log, "ek") == 0);
    fiber_free(&s.pool, s.actor[0]);
    fiber_pool_fini(&s.pool);
}

/* -- registers ------------------------------------------------------------- */

struct mill {
    struct stage *stage;
    struct fiber *from, *to; /* NULL: run without a switch */
    uint64_t seed, sum;
};

/* More live values than a machine has registers to keep across a call. */
__attribute__((noinline)) static uint64_t grind(struct mill *m)
{
    uint64_t a = m->seed, b = a + 1, c = a + 2, d = a + 3, e = a + 4;
    uint64_t f = a + 5, g = a + 6, h = a + 7, i = a + 8, j = a + 9;
    uint64_t k = a + 10, l = a + 11;
    double p = 1.5, q = 2.5, r = 3.5, s = 4.5, t = 5.5, u = 6.5, v = 7.5;
    double w = (double)(a % 1000), x = 9.5;
    long double y = 10.5L;

    for (int round = 0; round < 2000; round++) {
        if (m->to)
            fiber_switch(m->from, m->to);
        a = a * 3 + l, b = b * 5 ^ a, c = c * 7 + b, d = d * 9 ^ c;
        e = e * 11 + d, f = f * 13 ^ e, g = g * 15 + f, h = h * 17 ^ g;
        i = i * 19 + h, j = j * 21 ^ i, k = k * 23 + j, l = l * 25 ^ k;
        p = p * 0.5 + x, q = q * 0.25 + p, r = r * 0.5 + q, s = s * 0.25 + r;
        t = t * 0.5 + s, u = u * 0.25 + t, v = v * 0.5 + u, w = w * 0.25 + v;
        x = x * 0.125 + w * 0.01, y = y * 0.5L + w;
    }

    double total = p + q + r + s + t + u + v + w + x + (double)y;
    uint64_t bits;

    memcpy(&bits, &total, sizeof bits);
    return (a ^ b ^ c ^ d ^ e ^ f) + (g ^ h ^ i ^ j ^ k ^ l) + bits;
}

static void act_grind(void *arg)
{
    struct mill *m = arg;

    m->sum = grind(m);
    /* The first to end lets the other two go on without it. */
    for (;;)
        fiber_switch(m->from, m->to);
}

static void test_registers(void)
{
    struct stage s;
    struct mill mill[3] = {0}, alone;

    set_up(&s, PLAIN_STACK, 3, 3);
    for (int i = 0; i < 2; i++) {
        s.actor[i] = fiber_new(&s.pool, act_grind, &mill[i]);
        mill[i].from = s.actor[i];
        mill[i].seed = 77u * (unsigned)i;
    }
    mill[2] = (struct mill){.from = &s.self, .to = s.actor[0], .seed = 999};
    mill[0].to = s.actor[1];
    mill[1].to = &s.self;
    mill[2].sum = grind(&mill[2]);
    fiber_switch(&s.self, s.actor[0]);
    for (int i = 0; i < 3; i++) {
        alone = (struct mill){.seed = mill[i].seed};
        CHECK(mill[i].sum == grind(&alone));
    }
    fiber_free(&s.pool, s.actor[0]);
    fiber_free(&s.pool, s.actor[1]);
    fiber_pool_fini(&s.pool);
}

/* -- a scheduler that is itself a fiber, as in the simulation -------------- */

struct inner {
    struct stage stage; /* self: adopted on the outer's stack */
    struct stage *outer;
};

static void act_innermost(void *arg)
{
    struct inner *in = arg;

    note(in->outer, 'c');
    /* Leaves from two levels down in the name of the outer fiber. */
    fiber_switch(in->outer->actor[0], &in->outer->self);
    note(in->outer, 'e');
    fiber_switch(in->stage.actor[0], &in->stage.self);
}

static void act_scheduler(void *arg)
{
    struct inner *in = arg;

    note(in->outer, 'b');
    set_up(&in->stage, PLAIN_STACK, 1, 1);
    in->stage.actor[0] = fiber_new(&in->stage.pool, act_innermost, in);
    fiber_switch(&in->stage.self, in->stage.actor[0]);
    note(in->outer, 'f');
    fiber_free(&in->stage.pool, in->stage.actor[0]);
    fiber_pool_fini(&in->stage.pool);
    CHECK(fiber_stack_left(&in->stage.self) == 0); /* not known there */
    fiber_switch(in->outer->actor[0], &in->outer->self);
}

static void test_nested(void)
{
    struct stage s;
    struct inner in = {.outer = &s};

    set_up(&s, PLAIN_STACK, 1, 1);
    s.actor[0] = fiber_new(&s.pool, act_scheduler, &in);
    note(&s, 'a');
    fiber_switch(&s.self, s.actor[0]);
    note(&s, 'd');
    fiber_switch(&s.self, s.actor[0]);
    note(&s, 'g');
    CHECK(strcmp(s.log, "abcdefg") == 0);
    fiber_free(&s.pool, s.actor[0]);
    fiber_pool_fini(&s.pool);
}

int main(void)
{
    test_order();
    test_reuse();
    test_extra();
    test_limits();
    test_deep();
    test_trim();
    test_errno();
    if (!is_under_valgrind())
        test_rounding();
    test_exceptions();
    test_registers();
    test_nested();
    test_deaths();
    test_many();
    if (!SANITIZED && !is_under_valgrind())
        test_mappings();
    printf("%u passed, %u failed\n", tally.passed, tally.failed);
    return tally.failed != 0;
}
