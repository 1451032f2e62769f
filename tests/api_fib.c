/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_fib.c -- fib(25), a future at every level
 *
 * Under valgrind, where each call is fifty times as dear, it is fib(20).
 */
#include "api.h"

SCOOP_TASK(fib, int, long);

static int fib(const int *n, long *out)
{
    if (*n < 2)
        return *out = *n, 0;
    scoop_future left = scoop_submit(fib, &(int){*n - 1});
    long a, b;
    int err = fib(&(int){*n - 2}, &b);
    if (!err)
        err = scoop_join(left, &a);
    if (err)
        return err;
    *out = a + b;
    return 0;
}

/* Both halves are futures, joined in the order in which they were made. */
SCOOP_TASK(fib_wide, int, long);

static int fib_wide(const int *n, long *out)
{
    long a = 0, b = 0;

    if (*n < 2)
        return *out = *n, 0;
    scoop_future left = scoop_submit(fib_wide, &(int){*n - 1});
    scoop_future right = scoop_submit(fib_wide, &(int){*n - 2});
    int err = scoop_join(left, &a);
    int err_too = scoop_join(right, &b);
    *out = a + b;
    return err ? err : err_too;
}

static int root(int argc, char **argv)
{
    int n = api_is_slowed() ? 20 : 25;
    long plain = 0, found = 0;

    (void)argc;
    (void)argv;
    for (long a = 0, b = 1, i = 0; i <= n; i++, b += a, a = b - a)
        plain = a;
    CHECK(scoop_join(scoop_submit(fib, &n), &found) == 0);
    CHECK(found == plain);
    found = 0;
    CHECK(scoop_join(scoop_submit(fib_wide, &n), &found) == 0);
    CHECK(found == plain);
    found = 0;
    CHECK(fib(&n, &found) == 0 && found == plain);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
