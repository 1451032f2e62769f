/* SPDX-License-Identifier: MIT */
/* callback.c -- a function that is called when a future has ended
 *
 *     callback [-v]      -v: tell of each future as it ends
 *
 * SCOOP's example of the same name. Five tasks sleep for a while; each future
 * has a callback, which runs on the rank that submitted it, so that it can use
 * variables of the program: here it keeps a table. It finds the result by the
 * future that it is given. Callbacks of a future are begun in the order in
 * which they were added, and a future that has ended already calls too.
 *
 * A callback that fails, by returning anything but 0, is logged; there is
 * nobody who waits for it.
 */
#include <scoop.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TASKS = 5 };

/* What callbacks write to has to be there until all have been called, which
 * may be after the root has returned. */
static struct {
    int called, sum;
    int value[TASKS];
    bool is_verbose;
} table;

SCOOP_TASK(sleep_tenths, int, int);

static int sleep_tenths(const int *tenths, int *out)
{
    struct timespec pause = {.tv_nsec = *tenths * 100000000L};

    if (*tenths == 4)
        return scoop_fail(4, "overslept");
    nanosleep(&pause, NULL); /* keeps the rank busy: no call of the library */
    *out = *tenths;
    return 0;
}

static int note(scoop_future future, void *arg)
{
    int *value = arg;
    const struct scoop_error *error = scoop_error_of(future);

    table.called++;
    if (error)
        *value = -error->task_code;
    else if (scoop_result(future, value)) /* is there: does not wait */
        return scoop_fail(1, "no result");
    if (table.is_verbose)
        printf("done: %d\n", *value);
    return 0;
}

static int add(scoop_future future, void *arg)
{
    int value;

    (void)arg;
    if (!scoop_error_of(future) && !scoop_result(future, &value))
        table.sum += value;
    return 0;
}

static int root(int argc, char **argv)
{
    scoop_future futures[TASKS];

    table.is_verbose = argc > 1 && !strcmp(argv[1], "-v");
    for (int i = 0; i < TASKS; i++) {
        futures[i] = scoop_submit(sleep_tenths, &(int){i + 1});
        if (scoop_on_done(futures[i], note, &table.value[i]) ||
            scoop_on_done(futures[i], add, NULL))
            return scoop_perror("scoop_on_done");
    }
    /* Whoever waits need not have a callback, and the other way round. */
    if (scoop_wait(futures, TASKS))
        return scoop_perror("scoop_wait");
    printf("all have ended\n");
    return 0;
}

/* The farm does not end before all callbacks have. Only the rank that they ran
 * on has something in its table. */
int main(int argc, char **argv)
{
    int code = scoop_main(argc, argv, root);

    if (table.called) {
        printf("%d callbacks:", table.called);
        for (int i = 0; i < TASKS; i++)
            printf(" %d", table.value[i]);
        printf("; sum of those that went well %d\n", table.sum);
    }
    return code;
}
