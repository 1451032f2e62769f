/* SPDX-License-Identifier: MIT */
/* map_reduce.c -- many results made into one
 *
 * SCOOP's example of the same name: of 1,000 lists, list n holds n times the
 * number n; each is summed up by a task, and the sums are added. The reducer
 * makes one value of two, and runs in parallel too, as a tree whose shape
 * follows from the number of items alone. So it has to be associative, and a
 * sum of floating-point numbers, which is not quite, has the same bits on any
 * number of ranks: that is the second sum here.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdio.h>

enum { LISTS = 1000 };

SCOOP_TASK(sum_list, int, int64_t);
SCOOP_TASK(reciprocal, int, double);
SCOOP_REDUCER(add, int64_t);
SCOOP_REDUCER(add_real, double);

static int sum_list(const int *n, int64_t *sum)
{
    *sum = 0;
    for (int i = 0; i < *n; i++)
        *sum += *n;
    return 0;
}

static int reciprocal(const int *n, double *value)
{
    *value = 1.0 / (*n + 1);
    return 0;
}

static int add(const int64_t *left, const int64_t *right, int64_t *out)
{
    *out = *left + *right;
    return 0;
}

static int add_real(const double *left, const double *right, double *out)
{
    *out = *left + *right;
    return 0;
}

static int root(int argc, char **argv)
{
    int number[LISTS];
    int64_t sum, serial = 0, one, none;
    double harmonic;

    (void)argc;
    (void)argv;
    for (int i = 0; i < LISTS; i++)
        number[i] = i;

    if (scoop_map_reduce(sum_list, add, number, &sum, LISTS))
        return scoop_perror("sum_list");
    for (int i = 0; i < LISTS; i++) {
        if (sum_list(&number[i], &one)) /* a task is an ordinary function */
            return 1;
        serial += one;
    }
    printf("in parallel %" PRId64 ", serially %" PRId64 "\n", sum, serial);

    if (scoop_map_reduce(reciprocal, add_real, number, &harmonic, LISTS))
        return scoop_perror("reciprocal");
    printf("1 + 1/2 + ... + 1/%d = %a\n", LISTS, harmonic);

    /* Without items there is nothing to reduce: the sum of none is what the
     * caller says it is, or an error. */
    if (scoop_map_reduce(sum_list, add, number, &none, 0,
                         .neutral = &(int64_t){0}))
        return scoop_perror("sum_list");
    printf("of no lists %" PRId64 "; ", none);
    printf("without a neutral value: %s\n",
           scoop_strerror(scoop_map_reduce(sum_list, add, number, &none, 0)));
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
