/* SPDX-License-Identifier: MIT */
/* terms.h -- tasks with a time of their own, or with further attempts
 *
 * See terms.c.
 */
#ifndef TERMS_H
#define TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "future.h"
#include "timer.h"

struct runtime;
struct scoop_submit_options;

#define TERMS_RETRIES_MAX 250 /* attempts and debts fit in a byte */

struct terms {
    struct future *future;
    struct timer attempt; /* set while an attempt runs */
    struct timer whole;   /* the deadline of all attempts */
    uint64_t timeout_ns;  /* of each attempt; 0: none */
    double timeout, deadline;
    uint8_t attempts; /* at most so many */
    bool is_over;     /* there will be no other */
};

/* NULL: it has none, or not any more. */
static inline struct terms *terms_of(const struct future *f)
{
    return f->flags & FUTURE_HAS_TERMS ? (struct terms *)(uintptr_t)f->rec.arg
                                       : 0;
}

/* How many attempts it may have in all. */
static inline int terms_attempts(const struct future *f)
{
    const struct terms *terms = terms_of(f);

    return terms && terms->attempts > f->rec.attempt ? terms->attempts
                                                     : f->rec.attempt;
}

/* 0, or a code after words to the caller. */
int terms_check(struct runtime *rt, const struct scoop_submit_options *options);
/* Gives a new future what the options ask for; called_ns: from when its
 * deadline counts.  0 or SCOOP_ENOMEM. */
int terms_give(struct runtime *rt, struct future *f,
               const struct scoop_submit_options *options, uint64_t called_ns);
/* It ends, or is taken back before it was queued. */
void terms_drop(struct runtime *rt, struct future *f);

/* An attempt of it has begun, here or elsewhere. */
void terms_started(struct runtime *rt, struct future *f);
/* An attempt has failed: whether it was queued for another. */
bool terms_again(struct runtime *rt, struct future *f, int status);

/* Something that a home future waited for before it can be freed has come. */
void terms_pay(struct runtime *rt, struct future *f, unsigned debts);

#endif
