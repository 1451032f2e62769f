/* SPDX-License-Identifier: MIT */
/* ranks: 2 | 4; node-memory: 1; settings: NODES=2 | -; limit: 60 s */
/* api_const_busy.c -- constants while ranks are in functions that call nothing
 *
 * Then their helper threads take part.  First all ranks but rank 0 are away,
 * then rank 0 is, which orders all changes.
 */
#include "api.h"

#define LEN ((size_t)1 << 20)

SCOOP_TASK(busy, double, int);
SCOOP_TASK(sum, SCOOP_NONE, uint64_t);
SCOOP_TASK(drop, SCOOP_NONE, double);
SCOOP_TASK(redefine, SCOOP_NONE, double);

static unsigned char byte_of(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static uint64_t sum_of(const unsigned char *data, size_t len)
{
    uint64_t all = len;

    for (size_t i = 0; i < len; i++)
        all = all * 31 + data[i];
    return all;
}

static int busy(const double *seconds, int *rank)
{
    *rank = scoop_rank();
    api_nap(*seconds);
    return 0;
}

static int sum(const SCOOP_NONE *in, uint64_t *all)
{
    const void *data;
    size_t len;
    int err = scoop_const_get_bytes("busy", &data, &len, .timeout = SCOOP_NOW);

    (void)in;
    if (!err)
        *all = sum_of(data, len);
    return err;
}

/* How long it took. */
static int drop(const SCOOP_NONE *in, double *seconds)
{
    double from = api_now();
    int err = scoop_const_delete("busy");

    (void)in;
    *seconds = api_now() - from;
    return err;
}

static int redefine(const SCOOP_NONE *in, double *seconds)
{
    double from = api_now();
    int err = scoop_const_set_bytes("busy", "again", 5);

    (void)in;
    *seconds = api_now() - from;
    return err;
}

static int root(int argc, char **argv)
{
    int size = scoop_size(), rank;
    scoop_future f[64];
    double nap = 1.5, seconds = 99;
    unsigned char *data = malloc(LEN);
    const void *found = NULL;
    size_t len = 0;
    uint64_t all;

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < LEN; i++)
        data[i] = byte_of(i);
    for (int i = 1; i < size; i++)
        f[i] = scoop_submit(busy, &nap, .place = scoop_on_rank(i));
    api_nap(0.2); /* they have begun */
    CHECK(scoop_const_set_bytes("busy", data, LEN) == 0);
    if (!api_is_slowed())
        for (int i = 1; i < size; i++)
            CHECK(scoop_done(f[i]) == 0); /* all have it, and nobody came up */
    CHECK(scoop_const_get_bytes("busy", &found, &len) == 0);
    CHECK(len == LEN && !memcmp(found, data, LEN));
    for (int i = 1; i < size; i++)
        CHECK(scoop_join(f[i], &rank) == 0 && rank == i);
    for (int i = 0; i < size; i++) {
        all = 0;
        CHECK(scoop_join(scoop_submit(sum, NULL, .place = scoop_on_rank(i)),
                         &all) == 0);
        CHECK(all == sum_of(data, LEN));
    }
    f[0] = scoop_submit(drop, NULL, .place = scoop_on_rank(size - 1));
    api_nap(nap);
    CHECK(scoop_join(f[0], &seconds) == 0);
    CHECK(api_is_slowed() || seconds < nap);
    CHECK(scoop_const_version("busy") == 0);
    f[0] = scoop_submit(redefine, NULL, .place = scoop_on_rank(size - 1));
    api_nap(0.5);
    CHECK(scoop_join(f[0], &seconds) == 0);
    CHECK(scoop_const_version("busy") == 2);
    CHECK(scoop_const_get_bytes("busy", &found, &len) == 0);
    CHECK(len == 5 && !memcmp(found, "again", 5));
    free(data);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
