#!/bin/bash
# SPDX-License-Identifier: MIT
# uts.sh -- the tree search against itself without a farm
#
#     bench/uts.sh [NAME...]                T1, T1L and T3 if none is given
#     bench/uts.sh OPTION OF UTS...         another tree
#
#     UTS=path      the program, examples/uts if not said
#     RANKS="1 2"   numbers of ranks; those above the CPUs at hand are left out
#     ROUNDS=9      turns; a third as many of T1L, which is 25 times as large
#
# One rank is compared with one --serial run of the same binary. For N ranks
# the twin is N --serial runs side by side, each on a CPU of its own, and their
# nodes/s are added: CPUs that share a core, a cache or a turbo give less
# together than apart, and a farm cannot have what the machine has not. (Runs
# that end a little earlier than their neighbours leave them the machine; that
# favours the twin.)
#
# Farm and twin take turns. Each line is a median over the turns:
#
#     name ranks value unit   lowest to highest, turns
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/mpi-env
. "$here/../scripts/mpi-env"
# shellcheck source=bench/figure
. "$here/figure"
uts=${UTS:-$here/../examples/uts}
declare -A options=(
    [T1]="-t 1 -a 3 -d 10 -b 4 -r 19"
    [T1L]="-t 1 -a 3 -d 13 -b 4 -r 29"
    [T3]="-t 0 -b 2000 -q 0.124875 -m 8 -r 42"
)

if [ ! -x "$uts" ]; then
    echo "uts.sh: $uts is not there; make builds it" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The CPUs that this process may use, one a line: "0-2,5" is 0 1 2 5.
cpus() {
    taskset -cp $$ | sed 's/.*: *//' | tr ',' '\n' |
        awk -F- '{ for (i = $1; i <= $NF; i++) print i }'
}
mapfile -t cpu < <(cpus)

# field NAME FILE...: the figure before that unit on the line "time".
field() {
    local unit=$1
    shift
    awk -v unit="$unit" '$1 == "time" {
        for (i = 2; i <= NF; i++)
            if ($i == unit || $i == unit ",") print $(i - 1)
    }' "$@"
}

# twin N: N serial runs at once; prints the sum of their nodes/s.
twin() {
    local i pids=()
    for ((i = 0; i < $1; i++)); do
        if (($1 == 1)); then
            "$uts" --serial "${tree[@]}" >"$work/serial.0" 2>&1 &
        else
            taskset -c "${cpu[i]}" "$uts" --serial "${tree[@]}" \
                >"$work/serial.$i" 2>&1 &
        fi
        pids+=($!)
    done
    for i in "${!pids[@]}"; do
        wait "${pids[i]}" || failed "$work/serial.$i"
    done
    for ((i = 0; i < $1; i++)); do
        field nodes/s "$work/serial.$i"
    done | awk '{ sum += $1 } END { print sum }'
}

# farm N: prints its nodes/s.
farm() {
    if (($1 == 1)); then
        "$uts" "${tree[@]}" >"$work/farm" 2>&1 || failed "$work/farm"
    else
        mpirun -np "$1" "$uts" "${tree[@]}" >"$work/farm" 2>&1 ||
            failed "$work/farm"
    fi
    field nodes/s "$work/farm"
}

failed() {
    cat "$1" >&2
    echo "uts.sh: the search failed" >&2
    exit 1
}

# measure NAME RANKS ROUNDS: of the tree whose options are in `tree`; its figures
# are called uts_NAME_..., or uts_... without a name.
measure() {
    local first=uts${1:+_$1} ranks=$2 rounds=$3 round serial parallel

    : >"$work/turns"
    : >"$work/hash"
    for ((round = 0; round < rounds; round++)); do
        serial=$(twin "$ranks")
        awk '$1 == "hash" { print $(NF - 2) }' "$work/serial.0" >>"$work/hash"
        parallel=$(farm "$ranks")
        echo "$serial $parallel" >>"$work/turns"
    done
    awk '$1 == "hash" { print "# hash: " $2 " " $3 }' "$work/serial.0" |
        tr -d ','
    figure "${first}_hash" 1 ns <"$work/hash"
    awk -v n="$ranks" '{ print 1e9 * n / $1 }' "$work/turns" |
        figure "${first}_serial" "$ranks" ns/node
    awk -v n="$ranks" '{ print 1e9 * n / $2 }' "$work/turns" |
        figure "${first}_farm" "$ranks" ns/node
    awk '{ print $2 / $1 }' "$work/turns" |
        figure "${first}_by_serial" "$ranks" times
}

rounds=${ROUNDS:-9}
names=("$@")
(($#)) || names=(T1 T1L T3)
for ranks in ${RANKS:-1 2}; do
    if ((ranks > ${#cpu[@]})); then
        echo "# $ranks ranks left out: ${#cpu[@]} CPUs"
        continue
    fi
    if [ "${names[0]#-}" != "${names[0]}" ]; then
        tree=("$@")
        measure "" "$ranks" "$rounds"
        continue
    fi
    for name in "${names[@]}"; do
        if [ -z "${options[$name]-}" ]; then
            echo "uts.sh: $name is none of ${!options[*]}" >&2
            exit 2
        fi
        read -ra tree <<<"${options[$name]}"
        turns=$rounds
        [ "$name" = T1L ] && turns=$(((rounds + 2) / 3))
        measure "$name" "$ranks" "$turns"
    done
done
