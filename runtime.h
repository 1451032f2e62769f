/* SPDX-License-Identifier: MIT */
/* runtime.h -- all state of a rank while a farm runs
 *
 * One struct, made by scoop.c when a farm starts and gone when it has ended.
 * The rooms below (deque, future, steal, ...) are handed their part of it;
 * the rooms that run tasks (worker, transfer, map, broker) are handed all of
 * it.  Public calls find it through `runtime_current`, which is set on the
 * main thread only: on any other it is NULL, which is how a call from a
 * thread that is not the task's own is recognised.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "deque.h"
#include "error.h"
#include "fiber.h"
#include "future.h"
#include "lanes.h"
#include "loan.h"
#include "log.h"
#include "net.h"
#include "node.h"
#include "recall.h"
#include "registry.h"
#include "scoop.h"
#include "shared.h"
#include "shutdown.h"
#include "steal.h"
#include "term.h"
#include "timer.h"
#include "trace.h"
#include "value.h"

struct callback;
struct helper;
struct runtime;

enum frame_marks {
    FRAME_FRESH = 1, /* what it runs is: fresh.c */
    FRAME_TIMED = 2, /* each of its stretches is measured */
    FRAME_LIST = 4   /* `children` is one: see frame_children() */
};

/* A running task; stands on the task's own stack. */
struct frame {
    uint64_t path;       /* its own path hash */
    uint64_t made;       /* children so far */
    struct frame *below; /* the task on this stack that waits for it */
    struct future *task; /* what it runs; NULL: the root */
    const struct scoop_task *type; /* NULL: the root */
    struct measure *measure;

    struct error *last; /* scoop_last_error() */
    struct error *told; /* by scoop_fail() */
    uint8_t marks;      /* enum frame_marks */
    bool was_long;      /* one of its stretches was */
    bool is_asked;      /* to end soon: nobody wants its result */
    uint8_t attempt;
    struct link children; /* futures that it submitted, but for fresh ones */
    uint64_t began_ns;    /* for the timeline: timed, and there is one */
};

/* The list of its children, for one more. */
static inline struct link *frame_children(struct frame *frame)
{
    if (!(frame->marks & FRAME_LIST))
        link_init(&frame->children);
    frame->marks |= FRAME_LIST;
    return &frame->children;
}

static inline bool frame_has_children(const struct frame *frame)
{
    return frame->marks & FRAME_LIST && !link_is_empty(&frame->children);
}

/* A stack and what stands on it; lives beside the fiber. */
struct strand {
    struct fiber *fiber;
    struct frame *frame; /* the topmost, while it is parked */
    struct future *task; /* to start with; NULL: first() */
    void (*first)(struct runtime *rt);
    struct link all;                /* every strand of this rank */
    struct link ready;              /* the ready list, or alone */
    struct timer timer;             /* set while it waits with a time-out */
    int level;                      /* the highest priority on this stack */
    const char *waits_what;         /* while parked, for the dump */
    const struct future *waits_for; /* NULL: not for one future */
    uint32_t row; /* of the timeline; given once, it stays with the stack */
};

static inline struct strand *strand_of_timer(struct timer *t)
{
    return (struct strand *)(void *)((char *)t -
                                     offsetof(struct strand, timer));
}

#define WORKER_LOOT 64u        /* tasks taken by one steal, at most */
#define WORKER_PRIVATE_MAX 64  /* more private tasks are published ... */
#define WORKER_PRIVATE_KEEP 32 /* ... but for these */
#define WORKER_CALLS 128u      /* library calls between two looks around */

struct worker {
    struct fiber_pool pool;
    struct fiber thread; /* the scheduler: the thread's own stack */
    struct strand scheduler;
    /* Outside of a farm: the caller, on the thread's stack. */
    struct strand outside;
    struct frame outside_frame;
    struct link strands;
    struct link ready; /* strands to resume, in order */
    struct timers timers;
    struct frame **asked; /* frames whose children are to be cancelled */
    size_t asked_count, asked_room;
    struct strand *ended; /* its stack is to be given back */
    uint64_t live;        /* strands in use */
    uint32_t rows;        /* of the timeline, given to strands */
    bool is_polled;       /* a task goes before what is ready */
    uint64_t early;       /* futures done before the deque told */
    struct callback *callback, **callback_end; /* to run, in order */
    unsigned callbacks_running;
    uint64_t callbacks_refused; /* at so many stacks there was none for one */
    struct deque_record loot[WORKER_LOOT];
};

struct runtime {
    /* What submit and join touch; the inline half of submit, in the user's
     * program, knows the first of it as struct scoop_here_. */
    struct frame *frame;         /* the running task */
    struct future **fresh_top;   /* see fresh.c */
    struct future **fresh_limit; /* no fresh one comes by itself from here on */
    const _Atomic uint32_t *wanted; /* node.me->wanted */
    uint64_t attended_ns;           /* when worker_attend() last did */
    struct {
        struct future **base;
    } fresh;
    struct strand *strand; /* the running stack */
    uint64_t mark_ns;      /* when the stretch of a timed frame began */
    uint64_t freed_ns; /* when the last task ended, if the next may begin then;
                        * 0: the clock has to be asked */
    uint32_t calls_left; /* until worker_attend() */
    bool is_stopping;    /* leave the loop */
    bool is_draining;    /* begin nothing new */
    bool is_alone;       /* a farm of one rank */
    bool is_serial;      /* for calls outside of a farm (serial.c) */
    bool is_shut;        /* no more tasks (shutdown.c) */
    uint64_t private_max;
    size_t stack_reserve;  /* what a task starts with at least */
    uintptr_t stack_floor; /* of the running stack: tasks start above it */
    struct deque deque;    /* tasks without priority that may go anywhere */
    struct lanes lanes;    /* the others */
    struct loan loan;      /* of both, to the helper */
    struct link ranges;    /* whose items run, oldest first: map_short.c */
    struct link *pieces;   /* kept for short maps */
    struct future_table futures;
    struct future_table guests;
    struct recalls recalls; /* of guests that are not here yet */
    struct registry registry;
    struct scoop_stats stats;

    struct worker worker;
    struct steal steal;
    struct term term;
    struct shared shared;
    struct shutdown shutdown;
    struct node node;
    struct net *net;
    struct helper *helper;  /* NULL: none */
    net_deliver_fn *handle; /* what messages go to */
    /* For the helper thread, which speaks for this one: since when, at least,
     * there was no library call, and in what function; 0: in none. */
    _Atomic uint64_t long_since_ns;
    _Atomic(const char *) long_name;
    _Atomic bool was_away; /* a function was long; which, nobody knows */
    uint64_t progress_ns;  /* when there was last something to run */
    struct config config;
    struct log log;
    int rank, size;
    char host[64];
    uint64_t started_ns;
    uint64_t idle_ns;
    struct trace *trace; /* NULL: no timeline was asked for */
    bool has_live_line;  /* some map's progress is drawn (progress.c) */

    /* Rank 0. */
    int (*root)(void *arg);
    void *root_arg;
    int status; /* what root returned */
    bool root_has_ended;
};

/* The farm that this thread works for. */
extern _Thread_local struct runtime *runtime_current
    __attribute__((tls_model("initial-exec")));
/* NULL: for none. */
void runtime_set_current(struct runtime *rt);

/* Gives the current task an error of a call, in words; returns code. */
int runtime_fail(struct runtime *rt, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The current task's last error becomes e. */
void runtime_set_error_take(struct runtime *rt, struct error *e);

#endif
