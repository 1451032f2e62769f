/* SPDX-License-Identifier: MIT */
/* test_deque_threads.c -- one owner and three thieves, as fast as they can
 *
 * The owner pushes, publishes, pops, removes and reclaims at random until all
 * items are done; each must have run exactly once. Three ways:
 *
 *   plain     nothing but what the scheduler does
 *   stalling  thieves yield or sleep between copying and the CAS, and between
 *             the CAS and writing their names
 *   dying     one thief ends at one of these two points; the owner finds out
 *             from claims what died with it, and runs that itself
 *
 * deque.c is compiled in here, with its stalling points. Fit for TSan.
 */
static void stall(void);
#define DEQUE_TEST_STALL() stall()
#include "deque.c"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define THIEVES 3
#define VICTIM 5   /* the owner's id in claims */
#define GHOST 1000 /* + id: the name of a dead thief */

#ifdef __SANITIZE_THREAD__
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

struct thing {
    struct deque_item item;
    uint64_t number;
};

struct world;

struct thief {
    pthread_t thread;
    struct world *world;
    struct deque_claim claim;
    int id;
    uint64_t stolen;   /* by the thief's own account */
    uint64_t reported; /* by deque_reclaim's */
    uint32_t rng;
    bool stalls;
    int dies_in; /* stalling points to live; -1: for ever */
    _Atomic bool dead;
};

struct world {
    struct deque d;
    struct deque_shared *shared;
    struct thief thief[THIEVES];
    struct thing *things;
    _Atomic uint8_t *ran; /* how often, by number */
    uint64_t n;
    uint64_t settled; /* popped, removed or reported */
    uint64_t saved;   /* taken by the dead, run by the owner */
    _Atomic int started;
    _Atomic bool over;
    _Atomic bool bad_record;
};

static _Thread_local struct thief *self; /* NULL: the owner */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t draw(uint32_t *rng)
{
    *rng = *rng * 1664525u + 1013904223u;
    return *rng >> 8;
}

static void stall(void)
{
    if (self == NULL)
        return;
    if (self->dies_in > 0 && --self->dies_in == 0) {
        atomic_store(&self->dead, true);
        pthread_exit(NULL);
    }
    if (self->stalls) {
        uint32_t r = draw(&self->rng) % 512;
        if (r == 0)
            nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        else if (r < 64)
            sched_yield();
    }
}

static uint64_t number(const struct deque_item *item)
{
    return ((const struct thing *)(const void *)item)->number;
}

static size_t pack(const struct deque_item *item, uint64_t *words)
{
    uint64_t n = number(item);

    words[0] = n;
    for (unsigned i = 1; i < 6; i++)
        words[i] = n * i;
    return 6;
}

static void run(struct world *w, uint64_t n)
{
    atomic_fetch_add_explicit(&w->ran[n], 1, memory_order_relaxed);
}

static void *steal_until_over(void *arg)
{
    struct thief *me = arg;
    struct world *w = me->world;
    struct deque_record out[8];

    self = me;
    atomic_fetch_add(&w->started, 1);
    while (!atomic_load(&w->over)) {
        unsigned n = deque_steal(w->shared, me->id, out, 1 + draw(&me->rng) % 8,
                                 &me->claim, VICTIM);
        for (unsigned i = 0; i < n; i++) {
            for (unsigned k = 1; k < 6; k++)
                if (out[i].word[k] != out[i].word[0] * k)
                    atomic_store(&w->bad_record, true);
            if (out[i].word[0] < w->n)
                run(w, out[i].word[0]);
        }
        me->stolen += n;
        if (n > 0)
            deque_claim_clear(&me->claim);
        else
            sched_yield();
    }
    return NULL;
}

/* --- The owner ------------------------------------------------------------ */

static void taken(void *ctx, struct deque_item *item, int thief)
{
    struct world *w = ctx;

    w->settled++;
    if (thief >= GHOST) {
        w->saved++;
        run(w, number(item));
    } else {
        w->thief[thief].reported++;
    }
}

static bool is_claimed_by(struct world *w, uint64_t pos, bool dead)
{
    for (int i = 0; i < THIEVES; i++)
        if (atomic_load(&w->thief[i].dead) == dead &&
            deque_claim_covers(&w->thief[i].claim, VICTIM, pos))
            return true;
    return false;
}

/* What died with thief 0 gets its ghost's name, by elimination. */
static void save_from_dead(struct world *w)
{
    uint64_t pos, again;

    if (!atomic_load(&w->thief[0].dead) || !deque_is_stuck(&w->d, &pos))
        return;
    if (is_claimed_by(w, pos, false) || !is_claimed_by(w, pos, true))
        return;
    if (deque_is_stuck(&w->d, &again) && again == pos)
        deque_name_for(w->shared, pos, GHOST);
}

static bool pop_one(struct world *w)
{
    struct deque_item *item = deque_pop(&w->d);

    if (item == NULL)
        return false;
    run(w, number(item));
    w->settled++;
    return true;
}

static void look_around(struct world *w, uint32_t *rng)
{
    uint32_t r = draw(rng);

    if (r % 128 == 0) /* two CPUs or fewer: let thieves in */
        sched_yield();
    if (r % 8 == 0)
        deque_publish(&w->d, 0, pack);
    else if (deque_private_count(&w->d) > 16)
        deque_publish(&w->d, 8, pack);
    deque_reclaim(&w->d, taken, w);
    save_from_dead(w);
}

static void own(struct world *w, uint32_t rng)
{
    uint64_t next = 0;

    while (atomic_load(&w->started) < THIEVES)
        sched_yield();
    while (next < w->n) {
        uint32_t r = draw(&rng);
        for (unsigned i = r % 24; i-- > 0 && next < w->n; next++)
            if (deque_push(&w->d, &w->things[next].item) != 0)
                abort();
        if (r % 16 == 5 && next > 3 &&
            deque_remove(&w->d, &w->things[next - 3].item)) {
            run(w, next - 3);
            w->settled++;
        }
        look_around(w, &rng);
        if (r % 512 == 7)
            while (pop_one(w))
                ;
        for (unsigned i = r / 32 % 24; i-- > 0 && pop_one(w);)
            for (volatile unsigned k = r / 1024 % 64; k > 0; k--)
                ;
    }
    while (pop_one(w))
        look_around(w, &rng);
    /* What remains is taken; ends when the thieves have written their names,
     * or their claims have told, or too late. */
    for (double end = now() + 5; w->settled < w->n && now() < end;) {
        look_around(w, &rng);
        sched_yield();
    }
}

/* --- The tests ------------------------------------------------------------ */

static bool farm(uint64_t n, bool stalls, int dies_in, uint32_t seed,
                 uint64_t *stolen, uint64_t *saved)
{
    struct world w = {.n = n};
    bool good = true;

    struct ring DEQUE_RING(512);
    uint32_t slots = seed % 4 ? 512 : DEQUE_SLOTS_MIN << seed % 3;

    w.shared = aligned_alloc(64, sizeof(struct ring));
    w.things = calloc(n, sizeof *w.things);
    w.ran = calloc(n, sizeof *w.ran);
    if (w.shared == NULL || w.things == NULL || w.ran == NULL)
        abort();
    memset(w.shared, 0, sizeof(struct ring));
    for (uint64_t i = 0; i < n; i++)
        w.things[i].number = i;
    if (deque_init_at(&w.d, w.shared, slots, seed) != 0)
        abort();
    for (int i = 0; i < THIEVES; i++) {
        struct thief *t = &w.thief[i];
        t->world = &w;
        t->id = i;
        t->stalls = stalls;
        t->dies_in = i == 0 ? dies_in : -1;
        t->rng = seed + (uint32_t)i;
        if (pthread_create(&t->thread, NULL, steal_until_over, t) != 0)
            abort();
    }

    own(&w, seed);
    atomic_store(&w.over, true);
    for (int i = 0; i < THIEVES; i++) {
        pthread_join(w.thief[i].thread, NULL);
        good = good && w.thief[i].stolen == w.thief[i].reported;
        *stolen += w.thief[i].stolen;
    }
    *saved += w.saved;
    for (uint64_t i = 0; i < n; i++)
        good = good && atomic_load(&w.ran[i]) == 1;
    good = good && !atomic_load(&w.bad_record) && w.settled == n &&
           deque_pop(&w.d) == NULL;
    deque_fini(&w.d);
    free(w.shared);
    free(w.things);
    free((void *)w.ran);
    return good;
}

static bool report(const char *what, bool good, uint64_t n, uint64_t stolen,
                   uint64_t saved, double since)
{
    printf("%-8s %s: %llu items, %llu stolen, %llu saved from the dead, "
           "%.2f s\n",
           what, good ? "good" : "BAD", (unsigned long long)n,
           (unsigned long long)stolen, (unsigned long long)saved,
           now() - since);
    return good;
}

/* `rounds` farms of n items each, all different. */
static bool check(const char *what, unsigned rounds, uint64_t n, bool stalls,
                  bool dies)
{
    uint64_t stolen = 0, saved = 0;
    double start = now();
    bool good = true;

    n /= SLOWER;
    for (uint32_t i = 0; good && i < rounds; i++)
        good = farm(n, stalls || (dies && i % 2), dies ? 1 + (int)i % 40 : -1,
                    i * 0x3ffff, &stolen, &saved);
    good = good && stolen > 0 && (saved > 0) == dies;
    return report(what, good, rounds * n, stolen, saved, start);
}

int main(void)
{
    int failed = 0;

    failed += !check("plain", 4, 4000000, false, false);
    failed += !check("stalling", 20, 1000000, true, false);
    failed += !check("dying", 200, 20000, false, true);
    printf("%d passed, %d failed\n", 3 - failed, failed);
    return failed != 0;
}
