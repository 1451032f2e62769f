/* SPDX-License-Identifier: MIT */
/* loan.h -- queued tasks that the helper may publish while a function runs
 *
 * See loan.c.
 */
#ifndef LOAN_H
#define LOAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct future;
struct node;
struct runtime;

struct loan_taken {
    struct future *task;
    int thief;
};

struct loan {               /* all zero: the main thread has its queue */
    bool is_given;          /* the main thread's own note of it */
    _Atomic uint32_t state; /* enum loan_state, in loan.c */
    /* What the helper has heard and the main thread has not. */
    struct loan_taken *taken;
    size_t count, room;
};

/* The main thread is about to call a function that may be long: if tasks are
 * left that could not be published, the helper may touch the queue. */
void loan_give(struct runtime *rt);
/* The main thread needs its queue again.  loan_end() is for whoever is about
 * to touch it and may be the first to do so after the function. */
void loan_take_back(struct runtime *rt);
#define loan_end(rt)                                                           \
    do {                                                                       \
        if (__builtin_expect((rt)->loan.is_given, 0))                          \
            loan_take_back(rt);                                                \
    } while (0)
void loan_fini(struct runtime *rt);

/* A rank that has found little or nothing: if that mate has more than it could
 * publish, its helper shall see to it. */
void loan_ask(struct node *node, int local);
/* The helper, when it was asked to, or would lend and has nothing public. */
bool loan_is_asked(const struct node *node);
void loan_serve(struct runtime *rt);

#endif
