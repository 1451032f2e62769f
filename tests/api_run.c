/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_run.c -- scoop_run() in a program that owns MPI
 *
 * With MPI_THREAD_FUNNELED; api_run_multiple.c is the same with
 * MPI_THREAD_MULTIPLE.
 */
#include "api.h"

#ifndef LEVEL
#define LEVEL MPI_THREAD_FUNNELED
#endif

SCOOP_TASK(fib, int, long);
SCOOP_TASK(where, SCOOP_NONE, int);
SCOOP_TASK(run_again, SCOOP_NONE, int);

static int fib(const int *n, long *out)
{
    if (*n < 2)
        return *out = *n, 0;
    scoop_future left = scoop_submit(fib, &(int){*n - 1});
    long a, b;
    int err = fib(&(int){*n - 2}, &b);
    if (!err)
        err = scoop_join(left, &a);
    if (err)
        return err;
    *out = a + b;
    return 0;
}

static int where(const SCOOP_NONE *in, int *rank)
{
    (void)in;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int run_again(const SCOOP_NONE *in, int *status)
{
    (void)in;
    *status = scoop_run(MPI_COMM_WORLD, nothing, NULL);
    return 0;
}

struct job {
    int n;
    long result;
    int size;
    int root_at; /* rank in MPI_COMM_WORLD */
};

static int compute(void *arg)
{
    struct job *job = arg;

    job->size = scoop_size();
    MPI_Comm_rank(MPI_COMM_WORLD, &job->root_at);
    if (scoop_rank() != 0)
        return -1;
    if (scoop_join(scoop_submit(fib, &job->n), &job->result))
        return scoop_perror("fib");
    return 1000 + job->n;
}

/* One farm on comm; rank and size are those of comm. */
static void run_on(MPI_Comm comm, int n, long expected)
{
    struct job job = {n, -1, -1, -1};
    int rank, size, world;

    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &world);
    CHECK(scoop_run(comm, compute, &job) == 1000 + n);
    if (rank == 0)
        CHECK(job.result == expected && job.size == size &&
              job.root_at == world);
    else
        CHECK(job.result == -1); /* root ran on rank 0 alone */
}

static int check_order(void *arg)
{
    const int *world_of = arg;

    for (int i = 0; i < scoop_size(); i++) {
        int world = -1;
        scoop_future f = scoop_submit(where, NULL, .place = scoop_on_rank(i));
        CHECK(scoop_join(f, &world) == 0 && world == world_of[i]);
    }
    return 5;
}

/* The last rank of the world is the origin. */
static void reordered(int rank, int size)
{
    MPI_Comm comm;
    int world_of[64];

    MPI_Comm_split(MPI_COMM_WORLD, 0, size - rank, &comm);
    for (int i = 0; i < size && i < 64; i++)
        world_of[i] = size - 1 - i;
    CHECK(scoop_run(comm, check_order, world_of) == 5);
    run_on(comm, 12, 144);
    MPI_Comm_free(&comm);
}

/* Two farms at a time, of different lengths. */
static void side_by_side(int rank)
{
    MPI_Comm half;

    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
    for (int i = 0; i < 4; i++)
        if (rank % 2)
            run_on(half, 18, 2584);
        else
            run_on(half, 10, 55);
    MPI_Comm_free(&half);
    run_on(MPI_COMM_SELF, 15, 610);
}

/* What is under way on the communicator, with every tag and from every
 * source, stays with the program. */
static void with_traffic(int rank, int size)
{
    int sent[2] = {rank, 77}, early[2] = {-1, -1}, late[2] = {-1, -1};
    int next = (rank + 1) % size, before = (rank + size - 1) % size;
    MPI_Request get, give[2], sum;
    int one = 1, ranks = 0;

    MPI_Irecv(early, 2, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD,
              &get);
    MPI_Isend(sent, 2, MPI_INT, next, 3, MPI_COMM_WORLD, &give[0]);
    MPI_Isend(sent, 2, MPI_INT, next, 4, MPI_COMM_WORLD, &give[1]);
    MPI_Iallreduce(&one, &ranks, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &sum);
    run_on(MPI_COMM_WORLD, 16, 987);
    MPI_Wait(&sum, MPI_STATUS_IGNORE);
    MPI_Status status;
    MPI_Wait(&get, &status);
    CHECK(ranks == size);
    CHECK(status.MPI_TAG == 3 && early[0] == before && early[1] == 77);
    MPI_Recv(late, 2, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD,
             &status);
    CHECK(status.MPI_TAG == 4 && late[0] == before && late[1] == 77);
    MPI_Waitall(2, give, MPI_STATUSES_IGNORE);
    int flag = 1;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &status);
    CHECK(!flag);
}

static int nested(void *arg)
{
    int status = 0;

    (void)arg;
    CHECK(scoop_run(MPI_COMM_WORLD, nothing, NULL) == SCOOP_ESTATE);
    for (int i = 0; i < scoop_size(); i++) {
        scoop_future f =
            scoop_submit(run_again, NULL, .place = scoop_on_rank(i));
        CHECK(scoop_join(f, &status) == 0 && status == SCOOP_ESTATE);
    }
    return -3; /* on all ranks, as it is */
}

static void bad_calls(int rank)
{
    CHECK(scoop_run(MPI_COMM_NULL, nothing, NULL) == SCOOP_EINVAL);
    CHECK(scoop_run(MPI_COMM_WORLD, NULL, NULL) == SCOOP_EINVAL);
    CHECK(scoop_run(MPI_COMM_WORLD, nested, NULL) == -3);
    int size;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size < 2)
        return;
    MPI_Comm half, between;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, (rank + 1) % 2, 9, &between);
    CHECK(scoop_run(between, nothing, NULL) == SCOOP_EINVAL);
    MPI_Comm_free(&between);
    MPI_Comm_free(&half);
}

int main(int argc, char **argv)
{
    int level, rank, size, is_over = 1;

    CHECK(scoop_run(MPI_COMM_WORLD, nothing, NULL) == SCOOP_ESTATE);
    MPI_Init_thread(&argc, &argv, LEVEL, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int i = 0; i < 20; i++)
        run_on(MPI_COMM_WORLD, 14, 377);
    CHECK(scoop_rank() == 0 && scoop_size() == 1);
    reordered(rank, size);
    if (size > 1)
        side_by_side(rank);
    with_traffic(rank, size);
    bad_calls(rank);
    run_on(MPI_COMM_WORLD, 14, 377);
    MPI_Finalized(&is_over);
    CHECK(!is_over);
    int failed = checks_failed, all = 0;
    MPI_Allreduce(&failed, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Finalize();
    return (rank == 0 ? checks_done() : 0) || all > 0;
}
