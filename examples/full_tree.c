/* SPDX-License-Identifier: MIT */
/* full_tree.c -- five levels of tasks, each waiting in another way
 *
 * SCOOP's example of the same name. Every task but those at the bottom needs
 * what the level below it makes, and a rank that waits works on something
 * else meanwhile: no depth of waiting leads to a deadlock, on one rank or on
 * many.
 *
 *     trunk     joins one future
 *     limb      maps over an array
 *     branch    takes futures as they end
 *     twig      maps and reduces
 *     leaf      computes
 *
 * One trunk, one limb, 20 branches and 210 twigs stand above 1,540 leaves.
 */
#include <scoop.h>

#include <stdio.h>

enum { WIDTH = 20 };

SCOOP_TASK(leaf, int, long);
SCOOP_TASK(twig, int, long);
SCOOP_TASK(branch, int, long);
SCOOP_TASK(limb, int, long);
SCOOP_TASK(trunk, int, long);
SCOOP_REDUCER(add, long);

static void count_up(int *number, int n)
{
    for (int i = 0; i < n; i++)
        number[i] = i + 1;
}

static int add(const long *left, const long *right, long *out)
{
    *out = *left + *right;
    return 0;
}

static int leaf(const int *n, long *out)
{
    *out = (long)*n * *n;
    return 0;
}

static int twig(const int *n, long *sum)
{
    int number[WIDTH];

    count_up(number, *n);
    return scoop_map_reduce(leaf, add, number, sum, (size_t)*n);
}

/* An error ends the loop; futures and iterator are released when the task
 * returns, and what is unfinished is cancelled. */
static int branch(const int *n, long *sum)
{
    scoop_future twigs[WIDTH], ended;
    scoop_iter *iter;
    long one;
    int err;

    for (int i = 0; i < *n; i++)
        twigs[i] = scoop_submit(twig, &(int){i + 1});
    err = scoop_as_completed(&iter, twigs, (size_t)*n);
    for (*sum = 0; !err; *sum += one) {
        err = scoop_next(iter, &ended);
        if (err == SCOOP_END)
            return scoop_iter_free(iter);
        if (!err)
            err = scoop_join(ended, &one);
        if (err)
            break;
    }
    return err;
}

static int limb(const int *n, long *sum)
{
    int number[WIDTH];
    long sums[WIDTH];
    int err;

    count_up(number, *n);
    err = scoop_map(branch, number, sums, (size_t)*n);
    if (err)
        return err;
    *sum = 0;
    for (int i = 0; i < *n; i++)
        *sum += sums[i];
    return 0;
}

static int trunk(const int *n, long *sum)
{
    return scoop_join(scoop_submit(limb, n), sum);
}

/* The wait and the result may be two calls. */
static int root(int argc, char **argv)
{
    scoop_future f = scoop_submit(trunk, &(int){WIDTH});
    long sum;

    (void)argc;
    (void)argv;
    if (scoop_wait(&f, 1) || scoop_result(f, &sum))
        return scoop_perror("trunk");
    printf("%ld\n", sum);
    scoop_release(f);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
