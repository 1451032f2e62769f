/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_error.c -- the story of a failure, as those who wait are told it */
#include "api.h"

SCOOP_TASK(refuse, int, int);
SCOOP_TASK(grumble, int, SCOOP_NONE);
SCOOP_TASK(chain, int, int);
SCOOP_TASK(impatient, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(fickle, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(confused, SCOOP_NONE, SCOOP_NONE);
SCOOP_TASK(brave, int, int);
SCOOP_TASK(nap, double, SCOOP_NONE);
SCOOP_TASK(linger, double, SCOOP_NONE);
SCOOP_TASK_BYTES(refuse_bytes);

static int refuse(const int *code, int *out)
{
    *out = 1;
    return *code; /* without a word */
}

static int grumble(const int *how, SCOOP_NONE *out)
{
    char words[3001];

    (void)out;
    switch (*how) {
    case 0:
        return scoop_fail(0, "none of your codes");
    case 1:
        memset(words, 'x', 3000);
        words[3000] = 0;
        return scoop_fail(12, "%s", words);
    case 2:
        scoop_fail(13, "the first word");
        return scoop_fail(14, "the last word, %d%%", 100);
    case 3:
        scoop_fail(15, "all is well after all");
        return 0;
    default:
        return scoop_fail(*how, "line one\nline two");
    }
}

static int refuse_bytes(const void *data, size_t len, scoop_out *out)
{
    (void)data;
    (void)out;
    return scoop_fail((int)len, "of %zu bytes", len);
}

/* So many levels, on one rank after the other, down to one that gives up. */
static int chain(const int *levels, int *rank)
{
    int less = *levels - 1;

    if (!*levels)
        return scoop_fail(7, "the bottom is on rank %d", scoop_rank());
    scoop_future f =
        scoop_submit(chain, &less, .place = scoop_on_rank(less % scoop_size()));
    return scoop_join(f, rank);
}

static int nap(const double *seconds, SCOOP_NONE *out)
{
    (void)out;
    api_nap(*seconds);
    return 0;
}

/* Runs for so long, but leaves its rank to others now and then. */
static int linger(const double *seconds, SCOOP_NONE *out)
{
    double end = api_now() + *seconds;
    int err = 0;

    (void)out;
    while (!err && api_now() < end)
        err =
            scoop_join(scoop_submit(nap, &(double){1e-3}), NULL, .timeout = 10);
    return err;
}

/* These three fail with the code of a call of their own. */
static int impatient(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    scoop_future f = scoop_submit(linger, &(double){0.2});
    int err = scoop_result(f, NULL, .timeout = 0.002);

    (void)in;
    (void)out;
    scoop_release(f);
    return err;
}

static int fickle(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    scoop_future f = scoop_submit(nap, &(double){0.01});

    (void)in;
    (void)out;
    scoop_cancel(f);
    return scoop_join(f, NULL);
}

static int confused(const SCOOP_NONE *in, SCOOP_NONE *out)
{
    scoop_future never = {(uint64_t)scoop_rank() << 32 | 77, 1};

    (void)in;
    (void)out;
    return scoop_join(never, NULL);
}

/* A failure that is dealt with leaves no trace. */
static int brave(const int *code, int *out)
{
    if (scoop_join(scoop_submit(refuse, code), out) != SCOOP_EFAILED)
        return scoop_fail(1, "it did not fail");
    *out = 5;
    return 0;
}

static scoop_place elsewhere(void)
{
    return scoop_on_rank(scoop_size() - 1);
}

static void codes(scoop_place place)
{
    const int code[] = {1, 255, -1, -2, -3, -15, -99, 1000000, INT32_MIN};
    int out, rank = place.number;

    for (size_t i = 0; i < sizeof code / sizeof *code; i++) {
        scoop_future f = scoop_submit(refuse, &code[i], .place = place);
        CHECK(scoop_result(f, &out) == SCOOP_EFAILED);
        const struct scoop_error *e = scoop_error_of(f);
        CHECK(e && e->code == SCOOP_EFAILED && e->task_code == code[i]);
        CHECK(e && !strcmp(e->task, "refuse") && e->message && *e->message);
        CHECK(e && e->rank == rank && e->host && *e->host && e->id == f.id);
        CHECK(e && e->attempt == 1 && e->attempts == 1 && !e->has_item);
        CHECK(e && e->parents == 0);
        e = scoop_last_error();
        CHECK(e && e->code == SCOOP_EFAILED && e->task_code == code[i]);
        CHECK(scoop_done(f) == 1);
        CHECK(scoop_result(f, &out) == SCOOP_EFAILED);
        CHECK(scoop_error_of(f) && scoop_error_of(f)->task_code == code[i]);
        CHECK(scoop_release(f) == 0);
        CHECK(scoop_error_of(f) == NULL);
    }
}

static const char *grumbled(int how, scoop_place place)
{
    scoop_future f = scoop_submit(grumble, &how, .place = place);

    CHECK(scoop_join(f, NULL) == (how == 3 ? 0 : SCOOP_EFAILED));
    return scoop_last_error() ? scoop_last_error()->message : "";
}

static void words(scoop_place place)
{
    CHECK(!strcmp(grumbled(0, place), "none of your codes"));
    CHECK(scoop_last_error() && scoop_last_error()->task_code == SCOOP_EFAILED);
    CHECK(strlen(grumbled(1, place)) == 1023);
    CHECK(!strcmp(grumbled(2, place), "the last word, 100%"));
    CHECK(scoop_last_error() && scoop_last_error()->task_code == 14);
    grumbled(3, place);
    CHECK(scoop_last_error() && scoop_last_error()->task_code == 14);
    CHECK(!strcmp(grumbled(9, place), "line one\nline two"));
    scoop_future f =
        scoop_submit(refuse_bytes, "four", .len = 4, .place = place);
    const void *data = "";
    size_t len = 1;
    CHECK(scoop_result_bytes(f, &data, &len) == SCOOP_EFAILED);
    CHECK(!data && !len && scoop_error_of(f));
    CHECK(!strcmp(scoop_error_of(f)->message, "of 4 bytes"));
    scoop_release(f);
}

static void passed_on(int levels)
{
    int rank;
    char said[64];
    unsigned kept =
        levels < SCOOP_PARENTS_KEPT ? (unsigned)levels : SCOOP_PARENTS_KEPT;
    scoop_future f = scoop_submit(chain, &levels);

    CHECK(scoop_result(f, &rank) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_error_of(f);
    CHECK(e && e->parents == (unsigned)levels && !strcmp(e->task, "chain"));
    CHECK(e && e->task_code == 7);
    for (unsigned i = 0; e && i < kept; i++)
        CHECK(e->parent[i] && !strcmp(e->parent[i], "chain"));
    if (e) {
        snprintf(said, sizeof said, "the bottom is on rank %d", e->rank);
        CHECK(!strcmp(e->message, said));
        CHECK(levels == 0 || e->rank == 0);
    }
    CHECK(scoop_release(f) == 0);
}

/* To the one who waits, a task that fails has failed, whatever it returns. */
static void own_calls(scoop_place place)
{
    scoop_future f = scoop_submit(impatient, NULL, .place = place);
    CHECK(scoop_result(f, NULL) == SCOOP_EFAILED);
    const struct scoop_error *e = scoop_error_of(f);
    CHECK(e && e->code == SCOOP_EFAILED && e->task_code == SCOOP_ETIMEDOUT);
    CHECK(scoop_join(f, NULL, .timeout = 100) == SCOOP_EFAILED);
    f = scoop_submit(fickle, NULL, .place = place);
    CHECK(scoop_result(f, NULL) == SCOOP_EFAILED);
    e = scoop_error_of(f);
    CHECK(e && e->code == SCOOP_EFAILED && e->task_code == SCOOP_ECANCELLED);
    CHECK(scoop_join(f, NULL) == SCOOP_EFAILED);
    f = scoop_submit(confused, NULL, .place = place);
    CHECK(scoop_join(f, NULL) == SCOOP_EFAILED);
    e = scoop_last_error();
    CHECK(e && e->code == SCOOP_EFAILED && e->task_code == SCOOP_ESTALE);
    int out = 0;
    CHECK(scoop_join(scoop_submit(brave, &(int){3}, .place = place), &out) ==
          0);
    CHECK(out == 5);
}

static char *perror_line(const char *said)
{
    struct api_catch c;

    api_catch(&c);
    int status = scoop_perror(said);
    char *line = api_caught(&c);
    CHECK(status == EXIT_FAILURE);
    CHECK(line && strlen(line) > 1 &&
          strchr(line, '\n') == line + strlen(line) - 1);
    return line ? line : calloc(1, 1);
}

static void told_by_perror(void)
{
    char host[256] = "", expected[600];
    int rank;

    gethostname(host, sizeof host - 1);
    char *line = perror_line("at first"); /* nothing has failed so far */
    CHECK(api_lines(line, "at first: ") == 1);
    free(line);
    scoop_future f = scoop_submit(chain, &(int){0}, .place = elsewhere());
    CHECK(scoop_join(f, &rank) == SCOOP_EFAILED);
    line = perror_line("words");
    snprintf(expected, sizeof expected,
             "words: chain failed (code 7: the bottom is on rank %d) on rank "
             "%d host %s, attempt 1 of 1, task 0.%u\n",
             scoop_size() - 1, scoop_size() - 1, host, (unsigned)f.id);
    CHECK(!strcmp(line, expected));
    free(line);
    CHECK(scoop_join(f, &rank) == SCOOP_ESTALE);
    line = perror_line("again");
    CHECK(!strncmp(line, "again: ", 7) && strstr(line, "released"));
    free(line);
    line = perror_line(NULL);
    CHECK(line[0] != ':' && strstr(line, "released"));
    free(line);
    CHECK(scoop_join(scoop_submit(grumble, &(int){9}), NULL) == SCOOP_EFAILED);
    line = perror_line("one line");
    CHECK(line && strchr(line, '\n') == line + strlen(line) - 1);
    free(line);
}

static void last_error(void)
{
    int out;
    scoop_future f = scoop_submit(refuse, &(int){0});

    CHECK(scoop_join(f, &out) == 0);
    CHECK(scoop_join(f, &out) == SCOOP_ESTALE);
    const struct scoop_error *e = scoop_last_error();
    CHECK(e && e->code == SCOOP_ESTALE);
    f = scoop_submit(refuse, &(int){0}); /* good calls change nothing */
    CHECK(scoop_join(f, &out) == 0);
    e = scoop_last_error();
    CHECK(e && e->code == SCOOP_ESTALE);
    CHECK(scoop_map(refuse, NULL, NULL, 3) == SCOOP_EINVAL);
    e = scoop_last_error();
    CHECK(e && e->code == SCOOP_EINVAL && *e->message);
    CHECK(scoop_stats(NULL) == SCOOP_EINVAL);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    CHECK(scoop_last_error() == NULL);
    told_by_perror();
    for (int rank = 0; rank < scoop_size(); rank++) {
        codes(scoop_on_rank(rank));
        words(scoop_on_rank(rank));
        own_calls(scoop_on_rank(rank));
    }
    own_calls((scoop_place){0});
    words((scoop_place){0});
    passed_on(0);
    passed_on(1);
    passed_on(15);
    passed_on(16);
    passed_on(17);
    passed_on(40);
    last_error();
    CHECK(!strcmp(scoop_strerror(0), "success"));
    CHECK(!strcmp(scoop_strerror(-2), "the time given has passed"));
    CHECK(!strcmp(scoop_strerror(1), "unknown error"));
    CHECK(!strcmp(scoop_strerror(-1000), "unknown error"));
    return checks_done();
}

int main(int argc, char **argv)
{
    int out;

    /* A task is a function: here it is called as one. */
    CHECK(scoop_fail(3, "%d", 1) == 3 && scoop_fail(0, "x") == SCOOP_EFAILED);
    CHECK(grumble(&(int){2}, NULL) == 14 && refuse(&(int){0}, &out) == 0);
    return scoop_main(argc, argv, root);
}
