/* SPDX-License-Identifier: MIT */
/* term.c -- have all tasks ended? A pure state machine
 *
 * Once the root has returned, rank 0 asks in waves: down a tree of ranks goes
 * the question, up come sums of counts.  A rank answers when it is idle, so a
 * wave takes as long as the longest task and costs two messages a rank; there
 * is no polling.
 *
 * Phase TASKS is the four-counter method (Mattern, Algorithms for distributed
 * termination detection, 1987) on tasks in place of messages.  Each rank
 * counts the tasks that it created as their home and those of them that
 * ended; both only grow.  If the sum of `ended` in one wave equals the sum of
 * `created` in the next, then at the moment between the two
 *
 *     ended >= ended(first) = created(second) >= created >= ended,
 *
 * so all tasks had ended, and as only a task creates tasks, none can come.
 *
 * A rank may also answer when all that it has is parked tasks that only a
 * message can make go on.  If two waves in a row then find the same counts, and
 * no message under way between them, nothing can ever happen again, but for
 * what rank 0 does about it (TERM_STUCK): between the two waves every rank was
 * parked, since one that was not would have got there by a message or by a task
 * taken out of a mate's deque, and both are counted.
 *
 * Phase DRAIN is the same on messages, after all ranks were told to begin
 * nothing new, so that the communicator is left clean.  The wave's own
 * messages are part of the counts: between two reports of each rank, size - 1
 * questions and size - 1 answers are sent, where an answer is counted by its
 * sender before it is sent.  Hence with W = 2 (size - 1) the condition is
 * received(first) + W == sent(second).
 */
#include "term.h"

#include <string.h>

void term_init(struct term *t, int rank, int size)
{
    memset(t, 0, sizeof *t);
    t->rank = rank;
    t->size = size;
}

int term_child(const struct term *t, int k)
{
    return t->rank * TERM_ARITY + 1 + k;
}

int term_children(const struct term *t)
{
    int64_t first = (int64_t)t->rank * TERM_ARITY + 1;

    if (first >= t->size)
        return 0;
    return t->size - first < TERM_ARITY ? (int)(t->size - first) : TERM_ARITY;
}

int term_parent(const struct term *t)
{
    return (t->rank - 1) / TERM_ARITY;
}

static void open_wave(struct term *t)
{
    t->is_open = true;
    t->reports = 0;
    memset(&t->sum, 0, sizeof t->sum);
}

void term_start(struct term *t)
{
    t->wave++;
    open_wave(t);
}

void term_wave(struct term *t, uint64_t wave, enum term_phase phase)
{
    t->wave = wave;
    t->phase = phase;
    open_wave(t);
}

static void add(struct term_counts *sum, const struct term_counts *c)
{
    sum->created += c->created;
    sum->ended += c->ended;
    sum->sent += c->sent;
    sum->received += c->received;
    sum->taken += c->taken;
}

bool term_count(struct term *t, uint64_t wave, const struct term_counts *c)
{
    if (!t->is_open || wave != t->wave || t->reports == term_children(t))
        return false;
    t->reports++;
    add(&t->sum, c);
    return true;
}

static enum term_verdict conclude(struct term *t)
{
    uint64_t own = 2 * (uint64_t)(t->size - 1);
    bool is_still = t->has_last && t->last.received + own == t->sum.sent;
    bool is_quiet = is_still;

    if (t->phase == TERM_TASKS) {
        is_quiet = t->has_last && t->last.ended == t->sum.created;
        is_still = is_still && t->last.created == t->sum.created &&
                   t->last.ended == t->sum.ended &&
                   t->last.taken == t->sum.taken;
    }
    t->last = t->sum;
    t->has_last = true;
    if (!is_quiet)
        return is_still ? TERM_STUCK : TERM_AGAIN;
    if (t->phase == TERM_DRAIN)
        return TERM_DONE;
    t->phase = TERM_DRAIN;
    t->has_last = false;
    return TERM_AGAIN;
}

enum term_verdict term_judge(struct term *t, const struct term_counts *mine)
{
    if (!t->is_open || t->reports < term_children(t))
        return TERM_WAIT;
    t->is_open = false;
    add(&t->sum, mine);
    if (t->rank == 0)
        return conclude(t);
    t->sum.sent++; /* the report itself */
    return TERM_REPORT;
}
