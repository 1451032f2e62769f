/* SPDX-License-Identifier: MIT */
/* map.c -- range tasks: split, run, combine
 *
 * A map is one task for a range of items, not a task for each.  Whoever runs
 * a range goes through it from its lower end; before an item it looks at its
 * own deque, and if that is empty, so that a thief would find nothing, it
 * splits off the upper half of what is left and queues it (lazy binary
 * splitting: Tzannes et al., PPoPP 2010).  So there are about as many pieces
 * as steals, and a thief gets half of what its victim has.  Of maps within a
 * map the outermost is divided, and one of few items begins as less than what
 * is told here (map_short.c).
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

#include "holder.h"
#include "map_inside.h"
#include "offer.h"
#include "queue.h"
#include "settle.h"
#include "transfer.h"
#include "worker.h"

struct slice {
    uint64_t users; /* guest pieces */
    uint64_t first; /* index of its first item */
    char *data;
};

/* ---- Jobs ------------------------------------------------------------- */

void map_let_go(struct map_job *job)
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

    for (size_t i = 0; job && i < job->holders; i++) /* NULL: see map_short.c */
        if (job->holder[i].id == f->rec.id)
            holder_cancel(rt, f, job->holder[i].rank);
}

void map_note_holder(struct runtime *rt, struct future *f, int rank)
{
    struct map_job *job = f->job;

    if (f->flags & FUTURE_CANCELLED)
        holder_cancel(rt, f, rank);
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
    head = frame_children(job->owner);
    for (struct link *l = head->next; l != head; l = l->next) {
        struct future *f = future_of_link(l);
        if (!(f->flags & FUTURE_PIECE) || f->job != job ||
            (f->flags & FUTURE_CANCELLED))
            continue;
        f->flags |= FUTURE_CANCELLED;
        map_cancel_piece(rt, f);
        if (f->state == FUTURE_RUNNING && f->frame != rt->frame)
            settle_ask(rt, f->frame);
    }
}

static bool is_better(const struct map_job *job, uint64_t item, int status)
{
    if (!job->status)
        return true;
    if (job->status == SCOOP_ECANCELLED || status == SCOOP_ECANCELLED)
        return status != SCOOP_ECANCELLED;
    return item < job->bad;
}

static struct error *describe(struct runtime *rt, const struct map_job *job,
                              uint64_t item, int status)
{
    struct scoop_error e = {0};

    e.code = e.task_code = status;
    e.task = job->type->name;
    e.host = rt->host;
    e.rank = rt->rank;
    e.attempt = 1;
    e.attempts = job->range.retries + 1;
    e.has_item = !job->range.block;
    e.item = e.has_item ? item : 0;
    return error_new(&e);
}

/* Items have ended badly: the map will. */
void map_fail_take(struct runtime *rt, struct map_job *job, uint64_t first,
                   uint64_t count, int status, struct error *error)
{
    bool is_first = !job->status;

    if (!count) {
        error_free(error);
        return;
    }
    for (uint64_t i = first; job->item_status && i < first + count; i++)
        job->item_status[i] = status;
    if (is_better(job, first, status)) {
        if (!error && status != SCOOP_ECANCELLED)
            error = describe(rt, job, first, status);
        error_free(job->error);
        job->error = error;
        job->status = status;
        job->bad = first;
    } else {
        error_free(error);
    }
    progress_add(rt, &job->progress, 0, count);
    if (is_first && !(job->range.how & RANGE_KEEP_GOING))
        stop_others(rt, job);
}

void map_note_good(struct runtime *rt, struct map_job *job, uint64_t first,
                   uint64_t count)
{
    if (job->item_status)
        memset(job->item_status + first, 0, count * sizeof *job->item_status);
    progress_add(rt, &job->progress, count, 0);
}

void map_count_done(struct runtime *rt, struct map_job *job, uint64_t items)
{
    job->remaining -= items;
    if (!job->remaining && job->waiter)
        worker_wake(rt, job->waiter);
}

void map_end_piece(struct runtime *rt, struct future *f)
{
    struct map_job *job = f->job;

    if (f->state == FUTURE_QUEUED)
        queue_reclaim(rt);
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
    map_let_go(job);
}

/* ---- Pieces ----------------------------------------------------------- */

struct map_sizes map_sizes_of(const struct scoop_task *type,
                              const struct task_range *range)
{
    struct map_sizes size = {type->in_size, type->out_size};

    if (range->how & (RANGE_FOLD | RANGE_SWEEP))
        size.in <<= range->block;
    if (range->how & RANGE_SWEEP)
        size.out <<= range->block;
    return size;
}

static struct map_sizes sizes_of(const struct runtime *rt, const struct task *t)
{
    return map_sizes_of(registry_task(&rt->registry, t->number), &t->range);
}

struct future *map_new_piece(struct runtime *rt, struct map_job *job,
                             uint64_t first, uint64_t count)
{
    struct future *f = future_take(&rt->futures, 0);

    if (!f)
        return NULL;
    f->flags = FUTURE_PIECE;
    f->owner = job->owner;
    f->job = job;
    f->rec.path = job->path;
    f->rec.first = first;
    f->rec.count = count;
    f->rec.chunk = job->chunk;
    f->rec.priority = job->priority;
    f->rec.range = job->range;
    f->arg = job->in_size ? (char *)(uintptr_t)(job->in + first * job->in_size)
                          : NULL;
    f->rec.arg_len = count * job->in_size;
    f->rec.out = job->is_careful ? 0 : (uint64_t)(uintptr_t)job->out;
    f->rec.number = job->type->number;
    f->rec.flags = TASK_RANGE;
    link_add(frame_children(job->owner), &f->link);

    rt->futures.created++;
    job->users++;
    return f;
}

static struct future *new_guest_piece(struct runtime *rt,
                                      const struct future *of, uint64_t first,
                                      uint64_t count)
{
    struct future *f = future_take(&rt->guests, 0);
    size_t in_size = sizes_of(rt, &of->rec).in;

    if (!f)
        return NULL;
    f->flags = (uint16_t)(FUTURE_PIECE | FUTURE_GUEST |
                          (of->flags & FUTURE_CANCELLED));
    f->slice = of->slice;
    f->rec = of->rec;
    f->rec.attempt = 1;
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

void map_split(struct runtime *rt, struct future *f)
{
    uint64_t half = f->rec.count / 2;
    uint64_t first = f->rec.first + f->rec.count - half;
    size_t in_size = sizes_of(rt, &f->rec).in;
    struct future *upper = NULL;

    if (rt->is_alone || rt->is_draining)
        return;
    if (f->flags & FUTURE_GUEST)
        upper = new_guest_piece(rt, f, first, half);
    else if (f->job->owner)
        upper = map_new_piece(rt, f->job, first, half);
    if (!upper)
        return; /* goes on in one piece */
    f->rec.count -= half;
    f->rec.arg_len = f->rec.count * in_size;
    if (queue_push(rt, upper)) {
        /* No memory to queue it: put the two together again. */
        f->rec.count += half;
        f->rec.arg_len = f->rec.count * in_size;
        if (f->flags & FUTURE_GUEST) {
            link_remove(&upper->link);
            map_forget_guest(upper);
            future_put(&rt->guests, upper);
        } else {
            upper->state = FUTURE_RUNNING;
            map_end_piece(rt, upper);
        }
        return;
    }
    /* For thieves and nobody else: it is not hidden, however short its items.
     */
    offer_all_but(rt, 0);
}

/* ---- Results from elsewhere ------------------------------------------- */

static void keep_items(struct runtime *rt, struct map_job *job,
                       struct map_report *r)
{
    uint64_t at = r->first;
    size_t len = (size_t)r->done * job->out_size;

    if (len && !r->is_in_place && job->owner && job->out)
        memcpy(job->out + r->first * job->out_size, r->out, len);
    for (size_t i = 0; i < r->bads; i++) {
        const struct map_bad *bad = &r->bad[i];
        struct error *error = NULL;
        if (bad->status != SCOOP_ECANCELLED) {
            error = r->error; /* the first that failed has it */
            r->error = NULL;
        }
        map_note_good(rt, job, at, bad->first - at);
        map_fail_take(rt, job, bad->first, bad->count, (int)bad->status, error);
        at = bad->first + bad->count;
    }
    map_note_good(rt, job, at, r->first + r->count - at);
}

void map_result(struct runtime *rt, struct future *piece, uint64_t first,
                uint64_t count, int status, const void *data, size_t len)
{
    struct map_job *job = piece->job;
    struct map_report report;

    if (count > piece->rec.count || first > job->n || count > job->n - first) {
        log_error(&rt->log, "a result of %s is out of the map's range",
                  job->type->name);
        first = piece->rec.first;
        count = piece->rec.count;
        status = SCOOP_EMISMATCH;
        len = 0;
    }
    job->users++;
    int err = map_report_read(&report, first, count, job->out_size, status,
                              data, len);
    if (!err && report.is_in_place && job->is_careful)
        err = SCOOP_EMISMATCH; /* they cannot be */
    if (err)
        map_fail_take(rt, job, first, count, err, NULL);
    else
        keep_items(rt, job, &report);
    error_free(report.error);
    free(report.bad);
    piece->rec.count -= count;
    if (!piece->rec.count)
        map_end_piece(rt, piece);
    map_count_done(rt, job, count);
    map_let_go(job);
}
