#!/bin/bash
# SPDX-License-Identifier: MIT
# check-format.sh -- the code has the shape of .clang-format (`make format`)
. "$(dirname "$0")/lib-check"

CLANG_FORMAT=${CLANG_FORMAT:-clang-format}
has "$CLANG_FORMAT" || skip "clang-format is not installed"

# Other versions have other opinions on details.
version=$("$CLANG_FORMAT" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
[ "$version" = 14 ] || skip "clang-format 14 decides, here is $version"

mapfile -t files < <(project_files | grep '\.[ch]$')
"$CLANG_FORMAT" --dry-run -Werror "${files[@]}" 2>&1 |
    grep -a 'error:' | cut -d: -f1 | sort | uniq -c |
    sed 's/^ *\([0-9]*\) \(.*\)/\2: \1 places; `make format` mends them/' |
    grep . && exit 1
verdict
