/* SPDX-License-Identifier: MIT */
/* net_letter.h -- how a message looks on its way, and queues of them
 *
 * Part of the net.  A letter is an envelope, the body of its type, and the
 * data, unless they come apart as a payload:
 *
 *     0          24            at a multiple of 16
 *     | envelope | body | zero | data                |
 *
 * A letter without data, or whose data comes apart, ends before them.
 */
#ifndef NET_LETTER_H
#define NET_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define LETTER_MAGIC 0x5c09u

struct envelope {
    uint16_t magic;
    uint16_t type;
    uint32_t tag;      /* 0, or where the data comes as a payload */
    int32_t src, dst;  /* ranks; dst is not the receiver in a relay */
    uint64_t data_len; /* with tag 0 the data ends the letter */
};
_Static_assert(sizeof(struct envelope) == 24, "wire format");

#define LETTER_HEAD_MAX                                                        \
    ((sizeof(struct envelope) + WIRE_BODY_MAX + 15) / 16 * 16)

/* All of a letter that comes before its data. */
struct letter_head {
    _Alignas(16) unsigned char byte[LETTER_HEAD_MAX];
};

/* A letter that waits: to oneself, or for room in a mailbox. */
struct letter {
    struct letter *next;
    void *data;    /* apart from the letter; NULL: in it, or none */
    bool is_owned; /* and to be freed with it */
    bool is_urgent;
    size_t len;
    _Alignas(16) unsigned char byte[];
};

struct letter_queue { /* all zero: empty */
    struct letter *head, *tail;
};

/* Where data begins in a letter of that type. */
size_t letter_offset(unsigned type);

/* The length of the head: what comes before the data, if there are any. */
size_t letter_compose(struct letter_head *head, int src, int dst, unsigned type,
                      const void *body, size_t data_len);

/* Whether a letter of `len` bytes is one that a net of `size` ranks sends. */
bool letter_is_sound(const struct envelope *e, size_t len, int size);

/* A letter of head and data, copied; NULL: no memory. */
struct letter *letter_new(const void *head, size_t head_len, const void *data,
                          size_t len);
void letter_free(struct letter *letter);

void letter_push(struct letter_queue *queue, struct letter *letter);
struct letter *letter_pop(struct letter_queue *queue); /* NULL: empty */

#endif
