/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_place.c -- tasks that run on one rank or node only, or rather there, and
 * tasks given away */
#include "api.h"

SCOOP_TASK(where, int, int);
SCOOP_TASK(from_here, int, int);
SCOOP_TASK(step, int, SCOOP_NONE);
SCOOP_TASK(refuse, int, SCOOP_NONE);
SCOOP_TASK_BYTES(where_bytes);

static long steps; /* of this process */

static int where(const int *us, int *rank)
{
    api_compute(*us * 1e-6);
    return *rank = scoop_rank(), 0;
}

static int where_bytes(const void *data, size_t len, scoop_out *out)
{
    int rank = scoop_rank();

    (void)data;
    (void)len;
    return scoop_out_write(out, &rank, sizeof rank);
}

/* From wherever this runs to all ranks; how many ran elsewhere. */
static int from_here(const int *n, int *wrong)
{
    *wrong = 0;
    for (int i = 0; i < *n; i++) {
        int rank = -1, there = (scoop_rank() + i) % scoop_size();
        scoop_future f = scoop_submit(where, &i, .place = scoop_on_rank(there));
        *wrong += scoop_join(f, &rank) != 0 || rank != there;
    }
    return 0;
}

/* A detached task that begets the next one, on the next rank. */
static int step(const int *left, SCOOP_NONE *out)
{
    int less = *left - 1, next = (scoop_rank() + 1) % scoop_size();

    (void)out;
    steps++;
    if (less > 0 && less % 2)
        scoop_submit(step, &less, .detached = 1);
    else if (less > 0)
        scoop_submit(step, &less, .detached = 1, .place = scoop_on_rank(next));
    return 0;
}

static int refuse(const int *code, SCOOP_NONE *out)
{
    (void)out;
    api_nap(0.05);
    return scoop_fail(*code, "nobody waits for this");
}

static void everywhere(void)
{
    enum { EACH = 300 };
    static scoop_future f[EACH * 4];
    int wrong = 0, n = EACH * scoop_size();

    /* Long enough for idle ranks to rob what can be robbed. */
    for (int i = 0; i < n; i++)
        f[i] = scoop_submit(where, &(int){20},
                            .place = scoop_on_rank(i % scoop_size()));
    for (int i = 0; i < n; i++) {
        int rank = -1;
        wrong += scoop_join(f[i], &rank) || rank != i % scoop_size();
    }
    CHECK(wrong == 0);
    for (int i = 0; i < scoop_size(); i++) {
        const void *rank = NULL;
        scoop_future b =
            scoop_submit(where_bytes, NULL, .place = scoop_on_rank(i));
        CHECK(scoop_result_bytes(b, &rank, NULL) == 0);
        CHECK(rank && *(const int *)rank == i);
        scoop_release(b);
    }
}

static void from_everywhere(void)
{
    scoop_future f[8];
    int wrong;

    for (int i = 0; i < 8; i++)
        f[i] = scoop_submit(from_here, &(int){100},
                            .place = scoop_on_rank(i % scoop_size()));
    for (int i = 0; i < 8; i++)
        CHECK(scoop_join(f[i], &wrong) == 0 && wrong == 0);
}

static void nowhere(void)
{
    const int bad[] = {scoop_size(), scoop_size() + 1, -1,       -2,
                       1000000,      INT32_MAX - 1,    INT32_MIN};
    int out = 7;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scoop_future f =
            scoop_submit(where, &(int){0}, .place = scoop_on_rank(bad[i]));
        CHECK(scoop_join(f, &out) == SCOOP_EINVAL && out == 7);
        f = scoop_submit(where, &(int){0}, .place = scoop_on_rank(bad[i]),
                         .detached = 1);
        CHECK(scoop_join(f, &out) == SCOOP_EINVAL);
    }
}

/* All ranks of a test are on one machine: one node, or as many as ranks. */
static int nodes(void)
{
    const char *memory = getenv("SCOOP_NODE_MEMORY");

    return memory && !strcmp(memory, "0") ? scoop_size() : 1;
}

static int node_of(int rank)
{
    return nodes() > 1 ? rank : 0;
}

/* On its node, and nowhere else, however idle the others are. */
static void on_nodes(void)
{
    enum { MANY = 400 };
    static scoop_future f[MANY];
    int wrong = 0, rank;

    for (int i = 0; i < MANY; i++)
        f[i] =
            scoop_submit(where, &(int){50}, .place = scoop_on_node(i % nodes()),
                         .priority = i % 3 - 1);
    for (int i = MANY; i-- > 0;)
        wrong += scoop_join(f[i], &rank) || node_of(rank) != i % nodes();
    CHECK(wrong == 0);
}

/* Sent there, and stolen or not: each runs once. */
static void near(void)
{
    enum { MANY = 400 };
    static scoop_future f[MANY];
    int wrong = 0, there = 0, rank;

    for (int i = 0; i < MANY; i++) {
        scoop_place place = i % 2 ? scoop_near_rank(i / 2 % scoop_size())
                                  : scoop_near_node(i / 2 % nodes());
        f[i] = scoop_submit(where, &(int){50}, .place = place);
    }
    for (int i = MANY; i-- > 0;)
        wrong += scoop_join(f[i], &rank) != 0;
    CHECK(wrong == 0);
    /* Nothing else to do anywhere: it runs where it was sent, mostly. */
    for (int i = 0; i < 50; i++) {
        int last = scoop_size() - 1;
        f[0] = scoop_submit(where, &(int){0}, .place = scoop_near_rank(last));
        CHECK(scoop_join(f[0], &rank) == 0);
        there += rank == last;
    }
    CHECK(there > 0);
}

static void no_such_place(void)
{
    const int bad[] = {-1, -2, 1000000, INT32_MAX, INT32_MIN};
    scoop_place odd = {99, 0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const scoop_place place[] = {scoop_on_rank(bad[i]),
                                     scoop_near_rank(bad[i]),
                                     scoop_on_node(bad[i]),
                                     scoop_near_node(bad[i])};
        for (int k = 0; k < 4; k++) {
            scoop_future f = scoop_submit(where, &(int){0}, .place = place[k]);
            CHECK(scoop_join(f, NULL) == SCOOP_EINVAL);
            CHECK(strstr(scoop_last_error()->message,
                         k < 2 ? "no rank" : "no node"));
        }
    }
    CHECK(scoop_join(scoop_submit(where, &(int){0},
                                  .place = scoop_on_node(nodes())),
                     NULL) == SCOOP_EINVAL);
    CHECK(scoop_join(scoop_submit(where, &(int){0}, .place = odd), NULL) ==
          SCOOP_EINVAL);
}

enum { CHAINS = 40, LENGTH = 25 };

static int root(void *arg)
{
    (void)arg;
    everywhere();
    from_everywhere();
    nowhere();
    on_nodes();
    near();
    no_such_place();
    for (int i = 0; i < CHAINS; i++) {
        scoop_future f = scoop_submit(step, &(int){LENGTH}, .detached = 1,
                                      .place = scoop_on_rank(i % scoop_size()));
        CHECK(f.id == 0 && f.generation == 0);
        CHECK(scoop_join(f, NULL) == SCOOP_EINVAL);
    }
    scoop_submit(refuse, &(int){17}, .detached = 1);
    scoop_submit(refuse, &(int){18}, .detached = 1,
                 .place = scoop_on_rank(scoop_size() - 1));
    return 0; /* long before they have ended */
}

int main(int argc, char **argv)
{
    struct api_catch c;
    long all = 0;
    int level, rank;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    api_catch(&c);
    int status = scoop_run(MPI_COMM_WORLD, root, NULL);
    char *said = api_caught(&c);
    MPI_Reduce(&steps, &all, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    CHECK(status == 0);
    if (rank == 0) {
        CHECK(all == CHAINS * LENGTH);
        CHECK(api_lines(said, "refuse") == 2);
        CHECK(api_lines(said, "nobody waits for this") == 2);
        CHECK(api_lines(said, "code 17:") == 1);
        CHECK(api_lines(said, "code 18:") == 1);
        status = checks_done();
    }
    free(said);
    MPI_Finalize();
    return rank == 0 ? status : checks_failed > 0;
}
