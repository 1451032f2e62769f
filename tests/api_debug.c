/* SPDX-License-Identifier: MIT */
/* ranks: - 2 | 1; node-memory: 1; settings: DEBUG=1 NICE=3; limit: 60 s */
/* api_debug.c -- SCOOP_DEBUG and SCOOP_NICE, on each rank */
#define _GNU_SOURCE 1 /* getpriority */
#include "api.h"

#include <sys/resource.h>

SCOOP_TASK(look, SCOOP_NONE, int);

static int look(const SCOOP_NONE *none, int *out)
{
    struct api_catch c;

    (void)none;
    api_catch(&c);
    scoop_log(SCOOP_LOG_DEBUG, "seen with SCOOP_DEBUG");
    char *said = api_caught(&c);
    *out = scoop_is_debug() && getpriority(PRIO_PROCESS, 0) >= 3 &&
           api_lines(said, "seen with SCOOP_DEBUG") == 1;
    free(said);
    return 0;
}

static int root(int argc, char **argv)
{
    int good;

    (void)argc;
    (void)argv;
    for (int r = 0; r < scoop_size(); r++) {
        scoop_future f = scoop_submit(look, NULL, .place = scoop_on_rank(r));
        CHECK(scoop_join(f, &good) == 0 && good);
    }
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
