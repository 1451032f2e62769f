/* SPDX-License-Identifier: MIT */
/* json_sweep.c -- every combination of the values that a JSON file lists
 *
 *     json_sweep [-j] [FILE]      examples/json_sweep.json if not given
 *                                 -j: print results as JSON, not as a table
 *
 * The usual way of computing on a cluster: the same program with many settings
 * of its parameters. The file has `fixed` values, which all runs get, and
 * under `sweep` a list for each of the others; the runs are all combinations
 * of these lists, the last one varying fastest. A run is a JSON task: it takes
 * an object of values and returns an object of results. So the list of
 * parameters is nowhere in the program but in the task that needs them.
 *
 * The task here computes a pendulum. A setting that makes no sense fails that
 * run and no other: it is in the table with its reason.
 */
#include <scoop.h>

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SCOOP_TASK_JSON(swing);

/* ---- The task ---- */

struct state {
    double angle, speed;
};

static struct state slope(struct state s, double length, double friction)
{
    return (struct state){s.speed,
                          -9.81 / length * sin(s.angle) - friction * s.speed};
}

static struct state add(struct state s, struct state slope, double step)
{
    return (struct state){s.angle + step * slope.angle,
                          s.speed + step * slope.speed};
}

/* Jansson checks that all values are there and of the right kind; its words
 * are good enough to fail with. */
static json_t *swing(json_t *in)
{
    double seconds, length, angle, step, friction;
    const char *method;
    json_error_t wrong;

    if (json_unpack_ex(in, &wrong, 0, "{s:F, s:F, s:F, s:F, s:F, s:s}",
                       "seconds", &seconds, "length", &length, "angle", &angle,
                       "step", &step, "friction", &friction, "method",
                       &method)) {
        scoop_fail(1, "%s", wrong.text);
        return NULL;
    }
    if (step <= 0 || friction < 0) {
        scoop_fail(2, "%s",
                   step <= 0 ? "a step must be positive"
                             : "friction must not be negative");
        return NULL;
    }
    bool is_midpoint = !strcmp(method, "midpoint");
    long steps = lround(seconds / step), swings = 0;
    struct state s = {angle, 0};
    for (long i = 0; i < steps; i++) {
        struct state rate = slope(s, length, friction), next;
        if (is_midpoint)
            rate = slope(add(s, rate, step / 2), length, friction);
        next = add(s, rate, step);
        swings += (next.angle < 0) != (s.angle < 0);
        s = next;
    }
    double energy = s.speed * s.speed * length * length / 2 +
                    9.81 * length * (1 - cos(s.angle));
    return json_pack("{s:f, s:I}", "energy", energy, "half_swings",
                     (json_int_t)swings);
}

/* ---- All combinations ---- */

/* Run number `i`: the lists' values are the digits of i. */
static json_t *combination(json_t *fixed, json_t *sweep, size_t i, size_t runs)
{
    json_t *run = fixed ? json_copy(fixed) : json_object();
    const char *name;
    json_t *list;

    json_object_foreach(sweep, name, list)
    {
        size_t n = json_array_size(list);
        runs /= n;
        json_object_set(run, name, json_array_get(list, i / runs % n));
    }
    return run;
}

/* How many runs there are; 0 if what is under "sweep" is not as it should
 * be. */
static size_t count_runs(json_t *sweep)
{
    size_t runs = json_is_object(sweep);
    const char *name;
    json_t *list;

    json_object_foreach(sweep, name, list) runs *= json_array_size(list);
    return runs;
}

static json_t *read_file(const char *name)
{
    json_error_t wrong;
    json_t *file = json_load_file(name, JSON_REJECT_DUPLICATES, &wrong);

    if (!file)
        fprintf(stderr, "json_sweep: %s:%d:%d: %s\n", name, wrong.line,
                wrong.column, wrong.text);
    return file;
}

/* ---- Output ---- */

static void print_value(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
                                       JSON_REAL_PRECISION(6));

    printf("%-12s", text ? text : "?");
    free(text);
}

static void print_header(json_t *sweep)
{
    const char *name;
    json_t *list;

    json_object_foreach(sweep, name, list) printf("%-12s", name);
    printf("result\n");
}

/* A line of the table: what was swept, what came out. */
static void print_run(json_t *sweep, json_t *run)
{
    json_t *parameters = json_object_get(run, "parameters");
    json_t *result = json_object_get(run, "result"), *value;
    const char *name, *separator = "";

    json_object_foreach(sweep, name, value)
        print_value(json_object_get(parameters, name));
    if (!result)
        printf("failed: %s", json_string_value(json_object_get(run, "error")));
    json_object_foreach(result, name, value)
    {
        printf("%s%s %g", separator, name, json_number_value(value));
        separator = ", ";
    }
    printf("\n");
}

/* Joins run i and says how it went. */
static json_t *outcome(json_t *parameters, scoop_future f)
{
    const struct scoop_error *e;
    json_t *run = json_pack("{s:O}", "parameters", parameters), *result;

    if (!run || scoop_exception(f, &e)) {
        json_decref(run);
        return NULL;
    }
    if (e)
        json_object_set_new(run, "error", json_string(e->message));
    else if (!scoop_result_json(f, &result)) /* lent, so one more reference */
        json_object_set(run, "result", result);
    scoop_release(f);
    return run;
}

static int sweep_file(json_t *file, bool as_json)
{
    json_t *sweep = json_object_get(file, "sweep");
    size_t runs = count_runs(sweep), failed = 0;
    scoop_future *futures = calloc(runs ? runs : 1, sizeof *futures);
    json_t *all = json_array();
    int err = 0;

    if (!runs || !futures) {
        fprintf(stderr, "json_sweep: \"sweep\" must be an object of lists, "
                        "none of them empty\n");
        err = 2;
    }
    for (size_t i = 0; i < runs && !err; i++) {
        json_t *run =
            combination(json_object_get(file, "fixed"), sweep, i, runs);
        futures[i] = scoop_submit(swing, run); /* as text: run stays ours */
        json_array_append_new(all, run);
    }
    if (!err && !as_json)
        print_header(sweep);
    for (size_t i = 0; i < runs && !err; i++) {
        json_t *run = outcome(json_array_get(all, i), futures[i]);
        if (!run)
            err = scoop_perror("swing");
        else if (!json_object_get(run, "result"))
            failed++;
        if (run && !as_json)
            print_run(sweep, run);
        json_array_set_new(all, i, run);
    }
    if (!err && as_json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        printf("\n");
    } else if (!err) {
        printf("%zu runs, %zu of them failed\n", runs, failed);
    }
    json_decref(all);
    free(futures);
    return err;
}

static int root(int argc, char **argv)
{
    bool as_json = argc > 1 && !strcmp(argv[1], "-j");
    const char *name =
        argc > 1 + as_json ? argv[1 + as_json] : "examples/json_sweep.json";
    json_t *file = read_file(name);
    const char *title;
    int err = EXIT_FAILURE;

    if (file) {
        title = json_string_value(json_object_get(file, "title"));
        if (title && !as_json)
            printf("%s\n", title);
        err = sweep_file(file, as_json);
    }
    json_decref(file);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
