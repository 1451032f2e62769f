/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 | 0; limit: 60 s; alone; skip: asan tsan valgrind */
/* api_memory.c -- what is released is used again, what is not costs little */
#include "api.h"

enum { BURST = 1000000, DATA = 16, MOST = 200 };

SCOOP_TASK(add_one, long, long);
SCOOP_TASK(hold, double, SCOOP_NONE);
SCOOP_TASK_BYTES(echo);

static int add_one(const long *in, long *out)
{
    return *out = *in + 1, 0;
}

static int hold(const double *seconds, SCOOP_NONE *out)
{
    (void)out;
    api_nap(*seconds);
    return 0;
}

static int echo(const void *data, size_t len, scoop_out *out)
{
    return scoop_out_write(out, data, len);
}

static long rounds(long n)
{
    long out = 0, wrong = 0;

    for (long i = 0; i < n; i++)
        wrong += scoop_join(scoop_submit(add_one, &i), &out) || out != i + 1;
    return wrong;
}

static void many_rounds(void)
{
    CHECK(rounds(100000) == 0);
    long before = api_memory_kib("VmRSS:");
    CHECK(rounds(10000000) == 0);
    long grown = api_memory_kib("VmRSS:") - before;
    printf("10 million rounds: %ld KiB more\n", grown);
    CHECK(grown < 512);
}

/* Those that own memory of their own; failures, cancels and time-outs too. */
static long dear_rounds(long n)
{
    static char data[5000];
    long wrong = 0;

    for (long i = 0; i < n; i++) {
        scoop_future f = scoop_submit(echo, data, .len = (size_t)(i % 5000));
        scoop_result_bytes(f, NULL, NULL);
        wrong += scoop_release(f) != 0;
        wrong += scoop_join(scoop_submit(add_one, NULL), NULL) != SCOOP_EINVAL;
        f = scoop_submit(add_one, &i);
        scoop_cancel(f);
        wrong += scoop_release(f) != 0;
        scoop_release(scoop_submit(echo, data, .len = 100));
        if (i % 100 == 0)
            scoop_map(add_one, &i, &(long){0}, 1, .timeout = 100);
    }
    return wrong;
}

static void many_dear_rounds(void)
{
    CHECK(dear_rounds(20000) == 0);
    CHECK(rounds(20000) == 0);
    long before = api_memory_kib("VmRSS:");
    for (int i = 0; i < 10; i++)
        CHECK(dear_rounds(20000) == 0 && rounds(20000) == 0);
    long grown = api_memory_kib("VmRSS:") - before;
    printf("200,000 dear rounds: %ld KiB more\n", grown);
    CHECK(grown < 8192);
}

/* The other ranks are kept busy, so that all of them are in line here. */
static void burst(void)
{
    size_t bytes = BURST * sizeof(scoop_future);
    scoop_future *f = malloc(bytes), holder[64];
    long out, wrong = 0;

    CHECK(f != NULL);
    if (!f)
        return;
    memset(f, 0xff, bytes); /* touched */
    for (int i = 1; i < scoop_size(); i++)
        holder[i] =
            scoop_submit(hold, &(double){0.8}, .place = scoop_on_rank(i));
    long before = api_memory_kib("VmRSS:");
    for (long i = 0; i < BURST; i++)
        f[i] = scoop_submit(add_one, &i);
    long grown = api_memory_kib("VmRSS:") - before;
    double each = (double)grown * 1024 / BURST;
    printf("a million futures: %.0f bytes each beside their data\n",
           each - DATA);
    CHECK(each <= MOST + DATA);
    for (long i = BURST - 1; i >= 0; i--)
        wrong += scoop_join(f[i], &out) || out != i + 1;
    for (int i = 1; i < scoop_size(); i++)
        CHECK(scoop_join(holder[i], NULL) == 0);
    CHECK(wrong == 0);
    free(f);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    many_rounds();
    many_dear_rounds();
    burst();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
