/* SPDX-License-Identifier: MIT */
/* scoop.h -- a task farm for MPI programs: the whole public interface
 *
 * A complete program.  Build it with `mpicc prog.c -lscoop -ljansson`, start
 * it with `mpirun -np 4 ./prog`, or alone as `./prog`:
 *
 *     #include <scoop.h>
 *     #include <stdio.h>
 *
 *     SCOOP_TASK(square, double, double);
 *
 *     static int square(const double *x, double *y)
 *     {
 *         *y = *x * *x;
 *         return 0;                          // non-zero: the task failed
 *     }
 *
 *     static int root(int argc, char **argv)
 *     {
 *         (void)argc; (void)argv;
 *         double x[1000], y[1000];
 *         for (int i = 0; i < 1000; i++)
 *             x[i] = i;
 *         if (scoop_map(square, x, y, 1000)) // blocks; this rank helps
 *             return scoop_perror("square"); // which item, where, why
 *         printf("%g\n", y[999]);
 *         return 0;
 *     }
 *
 *     int main(int argc, char **argv) { return scoop_main(argc, argv, root); }
 *
 * The order below is that of a program's life: tasks are defined, the farm
 * is started, tasks are submitted, results are waited for, errors are told.
 *
 * Rules that hold for every call:
 *  - Calls return 0 or a negative SCOOP_E... code, unless they say otherwise.
 *  - Times are seconds (double).  Sizes are bytes (size_t).
 *  - An option that is 0 was not given.  What 0 would mean has a name of its
 *    own: `.timeout = SCOOP_NOW`, `.place = scoop_on_rank(0)`.
 *  - Unless a call says otherwise it may be made from a task only (the root
 *    function is one), on the thread that the task was started on.  From
 *    another thread (OpenMP inside a task) it returns SCOOP_ETHREAD.
 *  - Where no farm runs, submits and maps are made good serially, in this
 *    process and with one warning line; so are the waits for their futures.
 *    Other calls return SCOOP_ESTATE there.
 *  - Arguments are copied before a call returns.  Calls that keep what they
 *    are given end in _take.
 */
#ifndef SCOOP_H
#define SCOOP_H

#if defined __cplusplus && !defined OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1 /* MPI's C interface only: not its old C++ one */
#endif
#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ---------------------------------------------------------- */

#define SCOOP_VERSION_MAJOR 0
#define SCOOP_VERSION_MINOR 1
#define SCOOP_VERSION_PATCH 0
#define SCOOP_VERSION                                                          \
    (SCOOP_VERSION_MAJOR * 10000 + SCOOP_VERSION_MINOR * 100 +                 \
     SCOOP_VERSION_PATCH)

#if defined __GNUC__
#define SCOOP_API __attribute__((visibility("default")))
#define SCOOP_PRINTF(string, first)                                            \
    __attribute__((format(printf, string, first)))
#define SCOOP_UNUSED __attribute__((unused))
#else
#define SCOOP_API
#define SCOOP_PRINTF(string, first)
#define SCOOP_UNUSED
#endif

/* The version of the library that is linked, as SCOOP_VERSION is that of the
 * header.  From anywhere, at any time. */
SCOOP_API int scoop_version(void);

/* ---- Error codes ------------------------------------------------------ */

/* The one table of codes: name, number, words. */
#define SCOOP_ERRORS(X)                                                        \
    X(SCOOP_EFAILED, -1, "the task failed")                                    \
    X(SCOOP_ETIMEDOUT, -2, "the time given has passed")                        \
    X(SCOOP_ECANCELLED, -3, "the task was cancelled")                          \
    X(SCOOP_ELOST, -4, "the rank that held the task was lost")                 \
    X(SCOOP_EINVAL, -5, "an argument is not valid")                            \
    X(SCOOP_ESTALE, -6, "the future was released or never existed")            \
    X(SCOOP_EOWNER, -7, "the future belongs to another task")                  \
    X(SCOOP_ENOMEM, -8, "out of memory")                                       \
    X(SCOOP_ELIMIT, -9, "a limit of the farm was met")                         \
    X(SCOOP_ESTATE, -10, "no farm is running here")                            \
    X(SCOOP_ETHREAD, -11, "called from a thread that is not the task's own")   \
    X(SCOOP_ENOTASK, -12, "the task is not registered")                        \
    X(SCOOP_EMISMATCH, -13, "the ranks do not run the same program")           \
    X(SCOOP_EMPI, -14, "an MPI call failed")                                   \
    X(SCOOP_ESYSTEM, -15, "a call to the operating system failed")             \
    X(SCOOP_EEXPIRED, -16, "the task's own time has passed")                   \
    X(SCOOP_EEXISTS, -17, "the name is taken")                                 \
    X(SCOOP_ENOCONST, -18, "there is no such constant and there will be none") \
    X(SCOOP_EJSON, -19, "not valid JSON, or beyond its limits")                \
    X(SCOOP_ESHUTDOWN, -20, "the farm accepts no more tasks")                  \
    X(SCOOP_EEMPTY, -21, "no items, and no neutral value")

enum scoop_error_code {
    SCOOP_OK = 0,
#define SCOOP_ERROR_ENUM(name, number, words) name = (number),
    SCOOP_ERRORS(SCOOP_ERROR_ENUM)
#undef SCOOP_ERROR_ENUM
        SCOOP_ERROR_LAST = -21
};

/* What ends an iteration: not an error. */
enum { SCOOP_END = 1 };

/* The words of the table for a SCOOP_E... code ("success" for 0, "unknown
 * error" for what is not in the table).  A constant string.  From anywhere. */
SCOOP_API const char *scoop_strerror(int code);

/* ---- Tasks ------------------------------------------------------------ */

/* The type of "no input" and of "no output": SCOOP_TASK(hello, SCOOP_NONE,
 * int).  The function is called with a null pointer in that place. */
typedef struct scoop_none {
    char nothing;
} SCOOP_NONE;

/* Where a bytes task writes its result; valid until the task returns. */
typedef struct scoop_out scoop_out;

enum scoop_kind { SCOOP_TYPED = 1, SCOOP_BYTES = 2 };

/* What the library knows of a task.  Made by the macros below, at link time.
 * Programs pass its address to the plain-function forms and touch no field. */
struct scoop_task {
    const char *name;
    int (*typed)(const void *in, void *out);
    int (*bytes)(const void *data, size_t len, scoop_out *out);
    size_t in_size, out_size;   /* 0: none, and for a bytes task */
    size_t in_align, out_align; /* powers of two */
    uint32_t kind;              /* enum scoop_kind */
    uint32_t number;            /* the registry's; 0 until a farm has started */
};

/* A task's descriptor is found through the link: each object that defines
 * tasks (the program, a library of its own) has a section of pointers to
 * them, and hands its bounds over before main().  The list is sorted by name
 * and compared between the ranks when a farm starts. */
struct scoop_section {
    struct scoop_task *const *start, *const *stop;
    struct scoop_section *next;
};
SCOOP_API void scoop_add_section(struct scoop_section *section);

/* SCOOP_TASK(fn, in_type, out_type);
 *
 * Stands before the function, at file scope:
 *
 *     SCOOP_TASK(fit, struct model, double);
 *     static int fit(const struct model *m, double *chi2) { ... }
 *
 * The function returns 0, or anything else to say that it failed (see
 * scoop_fail() to say why).  It stays an ordinary function that can be called
 * directly.  The name must be unique in the program; where two files have a
 * static function of one name, SCOOP_TASK_AS(fn, "other.name", in, out) tells
 * them apart.
 *
 * SCOOP_TASK_BYTES(fn) is for data of any length:
 *
 *     SCOOP_TASK_BYTES(count);
 *     static int count(const void *data, size_t len, scoop_out *out) { ... }
 *
 * For tasks that several files submit: SCOOP_TASK_DECLARE(fn, in, out) (or
 * SCOOP_TASK_BYTES_DECLARE(fn)) in their header, and in one source file, after
 * that header, SCOOP_TASK_EXTERN(fn, in, out) (or SCOOP_TASK_BYTES_EXTERN(fn))
 * before the function, which then has external linkage.
 */
#define SCOOP_TASK(fn, in, out) SCOOP_TASK_AS(fn, #fn, in, out)
#define SCOOP_TASK_AS(fn, task_name, in, out)                                  \
    static int fn(const in *, out *);                                          \
    SCOOP_TYPED_TASK_(static, fn, task_name, in, out)                          \
    SCOOP_TYPED_CALLS_(fn, in, out)                                            \
    static int fn(const in *, out *)
#define SCOOP_TASK_DECLARE(fn, in, out)                                        \
    int fn(const in *, out *);                                                 \
    extern struct scoop_task scoop_task_##fn;                                  \
    SCOOP_TYPED_CALLS_(fn, in, out)                                            \
    int fn(const in *, out *)
#define SCOOP_TASK_EXTERN(fn, in, out)                                         \
    SCOOP_TYPED_TASK_(extern struct scoop_task scoop_task_##fn;                \
                      , fn, #fn, in, out)                                      \
    int fn(const in *, out *)

#define SCOOP_TASK_BYTES(fn) SCOOP_TASK_BYTES_AS(fn, #fn)
#define SCOOP_TASK_BYTES_AS(fn, task_name)                                     \
    static int fn(const void *, size_t, scoop_out *);                          \
    SCOOP_BYTES_TASK_(static, fn, task_name)                                   \
    SCOOP_BYTES_CALLS_(fn)                                                     \
    static int fn(const void *, size_t, scoop_out *)
#define SCOOP_TASK_BYTES_DECLARE(fn)                                           \
    int fn(const void *, size_t, scoop_out *);                                 \
    extern struct scoop_task scoop_task_##fn;                                  \
    SCOOP_BYTES_CALLS_(fn)                                                     \
    int fn(const void *, size_t, scoop_out *)
#define SCOOP_TASK_BYTES_EXTERN(fn)                                            \
    SCOOP_BYTES_TASK_(extern struct scoop_task scoop_task_##fn;, fn, #fn)      \
    int fn(const void *, size_t, scoop_out *)

/* The task of that name, or NULL: for tasks chosen at run time.  From a task
 * or, once a farm has started, from anywhere. */
SCOOP_API const struct scoop_task *scoop_task_find(const char *name);

/* A bytes task writes its result with these, in any mixture; they return 0
 * (the pointer), or SCOOP_ENOMEM (NULL); SCOOP_EINVAL for NULL arguments.  What
 * is never written is a result of 0 bytes.
 *  - scoop_out_write() appends a copy.
 *  - scoop_out_extend() appends len bytes for the task to fill; the pointer
 *    is valid until the next call with the same `out`.
 *  - scoop_out_take() makes data, which came from malloc, the whole result;
 *    what was written before is dropped, the library frees it. */
SCOOP_API int scoop_out_write(scoop_out *out, const void *data, size_t len);
SCOOP_API void *scoop_out_extend(scoop_out *out, size_t len);
SCOOP_API void scoop_out_take(scoop_out *out, void *data, size_t len);

/* From a task that fails: `return scoop_fail(3, "row %d is singular", i);`
 * The words (kept to 1,023 bytes) become the message of the error object.
 * Returns code, or SCOOP_EFAILED where code is 0.  Outside of a task (when
 * the function is called directly) it only returns the code. */
SCOOP_API int scoop_fail(int code, const char *format, ...) SCOOP_PRINTF(2, 3);

/* ---- The farm --------------------------------------------------------- */

/* Runs a farm in a program that leaves MPI to the library: initialises MPI,
 * runs root(argc, argv) as a task on rank 0 while the other ranks work,
 * finalizes MPI.  All ranks call it, from main().  Blocks until the farm has
 * ended: the root has returned and all tasks have.  Returns on rank 0 what
 * root returned, on the others 0, everywhere EXIT_FAILURE (1) where the farm
 * could not start; a line on stderr says why. */
SCOOP_API int scoop_main(int argc, char **argv,
                         int (*root)(int argc, char **argv));

/* Runs a farm in a program that owns MPI.  Collective over comm, any
 * intracommunicator, with MPI initialised at MPI_THREAD_FUNNELED or more; as
 * often as one likes; on the thread that initialised MPI.  root(arg) runs on
 * rank 0 of comm.  Blocks as above.  Does not finalize MPI, leaves comm as it
 * was.  Returns what root returned, on every rank, or SCOOP_EINVAL (NULL, an
 * intercommunicator), SCOOP_ESTATE (a farm runs already, MPI is not
 * initialised), SCOOP_EMISMATCH, SCOOP_ENOMEM, SCOOP_ESYSTEM, SCOOP_EMPI. */
SCOOP_API int scoop_run(MPI_Comm comm, int (*root)(void *arg), void *arg);

/* The number of this rank in the farm and how many there are.  Rank 0 is the
 * origin.  Where no farm runs: 0 and 1.  From any thread. */
SCOOP_API int scoop_rank(void);
SCOOP_API int scoop_size(void);
/* Whether this rank is the origin (true where no farm runs); whether a farm
 * runs in this process (from a task: true; false in calls that are made
 * outside of a farm and run serially); whether SCOOP_DEBUG is on.  From any
 * thread. */
SCOOP_API bool scoop_is_origin(void);
SCOOP_API bool scoop_is_running(void);
SCOOP_API bool scoop_is_debug(void);

/* Nodes are numbered from 0, in the order of their lowest ranks.  The node of
 * this rank; how many there are; the node of a rank (SCOOP_EINVAL: there is no
 * such rank); this rank's place among the ranks of its node, from 0; how many
 * these are.  Where no farm runs: 0, 1, 0 (of rank 0), 0 and 1.  From any
 * thread. */
SCOOP_API int scoop_node(void);
SCOOP_API int scoop_nodes(void);
SCOOP_API int scoop_node_of(int rank);
SCOOP_API int scoop_node_rank(void);
SCOOP_API int scoop_node_size(void);
/* The name of this host, never NULL.  The text is this thread's and stays as
 * it is until the thread ends.  From any thread. */
SCOOP_API const char *scoop_host(void);

/* For debugging: who works here ("3@n004": rank and host) and who is the
 * broker ("0@n001"); the broker's address and that of what is not about tasks
 * (the end of the farm, shutdown, dumps), in MPI's terms.  Never NULL.  The
 * text is this thread's, until its next call of the same name.  From any
 * thread. */
SCOOP_API const char *scoop_worker_name(void);
SCOOP_API const char *scoop_broker_name(void);
SCOOP_API const char *scoop_broker_address(void);
SCOOP_API const char *scoop_meta_address(void);

/* A number that belongs to the running task, to seed a generator with: made
 * from SCOOP_SEED and the task's way from the root (which child of which child,
 * which item of which map), so it is the same in each run, on any number of
 * ranks and wherever the task runs, and differs between tasks.  Each call in
 * one task returns the same.  Outside of a task, and on another thread than
 * the task's: that of the root. */
SCOOP_API uint64_t scoop_seed(void);
/* The index of the item of a map that runs; 0 in a task that is none. */
SCOOP_API uint64_t scoop_index(void);

enum scoop_log_level {
    SCOOP_LOG_ERROR,
    SCOOP_LOG_WARN,
    SCOOP_LOG_INFO,
    SCOOP_LOG_DEBUG
};

/* Writes one line to stderr, or to SCOOP_LOG_FILE, if SCOOP_LOG lets that
 * level through: "scoop 3@n004 12.034567 info: fit: words" (rank, host,
 * seconds since the start, level, task).  Never torn, whoever else writes;
 * newlines within become blanks, a line of more than 4,095 bytes is cut.  From
 * any thread (from others than the task's without the task's name), and where
 * no farm runs, to stderr.  Returns 0, or SCOOP_EINVAL for a level or a format
 * that is none. */
SCOOP_API int scoop_log(enum scoop_log_level level, const char *format, ...)
    SCOOP_PRINTF(2, 3);

/* SCOOP_PROLOG(fn);
 * static int fn(void) { ... }
 *
 * fn runs once in each process, on the farm's thread, before the first task of
 * its first farm; where there are several, in the order of their names.  It
 * may ask who and where it is and call scoop_log(), but submit and wait for
 * nothing.  It returns 0; anything else on any rank ends the start of the farm
 * on all, with one line, and SCOOP_EFAILED from scoop_run(). */
#define SCOOP_PROLOG(fn)                                                       \
    static int fn(void);                                                       \
    __attribute__((constructor)) static void scoop_add_prolog_##fn(void)       \
    {                                                                          \
        static struct scoop_prolog prolog;                                     \
        prolog.name = #fn;                                                     \
        prolog.run = &fn;                                                      \
        scoop_add_prolog(&prolog);                                             \
    }                                                                          \
    static int fn(void)

struct scoop_prolog {
    const char *name;
    int (*run)(void);
    struct scoop_prolog *next;
    bool has_run;
};
SCOOP_API void scoop_add_prolog(struct scoop_prolog *prolog);

/* .cancel   non-zero: cancel what is left first
 * .timeout  as for a wait */
#define SCOOP_SHUTDOWN_OPTIONS                                                 \
    int cancel;                                                                \
    double timeout;

struct scoop_shutdown_options {
    SCOOP_SHUTDOWN_OPTIONS
};

/* int err = scoop_shutdown(.cancel = 1, .timeout = seconds);
 *
 * From a task, the root or another: no rank accepts new tasks from now on
 * (submits and maps return SCOOP_ESHUTDOWN), and the call waits until none is
 * left but the calling task and those that it descends from, detached ones
 * included.  Tasks that run may wait for what they have.  Items behind the
 * calling one that stand in the same part of a map are not waited for.
 * Returns 0, SCOOP_ETIMEDOUT (the same task may call again; tasks are still
 * refused), SCOOP_ESHUTDOWN (another task has called it), SCOOP_ESTATE,
 * SCOOP_ETHREAD. */
#ifndef __cplusplus
#define scoop_shutdown(...)                                                    \
    scoop_shutdown_((struct scoop_shutdown_){.nothing = 0, __VA_ARGS__})
#endif
/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_shutdown_farm(const struct scoop_shutdown_options *options);

/* What this rank has done since the farm started.  From any task. */
struct scoop_stats {
    uint64_t tasks_run;     /* run here, items of maps included */
    uint64_t tasks_taken;   /* of these, came from other ranks */
    uint64_t steals_tried;  /* attempts to rob another rank */
    uint64_t steals_won;    /* of these, brought at least one task */
    uint64_t messages_sent; /* to other ranks */
    uint64_t fibers;        /* most task stacks in use at once */
    double busy_seconds;    /* running tasks */
    double idle_seconds;    /* looking for work, or asleep */
};
SCOOP_API int scoop_stats(struct scoop_stats *stats);

/* ---- Submit ----------------------------------------------------------- */

/* A future: the result of a task that may not have run yet.  A small value
 * to copy and store, never a pointer.  It belongs to the task that submitted
 * it, on that rank; only that task may wait for it.  When that task returns
 * its futures are released; those still unfinished are cancelled, with one
 * warning.  A future that has been released is recognised (SCOOP_ESTALE), as
 * is one of another task (SCOOP_EOWNER, or SCOOP_ESTALE if that task's rank is
 * another).
 * A future of {0, ...} is none: a submit that failed returns one that carries
 * its error, which every call on it returns. */
typedef struct scoop_future {
    uint64_t id, generation;
} scoop_future;

/* Where a task shall run.  scoop_on_rank(r): on rank r and nowhere else. */
typedef struct scoop_place {
    int32_t rank_plus_1;
} scoop_place;

static inline scoop_place scoop_on_rank(int rank)
{
    scoop_place place;
    place.rank_plus_1 = rank < 0 || rank == INT32_MAX ? -1 : rank + 1;
    return place;
}

/* .place     where to run (default: wherever a rank is free)
 * .detached  non-zero: give the task to the farm.  There is no handle (the
 *            future returned is none, of error 0), the result is dropped, a
 *            failure is logged, and the farm does not end before it has. */
#define SCOOP_SUBMIT_OPTIONS                                                   \
    scoop_place place;                                                         \
    int detached;

struct scoop_submit_options {
    SCOOP_SUBMIT_OPTIONS
};

/* scoop_future f = scoop_submit(task, &arg, .option = ..., ...);
 * scoop_future f = scoop_submit(bytes_task, data, .len = n, ...);
 *
 * Makes a task of `task` and a copy of *arg and returns its future.  Does not
 * wait for the task; may run it, or other tasks, before it returns.  The type
 * of arg is checked by the compiler.  A task without input takes NULL.  On
 * error (SCOOP_EINVAL, SCOOP_ENOMEM, SCOOP_ENOTASK, ...) see scoop_future. */
#ifndef __cplusplus
#define scoop_submit(task, ...)                                                \
    scoop_submit_##task((struct scoop_submit_##task){.arg = __VA_ARGS__})
#else
#define scoop_submit(task, ...) scoop_submit_##task(__VA_ARGS__)
#endif

/* The plain-function form.  arg_len must be the size of the task's input
 * type (for a bytes task: the length of the data); options may be NULL. */
SCOOP_API scoop_future
scoop_submit_task(const struct scoop_task *task, const void *arg,
                  size_t arg_len, const struct scoop_submit_options *options);

/* ---- Wait ------------------------------------------------------------- */

#define SCOOP_NOW (-1.0) /* as .timeout: do not wait */

/* .timeout   seconds to wait at most (default: without end; SCOOP_NOW: not at
 *            all, but one queued task may run); when they have passed the call
 * returns SCOOP_ETIMEDOUT, the task goes on, and nothing is written to the
 * output afterwards */
struct scoop_wait_options {
    double timeout;
};

/* int err = scoop_result(f, &out, .timeout = seconds);
 *
 * Waits until the task has ended and copies its result to out (may be NULL).
 * The result stays with the future: the call may be repeated.  While it waits
 * this rank runs other tasks.  Returns 0, SCOOP_EFAILED (see scoop_error_of),
 * SCOOP_ETIMEDOUT, SCOOP_ECANCELLED, SCOOP_ESTALE, SCOOP_EOWNER, SCOOP_EINVAL
 * (a bytes task), SCOOP_ELIMIT (no stack for more tasks). */
/* int err = scoop_join(f, &out, .timeout = seconds);
 *
 * Result and release in one: whatever it returns but SCOOP_ETIMEDOUT, the
 * future is released. */
#ifndef __cplusplus
#define scoop_result(future, ...)                                              \
    scoop_result_((future), (struct scoop_wait_){.out = __VA_ARGS__})
#define scoop_join(future, ...)                                                \
    scoop_join_((future), (struct scoop_wait_){.out = __VA_ARGS__})
#endif

/* The plain-function forms; options may be NULL. */
SCOOP_API int scoop_result_of(scoop_future future, void *out,
                              const struct scoop_wait_options *options);
SCOOP_API int scoop_join_of(scoop_future future, void *out,
                            const struct scoop_wait_options *options);

/* The result of a bytes task.  scoop_result_bytes() lends it: *data is valid
 * until the future is released.  scoop_join_bytes() hands it over: the caller
 * frees *data with free() (it may be NULL where *len is 0); data and len may
 * be NULL to drop it.  Otherwise as scoop_result() and scoop_join(). */
SCOOP_API int scoop_result_bytes(scoop_future future, const void **data,
                                 size_t *len,
                                 const struct scoop_wait_options *options);
SCOOP_API int scoop_join_bytes(scoop_future future, void **data, size_t *len,
                               const struct scoop_wait_options *options);

/* Whether the task has ended, by whatever way: 1 or 0, or a negative code.
 * Does not wait for it, but lets messages in and one queued task run. */
SCOOP_API int scoop_done(scoop_future future);

/* Ends a task that has not started, and its future with SCOOP_ECANCELLED.  A
 * task that runs already, here or elsewhere, runs on to its end, but its
 * future ends with SCOOP_ECANCELLED unless the result came first.  Does not
 * wait.  Returns 0, or SCOOP_ESTALE, SCOOP_EOWNER. */
SCOOP_API int scoop_cancel(scoop_future future);

/* Gives the future back with its result and error; cancels the task if it is
 * unfinished.  Does not wait.  Returns 0, or SCOOP_ESTALE, SCOOP_EOWNER. */
SCOOP_API int scoop_release(scoop_future future);

/* ---- Map -------------------------------------------------------------- */

struct scoop_progress {
    const char *label;            /* `.progress`, or the task's name */
    uint64_t done, failed, total; /* items; failed ones are not among `done` */
    double seconds;               /* since the map began */
    double rate;                  /* items that ended, per second */
    double eta;                   /* seconds to go at that rate; < 0: unknown */
};

/* .timeout   as for a wait: when it has passed the map returns SCOOP_ETIMEDOUT
 *            and writes no more to the output; items that have not started
 *            are dropped */
#define SCOOP_MAP_OPTIONS double timeout;

struct scoop_map_options {
    SCOOP_MAP_OPTIONS
};

/* int err = scoop_map(task, in, out, n, .option = ...);
 *
 * out[i] = task(in[i]) for 0 <= i < n, in parallel; blocks until all have
 * ended; this rank helps.  in is not copied (but with .timeout it
 * is): it must stay as it is until the call returns.  in (out) may be NULL for
 * a task without input (output).  If an item fails, those that have not started
 * are dropped, out is unspecified, and the call returns SCOOP_EFAILED;
 * scoop_last_error() names the item, the first by index of those that failed.
 * Otherwise returns as scoop_join(). */
#ifndef __cplusplus
#define scoop_map(task, in_array, out_array, ...)                              \
    scoop_map_##task((struct scoop_map_##task){.in = (in_array),               \
                                               .out = (out_array),             \
                                               .n = __VA_ARGS__})
#else
#define scoop_map(task, ...) scoop_map_##task(__VA_ARGS__)
#endif

/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_map_task(const struct scoop_task *task, const void *in,
                             void *out, size_t n,
                             const struct scoop_map_options *options);

/* ---- Errors ----------------------------------------------------------- */

#define SCOOP_PARENTS_KEPT 16

/* The story of a failure. */
struct scoop_error {
    int code;            /* SCOOP_E... */
    int task_code;       /* what the task returned */
    const char *task;    /* its name */
    const char *message; /* its own words, or those of the code */
    const char *host;    /* where it ran */
    int rank;
    int attempt, attempts; /* 1 of 1 until there are retries */
    bool has_item;         /* it was an item of a map: */
    uint64_t item;         /* its index */
    uint64_t id;           /* of the future: home rank << 32 | place */
    unsigned parents;      /* tasks that passed the failure on, */
    const char *parent[SCOOP_PARENTS_KEPT]; /* the first of them by name */
};

/* The error of a future that has ended badly, else NULL.  Valid until the
 * future is released. */
SCOOP_API const struct scoop_error *scoop_error_of(scoop_future future);

/* The error of the last call of this task that returned a negative code, else
 * NULL.  Valid until the next call that fails. */
SCOOP_API const struct scoop_error *scoop_last_error(void);

/* Writes one line about scoop_last_error() to stderr: "words: fit failed
 * (code 3: singular matrix) on rank 12 host n004, attempt 1 of 1, task 0.17".
 * Returns EXIT_FAILURE (1), so that a root can end with it. */
SCOOP_API int scoop_perror(const char *words);

/* ---- What the macros are made of; not for direct use ------------------ */

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

static inline scoop_future scoop_submit_(struct scoop_task *task,
                                         const void *arg, size_t arg_len,
                                         scoop_place place, int detached)
{
    struct scoop_submit_options options;
    if (!place.rank_plus_1 && !detached) {
        scoop_future future = scoop_submit_plain(task, arg, arg_len);
#if defined __GNUC__
        /* Keeps the two halves in registers: gcc would store them one by one
         * and load them back as a pair, which waits for both stores. */
        __asm__("" : "+r"(future.id), "+r"(future.generation));
#endif
        return future;
    }
    options.place = place;
    options.detached = detached;
    return scoop_submit_task(task, arg, arg_len, &options);
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
        return fn((const in *)input, (out *)output);                           \
    }                                                                          \
    linkage struct scoop_task scoop_task_##fn = {                              \
        task_name,           &scoop_typed_##fn,  0,                            \
        SCOOP_SIZEOF_(in),   SCOOP_SIZEOF_(out), SCOOP_ALIGNOF_(in),           \
        SCOOP_ALIGNOF_(out), SCOOP_TYPED,        0};                           \
    SCOOP_ENTRY_(fn)

#define SCOOP_BYTES_TASK_(linkage, fn, task_name)                              \
    linkage struct scoop_task scoop_task_##fn = {task_name, 0,           &fn,  \
                                                 0,         0,           16,   \
                                                 16,        SCOOP_BYTES, 0};   \
    SCOOP_ENTRY_(fn)

#ifndef __cplusplus
#define SCOOP_TYPED_CALLS_(fn, in_type, out_type)                              \
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
        return scoop_submit_(&scoop_task_##fn, s.arg, SCOOP_SIZEOF_(in_type),  \
                             s.place, s.detached);                             \
    }                                                                          \
    static inline SCOOP_UNUSED int scoop_map_##fn(struct scoop_map_##fn m)     \
    {                                                                          \
        struct scoop_map_options options;                                      \
        options.timeout = m.timeout;                                           \
        return scoop_map_task(&scoop_task_##fn, m.in, m.out, m.n, &options);   \
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
        return scoop_submit_(&scoop_task_##fn, s.arg, s.len, s.place,          \
                             s.detached);                                      \
    }
#else
/* C++ has no options by name: fill a struct scoop_submit_options. */
#define SCOOP_TYPED_CALLS_(fn, in_type, out_type)                              \
    static inline SCOOP_UNUSED scoop_future                                    \
        scoop_submit_##fn(const in_type *arg, struct scoop_submit_options o =  \
                                                  scoop_submit_options())      \
    {                                                                          \
        return scoop_submit_(&scoop_task_##fn, arg, SCOOP_SIZEOF_(in_type),    \
                             o.place, o.detached);                             \
    }                                                                          \
    static inline SCOOP_UNUSED int scoop_map_##fn(const in_type *in,           \
                                                  out_type *out, size_t n,     \
                                                  struct scoop_map_options o = \
                                                      scoop_map_options())     \
    {                                                                          \
        return scoop_map_task(&scoop_task_##fn, in, out, n, &o);               \
    }
#define SCOOP_BYTES_CALLS_(fn)                                                 \
    static inline SCOOP_UNUSED scoop_future scoop_submit_##fn(                 \
        const void *data, size_t len,                                          \
        struct scoop_submit_options o = scoop_submit_options())                \
    {                                                                          \
        return scoop_submit_(&scoop_task_##fn, data, len, o.place,             \
                             o.detached);                                      \
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
#endif

#endif
