/* SPDX-License-Identifier: MIT */
/* clock.c -- the real clock
 *
 * CLOCK_MONOTONIC: it is read without a system call (vdso, some 20 ns), it is
 * the same for all processes of a host, and setting the time of day does not
 * move it. CLOCK_MONOTONIC_RAW would escape the slewing of NTP as well, but
 * cannot be slept on, and a deadline must be on the clock that ends it.
 */
#include "clock.h"

#include <errno.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* fails for a bad clock id only */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_cpu_ns(int32_t pid)
{
    clockid_t clock;
    struct timespec used;

    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
        return CLOCK_NEVER; /* it is gone, or of another namespace */
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

void clock_sleep_ns(uint64_t duration_ns)
{
    uint64_t until_ns = clock_after(clock_now_ns(), duration_ns);
    struct timespec until = {
        .tv_sec = (time_t)(until_ns / NS_PER_S),
        .tv_nsec = (long)(until_ns % NS_PER_S),
    };

    /* An absolute end: a stream of signals cannot stretch the sleep by the
     * rounding of each remainder. */
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
           EINTR)
        ;
}
