#!/bin/bash
# SPDX-License-Identifier: MIT
# crowd.sh -- the tree search with more ranks than CPUs
#
#     bench/crowd.sh [OPTION OF UTS...]     T1L if none is given
#
#     UTS=path          the program, examples/uts if not said
#     RANKS="4 8 64"    numbers of ranks
#     ROUNDS=3          turns
#
#     crowd_rate        nodes/s, from the first task of the search to its end:
#                       the start of the farm and of MPI are not in it
#     crowd_by_two      the same by that of two ranks, turn by turn
#
# Every number of ranks comes once in each turn, two ranks first and last: its
# rate is the mean of both, so that a machine that slows down meanwhile does so
# for all.
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/mpi-env
. "$here/../scripts/mpi-env"
# shellcheck source=bench/figure
. "$here/figure"
uts=${UTS:-$here/../examples/uts}
read -ra crowds <<<"${RANKS:-4 8 64}"
tree=("$@")
(($#)) || tree=(-t 1 -a 3 -d 13 -b 4 -r 29)

if [ ! -x "$uts" ]; then
    echo "crowd.sh: $uts is not there; make builds it" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# rate N: nodes/s of N ranks.
rate() {
    mpirun -np "$1" "$uts" "${tree[@]}" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        echo "crowd.sh: the search failed" >&2
        exit 1
    }
    awk '$1 == "time" {
        for (i = 2; i <= NF; i++)
            if ($i == "nodes/s,") print $(i - 1)
    }' "$work/log"
}

for ((round = 0; round < ${ROUNDS:-3}; round++)); do
    before=$(rate 2)
    for ranks in "${crowds[@]}"; do
        rate "$ranks" >>"$work/rate.$ranks"
    done
    after=$(rate 2)
    two=$(awk -v a="$before" -v b="$after" 'BEGIN { print (a + b) / 2 }')
    echo "$two" >>"$work/two"
    for ranks in "${crowds[@]}"; do
        tail -n 1 "$work/rate.$ranks" |
            awk -v two="$two" '{ print $1 / two }' >>"$work/by.$ranks"
    done
done
figure crowd_rate 2 nodes/s <"$work/two"
for ranks in "${crowds[@]}"; do
    figure crowd_rate "$ranks" nodes/s <"$work/rate.$ranks"
    figure crowd_by_two "$ranks" times <"$work/by.$ranks"
done
