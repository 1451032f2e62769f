#!/bin/bash
# SPDX-License-Identifier: MIT
# check-symbols.sh -- the libraries define scoop_* for others and nothing else
. "$(dirname "$0")/lib-check"

# check FILE NM-OPTION...
check() {
    local file=$1 name count=0
    shift
    if [ ! -r "$file" ]; then
        complain "$file is not built"
        return
    fi
    while read -r name; do
        count=$((count + 1))
        case $name in
        scoop_*) ;;
        *) complain "$file gives away $name" ;;
        esac
    done < <(nm "$@" --defined-only --format=posix "$file" |
        awk 'NF > 1 { sub(/@.*/, "", $1); print $1 }')
    ((count)) || complain "$file defines nothing at all"
}

check "$ARCHIVE" --extern-only
check "$SHARED" --dynamic

# What the header promises is there.
while read -r name; do
    nm --extern-only --defined-only "$ARCHIVE" | grep -qw "$name" ||
        complain "scoop.h declares $name, $ARCHIVE does not have it"
done < <(scripts/public-names functions)

# Where it was built is not in it.
if strings -a "$ARCHIVE" | grep -qF "$PWD/"; then
    complain "$ARCHIVE names the directory it was built in"
fi
verdict
