/* SPDX-License-Identifier: MIT */
/* test_net_large.c -- payloads beyond 2 GiB against a stream of small ones
 *
 * A ring: each rank sends the next one a payload, a second one behind it and
 * 100,000 small messages, without a poll in between, with one payload send
 * allowed in flight.  Of two ranks each is the other's next one.  What is
 * sent are untouched pages but for a stamp in each MiB, so that only the
 * receivers need memory. */
/* ranks: 2 4; node-memory: 1 0; settings: SENDS=1; limit: 120 s; alone */
/* skip: quick asan tsan valgrind */
#include "net.h"

#include "net_world.h"

#include <sys/mman.h>

enum { SMALLS = 100000 };

#define MIB ((size_t)1 << 20)
#define SECOND (3 * MIB + 1)

struct state {
    struct world world;
    size_t len;
    unsigned smalls, payloads;
    uint64_t sum;
};

static uint64_t stamp(int src, size_t mib)
{
    return ((uint64_t)src + 1) << 40 | mib;
}

/* All is zero but the stamps. */
static void check_payload(const struct net_message *message)
{
    const uint64_t *word = message->data;
    size_t words = message->data_len / 8, wrong = 0;
    uint64_t rest = 0;

    CHECK(message->status == 0 && message->is_owned);
    if (message->status)
        return;
    for (size_t i = 0; i < words; i += MIB / 8) {
        size_t end = i + MIB / 8 < words ? i + MIB / 8 : words;
        wrong += word[i] != stamp(message->src, i / (MIB / 8));
        for (size_t k = i + 1; k < end; k++)
            rest |= word[k];
    }
    CHECK(wrong == 0);
    CHECK(rest == 0);
}

static void take(void *ctx, struct net_message *message)
{
    struct state *s = ctx;
    const struct wire_result *result = message->body;

    CHECK(message->src == (s->world.rank + s->world.size - 1) % s->world.size);
    if (message->data_len <= 8) {
        s->smalls++;
        s->sum += result->id;
        return;
    }
    CHECK(message->data_len == s->len || message->data_len == SECOND);
    s->payloads++;
    check_payload(message);
}

static unsigned char *map_source(const struct state *s)
{
    unsigned char *source =
        mmap(NULL, s->len, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (source == MAP_FAILED)
        return NULL;
    madvise(source, s->len, MADV_NOHUGEPAGE);
    for (size_t i = 0; i + 8 <= s->len; i += MIB) {
        uint64_t word = stamp(s->world.rank, i / MIB);
        memcpy(source + i, &word, sizeof word);
    }
    return source;
}

static void send_all(struct state *s, unsigned char *source)
{
    int next = (s->world.rank + 1) % s->world.size;
    struct wire_result body = {.rank = s->world.rank};
    unsigned failed = 0;

    CHECK(net_send(s->world.net, next, WIRE_RESULT, &body, source, s->len,
                   NET_BORROW) == 0);
    CHECK(net_send(s->world.net, next, WIRE_RESULT, &body, source, SECOND,
                   NET_COPY) == 0);
    CHECK(net_queued_bytes(s->world.net) == s->len + SECOND);
    for (unsigned i = 0; i < SMALLS; i++) {
        body.id = i;
        failed += net_send(s->world.net, next, WIRE_RESULT, &body, &body, i % 9,
                           NET_COPY) != 0;
    }
    CHECK(failed == 0);
}

int main(int argc, char **argv)
{
    struct state s = {0};

    world_init(&s.world, &argc, &argv);
    s.len = s.world.size == 2 ? 3072 * MIB + 12345 : 1200 * MIB + 12345;
    if (s.world.size > 2)
        s.world.config.piece_bytes = 256 * MIB; /* more pieces, less memory */
    CHECK(world_open(&s.world, 7, take, &s) == 0);
    unsigned char *source = map_source(&s);
    CHECK(source != NULL);
    if (source) {
        uint64_t end_ns = clock_after(clock_now_ns(), 100000000000);
        send_all(&s, source);
        while ((s.smalls < SMALLS || s.payloads < 2 ||
                net_is_moving(s.world.net)) &&
               clock_now_ns() < end_ns)
            world_turn(&s.world);
        CHECK(s.smalls == SMALLS);
        CHECK(s.sum == (uint64_t)SMALLS * (SMALLS - 1) / 2);
        CHECK(s.payloads == 2);
        CHECK(net_queued_bytes(s.world.net) == 0);
        CHECK(net_sent(s.world.net) == SMALLS + 2);
        CHECK(net_received(s.world.net) == SMALLS + 2);
    }
    net_close(s.world.net);
    return world_fini(&s.world);
}
