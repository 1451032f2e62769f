/* SPDX-License-Identifier: MIT */
/* scoop_macros.h -- what the macros of scoop.h are made of; not for direct use
 *
 * The second half of scoop.h, which includes it: structs that hold the options
 * of one call, inline functions that pass them on, the descriptors of tasks.
 * None of it is a contract; it may change with any version.
 */
#ifndef SCOOP_H
#error "scoop_macros.h is a part of scoop.h: include that"
#endif
#ifndef SCOOP_MACROS_H
#define SCOOP_MACROS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined __has_attribute
#if __has_attribute(retain)
#define SCOOP_RETAIN_ __attribute__((used, retain))
#endif
#endif
#ifndef SCOOP_RETAIN_
#define SCOOP_RETAIN_ __attribute__((used))
#endif

SCOOP_API scoop_future scoop_submit_plain(struct scoop_task *task,
                                          const void *arg, size_t arg_len);
SCOOP_API int scoop_join_plain(scoop_future future, void *out);
SCOOP_API int scoop_map_plain(struct scoop_task *task, const void *in,
                              void *out, size_t n);

struct scoop_shutdown_ {
    char nothing;
    SCOOP_SHUTDOWN_OPTIONS
};

#ifndef __cplusplus
static inline int scoop_shutdown_(struct scoop_shutdown_ s)
{
    struct scoop_shutdown_options options;
    options.cancel = s.cancel;
    options.timeout = s.timeout;
    return scoop_shutdown_farm(&options);
}
#endif

struct scoop_wait_ {
    void *out;
    double timeout;
};

#ifndef __cplusplus
struct scoop_wait_bytes_ {
    size_t *len;
    double timeout;
};

static inline int scoop_result_bytes_(scoop_future future, const void **data,
                                      struct scoop_wait_bytes_ w)
{
    struct scoop_wait_options options;
    options.timeout = w.timeout;
    return scoop_result_bytes_of(future, data, w.len, &options);
}

static inline int scoop_join_bytes_(scoop_future future, void **data,
                                    struct scoop_wait_bytes_ w)
{
    struct scoop_wait_options options;
    options.timeout = w.timeout;
    return scoop_join_bytes_of(future, data, w.len, &options);
}

static inline int scoop_result_(scoop_future future, struct scoop_wait_ w)
{
    struct scoop_wait_options options;
    options.timeout = w.timeout;
    return scoop_result_of(future, w.out, &options);
}

static inline int scoop_join_(scoop_future future, struct scoop_wait_ w)
{
    struct scoop_wait_options options;
    if (!(w.timeout > 0) && !(w.timeout < 0))
        return scoop_join_plain(future, w.out);
    options.timeout = w.timeout;
    return scoop_join_of(future, w.out, &options);
}
#endif

#ifndef __cplusplus
/* The last argument that a macro names itself, and behind it the options that
 * its caller names. */
#define SCOOP_CALL_(name, argument, options_type, members)                     \
    struct name {                                                              \
        argument;                                                              \
        union {                                                                \
            struct {                                                           \
                members                                                        \
            };                                                                 \
            struct options_type options;                                       \
        };                                                                     \
    };
SCOOP_CALL_(scoop_exception_, const struct scoop_error **error,
            scoop_wait_options, double timeout;)
SCOOP_CALL_(scoop_wait_many_, size_t n, scoop_wait_many_options,
            SCOOP_WAIT_MANY_OPTIONS)
SCOOP_CALL_(scoop_next_, scoop_future *future, scoop_wait_options,
            double timeout;)
SCOOP_CALL_(scoop_next_item_, int *status, scoop_wait_options, double timeout;)
SCOOP_CALL_(scoop_map_iter_, size_t n, scoop_iter_options, SCOOP_ITER_OPTIONS)
SCOOP_CALL_(scoop_map_gen_, void *ctx, scoop_iter_options, SCOOP_ITER_OPTIONS)
SCOOP_CALL_(scoop_map_each_,
            int (*put)(void *ctx, uint64_t index, const void *out, int status),
            scoop_each_options, SCOOP_EACH_OPTIONS)

static inline int scoop_exception_(scoop_future future,
                                   struct scoop_exception_ c)
{
    return scoop_exception_of(future, c.error, &c.options);
}
static inline int scoop_wait_many_(const scoop_future *futures,
                                   struct scoop_wait_many_ c)
{
    return scoop_wait_many(futures, c.n, &c.options);
}
static inline int scoop_next_(scoop_iter *iter, struct scoop_next_ c)
{
    return scoop_next_of(iter, c.future, &c.options);
}
static inline int scoop_next_item_(scoop_iter *iter, uint64_t *index, void *out,
                                   struct scoop_next_item_ c)
{
    return scoop_next_item_of(iter, index, out, c.status, &c.options);
}
static inline int scoop_map_iter_(const struct scoop_task *task,
                                  scoop_iter **iter, const void *in,
                                  struct scoop_map_iter_ c)
{
    return scoop_map_iter_task(task, iter, in, c.n, &c.options);
}
static inline int scoop_map_gen_(const struct scoop_task *task,
                                 scoop_iter **iter,
                                 int (*next)(void *ctx, void *item),
                                 struct scoop_map_gen_ c)
{
    return scoop_map_gen_task(task, iter, next, c.ctx, &c.options);
}
static inline int scoop_map_each_(const struct scoop_task *task,
                                  int (*next)(void *ctx, void *item), void *ctx,
                                  struct scoop_map_each_ c)
{
    return scoop_map_each_task(task, next, ctx, c.put, &c.options);
}
#endif

/* Constants: what stands behind the macros. */
#define SCOOP_FIRST_(first, ...) first

struct scoop_const_in_ {
    const char *name;
    const void *data;
    const struct json_t *json;
    const struct scoop_task *task;
    size_t len;
    double timeout;
};
struct scoop_const_out_ {
    void *where;
    const void **data;
    struct json_t **json;
    const struct scoop_task **task;
    size_t *len;
    double timeout;
};

static inline int scoop_const_set_one_(const char *name,
                                       enum scoop_const_kind kind, size_t len,
                                       struct scoop_const_in_ in)
{
    struct scoop_wait_options options;
    struct scoop_const one;
    one.name = name;
    one.kind = kind;
    one.data = in.data;
    one.len = len;
    one.json = in.json;
    one.task = in.task;
    one.version = 0;
    options.timeout = in.timeout;
    return scoop_const_set_of(&one, 1, &options);
}

static inline int scoop_const_get_one_(const char *name,
                                       enum scoop_const_kind kind,
                                       struct scoop_const *found,
                                       double timeout)
{
    struct scoop_wait_options options;
    found->kind = kind;
    found->data = 0;
    found->len = 0;
    options.timeout = timeout;
    return scoop_const_get_of(name, found, &options);
}

/* As scoop_const_get(): *(T **)where = the address, if the size is that. */
SCOOP_API int scoop_const_get_typed(const char *name, void *where, size_t size,
                                    const struct scoop_wait_options *options);

#ifndef __cplusplus
static inline int scoop_const_set_(const char *name, size_t size,
                                   struct scoop_const_in_ in)
{
    return scoop_const_set_one_(name, SCOOP_CONST_TYPED, size, in);
}
static inline int scoop_const_set_bytes_(const char *name,
                                         struct scoop_const_in_ in)
{
    return scoop_const_set_one_(name, SCOOP_CONST_BYTES, in.len, in);
}
static inline int scoop_const_set_json_(const char *name,
                                        struct scoop_const_in_ in)
{
    return scoop_const_set_one_(name, SCOOP_CONST_JSON, 0, in);
}
static inline int scoop_const_set_task_(const char *name,
                                        struct scoop_const_in_ in)
{
    return scoop_const_set_one_(name, SCOOP_CONST_TASK, 0, in);
}
static inline int scoop_const_set_many_(const struct scoop_const *consts,
                                        struct scoop_const_in_ in)
{
    struct scoop_wait_options options;
    options.timeout = in.timeout;
    return scoop_const_set_of(consts, in.len, &options);
}
static inline int scoop_const_get_(const char *name, size_t size,
                                   struct scoop_const_out_ out)
{
    struct scoop_wait_options options;
    options.timeout = out.timeout;
    return scoop_const_get_typed(name, out.where, size, &options);
}
static inline int scoop_const_delete_(struct scoop_const_in_ in)
{
    struct scoop_wait_options options;
    options.timeout = in.timeout;
    return scoop_const_delete_of(in.name, &options);
}
#endif

static inline int scoop_const_get_bytes_(const char *name,
                                         struct scoop_const_out_ out)
{
    struct scoop_const found;
    int err =
        scoop_const_get_one_(name, SCOOP_CONST_BYTES, &found, out.timeout);
    if (!err && out.data)
        *out.data = found.data;
    if (!err && out.len)
        *out.len = found.len;
    return err;
}
static inline int scoop_const_get_json_(const char *name,
                                        struct scoop_const_out_ out)
{
    struct scoop_const found;
    int err = scoop_const_get_one_(name, SCOOP_CONST_JSON, &found, out.timeout);
    if (!err && out.json)
        *out.json = (struct json_t *)found.json;
    return err;
}
static inline int scoop_const_get_task_(const char *name,
                                        struct scoop_const_out_ out)
{
    struct scoop_const found;
    int err = scoop_const_get_one_(name, SCOOP_CONST_TASK, &found, out.timeout);
    if (!err && out.task)
        *out.task = found.task;
    return err;
}

/* The path hash of the n-th child, from 1, of a task. */
static inline uint64_t scoop_child_path_(uint64_t path, uint64_t n)
{
    uint64_t x = (path + n) * 0x9e3779b97f4a7c15u;

    return x ^ x >> 29;
}

/* ---- The inline half of submit ----
 *
 * What it needs to know of the library's state; the library asserts that it
 * agrees.  fresh.c says what this is about. */
struct scoop_frame_ {
    uint64_t path, made;
};

struct scoop_fresh_ {
    uint64_t item;
    uint8_t state, size_class, others[6];
    struct scoop_frame_ *owner;
    void *arg;
    struct {
        uint64_t id, generation, parent, path, first, count;
        uint32_t then, hops;
        uint64_t created_ns, timeout_ns, arg, arg_len;
        uint32_t number, others[3];
    } rec;
    uint64_t more[6];
    unsigned char data[16]; /* or more: by its class */
};

struct scoop_here_ {
    struct scoop_frame_ *frame;
    struct scoop_fresh_ **top, **limit;
    const uint32_t *wanted;
    uint64_t now_ns;
};

/* The farm of this thread; never NULL. */
SCOOP_API extern __thread struct scoop_here_ *scoop_here_
    __attribute__((tls_model("initial-exec")));

#define SCOOP_LIKELY_(x) __builtin_expect(!!(x), 1)
#define SCOOP_INLINE_ static inline __attribute__((always_inline)) SCOOP_UNUSED
#define SCOOP_FRESH_MAX_ ((size_t)96) /* bytes of data in a future */

/* An argument was written a moment ago, member by member, so it is copied in
 * the size of its members: a load that spans several stores which are still on
 * their way to the cache would have to wait for them. */
SCOOP_INLINE_ void scoop_copy_(void *to, const void *from, size_t len,
                               size_t align)
{
    size_t i, step = align == 8 ? 8 : align == 4 ? 4 : len;

    for (i = 0; i < len; i += step)
        __builtin_memcpy((char *)to + i, (const char *)from + i, step);
}

/* For a typed task without options, with sizes that the compiler knows: the
 * free future at the top of the stack of fresh ones becomes one.  Where there
 * is no stack, no room or somebody who wants work the library does it all. */
SCOOP_INLINE_ scoop_future scoop_submit_fresh_(struct scoop_task *task,
                                               const void *arg, size_t len,
                                               size_t align)
{
    struct scoop_here_ *here = scoop_here_;
    struct scoop_fresh_ **top = here->top;
    uint64_t id, generation;
    scoop_future future;

    if (align <= 8 && len <= SCOOP_FRESH_MAX_ && (arg || !len) &&
        SCOOP_LIKELY_(top < here->limit &&
                      !__atomic_load_n(here->wanted, __ATOMIC_RELAXED) &&
                      task->number) &&
        (len <= 16 || SCOOP_LIKELY_((*top)->size_class >= (len - 1) / 16))) {
        struct scoop_fresh_ *f = *top;
        f->owner = here->frame;
        f->rec.path = scoop_child_path_(here->frame->path, ++here->frame->made);
        f->rec.created_ns = here->now_ns;
        f->rec.number = task->number;
        if (len)
            scoop_copy_(f->data, arg, len, align);
        here->top = top + 1;
        id = f->rec.id;
        generation = f->rec.generation;
    } else {
        future = scoop_submit_plain(task, arg, len);
        id = future.id;
        generation = future.generation;
    }
    /* Keeps the two halves in registers: gcc would store or load them one by
     * one and then as a pair, which waits for the stores of both. */
    __asm__("" : "+r"(id), "+r"(generation));
    future.id = id;
    future.generation = generation;
    return future;
}

/* Whether there are options: decided when the program is compiled. */
SCOOP_INLINE_ int scoop_is_plain_(const struct scoop_submit_options *o)
{
    return !o->place.kind && !o->detached && o->timeout >= 0 &&
           o->timeout <= 0 && o->deadline >= 0 &&
           o->deadline <= 0 && /* 0, and not NaN */
           !o->retries && !o->priority && !o->borrow && !o->take &&
           !o->done_there;
}

static inline int scoop_map_(struct scoop_task *task, const void *in, void *out,
                             size_t n, const struct scoop_map_options *o)
{
    if (o->timeout >= 0 && o->timeout <= 0 && !o->chunk && !o->retries &&
        !o->on_error && !o->status && !o->priority && !o->progress &&
        !o->on_progress)
        return scoop_map_plain(task, in, out, n);
    return scoop_map_task(task, in, out, n, o);
}

/* The bounds of this object's own section; the linker makes them.  Weak, for
 * an object without tasks; hidden, so that a shared library reads its own. */
#define SCOOP_BOUND_ __attribute__((weak, visibility("hidden")))
extern struct scoop_task *const __start_scoop_tasks[] SCOOP_BOUND_;
extern struct scoop_task *const __stop_scoop_tasks[] SCOOP_BOUND_;

#ifndef SCOOP_NO_TASKS
__attribute__((constructor)) static void scoop_add_tasks_(void)
{
    static struct scoop_section section;
    section.start = __start_scoop_tasks;
    section.stop = __stop_scoop_tasks;
    if (section.start != section.stop)
        scoop_add_section(&section);
}
#endif

#ifdef __cplusplus
} /* extern "C" */
template <typename T> struct scoop_sizeof_ {
    static constexpr size_t value = sizeof(T);
};
template <> struct scoop_sizeof_<scoop_none> {
    static constexpr size_t value = 0;
};
template <typename T>
static inline int scoop_const_set(const char *name, const T *value,
                                  double timeout = 0)
{
    struct scoop_const_in_ in = scoop_const_in_();
    in.data = value;
    in.timeout = timeout;
    return scoop_const_set_one_(name, SCOOP_CONST_TYPED, sizeof(T), in);
}
static inline int scoop_const_set_bytes(const char *name, const void *data,
                                        size_t len, double timeout = 0)
{
    struct scoop_const_in_ in = scoop_const_in_();
    in.data = data;
    in.timeout = timeout;
    return scoop_const_set_one_(name, SCOOP_CONST_BYTES, len, in);
}
static inline int scoop_const_set_json(const char *name,
                                       const struct json_t *json,
                                       double timeout = 0)
{
    struct scoop_const_in_ in = scoop_const_in_();
    in.json = json;
    in.timeout = timeout;
    return scoop_const_set_one_(name, SCOOP_CONST_JSON, 0, in);
}
static inline int scoop_const_set_task(const char *name,
                                       const struct scoop_task *task,
                                       double timeout = 0)
{
    struct scoop_const_in_ in = scoop_const_in_();
    in.task = task;
    in.timeout = timeout;
    return scoop_const_set_one_(name, SCOOP_CONST_TASK, 0, in);
}
static inline int scoop_const_set_many(const struct scoop_const *consts,
                                       size_t n, double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_const_set_of(consts, n, &options);
}
template <typename T>
static inline int scoop_const_get(const char *name, const T **where,
                                  double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_const_get_typed(name, where, sizeof(T), &options);
}
static inline int scoop_const_get_bytes(const char *name, const void **data,
                                        size_t *len, double timeout = 0)
{
    struct scoop_const_out_ out = scoop_const_out_();
    out.data = data;
    out.len = len;
    out.timeout = timeout;
    return scoop_const_get_bytes_(name, out);
}
static inline int scoop_const_get_json(const char *name, struct json_t **json,
                                       double timeout = 0)
{
    struct scoop_const_out_ out = scoop_const_out_();
    out.json = json;
    out.timeout = timeout;
    return scoop_const_get_json_(name, out);
}
static inline int scoop_const_get_task(const char *name,
                                       const struct scoop_task **task,
                                       double timeout = 0)
{
    struct scoop_const_out_ out = scoop_const_out_();
    out.task = task;
    out.timeout = timeout;
    return scoop_const_get_task_(name, out);
}
static inline int scoop_const_delete(const char *name, double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_const_delete_of(name, &options);
}
#define SCOOP_SIZEOF_(type) scoop_sizeof_<type>::value
#define SCOOP_ALIGNOF_(type) alignof(type)
#else
#define SCOOP_SIZEOF_(type)                                                    \
    _Generic((type *)0, struct scoop_none * : (size_t)0, default : sizeof(type))
#define SCOOP_ALIGNOF_(type) _Alignof(type)
#endif

#define SCOOP_ENTRY_(fn)                                                       \
    SCOOP_RETAIN_ __attribute__((section(                                      \
        "scoop_tasks"))) static struct scoop_task *const scoop_entry_##fn =    \
        &scoop_task_##fn;

/* linkage: `static`, or a declaration that gives the name its linkage */
#define SCOOP_TYPED_TASK_(linkage, fn, task_name, in, out)                     \
    static int scoop_typed_##fn(const void *input, void *output)               \
    {                                                                          \
        return fn(SCOOP_SIZEOF_(in) ? (const in *)input : (const in *)0,       \
                  SCOOP_SIZEOF_(out) ? (out *)output : (out *)0);              \
    }                                                                          \
    linkage struct scoop_task scoop_task_##fn = {task_name,                    \
                                                 &scoop_typed_##fn,            \
                                                 0,                            \
                                                 0,                            \
                                                 SCOOP_SIZEOF_(in),            \
                                                 SCOOP_SIZEOF_(out),           \
                                                 SCOOP_ALIGNOF_(in),           \
                                                 SCOOP_ALIGNOF_(out),          \
                                                 SCOOP_TYPED,                  \
                                                 0};                           \
    SCOOP_ENTRY_(fn)

/* `input` is two pointers: to the left and to the right operand. */
#define SCOOP_OPERATOR_(linkage, fn, task_name, type)                          \
    static int scoop_typed_##fn(const void *input, void *output)               \
    {                                                                          \
        const void *const *pair_ = (const void *const *)input;                 \
        return fn((const type *)pair_[0], (const type *)pair_[1],              \
                  (type *)output);                                             \
    }                                                                          \
    linkage struct scoop_task scoop_task_##fn = {task_name,                    \
                                                 &scoop_typed_##fn,            \
                                                 0,                            \
                                                 0,                            \
                                                 SCOOP_SIZEOF_(type),          \
                                                 SCOOP_SIZEOF_(type),          \
                                                 SCOOP_ALIGNOF_(type),         \
                                                 SCOOP_ALIGNOF_(type),         \
                                                 SCOOP_OPERATOR,               \
                                                 0};                           \
    SCOOP_ENTRY_(fn)

#define SCOOP_BYTES_TASK_(linkage, fn, task_name)                              \
    linkage struct scoop_task scoop_task_##fn = {task_name,   0, &fn, 0,       \
                                                 0,           0, 16,  16,      \
                                                 SCOOP_BYTES, 0};              \
    SCOOP_ENTRY_(fn)

#define SCOOP_SUBMIT_TYPED_(fn, arg, o, in)                                    \
    scoop_is_plain_(o)                                                         \
        ? scoop_submit_fresh_(&scoop_task_##fn, arg, SCOOP_SIZEOF_(in),        \
                              SCOOP_ALIGNOF_(in))                              \
        : scoop_submit_task(&scoop_task_##fn, arg, SCOOP_SIZEOF_(in), o)
#define SCOOP_SUBMIT_BYTES_(fn, data, len, o)                                  \
    scoop_is_plain_(o) ? scoop_submit_plain(&scoop_task_##fn, data, len)       \
                       : scoop_submit_task(&scoop_task_##fn, data, len, o)
#define SCOOP_COPY_SUBMIT_(o, s)                                               \
    o.place = s.place;                                                         \
    o.detached = s.detached;                                                   \
    o.timeout = s.timeout;                                                     \
    o.deadline = s.deadline;                                                   \
    o.retries = s.retries;                                                     \
    o.priority = s.priority;                                                   \
    o.borrow = s.borrow;                                                       \
    o.take = s.take;                                                           \
    o.done_there = s.done_there;
/* They check types, and are all that reduce and scan need of a task. */
#define SCOOP_TYPES_(fn, in_type, out_type)                                    \
    static inline SCOOP_UNUSED const in_type *scoop_input_of_##fn(             \
        const in_type *p_)                                                     \
    {                                                                          \
        return p_;                                                             \
    }                                                                          \
    static inline SCOOP_UNUSED out_type *scoop_output_of_##fn(out_type *p_)    \
    {                                                                          \
        return p_;                                                             \
    }
#define SCOOP_COPY_REDUCE_OPTIONS_(to, from)                                   \
    (to).timeout = (from).timeout;                                             \
    (to).chunk = (from).chunk;                                                 \
    (to).retries = (from).retries;                                             \
    (to).priority = (from).priority;

#ifndef __cplusplus
#define SCOOP_REDUCE_CALL_(what, op, task, in, out, ...)                       \
    scoop_##what##_by_##op(task, in, out,                                      \
                           (struct scoop_##what##_##op){.n = __VA_ARGS__})
#define SCOOP_OPERATOR_CALLS_(fn, type)                                        \
    struct scoop_reduce_##fn {                                                 \
        size_t n;                                                              \
        const type *neutral;                                                   \
        SCOOP_REDUCE_OPTIONS                                                   \
    };                                                                         \
    struct scoop_scan_##fn {                                                   \
        size_t n;                                                              \
        SCOOP_REDUCE_OPTIONS                                                   \
    };                                                                         \
    static inline SCOOP_UNUSED int scoop_reduce_by_##fn(                       \
        struct scoop_task *task_, const void *in_, type *out_,                 \
        struct scoop_reduce_##fn r_)                                           \
    {                                                                          \
        struct scoop_reduce_options options;                                   \
        options.neutral = r_.neutral;                                          \
        SCOOP_COPY_REDUCE_OPTIONS_(options, r_)                                \
        return scoop_map_reduce_task(task_, &scoop_task_##fn, in_, out_, r_.n, \
                                     &options);                                \
    }                                                                          \
    static inline SCOOP_UNUSED int scoop_scan_by_##fn(                         \
        struct scoop_task *task_, const void *in_, type *out_,                 \
        struct scoop_scan_##fn s_)                                             \
    {                                                                          \
        struct scoop_scan_options options;                                     \
        SCOOP_COPY_REDUCE_OPTIONS_(options, s_)                                \
        return scoop_map_scan_task(task_, &scoop_task_##fn, in_, out_, s_.n,   \
                                   &options);                                  \
    }                                                                          \
    SCOOP_TYPES_(fn, type, type)
#define SCOOP_TYPED_CALLS_(fn, in_type, out_type)                              \
    SCOOP_TYPES_(fn, in_type, out_type)                                        \
    struct scoop_submit_##fn {                                                 \
        const in_type *arg;                                                    \
        SCOOP_SUBMIT_OPTIONS                                                   \
    };                                                                         \
    struct scoop_map_##fn {                                                    \
        const in_type *in;                                                     \
        out_type *out;                                                         \
        size_t n;                                                              \
        SCOOP_MAP_OPTIONS                                                      \
    };                                                                         \
    static inline SCOOP_UNUSED scoop_future scoop_submit_##fn(                 \
        struct scoop_submit_##fn s)                                            \
    {                                                                          \
        struct scoop_submit_options o;                                         \
        SCOOP_COPY_SUBMIT_(o, s)                                               \
        return SCOOP_SUBMIT_TYPED_(fn, s.arg, &o, in_type);                    \
    }                                                                          \
    static inline SCOOP_UNUSED int scoop_map_##fn(struct scoop_map_##fn m)     \
    {                                                                          \
        struct scoop_map_options options;                                      \
        options.timeout = m.timeout;                                           \
        options.chunk = m.chunk;                                               \
        options.retries = m.retries;                                           \
        options.on_error = m.on_error;                                         \
        options.status = m.status;                                             \
        options.priority = m.priority;                                         \
        options.progress = m.progress;                                         \
        options.on_progress = m.on_progress;                                   \
        options.progress_arg = m.progress_arg;                                 \
        return scoop_map_(&scoop_task_##fn, m.in, m.out, m.n, &options);       \
    }
#define SCOOP_BYTES_CALLS_(fn)                                                 \
    struct scoop_submit_##fn {                                                 \
        const void *arg;                                                       \
        size_t len;                                                            \
        SCOOP_SUBMIT_OPTIONS                                                   \
    };                                                                         \
    static inline SCOOP_UNUSED scoop_future scoop_submit_##fn(                 \
        struct scoop_submit_##fn s)                                            \
    {                                                                          \
        struct scoop_submit_options o;                                         \
        SCOOP_COPY_SUBMIT_(o, s)                                               \
        return SCOOP_SUBMIT_BYTES_(fn, s.arg, s.len, &o);                      \
    }
#else
/* C++ has no options by name: fill a struct scoop_submit_options. */
#define SCOOP_REDUCE_CALL_(what, op, task, in, out, ...)                       \
    scoop_##what##_by_##op(task, in, out, __VA_ARGS__)
#define SCOOP_OPERATOR_CALLS_(fn, type)                                        \
    static inline SCOOP_UNUSED int scoop_reduce_by_##fn(                       \
        struct scoop_task *task_, const void *in_, type *out_, size_t n_,      \
        struct scoop_reduce_options o_ = scoop_reduce_options())               \
    {                                                                          \
        return scoop_map_reduce_task(task_, &scoop_task_##fn, in_, out_, n_,   \
                                     &o_);                                     \
    }                                                                          \
    static inline SCOOP_UNUSED int scoop_scan_by_##fn(                         \
        struct scoop_task *task_, const void *in_, type *out_, size_t n_,      \
        struct scoop_scan_options o_ = scoop_scan_options())                   \
    {                                                                          \
        return scoop_map_scan_task(task_, &scoop_task_##fn, in_, out_, n_,     \
                                   &o_);                                       \
    }                                                                          \
    SCOOP_TYPES_(fn, type, type)
#define SCOOP_TYPED_CALLS_(fn, in_type, out_type)                              \
    SCOOP_TYPES_(fn, in_type, out_type)                                        \
    static inline SCOOP_UNUSED scoop_future                                    \
        scoop_submit_##fn(const in_type *arg, struct scoop_submit_options o =  \
                                                  scoop_submit_options())      \
    {                                                                          \
        return SCOOP_SUBMIT_TYPED_(fn, arg, &o, in_type);                      \
    }                                                                          \
    static inline SCOOP_UNUSED int scoop_map_##fn(const in_type *in,           \
                                                  out_type *out, size_t n,     \
                                                  struct scoop_map_options o = \
                                                      scoop_map_options())     \
    {                                                                          \
        return scoop_map_(&scoop_task_##fn, in, out, n, &o);                   \
    }
#define SCOOP_BYTES_CALLS_(fn)                                                 \
    static inline SCOOP_UNUSED scoop_future scoop_submit_##fn(                 \
        const void *data, size_t len,                                          \
        struct scoop_submit_options o = scoop_submit_options())                \
    {                                                                          \
        return SCOOP_SUBMIT_BYTES_(fn, data, len, &o);                         \
    }
static inline int scoop_shutdown(
    struct scoop_shutdown_options options = scoop_shutdown_options())
{
    return scoop_shutdown_farm(&options);
}
static inline int scoop_result(scoop_future future, void *out,
                               double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_result_of(future, out, &options);
}
static inline int scoop_join(scoop_future future, void *out, double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_join_of(future, out, &options);
}
static inline int scoop_result_bytes(scoop_future future, const void **data,
                                     size_t *len, double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_result_bytes_of(future, data, len, &options);
}
static inline int scoop_join_bytes(scoop_future future, void **data,
                                   size_t *len, double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_join_bytes_of(future, data, len, &options);
}
static inline int scoop_exception(scoop_future future,
                                  const struct scoop_error **error,
                                  double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_exception_of(future, error, &options);
}
static inline int scoop_wait(
    const scoop_future *futures, size_t n,
    struct scoop_wait_many_options o = scoop_wait_many_options())
{
    return scoop_wait_many(futures, n, &o);
}
static inline int scoop_next(scoop_iter *iter, scoop_future *future,
                             double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_next_of(iter, future, &options);
}
static inline int scoop_next_item(scoop_iter *iter, uint64_t *index, void *out,
                                  int *status, double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_next_item_of(iter, index, out, status, &options);
}
static inline int scoop_map_iter_(
    const struct scoop_task *task, scoop_iter **iter, const void *in, size_t n,
    struct scoop_iter_options o = scoop_iter_options())
{
    return scoop_map_iter_task(task, iter, in, n, &o);
}
static inline int scoop_map_gen_(
    const struct scoop_task *task, scoop_iter **iter,
    int (*next)(void *ctx, void *item), void *ctx,
    struct scoop_iter_options o = scoop_iter_options())
{
    return scoop_map_gen_task(task, iter, next, ctx, &o);
}
static inline int scoop_map_each_(
    const struct scoop_task *task, int (*next)(void *ctx, void *item),
    void *ctx,
    int (*put)(void *ctx, uint64_t index, const void *out, int status),
    struct scoop_each_options o = scoop_each_options())
{
    return scoop_map_each_task(task, next, ctx, put, &o);
}
#endif

#ifndef SCOOP_NO_JSON
#define SCOOP_JSON_TASK_(linkage, fn, task_name)                               \
    linkage struct scoop_task scoop_task_##fn = {task_name,  0, 0, &fn,        \
                                                 0,          0, 1, 1,          \
                                                 SCOOP_JSON, 0};               \
    SCOOP_ENTRY_(fn)

#ifndef __cplusplus
#define SCOOP_JSON_CALLS_(fn)                                                  \
    struct scoop_submit_##fn {                                                 \
        json_t *arg;                                                           \
        union {                                                                \
            struct {                                                           \
                SCOOP_SUBMIT_OPTIONS                                           \
            };                                                                 \
            struct scoop_submit_options options;                               \
        };                                                                     \
    };                                                                         \
    static inline SCOOP_UNUSED scoop_future scoop_submit_##fn(                 \
        struct scoop_submit_##fn s)                                            \
    {                                                                          \
        return scoop_submit_json(&scoop_task_##fn, s.arg, &s.options);         \
    }

struct scoop_wait_json_ {
    json_t **out;
    double timeout;
};

static inline int scoop_result_json_(scoop_future future,
                                     struct scoop_wait_json_ w)
{
    struct scoop_wait_options options;
    options.timeout = w.timeout;
    return scoop_result_json_of(future, w.out, &options);
}

static inline int scoop_join_json_(scoop_future future,
                                   struct scoop_wait_json_ w)
{
    struct scoop_wait_options options;
    options.timeout = w.timeout;
    return scoop_join_json_of(future, w.out, &options);
}

struct scoop_map_json_args_ {
    json_t **out;
    union {
        struct {
            SCOOP_MAP_JSON_OPTIONS
        };
        struct scoop_map_json_options options;
    };
};

static inline int scoop_map_json_(const struct scoop_task *task,
                                  const json_t *array,
                                  struct scoop_map_json_args_ m)
{
    return scoop_map_json_of(task, array, m.out, &m.options);
}
#else
#define SCOOP_JSON_CALLS_(fn)                                                  \
    static inline SCOOP_UNUSED scoop_future scoop_submit_##fn(                 \
        json_t *value, struct scoop_submit_options o = scoop_submit_options()) \
    {                                                                          \
        return scoop_submit_json(&scoop_task_##fn, value, &o);                 \
    }
static inline int scoop_result_json(scoop_future future, json_t **value,
                                    double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_result_json_of(future, value, &options);
}
static inline int scoop_join_json(scoop_future future, json_t **value,
                                  double timeout = 0)
{
    struct scoop_wait_options options;
    options.timeout = timeout;
    return scoop_join_json_of(future, value, &options);
}
static inline int scoop_map_json_(
    const struct scoop_task *task, const json_t *array, json_t **out,
    struct scoop_map_json_options o = scoop_map_json_options())
{
    return scoop_map_json_of(task, array, out, &o);
}
#endif
#endif /* SCOOP_NO_JSON */

#endif
