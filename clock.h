/* SPDX-License-Identifier: MIT */
/* clock.h -- now, deadlines, sleep
 *
 * The only door to time. Inside the library a moment is a count of
 * nanoseconds on a clock that never goes back, and a deadline is such a
 * moment; seconds as double exist at the public face only. Three functions are
 * real (clock.c) and can be replaced at link time by a virtual clock; what
 * follows from them by arithmetic is inline here, so that both clocks share
 * it.
 *
 * Conversions round up and saturate: a time-out may end late by the clock's
 * grain, never early, and one too large to count is CLOCK_NEVER.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* The deadline that never comes. */
#define CLOCK_NEVER UINT64_MAX

/* Monotonic nanoseconds since some fixed moment; comparable between the
 * processes of one host, meaningless between hosts. */
uint64_t clock_now_ns(void);

/* Sleeps at least that long, signals or not. Ends by the clock alone: where
 * something else may have to end the wait, wait on node memory instead. */
void clock_sleep_ns(uint64_t duration_ns);

/* CPU time that a process of this host has used, all threads together; as of
 * its last tick of the kernel's clock where it runs now.  CLOCK_NEVER: not
 * known.  For crowd.c. */
uint64_t clock_cpu_ns(int32_t pid);

/* Seconds to nanoseconds, rounded up. Negative and NaN are 0, so that a bad
 * number ends a wait at once instead of never. */
static inline uint64_t clock_ns_of(double seconds)
{
    double ns = seconds * 1e9;

    if (!(ns > 0))
        return 0;
    if (ns >= 18446744073709551616.0) /* 2^64: infinity comes here as well */
        return CLOCK_NEVER;
    uint64_t whole = (uint64_t)ns;
    return whole + ((double)whole < ns);
}

static inline double clock_seconds_of(uint64_t ns)
{
    return (double)ns * 1e-9;
}

/* A moment that lies `ns` after `from_ns`. */
static inline uint64_t clock_after(uint64_t from_ns, uint64_t ns)
{
    return ns > CLOCK_NEVER - from_ns ? CLOCK_NEVER : from_ns + ns;
}

/* The moment that lies so many seconds ahead. */
static inline uint64_t clock_deadline(double seconds)
{
    return clock_after(clock_now_ns(), clock_ns_of(seconds));
}

/* What is left until the deadline, 0 once it is past. */
static inline uint64_t clock_left_ns(uint64_t deadline_ns)
{
    if (deadline_ns == CLOCK_NEVER)
        return CLOCK_NEVER;
    uint64_t now_ns = clock_now_ns();
    return deadline_ns > now_ns ? deadline_ns - now_ns : 0;
}

static inline bool clock_is_past(uint64_t deadline_ns)
{
    return clock_left_ns(deadline_ns) == 0;
}

#endif
