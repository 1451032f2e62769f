/* SPDX-License-Identifier: MIT */
/* sorting_networks.c -- evolution of networks that sort six numbers
 *
 *     sorting_networks [generations]      220 if not given
 *
 * SCOOP's example of that name, after the one of the DEAP library. A sorting
 * network is a list of comparators; each looks at two wires and exchanges
 * their numbers if they stand the wrong way round. Which list sorts whatever
 * comes in, with few comparators in few steps? For six wires the best has 12
 * comparators in 5 steps (Knuth, The Art of Computer Programming, vol. 3).
 *
 * A network is judged by what it does to all 64 inputs of zeros and ones: if
 * it sorts these it sorts everything (the zero-one principle, ibid.). That is
 * the task, mapped over a generation's new networks. The better ones of old
 * and new survive: fewer unsorted inputs first, then fewer comparators, then
 * fewer steps; of equal networks one.
 *
 * Random numbers are drawn on the origin, and equal networks are kept in a
 * fixed order, so the result is the same on any number of ranks.
 */
#include <scoop.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRES = 6, LONGEST = 24, POPULATION = 400 };

struct comparator {
    uint8_t low, high; /* wires; low < high, or the two are equal: no use */
};

struct network {
    struct comparator at[LONGEST];
    int length;
};

/* Smaller is better, the first member counts most. */
struct judgement {
    int misses, length, depth;
};

struct individual {
    struct network network;
    struct judgement judgement;
};

SCOOP_TASK(judge, struct network, struct judgement);

/* In steps[i] the number of the step in which comparator i works, from 1: as
 * early as its wires are free. Returns how many steps there are. */
static int schedule(const struct network *network, int *steps)
{
    int free_at[WIRES] = {0}, depth = 0;

    for (int i = 0; i < network->length; i++) {
        int low = network->at[i].low, high = network->at[i].high;
        int step = free_at[low] > free_at[high] ? free_at[low] : free_at[high];
        free_at[low] = free_at[high] = steps[i] = step + 1;
        depth = step + 1 > depth ? step + 1 : depth;
    }
    return depth;
}

/* An input is a number whose bit w is what wire w carries; it is sorted if
 * the ones stand on the highest wires. */
static int judge(const struct network *network, struct judgement *judgement)
{
    int steps[LONGEST];

    *judgement = (struct judgement){.length = network->length,
                                    .depth = schedule(network, steps)};
    for (unsigned input = 0; input < 1U << WIRES; input++) {
        unsigned values = input;
        for (int i = 0; i < network->length; i++) {
            unsigned low = 1U << network->at[i].low;
            unsigned high = 1U << network->at[i].high;
            if ((values & low) && !(values & high))
                values ^= low | high;
        }
        unsigned unsorted = ~values & ((1U << WIRES) - 1);
        judgement->misses += (unsorted & (unsorted + 1)) != 0;
    }
    return 0;
}

/* ---- Chance: SplitMix64 ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int below(uint64_t *state, int limit)
{
    return (int)(next_random(state) % (uint64_t)limit);
}

/* ---- Evolution ---- */

static struct comparator random_comparator(uint64_t *state)
{
    int a = below(state, WIRES), b = below(state, WIRES - 1);

    b += b >= a; /* another wire than a */
    return (struct comparator){(uint8_t)(a < b ? a : b),
                               (uint8_t)(a < b ? b : a)};
}

static void insert(struct network *network, int at, struct comparator c)
{
    if (network->length == LONGEST)
        return;
    memmove(&network->at[at + 1], &network->at[at],
            (size_t)(network->length - at) * sizeof c);
    network->at[at] = c;
    network->length++;
}

static void erase(struct network *network, int at)
{
    network->length--;
    memmove(&network->at[at], &network->at[at + 1],
            (size_t)(network->length - at) * sizeof network->at[0]);
}

/* The beginning of one network, then the end of another one. */
static struct network mate(const struct network *a, const struct network *b,
                           uint64_t *state)
{
    struct network child = {.length = below(state, a->length + 1)};
    int from = below(state, b->length + 1);

    memcpy(child.at, a->at, (size_t)child.length * sizeof child.at[0]);
    for (int i = from; i < b->length; i++)
        insert(&child, child.length, b->at[i]);
    return child;
}

static void mutate(struct network *network, uint64_t *state)
{
    for (int n = 1 + below(state, 3); n > 0; n--) {
        int at = below(state, network->length + 1);
        switch (below(state, 4)) {
        case 0:
            insert(network, at, random_comparator(state));
            break;
        case 1:
            if (at < network->length)
                erase(network, at);
            break;
        case 2: /* exchange two that follow each other */
            if (at + 1 < network->length) {
                struct comparator c = network->at[at];
                network->at[at] = network->at[at + 1];
                network->at[at + 1] = c;
            }
            break;
        default:
            if (at < network->length)
                network->at[at] = random_comparator(state);
        }
    }
}

/* Which of two is better; equal ones by what they are made of, so that no two
 * different networks are equal and the order is the same everywhere. */
static int compare(const void *a, const void *b)
{
    const struct individual *x = a, *y = b;

    if (x->judgement.misses != y->judgement.misses)
        return x->judgement.misses - y->judgement.misses;
    if (x->judgement.length != y->judgement.length)
        return x->judgement.length - y->judgement.length;
    if (x->judgement.depth != y->judgement.depth)
        return x->judgement.depth - y->judgement.depth;
    return memcmp(x->network.at, y->network.at,
                  (size_t)x->network.length * sizeof x->network.at[0]);
}

/* Judges n networks in parallel. */
static int judge_all(struct individual *individual, int n)
{
    static struct network network[POPULATION];
    static struct judgement judgement[POPULATION];
    int err;

    for (int i = 0; i < n; i++)
        network[i] = individual[i].network;
    err = scoop_map(judge, network, judgement, (size_t)n);
    for (int i = 0; i < n && !err; i++)
        individual[i].judgement = judgement[i];
    return err;
}

/* Of 2 * POPULATION the better ones come first, without twins as far as there
 * are enough others. */
static void survive(struct individual *all)
{
    static struct individual twin[2 * POPULATION];
    int kept = 0, twins = 0;

    qsort(all, 2 * POPULATION, sizeof *all, compare);
    for (int i = 0; i < 2 * POPULATION; i++)
        if (i && !compare(&all[kept - 1], &all[i]))
            twin[twins++] = all[i];
        else
            all[kept++] = all[i];
    memcpy(&all[kept], twin, (size_t)twins * sizeof *twin);
}

/* A good one more often than a bad one: the better of two. */
static const struct network *choose(const struct individual *all,
                                    uint64_t *state)
{
    int a = below(state, POPULATION), b = below(state, POPULATION);

    return &all[a < b ? a : b].network; /* they are in order */
}

static void draw(const struct network *network)
{
    int steps[LONGEST], depth = schedule(network, steps);

    for (int wire = 0; wire < WIRES; wire++) {
        printf("%d --", wire);
        for (int step = 1; step <= depth; step++)
            for (int i = 0; i < network->length; i++) {
                struct comparator c = network->at[i];
                if (steps[i] == step)
                    printf("%s", wire == c.low || wire == c.high ? "o-"
                                 : wire > c.low && wire < c.high ? "|-"
                                                                 : "--");
                if (i + 1 == network->length)
                    printf("--");
            }
        printf("\n");
    }
}

static int root(int argc, char **argv)
{
    static struct individual all[2 * POPULATION];
    int generations = argc > 1 ? atoi(argv[1]) : 220;
    uint64_t state = 64;
    struct judgement best;

    for (int i = 0; i < 2 * POPULATION; i++)
        for (int k = 9 + below(&state, 8); k > 0; k--)
            insert(&all[i].network, 0, random_comparator(&state));
    if (judge_all(all, POPULATION) || judge_all(all + POPULATION, POPULATION))
        return scoop_perror("judge");
    survive(all);

    printf("generation  unsorted  comparators  steps\n");
    for (int g = 0;; g++) {
        best = all[0].judgement;
        if (g % 20 == 0 || g == generations)
            printf("%10d %9d %12d %6d\n", g, best.misses, best.length,
                   best.depth);
        if (g >= generations)
            break;
        for (int i = POPULATION; i < 2 * POPULATION; i++) {
            all[i].network =
                mate(choose(all, &state), choose(all, &state), &state);
            mutate(&all[i].network, &state);
        }
        if (judge_all(all + POPULATION, POPULATION))
            return scoop_perror("judge");
        survive(all);
    }
    draw(&all[0].network);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
