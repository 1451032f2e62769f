/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 60 s; alone; skip: valgrind */
/* api_robbed.c -- a rank that computes can be robbed
 *
 * 100 tasks stand in line behind a leaf that does not call the library for a
 * second. How fast they go is for the benchmarks; here half of them must have
 * run elsewhere while the leaf still ran.
 */
#include "api.h"

enum { QUEUED = 100 };

struct note {
    double time;
    int rank;
};

struct report {
    int elsewhere, wrong;
};

SCOOP_TASK(note, SCOOP_NONE, struct note);
SCOOP_TASK(victim, double, struct report);

static int note(const SCOOP_NONE *in, struct note *note)
{
    (void)in;
    note->rank = scoop_rank();
    note->time = api_now();
    return 0;
}

static int victim(const double *seconds, struct report *report)
{
    scoop_future f[QUEUED];
    struct note one;

    for (int i = 0; i < QUEUED; i++)
        f[i] = scoop_submit(note, NULL);
    api_compute(*seconds);
    double end = api_now();
    report->elsewhere = report->wrong = 0;
    for (int i = 0; i < QUEUED; i++) {
        report->wrong += scoop_join(f[i], &one) != 0;
        report->elsewhere += one.rank != scoop_rank() && one.time < end;
    }
    return 0;
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (int rank = 0; rank < 2; rank++) {
        struct report report = {0, -1};
        scoop_future f =
            scoop_submit(victim, &(double){1}, .place = scoop_on_rank(rank));
        CHECK(scoop_join(f, &report) == 0 && report.wrong == 0);
        printf("rank %d: %d ran elsewhere meanwhile\n", rank, report.elsewhere);
        CHECK(report.elsewhere >= 45);
    }
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
