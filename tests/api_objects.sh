#!/bin/bash
# SPDX-License-Identifier: MIT
# api_objects.sh -- tasks in the user's own libraries, and in C++
#
# limit: 180 s; skip: asan tsan
#
# A program with tasks of its own, of a shared library, of an archive, and of
# a library that is opened while it runs; linked with libscoop.a and with
# libscoop.so, by gcc and clang, with and without --gc-sections.
. "$(dirname "$0")/../scripts/lib-check"
. scripts/mpi-env

include=$PWD/$OUT/include
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

cat >"$dir/lib.h" <<'EOF'
#include <scoop.h>
#ifdef __cplusplus
extern "C" {
#endif
SCOOP_TASK_DECLARE(in_shared, int, int);
SCOOP_TASK_DECLARE(in_archive, int, int);
int use_hidden(int n);
#ifdef __cplusplus
}
#endif
EOF
cat >"$dir/shared.c" <<'EOF'
#include "lib.h"
SCOOP_TASK(hidden, int, int);
SCOOP_TASK_EXTERN(in_shared, int, int);
int in_shared(const int *in, int *out) { return *out = *in + 10, 0; }
static int hidden(const int *in, int *out)
{
    return scoop_join(scoop_submit(in_shared, in), out);
}
int use_hidden(int n)
{
    int out = -1, err = scoop_join(scoop_submit(hidden, &n), &out);
    return err ? err : out;
}
EOF
cat >"$dir/more.c" <<'EOF'
#include "lib.h"
SCOOP_TASK(in_more, int, int);
static int in_more(const int *in, int *out) { return *out = *in * 3, 0; }
EOF
cat >"$dir/archive.c" <<'EOF'
#include "lib.h"
SCOOP_TASK_EXTERN(in_archive, int, int);
int in_archive(const int *in, int *out) { return *out = *in + 100, 0; }
EOF
cat >"$dir/plugin.c" <<'EOF'
#include "lib.h"
SCOOP_TASK(in_plugin, int, int);
static int in_plugin(const int *in, int *out) { return *out = *in + 1000, 0; }
EOF
cat >"$dir/main.c" <<'EOF'
#include "lib.h"
#include <dlfcn.h>
#include <stdio.h>
SCOOP_TASK(own, int, int);
static int own(const int *in, int *out)
{
    int err = scoop_join(scoop_submit(in_archive, in), out);
    return err ? err : scoop_join(scoop_submit(in_shared, out), out);
}
static int by_name(const char *name, int n)
{
    const struct scoop_task *task = scoop_task_find(name);
    int out = -1;
    if (!task)
        return -1000;
    struct scoop_submit_options o = {.place = scoop_on_rank(scoop_size() - 1)};
    int err = scoop_join_of(scoop_submit_task(task, &n, sizeof n, &o), &out, NULL);
    return err ? err : out;
}
static int root(void *arg)
{
    int in[50], out[50], one = 1, sum = 0;
    (void)arg;
    for (int i = 0; i < 50; i++)
        in[i] = i;
    int err = scoop_map(own, in, out, 50);
    for (int i = 0; i < 50; i++)
        sum += out[i];
    printf("%d %d %d %d %d\n", err, sum, use_hidden(one), by_name("in_more", 2),
           by_name("in_plugin", 3));
    return 0;
}
int main(int argc, char **argv)
{
    int level, rank;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    int first = scoop_run(MPI_COMM_WORLD, root, NULL);
    if (argc > 1 && !dlopen(argv[1], RTLD_NOW))
        fprintf(stderr, "%s\n", dlerror());
    int second = scoop_run(MPI_COMM_WORLD, root, NULL); /* with the plugin */
    MPI_Finalize();
    return first || second;
}
EOF
cat >"$dir/expected" <<'EOF'
0 6725 11 6 -1000
0 6725 11 6 1003
EOF

cat >"$dir/more.cpp" <<'EOF'
#include "lib.h"
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>
struct point { double x, y; };
struct alignas(64) wide { double x; };
SCOOP_TASK(norm2, point, double);
SCOOP_TASK(hello, SCOOP_NONE, int);
SCOOP_TASK(align, wide, wide);
SCOOP_TASK_BYTES(reverse);
SCOOP_TASK_JSON(pair);
static json_t *pair(json_t *in)
{
    return json_pack("[O,O]", in, in);
}
static int norm2(const point *p, double *out) { return *out = p->x * p->x + p->y * p->y, 0; }
static int hello(const SCOOP_NONE *in, int *out)
{
    try {
        scoop_submit_options here = scoop_submit_options();
        here.place = scoop_on_rank(scoop_rank()); // nobody else may begin it
        scoop_future f = scoop_submit(hello, nullptr, here);
        if (!scoop_cancel(f) && scoop_join(f, nullptr) == SCOOP_ECANCELLED)
            throw std::runtime_error("as it should be");
        return scoop_fail(1, "not cancelled");
    } catch (const std::exception &e) {
        *out = in ? -1 : (int)std::string(e.what()).size();
    }
    return 0;
}
static int align(const wide *in, wide *out)
{
    *out = *in;
    return (reinterpret_cast<uintptr_t>(in) | reinterpret_cast<uintptr_t>(out)) % 64 ? 1 : 0;
}
static int reverse(const void *data, size_t len, scoop_out *out)
{
    std::string s(static_cast<const char *>(data), len);
    return scoop_out_write(out, std::string(s.rbegin(), s.rend()).data(), len);
}
static int calls;
static int count(scoop_future f, void *) { return calls++, scoop_result(f, nullptr); }
static int next(void *ctx, void *item)
{
    *static_cast<point *>(item) = point{0, 1};
    return --*static_cast<int *>(ctx) < 0 ? (int)SCOOP_END : 0;
}
static int put(void *, uint64_t, const void *out, int status)
{
    return status || *static_cast<const double *>(out) < 1;
}
static int several(const scoop_submit_options &o)
{
    point p = {1, 2};
    scoop_future f[2] = {scoop_submit(norm2, &p, o), scoop_submit(norm2, &p)}, g;
    const scoop_error *e = nullptr;
    scoop_iter *it = nullptr;
    size_t done = 0;
    uint64_t index;
    double x;
    int wrong = scoop_on_done(f[0], count, nullptr), status, left = 20;
    scoop_wait_many_options w = scoop_wait_many_options();
    w.timeout = 20;
    w.count = &done;
    wrong += scoop_wait(f, 2, w) || scoop_wait(f, 2) || done != 2;
    wrong += scoop_exception(f[0], &e, 20.0) || e;
    wrong += scoop_as_completed(&it, f, 2) || scoop_next(it, &g) || scoop_next(it, &g, 20.0);
    wrong += scoop_next(it, &g) != SCOOP_END || scoop_iter_free(it);
    wrong += scoop_join(f[0], &x) || scoop_join(f[1], &x) || x < 5;
    wrong += scoop_map_iter(norm2, &it, &p, 1) || scoop_next_item(it, &index, &x, &status);
    scoop_iter_options i = scoop_iter_options();
    i.as_completed = 1;
    i.place = o.place;
    wrong += scoop_map_gen(norm2, &it, next, &left, i) || scoop_map_gen(norm2, &it, next, &left);
    wrong += scoop_next_item(it, nullptr, &x, nullptr, 20.0) || scoop_iter_free(it);
    scoop_each_options each = scoop_each_options();
    each.on_error = SCOOP_KEEP_GOING;
    wrong += scoop_map_each(norm2, next, &(left = 9), put, each);
    return wrong + scoop_map_each(norm2, next, &(left = 9), put);
}
static int root(int, char **)
{
    std::vector<point> p(1000, point{3, 4});
    std::vector<double> r(p.size());
    static wide w[100]; // before C++17 no vector aligns them
    int wrong = 0, n = 0;
    double one = 0;
    wrong += scoop_map(norm2, p.data(), r.data(), p.size()) != 0;
    for (double x : r)
        wrong += x < 25 || x > 25;
    wrong += scoop_map(align, w, w, 100) != 0;
    scoop_future f = scoop_submit(norm2, &p[0]);
    wrong += scoop_result(f, &one, 10.0) != 0 || one < 25;
    wrong += scoop_join(f, &one) != 0;
    wrong += scoop_join(scoop_submit(hello, nullptr), &n) != 0 || n != 15;
    scoop_submit_options o = scoop_submit_options();
    o.place = scoop_on_rank(scoop_size() - 1);
    f = scoop_submit(reverse, "abc", 3, o);
    const void *data = nullptr;
    size_t len = 0;
    wrong += scoop_result_bytes(f, &data, &len) != 0;
    wrong += len != 3 || std::string(static_cast<const char *>(data), len) != "cba";
    wrong += scoop_release(f) != 0;
    void *own = nullptr;
    f = scoop_submit(reverse, "abc", 3);
    wrong += scoop_join_bytes(f, &own, &len, 10.0) != 0 || len != 3;
    free(own);
    json_t *in = json_pack("[i,s]", 1, "x"), *out = nullptr;
    f = scoop_submit(pair, in, o);
    wrong += scoop_result_json(f, &out, 10.0) != 0 || json_array_size(out) != 2;
    wrong += scoop_join_json(f, &out) != 0 || !json_equal(json_array_get(out, 1), in);
    json_decref(out);
    scoop_map_json_options slowly = scoop_map_json_options();
    slowly.in_flight = 1;
    wrong += scoop_map_json(pair, in, &out) != 0 || json_array_size(out) != 2;
    json_decref(out);
    wrong += scoop_map_json(pair, in, &out, slowly) != 0;
    json_decref(out);
    json_decref(in);
    f = scoop_submit(in_archive, &n, o);
    wrong += scoop_join(f, &n) != 0 || n != 115;
    wrong += several(o);
    if (wrong)
        scoop_perror("C++");
    return wrong;
}
int main(int argc, char **argv) { return scoop_main(argc, argv, root); }
EOF

ln -s "$PWD/$SHARED" "$dir/libscoop.so.0"
rpath="-Wl,-rpath,$dir"
strict="-O1 -pthread -Wall -Wextra -Werror -I$include -I$dir"

# try WHAT COMMAND...: prints what it should, once for each farm
try() {
    local what=$1
    shift
    timeout -k 2 30 "$@" </dev/null >"$dir/out" 2>"$dir/err"
    local code=$?
    ((code == 0)) || complain "$what: exit code $code: $(tail -n 5 "$dir/err")"
    [ ! -e "$dir/want" ] || cmp -s "$dir/want" "$dir/out" ||
        complain "$what: prints $(cat "$dir/out" "$dir/err")"
}

# Where libscoop.a is in the program, a library of the user's finds it there,
# if the program exports it.
for compiler in gcc clang; do
    has $compiler || continue
    for kind in archive shared gc; do
        scoop="$ARCHIVE $LIBS -rdynamic"
        [ $kind = shared ] && scoop="-L$OUT -lscoop $LIBS"
        more=
        [ $kind = gc ] && more="-ffunction-sections -fdata-sections -Wl,--gc-sections"
        cc="mpicc -std=c11 -pedantic $strict"
        export OMPI_CC=$compiler
        # shellcheck disable=SC2086
        $cc -fPIC -shared "$dir/shared.c" "$dir/more.c" -o "$dir/libuser.so" &&
            $cc -fPIC -shared "$dir/plugin.c" -o "$dir/plugin.so" &&
            $cc -c "$dir/archive.c" -o "$dir/archive.o" &&
            ar rcs "$dir/libuser.a" "$dir/archive.o" &&
            $cc $more "$dir/main.c" -o "$dir/main.$compiler.$kind" \
                "$dir/libuser.a" -L"$dir" -l:libuser.so $scoop $rpath -ldl ||
            complain "cannot build with $compiler, $kind"
        cp "$dir/expected" "$dir/want"
        for ranks in 1 2; do
            try "$compiler, $kind, $ranks ranks" mpirun -np $ranks \
                "$dir/main.$compiler.$kind" "$dir/plugin.so"
        done
        rm -f "$dir/want"
    done
    cxx=g++
    [ $compiler = clang ] && cxx=clang++
    has $cxx || continue
    for standard in c++11 c++17; do
        program=$dir/more.$cxx.$standard
        # shellcheck disable=SC2086
        OMPI_CXX=$cxx mpicxx -std=$standard $strict -Wconversion \
            "$dir/more.cpp" -o "$program" "$dir/libuser.a" $ARCHIVE $LIBS ||
            complain "cannot build with $cxx, $standard"
        for ranks in 1 2; do
            try "$cxx, $standard, $ranks ranks" mpirun -np $ranks "$program"
        done
    done
done
verdict
