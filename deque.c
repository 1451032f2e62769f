/* SPDX-License-Identifier: MIT */
/* deque.c -- a work-stealing deque, split in a private and a public part
 *
 * The problem. Pushing and popping must cost next to nothing, since every
 * future is pushed and most are popped by the one who pushed them. A thief
 * must get many at once, since a theft costs a hundred times a push. And an
 * item must never run twice. Chase and Lev's deque gives the first, but no
 * more than one item a theft: a thief that stalls between reading and its
 * compare-and-swap (CAS) would take items that the owner has popped since,
 * because the owner pops without touching the word on which thieves compete.
 *
 * The idea (split deque: van Dijk and van de Pol 2014; half of all at a time:
 * Hendler and Shavit 2002). Only [top, split) can be stolen, and both bounds
 * are in one word that changes only by atomic read-modify-writes (RMW):
 *
 *      publish      owner   count += n                 fetch_add, cannot fail
 *      take back    owner   count -= n, tag += 1       CAS
 *      steal        thief   top += n, count -= n, tag += 1             CAS
 *
 * What is private needs no agreement with anybody. deque.h has a drawing.
 *
 * Nothing is taken twice
 *
 * A thief reads the word, copies the records of the positions it wants, and
 * then tries its CAS. Let it have read tag t and let the CAS succeed on a word
 * with tag t. Every theft and every taking back bumps the tag, hence between
 * the two there were publications only, and these add positions at the other
 * end. So all that it copied was public from its first read to its CAS, and
 * the CAS alone moves it out of reach of the owner and of other thieves. This
 * is also why a publication leaves the tag alone: a thief whose CAS fails with
 * the tag unchanged has good copies still and simply tries again, at most
 * once a slot, as each time the count has grown. An owner that
 * publishes all the time therefore cannot starve its thieves.
 *
 * A tag wraps after 2^32 thefts and takings back. The fastest possible ones,
 * nothing but RMWs on one hot line, take 5 ns each: a thief would have to
 * stall for at least 21 s, and for minutes with any real work in between. If
 * it is stopped for that long (a debugger, a frozen machine), both tag and top
 * must be the very ones it read, at the instant at which it wakes: one chance
 * in 2^32 a stop, for the tag alone.
 *
 * Order of memory. Names: P a publish, B a take-back, S a successful steal.
 *
 * - A thief sees whole records. The owner writes slot and taker words, then P,
 *   which releases; the thief's first load acquires. RMWs following P continue
 *   its release sequence, so this holds whichever value is loaded.
 * - A thief sees no record of later. The owner reuses a position's slot after
 *   B (acquires) or after having read the taker's name (acquires). The thief
 *   read the slot before S (releases), or before it wrote its name (releases).
 *   If S precedes B, these reads happen before the owner's new writes and
 *   cannot see them; if B precedes, the CAS fails and the copies are dropped.
 *   Only the thief that won a position writes its name, so a loser's reads
 *   need no such order.
 * - Dropped copies may be torn between two records. Hence slots are read and
 *   written as relaxed atomic words: what is read is some value, not a data
 *   race. On the usual machines that is an ordinary load or store.
 * - P is seq_cst for the sake of sleepers. The owner: P, then a seq_cst load
 *   of the sleepers' word. One who falls asleep: a store to that word, a
 *   seq_cst fence, a load of the count. In the single order of these four, P
 *   comes before the fence and then the sleeper sees the work, or the fence
 *   before P, thus before the owner's load, which then sees the sleeper. With
 *   release alone both could miss each other (store buffering).
 *
 * Who took it
 *
 * The owner keeps an item until it knows where it went. A thief writes its
 * name in the taker word of each position that it has won; deque_reclaim
 * reads the names. It does not wait for a name: the thief may have been
 * descheduled. The position's slot stays occupied until then. At publication
 * the owner clears the name, so a name of the ring's previous lap is never
 * mistaken for one of this.
 *
 * If a thief dies between winning and writing its name, its claim tells. The
 * claim is stored before the CAS that wins, and cleared after the names are
 * written, so: whoever sees a position taken, sees the winner's claim on it,
 * or sees a later value of that claim and then the name. When deque_reclaim
 * stands still at position p (deque_is_stuck) and a thief of this node is
 * dead, the owner reads the claims of all thieves that live. If one covers p,
 * that thief may be the winner: come back later; it is alive, so it will name
 * p or clear its claim. If none does, and p is still not named afterwards
 * (deque_is_stuck again), then no living thief won p. It was a dead one whose
 * claim covers p: deque_name_for writes its name, deque_reclaim reports it,
 * and the owner treats the item as that of any holder that died. If two dead
 * ones cover p, either name will do. Claims carry no tag since none is needed:
 * a stale claim of a dead thief is consulted for unnamed positions only, and
 * the living have been ruled out before.
 *
 * Removed items
 *
 * deque_remove leaves NULL in the array (a hole) or, at either end of the
 * private part, nothing. Publishing skips holes and moves items down in the
 * gap that they leave, so thieves never meet one and what is public is worth
 * coming for. The alternative, empty records in the ring, would fill the ring
 * with nothing where a program waits for its futures in the order of their
 * submission, and wake sleepers for it.
 *
 * What this does not do: find a victim, wake anybody, bound what is private.
 * The owner's array never shrinks.
 */
#include "deque.h"

#include <errno.h>
#include <stdlib.h>

/* Tests make a thief stall here, where it hurts; see the tests. */
#ifndef DEQUE_TEST_STALL
#define DEQUE_TEST_STALL() ((void)0)
#endif

#define ARRAY_START 256u /* pointers, a power of two */
#define KIN_MAX 16u      /* so many are looked at by a theft by kin */

_Static_assert(DEQUE_SLOTS_MAX < 1u << 12, "count has 12 bits");
_Static_assert((1u << 20) % DEQUE_SLOTS_MAX == 0, "top's wrap keeps the slot");
_Static_assert(DEQUE_SLOTS_MIN * 8 % 64 == 0, "slots follow the taker words");
_Static_assert(sizeof(struct deque_shared) == 64,
               "taker words follow the head");
_Static_assert(DEQUE_SLOT_WORDS < 1u << 8, "a taker word has 8 bits for it");
_Static_assert(sizeof(struct deque_slot) == DEQUE_SLOT_BYTES, "no padding");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared between processes");

/* --- The ring ------------------------------------------------------------ */

static _Atomic uint64_t *taker_at(struct deque_shared *shared, uint32_t slots,
                                  uint64_t pos)
{
    _Atomic uint64_t *first = (void *)((char *)shared + sizeof *shared);

    return &first[pos & (slots - 1)];
}

static struct deque_slot *slot_at(struct deque_shared *shared, uint32_t slots,
                                  uint64_t pos)
{
    struct deque_slot *first =
        (void *)((char *)shared + sizeof *shared + 8 * (size_t)slots);

    return &first[pos & (slots - 1)];
}

/* --- Taker words and claims ---------------------------------------------- */

static uint64_t taker_word(uint32_t pos, int thief, size_t words)
{
    return (uint64_t)pos << 32 | (uint64_t)(uint32_t)(thief + 1) << 8 | words;
}

/* -1: not named yet */
static int taker_thief(uint64_t taker)
{
    return (int)(taker >> 8 & 0xffffff) - 1;
}

static uint32_t taker_pos(uint64_t taker)
{
    return (uint32_t)(taker >> 32);
}

static unsigned taker_words(uint64_t taker)
{
    return (unsigned)(taker & 0xff);
}

static uint64_t claim_word(uint32_t pos, unsigned count, int victim)
{
    return (uint64_t)pos << 32 | (uint64_t)count << 20 |
           (uint64_t)(uint32_t)(victim + 1);
}

/* --- The owner's array --------------------------------------------------- */

static void put(struct deque *d, uint64_t pos, struct deque_item *item)
{
    item->pos = pos;
    d->items[pos & d->mask] = item;
}

/* Nothing is private: the next push goes where the public part ends. */
static void reset_private(struct deque *d)
{
    d->bottom = d->first = d->split;
    d->holes = 0;
}

/* Moves the private items down over holes and gap. */
static void close_gaps(struct deque *d)
{
    uint64_t to = d->split;

    for (uint64_t from = d->first; from != d->bottom; from++) {
        struct deque_item *item = d->items[from & d->mask];
        if (item != NULL)
            put(d, to++, item);
    }
    d->first = d->split;
    d->bottom = to;
    d->holes = 0;
}

/* --- The shared word, as the owner sees it ------------------------------- */

/* Thieves cannot move top further than the ring is long before the owner must
 * have looked again, so 20 bits are enough to tell where it is. */
static void see_top(struct deque *d, uint64_t word)
{
    d->top += (deque_word_top(word) - (uint32_t)d->top) & 0xfffff;
}

static uint64_t load_word(struct deque *d)
{
    uint64_t word =
        atomic_load_explicit(&d->shared->word, memory_order_acquire);

    see_top(d, word);
    return word;
}

static void write_slot(struct deque *d, uint64_t pos, const uint64_t *words,
                       size_t n)
{
    struct deque_slot *slot = slot_at(d->shared, d->slots, pos);

    for (size_t i = 0; i < n; i++)
        atomic_store_explicit(&slot->word[i], words[i], memory_order_relaxed);
    atomic_store_explicit(taker_at(d->shared, d->slots, pos),
                          taker_word((uint32_t)pos, -1, n),
                          memory_order_relaxed);
}

static uint64_t load_taker(const struct deque *d, uint64_t pos)
{
    return atomic_load_explicit(taker_at(d->shared, d->slots, pos),
                                memory_order_acquire);
}

/* --- The parts of a theft ------------------------------------------------ */

/* What to ask for: the older half, and half of that after each lost race, for
 * the less there is to copy the sooner the CAS comes. */
static unsigned pick_count(uint64_t word, unsigned max, unsigned tries)
{
    unsigned n = (deque_word_count(word) + 1) / 2 >> tries;

    if (n == 0 && deque_word_count(word) != 0)
        n = 1;
    return n < max ? n : max;
}

static void read_kin(struct deque_shared *shared, uint32_t at, uint64_t *words)
{
    const struct deque_slot *slot = slot_at(shared, shared->slots, at);

    for (unsigned i = 0; i < DEQUE_KIN_WORDS; i++)
        words[i] = atomic_load_explicit(&slot->word[i], memory_order_relaxed);
}

/* How many of the oldest records are kin, up to KIN_MAX: as many count as all.
 * It may be nonsense as well. */
static unsigned count_kin(struct deque_shared *shared, uint64_t word, int owner,
                          deque_kin_fn *are_kin)
{
    uint64_t first[DEQUE_KIN_WORDS], other[DEQUE_KIN_WORDS];
    uint32_t top = deque_word_top(word);
    unsigned count = deque_word_count(word), n = 1;

    read_kin(shared, top, first);
    for (; n < count && n < KIN_MAX; n++) {
        read_kin(shared, top + n, other);
        if (!are_kin(first, other, owner))
            return n;
    }
    return count;
}

/* Copies n records from `top` on, returns the low 32 bits of their position.
 * All of it may be nonsense if the CAS is going to fail. */
static uint32_t copy_records(struct deque_shared *shared, uint32_t top,
                             unsigned n, struct deque_record *out)
{
    uint32_t pos = 0, slots = shared->slots;

    for (unsigned i = 0; i < n; i++) {
        const struct deque_slot *slot = slot_at(shared, slots, top + i);
        uint64_t taker = atomic_load_explicit(taker_at(shared, slots, top + i),
                                              memory_order_relaxed);
        unsigned words = taker_words(taker);

        if (i == 0)
            pos = taker_pos(taker);
        for (unsigned k = 0; k < words && k < DEQUE_SLOT_WORDS; k++)
            out[i].word[k] =
                atomic_load_explicit(&slot->word[k], memory_order_relaxed);
    }
    return pos;
}

/* True: the first n are ours. False: others took some; *word is what is there
 * now. A CAS that failed because the owner published is simply repeated. */
static bool win(struct deque_shared *shared, uint64_t *word, unsigned n)
{
    uint32_t tag = deque_word_tag(*word), top = deque_word_top(*word);

    do {
        uint64_t next =
            deque_word(tag + 1, top + n, deque_word_count(*word) - n);
        if (atomic_compare_exchange_strong_explicit(&shared->word, word, next,
                                                    memory_order_acq_rel,
                                                    memory_order_acquire))
            return true;
    } while (deque_word_tag(*word) == tag && deque_word_top(*word) == top);
    return false;
}

/* --- The owner's end ----------------------------------------------------- */

int deque_init(struct deque *d, struct deque_shared *shared, uint32_t slots)
{
    return deque_init_at(d, shared, slots, 0);
}

int deque_init_at(struct deque *d, struct deque_shared *shared, uint32_t slots,
                  uint64_t pos)
{
    *d = (struct deque){
        .items = malloc(ARRAY_START * sizeof *d->items),
        .mask = ARRAY_START - 1,
        .bottom = pos,
        .first = pos,
        .split = pos,
        .top = pos,
        .reclaimed = pos,
        .take_back = DEQUE_TAKE_BACK,
        .shared = shared,
        .slots = slots,
    };
    if (d->items == NULL)
        return -ENOMEM;
    shared->slots = slots;
    atomic_store_explicit(&shared->word, deque_word(0, (uint32_t)pos, 0),
                          memory_order_release);
    return 0;
}

void deque_fini(struct deque *d)
{
    free(d->items);
    d->items = NULL;
}

/* Called when [reclaimed, bottom) fills the array. Where a quarter of it is
 * holes and gap, closing these is enough, and paid for by the pushes to come
 * before the next time. */
int deque_grow(struct deque *d)
{
    uint64_t size = d->mask + 1;
    uint64_t used = d->split - d->reclaimed + deque_private_count(d);

    if (used <= size - size / 4) {
        close_gaps(d);
        return 0;
    }
    if (size > SIZE_MAX / 2 / sizeof *d->items)
        return -ENOMEM;

    struct deque_item **items = malloc(2 * size * sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    for (uint64_t pos = d->reclaimed; pos != d->bottom; pos++)
        items[pos & (2 * size - 1)] = d->items[pos & d->mask];
    free(d->items);
    d->items = items;
    d->mask = 2 * size - 1;
    return 0;
}

/* Nothing is private. The newest public ones become so; their pointers have
 * never left the array. */
struct deque_item *deque_pop_public(struct deque *d)
{
    uint64_t word = load_word(d);
    unsigned n;

    reset_private(d);
    do {
        n = deque_word_count(word);
        if (n == 0) {
            see_top(d, word);
            return NULL;
        }
        if (n > d->take_back)
            n = d->take_back;
    } while (!atomic_compare_exchange_strong_explicit(
        &d->shared->word, &word,
        deque_word(deque_word_tag(word) + 1, deque_word_top(word),
                   deque_word_count(word) - n),
        memory_order_acq_rel, memory_order_acquire));

    see_top(d, word);
    d->split -= n;
    d->first = d->split;
    return d->items[--d->bottom & d->mask];
}

bool deque_remove(struct deque *d, struct deque_item *item)
{
    if (!deque_is_private(d, item))
        return false;
    d->items[item->pos & d->mask] = NULL;
    d->holes++;

    while (d->first != d->bottom && d->items[d->first & d->mask] == NULL) {
        d->first++;
        d->holes--;
    }
    while (d->first != d->bottom &&
           d->items[(d->bottom - 1) & d->mask] == NULL) {
        d->bottom--;
        d->holes--;
    }
    if (d->first == d->bottom)
        reset_private(d);
    return true;
}

unsigned deque_publish(struct deque *d, uint64_t keep, deque_pack_fn *pack)
{
    uint64_t n = deque_private_count(d);
    uint64_t room = d->slots - (d->split - d->reclaimed);
    uint64_t words[DEQUE_SLOT_WORDS];

    if (n <= keep || room == 0)
        return 0;
    n = n - keep < room ? n - keep : room;

    for (uint64_t end = d->split + n; d->split != end;) {
        struct deque_item *item = d->items[d->first++ & d->mask];
        if (item == NULL) {
            d->holes--;
            continue;
        }
        put(d, d->split, item);
        write_slot(d, d->split, words, pack(item, words));
        d->split++;
    }
    if (deque_private_count(d) == 0)
        reset_private(d);

    /* Makes them takeable, all at once. seq_cst: see the essay on sleepers. */
    see_top(d, atomic_fetch_add_explicit(&d->shared->word, n,
                                         memory_order_seq_cst));
    return (unsigned)n;
}

unsigned deque_reclaim(struct deque *d, deque_taken_fn *taken, void *ctx)
{
    unsigned n = 0;

    load_word(d);
    while (d->reclaimed != d->top) {
        int thief = taker_thief(load_taker(d, d->reclaimed));
        if (thief < 0)
            break;
        /* Out of our hands before `taken` is told, as it may call back. */
        struct deque_item *item = d->items[d->reclaimed++ & d->mask];
        taken(ctx, item, thief);
        n++;
    }
    return n;
}

bool deque_is_public(struct deque *d, const struct deque_item *item)
{
    load_word(d);
    return item->pos - d->top < d->split - d->top &&
           d->items[item->pos & d->mask] == item;
}

bool deque_is_stuck(struct deque *d, uint64_t *pos)
{
    load_word(d);
    *pos = d->reclaimed;
    return d->reclaimed != d->top &&
           taker_thief(load_taker(d, d->reclaimed)) < 0;
}

/* --- The thief's end ----------------------------------------------------- */

static inline unsigned take(struct deque_shared *shared, int thief,
                            struct deque_record *out, unsigned max,
                            struct deque_claim *claim, int victim, int owner,
                            deque_kin_fn *are_kin)
{
    uint64_t word = atomic_load_explicit(&shared->word, memory_order_acquire);

    for (unsigned tries = 0; tries < DEQUE_STEAL_TRIES; tries++) {
        unsigned n = pick_count(word, max, tries);
        if (n == 0)
            break;
        if (are_kin && n > 1) {
            unsigned kin = (count_kin(shared, word, owner, are_kin) + 1) / 2;
            n = kin < n ? kin : n;
        }

        uint32_t pos = copy_records(shared, deque_word_top(word), n, out);
        if (claim != NULL)
            atomic_store_explicit(&claim->word, claim_word(pos, n, victim),
                                  memory_order_release);
        DEQUE_TEST_STALL();
        if (!win(shared, &word, n))
            continue;

        DEQUE_TEST_STALL();
        for (unsigned i = 0; i < n; i++)
            deque_name_for(shared, pos + i, thief);
        return n;
    }
    if (claim != NULL)
        deque_claim_clear(claim);
    return 0;
}

unsigned deque_steal(struct deque_shared *shared, int thief,
                     struct deque_record *out, unsigned max,
                     struct deque_claim *claim, int victim)
{
    return take(shared, thief, out, max, claim, victim, 0, NULL);
}

unsigned deque_steal_kin(struct deque_shared *shared, int thief,
                         struct deque_record *out, unsigned max,
                         struct deque_claim *claim, int victim, int owner,
                         deque_kin_fn *are_kin)
{
    return take(shared, thief, out, max, claim, victim, owner, are_kin);
}

bool deque_claim_covers(const struct deque_claim *claim, int victim,
                        uint64_t pos)
{
    uint64_t word = atomic_load_explicit(&claim->word, memory_order_acquire);
    uint32_t count = (uint32_t)(word >> 20) & 0xfff;

    return (word & 0xfffff) == (uint64_t)(uint32_t)(victim + 1) &&
           (uint32_t)pos - (uint32_t)(word >> 32) < count;
}

/* The length goes with the name: the record has been read, by the one who
 * calls this or by the dead for whom it is called. */
void deque_name_for(struct deque_shared *shared, uint64_t pos, int thief)
{
    atomic_store_explicit(taker_at(shared, shared->slots, pos),
                          taker_word((uint32_t)pos, thief, 0),
                          memory_order_release);
}
