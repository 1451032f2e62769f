/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; limit: 60 s */
/* api_seed.c -- a seed belongs to the task, wherever it runs */
#include "api.h"

enum { ITEMS = 100000, NESTED = 400, SUBS = 3, LEAVES = 5 };

/* What one item of the nested map saw: its own, its children's, and theirs. */
struct seen {
    uint64_t own, index;
    uint64_t sub[SUBS];
    uint64_t leaf[SUBS][LEAVES];
    uint64_t own_leaf[LEAVES];
};
struct sub {
    uint64_t own, index;
    uint64_t leaf[LEAVES];
};
struct leaf {
    uint64_t own, index;
};

SCOOP_TASK(look, int, struct leaf);
SCOOP_TASK(sub, int, struct sub);
SCOOP_TASK(item, int, struct seen);

static const int zeros[ITEMS];

static int look(const int *in, struct leaf *out)
{
    (void)in;
    out->own = scoop_seed();
    out->index = scoop_index();
    return out->own == scoop_seed() ? 0 : scoop_fail(1, "it changes");
}

static int map_leaves(uint64_t *seeds)
{
    struct leaf leaf[LEAVES];
    int err = scoop_map(look, zeros, leaf, LEAVES);

    for (int i = 0; i < LEAVES && !err; i++) {
        seeds[i] = leaf[i].own;
        if (leaf[i].index != (uint64_t)i)
            return scoop_fail(2, "index %d is another", i);
    }
    return err;
}

static int sub(const int *in, struct sub *out)
{
    (void)in;
    out->own = scoop_seed();
    out->index = scoop_index();
    return map_leaves(out->leaf);
}

static int item(const int *in, struct seen *out)
{
    scoop_future f[SUBS];
    struct sub s = {0};
    int err = map_leaves(out->own_leaf);

    out->own = scoop_seed();
    out->index = scoop_index();
    for (int i = 0; i < SUBS; i++)
        f[i] = scoop_submit(sub, in);
    for (int i = SUBS - 1; i >= 0; i--) { /* the order does not matter */
        if (!err)
            err = scoop_join(f[i], &s);
        out->sub[i] = s.own;
        memcpy(out->leaf[i], s.leaf, sizeof s.leaf);
        if (!err && s.index != 0)
            err = scoop_fail(3, "a task has an index");
    }
    return err;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static uint64_t *all;
static size_t count;

static void keep(const uint64_t *seeds, size_t n)
{
    memcpy(all + count, seeds, n * sizeof *seeds);
    count += n;
}

/* Of all seeds in their order: is the same in each run. */
static uint64_t collect(void)
{
    enum { EACH = 1 + SUBS + SUBS * LEAVES + LEAVES };
    static struct seen seen[NESTED];
    static struct leaf leaf[ITEMS];
    uint64_t hash = 1, own = scoop_seed();
    size_t wrong = 0, twice = 0;
    struct leaf plain;

    all = calloc(2 * ITEMS + NESTED * EACH + 10, sizeof *all);
    count = 0;
    if (!all)
        return 0;
    keep(&own, 1);
    CHECK(scoop_index() == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(scoop_join(scoop_submit(look, &i), &plain) == 0);
        CHECK(plain.index == 0);
        keep(&plain.own, 1);
    }
    CHECK(scoop_map(item, zeros, seen, NESTED) == 0);
    for (size_t i = 0; i < NESTED; i++) {
        wrong += seen[i].index != i;
        keep(&seen[i].own, 1);
        keep(seen[i].sub, SUBS);
        keep(seen[i].leaf[0], (size_t)SUBS * LEAVES);
        keep(seen[i].own_leaf, LEAVES);
    }
    for (int times = 0; times < 2; times++) {
        CHECK(scoop_map(look, zeros, leaf, ITEMS) == 0);
        for (size_t i = 0; i < ITEMS; i++) {
            wrong += leaf[i].index != i;
            keep(&leaf[i].own, 1);
        }
    }
    CHECK(wrong == 0);
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ all[i]) * UINT64_C(0x100000001b3);
    qsort(all, count, sizeof *all, compare);
    for (size_t i = 1; i < count; i++)
        twice += all[i] == all[i - 1];
    CHECK(twice == 0);
    free(all);
    return hash;
}

static uint64_t serial; /* what a run without a farm gives */

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint64_t hash = collect();
    printf("%016llx\n", (unsigned long long)hash);
    CHECK(hash == serial);
    return checks_done();
}

int main(int argc, char **argv)
{
    struct api_catch c;

    api_catch(&c);
    serial = collect();
    free(api_caught(&c));
    return scoop_main(argc, argv, root);
}
