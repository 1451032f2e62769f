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
#if !defined SCOOP_NO_JSON && defined __has_include
#if !__has_include(<jansson.h>)
#define SCOOP_NO_JSON 1 /* everything else is there */
#endif
#endif
#ifndef SCOOP_NO_JSON
#include <jansson.h>
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

enum scoop_kind {
    SCOOP_TYPED = 1,
    SCOOP_BYTES = 2,
    SCOOP_JSON = 3,
    SCOOP_OPERATOR = 4
};

/* What the library knows of a task.  Made by the macros below, at link time.
 * Programs pass its address to the plain-function forms and touch no field. */
struct scoop_task {
    const char *name;
    int (*typed)(const void *in, void *out); /* also a reducer's */
    int (*bytes)(const void *data, size_t len, scoop_out *out);
    struct json_t *(*json)(struct json_t *in);
    size_t in_size, out_size;   /* 0: none, and for bytes and JSON tasks */
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

/* const struct scoop_task *t = scoop_task_of(fn);
 *
 * The same for a task that is known where this is compiled.  A constant. */
#define scoop_task_of(fn) ((const struct scoop_task *)&scoop_task_##fn)

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

enum scoop_place_kind {
    SCOOP_ANYWHERE,
    SCOOP_ON_RANK,
    SCOOP_NEAR_RANK,
    SCOOP_ON_NODE,
    SCOOP_NEAR_NODE
};

/* Where a task shall run; a small value, all zero: wherever a rank is free.
 * Made by one of these, from anywhere, at any time:
 *
 *     scoop_on_rank(r)    on rank r and nowhere else, whatever else is idle
 *     scoop_near_rank(r)  it is sent to rank r, but others may steal it
 *     scoop_on_node(k)    on some rank of node k and nowhere else
 *     scoop_near_node(k)  it is sent to a rank of node k; others may steal it
 *
 * Ranks are those of the farm, nodes are numbered from 0.  Whether there is
 * such a one is checked when the task is submitted: SCOOP_EINVAL. */
typedef struct scoop_place {
    int32_t kind; /* enum scoop_place_kind */
    int32_t number;
} scoop_place;

#define SCOOP_PLACE_(name, place_kind)                                         \
    static inline scoop_place name(int number)                                 \
    {                                                                          \
        scoop_place place;                                                     \
        place.kind = place_kind;                                               \
        place.number = number;                                                 \
        return place;                                                          \
    }
SCOOP_PLACE_(scoop_on_rank, SCOOP_ON_RANK)
SCOOP_PLACE_(scoop_near_rank, SCOOP_NEAR_RANK)
SCOOP_PLACE_(scoop_on_node, SCOOP_ON_NODE)
SCOOP_PLACE_(scoop_near_node, SCOOP_NEAR_NODE)

#define SCOOP_PRIORITY_MAX 4 /* and -4 at least */

#define SCOOP_NEVER (-1) /* as .retries: none */

/* .place       where to run (default: wherever a rank is free)
 * .detached    non-zero: give the task to the farm.  There is no handle (the
 *              future returned is none, of error 0), the result is dropped, a
 *              failure is logged, and the farm does not end before it has.
 * .timeout     seconds that each attempt may take, from its start
 * .deadline    seconds that all attempts may take, from this call.  A function
 *              cannot be stopped: when its time has passed the future ends
 *              with SCOOP_EEXPIRED, or the next attempt is queued;
 *              scoop_cancel_requested() is true in the old one, which keeps
 *              its rank busy until it returns, and its result is dropped.
 * .retries     so many further attempts (to 250) after one that failed or
 *              whose time-out has passed; the function can ask for
 *              scoop_attempt().  Without it a task runs once.
 * .priority    4 to -4 (default: 0).  Of the tasks that are queued on a rank,
 *              those of the highest priority run first, of these the newest;
 *              a thief takes of the highest priority as well, of these the
 *              oldest.  There is no order between ranks, and no running task
 *              is interrupted.  A task does not hand its priority on to those
 *              that it submits; but one that it waits for runs with the
 *              waiting task's priority if that is higher (the root's counts
 *              as the lowest).
 * .borrow      non-zero: the argument is not copied but stays where it is; it
 *              must not change or go before the future is released.  Releasing
 *              it waits for a task that still runs.  Not with .timeout,
 *              .deadline or .detached.
 * .take        non-zero: the argument came from malloc and is the library's
 *              from now on, also if this call fails
 * .done_there  a task that is called with the result as its input, on the rank
 *              where it was made, when the function has returned 0 and before
 *              its future ends: &scoop_task_NAME.  Its input must be of the
 *              type of the result, its own output is dropped, its failure is
 *              logged. */
#define SCOOP_SUBMIT_OPTIONS                                                   \
    scoop_place place;                                                         \
    int detached;                                                              \
    double timeout;                                                            \
    double deadline;                                                           \
    int retries;                                                               \
    int priority;                                                              \
    int borrow;                                                                \
    int take;                                                                  \
    const struct scoop_task *done_there;

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

/* int err = scoop_result_bytes(f, &data, &len, .timeout = seconds);
 * int err = scoop_join_bytes(f, &data, &len, .timeout = seconds);
 *
 * The result of a bytes task.  scoop_result_bytes() lends it: *data, a const
 * void *, is valid until the future is released.  scoop_join_bytes() hands it
 * over: the caller frees *data, a void *, with free() (it may be NULL where
 * *len is 0).  data and len may be NULL.  Otherwise as scoop_result() and
 * scoop_join(). */
#ifndef __cplusplus
#define scoop_result_bytes(future, data, ...)                                  \
    scoop_result_bytes_((future), (data),                                      \
                        (struct scoop_wait_bytes_){.len = __VA_ARGS__})
#define scoop_join_bytes(future, data, ...)                                    \
    scoop_join_bytes_((future), (data),                                        \
                      (struct scoop_wait_bytes_){.len = __VA_ARGS__})
#endif

/* The plain-function forms; options may be NULL. */
SCOOP_API int scoop_result_bytes_of(scoop_future future, const void **data,
                                    size_t *len,
                                    const struct scoop_wait_options *options);
SCOOP_API int scoop_join_bytes_of(scoop_future future, void **data, size_t *len,
                                  const struct scoop_wait_options *options);

/* Whether the task has ended, by whatever way: 1 or 0, or a negative code.
 * Does not wait for it, but lets messages in and one queued task run. */
SCOOP_API int scoop_done(scoop_future future);

/* Whether the task runs, or is in the hands of another rank, which may have
 * begun it: 1 or 0, or a negative code. */
SCOOP_API int scoop_running(scoop_future future);

/* Whether the task has ended with SCOOP_ECANCELLED: 1 or 0, or a negative
 * code. */
SCOOP_API int scoop_cancelled(scoop_future future);

/* What scoop_cancel() returns beside negative codes. */
enum scoop_cancel_answer {
    SCOOP_CANCELLED = 0, /* it had not started, and never will */
    SCOOP_ASKED = 1,     /* it runs, or may: it was asked to stop */
    SCOOP_TOO_LATE = 2   /* it had ended */
};

/* Ends a task that has not started, and its future with SCOOP_ECANCELLED.  A
 * task that runs already, here or elsewhere, is asked to stop: its function
 * sees that by scoop_cancel_requested(), its unfinished children are cancelled
 * with it, and its future ends with SCOOP_ECANCELLED when it returns, unless
 * the result came first; until then it keeps its rank busy.  Returns what
 * truly happened: for a task in the hands of another rank it waits for that
 * rank's word, which does not wait for a running function [helper].  Also
 * SCOOP_ESTALE, SCOOP_EOWNER. */
SCOOP_API int scoop_cancel(scoop_future future);

/* In a task: whether nobody wants its result any more, since it, or a task
 * that it descends from, was cancelled or released, or its time has passed.
 * A long function asks now and then and returns early.  Does not block; false
 * outside of a task. */
SCOOP_API bool scoop_cancel_requested(void);

/* In a task: which attempt this is, from 1. */
SCOOP_API int scoop_attempt(void);

enum scoop_future_state {
    SCOOP_PENDING, /* waits to run */
    SCOOP_RUNNING, /* runs, or is in the hands of another rank */
    SCOOP_FINISHED /* has ended, in whatever way */
};

struct scoop_info {
    int state;        /* enum scoop_future_state */
    int status;       /* once finished: 0 or SCOOP_E... */
    int rank;         /* that has it, or ran it; -1: none yet */
    int attempt;      /* from 1 */
    double created;   /* when it was submitted: seconds since the farm began,
                       * to a millisecond or so */
    double waited;    /* once finished: from then to its start, */
    double run;       /* and what its function took, in seconds */
    const char *task; /* its name */
};

/* What is known of a future.  Does not wait.  Returns 0, or SCOOP_ESTALE,
 * SCOOP_EOWNER, SCOOP_EINVAL (NULL). */
SCOOP_API int scoop_future_info(scoop_future future, struct scoop_info *info);

/* Gives the future back with its result and error; cancels the task if it is
 * unfinished.  Does not wait, unless the task runs and its argument was
 * borrowed.  Returns 0, or SCOOP_ESTALE, SCOOP_EOWNER. */
SCOOP_API int scoop_release(scoop_future future);

/* ---- Several futures -------------------------------------------------- */

struct scoop_error; /* see Errors */

/* int err = scoop_exception(f, &error, .timeout = seconds);
 *
 * Waits until the task has ended and tells how: *error is NULL if it went
 * well, else the story of the failure (cancelled counts as one), valid until
 * the future is released.  Returns 0 both times; SCOOP_ETIMEDOUT and the other
 * codes of scoop_result() are about the wait. */
#ifndef __cplusplus
#define scoop_exception(future, ...)                                           \
    scoop_exception_((future), (struct scoop_exception_){.error = __VA_ARGS__})
#endif
/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_exception_of(scoop_future future,
                                 const struct scoop_error **error,
                                 const struct scoop_wait_options *options);

/* When a wait for several futures is over. */
enum scoop_return_when {
    SCOOP_ALL_COMPLETED = 0,   /* all have ended, by whatever way */
    SCOOP_FIRST_COMPLETED = 1, /* one of them has */
    SCOOP_FIRST_EXCEPTION = 2  /* one has ended badly, or all have ended */
};

/* .return_when  see above (default: SCOOP_ALL_COMPLETED)
 * .timeout      seconds for the whole wait, as in scoop_wait_options
 * .done         bool[n]: for each future whether it has ended
 * .count        size_t *: how many have */
#define SCOOP_WAIT_MANY_OPTIONS                                                \
    int return_when;                                                           \
    double timeout;                                                            \
    bool *done;                                                                \
    size_t *count;

struct scoop_wait_many_options {
    SCOOP_WAIT_MANY_OPTIONS
};

/* int err = scoop_wait(futures, n, .option = ...);
 *
 * Waits for n futures of the calling task.  They stay as they are: the results
 * are got by scoop_result() or scoop_join(), which then do not wait.  A future
 * may stand in the list more than once; n may be 0, which is over at once.  A
 * cancelled future has ended, and ended badly.  While it waits this rank runs
 * other tasks.  Returns 0; SCOOP_ETIMEDOUT, and .done and .count are written
 * all the same; or, before any wait and without writing them, SCOOP_EINVAL,
 * SCOOP_ESTALE, SCOOP_EOWNER, SCOOP_ENOMEM, or the code that the future of a
 * failed submit carries. */
#ifndef __cplusplus
#define scoop_wait(futures, ...)                                               \
    scoop_wait_many_((futures), (struct scoop_wait_many_){.n = __VA_ARGS__})
#endif
/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_wait_many(const scoop_future *futures, size_t n,
                              const struct scoop_wait_many_options *options);

/* Has function(future, arg) called once the future has ended, by whatever way;
 * soon if it has already.  Several for one future are begun in the order in
 * which they were added.  A callback runs on this rank, on the thread and with
 * the rights of a task: it may submit, and wait for what it has submitted, and
 * what it leaves is released when it returns.  The future that it was called
 * for is not its own, but scoop_result(), scoop_error_of() and the like answer
 * inside it, also if the owner has released the future meanwhile (one that was
 * unfinished ends with SCOOP_ECANCELLED).  A callback that returns anything
 * but 0, or that leaves a future that failed, is logged with its words.  The
 * farm does not end before all callbacks have returned.
 *
 * Callbacks begin when the main thread is not in a task, or is in a call of
 * the library; at most 64 of a rank are unfinished at once, so one must not
 * wait for what another one does.  Does not wait.  Returns 0, SCOOP_EINVAL
 * (NULL), SCOOP_ENOMEM, SCOOP_ELIMIT (65,535 for one future), SCOOP_ESTALE,
 * SCOOP_EOWNER. */
SCOOP_API int scoop_on_done(scoop_future future,
                            int (*function)(scoop_future future, void *arg),
                            void *arg);

/* ---- Iterators -------------------------------------------------------- */

/* An iterator belongs to the task that made it, as a future does.  It is freed
 * by scoop_iter_free(), or when the task returns.  One that was freed, or is
 * another task's, is recognised: SCOOP_ESTALE. */
typedef struct scoop_iter scoop_iter;

/* Makes an iterator over n futures of the calling task, which are yielded in
 * the order in which they end (those that have ended already in the order of
 * the list), each once, failed and cancelled ones too.  They stay the
 * caller's: to be joined or released after they were yielded.  One that is
 * released before drops out.  Does not wait.  Returns 0; SCOOP_EINVAL,
 * SCOOP_ESTALE, SCOOP_EOWNER, SCOOP_ENOMEM, or the code that the future of a
 * failed submit carries, and *iter is NULL. */
SCOOP_API int scoop_as_completed(scoop_iter **iter, const scoop_future *futures,
                                 size_t n);
/* One more, at any time, also after SCOOP_END.  Nothing if it waits in the
 * iterator already.  Returns as scoop_as_completed(). */
SCOOP_API int scoop_iter_add(scoop_iter *iter, scoop_future future);

/* int err = scoop_next(iter, &future, .timeout = seconds);
 *
 * The next one that has ended.  Waits for it; this rank runs other tasks
 * meanwhile.  Returns 0; SCOOP_END if none is left; SCOOP_ETIMEDOUT, after
 * which it may be called again; SCOOP_EINVAL, SCOOP_ESTALE. */
#ifndef __cplusplus
#define scoop_next(iter, ...)                                                  \
    scoop_next_((iter), (struct scoop_next_){.future = __VA_ARGS__})
#endif
/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_next_of(scoop_iter *iter, scoop_future *future,
                            const struct scoop_wait_options *options);

/* Frees an iterator of whatever kind (NULL: nothing).  The futures of
 * scoop_as_completed() stay; the items of a map that were not yielded are
 * cancelled.  Does not wait.  Returns 0, SCOOP_ESTALE, SCOOP_EINVAL. */
SCOOP_API int scoop_iter_free(scoop_iter *iter);

/* ---- Map -------------------------------------------------------------- */

/* What a map does when an item fails. */
enum scoop_on_error {
    SCOOP_STOP = 0,  /* items that have not started are dropped */
    SCOOP_KEEP_GOING /* the others are run all the same */
};

/* How far a map is. */
struct scoop_progress {
    const char *label;            /* `.progress`, or the task's name */
    uint64_t done, failed, total; /* items; failed ones are not among `done` */
    double seconds;               /* since the map began */
    double rate;                  /* items that ended, per second */
    double eta;                   /* seconds to go at that rate; < 0: unknown */
};

/* .timeout   as for a wait: when it has passed the map returns SCOOP_ETIMEDOUT
 *            and writes no more to the output; items that have not started
 *            are dropped
 * .chunk     a part of the map that has fewer than twice so many items is not
 *            divided between ranks any more (default: measured)
 * .retries   so many further attempts of an item that fails, at once and
 *            where it ran; the error tells which attempt it was (at most
 *            65,535; negative: none)
 * .on_error  SCOOP_STOP or SCOOP_KEEP_GOING
 * .status    room for n statuses: 0 or SCOOP_E... of each item.  Items that
 *            were dropped, or had not ended when the time was over, have
 *            SCOOP_ECANCELLED.  Where it is 0 the output is right, whatever
 *            the map returns.
 * .priority  of its items: as for scoop_submit()
 * .progress  a name for the map: its progress is shown
 * .on_progress, .progress_arg
 *            called with the map's progress on this rank now and then, at
 *            most ten times a second or so, and once at the end.  It may look
 *            and print; it must not submit, wait or map. */
#define SCOOP_MAP_OPTIONS                                                      \
    double timeout;                                                            \
    size_t chunk;                                                              \
    int retries;                                                               \
    enum scoop_on_error on_error;                                              \
    int *status;                                                               \
    int priority;                                                              \
    const char *progress;                                                      \
    void (*on_progress)(const struct scoop_progress *progress, void *arg);     \
    void *progress_arg;

struct scoop_map_options {
    SCOOP_MAP_OPTIONS
};

/* int err = scoop_map(task, in, out, n, .option = ...);
 *
 * out[i] = task(in[i]) for 0 <= i < n, in parallel; blocks until all have
 * ended; this rank helps.  in is not copied (but with .timeout it
 * is): it must stay as it is until the call returns.  in (out) may be NULL for
 * a task without input (output).  If an item fails, those that have not started
 * are dropped (but see .on_error), out is unspecified where .status does not
 * say otherwise, and the call returns SCOOP_EFAILED; scoop_last_error() names
 * the item, the first by index of those that failed.  Otherwise returns as
 * scoop_join(). */
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

/* Maps whose items are taken one by one, and whose input need not exist as a
 * whole.  Items are submitted as they are wanted.
 *
 * .as_completed  non-zero: items are yielded as they end, not in order
 * .in_flight     so many items at most are submitted and not yielded, which
 *                bounds the memory (default: 4 for each rank, at least 64)
 * and the options of scoop_submit() for each item, but for .detached, .borrow,
 * .take and .done_there. */
#define SCOOP_ITER_OPTIONS                                                     \
    SCOOP_SUBMIT_OPTIONS                                                       \
    int as_completed;                                                          \
    size_t in_flight;

struct scoop_iter_options {
    SCOOP_ITER_OPTIONS
};

/* int err = scoop_map_iter(task, &iter, in, n, .option = ...);
 * int err = scoop_map_gen(task, &iter, next, ctx, .option = ...);
 *
 * Make an iterator over task(item) for the n items of an array, which must
 * stay as it is until the iterator has come to its end or is freed, or for
 * those that next(ctx, item) makes.  That writes one item of the task's input
 * type to *item (NULL for a task without input) and returns 0, SCOOP_END if
 * there are no more, or anything else to say that it failed.  It is called by
 * scoop_next_item(), from the task that calls that, and may be endless; it
 * must not use the iterator.  Only for typed tasks.  Do not wait.  Return 0,
 * or SCOOP_EINVAL, SCOOP_ENOTASK, SCOOP_ENOMEM, and *iter is NULL. */
#ifndef __cplusplus
#define scoop_map_iter(task, iter, in_array, ...)                              \
    scoop_map_iter_(&scoop_task_##task, (iter),                                \
                    (struct scoop_submit_##task){.arg = (in_array)}.arg,       \
                    (struct scoop_map_iter_){.n = __VA_ARGS__})
#define scoop_map_gen(task, iter, next, ...)                                   \
    scoop_map_gen_(&scoop_task_##task, (iter), (next),                         \
                   (struct scoop_map_gen_){.ctx = __VA_ARGS__})
#else
#define scoop_map_iter(task, iter, in_array, ...)                              \
    ((void)sizeof(scoop_submit_##task(in_array)),                              \
     scoop_map_iter_(&scoop_task_##task, iter, in_array, __VA_ARGS__))
#define scoop_map_gen(task, ...) scoop_map_gen_(&scoop_task_##task, __VA_ARGS__)
#endif
/* The plain-function forms; options may be NULL. */
SCOOP_API int scoop_map_iter_task(const struct scoop_task *task,
                                  scoop_iter **iter, const void *in, size_t n,
                                  const struct scoop_iter_options *options);
SCOOP_API int scoop_map_gen_task(const struct scoop_task *task,
                                 scoop_iter **iter,
                                 int (*next)(void *ctx, void *item), void *ctx,
                                 const struct scoop_iter_options *options);

/* int err = scoop_next_item(iter, &index, &out, &status, .timeout = seconds);
 *
 * The next item: its index (from 0, in the order in which items were made),
 * its result, and how it went: *status is 0, or SCOOP_EFAILED, SCOOP_ECANCELLED
 * ..., and then out is untouched and scoop_last_error() names the item and
 * says why.  index and out may be NULL; if status is, the call returns the
 * status of an item that failed.  Waits; this rank runs other tasks meanwhile.
 * Returns 0; SCOOP_END at the end; SCOOP_EFAILED if the generator failed, after
 * all items that it made before were yielded; SCOOP_ETIMEDOUT, after which it
 * may be called again; SCOOP_EINVAL, SCOOP_ESTALE, SCOOP_ENOMEM. */
#ifndef __cplusplus
#define scoop_next_item(iter, index, out, ...)                                 \
    scoop_next_item_((iter), (index), (out),                                   \
                     (struct scoop_next_item_){.status = __VA_ARGS__})
#endif
/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_next_item_of(scoop_iter *iter, uint64_t *index, void *out,
                                 int *status,
                                 const struct scoop_wait_options *options);

/* .in_flight  as above
 * .on_error   SCOOP_KEEP_GOING: put() is told of items that failed (default:
 *             the map ends with the first by index)
 * .limit      seconds for the whole call; then it returns SCOOP_ETIMEDOUT
 * and the options of scoop_submit() for each item, but for .detached, .borrow,
 * .take and .done_there. */
#define SCOOP_EACH_OPTIONS                                                     \
    SCOOP_SUBMIT_OPTIONS                                                       \
    size_t in_flight;                                                          \
    enum scoop_on_error on_error;                                              \
    double limit;

struct scoop_each_options {
    SCOOP_EACH_OPTIONS
};

/* int err = scoop_map_each(task, next, ctx, put, .option = ...);
 *
 * The whole loop: put(ctx, index, out, status) is called for each item that
 * next(ctx, item) makes, in order, in the calling task; out points to the
 * result until it returns, and is NULL if the item failed.  put may be NULL.
 * If it returns anything but 0 the map ends.  What has not been put when the
 * map ends is cancelled.  Blocks; this rank helps.  Returns 0 once all items
 * were put, SCOOP_EFAILED (an item, next or put failed: scoop_last_error()
 * says which), SCOOP_ETIMEDOUT, SCOOP_EINVAL, SCOOP_ENOTASK, SCOOP_ENOMEM, or
 * how an item ended otherwise. */
#ifndef __cplusplus
#define scoop_map_each(task, next, ctx, ...)                                   \
    scoop_map_each_(&scoop_task_##task, (next), (ctx),                         \
                    (struct scoop_map_each_){.put = __VA_ARGS__})
#else
#define scoop_map_each(task, ...)                                              \
    scoop_map_each_(&scoop_task_##task, __VA_ARGS__)
#endif
/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_map_each_task(const struct scoop_task *task,
                                  int (*next)(void *ctx, void *item), void *ctx,
                                  int (*put)(void *ctx, uint64_t index,
                                             const void *out, int status),
                                  const struct scoop_each_options *options);

/* ---- Reduce and scan -------------------------------------------------- */

/* SCOOP_REDUCER(fn, type);
 *
 * Stands before a function that makes one value of two, at file scope:
 *
 *     SCOOP_REDUCER(add, double);
 *     static int add(const double *left, const double *right, double *out)
 *     {
 *         *out = *left + *right;
 *         return 0;                          // non-zero: it failed
 *     }
 *
 * `left` stands for items of smaller index than `right`; `out` is neither.
 * The operation should be associative; it need not be commutative.  It has a
 * name among those of the tasks, and may call what a task may, but it cannot
 * be submitted.  SCOOP_REDUCER_AS(fn, "name", type), SCOOP_REDUCER_DECLARE(fn,
 * type), SCOOP_REDUCER_EXTERN(fn, type) as for tasks. */
#define SCOOP_REDUCER(fn, type) SCOOP_REDUCER_AS(fn, #fn, type)
#define SCOOP_REDUCER_AS(fn, task_name, type)                                  \
    static int fn(const type *, const type *, type *);                         \
    SCOOP_OPERATOR_(static, fn, task_name, type)                               \
    SCOOP_OPERATOR_CALLS_(fn, type)                                            \
    static int fn(const type *, const type *, type *)
#define SCOOP_REDUCER_DECLARE(fn, type)                                        \
    int fn(const type *, const type *, type *);                                \
    extern struct scoop_task scoop_task_##fn;                                  \
    SCOOP_OPERATOR_CALLS_(fn, type)                                            \
    int fn(const type *, const type *, type *)
#define SCOOP_REDUCER_EXTERN(fn, type)                                         \
    SCOOP_OPERATOR_(extern struct scoop_task scoop_task_##fn;, fn, #fn, type)  \
    int fn(const type *, const type *, type *)

/* .timeout, .chunk, .retries, .priority
 *            as for scoop_map(); retries are for the reducer as well
 * .neutral   the result where there are no items (reduce only) */
#define SCOOP_REDUCE_OPTIONS                                                   \
    double timeout;                                                            \
    size_t chunk;                                                              \
    int retries;                                                               \
    int priority;

struct scoop_reduce_options {
    const void *neutral;
    SCOOP_REDUCE_OPTIONS
};
struct scoop_scan_options {
    SCOOP_REDUCE_OPTIONS
};

/* int err = scoop_map_reduce(task, op, in, &result, n, .option = ...);
 *
 * result = task(in[0]) op task(in[1]) op ... op task(in[n - 1]), in parallel;
 * blocks; this rank helps.  How the operations are grouped depends on n alone:
 * items are paired with their neighbours (0 with 1, 2 with 3, ...), these
 * pairs with theirs, and so on until one value is left; what has no neighbour
 * is passed up as it is.  So a sum of floating-point numbers has the same bits
 * on any number of ranks (of one kind of processor), and the rounding error of
 * a pairwise sum.  With one item no operation is done; with none the result is
 * .neutral, or the call returns SCOOP_EEMPTY.
 *
 * As for scoop_map(): in must stay until the call returns, unless there is a
 * time-out; if an item or an operation fails what has not started is dropped,
 * the call returns SCOOP_EFAILED, and scoop_last_error() tells which: an item
 * (has_item), or the reducer.  On failure *result is as it was.
 *
 * scoop_reduce(op, in, &result, n, ...) is the same for values that are there
 * already. */
#define scoop_map_reduce(task, op, in_array, result, ...)                      \
    SCOOP_REDUCE_CALL_(reduce, op, &scoop_task_##task,                         \
                       scoop_input_of_##task(in_array),                        \
                       scoop_output_of_##task(result), __VA_ARGS__)
#define scoop_reduce(op, in_array, result, ...)                                \
    SCOOP_REDUCE_CALL_(reduce, op, 0, scoop_input_of_##op(in_array), (result), \
                       __VA_ARGS__)

/* int err = scoop_map_scan(task, op, in, out, n, .option = ...);
 *
 * The sums so far: out[i] = task(in[0]) op ... op task(in[i]), in parallel, in
 * two passes over the mapped values.  Equal to the fold from left to right
 * where op is associative.  How operations are grouped depends on n alone:
 * there are blocks of 2^k items, k = floor(log2(n) / 2).  Each
 * block's sum and the sum of the blocks before each are folded from the left;
 * an item of a block is that sum, folded with the items of its block from the
 * left.  With no items nothing is done.  On failure out is unspecified.
 * Otherwise as scoop_map_reduce().
 *
 * scoop_scan(op, in, out, n, ...): for values that are there already; in and
 * out may be the same array. */
#define scoop_map_scan(task, op, in_array, out_array, ...)                     \
    SCOOP_REDUCE_CALL_(scan, op, &scoop_task_##task,                           \
                       scoop_input_of_##task(in_array),                        \
                       scoop_output_of_##task(out_array), __VA_ARGS__)
#define scoop_scan(op, in_array, out_array, ...)                               \
    SCOOP_REDUCE_CALL_(scan, op, 0, scoop_input_of_##op(in_array),             \
                       (out_array), __VA_ARGS__)

/* The plain-function forms; task NULL: no map before; options may be NULL. */
SCOOP_API int scoop_map_reduce_task(const struct scoop_task *task,
                                    const struct scoop_task *op, const void *in,
                                    void *result, size_t n,
                                    const struct scoop_reduce_options *options);
SCOOP_API int scoop_map_scan_task(const struct scoop_task *task,
                                  const struct scoop_task *op, const void *in,
                                  void *out, size_t n,
                                  const struct scoop_scan_options *options);

/* ---- JSON ------------------------------------------------------------- */

#ifndef SCOOP_NO_JSON

/* SCOOP_TASK_JSON(fn);
 *
 * A task for values of any shape, with Jansson's json_t.  Stands before the
 * function, as SCOOP_TASK() does; _AS, _DECLARE and _EXTERN are as there:
 *
 *     SCOOP_TASK_JSON(describe);
 *     static json_t *describe(json_t *in) { ... }
 *
 * The function borrows its input (it may be changed, and kept with
 * json_incref) and returns a new reference, `json_incref(in)` for one; or
 * NULL to say that it failed (scoop_fail() says why).
 *
 * Values travel as text, whatever the place, so a task gets a value of its
 * own, and real numbers come out as they went in.  A value that cannot be text
 * gives SCOOP_EJSON: nested deeper than SCOOP_JSON_DEPTH or than there is
 * stack for, longer than SCOOP_JSON_SIZE, with a string that is not UTF-8,
 * containing itself.  As an argument it is refused by scoop_submit(), as a
 * result it becomes the error of the future.
 *
 * A program that defines SCOOP_NO_JSON before it includes this header does
 * without this section and without Jansson's header. */
#define SCOOP_TASK_JSON(fn) SCOOP_TASK_JSON_AS(fn, #fn)
#define SCOOP_TASK_JSON_AS(fn, task_name)                                      \
    static json_t *fn(json_t *);                                               \
    SCOOP_JSON_TASK_(static, fn, task_name)                                    \
    SCOOP_JSON_CALLS_(fn)                                                      \
    static json_t *fn(json_t *)
#define SCOOP_TASK_JSON_DECLARE(fn)                                            \
    json_t *fn(json_t *);                                                      \
    extern struct scoop_task scoop_task_##fn;                                  \
    SCOOP_JSON_CALLS_(fn)                                                      \
    json_t *fn(json_t *)
#define SCOOP_TASK_JSON_EXTERN(fn)                                             \
    SCOOP_JSON_TASK_(extern struct scoop_task scoop_task_##fn;, fn, #fn)       \
    json_t *fn(json_t *)

/* scoop_future f = scoop_submit(json_task, value, .option = ...);
 *
 * As for other tasks; value, a json_t *, is borrowed and turned into text at
 * once (.borrow changes nothing).  With .take = 1 the reference is given to the
 * library, even if the call fails: scoop_submit(fn, json_pack(...), .take = 1).
 * NULL is refused with SCOOP_EINVAL: Jansson returns it where it could
 * make no value (no memory, NaN, infinity, a string that is not UTF-8).  What
 * is meant by nothing is json_null().  The plain-function form is
 * scoop_submit_json(); scoop_submit_task() takes the text of a value, which is
 * parsed where the task runs: a mistake in it, with line and column, becomes
 * the error of the future (SCOOP_EJSON). */
SCOOP_API scoop_future
scoop_submit_json(const struct scoop_task *task, json_t *value,
                  const struct scoop_submit_options *options);

/* int err = scoop_result_json(f, &value, .timeout = seconds);
 * int err = scoop_join_json(f, &value, .timeout = seconds);
 *
 * The result of a JSON task.  scoop_result_json() lends it: a reference that
 * belongs to the future and goes with it, the same for each call.
 * scoop_join_json() hands a reference over, for the caller to json_decref().
 * value, a json_t **, may be NULL; *value is NULL after an error.  Otherwise
 * as scoop_result() and scoop_join(), and SCOOP_EJSON where this task's stack
 * is too small for the depth of the value.  scoop_result_bytes() and
 * scoop_join_bytes() have the text, until scoop_result_json() was called. */
#ifndef __cplusplus
#define scoop_result_json(future, ...)                                         \
    scoop_result_json_((future), (struct scoop_wait_json_){.out = __VA_ARGS__})
#define scoop_join_json(future, ...)                                           \
    scoop_join_json_((future), (struct scoop_wait_json_){.out = __VA_ARGS__})
#endif

/* The plain-function forms; options may be NULL. */
SCOOP_API int scoop_result_json_of(scoop_future future, json_t **value,
                                   const struct scoop_wait_options *options);
SCOOP_API int scoop_join_json_of(scoop_future future, json_t **value,
                                 const struct scoop_wait_options *options);

/* .timeout    as for scoop_map()
 * .in_flight  items that are submitted and not yet in the result, at most
 *             (default: 4096, and 64 MiB of text)
 * .retries    of each item, as for scoop_submit()
 * .priority   of each item */
#define SCOOP_MAP_JSON_OPTIONS                                                 \
    double timeout;                                                            \
    size_t in_flight;                                                          \
    int retries;                                                               \
    int priority;

struct scoop_map_json_options {
    SCOOP_MAP_JSON_OPTIONS
};

/* int err = scoop_map_json(json_task, array, &out, .option = ...);
 *
 * A task for each item of a JSON array (borrowed); *out becomes an array of
 * their results in the same order, a new reference, or NULL after an error.
 * out may be NULL.  Blocks; this rank helps.  If an item fails, those that
 * have not started are dropped and the call returns as scoop_join() does;
 * scoop_last_error() names the item, the first by index of those that failed.
 * SCOOP_EINVAL if it is no array. */
#ifndef __cplusplus
#define scoop_map_json(task, array, ...)                                       \
    scoop_map_json_(&scoop_task_##task, (array),                               \
                    (struct scoop_map_json_args_){.out = __VA_ARGS__})
#else
#define scoop_map_json(task, ...)                                              \
    scoop_map_json_(&scoop_task_##task, __VA_ARGS__)
#endif

/* The plain-function form; options may be NULL. */
SCOOP_API int scoop_map_json_of(const struct scoop_task *task,
                                const json_t *array, json_t **out,
                                const struct scoop_map_json_options *options);

/* Several arguments in one value, by position and by name:
 *
 *     {"args": [3, 4], "kwargs": {"unit": "mm"}}
 *
 * scoop_args() makes it of an array and an object, either of which may be NULL
 * for none, and takes over both references, even if it fails.
 * scoop_args_pack() makes it as json_pack() does, positions first, either part
 * or both: scoop_args_pack("[ii]{ss}", 3, 4, "unit", "mm").  Both return a new
 * reference, or NULL (scoop_last_error() says why).
 * scoop_arg() finds one in such a value: by name (NULL: not), else by position
 * from 0 (SIZE_MAX: not).  Borrowed from `in`; NULL if it was not given.
 * scoop_unpack() is json_unpack() and, if that fails, scoop_fail() with words
 * about what did not fit; returns 0 or SCOOP_EJSON.
 * These four may be called from anywhere. */
SCOOP_API json_t *scoop_args(json_t *positional, json_t *named);
SCOOP_API json_t *scoop_args_pack(const char *format, ...);
SCOOP_API json_t *scoop_arg(const json_t *in, size_t position,
                            const char *name);
SCOOP_API int scoop_unpack(json_t *in, const char *format, ...);

#endif /* SCOOP_NO_JSON */

/* ---- Constants -------------------------------------------------------- */

/* A constant is a value under a name that every rank of the farm can look at:
 * a model, a table, a task chosen at run time.  Its bytes are there once for
 * each node, however many ranks that has.  It never changes; it may be deleted
 * and its name be defined anew.
 *
 * All ranks see the same constants come and go in the same order, which is
 * that in which rank 0 hears of them.  Of two that define one name only one
 * succeeds, the other gets SCOOP_EEXISTS, wherever they are.
 *
 * Names are 1 to SCOOP_CONST_NAME_MAX bytes long, any but the zero byte.  All
 * calls are made from a task.  Those that wait take `.timeout` in seconds as
 * the waits above do; meanwhile their rank runs other tasks. */
#define SCOOP_CONST_NAME_MAX 255

enum scoop_const_kind {
    SCOOP_CONST_TYPED = 1, /* bytes of one known size */
    SCOOP_CONST_BYTES = 2, /* bytes of any length */
    SCOOP_CONST_JSON = 3,
    SCOOP_CONST_TASK = 4
};

struct json_t; /* Jansson's */

/* One constant: to be defined, or as it was found. */
struct scoop_const {
    const char *name;
    enum scoop_const_kind kind;
    const void *data;              /* typed, bytes: aligned to 64 once found */
    size_t len;                    /* of data */
    const struct json_t *json;     /* JSON */
    const struct scoop_task *task; /* task */
    uint64_t version;              /* found: see scoop_const_version() */
};

/* int err = scoop_const_set(name, &value, .timeout = seconds);
 *
 * Defines a constant of the type of `value`, which is copied.  Returns 0 once
 * every rank has it, SCOOP_EEXISTS (the name is defined already; nothing has
 * changed), SCOOP_EINVAL (the name; NULL), SCOOP_ENOMEM (some node has no
 * room for it: then no rank has it), SCOOP_ETIMEDOUT: the definition goes on,
 * and will be seen by scoop_const_get() if it succeeds.  Ranks that are in a
 * long function take part all the same if they have a helper thread.
 *
 * A value that is written with commas needs parentheses of its own:
 * scoop_const_set("p", (&(struct point){1, 2})). */
/* int err = scoop_const_set_bytes(name, data, len, .timeout = seconds);
 * int err = scoop_const_set_json(name, json, .timeout = seconds);
 * int err = scoop_const_set_task(name, &scoop_task_fn, .timeout = seconds);
 *
 * The same with so many bytes (0 is fine), with any JSON value (borrowed;
 * SCOOP_EJSON if it cannot be written), with a task (SCOOP_ENOTASK if it is not
 * registered). */
/* int err = scoop_const_set_many(consts, n, .timeout = seconds);
 *
 * Defines n of them, of whatever kinds, all or none: SCOOP_EEXISTS if one of
 * the names is taken or occurs twice, SCOOP_ELIMIT if those of 4 KiB and less
 * have more than 64 MiB together. */

/* const struct model *m;
 * int err = scoop_const_get(name, &m, .timeout = seconds);
 *
 * Waits until there is such a constant and lends it: no copy is made, and the
 * pointer is valid until the constant is deleted or the farm ends.  The memory
 * may be read-only.  Without `.timeout` it waits without end, with SCOOP_NOW
 * not at all.  Returns
 *   0
 *   SCOOP_ETIMEDOUT  it is not there yet
 *   SCOOP_ENOCONST   it will not be: it has been deleted (and not defined
 *                    anew so far), or the farm is ending, all that is left in
 *                    it waiting for constants that nobody defines
 *   SCOOP_ECANCELLED it is not there yet, and nobody wants the result of this
 *                    task any more (scoop_cancel_requested())
 *   SCOOP_EINVAL     the name; it is of another kind, or another size
 * and leaves the pointer alone unless it is 0. */
/* int err = scoop_const_get_bytes(name, &data, &len, .timeout = seconds);
 * int err = scoop_const_get_json(name, &json, .timeout = seconds);
 * int err = scoop_const_get_task(name, &task, .timeout = seconds);
 *
 * The same for the other kinds, with `const void *data; size_t len` (also for
 * a typed constant; len may be NULL), `json_t *json` (borrowed, decoded once
 * for each rank, not to be changed) and `const struct scoop_task *task`. */

/* int err = scoop_const_delete(name, .timeout = seconds);
 *
 * Deletes the constant on every rank and returns when all have done so: no
 * pointer to it is valid any more.  The name may then be defined anew.
 * Returns 0, SCOOP_ENOCONST (there is none of that name), SCOOP_ETIMEDOUT
 * (the deletion goes on), SCOOP_EINVAL, SCOOP_ENOMEM. */
#ifndef __cplusplus
#define scoop_const_set(name, ...)                                             \
    scoop_const_set_((name), sizeof *(SCOOP_FIRST_(__VA_ARGS__, 0)),           \
                     (struct scoop_const_in_){.data = __VA_ARGS__})
#define scoop_const_set_bytes(name, bytes, ...)                                \
    scoop_const_set_bytes_((name),                                             \
                           (struct scoop_const_in_){.data = (bytes),           \
                                                    .len = __VA_ARGS__})
#define scoop_const_set_json(name, ...)                                        \
    scoop_const_set_json_((name), (struct scoop_const_in_){.json = __VA_ARGS__})
#define scoop_const_set_task(name, ...)                                        \
    scoop_const_set_task_((name), (struct scoop_const_in_){.task = __VA_ARGS__})
#define scoop_const_set_many(consts, ...)                                      \
    scoop_const_set_many_((consts),                                            \
                          (struct scoop_const_in_){.len = __VA_ARGS__})
#define scoop_const_get(name, ...)                                             \
    scoop_const_get_((name), sizeof **(SCOOP_FIRST_(__VA_ARGS__, 0)),          \
                     (struct scoop_const_out_){.where = __VA_ARGS__})
#define scoop_const_get_bytes(name, bytes, ...)                                \
    scoop_const_get_bytes_((name),                                             \
                           (struct scoop_const_out_){.data = (bytes),          \
                                                     .len = __VA_ARGS__})
#define scoop_const_get_json(name, ...)                                        \
    scoop_const_get_json_((name),                                              \
                          (struct scoop_const_out_){.json = __VA_ARGS__})
#define scoop_const_get_task(name, ...)                                        \
    scoop_const_get_task_((name),                                              \
                          (struct scoop_const_out_){.task = __VA_ARGS__})
#define scoop_const_delete(...)                                                \
    scoop_const_delete_((struct scoop_const_in_){.name = __VA_ARGS__})
#endif

/* The plain-function forms; options may be NULL.  scoop_const_set_of() is
 * scoop_const_set_many().  scoop_const_get_of() fills *found; found->kind is
 * the kind that is wanted, 0 for any (of a JSON constant json, of a task
 * constant task, of the others data and len). */
SCOOP_API int scoop_const_set_of(const struct scoop_const *consts, size_t n,
                                 const struct scoop_wait_options *options);
SCOOP_API int scoop_const_get_of(const char *name, struct scoop_const *found,
                                 const struct scoop_wait_options *options);
SCOOP_API int scoop_const_delete_of(const char *name,
                                    const struct scoop_wait_options *options);

/* How often the name has been defined, as far as this rank knows: 1 for the
 * first constant of that name, 2 for the one after it was deleted, ...  0 if
 * there is none at present.  Does not wait. */
SCOOP_API uint64_t scoop_const_version(const char *name);

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
    int attempt, attempts; /* the one that failed, of how many at most */
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

#ifdef __cplusplus
} /* extern "C" */
#endif

#include "scoop_macros.h"

#endif
