/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_values.c -- typed inputs and outputs of many sizes and alignments */
#include "api.h"

/* A size of its own for in and out, so that the two cannot be confused. */
/* clang-format off */
#define SIZES(X) \
    X(1) X(2) X(3) X(7) X(8) X(9) X(16) X(47) X(48) X(64) X(88) X(96) X(97) \
    X(200) X(1000) X(4096) X(8191) X(10000) X(65536) X(102400)
/* clang-format on */

static uint64_t sum_of(const unsigned char *byte, size_t len)
{
    uint64_t sum = len;

    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + byte[i];
    return sum;
}

static void fill(unsigned char *byte, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        byte[i] = (unsigned char)(i * 7 + seed + i / 251);
}

#define DEFINE(n)                                                              \
    struct in##n {                                                             \
        unsigned char byte[n];                                                 \
    };                                                                         \
    struct out##n {                                                            \
        unsigned char byte[n];                                                 \
        unsigned char last;                                                    \
    };                                                                         \
    SCOOP_TASK(copy##n, struct in##n, struct out##n);                          \
    static int copy##n(const struct in##n *in, struct out##n *out)             \
    {                                                                          \
        for (size_t i = 0; i < n; i++)                                         \
            out->byte[i] = (unsigned char)(in->byte[i] ^ 0x5a);                \
        out->last = 77;                                                        \
        return 0;                                                              \
    }                                                                          \
    static void try##n(unsigned seed, int rank)                                \
    {                                                                          \
        static struct in##n in;                                                \
        static struct out##n out;                                              \
        scoop_future f;                                                        \
        fill(in.byte, n, seed);                                                \
        uint64_t sum = sum_of(in.byte, n);                                     \
        if (rank < 0)                                                          \
            f = scoop_submit(copy##n, &in);                                    \
        else                                                                   \
            f = scoop_submit(copy##n, &in, .place = scoop_on_rank(rank));      \
        memset(&in, 0, sizeof in);                                             \
        CHECK(scoop_join(f, &out) == 0 && out.last == 77);                     \
        for (size_t i = 0; i < n; i++)                                         \
            out.byte[i] ^= 0x5a;                                               \
        CHECK(sum_of(out.byte, n) == sum);                                     \
    }
SIZES(DEFINE)

struct wide {
    _Alignas(64) unsigned char byte[192];
};

struct middling {
    _Alignas(32) unsigned char byte[32];
};

SCOOP_TASK(take_wide, struct wide, struct wide);
SCOOP_TASK(take_middling, struct middling, struct middling);
SCOOP_TASK(hold_wide, int, struct wide);
SCOOP_TASK(hold_long_double, long double, long double);

static size_t off_by(const void *address, size_t align)
{
    return (uintptr_t)address % align;
}

static int take_wide(const struct wide *in, struct wide *out)
{
    if (off_by(in, 64) || off_by(out, 64))
        return scoop_fail(1, "in is off by %zu, out by %zu", off_by(in, 64),
                          off_by(out, 64));
    *out = *in;
    out->byte[0]++;
    return 0;
}

static int take_middling(const struct middling *in, struct middling *out)
{
    if (off_by(in, 32) || off_by(out, 32))
        return scoop_fail(1, "in is off by %zu, out by %zu", off_by(in, 32),
                          off_by(out, 32));
    *out = *in;
    out->byte[0]++;
    return 0;
}

static int hold_wide(const int *in, struct wide *out)
{
    memset(out->byte, *in, sizeof out->byte);
    return off_by(out, 64) ? scoop_fail(1, "off") : 0;
}

static int hold_long_double(const long double *in, long double *out)
{
    if (off_by(in, _Alignof(long double)) || off_by(out, _Alignof(long double)))
        return scoop_fail(1, "off");
    *out = *in * 2;
    return 0;
}

enum { MANY = 300 };

static void aligned_burst(void)
{
    scoop_future wide[MANY], middling[MANY], held[MANY], doubled[MANY];
    int wrong = 0;

    for (int i = 0; i < MANY; i++) {
        struct wide w = {{(unsigned char)i, 5}};
        struct middling m = {{(unsigned char)i, 6}};
        long double d = i;
        wide[i] = scoop_submit(take_wide, &w);
        middling[i] = scoop_submit(take_middling, &m);
        held[i] = scoop_submit(hold_wide, &i);
        doubled[i] = scoop_submit(hold_long_double, &d);
    }
    for (int i = 0; i < MANY; i++) {
        struct wide w = {{0}}, h = {{0}};
        struct middling m = {{0}};
        long double d = 0;
        if (scoop_result(wide[i], &w))
            wrong += scoop_perror("wide");
        if (scoop_join(middling[i], &m))
            wrong += scoop_perror("middling");
        if (scoop_join(held[i], &h))
            wrong += scoop_perror("held");
        wrong += scoop_join(doubled[i], &d) != 0 || d < 2 * i || d > 2 * i;
        wrong += w.byte[0] != (unsigned char)(i + 1) || w.byte[1] != 5;
        wrong += m.byte[0] != (unsigned char)(i + 1) || m.byte[1] != 6;
        wrong += h.byte[0] != (unsigned char)i || h.byte[191] != h.byte[0];
    }
    CHECK(wrong == 0);
}

static void aligned_map(void)
{
    static struct wide in[500], out[500];
    int wrong = 0;

    for (int i = 0; i < 500; i++)
        in[i].byte[0] = (unsigned char)i;
    if (scoop_map(take_wide, in, out, 500))
        wrong += scoop_perror("map");
    for (int i = 0; i < 500; i++)
        wrong += out[i].byte[0] != (unsigned char)(i + 1);
    CHECK(wrong == 0);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
#define TRY(n) try##n(n, -1);
    for (int i = 0; i < 20; i++) {
        SIZES(TRY)
    }
#undef TRY
#define TRY(n) try##n(n + 1, rank);
    for (int rank = 0; rank < scoop_size(); rank++) {
        SIZES(TRY)
    }
    aligned_burst();
    aligned_map();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
