#!/bin/bash
# SPDX-License-Identifier: MIT
# check-text.sh -- line length, blanks at the end, tabs, the licence line
. "$(dirname "$0")/lib-check"

while read -r file; do
    grep -Iq . "$file" || continue # empty, or not text
    said=$(awk -v file="$file" '
        # A link or a row of a table cannot be broken.
        length > 100 && !(file ~ /\.md$/ && (/https?:/ || /^\|/)) {
            print file ":" FNR ": " length " columns"
        }
        /[ \t]$/ { print file ":" FNR ": blank at the end" }
        /\t/ && file !~ /Makefile|\.S$|\.tsv$/ { print file ":" FNR ": tab" }
        /\r/ { print file ":" FNR ": carriage return" }
    ' "$file")
    [ -z "$said" ] || complain "$said"
    case $file in *.md | LICENSE | *.json | *.txt | *.out | *.csv | .gitignore) continue ;; esac
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
        complain "$file: no SPDX-License-Identifier in its first lines"
done < <(project_files)
verdict
