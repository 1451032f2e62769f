/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 2; node-memory: 1 0; limit: 60 s; skip: asan tsan valgrind */
/* api_deep.c -- 100,000 tasks deep, with a wait at each level
 *
 * What a level may cost beside the user's own frames is 1 KiB, over all ranks.
 * The user's own frames are measured with the same function as a recursion of
 * plain calls.
 */
#include "api.h"

enum { LEVELS = 100000, SLACK_KIB = 16 * 1024 };

SCOOP_TASK(descend, int, long);
SCOOP_TASK(peak, SCOOP_NONE, long);

static int descend(const int *left, long *depth)
{
    int less = *left - 1;
    long below = 0;

    if (!*left)
        return *depth = 0, 0;
    int err = scoop_join(scoop_submit(descend, &less), &below);
    *depth = below + 1;
    return err;
}

/* The same with a call in place of a task; bottom: where its last frame is. */
static int plainly(const int *left, long *depth, uintptr_t *bottom);
static int (*volatile again)(const int *, long *, uintptr_t *) = plainly;

static int plainly(const int *left, long *depth, uintptr_t *bottom)
{
    int less = *left - 1;
    long below = 0;

    if (!*left)
        return *bottom = (uintptr_t)&less, *depth = 0, 0;
    int err = again(&less, &below, bottom);
    *depth = below + 1;
    return err;
}

static long user_frame_bytes(void)
{
    uintptr_t near = 0, far = 0;
    long depth;

    again(&(int){1}, &depth, &near);
    again(&(int){1001}, &depth, &far);
    return (long)(near - far) / 1000;
}

static int peak(const SCOOP_NONE *in, long *kib)
{
    (void)in;
    *kib = api_memory_kib("VmHWM:");
    return 0;
}

static long peaks(void)
{
    long sum = 0;

    for (int rank = 0; rank < scoop_size(); rank++) {
        long kib = 0;
        scoop_join(scoop_submit(peak, NULL, .place = scoop_on_rank(rank)),
                   &kib);
        sum += kib;
    }
    return sum;
}

static int root(int argc, char **argv)
{
    long depth = 0, frame = user_frame_bytes(), before = peaks();

    (void)argc;
    (void)argv;
    int err = scoop_join(scoop_submit(descend, &(int){LEVELS}), &depth);
    if (err)
        scoop_perror("descend");
    CHECK(err == 0 && depth == LEVELS);
    long grown = peaks() - before - SLACK_KIB * scoop_size();
    printf("%ld bytes a level beside the user's %ld\n",
           grown * 1024 / LEVELS - frame, frame);
    CHECK(grown * 1024 <= LEVELS * (frame + 1024));
    err = scoop_join(scoop_submit(descend, &(int){LEVELS}), &depth);
    CHECK(err == 0 && depth == LEVELS);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
