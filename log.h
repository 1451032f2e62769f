/* SPDX-License-Identifier: MIT */
/* log.h -- lines that are never torn
 *
 *     scoop 3@n004 12.345678 warn: what happened
 *           |  |       |      |
 *           |  host    |      level
 *           rank       seconds since log_open
 *
 * A line is composed in a buffer and leaves in one write(2) of at most
 * LOG_LINE_SIZE bytes, which pipes, terminals and files opened for appending
 * keep in one piece, however many ranks share them. There is no lock and no
 * buffer that outlives the call, so any thread may log at any time after
 * log_open; a signal handler may not.
 *
 * A line that cannot be written is lost: a log has nowhere else to complain.
 */
#ifndef LOG_H
#define LOG_H

#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
#define X(ID, text) LOG_##ID,
    CONFIG_LOG_LEVELS(X)
#undef X
        LOG_LEVEL_COUNT
};

/* POSIX promises 512 for a pipe in one piece, Linux keeps 4096. */
#define LOG_LINE_SIZE 4096

struct log {
    enum log_level level; /* the least severe that is written */
    int fd;
    int rank; /* -1: not known yet */
    uint64_t start_ns;
    char host[64];
    /* A line that is drawn over and over (progress.c) stands on the terminal:
     * lines of the log wipe it out first. */
    _Atomic bool is_live;
};

/* Without a config (NULL) warnings and errors go to stderr: for what has to
 * be said before the settings are read. Cannot fail: if SCOOP_LOG_FILE cannot
 * be opened, it says so on stderr and stays there. */
void log_open(struct log *log, const struct config *config, int rank,
              const char *host);

/* The log may be opened again afterwards. */
void log_close(struct log *log);

static inline bool log_is_on(const struct log *log, enum log_level level)
{
    return level <= log->level;
}

/* One line; newlines within are turned into blanks, a line too long is cut
 * and marked. errno stays as it was. */
void log_line(const struct log *log, enum log_level level, const char *format,
              ...) __attribute__((format(printf, 3, 4)));
void log_vline(const struct log *log, enum log_level level, const char *format,
               va_list args) __attribute__((format(printf, 3, 0)));

/* One line whatever the level, for what was asked for: "note". */
void log_say(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_set_live(struct log *log, bool is_live);

/* The arguments are evaluated only if the line is written. */
#define log_at(log, level, ...)                                                \
    (log_is_on(log, level) ? log_line(log, level, __VA_ARGS__) : (void)0)
#define log_error(log, ...) log_at(log, LOG_ERROR, __VA_ARGS__)
#define log_warn(log, ...) log_at(log, LOG_WARN, __VA_ARGS__)
#define log_info(log, ...) log_at(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_at(log, LOG_DEBUG, __VA_ARGS__)

#endif
