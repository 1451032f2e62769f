/* SPDX-License-Identifier: MIT */
/* memory.h -- what this process has of the machine's memory
 *
 * Rss counts every page that is mapped and present; Pss counts a page that n
 * processes map as 1/n, so that the Pss of all of them add up to what there
 * is.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory {
    double rss_kib, pss_kib;
};

/* 0, or not: there is no such file. */
static inline int memory_read(struct memory *memory)
{
    char line[256];
    FILE *file = fopen("/proc/self/smaps_rollup", "r");

    *memory = (struct memory){0, 0};
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, "Rss:", 4))
            memory->rss_kib = strtod(line + 4, NULL);
        if (!strncmp(line, "Pss:", 4))
            memory->pss_kib = strtod(line + 4, NULL);
    }
    fclose(file);
    return 0;
}

/* Appends a line "Rss Pss" to the file, in one write: lines of several
 * processes do not mix.  0, or not. */
static inline int memory_write(const char *name)
{
    struct memory memory;
    int err = memory_read(&memory);
    FILE *file = fopen(name, "a");

    if (!file)
        return -1;
    fprintf(file, "%.0f %.0f\n", memory.rss_kib, memory.pss_kib);
    return fclose(file) || err;
}

#endif
