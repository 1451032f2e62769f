/* SPDX-License-Identifier: MIT */
/* count.c -- the hot paths, so and so many times; see ../instructions.sh
 *
 *     count fib N        a future at every level of fib(N)
 *     count join N       N empty tasks, each joined at once
 *     count burst N      N empty tasks in bursts of 100, joined newest first
 *     count map N        a map of N empty items
 *     count reduce N     a reduction of N values
 */
#include <scoop.h>

#include <stdlib.h>
#include <string.h>

SCOOP_TASK(nothing, int, int);
SCOOP_TASK(fib, int, long);
SCOOP_REDUCER(add, int);

static int nothing(const int *in, int *out)
{
    *out = *in;
    return 0;
}

static int add(const int *left, const int *right, int *out)
{
    *out = *left + *right;
    return 0;
}

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
        err = scoop_join(left, &a);
    if (err)
        return err;
    *out = a + b;
    return 0;
}

static int burst(int n)
{
    scoop_future f[100];
    int out, err = 0;

    for (int i = 0; i < n; i += 100) {
        for (int k = 0; k < 100; k++)
            f[k] = scoop_submit(nothing, &k);
        for (int k = 100; k-- > 0;)
            err |= scoop_join(f[k], &out);
    }
    return err;
}

static int root(int argc, char **argv)
{
    int n = argc > 2 ? atoi(argv[2]) : 0, out, err = 0;
    int *in = calloc((size_t)n + 1, 2 * sizeof *in);
    long value;

    if (!in || argc < 3)
        return 1;
    if (!strcmp(argv[1], "fib"))
        err = fib(&n, &value);
    for (int i = 0; i < n && !strcmp(argv[1], "join"); i++)
        err |= scoop_join(scoop_submit(nothing, &i), &out);
    if (!strcmp(argv[1], "burst"))
        err = burst(n);
    if (!strcmp(argv[1], "map"))
        err = scoop_map(nothing, in, in + n, (size_t)n);
    if (!strcmp(argv[1], "reduce"))
        err = scoop_reduce(add, in, &out, (size_t)n);
    free(in);
    return err ? scoop_perror(argv[1]) : 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
