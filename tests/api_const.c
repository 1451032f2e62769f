/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_const.c -- constants: set, get, delete, by every rank and at once */
#include "api.h"

#include <jansson.h>

#define TIMEOUT 60.0
#define LARGE ((size_t)300000)

struct point {
    double x, y;
};

/* What a task on some rank is to do with a name. */
enum deed { LOOK, DEFINE, DELETE, LOOK_JSON, LOOK_TASK, LOOK_BYTES };
struct order {
    char name[16];
    enum deed what;
    double timeout;
    int value;
};
struct report {
    int code, value, rank;
    uint64_t version, len, sum;
    double seconds;
};

SCOOP_TASK(carry_out, struct order, struct report);
SCOOP_TASK(twice, int, int);
SCOOP_TASK(everywhere, int, int);
SCOOP_TASK(many_turns, int, long);

static int twice(const int *in, int *out)
{
    return *out = 2 * *in, 0;
}

static unsigned char byte_of(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

static uint64_t sum_of(const unsigned char *data, size_t len)
{
    uint64_t sum = len;

    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + data[i];
    return sum;
}

static int carry_out(const struct order *o, struct report *r)
{
    double from = api_now();
    const struct scoop_task *task = NULL;
    const int *value = NULL;
    const void *data = NULL;
    json_t *json = NULL;
    size_t len = 0;

    memset(r, 0, sizeof *r);
    r->rank = scoop_rank();
    switch (o->what) {
    case LOOK:
        r->code = scoop_const_get(o->name, &value, .timeout = o->timeout);
        r->value = value ? *value : -1;
        break;
    case DEFINE:
        r->code = scoop_const_set(o->name, &o->value, .timeout = o->timeout);
        break;
    case DELETE:
        r->code = scoop_const_delete(o->name, .timeout = o->timeout);
        break;
    case LOOK_JSON:
        r->code = scoop_const_get_json(o->name, &json, .timeout = o->timeout);
        r->value = (int)json_integer_value(json_object_get(json, "n"));
        break;
    case LOOK_TASK:
        r->code = scoop_const_get_task(o->name, &task, .timeout = o->timeout);
        if (!r->code)
            r->code = scoop_join(scoop_submit_task(task, &(int){21},
                                                   sizeof(int), NULL),
                                 &r->value);
        break;
    case LOOK_BYTES:
        r->code =
            scoop_const_get_bytes(o->name, &data, &len, .timeout = o->timeout);
        r->len = len;
        r->sum = data ? sum_of(data, len) : 0;
        break;
    }
    r->version = scoop_const_version(o->name);
    r->seconds = api_now() - from;
    return 0;
}

static scoop_future send_to(int rank, const char *name, enum deed what,
                            double timeout, int value)
{
    struct order o = {.what = what, .timeout = timeout, .value = value};

    snprintf(o.name, sizeof o.name, "%s", name);
    return scoop_submit(carry_out, &o, .place = scoop_on_rank(rank));
}

static struct report do_on(int rank, const char *name, enum deed what,
                           double timeout, int value)
{
    struct report r = {.code = 99};

    CHECK(scoop_join(send_to(rank, name, what, timeout, value), &r) == 0);
    return r;
}

/* ---- One call after the other ----------------------------------------- */

static void test_kinds(void)
{
    struct point p = {1.5, -2.5};
    const struct point *found = NULL;
    const double *other = NULL;
    const void *data = NULL;
    const int *number = NULL;
    size_t len = 99;
    int last = scoop_size() - 1;

    CHECK(scoop_const_version("p") == 0);
    CHECK(scoop_const_get("p", &found, .timeout = SCOOP_NOW) ==
          SCOOP_ETIMEDOUT);
    CHECK(found == NULL);
    CHECK(scoop_last_error() && scoop_last_error()->code == SCOOP_ETIMEDOUT);
    CHECK(scoop_const_set("p", &p) == 0);
    p.x = 0; /* it was copied */
    CHECK(scoop_const_get("p", &found) == 0);
    CHECK(found && found->x == 1.5 && found->y == -2.5);
    CHECK((uintptr_t)found % 64 == 0);
    CHECK(scoop_const_version("p") == 1);
    const struct point *again = NULL;
    CHECK(scoop_const_get("p", &again, .timeout = SCOOP_NOW) == 0);
    CHECK(again == found); /* no copy */
    CHECK(scoop_const_set("p", &p) == SCOOP_EEXISTS);
    CHECK(scoop_const_get("p", &other) == SCOOP_EINVAL); /* its size */
    CHECK(scoop_const_get_json("p", &(json_t *){NULL}) == SCOOP_EINVAL);
    CHECK(scoop_const_get_bytes("p", &data, &len) == 0);
    CHECK(data == found && len == sizeof p);
    CHECK(scoop_const_set("q", (&(struct point){3, 4}), .timeout = TIMEOUT) ==
          0);
    CHECK(scoop_const_get("q", &found) == 0 && found->y == 4);

    CHECK(scoop_const_set_bytes("none", NULL, 0) == 0);
    CHECK(scoop_const_get_bytes("none", &data, &len) == 0);
    CHECK(data != NULL && len == 0);
    CHECK(scoop_const_set_bytes("one", "x", 1) == 0);
    struct report r = do_on(last, "one", LOOK_BYTES, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.len == 1 && r.sum == 31 + 'x');
    r = do_on(last, "none", LOOK_BYTES, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.len == 0);

    CHECK(scoop_const_set("n", &(int){5}) == 0);
    r = do_on(last, "n", LOOK, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.value == 5 && r.version == 1);
    r = do_on(last, "w", DEFINE, 0, 6); /* from a worker */
    CHECK(r.code == 0 && r.version == 1);
    CHECK(scoop_const_get("w", &number, .timeout = SCOOP_NOW) == 0);
    CHECK(number && *number == 6);
    r = do_on(last, "w", DEFINE, 0, 7);
    CHECK(r.code == SCOOP_EEXISTS);
    CHECK(*number == 6);
}

/* Lengths around those where another way is taken. */
static void test_lengths(void)
{
    static const size_t lens[] = {4095, 4096, 4097, 9000, 70000, LARGE};
    unsigned char *data = malloc(LARGE);
    int size = scoop_size();

    for (size_t i = 0; i < LARGE; i++)
        data[i] = byte_of(i);
    for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) {
        char name[16];
        snprintf(name, sizeof name, "len%zu", lens[k]);
        CHECK(scoop_const_set_bytes(name, data, lens[k], .timeout = TIMEOUT) ==
              0);
        for (int rank = 0; rank < size; rank++) {
            struct report r = do_on(rank, name, LOOK_BYTES, SCOOP_NOW, 0);
            CHECK(r.code == 0 && r.rank == rank && r.len == lens[k]);
            CHECK(r.sum == sum_of(data, lens[k]));
        }
        CHECK(scoop_const_delete(name) == 0);
    }
    free(data);
}

static void test_bad(void)
{
    char name[300];
    const int *value = NULL;
    int one = 1;

    memset(name, 'n', sizeof name);
    name[256] = 0;
    CHECK(scoop_const_set(NULL, &one) == SCOOP_EINVAL);
    CHECK(scoop_const_set("", &one) == SCOOP_EINVAL);
    CHECK(scoop_const_set(name, &one) == SCOOP_EINVAL);
    CHECK(scoop_const_get(NULL, &value) == SCOOP_EINVAL);
    CHECK(scoop_const_get("", &value) == SCOOP_EINVAL);
    CHECK(scoop_const_get(name, &value) == SCOOP_EINVAL);
    CHECK(scoop_const_delete(NULL) == SCOOP_EINVAL);
    CHECK(scoop_const_delete(name) == SCOOP_EINVAL);
    CHECK(scoop_const_version(NULL) == 0);
    CHECK(scoop_const_set("null", (const int *)NULL) == SCOOP_EINVAL);
    CHECK(scoop_const_set_bytes("null", NULL, 5) == SCOOP_EINVAL);
    CHECK(scoop_const_set_json("null", NULL) == SCOOP_EINVAL);
    CHECK(scoop_const_set_task("null", NULL) == SCOOP_EINVAL);
    CHECK(scoop_const_set_many(NULL, 2) == SCOOP_EINVAL);
    CHECK(scoop_const_set_many(NULL, 0) == 0);
    CHECK(scoop_const_get_of("p", NULL, NULL) == SCOOP_EINVAL);
    struct scoop_task stranger = {.name = "stranger", .number = 1};
    CHECK(scoop_const_set_task("null", &stranger) == SCOOP_ENOTASK);
    struct scoop_const odd = {.name = "null"};
    CHECK(scoop_const_set_many(&odd, 1) == SCOOP_EINVAL);
    CHECK(scoop_const_delete("null") == SCOOP_ENOCONST);
    CHECK(scoop_const_get("null", &value, .timeout = SCOOP_NOW) ==
          SCOOP_ETIMEDOUT);
    name[255] = 0; /* the longest */
    CHECK(scoop_const_set(name, &one) == 0);
    CHECK(scoop_const_get(name, &value) == 0 && *value == 1);
    CHECK(scoop_const_delete(name) == 0);
}

static void test_versions(void)
{
    const int *value = NULL;
    int last = scoop_size() - 1;

    for (int i = 1; i <= 4; i++) {
        CHECK(scoop_const_set("v", &i) == 0);
        CHECK(scoop_const_version("v") == (uint64_t)i);
        struct report r = do_on(last, "v", LOOK, SCOOP_NOW, 0);
        CHECK(r.code == 0 && r.value == i && r.version == (uint64_t)i);
        r = do_on(i % scoop_size(), "v", DELETE, 0, 0);
        CHECK(r.code == 0 && r.version == 0);
        CHECK(scoop_const_version("v") == 0);
        CHECK(scoop_const_get("v", &value) == SCOOP_ENOCONST); /* no wait */
        CHECK(do_on(last, "v", LOOK, 0, 0).code == SCOOP_ENOCONST);
        CHECK(scoop_const_delete("v") == SCOOP_ENOCONST);
    }
}

static void test_many(void)
{
    unsigned char *data = malloc(LARGE);
    json_t *json = json_pack("{s:i,s:[s,n,f]}", "n", 42, "a", "x", 1.5);
    json_t *found = NULL;
    int last = scoop_size() - 1, number = 11;

    for (size_t i = 0; i < LARGE; i++)
        data[i] = byte_of(i);
    struct scoop_const c[] = {
        {.name = "m.int",
         .kind = SCOOP_CONST_TYPED,
         .data = &number,
         .len = sizeof number},
        {.name = "m.large",
         .kind = SCOOP_CONST_BYTES,
         .data = data,
         .len = LARGE},
        {.name = "m.json", .kind = SCOOP_CONST_JSON, .json = json},
        {.name = "m.task", .kind = SCOOP_CONST_TASK, .task = &scoop_task_twice},
        {.name = "m.empty", .kind = SCOOP_CONST_BYTES},
        {.name = "m.page",
         .kind = SCOOP_CONST_BYTES,
         .data = data,
         .len = 5000},
    };
    /* The last one is taken: none. */
    CHECK(scoop_const_set("m.page", &number) == 0);
    CHECK(scoop_const_set_many(c, 6) == SCOOP_EEXISTS);
    for (int i = 0; i < 5; i++)
        CHECK(
            do_on(i % scoop_size(), c[i].name, LOOK_BYTES, SCOOP_NOW, 0).code ==
            SCOOP_ETIMEDOUT);
    CHECK(scoop_const_delete("m.page") == 0);
    c[5].name = "m.int"; /* twice: none */
    CHECK(scoop_const_set_many(c, 6) == SCOOP_EEXISTS);
    CHECK(do_on(last, "m.int", LOOK, SCOOP_NOW, 0).code == SCOOP_ETIMEDOUT);
    c[5].name = "m.page";
    c[3].task = NULL; /* one is not valid: none */
    CHECK(scoop_const_set_many(c, 6) == SCOOP_EINVAL);
    c[3].task = &scoop_task_twice;
    CHECK(scoop_const_set_many(c, 6, .timeout = TIMEOUT) == 0);
    json_decref(json);
    CHECK(do_on(last, "m.int", LOOK, SCOOP_NOW, 0).value == 11);
    struct report r = do_on(last, "m.large", LOOK_BYTES, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.sum == sum_of(data, LARGE));
    r = do_on(last, "m.page", LOOK_BYTES, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.sum == sum_of(data, 5000) && r.version == 2);
    r = do_on(last, "m.json", LOOK_JSON, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.value == 42);
    r = do_on(last, "m.task", LOOK_TASK, SCOOP_NOW, 0);
    CHECK(r.code == 0 && r.value == 42);
    CHECK(do_on(last, "m.json", LOOK, SCOOP_NOW, 0).code == SCOOP_EINVAL);
    CHECK(scoop_const_get_json("m.json", &found) == 0);
    json_t *again = NULL;
    CHECK(scoop_const_get_json("m.json", &again) == 0 && again == found);
    CHECK(json_number_value(json_array_get(json_object_get(found, "a"), 2)) ==
          1.5);
    for (int i = 0; i < 6; i++)
        CHECK(scoop_const_delete(c[i].name) == 0);
    /* Another value under the name of one that was decoded. */
    json = json_integer(7);
    CHECK(scoop_const_set_json("m.json", json) == 0);
    json_decref(json);
    CHECK(scoop_const_get_json("m.json", &found) == 0);
    CHECK(json_integer_value(found) == 7);
    CHECK(do_on(last, "m.json", LOOK_JSON, SCOOP_NOW, 0).code == 0);
    CHECK(scoop_const_delete("m.json") == 0);
    json = json_null();
    for (int i = 0; i < 5000; i++) /* deeper than tasks may pass either */
        json = json_pack("[o]", json);
    CHECK(scoop_const_set_json("deep", json) == SCOOP_EJSON);
    json_decref(json);
    CHECK(scoop_const_delete("deep") == SCOOP_ENOCONST);
    struct scoop_const any = {.kind = (enum scoop_const_kind)0};
    CHECK(scoop_const_set_task("t", &scoop_task_twice) == 0);
    CHECK(scoop_const_get_of("t", &any, NULL) == 0);
    CHECK(any.kind == SCOOP_CONST_TASK && any.task == &scoop_task_twice);
    CHECK(any.version == 1 && !strcmp(any.name, "t"));
    free(data);
}

/* ---- At once ---------------------------------------------------------- */

static void test_wait(void)
{
    int size = scoop_size();
    scoop_future waits[4];
    struct report r;

    for (int i = 0; i < 4; i++) /* several on a rank, which works on */
        waits[i] = send_to(i % size, "later", LOOK, i % 2 ? TIMEOUT : 0, 0);
    r = do_on(size - 1, "later", LOOK, 0.03, 0);
    CHECK(r.code == SCOOP_ETIMEDOUT && r.value == -1 && r.seconds >= 0.03);
    CHECK(scoop_const_set("later", &(int){17}) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(scoop_join(waits[i], &r) == 0);
        CHECK(r.code == 0 && r.value == 17);
    }
    CHECK(do_on(size - 1, "later", LOOK, TIMEOUT, 0).code == 0);
    /* A task that is cancelled waits no more: else the join would hang. */
    waits[0] = send_to(size - 1, "never", LOOK, 0, 0);
    waits[1] = send_to(0, "never", LOOK, 0, 0);
    CHECK(scoop_result(waits[0], &r, .timeout = 0.05) == SCOOP_ETIMEDOUT);
    CHECK(scoop_cancel(waits[0]) == SCOOP_ASKED);
    CHECK(scoop_cancel(waits[1]) >= 0);
    CHECK(scoop_join(waits[0], &r) == SCOOP_ECANCELLED);
    CHECK(scoop_join(waits[1], &r) == SCOOP_ECANCELLED);
    /* A time-out that fires leaves the definition to go on. */
    int err = scoop_const_set("late", &(int){18}, .timeout = SCOOP_NOW);
    CHECK(err == 0 || err == SCOOP_ETIMEDOUT);
    r = do_on(size - 1, "late", LOOK, TIMEOUT, 0);
    CHECK(r.code == 0 && r.value == 18);
    CHECK(scoop_const_set("late", &(int){19}) == SCOOP_EEXISTS);
}

/* Every rank defines the same names; one of them wins, everywhere. */
static int everywhere(const int *rounds, int *won)
{
    *won = 0;
    for (int i = 0; i < *rounds; i++) {
        int mine = scoop_rank() * 1000 + i;
        const int *value = NULL;
        char name[16];
        snprintf(name, sizeof name, "race%d", i);
        int err = scoop_const_set(name, &mine);
        if (!err)
            ++*won;
        else if (err != SCOOP_EEXISTS)
            return err;
        err = scoop_const_get(name, &value, .timeout = SCOOP_NOW);
        if (err)
            return err; /* whoever lost knows that it is there, at rank 0 */
    }
    return 0;
}

static void test_race(void)
{
    int size = scoop_size(), sum = 0, won, rounds = 20;
    scoop_future f[64];
    const int *value = NULL;

    for (int i = 0; i < size; i++)
        f[i] = scoop_submit(everywhere, &rounds, .place = scoop_on_rank(i));
    for (int i = 0; i < size; i++) {
        CHECK(scoop_join(f[i], &won) == 0);
        sum += won;
    }
    CHECK(sum == rounds);
    for (int i = 0; i < rounds; i++) {
        char name[16];
        snprintf(name, sizeof name, "race%d", i);
        CHECK(scoop_const_get(name, &value) == 0);
        for (int rank = 0; rank < size; rank++)
            CHECK(do_on(rank, name, LOOK, SCOOP_NOW, 0).value == *value);
    }
}

/* Each rank defines, looks at and deletes names of its own, while the others
 * do. */
static int many_turns(const int *turns, long *sum)
{
    *sum = 0;
    for (int i = 0; i < *turns; i++) {
        char name[24];
        const int *value = NULL;
        snprintf(name, sizeof name, "own.%d.%d", scoop_rank(), i % 3);
        int err = scoop_const_set(name, &i, .timeout = TIMEOUT);
        if (!err)
            err = scoop_const_get(name, &value, .timeout = SCOOP_NOW);
        if (err)
            return err;
        *sum += *value;
        err = scoop_const_delete(name, .timeout = TIMEOUT);
        if (err)
            return err;
    }
    return 0;
}

static void test_turns(void)
{
    int size = scoop_size(), turns = 30;
    scoop_future f[64];

    for (int i = 0; i < size; i++)
        f[i] = scoop_submit(many_turns, &turns, .place = scoop_on_rank(i));
    for (int i = 0; i < size; i++) {
        long sum = -1;
        CHECK(scoop_join(f[i], &sum) == 0);
        CHECK(sum == (long)turns * (turns - 1) / 2);
    }
}

/* ---- The end ---------------------------------------------------------- */

static struct {
    int is_root, codes[3];
} end_seen;

SCOOP_TASK(wait_in_vain, int, SCOOP_NONE);
SCOOP_TASK(wait_for_child, SCOOP_NONE, SCOOP_NONE);

static int wait_in_vain(const int *number, SCOOP_NONE *out)
{
    const int *value;
    int code = scoop_const_get("never", &value);

    (void)out;
    end_seen.codes[*number] = code;
    return code == SCOOP_ENOCONST ? 0 : scoop_fail(1, "%d", code);
}

static int wait_for_child(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    (void)in;
    (void)out;
    scoop_future f =
        scoop_submit(wait_in_vain, &(int){2},
                     .place = scoop_on_rank((scoop_rank() + 1) % scoop_size()));
    return scoop_join(f, NULL);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    end_seen.is_root = 1;
    test_bad();
    test_kinds();
    test_lengths();
    test_versions();
    test_many();
    test_wait();
    test_race();
    test_turns();
    /* They end, since nobody is left who could define it: else this hangs. */
    scoop_submit(wait_in_vain, &(int){0}, .detached = 1,
                 .place = scoop_on_rank(0));
    scoop_submit(wait_in_vain, &(int){1}, .detached = 1,
                 .place = scoop_on_rank(scoop_size() - 1));
    scoop_submit(wait_for_child, NULL, .detached = 1);
    /* Under way when the root ends. */
    scoop_const_set("last", &(int){1}, .timeout = SCOOP_NOW);
    return checks_done();
}

int main(int argc, char **argv)
{
    int code = scoop_main(argc, argv, root);
    const int *value;

    if (end_seen.is_root && end_seen.codes[0] != SCOOP_ENOCONST)
        return 2;
    /* Outside of a farm they work in this process alone, and nobody else will
     * define what is not there. */
    if (scoop_const_version("x") || scoop_const_set("x", &code) ||
        scoop_const_get("x", &value) || *value != code ||
        scoop_const_set("x", &code) != SCOOP_EEXISTS ||
        scoop_const_get("y", &value) != SCOOP_ENOCONST ||
        scoop_const_delete("x") ||
        scoop_const_get("x", &value) != SCOOP_ENOCONST)
        return 3;
    return code;
}
