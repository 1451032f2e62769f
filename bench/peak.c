/* SPDX-License-Identifier: MIT */
/* peak.c -- runs a program and says how much memory it had at its peak
 *
 *     peak FILE PROGRAM [ARGUMENT...]
 *
 * Appends one line to FILE: the largest resident set in KiB, shared pages
 * included. A farm of N ranks started as `mpirun -np N peak FILE ...` leaves N
 * lines. The exit code is the program's.
 */
#define _GNU_SOURCE 1 /* fork, wait4 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    char line[32];
    int status;

    if (argc < 3) {
        fprintf(stderr, "usage: peak FILE PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("peak");
        return EXIT_FAILURE;
    }
    /* One write of a line: ranks that end at the same time do not mix. */
    int len = snprintf(line, sizeof line, "%ld\n", usage.ru_maxrss);
    FILE *file = fopen(argv[1], "a");
    if (!file || fwrite(line, 1, (size_t)len, file) != (size_t)len ||
        fclose(file)) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
