/* SPDX-License-Identifier: MIT */
/* call.h -- the call of a task's function: frame, time, what it left behind
 *
 * Inline, because this is what a future costs when nobody steals it; what
 * rarely happens is in call.c.  A frame stands on the stack of the task that
 * it is for.  Its item number, for an item of a map, is that of the piece:
 * a piece's first item is the one that runs.
 */
#ifndef CALL_H
#define CALL_H

#include "fresh.h"
#include "json.h"
#include "runtime.h"

#define SHORT_NS 10000u /* a stretch up to this is short */

/* Slow parts, in call.c. */
void call_begin_timed(struct runtime *rt, struct frame *frame);
void call_end_timed(struct runtime *rt, struct frame *frame);
void call_end_stretch(struct runtime *rt, struct frame *frame);
void call_begin_stretch(struct runtime *rt);
void call_resume(struct runtime *rt);
void call_abandon_children(struct runtime *rt, struct frame *frame);
/* A bytes task, or a JSON task; returns as the task's function does. */
int call_untyped(struct runtime *rt, struct frame *frame, const void *data,
                 scoop_out *out);
int call_settle(struct runtime *rt, struct frame *frame, int code,
                struct error **error);
/* For the timeline: a run of a frame, tasks that were taken. */
void call_trace(struct runtime *rt, const struct frame *frame);
void call_trace_steal(struct runtime *rt, int victim, uint32_t tasks);

/* What the frame runs, in words. */
const char *call_name(const struct frame *frame);
/* Tells the helper since when the main thread is in user code, and where;
 * that it is not. */
void call_go_away(struct runtime *rt, uint64_t now_ns);
void call_come_back(struct runtime *rt);
/* A function that was thought to be short is not; which, is not known. */
void call_doubt_all(struct runtime *rt);
/* The error of a task that ended without words of its own; message NULL:
 * those of the code. */
struct error *call_error(struct runtime *rt, const struct future *f, int code,
                         const char *message);

static inline void call_enter_as(struct runtime *rt, struct frame *frame,
                                 struct future *task, struct measure *measure,
                                 uint64_t path, uint8_t marks)
{
    frame->path = path;
    frame->made = 0;
    frame->below = rt->frame;
    frame->task = task;
    frame->type = measure->type;
    frame->measure = measure;
    frame->last = NULL;
    frame->told = NULL;
    frame->marks = marks;
    frame->was_long = false;
    frame->is_asked = false;
    frame->attempt = 1;
    rt->frame = frame;
}

static inline void call_enter(struct runtime *rt, struct frame *frame,
                              struct future *task,
                              const struct scoop_task *type, uint64_t path)
{
    fresh_enlist(rt);
    call_enter_as(rt, frame, task,
                  &rt->registry.measure[type ? type->number : 0], path, 0);
    frame->type = type;
    if (task)
        task->frame = frame;
}

static inline void call_leave(struct runtime *rt, struct frame *frame)
{
    struct frame *below = frame->below;

    rt->frame = below;
    if (__builtin_expect(below && (below->marks & FRAME_TIMED ||
                                   !below->measure->is_short),
                         0))
        call_resume(rt);
}

/* Whether there are futures of the frame that it has not released. */
static inline bool call_has_left(const struct runtime *rt,
                                 const struct frame *frame)
{
    bool has_fresh = frame->marks & FRAME_FRESH
                         ? rt->fresh_top[-1] != frame->task
                         : !fresh_is_empty(rt);

    return has_fresh || frame_has_children(frame);
}

/* Whether the function has done more in the frame than compute: submitted, or
 * said something, or been told. */
static inline bool call_has_traces(const struct runtime *rt,
                                   const struct frame *frame)
{
    return frame->made || frame->last || frame->told ||
           call_has_left(rt, frame);
}

/* The task's function has returned that: its own code, and its error if that is
 * not 0 (NULL: no memory for it).  Futures that it left are released. */
static inline int call_end(struct runtime *rt, struct frame *frame, int code,
                           struct error **error)
{
    if (__builtin_expect(frame->marks & FRAME_TIMED, 0))
        call_end_timed(rt, frame);
    if (__builtin_expect(call_has_left(rt, frame), 0))
        call_abandon_children(rt, frame);
    rt->stats.tasks_run++;
    if (__builtin_expect(!code && !frame->last && !frame->told, 1))
        return 0;
    return call_settle(rt, frame, code, error);
}

/* One call in an entered frame. */
static inline int call_function(struct runtime *rt, struct frame *frame,
                                const void *in, void *out, struct error **error)
{
    const struct scoop_task *type = frame->type;
    int code;

    if (__builtin_expect(--frame->measure->runs_left == 0, 0))
        call_begin_timed(rt, frame);
    if (__builtin_expect(type->kind == SCOOP_TYPED, 1))
        code = type->typed(in, out);
    else if (type->kind == SCOOP_OPERATOR)
        code = type->typed(in, out); /* in: two pointers */
    else
        code = call_untyped(rt, frame, in, out);
    return call_end(rt, frame, code, error);
}

/* Whether another task may run on top of the running one. */
static inline bool call_has_room(const struct runtime *rt)
{
    return (uintptr_t)fiber_here() > rt->stack_floor;
}

/* What JSON values may be, with what is left of the running stack. */
static inline struct json_limits call_json_limits(const struct runtime *rt)
{
    return json_limits(rt->config.json_depth, rt->config.json_bytes,
                       fiber_stack_left(rt->strand->fiber));
}

/* The path hash of the n-th child, from 1, of a task (or item, of a map). */
static inline uint64_t call_child_path(uint64_t path, uint64_t n)
{
    return scoop_child_path_(path, n);
}

/* That of the next child of the frame. */
static inline uint64_t call_next_path(struct frame *frame)
{
    return call_child_path(frame->path, ++frame->made);
}

#endif
