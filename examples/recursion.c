/* SPDX-License-Identifier: MIT */
/* recursion.c -- a task that maps itself
 *
 *     recursion [depth]      12 if not given
 *
 * SCOOP's example of that name. Each task maps two others, down to the given
 * depth, and adds what they count: 2 to the power of the depth. All that time
 * every task above the lowest is waiting. A waiting task does not hold its
 * rank, and its stack is shared with the tasks below it where there is room.
 */
#include <scoop.h>

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 24 };

SCOOP_TASK(count, int, long);

static int count(const int *depth, long *out)
{
    int below[2] = {*depth - 1, *depth - 1};
    long counted[2];
    int err;

    if (*depth == 0) {
        *out = 1;
        return 0;
    }
    err = scoop_map(count, below, counted, 2);
    if (err)
        return err;
    *out = counted[0] + counted[1];
    return 0;
}

static int root(int argc, char **argv)
{
    int depth = argc > 1 ? atoi(argv[1]) : 12;
    long leaves;

    if (depth < 0 || depth > MOST) {
        fprintf(stderr, "usage: recursion [depth, 0 to %d]\n", MOST);
        return 2;
    }
    /* The root is a task too, and may call a task as a function. */
    if (count(&depth, &leaves))
        return scoop_perror("count");
    printf("2^%d = %ld\n", depth, leaves);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
