/* SPDX-License-Identifier: MIT */
/* signals.c -- what a signal asks for
 *
 * A handler may do almost nothing, and is known to the whole process, so the
 * flag that it sets is one of the few static variables of the library.  The
 * main loop looks at it; a sleeping rank is woken by the signal itself, since
 * a futex wait ends with EINTR.
 *
 * SIGUSR2 (which mpirun forwards to all ranks) asks for the state dump.
 */
#include "signals.h"

#include <stddef.h>
#include <string.h>

static volatile sig_atomic_t dump_is_asked;

static void on_usr2(int number)
{
    (void)number;
    dump_is_asked = 1;
}

void signals_open(struct signals *s)
{
    struct sigaction mine;

    s->is_ours = false;
    if (sigaction(SIGUSR2, NULL, &s->before) ||
        (s->before.sa_flags & SA_SIGINFO) || s->before.sa_handler != SIG_DFL)
        return;
    memset(&mine, 0, sizeof mine);
    mine.sa_handler = on_usr2;
    sigemptyset(&mine.sa_mask);
    s->is_ours = !sigaction(SIGUSR2, &mine, NULL);
}

void signals_close(struct signals *s)
{
    if (s->is_ours)
        sigaction(SIGUSR2, &s->before, NULL);
    s->is_ours = false;
}

bool signals_asked(enum signals_what what)
{
    if (!dump_is_asked)
        return false;
    if (what == SIGNALS_DUMP)
        dump_is_asked = 0;
    return true;
}
