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
 * Short items are called in a row, up to as many as there are library calls
 * between two looks around: with one word read after each that says whether a
 * thief was there, and a few in memory of this rank that say whether the item
 * did anything but compute.  What else can happen only does where the library
 * is called.
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
#include "holder.h"
#include "map_inside.h"
#include "offer.h"
#include "queue.h"
#include "scan.h"
#include "settle.h"
#include "transfer.h"
#include "worker.h"

#define REPORT_NS 100000000u /* between two reports of one guest */
#define LOOK_NS 5000u        /* between two looks around amid short items */
#define SINGLY 16u /* items are called one by one behind one that did more */

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

static void note_good(struct runtime *rt, struct map_job *job, uint64_t first,
                      uint64_t count)
{
    if (job->item_status)
        memset(job->item_status + first, 0, count * sizeof *job->item_status);
    progress_add(rt, &job->progress, count, 0);
}

static void count_done(struct runtime *rt, struct map_job *job, uint64_t items)
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

/* ---- Running a piece -------------------------------------------------- */

/* What a run of a piece needs, on its stack. */
struct run {
    struct map_range range;
    struct frame frame;
    struct item_way way;
    struct map_sizes size;
    const char *in;            /* of the item that comes next; NULL: none */
    char *out;                 /* the same */
    void *scratch;             /* for blocks: room for two values */
    struct map_report *report; /* a guest's; NULL at home */
    uint64_t reported_ns;      /* when there was last one */
    uint32_t singly;           /* so many items are called one by one */
};

static int call_unit(struct runtime *rt, struct run *run,
                     const struct future *f, void *out, struct error **error)
{
    const struct task *t = &f->rec;

    if (__builtin_expect(!t->range.block, 1))
        return item_call(rt, &run->way, &run->frame, t->first, run->in, out,
                         error);
    if (t->range.how & RANGE_FOLD)
        return scan_fold_block(rt, &run->way, &run->frame, t->first,
                               t->range.block, run->in, out, run->scratch,
                               error);
    return scan_sweep_block(rt, &run->way, &run->frame, t->first,
                            t->range.block, run->in, out, run->scratch, error);
}

/* One item of a map that the caller may leave meanwhile. */
static int call_careful(struct runtime *rt, struct run *run, struct future *f,
                        struct error **error)
{
    struct map_job *job = f->job;
    void *out = value_alloc(run->size.out, job->type->out_align);

    if (run->size.out && !out)
        return SCOOP_ENOMEM;
    int status = call_unit(rt, run, f, out, error);
    if (!status && out && job->owner)
        memcpy(job->out + f->rec.first * run->size.out, out, run->size.out);
    free(out);
    return status;
}

static bool must_stop(const struct future *f)
{
    if (f->flags & FUTURE_CANCELLED)
        return true;
    if (f->flags & FUTURE_GUEST)
        return false;
    return !f->job->owner ||
           (f->job->status && !(f->rec.range.how & RANGE_KEEP_GOING));
}

/* The item has failed; whether the piece goes on. */
static bool go_on(struct runtime *rt, struct run *run, struct future *f,
                  int status, struct error *error)
{
    if (run->report) {
        if (run->out) /* see map_report.c */
            memset(run->out, 0, run->size.out);
        map_report_bad_take(run->report, f->rec.first, 1, status, error);
    } else {
        map_fail_take(rt, f->job, f->rec.first, 1, status, error);
    }
    return f->rec.range.how & RANGE_KEEP_GOING;
}

static void send_part(struct runtime *rt, struct run *run,
                      const struct future *f)
{
    struct map_report *report = run->report;

    if (rt->attended_ns - run->reported_ns < REPORT_NS || !f->rec.count)
        return;
    run->reported_ns = rt->attended_ns;
    report->done = f->rec.first - report->first;
    map_report_send_part(rt, f, report);
}

/* On by so many items, which were called. */
static void advance(struct run *run, struct future *f, uint64_t items)
{
    size_t in = (size_t)items * run->size.in;

    if (run->in)
        run->in += in;
    if (run->out)
        run->out += (size_t)items * run->size.out;
    f->rec.arg += in; /* at home, follows rec.first */
    f->rec.first += items;
    f->rec.count -= items;
}

/* How many items may be called in a row with no look but call_stretch()'s at
 * what happens meanwhile.  0: none, each has to be seen to. */
static uint64_t stretch_of(const struct runtime *rt, struct run *run,
                           const struct future *f)
{
    const struct measure *m = run->frame.measure;

    if (run->frame.type->kind != SCOOP_TYPED || run->scratch || !m->is_short ||
        m->runs_left == 1 || rt->calls_left == 1 ||
        (!run->report && f->job->is_careful))
        return 0;
    if (run->singly) {
        run->singly--;
        return 0;
    }
    return f->rec.count < WORKER_CALLS ? f->rec.count : WORKER_CALLS;
}

/* Of how a stretch of items went: counts them as runs and as library calls.
 *
 * If all of them together were short each was, and none need be timed by
 * itself.  And a look around costs as much as many of these: it is put off
 * until something may have come. */
static void count_stretch(struct runtime *rt, struct run *run, uint32_t items,
                          uint64_t began_ns)
{
    struct measure *m = run->frame.measure;
    uint64_t now_ns = clock_now_ns(), ns = now_ns - began_ns;

    if (ns > SHORT_NS)
        m->runs_left = m->runs_left - 1 > items ? m->runs_left - items : 1;
    else if (items >= SINGLY)
        m->stretch_ns = ns / items;
    if (now_ns - rt->attended_ns > LOOK_NS)
        rt->calls_left =
            rt->calls_left > items ? rt->calls_left - items + 1 : 1;
}

/* Calls so many items in a row, or until there is something to see to: one has
 * failed, called the library, or left something behind, or a thief has taken
 * what was public when `word` was read.  Steps over all that it called
 * but the last, of which it returns what item_call() does.
 *
 * That an item called the library shows in the count of calls.  One that makes
 * just as many as there are between two looks around is missed, and so is, for
 * the rest of these items, what it may have brought about. */
static int call_stretch(struct runtime *rt, struct run *run, struct future *f,
                        uint64_t items, const _Atomic uint64_t *public,
                        uint64_t word, struct error **error)
{
    struct frame *frame = &run->frame;
    int (*typed)(const void *, void *) = frame->type->typed;
    const char *in = run->in;
    char *out = run->out;
    size_t in_size = in ? run->size.in : 0, out_size = out ? run->size.out : 0;
    uint64_t first = f->rec.first, count = f->rec.count, done = 1;
    uint64_t path = run->way.path, began_ns = clock_now_ns();
    uint32_t calls = rt->calls_left;
    int code;

    frame->made = 0;
    for (;; done++) {
        frame->path = call_child_path(path, first + done);
        code = typed(in, out);
        if (__builtin_expect(
                code || rt->calls_left != calls || call_has_traces(rt, frame) ||
                    atomic_load_explicit(public, memory_order_relaxed) != word,
                0) ||
            done == items)
            break;
        /* What may be asked for, or split, by what the next one calls. */
        f->rec.first = first + done;
        f->rec.count = count - done;
        f->rec.arg += in_size;
        in += in_size;
        out += out_size;
    }
    run->in = in;
    run->out = out;
    if (rt->calls_left != calls || call_has_traces(rt, frame))
        run->singly = SINGLY; /* most likely the next ones will, too */
    rt->stats.tasks_run += done - 1;
    count_stretch(rt, run, (uint32_t)done, began_ns);
    code = call_end(rt, frame, code, error);
    if (code)
        return item_again(rt, &run->way, frame, f->rec.first, in, out, code,
                          error);
    return 0;
}

static void run_items(struct runtime *rt, struct run *run, struct future *f)
{
    struct map_job *job = run->report ? NULL : f->job;
    bool is_careful = job && job->is_careful;
    bool goes_on = true;
    uint32_t is_low = f->rec.priority < 0; /* even lane 9 goes before it */
    const _Atomic uint64_t *public =
        &lanes_ring(rt->node.me, lanes_index(&f->rec))->word;

    run->in = f->arg;
    run->range.piece = f;
    run->range.frame = &run->frame;
    if (lanes_is_main(&f->rec))
        link_add(&rt->ranges, &run->range.link);
    else
        link_init(&run->range.link);
    while (f->rec.count && goes_on && !must_stop(f)) {
        uint64_t from = f->rec.first, items;
        uint64_t word = atomic_load_explicit(public, memory_order_relaxed);
        struct error *error = NULL;
        int status;

        if (__builtin_expect(rt->lanes.filled | is_low, 0) &&
            lanes_precede(&rt->lanes, f->rec.priority)) {
            worker_yield(rt); /* a task of a higher priority goes first */
            continue;
        }
        if (__builtin_expect(!rt->is_alone, 1) &&
            item_has_none_like(rt, &f->rec))
            map_share(rt, &run->range);
        items = stretch_of(rt, run, f);
        if (items)
            status = call_stretch(rt, run, f, items, public, word, &error);
        else if (__builtin_expect(is_careful, 0))
            status = call_careful(rt, run, f, &error);
        else
            status = call_unit(rt, run, f, run->out, &error);
        if (job && (job->item_status || job->progress.is_on))
            note_good(rt, job, from, f->rec.first - from + !status);
        if (__builtin_expect(status, 0))
            goes_on = go_on(rt, run, f, status, error);
        advance(run, f, 1);
        if (__builtin_expect(--rt->calls_left == 0, 0)) {
            worker_attend(rt);
            if (run->report)
                send_part(rt, run, f);
        }
        if (job && job->progress.is_on)
            progress_tell(rt, &job->progress);
    }
    link_remove(&run->range.link);
}

static void run_home(struct runtime *rt, struct run *run, struct future *f)
{
    struct map_job *job = f->job;
    uint64_t first = f->rec.first;

    if (job->out && run->size.out)
        run->out = job->out + first * run->size.out;
    run_items(rt, run, f);
    call_leave(rt, &run->frame);
    map_fail_take(rt, job, f->rec.first, f->rec.count, SCOOP_ECANCELLED, NULL);
    uint64_t items = f->rec.first + f->rec.count - first;
    job->users++;
    map_end_piece(rt, f);
    count_done(rt, job, items);
    map_let_go(job);
}

static void run_guest(struct runtime *rt, struct run *run, struct future *f)
{
    struct map_report report = {0};
    int status = 0;

    report.first = f->rec.first;
    report.out_size = run->size.out;
    run->report = &report;
    if (run->size.out && !must_stop(f)) {
        report.block = value_alloc((size_t)f->rec.count * run->size.out,
                                   run->frame.type->out_align);
        if (!report.block)
            status = SCOOP_ENOMEM;
    }
    run->out = report.out = report.block;
    run->reported_ns = clock_now_ns();
    if (!status)
        run_items(rt, run, f);
    call_leave(rt, &run->frame);
    report.done = f->rec.first - report.first;
    report.count = report.done + f->rec.count;
    if (f->rec.count)
        map_report_bad_take(&report, f->rec.first, f->rec.count,
                            status ? status : SCOOP_ECANCELLED, NULL);
    map_report_send_take(rt, f, &report);
}

void map_drop_guest(struct runtime *rt, struct future *piece, int status,
                    struct error *error)
{
    struct map_report report = {0};

    report.first = piece->rec.first;
    report.count = piece->rec.count;
    map_report_bad_take(&report, report.first, report.count, status, error);
    map_report_send_take(rt, piece, &report);
}

void map_drop_piece(struct runtime *rt, struct future *piece, int status,
                    struct error *error)
{
    struct map_job *job = piece->job;
    uint64_t items = piece->rec.count;

    piece->state = FUTURE_RUNNING; /* it is in no queue any more */
    job->users++;
    map_fail_take(rt, job, piece->rec.first, items, status, error);
    map_end_piece(rt, piece);
    count_done(rt, job, items);
    map_let_go(job);
}

void map_run_piece(struct runtime *rt, struct future *piece)
{
    const struct scoop_task *type =
        registry_task(&rt->registry, piece->rec.number);
    struct run run;

    memset(&run, 0, sizeof run);
    run.way.path = piece->rec.path;
    run.way.retries = piece->rec.range.retries;
    run.size = sizes_of(rt, &piece->rec);
    if (piece->rec.range.block) {
        run.scratch = value_alloc(2 * type->out_size, type->out_align);
        if (!run.scratch) {
            if (piece->flags & FUTURE_GUEST)
                map_drop_guest(rt, piece, SCOOP_ENOMEM, NULL);
            else
                map_drop_piece(rt, piece, SCOOP_ENOMEM, NULL);
            return;
        }
    }
    piece->state = FUTURE_RUNNING;
    call_enter(rt, &run.frame, piece, type, run.way.path);

    if (piece->flags & FUTURE_GUEST)
        run_guest(rt, &run, piece);
    else
        run_home(rt, &run, piece);
    free(run.scratch);
}

/* ---- Results from elsewhere ------------------------------------------- */

static void keep_items(struct runtime *rt, struct map_job *job,
                       struct map_report *r)
{
    uint64_t at = r->first;
    size_t len = (size_t)r->done * job->out_size;

    if (len && job->owner && job->out)
        memcpy(job->out + r->first * job->out_size, r->out, len);
    for (size_t i = 0; i < r->bads; i++) {
        const struct map_bad *bad = &r->bad[i];
        struct error *error = NULL;
        if (bad->status != SCOOP_ECANCELLED) {
            error = r->error; /* the first that failed has it */
            r->error = NULL;
        }
        note_good(rt, job, at, bad->first - at);
        map_fail_take(rt, job, bad->first, bad->count, (int)bad->status, error);
        at = bad->first + bad->count;
    }
    note_good(rt, job, at, r->first + r->count - at);
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
    if (err)
        map_fail_take(rt, job, first, count, err, NULL);
    else
        keep_items(rt, job, &report);
    error_free(report.error);
    free(report.bad);
    piece->rec.count -= count;
    if (!piece->rec.count)
        map_end_piece(rt, piece);
    count_done(rt, job, count);
    map_let_go(job);
}
