/* SPDX-License-Identifier: MIT */
/* test_net_mismatch.c -- ranks that do not fit, and one that never comes */
/* ranks: 2 4; node-memory: 1 0; limit: 60 s; skip: valgrind */
#include "net.h"

#include "net_world.h"

#include <fcntl.h>

/* A net that MPI still holds on to is lost on purpose. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define LOSE(call) (__lsan_disable(), lost = (call), __lsan_enable(), lost)
#else
#define LOSE(call) (lost = (call))
#endif

static void ignore(void *ctx, struct net_message *message)
{
    (void)ctx;
    (void)message;
}

/* All ranks log to one file for a while. */
static void redirect(struct world *world, char *path, size_t size)
{
    snprintf(path, size, "/tmp/test_net_mismatch.XXXXXX");
    if (world->rank == 0)
        world->log.fd = mkstemp(path);
    MPI_Bcast(path, (int)size, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (world->rank != 0)
        world->log.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    else
        CHECK(fcntl(world->log.fd, F_SETFL, O_APPEND) == 0);
    CHECK(world->log.fd >= 0);
}

/* How many lines were logged; whether `words` are in the last one. */
static unsigned count_lines(struct world *world, const char *path,
                            const char *words, bool *has_words)
{
    char line[LOG_LINE_SIZE];
    unsigned lines = 0;
    FILE *file = fopen(path, "r");

    *has_words = false;
    for (; file && fgets(line, sizeof line, file); lines++)
        *has_words = strstr(line, words) != NULL;
    if (file)
        fclose(file);
    close(world->log.fd);
    world->log.fd = STDERR_FILENO;
    return lines;
}

/* The last rank has another program: one line, by it, and all are told. */
static void test_mismatch(struct world *world)
{
    char path[64];
    bool has_words;
    uint64_t program = world->rank == world->size - 1 ? 8 : 7;

    redirect(world, path, sizeof path);
    CHECK(world_open(world, program, ignore, NULL) == SCOOP_EMISMATCH);
    CHECK(world->net == NULL);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(count_lines(world, path, "another program", &has_words) == 1);
    CHECK(has_words);
    MPI_Barrier(MPI_COMM_WORLD);
    if (world->rank == 0)
        unlink(path);
}

/* Rank 1 does not come in time: the others do not wait for ever.  They cannot
 * clean up, so this is the last thing to be tested. */
static void test_absence(struct world *world)
{
    char path[64];
    bool has_words;
    uint64_t from_ns = clock_now_ns();

    redirect(world, path, sizeof path);
    world->config.start_timeout_ns = UINT64_C(300000000);
    if (world->rank != 1) {
        int lost;
        CHECK(LOSE(world_open(world, 7, ignore, NULL)) == SCOOP_EMISMATCH);
        CHECK(clock_now_ns() - from_ns >= UINT64_C(300000000));
        CHECK(clock_now_ns() - from_ns < UINT64_C(5000000000));
        CHECK(count_lines(world, path, "have joined in time", &has_words) > 0);
        CHECK(has_words);
    } else {
        close(world->log.fd);
        world->log.fd = STDERR_FILENO;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (world->rank == 0)
        unlink(path);
}

int main(int argc, char **argv)
{
    struct world world;

    world_init(&world, &argc, &argv);
    test_mismatch(&world);
    CHECK(world_open(&world, 7, ignore, NULL) == 0);
    net_close(world.net);
    test_mismatch(&world);
    test_absence(&world);
    return world_fini(&world);
}
