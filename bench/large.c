/* SPDX-License-Identifier: MIT */
/* large.c -- arguments and results of 100 MB
 *
 *     large_argument   a bytes task on rank 1 with an argument that stays where
 *                      it is (.borrow): submit to the end of the join
 *     large_result     a bytes task on rank 1 that gives memory away
 *                      (scoop_out_take): submit to the end of
 *                      scoop_join_bytes(), which hands it on
 *     mpi_fresh        the same bytes by MPI_Send from rank 1, asked for by 8
 *                      bytes, into memory that MPI_Recv is the first to touch
 *     mpi_touched      the same into memory that was used before
 *     X_speed          the bytes per second of X by those of mpi_fresh
 *     X_speed_touched  by those of mpi_touched
 *
 * All in the same two processes, at the same thread level, turn by turn. A
 * farm has no memory that was used before: whoever has an argument or a result
 * keeps it, so each arrives in fresh pages.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { ROUNDS = 9, TRIPS = 3 };

static const size_t len = 100000000;

static struct {
    char *bytes, *gift; /* that size; the second is given away */
    struct bench_series argument, result, fresh, touched;
} all;

SCOOP_TASK_BYTES(take);
SCOOP_TASK_BYTES(give);
SCOOP_TASK_BYTES(prepare);
SCOOP_TASK(answer, SCOOP_NONE, SCOOP_NONE);

static int take(const void *data, size_t size, scoop_out *out)
{
    const char *bytes = data;

    return size == len && bytes[0] == 1 && bytes[size - 1] == 1
               ? scoop_out_write(out, "", 1)
               : scoop_fail(1, "what came is not what was sent");
}

/* Makes the gift, so that to give takes no time. */
static int prepare(const void *data, size_t size, scoop_out *out)
{
    (void)data, (void)size, (void)out;
    all.gift = malloc(len);
    if (!all.gift)
        return scoop_fail(1, "no memory");
    memset(all.gift, 1, len);
    return 0;
}

static int answer(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in, (void)out;
    return 0;
}

static int give(const void *data, size_t size, scoop_out *out)
{
    (void)data, (void)size;
    scoop_out_take(out, all.gift, len);
    all.gift = NULL;
    return 0;
}

static int time_argument(void)
{
    void *data;
    size_t size;

    /* Rank 1 may still give back the memory of the last gift. */
    if (scoop_join(scoop_submit(answer, NULL, .place = scoop_on_rank(1)), NULL))
        return scoop_perror("answer");
    double begin = bench_now();
    scoop_future f = scoop_submit(take, all.bytes, .len = len, .borrow = 1,
                                  .place = scoop_on_rank(1));

    if (scoop_join_bytes(f, &data, &size))
        return scoop_perror("take");
    bench_add(&all.argument, 1e3 * (bench_now() - begin));
    free(data);
    return 0;
}

static int time_result(void)
{
    void *data;
    size_t size;
    scoop_future f =
        scoop_submit(prepare, NULL, .len = 0, .place = scoop_on_rank(1));

    if (scoop_join(f, NULL))
        return scoop_perror("prepare");
    double begin = bench_now();
    f = scoop_submit(give, NULL, .len = 0, .place = scoop_on_rank(1));
    if (scoop_join_bytes(f, &data, &size))
        return scoop_perror("give");
    bench_add(&all.result, 1e3 * (bench_now() - begin));
    int err = size == len && ((char *)data)[len - 1] == 1 ? 0 : 1;
    free(data);
    return err;
}

static int root(void *arg)
{
    int err = 0;

    (void)arg;
    for (int i = 0; i < TRIPS && !err; i++)
        err = time_argument() || time_result();
    return err;
}

/* From rank 1 to rank 0; milliseconds there. */
static double time_messages(int rank, bool is_fresh)
{
    char word[8] = {0};
    char *to = is_fresh ? NULL : all.bytes;

    MPI_Barrier(MPI_COMM_WORLD);
    double begin = bench_now();
    if (rank == 1) {
        MPI_Recv(word, 8, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(all.bytes, (int)len, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    } else {
        if (is_fresh)
            to = malloc(len);
        if (!to)
            MPI_Abort(MPI_COMM_WORLD, 1);
        MPI_Send(word, 8, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(to, (int)len, MPI_BYTE, 1, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    }
    double end = bench_now();
    if (is_fresh)
        free(to);
    return 1e3 * (end - begin);
}

/* Speeds are compared by times: the other way round. */
static void print(int ranks)
{
    bench_print("large_argument", ranks, "ms", &all.argument);
    bench_print("large_result", ranks, "ms", &all.result);
    bench_print("mpi_fresh", ranks, "ms", &all.fresh);
    bench_print("mpi_touched", ranks, "ms", &all.touched);
    bench_print_ratio("large_argument_speed", ranks, &all.fresh, &all.argument);
    bench_print_ratio("large_result_speed", ranks, &all.fresh, &all.result);
    bench_print_ratio("large_argument_speed_touched", ranks, &all.touched,
                      &all.argument);
    bench_print_ratio("large_result_speed_touched", ranks, &all.touched,
                      &all.result);
}

int main(int argc, char **argv)
{
    int level, rank, ranks, err = 0;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks != 2) {
        fprintf(stderr, "large: needs two ranks\n");
        MPI_Finalize();
        return 77;
    }
    all.bytes = malloc(len);
    if (!all.bytes)
        MPI_Abort(MPI_COMM_WORLD, 1);
    memset(all.bytes, 1, len);
    for (int round = 0; round < ROUNDS && !err; round++) {
        for (int i = 0; i < TRIPS; i++) {
            bench_add(&all.touched, time_messages(rank, false));
            bench_add(&all.fresh, time_messages(rank, true));
        }
        err = scoop_run(MPI_COMM_WORLD, root, NULL);
    }
    if (rank == 0 && !err)
        print(ranks);
    free(all.bytes);
    MPI_Finalize();
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
