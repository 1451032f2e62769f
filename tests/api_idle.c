/* SPDX-License-Identifier: MIT */
/* ranks: 4; node-memory: 1 0; limit: 60 s; alone; skip: asan tsan valgrind */
/* api_idle.c -- ranks without work, and an origin that waits, use no core
 *
 * One rank computes for three seconds. The others, and their helpers, may use
 * 2 % of a core meanwhile.
 */
#include "api.h"

#include <sys/resource.h>

SCOOP_TASK(compute, double, SCOOP_NONE);
SCOOP_TASK(used, SCOOP_NONE, double);

static int compute(const double *seconds, SCOOP_NONE *out)
{
    (void)out;
    api_compute(*seconds);
    return 0;
}

/* CPU seconds of this process so far. */
static int used(const SCOOP_NONE *in, double *seconds)
{
    struct rusage u;

    (void)in;
    getrusage(RUSAGE_SELF, &u);
    *seconds = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
    return 0;
}

static void look(double *seconds)
{
    for (int i = 0; i < scoop_size(); i++) {
        scoop_future f = scoop_submit(used, NULL, .place = scoop_on_rank(i));
        CHECK(scoop_join(f, &seconds[i]) == 0);
    }
}

static void idle(int busy, double seconds)
{
    double before[64], after[64];

    look(before);
    scoop_future f =
        scoop_submit(compute, &seconds, .place = scoop_on_rank(busy));
    CHECK(scoop_join(f, NULL) == 0);
    look(after);
    for (int i = 0; i < scoop_size(); i++) {
        double share = (after[i] - before[i]) / seconds;
        printf("rank %d: %.2f %% of a core\n", i, 100 * share);
        CHECK(i == busy || share < 0.02);
    }
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    api_nap(0.1); /* the others have gone to sleep */
    idle(scoop_size() - 1, 3);
    idle(0, 1);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
