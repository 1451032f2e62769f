/* SPDX-License-Identifier: MIT */
/* failures.c -- what a task that fails looks like from the other end
 *
 * A task fails by returning non-zero; scoop_fail() adds the words. Whoever
 * waits for it gets SCOOP_EFAILED and finds the task's own code, its words,
 * and where it ran in the error object. A wait that takes too long ends with
 * SCOOP_ETIMEDOUT, which is about the wait: the task goes on.
 */
#include <scoop.h>

#include <math.h>
#include <stdio.h>
#include <time.h>

SCOOP_TASK(root_of, double, double);
SCOOP_TASK(work_long, SCOOP_NONE, SCOOP_NONE);

static int root_of(const double *x, double *y)
{
    if (*x < 0)
        return scoop_fail(3, "%g has no real root", *x);
    *y = sqrt(*x);
    return 0;
}

static int work_long(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    clock_t begin = clock();

    (void)in;
    (void)out;
    while (clock() - begin < CLOCKS_PER_SEC / 5)
        ;
    return 0;
}

/* One future: the error object tells the story until the release. */
static void fail_alone(void)
{
    double y;
    scoop_future f = scoop_submit(root_of, &(double){-1});
    int err = scoop_result(f, &y);
    const struct scoop_error *e = scoop_error_of(f);

    printf("result: %s\n", scoop_strerror(err));
    if (e)
        printf("error: task %s returned %d: %s\n", e->task, e->task_code,
               e->message);
    scoop_release(f);
}

/* A map: the error object names the item, the first one that failed. */
static void fail_in_map(void)
{
    double x[100], y[100];

    for (int i = 0; i < 100; i++)
        x[i] = i == 42 ? -i : i;
    int err = scoop_map(root_of, x, y, 100);
    const struct scoop_error *e = scoop_last_error();
    printf("map: %s\n", scoop_strerror(err));
    if (e && e->has_item)
        printf("error: item %d: %s\n", (int)e->item, e->message);
    scoop_perror("map");
}

/* The wait gives up first. The second wait sees the same future through. On
 * one rank the first wait has nobody else to run the task: it may run it, and
 * then it ends when the task does. */
static void wait_too_briefly(void)
{
    scoop_future f =
        scoop_submit(work_long, NULL, .place = scoop_on_rank(scoop_size() - 1));
    int first = scoop_join(f, NULL, .timeout = 0.01);

    printf("wait of 10 ms: %s\n", scoop_strerror(first));
    if (first == SCOOP_ETIMEDOUT)
        printf("wait without end: %s\n", scoop_strerror(scoop_join(f, NULL)));
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fail_alone();
    fail_in_map();
    wait_too_briefly();
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
