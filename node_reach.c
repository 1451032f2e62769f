/* SPDX-License-Identifier: MIT */
/* node_reach.c -- the memory of another rank of this node, without its help
 *
 * The arrays of a map lie where the program has put them, in memory that is
 * its own and not the node's.  Linux copies between two processes of one user
 * without the other's help (process_vm_readv), in one copy: about half as fast
 * as a memcpy, since it looks up each page, but the other rank goes on
 * computing, and nothing is allocated, announced or sent.
 *
 * It may be forbidden: by a security module, in containers, to ranks that have
 * namespaces of their own, where the number of a process may even be that of
 * another one.  So each rank keeps a word in its own memory, and says in its
 * block of node memory where, and what is in it.  Whoever finds that word there
 * has the right process, and whoever could change the one beside it may write.
 * Where that fails all goes by message.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* process_vm_readv */
#endif
#include "node_reach.h"

#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/uio.h>

enum reach { UNTRIED, POSSIBLE, IMPOSSIBLE };

struct node_reach {
    uint64_t word;      /* mates read it to know this rank by it, */
    uint64_t scratch;   /* and write it here; nobody reads that */
    unsigned char to[]; /* enum reach, by place */
};

typedef ssize_t copy_fn(pid_t, const struct iovec *, unsigned long,
                        const struct iovec *, unsigned long, unsigned long);

/* All of it, in as many calls as it takes. */
static bool copy(copy_fn *fn, const struct node *node, int local, void *here,
                 uint64_t there, size_t len)
{
    pid_t pid = atomic_load_explicit(&node_block(node, local)->pid,
                                     memory_order_relaxed);

    while (len) {
        struct iovec own = {here, len}, other = {(void *)(uintptr_t)there, len};
        ssize_t done = fn(pid, &own, 1, &other, 1, 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        here = (char *)here + done;
        there += (uint64_t)done;
        len -= (size_t)done;
    }
    return true;
}

bool node_read(struct node *node, int local, void *to, uint64_t from,
               size_t len)
{
    return copy(process_vm_readv, node, local, to, from, len);
}

bool node_write(struct node *node, int local, uint64_t to, const void *from,
                size_t len)
{
    return copy(process_vm_writev, node, local, (void *)(uintptr_t)from, to,
                len);
}

static bool try_reach(struct node *node, int local)
{
    struct node_block *block = node_block(node, local);
    uint64_t at = atomic_load_explicit(&block->reach_at, memory_order_relaxed);
    uint64_t word =
        atomic_load_explicit(&block->reach_word, memory_order_relaxed);
    struct node_reach there = {0};

    return at && node_read(node, local, &there, at, sizeof there) &&
           there.word == word &&
           node_write(node, local, at + offsetof(struct node_reach, scratch),
                      &word, sizeof word);
}

bool node_can_reach(struct node *node, int local)
{
    if (!node->reach)
        return false;
    unsigned char *to = &node->reach->to[local];
    if (*to == UNTRIED)
        *to = try_reach(node, local) ? POSSIBLE : IMPOSSIBLE;
    return *to == POSSIBLE;
}

void node_reach_open(struct node *node)
{
    struct node_reach *reach = calloc(1, sizeof *reach + (size_t)node->locals);
    uint64_t at = (uint64_t)(uintptr_t)reach;

    if (!reach)
        return; /* all that would go this way goes by message */
    if (getrandom(&reach->word, sizeof reach->word, GRND_NONBLOCK) < 0)
        reach->word = at;
    node->reach = reach;
    atomic_store_explicit(&node->me->reach_word, reach->word,
                          memory_order_relaxed);
    atomic_store_explicit(&node->me->reach_at, at, memory_order_relaxed);
}

void node_reach_close(struct node *node)
{
    free(node->reach);
    node->reach = NULL;
}
