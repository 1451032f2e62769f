/* SPDX-License-Identifier: MIT */
/* progress.c -- how far a map is: a line on a terminal, lines in a log, a call
 *
 * Who is shown.  With SCOOP_PROGRESS=auto, the default, what has a label; with
 * 1 also each map of the root, by the name of its task; with 0 nothing.  A
 * function of the program's is called in any case.
 *
 * Where.  Rank 0 draws a line that lives, if stderr is a terminal: it is drawn
 * again over itself up to five times a second.  There is one such line; of
 * several at once (a map within a map) the first has it.  Everywhere else,
 * under mpirun mostly, where stderr is a pipe, and on other ranks, a plain line
 * is logged every ten seconds and one at the end.
 *
 *     fit  412 of 1000 (41 %), 103/s, 5.7 s left, 2 failed
 *
 * A line of the log that comes while a living line stands there begins by
 * wiping it out, in the same write (log.h: `is_live`); the next update draws it
 * again.  So the two do not tear each other.
 *
 * Counting (progress_add()) and telling (progress_tell()) are two calls, since
 * items are also counted where no code of the program's may run.  Who waits for
 * the items sleeps until `due_ns` at most and tells then.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "clock.h"
#include "runtime.h"

#define DRAW_NS 200000000u   /* at most five times a second */
#define LINE_NS 10000000000u /* in a log */

enum shows {
    CALLS = 1, /* the program's function */
    DRAWS = 2, /* has the living line */
    LINES = 4
};

static void write_words(int fd, const char *words, size_t len)
{
    ssize_t written = write(fd, words, len);

    (void)written; /* what cannot be drawn is not missed */
}

static struct scoop_progress measure(const struct progress *p, uint64_t now_ns)
{
    struct scoop_progress s = {.label = p->label,
                               .done = p->done,
                               .failed = p->failed,
                               .total = p->total,
                               .eta = -1};

    s.seconds = clock_seconds_of(now_ns - p->began_ns);
    uint64_t ended = p->done + p->failed;
    if (s.seconds > 0)
        s.rate = (double)ended / s.seconds;
    if (p->total && ended >= p->total)
        s.eta = 0;
    else if (p->total && s.rate > 0)
        s.eta = (double)(p->total - ended) / s.rate;
    return s;
}

/* Seconds, as one reads them. */
static void put_span(double seconds, char *out, size_t size)
{
    uint64_t whole = seconds < 1e9 ? (uint64_t)seconds : 1000000000;

    if (seconds < 60)
        snprintf(out, size, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(out, size, "%llu:%02u min", (unsigned long long)(whole / 60),
                 (unsigned)(whole % 60));
    else
        snprintf(out, size, "%llu:%02u h", (unsigned long long)(whole / 3600),
                 (unsigned)(whole / 60 % 60));
}

static int put_words(const struct scoop_progress *s, bool has_ended, char *out,
                     size_t size)
{
    char of[64] = "", left[48] = "", failed[40] = "", span[24];
    uint64_t ended = s->done + s->failed;
    const char *end = "";

    if (s->total)
        snprintf(of, sizeof of, " of %llu (%d %%)",
                 (unsigned long long)s->total,
                 (int)(100.0 * (double)ended / (double)s->total));
    if (has_ended) {
        put_span(s->seconds, span, sizeof span);
        snprintf(left, sizeof left, " in %s", span);
        end = ended < s->total ? ": not all" : ": done";
    } else if (s->eta >= 0) {
        put_span(s->eta, span, sizeof span);
        snprintf(left, sizeof left, ", %s left", span);
    }
    if (s->failed)
        snprintf(failed, sizeof failed, ", %llu failed",
                 (unsigned long long)s->failed);
    return snprintf(out, size, "%s  %llu%s, %.3g/s%s%s%s", s->label,
                    (unsigned long long)ended, of, s->rate, left, failed, end);
}

/* The function is the program's, but it is called in the middle of a map, where
 * another task may be the one that runs: so it finds no farm. */
static void call(const struct progress *p, const struct scoop_progress *s)
{
    struct runtime *before = runtime_current;

    runtime_set_current(NULL);
    p->fn(s, p->arg);
    runtime_set_current(before);
}

static void draw(struct runtime *rt, const char *words, bool has_ended)
{
    char line[280];

    int len = snprintf(line, sizeof line, "\r%s\033[K%s", words,
                       has_ended ? "\n" : "");
    log_set_live(&rt->log, !has_ended);
    write_words(STDERR_FILENO, line, (size_t)len);
}

static void show(struct runtime *rt, struct progress *p, uint64_t now_ns,
                 bool has_ended)
{
    struct scoop_progress s = measure(p, now_ns);
    char words[256];

    if (p->shows & CALLS)
        call(p, &s);
    put_words(&s, has_ended, words, sizeof words);
    if (p->shows & DRAWS) {
        draw(rt, words, has_ended);
    } else if ((p->shows & LINES) && (has_ended || now_ns >= p->next_line_ns)) {
        log_say(&rt->log, "%s", words);
        p->next_line_ns = clock_after(now_ns, LINE_NS);
    }
    p->due_ns = p->shows & (CALLS | DRAWS) ? clock_after(now_ns, DRAW_NS)
                                           : p->next_line_ns;
}

static uint32_t find_shows(const struct runtime *rt, const char *label,
                           bool has_fn)
{
    uint32_t shows = has_fn ? CALLS : 0;
    bool is_roots = rt->rank == 0 && rt->frame && !rt->frame->task;

    if (rt->config.progress == CONFIG_PROGRESS_OFF ||
        (!(label && *label) &&
         !(rt->config.progress == CONFIG_PROGRESS_ON && is_roots)))
        return shows;
    if (rt->rank == 0 && !rt->has_live_line && isatty(STDERR_FILENO) == 1)
        return shows | DRAWS;
    return shows | LINES;
}

void progress_begin(
    struct runtime *rt, struct progress *p, const char *label, uint64_t total,
    void (*fn)(const struct scoop_progress *progress, void *arg), void *arg)
{
    const char *words = label && *label ? label : p->name;

    p->shows = find_shows(rt, label, fn != NULL);
    p->is_on = p->shows != 0;
    p->due_ns = CLOCK_NEVER;
    p->done = p->failed = 0;
    if (!p->is_on)
        return;
    p->total = total;
    p->fn = fn;
    p->arg = arg;
    p->began_ns = clock_now_ns();
    p->due_ns = clock_after(p->began_ns, DRAW_NS);
    p->next_line_ns = clock_after(p->began_ns, LINE_NS);
    if (!(p->shows & (CALLS | DRAWS)))
        p->due_ns = p->next_line_ns;
    snprintf(p->label, sizeof p->label, "%s", words ? words : "map");
    for (char *c = p->label; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' '; /* it shall stay on its line */
    if (p->shows & DRAWS)
        rt->has_live_line = true;
}

void progress_add(struct runtime *rt, struct progress *p, uint64_t done,
                  uint64_t failed)
{
    (void)rt;
    p->done += done;
    p->failed += failed;
}

void progress_tell(struct runtime *rt, struct progress *p)
{
    if (!p->is_on)
        return;
    uint64_t now_ns = clock_now_ns();
    if (now_ns >= p->due_ns)
        show(rt, p, now_ns, false);
}

void progress_end(struct runtime *rt, struct progress *p)
{
    if (!p->is_on)
        return;
    show(rt, p, clock_now_ns(), true);
    if (p->shows & DRAWS)
        rt->has_live_line = false;
    p->is_on = false;
    p->shows = 0;
    p->due_ns = CLOCK_NEVER;
}
