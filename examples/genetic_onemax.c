/* SPDX-License-Identifier: MIT */
/* genetic_onemax.c -- a genetic algorithm whose evaluation is a map
 *
 * SCOOP's example of that name, after the one of the DEAP library. The problem
 * is the simplest there is: find the string of 100 bits with the most ones.
 * 300 strings at random; in each of 40 generations parents are chosen by
 * tournaments of three, half of the pairs exchange a stretch between two cuts,
 * and a fifth of the strings get bits flipped.
 *
 * The algorithm itself is serial, and draws its random numbers on the origin,
 * so it takes the same way on any number of ranks. What is parallel is the
 * evaluation: one map for each generation, over the strings that have changed.
 * Counting ones is no work worth a message, but with a fitness that takes a
 * second each nothing else would have to be written.
 */
#include <scoop.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BITS = 100, POPULATION = 300, GENERATIONS = 40, TOURNAMENT = 3 };

struct individual {
    uint8_t bit[BITS];
    int fitness; /* -1: has changed since it was evaluated */
};

SCOOP_TASK(evaluate, struct individual, int);

static int evaluate(const struct individual *individual, int *fitness)
{
    *fitness = 0;
    for (int i = 0; i < BITS; i++)
        *fitness += individual->bit[i];
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

static bool happens(uint64_t *state, int percent)
{
    return below(state, 100) < percent;
}

/* ---- Evolution ---- */

static const struct individual *best_of_some(
    const struct individual *population, uint64_t *state)
{
    const struct individual *best = NULL;

    for (int i = 0; i < TOURNAMENT; i++) {
        const struct individual *one = &population[below(state, POPULATION)];
        if (!best || one->fitness > best->fitness)
            best = one;
    }
    return best;
}

static void mate(struct individual *a, struct individual *b, uint64_t *state)
{
    int from = below(state, BITS), to = from + 1 + below(state, BITS - from);

    for (int i = from; i < to; i++) {
        uint8_t bit = a->bit[i];
        a->bit[i] = b->bit[i];
        b->bit[i] = bit;
    }
    a->fitness = b->fitness = -1;
}

static void mutate(struct individual *one, uint64_t *state)
{
    for (int i = 0; i < BITS; i++)
        one->bit[i] ^= happens(state, 5);
    one->fitness = -1;
}

/* Evaluates those that have changed. Returns how many, or less than 0. */
static int evaluate_all(struct individual *population)
{
    static struct individual changed[POPULATION];
    static int fitness[POPULATION];
    int n = 0, err;

    for (int i = 0; i < POPULATION; i++)
        if (population[i].fitness < 0)
            changed[n++] = population[i];
    err = scoop_map(evaluate, changed, fitness, (size_t)n);
    if (err)
        return err;
    for (int i = POPULATION, k = n; i-- > 0;)
        if (population[i].fitness < 0)
            population[i].fitness = fitness[--k];
    return n;
}

/* The next generation, in the place of this one. */
static void breed(struct individual *population, uint64_t *state)
{
    static struct individual child[POPULATION];

    for (int i = 0; i < POPULATION; i++)
        child[i] = *best_of_some(population, state);
    for (int i = 0; i + 1 < POPULATION; i += 2)
        if (happens(state, 50))
            mate(&child[i], &child[i + 1], state);
    for (int i = 0; i < POPULATION; i++)
        if (happens(state, 20))
            mutate(&child[i], state);
    memcpy(population, child, sizeof child);
}

static int print(int generation, int evaluated,
                 const struct individual *population)
{
    int least = BITS, most = 0, sum = 0;

    for (int i = 0; i < POPULATION; i++) {
        int fitness = population[i].fitness;
        sum += fitness;
        least = fitness < least ? fitness : least;
        most = fitness > most ? fitness : most;
    }
    printf("%10d %9d %5d %7.2f %5d\n", generation, evaluated, least,
           (double)sum / POPULATION, most);
    return most;
}

static int root(int argc, char **argv)
{
    static struct individual population[POPULATION];
    uint64_t state = 64;
    int best = 0;

    (void)argc;
    (void)argv;
    for (int i = 0; i < POPULATION; i++) {
        population[i].fitness = -1;
        for (int k = 0; k < BITS; k++)
            population[i].bit[k] = (uint8_t)below(&state, 2);
    }
    printf("generation evaluated   min    mean   max\n");
    for (int g = 0; g <= GENERATIONS; g++) {
        if (g)
            breed(population, &state);
        int evaluated = evaluate_all(population);
        if (evaluated < 0)
            return scoop_perror("evaluate");
        best = print(g, evaluated, population);
    }
    printf("best: %d of %d\n", best, BITS);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
