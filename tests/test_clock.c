/* SPDX-License-Identifier: MIT */
/* test_clock.c -- the clock goes forward, nothing ends early
 *
 * alone
 */
#include "clock.h"

#include "check.h"

#include <math.h>
#include <signal.h>
#include <sys/time.h>

#define MS UINT64_C(1000000)

static void test_conversion(void)
{
    CHECK(clock_ns_of(0) == 0);
    CHECK(clock_ns_of(-1) == 0);
    CHECK(clock_ns_of(-HUGE_VAL) == 0);
    CHECK(clock_ns_of((double)NAN) == 0);
    CHECK(clock_ns_of(1) == 1000 * MS);
    CHECK(clock_ns_of(0.5) == 500 * MS);
    CHECK(clock_ns_of(1e-9) == 1);
    CHECK(clock_ns_of(1e-300) == 1); /* up: not even that is "at once" */
    CHECK(clock_ns_of(1.5e-9) == 2);
    CHECK(clock_ns_of(2.25e-6) == 2250);
    CHECK(clock_ns_of(1.8e10) == UINT64_C(18000000000000000000));
    CHECK(clock_ns_of(1.9e10) == CLOCK_NEVER);
    CHECK(clock_ns_of(1e300) == CLOCK_NEVER);
    CHECK(clock_ns_of(HUGE_VAL) == CLOCK_NEVER);
    CHECK(clock_seconds_of(1500 * MS) == 1.5);
    for (uint64_t ns = 1; ns < UINT64_C(1) << 52; ns = ns * 3 + 1) {
        uint64_t back = clock_ns_of(clock_seconds_of(ns));
        CHECK(back >= ns - (ns >> 50) - 1 && back <= ns + (ns >> 50) + 1);
    }
}

static void test_deadlines(void)
{
    uint64_t before = clock_now_ns();
    uint64_t deadline = clock_deadline(0.25);
    uint64_t after = clock_now_ns();

    CHECK(deadline >= before + 250 * MS && deadline <= after + 250 * MS);
    CHECK(!clock_is_past(deadline));
    CHECK(clock_left_ns(deadline) <= 250 * MS);
    CHECK(clock_left_ns(deadline) > 0);
    CHECK(clock_is_past(before));
    CHECK(clock_left_ns(before) == 0);
    CHECK(clock_is_past(clock_deadline(0)));

    CHECK(clock_deadline(HUGE_VAL) == CLOCK_NEVER);
    CHECK(clock_deadline(1.8446744e10) == CLOCK_NEVER); /* now + that */
    CHECK(clock_left_ns(CLOCK_NEVER) == CLOCK_NEVER);
    CHECK(!clock_is_past(CLOCK_NEVER));
    CHECK(clock_after(5, 6) == 11);
    CHECK(clock_after(CLOCK_NEVER, 1) == CLOCK_NEVER);
    CHECK(clock_after(CLOCK_NEVER - 1, 1) == CLOCK_NEVER);
}

static void test_order(void)
{
    uint64_t last = clock_now_ns();
    int backwards = 0;

    for (int i = 0; i < 100000; i++) {
        uint64_t now = clock_now_ns();
        backwards += now < last;
        last = now;
    }
    CHECK(backwards == 0);
}

static void ignore(int number)
{
    (void)number;
}

/* A sleep outlasts the signals that arrive in it. */
static void test_sleep(void)
{
    struct itimerval every_ms = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = ignore};
    uint64_t start = clock_now_ns();

    clock_sleep_ns(0);
    clock_sleep_ns(3 * MS);
    CHECK(clock_now_ns() - start >= 3 * MS);

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every_ms, NULL);
    start = clock_now_ns();
    clock_sleep_ns(30 * MS);
    uint64_t slept = clock_now_ns() - start;
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(slept >= 30 * MS);
    CHECK(slept < 5000 * MS); /* a busy machine may be late, not for ever */
}

int main(void)
{
    test_conversion();
    test_deadlines();
    test_order();
    test_sleep();
    return checks_done();
}
