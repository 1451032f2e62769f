/* SPDX-License-Identifier: MIT */
/* fib.c -- tasks that submit tasks: Fibonacci numbers, a future at each level
 *
 *     fib [n]      n from 0 to 90, 27 if not given
 *
 * The worst way to compute them, and the usual way to see what a future
 * costs, since the sum beside it costs nothing. Of the two halves one is
 * submitted and the other called directly: the rank that waits would only
 * take the second one back from its own queue. A thief that takes the
 * submitted half takes its whole subtree.
 */
#include <scoop.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

SCOOP_TASK(fib, int, long);

static int fib(const int *n, long *out)
{
    if (*n < 2) {
        *out = *n;
        return 0;
    }
    scoop_future left = scoop_submit(fib, &(int){*n - 1});
    long a, b;
    int err = fib(&(int){*n - 2}, &b);
    if (!err)
        err = scoop_join(left, &a); /* result and release in one */
    if (err)
        return err;
    *out = a + b;
    return 0;
}

static double now(void)
{
    struct timespec t;

    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int root(int argc, char **argv)
{
    int n = 27;
    long value, futures;

    if (argc > 1) {
        char *end;
        errno = 0;
        long given = strtol(argv[1], &end, 10);
        if (errno || end == argv[1] || *end || given < 0 || given > 90) {
            fprintf(stderr, "usage: fib [n], n from 0 to 90\n");
            return 2;
        }
        n = (int)given;
    }
    double begin = now();
    if (scoop_join(scoop_submit(fib, &n), &value))
        return scoop_perror("fib");
    double seconds = now() - begin;
    /* As many futures as there are calls with n > 1, and the first one. The
     * calls follow the same law as the numbers: fib(n + 1) - 1 of them. */
    long before = 0, after = 1; /* fib(0) and fib(1) */
    for (int i = 0; i < n; i++) {
        long next = before + after;
        before = after;
        after = next;
    }
    futures = after;
    printf("fib(%d) = %ld, %ld futures, %.3f s, %.1f ns each, %d rank%s\n", n,
           value, futures, seconds, seconds / (double)futures * 1e9,
           scoop_size(), scoop_size() == 1 ? "" : "s");
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
