/* SPDX-License-Identifier: MIT */
/* api.h -- what the tests of the public interface share
 *
 * The root does all the checking, on rank 0; tasks bring home what they saw.
 * So that a test of warnings can read them, stderr can be caught.
 */
#ifndef API_H
#define API_H

#include <scoop.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* The same on all ranks of a machine. */
static inline double api_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Computes without a call of the library. */
static inline void api_compute(double seconds)
{
    double end = api_now() + seconds;

    while (api_now() < end)
        ;
}

/* Holds its rank as a computation does, but leaves the core to others. */
static inline void api_nap(double seconds)
{
    double end = api_now() + seconds, left;

    while ((left = end - api_now()) > 0) {
        struct timespec t = {(time_t)left,
                             (long)((left - (double)(time_t)left) * 1e9)};
        nanosleep(&t, NULL);
    }
}

/* A line of /proc/self/status in KiB: "VmRSS:", "VmHWM:". */
static inline long api_memory_kib(const char *key)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, key, strlen(key)))
            kib = strtol(line + strlen(key), NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

/* Under a sanitizer or valgrind memory and time say nothing. */
static inline int api_is_slowed(void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return 1;
#else
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload") != NULL;
#endif
}

/* What this process writes to stderr from api_catch() on is returned by
 * api_caught(), to be freed. */
struct api_catch {
    FILE *file;
    int saved;
};

static inline void api_catch(struct api_catch *c)
{
    fflush(stderr);
    c->file = tmpfile();
    c->saved = dup(STDERR_FILENO);
    if (!c->file || c->saved < 0 || dup2(fileno(c->file), STDERR_FILENO) < 0) {
        puts("stderr cannot be caught");
        exit(1);
    }
}

static inline char *api_caught(struct api_catch *c)
{
    fflush(stderr);
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    long len = fseek(c->file, 0, SEEK_END) ? 0 : ftell(c->file);
    rewind(c->file);
    char *text = calloc(1, (size_t)(len > 0 ? len : 0) + 1);
    if (text && len > 0 && fread(text, 1, (size_t)len, c->file) == 0)
        text[0] = 0;
    fclose(c->file);
    return text;
}

/* How many lines of text hold `part`. */
static inline int api_lines(const char *text, const char *part)
{
    int lines = 0;

    while ((text = strstr(text, part)) != NULL) {
        lines++;
        text += strcspn(text, "\n");
    }
    return lines;
}

#endif
