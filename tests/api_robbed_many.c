/* SPDX-License-Identifier: MIT */
/* ranks: 2 4; node-memory: 1 0; limit: 60 s; alone; skip: valgrind */
/* api_robbed_many.c -- more tasks behind a long function than can be public
 *
 * Rank 1 submits thousands of tasks and then joins the newest, which takes a
 * second without a library call: meanwhile the others must get more of the
 * older ones than node memory has room for. Then some are cancelled, or
 * released, from within long functions, so that the queue changes hands at
 * every kind of call; each ends once.
 */
#include "api.h"

enum { TASKS = 4000, PUBLIC_MOST = 1000 }; /* 512, and what thieves have */

struct leaf {
    int rank;
    double began, ended;
};

struct count {
    int meanwhile, left;
};

SCOOP_TASK(leaf, int, struct leaf);
SCOOP_TASK(sit, double, struct leaf);
SCOOP_TASK(victim, SCOOP_NONE, struct count);
SCOOP_TASK(meddler, SCOOP_NONE, int);
SCOOP_TASK(meddle, SCOOP_NONE, int);

static int leaf(const int *i, struct leaf *out)
{
    (void)i;
    out->rank = scoop_rank();
    out->ended = api_now();
    return 0;
}

static int sit(const double *seconds, struct leaf *out)
{
    out->began = api_now();
    api_compute(*seconds);
    out->rank = scoop_rank();
    out->ended = api_now();
    return 0;
}

/* Of the tasks: how many ran elsewhere while it sat, how many not before. */
static int victim(const SCOOP_NONE *in, struct count *count)
{
    static scoop_future future[TASKS];
    struct leaf sat, one;

    (void)in;
    for (int i = 0; i < TASKS; i++)
        future[i] = scoop_submit(leaf, &i);
    if (scoop_join(scoop_submit(sit, &(double){1}), &sat))
        return -1;
    *count = (struct count){0, 0};
    for (int i = 0; i < TASKS; i++) {
        if (scoop_join(future[i], &one))
            return -1;
        count->left += one.ended > sat.ended;
        count->meanwhile += one.ended > sat.began && one.ended < sat.ended;
    }
    return 0;
}

/* Futures of its own, each of which ends while others are robbed. */
static int meddle(const SCOOP_NONE *in, int *sum)
{
    scoop_future mine[40];

    (void)in;
    *sum = 0;
    api_compute(0.0005);
    for (int i = 0; i < 40; i++)
        mine[i] = scoop_submit(leaf, &i);
    for (int i = 0; i < 40; i++) {
        struct leaf out;
        api_compute(20e-6);
        if (i % 4 == 0)
            scoop_cancel(mine[i]);
        if (i % 4 < 2)
            scoop_release(mine[i]);
        else
            *sum += scoop_join(mine[i], &out) == 0;
    }
    return 0;
}

static int meddler(const SCOOP_NONE *in, int *sum)
{
    static scoop_future future[TASKS], busy[50];
    int cancelled = 0, one;

    (void)in;
    *sum = 0;
    for (int i = 0; i < TASKS; i++)
        future[i] = scoop_submit(leaf, &i);
    for (int i = 0; i < 50; i++) {
        busy[i] = scoop_submit(meddle, NULL);
        if (scoop_join(busy[i], &one) || one != 20)
            return -1;
        for (int k = i; k < TASKS; k += 50)
            if (k % 3 == 0)
                scoop_cancel(future[k]);
    }
    for (int i = 0; i < TASKS; i++) {
        struct leaf out;
        int err = scoop_join(future[i], &out);
        if (err && err != SCOOP_ECANCELLED)
            return -1;
        cancelled += err != 0;
        *sum += err == 0;
    }
    return *sum + cancelled == TASKS ? 0 : -1;
}

static int root(int argc, char **argv)
{
    struct count count = {0, TASKS};
    int sum = 0;

    (void)argc;
    (void)argv;
    CHECK(scoop_join(scoop_submit(victim, NULL, .place = scoop_on_rank(1)),
                     &count) == 0);
    printf("%d ran elsewhere meanwhile, %d were left\n", count.meanwhile,
           count.left);
    CHECK(count.meanwhile > PUBLIC_MOST || count.left < TASKS / 40);
    CHECK(scoop_join(scoop_submit(meddler, NULL, .place = scoop_on_rank(1)),
                     &sum) == 0);
    CHECK(sum >= TASKS - TASKS / 3 - 1);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
