/* SPDX-License-Identifier: MIT */
/* scan.h -- the sums so far of an array, in blocks
 *
 * See scan.c.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdint.h>

struct error;
struct frame;
struct item_way;
struct runtime;

/* What map.c runs for a block of 2^log2 values: its sum to out, or its values
 * so far to out, which may be `in`.  block: its index.  scratch: room for two
 * values.  0 or a SCOOP_E... code. */
int scan_fold_block(struct runtime *rt, const struct item_way *way,
                    struct frame *frame, uint64_t block, unsigned log2,
                    const void *in, void *out, void *scratch,
                    struct error **error);
int scan_sweep_block(struct runtime *rt, const struct item_way *way,
                     struct frame *frame, uint64_t block, unsigned log2,
                     const void *in, void *out, void *scratch,
                     struct error **error);

#endif
