#!/bin/bash
# SPDX-License-Identifier: MIT
# check-headers.sh -- each header stands alone, scoop.h in C++ as well
. "$(dirname "$0")/lib-check"

strict="-Wall -Wextra -Wconversion -Werror -c -o /dev/null"

# try HEADER WRAPPER COMPILER FLAGS...; a wrapper is mpicc or mpicxx
try() {
    local header=$1 wrapper=$2 compiler=$3 said
    shift 3
    has "$compiler" || return
    # Twice: the guard is tried as well.
    said=$(printf '#include "%s"\n#include "%s"\nextern int nothing;\n' \
        "$header" "$header" |
        OMPI_CC=$compiler OMPI_CXX=$compiler "$wrapper" "$@" - 2>&1) ||
        complain "$header with $compiler $*:"$'\n'"$(head -n 20 <<<"$said")"
}

for header in *.h; do
    [ "$header" = scoop_macros.h ] && continue # a part of scoop.h
    for compiler in gcc clang; do
        # shellcheck disable=SC2086
        try "$header" mpicc $compiler -std=gnu11 $strict -iquote . -x c
    done
done

for compiler in gcc clang; do
    # shellcheck disable=SC2086
    try scoop.h mpicc $compiler -std=c11 -pedantic $strict -iquote . -x c
    # shellcheck disable=SC2086
    try scoop.h mpicc $compiler -std=c11 -DSCOOP_NO_JSON $strict -iquote . -x c
done
for compiler in g++ clang++; do
    for standard in c++11 c++17; do
        # shellcheck disable=SC2086
        try scoop.h mpicxx $compiler -std=$standard $strict -iquote . -x c++
    done
done
verdict
