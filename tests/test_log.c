/* SPDX-License-Identifier: MIT */
/* test_log.c -- lines arrive whole, cut where too long, at the right level */
#include "log.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static struct config settings(const char *level, const char *file)
{
    struct config config;
    char level_text[64], file_text[256];
    char *environment[] = {level_text, file_text, NULL};

    snprintf(level_text, sizeof level_text, "SCOOP_LOG=%s", level);
    snprintf(file_text, sizeof file_text, "SCOOP_LOG_FILE=%s", file);
    config_init(&config, environment, ignore, NULL);
    return config;
}

/* A log into a pipe; what was written is read back by `heard`. */
struct ear {
    struct log log;
    int fd;
};

static struct ear listen_to(enum log_level level)
{
    struct ear ear;
    int ends[2] = {-1, -1};

    CHECK(pipe(ends) == 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    log_open(&ear.log, NULL, 7, "n004");
    ear.log.level = level;
    ear.log.fd = ends[1];
    ear.fd = ends[0];
    return ear;
}

static const char *heard(struct ear *ear, char *text, size_t size)
{
    ssize_t len = read(ear->fd, text, size - 1);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void stop_listening(struct ear *ear)
{
    close(ear->log.fd);
    close(ear->fd);
}

static void test_form(void)
{
    struct ear ear = listen_to(LOG_INFO);
    char text[2 * LOG_LINE_SIZE], rest[64];
    int seconds, micros, used = 0;

    errno = EDOM;
    log_warn(&ear.log, "%d of %s", 3, "four");
    CHECK(errno == EDOM);
    heard(&ear, text, sizeof text);
    CHECK(sscanf(text, "scoop 7@n004 %d.%6d warn: %n%63[^\n]", &seconds,
                 &micros, &used, rest) == 3);
    CHECK(used > 0 && strcmp(text + used, "3 of four\n") == 0);

    log_error(&ear.log, "two\nlines\r\n\n");
    CHECK(strstr(heard(&ear, text, sizeof text), " error: two lines \n") ||
          strstr(text, " error: two lines\n"));
    log_info(&ear.log, "%s", "");
    CHECK(strstr(heard(&ear, text, sizeof text), " info: \n"));

    ear.log.rank = -1;
    log_info(&ear.log, "early");
    CHECK(strncmp(heard(&ear, text, sizeof text), "scoop -@n004 ", 13) == 0);
    stop_listening(&ear);
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

static void test_levels(void)
{
    struct ear ear = listen_to(LOG_WARN);
    char text[LOG_LINE_SIZE];

    log_info(&ear.log, "%d", evaluate());
    log_debug(&ear.log, "%d", evaluate());
    log_line(&ear.log, LOG_DEBUG, "not either");
    CHECK(evaluated == 0);
    CHECK(*heard(&ear, text, sizeof text) == '\0');
    log_warn(&ear.log, "%d", evaluate());
    CHECK(evaluated == 1 && *heard(&ear, text, sizeof text));
    ear.log.level = LOG_ERROR;
    log_warn(&ear.log, "%d", evaluate());
    CHECK(*heard(&ear, text, sizeof text) == '\0');
    stop_listening(&ear);
}

/* Around the longest line: never more than fits, always one newline, the
 * mark where something is missing and nowhere else. */
static void test_cut(void)
{
    struct ear ear = listen_to(LOG_WARN);
    char long_text[2 * LOG_LINE_SIZE], text[2 * LOG_LINE_SIZE];

    memset(long_text, 'x', sizeof long_text);
    for (int len = LOG_LINE_SIZE - 60; len < LOG_LINE_SIZE + 60; len++) {
        log_warn(&ear.log, "%.*s", len, long_text);
        size_t got = strlen(heard(&ear, text, sizeof text));
        const char *body = strchr(text, 'x');
        CHECK(got <= LOG_LINE_SIZE && text[got - 1] == '\n');
        CHECK(strchr(text, '\n') == text + got - 1);
        bool is_whole = body && strspn(body, "x") == (size_t)len;
        bool is_marked = strstr(text, "x [cut]\n") != NULL;
        CHECK(is_whole != is_marked);
    }
    log_warn(&ear.log, "%.*s\n", (int)sizeof long_text, long_text);
    CHECK(strlen(heard(&ear, text, sizeof text)) == LOG_LINE_SIZE);
    stop_listening(&ear);
}

/* Nobody reads, or nobody can: the line is lost and the caller goes on. */
static void test_lost(void)
{
    struct ear ear = listen_to(LOG_WARN);
    struct log closed = ear.log;

    for (int i = 0; i < 10000; i++)
        log_warn(&ear.log, "%d fills the pipe, which does not block", i);
    stop_listening(&ear);
    closed.fd = -1;
    errno = 0;
    log_warn(&closed, "to no one");
    CHECK(errno == 0);
}

#define WRITERS 4
#define LINES 500

static void *write_lines(void *context)
{
    const struct log *log = context;
    char filler[1500];

    memset(filler, 'a' + log->rank % WRITERS, sizeof filler);
    for (int i = 0; i < LINES; i++)
        log_warn(log, "%d %.*s.", i, i * 3, filler);
    return NULL;
}

/* Counts the lines that are as they were written. */
static int count_whole(FILE *in)
{
    char line[2 * LOG_LINE_SIZE];
    int whole = 0;

    while (fgets(line, sizeof line, in)) {
        int rank, number, used = 0;
        if (sscanf(line, "scoop %d@h %*d.%*d warn: %d %n", &rank, &number,
                   &used) != 2)
            continue;
        char letter[2] = {(char)('a' + rank % WRITERS), '\0'};
        size_t filler = strspn(line + used, letter);
        whole += filler == (size_t)number * 3 &&
                 strcmp(line + used + filler, ".\n") == 0;
    }
    return whole;
}

/* Processes and threads share one file, each with a log of its own, as ranks
 * and their helpers do. */
static void test_shared_file(const char *dir)
{
    char path[128];
    pid_t children[WRITERS];

    snprintf(path, sizeof path, "%s/shared", dir);
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct config config = settings("warn", path);
            struct log log;
            pthread_t helper;
            log_open(&log, &config, i, "h");
            if (pthread_create(&helper, NULL, write_lines, &log))
                _exit(1);
            write_lines(&log);
            pthread_join(helper, NULL);
            log_close(&log);
            _exit(0);
        }
        CHECK(children[i] > 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;
        CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
    }
    FILE *in = fopen(path, "r");
    CHECK(in != NULL);
    if (in) {
        CHECK(count_whole(in) == 2 * WRITERS * LINES);
        fclose(in);
    }
    unlink(path);
}

static void test_file_of_rank(const char *dir)
{
    char pattern[128], path[128], text[256] = "";
    struct log log;

    snprintf(pattern, sizeof pattern, "%s/%%r-of-%%r%%.%%", dir);
    snprintf(path, sizeof path, "%s/12-of-12%%.%%", dir);
    struct config config = settings("debug", pattern);
    for (int i = 0; i < 2; i++) { /* the second time appends */
        log_open(&log, &config, 12, NULL);
        CHECK(log.fd > STDERR_FILENO && log.level == LOG_DEBUG);
        log_debug(&log, "round %d", i);
        log_close(&log);
        CHECK(log.fd == STDERR_FILENO);
    }
    FILE *in = fopen(path, "r");
    CHECK(in != NULL);
    if (in) {
        CHECK(fgets(text, sizeof text, in) && strstr(text, "12@- "));
        CHECK(strstr(text, "debug: round 0\n"));
        CHECK(fgets(text, sizeof text, in) && strstr(text, "round 1\n"));
        fclose(in);
    }
    unlink(path);
}

/* A file that cannot be opened is told on stderr, where the log then goes. */
static void test_no_file(void)
{
    struct config config = settings("warn", "/nonexistent/dir/%r");
    struct log log;
    char text[LOG_LINE_SIZE] = "";
    int ends[2], saved = dup(STDERR_FILENO);

    CHECK(pipe(ends) == 0);
    dup2(ends[1], STDERR_FILENO);
    log_open(&log, &config, 0, "h");
    dup2(saved, STDERR_FILENO);
    close(saved);
    CHECK(log.fd == STDERR_FILENO);
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    CHECK(strstr(text, "error: cannot open the log file /nonexistent/dir/%r: "
                       "No such file"));
    log_close(&log); /* leaves stderr open */
    CHECK(fcntl(STDERR_FILENO, F_GETFD) >= 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    char dir[] = "/tmp/test_log.XXXXXX";

    if (!mkdtemp(dir))
        return 1;
    test_form();
    test_levels();
    test_cut();
    test_lost();
    test_shared_file(dir);
    test_file_of_rank(dir);
    test_no_file();
    rmdir(dir);
    return checks_done();
}
