/* SPDX-License-Identifier: MIT */
/* test_deque_interleave.c -- every order in which small cases can happen
 *
 * deque.c is compiled in here with its atomic operations replaced by ones
 * that give control to a scheduler first. Owner and thieves are coroutines,
 * each an ordinary function that calls the deque. A schedule is a list of
 * choices: whose operation comes next. The checker runs the case once for
 * each schedule, from the start each time: it replays a prefix, continues
 * with first choices to the end, and then goes back to the last choice that
 * has an alternative (depth-first search). After each run every item must
 * have run exactly once, and the owner must have been told truly by whom.
 *
 * The number of schedules grows like a multinomial. Two operations commute if
 * they are on different words or both only load; schedules that differ only
 * in the order of these lead to the same end. Larger cases therefore use
 * sleep sets (Godefroid 1996): after a choice p has been explored at a node,
 * p sleeps in the subtrees of its siblings until an operation that does not
 * commute with p's comes by. This visits each class of equal schedules, once.
 * One case runs both ways, to show that the reduction loses no outcome.
 *
 * The orders explored are the sequentially consistent ones; weaker ones are
 * left to the argument in deque.c and to TSan.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

static void step(const volatile void *addr, bool writes);

static uint64_t hook_load(const _Atomic uint64_t *p)
{
    step(p, false);
    return atomic_load(p);
}

static void hook_store(_Atomic uint64_t *p, uint64_t v)
{
    step(p, true);
    atomic_store(p, v);
}

static uint64_t hook_add(_Atomic uint64_t *p, uint64_t v)
{
    step(p, true);
    return atomic_fetch_add(p, v);
}

static bool hook_cas(_Atomic uint64_t *p, uint64_t *old, uint64_t new)
{
    step(p, true);
    return atomic_compare_exchange_strong(p, old, new);
}

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_fetch_add_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(p, order) hook_load(p)
#define atomic_store_explicit(p, v, order) hook_store(p, v)
#define atomic_fetch_add_explicit(p, v, order) hook_add(p, v)
#define atomic_compare_exchange_strong_explicit(p, old, v, good, bad)          \
    hook_cas(p, old, v)
#include "deque.c"

#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#ifdef __SANITIZE_THREAD__ /* it has to be told of coroutines */
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#define PROCS 3 /* owner is 0, thieves are 1 and 2 */
#define ITEMS 8
#define DEPTH 200
#define STACK_BYTES (256u << 10)
#define GHOST 100 /* the name of what died with thief 1 */
#define VICTIM 3

struct thing {
    struct deque_item item;
    uint64_t number;
};

struct proc {
    ucontext_t context;
    const volatile void *addr; /* of its next operation */
    bool writes;
    bool alive;
    unsigned steps;
};

struct node { /* a choice on the current path */
    unsigned chosen;
    unsigned asleep, tried; /* sets of procs */
};

struct test {
    const char *name;
    void (*owner)(void);
    unsigned thieves, thefts; /* so many deque_steal() each */
    unsigned max;             /* records a theft */
    bool reduce;
    bool dies; /* thief 1, once before each step */
};

static struct checker {
    const struct test *test;
    struct proc proc[PROCS];
    unsigned procs, current;
    ucontext_t scheduler;
    struct node path[DEPTH];
    unsigned depth;    /* nodes that are fixed */
    unsigned deadline; /* thief 1 ends before this step */
    uint64_t runs, cut, failures;
    uint64_t outcomes[16]; /* a set: who ran what */
    bool inside;           /* of a coroutine: steps count */

    struct deque d;
    struct deque_claim claim[PROCS];
    _Atomic uint64_t dead;
    struct thing things[ITEMS];
    unsigned pushed;
    int ran_by[ITEMS]; /* + 1 */
    int told[ITEMS];   /* + 1, by deque_reclaim */
    unsigned times[ITEMS];
} c;

/* The smallest ring there is: what is published late goes where something was
 * published before. */
static struct ring DEQUE_RING(DEQUE_SLOTS_MIN) ring;
#define shared ring.shared
static _Alignas(64) unsigned char stacks[PROCS][STACK_BYTES];

/* --- Coroutines ----------------------------------------------------------- */

static void to_scheduler(struct proc *p)
{
    c.inside = false;
    swapcontext(&p->context, &c.scheduler);
    c.inside = true;
}

/* Called before each operation: returns when its turn has come. */
static void step(const volatile void *addr, bool writes)
{
    struct proc *p = &c.proc[c.current];

    if (!c.inside)
        return;
    if (c.test->dies && c.current == 1 && p->steps++ == c.deadline) {
        /* Others see the death as they see any store. */
        p->addr = &c.dead;
        p->writes = true;
        to_scheduler(p);
        atomic_store(&c.dead, 1);
        p->alive = false;
        to_scheduler(p);
    }
    p->addr = addr;
    p->writes = writes;
    to_scheduler(p);
}

static void run(uint64_t number, int by)
{
    c.times[number]++;
    c.ran_by[number] = by + 1;
}

static void steal(void)
{
    struct deque_record out[ITEMS];
    int me = (int)c.current;

    for (unsigned i = 0; i < c.test->thefts; i++) {
        unsigned n =
            deque_steal(&shared, me, out, c.test->max, &c.claim[me], VICTIM);
        for (unsigned k = 0; k < n; k++)
            run(out[k].word[0] < ITEMS ? out[k].word[0] : 0, me);
        if (n > 0)
            deque_claim_clear(&c.claim[me]);
    }
}

static void live(void)
{
    c.inside = true;
    if (c.current == 0)
        c.test->owner();
    else
        steal();
    c.inside = false;
    c.proc[c.current].alive = false;
    swapcontext(&c.proc[c.current].context, &c.scheduler);
}

static void resume(unsigned i)
{
    c.current = i;
    swapcontext(&c.scheduler, &c.proc[i].context);
}

/* --- What owners do ------------------------------------------------------- */

static size_t pack(const struct deque_item *item, uint64_t *words)
{
    words[0] = ((const struct thing *)(const void *)item)->number;
    return 1;
}

static void taken(void *ctx, struct deque_item *item, int thief)
{
    uint64_t number = ((struct thing *)(void *)item)->number;

    (void)ctx;
    c.told[number] = thief + 1;
    if (thief == GHOST)
        run(number, GHOST);
}

static void push(unsigned n)
{
    while (n-- > 0 && c.pushed < ITEMS)
        if (deque_push(&c.d, &c.things[c.pushed++].item) != 0)
            c.failures++;
}

static void publish(void)
{
    deque_publish(&c.d, 0, pack);
}

static bool pop(void)
{
    struct deque_item *item = deque_pop(&c.d);

    if (item != NULL)
        run(((struct thing *)(void *)item)->number, 0);
    return item != NULL;
}

static void reclaim(void)
{
    deque_reclaim(&c.d, taken, NULL);
}

/* The rule of the essay: the living are asked, then p is looked at again. */
static void save_from_dead(void)
{
    uint64_t pos, again;

    if (hook_load(&c.dead) == 0 || !deque_is_stuck(&c.d, &pos))
        return;
    if (c.test->thieves > 1 && deque_claim_covers(&c.claim[2], VICTIM, pos))
        return;
    if (deque_is_stuck(&c.d, &again) && again == pos)
        deque_name_for(&shared, pos, GHOST);
}

static void own_take_back(void)
{
    push(2);
    publish();
    pop();
    pop();
    pop();
}

static void own_and_reclaim(void)
{
    push(3);
    publish();
    pop();
    reclaim();
    pop();
}

/* Other records come to stand where taken back ones stood. */
static void own_reuse(void)
{
    push(2);
    publish();
    pop();
    pop();
    push(2);
    publish();
    reclaim();
}

/* The word returns to the same top and count again and again. */
static void own_same_word(void)
{
    push(1);
    publish();
    pop();
    push(1);
    publish();
    pop();
    push(1);
    publish();
}

static void own_publish_thrice(void)
{
    for (int i = 0; i < 3; i++) {
        push(1);
        publish();
    }
    pop();
}

static void own_remove(void)
{
    push(4);
    deque_publish(&c.d, 2, pack);
    if (deque_remove(&c.d, &c.things[2].item))
        run(2, 0);
    publish();
    pop();
}

static void own_save(void)
{
    push(3);
    publish();
    reclaim();
    save_from_dead();
    reclaim();
    pop();
}

/* --- The search ----------------------------------------------------------- */

static void set_up(void)
{
    const struct test *test = c.test;

    memset((void *)&ring, 0, sizeof ring);
    memset(c.proc, 0, sizeof c.proc);
    memset(c.claim, 0, sizeof c.claim);
    memset(c.ran_by, 0, sizeof c.ran_by);
    memset(c.told, 0, sizeof c.told);
    memset(c.times, 0, sizeof c.times);
    for (unsigned i = 0; i < ITEMS; i++)
        c.things[i].number = i;
    c.pushed = 0;
    atomic_store(&c.dead, 0);
    if (deque_init(&c.d, &shared, DEQUE_SLOTS_MIN) != 0)
        c.failures++;
    c.procs = 1 + test->thieves;
    for (unsigned i = 0; i < c.procs; i++) {
        struct proc *p = &c.proc[i];
        getcontext(&p->context);
        p->context.uc_stack.ss_sp = stacks[i];
        p->context.uc_stack.ss_size = STACK_BYTES;
        p->alive = true;
        makecontext(&p->context, live, 0);
        resume(i); /* to before its first operation */
    }
}

/* After a run: what the owner would find out later, then the verdict. */
static void judge(void)
{
    uint64_t outcome = 0;
    uint32_t top = deque_word_top(atomic_load(&shared.word));
    bool good = true;
    unsigned i;

    /* If these disagree, what follows would not end. */
    if (c.d.split - top != deque_public_count(&shared)) {
        c.failures++;
        return;
    }
    while (pop())
        ;
    reclaim();
    for (unsigned n = 0; n < ITEMS; n++) {
        save_from_dead();
        reclaim();
    }
    for (unsigned n = 0; n < ITEMS; n++) {
        /* It died between its names: the item of any holder that died. */
        if (atomic_load(&c.dead) && c.told[n] == 2 && c.times[n] == 0) {
            run(n, GHOST);
            c.told[n] = GHOST + 1;
        }
        int by = c.ran_by[n] - 1, told = c.told[n] - 1;
        good =
            good && c.times[n] == (n < c.pushed) && told == (by > 0 ? by : -1);
        outcome = outcome * 5 + (by == GHOST ? 4u : (unsigned)(by + 1));
    }
    good = good && deque_public_count(&shared) == 0 && c.d.reclaimed == c.d.top;
    c.failures += !good;

    for (i = 0; i < 16 && c.outcomes[i] != 0; i++)
        if (c.outcomes[i] == outcome)
            return;
    if (i < 16)
        c.outcomes[i] = outcome;
}

static unsigned first_of(unsigned set)
{
    return (unsigned)__builtin_ctz(set);
}

/* Who of `set` still sleeps after the next operation of p. */
static unsigned still_asleep(unsigned set, unsigned p)
{
    unsigned left = 0;

    for (unsigned q = 0; q < c.procs; q++)
        if (set >> q & 1 && (c.proc[q].addr != c.proc[p].addr ||
                             (!c.proc[q].writes && !c.proc[p].writes)))
            left |= 1u << q;
    return c.test->reduce ? left : 0;
}

/* Runs one schedule: c.depth choices as they are, first ones from there. */
static void run_schedule(void)
{
    unsigned asleep = 0;

    set_up();
    for (unsigned at = 0;; at++) {
        struct node *node = &c.path[at];
        unsigned alive = 0;
        for (unsigned i = 0; i < c.procs; i++)
            alive |= (unsigned)c.proc[i].alive << i;
        if (alive == 0) {
            c.depth = at;
            c.runs++;
            judge();
            break;
        }
        if (at >= c.depth) {
            if ((alive & ~asleep) == 0 || at == DEPTH) {
                c.depth = at; /* explored elsewhere, in other order */
                c.failures += at == DEPTH;
                c.cut++;
                break;
            }
            *node = (struct node){.asleep = asleep | ~alive,
                                  .chosen = first_of(alive & ~asleep)};
        }
        asleep = still_asleep(node->asleep | node->tried, node->chosen);
        resume(node->chosen);
    }
    deque_fini(&c.d);
}

/* The next schedule; false: all have been. */
static bool go_back(void)
{
    while (c.depth > 0) {
        struct node *node = &c.path[c.depth - 1];
        unsigned all = (1u << c.procs) - 1;
        node->tried |= 1u << node->chosen;
        unsigned left = all & ~node->tried & ~node->asleep;
        if (left != 0) {
            node->chosen = first_of(left);
            return true;
        }
        c.depth--;
    }
    return false;
}

/* Who made which step of the run that failed: enough to repeat it. */
static void print_schedule(void)
{
    printf("%s: failed, schedule ", c.test->name);
    for (unsigned at = 0; at < c.depth; at++)
        printf("%u", c.path[at].chosen);
    if (c.test->dies)
        printf(", thief 1 dies before its step %u", c.deadline);
    printf("\n");
}

static uint64_t search(const struct test *test)
{
    c.test = test;
    c.runs = c.cut = c.failures = 0;
    memset(c.outcomes, 0, sizeof c.outcomes);
    /* The thief takes fewer than 30 steps; a death past its end is none. */
    for (c.deadline = 0; c.deadline < (test->dies ? 30 : 1); c.deadline++) {
        c.depth = 0;
        do {
            run_schedule();
            if (c.failures != 0) {
                print_schedule();
                return c.failures;
            }
        } while (go_back());
    }
    printf("%-24s %9llu %s, %llu cut short\n", test->name,
           (unsigned long long)c.runs,
           test->reduce ? "classes" : "interleavings",
           (unsigned long long)c.cut);
    return 0;
}

static bool has_outcome(const uint64_t *set, uint64_t outcome)
{
    for (unsigned i = 0; i < 16; i++)
        if (set[i] == outcome)
            return true;
    return false;
}

/* Full and reduced search must find the same outcomes. */
static bool is_reduction_sound(void)
{
    struct test test = {
        "sound, in full", own_and_reclaim, 1, 1, 2, false, false};
    uint64_t full[16];
    bool same = search(&test) == 0;

    memcpy(full, c.outcomes, sizeof full);
    test.name = "sound, reduced";
    test.reduce = true;
    same = search(&test) == 0 && same;
    for (unsigned i = 0; i < 16; i++)
        same = same && has_outcome(full, c.outcomes[i]) &&
               has_outcome(c.outcomes, full[i]);
    return same && full[1] != 0 && full[15] == 0;
}

int main(void)
{
    static const struct test tests[] = {
        {"take back, 1 thief", own_take_back, 1, 1, 2, false, false},
        {"reuse, 1 thief", own_reuse, 1, 1, 2, false, false},
        {"same word, 1 thief", own_same_word, 1, 1, 2, false, false},
        {"publish, 1 thief", own_publish_thrice, 1, 1, 2, false, false},
        {"take back, 2 thefts", own_take_back, 1, 2, 2, true, false},
        {"remove, 2 thefts", own_remove, 1, 2, 2, true, false},
        {"reuse, 2 thefts", own_reuse, 1, 2, 2, true, false},
        {"take back, 2 thieves", own_take_back, 2, 1, 2, true, false},
        {"reclaim, 2 thieves", own_and_reclaim, 2, 1, 2, true, false},
        {"reuse, 2 thieves", own_reuse, 2, 1, 2, true, false},
        {"same word, 2 thieves", own_same_word, 2, 1, 2, true, false},
        {"publish, 2 thieves", own_publish_thrice, 2, 1, 2, true, false},
        {"remove, 2 thieves", own_remove, 2, 1, 2, true, false},
        {"take back, 2 by 2", own_take_back, 2, 2, 2, true, false},
        {"death, 1 thief", own_save, 1, 1, 2, true, true},
        {"death, 2 thieves", own_save, 2, 1, 1, true, true},
    };
    unsigned n = sizeof tests / sizeof tests[0], failed = 0;

    if (UNDER_TSAN) {
        printf("one thread: nothing for TSan\n0 passed, 0 failed\n");
        return 0;
    }
    for (unsigned i = 0; i < n; i++)
        failed += search(&tests[i]) != 0;
    failed += !is_reduction_sound();
    printf("%u passed, %u failed\n", n + 1 - failed, failed);
    return failed != 0;
}
