/* SPDX-License-Identifier: MIT */
/*
 * fiber.c -- stacks, and the switch between them
 *
 * A task that waits gives its core away, so its frames must stay while other
 * tasks run: it needs a stack of its own. A thread would provide one, at the
 * price of a system call for each change and of a scheduler that is not ours.
 * A fiber is only the stack, and changing it is a function call that comes
 * back on another one.
 *
 * One fiber is one mapping:
 *
 *   low                                                            high
 *   +-------+--------------------------------+--------------+--------+
 *   | guard |  free  ...            <- stack | struct fiber | extra  |
 *   +-------+--------------------------------+--------------+--------+
 *           ^ stack_low                      ^ f, first frame below it
 *
 * The struct lies where the stack begins, in a page that is touched anyway, so
 * a fiber costs one page and one of page table until it is used for something.
 * The rest is address space: tens of MiB may be asked for, since the kernel
 * provides pages as they are touched. The guard is beside the usable size, not
 * part of it; this also keeps stacks of 64 MiB from beginning at a power of
 * two apart, where they would compete for the same few places in the TLB. For
 * the same reason neighbours begin at different places of their last page: the
 * few lines that each switch touches would all fall into one set of the cache.
 * A guarded stack takes two of the 65,530 mappings that Linux allows a process
 * by default; max_fibers bounds that. No huge pages: a stack that uses 8 KiB
 * would hold 2 MiB of memory.
 *
 * Stacks that fall idle are kept, up to keep_idle, last used first. One that
 * was used beyond its first 64 KiB gives those pages back. How deep it was is
 * not known by looking (that is a system call) but from the owner's headroom
 * checks, which note it; what ran below the last check escapes them, so one
 * retirement in 64 gives pages back without being asked.
 *
 * The switch saves what the ABI says a function must not change: on x86-64
 * six registers, mxcsr and the x87 control word. What it saves it pushes on
 * the stack it leaves, so that all of a sleeping fiber is its stack pointer.
 * It ends in "pop; jmp" rather than in "ret": the processor predicts where a
 * ret goes from the calls it has seen, which were made on the stack that was
 * just left, so each would be mispredicted; the jump is predicted from the
 * history of jumps, which includes who switched. Measured between two fibers
 * on an AMD EPYC: 5 ns, of which errno and mxcsr are 2; with ret 12; with
 * swapcontext 185.
 *
 * What belongs to a fiber beside its registers is changed in C before the
 * jump: errno, and C++'s list of caught exceptions (a wait inside a catch
 * block is legal). The compiler may keep the address of a thread-local
 * variable in a register across a switch, which ruins schedulers that move
 * fibers between threads; ours never leave theirs, so the address stays right,
 * and &errno is looked up once for a fiber. The value of a thread-local
 * variable is shared by all fibers of the thread like that of a global.
 *
 * Floating point: a new fiber starts with the control word of the caller of
 * fiber_pool_init, not with that of whoever happened to need a stack. Else a
 * task that rounds upwards and waits would pass that on to strangers. The
 * exception flags (FE_INEXACT and so on) are not restored by design; on x86
 * they share a register with the control bits and come along.
 *
 * Tools: AddressSanitizer and ThreadSanitizer are told of each switch,
 * valgrind of each stack. The frames of a fiber that has ended are never
 * unwound, so their poison is wiped at fiber_free. In a debugger a fiber's
 * backtrace ends at fiber_stub, whose unwind information says that nobody
 * called it; a C++ exception that leaves an entry function ends there as well,
 * in std::terminate.
 *
 * What this does not do: shadow stacks (CET on x86, GCS on arm) would each
 * need a second stack to switch. Debian's kernels and compilers leave them
 * off; where a compiler marks objects as ready for them, build this file with
 * -fcf-protection=none, which keeps them off for the whole program. C++ loaded
 * later by dlopen into a program without C++ is not noticed. The signal mask
 * is the thread's; only swapcontext, which cannot help it, changes it too.
 */
#define _GNU_SOURCE /* pthread_getattr_np, MAP_STACK */
#include "fiber.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef SCOOP_FIBER_UCONTEXT
#include <ucontext.h>
#endif
#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER /* these are no calls: nothing to link */
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define VALGRIND_MAKE_MEM_UNDEFINED(at, bytes) ((void)(at), (void)(bytes))
#endif

enum {
    KEEP_BYTES = 64 << 10, /* of an idle stack's pages */
    TRIM_ANYWAY = 64,      /* one retirement in so many */
    STAGGER_BYTES = 128,
    STAGGER_PLACES = 16
};

_Static_assert(offsetof(struct fiber, sp) == 0, "fiber_jump reads it there");
_Static_assert(sizeof(void *) != 8 || offsetof(struct fiber, stack_bytes) == 64,
               "what a switch reads is one cache line");

/* In the C++ runtime, if the program has one. */
extern struct fiber_cxx *__cxa_get_globals(void) __attribute__((weak));

/* The owner broke a rule, and the next step would run on a stack that is not
 * there. Nothing can be unwound from here: say what it was and stop where a
 * debugger or a core file shows who did it. */
__attribute__((noreturn, cold)) static void trap(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));

    (void)n;
    __builtin_trap();
}

/* -- what the sanitizers must be told ------------------------------------- */

/* The bounds that a fiber is left on are asked of ASan on arrival at the next
 * one, rather than taken from the struct: what was adopted may itself be a
 * fiber of somebody else, as under the simulation. */

static void leave(struct fiber *from, struct fiber *to)
{
    (void)from;
    (void)to;
#ifdef FIBER_ASAN
    to->asan_peer = from;
    __sanitizer_start_switch_fiber(&from->asan_fake, to->asan_low,
                                   to->asan_bytes);
#endif
#ifdef FIBER_TSAN
    from->tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
}

static void arrive(struct fiber *self)
{
    (void)self;
#ifdef FIBER_ASAN
    struct fiber *peer = self->asan_peer;

    __sanitizer_finish_switch_fiber(self->asan_fake, &peer->asan_low,
                                    &peer->asan_bytes);
#endif
}

static void tell_birth(struct fiber *f)
{
    (void)f;
#ifdef FIBER_ASAN
    f->asan_fake = NULL;
    f->asan_low = f->stack_low;
    f->asan_bytes = f->stack_bytes;
#endif
#ifdef FIBER_TSAN
    f->tsan = __tsan_create_fiber(0);
#endif
}

#ifdef FIBER_ASAN
/* ASan frees the fake frames of a fiber that says it leaves for good. Ours do
 * not know that they do, so go there and back in name only: nothing runs in
 * between. */
__attribute__((no_sanitize_address)) static void drop_fake(struct fiber *f)
{
    void *own_fake;
    const void *own_low;
    size_t own_bytes;

    if (!f->asan_fake)
        return;
    __sanitizer_start_switch_fiber(&own_fake, f->asan_low, f->asan_bytes);
    __sanitizer_finish_switch_fiber(f->asan_fake, &own_low, &own_bytes);
    __sanitizer_start_switch_fiber(NULL, own_low, own_bytes);
    __sanitizer_finish_switch_fiber(own_fake, NULL, NULL);
    f->asan_fake = NULL;
}
#endif

static void tell_death(struct fiber *f)
{
    (void)f;
#ifdef FIBER_ASAN
    drop_fake(f);
    /* Deeper frames have returned, and wiped their own. */
    __asan_unpoison_memory_region(f->sp, (size_t)((char *)f - (char *)f->sp));
#endif
#ifdef FIBER_TSAN
    __tsan_destroy_fiber(f->tsan);
#endif
}

/* -- the machine ----------------------------------------------------------- */

/* Where a fiber begins, called by the stub below it. */
void fiber_main(struct fiber *f)
    __attribute__((noreturn, used, visibility("hidden")));

void fiber_main(struct fiber *f)
{
    arrive(f);
    f->entry(f->arg);
    trap("scoop: a fiber's entry function returned\n");
}

#ifndef SCOOP_FIBER_UCONTEXT

/* Saves the registers on the stack, the stack in from->sp; then the same
 * backwards for to. A new fiber's stack is laid out as if it had done so. */
__attribute__((visibility("hidden"))) void fiber_jump(struct fiber *from,
                                                      const struct fiber *to);
__attribute__((visibility("hidden"))) void fiber_stub(void);

#endif

#if defined(SCOOP_FIBER_UCONTEXT)

/* A sleeping fiber's sp is its ucontext_t, which lies on its own stack: ASan
 * must not put it elsewhere, nor anything that is poisoned below it. */
__attribute__((noinline, no_sanitize_address)) static void fiber_jump(
    struct fiber *from, const struct fiber *to)
{
    ucontext_t here;

    if (from == to) /* it would read a mask not yet saved */
        return;
    from->sp = &here;
    swapcontext(&here, to->sp);
    from->sp = NULL;
}

/* makecontext passes ints, and a pointer may be two of them. */
static void fiber_stub(unsigned high, unsigned low)
{
    fiber_main((struct fiber *)((uintptr_t)high << 16 << 16 | low));
}

static void read_fp(fiber_fp *fp)
{
    fegetenv(fp);
}

static void lay_out(struct fiber *f, const fiber_fp *fp)
{
    uintptr_t self = (uintptr_t)f;
    ucontext_t *context =
        (ucontext_t *)((self - sizeof *context) & ~(uintptr_t)63);
    fenv_t now;

    VALGRIND_MAKE_MEM_UNDEFINED(context, sizeof *context);
    fegetenv(&now);
    fesetenv(fp);
    getcontext(context);
    fesetenv(&now);
    context->uc_link = NULL;
    context->uc_stack.ss_sp = f->stack_low;
    context->uc_stack.ss_size = (size_t)((char *)context - f->stack_low);
    makecontext(context, (void (*)(void))fiber_stub, 2,
                (unsigned)(self >> 16 >> 16), (unsigned)self);
    f->sp = context;
}

#elif defined(__x86_64__)

/* The x87 control word is slow to load and nearly always there already. For
 * mxcsr, whose flags change all the time, comparing costs more than loading. */
__asm__(".text\n"
        ".p2align 6\n"
        ".globl fiber_jump\n"
        ".hidden fiber_jump\n"
        ".type fiber_jump, @function\n"
        "fiber_jump:\n"
        "    .cfi_startproc\n"
        "    pushq %rbp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset rbp, 0\n"
        "    pushq %rbx\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset rbx, 0\n"
        "    pushq %r12\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r12, 0\n"
        "    pushq %r13\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r13, 0\n"
        "    pushq %r14\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r14, 0\n"
        "    pushq %r15\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r15, 0\n"
        "    subq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movzwl 4(%rsp), %ecx\n"
        "    movq %rsp, (%rdi)\n"
        "    movq (%rsi), %rsp\n" /* the frame here has the same shape */
        "    ldmxcsr (%rsp)\n"
        "    cmpw 4(%rsp), %cx\n"
        "    jne 2f\n"
        "1:  movq 8(%rsp), %r15\n"
        "    movq 16(%rsp), %r14\n"
        "    movq 24(%rsp), %r13\n"
        "    movq 32(%rsp), %r12\n"
        "    movq 40(%rsp), %rbx\n"
        "    movq 48(%rsp), %rbp\n"
        "    addq $56, %rsp\n"
        "    .cfi_remember_state\n"
        "    .cfi_adjust_cfa_offset -56\n"
        "    .cfi_restore rbp\n"
        "    .cfi_restore rbx\n"
        "    .cfi_restore r12\n"
        "    .cfi_restore r13\n"
        "    .cfi_restore r14\n"
        "    .cfi_restore r15\n"
        "    popq %rdx\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_register rip, rdx\n"
        "    jmp *%rdx\n"
        "    .cfi_restore_state\n"
        "2:  fldcw 4(%rsp)\n"
        "    jmp 1b\n"
        "    .cfi_endproc\n"
        ".size fiber_jump, .-fiber_jump\n"
        ".globl fiber_stub\n"
        ".hidden fiber_stub\n"
        ".type fiber_stub, @function\n"
        "fiber_stub:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    movq %rbx, %rdi\n"
        "    call fiber_main\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size fiber_stub, .-fiber_stub\n");

static void read_fp(fiber_fp *fp)
{
    uint32_t mxcsr;
    uint16_t control;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(control));
    *fp = (mxcsr & ~0x3fu) | (uint64_t)control << 32; /* without flags */
}

static void lay_out(struct fiber *f, const fiber_fp *fp)
{
    uint64_t *frame = (uint64_t *)f - 8;

    VALGRIND_MAKE_MEM_UNDEFINED(frame, 64);
    memset(frame, 0, 64); /* rbp 0 ends the chain of frames */
    frame[0] = *fp;
    frame[5] = (uintptr_t)f; /* rbx */
    frame[7] = (uintptr_t)fiber_stub;
    f->sp = frame;
}

#elif defined(__aarch64__)

/* Where code pages accept indirect jumps at marked places only, a return
 * address is none of them, and ret is the way. */
#ifdef __ARM_FEATURE_BTI_DEFAULT
#define JUMP_BACK "ret"
#else
#define JUMP_BACK "br x30"
#endif

__asm__(".text\n"
        ".p2align 6\n"
        ".globl fiber_jump\n"
        ".hidden fiber_jump\n"
        ".type fiber_jump, %function\n"
        "fiber_jump:\n"
        "    .cfi_startproc\n"
        "    stp x29, x30, [sp, #-176]!\n"
        "    .cfi_adjust_cfa_offset 176\n"
        "    .cfi_rel_offset x29, 0\n"
        "    .cfi_rel_offset x30, 8\n"
        "    stp x19, x20, [sp, #16]\n"
        "    .cfi_rel_offset x19, 16\n"
        "    .cfi_rel_offset x20, 24\n"
        "    stp x21, x22, [sp, #32]\n"
        "    .cfi_rel_offset x21, 32\n"
        "    .cfi_rel_offset x22, 40\n"
        "    stp x23, x24, [sp, #48]\n"
        "    .cfi_rel_offset x23, 48\n"
        "    .cfi_rel_offset x24, 56\n"
        "    stp x25, x26, [sp, #64]\n"
        "    .cfi_rel_offset x25, 64\n"
        "    .cfi_rel_offset x26, 72\n"
        "    stp x27, x28, [sp, #80]\n"
        "    .cfi_rel_offset x27, 80\n"
        "    .cfi_rel_offset x28, 88\n"
        "    stp d8, d9, [sp, #96]\n"
        "    stp d10, d11, [sp, #112]\n"
        "    stp d12, d13, [sp, #128]\n"
        "    stp d14, d15, [sp, #144]\n"
        "    mrs x9, fpcr\n"
        "    str x9, [sp, #160]\n"
        "    mov x10, sp\n"
        "    str x10, [x0]\n"
        "    ldr x10, [x1]\n"
        "    mov sp, x10\n" /* the frame here has the same shape */
        "    ldr x11, [sp, #160]\n"
        "    cmp x9, x11\n"
        "    b.eq 1f\n"
        "    msr fpcr, x11\n"
        "1:  ldp x19, x20, [sp, #16]\n"
        "    ldp x21, x22, [sp, #32]\n"
        "    ldp x23, x24, [sp, #48]\n"
        "    ldp x25, x26, [sp, #64]\n"
        "    ldp x27, x28, [sp, #80]\n"
        "    ldp d8, d9, [sp, #96]\n"
        "    ldp d10, d11, [sp, #112]\n"
        "    ldp d12, d13, [sp, #128]\n"
        "    ldp d14, d15, [sp, #144]\n"
        "    ldp x29, x30, [sp], #176\n"
        "    .cfi_restore x19\n"
        "    .cfi_restore x20\n"
        "    .cfi_restore x21\n"
        "    .cfi_restore x22\n"
        "    .cfi_restore x23\n"
        "    .cfi_restore x24\n"
        "    .cfi_restore x25\n"
        "    .cfi_restore x26\n"
        "    .cfi_restore x27\n"
        "    .cfi_restore x28\n"
        "    .cfi_restore x29\n"
        "    .cfi_restore x30\n"
        "    .cfi_adjust_cfa_offset -176\n"
        "    " JUMP_BACK "\n"
        "    .cfi_endproc\n"
        ".size fiber_jump, .-fiber_jump\n"
        ".globl fiber_stub\n"
        ".hidden fiber_stub\n"
        ".type fiber_stub, %function\n"
        "fiber_stub:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined x30\n"
        "    mov x0, x19\n"
        "    bl fiber_main\n"
        "    brk #1\n"
        "    .cfi_endproc\n"
        ".size fiber_stub, .-fiber_stub\n");

static void read_fp(fiber_fp *fp)
{
    __asm__ volatile("mrs %0, fpcr" : "=r"(*fp));
}

static void lay_out(struct fiber *f, const fiber_fp *fp)
{
    uint64_t *frame = (uint64_t *)f - 22;

    VALGRIND_MAKE_MEM_UNDEFINED(frame, 176);
    memset(frame, 0, 176);            /* x29 0 ends the chain of frames */
    frame[1] = (uintptr_t)fiber_stub; /* x30 */
    frame[2] = (uintptr_t)f;          /* x19 */
    frame[20] = *fp;
    f->sp = frame;
}

#endif

/* -- stacks ---------------------------------------------------------------- */

static struct fiber *refuse(struct fiber_pool *pool, enum fiber_refusal why,
                            int errno_seen)
{
    pool->refusal = why;
    pool->errno_seen = errno_seen;
    return NULL;
}

static struct fiber *map(struct fiber_pool *pool)
{
    char *base =
        mmap(NULL, pool->map_bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (base == MAP_FAILED)
        return refuse(pool, FIBER_NO_MEMORY, errno);
    if (mprotect(base, pool->guard_bytes, PROT_NONE) != 0) {
        int why = errno; /* as a rule the count of mappings */

        munmap(base, pool->map_bytes);
        return refuse(pool, FIBER_NO_MEMORY, why);
    }

    char *low = base + pool->guard_bytes;
    char *top = base + pool->map_bytes - pool->head_bytes -
                pool->mapped % STAGGER_PLACES * STAGGER_BYTES;

    /* Refused by a kernel without huge pages, which is as good. */
    madvise(low, pool->map_bytes - pool->guard_bytes, MADV_NOHUGEPAGE);

    struct fiber *f = (struct fiber *)(void *)top;

    f->stack_low = low;
    f->stack_bytes = (size_t)(top - low);
    f->low_water = top;
    f->errno_at = &errno;
    f->cxx_at = __cxa_get_globals ? __cxa_get_globals() : NULL;
    f->valgrind_id = VALGRIND_STACK_REGISTER(low, top - 1);
    pool->mapped++;
    return f;
}

static void unmap(struct fiber_pool *pool, struct fiber *f)
{
    VALGRIND_STACK_DEREGISTER(f->valgrind_id);
    munmap(f->stack_low - pool->guard_bytes, pool->map_bytes);
}

/* MADV_FREE would be cheaper, but its pages count as ours until the machine
 * runs short, and a job's memory limit looks at the count. */
static void trim(struct fiber_pool *pool, struct fiber *f)
{
    size_t bytes = pool->map_bytes - pool->guard_bytes;

    if (bytes <= KEEP_BYTES)
        return;
    bytes -= KEEP_BYTES;
    if (f->low_water >= f->stack_low + bytes && f->lives % TRIM_ANYWAY != 0)
        return;
    madvise(f->stack_low, bytes, MADV_DONTNEED);
    pool->trimmed++;
}

/* Lowest address of the stack that runs, or the highest there is where the
 * thread runs on a stack that pthreads does not know. */
static char *find_stack_low(void)
{
    uintptr_t here = (uintptr_t)fiber_here(), found = UINTPTR_MAX;
    pthread_attr_t attr;
    void *low;
    size_t bytes, guard_bytes;

    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return (char *)found;
    if (pthread_attr_getstack(&attr, &low, &bytes) == 0 &&
        pthread_attr_getguardsize(&attr, &guard_bytes) == 0 &&
        here - (uintptr_t)low < bytes)
        found = (uintptr_t)low + guard_bytes;
    pthread_attr_destroy(&attr);
    return (char *)found;
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* -- the room's doors ------------------------------------------------------ */

int fiber_pool_init(struct fiber_pool *pool, size_t stack_bytes,
                    size_t extra_bytes, unsigned max_fibers, unsigned keep_idle)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t most = SIZE_MAX / 4;

    memset(pool, 0, sizeof *pool);
    if (stack_bytes == 0)
        stack_bytes = FIBER_STACK_DEFAULT;
    if (stack_bytes > most || extra_bytes > most || max_fibers == 0)
        return -EINVAL;
    pool->head_bytes =
        round_up(sizeof(struct fiber), 64) + round_up(extra_bytes, 64);
    if (stack_bytes <
        FIBER_STACK_MIN + pool->head_bytes + STAGGER_PLACES * STAGGER_BYTES)
        return -EINVAL;
    pool->guard_bytes = page;
    pool->map_bytes = page + round_up(stack_bytes, page);
    pool->max_fibers = max_fibers;
    pool->keep_idle = keep_idle;
    read_fp(&pool->fp);
    return 0;
}

void fiber_pool_fini(struct fiber_pool *pool)
{
    while (pool->idle) {
        struct fiber *f = pool->idle;

        pool->idle = f->next;
        unmap(pool, f);
    }
    pool->idle_count = 0;
}

void fiber_adopt_thread(struct fiber *self)
{
    memset(self, 0, sizeof *self);
    self->stack_low = find_stack_low();
    self->low_water = fiber_here();
    self->errno_at = &errno;
    self->cxx_at = __cxa_get_globals ? __cxa_get_globals() : NULL;
}

struct fiber *fiber_new(struct fiber_pool *pool, void (*entry)(void *),
                        void *arg)
{
    struct fiber *f = pool->idle;

    if (f) {
        pool->idle = f->next;
        pool->idle_count--;
    } else if (pool->in_use >= pool->max_fibers) {
        return refuse(pool, FIBER_LIMIT, 0);
    } else if (!(f = map(pool))) {
        return NULL;
    }
    f->entry = entry;
    f->arg = arg;
    f->next = NULL;
    f->low_water = (char *)f;
    f->saved_errno = 0;
    f->cxx = (struct fiber_cxx){NULL, 0};
    f->lives++;
    lay_out(f, &pool->fp);
    tell_birth(f);
    if (++pool->in_use > pool->in_use_peak)
        pool->in_use_peak = pool->in_use;
    return f;
}

void fiber_free(struct fiber_pool *pool, struct fiber *f)
{
    if ((uintptr_t)fiber_here() - (uintptr_t)f->stack_low < f->stack_bytes)
        trap("scoop: fiber_free of the fiber that is running\n");
    tell_death(f);
    pool->in_use--;
    if (pool->idle_count >= pool->keep_idle) {
        unmap(pool, f);
        return;
    }
    trim(pool, f);
    f->next = pool->idle;
    pool->idle = f;
    pool->idle_count++;
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
    from->saved_errno = *from->errno_at;
    *from->errno_at = to->saved_errno;
    if (from->cxx_at) {
        from->cxx = *from->cxx_at;
        *from->cxx_at = to->cxx;
    }
    leave(from, to);
    fiber_jump(from, to); /* a tail call, without sanitizers */
    arrive(from);
}
