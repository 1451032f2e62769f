/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_profile.c -- SCOOP_PROFILE writes a timeline for each rank
 *
 * Read back with Jansson by the rank that wrote it.
 */
#define _GNU_SOURCE 1 /* setenv */
#include "api.h"

#include <jansson.h>

SCOOP_TASK(fib, int, long);
SCOOP_TASK(nap, double, int);
SCOOP_TASK_AS(odd, "odd \"name\"\\\t", int, int);
SCOOP_PROLOG(remember);

static int rank;
static uint64_t runs[3]; /* of this process: fib, nap, odd */

static int remember(void)
{
    rank = scoop_rank();
    return 0;
}

static int fib(const int *n, long *out)
{
    long a = *n, b = 0;

    runs[0]++;
    if (*n >= 2) {
        scoop_future left = scoop_submit(fib, &(int){*n - 1});
        scoop_future right = scoop_submit(fib, &(int){*n - 2});
        if (scoop_join(right, &b) || scoop_join(left, &a))
            return 1;
    }
    return *out = a + b, 0;
}

static int nap(const double *seconds, int *out)
{
    runs[1]++;
    api_nap(*seconds);
    return *out = 0, 0;
}

static int odd(const int *n, int *out)
{
    runs[2]++;
    return *out = *n, 0;
}

static int root(void *arg)
{
    int in[50], out[50];
    long result;

    (void)arg;
    for (int i = 0; i < 50; i++)
        in[i] = i;
    CHECK(scoop_map(odd, in, out, 50) == 0);
    CHECK(scoop_join(scoop_submit(fib, &(int){12}), &result) == 0);
    CHECK(result == 144);
    scoop_future f = scoop_submit(nap, &(double){0.02},
                                  .place = scoop_on_rank(scoop_size() - 1));
    CHECK(scoop_join(f, NULL) == 0);
    return 0;
}

struct seen {
    uint64_t tasks, roots, named[3], waits, idles, steals;
    double longest; /* nap, microseconds */
};

static int look_at(json_t *e, struct seen *s)
{
    static const char *const names[] = {"fib", "nap", "odd \"name\"\\\t"};
    const char *name = json_string_value(json_object_get(e, "name"));
    const char *kind = json_string_value(json_object_get(e, "cat"));
    const char *phase = json_string_value(json_object_get(e, "ph"));
    double time = json_number_value(json_object_get(e, "ts"));
    double took = json_number_value(json_object_get(e, "dur"));

    if (!name || !phase ||
        json_integer_value(json_object_get(e, "pid")) != rank)
        return 1;
    if (*phase == 'M')
        return 0;
    if (!kind || time < 0 || took < 0 || took > 60e6)
        return 1;
    s->waits += !strcmp(kind, "wait");
    s->idles += !strcmp(kind, "idle");
    s->steals += !strcmp(kind, "steal");
    if (strcmp(kind, "task"))
        return 0;
    s->tasks++;
    s->roots += !strcmp(name, "the root");
    for (int i = 0; i < 3; i++)
        s->named[i] += !strcmp(name, names[i]);
    if (!strcmp(name, "nap") && took > s->longest)
        s->longest = took;
    return 0;
}

static json_t *load(const char *prefix, struct seen *s)
{
    char path[256];
    json_error_t why;
    size_t wrong = 0;

    memset(s, 0, sizeof *s);
    snprintf(path, sizeof path, "%s.%d.json", prefix, rank);
    json_t *all = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!all)
        printf("%s:%d: %s\n", path, why.line, why.text);
    json_t *events = json_object_get(all, "traceEvents");
    for (size_t i = 0; i < json_array_size(events); i++)
        wrong += look_at(json_array_get(events, i), s) != 0;
    CHECK(all && wrong == 0);
    unlink(path);
    return all;
}

static json_int_t left_out(json_t *all)
{
    json_t *other = json_object_get(all, "otherData");

    return json_integer_value(json_object_get(other, "left_out"));
}

int main(int argc, char **argv)
{
    char prefix[128];
    struct api_catch c;
    struct seen s;
    long pid = (long)getpid();

    MPI_Init(&argc, &argv);
    MPI_Bcast(&pid, 1, MPI_LONG, 0, MPI_COMM_WORLD);
    snprintf(prefix, sizeof prefix, "/tmp/api_profile.%ld", pid);
    setenv("SCOOP_PROFILE", prefix, 1);
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == 0);
    json_t *all = load(prefix, &s);
    CHECK(left_out(all) == 0 && s.roots == (rank == 0));
    CHECK(s.tasks == runs[0] + runs[1] + runs[2] + s.roots);
    for (int i = 0; i < 3; i++)
        CHECK(s.named[i] == runs[i]);
    CHECK(!runs[1] || s.longest >= 19e3);
    CHECK(rank == 0 || s.idles > 0);
    json_decref(all);
    /* With room for a hundred events. */
    setenv("SCOOP_PROFILE_MEMORY", "4K", 1);
    memset(runs, 0, sizeof runs);
    api_catch(&c);
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == 0);
    char *said = api_caught(&c);
    all = load(prefix, &s);
    CHECK(runs[0] < 103 || left_out(all) > 0);
    CHECK((left_out(all) > 0) == (api_lines(said, "PROFILE_MEMORY") == 1));
    CHECK(s.tasks <= 102);
    json_decref(all);
    free(said);
    /* Where it cannot be written the farm runs all the same. */
    setenv("SCOOP_PROFILE", "/nowhere/at/all", 1);
    api_catch(&c);
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == 0);
    said = api_caught(&c);
    CHECK(api_lines(said, "/nowhere/at/all") == 1);
    free(said);
    /* And without it nothing is written. */
    unsetenv("SCOOP_PROFILE");
    CHECK(scoop_run(MPI_COMM_WORLD, root, NULL) == 0);
    char path[256];
    snprintf(path, sizeof path, "%s.%d.json", prefix, rank);
    CHECK(access(path, F_OK) != 0);
    MPI_Finalize();
    return checks_done();
}
