/* SPDX-License-Identifier: MIT */
/* test_net_helper.c -- two threads at one pump: nothing lost, nothing twice */
/* ranks: 1 2 4; node-memory: 1 0; settings: -, NODES=2; limit: 60 s */
#include "net.h"

#include "net_world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ROUNDS = 3000, LARGE = 40000 };

struct state {
    struct world world;
    _Atomic unsigned got, got_by_helper, wrong;
    _Atomic uint64_t sum;
    _Atomic bool is_over;
    pthread_t main_thread;
};

/* Every message says its number; every 64th carries a payload.  Those that
 * ask for an answer get one, from whichever thread it is. */
static void take(struct state *s, struct net_message *message)
{
    const unsigned char *data = message->data;

    if (message->type == WIRE_WAVE) {
        const struct wire_wave *wave = message->body;
        atomic_fetch_add(&s->sum, wave->wave);
        atomic_fetch_add(&s->got, 1);
        return;
    }
    const struct wire_steal *ask = message->body;
    for (size_t i = 0; i < message->data_len; i += 997)
        s->wrong += data[i] != (unsigned char)ask->most;
    struct wire_wave wave = {.wave = ask->most};
    s->wrong += net_send(s->world.net, message->src, WIRE_WAVE, &wave, NULL, 0,
                         NET_COPY) != 0;
}

static void take_main(void *ctx, struct net_message *message)
{
    struct state *s = ctx;

    s->wrong += !pthread_equal(pthread_self(), s->main_thread);
    take(s, message);
}

static void take_helper(void *ctx, struct net_message *message)
{
    struct state *s = ctx;

    s->wrong += pthread_equal(pthread_self(), s->main_thread) != 0;
    s->wrong += message->src == s->world.rank;
    s->got_by_helper++;
    take(s, message);
}

static void *help(void *arg)
{
    struct state *s = arg;

    while (!s->is_over) {
        net_helper_poll(s->world.net, take_helper, s);
        clock_sleep_ns(20000);
    }
    return NULL;
}

static void ask(struct state *s, unsigned i)
{
    struct wire_steal ask = {s->world.rank, i};
    int dst = (int)(i % (unsigned)s->world.size);
    unsigned char *data = NULL;

    if (i % 64 == 0) {
        data = malloc(LARGE);
        memset(data, (int)i, LARGE);
    }
    s->wrong += net_send(s->world.net, dst, WIRE_STEAL, &ask, data,
                         data ? LARGE : 0, NET_TAKE) != 0;
}

static void test(struct state *s)
{
    struct net *net = s->world.net;
    uint64_t end_ns = clock_after(clock_now_ns(), UINT64_C(40000000000));
    pthread_t helper;

    CHECK(pthread_create(&helper, NULL, help, s) == 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        ask(s, i);
        if (i % 16 == 0)
            net_poll(net);
        else if (i % 100 == 1) /* away, in a task */
            clock_sleep_ns(100000);
    }
    while ((s->got < ROUNDS || net_is_moving(net)) && clock_now_ns() < end_ns)
        world_turn(&s->world);
    CHECK(s->got == ROUNDS);
    CHECK(s->sum == (uint64_t)ROUNDS * (ROUNDS - 1) / 2);
    /* The helper goes on to answer until all have their answers. */
    uint64_t mine[2], all[2];
    do {
        world_turn(&s->world);
        mine[0] = s->got;
        MPI_Allreduce(mine, all, 1, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    } while (all[0] < (uint64_t)ROUNDS * (unsigned)s->world.size &&
             clock_now_ns() < end_ns);
    s->is_over = true;
    pthread_join(helper, NULL);
    MPI_Barrier(MPI_COMM_WORLD);
    mine[0] = net_sent(net);
    mine[1] = net_received(net);
    MPI_Allreduce(mine, all, 2, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(all[0] == all[1]);
    CHECK(s->wrong == 0);
    CHECK(s->world.size == 1 || s->got_by_helper > 0);
}

int main(int argc, char **argv)
{
    static struct state s;

    world_init(&s.world, &argc, &argv);
    s.main_thread = pthread_self();
    CHECK(world_open(&s.world, 7, take_main, &s) == 0);
    if (net_allows_helper(s.world.net))
        test(&s);
    net_close(s.world.net);
    return world_fini(&s.world);
}
