/* SPDX-License-Identifier: MIT */
/* map_as_completed.c -- results in the order in which they are made
 *
 *     map_as_completed [-v]      -v: tell of each item as it comes
 *
 * SCOOP's example of the same name. The items of the map need more or less
 * work, the first ones most. scoop_map() would have the results in order once
 * all are there; the iterator yields each as soon as it is there, with the
 * index of its item. So whoever needs only the first good result, or draws a
 * picture that fills up, need not wait for the slowest item.
 *
 * The order differs from run to run, so what is printed at the end is what
 * does not.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ITEMS = 10 };

/* The longest of the chains n, n/2 or 3n + 1, ..., 1 that start below a
 * limit. */
struct longest {
    uint64_t start, length;
};

SCOOP_TASK(search, uint64_t, struct longest);

static int search(const uint64_t *limit, struct longest *longest)
{
    *longest = (struct longest){0, 0};
    for (uint64_t start = 1; start < *limit; start++) {
        uint64_t length = 1;
        for (uint64_t n = start; n != 1; length++)
            n = n % 2 ? 3 * n + 1 : n / 2;
        if (length > longest->length)
            *longest = (struct longest){start, length};
    }
    return 0;
}

static int root(int argc, char **argv)
{
    bool is_verbose = argc > 1 && !strcmp(argv[1], "-v");
    uint64_t limit[ITEMS], index;
    struct longest found[ITEMS], one;
    int times[ITEMS] = {0}, come = 0, status, err;
    scoop_iter *items;

    for (int i = 0; i < ITEMS; i++)
        limit[i] = UINT64_C(100000) >> i;
    if (scoop_map_iter(search, &items, limit, ITEMS, .as_completed = 1))
        return scoop_perror("scoop_map_iter");
    while (!(err = scoop_next_item(items, &index, &one, &status))) {
        if (status)
            return scoop_perror("search"); /* the iterator goes with the task */
        found[index] = one;
        times[index]++;
        come++;
        if (is_verbose)
            printf("%d. item %" PRIu64 "\n", come, index);
    }
    if (err != SCOOP_END)
        return scoop_perror("scoop_next_item");
    scoop_iter_free(items);

    printf("%d items have come\n", come);
    for (int i = 0; i < ITEMS; i++)
        printf("item %d, %d time: below %" PRIu64 " the chain from %" PRIu64
               " has %" PRIu64 " numbers\n",
               i, times[i], limit[i], found[i].start, found[i].length);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
