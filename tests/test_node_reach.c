/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* test_node_reach.c -- ranks of a node read and write each other's memory */
#include "test_node_ranks.h"

#include "node_reach.h"

enum { BYTES = 1 << 20, PART = BYTES / 4 };

/* At the same address in all of them, as they are forked. */
static unsigned char memory[BYTES], page[BYTES];

static unsigned char value(int rank, size_t i)
{
    return (unsigned char)((size_t)rank * 31 + i * 7 + (i >> 8));
}

static void part_copy(struct cast *cast)
{
    struct node *node = &cast->node;
    int next = (node->local + 1) % node->locals;
    int before = (node->local + node->locals - 1) % node->locals;
    uint64_t there = (uint64_t)(uintptr_t)memory;
    size_t wrong = 0;

    CHECK(cast->opened == 0);
    for (size_t i = 0; i < BYTES; i++)
        memory[i] = value(node->local, i);
    meet(cast->stage);
    if (!node_can_reach(node, next)) {
        printf("not to be reached here\n");
        meet(cast->stage);
        meet(cast->stage);
        return;
    }
    CHECK(node_read(node, next, page, there, BYTES));
    for (size_t i = 0; i < BYTES; i++)
        wrong += page[i] != value(next, i);
    CHECK(wrong == 0);
    CHECK(!node_read(node, next, page, 16, BYTES));
    CHECK(!node_write(node, next, 16, page, BYTES));
    meet(cast->stage);
    /* An odd address, an odd length. */
    for (size_t i = 0; i < PART; i++)
        page[i] = value(100 + node->local, i);
    CHECK(node_write(node, next, there + 13, page, PART - 1));
    meet(cast->stage);
    for (size_t i = 0; i < BYTES; i++)
        wrong += memory[i] != (i >= 13 && i < 13 + PART - 1
                                   ? value(100 + before, i - 13)
                                   : value(node->local, i));
    CHECK(wrong == 0);
}

/* A number that means another process here, as in another namespace. */
static void part_wrong_process(struct cast *cast)
{
    struct node *node = &cast->node;
    int next = (node->local + 1) % node->locals;

    CHECK(cast->opened == 0);
    meet(cast->stage);
    int32_t pid = atomic_load(&node_block(node, next)->pid);
    meet(cast->stage);
    if (node->local == 0) {
        atomic_store(&node_block(node, next)->pid, (int32_t)getpid());
        CHECK(!node_can_reach(node, next));
        atomic_store(&node_block(node, next)->pid, pid);
        CHECK(!node_can_reach(node, next)); /* it stays at that */
    }
    meet(cast->stage);
}

int main(void)
{
    CHECK(run(1, NULL, part_copy));
    CHECK(run(2, NULL, part_copy));
    CHECK(run(5, NULL, part_copy));
    CHECK(run(2, NULL, part_wrong_process));
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
