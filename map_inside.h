/* SPDX-License-Identifier: MIT */
/* map_inside.h -- what the files of the map share
 *
 * map.c has the essay; map_run.c calls the items, map_report.c is what a guest
 * tells its home, map_call.c the call that waits for all of it.  scan.c orders
 * ranges of its own kind.
 */
#ifndef MAP_INSIDE_H
#define MAP_INSIDE_H

#include "item.h"
#include "progress.h"
#include "runtime.h"

struct holder {
    uint64_t id; /* of the piece */
    int rank;
};

struct map_job {
    const struct scoop_task *type;
    const char *in;
    void *copy; /* of the input, if the caller may leave */
    char *out;
    int *item_status; /* the caller's; NULL: not asked for, or it has left */
    size_t in_size, out_size; /* of an item, or block */
    uint64_t n;
    uint64_t path;
    uint64_t remaining;  /* items without a result */
    uint64_t users;      /* pieces, and the caller */
    struct frame *owner; /* the caller's; NULL: it has left */
    struct strand *waiter;
    struct error *error; /* of the lowest item that failed */
    uint64_t bad;        /* that item */
    int status;
    struct task_range range;
    uint32_t chunk;
    int8_t priority;
    struct holder *holder; /* who has parts of its pieces */
    size_t holders, holder_room;
    bool is_careful; /* the caller may leave: see map.c */
    struct progress progress;
};

/* What a caller wants done. */
struct map_order {
    const struct scoop_task *task;
    const void *in;
    void *out;
    uint64_t n; /* items, or blocks of 2^range.block items */
    struct task_range range;
    uint64_t deadline_ns;
    struct scoop_map_options options;
};

/* A range whose items this rank is running. */
struct map_range {
    struct link link; /* rt->ranges; alone: there is nothing to divide */
    struct future *piece;
};

static inline struct map_range *map_range_of_link(struct link *l)
{
    return (struct map_range *)(void *)((char *)l -
                                        offsetof(struct map_range, link));
}

/* Blocks until done; 0 or a code, with the caller's last error set. */
int map_run(struct runtime *rt, const struct map_order *order);

/* Options that all have: 0, or a code; *out: how often an item is tried
 * again. */
int map_check_terms(struct runtime *rt, int retries, int priority,
                    uint16_t *out);

/* Whether the task was asked to stop. */
static inline bool map_is_unwanted(const struct frame *frame)
{
    return frame->is_asked ||
           (frame->task && (frame->task->flags & FUTURE_CANCELLED));
}

/* SCOOP_ECANCELLED, with words, where the calling task was asked to stop: what
 * it begins now would not be cancelled with it any more.  Else 0. */
int map_check_wanted(struct runtime *rt);

/* Bytes of one item, or block, of a range. */
struct map_sizes {
    size_t in, out;
};
struct map_sizes map_sizes_of(const struct scoop_task *type,
                              const struct task_range *range);

/* A job for the next map of the frame `owner`, which has one user, the caller;
 * NULL: no memory. */
struct map_job *map_new_job(const struct map_order *order, struct frame *owner,
                            uint64_t path);
/* Waits for it and lets go of it: what map_run() returns. */
int map_finish(struct runtime *rt, struct map_job *job, uint64_t deadline_ns);

struct future *map_new_piece(struct runtime *rt, struct map_job *job,
                             uint64_t first, uint64_t count);
void map_let_go(struct map_job *job);
/* A home piece of which nothing is left. */
void map_end_piece(struct runtime *rt, struct future *f);
/* Queues the upper half of a running piece, for thieves. */
void map_split(struct runtime *rt, struct future *f);

/* Items [first, first + count) of the job have ended with that status. */
void map_fail_take(struct runtime *rt, struct map_job *job, uint64_t first,
                   uint64_t count, int status, struct error *error);

/* Items [first, first + count) have ended well.  So many are done with. */
void map_note_good(struct runtime *rt, struct map_job *job, uint64_t first,
                   uint64_t count);
void map_count_done(struct runtime *rt, struct map_job *job, uint64_t items);

/* ---- Short maps, what is given away: map_short.c ---------------------- */

/* Nothing is queued: splits a part off the oldest of the ranges that are
 * running, or of `own`, which is one of them. */
void map_share(struct runtime *rt, struct map_range *own);

/* ---- What a guest has to tell: map_report.c --------------------------- */

struct map_bad {
    uint64_t first, count;
    int64_t status;
};

struct map_report {
    uint64_t first, count; /* items that it speaks for */
    uint64_t done;         /* of these were run, well or badly: [first, ...) */
    char *out;             /* results of `done` items, or NULL */
    char *block;           /* where they lie, from malloc */
    bool is_in_place;      /* they are in the home's array already */
    size_t out_size;       /* of one */
    struct map_bad *bad;   /* stretches that ended badly, in order */
    size_t bads, bad_room;
    int status;          /* there was no memory for the list */
    struct error *error; /* of the lowest item that failed, or NULL */
};

void map_report_bad_take(struct map_report *report, uint64_t first,
                         uint64_t count, int status, struct error *error);
/* These items, the last that were run, ended otherwise than told. */
void map_report_spoil_take(struct map_report *report, uint64_t first,
                           uint64_t count, int status, struct error *error);
/* Sends home what has been done, and begins anew behind it. */
void map_report_send_part(struct runtime *rt, const struct future *guest,
                          struct map_report *report);
/* Sends it home; the guest is gone, and all that the report has. */
void map_report_send_take(struct runtime *rt, struct future *guest,
                          struct map_report *report);
/* At home: sorts what has come into `report`; all of it stays where it is but
 * for the error.  0, or what is wrong with it. */
int map_report_read(struct map_report *report, uint64_t first, uint64_t count,
                    size_t out_size, int status, const void *data, size_t len);

#endif
