#!/bin/bash
# SPDX-License-Identifier: MIT
# hosts.sh -- a farm over two hosts, which are namespaces of this one
#
# limit: 120 s
#
# What holds within a host, across two: the published size of T1, results of
# 100 MiB with their checksums, and a rank that others rob while it computes.
# Before that: are they two nodes to the library? /dev/shm is one and the same
# for both, so that ranks which took themselves for neighbours would get away
# with it.
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/mpi-env
. scripts/mpi-env
out=${OUT:-build/release}
uts=${EXAMPLES:-examples}/uts
T1=(-t 1 -a 3 -d 10 -b 4 -r 19)
T3=(-t 0 -b 2000 -q 0.124875 -m 8 -r 42)
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for program in "$uts" "$out/tests/api_bytes" "$out/tests/api_robbed"; do
    if [ ! -x "$program" ]; then
        echo "$program is not there; make all programs builds it"
        exit 1
    fi
done
words=$(scripts/hosts true) || {
    echo "$words"
    exit 77
}

# run SECONDS SLOTS RANKS PROGRAM...: leaves what it prints in $log.
run() {
    local limit=$1 slots=$2 ranks=$3
    shift 3
    if timeout -s KILL "$limit" scripts/hosts -s "$slots" \
        mpirun -np "$ranks" "$@" >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED ($?): $ranks ranks, $slots on each host: $*"
        tail -n 40 "$log"
    fi
}

# What rank 1 has run, by the table that uts prints.
tasks_of_rank_1() {
    awk '$1 == 1 && NF == 7 { print $2 }' "$log"
}

# check WHAT CONDITION...
check() {
    local what=$1
    shift
    if [ "$@" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what: [ $* ]"
        tail -n 40 "$log"
    fi
}

# Two nodes: who may rob neighbours only has none, who may rob others only has
# one.
SCOOP_STEAL_REMOTE=0 run 30 1 2 "$uts" "${T1[@]}"
check "no neighbour on the other host" "$(tasks_of_rank_1)" = 0
SCOOP_STEAL_LOCAL=0 run 30 1 2 "$uts" "${T1[@]}"
check "somebody to rob on the other host" "$(tasks_of_rank_1)" -gt 1000
run 30 2 4 "$uts" "${T1[@]}"
run 30 2 4 "$uts" "${T3[@]}"
run 60 1 2 "$out/tests/api_bytes"
run 60 1 2 "$out/tests/api_robbed"

echo "$passed passed, $failed failed"
exit $((failed > 0))
