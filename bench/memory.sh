#!/bin/bash
# SPDX-License-Identifier: MIT
# memory.sh -- does a search of 25 times as many nodes need more memory?
#
#     bench/memory.sh
#
#     UTS=path      the program, examples/uts if not said
#     OUT=path      where bench/peak is, build/release if not said
#     RANKS=2  ROUNDS=3
#
#     memory_T1, memory_T1L   the most that any rank had resident at any time,
#                             shared pages included
#     memory_T1L_by_T1        their ratio, turn by turn
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/mpi-env
. "$here/../scripts/mpi-env"
# shellcheck source=bench/figure
. "$here/figure"
uts=${UTS:-$here/../examples/uts}
peak=${OUT:-$here/../build/release}/bench/peak
ranks=${RANKS:-2}

for program in "$uts" "$peak"; do
    if [ ! -x "$program" ]; then
        echo "memory.sh: $program is not there; make bench builds it" >&2
        exit 2
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# peak_of OPTION...: of that tree, in MiB.
peak_of() {
    rm -f "$work/peaks"
    mpirun -np "$ranks" "$peak" "$work/peaks" "$uts" "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        echo "memory.sh: the search failed" >&2
        exit 1
    }
    sort -g "$work/peaks" | awk 'END { print $1 / 1024 }'
}

for ((round = 0; round < ${ROUNDS:-3}; round++)); do
    small=$(peak_of -t 1 -a 3 -d 10 -b 4 -r 19)
    large=$(peak_of -t 1 -a 3 -d 13 -b 4 -r 29)
    echo "$small $large" >>"$work/turns"
done
awk '{ print $1 }' "$work/turns" | figure memory_T1 "$ranks" MiB
awk '{ print $2 }' "$work/turns" | figure memory_T1L "$ranks" MiB
awk '{ print $2 / $1 }' "$work/turns" | figure memory_T1L_by_T1 "$ranks" times
