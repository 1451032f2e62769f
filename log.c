/* SPDX-License-Identifier: MIT */
/* log.c -- compose a line, write it in one piece
 *
 * Why not stdio: a FILE has a lock and a buffer that every rank would flush
 * at moments of its own, and a line of two flushes can have another rank's
 * line in its middle. Several ranks that share one SCOOP_LOG_FILE append to
 * it, which keeps their lines whole as well.
 */
#include "log.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(LOG_LINE_SIZE <= PIPE_BUF, "a pipe keeps a line in one piece");

#define CUT_MARK " [cut]"
#define WIPE "\r\033[K" /* the line that the cursor is in */

static const char *const level_names[] = {
#define X(ID, text) text,
    CONFIG_LOG_LEVELS(X)
#undef X
};

/* Puts the rank in the place of each %r. */
static bool expand(const char *pattern, int rank, char *path, size_t size)
{
    size_t len = 0;

    while (*pattern) {
        int step;
        if (pattern[0] == '%' && pattern[1] == 'r') {
            step = snprintf(path + len, size - len, "%d", rank);
            pattern += 2;
        } else {
            step = snprintf(path + len, size - len, "%c", *pattern++);
        }
        len += (size_t)step;
        if (len >= size)
            return false;
    }
    path[len] = '\0';
    return true;
}

static int open_file(const char *pattern, int rank)
{
    char path[CONFIG_TEXT_SIZE + 64];

    if (!expand(pattern, rank, path, sizeof path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* Blocks while a full pipe is not read; ends when its reader reads or goes
 * away. What was begun is not resumed after a short write (a full disk): the
 * rest would be a second piece. */
static void write_once(int fd, const char *line, size_t len)
{
    ssize_t written;

    do
        written = write(fd, line, len);
    while (written < 0 && errno == EINTR);
}

/* snprintf's answer as a number of bytes that are in the buffer. */
static size_t bounded(int len, size_t size)
{
    if (len < 0)
        return 0;
    return (size_t)len < size ? (size_t)len : size - 1;
}

static size_t compose_head(const struct log *log, const char *level, char *line,
                           size_t size)
{
    uint64_t us = (clock_now_ns() - log->start_ns) / 1000;
    bool wipes = log->fd == STDERR_FILENO && atomic_load(&log->is_live);
    char rank[16] = "-";

    if (log->rank >= 0)
        snprintf(rank, sizeof rank, "%d", log->rank);
    return bounded(snprintf(line, size,
                            "%sscoop %s@%s %llu.%06llu %s: ", wipes ? WIPE : "",
                            rank, log->host, (unsigned long long)(us / 1000000),
                            (unsigned long long)(us % 1000000), level),
                   size);
}

void log_open(struct log *log, const struct config *config, int rank,
              const char *host)
{
    *log = (struct log){
        .level = config ? (enum log_level)config->log : LOG_WARN,
        .fd = STDERR_FILENO,
        .rank = rank,
        .start_ns = clock_now_ns(),
    };
    snprintf(log->host, sizeof log->host, "%s", host ? host : "-");
    if (!config || !config->log_file[0])
        return;
    int fd = open_file(config->log_file, rank);
    if (fd >= 0)
        log->fd = fd;
    else
        log_error(log, "cannot open the log file %s: %s", config->log_file,
                  strerror(errno));
}

void log_close(struct log *log)
{
    if (log->fd > STDERR_FILENO)
        close(log->fd);
    log->fd = STDERR_FILENO;
}

__attribute__((format(printf, 3, 0))) static void put_line(
    const struct log *log, const char *level, const char *format, va_list args)
{
    char line[LOG_LINE_SIZE];
    int saved = errno;

    size_t head = compose_head(log, level, line, sizeof line);
    int want = vsnprintf(line + head, sizeof line - head, format, args);
    size_t len = head + bounded(want, sizeof line - head);
    if (want > 0 && head + (size_t)want >= sizeof line)
        memcpy(line + len - (sizeof CUT_MARK - 1), CUT_MARK,
               sizeof CUT_MARK - 1);
    while (len > head && line[len - 1] == '\n')
        len--;
    for (size_t i = head; i < len; i++) {
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    }
    line[len++] = '\n'; /* over the terminating zero at the latest */
    write_once(log->fd, line, len);
    errno = saved;
}

void log_vline(const struct log *log, enum log_level level, const char *format,
               va_list args)
{
    if (log_is_on(log, level))
        put_line(log, level_names[level], format, args);
}

void log_line(const struct log *log, enum log_level level, const char *format,
              ...)
{
    va_list args;

    va_start(args, format);
    log_vline(log, level, format, args);
    va_end(args);
}

void log_say(const struct log *log, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_line(log, "note", format, args);
    va_end(args);
}

void log_set_live(struct log *log, bool is_live)
{
    atomic_store(&log->is_live, is_live);
}
