/* SPDX-License-Identifier: MIT */
/* json.c -- scoop_map_json()
 *
 * Items are small objects, whose results are objects of the same shape; some
 * fail.
 */
#include "api.h"

#include <stdlib.h>

SCOOP_TASK_JSON(map_item);

/* A node has no room in a JSON integer, so these items have no tasks below. */
static json_t *map_item(json_t *in)
{
    uint64_t value = 0;
    struct node node = {.rank = -1, .home = -1, .index = -1};

    node.state = (uint64_t)json_integer_value(json_object_get(in, "state"));
    node.good = (uint8_t)json_integer_value(json_object_get(in, "good"));
    node.fails = (int32_t)json_integer_value(json_object_get(in, "fails"));
    node.is_counted = json_is_true(json_object_get(in, "counted"));
    if (node_run(&node, &value))
        return NULL;
    return json_pack("[I]", (json_int_t)value);
}

struct job {
    struct node item[20];
    struct scoop_map_json_options options;
    unsigned n, failing;
};

static void draw_job(const struct node *node, const struct op *op,
                     struct job *job)
{
    uint64_t state = hash(op->state, 50);
    unsigned rough = draw(&state, 3) ? 1000000 : 6;

    *job = (struct job){.n = op->n};
    if (draw(&state, 2))
        job->options.in_flight = 1 + (size_t)draw(&state, 9);
    if (draw(&state, 3) == 0)
        job->options.retries = (int)draw(&state, 4);
    if (draw(&state, 3) == 0)
        job->options.priority = (int)draw(&state, 9) - 4;
    if (draw(&state, 3) == 0)
        job->options.timeout = 1000;
    for (unsigned i = 0; i < job->n; i++) {
        struct node *item = &job->item[i];
        *item = child_of(node, op, i, job->n);
        item->budget = 0;
        if (draw(&state, 3) == 0)
            item->good =
                (uint8_t)(1 +
                          draw(&state, (unsigned)job->options.retries + 1u));
        if (draw(&state, rough) == 0) {
            item->fails = FAILURE;
            item->good = 0;
            job->failing++;
        }
    }
    for (unsigned i = 0; i < job->n && job->failing; i++)
        job->item[i] = loose(job->item[i]);
}

static json_t *array_of(const struct job *job)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < job->n; i++)
        json_array_append_new(array,
                              json_pack("{sI si si sb}", "state",
                                        (json_int_t)job->item[i].state, "good",
                                        (int)job->item[i].good, "fails",
                                        (int)job->item[i].fails, "counted",
                                        (int)job->item[i].is_counted));
    return array;
}

static void check_failing(const struct node *node, const struct job *job,
                          const json_t *out)
{
    const struct scoop_error *e = scoop_last_error();

    check_failure(node, e, 1 + job->options.retries);
    if (!e || !e->has_item || e->item >= job->n || !job->item[e->item].fails)
        note(node, "the item of scoop_map_json", e ? (int)e->item : -1);
    if (out)
        note(node, "an array after an error", 0);
}

static uint64_t finish_map_json(const struct node *node, const struct op *op,
                                struct held *held)
{
    struct job job;
    uint64_t sum = 0;

    (void)held;
    draw_job(node, op, &job);
    json_t *in = array_of(&job), *out = NULL;
    int err =
        scoop_map_json_of(scoop_task_of(map_item), in, &out, &job.options);
    if (err != (job.failing ? SCOOP_EFAILED : 0))
        note(node, "scoop_map_json", err);
    if (err == SCOOP_EFAILED)
        check_failing(node, &job, out);
    if (!err && json_array_size(out) != job.n)
        note(node, "the length of an array", (int)json_array_size(out));
    for (unsigned i = 0; i < job.n && !err; i++)
        sum += hash((uint64_t)json_integer_value(
                        json_array_get(json_array_get(out, i), 0)),
                    i);
    json_decref(in);
    json_decref(out);
    return job.failing ? FAILURE : sum;
}

static uint64_t expect_map_json(const struct node *node, const struct op *op,
                                struct account *account)
{
    struct job job;
    uint64_t sum = 0;

    draw_job(node, op, &job);
    for (unsigned i = 0; i < job.n; i++)
        sum += hash(node_expect(&job.item[i], account), i);
    return job.failing ? FAILURE : sum;
}

const struct kind map_json_kind = {"map of JSON",  3, 20, NULL, finish_map_json,
                                   expect_map_json};
