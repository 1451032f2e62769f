/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_map_timeout.c -- a map whose caller has left touches no array of his
 *
 * The output is held against a copy of itself, the input is unmapped, so that
 * who reads it ends the program.
 */
#define _GNU_SOURCE 1 /* mmap */
#include "api.h"

#include <sys/mman.h>

SCOOP_TASK(dawdle, long, long);
SCOOP_TASK(wait_a_little, double, int);

struct page {
    unsigned char byte[4096];
};

SCOOP_TASK(dawdle_page, struct page, struct page);

static int dawdle(const long *in, long *out)
{
    *out = *in + 1;
    api_nap(0.004);
    *out = *in + 2;
    return 0;
}

static int dawdle_page(const struct page *in, struct page *out)
{
    api_nap(0.004);
    *out = *in;
    return 0;
}

/* Waits for something that does not come: others can run meanwhile. */
static int wait_a_little(const double *seconds, int *out)
{
    scoop_future f = scoop_submit(dawdle, &(long){1});

    *out = 1;
    (void)f;
    api_nap(*seconds);
    return scoop_join(f, NULL);
}

static void *map_memory(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Long enough for what runs still to end, with the farm at work. */
static void linger(void)
{
    for (int i = 0; i < 5; i++) {
        int out;
        CHECK(scoop_join(scoop_submit(wait_a_little, &(double){0.005}), &out) ==
              0);
    }
}

static void leave_early(double timeout)
{
    enum { N = 2000 };
    static long out[N], copy[N];
    long *in = map_memory(N * sizeof *in);

    CHECK(in != NULL);
    if (!in)
        return;
    for (long i = 0; i < N; i++)
        in[i] = out[i] = -1 - i;
    double begin = api_now();
    CHECK(scoop_map(dawdle, in, out, N, .timeout = timeout) == SCOOP_ETIMEDOUT);
    CHECK(api_now() - begin >= timeout);
    memcpy(copy, out, sizeof copy);
    munmap(in, N * sizeof *in);
    linger();
    CHECK(!memcmp(copy, out, sizeof copy));
    int others = 0; /* as they were, or done: nothing in between */
    for (long i = 0; i < N; i++)
        others += out[i] != -1 - i && out[i] != 1 - i;
    CHECK(others == 0);
}

/* 16 MiB of input, so that other ranks have to fetch theirs. */
static void leave_large(double timeout)
{
    size_t n = 4096, len = n * sizeof(struct page);
    struct page *in = map_memory(len), *out = map_memory(len);

    CHECK(in && out);
    if (!in || !out)
        return;
    memset(in, 1, len);
    CHECK(scoop_map(dawdle_page, in, out, n, .timeout = timeout) ==
          SCOOP_ETIMEDOUT);
    munmap(in, len);
    munmap(out, len);
    linger();
}

static void in_time(void)
{
    long in[20], out[20];
    int wrong = 0;

    for (long i = 0; i < 20; i++)
        in[i] = i;
    CHECK(scoop_map(dawdle, in, out, 20, .timeout = 50) == 0);
    for (long i = 0; i < 20; i++)
        wrong += out[i] != i + 2;
    CHECK(wrong == 0);
    CHECK(scoop_map(dawdle, in, out, 0, .timeout = 1e-9) == 0);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    in_time();
    leave_early(0.05);
    leave_early(0.001);
    leave_early(SCOOP_NOW);
    for (int i = 0; i < 5; i++)
        leave_large(0.001 + 0.003 * i);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
