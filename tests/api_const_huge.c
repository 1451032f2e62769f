/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 180 s; alone */
/* skip: quick asan tsan valgrind */
/* api_const_huge.c -- constants of 100 MiB and of 3 GiB
 *
 * The latter is more than an int can count.  Without node memory there are
 * three copies of it: the definer's own, and one for each rank.  A machine
 * with less than 12 GiB to spare skips it.
 */
#include "api.h"

#define HUGE ((size_t)3 << 30)
#define LARGE ((size_t)100 << 20)

SCOOP_TASK(hash, SCOOP_NONE, uint64_t);
SCOOP_TASK(define, size_t, uint64_t);

static uint64_t hash_of(const uint64_t *word, size_t len)
{
    uint64_t h = len;

    for (size_t i = 0; i < len / 8; i++)
        h = (h ^ word[i]) * 0x9e3779b97f4a7c15u + i;
    return h;
}

static int hash(const SCOOP_NONE *in, uint64_t *h)
{
    const void *data;
    size_t len;
    int err = scoop_const_get_bytes("huge", &data, &len, .timeout = SCOOP_NOW);

    (void)in;
    if (!err)
        *h = hash_of(data, len);
    return err;
}

static int define(const size_t *len, uint64_t *h)
{
    uint64_t *data = malloc(*len);
    double from = api_now();

    if (!data)
        return scoop_fail(1, "no memory");
    for (size_t i = 0; i < *len / 8; i++)
        data[i] = i * i + 0x123456789abcdefu;
    *h = hash_of(data, *len);
    from = api_now();
    int err = scoop_const_set_bytes("huge", data, *len);
    printf("%zu MiB in %.2f s\n", *len >> 20, api_now() - from);
    free(data);
    return err;
}

static double free_gib(void)
{
    char line[256];
    double gib = 0;
    FILE *file = fopen("/proc/meminfo", "r");

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "MemAvailable:", 13))
            gib = strtod(line + 13, NULL) / (1 << 20);
    if (file)
        fclose(file);
    return gib;
}

static void test(size_t len, int definer)
{
    uint64_t expected = 1, found;

    CHECK(
        scoop_join(scoop_submit(define, &len, .place = scoop_on_rank(definer)),
                   &expected) == 0);
    for (int i = 0; i < scoop_size(); i++) {
        found = 0;
        CHECK(scoop_join(scoop_submit(hash, NULL, .place = scoop_on_rank(i)),
                         &found) == 0);
        CHECK(found == expected);
    }
    CHECK(scoop_const_delete("huge") == 0);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (free_gib() < 12) {
        puts("less than 12 GiB of free memory");
        return 77;
    }
    test(LARGE, 0);
    test(LARGE, scoop_size() - 1);
    test(HUGE, scoop_size() - 1);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
