/* SPDX-License-Identifier: MIT */
/* reduce.c -- reductions and scans, bit for bit
 *
 * Sums of floating-point numbers, which tell how they were grouped, and
 * compositions of affine functions, which tell in which order.  The model is
 * what scoop.h says of the grouping.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#define MOST 20u
#define MANY 300u

/* x -> a x + b */
struct affine {
    uint64_t a, b;
    bool is_bad; /* an operation with it fails */
};

SCOOP_REDUCER(add, double);
SCOOP_REDUCER(compose, struct affine);
SCOOP_TASK(number, struct node, double);
SCOOP_TASK(function, struct node, struct affine);

static void compose_two(const struct affine *left, const struct affine *right,
                        struct affine *out)
{
    memset(out, 0, sizeof *out);
    out->a = left->a * right->a;
    out->b = left->b * right->a + right->b;
}

static int add(const double *left, const double *right, double *out)
{
    *out = *left + *right;
    return 0;
}

static int compose(const struct affine *left, const struct affine *right,
                   struct affine *out)
{
    if (left->is_bad || right->is_bad)
        return scoop_fail(FAILURE, FAILURE_WORDS);
    compose_two(left, right, out);
    return 0;
}

static double number_of(uint64_t value)
{
    return (double)(value >> 12) * (value & 7 ? 1e-9 : 1e3);
}

static void function_of(uint64_t value, bool is_bad, struct affine *out)
{
    memset(out, 0, sizeof *out);
    out->a = value | 1;
    out->b = value >> 5;
    out->is_bad = is_bad;
}

static int number(const struct node *node, double *out)
{
    uint64_t value = 0;
    int err = node_run(node, &value);

    *out = number_of(value);
    return err;
}

static int function(const struct node *node, struct affine *out)
{
    uint64_t value = 0;
    int err = node_run(node, &value);

    function_of(value, node->passes_on, out);
    return err;
}

/* ---- A job ------------------------------------------------------------------
 */

struct job {
    bool is_scan, is_mapped, is_float;
    unsigned n;
    bool fails, op_fails;
    bool has_neutral;
    struct scoop_reduce_options options;
    struct node *in;
    double *number, *sum; /* the values, and room for what is made */
    struct affine *function, *composed;
};

static void draw_items(const struct node *node, const struct op *op,
                       struct job *job, uint64_t *state)
{
    unsigned bad = (unsigned)draw(state, job->n + 1);

    for (unsigned i = 0; i < job->n; i++) {
        struct node *in = &job->in[i];
        *in = child_of(node, op, i, op->n);
        in->index = (int)i;
        if (!job->is_mapped || job->n > MOST)
            in->budget = 0;
        if (draw(state, 4) == 0)
            in->good =
                (uint8_t)(1 + draw(state, (unsigned)job->options.retries + 1u));
        if (job->fails && (i == bad % job->n || draw(state, 8) == 0)) {
            in->fails = FAILURE;
            in->good = 0;
        }
        if (job->fails || job->op_fails)
            *in = loose(*in);
        function_of(hash(in->state, 70), job->op_fails && i == bad % job->n,
                    &job->function[i]);
        job->number[i] = number_of(hash(in->state, 70));
    }
}

static void draw_job(const struct node *node, const struct op *op, bool is_scan,
                     struct job *job)
{
    uint64_t state = hash(op->state, 71);
    struct scoop_reduce_options *o = &job->options;

    memset(job, 0, sizeof *job);
    job->is_scan = is_scan;
    job->is_mapped = draw(&state, 2);
    job->is_float = draw(&state, 2);
    job->n = op->n;
    if (draw(&state, 4) == 0)
        job->n = (unsigned)draw(&state, job->is_mapped ? 40 : MANY);
    job->has_neutral = draw(&state, 2);
    if (draw(&state, 3) == 0)
        o->chunk = 1 + (size_t)draw(&state, 6);
    if (draw(&state, 3) == 0)
        o->retries = 1 + (int)draw(&state, 3);
    if (draw(&state, 3) == 0)
        o->priority = (int)draw(&state, 9) - 4;
    if (draw(&state, 3) == 0)
        o->timeout = 1000;
    job->fails = job->is_mapped && job->n && draw(&state, 6) == 0;
    job->op_fails =
        !job->is_mapped && !job->is_float && job->n > 1 && draw(&state, 4) == 0;
    size_t room = job->n + 1;
    job->in = calloc(room, sizeof *job->in);
    job->number = calloc(room, sizeof *job->number);
    job->sum = calloc(room, sizeof *job->sum);
    job->function = calloc(room, sizeof *job->function);
    job->composed = calloc(room, sizeof *job->composed);
    draw_items(node, op, job, &state);
}

static void free_job(struct job *job)
{
    free(job->in);
    free(job->number);
    free(job->sum);
    free(job->function);
    free(job->composed);
}

static uint64_t value_at(const struct job *job, unsigned i)
{
    uint64_t bits;

    if (!job->is_float)
        return hash(job->composed[i].a, job->composed[i].b);
    memcpy(&bits, &job->sum[i], sizeof bits);
    return bits;
}

static uint64_t value_of(const struct job *job)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < (job->is_scan ? job->n : 1u); i++)
        value += hash(value_at(job, i), i);
    return value;
}

/* ---- The model
 * ---------------------------------------------------------------- */

/* to = left op right; any of them may be the same. */
static void operate(struct job *job, const struct job *left, unsigned l,
                    const struct job *right, unsigned r, unsigned to)
{
    struct affine out;

    job->sum[to] = left->sum[l] + right->sum[r];
    compose_two(&left->composed[l], &right->composed[r], &out);
    job->composed[to] = out;
}

/* All in place: sum and composed hold the values before. */
static void model_reduce(struct job *job)
{
    for (unsigned n = job->n; n > 1; n = (n + 1) / 2) {
        for (unsigned i = 0; i < n / 2; i++)
            operate(job, job, 2 * i, job, 2 * i + 1, i);
        if (n % 2) {
            job->sum[n / 2] = job->sum[n - 1];
            job->composed[n / 2] = job->composed[n - 1];
        }
    }
}

static void model_scan(struct job *job)
{
    unsigned size = 1;
    double sum = 0; /* of the blocks before */
    struct affine composed = {0};
    struct job before = {.sum = &sum, .composed = &composed};

    while (job->n && (uint64_t)(2 * size) * (2 * size) <= job->n)
        size *= 2;
    for (unsigned first = 0; first < job->n; first += size) {
        unsigned end = first + size < job->n ? first + size : job->n;
        /* This block's own sum, before its values are written over. */
        double own_sum = job->sum[first];
        struct affine own = job->composed[first];
        struct job block = {.sum = &own_sum, .composed = &own};
        for (unsigned i = first + 1; i < end; i++)
            operate(&block, &block, 0, job, i, 0);
        if (first)
            operate(job, &before, 0, job, first, first);
        for (unsigned i = first + 1; i < end; i++)
            operate(job, job, i - 1, job, i, i);
        if (first)
            operate(&before, &before, 0, &block, 0, 0);
        else
            sum = own_sum, composed = own;
    }
}

static uint64_t expect(const struct node *node, const struct op *op,
                       bool is_scan, struct account *account)
{
    struct job job;

    draw_job(node, op, is_scan, &job);
    for (unsigned i = 0; i < job.n; i++) {
        job.sum[i] = job.number[i];
        job.composed[i] = job.function[i];
        if (!job.is_mapped)
            continue;
        uint64_t value = node_expect(&job.in[i], account);
        job.sum[i] = number_of(value);
        function_of(value, false, &job.composed[i]);
    }
    if (is_scan)
        model_scan(&job);
    else
        model_reduce(&job);
    uint64_t value = value_of(&job);
    if (!job.n)
        value = is_scan ? 0 : 1;
    else if (job.fails || job.op_fails)
        value = FAILURE;
    free_job(&job);
    return value;
}

/* ---- The farm
 * ------------------------------------------------------------------ */

static int call(struct job *job)
{
    static const double zero = 0;
    static const struct affine same = {1, 0, false};
    const struct scoop_task *task =
        job->is_float ? scoop_task_of(number) : scoop_task_of(function);
    const struct scoop_task *op =
        job->is_float ? scoop_task_of(add) : scoop_task_of(compose);
    const void *in = job->is_mapped  ? (const void *)job->in
                     : job->is_float ? (const void *)job->number
                                     : (const void *)job->function;
    void *out = job->is_float ? (void *)job->sum : (void *)job->composed;

    if (!job->is_mapped)
        task = NULL;
    if (job->is_scan) {
        struct scoop_scan_options o = {job->options.timeout, job->options.chunk,
                                       job->options.retries,
                                       job->options.priority};
        return scoop_map_scan_task(task, op, in, out, job->n, &o);
    }
    if (job->has_neutral)
        job->options.neutral =
            job->is_float ? (const void *)&zero : (const void *)&same;
    return scoop_map_reduce_task(task, op, in, out, job->n, &job->options);
}

static void check_failing(const struct node *node, const struct job *job)
{
    const struct scoop_error *e = scoop_last_error();

    check_failure(node, e, 1 + job->options.retries);
    if (!e || e->has_item != job->fails)
        note(node, "whether an item failed", e ? e->has_item : -1);
    else if (job->fails && (e->item >= job->n || !job->in[e->item].fails))
        note(node, "which item failed", (int)e->item);
    else if (job->op_fails && strcmp(e->task, "compose"))
        note(node, "which operation failed", 0);
}

static uint64_t finish(const struct node *node, const struct op *op,
                       bool is_scan)
{
    struct job job;
    uint64_t value;

    draw_job(node, op, is_scan, &job);
    uint64_t was = value_at(&job, 0);
    int err = call(&job), expected = 0;
    if (job.fails || job.op_fails)
        expected = SCOOP_EFAILED;
    else if (!job.n && !is_scan && !job.has_neutral)
        expected = SCOOP_EEMPTY;
    if (err != expected)
        note(node, is_scan ? "a scan" : "a reduction", err);
    if (err == SCOOP_EFAILED)
        check_failing(node, &job);
    if (err && !is_scan && value_at(&job, 0) != was)
        note(node, "the result of a reduction that failed", err);
    if (!err && !job.n && !is_scan && job.is_float && job.sum[0] > 0)
        note(node, "the neutral value", 0);
    value = value_of(&job);
    if (!job.n)
        value = is_scan ? 0 : 1;
    else if (expected)
        value = FAILURE;
    free_job(&job);
    return value;
}

static uint64_t finish_reduce(const struct node *node, const struct op *op,
                              struct held *held)
{
    (void)held;
    return finish(node, op, false);
}

static uint64_t finish_scan(const struct node *node, const struct op *op,
                            struct held *held)
{
    (void)held;
    return finish(node, op, true);
}

static uint64_t expect_reduce(const struct node *node, const struct op *op,
                              struct account *account)
{
    return expect(node, op, false, account);
}

static uint64_t expect_scan(const struct node *node, const struct op *op,
                            struct account *account)
{
    return expect(node, op, true, account);
}

const struct kind reduce_kind = {"reduce",     4, MOST, NULL, finish_reduce,
                                 expect_reduce};
const struct kind scan_kind = {"scan", 4, MOST, NULL, finish_scan, expect_scan};
