/* SPDX-License-Identifier: MIT */
/* config.c -- the SCOOP_* settings: parse, check, explain
 *
 * A value goes through three steps that share nothing but a uint64_t: the
 * text becomes a number by the rules of its kind, the number is held against
 * the range (whose ends are parsed by the same rules), and only then is it
 * stored in its field. The default takes the same way, so a default outside
 * its own range cannot go unnoticed.
 *
 * Numbers are read by hand: strtod obeys the locale, and a program that has
 * called setlocale(LC_ALL, "de_DE") would read "0.5s" as 0.
 */
#include "config.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define PREFIX "SCOOP_"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define NAME_SIZE 32

enum kind { BOOL, INT, U64, BYTES, TIME, CHOICE, TEXT };

struct setting {
    enum kind kind;
    size_t offset; /* of the field in struct config */
    const char *name;
    const char *by_default;
    const char *range;
    const char *help;
};

static const struct setting settings[CONFIG_COUNT] = {
#define X(kind, field, NAME, by_default, range, help)                          \
    {kind, offsetof(struct config, field), #NAME, by_default, range, help},
    SCOOP_SETTINGS(X)
#undef X
};

#define X(kind, field, NAME, ...)                                              \
    _Static_assert(sizeof #NAME <= NAME_SIZE, "room in a row of distance()");
SCOOP_SETTINGS(X)
#undef X

_Static_assert(CONFIG_TEXT_SIZE == 1024, "as the warning says");

/* What the parser of a kind expected, for the warning. */
static const char *const expected[] = {
    [BOOL] = "0 or 1",
    [INT] = "a whole number",
    [U64] = "a whole number",
    [BYTES] = "a size such as 512, 64K, 1.5M or 2G",
    [TIME] = "a time such as 50us, 1.5ms or 30s",
    [CHOICE] = "one of the choices",
    [TEXT] = "a text of less than 1024 bytes",
};

enum verdict { VALID, MALFORMED, OUT_OF_RANGE };

struct unit {
    const char *text;
    uint64_t factor;
};

/* The factor is at most 2^30, so that nine decimals times it fit 64 bits. */
static const struct unit byte_units[] = {
    {"", 1},         {"K", 1u << 10}, {"k", 1u << 10}, {"M", 1u << 20},
    {"m", 1u << 20}, {"G", 1u << 30}, {"g", 1u << 30}, {NULL, 0},
};

static const struct unit time_units[] = {
    {"", 1000000000}, {"s", 1000000000}, {"ms", 1000000},
    {"us", 1000},     {"ns", 1},         {NULL, 0},
};

static const char *const no_words[] = {"0", "off", "no", "false", NULL};
static const char *const yes_words[] = {"1", "on", "yes", "true", NULL};

/* A span of text; ranges are parsed where they stand in the table. */
struct span {
    const char *at;
    size_t len;
};

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static bool is_same(struct span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

static bool is_digit(struct span span, size_t i)
{
    return i < span.len && span.at[i] >= '0' && span.at[i] <= '9';
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16; /* no digit in any base used here */
}

/* Digits only, in the given base. */
static enum verdict parse_digits(struct span span, int base, uint64_t *value)
{
    bool is_huge = false;

    if (!span.len)
        return MALFORMED;
    *value = 0;
    for (size_t i = 0; i < span.len; i++) {
        int digit = digit_of(span.at[i]);
        if (digit >= base)
            return MALFORMED;
        if (__builtin_mul_overflow(*value, (uint64_t)base, value) ||
            __builtin_add_overflow(*value, (uint64_t)digit, value))
            is_huge = true;
    }
    return is_huge ? OUT_OF_RANGE : VALID;
}

/* Decimals and a unit: digits [. digits] unit. What does not come out whole
 * is rounded up; decimals after the ninth only say that it did not. */
static enum verdict parse_scaled(struct span span, const struct unit *unit,
                                 uint64_t *value)
{
    uint64_t decimals = 0, scale = 1;
    bool has_rest = false;
    size_t i = 0;

    while (is_digit(span, i))
        i++;
    struct span whole = {span.at, i};
    if (i < span.len && span.at[i] == '.') {
        if (!is_digit(span, ++i))
            return MALFORMED;
        for (; is_digit(span, i); i++) {
            unsigned digit = (unsigned)digit_of(span.at[i]);
            if (scale < 1000000000) {
                decimals = decimals * 10 + digit;
                scale *= 10;
            } else {
                has_rest |= digit != 0;
            }
        }
    }
    while (unit->text &&
           !is_same((struct span){span.at + i, span.len - i}, unit->text))
        unit++;
    if (!unit->text)
        return MALFORMED;
    enum verdict verdict = parse_digits(whole, 10, value);
    if (verdict)
        return verdict;
    uint64_t part = (decimals * unit->factor + scale - 1 + has_rest) / scale;
    if (__builtin_mul_overflow(*value, unit->factor, value) ||
        __builtin_add_overflow(*value, part, value))
        return OUT_OF_RANGE;
    return VALID;
}

static bool is_among(struct span span, const char *const *words)
{
    while (*words && !is_same(span, *words))
        words++;
    return *words != NULL;
}

static enum verdict parse_bool(struct span span, uint64_t *value)
{
    *value = is_among(span, yes_words);
    return *value || is_among(span, no_words) ? VALID : MALFORMED;
}

/* The alternatives are written "|one|two|three". */
static enum verdict parse_choice(struct span span, const char *alternatives,
                                 uint64_t *value)
{
    *value = 0;
    for (const char *at = alternatives; *at; (*value)++) {
        size_t len = strcspn(++at, "|");
        if (len == span.len && memcmp(at, span.at, len) == 0)
            return VALID;
        at += len;
    }
    return MALFORMED;
}

static enum verdict parse_number(enum kind kind, struct span span,
                                 uint64_t *value)
{
    switch (kind) {
    case BOOL:
        return parse_bool(span, value);
    case BYTES:
        return parse_scaled(span, byte_units, value);
    case TIME:
        return parse_scaled(span, time_units, value);
    case U64:
        if (span.len > 2 && span.at[0] == '0' && (span.at[1] | 32) == 'x')
            return parse_digits((struct span){span.at + 2, span.len - 2}, 16,
                                value);
        return parse_digits(span, 10, value);
    default:
        return parse_digits(span, 10, value);
    }
}

/* Ranges are "low..high" or "low.."; those of the table are well formed, as
 * the test of the defaults shows. */
static bool is_within(enum kind kind, const char *range, uint64_t value)
{
    const char *dots = strstr(range, "..");
    struct span low = {range, (size_t)(dots - range)};
    struct span high = span_of(dots + 2);
    uint64_t least, most;

    if (parse_number(kind, low, &least))
        return false;
    if (high.len == 0)
        most = UINT64_MAX;
    else if (parse_number(kind, high, &most))
        return false;
    return value >= least && value <= most;
}

static enum verdict parse(const struct setting *setting, const char *text,
                          uint64_t *value)
{
    enum verdict verdict;

    switch (setting->kind) {
    case TEXT:
        return strlen(text) < CONFIG_TEXT_SIZE ? VALID : MALFORMED;
    case CHOICE:
        return parse_choice(span_of(text), setting->range, value);
    default:
        verdict = parse_number(setting->kind, span_of(text), value);
        if (!verdict && !is_within(setting->kind, setting->range, *value))
            verdict = OUT_OF_RANGE;
        return verdict;
    }
}

static void store(struct config *config, const struct setting *setting,
                  const char *text, uint64_t value)
{
    void *field = (char *)config + setting->offset;

    switch (setting->kind) {
    case BOOL:
        *(bool *)field = value != 0;
        break;
    case INT:
    case CHOICE:
        *(int *)field = (int)value;
        break;
    case U64:
    case BYTES:
    case TIME:
        *(uint64_t *)field = value;
        break;
    case TEXT:
        memcpy(field, text, strlen(text) + 1);
        break;
    }
}

static enum verdict set(struct config *config, const struct setting *setting,
                        const char *text)
{
    uint64_t value = 0;
    enum verdict verdict = parse(setting, text, &value);

    if (!verdict)
        store(config, setting, text, value);
    return verdict;
}

/* How many letters to insert, drop or change to make `name` of `word`: a row
 * of the usual table, as long as the name, for each letter of the word. */
static size_t distance(struct span word, const char *name)
{
    size_t row[NAME_SIZE], len = strlen(name);

    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 0; i < word.len; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t best = corner + (toupper((unsigned char)word.at[i]) !=
                                    (unsigned char)name[j]);
            corner = row[j + 1];
            if (best > corner + 1)
                best = corner + 1;
            if (best > row[j] + 1)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[len];
}

static const struct setting *nearest(struct span word)
{
    const struct setting *best = &settings[0];
    size_t least = SIZE_MAX;

    for (int id = 0; id < CONFIG_COUNT; id++) {
        size_t far = distance(word, settings[id].name);
        if (far < least) {
            least = far;
            best = &settings[id];
        }
    }
    return best;
}

static const struct setting *find(struct span word)
{
    for (int id = 0; id < CONFIG_COUNT; id++) {
        if (is_same(word, settings[id].name))
            return &settings[id];
    }
    return NULL;
}

/* The environment may hold anything; a warning stays one short line. */
struct shown {
    char text[48];
};

static struct shown show(struct span span)
{
    struct shown shown;
    size_t len = 0;

    for (; len < span.len && len < sizeof shown.text - sizeof "..."; len++) {
        char c = span.at[len];
        shown.text[len] = c < ' ' || c > '~' ? '?' : c;
    }
    snprintf(shown.text + len, sizeof shown.text - len, "%s",
             len < span.len ? "..." : "");
    return shown;
}

static const char *shown_range(const struct setting *setting)
{
    return setting->range + (setting->range[0] == '|');
}

static const char *shown_default(const struct setting *setting)
{
    return *setting->by_default ? setting->by_default : "empty";
}

static void warn_unknown(struct span word, config_warn_fn *warn, void *context)
{
    char line[256];

    snprintf(line, sizeof line,
             PREFIX "%s is not a setting; the nearest is " PREFIX "%s "
                    "(" PREFIX "HELP=1 lists them)",
             show(word).text, nearest(word)->name);
    if (warn)
        warn(context, line);
}

static void warn_value(const struct setting *setting, const char *text,
                       enum verdict verdict, config_warn_fn *warn,
                       void *context)
{
    const char *range = shown_range(setting);
    const char *stays = shown_default(setting);
    char line[384];

    if (verdict == MALFORMED)
        snprintf(line, sizeof line, PREFIX "%s=%s is not %s (%s); it stays %s",
                 setting->name, show(span_of(text)).text,
                 expected[setting->kind], range, setting->by_default);
    else
        snprintf(line, sizeof line,
                 PREFIX "%s=%s is out of range (%s); it stays %s",
                 setting->name, show(span_of(text)).text, range, stays);
    if (warn)
        warn(context, line);
}

void config_init(struct config *config, char *const *environment,
                 config_warn_fn *warn, void *context)
{
    static char *const nothing[] = {NULL};
    uint64_t seen = 0;

    memset(config, 0, sizeof *config);
    for (int id = 0; id < CONFIG_COUNT; id++)
        set(config, &settings[id], settings[id].by_default);
    for (char *const *at = environment ? environment : nothing; *at; at++) {
        const char *name = *at + PREFIX_LEN;
        if (strncmp(*at, PREFIX, PREFIX_LEN) != 0)
            continue;
        struct span word = {name, strcspn(name, "=")};
        const char *text = name + word.len + (name[word.len] == '=');
        const struct setting *setting = find(word);
        if (!setting) {
            warn_unknown(word, warn, context);
            continue;
        }
        uint64_t bit = UINT64_C(1) << (setting - settings);
        if (seen & bit)
            continue;
        seen |= bit;
        if (!*text)
            continue;
        enum verdict verdict = set(config, setting, text);
        if (verdict)
            warn_value(setting, text, verdict, warn, context);
        else
            config->given |= bit;
    }
}

void config_print_help(FILE *out)
{
    fprintf(out, "%-22s %-8s %-22s %s\n", "setting", "default", "range",
            "what it does");
    for (int id = 0; id < CONFIG_COUNT; id++) {
        const struct setting *setting = &settings[id];
        fprintf(out, PREFIX "%-16s %-8s %-22s %s\n", setting->name,
                shown_default(setting), shown_range(setting), setting->help);
    }
}
