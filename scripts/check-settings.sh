#!/bin/bash
# SPDX-License-Identifier: MIT
# check-settings.sh -- the manual's table of settings is the program's
#
# scoop(7) lists each setting as `.It Ev SCOOP_NAME`, then one line `Default D,
# range R.`, then the words of config.h, as a sentence. A paragraph (.Pp)
# behind them may say more. SCOOP_HELP=1 prints what the program has.
. "$(dirname "$0")/lib-check"

page=man/scoop.7
program=${EXAMPLES:-examples}/hello_map
[ -e "$page" ] || skip "there is no $page"
[ -x "$program" ] || skip "$program is not built"

documented() {
    awk '
    function show() {
        if (name == "") return
        sub(/\.$/, "", words)
        print name "|" range "|" tolower(substr(words, 1, 1)) substr(words, 2)
        name = ""
    }
    /^\.It Ev SCOOP_/ { show(); name = $3; range = words = ""; next }
    /^\./ { show(); next }
    name == "" { next }
    range == "" { range = $0; next }
    { words = words (words == "" ? "" : " ") $0 }
    ' "$page"
}

# Columns are parted by blanks, of which only the last one holds any.
printed() {
    SCOOP_HELP=1 "$program" 2>&1 >/dev/null | awk '
    $1 ~ /^SCOOP_/ && NF > 3 {
        words = $0
        sub(/^[^ ]+ +[^ ]+ +[^ ]+ +/, "", words)
        print $1 "|Default " $2 ", range " $3 ".|" \
            tolower(substr(words, 1, 1)) substr(words, 2)
    }'
}

said=$(diff <(printed) <(documented)) ||
    complain "$page differs from SCOOP_HELP=1 (<):"$'\n'"$said"
[ -n "$(printed)" ] || complain "$program prints no settings"
verdict
