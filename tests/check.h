/* SPDX-License-Identifier: MIT */
/* check.h -- what a test program needs to check and to count
 *
 * A failed check is told and counted, and the test goes on: what fails next
 * often says why. main ends with `return checks_done();`.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int checks_passed, checks_failed;

#define CHECK(condition)                                                       \
    ((condition)                                                               \
         ? (void)checks_passed++                                               \
         : (void)(checks_failed++, printf("%s:%d: not so: %s\n", __FILE__,     \
                                          __LINE__, #condition)))

/* The exit code. No check at all is a failure: then nothing was tested. */
static inline int checks_done(void)
{
    printf("%d checks, %d failed\n", checks_passed + checks_failed,
           checks_failed);
    return checks_failed || !checks_passed;
}

#endif
