/* SPDX-License-Identifier: MIT */
/* net_join.c -- how the ranks come together
 *
 * A farm must not begin with ranks that do not fit, and must not hang where
 * one never comes.  So every step is a nonblocking collective on a duplicate
 * of the communicator, watched with a deadline:
 *
 *   MPI_Comm_idup              our own messages, apart from the program's
 *   MPI_Ibcast                 rank 0's hello
 *   MPI_Iallreduce, minimum    the first rank whose hello differs: it speaks
 *   MPI_Iallgather             a number for each host: who shares a node
 *
 * A collective that did not complete stays pending for ever, MPI has no way
 * back: then the struct join is stuck, must stay in memory, and all that is
 * left is to end the job.
 *
 * Hosts are told apart by name, boot and /dev/shm: two containers of one
 * machine that do not share /dev/shm cannot share node memory, so they are
 * two nodes.  The map costs 12 bytes a rank (16 more while it is made).
 *
 * Settings that ranks must have in common are taken from rank 0, whatever
 * their own environment says: environments differ between hosts more often
 * than somebody means them to.
 */
#include "net_join.h"

#include "clock.h"
#include "config.h"
#include "log.h"
#include "scoop.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG_SETUP 1 /* before the first payload, which has the same tags */

#define YIELDS 200u
#define PAUSE_MIN_NS UINT64_C(20000)
#define PAUSE_MAX_NS UINT64_C(1000000)

#define NOBODY INT_MAX

/* ---- Waiting for MPI ---- */

static int is_fine(struct join *join, int code, const char *what)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int len = 0;

    if (code == MPI_SUCCESS)
        return 1;
    MPI_Error_string(code, words, &len);
    log_error(join->log, "%s failed: %s", what, words);
    return 0;
}

/* Ends when MPI is through, or at the deadline.  Short steps first: the
 * others are mostly there already.  Never spins: where ranks outnumber CPUs
 * those that are late need this one. */
static int await(struct join *join, MPI_Request *request, uint64_t deadline_ns)
{
    uint64_t pause_ns = PAUSE_MIN_NS;

    for (unsigned tries = 0;; tries++) {
        int done = 0;
        if (!is_fine(join, MPI_Test(request, &done, MPI_STATUS_IGNORE),
                     "MPI_Test"))
            return SCOOP_EMPI;
        if (done)
            return 0;
        if (tries < YIELDS) {
            sched_yield();
            continue;
        }
        if (clock_is_past(deadline_ns))
            return SCOOP_ETIMEDOUT;
        clock_sleep_ns(pause_ns);
        if (pause_ns < PAUSE_MAX_NS)
            pause_ns *= 2;
    }
}

/* All ranks that did come notice at about the same time; whoever speaks first
 * mostly ends the job, and with it the others before they repeat it.  So rank
 * 0 does not hesitate, and the others the longer the higher their rank. */
static uint64_t hesitation_ns(int rank)
{
    uint64_t steps = 0;

    for (; rank; rank >>= 1)
        steps++;
    return steps * UINT64_C(250000000);
}

/* The same with the words for a rank that never came. */
static int gather(struct join *join, int code, MPI_Request *request,
                  const char *what)
{
    uint64_t until_ns =
        clock_after(join->deadline_ns, hesitation_ns(join->rank));

    if (!is_fine(join, code, what))
        return SCOOP_EMPI;
    int status = await(join, request, until_ns);
    if (status == SCOOP_ETIMEDOUT) {
        log_error(join->log,
                  "rank %d of %d: not all ranks have joined in time "
                  "(SCOOP_START_TIMEOUT); do all of them run this program?",
                  join->rank, join->size);
        status = SCOOP_EMISMATCH;
    }
    if (status)
        join->is_stuck = true;
    return status;
}

/* ---- Do the ranks fit? ---- */

static void say_hello(struct join *join, const struct join_start *start)
{
    const struct config *config = start->config;

    join->mine = (struct join_hello){
        .magic = {'l', 'i', 'b', 's', 'c', 'o', 'o', 'p'},
        .byte_order = 0x01020304,
        .word_bytes = sizeof(void *),
        .version = SCOOP_VERSION,
        .tasks = start->tasks,
        .program = start->program,
        .eager_bytes = config->eager_bytes,
        .piece_bytes = config->piece_bytes,
        .node_memory = config->node_memory,
        .host_parts = (uint32_t)config->nodes,
    };
    join->hello = join->mine;
}

/* Says how my hello differs from rank 0's; false if it does not.  In an order
 * in which each comparison makes sense of the next. */
static bool find_difference(const struct join *join, char *words, size_t size)
{
    const struct join_hello *a = &join->mine, *b = &join->hello;

    if (memcmp(a->magic, b->magic, sizeof a->magic) != 0)
        snprintf(words, size, "another protocol");
    else if (a->byte_order != b->byte_order)
        snprintf(words, size, "another byte order");
    else if (a->word_bytes != b->word_bytes)
        snprintf(words, size, "another word size, %u bits (rank 0: %u)",
                 a->word_bytes * 8, b->word_bytes * 8);
    else if (a->version != b->version)
        snprintf(words, size,
                 "another libscoop, version %u.%u.%u (rank 0: %u.%u.%u)",
                 a->version / 10000, a->version / 100 % 100, a->version % 100,
                 b->version / 10000, b->version / 100 % 100, b->version % 100);
    else if (a->tasks != b->tasks)
        snprintf(words, size, "another program, of %u tasks (rank 0: %u)",
                 a->tasks, b->tasks);
    else if (a->program != b->program)
        snprintf(words, size,
                 "another program: its tasks have other names or types");
    else
        return false;
    return true;
}

/* Exactly one rank speaks, the first one that differs. */
static int compare(struct join *join)
{
    char words[128];
    MPI_Request request = MPI_REQUEST_NULL;
    int status = gather(join,
                        MPI_Ibcast(&join->hello, (int)sizeof join->hello,
                                   MPI_BYTE, 0, join->comm, &request),
                        &request, "MPI_Ibcast");

    if (status)
        return status;
    bool differs = find_difference(join, words, sizeof words);
    join->give[0] = differs ? join->rank : NOBODY;
    status = gather(join,
                    MPI_Iallreduce(join->give, join->get, 1, MPI_INT, MPI_MIN,
                                   join->comm, &request),
                    &request, "MPI_Iallreduce");
    if (status)
        return status;
    if (join->get[0] == join->rank)
        log_error(join->log, "rank %d does not fit rank 0: it runs %s",
                  join->rank, words);
    return join->get[0] == NOBODY ? 0 : SCOOP_EMISMATCH;
}

/* ---- Who shares a node? ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *byte = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

/* The same for ranks that can share memory, and for no others.  What cannot
 * be read counts as nothing: the name is left. */
static uint64_t identify_host(void)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char text[256] = "";
    struct stat shm = {0};

    gethostname(text, sizeof text - 1);
    hash = mix(hash, text, strlen(text));
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t len = read(fd, text, sizeof text);
        if (len > 0)
            hash = mix(hash, text, (size_t)len);
        close(fd);
    }
    if (stat("/dev/shm", &shm) == 0) {
        hash = mix(hash, &shm.st_dev, sizeof shm.st_dev);
        hash = mix(hash, &shm.st_ino, sizeof shm.st_ino);
    }
    return hash;
}

struct seat {
    uint64_t host;
    int32_t rank;
};

static int order_seats(const void *left, const void *right)
{
    const struct seat *a = left, *b = right;

    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* Seats [0, n) are one host, in order of rank.  For each the first rank of
 * its node, in the place of the node's number, and its place there. */
static void seat_host(struct join *join, const struct seat *seat, int n)
{
    int parts = 1, first = 0;

    if (join->hello.host_parts > 1)
        parts = join->hello.host_parts < (uint32_t)n
                    ? (int)join->hello.host_parts
                    : n;
    for (int i = 0; i < n; i++) {
        int64_t part = (int64_t)i * parts / n;
        if (i && part != (int64_t)(i - 1) * parts / n)
            first = i;
        join->node_of[seat[i].rank] = seat[first].rank;
        join->local_of[seat[i].rank] = i - first;
    }
}

/* Nodes are numbered in the order of their first ranks, which are their
 * watchers too. */
static void number_nodes(struct join *join)
{
    join->nodes = 0;
    for (int rank = 0; rank < join->size; rank++) {
        if (join->local_of[rank] == 0) {
            join->watcher[join->nodes] = rank;
            join->node_of[rank] = join->nodes++;
        } else { /* that of its first rank, which has been here already */
            join->node_of[rank] = join->node_of[join->node_of[rank]];
        }
    }
}

static int find_members(struct join *join)
{
    join->my_node = join->node_of[join->rank];
    join->local = join->local_of[join->rank];
    join->locals = 0;
    for (int rank = 0; rank < join->size; rank++)
        join->locals += join->node_of[rank] == join->my_node;
    join->members = calloc((size_t)join->locals, sizeof *join->members);
    if (!join->members)
        return SCOOP_ENOMEM;
    for (int rank = 0; rank < join->size; rank++) {
        if (join->node_of[rank] == join->my_node)
            join->members[join->local_of[rank]] = rank;
    }
    return 0;
}

/* hosts: by rank, or NULL where each rank is a node of its own. */
static int map_nodes(struct join *join, const uint64_t *hosts)
{
    size_t size = (size_t)join->size;
    struct seat *seats = hosts ? calloc(size, sizeof *seats) : NULL;

    join->node_of = calloc(size, sizeof(int32_t));
    join->local_of = calloc(size, sizeof(int32_t));
    join->watcher = calloc(size, sizeof(int32_t));
    if (!join->node_of || !join->local_of || !join->watcher ||
        (hosts && !seats)) {
        free(seats);
        return SCOOP_ENOMEM;
    }
    for (int rank = 0; rank < join->size && hosts; rank++)
        seats[rank] = (struct seat){hosts[rank], rank};
    if (hosts)
        qsort(seats, size, sizeof *seats, order_seats);
    for (int from = 0, to; from < join->size && hosts; from = to) {
        for (to = from + 1; to < join->size; to++) {
            if (seats[to].host != seats[from].host)
                break;
        }
        seat_host(join, seats + from, to - from);
    }
    free(seats);
    number_nodes(join);
    void *watcher =
        realloc(join->watcher, (size_t)join->nodes * sizeof(int32_t));
    if (watcher)
        join->watcher = watcher;
    return find_members(join);
}

static int find_nodes(struct join *join)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int status;

    if (!join->hello.node_memory || join->size == 1) {
        status = map_nodes(join, NULL);
    } else {
        join->host = identify_host();
        join->hosts = calloc((size_t)join->size, sizeof *join->hosts);
        status = join_agree(join, join->hosts ? 0 : SCOOP_ENOMEM);
        if (status)
            return status;
        status =
            gather(join,
                   MPI_Iallgather(&join->host, 1, MPI_UINT64_T, join->hosts, 1,
                                  MPI_UINT64_T, join->comm, &request),
                   &request, "MPI_Iallgather");
        if (status)
            return status;
        status = map_nodes(join, join->hosts);
        free(join->hosts);
        join->hosts = NULL;
    }
    if (status)
        snprintf(join->why, sizeof join->why,
                 "no memory for the map of %d ranks", join->size);
    return join_agree(join, status);
}

/* ---- Start and end ---- */

/* MULTIPLE: two threads may call MPI as they please.  SERIALIZED: our lock
 * keeps ours apart, but not from tasks that call MPI themselves. */
static bool find_thread_level(const struct config *config)
{
    int level = MPI_THREAD_SINGLE;

    if (MPI_Query_thread(&level) != MPI_SUCCESS)
        return false;
    return level == MPI_THREAD_MULTIPLE ||
           (level == MPI_THREAD_SERIALIZED && !config->tasks_call_mpi);
}

static int duplicate(struct join *join, MPI_Comm comm)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int status = gather(join, MPI_Comm_idup(comm, &join->comm, &request),
                        &request, "MPI_Comm_idup");

    if (status) {
        join->comm = MPI_COMM_NULL;
        return status;
    }
    if (!is_fine(join, MPI_Comm_set_errhandler(join->comm, MPI_ERRORS_RETURN),
                 "MPI_Comm_set_errhandler"))
        return SCOOP_EMPI;
    return 0;
}

/* What MPI would end the program for. */
static int check_comm(MPI_Comm comm, const struct log *log)
{
    int has_begun = 0, has_ended = 0, is_inter = 0;

    MPI_Initialized(&has_begun);
    MPI_Finalized(&has_ended);
    if (!has_begun || has_ended) {
        log_error(log, "a farm needs MPI: it %s",
                  has_ended ? "has been finalized" : "is not initialised");
        return SCOOP_ESTATE;
    }
    if (comm != MPI_COMM_NULL)
        MPI_Comm_test_inter(comm, &is_inter);
    if (comm != MPI_COMM_NULL && !is_inter)
        return 0;
    log_error(log, "a farm needs an intracommunicator, this is %s",
              is_inter ? "an intercommunicator" : "MPI_COMM_NULL");
    return SCOOP_EINVAL;
}

/* Where rank 0 is, for those who want to name it. */
static int share_origin(struct join *join)
{
    MPI_Request request = MPI_REQUEST_NULL;

    gethostname(join->origin, sizeof join->origin - 1);
    if (join->size == 1)
        return 0;
    int status = gather(join,
                        MPI_Ibcast(join->origin, (int)sizeof join->origin,
                                   MPI_BYTE, 0, join->comm, &request),
                        &request, "MPI_Ibcast");
    join->origin[sizeof join->origin - 1] = '\0';
    return status;
}

int join_open(struct join *join, const struct join_start *start)
{
    MPI_Comm comm = start->comm;
    int status;

    *join = (struct join){.comm = MPI_COMM_NULL, .log = start->log};
    status = check_comm(comm, start->log);
    if (status)
        return status;
    if (!is_fine(join, MPI_Comm_rank(comm, &join->rank), "MPI_Comm_rank") ||
        !is_fine(join, MPI_Comm_size(comm, &join->size), "MPI_Comm_size"))
        return SCOOP_EMPI;
    join->deadline_ns =
        clock_after(clock_now_ns(), start->config->start_timeout_ns);
    join->allows_helper = find_thread_level(start->config);
    say_hello(join, start);
    if (join->size > 1) {
        status = duplicate(join, comm);
        if (!status)
            status = compare(join);
    }
    if (!status)
        status = find_nodes(join);
    if (!status)
        status = share_origin(join);
    if (status && !join->is_stuck)
        join_close(join);
    return status;
}

int join_alone(struct join *join, const struct log *log)
{
    *join = (struct join){.comm = MPI_COMM_NULL, .log = log, .size = 1};
    gethostname(join->origin, sizeof join->origin - 1);
    return map_nodes(join, NULL);
}

void join_close(struct join *join)
{
    if (join->is_stuck)
        return;
    if (join->comm != MPI_COMM_NULL)
        is_fine(join, MPI_Comm_free(&join->comm), "MPI_Comm_free");
    free(join->node_of);
    free(join->local_of);
    free(join->watcher);
    free(join->members);
    free(join->hosts);
    join->node_of = join->local_of = join->watcher = join->members = NULL;
    join->hosts = NULL;
}

int join_agree(struct join *join, int status)
{
    MPI_Request request = MPI_REQUEST_NULL;

    join->get[0] = join->give[0] = status ? join->rank : NOBODY;
    join->get[1] = join->give[1] = status; /* codes are negative */
    if (join->size > 1) {
        int lost = gather(join,
                          MPI_Iallreduce(join->give, join->get, 2, MPI_INT,
                                         MPI_MIN, join->comm, &request),
                          &request, "MPI_Iallreduce");
        if (lost)
            return lost;
    }
    if (join->get[0] == join->rank)
        log_error(join->log, "rank %d: the farm cannot start: %s", join->rank,
                  join->why[0] ? join->why : scoop_strerror(status));
    return join->get[1];
}

/* ---- Among the ranks of a node ---- */

static int pass(struct join *join, bool is_sender, int local, void *data,
                size_t len)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int peer = join->members[local];
    int code = is_sender ? MPI_Isend(data, (int)len, MPI_BYTE, peer, TAG_SETUP,
                                     join->comm, &request)
                         : MPI_Irecv(data, (int)len, MPI_BYTE, peer, TAG_SETUP,
                                     join->comm, &request);

    int status =
        gather(join, code, &request, is_sender ? "MPI_Isend" : "MPI_Irecv");
    if (status && request != MPI_REQUEST_NULL && !is_sender) {
        /* The caller's memory will not be there for long. */
        MPI_Cancel(&request);
        MPI_Request_free(&request);
    }
    return status;
}

int join_node_broadcast(void *ctx, void *data, size_t len)
{
    struct join *join = ctx;
    int status = 0;

    if (join->local > 0)
        return pass(join, false, 0, data, len);
    for (int local = 1; local < join->locals && !status; local++)
        status = pass(join, true, local, data, len);
    return status;
}

int join_node_agree(void *ctx, int status)
{
    struct join *join = ctx;
    int all = status;

    if (join->local > 0) {
        int lost = pass(join, true, 0, &all, sizeof all);
        if (lost)
            return lost;
    }
    for (int local = 1; join->local == 0 && local < join->locals; local++) {
        int theirs = 0;
        int lost = pass(join, false, local, &theirs, sizeof theirs);
        if (lost)
            return lost;
        if (theirs < all)
            all = theirs;
    }
    int lost = join_node_broadcast(join, &all, sizeof all);
    return lost ? lost : all;
}
