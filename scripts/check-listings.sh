#!/bin/bash
# SPDX-License-Identifier: MIT
# check-listings.sh -- the programs that README and manual show do work
#
# limit: 300 s; long: COMPILERS=both
#
# Compiled as strictly as a careful user would, by gcc, or with COMPILERS=both
# by clang as well, linked with libscoop.a, run alone and on two ranks.
# scripts/listings says which. Two are at work at a time: the script calls
# itself with the kind and the file of one.
. "$(dirname "$0")/lib-check"
. scripts/mpi-env

strict="-Wall -Wextra -Wconversion -Werror -O1 -pthread -I$OUT/include"

# build KIND FILE COMPILER: leaves FILE.COMPILER, and says whether it could.
build() {
    local kind=$1 file=$2 compiler=$3 wrapper standard said rest
    case $file in
    *.cpp) wrapper=mpicxx standard="-std=c++17" ;;
    *) wrapper=mpicc standard="-std=c11 -pedantic" ;;
    esac
    rest="$ARCHIVE $LIBS"
    [ "$kind" = compile ] && rest=-c
    # shellcheck disable=SC2086
    said=$(OMPI_CC=$compiler OMPI_CXX=$compiler $wrapper $standard $strict \
        "$file" -o "$file.$compiler" $rest 2>&1) && return
    complain "${file##*/}: $compiler:"$'\n'"$said"
    return 1
}

# try FILE PROGRAM RANKS; "-" is without mpirun
try() {
    local file=$1 program=$2 ranks=$3 launch="" expected=${1%.*}.output code
    [ "$ranks" = - ] || launch="mpirun -np $ranks"
    # shellcheck disable=SC2086
    timeout 100 $launch "$program" </dev/null >"$file.out" 2>"$file.err"
    code=$?
    if ((code)); then
        complain "${file##*/} on $ranks ranks: exit code $code"
        tail -n 20 "$file.out" "$file.err"
    elif [ -e "$expected" ] && ! diff -u "$expected" "$file.out"; then
        complain "${file##*/} on $ranks ranks: prints something else"
    fi
}

# check KIND FILE
check() {
    local kind=$1 file=$2 compilers="gcc clang" compiler built=""
    case $file in *.cpp) compilers="g++ clang++" ;; esac
    [ "${COMPILERS-}" = both ] || compilers=${compilers% *}
    for compiler in $compilers; do
        has "$compiler" || continue
        build "$kind" "$file" "$compiler" && built=$file.$compiler
    done
    [ "$kind" = run ] && [ -n "$built" ] || return
    for ranks in - 2; do
        try "$file" "$built" "$ranks"
    done
}

if (($# == 2)); then
    check "$@"
    ((wrong == 0))
    exit
fi

dir=$(mktemp -d "$OUT/listings.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
for text in README.md man/*.[1-9]; do
    [ -e "$text" ] && scripts/listings "$text" "$dir"
done >"$dir/list"
export OUT ARCHIVE SHARED LIBS
xargs -P 2 -L 1 "$0" <"$dir/list" || wrong=1
echo "$(wc -l <"$dir/list") listings"
verdict
