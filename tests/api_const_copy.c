/* SPDX-License-Identifier: MIT */
/* ranks: 4; node-memory: 1 0; settings: -, NODES=2; limit: 60 s */
/* skip: asan tsan valgrind */
/* api_const_copy.c -- one copy of a constant for each node
 *
 * All ranks read all of a constant of 64 MiB.  Memory that several processes
 * map counts in each of them for its share of it (Pss): summed over the ranks
 * it is what the constant takes.
 */
#include "api.h"

#define LEN ((size_t)64 << 20)

struct memory {
    long kib;
    uint64_t sum;
    int code;
};

SCOOP_TASK(touch, int, struct memory);

/* KiB of this process, shared memory by its share. */
static long memory_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "Pss:", 4))
            kib = strtol(line + 4, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

/* With 0 only the memory, with 1 all of the constant is read first. */
static int touch(const int *is_there, struct memory *m)
{
    const uint64_t *word = NULL;
    size_t len = 0;

    memset(m, 0, sizeof *m);
    if (*is_there)
        m->code = scoop_const_get_bytes("large", (const void **)&word, &len,
                                        .timeout = SCOOP_NOW);
    for (size_t i = 0; word && i < len / 8; i++)
        m->sum += word[i] ^ i;
    m->kib = memory_kib();
    return 0;
}

/* What all ranks have. */
static long memory_of_all(int is_there, uint64_t sum)
{
    struct memory m;
    long kib = 0;

    for (int round = 0; round < 2; round++) { /* first all read it */
        kib = 0;
        for (int i = 0; i < scoop_size(); i++) {
            CHECK(scoop_join(scoop_submit(touch, &is_there,
                                          .place = scoop_on_rank(i)),
                             &m) == 0);
            CHECK(m.code == 0 && m.sum == sum);
            kib += m.kib;
        }
    }
    return kib;
}

/* How many nodes this test has made of this machine. */
static int count_nodes(void)
{
    const char *memory = getenv("SCOOP_NODE_MEMORY");
    const char *parts = getenv("SCOOP_NODES");

    if (memory && !strcmp(memory, "0"))
        return scoop_size();
    return parts && atoi(parts) ? atoi(parts) : 1;
}

static int root(int argc, char **argv)
{
    uint64_t *data = malloc(LEN), sum = 0;
    long before, there, after;
    int copies = count_nodes();

    (void)argc;
    (void)argv;
    if (memory_kib() < 0) {
        puts("no /proc/self/smaps_rollup");
        return 77;
    }
    for (size_t i = 0; data && i < LEN / 8; i++) {
        data[i] = i * i;
        sum += data[i] ^ i;
    }
    before = memory_of_all(0, 0);
    CHECK(scoop_const_set_bytes("large", data, LEN) == 0);
    there = memory_of_all(1, sum);
    CHECK(scoop_const_delete("large") == 0);
    after = memory_of_all(0, 0);
    free(data);
    printf("%d copies: %ld MiB before, %ld with it, %ld after\n", copies,
           before >> 10, there >> 10, after >> 10);
    /* Half a copy for what else may have grown. */
    CHECK(there - before > copies * 64L * 1024 - 32 * 1024);
    CHECK(there - before < copies * 64L * 1024 + 32 * 1024);
    CHECK(after - before < 32 * 1024);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
