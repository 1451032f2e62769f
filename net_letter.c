/* SPDX-License-Identifier: MIT */
/* net_letter.c -- how a message looks on its way, and queues of them
 *
 * What arrives was written by another process, and bytes of node memory can
 * be written by anything that has a stray pointer.  So a letter is believed
 * only if its length, its type and its ranks fit each other; what its body
 * says is for the handlers to judge.
 */
#include "net_letter.h"

#include <stdlib.h>
#include <string.h>

size_t letter_offset(unsigned type)
{
    return (sizeof(struct envelope) + wire_body_bytes(type) + 15) / 16 * 16;
}

size_t letter_compose(struct letter_head *head, int src, int dst, unsigned type,
                      const void *body, size_t data_len)
{
    size_t len = sizeof(struct envelope) + wire_body_bytes(type);
    struct envelope envelope = {
        .magic = LETTER_MAGIC,
        .type = (uint16_t)type,
        .src = src,
        .dst = dst,
        .data_len = data_len,
    };

    memcpy(head->byte, &envelope, sizeof envelope);
    memcpy(head->byte + sizeof envelope, body, wire_body_bytes(type));
    memset(head->byte + len, 0, sizeof head->byte - len);
    return data_len ? letter_offset(type) : len;
}

bool letter_is_sound(const struct envelope *e, size_t len, int size)
{
    size_t body = wire_body_bytes(e->type);
    size_t offset = letter_offset(e->type);

    if (e->magic != LETTER_MAGIC || body == 0)
        return false;
    if (e->src < 0 || e->src >= size || e->dst < 0 || e->dst >= size)
        return false;
    if (e->data_len == 0)
        return e->tag == 0 && len == sizeof *e + body;
    if (e->tag)
        return e->tag <= INT32_MAX && e->data_len <= PTRDIFF_MAX &&
               e->src != e->dst && len == offset;
    return len > offset && e->data_len == len - offset;
}

struct letter *letter_new(const void *head, size_t head_len, const void *data,
                          size_t len)
{
    struct letter *letter = malloc(sizeof *letter + head_len + len);

    if (!letter)
        return NULL;
    *letter = (struct letter){.len = head_len + len};
    memcpy(letter->byte, head, head_len);
    if (len)
        memcpy(letter->byte + head_len, data, len);
    return letter;
}

void letter_free(struct letter *letter)
{
    if (letter->is_owned)
        free(letter->data);
    free(letter);
}

void letter_push(struct letter_queue *queue, struct letter *letter)
{
    letter->next = NULL;
    if (queue->head)
        queue->tail->next = letter;
    else
        queue->head = letter;
    queue->tail = letter;
}

struct letter *letter_pop(struct letter_queue *queue)
{
    struct letter *letter = queue->head;

    if (letter)
        queue->head = letter->next;
    return letter;
}
