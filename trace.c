/* SPDX-License-Identifier: MIT */
/* trace.c -- a timeline: what ran, waited and was stolen, and when
 *
 * Events are kept in memory, 40 bytes each, and written when the farm has
 * ended, in the Trace Event Format that Chrome's about:tracing and Perfetto
 * read: one process for each rank, one thread for each stack, so that events
 * of a thread nest.  A file for each rank, since ranks of other hosts may not
 * share a directory; `traceEvents` of all of them in one list is a timeline of
 * the job.  Times count from the moment when the farm started on that rank,
 * which is the same on all ranks but for the time of a collective call.
 *
 * Memory is bounded: once the events take as much as they may, the later ones
 * are counted and left out.  The early ones are kept, for a ring would have
 * tasks that ended without ever having begun.
 *
 * Nothing here is called where no timeline was asked for (runtime.h: `trace`
 * is NULL then, and functions are timed as seldom as ever).
 */
#include "trace.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "log.h"

#define ROOM_FIRST 1024u

struct event {
    const char *name;
    uint64_t from_ns, ns;
    uint64_t of;
    uint32_t lane;
    uint32_t kind; /* enum trace_kind */
};

struct trace {
    struct event *event;
    size_t events, room, most;
    uint64_t left_out;
    uint64_t start_ns;
    uint32_t lanes; /* the highest that was seen */
};

struct trace *trace_open(uint64_t bytes)
{
    struct trace *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->most = (size_t)(bytes / sizeof *t->event);
    t->start_ns = clock_now_ns();
    return t;
}

static int grow(struct trace *t)
{
    size_t room = t->room ? 2 * t->room : ROOM_FIRST;

    if (room > t->most)
        room = t->most;
    if (room <= t->room)
        return 0;
    struct event *more = realloc(t->event, room * sizeof *more);
    if (!more)
        return 0;
    t->event = more;
    t->room = room;
    return 1;
}

void trace_add(struct trace *t, enum trace_kind kind, const char *name,
               uint32_t lane, uint64_t from_ns, uint64_t to_ns, uint64_t of)
{
    if (t->events == t->room && !grow(t)) {
        t->left_out++;
        return;
    }
    t->event[t->events++] =
        (struct event){name, from_ns, to_ns - from_ns, of, lane, kind};
    if (lane > t->lanes)
        t->lanes = lane;
}

/* ---- The file --------------------------------------------------------- */

static void put_text(FILE *file, const char *text)
{
    putc('"', file);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(file, "\\%c", c);
        else if (c < ' ')
            fprintf(file, "\\u%04x", c);
        else
            putc(c, file);
    }
    putc('"', file);
}

/* The format's unit is the microsecond. */
static void put_time(FILE *file, const char *key, uint64_t ns)
{
    fprintf(file, ",\"%s\":%llu.%03u", key, (unsigned long long)(ns / 1000),
            (unsigned)(ns % 1000));
}

static void put_event(FILE *file, const struct trace *t, const struct event *e,
                      int rank)
{
    static const char *const category[] = {
        [TRACE_TASK] = "task",
        [TRACE_WAIT] = "wait",
        [TRACE_IDLE] = "idle",
        [TRACE_STEAL] = "steal",
    };

    fputs(",\n{\"name\":", file);
    put_text(file, e->name);
    fprintf(file, ",\"cat\":\"%s\",\"pid\":%d,\"tid\":%u", category[e->kind],
            rank, (unsigned)e->lane);
    put_time(file, "ts", e->from_ns - t->start_ns);
    if (e->kind == TRACE_STEAL) {
        fprintf(file,
                ",\"ph\":\"i\",\"s\":\"t\",\"args\":{\"victim\":%u,"
                "\"tasks\":%u}}",
                (unsigned)(e->of >> 32), (unsigned)e->of);
        return;
    }
    fputs(",\"ph\":\"X\"", file);
    put_time(file, "dur", e->ns);
    if (e->of)
        fprintf(file, ",\"args\":{\"%s\":\"%u.%u\"}",
                e->kind == TRACE_WAIT ? "for" : "task", (unsigned)(e->of >> 32),
                (unsigned)e->of);
    putc('}', file);
}

static void put_all(FILE *file, const struct trace *t, const struct log *log)
{
    fprintf(file,
            "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"left_out\":%llu},\n"
            "\"traceEvents\":[\n"
            "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":0,"
            "\"args\":{\"name\":",
            (unsigned long long)t->left_out, log->rank);
    char name[96];
    snprintf(name, sizeof name, "rank %d on %s", log->rank, log->host);
    put_text(file, name);
    fputs("}}", file);
    for (uint32_t lane = 0; lane <= t->lanes; lane++)
        fprintf(file,
                ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,"
                "\"tid\":%u,\"args\":{\"name\":\"%s %u\"}}",
                log->rank, (unsigned)lane, lane ? "stack" : "scheduler",
                (unsigned)lane);
    for (size_t i = 0; i < t->events; i++)
        put_event(file, t, &t->event[i], log->rank);
    fputs("\n]}\n", file);
}

void trace_close(struct trace *t, const struct log *log, const char *prefix)
{
    char path[CONFIG_TEXT_SIZE + 32];

    if (!t)
        return;
    snprintf(path, sizeof path, "%s.%d.json", prefix, log->rank);
    FILE *file = fopen(path, "w");
    if (file)
        put_all(file, t, log);
    if (!file || ferror(file)) {
        log_error(log, "the timeline %s cannot be written: %s", path,
                  strerror(errno));
        if (file)
            fclose(file);
    } else if (fclose(file)) {
        log_error(log, "the timeline %s is not whole: %s", path,
                  strerror(errno));
    }
    if (t->left_out)
        log_warn(log,
                 "%llu events are not in the timeline: SCOOP_PROFILE_MEMORY "
                 "was full",
                 (unsigned long long)t->left_out);
    free(t->event);
    free(t);
}
