/* SPDX-License-Identifier: MIT */
/* limit: 60 s */
/* test_progress.c -- what is shown of a map, on a terminal and in a log */
#define _GNU_SOURCE 1 /* posix_openpt */
#include "progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "runtime.h"

static struct runtime *rt;
static char said[65536];

/* A rank whose settings say `mode`, in a task or in the root. */
static void set(int rank, int mode, struct frame *frame)
{
    memset(rt, 0, sizeof *rt);
    config_init(&rt->config, NULL, NULL, NULL);
    rt->config.progress = mode;
    rt->rank = rank;
    rt->frame = frame;
    log_open(&rt->log, &rt->config, rank, "host");
}

static size_t count(const char *part)
{
    size_t n = 0;

    for (const char *at = said; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* stderr goes to `to` while this runs; what came out at `from` is in said. */
static int saved;

static void catch_stderr(int to)
{
    saved = dup(STDERR_FILENO);
    dup2(to, STDERR_FILENO);
}

static void let_go(int from)
{
    ssize_t len;
    size_t at = 0;

    dup2(saved, STDERR_FILENO);
    close(saved);
    fcntl(from, F_SETFL, O_NONBLOCK);
    while (at < sizeof said - 1 &&
           (len = read(from, said + at, sizeof said - 1 - at)) > 0)
        at += (size_t)len;
    said[at] = '\0';
}

static int calls;
static struct scoop_progress got;

static void note(const struct scoop_progress *p, void *arg)
{
    calls++;
    got = *p;
    CHECK(arg == &calls && runtime_current == NULL);
}

static void in_a_log(void)
{
    struct progress p = {0};
    struct frame root = {0}, inner = {0};
    struct future *task = calloc(1, sizeof *task);
    int pipes[2];

    CHECK(task && pipe(pipes) == 0);
    inner.task = task;
    catch_stderr(pipes[1]);
    set(0, CONFIG_PROGRESS_AUTO, &root); /* no label */
    progress_begin(rt, &p, NULL, 100, NULL, NULL);
    progress_add(rt, &p, 100, 0);
    progress_end(rt, &p);
    CHECK(!p.shows && !p.is_on && p.due_ns == CLOCK_NEVER);
    set(0, CONFIG_PROGRESS_OFF, &root); /* and never */
    progress_begin(rt, &p, "never", 100, NULL, NULL);
    progress_end(rt, &p);
    set(0, CONFIG_PROGRESS_ON, &inner); /* not the root's */
    progress_begin(rt, &p, NULL, 100, NULL, NULL);
    progress_end(rt, &p);
    set(0, CONFIG_PROGRESS_ON, &root);
    progress_begin(rt, &p, "", 100, NULL, NULL);
    for (int i = 0; i < 100; i++)
        progress_add(rt, &p, i % 50 != 0, i % 50 == 0);
    progress_end(rt, &p);
    set(3, CONFIG_PROGRESS_AUTO, &inner);
    progress_begin(rt, &p, "fit\nall", 8, NULL, NULL);
    progress_add(rt, &p, 7, 0);
    progress_tell(rt, &p); /* is not due */
    progress_end(rt, &p);
    let_go(pipes[0]);
    CHECK(count("\n") == 2 && count("scoop ") == 2 && !count("\r"));
    CHECK(count("scoop 0@host ") == 1 && count("note: map  100 of 100 ("));
    CHECK(count("2 failed: done\n") == 1);
    CHECK(count("scoop 3@host ") == 1 &&
          count("note: fit all  7 of 8 (87 %)") == 1);
    CHECK(count(": not all\n") == 1);
    close(pipes[0]);
    close(pipes[1]);
    free(task);
}

static void by_call(void)
{
    struct progress p = {0};
    struct frame root = {0};

    set(0, CONFIG_PROGRESS_OFF, &root);
    runtime_current = rt;
    calls = 0;
    progress_begin(rt, &p, "abc", 1000000, note, &calls);
    uint64_t begin_ns = clock_now_ns();
    for (int i = 0; i < 1000000; i++) {
        progress_add(rt, &p, i >= 3, i < 3);
        progress_tell(rt, &p);
    }
    while (!calls) {
        clock_sleep_ns(50000000);
        progress_tell(rt, &p);
    }
    double seconds = clock_seconds_of(clock_now_ns() - begin_ns);
    CHECK(calls <= 2 + (int)(seconds * 5));
    progress_end(rt, &p);
    CHECK(got.done == 999997 && got.total == 1000000 && got.failed == 3);
    CHECK(!strcmp(got.label, "abc") && got.eta >= 0 && got.eta <= 0);
    CHECK(got.seconds > 0 && got.rate > 0 && runtime_current == rt);
    calls = 0;
    p.name = "task";
    progress_begin(rt, &p, NULL, 0, note, &calls);
    progress_add(rt, &p, 5, 0);
    CHECK(calls == 0);
    progress_end(rt, &p);
    CHECK(calls == 1 && got.done == 5 && got.total == 0 && got.eta < 0);
    CHECK(!strcmp(got.label, "task"));
    runtime_current = NULL;
}

/* A line of the log comes between, and a second map. */
static void on_a_terminal(void)
{
    struct progress p = {0}, q = {0};
    struct frame root = {0};
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave = -1;

    if (master >= 0 && !grantpt(master) && !unlockpt(master))
        slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0) {
        puts("no terminal is to be had: not tested");
        return;
    }
    catch_stderr(slave);
    set(0, CONFIG_PROGRESS_AUTO, &root);
    progress_begin(rt, &p, "fit", 4, NULL, NULL);
    p.due_ns = 0;
    progress_add(rt, &p, 1, 0);
    progress_tell(rt, &p);
    progress_add(rt, &p, 0, 1);
    progress_tell(rt, &p); /* too soon */
    log_warn(&rt->log, "between");
    progress_begin(rt, &q, "inner", 2, NULL, NULL);
    progress_add(rt, &q, 2, 0);
    progress_end(rt, &q);
    clock_sleep_ns(250000000);
    progress_add(rt, &p, 1, 0);
    progress_tell(rt, &p);
    progress_add(rt, &p, 1, 0);
    progress_end(rt, &p);
    log_warn(&rt->log, "behind");
    let_go(master);
    CHECK(count("\rfit  1 of 4 (25 %)") == 1 && !count("fit  2 of 4"));
    CHECK(count("\r\033[Kscoop 0@host ") == 2); /* between, inner */
    CHECK(count("inner  2 of 2 (100 %)") == 1);
    CHECK(count("\rfit  3 of 4 (75 %)") == 1 && count("1 failed") == 2);
    CHECK(count("\rfit  4 of 4 (100 %)") == 1 && count(": done\033[K\r\n"));
    CHECK(count("\nscoop 0@host ") == 2 || count("behind\r\n") == 1);
    CHECK(!rt->has_live_line);
    close(slave);
    close(master);
}

int main(void)
{
    rt = aligned_alloc(64, (sizeof *rt + 63) & ~(size_t)63);
    if (!rt)
        return 1;
    in_a_log();
    by_call();
    on_a_terminal();
    free(rt);
    return checks_done();
}
