#!/bin/bash
# SPDX-License-Identifier: MIT
# dump.sh -- SIGUSR2 and the watchdog make each rank say what it waits for
#
# limit: 120 s
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=${OUT:-build/release}
cat >"$work/slow.c" <<'END'
#include <scoop.h>
#include <unistd.h>

SCOOP_TASK(doze, int, SCOOP_NONE);

static int doze(const int *seconds, SCOOP_NONE *none)
{
    (void)none;
    for (unsigned left = (unsigned)*seconds; left;)
        left = sleep(left);
    return 0;
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return scoop_join(scoop_submit(doze, &(int){3},
                                   .place = scoop_on_rank(1)),
                      NULL);
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
END
${CC:-mpicc} -I"$out/include" "$work/slow.c" "${ARCHIVE:-libscoop.a}" \
    -o "$work/slow" ${LIBS:--ljansson -lpthread -lm} || exit 1

passed=0 failed=0
expect() {
    if grep -q "$1" "$work/log"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2: no line with \"$1\" in"
        cat "$work/log"
    fi
}

for memory in 1 0; do
    SCOOP_NODE_MEMORY=$memory mpirun -np 3 "$work/slow" >"$work/log" 2>&1 &
    sleep 1.5
    kill -USR2 $! # mpirun forwards it to the ranks
    wait $!
    expect "0@.* state: the root waits for the result of doze 0.*held by rank 1" \
        "SIGUSR2, node memory $memory"
    expect "1@.* state: in doze for .* without a library call" \
        "SIGUSR2, node memory $memory"
    expect "2@.* state: .* looking for work" "SIGUSR2, node memory $memory"
done
SCOOP_WATCHDOG=1 mpirun -np 2 "$work/slow" >"$work/log" 2>&1
expect "0@.* state: the root waits for the result of doze" "watchdog"
expect "1@.* state: in doze for" "watchdog"

echo "$passed passed, $failed failed"
exit $((failed > 0))
