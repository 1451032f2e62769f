/* SPDX-License-Identifier: MIT */
/* ranks: - 4 | 1 2; node-memory: 1 0; settings: LOG=info; limit: 60 s */
/* api_log.c -- lines of a program's own, from tasks, threads and outside */
#define _GNU_SOURCE 1 /* pthread */
#include "api.h"

#include <pthread.h>

enum { LINES = 200 };

SCOOP_TASK(speak, int, int);

static void *on_a_thread(void *arg)
{
    for (int i = 0; i < LINES; i++)
        *(int *)arg |= scoop_log(SCOOP_LOG_INFO, "thread says %d\nand more", i);
    return NULL;
}

/* Both at once; what it wrote comes home as counts. */
static int speak(const int *n, int *out)
{
    struct api_catch c;
    pthread_t thread;
    char head[128], mine[160];
    int err = 0, error = 0, whole = 0, named = 0, threads = 0, rest = 0;

    api_catch(&c);
    if (pthread_create(&thread, NULL, on_a_thread, &error))
        return scoop_fail(1, "no thread");
    for (int i = 0; i < *n; i++)
        err |= scoop_log(SCOOP_LOG_INFO, "task says %d\r\nand more\n", i);
    pthread_join(thread, NULL);
    char *said = api_caught(&c);
    snprintf(head, sizeof head, "scoop %s ", scoop_worker_name());
    snprintf(mine, sizeof mine, " info: speak: task says ");
    for (char *line = strtok(said, "\n"); line; line = strtok(NULL, "\n")) {
        size_t len = strlen(line);
        whole += !strncmp(line, head, strlen(head)) && len > 8 &&
                 !strcmp(line + len - 8, "and more");
        named += strstr(line, mine) != NULL;
        threads += strstr(line, " info: thread says ") != NULL;
        rest++;
    }
    free(said);
    *out = whole;
    if (err || error || whole != rest || named != *n || threads != LINES)
        return scoop_fail(2, "%d lines, %d whole, %d the task's, %d not", rest,
                          whole, named, threads);
    return 0;
}

static void levels(void)
{
    struct api_catch c;
    static char lengthy[10000];

    api_catch(&c);
    memset(lengthy, 'x', sizeof lengthy - 1);
    CHECK(scoop_log(SCOOP_LOG_ERROR, "one %s", "e") == 0);
    CHECK(scoop_log(SCOOP_LOG_WARN, "two") == 0);
    CHECK(scoop_log(SCOOP_LOG_INFO, "three") == 0);
    CHECK(scoop_log(SCOOP_LOG_DEBUG, "four") == 0);
    CHECK(scoop_log(SCOOP_LOG_WARN, "%s", "") == 0);
    CHECK(scoop_log(SCOOP_LOG_WARN, "%s", lengthy) == 0);
    CHECK(scoop_log((enum scoop_log_level)4, "five") == SCOOP_EINVAL);
    CHECK(scoop_log((enum scoop_log_level) - 1, "six") == SCOOP_EINVAL);
    CHECK(scoop_log(SCOOP_LOG_WARN, NULL) == SCOOP_EINVAL);
    char *said = api_caught(&c);
    CHECK(api_lines(said, "scoop ") == 5);
    CHECK(api_lines(said, " error: ") == 1 && api_lines(said, "one e") == 1);
    CHECK(api_lines(said, " warn: ") == 3 && api_lines(said, "two") == 1);
    CHECK(api_lines(said, " info: ") == 1 && api_lines(said, "four") == 0);
    CHECK(api_lines(said, "[cut]") == 1);
    free(said);
}

static int root(int argc, char **argv)
{
    int whole = 0;

    (void)argc;
    (void)argv;
    levels();
    for (int r = 0; r < scoop_size(); r++) {
        scoop_future f =
            scoop_submit(speak, &(int){LINES}, .place = scoop_on_rank(r));
        int err = scoop_join(f, &whole);
        if (err)
            scoop_perror("speak");
        CHECK(err == 0 && whole == 2 * LINES);
    }
    return checks_done();
}

int main(int argc, char **argv)
{
    levels();
    int status = scoop_main(argc, argv, root);
    levels();
    return status ? status : checks_done();
}
