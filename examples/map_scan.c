/* SPDX-License-Identifier: MIT */
/* map_scan.c -- every partial result of a reduction
 *
 * SCOOP's example of the same name, with a balance added. A scan gives for
 * each item the reduction of all items up to it: running totals, the maximum
 * so far. The last one is what scoop_map_reduce() gives.
 *
 * SCOOP's own mapScan combines the halves of the list without adding the left
 * half to each item of the right one: of 1 2 3 4 5 and + it makes 1 3 3 4 15.
 * This one is the inclusive scan, 1 3 6 10 15, as itertools.accumulate() has
 * it, MPI_Scan, and any textbook.
 */
#include <scoop.h>

#include <stdio.h>

enum { LISTS = 10, MONTHS = 12 };

SCOOP_TASK(sum_list, int, long);
SCOOP_REDUCER(add, long);
SCOOP_REDUCER(larger, long);

/* List n holds n times the number n. */
static int sum_list(const int *n, long *sum)
{
    *sum = 0;
    for (int i = 0; i < *n; i++)
        *sum += *n;
    return 0;
}

static int add(const long *left, const long *right, long *out)
{
    *out = *left + *right;
    return 0;
}

static int larger(const long *left, const long *right, long *out)
{
    *out = *left > *right ? *left : *right;
    return 0;
}

static void print(const char *what, const long *value, int n)
{
    printf("%s", what);
    for (int i = 0; i < n; i++)
        printf(" %ld", value[i]);
    printf("\n");
}

static int root(int argc, char **argv)
{
    static const long booked[MONTHS] = {110, -42,  17,  -30, 95, 12,
                                        -8,  -110, 220, 34,  -5, -61};
    int number[LISTS];
    long sums[LISTS], balance[MONTHS], highest[MONTHS];

    (void)argc;
    (void)argv;
    for (int i = 0; i < LISTS; i++)
        number[i] = i;
    if (scoop_map_scan(sum_list, add, number, sums, LISTS))
        return scoop_perror("sum_list");
    print("running sums:", sums, LISTS);

    /* Of values that are there already: a scan without a map. */
    if (scoop_scan(add, booked, balance, MONTHS) ||
        scoop_scan(larger, balance, highest, MONTHS))
        return scoop_perror("scoop_scan");
    print("booked:      ", booked, MONTHS);
    print("balance:     ", balance, MONTHS);
    print("highest:     ", highest, MONTHS);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
