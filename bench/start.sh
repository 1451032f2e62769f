#!/bin/bash
# SPDX-License-Identifier: MIT
# start.sh -- what it costs to have a farm, beyond an MPI program
#
#     bench/start.sh
#
#     OUT=path        where bench/start and bench/plain are
#     RANKS="2 64"  ROUNDS=5
#
#     start_farm      a whole run, mpirun included, of a farm without work
#     start_plain     the same of MPI_Init and MPI_Finalize
#     start_cost      the first less the second, turn by turn
#     start_by_plain  the first by the second
#     start_farm_cpu, start_plain_cpu, start_cpu_by_plain
#                     user and system time of all processes of such a run
#     idle_rss, idle_pss
#                     what a rank without work has resident, less what a rank
#                     of the plain program has (a rank stands for a round)
#     start_size      by how much a stripped program grows that has a farm
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/mpi-env
. "$here/../scripts/mpi-env"
# shellcheck source=bench/figure
. "$here/figure"
bench=${OUT:-$here/../build/release}/bench

for program in start plain; do
    if [ ! -x "$bench/$program" ]; then
        echo "start.sh: $bench/$program is not there; make bench builds it" >&2
        exit 2
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run RANKS PROGRAM [FILE]: prints milliseconds of wall clock and of CPU.
run() {
    local ranks=$1 program=$2 TIMEFORMAT='%R %U %S'
    shift 2
    { time mpirun -np "$ranks" "$bench/$program" "$@" >"$work/log" 2>&1; } \
        2>"$work/time" || {
        cat "$work/log" >&2
        echo "start.sh: the run of $program failed" >&2
        exit 1
    }
    awk '{ print 1000 * $1, 1000 * ($2 + $3) }' "$work/time"
}

# more FIELD FILE FILE: by how much a rank of the first has more than one of the
# second, in MiB, the least with the least and so on.
more() {
    paste <(awk -v f="$1" '{ print $f }' "$2" | sort -g) \
        <(awk -v f="$1" '{ print $f }' "$3" | sort -g) |
        awk '{ print ($1 - $2) / 1024 }'
}

for ranks in ${RANKS:-2 64}; do
    rm -f "$work/turns"
    for ((round = 0; round < ${ROUNDS:-5}; round++)); do
        echo "$(run "$ranks" start) $(run "$ranks" plain)" >>"$work/turns"
    done
    awk '{ print $1 }' "$work/turns" | figure start_farm "$ranks" ms
    awk '{ print $3 }' "$work/turns" | figure start_plain "$ranks" ms
    awk '{ print $1 - $3 }' "$work/turns" | figure start_cost "$ranks" ms
    awk '{ print $1 / $3 }' "$work/turns" |
        figure start_by_plain "$ranks" times
    awk '{ print $2 }' "$work/turns" | figure start_farm_cpu "$ranks" ms
    awk '{ print $4 }' "$work/turns" | figure start_plain_cpu "$ranks" ms
    awk '{ print $2 / $4 }' "$work/turns" |
        figure start_cpu_by_plain "$ranks" times
    rm -f "$work/farm" "$work/plain"
    run "$ranks" start "$work/farm" >/dev/null
    run "$ranks" plain "$work/plain" >/dev/null
    more 1 "$work/farm" "$work/plain" | figure idle_rss "$ranks" MiB
    more 2 "$work/farm" "$work/plain" | figure idle_pss "$ranks" MiB
done
for program in start plain; do
    strip -o "$work/$program" "$bench/$program"
    stat -c %s "$work/$program"
done | paste -s -d ' ' | awk '{ print ($1 - $2) / 1024 }' |
    figure start_size 1 KiB
