/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_json.c -- JSON tasks: every type, mistakes, waits, arguments, maps */
#include "api.h"

#include <float.h>
#include <math.h>

SCOOP_TASK_JSON(echo);
SCOOP_TASK_JSON(nest);
SCOOP_TASK_JSON(fail);
SCOOP_TASK_JSON(pass_on);
SCOOP_TASK_JSON(spoil);
SCOOP_TASK_JSON(slow);
SCOOP_TASK_JSON(area);
SCOOP_TASK_JSON_AS(twice, "api.twice");
SCOOP_TASK_JSON_DECLARE(count);
SCOOP_TASK_JSON_EXTERN(count);
SCOOP_TASK(typed, int, int);
SCOOP_TASK_BYTES(bytes);

static json_t *echo(json_t *in)
{
    return json_incref(in);
}

static json_t *wrap(json_t *in, int levels)
{
    while (levels-- > 0) {
        json_t *array = json_array();
        json_array_append_new(array, in);
        in = array;
    }
    return in;
}

static json_t *nest(json_t *in)
{
    return wrap(json_null(), (int)json_integer_value(in));
}

static json_t *fail(json_t *in)
{
    if (json_is_string(in))
        scoop_fail(7, "do not like %s", json_string_value(in));
    return NULL;
}

static json_t *pass_on(json_t *in)
{
    json_t *out;

    scoop_join_json(scoop_submit(fail, in), &out);
    return out;
}

/* What cannot be text. */
static json_t *spoil(json_t *in)
{
    if (json_is_null(in))
        return json_stringn_nocheck("ab\xff", 3);
    return json_real((double)NAN); /* which is NULL */
}

static json_t *slow(json_t *in)
{
    api_nap(json_number_value(in));
    return json_true();
}

static json_t *area(json_t *in)
{
    json_t *width = scoop_arg(in, 0, "width");
    json_t *height = scoop_arg(in, 1, "height");
    const char *unit = json_string_value(scoop_arg(in, SIZE_MAX, "unit"));

    if (!width || !height)
        return scoop_fail(1, "width and height are needed"), NULL;
    return json_pack("{s:f, s:s}", "area",
                     json_number_value(width) * json_number_value(height),
                     "unit", unit ? unit : "mm");
}

static json_t *twice(json_t *in)
{
    json_int_t n;

    if (scoop_unpack(in, "{s:I}", "n", &n))
        return NULL;
    json_object_set_new(in, "n", json_integer(2 * n)); /* it is ours */
    return json_incref(in);
}

json_t *count(json_t *in)
{
    return json_integer((json_int_t)json_array_size(in));
}

static int typed(const int *in, int *out)
{
    *out = *in;
    return 0;
}

static int bytes(const void *data, size_t len, scoop_out *out)
{
    return scoop_out_write(out, data, len);
}

static scoop_future send_to(int rank, json_t *value)
{
    if (rank < 0)
        return scoop_submit(echo, value);
    return scoop_submit(echo, value, .place = scoop_on_rank(rank));
}

/* There and back, to each rank; takes the value. */
static void there_and_back(json_t *value)
{
    CHECK(value != NULL);
    for (int rank = -1; rank < scoop_size(); rank++) {
        json_t *lent = NULL, *again = NULL, *own = NULL;
        scoop_future f = send_to(rank, value);
        CHECK(scoop_result_json(f, &lent) == 0);
        CHECK(json_equal(lent, value));
        CHECK(lent != value || json_is_null(value) || json_is_boolean(value));
        CHECK(scoop_result_json(f, &again, .timeout = 30) == 0);
        CHECK(again == lent);
        CHECK(scoop_join_json(f, &own) == 0 && own == lent);
        CHECK(json_equal(own, value));
        json_decref(own);
        CHECK(scoop_join_json(send_to(rank, value), &own) == 0);
        CHECK(json_equal(own, value));
        json_decref(own);
    }
    json_decref(value);
}

static void all_types(void)
{
    char *big = malloc(1 << 20);
    json_t *object;

    there_and_back(json_null());
    there_and_back(json_true());
    there_and_back(json_false());
    there_and_back(json_integer(0));
    there_and_back(json_integer(INT64_MAX));
    there_and_back(json_integer(INT64_MIN));
    there_and_back(json_real(0.1));
    there_and_back(json_real(1)); /* does not become an integer */
    there_and_back(json_real(-DBL_MAX));
    there_and_back(json_real(DBL_MIN));
    there_and_back(json_real(1 / 3.0));
    there_and_back(json_string(""));
    there_and_back(json_string("[{\"\\\n\x01 Grüße, 漢字 \U0001F600"));
    there_and_back(json_stringn("zero \0 inside", 13));
    there_and_back(json_array());
    there_and_back(json_object());
    there_and_back(json_pack("[n, b, i, f, s, [], {}, {s: [i]}]", 1, 3, 2.5,
                             "text", "key", 4));
    CHECK(big != NULL);
    if (!big)
        return;
    memset(big, 'x', 1 << 20);
    for (size_t i = 0; i < 1 << 20; i += 1000)
        big[i] = "\"\\\n[{"[i / 1000 % 5];
    object = json_object();
    json_object_set_new(object, "big", json_stringn(big, 1 << 20));
    there_and_back(object);
    free(big);
}

static void check_error(scoop_future f, int code, int task_code,
                        const char *words)
{
    json_t *out = json_null();
    int err = scoop_join_json(f, &out);
    const struct scoop_error *e = scoop_last_error();

    CHECK(err == code && !out && e && e->code == code);
    CHECK(e && (!task_code || e->task_code == task_code));
    CHECK(e && strstr(e->message, words));
    if (e && !strstr(e->message, words))
        printf("\"%s\" is not in \"%s\"\n", words, e->message);
}

static void failures(int rank)
{
    struct scoop_submit_options on = {0};
    json_t *word = json_string("this");

    on.place = scoop_on_rank(rank);
    scoop_future f = scoop_submit_json(&scoop_task_fail, word, &on);
    check_error(f, SCOOP_EFAILED, 7, "do not like this");
    f = scoop_submit_json(&scoop_task_fail, json_null(), &on);
    check_error(f, SCOOP_EFAILED, SCOOP_EFAILED, "returned NULL");
    f = scoop_submit_json(&scoop_task_pass_on, word, &on);
    check_error(f, SCOOP_EFAILED, 7, "do not like this");
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && !strcmp(e->task, "fail") && e->parents == 1);
    f = scoop_submit_json(&scoop_task_spoil, json_null(), &on);
    check_error(f, SCOOP_EJSON, SCOOP_EJSON,
                "its result holds a string that "
                "is not UTF-8, behind \"");
    f = scoop_submit_json(&scoop_task_spoil, json_true(), &on);
    check_error(f, SCOOP_EFAILED, SCOOP_EFAILED, "returned NULL");
    f = scoop_submit_json(&scoop_task_twice, word, &on);
    check_error(f, SCOOP_EFAILED, SCOOP_EJSON, "Expected object, got string");
    f = scoop_submit_task(&scoop_task_echo, "{\"a\":\n[1,,2]}", 13, &on);
    check_error(f, SCOOP_EJSON, SCOOP_EJSON,
                "is not JSON: line 2, column 4, position 10: unexpected token");
    f = scoop_submit_task(&scoop_task_echo, "[1] 2", 5, &on);
    check_error(f, SCOOP_EJSON, 0, "end of file expected near '2'");
    f = scoop_submit_task(&scoop_task_echo, "\"\xff\"", 3, &on);
    check_error(f, SCOOP_EJSON, 0, "0xff");
    f = scoop_submit_task(&scoop_task_echo, NULL, 0, &on);
    check_error(f, SCOOP_EJSON, 0, "is not JSON");
    f = scoop_submit_task(&scoop_task_echo, "[[[", 3, &on);
    check_error(f, SCOOP_EJSON, 0, "end of file");
    json_decref(word);
}

static void bad_values(void)
{
    json_t *bad = json_array(), *loop = json_array();

    check_error(scoop_submit(echo, NULL), SCOOP_EINVAL, 0, "json_null()");
    check_error(scoop_submit(echo, json_real((double)INFINITY)), SCOOP_EINVAL,
                0, "infinity");
    json_array_append_new(bad, json_stringn_nocheck("a\xc3(", 3));
    check_error(scoop_submit(echo, bad), SCOOP_EJSON, 0,
                "the argument of echo holds a string that is not UTF-8, "
                "behind [\"");
    json_array_clear(bad);
    json_array_append(bad, loop);
    json_array_append(loop, bad);
    check_error(scoop_submit(echo, bad), SCOOP_EJSON, 0, "contains itself");
    json_array_clear(loop);
    json_decref(bad);
    json_decref(loop);
}

static json_t *wrap_objects(int levels)
{
    json_t *in = json_null();

    while (levels-- > 0)
        in = json_pack("{s:o}", "[", in);
    return in;
}

static void depth(int rank)
{
    struct scoop_submit_options on = {0};
    json_t *levels = json_integer(512), *out = NULL;

    on.place = scoop_on_rank(rank);
    scoop_future f = scoop_submit_json(&scoop_task_nest, levels, &on);
    CHECK(scoop_join_json(f, &out) == 0);
    f = scoop_submit_json(&scoop_task_count, out, &on);
    json_decref(out);
    CHECK(scoop_join_json(f, &out) == 0 && json_integer_value(out) == 1);
    json_decref(out);
    json_integer_set(levels, 513);
    f = scoop_submit_json(&scoop_task_nest, levels, &on);
    check_error(f, SCOOP_EJSON, SCOOP_EJSON,
                "its result is nested more than 512 levels deep");
    json_decref(levels);
}

static void too_deep(void)
{
    json_t *value = wrap_objects(512), *out = NULL;
    char text[2000];

    CHECK(scoop_join_json(scoop_submit(echo, value), &out) == 0);
    CHECK(json_equal(out, value));
    json_decref(out);
    json_decref(value);
    value = wrap_objects(513);
    check_error(scoop_submit(echo, value), SCOOP_EJSON, 0,
                "the argument of echo is nested more than 512 levels deep "
                "(SCOOP_JSON_DEPTH)");
    json_decref(value);
    value = wrap(json_null(), 100000); /* freeing it needs our large stack */
    check_error(scoop_submit(echo, value), SCOOP_EJSON, 0, "512 levels");
    json_decref(value);
    memset(text, '[', sizeof text);
    scoop_future f = scoop_submit_task(&scoop_task_echo, text, sizeof text, 0);
    check_error(f, SCOOP_EJSON, 0, "its argument is nested more than 512");
    text[0] = text[sizeof text - 1] = '"'; /* in a string they are none */
    f = scoop_submit_task(&scoop_task_echo, text, sizeof text, NULL);
    CHECK(scoop_join_json(f, &out) == 0);
    CHECK(json_string_length(out) == sizeof text - 2);
    json_decref(out);
}

/* A future that was waited for in vain.  On a busy machine a task may end
 * before somebody looks at the time. */
static scoop_future late(json_t *nap)
{
    int rank = scoop_size() - 1, tries = 0, err;
    json_t *out = json_null();
    scoop_future f;

    do {
        f = scoop_submit(slow, nap, .place = scoop_on_rank(rank));
        err = scoop_result_json(f, &out, .timeout = 1e-6);
        if (!rank)
            return f; /* it ran before the wait was over */
        if (err == SCOOP_ETIMEDOUT)
            err = scoop_join_json(f, &out, .timeout = 1e-6);
        else
            scoop_release(f);
    } while (err != SCOOP_ETIMEDOUT && ++tries < 10);
    CHECK(err == SCOOP_ETIMEDOUT && !out);
    return f;
}

static void waits(void)
{
    json_t *nap = json_real(0.3), *out = NULL, *seven = json_integer(7);
    const void *text;
    void *own = &own;
    size_t len;
    int n = 3;

    scoop_future f = late(nap);
    CHECK(scoop_result_json(f, NULL, .timeout = 30) == 0);
    CHECK(scoop_join_json(f, &out, .timeout = SCOOP_NOW) == 0);
    CHECK(json_is_true(out));
    CHECK(scoop_join_json(f, &out) == SCOOP_ESTALE && !out);
    CHECK(scoop_result_json(f, &out) == SCOOP_ESTALE && !out);
    json_decref(nap);

    f = scoop_submit(echo, seven);
    CHECK(scoop_result_bytes(f, &text, &len, .timeout = 30) == 0);
    CHECK(len == 1 && *(const char *)text == '7');
    CHECK(scoop_result(f, &n) == SCOOP_EINVAL);
    CHECK(scoop_result(f, NULL) == 0);
    CHECK(scoop_result_json(f, &out) == 0 && json_integer_value(out) == 7);
    CHECK(scoop_result_bytes(f, &text, &len) == SCOOP_EINVAL);
    CHECK(text == NULL && len == 0);
    CHECK(scoop_join_bytes(f, &own, &len) == SCOOP_EINVAL && own == NULL);
    CHECK(scoop_done(f) == SCOOP_ESTALE);
    f = scoop_submit(echo, seven);
    CHECK(scoop_join_bytes(f, &own, &len) == 0 && len == 1);
    free(own);
    CHECK(scoop_join_json(scoop_submit(echo, seven), NULL) == 0);
    CHECK(scoop_join(scoop_submit(echo, seven), NULL) == 0);
    CHECK(scoop_join(scoop_submit(echo, seven), &n) == SCOOP_EINVAL);

    CHECK(scoop_join_json(scoop_submit(typed, &n), &out) == SCOOP_EINVAL);
    f = scoop_submit(bytes, "7", .len = 1);
    CHECK(scoop_result_json(f, &out) == SCOOP_EINVAL && !out);
    scoop_release(f);
    f = scoop_submit_json(&scoop_task_bytes, seven, NULL);
    CHECK(scoop_join_json(f, &out) == SCOOP_EINVAL);
    f = scoop_submit_json(NULL, seven, NULL);
    CHECK(scoop_join_json(f, &out) == SCOOP_EINVAL);
    CHECK(scoop_map_task(&scoop_task_echo, &n, &n, 1, NULL) == SCOOP_EINVAL);
    const struct scoop_task *task = scoop_task_find("api.twice");
    CHECK(task == &scoop_task_twice && task->kind == SCOOP_JSON);
    json_decref(seven);
}

/* Futures that nobody reads, decoded ones among them. */
static void dropped(void)
{
    json_t *value = json_pack("{s:[i,i]}", "a long enough name", 1, 2), *out;
    int wrong = 0;

    for (int i = 0; i < 500; i++) {
        scoop_future f = scoop_submit(echo, value);
        if (i % 3 == 0)
            wrong += scoop_result_json(f, &out) != 0;
        if (i % 3 == 1)
            scoop_cancel(f);
        wrong += scoop_release(f) != 0;
    }
    scoop_submit(echo, value, .detached = 1);
    CHECK(wrong == 0);
    json_decref(value);
}

SCOOP_TASK_JSON(flaky);
static json_t *flaky(json_t *in)
{
    if (scoop_attempt() == 1)
        return scoop_fail(1, "not yet"), NULL;
    return json_incref(in);
}

static int notes;
SCOOP_TASK_JSON(note);
static json_t *note(json_t *in)
{
    notes += (int)json_integer_value(json_array_get(in, 0));
    return json_null();
}

/* Options of submit that have to do with arguments and results. */
static void options(void)
{
    json_t *out = NULL, *array = json_pack("[i,i,i]", 1, 2, 3);

    scoop_future f = scoop_submit(echo, json_pack("[i]", 1), .take = 1);
    CHECK(scoop_join_json(f, &out) == 0 && json_array_size(out) == 1);
    json_decref(out);
    check_error(scoop_submit(echo, NULL, .take = 1), SCOOP_EINVAL, 0, "NULL");
    check_error(scoop_submit(echo, json_stringn_nocheck("\xff", 1), .take = 1),
                SCOOP_EJSON, 0, "UTF-8");
    f = scoop_submit(echo, json_true(), .place = scoop_on_rank(99), .take = 1);
    CHECK(scoop_join_json(f, &out) == SCOOP_EINVAL);
    f = scoop_submit(echo, array, .borrow = 1, .timeout = 30);
    CHECK(scoop_join_json(f, &out) == 0 && json_equal(out, array));
    json_decref(out);
    f = scoop_submit(flaky, array, .retries = 1);
    CHECK(scoop_join_json(f, &out) == 0 && json_equal(out, array));
    json_decref(out);
    check_error(scoop_submit(flaky, array), SCOOP_EFAILED, 1, "not yet");
    CHECK(scoop_map_json(flaky, array, &out, .retries = 2) == 0);
    CHECK(json_equal(out, array));
    json_decref(out);
    CHECK(scoop_map_json(flaky, array, &out) == SCOOP_EFAILED);
    CHECK(scoop_map_json(flaky, array, &out, .priority = 9) == SCOOP_EINVAL);
    json_array_set_new(array, 0, json_integer(7));
    f = scoop_submit(echo, array, .place = scoop_on_rank(0),
                     .done_there = &scoop_task_note);
    CHECK(scoop_join_json(f, NULL) == 0 && notes == 7);
    json_decref(array);
}

static void check_area(json_t *in, double expected, const char *unit)
{
    json_t *out = NULL;

    CHECK(in != NULL);
    CHECK(scoop_join_json(scoop_submit(area, in), &out) == 0);
    CHECK((int)json_number_value(json_object_get(out, "area")) ==
          (int)expected);
    out = out ? out : json_object();
    CHECK(!strcmp(json_string_value(json_object_get(out, "unit")), unit));
    json_decref(out);
    json_decref(in);
}

static void arguments(void)
{
    json_t *out = NULL, *n = json_pack("{s:i}", "n", 21);

    check_area(scoop_args_pack("[ii]", 3, 4), 12, "mm");
    check_area(scoop_args_pack("[i]{s:i,s:s}", 3, "height", 4, "unit", "m"), 12,
               "m");
    check_area(scoop_args_pack("{s:f,s:f}", "width", 2., "height", 5.), 10,
               "mm");
    check_area(scoop_args(json_pack("[i,i]", 1, 1),
                          json_pack("{s:i}", "width", 9)),
               9, "mm");
    CHECK(scoop_args(json_null(), NULL) == NULL);
    CHECK(scoop_args(NULL, json_array()) == NULL);
    CHECK(scoop_args_pack(NULL) == NULL);
    CHECK(scoop_args_pack("[i") == NULL);
    CHECK(scoop_args_pack("[f]", (double)NAN) == NULL);
    CHECK(scoop_last_error()->code == SCOOP_EJSON);
    CHECK(scoop_args_pack("[][][]") == NULL);
    CHECK(scoop_args_pack("{}[]") == NULL);
    json_t *none = scoop_args(NULL, NULL);
    CHECK(none && !scoop_arg(none, 0, NULL) && !scoop_arg(none, 0, "x"));
    CHECK(!scoop_arg(json_null(), 0, "x") && !scoop_arg(NULL, 0, "x"));
    check_error(scoop_submit(area, none), SCOOP_EFAILED, 1, "width and");
    json_decref(none);
    CHECK(scoop_join_json(scoop_submit(twice, n), &out) == 0);
    CHECK(json_integer_value(json_object_get(out, "n")) == 42);
    CHECK(json_integer_value(json_object_get(n, "n")) == 21);
    json_decref(out);
    json_decref(n);
}

/* Fails for 17 and 33. */
SCOOP_TASK_JSON(square);
static json_t *square(json_t *in)
{
    json_int_t n = json_integer_value(in);

    if (n == 17 || n == 33)
        return scoop_fail(5, "bad %d", (int)n), NULL;
    return json_integer(n * n);
}

static json_t *numbers(json_int_t from, json_int_t to)
{
    json_t *array = json_array();

    for (; from < to; from++)
        json_array_append_new(array, json_integer(from));
    return array;
}

static void map_many(json_int_t n, size_t in_flight)
{
    json_t *array = numbers(34, 34 + n), *out = NULL;
    json_int_t wrong = 0;

    CHECK(scoop_map_json(square, array, &out, .in_flight = in_flight) == 0);
    CHECK(json_array_size(out) == (size_t)n);
    for (json_int_t i = 0; i < n; i++)
        wrong += json_integer_value(json_array_get(out, (size_t)i)) !=
                 (34 + i) * (34 + i);
    CHECK(wrong == 0);
    json_decref(out);
    json_decref(array);
}

static void maps(void)
{
    json_t *array = numbers(0, 50), *out = json_null();

    map_many(0, 0);
    map_many(1, 0);
    map_many(100, 1);
    map_many(100, 3);
    map_many(api_is_slowed() ? 3000 : 100000, 0);

    CHECK(scoop_map_json(square, array, &out) == SCOOP_EFAILED && !out);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item && e->item == 17 && e->task_code == 5);
    CHECK(e && !strcmp(e->message, "bad 17"));
    json_array_set_new(array, 9, json_stringn_nocheck("\xff", 1));
    CHECK(scoop_map_json(square, array, &out, .timeout = 30) == SCOOP_EJSON);
    e = scoop_last_error();
    CHECK(e && e->has_item && e->item == 9);
    json_array_set_new(array, 30, json_stringn_nocheck("\xff", 1));
    json_array_remove(array, 9);
    CHECK(scoop_map_json(square, array, &out) == SCOOP_EFAILED);
    e = scoop_last_error();
    CHECK(e && e->has_item && e->item == 16);
    CHECK(scoop_map_json(echo, json_null(), &out) == SCOOP_EINVAL);
    CHECK(scoop_map_json(echo, NULL, &out) == SCOOP_EINVAL);
    CHECK(scoop_map_json_of(&scoop_task_typed, array, &out, NULL) ==
          SCOOP_EINVAL);
    json_array_clear(array);
    for (int i = 0; i < 40; i++)
        json_array_append_new(array, json_real(0.05));
    CHECK(scoop_map_json(slow, array, &out, .timeout = 0.01) ==
          SCOOP_ETIMEDOUT);
    CHECK(!out && scoop_last_error()->code == SCOOP_ETIMEDOUT);
    while (json_array_size(array) > 4)
        json_array_remove(array, 0);
    CHECK(scoop_map_json(slow, array, NULL) == 0);
    json_decref(array);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    all_types();
    for (int rank = 0; rank < scoop_size(); rank++) {
        failures(rank);
        depth(rank);
    }
    bad_values();
    too_deep();
    waits();
    dropped();
    options();
    arguments();
    maps();
    return checks_done();
}

int main(int argc, char **argv)
{
    json_t *none = scoop_args(NULL, NULL), *list = json_pack("[ii]", 3, 4);
    json_t *out, *items;
    scoop_future f = scoop_submit(echo, none); /* serially, in this process */

    if (scoop_join_json(f, &out) || !json_equal(out, none) ||
        scoop_map_json(echo, list, &items) || !json_equal(items, list) ||
        scoop_unpack(none, "[i]", &argc) != SCOOP_EJSON ||
        scoop_args_pack("[i") != NULL) {
        puts("outside of a farm not so");
        return 1;
    }
    json_decref(none);
    json_decref(list);
    json_decref(out);
    json_decref(items);
    return scoop_main(argc, argv, root);
}
