/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_submit.c -- submit, result, join, release, in any order and number */
#include "api.h"

struct pair {
    long a, b;
};

SCOOP_TASK(add, struct pair, long);
SCOOP_TASK(nothing, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(give, SCOOP_NONE, int);
SCOOP_TASK(keep, int, SCOOP_NONE);
SCOOP_TASK(tree, int, long);
SCOOP_TASK(parent, int, long);
SCOOP_TASK_AS(twice, "api.twice", int, int);

/* As a header and a source file of several would have it. */
SCOOP_TASK_DECLARE(thrice, int, int);
SCOOP_TASK_EXTERN(thrice, int, int);

static int add(const struct pair *p, long *sum)
{
    *sum = p->a + p->b;
    return 0;
}

/* Null pointers stand for what there is not. */
static int nothing(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    return in || out ? scoop_fail(1, "something") : 0;
}

static int give(const SCOOP_NONE *in, int *out)
{
    *out = 42;
    return in ? scoop_fail(1, "something") : 0;
}

static int keep(const int *in, SCOOP_NONE *out)
{
    return out ? scoop_fail(1, "something") : *in - 7;
}

static int twice(const int *in, int *out)
{
    return *out = 2 * *in, 0;
}

int thrice(const int *in, int *out)
{
    return *out = 3 * *in, 0;
}

/* Leaves of a tree of so many levels, three children each. */
static int tree(const int *levels, long *leaves)
{
    scoop_future child[3];
    int err = 0;

    if (!*levels)
        return *leaves = 1, 0;
    for (int i = 0; i < 3; i++)
        child[i] = scoop_submit(tree, &(int){*levels - 1});
    *leaves = 0;
    for (int i = 0; i < 3; i++) {
        long n = 0;
        int e = scoop_join(child[i], &n);
        err = err ? err : e;
        *leaves += n;
    }
    return err;
}

/* Sum of the squares below n, by n children that are joined first to last. */
static int parent(const int *n, long *sum)
{
    scoop_future *child = malloc((size_t)*n * sizeof *child);
    int err = child ? 0 : scoop_fail(1, "no memory");

    for (int i = 0; child && i < *n; i++)
        child[i] = scoop_submit(add, &((struct pair){i, (long)i * i}));
    *sum = 0;
    for (int i = 0; child && i < *n; i++) {
        long one = 0;
        int e = scoop_join(child[i], &one);
        err = err ? err : e;
        *sum += one - i;
    }
    free(child);
    return err;
}

static void one_future(void)
{
    struct pair p = {40, 2};
    long sum = 0;
    scoop_future f = scoop_submit(add, &p);

    p.a = p.b = 0; /* the task has a copy */
    CHECK(f.id != 0);
    for (int i = 0; i < 3; i++) {
        sum = 0;
        CHECK(scoop_result(f, &sum) == 0 && sum == 42);
    }
    CHECK(scoop_result(f, NULL) == 0);
    CHECK(scoop_done(f) == 1);
    sum = 0;
    CHECK(scoop_join(f, &sum) == 0 && sum == 42);
    CHECK(scoop_join(f, &sum) == SCOOP_ESTALE);
    CHECK(scoop_join(scoop_submit(add, &((struct pair){1, 2})), NULL) == 0);
}

static void no_values(void)
{
    SCOOP_NONE none;
    int out = 0;

    CHECK(scoop_join(scoop_submit(nothing, NULL), NULL) == 0);
    CHECK(scoop_join(scoop_submit(nothing, &none), &none) == 0);
    CHECK(scoop_join(scoop_submit(give, NULL), &out) == 0 && out == 42);
    CHECK(scoop_join(scoop_submit(keep, &(int){7}), NULL) == 0);
    CHECK(scoop_join(scoop_submit(keep, &(int){8}), NULL) == SCOOP_EFAILED);
    scoop_future f = scoop_submit(nothing, NULL);
    CHECK(scoop_result(f, NULL) == 0 && scoop_result(f, &none) == 0);
    CHECK(scoop_release(f) == 0);
    CHECK(scoop_join(scoop_submit(add, NULL), NULL) == SCOOP_EINVAL);
}

static void names(void)
{
    const struct scoop_task *task = scoop_task_find("api.twice");
    int out = 0;

    CHECK(task && task == &scoop_task_twice);
    CHECK(!scoop_task_find("twice"));
    CHECK(!scoop_task_find("") && !scoop_task_find(NULL));
    CHECK(scoop_task_find("thrice") == &scoop_task_thrice);
    CHECK(scoop_join(scoop_submit(twice, &(int){21}), &out) == 0 && out == 42);
    CHECK(scoop_join(scoop_submit(thrice, &(int){14}), &out) == 0 && out == 42);
    scoop_future f = scoop_submit_task(task, &(int){4}, sizeof(int), NULL);
    CHECK(scoop_join_of(f, &out, NULL) == 0 && out == 8);
    f = scoop_submit_task(task, &(int){5}, sizeof(int) - 1, NULL);
    CHECK(scoop_join_of(f, &out, NULL) == SCOOP_EINVAL);
    f = scoop_submit_task(NULL, &(int){5}, sizeof(int), NULL);
    CHECK(scoop_join_of(f, &out, NULL) == SCOOP_EINVAL);
}

enum order { FORWARD, BACKWARD, MIXED };

/* A burst of n futures, with every third one's result looked at before, and
 * every seventh released without a look. */
static void burst(size_t n, enum order order)
{
    scoop_future *f = malloc(n * sizeof *f);
    size_t wrong = 0;

    CHECK(f != NULL);
    for (size_t i = 0; f && i < n; i++)
        f[i] = scoop_submit(add, &((struct pair){(long)i, 1}));
    for (size_t k = 0; f && k < n; k++) {
        size_t i = order == FORWARD    ? k
                   : order == BACKWARD ? n - 1 - k
                                       : k * 48271 % n;
        long sum = -1;
        if (i % 7 == 6) {
            wrong += scoop_release(f[i]) != 0;
            wrong += scoop_result(f[i], &sum) != SCOOP_ESTALE;
            continue;
        }
        if (i % 3 == 2)
            wrong += scoop_result(f[i], &sum) || sum != (long)i + 1;
        sum = -1;
        wrong += scoop_join(f[i], &sum) || sum != (long)i + 1;
    }
    CHECK(wrong == 0);
    free(f);
}

static void nested(void)
{
    long n = 0;

    CHECK(scoop_join(scoop_submit(tree, &(int){8}), &n) == 0 && n == 6561);
    n = 0;
    CHECK(tree(&(int){5}, &n) == 0 && n == 243);
    CHECK(scoop_join(scoop_submit(parent, &(int){5000}), &n) == 0);
    CHECK(n == 41654167500L);
    CHECK(parent(&(int){3000}, &n) == 0 && n == 8995500500L);
    scoop_future f[10];
    for (int i = 0; i < 10; i++)
        f[i] = scoop_submit(parent, &(int){1000});
    for (int i = 0; i < 10; i++)
        CHECK(scoop_join(f[i], &n) == 0 && n == 332833500L);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    one_future();
    no_values();
    names();
    burst(100000, FORWARD);
    burst(100000, BACKWARD);
    burst(100003, MIXED); /* a prime: the walk meets each once */
    burst(1, FORWARD);
    nested();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
