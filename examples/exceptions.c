/* SPDX-License-Identifier: MIT */
/* exceptions.c -- failures in a tree of tasks: mended, or passed on
 *
 * SCOOP's example of that name. C has no exceptions: a task fails by returning
 * something other than 0, scoop_fail() adds words, and whoever waits for it
 * looks at what the wait returned and does one of three things:
 *
 *     mend it       use the error object, go on, return 0
 *     pass it on    `return err;` keeps the story: the task that failed first,
 *                   its words, and those that passed it on
 *     reword it     return scoop_fail(...) with a code and words of its own
 *
 * Five levels of tasks show all three:
 *
 *     root --> study --> survey --> cell --> column --> square
 *
 * A square of more than 20 is refused. Its column mends that, and counts with
 * what it was told. A cell of more than 10 columns is refused too; the survey
 * rewords that, the study passes it on, and the root prints the story.
 */
#include <scoop.h>

#include <stdio.h>

enum { LARGEST_SQUARE = 20, MOST_COLUMNS = 10, MOST = 20 };
enum { TOO_LARGE = 2, TOO_MANY = 3, NO_SURVEY = 4 };

SCOOP_TASK(square, int, int);
SCOOP_TASK(column, int, int);
SCOOP_TASK(cell, int, int);
SCOOP_TASK(survey, int, int);
SCOOP_TASK(study, int, int);

static void count_up(int *number, int n)
{
    for (int i = 0; i < n; i++)
        number[i] = i + 1;
}

static int square(const int *n, int *out)
{
    *out = *n * *n;
    if (*out > LARGEST_SQUARE)
        return scoop_fail(TOO_LARGE, "%d", *out);
    return 0;
}

/* Mends: what could not be squared is left out. With SCOOP_KEEP_GOING all
 * items are run, and .status says for each how it went; where it is 0 the
 * output is good. */
static int column(const int *n, int *sum)
{
    int number[MOST], squares[MOST], status[MOST] = {0};

    count_up(number, *n);
    int err = scoop_map(square, number, squares, (size_t)*n,
                        .on_error = SCOOP_KEEP_GOING, .status = status);
    if (err && err != SCOOP_EFAILED)
        return err; /* no memory, for instance: not what is mended here */
    *sum = 0;
    for (int i = 0; i < *n; i++)
        if (!status[i])
            *sum += squares[i];
    return 0;
}

/* The futures are joined in the order of submission. One could take them as
 * they end: see full_tree.c. */
static int cell(const int *n, int *sum)
{
    scoop_future columns[MOST];
    int err = 0, one;

    if (*n > MOST_COLUMNS)
        return scoop_fail(TOO_MANY, "%d columns, of %d at most", *n,
                          MOST_COLUMNS);
    for (int i = 0; i < *n; i++)
        columns[i] = scoop_submit(column, &(int){i + 1});
    *sum = 0;
    for (int i = 0; i < *n && !err; i++) {
        err = scoop_join(columns[i], &one);
        if (!err)
            *sum += one;
    }
    return err;
}

/* Rewords. The map says which item it was, the first by its index. */
static int survey(const int *n, int *sum)
{
    int number[MOST], sums[MOST], status[MOST] = {0};

    count_up(number, *n);
    int err = scoop_map(cell, number, sums, (size_t)*n,
                        .on_error = SCOOP_KEEP_GOING, .status = status);
    if (err) {
        const struct scoop_error *e = scoop_last_error();
        if (!e || !e->has_item)
            return err;
        return scoop_fail(NO_SURVEY, "cell %d of %d: %s (code %d)",
                          (int)e->item + 1, *n, e->message, e->task_code);
    }
    *sum = 0;
    for (int i = 0; i < *n; i++)
        *sum += sums[i];
    return 0;
}

/* Passes on. */
static int study(const int *n, int *sum)
{
    return scoop_join(scoop_submit(survey, n), sum);
}

static void try_study(int n)
{
    const struct scoop_error *e;
    scoop_future f = scoop_submit(study, &n);
    int sum;

    /* Waits and tells how it ended, without taking that for an error. */
    if (scoop_exception(f, &e)) {
        scoop_perror("scoop_exception");
    } else if (e) {
        printf("study of %d failed: %s returned %d", n, e->task, e->task_code);
        for (unsigned i = 0; i < e->parents; i++)
            printf(", passed on by %s", e->parent[i]);
        printf("\n    %s\n", e->message);
    } else if (!scoop_result(f, &sum)) {
        printf("study of %d: %d\n", n, sum);
    }
    scoop_release(f);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    try_study(4);
    try_study(8);
    try_study(MOST);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
