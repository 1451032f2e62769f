#!/bin/bash
# SPDX-License-Identifier: MIT
# bad_input.sh -- what users get wrong: one clear line, a code, no hang
#
# limit: 120 s; skip: asan tsan
. "$(dirname "$0")/../scripts/lib-check"
. scripts/mpi-env

include=$PWD/$OUT/include
archive=$PWD/$ARCHIVE
case $ARCHIVE in /*) archive=$ARCHIVE ;; esac
case $OUT in /*) include=$OUT/include ;; esac
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# build PROGRAM SOURCE... FLAGS...
build() {
    local program=$dir/$1
    shift
    # shellcheck disable=SC2086
    (cd "$dir" && ${CC:-mpicc} -std=gnu11 -O1 -g -pthread \
        -I"$include" "$@" -o "$program" "$archive" $LIBS) ||
        complain "cannot build $program"
}

# run WHAT EXPECTED_CODE COMMAND...; leaves $dir/out and $dir/err. The code may
# be "bad" for any but 0; no run may take longer than 30 s.
run() {
    local what=$1 expected=$2 code
    shift 2
    timeout -k 2 30 "$@" </dev/null >"$dir/out" 2>"$dir/err"
    code=$?
    case $code in 124 | 137) complain "$what: hangs" ;; esac
    if [ "$expected" = bad ]; then
        ((code)) || complain "$what: exit code 0"
    elif ((code != expected)); then
        complain "$what: exit code $code, not $expected"
        tail -n 20 "$dir/err"
    fi
}

# says WHAT COUNT PATTERN: so many lines of stderr hold it
says() {
    local n
    n=$(grep -cE -- "$3" "$dir/err")
    if ((n != $2)); then
        complain "$1: $n lines with \"$3\", not $2:"
        tail -n 20 "$dir/err"
    fi
}

cat >"$dir/good.c" <<'EOF'
#include <scoop.h>
#include <stdio.h>
#include <stdlib.h>
SCOOP_TASK(twice, int, int);
static int twice(const int *in, int *out) { return *out = 2 * *in, 0; }
static int root(int argc, char **argv)
{
    int out = 0, err = 0;
    for (int i = 0; i < 100 && !err; i++)
        err = scoop_join(scoop_submit(twice, &i), &out);
    if (err)
        return scoop_perror("twice");
    puts("fine");
    return argc > 1 ? atoi(argv[1]) : 0;
}
int main(int argc, char **argv) { return scoop_main(argc, argv, root); }
EOF
sed 's/\btwice\b/thrice/g' "$dir/good.c" >"$dir/other.c"
sed -e "s/TASK(twice, int, int)/TASK(twice, int, long)/" \
    -e "s/int \*out) {/long *out) {/" \
    -e "s/int out = 0, err/long out = 0; int err/" \
    "$dir/good.c" >"$dir/wider.c"

cat >"$dir/one.c" <<'EOF'
#include <scoop.h>
SCOOP_TASK(work, int, int);
static int work(const int *in, int *out) { return *out = *in, 0; }
int one(void);
int one(void) { int out = 1; return scoop_join(scoop_submit(work, &out), &out); }
EOF
cat >"$dir/two.c" <<'EOF'
#include <scoop.h>
#include <stdio.h>
int one(void);
SCOOP_TASK(work, int, int);
static int work(const int *in, int *out) { return *out = -*in, 0; }
static int root(int argc, char **argv) { (void)argc; (void)argv; puts("ran"); return one(); }
int main(int argc, char **argv) { return scoop_main(argc, argv, root); }
EOF

cat >"$dir/unknown.c" <<'EOF'
#include <scoop.h>
#include <stdio.h>
static int call(const void *in, void *out) { *(int *)out = *(const int *)in; return 0; }
static struct scoop_task mine = {"mine", call, 0, 4, 4, 4, 4, SCOOP_TYPED, 1};
static int root(int argc, char **argv)
{
    int out;
    (void)argv;
    scoop_future f = scoop_submit_task(&mine, &argc, sizeof argc, NULL);
    int err = scoop_join_of(f, &out, NULL);
    printf("%d %s\n", err, scoop_strerror(err));
    scoop_perror("unknown");
    return scoop_task_find("mine") ? 9 : 5;
}
int main(int argc, char **argv) { return scoop_main(argc, argv, root); }
EOF

cat >"$dir/status.c" <<'EOF'
#include <scoop.h>
#include <stdio.h>
#include <stdlib.h>
static int root(int argc, char **argv) { return argc > 1 ? atoi(argv[1]) : 0; }
int main(int argc, char **argv)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    int status = scoop_main(argc, argv, root);
    printf("rank %s: %d\n", rank ? rank : "-", status);
    return 0;
}
EOF

build good good.c
build other other.c
build wider wider.c
build two two.c one.c
build unknown unknown.c
build status status.c
((wrong)) && verdict

# ---- Settings ----

run "an unknown setting" 0 env SCOOP_STEAL_LOCL=0 "$dir/good"
says "an unknown setting" 1 'SCOOP_STEAL_LOCL.*SCOOP_STEAL_LOCAL'
run "an unknown setting, two ranks" 0 mpirun -np 2 -x SCOOP_SPINN=1 "$dir/good"
says "an unknown setting, two ranks" 1 'SCOOP_SPINN.*SCOOP_SPIN'
for pair in STACK=banana STACK=1K STACK=-5 FIBERS=0 FIBERS=99999999999999999999 \
    SPIN=5parsecs NODE_MEMORY=maybe LOG=shout HELPER=perhaps \
    EAGER=1e9 SEED=0x PIECE=3G; do
    run "SCOOP_$pair" 0 env "SCOOP_$pair" "$dir/good"
    says "SCOOP_$pair" 1 "SCOOP_${pair%%=*}"
    says "SCOOP_$pair" 1 .
done
run "settings that are fine" 0 env SCOOP_SPIN=0 SCOOP_STACK=1M SCOOP_FIBERS=64 \
    SCOOP_NODE_MEMORY=off SCOOP_SEED=0x2A "$dir/good"
says "settings that are fine" 0 .
run "binary garbage" 0 env SCOOP_LOG=$'\x01\xff%s%n\n\e[31m' "$dir/good"
says "binary garbage" 1 SCOOP_LOG
run "a log file that cannot be" 0 env SCOOP_LOG_FILE=/nowhere/log "$dir/good"
says "a log file that cannot be" 1 '/nowhere/log'

# ---- Tasks ----

run "a name used twice" 1 "$dir/two"
says "a name used twice" 1 '"work" is used twice'
grep -q ran "$dir/out" && complain "a name used twice: the root has run"
run "a name used twice, two ranks" bad mpirun -np 2 "$dir/two"
grep -q 'used twice' "$dir/err" || complain "a name used twice: not said"
for ranks in 1 2; do
    run "an unknown task" 5 mpirun -np $ranks "$dir/unknown"
    says "an unknown task" 1 'unknown: .*"mine" is not registered'
    grep -q -- '-12 the task is not registered' "$dir/out" ||
        complain "an unknown task: another code"
done

# ---- Programs ----

for pair in "good other" "other good" "good wider"; do
    read -r a b <<<"$pair"
    run "$a and $b" bad mpirun -np 1 "$dir/$a" : -np 1 "$dir/$b"
    says "$a and $b" 1 '^scoop .*error'
    grep -q fine "$dir/out" && complain "$a and $b: the root has run"
done
run "three of one, one of another" bad \
    mpirun -np 3 "$dir/good" : -np 1 "$dir/other"
says "three of one, one of another" 1 '^scoop .*error'

# One that never joins.
run "a rank that sleeps instead" bad env SCOOP_START_TIMEOUT=1s \
    mpirun -np 1 "$dir/good" : -np 1 sleep 4
run "a rank that ends at once" bad mpirun -np 1 "$dir/good" : -np 1 false

# ---- What scoop_main returns ----

for code in 0 7 -1 -99; do
    run "root returns $code" 0 mpirun -np 2 "$dir/status" $code
    grep -qx "rank 0: $code" "$dir/out" ||
        complain "root returns $code: not what rank 0 gets"
    grep -qx "rank 1: 0" "$dir/out" ||
        complain "root returns $code: $(grep 'rank 1' "$dir/out")"
done
verdict
