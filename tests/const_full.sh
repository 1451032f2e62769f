#!/bin/bash
# SPDX-License-Identifier: MIT
# const_full.sh -- constants where /dev/shm is small, and over two hosts
#
# limit: 120 s
#
# A /dev/shm of 64 MiB of its own, in a mount namespace that ends with the
# test: what does not fit must be an error code on every rank, and what fits
# must go on to work.  Then the calls over two hosts, by TCP.
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source=scripts/mpi-env
. scripts/mpi-env
out=${OUT:-build/release}
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for program in "$out"/tests/api_const{,_busy,_full}; do
    if [ ! -x "$program" ]; then
        echo "$program is not there; make all programs builds it"
        exit 1
    fi
done

run() {
    if ! timeout -s KILL 60 "$@" >"$log" 2>&1 </dev/null; then
        failed=$((failed + 1))
        echo "FAILED: $*"
        tail -n 40 "$log"
    fi
}

small='mount -t tmpfs -o size=64M tmpfs /dev/shm && exec "$@"'
unshare -m sh -c "$small" sh true 2>/dev/null || {
    echo "no mount namespace is to be had"
    exit 77
}
# Open MPI's own shared memory would take part of it.
run unshare -m sh -c "$small" sh \
    mpirun --mca btl self,tcp -np 4 "$out/tests/api_const_full"
SCOOP_NODES=2 run unshare -m sh -c "$small" sh \
    mpirun --mca btl self,tcp -np 4 "$out/tests/api_const_full"
if scripts/hosts true >/dev/null; then
    run scripts/hosts mpirun -np 4 "$out/tests/api_const"
    run scripts/hosts mpirun -np 4 "$out/tests/api_const_busy"
fi
echo "$failed failed"
exit $((failed > 0))
