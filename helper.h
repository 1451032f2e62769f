/* SPDX-License-Identifier: MIT */
/* helper.h -- who answers while the main thread is in user code
 *
 * See helper.c.
 */
#ifndef HELPER_H
#define HELPER_H

#include <stdbool.h>

struct helper;
struct runtime;

/* NULL: none is wanted, or none is possible. */
struct helper *helper_start(struct runtime *rt);
void helper_stop(struct helper *helper);

/* The main thread goes to work after it has slept: the helper must look after
 * the net again. */
void helper_rouse(struct helper *helper);

/* Messages that the helper has put aside for the main thread; NULL helper:
 * none. */
bool helper_has_mail(const struct helper *helper);
void helper_deliver(struct helper *helper);

#endif
