/* SPDX-License-Identifier: MIT */
/* ranks: 4; node-memory: 1; limit: 60 s */
/* skip: release debug asan tsan valgrind */
/* api_const_full.c -- constants for which a node has no room
 *
 * tests/const_full.sh runs it where /dev/shm has 64 MiB; where it has more
 * than 1 GiB it only says so.
 */
#include "api.h"

#include <dirent.h>
#include <sys/statvfs.h>

SCOOP_TASK(look, SCOOP_NONE, int);
SCOOP_TASK(define, size_t, int);

/* The code, as a result. */
static int look(const SCOOP_NONE *in, int *code)
{
    (void)in;
    *code = scoop_const_get_bytes("big", NULL, NULL, .timeout = SCOOP_NOW);
    return 0;
}

static int define(const size_t *len, int *code)
{
    void *data = calloc(1, *len);

    *code = data ? scoop_const_set_bytes("big", data, *len) : 99;
    free(data);
    return 0;
}

/* Segments that are there by name. */
static int count_names(void)
{
    DIR *dir = opendir("/dev/shm");
    int names = 0;

    for (struct dirent *e; dir && (e = readdir(dir));)
        names += !strncmp(e->d_name, "scoop-const-", 12);
    if (dir)
        closedir(dir);
    return names;
}

static void all_say(int expected)
{
    for (int i = 0; i < scoop_size(); i++) {
        int code = 99;
        CHECK(scoop_join(scoop_submit(look, NULL, .place = scoop_on_rank(i)),
                         &code) == 0);
        CHECK(code == expected);
    }
}

static int root(int argc, char **argv)
{
    size_t large = (size_t)100 << 20, fits = (size_t)12 << 20;
    void *data = calloc(1, large);
    struct statvfs vfs;

    (void)argc;
    (void)argv;
    if (statvfs("/dev/shm", &vfs) || !vfs.f_blocks ||
        vfs.f_bavail * vfs.f_frsize > (size_t)1 << 30) {
        puts("/dev/shm is too large");
        return 77;
    }
    large += vfs.f_bavail * vfs.f_frsize;
    data = realloc(data, large);
    CHECK(data != NULL);
    for (int i = 0; data && i < scoop_size(); i++) {
        int code = 99;
        CHECK(
            scoop_join(scoop_submit(define, &large, .place = scoop_on_rank(i)),
                       &code) == 0);
        CHECK(code == SCOOP_ENOMEM);
        all_say(SCOOP_ETIMEDOUT);
    }
    /* Room for it, but not for it and another one: none. */
    struct scoop_const two[2] = {
        {.name = "big", .kind = SCOOP_CONST_BYTES, .data = data, .len = fits},
        {.name = "more",
         .kind = SCOOP_CONST_BYTES,
         .data = data,
         .len = large - ((size_t)100 << 20)}};
    CHECK(scoop_const_set_many(two, 2) == SCOOP_ENOMEM);
    all_say(SCOOP_ETIMEDOUT);
    for (int i = 0; i < 8; i++) { /* what failed, and what was, left nothing */
        CHECK(scoop_const_set_many(two, 1) == 0);
        all_say(0);
        CHECK(count_names() == 0);
        CHECK(scoop_const_delete("big") == 0);
    }
    free(data);
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
