/* SPDX-License-Identifier: MIT */
/* object.c -- what a task does to its argument is not seen by anybody
 *
 * SCOOP's example of the same name. A struct is passed as it is, members and
 * all, and a task gets a copy of it: possibly on another rank, always one that
 * it must not write to. What it has changed it returns, as a new struct, and
 * the caller decides what becomes of the old one, which is as it was. A pointer
 * in a struct would mean nothing on the other rank: the name is an array.
 */
#include <scoop.h>

#include <stdio.h>

enum { ACCOUNTS = 4 };

struct account {
    char owner[16];
    long cents;
    int years;
};

SCOOP_TASK(earn, struct account, struct account);

static int earn(const struct account *account, struct account *later)
{
    *later = *account;
    later->cents += later->cents * 3 / 100;
    later->years++;
    return 0;
}

static void print(const char *when, const struct account *account)
{
    printf("%s:", when);
    for (int i = 0; i < ACCOUNTS; i++)
        printf(" %s %ld.%02ld (%d)", account[i].owner, account[i].cents / 100,
               account[i].cents % 100, account[i].years);
    printf("\n");
}

static int root(int argc, char **argv)
{
    struct account account[ACCOUNTS] = {{"Ada", 100000, 0},
                                        {"Blaise", 2550, 0},
                                        {"Carl", 0, 0},
                                        {"Emmy", 314159, 0}};
    struct account later[ACCOUNTS];

    (void)argc;
    (void)argv;
    if (scoop_map(earn, account, later, ACCOUNTS))
        return scoop_perror("earn");
    print("before", account);
    print("after ", later);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
