/* SPDX-License-Identifier: MIT */
/* execute.c -- the run of a task that was queued: call it, keep what it gives
 *
 * A home task leaves its result in its future, a guest's is sent home, a piece
 * of a map is map.c's.  (A child that is joined while it is still the newest
 * does not come here: result.c.)
 *
 * A home may give up an attempt while it runs, here or elsewhere (terms.c),
 * and begin another.  So a future that allows for that is written to only
 * when the function has returned and its attempt is still the current one.
 *
 * Of tasks that are run one behind the other, each begins where the last one
 * ended (freed_ns): the clock is read once for each.  Whatever else may take
 * time in between (a park, a look around, the user's own code, which always
 * comes back by worker_wait() or worker_help()) forgets that moment.
 */
#include "execute.h"

#include <stdlib.h>

#include "call.h"
#include "clock.h"
#include "holder.h"
#include "map.h"
#include "reduce.h"
#include "runtime.h"
#include "settle.h"
#include "terms.h"
#include "transfer.h"

/* A run of a task: what it gave, before the future has it. */
struct run {
    const struct scoop_task *type;
    uint64_t ns, ended_ns;
    uint8_t attempt;
    bool is_own;   /* `to` is not the future's */
    void *to;      /* of a typed task */
    scoop_out out; /* of another */
    struct error *error;
};

/* A room for the result that the future itself has not: another attempt may
 * use that while this one still runs. */
static int prepare(struct run *run, struct future *f)
{
    size_t size = run->type->out_size;

    if (run->type->kind != SCOOP_TYPED)
        return 0;
    run->is_own = f->flags & FUTURE_HAS_TERMS;
    if (run->is_own)
        run->to = value_alloc(size, run->type->out_align);
    else
        run->to = f->result = future_result_room(f, size, run->type->out_align);
    return run->to || !size ? 0 : SCOOP_ENOMEM;
}

static void discard(struct run *run)
{
    if (run->is_own)
        free(run->to);
    value_drop(&run->out);
    error_free(run->error);
}

/* The result becomes the future's. */
static void keep(struct run *run, struct future *f)
{
    f->result_len = run->type->out_size;
    if (run->type->kind != SCOOP_TYPED)
        f->result = value_take(&run->out, &f->result_len);
    else if (run->is_own)
        f->result = run->to;
    else
        return;
    if (f->result)
        f->flags |= FUTURE_OWNS_RESULT;
}

/* The task that was to be given the result, here where it was made. */
static void call_then(struct runtime *rt, struct future *f)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.then);
    struct error *error = NULL;
    struct frame frame, *running = f->frame;
    scoop_out out = {0};
    void *to = &out;
    char words[ERROR_WORDS_MAX];

    if (!type)
        return;
    if (type->kind == SCOOP_TYPED)
        to = value_alloc(type->out_size, type->out_align);
    if (!to && type->out_size) {
        log_error(&rt->log, "no memory for the output of %s", type->name);
        return;
    }
    call_enter(rt, &frame, f, type, f->rec.path + 1);
    uint64_t arg_len = f->rec.arg_len;
    f->rec.arg_len = f->result_len; /* the length that a bytes task is told */
    int code = call_function(rt, &frame, f->result, to, &error);
    f->rec.arg_len = arg_len;
    call_leave(rt, &frame);
    f->frame = running;
    value_drop(&out);
    if (type->kind == SCOOP_TYPED)
        free(to);
    if (code && error)
        error_format(&error->said, words, sizeof words);
    if (code)
        log_error(&rt->log, "done_there of task %u.%u: %s",
                  (unsigned)(f->rec.id >> 32), (unsigned)f->rec.id,
                  error ? words : "it failed");
    error_free(error);
}

/* Whether the run is one that the home has given up meanwhile. */
static bool is_old(const struct run *run, const struct future *f)
{
    return !(f->flags & FUTURE_GUEST) &&
           (f->state == FUTURE_DONE || f->rec.attempt != run->attempt);
}

/* The call itself, with the result left in f.  The status, or EXECUTE_OLD. */
#define EXECUTE_OLD 1

static int execute(struct runtime *rt, struct future *f, struct run *run)
{
    uint64_t began_ns = rt->freed_ns;
    struct frame frame;

    rt->freed_ns = 0;

    run->type = registry_task(&rt->registry, f->rec.number);
    run->attempt = f->rec.attempt;
    int err = run->type ? prepare(run, f) : SCOOP_ENOTASK;
    if (err)
        return err;
    f->state = FUTURE_RUNNING;
    if (f->flags & FUTURE_HAS_TERMS)
        terms_started(rt, f);
    call_enter(rt, &frame, f, run->type, f->rec.path);
    frame.attempt = run->attempt;
    if (!began_ns)
        began_ns = clock_now_ns();
    int code =
        call_function(rt, &frame, f->arg,
                      run->type->kind == SCOOP_TYPED ? run->to : &run->out,
                      &run->error);
    run->ended_ns = clock_now_ns();
    run->ns = run->ended_ns - began_ns + 1; /* 0: it has not run */
    call_leave(rt, &frame);
    if (is_old(run, f)) {
        discard(run);
        return EXECUTE_OLD;
    }
    if (!code)
        code = run->out.status;
    else
        code = run->error ? run->error->said.code : SCOOP_EFAILED;
    if (code) {
        if (run->is_own)
            free(run->to);
        value_drop(&run->out);
        return code;
    }
    keep(run, f);
    if (f->rec.then)
        call_then(rt, f);
    else
        rt->freed_ns = run->ended_ns;
    return 0;
}

static void run_guest(struct runtime *rt, struct future *f)
{
    if (!(f->flags & FUTURE_CANCELLED) && !f->arg && f->rec.arg_len &&
        !map_reads_input(rt, f)) {
        int err = transfer_fetch(rt, f);
        if (!err)
            return; /* it comes back when the argument is here */
        transfer_give_up(rt, f, err, NULL);
    } else if (f->flags & FUTURE_PIECE) {
        map_run_piece(rt, f);
    } else if (f->flags & FUTURE_CANCELLED) {
        transfer_return(rt, f, SCOOP_ECANCELLED, NULL);
    } else if (f->rec.flags & TASK_SUBTREE) {
        struct error *error = NULL;
        int status = reduce_execute(rt, f, &error);
        transfer_return(rt, f, status, error);
    } else {
        struct run run = {0};
        if (f->rec.timeout_ns)
            holder_tell_started(rt, f);
        int status = execute(rt, f, &run);
        f->rec.count = run.ns;
        transfer_return(rt, f, status, run.error);
    }
}

/* It was settled while it was queued: see terms.c. */
static bool is_settled(const struct future *f)
{
    return f->state == FUTURE_DONE;
}

static void run_home(struct runtime *rt, struct future *f)
{
    struct run run = {0};
    int status = execute(rt, f, &run);

    if (status == EXECUTE_OLD) {
        terms_pay(rt, f, 1);
        return;
    }
    settle_note_times(f, run.ns, run.ns ? run.ended_ns : clock_now_ns());
    settle_take(rt, f, status, run.error);
}

static void run_subtree(struct runtime *rt, struct future *f)
{
    struct error *error = NULL;
    int status = reduce_execute(rt, f, &error);

    settle_take(rt, f, status, error);
}

void execute_task(struct runtime *rt, struct future *f)
{
    if (f->flags & FUTURE_PIECE || f->rec.flags & TASK_SUBTREE)
        rt->freed_ns = 0;
    if (f->flags & FUTURE_GUEST)
        run_guest(rt, f);
    else if (f->flags & FUTURE_PIECE)
        map_run_piece(rt, f);
    else if (is_settled(f))
        terms_pay(rt, f, 2);
    else if (f->flags & FUTURE_CANCELLED)
        settle_take(rt, f, SCOOP_ECANCELLED, NULL);
    else if (f->rec.flags & TASK_SUBTREE)
        run_subtree(rt, f);
    else
        run_home(rt, f);
}
