/* SPDX-License-Identifier: MIT */
/* test_config.c -- every kind of setting, and every way to get it wrong */
#include "config.h"

#include "check.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

struct warnings {
    int count;
    char last[512];
};

static void keep(void *context, const char *line)
{
    struct warnings *warnings = context;

    warnings->count++;
    snprintf(warnings->last, sizeof warnings->last, "%s", line);
}

static struct config config;
static struct warnings warnings;

static void read_settings(char **environment)
{
    memset(&warnings, 0, sizeof warnings);
    memset(&config, 0xa5, sizeof config);
    config_init(&config, environment, keep, &warnings);
}

static void read_one(const char *assignment)
{
    char copy[2048];
    char *environment[] = {copy, NULL};

    snprintf(copy, sizeof copy, "%s", assignment);
    read_settings(environment);
}

/* Accepted, and known to have been given. */
static bool is_taken(const char *assignment, enum config_id id)
{
    read_one(assignment);
    if (warnings.count)
        printf("%s: %s\n", assignment, warnings.last);
    return warnings.count == 0 && config_is_given(&config, id) &&
           config.given == UINT64_C(1) << id;
}

/* Refused with one line that has these words in it. */
static bool is_refused(const char *assignment, const char *words)
{
    read_one(assignment);
    bool is_so = warnings.count == 1 && strstr(warnings.last, words) &&
                 config.given == 0;
    if (!is_so)
        printf("%s: %d warnings: %s\n", assignment, warnings.count,
               warnings.last);
    return is_so;
}

static void check_defaults(void)
{
    CHECK(config.given == 0);
    CHECK(config.node_memory && config.steal_local && config.steal_remote);
    CHECK(config.lifelines && config.sleep && config.tasks_call_mpi);
    CHECK(!config.stats && !config.help);
    CHECK(config.nodes == 0 && config.fibers == 16384 && config.sends == 64);
    CHECK(config.spin_ns == 50000 && config.helper_tick_ns == 1000000);
    CHECK(config.stack_bytes == 64 << 20 && config.eager_bytes == 8192);
    CHECK(config.piece_bytes == 1 << 30 && config.memory_bytes == 256 << 20);
    CHECK(config.start_timeout_ns == UINT64_C(60000000000));
    CHECK(config.watchdog_ns == 0 && config.seed == 0);
    CHECK(config.helper == CONFIG_HELPER_AUTO && config.log_file[0] == '\0');
}

static void test_defaults(void)
{
    char *foreign[] = {"PATH=/bin",   "XSCOOP_SPIN=1",
                       "SCOOP=1",     "scoop_spin=1",
                       "SCOOP_SPIN=", "SCOOP_STACK",
                       NULL};

    read_settings(NULL);
    CHECK(warnings.count == 0);
    check_defaults();
    read_settings(foreign); /* names of others; empty is not given */
    CHECK(warnings.count == 0);
    check_defaults();
}

/* The default written in the table is one that a user may write: given as
 * such it is accepted and changes nothing. */
static void test_table(void)
{
    struct config untouched;

    read_settings(NULL);
    untouched = config;
#define X(kind, field, NAME, by_default, ...)                                  \
    if (*by_default) {                                                         \
        CHECK(is_taken("SCOOP_" #NAME "=" by_default, CONFIG_##NAME));         \
        CHECK(!memcmp(&config.field, &untouched.field, sizeof config.field));  \
    }
    SCOOP_SETTINGS(X)
#undef X
}

static void test_bool(void)
{
    CHECK(is_taken("SCOOP_STATS=1", CONFIG_STATS) && config.stats);
    CHECK(is_taken("SCOOP_STATS=yes", CONFIG_STATS) && config.stats);
    CHECK(is_taken("SCOOP_STATS=on", CONFIG_STATS) && config.stats);
    CHECK(is_taken("SCOOP_SLEEP=0", CONFIG_SLEEP) && !config.sleep);
    CHECK(is_taken("SCOOP_SLEEP=false", CONFIG_SLEEP) && !config.sleep);
    CHECK(is_refused("SCOOP_STATS=2", "SCOOP_STATS=2 is not 0 or 1"));
    CHECK(is_refused("SCOOP_STATS=01", "it stays 0"));
}

static void test_numbers(void)
{
    CHECK(is_taken("SCOOP_FIBERS=2", CONFIG_FIBERS) && config.fibers == 2);
    CHECK(
        is_taken("SCOOP_FIBERS=0000000000000000000000000007", CONFIG_FIBERS) &&
        config.fibers == 7);
    CHECK(is_refused("SCOOP_FIBERS=1", "out of range (2..1000000)"));
    CHECK(config.fibers == 16384);
    CHECK(is_refused("SCOOP_FIBERS=1000001", "out of range"));
    CHECK(is_refused("SCOOP_FIBERS=99999999999999999999", "out of range"));
    CHECK(is_refused("SCOOP_FIBERS=4294967298", "out of range"));
    CHECK(is_refused("SCOOP_FIBERS=-1", "not a whole number"));
    CHECK(is_refused("SCOOP_FIBERS=+5", "not a whole number"));
    CHECK(is_refused("SCOOP_FIBERS= 5", "not a whole number"));
    CHECK(is_refused("SCOOP_FIBERS=5 ", "not a whole number"));
    CHECK(is_refused("SCOOP_FIBERS=0x10", "not a whole number"));
    CHECK(is_refused("SCOOP_FIBERS=1e3", "not a whole number"));

    CHECK(is_taken("SCOOP_SEED=18446744073709551615", CONFIG_SEED));
    CHECK(config.seed == UINT64_MAX);
    CHECK(is_taken("SCOOP_SEED=0xFFffFFffFFffFFff", CONFIG_SEED));
    CHECK(config.seed == UINT64_MAX);
    CHECK(is_refused("SCOOP_SEED=18446744073709551616", "out of range"));
    CHECK(is_refused("SCOOP_SEED=0x", "not a whole number"));
    CHECK(is_refused("SCOOP_SEED=0xfg", "not a whole number"));
}

static void test_sizes(void)
{
    CHECK(is_taken("SCOOP_STACK=65536", CONFIG_STACK));
    CHECK(config.stack_bytes == 65536);
    CHECK(is_taken("SCOOP_STACK=64k", CONFIG_STACK));
    CHECK(config.stack_bytes == 65536);
    CHECK(is_taken("SCOOP_STACK=1.5M", CONFIG_STACK));
    CHECK(config.stack_bytes == 3 << 19);
    CHECK(is_taken("SCOOP_STACK=16G", CONFIG_STACK));
    CHECK(config.stack_bytes == UINT64_C(16) << 30);
    CHECK(is_taken("SCOOP_STACK=1.999999999G", CONFIG_STACK));
    CHECK(config.stack_bytes == 2147483647); /* rounded up */
    CHECK(is_refused("SCOOP_STACK=63.9K", "out of range (64K..16G)"));
    CHECK(is_refused("SCOOP_STACK=16.000000001G", "out of range"));
    CHECK(is_refused("SCOOP_STACK=17179869184G", "out of range"));
    CHECK(is_refused("SCOOP_STACK=64MB", "not a size"));
    CHECK(is_refused("SCOOP_STACK=64 M", "not a size"));
    CHECK(is_refused("SCOOP_STACK=.5G", "not a size"));
    CHECK(is_refused("SCOOP_STACK=1.G", "not a size"));
    CHECK(is_refused("SCOOP_STACK=1,5G", "not a size"));
    CHECK(is_refused("SCOOP_STACK=M", "not a size"));
    CHECK(is_taken("SCOOP_PIECE=2147483647", CONFIG_PIECE));
    CHECK(is_refused("SCOOP_PIECE=2G", "(4K..2147483647); it stays 1G"));
    CHECK(is_taken("SCOOP_MEMORY=18446744073709551615", CONFIG_MEMORY));
}

static void test_times(void)
{
    CHECK(is_taken("SCOOP_SPIN=0", CONFIG_SPIN) && config.spin_ns == 0);
    CHECK(is_taken("SCOOP_SPIN=7ns", CONFIG_SPIN) && config.spin_ns == 7);
    CHECK(is_taken("SCOOP_SPIN=1.5us", CONFIG_SPIN) && config.spin_ns == 1500);
    CHECK(is_taken("SCOOP_SPIN=0.1ns", CONFIG_SPIN) && config.spin_ns == 1);
    CHECK(is_taken("SCOOP_SPIN=0.0000000001s", CONFIG_SPIN) &&
          config.spin_ns == 1);
    CHECK(is_taken("SCOOP_SPIN=2ms", CONFIG_SPIN) && config.spin_ns == 2000000);
    CHECK(is_taken("SCOOP_SPIN=0.25", CONFIG_SPIN) &&
          config.spin_ns == 250000000);
    CHECK(is_refused("SCOOP_SPIN=50", "out of range (0..10s)"));
    CHECK(is_refused("SCOOP_SPIN=50 us", "not a time"));
    CHECK(is_refused("SCOOP_SPIN=50usec", "not a time"));
    CHECK(is_refused("SCOOP_SPIN=-1us", "not a time"));
    CHECK(is_refused("SCOOP_SPIN=inf", "not a time"));
    CHECK(is_refused("SCOOP_SPIN=nan", "it stays 50us"));
    CHECK(is_refused("SCOOP_WATCHDOG=99999999999s", "out of range (0..)"));
}

static void test_choices_and_text(void)
{
    char too_long[CONFIG_TEXT_SIZE + 32] = "SCOOP_LOG_FILE=";
    size_t head = strlen(too_long);

    CHECK(is_taken("SCOOP_HELPER=on", CONFIG_HELPER) &&
          config.helper == CONFIG_HELPER_ON);
    CHECK(is_taken("SCOOP_HELPER=off", CONFIG_HELPER) &&
          config.helper == CONFIG_HELPER_OFF);
    CHECK(is_refused("SCOOP_HELPER=o", "(auto|on|off); it stays auto"));
    CHECK(is_refused("SCOOP_HELPER=on|off", "not one of the choices"));
    CHECK(is_refused("SCOOP_HELPER=ON", "not one of the choices"));
    CHECK(is_taken("SCOOP_LOG=error", CONFIG_LOG) && config.log == 0);
    CHECK(is_taken("SCOOP_LOG=debug", CONFIG_LOG) && config.log == 3);
    CHECK(is_refused("SCOOP_LOG=verbose", "(error|warn|info|debug)"));

    CHECK(is_taken("SCOOP_LOG_FILE=/tmp/a=b %r", CONFIG_LOG_FILE));
    CHECK(strcmp(config.log_file, "/tmp/a=b %r") == 0);
    memset(too_long + head, 'x', CONFIG_TEXT_SIZE - 1);
    CHECK(is_taken(too_long, CONFIG_LOG_FILE));
    CHECK(strlen(config.log_file) == CONFIG_TEXT_SIZE - 1);
    too_long[head + CONFIG_TEXT_SIZE - 1] = 'x';
    CHECK(is_refused(too_long, "less than 1024 bytes"));
    CHECK(config.log_file[0] == '\0');
}

static void test_unknown(void)
{
    CHECK(is_refused("SCOOP_STAK=1M", "the nearest is SCOOP_STACK "));
    CHECK(is_refused("SCOOP_stack=1M", "the nearest is SCOOP_STACK "));
    CHECK(is_refused("SCOOP_FIBRES=9", "the nearest is SCOOP_FIBERS "));
    CHECK(is_refused("SCOOP_NODEMEMORY=0", "nearest is SCOOP_NODE_MEMORY "));
    CHECK(is_refused("SCOOP_STACK_SIZE", "SCOOP_STACK_SIZE is not a setting"));
    CHECK(is_refused("SCOOP_=1", "SCOOP_ is not a setting"));
    CHECK(is_refused("SCOOP_=", "SCOOP_ is not a setting"));
}

/* Nothing that a variable holds can make a warning long, or two lines. */
static void test_garbage(void)
{
    char *pool[3];
    unsigned seed = 1;
    int bad = 0;

    CHECK(is_refused("SCOOP_STATS=a\nb\x1b[31m\xff", "=a?b?[31m? is not"));
    for (int round = 0; round < 4000; round++) {
        char text[2][80] = {"SCOOP_STACK=", "SCOOP_"};
        for (int i = 0; i < 2; i++) {
            size_t at = strlen(text[i]);
            size_t len = at + (size_t)(rand_r(&seed) % 60);
            for (; at < len; at++)
                text[i][at] = (char)(1 + rand_r(&seed) % 255);
            pool[i] = text[i];
        }
        pool[2] = NULL;
        read_settings(pool);
        bool is_clean = strlen(warnings.last) < 300;
        for (const char *c = warnings.last; *c; c++)
            is_clean = is_clean && *c >= ' ' && *c <= '~';
        bad += !is_clean || config.stack_bytes < 65536 ||
               config.stack_bytes > UINT64_C(16) << 30;
    }
    CHECK(bad == 0);
    char *long_name = malloc(1 << 20);
    if (!long_name)
        return;
    memset(long_name, 'A', 1 << 20);
    memcpy(long_name, "SCOOP_", 6);
    long_name[(1 << 20) - 1] = '\0';
    pool[0] = long_name;
    pool[1] = NULL;
    read_settings(pool);
    CHECK(warnings.count == 1 && strlen(warnings.last) < 300);
    free(long_name);
}

static void test_order(void)
{
    char *twice[] = {"SCOOP_SENDS=5", "SCOOP_SENDS=6", "SCOOP_LOG=info", NULL};
    char *bad_first[] = {"SCOOP_SENDS=x", "SCOOP_SENDS=6", NULL};

    read_settings(twice);
    CHECK(config.sends == 5 && warnings.count == 0);
    CHECK(config_is_given(&config, CONFIG_SENDS));
    CHECK(config_is_given(&config, CONFIG_LOG));
    CHECK(!config_is_given(&config, CONFIG_SPIN));
    read_settings(bad_first);
    CHECK(config.sends == 64 && warnings.count == 1);
}

static void test_help(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return;
    config_print_help(out);
    fclose(out);
#define X(kind, field, NAME, ...) CHECK(strstr(text, "SCOOP_" #NAME " "));
    SCOOP_SETTINGS(X)
#undef X
    CHECK(strstr(text, "64K..16G") && strstr(text, "auto|on|off"));
    free(text);
}

int main(void)
{
    setlocale(LC_ALL, "de_DE.UTF-8"); /* if it is there: "1.5" stays 1.5 */
    test_defaults();
    test_table();
    test_bool();
    test_numbers();
    test_sizes();
    test_times();
    test_choices_and_text();
    test_unknown();
    test_garbage();
    test_order();
    test_help();
    return checks_done();
}
