/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1; limit: 180 s; alone */
/* skip: quick asan tsan valgrind */
/* api_bytes_huge.c -- 3 GiB as an argument, then 3 GiB as a result
 *
 * One after the other, so that at most three copies exist at once. A machine
 * with less than 12 GiB to spare skips it.
 */
#include "api.h"

#define LEN ((size_t)3 << 30)

SCOOP_TASK_BYTES(sum);
SCOOP_TASK_BYTES(make);

/* Any word that is wrong, lost or in another place changes it. */
static uint64_t sum_of(const uint64_t *word, size_t len)
{
    uint64_t hash = len;

    for (size_t i = 0; i < len / 8; i++)
        hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15u + i;
    return hash;
}

static void fill(uint64_t *word, size_t len)
{
    for (size_t i = 0; i < len / 8; i++)
        word[i] = i * i + 0x123456789abcdefu;
}

static int sum(const void *data, size_t len, scoop_out *out)
{
    uint64_t hash = sum_of(data, len);

    return scoop_out_write(out, &hash, sizeof hash);
}

static int make(const void *data, size_t len, scoop_out *out)
{
    uint64_t *made = malloc(LEN);

    (void)data;
    (void)len;
    if (!made)
        return scoop_fail(1, "no memory");
    fill(made, LEN);
    scoop_out_take(out, made, LEN);
    return 0;
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

static int root(int argc, char **argv)
{
    int there = scoop_size() - 1;
    const void *got = NULL;
    size_t len = 0;

    (void)argc;
    (void)argv;
    if (free_gib() < 12) {
        puts("less than 12 GiB of free memory");
        return 77;
    }
    uint64_t *data = malloc(LEN);
    CHECK(data != NULL);
    if (!data)
        return checks_done();
    fill(data, LEN);
    uint64_t expected = sum_of(data, LEN);
    scoop_future f =
        scoop_submit(sum, data, .len = LEN, .place = scoop_on_rank(there));
    free(data);
    if (scoop_result_bytes(f, &got, &len))
        scoop_perror("sum");
    CHECK(len == 8 && got && *(const uint64_t *)got == expected);
    CHECK(scoop_release(f) == 0);
    f = scoop_submit(make, NULL, .place = scoop_on_rank(there));
    if (scoop_result_bytes(f, &got, &len))
        scoop_perror("make");
    CHECK(got && len == LEN);
    CHECK(got && sum_of(got, len) == expected);
    CHECK(scoop_release(f) == 0);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
