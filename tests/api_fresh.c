/* SPDX-License-Identifier: MIT */
/* ranks: 1 2 | 4; node-memory: 1 0; limit: 120 s */
/* api_fresh.c -- futures that become known to others at any moment
 *
 * A future that is joined while it is the newest is known to nobody but its
 * owner.  Here trees of short tasks do, at random moments, all that makes it
 * known: join in another order, ask, cancel, release, leave futures behind,
 * wait for several, make iterators, submit bytes tasks, others with priorities
 * and places, and maps in between, fail, take long, recurse deeper than the
 * stack of such futures is.  Each tree's value is compared with that of a
 * serial model.
 */
#include "api.h"

enum { TREES = 40, WIDTH = 5, DEPTH = 6, DEEP = 700 };

struct node {
    uint64_t random;
    scoop_future other; /* one of the parent's, not this task's own */
    int depth;
};

struct words {
    uint64_t word[9];
};

SCOOP_TASK(grow, struct node, uint64_t);
SCOOP_TASK(leaf, int, int);
SCOOP_TASK(large, struct words, uint64_t);
SCOOP_TASK(deep, int, int);
SCOOP_TASK(hello, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK_BYTES(text);

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int leaf(const int *in, int *out)
{
    *out = *in + 1;
    return *in < 0 ? scoop_fail(-*in, "asked to") : 0;
}

static int large(const struct words *in, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < 9; i++)
        *out += in->word[i];
    return 0;
}

static int hello(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    return in || out ? scoop_fail(1, "not NULL") : 0;
}

static int text(const void *data, size_t len, scoop_out *out)
{
    return scoop_out_write(out, data, len);
}

/* Each level has one task that runs and one that waits for its join. */
static int deep(const int *levels, int *out)
{
    scoop_future f = scoop_submit(leaf, levels);
    int below = 0, own, err = 0;

    if (*levels > 0)
        err = scoop_join(scoop_submit(deep, &(int){*levels - 1}), &below);
    err = scoop_join(f, &own) || err;
    *out = below + 1;
    return err || own != *levels + 1;
}

/* ---- What makes futures known; each returns 0 if all is as it must be ---- */

static int join_late(const scoop_future *f, int n)
{
    int out, err = scoop_join(scoop_submit(leaf, &n), &out);

    (void)f;
    return err || out != n + 1;
}

static int cancel(const scoop_future *f, int n)
{
    scoop_future mine = scoop_submit(leaf, &n);
    int answer = scoop_cancel(mine);

    (void)f;
    return answer < 0 || (n % 2 && scoop_release(mine)); /* or it is left */
}

static int release(const scoop_future *f, int n)
{
    scoop_future mine = scoop_submit(leaf, &n);

    (void)f;
    return scoop_release(mine) || scoop_join(mine, &n) != SCOOP_ESTALE;
}

static int ask(const scoop_future *f, int n)
{
    struct scoop_info info;

    return n && (scoop_done(f[n / 2]) < 0 || scoop_future_info(f[0], &info) ||
                 strcmp(info.task, "grow"));
}

static int fail(const scoop_future *f, int n)
{
    int out, err = scoop_join(scoop_submit(leaf, &(int){-7}), &out);
    const struct scoop_error *e = scoop_last_error();

    (void)f;
    (void)n;
    return err != SCOOP_EFAILED || !e || e->task_code != 7;
}

static int bytes(const scoop_future *f, int n)
{
    scoop_future mine = scoop_submit(text, "words", .len = 5);
    scoop_future plain = scoop_submit(hello, NULL);
    void *data = NULL;
    size_t len = 0;
    int err = scoop_join_bytes(mine, &data, &len);

    (void)f;
    err = err || len != 5 || memcmp(data, "words", 5);
    free(data);
    return scoop_join(plain, NULL) || err || n < 0;
}

static int options(const scoop_future *f, int n)
{
    scoop_future first = scoop_submit(leaf, &n, .priority = n % 3 - 1);
    scoop_future second =
        scoop_submit(leaf, &n, .place = scoop_near_rank(n % scoop_size()));
    scoop_future third = scoop_submit(leaf, &n);
    int a, b, c;

    (void)f;
    return scoop_join(first, &a) || scoop_join(third, &c) ||
           scoop_join(second, &b) || a + b + c != 3 * (n + 1);
}

static int many(const scoop_future *f, int n)
{
    int in[7] = {n, 1, 2, 3, 4, 5, 6}, out[7];

    (void)f;
    return scoop_map(leaf, in, out, 7) || out[0] != n + 1 || out[6] != 7;
}

static int iterate(const scoop_future *f, int n)
{
    scoop_future one;
    scoop_iter *iter;

    if (scoop_as_completed(&iter, f, (size_t)n))
        return 1;
    int err = n && scoop_next(iter, &one);
    return n % 2 ? err || scoop_iter_free(iter) : err; /* or it is left */
}

static int wait_for_one(const scoop_future *f, int n)
{
    return scoop_wait(f, (size_t)n, .return_when = SCOOP_FIRST_COMPLETED);
}

static int sizes(const scoop_future *f, int n)
{
    struct words words = {{1, 2, 3, 4, 5, 6, 7, 8, (uint64_t)n}};
    scoop_future small = scoop_submit(leaf, &n);
    scoop_future mine = scoop_submit(large, &words);
    uint64_t out;
    int own;

    (void)f;
    words.word[0] = 100; /* it has a copy */
    return scoop_join(mine, &out) || out != 36 + (uint64_t)n ||
           scoop_join(small, &own) || own != n + 1;
}

static int take_long(const scoop_future *f, int n)
{
    (void)f;
    api_compute(n % 2 ? 30e-6 : 3e-6);
    return 0;
}

static int (*const known[])(const scoop_future *f,
                            int n) = {join_late,    cancel, release,
                                      ask,          fail,   bytes,
                                      options,      many,   iterate,
                                      wait_for_one, sizes,  take_long};

/* ---- Trees ------------------------------------------------------------ */

static int width(const struct node *node, uint64_t *random)
{
    return node->depth > 0 ? (int)(next(random) % (WIDTH + 1)) : 0;
}

static struct node child(const struct node *node, uint64_t *random)
{
    struct node c = {next(random) | 1, {0, 0}, node->depth - 1};

    return c;
}

static uint64_t model(const struct node *node)
{
    uint64_t random = node->random, sum = node->random % 1000;
    int n = width(node, &random);

    for (int k = 0; k < n; k++) {
        struct node c = child(node, &random);
        sum += model(&c);
    }
    return sum;
}

static int grow(const struct node *node, uint64_t *out)
{
    enum { KNOWN = sizeof known / sizeof known[0] };
    uint64_t random = node->random, noise = node->random * 31 + 1;
    int n = width(node, &random), turn = (int)(next(&noise) % 4);
    scoop_future f[WIDTH];

    *out = node->random % 1000;
    if (node->other.id && scoop_done(node->other) >= 0)
        return scoop_fail(1, "another task's future");
    for (int k = 0; k < n; k++) {
        struct node c = child(node, &random);
        if (k && next(&noise) % 8 == 0)
            c.other = f[k - 1];
        f[k] = scoop_submit(grow, &c);
        unsigned which = (unsigned)(next(&noise) % (8 * KNOWN));
        if (which < KNOWN && known[which](f, k + 1))
            return scoop_fail(2 + (int)which, "what makes it known");
    }
    for (int k = 0; k < n; k++) {
        int at = turn == 0 ? k : turn == 1 ? (k + n / 2) % n : n - 1 - k;
        uint64_t value;
        int err = scoop_join(f[at], &value);
        if (err)
            return err;
        if (next(&noise) % 64 == 0 && scoop_join(f[at], &value) != SCOOP_ESTALE)
            return scoop_fail(99, "joined twice");
        *out += value;
    }
    return 0;
}

static int root(int argc, char **argv)
{
    uint64_t random = 88172645463325252u, value;
    int levels;

    (void)argc;
    (void)argv;
    for (int i = 0; i < TREES; i++) {
        struct node top = {next(&random) | 1, {0, 0}, DEPTH};
        int err = scoop_join(scoop_submit(grow, &top), &value);
        if (err)
            scoop_perror("a tree");
        CHECK(!err && value == model(&top));
        err = scoop_join(scoop_submit(deep, &(int){DEEP}), &levels);
        CHECK(!err && levels == DEEP + 1);
    }
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
