/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 60 s */
/* asleep.c -- how long a task takes to a rank that has slept for a second
 *
 *     asleep [TURNS]           8 if not said
 *
 * Each turn, after a second in which both ranks slept:
 *
 *     asleep_start   from the submit of a task placed on rank 1 until its
 *                    function runs there
 *     asleep_trip    until rank 0 has its result
 *     pipe_start,    the same for a process that is blocked in a read of a
 *     pipe_trip      pipe: the price of a wake-up; only on one host
 *
 * Both ranks must have one clock, as on one machine.
 */
#define _GNU_SOURCE 1 /* clock_gettime */
#include <fcntl.h>
#include <scoop.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

enum { TURNS = 8 };

struct figures {
    struct bench_series start, trip;
};

SCOOP_TASK(tell_time, SCOOP_NONE, double);

static int tell_time(const SCOOP_NONE *in, double *time)
{
    (void)in;
    *time = bench_now();
    return 0;
}

static void sleep_a_second(void)
{
    struct timespec second = {1, 0};

    nanosleep(&second, NULL);
}

static void add(struct figures *figures, double begin, double start)
{
    bench_add(&figures->start, (start - begin) * 1e6);
    bench_add(&figures->trip, (bench_now() - begin) * 1e6);
}

static int time_task(void *arg)
{
    scoop_place there = scoop_on_rank(1);
    double start;

    if (scoop_join(scoop_submit(tell_time, NULL, .place = there), &start))
        return scoop_perror("asleep");
    sleep_a_second();
    double begin = bench_now();
    if (scoop_join(scoop_submit(tell_time, NULL, .place = there), &start))
        return scoop_perror("asleep");
    add(arg, begin, start);
    return 0;
}

/* Rank 0 at one end of two pipes, rank 1 at the other; 0, or it failed. */
static int time_pipe(int rank, const int pipe[2], struct figures *figures)
{
    double time = 0;

    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 1) {
        if (read(pipe[0], &time, sizeof time) != sizeof time)
            return -1;
        time = bench_now();
        return write(pipe[1], &time, sizeof time) == sizeof time ? 0 : -1;
    }
    sleep_a_second();
    double begin = bench_now();
    if (write(pipe[0], &time, sizeof time) != sizeof time ||
        read(pipe[1], &time, sizeof time) != sizeof time)
        return -1;
    add(figures, begin, time);
    return 0;
}

/* Pipes by name, as the ranks are no relatives; each opens both ends. */
static int open_pipes(int rank, int pipe[2])
{
    char name[2][64];
    int pid = (int)getpid();

    MPI_Bcast(&pid, 1, MPI_INT, 0, MPI_COMM_WORLD);
    for (int i = 0; i < 2; i++) {
        snprintf(name[i], sizeof name[i], "/tmp/asleep-%d-%d", pid, i);
        if (rank == 0 && mkfifo(name[i], 0600))
            perror(name[i]);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 2; i++)
        pipe[i] = open(name[i], O_RDWR);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; rank == 0 && i < 2; i++)
        unlink(name[i]);
    return pipe[0] < 0 || pipe[1] < 0;
}

static int is_one_host(void)
{
    char mine[MPI_MAX_PROCESSOR_NAME] = "", first[MPI_MAX_PROCESSOR_NAME];
    int len, is_same, all;

    MPI_Get_processor_name(mine, &len);
    memcpy(first, mine, sizeof first);
    MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
    is_same = !strcmp(mine, first);
    MPI_Allreduce(&is_same, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all;
}

int main(int argc, char **argv)
{
    static struct figures task, pipes;
    int turns = argc > 1 ? atoi(argv[1]) : TURNS;
    int level, rank, ranks, pipe[2], err = 0;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks != 2) {
        fprintf(stderr, "asleep: needs two ranks\n");
        MPI_Finalize();
        return 77;
    }
    int with_pipe = is_one_host() && !open_pipes(rank, pipe);
    for (int turn = 0; turn < turns && !err; turn++) {
        if (with_pipe && time_pipe(rank, pipe, &pipes))
            perror("asleep");
        err = scoop_run(MPI_COMM_WORLD, time_task, &task);
    }
    if (rank == 0 && with_pipe) {
        bench_print("pipe_start", ranks, "us", &pipes.start);
        bench_print("pipe_trip", ranks, "us", &pipes.trip);
    }
    if (rank == 0 && !err) {
        bench_print("asleep_start", ranks, "us", &task.start);
        bench_print("asleep_trip", ranks, "us", &task.trip);
    }
    MPI_Finalize();
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
