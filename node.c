/* SPDX-License-Identifier: MIT */
/* node.c -- memory that the ranks of a node share; mail, sleep, wake
 *
 * The problem. Ranks of one node are processes. To rob each other without the
 * victim's help, to wake each other in microseconds and to send each other
 * small messages faster than MPI does, they need memory in common. MPI's
 * shared windows will not do: their calls hang once a member has died.
 *
 * The segment
 *
 *      | head | block of place 0 | block of place 1 | ...     whole pages
 *
 * The rank at place 0 makes it under a random name, all map it, and then the
 * name is gone again: unless that rank is killed within these milliseconds,
 * nothing is left behind, however the ranks end. It is sparse at first, and
 * every rank allocates the pages of its own block (posix_fallocate) before all
 * agree. So a /dev/shm that is too small is an error here, not a SIGBUS at some
 * later store; and each block lies in the memory next to its owner's CPU, if
 * these have several. A rank that is alone on its node gets ordinary memory.
 *
 * An anonymous file (memfd) would need no name, but the others could open it
 * by /proc/PID/fd only, which containers and security modules forbid.
 *
 * Mail
 *
 * A mailbox is a ring of slots: many put, the owner takes. A message lies in
 * as many consecutive slots as it needs, behind the slots' words. Position p
 * is slot p % SLOTS on lap p / SLOTS. Two words tell of a message that begins
 * at p, the claim (an array of its own) and the word of its first slot; both
 * have this form, the second without a putter:
 *
 *      { lap + 1 : 38, place of the putter + 1 : 12, bytes : 14 }
 *
 * A word of another lap, or zero, says nothing of p.
 *
 *      reserve   putter   CAS the claim at `tail` to (lap, putter, bytes)
 *      advance   anybody  CAS tail from there to behind the message
 *      publish   putter   store the slot's word (lap, 0, bytes), release
 *      take      owner    head = position behind the message, release
 *
 * A CAS on `tail` alone would reserve as well. But then a putter that is
 * killed at the wrong moment leaves a hole of unknown length, at which its
 * owner waits for ever without knowing for whom. A claim says whose it is and
 * how long, from the instant at which it exists: hence node_mail_stuck and
 * node_mail_skip. Claims are apart from the slots because the owner may be
 * polling the slot: then the putter would have to fetch its line twice, which
 * makes a round trip a third slower.
 *
 * - A position is reserved once. While tail == t nobody has reserved t, or
 *   has and did not advance; whoever finds that out advances tail himself, so
 *   no putter waits for another. The claim at t is changed by reservations at
 *   t, t + SLOTS, ... only, so a CAS that expects a claim of before t fails if
 *   there was any. It must really be of before t: a putter may have read tail
 *   long ago. So it reads the claim (acquire) and then tail again. A claim of
 *   after t was written (release) by one who had read a larger tail, which the
 *   second read then sees: try again. Laps come round after 2^48 slots, two
 *   months at 50 million a second; a putter would have to stall exactly so
 *   long between two instructions.
 * - Nothing is overwritten that the owner has not read: tail + slots - head <=
 *   SLOTS was true of a head read by acquire, and heads only grow. Putters
 *   share the head last seen, so that they seldom touch the owner's line.
 * - head <= tail, for whoever reads head (or `seen`) first: tail is advanced,
 *   then the message published, then taken, then head stored. Each happens
 *   before the next, also where another has advanced tail, since the putter
 *   has then seen it. node_mail_skip too advances before it stores.
 * - The owner sees whole messages: publish releases, its load acquires.
 *
 * The owner has two threads that take turns, under a lock of theirs.
 *
 * Sleep
 *
 * `asleep` is a futex. The sleeper stores ASLEEP, runs a seq_cst fence, looks
 * for work, and waits while ASLEEP stands there. The waker publishes work,
 * runs a seq_cst fence, looks at `asleep`. One fence comes first. If the
 * sleeper's, then the waker sees ASLEEP, and its store of AWAKE ends the
 * futex's wait or keeps it from beginning. If the waker's, then the sleeper
 * sees the work. Without the fences both could look before either's store has
 * left its store buffer, and the sleeper would sleep with work before it.
 *
 * Whoever changes ASLEEP to AWAKE, by CAS, takes one off `sleepers`: a waker,
 * or the sleeper after a time-out or a signal. `sleepers` goes up before
 * ASLEEP is there to be changed, so it never goes below zero.
 *
 * The helper has no look of its own between the two steps. Instead a call
 * that finds it awake is remembered (CALLED) and ends its next sleep.
 *
 * What this does not do: notice that a rank has died. One that died asleep
 * counts as a sleeper until node_wake; one that died between publishing
 * something and waking leaves a rank asleep. Who learns of a death wakes all.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "node.h"

#include "node_reach.h"
#include "scoop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Tests make a putter stall, or die, where it hurts. */
#ifndef NODE_TEST_STALL
#define NODE_TEST_STALL() ((void)0)
#endif

#define NS_PER_S UINT64_C(1000000000)
#define PAGE 4096u
#define ASK_PATIENCE_NS 20000u /* longer than an answer takes mostly */
#define WHY_SIZE 256u
#define LEN_BITS 14
#define WHO_BITS 12
#define LAP_SHIFT (LEN_BITS + WHO_BITS)
#define LOCALS_MAX ((1 << WHO_BITS) - 2)
#define SLOT_BYTES (NODE_MAIL_SLOT - 8)

_Static_assert(sizeof(struct node_slot) == NODE_MAIL_SLOT, "no padding");
_Static_assert(NODE_MAIL_MAX < 1u << LEN_BITS, "a length fits in the word");
_Static_assert(NODE_MAIL_MAX < SLOT_BYTES * NODE_MAIL_SLOTS / 4,
               "a ring holds several of the longest");
_Static_assert((NODE_MAIL_SLOTS & (NODE_MAIL_SLOTS - 1)) == 0, "power of two");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared between processes");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "shared between processes");
_Static_assert(sizeof(_Atomic uint32_t) == 4, "a futex");
_Static_assert(sizeof(struct timespec) == 2 * sizeof(long), "as futex has it");
_Static_assert(NODE_CPUS_MAX % CPU_SETSIZE == 0, "masks in whole sets");

struct node_os {
    unsigned char *base; /* of the mapping */
    size_t len;
    /* Where the next search begins; main thread and helper may both search. */
    _Atomic uint32_t next_wake;
    _Atomic uint32_t next_hungry;
};

/* What the maker of the segment tells the others. */
struct offer {
    int32_t status;
    uint64_t free_bytes; /* in /dev/shm; UINT64_MAX: has no limit */
    char name[48];
    char why[WHY_SIZE];
};

/* ---- Mail ---------------------------------------------------------------- */

static struct node_slot *slot_at(struct node_mailbox *box, uint64_t pos)
{
    return &box->slot[pos % NODE_MAIL_SLOTS];
}

static uint64_t slots_of(uint64_t len)
{
    return (len + SLOT_BYTES - 1) / SLOT_BYTES;
}

/* who: place + 1 in a claim, 0 in a slot. Laps are cut to what fits. */
static uint64_t word_of(uint64_t pos, int who, size_t len)
{
    return (pos / NODE_MAIL_SLOTS + 1) << LAP_SHIFT |
           (uint64_t)who << LEN_BITS | len;
}

static bool is_of_lap(uint64_t word, uint64_t pos)
{
    return (word ^ word_of(pos, 0, 0)) >> LAP_SHIFT == 0;
}

static int word_who(uint64_t word)
{
    return (int)(word >> LEN_BITS & ((1u << WHO_BITS) - 1));
}

static size_t word_len(uint64_t word)
{
    return (size_t)(word & ((1u << LEN_BITS) - 1));
}

/* To behind the message at pos, unless somebody has done so. Relaxed: what
 * order it needs comes with the words. */
static void advance(struct node_mailbox *box, uint64_t pos, uint64_t word)
{
    uint64_t expected = pos;

    atomic_compare_exchange_strong_explicit(&box->tail, &expected,
                                            pos + slots_of(word_len(word)),
                                            memory_order_relaxed,
                                            memory_order_relaxed);
}

/* False: full. Loops only when another putter or the owner got further. */
static bool reserve(struct node_mailbox *box, int who, size_t len,
                    uint64_t *pos)
{
    for (;;) {
        uint64_t seen = atomic_load_explicit(&box->seen, memory_order_acquire);
        uint64_t tail = atomic_load_explicit(&box->tail, memory_order_relaxed);
        NODE_TEST_STALL();
        if (tail + slots_of(len) - seen > NODE_MAIL_SLOTS) {
            uint64_t head =
                atomic_load_explicit(&box->head, memory_order_acquire);
            if (head == seen)
                return false;
            atomic_store_explicit(&box->seen, head, memory_order_release);
            continue;
        }
        _Atomic uint64_t *claim = &box->claim[tail % NODE_MAIL_SLOTS];
        uint64_t word = atomic_load_explicit(claim, memory_order_acquire);
        if (atomic_load_explicit(&box->tail, memory_order_relaxed) != tail)
            continue;
        if (is_of_lap(word, tail)) {
            advance(box, tail, word);
            continue;
        }
        uint64_t mine = word_of(tail, who, len);
        if (atomic_compare_exchange_strong_explicit(claim, &word, mine,
                                                    memory_order_release,
                                                    memory_order_relaxed)) {
            NODE_TEST_STALL();
            advance(box, tail, mine);
            *pos = tail;
            return true;
        }
    }
}

/* Bytes from byte `at` on of the message at pos. Whole slots are copied by a
 * size known to the compiler: no call. */
static void copy_in(struct node_mailbox *box, uint64_t pos, size_t at,
                    const void *from, size_t len)
{
    const unsigned char *next = from;

    while (len > 0) {
        struct node_slot *slot = slot_at(box, pos + at / SLOT_BYTES);
        size_t start = at % SLOT_BYTES;
        size_t part = SLOT_BYTES - start;
        if (start == 0 && len >= SLOT_BYTES) {
            memcpy(slot->byte, next, SLOT_BYTES);
        } else {
            if (part > len)
                part = len;
            memcpy(slot->byte + start, next, part);
        }
        next += part;
        at += part;
        len -= part;
    }
}

static void copy_out(struct node_mailbox *box, uint64_t pos, void *to,
                     size_t len)
{
    unsigned char *next = to;

    for (; len >= SLOT_BYTES; len -= SLOT_BYTES, next += SLOT_BYTES)
        memcpy(next, slot_at(box, pos++)->byte, SLOT_BYTES);
    if (len > 0)
        memcpy(next, slot_at(box, pos)->byte, len);
}

/* Whether the message at the owner's head is complete. */
static bool is_next_done(const struct node *node, uint64_t *head,
                         uint64_t *word)
{
    struct node_mailbox *box = &node->me->mail;

    *head = atomic_load_explicit(&box->head, memory_order_relaxed);
    *word =
        atomic_load_explicit(&slot_at(box, *head)->word, memory_order_acquire);
    return is_of_lap(*word, *head);
}

/* The place of who is writing it, with the claim, or -1. */
static int next_writer(const struct node *node, uint64_t *head, uint64_t *claim)
{
    struct node_mailbox *box = &node->me->mail;
    uint64_t word;

    if (is_next_done(node, head, &word))
        return -1;
    *claim = atomic_load_explicit(&box->claim[*head % NODE_MAIL_SLOTS],
                                  memory_order_acquire);
    return is_of_lap(*claim, *head) ? word_who(*claim) - 1 : -1;
}

/* ---- Sleep --------------------------------------------------------------- */

/* Ends when *word is not `value`, by a wake-up, at the time, by a signal, or
 * for no reason: callers look again. Not the private kind of futex, which
 * would be found by processes of one address space only. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value,
                       uint64_t until_ns)
{
    struct timespec until = {
        .tv_sec = (time_t)(until_ns / NS_PER_S),
        .tv_nsec = (long)(until_ns % NS_PER_S),
    };

    /* The bitset kind, because it takes a moment of CLOCK_MONOTONIC where the
     * plain one takes a duration. */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value,
            until_ns == UINT64_MAX ? NULL : &until, NULL,
            FUTEX_BITSET_MATCH_ANY);
}

/* Each word has one sleeper. */
static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* True if it was `from` and is `to` now. */
static bool change(_Atomic uint32_t *word, uint32_t from, uint32_t to)
{
    return atomic_compare_exchange_strong_explicit(word, &from, to,
                                                   memory_order_acq_rel,
                                                   memory_order_relaxed);
}

/* True for the one who ended the sleep. */
static bool end_sleep(struct node *node, struct node_block *block)
{
    /* The load spares awake ranks the CAS; it acquires, so that one who was
     * woken sees what for. */
    if (atomic_load_explicit(&block->asleep, memory_order_acquire) !=
            NODE_ASLEEP ||
        !change(&block->asleep, NODE_ASLEEP, NODE_AWAKE))
        return false;
    atomic_fetch_sub_explicit(&node->head->sleepers, 1, memory_order_relaxed);
    return true;
}

/* After a fence. */
static bool wake(struct node *node, struct node_block *block)
{
    if (!end_sleep(node, block))
        return false;
    futex_wake(&block->asleep);
    return true;
}

/* ---- Set up -------------------------------------------------------------- */

static size_t round_up(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

static size_t head_bytes(void)
{
    return round_up(sizeof(struct node_head));
}

static size_t block_bytes(void)
{
    return round_up(sizeof(struct node_block));
}

static size_t segment_bytes(int locals)
{
    return head_bytes() + (size_t)locals * block_bytes();
}

/* Words for a failure; returns its code. */
__attribute__((format(printf, 3, 4))) static int fail(char *why, int code,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, WHY_SIZE, format, args);
    va_end(args);
    return code;
}

static int fail_errno(char *why, int error, const char *what)
{
    return fail(why, error == ENOMEM ? SCOOP_ENOMEM : SCOOP_ESYSTEM,
                "node memory: %s: %s", what, strerror(error));
}

static int fail_space(char *why, int locals, uint64_t free_bytes)
{
    return fail(why, SCOOP_ENOMEM,
                "node memory: /dev/shm is too small: the %d ranks of this "
                "node need %zu KiB there and %llu KiB were free",
                locals, segment_bytes(locals) / 1024,
                (unsigned long long)free_bytes / 1024);
}

/* Makes sure of these pages: a later store cannot fail. */
static int allocate(int fd, size_t from, size_t len,
                    const struct node_start *start, uint64_t free_bytes)
{
    int error;

    do /* tmpfs gives up, and gives back, when a signal comes */
        error = posix_fallocate(fd, (off_t)from, (off_t)len);
    while (error == EINTR);
    if (error == ENOSPC)
        return fail_space(start->why, start->locals, free_bytes);
    return error ? fail_errno(start->why, error, "posix_fallocate") : 0;
}

/* Room in the file system, UINT64_MAX if it has no limit or does not say. */
static uint64_t free_bytes_at(int fd)
{
    struct statvfs vfs;

    if (fstatvfs(fd, &vfs) || vfs.f_blocks == 0)
        return UINT64_MAX;
    return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

/* Nobody else can guess the name, so nobody can be there first. */
static int choose_name(struct offer *offer, char *why)
{
    unsigned char noise[16];
    size_t len = (size_t)snprintf(offer->name, sizeof offer->name, "/scoop-");

    /* Blocks early in the machine's life only; so few bytes come whole. */
    if (getrandom(noise, sizeof noise, 0) != (ssize_t)sizeof noise)
        return fail_errno(why, errno, "getrandom");
    for (size_t i = 0; i < sizeof noise; i++)
        len += (size_t)snprintf(offer->name + len, sizeof offer->name - len,
                                "%02x", noise[i]);
    return 0;
}

/* A segment of zeroes whose head has its memory. On failure too the name may
 * exist, and is the caller's to unlink. */
static int make_segment(const struct node_start *start, struct offer *offer,
                        int *fd)
{
    size_t len = segment_bytes(start->locals);
    int status = choose_name(offer, start->why);

    if (status)
        return status;
    *fd = shm_open(offer->name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (*fd < 0) {
        status = fail_errno(start->why, errno, "shm_open (in /dev/shm)");
        offer->name[0] = '\0';
        return status;
    }
    offer->free_bytes = free_bytes_at(*fd);
    if (offer->free_bytes < len)
        return fail_space(start->why, start->locals, offer->free_bytes);
    if (ftruncate(*fd, (off_t)len))
        return fail_errno(start->why, errno, "ftruncate");
    return allocate(*fd, 0, head_bytes(), start, offer->free_bytes);
}

static int join_segment(const struct node_start *start,
                        const struct offer *offer, int *fd)
{
    struct stat stat;

    *fd = shm_open(offer->name, O_RDWR, 0);
    if (*fd < 0)
        return fail_errno(start->why, errno,
                          errno == ENOENT
                              ? "the ranks of this node see different /dev/shm"
                              : "shm_open (in /dev/shm)");
    if (fstat(*fd, &stat))
        return fail_errno(start->why, errno, "fstat");
    if ((uint64_t)stat.st_size != segment_bytes(start->locals))
        return fail(start->why, SCOOP_ESYSTEM,
                    "node memory: a segment of %lld bytes instead of %zu",
                    (long long)stat.st_size, segment_bytes(start->locals));
    return 0;
}

/* Allocates my block and maps all. */
static int map_segment(struct node *node, const struct node_start *start,
                       const struct offer *offer, int fd)
{
    size_t from = head_bytes() + (size_t)start->local * block_bytes();
    int status = allocate(fd, from, block_bytes(), start, offer->free_bytes);

    if (status)
        return status;
    void *base =
        mmap(NULL, node->os->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return fail_errno(start->why, errno, "mmap");
    node->os->base = base;
    return 0;
}

/* For a rank that is alone. Private, so that children it may fork cannot write
 * in it. */
static int map_alone(struct node *node, const struct node_start *start)
{
    void *base = mmap(NULL, node->os->len, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        return fail_errno(start->why, errno, "mmap");
    node->os->base = base;
    return 0;
}

/* What others need to know of me, and the pointers to it all. */
static void enter(struct node *node)
{
    cpu_set_t sets[NODE_CPUS_MAX / CPU_SETSIZE];
    uint64_t words[NODE_CPUS_MAX / 64];

    _Static_assert(sizeof sets == sizeof words, "the same bits");
    node->head = (struct node_head *)(void *)node->os->base;
    node->me = node_block(node, node->local);
    atomic_store_explicit(&node->me->pid, (int32_t)getpid(),
                          memory_order_relaxed);
    node_reach_open(node);
    memset(sets, 0, sizeof sets);
    if (sched_getaffinity(0, sizeof sets, sets))
        return; /* its CPUs may still be known from others */
    memcpy(words, sets, sizeof words);
    for (size_t i = 0; i < NODE_CPUS_MAX / 64; i++)
        if (words[i])
            atomic_fetch_or_explicit(&node->head->cpu[i], words[i],
                                     memory_order_relaxed);
}

/* After all have entered. mpirun may bind each rank to a core of its own, so
 * one rank's mask does not tell. A quota of CPU time is not looked at. */
static int count_cpus(struct node_head *head)
{
    int cpus = 0;

    for (size_t i = 0; i < NODE_CPUS_MAX / 64; i++)
        cpus += __builtin_popcountll(
            atomic_load_explicit(&head->cpu[i], memory_order_relaxed));
    if (cpus == 0)
        cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return cpus > 0 ? cpus : 1;
}

/* All make the same two collective calls, whatever fails. */
static int open_together(struct node *node, const struct node_start *start,
                         int status)
{
    struct offer offer = {.status = status};
    int fd = -1;

    if (start->local == 0) {
        if (status == 0)
            offer.status = make_segment(start, &offer, &fd);
        memcpy(offer.why, start->why, sizeof offer.why);
    }
    int sent = start->broadcast(start->ctx, &offer, sizeof offer);
    if (status == 0 && sent)
        status = fail(start->why, sent, "node memory: its name was not heard");
    if (status == 0 && offer.status) {
        memcpy(start->why, offer.why, sizeof offer.why);
        status = offer.status;
    }
    if (status == 0 && start->local != 0)
        status = join_segment(start, &offer, &fd);
    if (status == 0)
        status = map_segment(node, start, &offer, fd);
    if (status == 0)
        enter(node);
    int agreed = start->agree(start->ctx, status);
    if (start->local == 0 && offer.name[0])
        shm_unlink(offer.name);
    if (fd >= 0)
        close(fd);
    if (agreed && status == 0)
        fail(start->why, agreed,
             "node memory: another rank of this node could not join it");
    return agreed;
}

/* ---- Exported ------------------------------------------------------------ */

struct node_block *node_block(const struct node *node, int local)
{
    return (struct node_block *)(void *)(node->os->base + head_bytes() +
                                         (size_t)local * block_bytes());
}

bool node_mail_put(struct node *node, int local, const void *head,
                   size_t head_len, const void *data, size_t data_len,
                   bool urgent)
{
    struct node_block *block = node_block(node, local);
    struct node_mailbox *box = &block->mail;
    uint64_t pos;

    if (head_len > NODE_MAIL_MAX || data_len > NODE_MAIL_MAX - head_len ||
        head_len + data_len == 0)
        return false;
    size_t len = head_len + data_len;
    if (!reserve(box, node->local + 1, len, &pos))
        return false;
    copy_in(box, pos, 0, head, head_len);
    NODE_TEST_STALL();
    copy_in(box, pos, head_len, data, data_len);
    atomic_store_explicit(&slot_at(box, pos)->word, word_of(pos, 0, len),
                          memory_order_release);
    if (!node_wake(node, local) && urgent)
        node_wake_helper(node, local);
    return true;
}

size_t node_mail_take(struct node *node, void *buffer)
{
    struct node_mailbox *box = &node->me->mail;
    uint64_t head, word;

    if (!is_next_done(node, &head, &word))
        return 0;
    size_t len = word_len(word);
    copy_out(box, head, buffer, len);
    atomic_store_explicit(&box->head, head + slots_of(len),
                          memory_order_release);
    return len;
}

bool node_has_mail(const struct node *node)
{
    uint64_t head, word;

    return is_next_done(node, &head, &word);
}

int node_mail_stuck(const struct node *node)
{
    uint64_t head, claim;

    return next_writer(node, &head, &claim);
}

bool node_mail_skip(struct node *node, int dead)
{
    struct node_mailbox *box = &node->me->mail;
    uint64_t head, claim;

    if (dead < 0 || next_writer(node, &head, &claim) != dead)
        return false;
    advance(box, head, claim);
    atomic_store_explicit(&box->head, head + slots_of(word_len(claim)),
                          memory_order_release);
    return true;
}

void node_doze(struct node *node)
{
    _Atomic uint32_t *sleepers = &node->head->sleepers;

    atomic_fetch_add_explicit(sleepers, 1, memory_order_relaxed);
    if (atomic_exchange_explicit(&node->me->asleep, NODE_ASLEEP,
                                 memory_order_acq_rel) == NODE_ASLEEP)
        atomic_fetch_sub_explicit(sleepers, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void node_sleep(struct node *node, uint64_t until_ns)
{
    futex_wait(&node->me->asleep, NODE_ASLEEP, until_ns);
    node_rise(node);
}

void node_rise(struct node *node)
{
    end_sleep(node, node->me);
}

bool node_wake(struct node *node, int local)
{
    atomic_thread_fence(memory_order_seq_cst);
    return wake(node, node_block(node, local));
}

void node_yield(void)
{
    sched_yield();
}

bool node_wake_one(struct node *node)
{
    _Atomic uint32_t *sleepers = &node->head->sleepers;
    uint32_t locals = (uint32_t)node->locals;

    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(sleepers, memory_order_relaxed) == 0)
        return false;
    uint32_t from =
        atomic_load_explicit(&node->os->next_wake, memory_order_relaxed);
    for (uint32_t i = 0; i < locals; i++) {
        uint32_t local = (from + i) % locals;
        if (wake(node, node_block(node, (int)local))) {
            atomic_store_explicit(&node->os->next_wake, (local + 1) % locals,
                                  memory_order_relaxed);
            return true;
        }
    }
    return false;
}

void node_helper_sleep(struct node *node, uint64_t until_ns)
{
    _Atomic uint32_t *word = &node->me->helper_asleep;

    if (change(word, NODE_AWAKE, NODE_ASLEEP))
        futex_wait(word, NODE_ASLEEP, until_ns);
    /* Awake or called: this sleep is over. The fence is the counterpart of
     * that in node_wake_helper: a caller that still found CALLED there, and so
     * wrote nothing, had its fence before this one and is seen all the same. */
    atomic_exchange_explicit(word, NODE_AWAKE, memory_order_acq_rel);
    atomic_thread_fence(memory_order_seq_cst);
}

void node_wake_helper(struct node *node, int local)
{
    _Atomic uint32_t *word = &node_block(node, local)->helper_asleep;

    atomic_thread_fence(memory_order_seq_cst);
    /* Ends, since each turn that changes nothing saw another caller or the
     * helper at work in between. */
    while (atomic_load_explicit(word, memory_order_relaxed) != NODE_CALLED) {
        if (change(word, NODE_ASLEEP, NODE_AWAKE)) {
            futex_wake(word);
            return;
        }
        if (change(word, NODE_AWAKE, NODE_CALLED))
            return;
    }
}

bool node_hungry_add(struct node *node, int rank)
{
    struct node_head *head = node->head;
    uint32_t name = (uint32_t)rank + 1;

    for (uint32_t i = 0; i < NODE_HUNGRY_MAX; i++)
        if (atomic_load_explicit(&head->hungry_rank[i], memory_order_relaxed) ==
            name)
            return false;
    /* Counted before it can be taken. Two who add the same rank meet at the
     * first free place, where the second sees the first's; only if that is
     * taken out in this very moment is the rank listed twice, which costs it
     * one message too many. */
    atomic_fetch_add_explicit(&head->hungry, 1, memory_order_relaxed);
    for (uint32_t i = 0; i < NODE_HUNGRY_MAX; i++) {
        uint32_t there = 0;
        if (atomic_compare_exchange_strong_explicit(&head->hungry_rank[i],
                                                    &there, name,
                                                    memory_order_acq_rel,
                                                    memory_order_relaxed)) {
            atomic_thread_fence(memory_order_seq_cst);
            return true;
        }
        if (there == name)
            break;
    }
    atomic_fetch_sub_explicit(&head->hungry, 1, memory_order_relaxed);
    return false;
}

int node_hungry_take(struct node *node)
{
    struct node_head *head = node->head;

    if (atomic_load_explicit(&head->hungry, memory_order_relaxed) == 0)
        return -1;
    uint32_t from =
        atomic_load_explicit(&node->os->next_hungry, memory_order_relaxed);
    for (uint32_t i = 0; i < NODE_HUNGRY_MAX; i++) {
        uint32_t place = (from + i) % NODE_HUNGRY_MAX;
        _Atomic uint32_t *entry = &head->hungry_rank[place];
        if (atomic_load_explicit(entry, memory_order_relaxed) == 0)
            continue;
        uint32_t name =
            atomic_exchange_explicit(entry, 0, memory_order_acq_rel);
        if (name == 0)
            continue;
        atomic_fetch_sub_explicit(&head->hungry, 1, memory_order_relaxed);
        atomic_store_explicit(&node->os->next_hungry, place + 1,
                              memory_order_relaxed);
        return (int)(name - 1);
    }
    return -1;
}

bool node_may_ask(struct node *node, uint64_t now_ns)
{
    _Atomic uint64_t *ask_ns = &node->head->ask_ns;
    uint64_t when_ns = atomic_load_explicit(ask_ns, memory_order_relaxed);

    return now_ns >= when_ns &&
           atomic_compare_exchange_strong_explicit(ask_ns, &when_ns,
                                                   now_ns + ASK_PATIENCE_NS,
                                                   memory_order_relaxed,
                                                   memory_order_relaxed);
}

void node_asked(struct node *node)
{
    atomic_store_explicit(&node->head->ask_ns, 0, memory_order_relaxed);
}

void node_cut(struct node *node, int lifeline)
{
    atomic_fetch_or_explicit(&node->head->cut, 1u << lifeline,
                             memory_order_relaxed);
}

int node_mend(struct node *node)
{
    _Atomic uint32_t *word = &node->head->cut;
    uint32_t cut = atomic_load_explicit(word, memory_order_relaxed);

    while (cut)
        if (atomic_compare_exchange_weak_explicit(word, &cut, cut & (cut - 1),
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
            return __builtin_ctz(cut);
    return -1;
}

int node_open(struct node *node, const struct node_start *start)
{
    int status = 0;

    *node = (struct node){
        .rank = start->rank,
        .size = start->size,
        .nodes = start->nodes,
        .my_node = start->my_node,
        .local = start->local,
        .locals = start->locals,
        .node_of = start->node_of,
        .local_of = start->local_of,
        .watcher = start->watcher,
        .members = start->members,
    };
    start->why[0] = '\0';
    if (start->locals > LOCALS_MAX)
        return fail(start->why, SCOOP_ELIMIT,
                    "node memory: %d ranks on one node, at most %d can be",
                    start->locals, LOCALS_MAX);
    node->os = calloc(1, sizeof *node->os);
    if (node->os) {
        node->os->len = segment_bytes(start->locals);
        atomic_store(&node->os->next_wake, (uint32_t)start->local + 1);
    } else {
        status = fail_errno(start->why, ENOMEM, "malloc");
    }
    if (start->locals > 1) {
        status = open_together(node, start, status);
    } else if (status == 0) {
        status = map_alone(node, start);
        if (status == 0)
            enter(node);
    }
    if (status == 0)
        node->cpus = count_cpus(node->head);
    else
        node_close(node);
    return status;
}

void node_close(struct node *node)
{
    if (!node->os)
        return;
    node_reach_close(node);
    if (node->os->base)
        munmap(node->os->base, node->os->len);
    free(node->os);
    node->os = NULL;
    node->head = NULL;
    node->me = NULL;
}
