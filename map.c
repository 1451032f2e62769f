/* SPDX-License-Identifier: MIT */
/* map.c -- range tasks: split, run, combine
 *
 * A map is one task for a range of items, not a task for each.  Whoever runs
 * a range goes through it from its lower end; before an item it looks at its
 * own deque, and if that is empty, so that a thief would find nothing, it
 * splits off the upper half of what is left and queues it (lazy binary
 * splitting: Tzannes et al., PPoPP 2010).  So there are about as many pieces
 * as steals, and a thief gets half of what its victim has.
 *
 *     [0 ............................................................ n)
 *      items here  | half: queued | half of the rest, once that is stolen ...
 *
 * At home a piece is a future, and its items go straight from the caller's
 * input to the caller's output.  Away from home it is a guest that brings its
 * slice of the input along, or sends for it; pieces that it splits off share
 * the slice, and their results go home on their own.  Therefore the home
 * counts items: of each of its pieces (rec.count, until nothing is left
 * outstanding) and of the map (remaining).
 *
 * A map with a time-out may be left by its caller while items run, here and
 * elsewhere.  They then must not touch the caller's arrays: such a map copies
 * its input beforehand, its items write to a buffer first, and the job
 * outlives the call until its last piece has ended.
 */
#include "map.h"

#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "offer.h"
#include "public.h"
#include "runtime.h"
#include "transfer.h"
#include "worker.h"

#define SPLIT_NS 5000u /* a range that takes less is not worth a steal */

struct holder {
    uint64_t id; /* of the piece */
    int rank;
};

struct map_job {
    const struct scoop_task *type;
    const char *in;
    void *copy; /* of the input, if the caller may leave */
    char *out;
    uint64_t n;
    uint64_t path;       /* its own, as of a child of the caller */
    uint64_t remaining;  /* items without a result */
    uint64_t users;      /* pieces, and the caller */
    struct frame *owner; /* the caller's; NULL: it has left */
    struct strand *waiter;
    struct error *error; /* of the lowest item that failed */
    int status;
    struct holder *holder; /* who has parts of its pieces */
    size_t holders, holder_room;
    bool is_careful; /* the caller may leave: see above */
};

struct slice {
    uint64_t users; /* guest pieces */
    uint64_t first; /* index of its first item */
    char *data;
};

/* ---- Jobs ------------------------------------------------------------- */

static void let_go(struct map_job *job)
{
    if (--job->users)
        return;
    error_free(job->error);
    free(job->copy);
    free(job->holder);
    free(job);
}

void map_cancel_piece(struct runtime *rt, struct future *f)
{
    const struct map_job *job = f->job;

    for (size_t i = 0; i < job->holders; i++)
        if (job->holder[i].id == f->rec.id)
            transfer_cancel(rt, f, job->holder[i].rank);
}

void map_note_holder(struct runtime *rt, struct future *f, int rank)
{
    struct map_job *job = f->job;

    if (f->flags & FUTURE_CANCELLED)
        transfer_cancel(rt, f, rank);
    for (size_t i = 0; i < job->holders; i++)
        if (job->holder[i].id == f->rec.id && job->holder[i].rank == rank)
            return;
    if (job->holders == job->holder_room) {
        size_t room = 2 * job->holder_room + 8;
        void *more = realloc(job->holder, room * sizeof *job->holder);
        if (!more)
            return; /* if the map fails, this rank will not hear of it */
        job->holder = more;
        job->holder_room = room;
    }
    job->holder[job->holders++] = (struct holder){f->rec.id, rank};
}

/* Pieces here see the job's status; those elsewhere have to be told, also
 * those of which the deque has not told yet that they are elsewhere. */
static void stop_others(struct runtime *rt, struct map_job *job)
{
    struct link *head;

    if (!job->owner)
        return;
    head = &job->owner->children;
    for (struct link *l = head->next; l != head; l = l->next) {
        struct future *f = future_of_link(l);
        if (!(f->flags & FUTURE_PIECE) || f->job != job ||
            (f->flags & FUTURE_CANCELLED))
            continue;
        f->flags |= FUTURE_CANCELLED;
        map_cancel_piece(rt, f);
    }
}

static bool is_better(const struct map_job *job, int status,
                      const struct error *error)
{
    if (!job->status)
        return true;
    if (job->status == SCOOP_ECANCELLED)
        return status != SCOOP_ECANCELLED;
    return error && error->said.has_item && job->error &&
           job->error->said.has_item &&
           error->said.item < job->error->said.item;
}

/* Items have ended badly: the map will. */
static void fail_take(struct runtime *rt, struct map_job *job, int status,
                      struct error *error)
{
    bool is_first = !job->status;

    if (is_better(job, status, error)) {
        error_free(job->error);
        job->error = error;
        job->status = status;
    } else {
        error_free(error);
    }
    if (is_first)
        stop_others(rt, job);
}

static void count_done(struct runtime *rt, struct map_job *job, uint64_t items)
{
    job->remaining -= items;
    if (!job->remaining && job->waiter)
        worker_wake(rt, job->waiter);
}

static void end_piece(struct runtime *rt, struct future *f)
{
    struct map_job *job = f->job;

    if (f->state == FUTURE_QUEUED)
        worker_reclaim(rt);
    if (f->state == FUTURE_QUEUED) { /* see transfer.c */
        f->state = FUTURE_EARLY;
        f->flags |= FUTURE_ORPHAN; /* its map may end before it */
        f->owner = NULL;
        link_remove(&f->link);
        link_init(&f->link);
        rt->worker.early++;
        return;
    }
    link_remove(&f->link);
    rt->futures.ended++;
    f->job = NULL;
    future_put(&rt->futures, f);
    let_go(job);
}

/* ---- Pieces ----------------------------------------------------------- */

static struct future *new_piece(struct runtime *rt, struct map_job *job,
                                uint64_t first, uint64_t count)
{
    struct future *f = future_take(&rt->futures, 0);
    const struct scoop_task *type = job->type;

    if (!f)
        return NULL;
    f->flags = FUTURE_PIECE;
    f->owner = job->owner;
    f->job = job;
    f->rec.path = job->path;
    f->rec.first = first;
    f->rec.count = count;
    f->rec.step = 1;
    f->arg = type->in_size
                 ? (char *)(uintptr_t)(job->in + first * type->in_size)
                 : NULL;
    f->rec.arg_len = count * type->in_size;
    f->rec.number = type->number;
    f->rec.flags = TASK_RANGE;
    link_add(&job->owner->children, &f->link);

    rt->futures.created++;
    job->users++;
    return f;
}

static struct future *new_guest_piece(struct runtime *rt,
                                      const struct future *of, uint64_t first,
                                      uint64_t count)
{
    struct future *f = future_take(&rt->guests, 0);
    size_t in_size = registry_task(&rt->registry, of->rec.number)->in_size;

    if (!f)
        return NULL;
    f->flags = FUTURE_PIECE | FUTURE_GUEST | (of->flags & FUTURE_CANCELLED);
    f->slice = of->slice;
    f->rec = of->rec;
    f->rec.first = first;
    f->rec.count = count;
    f->rec.arg += (first - of->rec.first) * in_size;
    f->rec.arg_len = count * in_size;
    f->arg = NULL;
    if (f->slice) {
        f->slice->users++;
        f->arg = f->slice->data + (first - f->slice->first) * in_size;
    }
    link_add(&rt->guests.guests, &f->link);

    return f;
}

int map_input_take(struct runtime *rt, struct future *piece, void *data)
{
    struct slice *slice = malloc(sizeof *slice);

    (void)rt;
    if (!slice) {
        free(data);
        return SCOOP_ENOMEM;
    }
    slice->users = 1;
    slice->first = piece->rec.first;
    slice->data = data;
    piece->slice = slice;
    piece->arg = data;
    return 0;
}

void map_forget_guest(struct future *piece)
{
    if (!(piece->flags & FUTURE_PIECE) || !piece->slice)
        return;
    if (!--piece->slice->users) {
        free(piece->slice->data);
        free(piece->slice);
    }
    piece->slice = NULL;
    piece->arg = NULL;
}

static bool is_worth_splitting(const struct runtime *rt,
                               const struct frame *frame,
                               const struct future *f)
{
    const struct measure *m = frame->measure;

    return f->rec.count > 1 && rt->deque.bottom == rt->deque.first &&
           !deque_public_count(rt->deque.shared) &&
           (!m->is_short || f->rec.count * (m->stretch_ns + 1) > SPLIT_NS);
}

static void split(struct runtime *rt, struct future *f)
{
    uint64_t half = f->rec.count / 2;
    uint64_t first = f->rec.first + f->rec.count - half;
    size_t in_size = registry_task(&rt->registry, f->rec.number)->in_size;
    struct future *upper = NULL;

    if (rt->is_alone || rt->is_draining)
        return;
    if (f->flags & FUTURE_GUEST)
        upper = new_guest_piece(rt, f, first, half);
    else if (f->job->owner)
        upper = new_piece(rt, f->job, first, half);
    if (!upper)
        return; /* goes on in one piece */
    f->rec.count -= half;
    f->rec.arg_len = f->rec.count * in_size;
    if (worker_push(rt, upper)) {
        /* No memory to queue it: put the two together again. */
        f->rec.count += half;
        f->rec.arg_len = f->rec.count * in_size;
        if (f->flags & FUTURE_GUEST) {
            link_remove(&upper->link);
            map_forget_guest(upper);
            future_put(&rt->guests, upper);
        } else {
            upper->state = FUTURE_RUNNING;
            end_piece(rt, upper);
        }
        return;
    }
    offer_tasks(rt);
}

/* ---- Running a piece -------------------------------------------------- */

/* What a run of a piece needs, on its stack. */
struct run {
    struct frame frame;
    uint64_t path; /* of the map */
    size_t in_size, out_size;
    char *out;     /* for the item that comes next; NULL: none */
    uint64_t done; /* items that went well */
    int status;
    struct error *error;
};

static void call_item(struct runtime *rt, struct run *run,
                      const struct future *f, const void *in, void *out)
{
    run->frame.path = call_child_path(run->path, f->rec.first + 1);
    run->frame.made = 0;
    int code = call_function(rt, &run->frame, in, out, &run->error);
    if (code)
        run->status = run->error ? run->error->said.code : SCOOP_EFAILED;
}

/* One item of a map that the caller may leave meanwhile. */
static void call_careful(struct runtime *rt, struct run *run, struct future *f,
                         const void *in)
{
    struct map_job *job = f->job;
    void *out = value_alloc(run->out_size, job->type->out_align);

    if (run->out_size && !out)
        run->status = SCOOP_ENOMEM;
    else
        call_item(rt, run, f, in, out);
    if (!run->status && out && job->owner)
        memcpy(job->out + f->rec.first * run->out_size, out, run->out_size);
    free(out);
}

static bool must_stop(const struct future *f)
{
    if (f->flags & FUTURE_CANCELLED)
        return true;
    return !(f->flags & FUTURE_GUEST) && (f->job->status || !f->job->owner);
}

static void run_items(struct runtime *rt, struct run *run, struct future *f)
{
    bool is_careful = !(f->flags & FUTURE_GUEST) && f->job->is_careful;
    const char *in = f->arg;

    while (f->rec.count && !run->status && !must_stop(f)) {
        if (__builtin_expect(!rt->is_alone, 1) &&
            is_worth_splitting(rt, &run->frame, f))
            split(rt, f);
        if (__builtin_expect(is_careful, 0))
            call_careful(rt, run, f, in);
        else
            call_item(rt, run, f, in, run->out);
        if (run->status)
            break;
        if (run->out)
            run->out += run->out_size;
        if (in)
            in += run->in_size;
        f->rec.arg += run->in_size; /* at home, follows rec.first */
        run->done++;
        f->rec.first++;
        f->rec.count--;
        if (__builtin_expect(--rt->calls_left == 0, 0))
            worker_attend(rt);
    }
}

static void run_home(struct runtime *rt, struct run *run, struct future *f)
{
    struct map_job *job = f->job;

    if (job->out && run->out_size)
        run->out = job->out + f->rec.first * run->out_size;
    run_items(rt, run, f);
    call_leave(rt, &run->frame);
    uint64_t items = run->done + f->rec.count;
    if (run->status)
        fail_take(rt, job, run->status, run->error);
    else if (f->rec.count)
        fail_take(rt, job, SCOOP_ECANCELLED, NULL);
    job->users++;
    end_piece(rt, f);
    count_done(rt, job, items);
    let_go(job);
}

/* Sends what there is to tell about items [first, first + count). */
static void report(struct runtime *rt, struct future *f, uint64_t first,
                   uint64_t count, int status, struct error *error,
                   void *data_take, size_t len)
{
    struct wire_result body = {f->rec.id, f->rec.generation, first, count,
                               status,    rt->rank};
    size_t error_len = 0;
    int err;

    if (status) {
        free(data_take);
        data_take = error_pack(error, &error_len);
        len = error_len;
        error_free(error);
    }
    err = net_send(rt->net, task_home(&f->rec), WIRE_RESULT, &body, data_take,
                   len, NET_TAKE);
    if (err) {
        body.status = err;
        if (net_send(rt->net, task_home(&f->rec), WIRE_RESULT, &body, NULL, 0,
                     NET_COPY)) {
            log_error(&rt->log, "no memory to send a result home");
            net_abort(rt->net, 1);
        }
    }
    link_remove(&f->link);
    map_forget_guest(f);
    future_put(&rt->guests, f);
}

void map_drop_guest(struct runtime *rt, struct future *piece, int status,
                    struct error *error)
{
    report(rt, piece, piece->rec.first, piece->rec.count, status, error, NULL,
           0);
}

void map_drop_piece(struct runtime *rt, struct future *piece, int status,
                    struct error *error)
{
    struct map_job *job = piece->job;
    uint64_t items = piece->rec.count;

    piece->state = FUTURE_RUNNING; /* it is in no queue any more */
    job->users++;
    fail_take(rt, job, status, error);
    end_piece(rt, piece);
    count_done(rt, job, items);
    let_go(job);
}

static void run_guest(struct runtime *rt, struct run *run, struct future *f)
{
    uint64_t first = f->rec.first;
    char *out = NULL;

    if (run->out_size && !must_stop(f)) {
        out = value_alloc((size_t)f->rec.count * run->out_size,
                          run->frame.type->out_align);
        if (!out)
            run->status = SCOOP_ENOMEM;
    }
    run->out = out;
    run_items(rt, run, f);
    call_leave(rt, &run->frame);
    if (!run->status && f->rec.count)
        run->status = SCOOP_ECANCELLED;
    report(rt, f, first, run->done + f->rec.count, run->status, run->error, out,
           (size_t)run->done * run->out_size);
}

void map_run_piece(struct runtime *rt, struct future *piece)
{
    const struct scoop_task *type =
        registry_task(&rt->registry, piece->rec.number);
    struct run run;

    memset(&run, 0, sizeof run);
    run.path = piece->rec.path;
    run.in_size = type->in_size;
    run.out_size = type->out_size;
    piece->state = FUTURE_RUNNING;
    call_enter(rt, &run.frame, piece, type, run.path);

    if (piece->flags & FUTURE_GUEST)
        run_guest(rt, &run, piece);
    else
        run_home(rt, &run, piece);
}

/* ---- Results from elsewhere ------------------------------------------- */

static int keep_items(const struct map_job *job, uint64_t first, uint64_t count,
                      const void *data, size_t len)
{
    size_t out_size = job->type->out_size;

    if (len != count * out_size)
        return SCOOP_EMISMATCH;
    if (len && !data)
        return SCOOP_ENOMEM;
    if (len && job->owner && job->out)
        memcpy(job->out + first * out_size, data, len);
    return 0;
}

void map_result(struct runtime *rt, struct future *piece, uint64_t first,
                uint64_t count, int status, const void *data, size_t len)
{
    struct map_job *job = piece->job;

    if (count > piece->rec.count || first > job->n || count > job->n - first) {
        log_error(&rt->log, "a result of %s is out of the map's range",
                  job->type->name);
        count = piece->rec.count;
        status = SCOOP_EMISMATCH;
        len = 0;
    }
    if (!status)
        status = keep_items(job, first, count, data, len);
    job->users++;
    if (status) {
        struct error *error = error_unpack(data, len);
        if (!error)
            error = call_error(rt, piece, status, NULL);
        fail_take(rt, job, status, error);
    }
    piece->rec.count -= count;
    if (!piece->rec.count)
        end_piece(rt, piece);
    count_done(rt, job, count);
    let_go(job);
}

/* ---- The call --------------------------------------------------------- */

static void wait_job(struct runtime *rt, struct map_job *job,
                     uint64_t deadline_ns)
{
    while (job->remaining) {
        if (--rt->calls_left == 0) {
            worker_attend(rt);
            if (!job->remaining)
                break;
        }
        if (deadline_ns == CLOCK_NEVER) {
            if (worker_help(rt))
                continue;
        } else if (clock_is_past(deadline_ns)) {
            return;
        }
        job->waiter = rt->strand;
        worker_park(rt, deadline_ns, "the items of a map", NULL);
        job->waiter = NULL;
    }
}

/* The caller goes: its pieces are nobody's any more. */
static void leave(struct runtime *rt, struct map_job *job)
{
    struct link *head = &job->owner->children, *next;

    job->owner = NULL;
    for (struct link *l = head->next; l != head; l = next) {
        struct future *f = future_of_link(l);
        next = l->next;
        if (!(f->flags & FUTURE_PIECE) || f->job != job)
            continue;
        link_remove(&f->link);
        worker_release(rt, f);
    }
}

static int map_run(struct runtime *rt, const struct scoop_task *task,
                   const void *in, void *out, size_t n, uint64_t deadline_ns)
{
    struct map_job *job;
    struct future *whole;
    int status;

    if (!n)
        return 0;
    job = calloc(1, sizeof *job);
    if (!job)
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    job->type = task;
    job->in = in;
    job->out = out;
    job->n = job->remaining = n;
    job->users = 1;
    job->owner = rt->frame;
    job->path = call_next_path(rt->frame);
    job->is_careful = deadline_ns != CLOCK_NEVER;
    if (job->is_careful && task->in_size) {
        job->copy = value_alloc(n * task->in_size, task->in_align);
        if (!job->copy) {
            let_go(job);
            return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
        }
        job->in = memcpy(job->copy, in, n * task->in_size);
    }
    whole = new_piece(rt, job, 0, n);
    if (!whole) {
        let_go(job);
        return runtime_fail(rt, SCOOP_ENOMEM, "no memory for a map");
    }
    if (deadline_ns == CLOCK_NEVER && call_has_room(rt))
        map_run_piece(rt, whole);
    else if (worker_push(rt, whole))
        map_drop_piece(rt, whole, SCOOP_ENOMEM, NULL);
    wait_job(rt, job, deadline_ns);
    status = job->status;
    if (job->remaining) {
        leave(rt, job);
        status =
            runtime_fail(rt, SCOOP_ETIMEDOUT,
                         "map of %s: the time given has passed", task->name);
    } else if (status && job->error) {
        runtime_set_error_take(rt, job->error);
        job->error = NULL;
    } else if (status) {
        runtime_fail(rt, status, "map of %s: %s", task->name,
                     scoop_strerror(status));
    }
    job->owner = NULL;
    let_go(job);
    return status;
}

int scoop_map_task(const struct scoop_task *task, const void *in, void *out,
                   size_t n, const struct scoop_map_options *options)
{
    struct scoop_wait_options wait = {options ? options->timeout : 0};
    struct runtime *rt = runtime_current;

    int err;

    if (!rt)
        rt = public_enter(&err);
    if (!rt)
        return err;
    if (!task)
        return runtime_fail(rt, SCOOP_EINVAL, "the task is NULL");
    err = public_check_task(rt, task, "", task->in_size);
    if (err)
        return err;
    if (task->kind != SCOOP_TYPED)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s is a bytes task: it has no arrays to map over",
                            task->name);
    if (n && ((task->in_size && !in) || (task->out_size && !out)))
        return runtime_fail(rt, SCOOP_EINVAL,
                            "an array of a map of %s is "
                            "NULL",
                            task->name);
    size_t widest =
        task->in_size > task->out_size ? task->in_size : task->out_size;
    if (widest && n > SIZE_MAX / 2 / widest)
        return runtime_fail(rt, SCOOP_EINVAL, "a map of %zu items cannot be",
                            n);
    if (--rt->calls_left == 0)
        worker_attend(rt);
    return map_run(rt, task, in, out, n, public_deadline(&wait));
}
