/* SPDX-License-Identifier: MIT */
/* dump.c -- the state of this rank, in words
 *
 * Written on SIGUSR2, by the watchdog, and when a test hangs: how many tasks
 * are where, and for each stack what it waits for and who holds that.
 */
#include "dump.h"

#include <stdio.h>

#include "call.h"

/* Where the task is that a strand waits for. */
static void whereabouts(const struct runtime *rt, const struct strand *s,
                        char *words, size_t len)
{
    static const char *const state[] = {[FUTURE_FREE] = "gone",
                                        [FUTURE_QUEUED] = "queued here",
                                        [FUTURE_PLACED] = "to run here",
                                        [FUTURE_HELD] = "held by rank",
                                        [FUTURE_FETCHING] = "fetching",
                                        [FUTURE_RUNNING] = "running here",
                                        [FUTURE_EARLY] = "done, says its thief",
                                        [FUTURE_DONE] = "done"};
    const struct future *f = s->waits_for;

    if (!s->waits_what) {
        snprintf(words, len, s == rt->strand ? "runs" : "is ready to go on");
        return;
    }
    if (!f) {
        snprintf(words, len, "waits for %s", s->waits_what);
        return;
    }
    const struct scoop_task *type = registry_task(&rt->registry, f->rec.number);
    int n = snprintf(words, len, "waits for %s %s %u.%u, %s", s->waits_what,
                     type ? type->name : "?", (unsigned)(f->rec.id >> 32),
                     (unsigned)f->rec.id, state[f->state]);
    if (f->state == FUTURE_HELD && n > 0 && (size_t)n < len)
        snprintf(words + n, len - (size_t)n, " %d", f->rec.holder);
}

void dump_state(struct runtime *rt)
{
    const struct worker *w = &rt->worker;
    char words[256];

    fresh_enlist(rt);
    log_line(&rt->log, LOG_WARN,
             "state: %llu stacks, %llu tasks queued private, %u public, %llu "
             "to run here only, %llu futures unfinished; %s",
             (unsigned long long)w->live,
             (unsigned long long)lanes_private(&rt->lanes),
             lanes_public(rt->node.me),
             (unsigned long long)lanes_fixed_count(&rt->lanes),
             (unsigned long long)(rt->futures.created - rt->futures.ended),
             rt->frame ? "in a task" : "looking for work");
    for (struct link *l = w->strands.next; l != &w->strands; l = l->next) {
        struct strand *s =
            (struct strand *)(void *)((char *)l - offsetof(struct strand, all));
        const struct frame *top = s == rt->strand ? rt->frame : s->frame;
        whereabouts(rt, s, words, sizeof words);
        log_line(&rt->log, LOG_WARN, "state: %s %s",
                 top ? call_name(top) : "a new task", words);
    }
}
