/* SPDX-License-Identifier: MIT */
/* sum_of_multiples.c -- sets made in parallel, and their union
 *
 *     sum_of_multiples [divisor...]      3 and 5 if none is given
 *
 * SCOOP's example of that name: the sum of all numbers below 1,000,000 that 3
 * or 5 divides. A task makes the set of a divisor's multiples, the reducer
 * the union of two sets, so that no number counts twice.
 *
 * A set is an array of bits, 125,000 bytes: small enough to be the result of
 * a typed task, which is copied as it is, and large enough that one does not
 * want too many copies of it.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 1000000, WORDS = (LIMIT + 63) / 64 };

struct set {
    uint64_t word[WORDS];
};

SCOOP_TASK(multiples, int, struct set);
SCOOP_REDUCER(unite, struct set);

static int multiples(const int *divisor, struct set *set)
{
    if (*divisor <= 0)
        return scoop_fail(1, "%d divides nothing", *divisor);
    *set = (struct set){{0}};
    for (int n = 0; n < LIMIT; n += *divisor) {
        set->word[n / 64] |= UINT64_C(1) << n % 64;
        if (n > LIMIT - *divisor)
            break; /* n must not overflow */
    }
    return 0;
}

static int unite(const struct set *left, const struct set *right,
                 struct set *out)
{
    for (int i = 0; i < WORDS; i++)
        out->word[i] = left->word[i] | right->word[i];
    return 0;
}

static uint64_t sum_of(const struct set *set)
{
    uint64_t sum = 0;

    for (int n = 0; n < LIMIT; n++)
        if (set->word[n / 64] >> n % 64 & 1)
            sum += (uint64_t)n;
    return sum;
}

static int root(int argc, char **argv)
{
    static const int by_default[] = {3, 5};
    size_t n = argc > 1 ? (size_t)argc - 1 : 2;
    int *divisor = calloc(n, sizeof *divisor), err = EXIT_FAILURE;
    struct set *set = malloc(sizeof *set);

    if (!divisor || !set) {
        perror("sum_of_multiples");
    } else {
        for (size_t i = 0; i < n; i++)
            divisor[i] = argc > 1 ? atoi(argv[i + 1]) : by_default[i];
        err = 0;
        if (scoop_map_reduce(multiples, unite, divisor, set, n))
            err = scoop_perror("multiples");
        else
            printf("%" PRIu64 "\n", sum_of(set));
    }
    free(divisor);
    free(set);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
