/* SPDX-License-Identifier: MIT */
/* test_wire.c -- the table of messages says what its rows say */
#include "wire.h"

#include "check.h"

#include <string.h>

#define CHECK_ROW(NAME, body, who, what)                                       \
    CHECK(strcmp(wire_name(WIRE_##NAME), #NAME) == 0);                         \
    CHECK(wire_body_bytes(WIRE_##NAME) == sizeof(struct wire_##body));         \
    CHECK(wire_who(WIRE_##NAME) == WIRE_##who);

int main(void)
{
    static const unsigned strangers[] = {WIRE_NONE, WIRE_TYPES, WIRE_TYPES + 1,
                                         0x7fffffffu, 0xffffffffu};

    WIRE_MESSAGES(CHECK_ROW)
    for (unsigned i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        CHECK(strcmp(wire_name(strangers[i]), "?") == 0);
        CHECK(wire_body_bytes(strangers[i]) == 0);
        CHECK(wire_who(strangers[i]) == WIRE_MAIN);
    }
    return checks_done();
}
