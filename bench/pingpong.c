/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 120 s */
/* pingpong.c -- how long a task takes to another rank and back
 *
 * task_round_trip   submit of an empty task placed on rank 1 and its join,
 *                   one after the other
 * mpi_round_trip    8 bytes to rank 1 and back by MPI_Send and MPI_Recv
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

enum { ROUNDS = 9, WARM = 500, TASK_TRIPS = 5000, MPI_TRIPS = 50000 };

SCOOP_TASK(nothing, int, int);

static int nothing(const int *in, int *out)
{
    *out = *in;
    return 0;
}

/* Microseconds for a trip, on rank 0; all ranks call it. */
static double time_messages(int rank)
{
    char bytes[8] = {0};
    double begin = 0;

    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = -WARM; i < MPI_TRIPS && rank < 2; i++) {
        if (i == 0)
            begin = bench_now();
        if (rank == 0)
            MPI_Send(bytes, 8, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(bytes, 8, MPI_BYTE, 1 - rank, 0, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        if (rank == 1)
            MPI_Send(bytes, 8, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    }
    return (bench_now() - begin) / MPI_TRIPS * 1e6;
}

static int time_tasks(void *arg)
{
    struct bench_series *series = arg;
    double begin = 0;

    for (int i = -WARM; i < TASK_TRIPS; i++) {
        int out;
        if (i == 0)
            begin = bench_now();
        if (scoop_join(scoop_submit(nothing, &i, .place = scoop_on_rank(1)),
                       &out))
            return scoop_perror("task_round_trip");
    }
    bench_add(series, (bench_now() - begin) / TASK_TRIPS * 1e6);
    return 0;
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
    struct bench_series tasks = {.count = 0}, messages = tasks;
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
        bench_add(&messages, time_messages(rank));
        err = scoop_run(MPI_COMM_WORLD, time_tasks, &tasks);
    }
    if (rank == 0 && err)
        fprintf(stderr, "pingpong: the farm returned %d\n", err);
    if (rank == 0 && !err) {
        printf("# %s\n", level_name(level));
        bench_print("mpi_round_trip", ranks, "us", &messages);
        bench_print("task_round_trip", ranks, "us", &tasks);
        bench_print_ratio("task_by_mpi", ranks, &tasks, &messages);
    }
    MPI_Finalize();
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
