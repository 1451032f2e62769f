#!/bin/bash
# SPDX-License-Identifier: MIT
# check-man.sh -- manual pages are well formed, and none is missing
. "$(dirname "$0")/lib-check"

[ -d man ] || exit 0

if has mandoc; then
    said=$(mandoc -T lint -W warning man/*.[1-9] 2>&1) || true
    [ -z "$said" ] || complain "$said"
else
    echo "mandoc is not installed: forms are not checked"
fi

# Every name that users can call stands in the NAME section of some page.
names=$(for page in man/*.[1-9]; do scripts/man-names "$page"; done)
while read -r name; do
    grep -qxF -- "$name" <<<"$names" || complain "no manual page for $name"
done < <(scripts/public-names functions && scripts/public-names macros)

# And no page for what is no longer there.
known=$(grep -ohE '\b(scoop|SCOOP)_\w+' scoop.h scoop_macros.h | sort -u)
for page in man/*.3; do
    while read -r name; do
        grep -qxF -- "$name" <<<"$known" ||
            complain "$page describes $name, which scoop.h does not have"
    done < <(scripts/man-names "$page")
done
verdict
