/* SPDX-License-Identifier: MIT */
/* test_node_mail.c -- mail between the ranks of a node: many put, one takes
 *
 * Putters write what the taker expects by the same random numbers, so that
 * each message is compared in full; lost, doubled, torn and overtaken ones
 * show. Putters also die, at the worst place and at any.
 */
#include "test_node_ranks.h"

#include <time.h>

#define NOISE 65536u

/* What the n-th message of a putter is follows from both: the taker knows
 * what must come. Lengths of all kinds, short ones mostly. */
struct script {
    unsigned char noise[NOISE + NODE_MAIL_MAX];
    uint32_t rng[RANKS_MAX];
};

static uint32_t draw(uint32_t *rng)
{
    *rng ^= *rng << 13;
    *rng ^= *rng >> 17;
    *rng ^= *rng << 5;
    return *rng;
}

static struct script *new_script(void)
{
    struct script *script = malloc(sizeof *script);
    uint32_t rng = 2463534242;

    for (size_t i = 0; script && i < sizeof script->noise; i++)
        script->noise[i] = (unsigned char)draw(&rng);
    for (uint32_t i = 0; script && i < RANKS_MAX; i++)
        script->rng[i] = 88675123 + i;
    return script;
}

/* The next message of this putter, its first byte aside, which is its
 * number; the message has to be sent as `split` bytes and the rest. */
static size_t next_message(struct script *script, int putter,
                           const unsigned char **bytes, size_t *split)
{
    uint32_t r = draw(&script->rng[putter]);
    size_t len = 1 + r % 160;

    if (r >> 25 == 0)
        len = 1 + (r >> 8) % NODE_MAIL_MAX;
    if (r >> 22 == 0)
        len = NODE_MAIL_MAX;
    *bytes = &script->noise[draw(&script->rng[putter]) % NOISE];
    *split = 1 + (r >> 4) % len;
    return len;
}

/* To the rank at place 0. */
static void put_messages(struct node *node, struct script *script, int putter,
                         int count)
{
    unsigned char message[NODE_MAIL_MAX];

    for (int i = 0; i < count; i++) {
        const unsigned char *bytes;
        size_t split;
        size_t len = next_message(script, putter, &bytes, &split);
        memcpy(message, bytes, len);
        message[0] = (unsigned char)putter;
        while (!node_mail_put(node, 0, message, split, message + split,
                              len - split, false))
            sched_yield();
    }
}

/* From putters 1 to `putters`, all that they put. */
static void take_messages(struct node *node, struct script *script, int putters,
                          int count, bool sleeps)
{
    unsigned char message[NODE_MAIL_MAX];
    int wrong = 0;

    for (int i = 0; i < count;) {
        size_t len = node_mail_take(node, message);
        if (len == 0) {
            node_doze(node);
            if (!node_has_mail(node) && sleeps)
                node_sleep(node, UINT64_MAX);
            else
                node_rise(node);
            continue;
        }
        i++;
        const unsigned char *bytes;
        size_t split;
        int putter = message[0];
        if (putter < 1 || putter > putters) {
            wrong++;
            break;
        }
        size_t due = next_message(script, putter, &bytes, &split);
        wrong += len != due || memcmp(message + 1, bytes + 1, len - 1) != 0;
    }
    CHECK(wrong == 0);
    CHECK(!node_has_mail(node));
    CHECK(node_mail_stuck(node) == -1);
    CHECK(atomic_load(&node->head->sleepers) == 0);
}

static void mail(struct cast *cast, int count, bool sleeps)
{
    struct script *script = new_script();
    int putters = cast->node.locals - 1;

    CHECK(cast->opened == 0 && script);
    if (cast->node.local == 0)
        take_messages(&cast->node, script, putters, count * putters, sleeps);
    else
        put_messages(&cast->node, script, cast->node.local, count);
    free(script);
}

static void part_mail(struct cast *cast)
{
    mail(cast, 300000 / SLOWER, false);
}

static void part_mail_asleep(struct cast *cast)
{
    mail(cast, 60000 / SLOWER, true);
}

struct putter {
    pthread_t thread;
    struct node *node;
    int number;
    int count;
};

static void *put_from_thread(void *arg)
{
    struct putter *me = arg;
    struct script *script = new_script();

    put_messages(me->node, script, me->number, me->count);
    free(script);
    return NULL;
}

/* Threads instead of processes, for TSan. They stall where it hurts. */
static void part_mail_threads(struct cast *cast)
{
    struct script *script = new_script();
    struct putter putter[3];
    int count = 100000 / SLOWER;

    CHECK(cast->opened == 0 && script);
    stalls = true;
    for (int i = 0; i < 3; i++) {
        putter[i] = (struct putter){.node = &cast->node,
                                    .number = i + 1,
                                    .count = count};
        CHECK(!pthread_create(&putter[i].thread, NULL, put_from_thread,
                              &putter[i]));
    }
    take_messages(&cast->node, script, 3, 3 * count, true);
    for (int i = 0; i < 3; i++)
        pthread_join(putter[i].thread, NULL);
    free(script);
}

/* All lengths, all places in the ring, alone. */
static void part_mail_alone(struct cast *cast)
{
    struct node *node = &cast->node;
    unsigned char out[NODE_MAIL_MAX + 1], in[NODE_MAIL_MAX];
    int wrong = 0;

    CHECK(cast->opened == 0);
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (unsigned char)(i * 31 + (i >> 8));
    for (size_t len = 1; len <= NODE_MAIL_MAX; len++) {
        size_t split = len * 7 % (len + 1);
        wrong += !node_mail_put(node, 0, out, split, out + split, len - split,
                                false);
        wrong += !node_has_mail(node);
        wrong += node_mail_take(node, in) != len || memcmp(in, out, len) != 0;
        wrong += node_has_mail(node);
    }
    CHECK(wrong == 0);
    CHECK(node_mail_put(node, 0, NULL, 0, out, 5, false));
    CHECK(node_mail_take(node, in) == 5);
    CHECK(!node_mail_put(node, 0, out, 0, NULL, 0, false));
    CHECK(!node_mail_put(node, 0, out, NODE_MAIL_MAX + 1, NULL, 0, false));
    CHECK(!node_mail_put(node, 0, out, 2, out, NODE_MAIL_MAX - 1, false));
    CHECK(!node_mail_put(node, 0, out, 2, out, SIZE_MAX, false));
    CHECK(node_mail_take(node, in) == 0);
}

static void part_full(struct cast *cast)
{
    struct node *node = &cast->node;
    unsigned char out[NODE_MAIL_MAX] = {0}, in[NODE_MAIL_MAX];
    unsigned count = 0;

    CHECK(cast->opened == 0);
    for (int lap = 0; lap < 3; lap++) {
        for (count = 0; node_mail_put(node, 0, &count, 4, NULL, 0, false);)
            count++;
        CHECK(count == NODE_MAIL_SLOTS);
        CHECK(node_mail_take(node, in) == 4);
        CHECK(!node_mail_put(node, 0, out, SLOT_BYTES + 1, NULL, 0, false));
        CHECK(node_mail_put(node, 0, out, SLOT_BYTES, NULL, 0, false));
        CHECK(!node_mail_put(node, 0, out, 1, NULL, 0, false));
        for (unsigned i = 1; i < count; i++)
            CHECK(node_mail_take(node, in) == 4 && !memcmp(in, &i, 4));
        CHECK(node_mail_take(node, in) == SLOT_BYTES);
        CHECK(node_mail_take(node, in) == 0);
    }
    for (count = 0; node_mail_put(node, 0, out, NODE_MAIL_MAX, NULL, 0, false);)
        count++;
    CHECK(count == NODE_MAIL_SLOTS / slots_of(NODE_MAIL_MAX));
    while (node_mail_take(node, in) == NODE_MAIL_MAX)
        count--;
    CHECK(count == 0);
}

/* A putter dies in its third message, at one of the stalling points. Another
 * message may have been put behind it by then. */
static void dead(struct cast *cast, int point, bool is_overtaken)
{
    struct node *node = &cast->node;
    unsigned char out[1000] = {1}, in[NODE_MAIL_MAX];

    CHECK(cast->opened == 0);
    if (node->local == 1) {
        CHECK(node_mail_put(node, 0, out, 100, NULL, 0, false));
        CHECK(node_mail_put(node, 0, out, 200, NULL, 0, false));
        CHECK(!failed);
        meet(cast->stage); /* the last one for this rank */
        dies_in = point;
        node_mail_put(node, 0, out, 1, out, 999, false);
        CHECK(false); /* it lives */
        return;
    }
    meet(cast->stage);
    CHECK(node_mail_take(node, in) == 100);
    CHECK(node_mail_take(node, in) == 200);
    while (node_mail_stuck(node) != 1) /* until it has begun: soon */
        sched_yield();
    CHECK(!node_has_mail(node));
    CHECK(node_mail_take(node, in) == 0);
    if (is_overtaken)
        CHECK(node_mail_put(node, 0, out, 300, NULL, 0, false));
    CHECK(node_mail_take(node, in) == 0);
    CHECK(!node_mail_skip(node, 0));
    CHECK(node_mail_skip(node, 1));
    CHECK(!node_mail_skip(node, 1));
    CHECK(node_mail_stuck(node) == -1);
    CHECK(node_mail_take(node, in) == (is_overtaken ? 300 : 0));
    CHECK(node_mail_take(node, in) == 0);
    for (size_t i = 0; i < 3000; i++) {
        CHECK(node_mail_put(node, 0, out, 1 + i % 500, NULL, 0, false));
        CHECK(node_mail_take(node, in) == 1 + i % 500);
    }
}

static bool is_dead(const struct cast *cast, int local)
{
    struct node_block *block = node_block(&cast->node, local);

    return kill((pid_t)atomic_load(&block->pid), 0) && errno == ESRCH;
}

static void part_dead_before_advance(struct cast *cast)
{
    dead(cast, 2, false);
}

static void part_dead_before_advance_overtaken(struct cast *cast)
{
    dead(cast, 2, true);
}

static void part_dead_in_copy(struct cast *cast)
{
    dead(cast, 3, false);
}

static void part_dead_in_copy_overtaken(struct cast *cast)
{
    dead(cast, 3, true);
}

/* A putter dies anywhere, by a timer: the mailbox must be of use to others
 * afterwards. */
static void die(int signal)
{
    (void)signal;
    _exit(0);
}

static void part_killed(struct cast *cast)
{
    struct node *node = &cast->node;
    unsigned char out[NODE_MAIL_MAX] = {1}, in[NODE_MAIL_MAX];
    size_t len;

    CHECK(cast->opened == 0);
    if (node->local == 1) {
        struct itimerspec in_a_while = {.it_value.tv_nsec = 300000};
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                                 .sigev_signo = SIGUSR1};
        timer_t timer;
        in_a_while.it_value.tv_nsec += getpid() % 64 * 1000;
        signal(SIGUSR1, die);
        CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer));
        CHECK(!timer_settime(timer, 0, &in_a_while, NULL));
        for (uint32_t i = 0;; i++)
            node_mail_put(node, 0, out, 1 + i % 2 * 6000, NULL, 0, false);
    }
    while (!is_dead(cast, 1))
        node_mail_take(node, in);
    while (node_mail_take(node, in) > 0)
        ;
    int stuck = node_mail_stuck(node);
    CHECK(stuck == -1 || stuck == 1);
    if (stuck == 1)
        CHECK(node_mail_skip(node, 1));
    CHECK(node_mail_stuck(node) == -1);
    for (size_t i = 0; i < 3000; i++) {
        len = 1 + i * 7 % NODE_MAIL_MAX;
        CHECK(node_mail_put(node, 0, out, len, NULL, 0, false));
        CHECK(node_mail_take(node, in) == len);
    }
}

int main(void)
{
    CHECK(run(1, NULL, part_mail_alone));
    CHECK(run(1, NULL, part_full));
    CHECK(run(1, NULL, part_mail_threads));
    CHECK(run(4, NULL, part_mail));
    CHECK(run(4, NULL, part_mail_asleep));
    CHECK(run(2, NULL, part_dead_before_advance));
    CHECK(run(2, NULL, part_dead_before_advance_overtaken));
    CHECK(run(2, NULL, part_dead_in_copy));
    CHECK(run(2, NULL, part_dead_in_copy_overtaken));
    for (int i = 0; i < 100; i++)
        CHECK(run(2, NULL, part_killed));
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
