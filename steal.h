/* SPDX-License-Identifier: MIT */
/* steal.h -- whom to rob next, when to stop asking: pure decisions
 *
 * See steal.c.
 */
#ifndef STEAL_H
#define STEAL_H

#include <stdbool.h>
#include <stdint.h>

struct steal_world {
    int rank, size;
    int nodes, my_node;
    int locals;             /* ranks of my node */
    const int32_t *node_of; /* by rank */
    const int32_t *watcher; /* by node */
    bool local;             /* direct stealing from mates is on */
    bool remote;            /* asking by message is on */
    bool has_lifelines;     /* others will send work by themselves */
    uint64_t spin_ns;
};

enum steal_what {
    STEAL_MATES, /* look into the deques of the node, from `whom` on */
    STEAL_ASK,   /* ask rank `whom` by message */
    STEAL_WAIT,  /* nothing new to try yet; look at the mail */
    STEAL_REST   /* sleep */
};

struct steal_step {
    enum steal_what what;
    int whom;
};

struct steal {
    struct steal_world world;
    uint64_t random;
    uint64_t dry_since_ns;
    uint64_t credit_ns; /* beyond spin_ns that it may look before it rests */
    int asks_left;      /* in this dry spell */
    bool is_asking;     /* an answer is due */
    bool is_patient;    /* its last rest was short */
    bool has_worked;    /* and has not rested since */
    unsigned turn;
};

void steal_init(struct steal *s, const struct steal_world *world,
                uint64_t seed);
/* The rank has run dry, after having worked for so long. */
void steal_begin(struct steal *s, uint64_t now_ns, uint64_t worked_ns);
/* It has work again. */
void steal_end(struct steal *s, uint64_t now_ns);
/* A rest has ended, and it is still dry.  Asks again only where the one who
 * woke it could not mean anything else: an answer that brought nothing must
 * not make it ask for ever. */
void steal_woken(struct steal *s, uint64_t now_ns);
/* How long a rest was. */
void steal_rested(struct steal *s, uint64_t ns);
/* What to do next. */
struct steal_step steal_next(struct steal *s, uint64_t now_ns);
/* It could not ask now, and will try again. */
struct steal_step steal_put_off(struct steal *s, uint64_t now_ns);
/* An answer to STEAL_ASK has come. */
void steal_answered(struct steal *s);

/* How many lifelines a node has, and where the k-th leads. */
int steal_lifelines(int nodes);
int steal_lifeline(int node, int nodes, int k);
/* Whose k-th lifeline leads to that node. */
int steal_lifeline_to(int node, int nodes, int k);

#endif
