/* SPDX-License-Identifier: MIT */
/* conditional_execution.c -- which task is submitted is decided at run time
 *
 *     conditional_execution [number]      27 if not given
 *
 * SCOOP's example of the same name, which throws a coin; this one looks at the
 * number. An even one is halved by one task, of an odd one another makes
 * 3n + 1, until it is 1; how long that takes nobody can tell beforehand.
 *
 * Functions cannot be passed by value in C, but tasks can: scoop_task_of(fn)
 * is a pointer to the descriptor that SCOOP_TASK made, and scoop_task_find()
 * gets it by name. The plain-function forms take it; they do not know the
 * types, so the size of the argument has to be said.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

SCOOP_TASK(halve, uint64_t, uint64_t);
SCOOP_TASK(triple_plus_one, uint64_t, uint64_t);

static int halve(const uint64_t *n, uint64_t *out)
{
    *out = *n / 2;
    return 0;
}

static int triple_plus_one(const uint64_t *n, uint64_t *out)
{
    if (*n > (UINT64_MAX - 1) / 3)
        return scoop_fail(1, "3 * %" PRIu64 " + 1 is too large", *n);
    *out = 3 * *n + 1;
    return 0;
}

static int root(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 27, highest = n;
    const struct scoop_task *even = scoop_task_of(halve);
    const struct scoop_task *odd = scoop_task_find("triple_plus_one");
    int steps = 0;

    if (!n || !odd) {
        fprintf(stderr, "usage: conditional_execution [number]\n");
        return 2;
    }
    printf("%" PRIu64, n);
    for (; n != 1; steps++) {
        const struct scoop_task *task = n % 2 ? odd : even;
        scoop_future f = scoop_submit_task(task, &n, sizeof n, NULL);
        if (scoop_join(f, &n))
            return scoop_perror(task->name);
        if (n > highest)
            highest = n;
    }
    printf(" is 1 after %d tasks, and was %" PRIu64 " meanwhile\n", steps,
           highest);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
