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
