/* SPDX-License-Identifier: MIT */
/* ranks: -; limit: 60 s; skip: asan tsan valgrind */
/* api_wait_nomem.c -- waits, iterators and callbacks without memory
 *
 * One allocation after the other is refused.  Calls may then fail, with
 * SCOOP_ENOMEM or because a task did, but nothing is lost, called twice or
 * left hanging, and afterwards all goes well again.
 */
#include "api.h"

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static long until_refusal = -1; /* allocations; -1: none is refused */

static int is_refused(void)
{
    if (until_refusal < 0)
        return 0;
    return until_refusal-- == 0;
}

void *malloc(size_t bytes)
{
    return is_refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    return is_refused() ? NULL : __libc_calloc(n, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return is_refused() ? NULL : __libc_realloc(old, bytes);
}

SCOOP_TASK(same, int, int);
SCOOP_TASK(fail, int, int);

static int same(const int *in, int *out)
{
    return *out = *in, 0;
}

static int fail(const int *in, int *out)
{
    *out = 0;
    return scoop_fail(*in, "this is %d", *in);
}

static int added, called, wrong;

static int count(scoop_future f, void *arg)
{
    int out = 0, err = scoop_result(f, &out);

    called++;
    wrong += err == 0 && out != *(int *)arg;
    return 0;
}

static int next(void *ctx, void *item)
{
    int *left = ctx;

    return *left ? (*(int *)item = (*left)--, 0) : SCOOP_END;
}

static int put(void *ctx, uint64_t index, const void *out, int status)
{
    (void)ctx;
    (void)index;
    wrong += !status != !!out;
    return 0;
}

static int is_fair(int err)
{
    return err == 0 || err == SCOOP_END || err == SCOOP_ENOMEM ||
           err == SCOOP_EFAILED;
}

enum { N = 40 };

static void futures(void)
{
    static int number[N];
    scoop_future f[N], g;
    scoop_iter *it;
    int ended = 0, err;

    for (int i = 0; i < N; i++) {
        number[i] = i;
        f[i] = i % 8 == 7 ? scoop_submit(fail, &i) : scoop_submit(same, &i);
        if (f[i].id && scoop_on_done(f[i], count, &number[i]) == 0)
            added++;
    }
    for (int i = 0; i < N; i++) /* one that was not made cannot be waited for */
        if (!f[i].id)
            f[i] = f[!i];
    wrong += !is_fair(scoop_wait(f, N));
    err = scoop_as_completed(&it, f, N);
    wrong += !is_fair(err) || (err != 0) != (it == NULL);
    while (it && (err = scoop_next(it, &g)) == 0) {
        int is_first = g.id == f[0].id;
        err = scoop_iter_add(it, f[0]); /* once more, until it comes */
        wrong += !is_fair(err) && err != SCOOP_ESTALE;
        if (is_first || ++ended > 3 * N)
            scoop_release(f[0]);
    }
    scoop_iter_free(it);
    for (int i = 0; i < N; i++)
        scoop_release(f[i]);
}

static void items(void)
{
    scoop_iter *it;
    int in[N] = {0}, left = N, status, err, out;

    for (int k = 0; k < 2; k++) {
        err = scoop_map_iter(same, &it, in, N, .as_completed = k);
        wrong += !is_fair(err) || (err != 0) != (it == NULL);
        while (it && scoop_next_item(it, NULL, &out, &status) == 0)
            wrong += !is_fair(status);
        scoop_iter_free(it);
    }
    err = scoop_map_gen(same, &it, next, &left);
    wrong += !is_fair(err) || (err != 0) != (it == NULL);
    while (it && (err = scoop_next_item(it, NULL, &out, &status)) == 0)
        ;
    wrong += !is_fair(err);
    left = 20;
    wrong += !is_fair(
        scoop_map_each(fail, next, &left, put, .on_error = SCOOP_KEEP_GOING));
    scoop_iter_free(it);
}

static int root(int argc, char **argv)
{
    double end = api_now() + 40;
    int refused = 0;

    (void)argc;
    (void)argv;
    for (long k = 0; k < 600; k++) {
        until_refusal = k;
        if (k % 2)
            futures();
        else
            items();
        refused += until_refusal < 0;
        until_refusal = -1;
        while (called < added && api_now() < end)
            scoop_join(scoop_submit(same, &(int){1}), NULL, .timeout = 1);
        if (called != added || wrong) {
            printf("allocation %ld: %d of %d called, %d wrong\n", k, called,
                   added, wrong);
            break;
        }
    }
    CHECK(called == added && wrong == 0 && refused > 100);
    futures();
    items();
    CHECK(wrong == 0);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
