/* SPDX-License-Identifier: MIT */
/* prolog.c -- functions that run once on each rank before its first task
 *
 * Like tasks, prologs are known before main(): constructors of the header add
 * them to a list.  The list is kept in the order of the names, since that of
 * constructors depends on the linker.
 *
 * They run once the ranks have met and before any rank can get a task, and
 * then all ranks agree that all went well; so a rank whose prolog fails is not
 * missed by others that have begun to work.  A prolog may be long (it reads
 * tables, say): the ranks that are done sleep meanwhile, without a limit.
 *
 * Whether a prolog has run is the process's to know and not the farm's: a
 * library is initialised once, however often farms run.  One that failed is
 * run again when the next farm starts.
 */
#include "prolog.h"

#include <stdio.h>
#include <string.h>

#include "runtime.h"

/* Filled before main(), or by dlopen() before a farm starts. */
static struct scoop_prolog *prologs;

void scoop_add_prolog(struct scoop_prolog *prolog)
{
    struct scoop_prolog **at = &prologs;

    for (struct scoop_prolog *p = prologs; p; p = p->next)
        if (p == prolog)
            return;
    while (*at && strcmp((*at)->name, prolog->name) <= 0)
        at = &(*at)->next;
    prolog->next = *at;
    *at = prolog;
}

uint64_t prolog_hash(void)
{
    uint64_t hash = 0;

    for (const struct scoop_prolog *p = prologs; p; p = p->next)
        for (const char *c = p->name; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u + 1;
    return hash;
}

int prolog_run(struct runtime *rt)
{
    char why[256] = "";
    int status = 0;

    if (!prologs)
        return 0;
    for (struct scoop_prolog *p = prologs; p && !status; p = p->next) {
        int code = p->has_run ? 0 : p->run();
        p->has_run = !code;
        if (!code)
            continue;
        status = SCOOP_EFAILED;
        snprintf(why, sizeof why, "the prolog %s failed (code %d) on host %s",
                 p->name, code, rt->host);
    }
    return net_agree(rt->net, status, why);
}
