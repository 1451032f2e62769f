/* SPDX-License-Identifier: MIT */
/* test_deque.c -- the deque in one thread: orders, limits, wraps, names
 *
 * Owner and thief are called in turn, so what each test expects is exact.
 * Items are numbered; a record is the number, its complement, and as many
 * words more as the number says, so that records differ in length.
 */
#include "deque.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (!(cond)) {                                                         \
            failed++;                                                          \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #cond);          \
        } else {                                                               \
            passed++;                                                          \
        }                                                                      \
    } while (0)

#define SLOTS 512u /* of most rings here */

struct ring DEQUE_RING(SLOTS);

struct thing {
    struct deque_item item;
    uint64_t number;
};

struct bench { /* one deque and what it needs */
    struct deque d;
    struct deque_shared *shared;
    size_t bytes; /* of the ring */
    struct thing *things;
};

struct taken { /* what deque_reclaim reported */
    unsigned n;
    uint64_t number[2 * SLOTS];
    int thief[2 * SLOTS];
};

static uint64_t number(const struct deque_item *item)
{
    return ((const struct thing *)(const void *)item)->number;
}

static size_t pack(const struct deque_item *item, uint64_t *words)
{
    uint64_t n = number(item);
    size_t len = 2 + n % (DEQUE_SLOT_WORDS - 1);

    words[0] = n;
    words[1] = ~n;
    for (size_t i = 2; i < len; i++)
        words[i] = n + i;
    return len;
}

static bool is_record(const struct deque_record *record, uint64_t n)
{
    size_t len = 2 + n % (DEQUE_SLOT_WORDS - 1);
    bool good = record->word[0] == n && record->word[1] == ~n;

    for (size_t i = 2; i < len; i++)
        good = good && record->word[i] == n + i;
    return good;
}

static void note(void *ctx, struct deque_item *item, int thief)
{
    struct taken *taken = ctx;

    taken->number[taken->n] = number(item);
    taken->thief[taken->n++] = thief;
}

static void open_ring(struct bench *b, uint64_t pos, size_t things,
                      uint32_t slots)
{
    b->shared = aligned_alloc(64, sizeof(struct ring));
    b->things = calloc(things, sizeof *b->things);
    if (b->shared == NULL || b->things == NULL) {
        printf("no memory\n");
        exit(2);
    }
    /* What lies behind the ring stays as it is: see close_bench(). */
    b->bytes = sizeof *b->shared + slots * (8 + DEQUE_SLOT_BYTES);
    memset(b->shared, 0x5a, sizeof(struct ring));
    memset(b->shared, 0, b->bytes);
    for (size_t i = 0; i < things; i++)
        b->things[i].number = i;
    CHECK(deque_init_at(&b->d, b->shared, slots, pos) == 0);
}

static void open_bench(struct bench *b, uint64_t pos, size_t things)
{
    open_ring(b, pos, things, SLOTS);
}

static void close_bench(struct bench *b)
{
    const unsigned char *bytes = (const unsigned char *)b->shared;
    bool is_kept = true;

    for (size_t i = b->bytes; i < sizeof(struct ring); i++)
        is_kept = is_kept && bytes[i] == 0x5a;
    CHECK(is_kept);
    deque_fini(&b->d);
    free(b->shared);
    free(b->things);
}

static void push(struct bench *b, uint64_t from, uint64_t to)
{
    bool good = true;

    for (uint64_t i = from; i < to; i++)
        good = good && deque_push(&b->d, &b->things[i].item) == 0;
    CHECK(good);
}

/* Pops the numbers from - 1 down to `to`. */
static void pop(struct bench *b, uint64_t from, uint64_t to)
{
    bool good = true;

    while (from-- > to) {
        struct deque_item *item = deque_pop(&b->d);
        good = good && item == &b->things[from].item;
    }
    CHECK(good);
}

/* --- The tests ----------------------------------------------------------- */

static void test_private_order(void)
{
    struct bench b;

    open_bench(&b, 0, 100);
    CHECK(deque_pop(&b.d) == NULL);
    push(&b, 0, 100);
    CHECK(deque_private_count(&b.d) == 100);
    CHECK(deque_public_count(b.shared) == 0);
    pop(&b, 100, 50);
    push(&b, 50, 60);
    pop(&b, 60, 0);
    CHECK(deque_pop(&b.d) == NULL);
    CHECK(deque_private_count(&b.d) == 0);

    push(&b, 0, 2);
    CHECK(!deque_pop_if_newest(&b.d, &b.things[0].item));
    CHECK(deque_pop_if_newest(&b.d, &b.things[1].item));
    CHECK(deque_pop_if_newest(&b.d, &b.things[0].item));
    CHECK(!deque_pop_if_newest(&b.d, &b.things[0].item));
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

static void test_growth(void)
{
    enum { MANY = 1000000 };
    struct bench b;

    open_bench(&b, 0, MANY);
    push(&b, 0, 300);
    CHECK(deque_publish(&b.d, 0, pack) == 300);
    push(&b, 300, MANY);
    pop(&b, MANY, 0); /* the last 300 are taken back */
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

static void test_growth_refused(void)
{
    /* As full as an array can be of which no twice as big one is possible. */
    struct deque d = {.mask = (UINT64_C(1) << 61) - 1,
                      .bottom = UINT64_C(1) << 61};
    struct thing thing = {.number = 0};

    CHECK(deque_push(&d, &thing.item) == -ENOMEM);
    CHECK(d.bottom == UINT64_C(1) << 61);
}

/* An ever moving window of a few items must not make the array grow. */
static void test_no_growth_by_holes(void)
{
    struct bench b;
    bool good = true;

    open_bench(&b, 0, 8);
    push(&b, 0, 8);
    uint64_t mask = b.d.mask;
    for (int i = 0; i < 100000; i++) {
        struct deque_item *item = &b.things[i % 8].item; /* the oldest */
        good = good && deque_remove(&b.d, item) && deque_push(&b.d, item) == 0;
    }
    CHECK(good && b.d.mask == mask && deque_private_count(&b.d) == 8);
    pop(&b, 8, 0);

    /* The same with a hole in the middle each time. */
    push(&b, 0, 3);
    for (int i = 0; i < 100000; i++) {
        struct deque_item *item = &b.things[1 + i % 2].item;
        good = good && deque_remove(&b.d, item) && deque_push(&b.d, item) == 0;
    }
    CHECK(good && b.d.mask == mask && deque_private_count(&b.d) == 3);
    pop(&b, 3, 0);
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

static void test_take_back(void)
{
    struct bench b;

    open_bench(&b, 0, 20);
    push(&b, 0, 20);
    CHECK(deque_publish(&b.d, 20, pack) == 0);
    CHECK(deque_publish(&b.d, 5, pack) == 15);
    CHECK(deque_private_count(&b.d) == 5);
    CHECK(deque_public_count(b.shared) == 15);
    CHECK(deque_is_private(&b.d, &b.things[15].item));
    CHECK(!deque_is_private(&b.d, &b.things[14].item));
    CHECK(deque_is_public(&b.d, &b.things[14].item));
    CHECK(!deque_is_public(&b.d, &b.things[15].item));
    CHECK(!deque_pop_if_newest(&b.d, &b.things[14].item));
    pop(&b, 20, 15);
    CHECK(deque_public_count(b.shared) == 15);
    pop(&b, 15, 14);
    CHECK(deque_public_count(b.shared) == 15 - DEQUE_TAKE_BACK);
    CHECK(deque_private_count(&b.d) == DEQUE_TAKE_BACK - 1);
    CHECK(!deque_is_public(&b.d, &b.things[14].item));
    CHECK(!deque_is_private(&b.d, &b.things[14].item));
    pop(&b, 14, 0);
    CHECK(deque_pop(&b.d) == NULL);
    CHECK(deque_public_count(b.shared) == 0);
    close_bench(&b);
}

static void test_remove(void)
{
    struct bench b;
    struct deque_record out[8];

    open_bench(&b, 0, 12);
    push(&b, 0, 10);
    CHECK(!deque_remove(&b.d, &b.things[10].item)); /* never pushed */
    CHECK(deque_remove(&b.d, &b.things[4].item));   /* in the middle */
    CHECK(!deque_remove(&b.d, &b.things[4].item));  /* not twice */
    CHECK(deque_remove(&b.d, &b.things[0].item));   /* at either end */
    CHECK(deque_remove(&b.d, &b.things[9].item));
    CHECK(deque_remove(&b.d, &b.things[7].item));
    CHECK(deque_private_count(&b.d) == 6); /* 1 2 3 5 6 8 */

    CHECK(deque_publish(&b.d, 2, pack) == 4); /* 1 2 3 5 */
    CHECK(deque_private_count(&b.d) == 2);
    CHECK(!deque_remove(&b.d, &b.things[2].item)); /* public */
    CHECK(deque_is_public(&b.d, &b.things[5].item));
    CHECK(deque_steal(b.shared, 1, out, 8, NULL, 0) == 2);
    CHECK(is_record(&out[0], 1) && is_record(&out[1], 2));
    CHECK(!deque_remove(&b.d, &b.things[1].item)); /* taken */
    CHECK(!deque_is_public(&b.d, &b.things[1].item));

    push(&b, 10, 12); /* 3 5 | 6 8 10 11 */
    CHECK(deque_remove(&b.d, &b.things[10].item));
    CHECK(deque_pop(&b.d) == &b.things[11].item);
    CHECK(deque_pop_if_newest(&b.d, &b.things[8].item));
    CHECK(deque_remove(&b.d, &b.things[6].item)); /* the last */
    CHECK(deque_private_count(&b.d) == 0);
    CHECK(deque_pop(&b.d) == &b.things[5].item);
    CHECK(deque_remove(&b.d, &b.things[3].item)); /* was taken back */
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

/* The newest are removed under a newer one: pop must skip them. */
static void test_pop_skips_holes(void)
{
    struct bench b;

    open_bench(&b, 0, 6);
    push(&b, 0, 6);
    for (int i = 1; i < 5; i++)
        CHECK(deque_remove(&b.d, &b.things[i].item));
    CHECK(deque_pop(&b.d) == &b.things[5].item);
    CHECK(deque_pop_if_newest(&b.d, &b.things[0].item));
    CHECK(deque_private_count(&b.d) == 0);

    push(&b, 0, 3);
    CHECK(deque_remove(&b.d, &b.things[1].item));
    CHECK(deque_pop(&b.d) == &b.things[2].item);
    CHECK(deque_pop(&b.d) == &b.things[0].item);
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

static void test_steal_half(void)
{
    static const unsigned half[] = {5, 3, 1, 1, 0}; /* of 10 5 2 1 0 */
    struct bench b;
    struct deque_record out[8];
    struct taken taken = {.n = 0};
    uint64_t next = 0;

    open_bench(&b, 0, 40);
    CHECK(deque_steal(b.shared, 3, out, 8, NULL, 0) == 0);
    push(&b, 0, 10);
    CHECK(deque_steal(b.shared, 3, out, 8, NULL, 0) == 0);
    deque_publish(&b.d, 0, pack);
    for (int i = 0; i < 5; i++) {
        CHECK(deque_steal(b.shared, i, out, 8, NULL, 0) == half[i]);
        for (unsigned k = 0; k < half[i]; k++)
            CHECK(is_record(&out[k], next++));
    }
    CHECK(deque_pop(&b.d) == NULL);
    CHECK(deque_reclaim(&b.d, note, &taken) == 10);
    CHECK(deque_reclaim(&b.d, note, &taken) == 0);
    for (unsigned i = 0; i < 10; i++)
        CHECK(taken.number[i] == i && taken.thief[i] == (i < 5   ? 0
                                                         : i < 8 ? 1
                                                         : i < 9 ? 2
                                                                 : 3));

    push(&b, 0, 40);
    deque_publish(&b.d, 0, pack);
    CHECK(deque_steal(b.shared, 3, out, 0, NULL, 0) == 0);
    CHECK(deque_steal(b.shared, 3, out, 8, NULL, 0) == 8);
    CHECK(is_record(&out[7], 7));
    CHECK(deque_public_count(b.shared) == 32);
    close_bench(&b);
}

static void test_ring_full(void)
{
    struct bench b;
    struct deque_record out[100];
    struct taken taken = {.n = 0};

    open_bench(&b, 0, 1000);
    push(&b, 0, 1000);
    CHECK(deque_publish(&b.d, 100, pack) == SLOTS);
    CHECK(deque_publish(&b.d, 100, pack) == 0);
    CHECK(deque_private_count(&b.d) == 1000 - SLOTS);
    CHECK(deque_steal(b.shared, 7, out, 100, NULL, 0) == 100);
    CHECK(!deque_is_public(&b.d, &b.things[99].item));
    CHECK(deque_publish(&b.d, 100, pack) == 0); /* not reclaimed yet */
    CHECK(deque_reclaim(&b.d, note, &taken) == 100);
    CHECK(deque_publish(&b.d, 100, pack) == 100);
    CHECK(deque_publish(&b.d, 100, pack) == 0);
    pop(&b, 1000, 100);
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

/* A thief by hand: it wins [0, 2) but has not written its names yet. */
static void test_unnamed(void)
{
    struct bench b;
    struct deque_record out[4];
    struct taken taken = {.n = 0};
    uint64_t pos = 99;

    open_bench(&b, 0, 10);
    push(&b, 0, 4);
    deque_publish(&b.d, 0, pack);
    CHECK(!deque_is_stuck(&b.d, &pos));
    atomic_store(&b.shared->word, deque_word(1, 2, 2));
    CHECK(deque_steal(b.shared, 5, out, 4, NULL, 0) == 1);

    CHECK(deque_reclaim(&b.d, note, &taken) == 0);
    CHECK(deque_is_stuck(&b.d, &pos) && pos == 0);
    deque_name_for(b.shared, 0, 6);
    CHECK(deque_reclaim(&b.d, note, &taken) == 1);
    CHECK(deque_is_stuck(&b.d, &pos) && pos == 1);
    deque_name_for(b.shared, 1, DEQUE_ID_MAX);
    CHECK(deque_reclaim(&b.d, note, &taken) == 2);
    CHECK(!deque_is_stuck(&b.d, &pos));
    CHECK(taken.number[0] == 0 && taken.thief[0] == 6);
    CHECK(taken.number[1] == 1 && taken.thief[1] == DEQUE_ID_MAX);
    CHECK(taken.number[2] == 2 && taken.thief[2] == 5);
    CHECK(deque_pop(&b.d) == &b.things[3].item);
    close_bench(&b);
}

/* Names of the ring's last lap must not pass for those of this one. */
static void test_names_of_last_lap(void)
{
    struct bench b;
    struct deque_record out[SLOTS];
    struct taken taken = {.n = 0};
    unsigned n, total = 0;

    open_bench(&b, 0, SLOTS);
    push(&b, 0, SLOTS);
    CHECK(deque_publish(&b.d, 0, pack) == SLOTS);
    while ((n = deque_steal(b.shared, 1, out, 100, NULL, 0)) > 0)
        total += n;
    CHECK(total == SLOTS);
    CHECK(deque_reclaim(&b.d, note, &taken) == SLOTS);

    push(&b, 0, 4);
    CHECK(deque_publish(&b.d, 0, pack) == 4);
    uint64_t word = atomic_load(&b.shared->word);
    atomic_store(&b.shared->word, deque_word(deque_word_tag(word) + 1,
                                             deque_word_top(word) + 2, 2));
    CHECK(deque_reclaim(&b.d, note, &taken) == 0);
    close_bench(&b);
}

/* The least ring there is, round and round, across the wrap of top. */
static void test_small_ring(void)
{
    enum { ROUNDS = 3000, BATCH = 4 };
    struct bench b;
    struct deque_record out[DEQUE_SLOTS_MIN];
    struct taken taken;
    uint64_t next = 0; /* the oldest that was not stolen */
    bool good = true;

    open_ring(&b, (1 << 20) - ROUNDS, ROUNDS * BATCH, DEQUE_SLOTS_MIN);
    for (unsigned i = 0; good && i < ROUNDS; i++) {
        push(&b, i * BATCH, (i + 1) * BATCH);
        while (good &&
               deque_public_count(b.shared) + deque_private_count(&b.d) > 3) {
            taken.n = 0;
            deque_reclaim(&b.d, note, &taken);
            deque_publish(&b.d, 0, pack);
            unsigned n = deque_steal(b.shared, 1, out, 8, NULL, 0);
            for (unsigned k = 0; k < n; k++)
                good = good && is_record(&out[k], next++);
            good = good && n > 0 &&
                   deque_public_count(b.shared) <= DEQUE_SLOTS_MIN;
        }
    }
    CHECK(good);
    close_bench(&b);
}

static void test_claim(void)
{
    struct bench b;
    struct deque_record out[4];
    struct deque_claim claim = {0};
    uint64_t start = (UINT64_C(1) << 32) - 2; /* low 32 bits wrap */

    open_bench(&b, start, 10);
    CHECK(!deque_claim_covers(&claim, 0, 0));
    CHECK(deque_steal(b.shared, 1, out, 4, &claim, 9) == 0);
    CHECK(atomic_load(&claim.word) == 0);
    push(&b, 0, 6);
    deque_publish(&b.d, 0, pack);
    CHECK(deque_steal(b.shared, 1, out, 4, &claim, 9) == 3);
    CHECK(!deque_claim_covers(&claim, 9, start - 1));
    for (uint64_t pos = start; pos < start + 3; pos++)
        CHECK(deque_claim_covers(&claim, 9, pos));
    CHECK(!deque_claim_covers(&claim, 9, start + 3));
    CHECK(!deque_claim_covers(&claim, 8, start));
    deque_claim_clear(&claim);
    CHECK(!deque_claim_covers(&claim, 9, start));
    close_bench(&b);
}

/* From shortly before `start` to some laps after it, with everything. */
static void check_wrap(uint64_t start)
{
    struct bench b;
    struct deque_record out[16];
    struct taken taken = {.n = 0};
    bool good = true;

    open_bench(&b, start - 700, 64);
    for (unsigned round = 0; round < 200; round++) {
        taken.n = 0;
        push(&b, 0, 24);
        good = good && deque_publish(&b.d, 4, pack) == 20 &&
               deque_steal(b.shared, 2, out, 16, NULL, 0) == 10 &&
               deque_reclaim(&b.d, note, &taken) == 10 &&
               deque_is_public(&b.d, &b.things[10].item) &&
               !deque_is_public(&b.d, &b.things[9].item);
        for (unsigned i = 0; i < 10; i++)
            good = good && is_record(&out[i], i) && taken.number[i] == i &&
                   taken.thief[i] == 2;
        pop(&b, 24, 10);
        good = good && deque_pop(&b.d) == NULL;
    }
    CHECK(good);
    CHECK(b.d.top == start - 700 + 2000);
    close_bench(&b);
}

static void test_wrap(void)
{
    check_wrap(UINT64_C(1) << 20);
    check_wrap(UINT64_C(7) << 20);
    check_wrap(UINT64_C(1) << 32);
    check_wrap(UINT64_C(3) << 32);
    check_wrap(1000);
}

static void test_tag_wrap(void)
{
    struct bench b;
    struct deque_record out[4];

    open_bench(&b, 0, 8);
    atomic_store(&b.shared->word, deque_word(UINT32_MAX, 0, 0));
    push(&b, 0, 8);
    CHECK(deque_publish(&b.d, 0, pack) == 8);
    CHECK(deque_word_tag(atomic_load(&b.shared->word)) == UINT32_MAX);
    CHECK(deque_steal(b.shared, 0, out, 4, NULL, 0) == 4);
    uint64_t word = atomic_load(&b.shared->word);
    CHECK(deque_word_tag(word) == 0);
    CHECK(deque_word_top(word) == 4 && deque_word_count(word) == 4);
    pop(&b, 8, 4);
    close_bench(&b);
}

/* A callback of deque_reclaim may use the deque. */
static void push_again(void *ctx, struct deque_item *item, int thief)
{
    struct bench *b = ctx;

    CHECK(thief == 4);
    CHECK(deque_push(&b->d, item) == 0);
    CHECK(deque_reclaim(&b->d, push_again, b) == (number(item) < 2));
}

static void test_reentrant(void)
{
    struct bench b;
    struct deque_record out[4];

    open_bench(&b, 0, 6);
    push(&b, 0, 6);
    deque_publish(&b.d, 0, pack);
    CHECK(deque_steal(b.shared, 4, out, 4, NULL, 0) == 3);
    CHECK(deque_reclaim(&b.d, push_again, &b) == 1);
    pop(&b, 3, 0);
    pop(&b, 6, 3);
    CHECK(deque_pop(&b.d) == NULL);
    close_bench(&b);
}

/* A million random owner's and thief's steps against a plain list. */
static void test_against_model(uint32_t slots)
{
    enum { THINGS = 3000 };
    struct bench b;
    struct deque_record *out = calloc(SLOTS, sizeof *out);
    uint64_t *list = calloc(THINGS, sizeof *list); /* oldest first */
    uint64_t *spare = calloc(THINGS, sizeof *spare);
    struct taken taken;
    unsigned n = 0, spares = THINGS, public = 0, rng = 1;
    bool good = out != NULL && list != NULL && spare != NULL;

    open_ring(&b, (1 << 20) - 5000, THINGS, slots);
    for (unsigned i = 0; i < THINGS; i++)
        spare[i] = i;
    for (int step = 0; good && step < 1000000; step++) {
        rng = rng * 1103515245u + 12345u;
        unsigned kind = rng >> 16 & 15, arg = rng >> 20;
        if (kind < 7 && spares > 0) {
            list[n] = spare[--spares];
            good = deque_push(&b.d, &b.things[list[n++]].item) == 0;
        } else if (kind < 10) {
            struct deque_item *item = deque_pop(&b.d);
            good = n == 0 ? item == NULL : item == &b.things[list[n - 1]].item;
            if (n > 0)
                spare[spares++] = list[--n];
            if (public > n) /* took back, with the one it returned */
            public -= n + 1 < DEQUE_TAKE_BACK ? n + 1 : DEQUE_TAKE_BACK;
        } else if (kind < 12 && n > 0) {
            unsigned at = arg % n;
            good =
                deque_remove(&b.d, &b.things[list[at]].item) == (at >= public);
            if (at >= public) {
                spare[spares++] = list[at];
                memmove(&list[at], &list[at + 1], (--n - at) * sizeof *list);
            }
        } else if (kind == 12) {
            public += deque_publish(&b.d, arg % 64, pack);
        } else if (kind == 13) {
            unsigned got = deque_steal(b.shared, 1, out, arg % 8, NULL, 0);
            for (unsigned i = 0; i < got; i++)
                good = good && is_record(&out[i], list[i]);
            taken.n = 0;
            good = good && deque_reclaim(&b.d, note, &taken) == got;
            for (unsigned i = 0; i < got; i++)
                spare[spares++] = list[i];
            public -= got;
            n -= got;
            memmove(list, &list[got], n * sizeof *list);
        }
        good = good && deque_public_count(b.shared) == public &&
               deque_private_count(&b.d) == n - public;
    }
    CHECK(good);
    close_bench(&b);
    free(out);
    free(list);
    free(spare);
}

int main(void)
{
    test_private_order();
    test_growth();
    test_growth_refused();
    test_no_growth_by_holes();
    test_take_back();
    test_remove();
    test_pop_skips_holes();
    test_steal_half();
    test_ring_full();
    test_unnamed();
    test_names_of_last_lap();
    test_claim();
    test_wrap();
    test_tag_wrap();
    test_reentrant();
    test_small_ring();
    test_against_model(SLOTS);
    test_against_model(32);
    test_against_model(DEQUE_SLOTS_MIN);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
