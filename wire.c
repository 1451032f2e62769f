/* SPDX-License-Identifier: MIT */
/* wire.c -- what is known of each type of message
 *
 * All of it comes from the rows of WIRE_MESSAGES; what is not a row has the
 * name "?", no body, and is nobody's.  The type of a message that came from
 * elsewhere is only a number until it has been looked up here.
 */
#include "wire.h"

struct row {
    const char *name;
    uint32_t body_bytes;
    enum wire_who who;
};

static const struct row rows[WIRE_TYPES] = {[WIRE_NONE] = {"?", 0, WIRE_MAIN},
#define WIRE_ROW(NAME, body, who, what)                                        \
    [WIRE_##NAME] = {#NAME, sizeof(struct wire_##body), WIRE_##who},
                                            WIRE_MESSAGES(WIRE_ROW)
#undef WIRE_ROW
};

/* Bodies are copied to and from buffers of that size, whose ends are
 * multiples of 8. */
#define WIRE_CHECK(NAME, body, who, what)                                      \
    _Static_assert(sizeof(struct wire_##body) <= WIRE_BODY_MAX &&              \
                       sizeof(struct wire_##body) % 8 == 0,                    \
                   "wire format");
WIRE_MESSAGES(WIRE_CHECK)
#undef WIRE_CHECK

static const struct row *find(unsigned type)
{
    return &rows[type < WIRE_TYPES ? type : WIRE_NONE];
}

const char *wire_name(unsigned type)
{
    return find(type)->name;
}

uint32_t wire_body_bytes(unsigned type)
{
    return find(type)->body_bytes;
}

enum wire_who wire_who(unsigned type)
{
    return find(type)->who;
}
