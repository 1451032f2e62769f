/* SPDX-License-Identifier: MIT */
/* test_json.c -- text of values: limits to the byte, every cut, no memory */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static char why[512];

static struct json_limits limits(int depth, uint64_t bytes)
{
    return json_limits(depth, bytes, (size_t)1 << 20);
}

/* What decoding ends with. */
static int decode(const char *text, size_t len, int depth, uint64_t bytes)
{
    struct json_limits l = limits(depth, bytes);
    int err = 77;

    json_t *value = json_decode(text, len, &l, &err, why, sizeof why);
    CHECK(!value == !!err);
    json_decref(value);
    return err;
}

static int encode(json_t *value, int depth, uint64_t bytes)
{
    struct json_limits l = limits(depth, bytes);
    scoop_out out = {0};

    /* It appends: what is there before does not count. */
    scoop_out_write(&out, "before [[[[\"", 12);
    int err = json_encode(value, &l, &out, why, sizeof why);
    if (!err && json_is_string(value))
        CHECK(out.len == 12 + 2 + json_string_length(value));
    value_drop(&out);
    return err;
}

static void depths(void)
{
    const char *deep[] = {"[[[]]]", "{\"\":[{}]}", "[[],[[]],[[1,2]]]",
                          "[\"]]]\",[{\"]\":\"[[[\\\"[[[\"}],\"\\\\\",[[]]]"};

    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        size_t len = strlen(deep[i]);
        CHECK(decode(deep[i], len, 3, 0) == 0);
        CHECK(decode(deep[i], len, 2, 0) == SCOOP_EJSON);
        CHECK(strstr(why, "more than 2 levels") != NULL);
        json_t *value = json_loads(deep[i], 0, NULL);
        CHECK(encode(value, 3, 0) == 0);
        CHECK(encode(value, 2, 0) == SCOOP_EJSON);
        CHECK(strstr(why, "more than 2 levels") != NULL);
        json_decref(value);
    }
    struct json_limits l = json_limits(512, 0, 100);
    CHECK(l.is_by_stack && l.levels == 0);
    l = json_limits(512, 0, 20000);
    CHECK(l.is_by_stack && l.levels > 3 && l.levels < 20);
    l = json_limits(512, 0, (size_t)64 << 20);
    CHECK(!l.is_by_stack && l.levels == 512);
    CHECK(decode("7", 1, 1, 0) == 0);
}

static void lengths(void)
{
    json_t *value = json_string("abcdefgh");

    CHECK(encode(value, 1, 10) == 0);
    CHECK(encode(value, 1, 9) == SCOOP_EJSON);
    CHECK(strstr(why, "longer than 9 bytes") != NULL);
    CHECK(encode(value, 1, 1) == SCOOP_EJSON);
    json_decref(value);
    CHECK(decode("[1, 2]", 6, 1, 6) == 0);
    CHECK(decode("[1, 2]", 6, 1, 5) == SCOOP_EJSON);
    CHECK(strstr(why, "longer than 5 bytes") != NULL);
}

/* Any text cut anywhere, and with any byte spoilt, is refused or read. */
static void damage(void)
{
    const char *whole = "{\"a\\\"[\": [1.5, -2e3, \"\\u00fc\\\\\", {\"b\": "
                        "[null, true]}], \"c\": \"\xc3\xbc\"}";
    size_t len = strlen(whole);
    char text[200];

    CHECK(decode(whole, len, 4, 0) == 0);
    for (size_t cut = 0; cut < len; cut++) {
        CHECK(decode(whole, cut, 4, 0) == SCOOP_EJSON);
        CHECK(strstr(why, "is not JSON: line 1, ") != NULL);
    }
    for (size_t i = 0; i < len; i++) {
        for (int c = 0; c < 256; c += 3) {
            memcpy(text, whole, len);
            text[i] = (char)c;
            int err = decode(text, len, 4, 0);
            CHECK(err == 0 || err == SCOOP_EJSON);
        }
    }
}

static long left = -1; /* allocations until one fails; -1: none does */

static void *scarce_malloc(size_t size)
{
    if (!left)
        return NULL;
    left -= left > 0;
    return malloc(size);
}

static void no_memory(void)
{
    const char *whole = "{\"a\": [1, 2.5, \"text\", {\"b\": [null, []]}]}";
    json_t *value;
    long n = 0;
    int err;

    json_set_alloc_funcs(scarce_malloc, free);
    do {
        left = n++;
        err = decode(whole, strlen(whole), 9, 0);
        /* Jansson calls a string that it has no room for a bad token. */
        CHECK(!err || err == SCOOP_ENOMEM || err == SCOOP_EJSON);
    } while (err && n < 1000);
    CHECK(n > 10 && err == 0);
    left = -1;
    value = json_loads(whole, 0, NULL);
    n = 0;
    do {
        left = n++;
        err = encode(value, 9, 0);
        CHECK(!err || err == SCOOP_EJSON || err == SCOOP_ENOMEM);
        CHECK(!err || strstr(why, "memory"));
    } while (err && n < 1000);
    CHECK(err == 0);
    left = -1;
    json_decref(value);
}

int main(void)
{
    depths();
    lengths();
    damage();
    no_memory();
    return checks_done();
}
