/* SPDX-License-Identifier: MIT */
/* deque.h -- a work-stealing deque, split in a private and a public part
 *
 * The owner pushes and pops at the newest end; thieves, threads of any
 * process of the node, take the older half of what is public. Why this is
 * safe is argued in deque.c. The deque knows nothing of tasks: the owner puts
 * in pointers that mean something to it alone, thieves take out records, a
 * few words that the owner's packer wrote.
 *
 *      reclaimed      top         split   first        bottom
 *          |           |            |       |             |
 *   -------+-----------+------------+-------+-------------+------->
 *          |   taken   |   public   |  gap  |   private   |   position
 *
 *   private  pointers in the owner's array, and nothing else: push and pop
 *            cost a store or a load, no fence, no atomic operation
 *   gap      where private items were removed or moved away; empty mostly
 *   public   pointers as before, and a record of each in the ring
 *   taken    still in the owner's array until deque_reclaim has told the
 *            owner who took them
 *
 * All functions above the line "The thief's end" are for the owner's thread,
 * one at a time; those below are for anybody.
 */
#ifndef DEQUE_H
#define DEQUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEQUE_SLOTS_MIN 8u    /* a ring's size is a power of two, */
#define DEQUE_SLOTS_MAX 2048u /* from this to that */
#define DEQUE_SLOT_BYTES 192u /* a record is at most this long */
#define DEQUE_SLOT_WORDS (DEQUE_SLOT_BYTES / 8)
#define DEQUE_TAKE_BACK 8u   /* what the owner takes back at a time, at most */
#define DEQUE_STEAL_TRIES 4u /* races a thief loses before it gives up */
#define DEQUE_ID_MAX ((1 << 20) - 2) /* largest id of a thief or deque */

/* --- What lies in node memory; all-zero bytes are an empty deque --------- */

struct deque_slot {
    _Alignas(64) _Atomic uint64_t word[DEQUE_SLOT_WORDS];
};

/* The head of a ring; what DEQUE_RING() names lies behind it. */
struct deque_shared {
    /* {tag:32, top:20, count:12}, see deque_word_*() below. Publishing adds to
     * count; all else that changes it bumps the tag. */
    _Alignas(64) _Atomic uint64_t word;
    /* The ring's size. Written once, by deque_init, before anything is public:
     * whoever has read of a count above 0 from `word` reads it right. */
    uint32_t slots;
};

/* The type of a ring of n slots: struct { ... } DEQUE_RING(n).
 *
 * taker, one a slot: {low 32 bits of position, thief + 1: 24, words: 8}. The
 * owner writes it with thief + 1 == 0 when it publishes the position; the
 * thief that won the position writes its name in; nobody writes it again
 * before the owner has reclaimed the position. */
#define DEQUE_RING(n)                                                          \
    {                                                                          \
        struct deque_shared shared;                                            \
        _Alignas(64) _Atomic uint64_t taker[n];                                \
        struct deque_slot slot[n];                                             \
    }

/* What a thief is about to take, in the thief's own part of node memory, so
 * that its death loses nothing; 0 when it is about to take nothing. One word,
 * so that it cannot be torn: {low 32 bits of position, count: 12,
 * victim + 1: 20}. The essay in deque.c says how survivors use it. */
struct deque_claim {
    _Atomic uint64_t word;
};

/* A record as a thief gets it. Words past the length that the packer returned
 * are not written; a record says in its first words how long it is. */
struct deque_record {
    uint64_t word[DEQUE_SLOT_WORDS];
};

/* --- The owner's end ----------------------------------------------------- */

/* Embedded in what the owner pushes; the deque's until popped, removed or
 * reclaimed. */
struct deque_item {
    uint64_t pos;
};

struct deque {
    struct deque_item **items; /* circular; NULL: was removed */
    uint64_t mask;             /* its size - 1 */
    uint64_t bottom;           /* positions, as in the drawing above */
    uint64_t first;
    uint64_t reclaimed;
    uint64_t split;
    uint64_t top;       /* as last seen; thieves move it */
    uint64_t holes;     /* NULLs in [first, bottom) */
    uint32_t take_back; /* the owner may change it: 1 to DEQUE_TAKE_BACK */
    struct deque_shared *shared;
    uint32_t slots; /* of the ring */
};

/* Writes an item's record, returns how many words it has, at most
 * DEQUE_SLOT_WORDS. */
typedef size_t deque_pack_fn(const struct deque_item *, uint64_t *words);

/* Learns that `thief` has taken the item, which is no longer the deque's. */
typedef void deque_taken_fn(void *ctx, struct deque_item *, int thief);

/* An empty deque over the head of a ring of so many slots in all-zero node
 * memory. Thieves may look already: they find it empty. 0 or -ENOMEM. */
int deque_init(struct deque *, struct deque_shared *, uint32_t slots);

/* The same with positions that start elsewhere, for tests of their wrap. */
int deque_init_at(struct deque *, struct deque_shared *, uint32_t slots,
                  uint64_t pos);

/* Frees the owner's part. Items and node memory are not touched: whoever ends
 * the node memory has seen to it that no thief comes any more. */
void deque_fini(struct deque *);

/* Slow paths of the inline functions below. */
int deque_grow(struct deque *);
struct deque_item *deque_pop_public(struct deque *);

/* Puts an item at the newest end, private. 0, or -ENOMEM and nothing done. */
static inline int deque_push(struct deque *d, struct deque_item *item)
{
    if (__builtin_expect(d->bottom - d->reclaimed > d->mask, 0)) {
        int err = deque_grow(d);
        if (err)
            return err;
    }
    item->pos = d->bottom;
    d->items[d->bottom++ & d->mask] = item;
    return 0;
}

/* Takes the newest item. When none is private, takes back up to `take_back`
 * public ones first. NULL: empty. */
static inline struct deque_item *deque_pop(struct deque *d)
{
    while (d->bottom != d->first) {
        struct deque_item *item = d->items[--d->bottom & d->mask];
        if (__builtin_expect(item != NULL, 1))
            return item;
        d->holes--;
    }
    return deque_pop_public(d);
}

/* Takes the item if it is the newest private one, or does nothing. */
static inline bool deque_pop_if_newest(struct deque *d, struct deque_item *item)
{
    while (d->bottom != d->first) {
        struct deque_item *newest = d->items[(d->bottom - 1) & d->mask];
        if (newest != NULL && newest != item)
            return false;
        d->bottom--;
        if (__builtin_expect(newest == item, 1))
            return true;
        d->holes--;
    }
    return false;
}

/* Exact, for any item that is or was in this deque, or never in one. */
static inline bool deque_is_private(const struct deque *d,
                                    const struct deque_item *item)
{
    return item->pos - d->first < d->bottom - d->first &&
           d->items[item->pos & d->mask] == item;
}

static inline uint64_t deque_private_count(const struct deque *d)
{
    return d->bottom - d->first - d->holes;
}

/* Takes an item out that is private, wherever it stands. False if it is not:
 * public (pop until it comes back), taken, or never in here. */
bool deque_remove(struct deque *, struct deque_item *);

/* Makes all but the `keep` newest private items public, oldest first, as far
 * as the ring has room, by one atomic operation for all. Returns how many;
 * these may have a new `pos`. A position keeps its place in the ring until
 * deque_reclaim has reported it, so call that first. To wake sleepers, read
 * the word that counts them with memory_order_seq_cst after this. */
unsigned deque_publish(struct deque *, uint64_t keep, deque_pack_fn *);

/* Reports each item that thieves have taken since, oldest first; returns how
 * many. Stops short, without waiting, of a position that is taken but whose
 * thief has not written its name yet. `taken` may push, pop and publish. */
unsigned deque_reclaim(struct deque *, deque_taken_fn *taken, void *ctx);

/* Whether the item can still be stolen. Thieves may make a "yes" untrue
 * before it returns; a "no" stays true until the owner's next call. */
bool deque_is_public(struct deque *, const struct deque_item *);

/* The position at which deque_reclaim stands still because its thief has not
 * written its name; false if there is none. */
bool deque_is_stuck(struct deque *, uint64_t *pos);

/* --- The thief's end ----------------------------------------------------- */

static inline uint64_t deque_word(uint32_t tag, uint32_t top, uint32_t count)
{
    return (uint64_t)tag << 32 | (uint64_t)(top & 0xfffff) << 12 |
           (count & 0xfff);
}

static inline uint32_t deque_word_tag(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t deque_word_top(uint64_t word)
{
    return (uint32_t)(word >> 12) & 0xfffff;
}

static inline uint32_t deque_word_count(uint64_t word)
{
    return (uint32_t)word & 0xfff;
}

/* How much there is to steal; may be untrue as soon as it returns. One who
 * goes to sleep stores that he sleeps, runs atomic_thread_fence(seq_cst), and
 * only then asks here: see deque_publish. */
static inline unsigned deque_public_count(const struct deque_shared *shared)
{
    return deque_word_count(
        atomic_load_explicit(&shared->word, memory_order_acquire));
}

/* For the owner: whether the ring was full, and thieves have left at least half
 * of that: who looks for work finds it, and to publish more is not worth the
 * try. */
static inline bool deque_shows_plenty(const struct deque *d)
{
    return d->split - d->reclaimed >= d->slots &&
           deque_public_count(d->shared) >= d->slots / 2;
}

/* Takes the older half, rounded up, at most `max`, in `out`, oldest first.
 * Returns how many; 0 if there was nothing or DEQUE_STEAL_TRIES races were
 * lost. `claim` may be NULL; if not, it names the deque, by the number `victim`
 * that thieves and owner have for it, and what was taken when this returns
 * more than 0, until the caller, who has made the records its own, calls
 * deque_claim_clear. Ids are 0 to DEQUE_ID_MAX. */
unsigned deque_steal(struct deque_shared *, int thief, struct deque_record *out,
                     unsigned max, struct deque_claim *claim, int victim);

/* The same, but of records that are not all kin only the older half of the
 * oldest kin.  The oldest are the largest there are as a rule, and half of them
 * is about half of the work, where half of all would leave the victim with
 * crumbs, and a thief itself a moment later.  `are_kin` sees the first
 * DEQUE_KIN_WORDS of two records, which may be nonsense: what follows from it
 * is dropped then. */
#define DEQUE_KIN_WORDS 3u
typedef bool deque_kin_fn(const uint64_t *, const uint64_t *, int owner);
unsigned deque_steal_kin(struct deque_shared *, int thief,
                         struct deque_record *out, unsigned max,
                         struct deque_claim *claim, int victim, int owner,
                         deque_kin_fn *are_kin);

static inline void deque_claim_clear(struct deque_claim *claim)
{
    atomic_store_explicit(&claim->word, 0, memory_order_release);
}

/* Whether the claim includes this position of this victim. */
bool deque_claim_covers(const struct deque_claim *, int victim, uint64_t pos);

/* Writes the name of a dead thief where it did not come to do so itself. */
void deque_name_for(struct deque_shared *, uint64_t pos, int thief);

#endif
