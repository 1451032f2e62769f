/* SPDX-License-Identifier: MIT */
/* keep_loaded.c -- plugins stay in memory until the leaks are told
 *
 * Linked into the programs of BUILD=asan. Open MPI unloads its plugins at the
 * end; what they leaked is then reported with addresses that belong to no
 * file, and scripts/lsan.supp, which knows files, cannot tell it from a leak
 * of ours. A dlclose that does nothing, in the program, comes before libc's.
 */
int dlclose(void *handle);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
