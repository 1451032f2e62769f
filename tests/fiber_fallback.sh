#!/bin/bash
# SPDX-License-Identifier: MIT
# fiber_fallback.sh -- the portable switch passes the tests of the fast one
#
# limit: 120 s; skip: quick
#
# fiber.c built with swapcontext, as on a machine for which there is no
# assembly: first its own tests, then a tree of tasks that park.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
portable=(-std=gnu11 -O2 -g -DSCOOP_FIBER_UCONTEXT -iquote . -pthread)

${CC:-mpicc} "${portable[@]}" fiber.c tests/test_fiber.c -o "$work/test_fiber" \
    -lm || exit 1
"$work/test_fiber" || exit 1
${CC:-mpicc} "${portable[@]}" -I"${OUT:-build/release}/include" ./*.c \
    examples/fib.c -o "$work/fib" -ljansson -lm || exit 1
mpirun -np 3 "$work/fib" || exit 1
