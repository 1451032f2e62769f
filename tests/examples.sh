#!/bin/bash
# SPDX-License-Identifier: MIT
# examples.sh -- the examples print what they should, on any number of ranks
#
# limit: 600 s; skip: asan tsan; long: EXAMPLES_RANKS=1
#
# tests/examples/NAME.out is what examples/NAME prints to stdout, on any number
# of ranks; what arguments it gets stands below. An example has such a file,
# or is named among those that tell of times, or of ranks. EXAMPLES_WRITE=1
# writes the files that are missing, from a run on one rank: to be read before
# they are believed.
. "$(dirname "$0")/../scripts/lib-check"
. scripts/mpi-env

dir=${EXAMPLES:-examples}
expected=tests/examples
printed=$(mktemp -d) || exit 1
trap 'rm -rf "$printed"' EXIT

arguments() {
    case $1 in
    json_sweep) echo examples/json_sweep.json ;;
    montecarlo_pi) echo 20 ;;
    uts) echo -t 1 -a 3 -d 8 -b 4 -r 19 ;; # knows its size by itself
    wordcount) echo LICENSE 8 ;;
    esac
}

varies() {
    case $1 in failures | fib | roll_call | uts) return 0 ;; *) return 1 ;; esac
}

# run NAME RANKS
run() {
    local name=$1 ranks=$2 code
    # shellcheck disable=SC2046
    timeout -k 5 100 mpirun -np "$ranks" "$dir/$name" $(arguments "$name") \
        >"$printed/out" 2>"$printed/err" </dev/null
    code=$?
    if ((code)); then
        complain "$name on $ranks ranks: exit code $code"
        tail -n 20 "$printed/out" "$printed/err"
        return
    fi
    varies "$name" && return
    [ -n "${EXAMPLES_WRITE:-}" ] && [ ! -e "$expected/$name.out" ] &&
        cp "$printed/out" "$expected/$name.out"
    diff -u "$expected/$name.out" "$printed/out" && return
    complain "$name on $ranks ranks: prints something else"
    tail -n 20 "$printed/err"
}

count=0
for source in examples/*.c; do
    name=${source##*/}
    name=${name%.c}
    run "$name" "${EXAMPLES_RANKS:-4}"
    count=$((count + 1))
done
for file in "$expected"/*.out; do
    name=${file##*/}
    [ -e "examples/${name%.out}.c" ] || complain "$file: of no example"
done
echo "$count examples"
verdict
