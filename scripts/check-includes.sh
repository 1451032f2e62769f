#!/bin/bash
# SPDX-License-Identifier: MIT
# check-includes.sh -- includes among our own files point down only
#
# No loop among the headers, and no low room, header or source, that knows a
# higher one.
. "$(dirname "$0")/lib-check"

low="clock log config error trace wire task fiber deque steal term registry"
low+=" value json timer future watch node node_segment net net_cast signals"
low+=" lanes recall"
high="worker settle queue holder execute terms map broker shared helper call"
high+=" offer idle dump transfer place wait iter callback public progress shutdown serial"
high+=" prolog runtime"

# "FILE HEADER" for every include of one of our headers.
edges() {
    local file header
    for file in *.[ch]; do
        code_of_includes "$file" | while read -r header; do
            [ -e "$header" ] && echo "$file $header"
        done
    done
}

code_of_includes() {
    sed -n 's/^ *# *include *[<"]\([a-z_]*\.h\)[">].*/\1/p' "$1"
}

while read -r line; do
    complain "loop of includes: $line"
done < <(edges | grep '^[a-z_]*\.h ' | tsort 2>&1 >/dev/null |
    sed -n 's/^tsort: \([a-z_]*\.h\)$/\1/p' | tr '\n' ' ' |
    sed 's/ $/\n/')

while read -r file header; do
    room=${file%.*}
    case " $low " in *" $room "*) ;; *) continue ;; esac
    case " $high " in *" ${header%.h} "*)
        complain "$file is a low room and includes $header"
        ;;
    esac
done < <(edges)

while read -r file header; do
    [ "$header" = scoop.h ] ||
        complain "$file uses <$header>: ours are included with quotes"
done < <(grep -Ho '^ *# *include *<[a-z_]*\.h>' -- *.[ch] |
    sed 's/: *# *include *</ /; s/>$//' |
    while read -r file header; do
        [ -e "$header" ] && echo "$file $header"
    done | grep -v ' signal\.h$\| error\.h$\| fcntl\.h$')
verdict
