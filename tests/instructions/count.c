/* SPDX-License-Identifier: MIT */
/* count.c -- the hot paths, each many times; see ../instructions.sh
 *
 * Run by callgrind, it asks for a count of each path by itself, so that the
 * start of the farm, and a first round of each path, are in no count.  For
 * each it prints a line: name, operations.
 *
 *     fib      a future at every level of fib(20)
 *     join     empty tasks, each joined at once
 *     burst    empty tasks in bursts of 100, joined newest first
 *     map      a map of empty items
 *     reduce   a reduction of integers
 */
#include <scoop.h>

#include <stdio.h>
#include <stdlib.h>
#include <valgrind/callgrind.h>

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

/* One round of a path: 0 or an error; `in` has room for twice ITEMS. */
enum { FIB = 20, FUTURES = 10945, TASKS = 10000, ITEMS = 100000 };

static int run_fib(int *in)
{
    long value;

    in[0] = FIB;
    return fib(in, &value);
}

static int run_join(int *in)
{
    int out, err = 0;

    for (int i = 0; i < TASKS; i++)
        err |= scoop_join(scoop_submit(nothing, &in[i]), &out);
    return err;
}

static int run_burst(int *in)
{
    scoop_future f[100];
    int out, err = 0;

    for (int i = 0; i < TASKS; i += 100) {
        for (int k = 0; k < 100; k++)
            f[k] = scoop_submit(nothing, &in[k]);
        for (int k = 100; k-- > 0;)
            err |= scoop_join(f[k], &out);
    }
    return err;
}

static int run_map(int *in)
{
    return scoop_map(nothing, in, in + ITEMS, ITEMS);
}

static int run_reduce(int *in)
{
    return scoop_reduce(add, in, in + ITEMS, ITEMS);
}

static int count(const char *name, int (*run)(int *in), int operations, int *in)
{
    int err = run(in);

    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    err |= run(in);
    CALLGRIND_DUMP_STATS_AT(name);
    CALLGRIND_STOP_INSTRUMENTATION;
    printf("%s %d\n", name, operations);
    return err ? scoop_perror(name) : 0;
}

static int root(int argc, char **argv)
{
    int *in = calloc(2 * ITEMS, sizeof *in);

    (void)argc;
    (void)argv;
    if (!in)
        return 1;
    /* fib(n) makes fib(n + 1) - 1 futures. */
    int err = count("fib", run_fib, FUTURES, in) ||
              count("join", run_join, TASKS, in) ||
              count("burst", run_burst, TASKS, in) ||
              count("map", run_map, ITEMS, in) ||
              count("reduce", run_reduce, ITEMS, in);
    free(in);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
