/* SPDX-License-Identifier: MIT */
/* test_net.c -- messages of all lengths between all pairs of ranks */
/* ranks: 2 | - 4; node-memory: 1 | 0; limit: 240 s */
/* settings: -, NODES=2 EAGER=256 PIECE=4K SENDS=2 | NODES=2 */
#include "net.h"

#include "net_world.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

static const size_t lengths[] = {0,    1,    63,   64,    4096,   8000,
                                 8191, 8192, 8193, 65536, 1048576};

#define LENGTHS (sizeof lengths / sizeof *lengths)

static const enum net_own owns[] = {NET_COPY, NET_TAKE, NET_BORROW};

struct state {
    struct world world;
    unsigned got;
    unsigned *got_of; /* [rank][length][own] */
    int last_status;
    uint64_t stamp_ns;
};

static unsigned char pattern(int src, int dst, size_t i)
{
    return (unsigned char)(i * 7 + i / 251 + (size_t)src * 31 +
                           (size_t)dst * 17);
}

static void check_data(struct state *s, struct net_message *message)
{
    const struct wire_result *result = message->body;
    const unsigned char *data = message->data;
    size_t wrong = 0;

    CHECK(message->data_len == result->count);
    CHECK((data != NULL) == (message->data_len > 0));
    CHECK(((uintptr_t)data & 15) == 0);
    CHECK(((uintptr_t)message->body & 7) == 0);
    for (size_t i = 0; i < message->data_len; i++)
        wrong += data[i] != pattern(message->src, s->world.rank, i);
    CHECK(wrong == 0);
}

static void take(void *ctx, struct net_message *message)
{
    struct state *s = ctx;

    s->got++;
    s->last_status = message->status;
    if (message->type == WIRE_WAVE) {
        const struct wire_wave *wave = message->body;
        s->stamp_ns = wave->wave;
    }
    if (message->type != WIRE_RESULT || message->status)
        return;
    const struct wire_result *result = message->body;
    check_data(s, message);
    CHECK(result->rank == message->src);
    if (s->got_of)
        s->got_of[((unsigned)message->src * LENGTHS + result->id) * 3 +
                  result->generation]++;
    if (message->is_owned && result->id % 2) { /* keep some of them */
        free(message->data);
        message->data = NULL;
    }
}

static unsigned char *make_data(int src, int dst, size_t len)
{
    unsigned char *data = len ? malloc(len) : NULL;

    for (size_t i = 0; i < len; i++)
        data[i] = pattern(src, dst, i);
    return data;
}

static void await(struct state *s, unsigned count)
{
    uint64_t end_ns = clock_after(clock_now_ns(), UINT64_C(200000000000));

    while ((s->got < count || net_is_moving(s->world.net)) &&
           clock_now_ns() < end_ns)
        world_turn(&s->world);
    CHECK(s->got == count);
    s->got = 0;
}

/* All ranks are here.  One that has all its messages goes on polling until the
 * others have theirs: it may have to relay for its mates. */
static void meet(struct state *s)
{
    MPI_Request request;
    int is_over = 0;

    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    while (!is_over) {
        net_poll(s->world.net);
        MPI_Test(&request, &is_over, MPI_STATUS_IGNORE);
    }
}

/* Nothing is under way: the counts agree. */
static void check_counts(struct state *s)
{
    struct net *net = s->world.net;

    meet(s);
    uint64_t mine[2] = {net_sent(net), net_received(net)}, all[2];
    MPI_Allreduce(mine, all, 2, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(all[0] == all[1]);
    CHECK(net_queued_bytes(net) == 0);
    CHECK(!net_is_moving(net));
    CHECK(net_status(net) == 0);
}

static void test_all_pairs(struct state *s)
{
    unsigned size = (unsigned)s->world.size, n = 0;
    unsigned all = size * (unsigned)LENGTHS * 3;
    unsigned char **kept = calloc(all, sizeof *kept);

    s->got_of = calloc(all, sizeof *s->got_of);
    for (unsigned i = 0; i < all; i++) {
        int dst = (int)(i % size);
        size_t length = i / size % LENGTHS, own = i / size / LENGTHS;
        struct wire_result body = {.id = length,
                                   .generation = own,
                                   .count = lengths[length],
                                   .rank = s->world.rank};
        unsigned char *data = make_data(s->world.rank, dst, lengths[length]);
        CHECK(net_send(s->world.net, dst, WIRE_RESULT, &body, data,
                       lengths[length], owns[own]) == 0);
        if (owns[own] == NET_COPY && data)
            memset(data, 0xee, lengths[length]);
        if (owns[own] == NET_COPY)
            free(data);
        if (owns[own] == NET_BORROW)
            kept[n++] = data;
    }
    await(s, all);
    for (unsigned i = 0; i < all; i++)
        CHECK(s->got_of[i] == 1);
    check_counts(s);
    while (n > 0)
        free(kept[--n]);
    free(kept);
    free(s->got_of);
    s->got_of = NULL;
}

/* More than a mailbox and MPI's buffers hold, to somebody who does not poll
 * meanwhile. */
static void test_flood(struct state *s)
{
    enum { MANY = 20000 };
    unsigned wrong = 0;

    for (unsigned i = 0; i < MANY; i++) {
        struct wire_result body = {.count = i % 200, .rank = s->world.rank};
        int dst = (s->world.rank + 1) % s->world.size;
        unsigned char *data = make_data(s->world.rank, dst, i % 200);
        wrong += net_send(s->world.net, dst, WIRE_RESULT, &body, data, i % 200,
                          NET_TAKE) != 0;
    }
    CHECK(wrong == 0);
    MPI_Barrier(MPI_COMM_WORLD);
    await(s, MANY);
    check_counts(s);
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A rank that sleeps hears of a message at once and costs nothing before. */
static void test_wake(struct state *s)
{
    struct world *world = &s->world;
    double from = cpu_seconds();

    if (world->size == 1)
        return;
    if (world->rank == 0) {
        clock_sleep_ns(UINT64_C(500000000));
        for (int dst = 1; dst < world->size; dst++) {
            struct wire_wave wave = {.wave = clock_now_ns()};
            CHECK(net_send(world->net, dst, WIRE_WAVE, &wave, NULL, 0,
                           NET_COPY) == 0);
        }
        await(s, 0);
    } else {
        await(s, 1);
        uint64_t late_ns = clock_now_ns() - s->stamp_ns;
        CHECK(late_ns < UINT64_C(200000000));
        CHECK(cpu_seconds() - from < 0.25);
    }
    check_counts(s);
}

static void test_refusals(struct state *s)
{
    struct net *net = s->world.net;
    struct wire_wave wave = {0};
    uint64_t before = net_sent(net);

    CHECK(net_send(net, -1, WIRE_WAVE, &wave, NULL, 0, NET_COPY) ==
          SCOOP_EINVAL);
    CHECK(net_send(net, s->world.size, WIRE_WAVE, &wave, NULL, 0, NET_COPY) ==
          SCOOP_EINVAL);
    CHECK(net_send(net, 0, WIRE_NONE, &wave, NULL, 0, NET_COPY) ==
          SCOOP_EINVAL);
    CHECK(net_send(net, 0, WIRE_TYPES, &wave, malloc(9), 9, NET_TAKE) ==
          SCOOP_EINVAL);
    CHECK(net_send(net, 0, WIRE_WAVE, NULL, NULL, 0, NET_COPY) == SCOOP_EINVAL);
    CHECK(net_send(net, 0, WIRE_WAVE, &wave, NULL, 1, NET_COPY) ==
          SCOOP_EINVAL);
    CHECK(net_sent(net) == before);
}

/* Mail that no net wrote is dropped. */
static void test_garbage(struct state *s)
{
    struct world *world = &s->world;
    int fd = world->log.fd;
    uint64_t x = 88172645463325252u + (unsigned)world->rank;

    world->log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < 2000; i++) {
        uint64_t words[32];
        for (int k = 0; k < 32; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            words[k] = x;
        }
        if (i % 2) /* the magic and a type right, the rest not */
            words[0] = (words[0] & 0xffffffff00000000u) |
                       (uint64_t)(x % WIRE_TYPES) << 16 | 0x5c09u;
        node_mail_put(&world->node,
                      (world->node.local + 1) % world->node.locals, words,
                      1 + x % sizeof words, NULL, 0, false);
        if (i % 100 == 0)
            net_poll(world->net);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 100; i++)
        net_poll(world->net);
    CHECK(s->got == 0);
    CHECK(!net_is_moving(world->net));
    close(world->log.fd);
    world->log.fd = fd;
    MPI_Barrier(MPI_COMM_WORLD);
    check_counts(s);
}

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
/* A payload for which the receiver has no memory says so, and what comes
 * after it is whole. */
static void test_no_memory(struct state *s)
{
    const size_t len = (size_t)64 << 20;
    struct world *world = &s->world;
    struct rlimit old, tight;
    struct wire_result body = {.count = len};
    char *data = NULL;
    unsigned long pages = 0;

    if (world->size == 1)
        return;
    MPI_Barrier(MPI_COMM_WORLD);
    getrlimit(RLIMIT_AS, &old);
    if (world->rank == 0) {
        data = calloc(1, len);
        CHECK(net_send(world->net, 1, WIRE_RESULT, &body, data, len,
                       NET_BORROW) == 0);
        await(s, 0);
    } else if (world->rank == 1) {
        FILE *statm = fopen("/proc/self/statm", "r");
        CHECK(statm && fscanf(statm, "%lu", &pages) == 1);
        if (statm)
            fclose(statm);
        tight = old;
        tight.rlim_cur = (rlim_t)pages * 4096 + ((rlim_t)32 << 20);
        CHECK(setrlimit(RLIMIT_AS, &tight) == 0);
        await(s, 1);
        CHECK(s->last_status == SCOOP_ENOMEM);
        CHECK(setrlimit(RLIMIT_AS, &old) == 0);
    }
    check_counts(s);
    free(data);
}
#else
static void test_no_memory(struct state *s)
{
    (void)s; /* sanitizers do not live with a limit of address space */
}
#endif

int main(int argc, char **argv)
{
    struct state s = {0};

    world_init(&s.world, &argc, &argv);
    for (int round = 0; round < 2; round++) { /* a net leaves nothing behind */
        CHECK(world_open(&s.world, 7, take, &s) == 0);
        test_refusals(&s);
        test_all_pairs(&s);
        test_flood(&s);
        test_wake(&s);
        test_garbage(&s);
        test_no_memory(&s);
        test_all_pairs(&s);
        net_close(s.world.net);
    }
    return world_fini(&s.world);
}
