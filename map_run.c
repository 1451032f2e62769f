/* SPDX-License-Identifier: MIT */
/* map_run.c -- the items of a piece: called one by one, or in a row
 *
 * Before each item there is much to look at: whether the piece was cancelled,
 * what is of higher priority, whether a thief would find anything, what came
 * by mail.  Of an item that computes for some nanoseconds all this would be
 * most of the cost.  But nearly all of it can only change where the library is
 * called.
 *
 * So short items are called in a row, up to as many as there are library calls
 * between two looks around: with one word read after each that says whether a
 * thief was there, and a few in memory of this rank that say whether the item
 * did anything but compute.
 *
 * A guest whose home is of its node does not have its input and its results
 * carried by messages.  It reads and writes the home's arrays where they lie
 * (node_reach.c), a page at a time, that is, so many items as fit in its cache
 * together:
 *
 *     home   in  [ . . . . . . . . . . . . . . ]   out [ . . . . . . . . . ]
 *                        | read           write ^
 *     guest              +-> page --items--> page
 *
 * The call of the map waits until every item is reported, and an item is not
 * before its page has been written: so nothing is read or written behind the
 * caller's back.  A caller that may leave earlier, by a time-out, does not have
 * its results written to (rec.out is 0); its input is a copy that the job has.
 */
#include "map.h"

#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "clock.h"
#include "map_inside.h"
#include "node_reach.h"
#include "scan.h"
#include "worker.h"

#define REPORT_NS 100000000u /* between two reports of one guest */
#define LOOK_NS 5000u        /* between two looks around amid short items */
#define PAGE_BYTES 262144u   /* of items, or results, in a page */
#define SINGLY 16u /* items are called one by one behind one that did more */

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
    /* A guest's pages; NULL: its input is here, its results are sent. */
    char *page_in, *page_out;
    uint64_t page_items; /* in one */
    uint64_t page_first; /* results from here on are not written yet */
    uint64_t page_end;   /* items from here on are not in the page */
    int status;          /* no page was to be had */
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

/* ---- Pages ------------------------------------------------------------ */

static int home_of(const struct runtime *rt, const struct future *f)
{
    return rt->node.local_of[task_home(&f->rec)];
}

static bool reaches_home(struct runtime *rt, const struct future *f)
{
    return rt->config.node_reach &&
           node_is_mate(&rt->node, task_home(&f->rec)) &&
           node_can_reach(&rt->node, home_of(rt, f));
}

bool map_reads_input(struct runtime *rt, const struct future *f)
{
    return (f->flags & FUTURE_PIECE) && reaches_home(rt, f);
}

/* Decides on pages, and makes them.  0 or SCOOP_ENOMEM. */
static int open_pages(struct runtime *rt, struct run *run,
                      const struct future *f)
{
    const struct scoop_task *type = run->frame.type;
    bool reads = !f->arg && f->rec.arg_len;
    bool writes = run->size.out && f->rec.out && reaches_home(rt, f);
    size_t in = reads ? run->size.in : 0, out = writes ? run->size.out : 0;
    uint64_t items = PAGE_BYTES / ((in > out ? in : out) + 1) + 1;

    if (!reads && !writes)
        return 0;
    items = items < f->rec.count ? items : f->rec.count;
    if (reads)
        run->page_in = value_alloc((size_t)items * in, type->in_align);
    if (writes)
        run->page_out = value_alloc((size_t)items * out, type->out_align);
    if ((reads && !run->page_in) || (writes && !run->page_out))
        return SCOOP_ENOMEM;
    run->page_items = items;
    run->page_first = run->page_end = f->rec.first;
    return 0;
}

/* Writes home what has been done since the last time. */
static void write_page(struct runtime *rt, struct run *run,
                       const struct future *f)
{
    uint64_t items = f->rec.first - run->page_first;
    size_t len = (size_t)items * run->size.out;
    uint64_t to = f->rec.out + run->page_first * run->size.out;

    if (!run->page_out || !items)
        return;
    if (!node_write(&rt->node, home_of(rt, f), to, run->out - len, len)) {
        run->status = SCOOP_ESYSTEM;
        map_report_spoil_take(run->report, run->page_first, items,
                              SCOOP_ESYSTEM,
                              call_error(rt, f, SCOOP_ESYSTEM,
                                         "its result cannot be written home"));
    }
    run->page_first = f->rec.first;
}

/* All items of the page have been called: the next page.  false: there is
 * none. */
static bool turn_page(struct runtime *rt, struct run *run,
                      const struct future *f)
{
    uint64_t items =
        f->rec.count < run->page_items ? f->rec.count : run->page_items;

    write_page(rt, run, f);
    if (run->page_out)
        run->out = run->page_out;
    if (run->page_in) {
        run->in = run->page_in;
        if (!node_read(&rt->node, home_of(rt, f), run->page_in, f->rec.arg,
                       (size_t)items * run->size.in))
            run->status = SCOOP_ESYSTEM;
    }
    run->page_end = f->rec.first + items;
    return !run->status;
}

static void send_part(struct runtime *rt, struct run *run,
                      const struct future *f)
{
    struct map_report *report = run->report;

    if (rt->attended_ns - run->reported_ns < REPORT_NS || !f->rec.count)
        return;
    run->reported_ns = rt->attended_ns;
    write_page(rt, run, f);
    report->done = f->rec.first - report->first;
    map_report_send_part(rt, f, report);
}

/* ---- Items ------------------------------------------------------------ */

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
    uint64_t items = run->page_end - f->rec.first;
    items = items < f->rec.count ? items : f->rec.count;
    return items < WORKER_CALLS ? items : WORKER_CALLS;
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
                code || rt->calls_left != calls || call_has_traces(frame) ||
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
    if (rt->calls_left != calls || call_has_traces(frame))
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
    if (lanes_is_main(&f->rec))
        link_add(&rt->ranges, &run->range.link);
    else
        link_init(&run->range.link);
    while (f->rec.count && goes_on && !run->status && !must_stop(f)) {
        uint64_t from = f->rec.first, items;
        uint64_t word = atomic_load_explicit(public, memory_order_relaxed);
        struct error *error = NULL;
        int status;

        if (__builtin_expect(rt->lanes.filled | is_low, 0) &&
            lanes_precede(&rt->lanes, f->rec.priority)) {
            worker_yield(rt); /* a task of a higher priority goes first */
            continue;
        }
        if (f->rec.first == run->page_end && !turn_page(rt, run, f))
            break;
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
            map_note_good(rt, job, from, f->rec.first - from + !status);
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
    map_count_done(rt, job, items);
    map_let_go(job);
}

static void run_guest(struct runtime *rt, struct run *run, struct future *f)
{
    struct map_report report = {0};

    report.first = f->rec.first;
    report.out_size = run->size.out;
    run->report = &report;
    if (!must_stop(f)) {
        run->status = open_pages(rt, run, f);
        report.is_in_place = run->page_out != NULL;
    }
    if (run->size.out && !run->page_out && !run->status && !must_stop(f)) {
        report.block = value_alloc((size_t)f->rec.count * run->size.out,
                                   run->frame.type->out_align);
        if (!report.block)
            run->status = SCOOP_ENOMEM;
    }
    run->out = report.out = report.block;
    run->reported_ns = clock_now_ns();
    run_items(rt, run, f);
    write_page(rt, run, f);
    call_leave(rt, &run->frame);
    report.done = f->rec.first - report.first;
    report.count = report.done + f->rec.count;
    if (f->rec.count)
        map_report_bad_take(&report, f->rec.first, f->rec.count,
                            run->status ? run->status : SCOOP_ECANCELLED, NULL);
    map_report_send_take(rt, f, &report);
    free(run->page_in);
    free(run->page_out);
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
    map_count_done(rt, job, items);
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
    run.size = map_sizes_of(type, &piece->rec.range);
    run.page_end = UINT64_MAX;
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
