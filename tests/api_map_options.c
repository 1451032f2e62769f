/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_map_options.c -- failing items, statuses, retries, pieces, progress */
#include "api.h"

#include <limits.h>

SCOOP_TASK(picky, long, long);
SCOOP_TASK(slow_picky, long, long);
SCOOP_TASK(moody, long, int);
SCOOP_TASK(moody_row, long, int);
SCOOP_TASK(where, long, int);
SCOOP_TASK(dawdle, long, long);
SCOOP_TASK(keep_row, long, long);
SCOOP_TASK(swallow, long, SCOOP_NONE);

enum { MOST = 100000 };

static long in[MOST], out[MOST];
static int status[MOST];

/* Negative numbers are not to its taste. */
static int picky(const long *x, long *y)
{
    *y = 2 * *x;
    return *x < 0 ? scoop_fail(3, "not %ld", *x) : 0;
}

static int slow_picky(const long *x, long *y)
{
    api_compute(10e-6);
    return picky(x, y);
}

static int swallow(const long *x, SCOOP_NONE *none)
{
    return *x < 0 || none ? scoop_fail(3, "not %ld", *x) : 0;
}

/* Fails *x times, then says how often it was tried. */
static int moody(const long *x, int *attempts)
{
    *attempts = scoop_attempt();
    return *attempts <= *x ? scoop_fail(5, "attempt %d", *attempts) : 0;
}

/* Items that submit and wait before they fail. */
static int moody_row(const long *x, int *attempts)
{
    static const long few[3];
    long twice[3];

    if (scoop_map(picky, few, twice, 3))
        return 1;
    return moody(x, attempts);
}

static int where(const long *x, int *rank)
{
    (void)x;
    api_nap(0.001);
    *rank = scoop_rank();
    return 0;
}

static int dawdle(const long *x, long *y)
{
    api_nap(0.004);
    *y = *x + 1;
    return *x < 0;
}

/* A map within a task, of which one item fails. */
static int keep_row(const long *x, long *y)
{
    long row[9], twice[9];
    int said[9];

    for (int i = 0; i < 9; i++)
        row[i] = i == *x % 9 ? -1 : i;
    int err = scoop_map(picky, row, twice, 9, .on_error = SCOOP_KEEP_GOING,
                        .status = said);
    *y = err == SCOOP_EFAILED && scoop_last_error()->item == (size_t)*x % 9;
    for (int i = 0; i < 9; i++)
        *y += said[i] ? row[i] == -1 : twice[i] == 2 * i;
    return 0;
}

static void fill(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        in[i] = (long)i;
        out[i] = -77;
        status[i] = 77;
    }
}

/* What must hold after a map that keeps going, whatever has failed. */
static void check_kept(int err, size_t n, int is_swallowed)
{
    size_t first = SIZE_MAX, wrong = 0;
    const struct scoop_error *e = scoop_last_error();

    for (size_t i = 0; i < n; i++) {
        if (in[i] < 0 && first == SIZE_MAX)
            first = i;
        if (in[i] < 0)
            wrong += status[i] != SCOOP_EFAILED;
        else
            wrong += status[i] != 0 || (!is_swallowed && out[i] != 2 * in[i]);
    }
    CHECK(wrong == 0);
    CHECK(err == (first == SIZE_MAX ? 0 : SCOOP_EFAILED));
    if (!err)
        return;
    char words[32] = "";
    snprintf(words, sizeof words, "not %ld", in[first]);
    CHECK(e && e->has_item && e->item == first && e->task_code == 3);
    CHECK(e && !strcmp(e->message, words) && !strcmp(e->task, "picky"));
    CHECK(e && e->attempt == 1 && e->attempts == 1);
}

static void keep_going(size_t n, int is_slow)
{
    int err;

    if (is_slow)
        err = scoop_map(slow_picky, in, out, n, .on_error = SCOOP_KEEP_GOING,
                        .status = status);
    else
        err = scoop_map(picky, in, out, n, .on_error = SCOOP_KEEP_GOING,
                        .status = status);
    const struct scoop_error *e = scoop_last_error();
    if (err && is_slow) {
        CHECK(e && !strcmp(e->task, "slow_picky"));
        err = scoop_map(picky, in, out, n, .on_error = SCOOP_KEEP_GOING,
                        .status = status);
    }
    check_kept(err, n, 0);
}

static void some_fail(void)
{
    static const size_t length[] = {1, 2, 3, 7, 127, 1009, 20011};

    for (size_t k = 0; k < sizeof length / sizeof *length; k++) {
        size_t n = length[k];
        int is_slow = n < 2000;
        fill(n);
        keep_going(n, is_slow); /* none fails */
        in[0] = -1;
        keep_going(n, is_slow);
        in[n - 1] = -5;
        keep_going(n, is_slow);
        fill(n);
        in[n - 1] = -1;
        keep_going(n, is_slow);
        for (size_t i = 0; i < n; i += 3)
            in[i] = -1 - (long)i;
        keep_going(n, is_slow);
        for (size_t i = 0; i < n; i++)
            in[i] = -1 - (long)i;
        keep_going(n, is_slow); /* all fail */
    }
    fill(MOST);
    for (size_t i = 0; i < MOST; i += 1000)
        in[i] = -1 - (long)i;
    keep_going(MOST, 0);
    fill(1);
    CHECK(scoop_map(picky, in, out, 0, .on_error = SCOOP_KEEP_GOING,
                    .status = status) == 0);
    CHECK(status[0] == 77);
    /* Without room for statuses, and without output. */
    fill(1000);
    in[500] = -1;
    CHECK(scoop_map(picky, in, out, 1000, .on_error = SCOOP_KEEP_GOING) ==
          SCOOP_EFAILED);
    long wrong = 0;
    for (long i = 0; i < 1000; i++)
        wrong += i != 500 && out[i] != 2 * i;
    CHECK(wrong == 0);
    CHECK(scoop_map(swallow, in, NULL, 1000, .on_error = SCOOP_KEEP_GOING,
                    .status = status) == SCOOP_EFAILED);
    for (long i = 0; i < 1000; i++)
        wrong += status[i] != (i == 500 ? SCOOP_EFAILED : 0);
    CHECK(wrong == 0);
}

/* A map that stops: what was done is told from what was dropped. */
static void stop(size_t n, size_t bad)
{
    size_t wrong = 0, failed = 0;

    fill(n);
    in[bad] = -1;
    CHECK(scoop_map(slow_picky, in, out, n, .status = status) == SCOOP_EFAILED);
    for (size_t i = 0; i < n; i++) {
        failed += status[i] == SCOOP_EFAILED;
        wrong += status[i] == 0               ? out[i] != 2 * (long)i
                 : status[i] == SCOOP_EFAILED ? i != bad
                                              : status[i] != SCOOP_ECANCELLED;
    }
    CHECK(wrong == 0 && failed == 1);
    if (scoop_size() == 1)
        for (size_t i = 0; i < n; i++)
            wrong += status[i] != (i < bad    ? 0
                                   : i == bad ? SCOOP_EFAILED
                                              : SCOOP_ECANCELLED);
    CHECK(wrong == 0);
}

typedef int map_function(const long *x, int *y, size_t n, int retries);

static int map_moody(const long *x, int *y, size_t n, int retries)
{
    return scoop_map(moody, x, y, n, .retries = retries);
}

static int map_rows(const long *x, int *y, size_t n, int retries)
{
    return scoop_map(moody_row, x, y, n, .retries = retries);
}

static void retries(map_function *map)
{
    static int attempts[1000];
    long wrong = 0;

    for (long i = 0; i < 1000; i++)
        in[i] = i % 3;
    CHECK(map(in, attempts, 1000, 2) == 0);
    for (long i = 0; i < 1000; i++)
        wrong += attempts[i] != i % 3 + 1;
    CHECK(wrong == 0);
    /* The last attempt fails as well. */
    for (long i = 0; i < 1000; i++)
        in[i] = i == 999 ? LONG_MAX : i % 2;
    CHECK(map(in, attempts, 1000, 3) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->has_item && e->item == 999 && e->task_code == 5);
    CHECK(e && e->attempt == 4 && e->attempts == 4);
}

/* No rank has a stretch that is shorter than a chunk allows. */
static void chunks(size_t n, size_t chunk)
{
    static int rank[200];
    size_t begin = 0, wrong = 0;

    fill(n);
    CHECK(scoop_map(where, in, rank, n, .chunk = chunk) == 0);
    for (size_t i = 1; i <= n; i++) {
        if (i < n && rank[i] == rank[begin])
            continue;
        wrong += i - begin < chunk && i - begin < n;
        begin = i;
    }
    CHECK(wrong == 0);
}

static void timeouts(void)
{
    static long copy[2000];
    static int said[2000];
    long wrong = 0, ended = 0;

    fill(2000);
    for (long i = 0; i < 2000; i += 5)
        in[i] = -1 - i;
    CHECK(scoop_map(dawdle, in, out, 2000, .timeout = 0.1, .status = status,
                    .on_error = SCOOP_KEEP_GOING) == SCOOP_ETIMEDOUT);
    memcpy(copy, out, sizeof copy);
    memcpy(said, status, sizeof said);
    for (int i = 0; i < 8; i++)
        CHECK(scoop_join(scoop_submit(dawdle, &(long){1}), NULL) == 0);
    CHECK(!memcmp(copy, out, sizeof copy));
    CHECK(!memcmp(said, status, sizeof said));
    for (long i = 0; i < 2000; i++) {
        ended += said[i] != SCOOP_ECANCELLED;
        wrong += said[i] == 0 && out[i] != i + 1;
        wrong += said[i] == SCOOP_EFAILED && i % 5 != 0;
    }
    CHECK(wrong == 0 && ended < 2000);
    fill(20);
    in[7] = -1;
    CHECK(scoop_map(dawdle, in, out, 20, .timeout = 50, .status = status,
                    .on_error = SCOOP_KEEP_GOING) == SCOOP_EFAILED);
    for (long i = 0; i < 20; i++)
        wrong += status[i] != (i == 7 ? SCOOP_EFAILED : 0) ||
                 (i != 7 && out[i] != i + 1);
    CHECK(wrong == 0);
    CHECK(scoop_map(picky, in, out, 0, .timeout = SCOOP_NOW) == 0);
}

struct seen {
    int calls;
    bool is_rising, is_here;
    struct scoop_progress last;
    char label[16];
};

static void look(const struct scoop_progress *p, void *arg)
{
    struct seen *s = arg;

    s->is_rising = s->is_rising && p->done >= s->last.done &&
                   p->failed >= s->last.failed &&
                   p->seconds >= s->last.seconds &&
                   p->done + p->failed <= p->total && p->rate >= 0;
    s->is_here = s->is_here && scoop_rank() == 0;
    snprintf(s->label, sizeof s->label, "%s", p->label);
    s->last = *p;
    s->calls++;
}

static void progress(void)
{
    struct seen s = {.is_rising = true, .is_here = true};

    fill(400);
    in[3] = in[399] = -1;
    CHECK(scoop_map(dawdle, in, out, 400, .on_error = SCOOP_KEEP_GOING,
                    .progress = "dawdling", .on_progress = look,
                    .progress_arg = &s) == SCOOP_EFAILED);
    CHECK(s.calls >= 2 && s.is_rising && s.is_here);
    CHECK(s.last.done == 398 && s.last.failed == 2 && s.last.total == 400);
    CHECK(!strcmp(s.label, "dawdling") && s.last.eta <= 0);
    s = (struct seen){.is_rising = true, .is_here = true};
    CHECK(scoop_map(picky, in, out, 3, .on_progress = look,
                    .progress_arg = &s) == 0);
    CHECK(s.calls == 1 && s.last.done == 3 && !strcmp(s.label, "picky"));
    fill(400);
    s = (struct seen){.is_rising = true, .is_here = true};
    CHECK(scoop_map(dawdle, in, out, 400, .on_progress = look, .timeout = 0.02,
                    .progress_arg = &s) == SCOOP_ETIMEDOUT);
    CHECK(s.calls >= 1 && s.last.done < 400);
    int calls = s.calls;
    CHECK(scoop_join(scoop_submit(dawdle, &(long){1}), NULL) == 0);
    CHECK(s.calls == calls);
}

static void bad_options(void)
{
    CHECK(scoop_map(picky, in, out, 1, .retries = 65536) == SCOOP_EINVAL);
    CHECK(scoop_map(picky, in, out, 1, .on_error = 7) == SCOOP_EINVAL);
    CHECK(scoop_map(picky, in, out, 1, .priority = 5) == SCOOP_EINVAL);
    fill(5000);
    for (int p = -4; p <= 4; p++)
        CHECK(scoop_map(slow_picky, in, out, 5000, .priority = p) == 0 &&
              out[4999] == 9998);
    fill(1);
    CHECK(scoop_map(picky, in, out, 1, .retries = -1, .chunk = SIZE_MAX) == 0);
    CHECK(scoop_map_task(&scoop_task_picky, in, out, 1, NULL) == 0);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    some_fail();
    stop(1, 0);
    stop(5000, 0);
    stop(5000, 4999);
    stop(5000, 1234);
    retries(map_moody);
    retries(map_rows);
    chunks(200, 50);
    chunks(200, 200);
    chunks(127, 10);
    timeouts();
    progress();
    for (long i = 0; i < 500; i++)
        in[i] = i;
    CHECK(scoop_map(keep_row, in, out, 500) == 0);
    long wrong = 0;
    for (long i = 0; i < 500; i++)
        wrong += out[i] != 10;
    CHECK(wrong == 0);
    bad_options();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
