#!/bin/bash
# SPDX-License-Identifier: MIT
# progress.sh -- SCOOP_PROGRESS shows how far the root's maps are
#
# limit: 60 s
#
# In a log under mpirun; on a terminal, if script(1) is there to make one.
set -u
export LC_ALL=C
. scripts/mpi-env
program=${EXAMPLES:-examples}/hello_map
failed=0

say() {
    echo "$1"
    failed=1
}

grep -q progress_begin map*.c || { echo "maps do not tell yet" && exit 77; }
[ -x "$program" ] || { echo "$program is not built" && exit 77; }
said=$(SCOOP_PROGRESS=0 mpirun -np 2 "$program" 2>&1 >/dev/null)
grep -q "note:" <<<"$said" && say "SCOOP_PROGRESS=0 shows: $said"
said=$(mpirun -np 2 "$program" 2>&1 >/dev/null)
grep -q "note:" <<<"$said" && say "a map without a label shows: $said"
for ranks in 1 2 4; do
    said=$(SCOOP_PROGRESS=1 mpirun -np $ranks "$program" 2>&1 >/dev/null)
    lines=$(grep -c '^scoop 0@[^ ]* [0-9.]* note: .* (100 %), .*: done$' \
        <<<"$said")
    [ "$lines" -ge 1 ] || say "on $ranks ranks there is no last line: $said"
    grep -q '^scoop [1-9]' <<<"$said" && say "another rank shows: $said"
done
if command -v script >/dev/null; then
    said=$(SCOOP_PROGRESS=1 script -qec "$program" /dev/null </dev/null)
    grep -q $'\r[^\r]* (100 %), .*: done' <<<"$said" ||
        say "on a terminal there is no line that ends: $said"
    grep -q "note:" <<<"$said" && say "on a terminal it logs: $said"
fi
exit $failed
