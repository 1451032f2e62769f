/* SPDX-License-Identifier: MIT */
/* dump.h -- the state of this rank, in words
 *
 * See dump.c.
 */
#ifndef DUMP_H
#define DUMP_H

struct runtime;

void dump_state(struct runtime *rt);

#endif
