/* SPDX-License-Identifier: MIT */
/* wordcount.c -- bytes in, bytes out: the most frequent words of a text
 *
 *     wordcount FILE [how-many]
 *
 * A bytes task takes and returns data of any length. The root cuts the text
 * into pieces at white space; a task counts the words of one piece and returns
 * a table of lines "count word", sorted by word; the root merges the tables.
 * Letters only, in lower case; everything else parts words.
 */
#include <scoop.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

struct word {
    const char *text; /* not ended by a zero: lies within the piece */
    size_t len;
    unsigned long count;
};

/* Words that grow by doubling; what they point to belongs to someone else. */
struct words {
    struct word *at;
    size_t count, room;
};

static int add_word(struct words *words, struct word word)
{
    if (words->count == words->room) {
        size_t room = words->room ? 2 * words->room : 1024;
        struct word *at = realloc(words->at, room * sizeof *at);
        if (!at)
            return -1;
        words->at = at;
        words->room = room;
    }
    words->at[words->count++] = word;
    return 0;
}

static int by_text(const void *left, const void *right)
{
    const struct word *a = left, *b = right;
    size_t shorter = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->text, b->text, shorter);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int by_count(const void *left, const void *right)
{
    const struct word *a = left, *b = right;

    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return by_text(left, right);
}

/* Sorts, and makes one of those that are equal. */
static void merge_equal(struct words *words)
{
    size_t kept = 0;

    if (words->count == 0)
        return;
    qsort(words->at, words->count, sizeof *words->at, by_text);
    for (size_t i = 1; i < words->count; i++) {
        if (by_text(&words->at[kept], &words->at[i]) == 0)
            words->at[kept].count += words->at[i].count;
        else
            words->at[++kept] = words->at[i];
    }
    words->count = kept + 1;
}

SCOOP_TASK_BYTES(count_words);

static int count_words(const void *data, size_t len, scoop_out *out)
{
    struct words words = {0};
    char *text = malloc(len + 1); /* a copy: what comes in is constant */
    int err = text ? 0 : scoop_fail(1, "no memory for %zu bytes", len);

    for (size_t i = 0; i < len && !err; i++)
        text[i] = (char)tolower(((const unsigned char *)data)[i]);
    for (size_t i = 0, start; i < len && !err; i++) {
        for (start = i; i < len && isalpha((unsigned char)text[i]); i++)
            ;
        if (i > start &&
            add_word(&words, (struct word){&text[start], i - start, 1}))
            err = scoop_fail(1, "no memory for %zu words", words.count);
    }
    merge_equal(&words);
    for (size_t i = 0; i < words.count && !err; i++) {
        char number[32];
        int digits = snprintf(number, sizeof number, "%lu ", words.at[i].count);
        if (scoop_out_write(out, number, (size_t)digits) ||
            scoop_out_write(out, words.at[i].text, words.at[i].len) ||
            scoop_out_write(out, "\n", 1))
            err = scoop_fail(1, "no memory for the table");
    }
    free(words.at);
    free(text);
    return err;
}

/* Adds the lines of a table to words, which then point into it. */
static int add_table(struct words *words, const char *table, size_t len)
{
    const char *end = table + len;

    while (table < end) {
        unsigned long count = 0;
        for (; *table != ' '; table++)
            count = 10 * count + (unsigned long)(*table - '0');
        const char *text = ++table;
        while (*table != '\n')
            table++;
        if (add_word(words, (struct word){text, (size_t)(table - text), count}))
            return -1;
        table++;
    }
    return 0;
}

/* The length of the next piece: up to the white space after PIECE_BYTES. */
static size_t next_piece(const char *text, size_t left)
{
    size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;

    while (len < left && !isspace((unsigned char)text[len]))
        len++;
    return len;
}

/* Reads a file; the caller frees. NULL with errno on error. */
static char *read_file(const char *name, size_t *len)
{
    FILE *file = fopen(name, "rb");
    char *text = NULL;
    size_t room = 0, got;

    if (!file)
        return NULL;
    *len = 0;
    do {
        if (*len == room) {
            room = room ? 2 * room : PIECE_BYTES;
            char *more = realloc(text, room);
            if (!more)
                break;
            text = more;
        }
        got = fread(text + *len, 1, room - *len, file);
        *len += got;
    } while (got > 0);
    if (*len == room || ferror(file)) {
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static void print_top(struct words *words, size_t top)
{
    if (words->count)
        qsort(words->at, words->count, sizeof *words->at, by_count);
    for (size_t i = 0; i < words->count && i < top; i++)
        printf("%8lu %.*s\n", words->at[i].count, (int)words->at[i].len,
               words->at[i].text);
}

/* Submits all pieces, then collects their tables in the same order. The
 * tables stay with their futures, which lend them until the end. */
static int count_text(const char *text, size_t len, size_t top)
{
    size_t pieces = 0, at = 0;
    scoop_future *futures = malloc((len / PIECE_BYTES + 1) * sizeof *futures);
    struct words words = {0};
    int err = 0;

    if (!futures) {
        perror("wordcount");
        return EXIT_FAILURE;
    }
    while (at < len) {
        size_t part = next_piece(text + at, len - at);
        futures[pieces++] = scoop_submit(count_words, text + at, .len = part);
        at += part;
    }
    for (size_t i = 0; i < pieces && !err; i++) {
        const void *table;
        size_t table_len;
        if (scoop_result_bytes(futures[i], &table, &table_len)) {
            err = scoop_perror("count_words");
        } else if (add_table(&words, table, table_len)) {
            perror("wordcount");
            err = EXIT_FAILURE;
        }
    }
    if (!err) {
        merge_equal(&words);
        printf("%zu words in %zu bytes, %zu pieces\n", words.count, len,
               pieces);
        print_top(&words, top);
    }
    for (size_t i = 0; i < pieces; i++)
        scoop_release(futures[i]);
    free(futures);
    free(words.at);
    return err;
}

static int root(int argc, char **argv)
{
    size_t len, top = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;

    if (argc < 2) {
        fprintf(stderr, "usage: wordcount FILE [how-many]\n");
        return 2;
    }
    char *text = read_file(argv[1], &len);
    if (!text) {
        fprintf(stderr, "wordcount: %s: %s\n", argv[1], strerror(errno));
        return EXIT_FAILURE;
    }
    int err = count_text(text, len, top);
    free(text);
    return err;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
