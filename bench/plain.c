/* SPDX-License-Identifier: MIT */
/* plain.c -- an MPI program that does nothing: the twin of start.c
 *
 *     plain FILE      appends a line for each rank to FILE: what it has
 *                     resident, and its share of that (Rss, Pss), in KiB
 *     plain           not even that
 *
 * It is not linked with the library.
 */
#include <mpi.h>

#include "memory.h"

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    if (argc > 1) {
        MPI_Barrier(MPI_COMM_WORLD);
        memory_write(argv[1]);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    MPI_Finalize();
    return 0;
}
