/* SPDX-License-Identifier: MIT */
/* limit: 30 s */
/* test_map_report.c -- what a home makes of a guest's report, damaged or not
 *
 * The layout is written down here once more: it is a wire format.
 */
#include "check.h"
#include "map_inside.h"

#include <stdlib.h>
#include <string.h>

#define SOME_BAD 1
#define IN_PLACE 2

/* A block of exactly that length, so that a sanitizer sees who reads beyond. */
static void *exact(const void *data, size_t len)
{
    void *copy = malloc(len ? len : 1);

    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

static size_t build(char *to, uint64_t done, const struct map_bad *bad,
                    uint64_t bads, uint64_t error_len)
{
    uint64_t trailer[3] = {done, bads, error_len};
    size_t len = 0;

    for (uint64_t i = 0; i < done; i++, len += 4)
        memcpy(to + len, &(uint32_t){(uint32_t)(100 + i)}, 4);
    memcpy(to + len, bad, bads * sizeof *bad);
    len += bads * sizeof *bad;
    memset(to + len, 'e', error_len);
    len += error_len;
    memcpy(to + len, trailer, sizeof trailer);
    return len + sizeof trailer;
}

static int read_report(const char *data, size_t len, uint64_t first,
                       uint64_t count, int status, struct map_report *r)
{
    void *copy = exact(data, len);
    int err = map_report_read(r, first, count, 4, status, copy, len);
    uint64_t at = first;

    for (size_t i = 0; !err && i < r->bads; i++) {
        CHECK(r->bad[i].first >= at && r->bad[i].count > 0);
        at = r->bad[i].first + r->bad[i].count;
        CHECK(at <= first + count);
    }
    if (!err)
        CHECK(r->done <= count);
    error_free(r->error);
    free(r->bad);
    free(copy);
    return err;
}

static void good(void)
{
    struct map_bad bad[3] = {{12, 1, SCOOP_EFAILED},
                             {14, 2, SCOOP_EFAILED},
                             {17, 3, SCOOP_ECANCELLED}};
    struct map_report r;
    char data[256];
    size_t len = build(data, 7, bad, 3, 0);

    CHECK(read_report(data, len, 10, 10, SOME_BAD, &r) == 0);
    CHECK(r.done == 7 && r.bads == 3);
    CHECK(read_report(data, 40, 10, 10, 0, &r) == 0 && r.done == 10);
    CHECK(read_report(NULL, 0, 10, 0, 0, &r) == 0);
    CHECK(read_report(NULL, 0, 10, 10, SCOOP_ECANCELLED, &r) == 0);
    CHECK(r.bads == 1 && r.done == 0);
    len = build(data, 10, bad, 2, 9); /* words that are no error: none */
    CHECK(read_report(data, len, 10, 10, SOME_BAD, &r) == 0);
    CHECK(r.done == 10 && r.bads == 2);
}

static void damaged(void)
{
    static const struct map_bad wrong[][2] = {
        {{9, 1, SCOOP_EFAILED}, {15, 5, SCOOP_ECANCELLED}},  /* before */
        {{12, 1, SCOOP_EFAILED}, {15, 6, SCOOP_ECANCELLED}}, /* beyond */
        {{12, 4, SCOOP_EFAILED}, {15, 5, SCOOP_ECANCELLED}}, /* twice */
        {{15, 1, SCOOP_EFAILED}, {17, 3, SCOOP_ECANCELLED}}, /* a gap */
        {{12, 1, 0}, {15, 5, SCOOP_ECANCELLED}},             /* not bad */
        {{12, 0, SCOOP_EFAILED}, {15, 5, SCOOP_ECANCELLED}}, /* nothing */
        {{12, UINT64_MAX, SCOOP_EFAILED}, {15, 5, SCOOP_EFAILED}},
        {{12, 1, SCOOP_EFAILED}, {15, 4, SCOOP_EFAILED}}, /* not the end */
    };
    struct map_report r;
    char data[256];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        size_t len = build(data, 5, wrong[i], 2, 0);
        CHECK(read_report(data, len, 10, 10, SOME_BAD, &r) == SCOOP_EMISMATCH);
    }
    CHECK(read_report(data, 39, 10, 10, 0, &r) == SCOOP_EMISMATCH);
    CHECK(read_report(data, 40, 10, 10, 2, &r) == SCOOP_EMISMATCH);
    CHECK(map_report_read(&r, 10, 10, 4, 0, NULL, 40) == SCOOP_ENOMEM);
}

/* Results that are home already are not looked for in the data. */
static void in_place(void)
{
    struct map_bad bad[2] = {{12, 1, SCOOP_EFAILED}, {15, 5, SCOOP_ECANCELLED}};
    struct map_report r;
    char data[256];
    size_t skip = 5 * 4, len = build(data, 5, bad, 2, 0);

    CHECK(!read_report(NULL, 0, 10, 10, IN_PLACE, &r));
    CHECK(r.is_in_place && r.done == 10 && r.bads == 0);
    CHECK(
        !read_report(data + skip, len - skip, 10, 10, SOME_BAD | IN_PLACE, &r));
    CHECK(r.is_in_place && r.done == 5 && r.bads == 2);
    CHECK(read_report(data, len, 10, 10, SOME_BAD | IN_PLACE, &r) ==
          SCOOP_EMISMATCH);
    CHECK(read_report(data, 40, 10, 10, IN_PLACE, &r) == SCOOP_EMISMATCH);
    CHECK(read_report(data, 40, 10, 10, 4, &r) == SCOOP_EMISMATCH);
    CHECK(!read_report(data, 40, 10, 10, 0, &r) && !r.is_in_place);
}

/* The last items that were run ended badly after all. */
static void spoilt(void)
{
    struct map_report r = {.first = 10, .count = 20};

    map_report_bad_take(&r, 12, 3, SCOOP_EFAILED, NULL);
    map_report_bad_take(&r, 16, 1, SCOOP_EFAILED, NULL);
    map_report_bad_take(&r, 18, 1, SCOOP_EFAILED, NULL);
    map_report_spoil_take(&r, 14, 6, SCOOP_ESYSTEM, NULL);
    CHECK(r.bads == 2 && r.bad[0].first == 12 && r.bad[0].count == 2);
    CHECK(r.bad[1].first == 14 && r.bad[1].count == 6);
    CHECK(r.bad[1].status == SCOOP_ESYSTEM);
    map_report_spoil_take(&r, 10, 10, SCOOP_ESYSTEM, NULL);
    CHECK(r.bads == 1 && r.bad[0].first == 10 && r.bad[0].count == 10);
    free(r.bad);
}

/* Any bytes at all: nothing is read that is not there. */
static void noise(void)
{
    struct map_bad bad[2] = {{12, 1, SCOOP_EFAILED}, {15, 5, SCOOP_ECANCELLED}};
    struct map_report r;
    char data[256];
    uint64_t random = 1;
    int sound = 0;

    for (int i = 0; i < 100000; i++) {
        size_t len = build(data, 5, bad, 2, 3);
        for (int k = 0; k < 2; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            data[(random >> 33) % len] ^= (char)(random >> 48);
        }
        if (i % 3 == 0)
            len = (random >> 40) % (len + 1);
        sound += !read_report(data, len, 10, 10, SOME_BAD, &r);
    }
    printf("%d of 100000 were sound\n", sound);
}

int main(void)
{
    good();
    damaged();
    in_place();
    spoilt();
    noise();
    return checks_done();
}
