/* SPDX-License-Identifier: MIT */
/* serial.h -- calls outside of a farm
 *
 * See serial.c.
 */
#ifndef SERIAL_H
#define SERIAL_H

#include <stdbool.h>

struct runtime;

/* Whether some thread of this process has the farm for calls outside. */
bool serial_is_open(void);
/* Before a real farm starts, and at exit: closes it if it is this thread's
 * and this is no task of it.  False: it is one. */
bool serial_end(void);

/* scoop.c: its rooms.  NULL: *why. */
struct runtime *serial_rooms_open(int *why);
void serial_rooms_close(struct runtime *rt);

#endif
