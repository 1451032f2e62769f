/* SPDX-License-Identifier: MIT */
/* config.h -- the SCOOP_* settings, from one table
 *
 * Every setting is one row of SCOOP_SETTINGS; the fields of struct config,
 * the numbers of the bits in `given`, the parser, the warnings, SCOOP_HELP
 * and the manual's table all come from it. Default and range are written in
 * the table as a user writes them ("64K..16G"), so that what is checked and
 * what is printed cannot differ.
 *
 * The environment is handed in: nothing here calls getenv, writes anywhere or
 * keeps a pointer into the environment. Whom a warning reaches, and on how
 * many ranks, is the caller's choice.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The choices, in the order of their values: X(ID, "text"). */
#define CONFIG_LOG_LEVELS(X)                                                   \
    X(ERROR, "error")                                                          \
    X(WARN, "warn")                                                            \
    X(INFO, "info")                                                            \
    X(DEBUG, "debug")

#define CONFIG_HELPER_MODES(X)                                                 \
    X(AUTO, "auto")                                                            \
    X(ON, "on")                                                                \
    X(OFF, "off")

#define CONFIG_PROGRESS_MODES(X)                                               \
    X(OFF, "0")                                                                \
    X(ON, "1")                                                                 \
    X(AUTO, "auto")

#define CONFIG_ALTERNATIVE(id, text) "|" text

/* X(kind, field, NAME, default, range, help)
 *
 *   kind   field's type              written as
 *   BOOL   bool                      0 1 off on no yes false true
 *   INT    int                       decimal
 *   U64    uint64_t                  decimal or 0x hexadecimal
 *   BYTES  uint64_t                  number, then K, M, G or nothing
 *   TIME   uint64_t, nanoseconds     number, then ns, us, ms, s or nothing (s)
 *   CHOICE int, the index            one of the alternatives
 *   TEXT   char [CONFIG_TEXT_SIZE]   anything that fits
 *
 * A range "lo.." has no upper end. A variable that is set but empty counts as
 * not set.
 */
/* clang-format off */
#define SCOOP_SETTINGS(X) \
    X(BOOL, help, HELP, "0", "0..1", \
      "print this table at start") \
    X(BOOL, node_memory, NODE_MEMORY, "1", "0..1", \
      "ranks of one host share memory; 0 makes every rank a node") \
    X(INT, nodes, NODES, "0", "0..1000000", \
      "debugging: split the ranks of a host into so many nodes; 0 does not") \
    X(BOOL, node_reach, NODE_REACH, "1", "0..1", \
      "items and results of maps go straight to and from memory of mates") \
    X(BOOL, steal_local, STEAL_LOCAL, "1", "0..1", \
      "take work straight from the memory of ranks on this node") \
    X(BOOL, steal_remote, STEAL_REMOTE, "1", "0..1", \
      "ask ranks for work by message") \
    X(BOOL, lifelines, LIFELINES, "1", "0..1", \
      "register with neighbours once stealing found nothing") \
    X(BOOL, sleep, SLEEP, "1", "0..1", \
      "a rank without work sleeps instead of polling") \
    X(INT, awake, AWAKE, "0", "0..1000000", \
      "ranks of a host that are awake at once for work that any may do; 0 is " \
      "one for each CPU") \
    X(TIME, spin_ns, SPIN, "50us", "0..10s", \
      "look for work that long before sleeping, longer behind a short sleep or " \
      "much work; " \
      "when not set, 0 where more ranks may be awake than there are CPUs") \
    X(CHOICE, helper, HELPER, "auto", CONFIG_HELPER_MODES(CONFIG_ALTERNATIVE), \
      "a thread that serves messages while a task runs") \
    X(TIME, helper_tick_ns, HELPER_TICK, "1ms", "10us..10s", \
      "how often the helper looks") \
    X(BOOL, tasks_call_mpi, TASKS_CALL_MPI, "1", "0..1", \
      "0 promises that tasks make no MPI calls of their own") \
    X(BYTES, stack_bytes, STACK, "64M", "64K..16G", \
      "address space of a stack; memory is used as it is touched") \
    X(INT, fibers, FIBERS, "16384", "2..1000000", \
      "stacks that a rank may have at once") \
    X(INT, sends, SENDS, "64", "1..1000000", \
      "large sends in flight for each rank") \
    X(BYTES, eager_bytes, EAGER, "8K", "256..64K", \
      "a payload up to this size travels with its message") \
    X(BYTES, piece_bytes, PIECE, "1G", "4K..2147483647", \
      "larger payloads travel in pieces of this size") \
    X(BYTES, memory_bytes, MEMORY, "256M", "0..", \
      "start no task while more than that waits to be sent; 0 is no limit") \
    X(INT, json_depth, JSON_DEPTH, "512", "1..2047", \
      "arrays and objects within each other that a JSON value may have") \
    X(BYTES, json_bytes, JSON_SIZE, "4G", "0..", \
      "length that a JSON value may have as text; 0 is no limit") \
    X(TIME, start_timeout_ns, START_TIMEOUT, "60s", "1ms..", \
      "give up when the ranks have not met by then") \
    X(U64, seed, SEED, "0", "0..", \
      "seed of random choices; 0 takes a fixed one") \
    X(CHOICE, log, LOG, "warn", CONFIG_LOG_LEVELS(CONFIG_ALTERNATIVE), \
      "least severe level that is logged") \
    X(TEXT, log_file, LOG_FILE, "", "path", \
      "log there and not to stderr; %r becomes the rank") \
    X(TIME, watchdog_ns, WATCHDOG, "0", "0..", \
      "dump the state after that long without progress; 0 never") \
    X(BOOL, stats, STATS, "0", "0..1", \
      "print a line for each rank at the end") \
    X(INT, nice, NICE, "0", "0..19", \
      "niceness of all ranks; 0 leaves it") \
    X(BOOL, debug, DEBUG, "0", "0..1", \
      "log level debug and a watchdog of 30s, unless these are set") \
    X(TEXT, profile, PROFILE, "", "prefix", \
      "write a timeline of each rank to prefix.RANK.json") \
    X(BYTES, profile_bytes, PROFILE_MEMORY, "16M", "4K..", \
      "memory of a rank for its timeline; what comes later is left out") \
    X(CHOICE, progress, PROGRESS, "auto", \
      CONFIG_PROGRESS_MODES(CONFIG_ALTERNATIVE), \
      "show how far maps are: 1 those of the root, auto those with a label")
/* clang-format on */

#define CONFIG_TEXT_SIZE 1024

#define CONFIG_FIELD_BOOL(field) bool field
#define CONFIG_FIELD_INT(field) int field
#define CONFIG_FIELD_U64(field) uint64_t field
#define CONFIG_FIELD_BYTES(field) uint64_t field
#define CONFIG_FIELD_TIME(field) uint64_t field
#define CONFIG_FIELD_CHOICE(field) int field
#define CONFIG_FIELD_TEXT(field) char field[CONFIG_TEXT_SIZE]

struct config {
#define X(kind, field, NAME, ...) CONFIG_FIELD_##kind(field);
    SCOOP_SETTINGS(X)
#undef X
    uint64_t given; /* bit CONFIG_NAME: set by the user, and accepted */
};

enum config_id {
#define X(kind, field, NAME, ...) CONFIG_##NAME,
    SCOOP_SETTINGS(X)
#undef X
        CONFIG_COUNT
};

_Static_assert(CONFIG_COUNT <= 64, "one bit of `given` for each setting");

enum config_helper {
#define X(ID, text) CONFIG_HELPER_##ID,
    CONFIG_HELPER_MODES(X)
#undef X
};

enum config_progress {
#define X(ID, text) CONFIG_PROGRESS_##ID,
    CONFIG_PROGRESS_MODES(X)
#undef X
};

/* Gets one line without a newline, printable whatever the environment held.
 * The line lives until the call returns. */
typedef void config_warn_fn(void *context, const char *line);

/* Defaults first, then every SCOOP_* variable of `environment` (a list as in
 * environ, ended by NULL; NULL itself is an empty one). An unknown name and a
 * value that is malformed or out of range give one warning each and change
 * nothing. Of a name that occurs twice the first counts, as for getenv. */
void config_init(struct config *config, char *const *environment,
                 config_warn_fn *warn, void *context);

/* Did the user set it to something valid? Tells a default from the same value
 * asked for. */
static inline bool config_is_given(const struct config *config,
                                   enum config_id id)
{
    return config->given >> id & 1;
}

/* The table as text: name, default, range, help. */
void config_print_help(FILE *out);

#endif
