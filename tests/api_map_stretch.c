/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; settings: -, NODE_REACH=0; limit: 60 s */
/* api_map_stretch.c -- maps of many short items, one of which is different
 *
 * Short items are called in a row, with few looks at what happens meanwhile.
 * Whatever an item does must show at that item: that it fails, is tried again,
 * leaves something behind, calls the library, or takes long all of a sudden.
 * ODD is where, so that it falls into the middle of a row, or on either end.
 */
#include "api.h"

enum { ITEMS = 20000, LONG_EVERY = 250 };

enum how {
    PLAIN,
    FAIL,   /* with words */
    RETRY,  /* fails the first time */
    LEAVE,  /* futures that nobody joins */
    MUTTER, /* scoop_fail(), but 0 */
    ASK,    /* the library, for nothing that changes anything */
    SUBMIT, /* and join */
    MAP,    /* of its own */
    NAP     /* long */
};

struct job {
    int item, odd;
    enum how how;
};

struct result {
    uint64_t seed, index;
    int rank, value;
};

SCOOP_TASK(twice, int, int);
SCOOP_TASK(work, struct job, struct result);
SCOOP_TASK(napper, struct job, struct result);

static int twice(const int *in, int *out)
{
    *out = 2 * *in;
    return 0;
}

static int act(const struct job *job, int *value)
{
    int ten[10] = {0}, out[10];

    switch (job->how) {
    case FAIL:
        return scoop_fail(7, "item %d is odd", job->item);
    case RETRY:
        return scoop_attempt() < 2 ? scoop_fail(8, "not yet") : 0;
    case LEAVE:
        scoop_release(scoop_submit(twice, &job->item));
        scoop_submit(twice, &job->item);
        return 0;
    case MUTTER:
        scoop_fail(9, "never mind");
        return 0;
    case ASK:
        for (int i = 0; i < 3; i++)
            scoop_release((scoop_future){0});
        return 0;
    case SUBMIT:
        return scoop_join(scoop_submit(twice, &job->item), value);
    case MAP:
        ten[9] = job->item;
        if (scoop_map(twice, ten, out, 10))
            return 1;
        *value = out[9];
        return 0;
    default:
        return 0;
    }
}

static int work(const struct job *job, struct result *out)
{
    out->seed = scoop_seed();
    out->index = (uint64_t)job->item;
    out->rank = scoop_rank();
    out->value = 2 * job->item;
    return job->item == job->odd ? act(job, &out->value) : 0;
}

/* A function of its own, so that it is thought to be short. */
static int napper(const struct job *job, struct result *out)
{
    memset(out, 0, sizeof *out);
    out->rank = scoop_rank();
    out->value = 2 * job->item;
    if (job->how == NAP && job->item % LONG_EVERY == 0)
        api_nap(0.005);
    return 0;
}

static struct job jobs[ITEMS];
static struct result out[ITEMS];
static int status[ITEMS];

static void set(enum how how, int odd)
{
    for (int i = 0; i < ITEMS; i++)
        jobs[i] = (struct job){i, odd, how};
    memset(out, 0, sizeof out);
}

static int count_right(int from, int to)
{
    int right = 0;

    for (int i = from; i < to; i++)
        right += out[i].value == 2 * i && out[i].index == (uint64_t)i;
    return right;
}

static void check_failure(int odd)
{
    set(FAIL, odd);
    CHECK(scoop_map(work, jobs, out, ITEMS) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item && e->item == (uint64_t)odd && e->task_code == 7);
    memset(out, 0, sizeof out);
    CHECK(scoop_map(work, jobs, out, ITEMS, .status = status,
                    .on_error = SCOOP_KEEP_GOING) == SCOOP_EFAILED);
    e = scoop_last_error();
    CHECK(e && e->has_item && e->item == (uint64_t)odd);
    CHECK(count_right(0, odd) == odd);
    CHECK(count_right(odd + 1, ITEMS) == ITEMS - odd - 1);
    int bad = 0;
    for (int i = 0; i < ITEMS; i++)
        bad += status[i] != 0;
    CHECK(bad == 1 && status[odd] == SCOOP_EFAILED);
}

/* All others know nothing of it, and draw the same numbers. */
static void check_quiet(enum how how, int odd)
{
    set(how, odd);
    CHECK(!scoop_map(work, jobs, out, ITEMS, .retries = how == RETRY));
    CHECK(count_right(0, ITEMS) == ITEMS);
}

static int count_same_seeds(void)
{
    int same = 0;

    for (int i = 1; i < ITEMS; i++)
        same += out[i].seed == out[i - 1].seed;
    return same;
}

/* A short function that turns long now and then must not keep what others
 * could run. */
static void check_turning_long(void)
{
    int elsewhere = 0;

    set(PLAIN, -1);
    CHECK(!scoop_map(napper, jobs, out, ITEMS));
    set(NAP, -1);
    CHECK(!scoop_map(napper, jobs, out, ITEMS));
    for (int i = 0; i < ITEMS; i += LONG_EVERY)
        elsewhere += out[i].rank != out[0].rank;
    CHECK(scoop_size() == 1 || elsewhere > 0);
}

static int root(int argc, char **argv)
{
    /* The first item, the ends of the first rows, the middle, the last. */
    static const int odds[] = {0, 8, 127, 128, 129, 5000, ITEMS - 1};

    (void)argc;
    (void)argv;
    for (size_t k = 0; k < sizeof odds / sizeof *odds; k++) {
        check_failure(odds[k]);
        for (enum how how = RETRY; how <= MAP; how++)
            check_quiet(how, odds[k]);
        CHECK(count_same_seeds() == 0);
    }
    check_turning_long();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
