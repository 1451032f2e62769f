/* SPDX-License-Identifier: MIT */
/* limit: 60 s; long: SIM_SEEDS=1000 */
/* sim_mix.c -- random programs against what a plain recursion finds
 *
 * A task is a number; from it follow what the task computes and which calls it
 * makes: children that are joined in any order, placed, of some priority,
 * waited for with a
 * time-out, that fail, that are given up in each of the possible ways, bytes
 * of any length, maps.  Where an outcome may be one of several (a cancelled
 * task may have run), each is accepted but nothing else.  Counted tasks are
 * those that must run, and run once.
 *
 *     SIM_SEED=n   only that seed
 *     SIM_SEEDS=n  so many seeds, in place of 500
 */
#include "check.h"
#include "scoop.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define OPS 6u
#define DEPTH 6u
#define FAILURE 1000

enum kind {
    JOIN,
    WIDE, /* an argument too long for a slot of the deque */
    PLACED,
    BYTES,
    TIMED,  /* a result with a time-out first */
    POLLED, /* scoop_done() first */
    FAILING,
    PASSING, /* a child that fails because its child does */
    CANCELLED,
    RELEASED,
    LEFT, /* neither joined nor released */
    DETACHED,
    MAP,
    MAP_IN_TIME,
    KINDS
};

struct op {
    enum kind kind;
    uint64_t state; /* of the child */
    unsigned n;     /* items, bytes */
};

struct mix {
    uint64_t state;
    uint16_t depth;
    bool is_counted;
    bool passes_on;
    bool detaches; /* in the first generations, mostly */
    int32_t fails; /* returns that, and does nothing else */
    int32_t where; /* must run on that rank; -1: anywhere */
    int32_t node;  /* the same */
};

struct wide {
    struct mix mix;
    uint64_t fill[40];
};

/* One process, one run at a time: what all ranks see. */
static struct {
    int ranks, per_node;
    bool has_lanes; /* tasks have priorities and all sorts of places */
    uint64_t runs;
    uint64_t wrong_state; /* the task that saw it */
    const char *wrong;
    int code;
} seen;

static void note(const struct mix *mix, const char *wrong, int code)
{
    if (seen.wrong)
        return;
    if (!mix->is_counted && scoop_cancel_requested())
        return; /* below a task that was given up: it is cancelled, too */
    seen.wrong = wrong;
    seen.wrong_state = mix->state;
    seen.code = code;
}

/* ---- What a number means ---------------------------------------------- */

static unsigned plan(const struct mix *mix, struct op *op)
{
    uint64_t state = mix->state;
    unsigned ops = (unsigned)(sim_next(&state) % (OPS + 1));

    if (mix->depth >= DEPTH)
        return 0;
    if (mix->depth < 2)
        ops = OPS;
    for (unsigned i = 0; i < ops; i++) {
        uint64_t x = sim_next(&state);
        op[i].kind = x % 3 == 0 ? (enum kind)(x / 3 % KINDS)
                     : mix->detaches && mix->depth < 3 ? DETACHED
                                                       : JOIN;
        op[i].state = sim_next(&state);
        op[i].n = (unsigned)(sim_next(&state) % 20);
        if (op[i].kind == BYTES && op[i].n % 4 == 0)
            op[i].n *= 1000;
    }
    return ops;
}

/* Maps go deeper by two, so that they do not make the tree too large. */
static struct mix child_of(const struct mix *mix, const struct op *op)
{
    static const bool is_uncounted[KINDS] = {[CANCELLED] = true,
                                             [RELEASED] = true,
                                             [LEFT] = true,
                                             [MAP_IN_TIME] = true};
    uint16_t step = op->kind == MAP || op->kind == MAP_IN_TIME ? 3 : 1;

    return (struct mix){.state = op->state,
                        .depth = (uint16_t)(mix->depth + step),
                        .is_counted =
                            mix->is_counted && !is_uncounted[op->kind],
                        .detaches = mix->detaches,
                        .where = -1,
                        .node = -1};
}

static struct mix item_of(const struct mix *child, unsigned i)
{
    struct mix item = *child;

    item.state += i * 0x9e3779b97f4a7c15u;
    return item;
}

static uint64_t own_value(uint64_t state)
{
    return sim_next(&state) >> 8;
}

static unsigned char byte_of(uint64_t state, unsigned i)
{
    return (unsigned char)(state >> i % 56 ^ i);
}

/* The result of a bytes task: the sum of the input, and its bytes doubled. */
static uint64_t bytes_value(const struct op *op)
{
    uint64_t sum = op->n;

    for (unsigned i = 0; i < op->n; i++)
        sum = sum * 31 + (unsigned char)(2 * byte_of(op->state, i));
    return sum;
}

static uint64_t expect(const struct mix *mix, uint64_t *runs)
{
    struct op op[OPS];
    uint64_t sum = own_value(mix->state);
    unsigned n = plan(mix, op);

    *runs += mix->is_counted;
    for (unsigned i = 0; i < n; i++) {
        struct mix child = child_of(mix, &op[i]);
        switch (op[i].kind) {
        case BYTES:
            sum += bytes_value(&op[i]);
            *runs += mix->is_counted;
            break;
        case FAILING:
        case PASSING:
            sum += FAILURE;
            *runs += child.is_counted * (op[i].kind == PASSING ? 2u : 1u);
            break;
        case MAP:
            for (unsigned k = 0; k < op[i].n; k++) {
                struct mix item = item_of(&child, k);
                sum += expect(&item, runs);
            }
            break;
        case DETACHED:
            expect(&child, runs);
            break;
        case CANCELLED:
        case RELEASED:
        case LEFT:
        case MAP_IN_TIME:
        case KINDS:
            break;
        case JOIN:
        case WIDE:
        case PLACED:
        case TIMED:
        case POLLED:
            sum += expect(&child, runs);
        }
    }
    return sum;
}

/* ---- The tasks -------------------------------------------------------- */

SCOOP_TASK(mix_task, struct mix, uint64_t);
SCOOP_TASK(wide_task, struct wide, uint64_t);
SCOOP_TASK_BYTES(bytes_task);

static int bytes_task(const void *data, size_t len, scoop_out *out)
{
    const unsigned char *in = data;

    sim_work(200);
    seen.runs += len && in[0];
    if (len <= 1)
        return 0;
    unsigned char *to = scoop_out_extend(out, len - 1);
    for (size_t i = 0; i + 1 < len; i++)
        to[i] = (unsigned char)(2 * in[i + 1]);
    return 0;
}

static scoop_future submit_bytes(const struct mix *mix, const struct op *op)
{
    unsigned char *data = malloc(op->n + 1);

    data[0] = mix->is_counted;
    for (unsigned i = 0; i < op->n; i++)
        data[i + 1] = byte_of(op->state, i);
    scoop_future f = scoop_submit(bytes_task, data, .len = op->n + 1);
    free(data);
    return f;
}

static uint64_t join_bytes(const struct mix *mix, const struct op *op,
                           scoop_future f)
{
    unsigned char *data;
    size_t len;
    int err = scoop_join_bytes(f, (void **)&data, &len);
    uint64_t sum = op->n;

    if (err || len != op->n)
        note(mix, "a bytes task", err);
    for (unsigned i = 0; i < op->n && !err; i++)
        sum = sum * 31 + data[i];
    free(data);
    return sum;
}

static int priority_of(const struct op *op)
{
    return seen.has_lanes && op->state >> 20 & 1
               ? (int)(op->state >> 24 & 0xffff) % 9 - 4
               : 0;
}

static scoop_place place_of(const struct op *op, struct mix *child)
{
    int rank = (int)(op->state % (uint64_t)seen.ranks);
    unsigned kind = seen.has_lanes ? op->state >> 48 & 3 : 0;

    if (kind == 1)
        return scoop_near_rank(rank);
    if (kind == 2)
        return scoop_near_node(rank / seen.per_node);
    if (kind == 3)
        return scoop_on_node(child->node = rank / seen.per_node);
    return scoop_on_rank(child->where = rank);
}

static scoop_future submit(const struct mix *mix, const struct op *op)
{
    struct mix child = child_of(mix, op);
    int priority = priority_of(op);
    scoop_place place;
    struct wide wide;

    switch (op->kind) {
    case WIDE:
        wide.mix = child;
        for (unsigned i = 0; i < 40; i++)
            wide.fill[i] = op->state + i;
        if (op->n % 4 || !seen.has_lanes)
            return scoop_submit(wide_task, &wide, .priority = priority);
        place = place_of(op, &wide.mix);
        return scoop_submit(wide_task, &wide, .place = place,
                            .priority = priority);
    case PLACED:
        place = place_of(op, &child);
        return scoop_submit(mix_task, &child, .place = place,
                            .priority = priority);
    case DETACHED:
        if (op->n % 2 || !seen.has_lanes)
            return scoop_submit(mix_task, &child, .detached = 1,
                                .priority = priority);
        place = place_of(op, &child);
        return scoop_submit(mix_task, &child, .detached = 1, .place = place,
                            .priority = priority);
    case FAILING:
        child.fails = FAILURE;
        break;
    case PASSING:
        child.passes_on = true;
        break;
    case BYTES:
        return submit_bytes(mix, op);
    case JOIN:
    case TIMED:
    case POLLED:
    case CANCELLED:
    case RELEASED:
    case LEFT:
    case MAP:
    case MAP_IN_TIME:
    case KINDS:
        break;
    }
    return scoop_submit(mix_task, &child, .priority = priority);
}

static uint64_t map(const struct mix *mix, const struct op *op)
{
    struct mix child = child_of(mix, op), *in = malloc(20 * sizeof *in);
    uint64_t *out = calloc(20, sizeof *out), sum = 0;
    bool is_timed = op->kind == MAP_IN_TIME;
    double seconds = is_timed ? (double)(op->state % 50) * 1e-6 + 1e-9 : 0;

    for (unsigned i = 0; i < op->n; i++)
        in[i] = item_of(&child, i);
    int err = scoop_map(mix_task, in, out, op->n, .timeout = seconds);
    if (err && !(is_timed && err == SCOOP_ETIMEDOUT))
        note(mix, "a map", err);
    for (unsigned i = 0; i < op->n && !err; i++) {
        uint64_t runs = 0;
        if (is_timed && out[i] != expect(&in[i], &runs))
            note(mix, "the value of a timed map's item", 0);
        sum += out[i];
    }
    free(in);
    free(out);
    return is_timed ? 0 : sum;
}

static uint64_t fail_well(const struct mix *mix, const struct op *op,
                          scoop_future f)
{
    int err = scoop_result(f, NULL);
    const struct scoop_error *e = scoop_error_of(f);

    if (err != SCOOP_EFAILED || !e || e->task_code != FAILURE || !e->message ||
        strcmp(e->message, "as it should") ||
        e->parents != (op->kind == PASSING))
        note(mix, "a failure", err);
    e = scoop_last_error();
    if (!e || e->task_code != FAILURE)
        note(mix, "the last error", err);
    if (scoop_release(f) || scoop_release(f) != SCOOP_ESTALE)
        note(mix, "a release", 0);
    return FAILURE;
}

/* What may or may not have run. */
static void give_up(const struct mix *mix, const struct op *op, scoop_future f)
{
    struct mix child = child_of(mix, op);
    uint64_t value = 0, runs = 0;
    int err = 0;

    if (op->kind == RELEASED) {
        err = scoop_release(f);
    } else if (op->kind == CANCELLED) {
        if (op->n % 2)
            sim_work(op->n * 100);
        err = scoop_cancel(f);
        err = err > 0 ? 0 : err;
        if (!err && op->n % 3)
            err = scoop_join(f, &value);
        else
            return;
        if (!err && value != expect(&child, &runs))
            note(mix, "the value of a task that was cancelled too late", 0);
        if (err == SCOOP_ECANCELLED)
            err = 0;
    }
    if (err)
        note(mix, "a task given up", err);
}

static uint64_t finish(const struct mix *mix, const struct op *op,
                       scoop_future f)
{
    uint64_t value = 0;
    int err = 0;

    switch (op->kind) {
    case BYTES:
        return join_bytes(mix, op, f);
    case FAILING:
    case PASSING:
        return fail_well(mix, op, f);
    case CANCELLED:
    case RELEASED:
    case LEFT:
        give_up(mix, op, f);
        return 0;
    case TIMED:
        err = scoop_result(f, &value,
                           .timeout = op->n % 3 ? op->n * 1e-6 : SCOOP_NOW);
        if (err == SCOOP_ETIMEDOUT && value)
            note(mix, "written to at a time-out", 0);
        if (err && err != SCOOP_ETIMEDOUT)
            note(mix, "a wait with a time-out", err);
        break;
    case POLLED:
        err = scoop_done(f);
        if (err != 0 && err != 1)
            note(mix, "scoop_done", err);
        break;
    case JOIN:
    case WIDE:
    case PLACED:
    case DETACHED:
    case MAP:
    case MAP_IN_TIME:
    case KINDS:
        break;
    }
    err = scoop_join(f, &value);
    if (err)
        note(mix, "a join", err);
    if (op->n == 7 && scoop_join(f, &value) != SCOOP_ESTALE)
        note(mix, "a second join", 0);
    return value;
}

static int fail(const struct mix *mix)
{
    struct mix child = *mix;

    if (mix->fails)
        return scoop_fail(mix->fails, "as it should");
    child.passes_on = false;
    child.fails = FAILURE;
    int err = scoop_join(scoop_submit(mix_task, &child), NULL);
    if (err != SCOOP_EFAILED)
        note(mix, "a failure's child", err);
    return err;
}

static int mix_task(const struct mix *mix, uint64_t *value)
{
    struct op op[OPS];
    scoop_future f[OPS];
    unsigned n = plan(mix, op), left = n;
    uint64_t state = mix->state ^ 1;

    seen.runs += mix->is_counted;
    if (mix->where >= 0 && mix->where != scoop_rank())
        note(mix, "placed elsewhere", scoop_rank());
    if (mix->node >= 0 && mix->node != scoop_rank() / seen.per_node)
        note(mix, "on another node", scoop_rank());
    sim_work(sim_next(&state) % (sim_next(&state) % 32 ? 2000 : 50000));
    if (mix->fails || mix->passes_on)
        return fail(mix);
    *value = own_value(mix->state);
    for (unsigned i = 0; i < n; i++) {
        if (op[i].kind == MAP || op[i].kind == MAP_IN_TIME)
            *value += map(mix, &op[i]);
        else
            f[i] = submit(mix, &op[i]);
    }
    while (left) { /* in any order */
        unsigned i = (unsigned)(sim_next(&state) % left--);
        struct op o = op[i];
        scoop_future of = f[i];
        op[i] = op[left];
        f[i] = f[left];
        if (o.kind != MAP && o.kind != MAP_IN_TIME && o.kind != DETACHED)
            *value += finish(mix, &o, of);
    }
    return 0;
}

static int wide_task(const struct wide *wide, uint64_t *value)
{
    for (unsigned i = 0; i < 40; i++)
        if (wide->fill[i] != wide->mix.state + i)
            note(&wide->mix, "a long argument", (int)i);
    return mix_task(&wide->mix, value);
}

static int root(void *arg)
{
    struct mix *top = arg;
    uint64_t value = 0;

    if (mix_task(top, &value))
        return 1;
    top->state = value;
    return 0;
}

/* ---- Runs ------------------------------------------------------------- */

static void choose(const char *name, const char *value, bool is_chosen)
{
    if (is_chosen)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void run(uint64_t seed)
{
    static const int ranks[] = {1, 2, 2, 3, 4, 5, 8, 16, 33};
    uint64_t state = seed, runs = 0;
    struct sim_params p = {.seed = seed};
    struct sim_report r;

    p.ranks = ranks[sim_next(&state) % (sizeof ranks / sizeof ranks[0])];
    p.per_node = 1 + (int)(sim_next(&state) % (uint64_t)p.ranks);
    p.is_wild = sim_next(&state) % 3 == 0;
    p.is_slow = sim_next(&state) % 4 == 0;
    p.has_helper = sim_next(&state) % 2;
    p.cpus = (int)(sim_next(&state) % 3);
    choose("SCOOP_STEAL_LOCAL", "0", sim_next(&state) % 8 == 0);
    choose("SCOOP_STEAL_REMOTE", "0", sim_next(&state) % 16 == 0);
    choose("SCOOP_LIFELINES", "0", sim_next(&state) % 8 == 0);
    choose("SCOOP_SLEEP", "0", sim_next(&state) % 16 == 0);
    choose("SCOOP_SPIN", "0", sim_next(&state) % 8 == 0);
    choose("SCOOP_EAGER", "256", sim_next(&state) % 4 == 0);
    struct mix top = {.state = seed,
                      .is_counted = true,
                      .detaches = sim_next(&state) % 4 == 0,
                      .where = -1,
                      .node = -1};
    bool has_lanes = sim_next(&state) % 2;
    uint64_t value = expect(&top, &runs);
    memset(&seen, 0, sizeof seen);
    seen.ranks = p.ranks;
    seen.per_node = p.per_node;
    seen.has_lanes = has_lanes;
    sim_run(&p, root, &top, &r);
    CHECK(r.status == 0);
    CHECK(!seen.wrong);
    CHECK(top.state == value);
    CHECK(seen.runs == runs);
    if (!seen.wrong && top.state == value && seen.runs == runs)
        return;
    printf("SIM_SEED=%llu: %d ranks, %d a node, wild %d, helper %d: %s (%d) "
           "in task %llx; value %llx, not %llx; %llu runs, not %llu\n",
           (unsigned long long)seed, p.ranks, p.per_node, p.is_wild,
           p.has_helper, seen.wrong ? seen.wrong : "calls were right",
           seen.code, (unsigned long long)seen.wrong_state,
           (unsigned long long)top.state, (unsigned long long)value,
           (unsigned long long)seen.runs, (unsigned long long)runs);
}

int main(void)
{
    uint64_t only = sim_asked("SIM_SEED", 0);
    uint64_t seeds = sim_asked("SIM_SEEDS", 500);

    setvbuf(stdout, NULL, _IOLBF, 0);
    setenv("SCOOP_STACK", "64K", 0);
    setenv("SCOOP_LOG", "error", 0); /* not of futures that were left */
    for (uint64_t seed = only ? only : 1; seed <= (only ? only : seeds); seed++)
        run(seed);
    return checks_done();
}
