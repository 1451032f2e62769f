#!/bin/bash
# SPDX-License-Identifier: MIT
# instructions.sh -- what the hot paths cost, in instructions
#
# limit: 200 s; skip: asan tsan valgrind debug
#
# A clock says little on a machine that others use, so a slow-down is looked
# for in the number of instructions, which valgrind counts. More than a tenth
# above tests/instructions.txt is a failure; that much below is said, so that
# the file can be brought up to date: INSTRUCTIONS_WRITE=1 does.
. "$(dirname "$0")/../scripts/lib-check"
. scripts/mpi-env

has valgrind || skip "there is no valgrind"
[ "$(uname -m)" = x86_64 ] || skip "the figures are those of x86-64"
has gcc || skip "the figures are those of gcc"

dir=$(mktemp -d "$OUT/instructions.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
# shellcheck disable=SC2086
OMPI_CC=gcc mpicc -O2 -pthread -I"$OUT/include" tests/instructions/count.c \
    "$ARCHIVE" $LIBS -o "$dir/count" || exit 1

OMPI_MCA_ess_singleton_isolated=1 valgrind --tool=callgrind \
    --instr-atstart=no --callgrind-out-file="$dir/counted" "$dir/count" \
    >"$dir/operations" 2>"$dir/err" || {
    tail -n 20 "$dir/err"
    complain "the run under valgrind failed"
    verdict
}

# counted NAME: instructions between its start and its dump
counted() {
    sed -n 's/^totals: //p' \
        "$(grep -lx "desc: Trigger: Client Request: $1" "$dir"/counted.*)"
}

while read -r what operations; do
    echo "$what $((($(counted "$what") + operations / 2) / operations))"
done <"$dir/operations" | sort >"$dir/now"

if [ -n "${INSTRUCTIONS_WRITE-}" ]; then
    cp "$dir/now" tests/instructions.txt
fi
while read -r what now; do
    known=$(awk -v what="$what" '$1 == what { print $2 }' \
        tests/instructions.txt)
    echo "$what: $now instructions, $known were expected"
    if [ -z "$known" ] || ((10 * now > 11 * known)); then
        complain "$what has become slower"
    elif ((10 * now < 9 * known)); then
        echo "$what has become faster: write that down"
    fi
done <"$dir/now"
verdict
