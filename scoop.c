/* SPDX-License-Identifier: MIT */
/* scoop.c -- life cycle, public calls, the dispatch table
 *
 * A farm is a struct runtime that exists from the start of scoop_run() to its
 * end.  Two words outside of it say that it exists: `runtime_current`, a
 * thread-local of the main thread, through which public calls find it, and
 * `running`, through which the other threads at least learn rank and size.
 *
 * The public calls check what the user may have got wrong and leave the rest
 * to the rooms.  The two that decide speed, scoop_submit_plain() and
 * scoop_join_plain(), do the usual case here, from top to bottom: a child that
 * is joined while it is still the newest of its parent's tasks is a function
 * call with some bookkeeping, no message, no switch, no fence.
 */
#include "scoop.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "call.h"
#include "clock.h"
#include "dump.h"
#include "helper.h"
#include "map.h"
#include "runtime.h"
#include "signals.h"
#include "transfer.h"
#include "worker.h"

extern char **environ;

_Thread_local struct runtime *runtime_current
    __attribute__((tls_model("initial-exec")));

/* The farm of this process, for threads that are not the main one.  Written
 * by the main thread only. */
static _Atomic(struct runtime *) running;

/* ---- Errors of calls -------------------------------------------------- */

void runtime_set_error_take(struct runtime *rt, struct error *e)
{
    struct frame *frame = rt->frame;

    if (!frame) {
        error_free(e);
        return;
    }
    error_free(frame->last);
    frame->last = e;
}

int runtime_fail(struct runtime *rt, int code, const char *format, ...)
{
    char words[ERROR_WORDS_MAX];
    struct scoop_error e = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    e.code = e.task_code = code;
    e.message = words;
    e.host = rt->host;
    e.rank = rt->rank;
    runtime_set_error_take(rt, error_new(&e));
    return code;
}

/* Why a call cannot be made here: NULL runtime_current. */
static int outside(void)
{
    return atomic_load(&running) ? SCOOP_ETHREAD : SCOOP_ESTATE;
}

static scoop_future no_future(int code)
{
    return (scoop_future){0, (uint64_t)(int64_t)code};
}

/* ---- Futures by handle ------------------------------------------------ */

/* The running task's own future of that name; NULL: *why says why not. */
static struct future *own(struct runtime *rt, scoop_future handle, int *why)
{
    struct future *f;

    if (!handle.id) {
        *why = (int)(int64_t)handle.generation;
        if (*why > 0 || *why < SCOOP_ERROR_LAST)
            *why = SCOOP_ESTALE;
        if (!*why)
            *why =
                runtime_fail(rt, SCOOP_EINVAL, "a detached task has no future");
        else if (*why == SCOOP_ESTALE)
            runtime_fail(rt, *why, "%s", scoop_strerror(*why));
        return NULL; /* else submit has said it */
    }
    f = future_find(&rt->futures, handle.id, handle.generation);
    if (!f || (f->flags & FUTURE_ORPHAN)) /* released: nobody's any more */
        *why = runtime_fail(rt, SCOOP_ESTALE,
                            "the future %u.%u was released or never existed",
                            (unsigned)(handle.id >> 32), (unsigned)handle.id);
    else if (f->owner != rt->frame)
        *why = runtime_fail(rt, SCOOP_EOWNER,
                            "the future %u.%u belongs to another task",
                            (unsigned)(handle.id >> 32), (unsigned)handle.id);
    else
        return f;
    return NULL;
}

static uint64_t deadline_of(const struct scoop_wait_options *options)
{
    double seconds = options ? options->timeout : 0;

    if (seconds > 0)
        return clock_deadline(seconds);
    return seconds < 0 ? 0 : CLOCK_NEVER;
}

static struct error *copy_error(const struct error *e)
{
    return e ? error_new(&e->said) : NULL;
}

static void release(struct runtime *rt, struct future *f)
{
    link_remove(&f->link);
    worker_release(rt, f);
}

/* Waits and checks; 0: f is done and went well. */
static int wait_for(struct runtime *rt, struct future *f, uint64_t deadline_ns)
{
    if (!deadline_ns && f->state != FUTURE_DONE)
        worker_yield(rt);
    int err = worker_wait(rt, f, deadline_ns);

    if (err)
        return runtime_fail(rt, err, "waiting for task %u.%u: %s",
                            (unsigned)(f->rec.id >> 32), (unsigned)f->rec.id,
                            scoop_strerror(err));
    if (f->status)
        runtime_set_error_take(rt, copy_error(f->error));
    return f->status;
}

/* ---- Submit ----------------------------------------------------------- */

static int check_task(struct runtime *rt, const struct scoop_task *task,
                      const void *arg, size_t len)
{
    if (!rt->frame)
        return SCOOP_ESTATE;
    if (!task)
        return runtime_fail(rt, SCOOP_EINVAL, "the task is NULL");
    if (!registry_has(&rt->registry, task))
        return runtime_fail(rt, SCOOP_ENOTASK,
                            "the task \"%s\" is not "
                            "registered",
                            task->name ? task->name : "?");
    if (!arg && len)
        return runtime_fail(rt, SCOOP_EINVAL, "the argument of %s is NULL",
                            task->name);
    if (task->kind == SCOOP_TYPED && len != task->in_size)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s takes %zu bytes of input, not %zu", task->name,
                            task->in_size, len);
    return 0;
}

/* memcpy for arguments that are short and of a size that the compiler does not
 * know.  They were written a moment ago, member by member, so they are copied
 * in the size of their members: a load that spans several stores which are
 * still on their way to the cache would have to wait for them. */
static inline void copy_short(void *to, const void *from, size_t len,
                              size_t align)
{
    if (align == 8) {
        for (size_t i = 0; i < len; i += 8)
            memcpy((char *)to + i, (const char *)from + i, 8);
    } else if (align == 4) {
        for (size_t i = 0; i < len; i += 4)
            memcpy((char *)to + i, (const char *)from + i, 4);
    } else {
        memcpy(to, from, len);
    }
}

/* A future whose argument does not fit in it, or not as it must be aligned. */
static struct future *make_long(struct runtime *rt,
                                const struct scoop_task *task, const void *arg,
                                size_t len)
{
    struct future *f = future_take(&rt->futures, 0);

    if (!f)
        return NULL;
    f->arg = value_alloc(len, task->in_align);
    if (!f->arg) {
        future_put(&rt->futures, f);
        return NULL;
    }
    f->flags = FUTURE_OWNS_ARG;
    memcpy(f->arg, arg, len);
    return f;
}

/* A future for a task that was checked, not queued yet; NULL: no memory. */
static inline __attribute__((always_inline)) struct future *make(
    struct runtime *rt, const struct scoop_task *task, const void *arg,
    size_t len)
{
    size_t in_room = (len + 7) & ~(size_t)7, room = in_room + task->out_size;
    struct frame *frame = rt->frame;
    struct future *f;

    if (__builtin_expect(len && (in_room > 16 * FUTURE_CLASSES ||
                                 task->in_align > 8),
                         0)) {
        f = make_long(rt, task, arg, len);
        if (!f)
            return NULL;
    } else {
        f = future_take(&rt->futures,
                        room > 16 * FUTURE_CLASSES ? in_room : room);
        if (__builtin_expect(!f, 0))
            return NULL;
        f->arg = f->data;
        if (__builtin_expect(len != 0, 1))
            copy_short(f->data, arg, len, task->in_align);
        else if (task->kind == SCOOP_TYPED)
            f->arg = NULL;
    }
    f->owner = frame;
    f->rec.path = call_next_path(frame);
    f->rec.arg_len = len;
    f->rec.number = task->number;
    rt->futures.created++;
    return f;
}

static scoop_future handle_of(const struct future *f)
{
    return (scoop_future){f->rec.id, f->rec.generation};
}

static scoop_future undo(struct runtime *rt, struct future *f, int code,
                         const char *task)
{
    rt->futures.ended++;
    link_remove(&f->link);
    future_put(&rt->futures, f);
    return no_future(
        runtime_fail(rt, code, "submit of %s: %s", task, scoop_strerror(code)));
}

scoop_future scoop_submit_plain(struct scoop_task *task, const void *arg,
                                size_t arg_len)
{
    struct runtime *rt = runtime_current;

    if (__builtin_expect(!rt, 0))
        return no_future(outside());
    if (__builtin_expect(!rt->frame || !registry_has(&rt->registry, task) ||
                             (!arg && arg_len),
                         0))
        return no_future(check_task(rt, task, arg, arg_len));
    if (__builtin_expect(--rt->calls_left == 0, 0))
        worker_attend(rt);
    struct future *f = make(rt, task, arg, arg_len);
    if (__builtin_expect(!f, 0))
        return no_future(runtime_fail(rt, SCOOP_ENOMEM,
                                      "no memory to submit %s", task->name));
    link_add(&rt->frame->children, &f->link);
    if (__builtin_expect(rt->frame->measure->is_short &&
                             !atomic_load_explicit(&rt->node.me->wanted,
                                                   memory_order_relaxed) &&
                             rt->deque.bottom - rt->deque.first <
                                 rt->private_max &&
                             rt->deque.bottom - rt->deque.reclaimed <=
                                 rt->deque.mask,
                         1)) {
        f->state = FUTURE_QUEUED;
        deque_push(&rt->deque, &f->item);
        return handle_of(f);
    }
    int err = worker_push(rt, f);
    return err ? undo(rt, f, err, task->name) : handle_of(f);
}

static int check_options(struct runtime *rt,
                         const struct scoop_submit_options *options)
{
    int place = options->place.rank_plus_1;

    if (place < 0 || place > rt->size)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "there is no rank %d to place a task on",
                            place < 0 ? -1 : place - 1);
    return 0;
}

scoop_future scoop_submit_task(const struct scoop_task *task, const void *arg,
                               size_t arg_len,
                               const struct scoop_submit_options *options)
{
    static const struct scoop_submit_options none;
    struct runtime *rt = runtime_current;

    if (!rt)
        return no_future(outside());
    if (!options)
        options = &none;
    int err = check_task(rt, task, arg, arg_len);
    if (!err)
        err = check_options(rt, options);
    if (err)
        return no_future(err);
    if (--rt->calls_left == 0)
        worker_attend(rt);
    struct future *f = make(rt, task, arg, arg_len);
    if (!f)
        return no_future(runtime_fail(rt, SCOOP_ENOMEM,
                                      "no memory to submit %s", task->name));
    scoop_future handle = handle_of(f);
    link_add(&rt->frame->children, &f->link);
    if (options->detached) {
        link_remove(&f->link);
        link_init(&f->link);
        f->owner = NULL;
        f->flags |= FUTURE_ORPHAN;
        f->rec.flags |= TASK_DETACHED;
        f->rec.parent = rt->frame->task ? rt->frame->task->rec.id : 0;
        handle = no_future(0);
    }
    if (!options->place.rank_plus_1) {
        err = worker_push(rt, f);
    } else {
        f->rec.place = options->place.rank_plus_1 - 1;
        err = f->rec.place == rt->rank ? worker_place(rt, f)
                                       : transfer_place(rt, f);
    }
    return err ? undo(rt, f, err, task->name) : handle;
}

/* ---- Wait ------------------------------------------------------------- */

static int copy_out(struct runtime *rt, struct future *f, void *out)
{
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);

    if (type->kind != SCOOP_TYPED && out)
        return runtime_fail(rt, SCOOP_EINVAL,
                            "%s is a bytes task: scoop_result_bytes() has its "
                            "result",
                            type->name);
    if (out && f->result_len)
        memcpy(out, f->result, f->result_len);
    return 0;
}

/* The usual join: the future is the newest of the queued tasks, which makes
 * it valid without a look at the table, and is called right here with the
 * caller's memory as its output.  NULL: it is not that case. */
static inline struct future *newest(struct runtime *rt, scoop_future handle,
                                    const void *out)
{
    struct deque *d = &rt->deque;

    if (d->bottom == d->first)
        return NULL;
    struct deque_item *item = d->items[(d->bottom - 1) & d->mask];
    struct future *f = future_of_item(item);
    if (!item || f->rec.id != handle.id ||
        f->rec.generation != handle.generation || f->flags ||
        f->owner != rt->frame || !call_has_room(rt))
        return NULL;
    const struct scoop_task *type = rt->registry.task[f->rec.number - 1];
    if (type->kind != SCOOP_TYPED || (!out && type->out_size))
        return NULL;
    d->bottom--;
    return f;
}

static inline int join_newest(struct runtime *rt, struct future *f, void *out)
{
    const struct scoop_task *type = rt->registry.task[f->rec.number - 1];
    struct error *error = NULL;
    struct frame frame;

    f->state = FUTURE_RUNNING;
    call_enter(rt, &frame, f, type, f->rec.path);
    int code =
        call_function(rt, &frame, f->arg, type->out_size ? out : NULL, &error);
    call_leave(rt, &frame);
    rt->futures.ended++;
    link_remove(&f->link);
    if (__builtin_expect(!f->flags, 1))
        future_put_clean(&rt->futures, f);
    else
        future_put(&rt->futures, f); /* it was cancelled meanwhile */
    if (__builtin_expect(!code, 1))
        return 0;
    code = error ? error->said.code : SCOOP_EFAILED;
    runtime_set_error_take(rt, error);
    return code;
}

static int join(struct runtime *rt, struct future *f, void *out,
                uint64_t deadline_ns)
{
    int err = wait_for(rt, f, deadline_ns);

    if (err == SCOOP_ETIMEDOUT && f->state != FUTURE_DONE)
        return err;
    if (!err)
        err = copy_out(rt, f, out);
    release(rt, f);
    return err;
}

int scoop_join_plain(scoop_future future, void *out)
{
    struct runtime *rt = runtime_current;
    int why;

    if (__builtin_expect(!rt, 0))
        return outside();
    if (__builtin_expect(--rt->calls_left == 0, 0))
        worker_attend(rt);
    struct future *f = newest(rt, future, out);
    if (__builtin_expect(f != NULL, 1))
        return join_newest(rt, f, out);
    f = own(rt, future, &why);
    return f ? join(rt, f, out, CLOCK_NEVER) : why;
}

int scoop_join_of(scoop_future future, void *out,
                  const struct scoop_wait_options *options)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return outside();
    uint64_t deadline_ns = deadline_of(options);
    if (deadline_ns == CLOCK_NEVER)
        return scoop_join_plain(future, out);
    worker_attend(rt);
    struct future *f = own(rt, future, &why);
    return f ? join(rt, f, out, deadline_ns) : why;
}

/* The waits that leave the future as it is. */
static int result_of(scoop_future future,
                     const struct scoop_wait_options *options,
                     struct future **f)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return outside();
    uint64_t deadline_ns = deadline_of(options);
    if (--rt->calls_left == 0 || deadline_ns != CLOCK_NEVER)
        worker_attend(rt);
    *f = own(rt, future, &why);
    return *f ? wait_for(rt, *f, deadline_ns) : why;
}

int scoop_result_of(scoop_future future, void *out,
                    const struct scoop_wait_options *options)
{
    struct future *f;
    int err = result_of(future, options, &f);

    return err ? err : copy_out(runtime_current, f, out);
}

int scoop_result_bytes(scoop_future future, const void **data, size_t *len,
                       const struct scoop_wait_options *options)
{
    struct future *f;
    int err = result_of(future, options, &f);

    if (data)
        *data = err ? NULL : f->result;
    if (len)
        *len = err ? 0 : f->result_len;
    return err;
}

int scoop_join_bytes(scoop_future future, void **data, size_t *len,
                     const struct scoop_wait_options *options)
{
    struct future *f = NULL;
    int err = result_of(future, options, &f);

    if (data)
        *data = NULL;
    if (len)
        *len = 0;
    if (!f || (err == SCOOP_ETIMEDOUT && f->state != FUTURE_DONE))
        return err;
    if (!err && data && f->result_len) {
        if (f->flags & FUTURE_OWNS_RESULT) {
            *data = f->result;
            f->flags &= (uint8_t)~FUTURE_OWNS_RESULT;
        } else {
            *data = malloc(f->result_len);
            if (*data)
                memcpy(*data, f->result, f->result_len);
            else
                err = runtime_fail(runtime_current, SCOOP_ENOMEM,
                                   "no memory for a result of %zu bytes",
                                   f->result_len);
        }
    }
    if (!err && len)
        *len = f->result_len;
    release(runtime_current, f);
    return err;
}

int scoop_done(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return outside();
    worker_attend(rt);
    struct future *f = own(rt, future, &why);
    if (f && f->state != FUTURE_DONE)
        worker_yield(rt);
    return f ? f->state == FUTURE_DONE : why;
}

int scoop_cancel(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return outside();
    struct future *f = own(rt, future, &why);
    if (!f)
        return why;
    worker_cancel(rt, f);
    return 0;
}

int scoop_release(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;

    if (!rt)
        return outside();
    struct future *f = own(rt, future, &why);
    if (!f)
        return why;
    release(rt, f);
    return 0;
}

/* ---- Map -------------------------------------------------------------- */

int scoop_map_task(const struct scoop_task *task, const void *in, void *out,
                   size_t n, const struct scoop_map_options *options)
{
    struct scoop_wait_options wait = {options ? options->timeout : 0};
    struct runtime *rt = runtime_current;

    if (!rt)
        return outside();
    if (!task)
        return runtime_fail(rt, SCOOP_EINVAL, "the task is NULL");
    int err = check_task(rt, task, "", task->in_size);
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
    return map_run(rt, task, in, out, n, deadline_of(&wait));
}

/* ---- Errors ----------------------------------------------------------- */

int scoop_fail(int code, const char *format, ...)
{
    struct runtime *rt = runtime_current;
    char words[ERROR_WORDS_MAX];
    struct scoop_error e = {0};
    va_list args;

    if (!code)
        code = SCOOP_EFAILED;
    if (!rt || !rt->frame || !format)
        return code;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    e.code = SCOOP_EFAILED;
    e.task_code = code;
    e.message = words;
    error_free(rt->frame->told);
    rt->frame->told = error_new(&e);
    return code;
}

const struct scoop_error *scoop_error_of(scoop_future future)
{
    struct runtime *rt = runtime_current;
    int why;
    struct future *f = rt ? own(rt, future, &why) : NULL;

    return f && f->state == FUTURE_DONE && f->error ? &f->error->said : NULL;
}

const struct scoop_error *scoop_last_error(void)
{
    struct runtime *rt = runtime_current;

    return rt && rt->frame && rt->frame->last ? &rt->frame->last->said : NULL;
}

int scoop_perror(const char *words)
{
    const struct scoop_error *e = scoop_last_error();
    char line[2 * ERROR_WORDS_MAX];

    if (e)
        error_format(e, line, sizeof line);
    else
        snprintf(line, sizeof line, "no error is known");
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    fprintf(stderr, "%s%s%s\n", words ? words : "", words ? ": " : "", line);
    return EXIT_FAILURE;
}

/* ---- Who and how much ------------------------------------------------- */

int scoop_version(void)
{
    return SCOOP_VERSION;
}

int scoop_rank(void)
{
    struct runtime *rt = atomic_load(&running);

    return rt ? rt->rank : 0;
}

int scoop_size(void)
{
    struct runtime *rt = atomic_load(&running);

    return rt ? rt->size : 1;
}

int scoop_stats(struct scoop_stats *stats)
{
    struct runtime *rt = runtime_current;

    if (!rt)
        return outside();
    if (!stats)
        return runtime_fail(rt, SCOOP_EINVAL, "stats is NULL");
    *stats = rt->stats;
    stats->messages_sent = net_sent(rt->net);
    stats->idle_seconds = clock_seconds_of(rt->idle_ns);
    stats->busy_seconds =
        clock_seconds_of(clock_now_ns() - rt->started_ns - rt->idle_ns);
    return 0;
}

const struct scoop_task *scoop_task_find(const char *name)
{
    struct runtime *rt = atomic_load(&running);

    return rt && name ? registry_find(&rt->registry, name) : NULL;
}

/* ---- Messages --------------------------------------------------------- */

static void on_dump(struct runtime *rt, struct net_message *m)
{
    (void)m;
    dump_state(rt);
}

typedef void handler(struct runtime *rt, struct net_message *m);

/* Column by column the table of wire.h, with the room that handles it. */
static handler *const handlers[WIRE_TYPES] = {
    [WIRE_TASKS] = transfer_on_tasks,
    [WIRE_STEAL] = transfer_on_steal,
    [WIRE_EMPTY] = transfer_on_empty,
    [WIRE_HUNGRY] = transfer_on_hungry,
    [WIRE_HELD] = transfer_on_held,
    [WIRE_FETCH] = transfer_on_fetch,
    [WIRE_ARG] = transfer_on_arg,
    [WIRE_RESULT] = transfer_on_result,
    [WIRE_CANCEL] = transfer_on_cancel,
    [WIRE_WAVE] = broker_on_wave,
    [WIRE_COUNT] = broker_on_count,
    [WIRE_STOP] = broker_on_stop,
    [WIRE_DUMP] = on_dump,
};

static void deliver(void *ctx, struct net_message *m)
{
    handlers[m->type](ctx, m); /* net has checked the type */
}

/* ---- Life cycle ------------------------------------------------------- */

static void warn_of_setting(void *ctx, const char *line)
{
    log_warn((const struct log *)ctx, "%s", line);
}

static void read_settings(struct runtime *rt)
{
    struct log plain;

    log_open(&plain, NULL, -1, "");
    /* One rank says it, not all; the rank is not known yet, but mpirun's and
     * srun's variables tell. */
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank)
        rank = getenv("PMIX_RANK");
    bool is_first = !rank || !strcmp(rank, "0");
    config_init(&rt->config, environ, is_first ? warn_of_setting : NULL,
                &plain);
    if (rt->config.help && is_first)
        config_print_help(stderr);
    log_close(&plain);
}

static int open_rooms(struct runtime *rt, MPI_Comm *comm)
{
    char why[512];
    struct net_start start = {0};
    int err;

    err = registry_open(&rt->registry, why, sizeof why);
    if (err) {
        log_error(&rt->log, "%s", why);
        return err;
    }
    start.comm = comm;
    start.config = &rt->config;
    start.log = &rt->log;
    start.program = rt->registry.hash;
    start.tasks = rt->registry.tasks;
    rt->handle = deliver;
    start.deliver = deliver;
    start.ctx = rt;
    err = net_open(&rt->net, &rt->node, &start);
    if (err) {
        registry_close(&rt->registry);
        return err;
    }
    rt->rank = rt->node.rank;
    rt->size = rt->node.size;
    log_close(&rt->log);
    log_open(&rt->log, &rt->config, rt->rank, rt->host);
    return 0;
}

static void set_up(struct runtime *rt)
{
    const struct node *n = &rt->node;
    struct steal_world world = {rt->rank,
                                rt->size,
                                n->nodes,
                                n->my_node,
                                n->locals,
                                n->node_of,
                                n->watcher,
                                rt->config.steal_local,
                                rt->config.steal_remote,
                                rt->config.lifelines && rt->config.steal_remote,
                                rt->config.spin_ns};

    if (!config_is_given(&rt->config, CONFIG_SPIN) && n->locals > n->cpus)
        world.spin_ns = 0;
    steal_init(&rt->steal, &world, rt->config.seed + 1);
    term_init(&rt->term, rt->rank, rt->size);
    future_table_init(&rt->futures, rt->rank, clock_now_ns());
    future_table_init(&rt->guests, -1, 0); /* found by nobody's handle */
}

static void say_stats(struct runtime *rt)
{
    struct scoop_stats s;

    if (!rt->config.stats || scoop_stats(&s))
        return;
    log_line(&rt->log, LOG_WARN,
             "stats: %llu tasks, %llu taken, %llu of %llu steals won, %llu "
             "messages, %llu stacks, busy %.3f s, idle %.3f s",
             (unsigned long long)s.tasks_run, (unsigned long long)s.tasks_taken,
             (unsigned long long)s.steals_won,
             (unsigned long long)s.steals_tried,
             (unsigned long long)s.messages_sent, (unsigned long long)s.fibers,
             s.busy_seconds, s.idle_seconds);
}

static int farm(struct runtime *rt)
{
    struct signals signals;

    set_up(rt);
    int err = worker_init(rt);
    if (err) {
        log_error(&rt->log, "cannot start: %s", scoop_strerror(err));
        net_abort(rt->net, 1); /* the others have begun */
    }
    broker_start(rt);
    signals_open(&signals);
    rt->helper = helper_start(rt);
    rt->started_ns = rt->progress_ns = clock_now_ns();
    runtime_current = rt;
    atomic_store(&running, rt);
    worker_loop(rt);
    say_stats(rt);
    atomic_store(&running, NULL);
    runtime_current = NULL;
    helper_stop(rt->helper);
    signals_close(&signals);
    int status = rt->status;
    net_close(rt->net);
    worker_fini(rt);
    future_table_fini(&rt->futures);
    future_table_fini(&rt->guests);
    registry_close(&rt->registry);
    return status;
}

/* *rank: of this process in the farm; -1: there was none. */
static int run(MPI_Comm *comm, int (*root)(void *arg), void *arg, int *rank)
{
    struct runtime *rt;
    int status;

    *rank = -1;
    if (!root || runtime_current || atomic_load(&running))
        return root ? SCOOP_ESTATE : SCOOP_EINVAL;
    rt = aligned_alloc(64, (sizeof *rt + 63) & ~(size_t)63);
    if (!rt)
        return SCOOP_ENOMEM;
    memset(rt, 0, sizeof *rt);
    rt->root = root;
    rt->root_arg = arg;
    read_settings(rt);
    gethostname(rt->host, sizeof rt->host - 1);
    log_open(&rt->log, NULL, -1, rt->host);
    status = open_rooms(rt, comm);
    if (!status) {
        *rank = rt->rank;
        status = farm(rt);
    }
    log_close(&rt->log);
    free(rt);
    return status;
}

int scoop_run(MPI_Comm comm, int (*root)(void *arg), void *arg)
{
    int rank;

    return run(&comm, root, arg, &rank);
}

struct main_call {
    int (*root)(int argc, char **argv);
    int argc;
    char **argv;
};

static int call_root(void *arg)
{
    struct main_call *m = arg;

    return m->root(m->argc, m->argv);
}

int scoop_main(int argc, char **argv, int (*root)(int argc, char **argv))
{
    struct main_call m = {root, argc, argv};
    int rank;

    if (!root) {
        fprintf(stderr, "scoop_main: the root function is NULL\n");
        return EXIT_FAILURE;
    }
    if (net_mpi_init(&m.argc, &m.argv)) {
        fprintf(stderr, "scoop_main: MPI could not be initialised\n");
        return EXIT_FAILURE;
    }
    int status = run(NULL, call_root, &m, &rank);
    net_mpi_fini();
    if (rank < 0)
        return EXIT_FAILURE;
    return rank == 0 ? status : 0;
}
