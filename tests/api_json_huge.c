/* SPDX-License-Identifier: MIT */
/* ranks: 2; node-memory: 1 0; limit: 300 s; alone */
/* skip: quick asan tsan valgrind */
/* api_json_huge.c -- a JSON string of 100 MiB, there and back
 *
 * HUGE=bytes makes it longer.  Jansson takes some 10 s a gigabyte to write it,
 * twice that to read it.
 */
#include "api.h"

SCOOP_TASK_JSON(turn);

/* The string with its first and last character exchanged. */
static json_t *turn(json_t *in)
{
    size_t len = json_string_length(in);
    char *text = malloc(len + 1);

    if (!text)
        return scoop_fail(1, "no memory"), NULL;
    memcpy(text, json_string_value(in), len);
    char first = text[0];
    text[0] = text[len - 1];
    text[len - 1] = first;
    json_t *out = json_stringn_nocheck(text, len);
    free(text);
    return out;
}

static int root(int argc, char **argv)
{
    const char *huge = getenv("HUGE");
    size_t len = huge ? strtoull(huge, NULL, 10) : (size_t)100 << 20;
    char *text = malloc(len);
    json_t *in, *out = NULL;

    (void)argc;
    (void)argv;
    CHECK(text != NULL);
    if (!text)
        return checks_done();
    memset(text, 'x', len);
    for (size_t i = 1000; i < len - 1; i += 1000003)
        text[i] = "\"\\\n[{"[i % 5];
    text[0] = 'a';
    text[len - 1] = 'z';
    in = json_stringn_nocheck(text, len);
    scoop_future f = scoop_submit(turn, in, .place = scoop_on_rank(1));
    json_decref(in);
    CHECK(scoop_join_json(f, &out) == 0);
    CHECK(json_string_length(out) == len);
    const char *got = json_string_value(out);
    CHECK(got && got[0] == 'z' && got[len - 1] == 'a');
    CHECK(got && !memcmp(got + 1, text + 1, len - 2));
    json_decref(out);
    free(text);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
