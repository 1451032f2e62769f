/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_prolog.c -- functions that run on each rank before its first task
 *
 * In a program that owns MPI, so that a farm whose prolog failed on the last
 * rank can be tried again.
 */
#include "api.h"

SCOOP_PROLOG(b_second);
SCOOP_PROLOG(a_first);
SCOOP_PROLOG(c_may_fail);
SCOOP_TASK(look, SCOOP_NONE, int);

static int first, second, third, wrong, shall_fail;

static int b_second(void)
{
    second += first == 1;
    return 0;
}

static int a_first(void)
{
    int rank = -1;
    scoop_future f;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    wrong += scoop_rank() != rank || !scoop_is_running();
    f = scoop_submit(look, NULL); /* too early */
    wrong += scoop_join(f, NULL) != SCOOP_ETHREAD;
    scoop_log(SCOOP_LOG_WARN, "prolog speaks");
    first++;
    return 0;
}

static int c_may_fail(void)
{
    if (shall_fail && scoop_rank() == scoop_size() - 1)
        return 7;
    if (scoop_rank() == 0)
        api_nap(0.1); /* the others wait */
    third++;
    return 0;
}

static int look(const SCOOP_NONE *none, int *out)
{
    (void)none;
    *out = first == 1 && second == 1 && third == 1 && !wrong;
    return 0;
}

static int root(void *arg)
{
    int good = 0;

    (void)arg;
    for (int r = 0; r < scoop_size(); r++) {
        scoop_future f = scoop_submit(look, NULL, .place = scoop_on_rank(r));
        CHECK(scoop_join(f, &good) == 0 && good);
    }
    return 5;
}

int main(int argc, char **argv)
{
    struct api_catch c;
    int rank, size, lines, all = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    shall_fail = 1;
    api_catch(&c);
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == SCOOP_EFAILED);
    char *said = api_caught(&c);
    lines = api_lines(said, "the prolog c_may_fail failed (code 7)");
    MPI_Allreduce(&lines, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(all == 1 && lines == (rank == size - 1));
    CHECK(api_lines(said, "prolog speaks") == 1);
    free(said);
    CHECK(!scoop_is_running() && first == 1);
    shall_fail = 0;
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == 5);
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == 5);
    CHECK(first == 1 && second == 1 && third == 1 && !wrong);
    MPI_Finalize();
    return checks_done();
}
