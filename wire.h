/* SPDX-License-Identifier: MIT */
/* wire.h -- the one table of messages
 *
 * A message is a type, a body of fixed size, and data of any length.  All
 * bodies are fixed-width structs.  No handler relies on the order in which
 * two messages arrive, be they from one rank or from two.
 *
 * The table's columns: name, body, who may handle it while the main thread is
 * in user code (HELPER: the helper thread, with the thief's end of the deque,
 * node memory and borrowed arguments only; MAIN: it waits for the main
 * thread), what it is for.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>

#define WIRE_MESSAGES(X)                                                       \
    X(TASKS, tasks, MAIN, "task records for you: placed, stolen or pushed")    \
    X(STEAL, steal, HELPER, "a hungry rank asks for tasks")                    \
    X(EMPTY, empty, MAIN, "nothing to steal here")                             \
    X(HUNGRY, hungry, HELPER, "a rank asks to be sent tasks when there are")   \
    X(HELD, held, MAIN, "to the home: who has these tasks now")                \
    X(FETCH, fetch, HELPER, "to the home: send this argument")                 \
    X(ARG, arg, MAIN, "the argument asked for")                                \
    X(RESULT, result, MAIN, "to the home: result or error of a task")          \
    X(STARTED, started, MAIN, "to the home: this attempt runs now")            \
    X(CANCEL, cancel, MAIN, "to the holder: drop this task")                   \
    X(ASKED, asked, MAIN, "to the home: what CANCEL has come to")              \
    X(WAVE, wave, MAIN, "down the tree: report your counts when idle")         \
    X(COUNT, count, MAIN, "up the tree: the counts")                           \
    X(STOP, stop, MAIN, "down the tree: the farm ends")                        \
    X(DUMP, dump, MAIN, "write down your state")                               \
    X(CONST_ASK, const_ask, HELPER, "to rank 0: define these, or delete one")  \
    X(CONST_START, const_start, HELPER, "to watchers, down: a change begins")  \
    X(CONST_MATE, const_start, HELPER, "to a mate: what the change is")        \
    X(CONST_READY, const_up, HELPER, "up: all below me could, or could not")   \
    X(CONST_COMMIT, const_up, HELPER, "down: do it, or drop it")               \
    X(CONST_DONE, const_up, HELPER, "up: all below me have done it")           \
    X(CONST_ANSWER, const_answer, HELPER, "to who asked: how it went")         \
    X(CONST_END, const_end, HELPER, "down: who waits for one waits in vain")   \
    X(SHUTDOWN, shutdown, MAIN, "no more tasks: to ask, tell, count, answer")

enum wire_who { WIRE_MAIN, WIRE_HELPER };

enum wire_type {
    WIRE_NONE,
#define WIRE_ENUM(NAME, body, who, what) WIRE_##NAME,
    WIRE_MESSAGES(WIRE_ENUM)
#undef WIRE_ENUM
        WIRE_TYPES
};

enum wire_reason {
    WIRE_PLACED, /* to run there and nowhere else */
    WIRE_STOLEN, /* the answer to STEAL */
    WIRE_PUSHED, /* the answer to HUNGRY, or passed on */
    WIRE_NEAR    /* that is where they would best run, or the node */
};

/* The data of TASKS: `tasks` records, each followed by its inline argument,
 * padded to a multiple of 8 bytes. */
struct wire_tasks {
    uint32_t tasks;
    uint32_t reason; /* enum wire_reason */
};
struct wire_steal {
    int32_t thief;
    uint32_t most; /* as many tasks as the thief will take */
};
struct wire_empty {
    int32_t victim;
    uint32_t unused;
};
struct wire_hungry {
    int32_t rank;
    uint32_t unused;
};
struct wire_held_one {
    uint64_t id, generation;
    uint64_t count; /* of a range, else 0 */
    uint32_t hops;  /* news with more hops are later news */
    uint32_t attempt;
};
struct wire_held { /* data: `tasks` of wire_held_one */
    int32_t holder;
    uint32_t tasks;
};
struct wire_fetch {
    uint64_t id, generation;
    uint64_t arg, len;
    uint64_t token; /* the asker's own, handed back */
};
struct wire_arg {
    uint64_t id, generation;
    uint64_t token;
};
struct wire_result { /* data: the bytes, or a packed error */
    uint64_t id, generation;
    uint64_t first, count; /* no range: its attempt, and how long it ran (ns) */
    int32_t status;
    int32_t rank;
};
struct wire_started {
    uint64_t id, generation;
    uint32_t attempt;
    int32_t holder;
};
struct wire_cancel {
    uint64_t id, generation;
    uint32_t attempt;
    uint32_t must_answer; /* somebody waits to hear what has become of it */
};
struct wire_asked {
    uint64_t id, generation;
    uint32_t is_dropped; /* it had not begun, and never will */
    uint32_t unused;
};
struct wire_wave {
    uint64_t wave;
    uint32_t phase;
    uint32_t unused;
};
struct wire_count {
    uint64_t wave;
    uint64_t created, ended;
    uint64_t sent, received;
    uint64_t taken;
};
struct wire_stop {
    int32_t status;
    uint32_t unused;
};
struct wire_dump {
    uint64_t unused;
};
struct wire_const_ask { /* data: the catalogue */
    uint64_t token;     /* the asker's own, handed back */
    uint32_t what;      /* enum shared_what */
    uint32_t parts;
    int32_t definer;
    uint32_t unused;
};
struct wire_const_start { /* CONST_MATE has the catalogue as its data */
    uint64_t number, token;
    uint64_t catalogue_bytes;
    uint32_t what;
    uint32_t parts;
    int32_t definer;
    uint32_t unused;
};
struct wire_const_up {
    uint64_t number;
    int32_t status;
    uint32_t unused;
};
struct wire_const_answer {
    uint64_t token;
    int32_t status;
    uint32_t unused;
};
struct wire_const_end {
    uint64_t unused;
};
struct wire_shutdown {
    uint64_t id, generation; /* ask: the future to spare; id 0: all are */
    uint64_t created, ended; /* up, said: the sums; ask: the caller's id */
    int32_t caller;          /* its rank */
    uint16_t what;           /* shutdown.c */
    uint16_t cancel;
    uint32_t round;
    int32_t status;
};

_Static_assert(sizeof(struct wire_tasks) == 8, "wire format");
_Static_assert(sizeof(struct wire_steal) == 8, "wire format");
_Static_assert(sizeof(struct wire_held_one) == 32, "wire format");
_Static_assert(sizeof(struct wire_held) == 8, "wire format");
_Static_assert(sizeof(struct wire_fetch) == 40, "wire format");
_Static_assert(sizeof(struct wire_arg) == 24, "wire format");
_Static_assert(sizeof(struct wire_result) == 40, "wire format");
_Static_assert(sizeof(struct wire_started) == 24, "wire format");
_Static_assert(sizeof(struct wire_cancel) == 24, "wire format");
_Static_assert(sizeof(struct wire_asked) == 24, "wire format");
_Static_assert(sizeof(struct wire_wave) == 16, "wire format");
_Static_assert(sizeof(struct wire_count) == 48, "wire format");
_Static_assert(sizeof(struct wire_const_ask) == 24, "wire format");
_Static_assert(sizeof(struct wire_const_start) == 40, "wire format");
_Static_assert(sizeof(struct wire_const_up) == 16, "wire format");
_Static_assert(sizeof(struct wire_const_answer) == 16, "wire format");
_Static_assert(sizeof(struct wire_shutdown) == 48, "wire format");

#define WIRE_BODY_MAX 48u

const char *wire_name(unsigned type);    /* "?" for what is not one */
uint32_t wire_body_bytes(unsigned type); /* 0 for what is not one */
enum wire_who wire_who(unsigned type);

#endif
