/* SPDX-License-Identifier: MIT */
/* signals.h -- what a signal asks for
 *
 * See signals.c.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>

enum signals_what { SIGNALS_DUMP, SIGNALS_PEEK };

struct signals {
    struct sigaction before; /* what stood there for SIGUSR2 */
    bool is_ours;
};

void signals_open(struct signals *s);  /* only where the user has no handler */
void signals_close(struct signals *s); /* puts back what was there */

/* Whether a dump was asked for; DUMP forgets it, PEEK does not. */
bool signals_asked(enum signals_what what);

#endif
