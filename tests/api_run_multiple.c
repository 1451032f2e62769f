/* SPDX-License-Identifier: MIT */
/* ranks: 2 4; node-memory: 1 0; limit: 60 s */
/* api_run_multiple.c -- api_run.c with MPI_THREAD_MULTIPLE */
#define LEVEL MPI_THREAD_MULTIPLE
#include "api_run.c"
