/* SPDX-License-Identifier: MIT */
/* start.c -- a farm without work: what it costs to have one
 *
 *     start FILE      once all ranks have had a quarter of a second of nothing
 *                     to do, appends a line for each to FILE, as plain.c does
 *     start           returns from the root at once
 */
#define _GNU_SOURCE 1 /* nanosleep */
#include <scoop.h>

#include <time.h>

#include "memory.h"

struct path {
    char name[256];
};

SCOOP_TASK(look, struct path, SCOOP_NONE);

static int look(const struct path *path, SCOOP_NONE *out)
{
    (void)out;
    return memory_write(path->name) ? scoop_fail(1, "%s", path->name) : 0;
}

static int root(int argc, char **argv)
{
    struct path path;
    int err = 0;

    if (argc < 2)
        return 0;
    snprintf(path.name, sizeof path.name, "%s", argv[1]);
    nanosleep(&(struct timespec){.tv_nsec = 250000000}, NULL);
    for (int rank = 0; rank < scoop_size() && !err; rank++)
        err =
            scoop_join(scoop_submit(look, &path, .place = scoop_on_rank(rank)),
                       NULL);
    return err ? scoop_perror("start") : 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
