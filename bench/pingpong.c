/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 120 s */
/* pingpong.c -- how long a task takes to another rank and back
 *
 * task_round_trip   submit of an empty task placed on rank 1 and its join,
 *                   one after the other
 * mpi_round_trip    8 bytes to rank 1 and back by MPI_Send and MPI_Recv
 * task_p99,         what one trip of a hundred takes longer than; for this,
 * mpi_p99           and only for this, each trip is timed for itself
 *
 * Both between the same two processes, at the same thread level, turn by turn:
 * the program owns MPI, and starts a farm between two rounds of plain MPI. A
 * send that is the whole message is the floor for the task, which is found by
 * a loop that looks elsewhere too, run, and answered.
 *
 * The first trips of a round find rank 1 asleep or its memory cold; they are
 * not counted.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <scoop.h>

#include "bench.h"

enum { ROUNDS = 9, WARM = 500, TRIPS = 20000 };

/* What rank 0 has seen, in microseconds. */
struct figures {
    struct bench_series mean, p99;
};

static double stamp[TRIPS + 1];

SCOOP_TASK(nothing, int, int);

static int nothing(const int *in, int *out)
{
    *out = *in;
    return 0;
}

static int trip_by_mpi(int rank)
{
    char bytes[8] = {0};

    if (rank == 0)
        MPI_Send(bytes, 8, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
    MPI_Recv(bytes, 8, MPI_BYTE, 1 - rank, 0, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    if (rank == 1)
        MPI_Send(bytes, 8, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    return 0;
}

static int trip_of_task(int rank)
{
    int out;

    return scoop_join(scoop_submit(nothing, &rank, .place = scoop_on_rank(1)),
                      &out);
}

/* All together, then one by one. */
static int time_trips(int trip(int rank), int rank, struct figures *figures)
{
    double begin = 0;

    for (int i = -WARM; i < TRIPS; i++) {
        if (i == 0)
            begin = bench_now();
        if (trip(rank))
            return -1;
    }
    double mean = (bench_now() - begin) / TRIPS;
    stamp[0] = bench_now();
    for (int i = 0; i < TRIPS; i++) {
        if (trip(rank))
            return -1;
        stamp[i + 1] = bench_now();
    }
    if (rank)
        return 0;
    for (int i = 0; i < TRIPS; i++)
        stamp[i] = stamp[i + 1] - stamp[i];
    qsort(stamp, TRIPS, sizeof *stamp, bench_order);
    bench_add(&figures->mean, mean * 1e6);
    bench_add(&figures->p99, stamp[TRIPS - TRIPS / 100] * 1e6);
    return 0;
}

static int time_tasks(void *arg)
{
    return time_trips(trip_of_task, 0, arg) ? scoop_perror("task_round_trip")
                                            : 0;
}

static const char *level_name(int level)
{
    switch (level) {
    case MPI_THREAD_SINGLE:
        return "MPI_THREAD_SINGLE";
    case MPI_THREAD_FUNNELED:
        return "MPI_THREAD_FUNNELED";
    case MPI_THREAD_SERIALIZED:
        return "MPI_THREAD_SERIALIZED";
    default:
        return "MPI_THREAD_MULTIPLE";
    }
}

int main(int argc, char **argv)
{
    static struct figures tasks, messages;
    int level, rank, ranks, err = 0;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks < 2) {
        fprintf(stderr, "pingpong: needs two ranks\n");
        MPI_Finalize();
        return 77;
    }
    for (int round = 0; round < ROUNDS && !err; round++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank < 2)
            time_trips(trip_by_mpi, rank, &messages);
        err = scoop_run(MPI_COMM_WORLD, time_tasks, &tasks);
    }
    if (rank == 0 && err)
        fprintf(stderr, "pingpong: the farm returned %d\n", err);
    if (rank == 0 && !err) {
        printf("# %s\n", level_name(level));
        bench_print("mpi_round_trip", ranks, "us", &messages.mean);
        bench_print("task_round_trip", ranks, "us", &tasks.mean);
        bench_print_ratio("task_by_mpi", ranks, &tasks.mean, &messages.mean);
        bench_print("mpi_p99", ranks, "us", &messages.p99);
        bench_print("task_p99", ranks, "us", &tasks.p99);
        bench_print_ratio("task_p99_by_mpi", ranks, &tasks.p99, &messages.p99);
    }
    MPI_Finalize();
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
