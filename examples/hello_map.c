/* SPDX-License-Identifier: MIT */
/* hello_map.c -- the first program: square a thousand numbers on all ranks
 *
 * It is the listing at the top of scoop.h. Prints 998001.
 */
#include <scoop.h>

#include <stdio.h>

SCOOP_TASK(square, double, double);

static int square(const double *x, double *y)
{
    *y = *x * *x;
    return 0; /* non-zero: the task failed */
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    double x[1000], y[1000];
    for (int i = 0; i < 1000; i++)
        x[i] = i;
    if (scoop_map(square, x, y, 1000)) /* blocks; this rank helps */
        return scoop_perror("square"); /* which item, where, why */
    printf("%g\n", y[999]);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
