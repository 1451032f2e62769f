/* SPDX-License-Identifier: MIT */
/* ranks: 1 2; limit: 60 s */
/* settings: JSON_DEPTH=5 JSON_SIZE=1000, STACK=64K, JSON_SIZE=0 */
/* api_json_limits.c -- values as deep, as long as the settings allow */
#include "api.h"

SCOOP_TASK_JSON(echo);
SCOOP_TASK_JSON(nest);
SCOOP_TASK_JSON(stretch);

static json_t *echo(json_t *in)
{
    return json_incref(in);
}

static json_t *wrapped(int levels)
{
    json_t *in = json_integer(1);

    while (levels-- > 0)
        in = json_pack("[o]", in);
    return in;
}

static json_t *nest(json_t *in)
{
    return wrapped((int)json_integer_value(in));
}

static json_t *string_of(size_t len)
{
    char *text = malloc(len + 1);

    memset(text, 'y', len);
    json_t *out = json_stringn(text, len);
    free(text);
    return out;
}

static json_t *stretch(json_t *in)
{
    return string_of((size_t)json_integer_value(in));
}

/* Takes the argument. */
static void expect(const struct scoop_task *task, json_t *in, int code,
                   const char *words)
{
    for (int rank = 0; rank < scoop_size(); rank++) {
        struct scoop_submit_options on = {0};
        json_t *out = NULL;
        on.place = scoop_on_rank(rank);
        int err = scoop_join_json(scoop_submit_json(task, in, &on), &out);
        CHECK(err == code && !out == !!code);
        const char *said = code ? scoop_last_error()->message : "";
        CHECK(strstr(said, words));
        if (!strstr(said, words))
            printf("\"%s\"\n", said);
        json_decref(out);
    }
    json_decref(in);
}

static void by_settings(void)
{
    const struct scoop_task *e = &scoop_task_echo;

    expect(e, wrapped(5), 0, "");
    expect(e, wrapped(6), SCOOP_EJSON, "more than 5 levels deep");
    expect(&scoop_task_nest, json_integer(6), SCOOP_EJSON, "its result is");
    expect(e, string_of(998), 0, "");
    expect(e, string_of(999), SCOOP_EJSON,
           "longer than 1000 bytes as text (SCOOP_JSON_SIZE)");
    expect(&scoop_task_stretch, json_integer(998), 0, "");
    expect(&scoop_task_stretch, json_integer(999), SCOOP_EJSON,
           "its result is longer than 1000 bytes");
    /* As text this would have 2^30 items. */
    json_t *many = json_pack("[b]", 1);
    for (int i = 0; i < 3; i++) {
        json_t *more = json_array();
        for (int k = 0; k < 1 << 10; k++)
            json_array_append(more, many);
        json_decref(many);
        many = more;
    }
    expect(e, many, SCOOP_EJSON, "longer than 1000 bytes");
}

static void by_stack(void)
{
    char text[400];

    expect(&scoop_task_echo, wrapped(5), 0, "");
    expect(&scoop_task_echo, wrapped(200), SCOOP_EJSON,
           "for which the stack has no room (SCOOP_STACK)");
    expect(&scoop_task_nest, json_integer(200), SCOOP_EJSON, "the stack");
    memset(text, '[', 200);
    memset(text + 200, ']', 200);
    scoop_future f = scoop_submit_task(&scoop_task_echo, text, 400, NULL);
    CHECK(scoop_join_json(f, NULL) == SCOOP_EJSON);
    CHECK(strstr(scoop_last_error()->message, "its argument is nested"));
}

static void by_default(void)
{
    expect(&scoop_task_echo, wrapped(512), 0, "");
    expect(&scoop_task_echo, string_of(100000), 0, "");
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (getenv("SCOOP_JSON_DEPTH"))
        by_settings();
    else if (getenv("SCOOP_STACK"))
        by_stack();
    else
        by_default();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
