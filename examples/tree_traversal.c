/* SPDX-License-Identifier: MIT */
/* tree_traversal.c -- how deep a binary tree is; the tree is a constant
 *
 *     tree_traversal [nodes]      128,000 if not given
 *
 * SCOOP's example of the same name. The tree is large, and every task needs
 * it: as an argument it would travel with each of them. As a shared constant
 * it is on each node once, and tasks look at it where it lies; what travels
 * with a task is the place where its subtree begins.
 *
 * Pointers mean nothing on another rank. So the tree is an array, and its
 * nodes know their children by index.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARALLEL_LEVELS = 3 };

/* The root of the tree is node 0, which is nobody's child. */
struct node {
    uint64_t key;
    uint32_t left, right; /* 0: none */
};

/* Where a subtree begins, and at what depth. */
struct place {
    uint32_t node;
    int depth;
};

SCOOP_TASK(measure, struct place, int);

/* Nothing but C: the depth of the deepest node below. The trees are random,
 * and so a few dozen nodes deep. */
static int deepest(const struct node *tree, uint32_t at, int depth)
{
    int left = depth, right = depth;

    if (tree[at].left)
        left = deepest(tree, tree[at].left, depth + 1);
    if (tree[at].right)
        right = deepest(tree, tree[at].right, depth + 1);
    return left > right ? left : right;
}

/* The upper levels are divided among tasks, what is below is walked through. */
static int measure(const struct place *place, int *depth)
{
    struct place child[2];
    const void *data;
    int found[2];
    size_t n = 0;
    int err = scoop_const_get_bytes("tree", &data, NULL);

    if (err)
        return err;
    const struct node *tree = data; /* lent: no copy is made */
    if (place->depth >= PARALLEL_LEVELS) {
        *depth = deepest(tree, place->node, place->depth);
        return 0;
    }
    if (tree[place->node].left)
        child[n++] = (struct place){tree[place->node].left, place->depth + 1};
    if (tree[place->node].right)
        child[n++] = (struct place){tree[place->node].right, place->depth + 1};
    err = scoop_map(measure, child, found, n);
    if (err)
        return err;
    *depth = place->depth;
    for (size_t i = 0; i < n; i++)
        if (found[i] > *depth)
            *depth = found[i];
    return 0;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Puts node `new` where its key belongs. */
static void insert(struct node *tree, uint32_t new)
{
    uint32_t at = 0, *link;

    for (;; at = *link) {
        link = tree[new].key < tree[at].key ? &tree[at].left : &tree[at].right;
        if (!*link)
            break;
    }
    *link = new;
}

static int root(int argc, char **argv)
{
    unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 128000;
    uint64_t state = 314159265;
    struct node *tree;
    int depth, err;

    if (n < 1 || n > UINT32_MAX || !(tree = calloc(n, sizeof *tree))) {
        fprintf(stderr, "usage: tree_traversal [nodes]\n");
        return 2;
    }
    for (uint32_t i = 0; i < n; i++) {
        tree[i].key = next_random(&state);
        if (i)
            insert(tree, i);
    }
    int serial = deepest(tree, 0, 0);

    /* Copied to every node of the farm; ours is not needed any more. */
    err = scoop_const_set_bytes("tree", tree, n * sizeof *tree);
    free(tree);
    if (err)
        return scoop_perror("scoop_const_set_bytes");
    if (scoop_join(scoop_submit(measure, &(struct place){0, 0}), &depth))
        return scoop_perror("measure");
    printf("%lu nodes, depth found by tasks %d, serially %d\n", n, depth,
           serial);
    return depth != serial;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
