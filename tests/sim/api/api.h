/* SPDX-License-Identifier: MIT */
/* api.h -- random programs over the whole interface, and what they must give
 *
 * A program is a tree of tasks.  A task is a struct node, and from its number
 * follows a short list of operations: calls of the library, most of them with
 * further tasks below.  Each operation is written twice: what it does in a
 * farm, and what a plain recursion finds for it.  Both give a value, which
 * becomes a part of the task's, and both keep the same books: how many tasks
 * ran, which, how many callbacks were called.
 *
 * Tasks that must run are counted.  Others, below what is cancelled, released,
 * stopped or out of time, may have run; then their values must be right, too.
 *
 * All ranks are one process and take turns, so the books are plain variables.
 */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../sim.h"
#include "scoop.h"

#define OPS_MAX 4u
#define DEPTH_MAX 7u
#define FAILURE 1000 /* what a task returns that is to fail */
#define TOO_EARLY 5  /* what an attempt returns before the good one */
#define TOO_LATE 6   /* what a task returns that was asked to stop */
#define FAILURE_WORDS "as it should"

enum { TYPED, WIDE, BYTES, TEXT, CARRIERS };

struct node {
    uint64_t state;
    uint32_t budget; /* so many tasks may be below */
    uint32_t depth;
    bool is_counted;
    bool passes_on;  /* fails because a child of its does */
    bool fails_late; /* an attempt before the good one has done its work */
    uint8_t good;    /* the first attempt that is well; 0: the first */
    int32_t fails;   /* returns that, and does nothing else */
    int32_t rank;    /* must run there; -1: anywhere */
    int32_t home;    /* must run on that node; -1: on any */
    int32_t index;   /* what scoop_index() is; -1: not known */
};

struct op {
    unsigned kind; /* row of the table in node.c */
    unsigned n;    /* items, children */
    uint32_t budget;
    uint64_t state;
};

/* What an operation keeps between its two halves. */
struct held {
    scoop_future future;
    void *borrowed;
    uint64_t since_ns;
};

/* The books. */
struct account {
    uint64_t runs, ran;         /* how many, and a sum over which */
    uint64_t there, was_there;  /* the same of .done_there */
    uint64_t callbacks, called; /* the same of callbacks */
    uint64_t seeds;             /* over seeds and indices: of a farm only */
};

struct kind {
    const char *name;
    unsigned weight;   /* how often it is chosen */
    unsigned children; /* at most; 0: none that have a budget */
    void (*begin)(const struct node *node, const struct op *op,
                  struct held *held);
    uint64_t (*finish)(const struct node *node, const struct op *op,
                       struct held *held);
    uint64_t (*expect)(const struct node *node, const struct op *op,
                       struct account *account);
};

extern struct world {
    int ranks, per_node;
    struct account got;
    enum { RETURNS, SHUTS, SHUTS_MIDWAY } ends; /* see end.c */
    bool root_runs;
    bool is_shut;          /* from now on all may end badly */
    uint64_t begun, ended; /* tasks, counted or not */
    uint64_t names;        /* of constants, so far */
    bool is_traced;        /* SIM_TRACE: says what runs where */
    const char *wrong;
    uint64_t wrong_state;
    int wrong_code;
} world;

/* ---- node.c ----------------------------------------------------------- */

uint64_t draw(uint64_t *state, uint64_t n);
uint64_t hash(uint64_t x, uint64_t y);

/* Something was not as it should be, unless the task is one that was given up,
 * whose calls may return what they like. */
void note(const struct node *node, const char *wrong, int code);
/* The same also while the farm is shut. */
void insist(const struct node *node, const char *wrong, int code);
/* Whether it was: nobody wants what it does. */
bool is_given_up(const struct node *node);

/* The i-th task below an operation that has n of them. */
struct node child_of(const struct node *node, const struct op *op, unsigned i,
                     unsigned n);
/* The same, as one that may or may not run. */
struct node loose(struct node node);

/* The task's work, whatever it came as. */
int node_run(const struct node *node, uint64_t *value);
/* What that gives, and what it counts. */
uint64_t node_expect(const struct node *node, struct account *account);
uint64_t node_value(const struct node *node); /* not counted */
/* What attempts that fail count. */
void node_expect_early(const struct node *node, struct account *account);

SCOOP_TASK_DECLARE(node_task, struct node, uint64_t);

/* The error of a task that was to fail: of that many attempts all did. */
void check_failure(const struct node *node, const struct scoop_error *error,
                   int attempts);

/* ---- carry.c: tasks of all kinds --------------------------------------- */

/* How a child is submitted, and which one. */
struct terms {
    unsigned carrier, tail; /* bytes that a bytes task has beside */
    struct scoop_submit_options options;
    struct node child;
};

scoop_future carry(const struct terms *terms, void **borrowed);
/* scoop_result() or scoop_join() of its kind; checks all but the value. */
int fetch(const struct node *node, const struct terms *terms, scoop_future f,
          bool is_join, double timeout, uint64_t *value);
/* The name of the task that carries it. */
const char *carrier_name(unsigned carrier);
/* A .done_there of its kind, and how often it was called with that value. */
const struct scoop_task *there_of(unsigned carrier);
unsigned there_count(uint64_t value);
void there_clear(void);

/* ---- called.c: callbacks ----------------------------------------------- */

/* Adds n callbacks to a future of terms' child. */
void call_back(const struct node *node, scoop_future f,
               const struct node *child, unsigned carrier, bool may_end_badly,
               unsigned n);
void call_back_expect(const struct node *node, const struct node *child,
                      unsigned n, struct account *account);
/* In the end: each was called, once. */
const char *called_check(void);

/* ---- The kinds of operations ------------------------------------------- */

extern const struct kind one_kind, failing_kind, given_up_kind; /* one.c */
extern const struct kind several_kind, completed_kind;          /* several.c */
extern const struct kind called_kind;                           /* called.c */
extern const struct kind map_kind, map_failing_kind, map_left_kind; /* map.c */
extern const struct kind map_json_kind;                             /* json.c */
extern const struct kind items_kind, items_left_kind, each_kind; /* items.c */
extern const struct kind reduce_kind, scan_kind;                 /* reduce.c */
extern const struct kind const_kind, race_kind;                  /* consts.c */

/* end.c: how some programs end; whether all was well after the end. */
scoop_future end_midway(const struct node *node);
void end_join(const struct node *node, scoop_future f);
void end_program(const struct node *node);
void end_expect(const struct node *node, struct account *account);
const char *end_check(void);

#endif
