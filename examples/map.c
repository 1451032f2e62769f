/* SPDX-License-Identifier: MIT */
/* map.c -- the parallel form of a loop over an array
 *
 * SCOOP's example of the same name: a greeting for each of sixteen numbers.
 * A map runs one task for each item, on whatever rank is free, and puts the
 * results where the items stood: they come in order, whoever made them and
 * whenever.
 *
 * The second map takes two arrays. A task has one argument, so what belongs
 * together goes into a struct; that is what zip() does in Python.
 */
#include <scoop.h>

#include <stdio.h>

enum { ITEMS = 16 };

struct line {
    char text[64];
};

struct pair {
    int left, right;
};

SCOOP_TASK(greet, int, struct line);
SCOOP_TASK(multiply, struct pair, int);

/* A result is copied as it is: text has to be in it, a pointer to text would
 * mean nothing on another rank. */
static int greet(const int *number, struct line *line)
{
    snprintf(line->text, sizeof line->text, "Hello World from Future #%d",
             *number);
    return 0;
}

static int multiply(const struct pair *pair, int *product)
{
    *product = pair->left * pair->right;
    return 0;
}

static int root(int argc, char **argv)
{
    int number[ITEMS], product[ITEMS];
    struct line line[ITEMS];
    struct pair pair[ITEMS];

    (void)argc;
    (void)argv;
    for (int i = 0; i < ITEMS; i++) {
        number[i] = i;
        pair[i] = (struct pair){.left = i, .right = ITEMS - i};
    }
    if (scoop_map(greet, number, line, ITEMS))
        return scoop_perror("greet");
    if (scoop_map(multiply, pair, product, ITEMS))
        return scoop_perror("multiply");
    for (int i = 0; i < ITEMS; i++)
        printf("%s; %d * %d = %d\n", line[i].text, i, ITEMS - i, product[i]);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
