/* SPDX-License-Identifier: MIT */
/* term.h -- have all tasks ended? A pure state machine
 *
 * See term.c.
 */
#ifndef TERM_H
#define TERM_H

#include <stdbool.h>
#include <stdint.h>

struct term_counts {
    uint64_t created, ended; /* tasks, at their homes */
    uint64_t sent, received; /* messages */
    uint64_t taken;          /* tasks that this rank took from mates */
};

enum term_phase {
    TERM_TASKS, /* are all tasks done? */
    TERM_DRAIN  /* has every message arrived?  No rank steals any more. */
};

enum term_verdict {
    TERM_WAIT,   /* not all counts are in, or this rank is not idle */
    TERM_REPORT, /* send `sum` to the parent */
    TERM_AGAIN,  /* rank 0: start the next wave */
    TERM_STUCK,  /* rank 0: tasks are left, and none of them can go on */
    TERM_DONE    /* rank 0: nothing is left anywhere */
};

#define TERM_ARITY 4

struct term {
    int rank, size;
    uint64_t wave;
    enum term_phase phase;
    bool is_open; /* a wave waits for this rank's report */
    int reports;  /* children that have reported */
    struct term_counts sum, last;
    bool has_last; /* of the same phase */
};

void term_init(struct term *t, int rank, int size);
int term_children(const struct term *t);
int term_child(const struct term *t, int k);
int term_parent(const struct term *t);

/* Rank 0: a new wave begins. */
void term_start(struct term *t);
/* The others: a wave has come from the parent. */
void term_wave(struct term *t, uint64_t wave, enum term_phase phase);
/* A child has reported; false: for another wave, or nobody's child. */
bool term_count(struct term *t, uint64_t wave, const struct term_counts *c);
/* To be asked when this rank is idle; mine: its own counts now. */
enum term_verdict term_judge(struct term *t, const struct term_counts *mine);

#endif
