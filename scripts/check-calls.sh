#!/bin/bash
# SPDX-License-Identifier: MIT
# check-calls.sh -- one door each to MPI, to time, to shared memory
#
# net.c, clock.c and node.c are replaced by a simulation at link time, which
# holds only as long as nobody goes around them. Comments may say what they
# like. The type MPI_Comm may pass through any file.
. "$(dirname "$0")/lib-check"

# The code of each file, taken once.
declare -A code
for file in *.[ch]; do
    code[$file]=$(code_of "$file")
done

# forbid "FILES THAT MAY" REGEX WHAT
forbid() {
    local may=" $1 " regex=$2 what=$3 file hits
    for file in *.[ch]; do
        case $may in *" $file "*) continue ;; esac
        hits=$(grep -oE "$regex" <<<"${code[$file]}") || continue
        hits=$(tr -d ' (;' <<<"$hits" | grep -vx MPI_Comm | sort -u | tr '\n' ' ')
        [ -z "$hits" ] || complain "$file: $what: $hits"
    done
}

# A call by that name, not a field or the tail of a longer name.
calls() {
    echo "(^|[^A-Za-z0-9_.>])($1) *\\("
}

net=$(echo net.[ch] net_*.[ch])
node=$(echo node.c node_*.c)
forbid "$net scoop.h" '\bP?MPI_\w+' "MPI is for net.c"
forbid clock.c "$(calls 'clock_gettime|clock_nanosleep|timespec_get|gettimeofday|time|times')" \
    "time is for clock.c"
forbid clock.c "$(calls 'nanosleep|usleep|sleep')" "sleep is for clock.c"
forbid "$node" '\b(shm_open|shm_unlink|memfd_create|shmget|shmat|MAP_SHARED\w*)\b' \
    "shared memory is for node.c"
forbid node_reach.c "$(calls 'process_vm_readv|process_vm_writev')" \
    "the memory of other ranks is for node_reach.c"
forbid node.c '\b(SYS_futex|__NR_futex|FUTEX_\w+)\b' "futexes are for node.c"
forbid "$node fiber.c" "$(calls 'mmap|munmap|mprotect')" \
    "mapping is for node.c, and for fiber.c's stacks"

# Nothing ends the user's program behind its back: where a job cannot go on,
# net says so and calls MPI_Abort.
forbid "" "$(calls 'exit|_exit|_Exit|abort|quick_exit')" \
    "the library does not end the program"
verdict
