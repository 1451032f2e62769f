#!/bin/bash
# SPDX-License-Identifier: MIT
# uts.sh -- the published trees have their published sizes, on any ranks
#
# limit: 1200 s; long: UTS_TIMES=20
#
# uts ends with code 1 if it counts another number of nodes than its authors
# published. A short look at T1 and T3; with UTS_TIMES=n on 1, 2, 3, 4, 8 and 64
# ranks, with node memory and without, with each way of stealing switched off,
# n times in a row at 4 and 8 ranks, since what goes wrong there goes wrong
# rarely, and T1L and T3L, 25 times as large; T3L is 17,844 deep.
set -u
dir=${EXAMPLES:-examples}
times=${UTS_TIMES:-0}
T1="-t 1 -a 3 -d 10 -b 4 -r 19"
T1L="-t 1 -a 3 -d 13 -b 4 -r 29"
T3L="-t 0 -b 2000 -q 0.200014 -m 5 -r 7"
T3="-t 0 -b 2000 -q 0.124875 -m 8 -r 42"
wide="-t 0 -b 50000 -q 0.1 -m 8 -r 42"
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# run RANKS TREE [SETTING=VALUE...]
run() {
    local ranks=$1 tree=$2
    shift 2
    # shellcheck disable=SC2086
    if env "$@" timeout -s USR2 -k 5 120 mpirun -np "$ranks" "$dir/uts" $tree \
        >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $* mpirun -np $ranks uts $tree"
        tail -n 40 "$log"
    fi
}

quick() {
    run 4 "$T1" SCOOP_NODE_MEMORY=1
    run 4 "$T3" SCOOP_NODE_MEMORY=1
    run 4 "$T1" SCOOP_NODE_MEMORY=0
    run 4 "$wide" SCOOP_NODE_MEMORY=1
    run 4 "$T3" SCOOP_NODES=2
    run 2 "$T1" SCOOP_SPIN=0 SCOOP_HELPER=off
    run 64 "$T1" SCOOP_NODE_MEMORY=1
}

long() {
    for memory in 1 0; do
        for ranks in 1 2 3 64; do
            run $ranks "$T1" SCOOP_NODE_MEMORY=$memory
            run $ranks "$T3" SCOOP_NODE_MEMORY=$memory
        done
        for ((i = 0; i < times; i++)); do
            for ranks in 4 8; do
                run $ranks "$T1" SCOOP_NODE_MEMORY=$memory
                run $ranks "$T3" SCOOP_NODE_MEMORY=$memory
            done
        done
        run 4 "$wide" SCOOP_NODE_MEMORY=$memory
        run 4 "$T1" SCOOP_NODE_MEMORY=$memory SCOOP_LIFELINES=0
        run 4 "$T1" SCOOP_NODE_MEMORY=$memory SCOOP_STEAL_LOCAL=0
        run 4 "$T1" SCOOP_NODE_MEMORY=$memory SCOOP_HELPER=off
        run 4 "$T1" SCOOP_NODE_MEMORY=$memory SCOOP_SPIN=0
        run 2 "$T1" SCOOP_NODE_MEMORY=$memory SCOOP_SLEEP=0
    done
    run 4 "$T1" SCOOP_NODES=2
    run 4 "$T3" SCOOP_NODES=2 SCOOP_STEAL_REMOTE=0
    run 6 "$T3" SCOOP_NODES=3
    run 2 "$T1L" SCOOP_NODE_MEMORY=1
    run 2 "$T3L" SCOOP_NODE_MEMORY=1
    run 1 "$T3L" SCOOP_NODE_MEMORY=1
    run 2 "$T3L" SCOOP_NODE_MEMORY=0
}

if ((times)); then long; else quick; fi
echo "$passed passed, $failed failed"
exit $((failed > 0))
