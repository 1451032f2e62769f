/* SPDX-License-Identifier: MIT */
/*
 * fiber.h -- stacks, and the switch between them
 *
 * A fiber is a call stack that can be left in the middle and entered again
 * later. This room knows nothing of tasks: it hands out stacks, switches
 * between them and takes them back. Why it works is told in fiber.c.
 *
 * The rules for the owner:
 *
 *  - All fibers of a pool are made, run and freed on one thread, the one that
 *    called fiber_adopt_thread. Another thread has a pool of its own.
 *  - An entry function never returns. It ends by switching away for the last
 *    time; whoever runs next gives it to fiber_free.
 *  - fiber_stack_left and fiber_note_depth are asked about the fiber that is
 *    running; about any other one their answer means nothing.
 *
 *     struct fiber self;
 *     fiber_adopt_thread(&self);
 *     struct fiber *f = fiber_new(&pool, entry, arg);
 *     fiber_switch(&self, f);       returns when someone switches to &self
 *     fiber_free(&pool, f);         if f will not be entered any more
 */
#ifndef FIBER_H
#define FIBER_H

#include <stddef.h>
#include <stdint.h>

/* The switch is in assembly for these machines. For others, and on request,
 * it is swapcontext: the same behaviour for a system call each time. */
#if !defined(SCOOP_FIBER_UCONTEXT) &&                                          \
    !(defined(__x86_64__) && defined(__LP64__)) &&                             \
    !(defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__))
#define SCOOP_FIBER_UCONTEXT 1
#endif

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#elif __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif

#ifdef SCOOP_FIBER_UCONTEXT
#include <fenv.h>
typedef fenv_t fiber_fp;
#else
typedef uint64_t fiber_fp; /* x86: mxcsr and x87 control; arm: fpcr */
#endif

#define FIBER_STACK_DEFAULT ((size_t)64 << 20)
#define FIBER_STACK_MIN ((size_t)8 << 10)

/* What the C++ runtime keeps for each thread about exceptions in flight. Its
 * layout is fixed by the Itanium C++ ABI, 2.2.2. */
struct fiber_cxx {
    void *caught;
    unsigned uncaught;
};

struct fiber {
    /* The first 64 bytes are what a switch and a headroom check read. */
    void *sp;                 /* while not running; the switch needs
                               * it at offset 0 */
    char *stack_low;          /* lowest usable byte, above the guard */
    char *low_water;          /* deepest address noted */
    int *errno_at;            /* the thread's errno */
    struct fiber_cxx *cxx_at; /* the thread's; NULL without C++ */
    struct fiber_cxx cxx;     /* while not running */
    int saved_errno;          /* while not running */
    unsigned lives;           /* how often it was handed out */

    size_t stack_bytes; /* usable; 0: the thread's own stack */
    void (*entry)(void *arg);
    void *arg;
    struct fiber *next; /* the pool's if idle, else the owner's */

    unsigned valgrind_id;
#ifdef FIBER_ASAN
    void *asan_fake;      /* while not running: its fake frames */
    const void *asan_low; /* while not running: the stack it is on */
    size_t asan_bytes;
    struct fiber *asan_peer; /* who switched here last */
#endif
#ifdef FIBER_TSAN
    void *tsan; /* while not running */
#endif
};

enum fiber_refusal {
    FIBER_NOT_REFUSED,
    FIBER_LIMIT,    /* max_fibers are in use */
    FIBER_NO_MEMORY /* the kernel refused: see errno_seen */
};

struct fiber_pool {
    struct fiber *idle; /* last used first: its pages are warm */
    size_t map_bytes;   /* guard, stack, struct fiber, extra */
    size_t guard_bytes;
    size_t head_bytes;   /* struct fiber and extra */
    unsigned max_fibers; /* in use and idle together */
    unsigned keep_idle;
    unsigned in_use;
    unsigned idle_count;
    unsigned in_use_peak;
    enum fiber_refusal refusal; /* why fiber_new last returned NULL */
    int errno_seen;             /* the kernel's word on it, or 0 */
    uint64_t mapped;            /* counters since init: stacks mapped, */
    uint64_t trimmed;           /* stacks whose deep pages went back */
    fiber_fp fp;                /* control word a new fiber starts with */
};

/* 0, or -EINVAL: a size that makes no sense. stack_bytes holds the fiber's
 * own struct and the extra bytes too; 0 takes the default. A new fiber gets
 * the floating-point control word that the caller of init has. */
int fiber_pool_init(struct fiber_pool *pool, size_t stack_bytes,
                    size_t extra_bytes, unsigned max_fibers,
                    unsigned keep_idle);

/* Unmaps the idle stacks. Fibers still in use stay mapped. */
void fiber_pool_fini(struct fiber_pool *pool);

/* Makes the stack that runs already a fiber, so that others can switch back
 * to it. Nothing to free; may be done again. */
void fiber_adopt_thread(struct fiber *self);

/* A fiber that calls entry(arg) when first switched to; NULL: see refusal. */
struct fiber *fiber_new(struct fiber_pool *pool, void (*entry)(void *),
                        void *arg);

/* f must not be running, and is not entered again. */
void fiber_free(struct fiber_pool *pool, struct fiber *f);

/* Leaves from, which must be the running one, and goes on with to. Returns
 * when somebody switches to from. */
void fiber_switch(struct fiber *from, struct fiber *to);

/* The owner's bytes beside a fiber: aligned to 64, zero when the stack is
 * new, left alone when it is used again. The thread's own fiber has none. */
static inline void *fiber_extra(struct fiber *f)
{
    return (char *)f + ((sizeof *f + 63) & ~(size_t)63);
}

/* The stack pointer itself: __builtin_frame_address(0) would cost every
 * function that asks a frame pointer, and the difference is one frame. */
static inline char *fiber_here(void)
{
    char *sp;
#if defined(__x86_64__)
    __asm__("mov %%rsp, %q0" : "=r"(sp));
#elif defined(__aarch64__)
    __asm__("mov %0, sp" : "=r"(sp));
#else
    sp = __builtin_frame_address(0);
#endif
    return sp;
}

/* Bytes below the current frame; 0 where the bounds are not known. */
static inline size_t fiber_stack_left(const struct fiber *f)
{
    uintptr_t here = (uintptr_t)fiber_here(), low = (uintptr_t)f->stack_low;

    return here > low ? here - low : 0;
}

/* Remembers how deep the stack is now. fiber_free goes by what was noted. */
static inline void fiber_note_depth(struct fiber *f)
{
    char *here = fiber_here();

    if ((uintptr_t)here < (uintptr_t)f->low_water)
        f->low_water = here;
}

#endif
