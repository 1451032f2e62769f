/* SPDX-License-Identifier: MIT */
/* registry.c -- tasks by name and by number, the same on all ranks
 *
 * Function addresses differ between ranks (ASLR), and the order of entries in
 * a link-time section differs between compilers and linkers, so neither can
 * travel.  What travels is a number: the place of the task's name in the
 * sorted list of all names.  Ranks compare a hash of that list when a farm
 * starts (net.c does the comparing), after which equal numbers mean equal
 * tasks.
 *
 * Descriptors come in through sections, one for each object of the process
 * that defines tasks: the program, shared libraries of the user's.  The
 * bounds of a section can only be taken inside the object itself, so a
 * constructor in the header hands them over before main().  That list, and
 * the `number` written in each descriptor, are the process's and not a
 * farm's: they are the same in each farm that the process runs.
 */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Filled before main(), by one thread; dlopen() later adds in the same way,
 * before the next farm starts. */
static struct scoop_section *sections;

void scoop_add_section(struct scoop_section *section)
{
    for (struct scoop_section *s = sections; s; s = s->next)
        if (s->start == section->start)
            return; /* another source file of the same object */
    section->next = sections;
    sections = section;
}

static int by_name(const void *a, const void *b)
{
    struct scoop_task *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);

    if (order)
        return order;
    return *x < *y ? -1 : *x > *y;
}

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *byte = data; /* FNV-1a, 64 bits */

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t mix_task(uint64_t hash, const struct scoop_task *t)
{
    uint64_t sizes[3] = {t->kind, t->in_size, t->out_size};

    hash = mix(hash, t->name, strlen(t->name) + 1);
    return mix(hash, sizes, sizeof sizes);
}

static int is_power_of_two(size_t n)
{
    return n && !(n & (n - 1));
}

static int has_function(const struct scoop_task *t)
{
    if (t->kind == SCOOP_TYPED || t->kind == SCOOP_OPERATOR)
        return t->typed != NULL;
    return t->kind == SCOOP_BYTES ? t->bytes != NULL : t->json != NULL;
}

static int check(const struct scoop_task *t, char *why, size_t why_len)
{
    if (!t->name || !*t->name)
        snprintf(why, why_len, "a task has no name");
    else if (t->kind < SCOOP_TYPED || t->kind > SCOOP_OPERATOR)
        snprintf(why, why_len, "task \"%s\" is of unknown kind %u", t->name,
                 t->kind);
    else if (!has_function(t))
        snprintf(why, why_len, "task \"%s\" has no function", t->name);
    else if (!is_power_of_two(t->in_align) || !is_power_of_two(t->out_align))
        snprintf(why, why_len,
                 "task \"%s\" has an alignment that is no "
                 "power of two",
                 t->name);
    else
        return 0;
    return SCOOP_EINVAL;
}

/* How many pointers the sections hold; some linkers pad with zeros. */
static size_t count_all(void)
{
    size_t n = 0;

    for (struct scoop_section *s = sections; s; s = s->next)
        for (struct scoop_task *const *t = s->start; t < s->stop; t++)
            n += *t != NULL;
    return n;
}

static int collect(struct registry *r, char *why, size_t why_len)
{
    uint32_t n = 0;

    for (struct scoop_section *s = sections; s; s = s->next) {
        for (struct scoop_task *const *t = s->start; t < s->stop; t++) {
            if (!*t)
                continue;
            int err = check(*t, why, why_len);
            if (err)
                return err;
            r->task[n++] = *t;
        }
    }
    r->tasks = n;
    if (n > 1)
        qsort(r->task, n, sizeof *r->task, by_name);
    for (uint32_t i = 1; i < n; i++) {
        if (strcmp(r->task[i - 1]->name, r->task[i]->name))
            continue;
        snprintf(why, why_len,
                 "the task name \"%s\" is used twice in this program; give "
                 "one of them another with SCOOP_TASK_AS",
                 r->task[i]->name);
        return SCOOP_EINVAL;
    }
    return 0;
}

int registry_open(struct registry *r, char *why, size_t why_len)
{
    size_t all = count_all();

    memset(r, 0, sizeof *r);
    snprintf(why, why_len, "out of memory for %zu tasks", all);
    r->task = calloc(all + 1, sizeof *r->task);
    r->measure = calloc(all + 1, sizeof *r->measure);
    if (!r->task || !r->measure) {
        registry_close(r);
        return SCOOP_ENOMEM;
    }
    int err = collect(r, why, why_len);
    if (err) {
        registry_close(r);
        return err;
    }
    r->hash = mix(0xcbf29ce484222325u, "scoop", 5);
    for (uint32_t i = 0; i < r->tasks; i++) {
        r->task[i]->number = i + 1;
        r->measure[i + 1].type = r->task[i];
        r->hash = mix_task(r->hash, r->task[i]);
    }
    for (size_t i = 0; i <= all; i++)
        r->measure[i].runs_left = 1;
    return 0;
}

void registry_close(struct registry *r)
{
    free(r->task);
    free(r->measure);
    memset(r, 0, sizeof *r);
}

const struct scoop_task *registry_find(const struct registry *r,
                                       const char *name)
{
    uint32_t low = 0, high = r->tasks;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(name, r->task[middle]->name);
        if (!order)
            return r->task[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
