/* SPDX-License-Identifier: MIT */
/* constant.c -- 100 MB that every rank can look at
 *
 *     const_set          until scoop_const_set_bytes() has returned: every
 *                        rank has it
 *     const_copy_shared  memcpy of as much into fresh memory that processes
 *                        share, on rank 0 alone: fallocate, map, copy
 *     const_copy         the same into fresh memory from malloc
 *     const_by_copy      the first by the second where ranks share memory, by
 *                        the third where each is its own node
 *     const_bcast        MPI_Bcast of as much, into memory that was used
 *                        before; up to four ranks, each needs 100 MB
 *     const_look         until every rank has read one byte of each page
 *     const_memory       by how much all ranks together have grown then (Pss:
 *                        a page that n of them map counts as 1/n for each)
 *
 * All in the same processes, turn by turn. With every rank a node of its own
 * (SCOOP_NODE_MEMORY=0) all the copies are made on this one machine.
 */
#define _GNU_SOURCE 1 /* clock_gettime, posix_fallocate */
#include <scoop.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"

enum { ROUNDS = 7, BCAST_RANKS_MAX = 4, PAGE = 4096 };

static const size_t len = 100000000;

static struct {
    char *bytes; /* what is sent, or where to */
    struct bench_series set, copy_shared, copy, bcast, look, memory;
} all;

SCOOP_TASK(pss, SCOOP_NONE, double);
SCOOP_TASK(look, SCOOP_NONE, long);

/* MB that this rank answers for. */
static int pss(const SCOOP_NONE *in, double *mb)
{
    struct memory memory;

    (void)in;
    if (memory_read(&memory))
        return scoop_fail(1, "no /proc/self/smaps_rollup");
    *mb = memory.pss_kib * 1024 / 1e6;
    return 0;
}

static int look(const SCOOP_NONE *in, long *sum)
{
    const char *bytes;
    size_t found;
    int err = scoop_const_get_bytes("large", (const void **)&bytes, &found);

    (void)in;
    *sum = 0;
    for (size_t i = 0; !err && i < found; i += PAGE)
        *sum += bytes[i];
    return err;
}

static int pss_of_all(double *mb)
{
    *mb = 0;
    for (int rank = 0; rank < scoop_size(); rank++) {
        double one;
        int err =
            scoop_join(scoop_submit(pss, NULL, .place = scoop_on_rank(rank)),
                       &one);
        if (err)
            return err;
        *mb += one;
    }
    return 0;
}

static int look_on_all(void)
{
    scoop_future f[1024];
    int ranks = scoop_size() < 1024 ? scoop_size() : 1024, err = 0;

    for (int rank = 0; rank < ranks; rank++)
        f[rank] = scoop_submit(look, NULL, .place = scoop_on_rank(rank));
    for (int rank = 0; rank < ranks; rank++) {
        long sum;
        int failed = scoop_join(f[rank], &sum);
        if (!err)
            err = failed;
    }
    return err;
}

/* Milliseconds. */
static double time_copy_shared(void)
{
    char name[64];
    double begin = bench_now(), end;

    snprintf(name, sizeof name, "/scoop-bench-%d", (int)getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    int error = fd < 0 ? 1 : posix_fallocate(fd, 0, (off_t)len);
    char *to = MAP_FAILED;
    if (!error)
        to = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (to == MAP_FAILED) {
        perror("constant: shared memory");
        exit(EXIT_FAILURE);
    }
    memcpy(to, all.bytes, len);
    end = bench_now();
    munmap(to, len);
    close(fd);
    shm_unlink(name);
    return 1e3 * (end - begin);
}

static double time_copy(void)
{
    double begin = bench_now(), end;
    char *to = malloc(len);

    if (!to) {
        perror("constant");
        exit(EXIT_FAILURE);
    }
    memcpy(to, all.bytes, len);
    __asm__ volatile("" : : "r"(to) : "memory"); /* somebody may look */
    end = bench_now();
    free(to);
    return 1e3 * (end - begin);
}

static int root(void *arg)
{
    double before, after, begin;

    (void)arg;
    bench_add(&all.copy_shared, time_copy_shared());
    bench_add(&all.copy, time_copy());
    int err = pss_of_all(&before);
    if (err)
        return scoop_perror("pss");
    begin = bench_now();
    if (scoop_const_set_bytes("large", all.bytes, len))
        return scoop_perror("large");
    bench_add(&all.set, 1e3 * (bench_now() - begin));
    begin = bench_now();
    if (look_on_all())
        return scoop_perror("look");
    bench_add(&all.look, 1e3 * (bench_now() - begin));
    if (pss_of_all(&after))
        return scoop_perror("pss");
    bench_add(&all.memory, after - before);
    return 0;
}

static void time_bcast(int rank)
{
    MPI_Barrier(MPI_COMM_WORLD);
    double begin = bench_now();
    MPI_Bcast(all.bytes, (int)len, MPI_BYTE, 0, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        bench_add(&all.bcast, 1e3 * (bench_now() - begin));
}

static void print(int ranks)
{
    const char *shares = getenv("SCOOP_NODE_MEMORY");
    bool is_apart = shares && !strcmp(shares, "0");

    bench_print("const_set", ranks, "ms", &all.set);
    bench_print("const_copy_shared", ranks, "ms", &all.copy_shared);
    bench_print("const_copy", ranks, "ms", &all.copy);
    bench_print_ratio("const_by_copy", ranks, &all.set,
                      is_apart ? &all.copy : &all.copy_shared);
    if (all.bcast.count)
        bench_print("const_bcast", ranks, "ms", &all.bcast);
    bench_print("const_look", ranks, "ms", &all.look);
    bench_print("const_memory", ranks, "MB", &all.memory);
}

int main(int argc, char **argv)
{
    int level, rank, ranks, err = 0;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    bool has_all = rank == 0 || ranks <= BCAST_RANKS_MAX;
    all.bytes = has_all ? malloc(len) : NULL;
    if (has_all && !all.bytes)
        MPI_Abort(MPI_COMM_WORLD, 1);
    if (all.bytes)
        memset(all.bytes, 1, len);
    for (int round = 0; round < ROUNDS && !err; round++) {
        if (ranks > 1 && ranks <= BCAST_RANKS_MAX)
            time_bcast(rank);
        err = scoop_run(MPI_COMM_WORLD, root, NULL);
    }
    if (rank == 0 && !err)
        print(ranks);
    free(all.bytes);
    MPI_Finalize();
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
