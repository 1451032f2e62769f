/* SPDX-License-Identifier: MIT */
/* parallel_sort.c -- merge sort, its upper levels as tasks
 *
 *     parallel_sort [numbers [levels]]      1,000,000 and 4 if not given
 *
 * SCOOP's example of that name. A task sorts a list: it hands one half to
 * another task, sorts the other half itself, and merges the two. Below a
 * number of levels the list is sorted where it is, since a list travels with
 * its task, and moving it costs about as much as merging it.
 *
 * Lists differ in length, so this is a bytes task. Its argument is the number
 * of levels that are left, as one more number in front of the list, its result
 * the sorted list.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SCOOP_TASK_BYTES(merge_sort);

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void merge(const int64_t *left, size_t lefts, const int64_t *right,
                  size_t rights, int64_t *out)
{
    while (lefts && rights)
        if (*left <= *right) {
            *out++ = *left++;
            lefts--;
        } else {
            *out++ = *right++;
            rights--;
        }
    if (lefts)
        memcpy(out, left, lefts * sizeof *out);
    if (rights)
        memcpy(out, right, rights * sizeof *out);
}

/* A list with the number of levels before it; the list itself is copied. */
static scoop_future submit_list(int64_t levels, const int64_t *list, size_t n)
{
    size_t len = (n + 1) * sizeof *list;
    int64_t *message = malloc(len);

    if (message) {
        message[0] = levels;
        memcpy(message + 1, list, n * sizeof *list);
    }
    /* .take: it came from malloc and is the library's now. With NULL the
     * future carries an error, which the join below will tell. */
    return scoop_submit(merge_sort, message, .len = len, .take = 1);
}

/* Sorts into out, which is as long as the list. */
static int sort_list(int64_t levels, const int64_t *list, size_t n,
                     int64_t *out)
{
    size_t half = n / 2, len;
    const void *left;
    int64_t *right;
    int err;

    if (levels <= 0 || n < 2) {
        if (n)
            memcpy(out, list, n * sizeof *list);
        qsort(out, n, sizeof *out, compare);
        return 0;
    }
    right = malloc((n - half) * sizeof *right);
    if (!right)
        return scoop_fail(1, "no memory for %zu numbers", n - half);
    scoop_future f = submit_list(levels - 1, list, half);
    err = sort_list(levels - 1, list + half, n - half, right);
    if (!err)
        err = scoop_result_bytes(f, &left, &len);
    if (!err)
        merge(left, half, right, n - half, out);
    scoop_release(f); /* lent until here */
    free(right);
    return err;
}

static int merge_sort(const void *data, size_t len, scoop_out *out)
{
    const int64_t *message = data; /* data is aligned for any type */
    size_t n = len / sizeof *message - 1;
    int64_t *sorted = scoop_out_extend(out, n * sizeof *sorted);

    if (!sorted && n)
        return scoop_fail(1, "no memory for %zu numbers", n);
    return sort_list(message[0], message + 1, n, sorted);
}

/* The same numbers on every machine: SplitMix64. */
static int64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)(z ^ (z >> 31));
}

static int root(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    long levels = argc > 2 ? strtol(argv[2], NULL, 10) : 4;
    int64_t *list = calloc(n ? n : 1, sizeof *list);
    int64_t *sorted = calloc(n ? n : 1, sizeof *sorted);
    uint64_t state = 42;
    int err = EXIT_FAILURE;

    if (!list || !sorted) {
        perror("parallel_sort");
        goto end;
    }
    for (size_t i = 0; i < n; i++)
        list[i] = next_random(&state);
    if (sort_list(levels, list, n, sorted)) {
        err = scoop_perror("merge_sort");
        goto end;
    }
    qsort(list, n, sizeof *list, compare);
    bool is_same = !n || !memcmp(list, sorted, n * sizeof *list);
    printf("%zu numbers, %s\n", n,
           is_same ? "sorted as qsort() does" : "not sorted");
    if (n)
        printf("from %" PRId64 " over %" PRId64 " to %" PRId64 "\n", sorted[0],
               sorted[n / 2], sorted[n - 1]);
    err = is_same ? 0 : EXIT_FAILURE;
end:
    free(list);
    free(sorted);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
