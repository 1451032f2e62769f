#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Empty tasks mapped by mpi4py.futures, as its users would.

    mpirun -np 2 python3 -m mpi4py.futures bench/mpi4py_map.py

    mpi4py_map_1      tasks per second, each sent by itself
    mpi4py_map_100    a hundred in a message
    mpi4py_trip       one task, and its result awaited, again and again
    mpi4py_grain_1    seconds for 10,000 tasks that burn 100 us each
    mpi4py_grain_100  the same, a hundred in a message

Rank 0 hands out, the others work: of two ranks one does. Compare spawn_map
and what else measures maps of ours.
"""
import statistics
import sys
import time

from mpi4py import MPI
from mpi4py.futures import MPIPoolExecutor

ROUNDS = 5


def nothing(number):
    return number


def burn(number):
    end = time.perf_counter() + 100e-6
    while time.perf_counter() < end:
        pass
    return number


def show(name, unit, values):
    print("%-28s %3d %12.4g %-8s  %.4g to %.4g, %d rounds" % (
        name, MPI.COMM_WORLD.Get_size(), statistics.median(values), unit,
        min(values), max(values), len(values)), flush=True)


def seconds_of_map(pool, task, count, chunk):
    begin = time.perf_counter()
    for _ in pool.map(task, range(count), chunksize=chunk):
        pass
    return time.perf_counter() - begin


def main():
    with MPIPoolExecutor() as pool:
        seconds_of_map(pool, nothing, 1000, 1)  # the workers are there now
        for count, chunk in ((2000, 1), (50000, 100)):
            show("mpi4py_map_%d" % chunk, "tasks/s",
                 [count / seconds_of_map(pool, nothing, count, chunk)
                  for _ in range(ROUNDS)])
        trips = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            for number in range(500):
                pool.submit(nothing, number).result()
            trips.append((time.perf_counter() - begin) / 500 * 1e6)
        show("mpi4py_trip", "us", trips)
        for chunk in 1, 100:
            show("mpi4py_grain_%d" % chunk, "s",
                 [seconds_of_map(pool, burn, 10000, chunk)])
    return 0


if __name__ == "__main__":
    if MPI.COMM_WORLD.Get_size() < 2:
        print("mpi4py_map.py: needs two ranks", file=sys.stderr)
        sys.exit(77)
    sys.exit(main())
