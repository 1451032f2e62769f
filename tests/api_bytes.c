/* SPDX-License-Identifier: MIT */
/* ranks: - 2; node-memory: 1 0; limit: 60 s */
/* api_bytes.c -- bytes tasks: lengths, who owns what, scoop_out_* */
#include "api.h"

SCOOP_TASK_BYTES(flip);
SCOOP_TASK_BYTES(sum);
SCOOP_TASK_BYTES(write_out);
SCOOP_TASK_BYTES_AS(silent, "api.silent");

SCOOP_TASK_BYTES_DECLARE(sum_too);
SCOOP_TASK_BYTES_EXTERN(sum_too);

static uint64_t sum_of(const void *data, size_t len)
{
    const unsigned char *byte = data;
    uint64_t hash = len, word;

    for (; len >= 8; len -= 8, byte += 8) {
        memcpy(&word, byte, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    for (; len; len--, byte++)
        hash = (hash ^ *byte) * 0x100000001b3u;
    return hash;
}

static void fill(void *data, size_t len, uint64_t seed)
{
    unsigned char *byte = data;

    for (; len >= 8; len -= 8, byte += 8) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(byte, &seed, 8);
    }
    memset(byte, (int)(seed >> 56), len);
}

static void flip_bits(unsigned char *to, const unsigned char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)~from[i];
}

static int flip(const void *data, size_t len, scoop_out *out)
{
    unsigned char *to = scoop_out_extend(out, len);

    if (!to && len)
        return scoop_fail(1, "no memory");
    flip_bits(to, data, len);
    return 0;
}

static int sum(const void *data, size_t len, scoop_out *out)
{
    uint64_t hash = sum_of(data, len);

    return scoop_out_write(out, &hash, sizeof hash);
}

int sum_too(const void *data, size_t len, scoop_out *out)
{
    return sum(data, len, out);
}

static int silent(const void *data, size_t len, scoop_out *out)
{
    (void)data;
    (void)out;
    return len == 0 ? 0 : scoop_fail(1, "%zu bytes", len);
}

static int fail_after(scoop_out *out)
{
    scoop_out_write(out, "half a result", 13);
    return scoop_fail(5, "the other half is missing");
}

static int take_all(scoop_out *out)
{
    char *all = malloc(4);

    if (!all)
        return scoop_fail(1, "no memory");
    memcpy(all, "all!", 4);
    scoop_out_write(out, "dropped", 7);
    scoop_out_take(out, all, 4);
    return 0;
}

static int mix(scoop_out *out)
{
    char *end = scoop_out_extend(out, 3);

    if (!end)
        return scoop_fail(1, "no memory");
    memcpy(end, "abc", 3);
    for (int i = 0; i < 1000; i++)
        if (scoop_out_write(out, "0123456789", 10))
            return scoop_fail(1, "no memory");
    scoop_out_write(out, NULL, 0);
    end = scoop_out_extend(out, 1);
    if (end)
        *end = 'z';
    return 0;
}

/* data: which way to write. */
static int write_out(const void *data, size_t len, scoop_out *out)
{
    switch (len ? *(const char *)data : 0) {
    case 't':
        return take_all(out);
    case 'n':
        scoop_out_write(out, "dropped", 7);
        scoop_out_take(out, NULL, 0);
        return 0;
    case 'a': /* after a take, more can be appended */
        take_all(out);
        return scoop_out_write(out, "!!", 2);
    case 'f':
        return fail_after(out);
    default:
        return mix(out);
    }
}

static scoop_future send_to(int rank, const void *data, size_t len)
{
    if (rank < 0)
        return scoop_submit(flip, data, .len = len);
    return scoop_submit(flip, data, .len = len, .place = scoop_on_rank(rank));
}

/* There and back, by checksum: as an argument, and as a result. */
static void there_and_back(int rank, size_t len)
{
    unsigned char *data = malloc(len + 1);
    const void *lent = NULL, *again = NULL;
    void *own = NULL;
    size_t lent_len = 7, own_len = 7;

    CHECK(data != NULL);
    if (!data)
        return;
    fill(data, len, len + 1);
    scoop_future f = send_to(rank, len ? data : NULL, len);
    scoop_future s = scoop_submit(sum, data, .len = len);
    uint64_t before = sum_of(data, len);
    flip_bits(data, data, len);
    CHECK(scoop_result_bytes(f, &lent, &lent_len) == 0);
    CHECK(lent_len == len && sum_of(lent, len) == sum_of(data, len));
    CHECK(scoop_result_bytes(f, &again, NULL) == 0 && again == lent);
    CHECK(scoop_join_bytes(f, &own, &own_len) == 0);
    CHECK(own_len == len && sum_of(own, len) == sum_of(data, len));
    CHECK(scoop_join_bytes(f, NULL, NULL) == SCOOP_ESTALE);
    free(own);
    free(data);
    uint64_t *hash = NULL;
    CHECK(scoop_join_bytes(s, (void **)&hash, &own_len) == 0);
    CHECK(own_len == sizeof *hash && hash && *hash == before);
    free(hash);
}

static void ways_to_write(int rank)
{
    char *got;
    size_t len;
    const struct scoop_submit_options on = {.place = scoop_on_rank(rank)};
    const struct scoop_task *task = &scoop_task_write_out;

    scoop_future f = scoop_submit_task(task, "t", 1, &on);
    CHECK(scoop_join_bytes(f, (void **)&got, &len) == 0);
    CHECK(len == 4 && !memcmp(got, "all!", 4));
    free(got);
    f = scoop_submit_task(task, "n", 1, &on);
    CHECK(scoop_join_bytes(f, (void **)&got, &len) == 0 && len == 0);
    free(got);
    f = scoop_submit_task(task, "a", 1, &on);
    CHECK(scoop_join_bytes(f, (void **)&got, &len) == 0);
    CHECK(len == 6 && !memcmp(got, "all!!!", 6));
    free(got);
    f = scoop_submit_task(task, "m", 1, &on);
    CHECK(scoop_join_bytes(f, (void **)&got, &len) == 0);
    CHECK(len == 10004 && !memcmp(got, "abc0123", 7));
    CHECK(got && got[10003] == 'z' && got[10002] == '9');
    free(got);
    f = scoop_submit_task(task, "f", 1, &on);
    CHECK(scoop_join_bytes(f, (void **)&got, &len) == SCOOP_EFAILED);
    CHECK(got == NULL && len == 0);
    f = scoop_submit_task(task, "m", 1, &on);
    CHECK(scoop_join_bytes(f, NULL, NULL) == 0);
}

static void many(void)
{
    enum { MANY = 2000 };
    static scoop_future f[MANY];
    static unsigned char data[MANY];
    int wrong = 0;

    for (size_t i = 0; i < MANY; i++) {
        fill(data, i, i);
        f[i] = scoop_submit(sum_too, data, .len = i);
    }
    for (size_t i = 0; i < MANY; i++) {
        const void *hash;
        size_t len = 0;
        fill(data, i, i);
        uint64_t expected = sum_of(data, i);
        wrong += scoop_result_bytes(f[i], &hash, &len) || len != 8 ||
                 memcmp(hash, &expected, 8) != 0;
        scoop_release(f[i]);
    }
    CHECK(wrong == 0);
}

static void bad_calls(void)
{
    int out;
    void *data = &out;
    size_t len = 3;

    scoop_future f = scoop_submit(silent, NULL);
    CHECK(scoop_join_bytes(f, &data, &len) == 0 && len == 0);
    free(data);
    f = scoop_submit(silent, NULL);
    CHECK(scoop_result(f, NULL) == 0);
    CHECK(scoop_result(f, &out) == SCOOP_EINVAL);
    CHECK(scoop_join(f, &out) == SCOOP_EINVAL);
    CHECK(scoop_done(f) == SCOOP_ESTALE);
    f = scoop_submit(silent, NULL, .len = 1); /* NULL is no data */
    CHECK(scoop_join_bytes(f, NULL, NULL) == SCOOP_EINVAL);
    CHECK(scoop_join(scoop_submit(silent, NULL), NULL) == 0);
    const struct scoop_task *task = scoop_task_find("api.silent");
    CHECK(task && task->kind == SCOOP_BYTES);
    CHECK(scoop_map_task(task, NULL, NULL, 1, NULL) == SCOOP_EINVAL);
}

static int root(int argc, char **argv)
{
    size_t len[] = {0,    1,    7,    8,    95,    96,      97,
                    1000, 8191, 8192, 8193, 65536, 1000003, (size_t)100 << 20};
    size_t lengths = sizeof len / sizeof *len;

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < lengths - (api_is_slowed() ? 1 : 0); i++)
        for (int rank = -1; rank < scoop_size(); rank++)
            there_and_back(rank, len[i]);
    for (int rank = 0; rank < scoop_size(); rank++)
        ways_to_write(rank);
    many();
    bad_calls();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
