/* SPDX-License-Identifier: MIT */
/* roll_call.c -- a task on each rank, by .place
 *
 * Where a task runs is the farm's business unless one says otherwise. This
 * asks every rank where it lives and what it has done so far.
 */
#include <scoop.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct answer {
    int rank;
    char host[MPI_MAX_PROCESSOR_NAME];
    struct scoop_stats stats;
};

SCOOP_TASK(answer, SCOOP_NONE, struct answer);

static int answer(const SCOOP_NONE *in, struct answer *a)
{
    int len;

    (void)in;
    a->rank = scoop_rank();
    MPI_Get_processor_name(a->host, &len);
    return scoop_stats(&a->stats);
}

static int root(int argc, char **argv)
{
    int ranks = scoop_size();
    scoop_future *futures = calloc((size_t)ranks, sizeof *futures);

    (void)argc;
    (void)argv;
    if (!futures) {
        perror("roll_call");
        return EXIT_FAILURE;
    }
    for (int rank = 0; rank < ranks; rank++)
        futures[rank] =
            scoop_submit(answer, NULL, .place = scoop_on_rank(rank));
    for (int rank = 0; rank < ranks; rank++) {
        struct answer a;
        if (scoop_join(futures[rank], &a)) {
            free(futures);
            return scoop_perror("answer");
        }
        printf("rank %d of %d on %s: %" PRIu64 " tasks, %" PRIu64
               " messages sent\n",
               a.rank, ranks, a.host, a.stats.tasks_run, a.stats.messages_sent);
    }
    free(futures);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
