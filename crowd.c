/* SPDX-License-Identifier: MIT */
/* crowd.c -- how many ranks of a node are awake at a time
 *
 * The problem.  Where ranks outnumber CPUs, each rank that is woken to help
 * takes its time from one that was at work already.  Nothing is won, and much
 * is lost: work is torn into ever smaller pieces, all of it has to be made
 * public, and every switch finds the caches full of another rank's data.
 *
 * The idea.  Work that any rank could do wakes no more of them than there are
 * CPUs, and a rank that has run dry while more are awake goes to sleep and
 * leaves the work to the others.  What is for one rank only is not concerned:
 * mail, results and tasks that are fixed to it wake it as ever, and a rank
 * sleeps only when it has nothing of its own.
 *
 *     room = CPUs + ranks that are stuck - ranks that are awake
 *
 * Nothing is left undone.  While there is public work and a rank is asleep,
 * one of these holds:
 *   1. a rank of the node searches, or has been called: offer.c;
 *   2. or there is no room, and there is a sentry.
 * Two kinds of ranks see to that, each by writing first and reading then, with
 * a seq_cst fence or operation in between:
 *   - one that publishes, then reads `sleepers` and `sentry`, and wakes one
 *     rank if there is room or no sentry;
 *   - one that goes to sleep: counts itself in `sleepers`, gives up the post if
 *     it has it, and then looks for public work.  If there is some it stays
 *     awake where there is room without it, and else takes the post or sees
 *     that another has it.
 * As ever, one of the two sees what the other has written: the publisher that
 * a sleeper is there to be woken, or the sleeper that there is work.
 * `sleepers` is never less than the number of those asleep (node.c), so that
 * room is never underestimated; and of several that doze at the same moment the
 * last one to count itself sees the others asleep.
 *
 * The sentry is a rank that sleeps with an alarm.  The others being awake does
 * not mean that they come for the work: one may be in a function for an hour,
 * or blocked in a system call.  So every WATCH_NS the sentry looks at the ranks
 * that are awake.  One that has not called the library since the last look, or
 * that has used less than a part of the CPU that it could have, counts as
 * stuck, and there is room for one more in its stead.  If all are stuck there
 * is room for twice as many: so N tasks that only wait run on N ranks after a
 * few looks.  An alarm ends the sleep, the sentry sees that there is room, and
 * goes in search of the work itself.
 *
 * The post ends with the need for it, so that an idle node is silent: who gives
 * it up looks at the work afterwards, and sees to a new one if there is some
 * (the publisher in offer_call_one(), the sleeper in idle.c).  That `stuck`
 * stays behind is mended by whoever runs dry next: see crowd_look().
 *
 * What this does not do: distribute CPU time.  Who is awake is, in the end, the
 * matter of who has work; and the kernel's where other programs run.
 */
#include "crowd.h"

#include "clock.h"
#include "config.h"

#define WATCH_NS 10000000u
#define STALE_NS (4 * WATCH_NS) /* too long ago to be compared with */
#define CPU_PART 4u             /* of the time; less is stuck */
#define NOT_SEEN UINT64_MAX     /* as a beat */

void crowd_init(struct node *node, const struct config *config)
{
    node->awake_max = config->awake ? config->awake : node->cpus;
    /* Where ranks do not rob each other, or do not sleep, nobody could leave
     * work to the others. */
    if (!config->steal_local || !config->sleep ||
        node->awake_max > node->locals)
        node->awake_max = node->locals;
}

/* Always the same ones if there is a choice: their memory is warm.  A sentry
 * comes from the other end, so that it is not the next to be woken. */
bool crowd_wake_one(struct node *n)
{
    bool for_work = crowd_room(n) > 0;

    if (!crowd_is_bounded(n))
        return node_wake_one(n);
    for (int i = 0; i < n->locals; i++) {
        int local = for_work ? i : n->locals - 1 - i;
        if (atomic_load_explicit(&node_block(n, local)->asleep,
                                 memory_order_relaxed) == NODE_ASLEEP &&
            node_wake(n, local))
            return true;
    }
    return false;
}

static uint32_t name_of(const struct node *n)
{
    return (uint32_t)n->local + 1;
}

/* Notes where a rank is; whether it has not moved since the last time. */
static bool is_stuck(struct node_block *b, uint64_t gap_ns)
{
    uint64_t beat = atomic_load_explicit(&b->beat, memory_order_relaxed);
    uint64_t cpu_ns =
        clock_cpu_ns(atomic_load_explicit(&b->pid, memory_order_relaxed));
    uint64_t used_ns = cpu_ns == CLOCK_NEVER ? gap_ns : cpu_ns - b->seen_cpu_ns;
    uint64_t seen =
        atomic_exchange_explicit(&b->seen_beat, beat, memory_order_relaxed);

    b->seen_cpu_ns = cpu_ns;
    return seen != NOT_SEEN && (seen == beat || used_ns < gap_ns / CPU_PART);
}

void crowd_was_asleep(struct node *n)
{
    if (crowd_is_bounded(n))
        atomic_store_explicit(&n->me->seen_beat, NOT_SEEN,
                              memory_order_relaxed);
}

/* Writes down where the awake ranks are, and how many have not moved since.
 * For who has the post. */
static void watch(struct node *n)
{
    struct node_head *head = n->head;
    uint64_t now_ns = clock_now_ns();
    uint64_t gap_ns =
        now_ns - atomic_load_explicit(&head->watched_ns, memory_order_relaxed);
    uint32_t awake = 0, stuck = 0;

    if (gap_ns < WATCH_NS)
        return;
    for (int i = 0; i < n->locals; i++) {
        struct node_block *b = node_block(n, i);
        if (i == n->local ||
            atomic_load_explicit(&b->asleep, memory_order_relaxed) ==
                NODE_ASLEEP) {
            atomic_store_explicit(&b->seen_beat, NOT_SEEN,
                                  memory_order_relaxed);
            continue;
        }
        awake++;
        stuck += is_stuck(b, gap_ns);
    }
    if (gap_ns > STALE_NS)
        stuck = 0;
    atomic_store(&head->stuck, stuck == awake ? 2 * stuck : stuck);
    atomic_store_explicit(&head->watched_ns, now_ns, memory_order_relaxed);
}

static bool is_sentry(const struct node *n)
{
    return atomic_load_explicit(&n->head->sentry, memory_order_relaxed) ==
           name_of(n);
}

bool crowd_mount(struct node *n)
{
    uint32_t nobody = 0;

    if (!is_sentry(n) &&
        !atomic_compare_exchange_strong(&n->head->sentry, &nobody, name_of(n)))
        return false;
    watch(n);
    return true;
}

void crowd_dismount(struct node *n)
{
    if (!is_sentry(n)) /* nobody else changes that */
        return;
    atomic_store(&n->head->sentry, 0);
    atomic_thread_fence(memory_order_seq_cst); /* then the caller looks */
}

uint64_t crowd_alarm_ns(const struct node *n)
{
    if (!is_sentry(n))
        return CLOCK_NEVER;
    return atomic_load_explicit(&n->head->watched_ns, memory_order_relaxed) +
           WATCH_NS;
}

/* `stuck` may have been left behind when the post was given up. */
void crowd_look(struct node *n)
{
    if (is_sentry(n)) {
        watch(n);
    } else if (atomic_load_explicit(&n->head->stuck, memory_order_relaxed) &&
               crowd_mount(n)) {
        crowd_dismount(n);
    }
}
