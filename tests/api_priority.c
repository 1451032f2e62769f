/* SPDX-License-Identifier: MIT */
/* ranks: 1 4 | 2; node-memory: 1 0; limit: 60 s */
/* api_priority.c -- tasks of a higher priority run before those of a lower
 *
 * On one rank the order is exact.  On several it is that of tasks which are
 * for one rank, which is busy until all have come.
 */
#include "api.h"

enum { LEVELS = 9, EACH = 5, ALL = LEVELS * EACH };

struct item {
    int priority;
    int number; /* in the order of submission */
};

struct list {
    int n;
    struct item item[ALL];
};

SCOOP_TASK(note, struct item, SCOOP_NONE);
SCOOP_TASK(count, struct item, int);
SCOOP_TASK(notes, SCOOP_NONE, struct list);
SCOOP_TASK(hold, double, SCOOP_NONE);
SCOOP_TASK(nest, int, int);

static struct list seen; /* by this rank */

static int note(const struct item *me, SCOOP_NONE *none)
{
    (void)none;
    if (seen.n < ALL)
        seen.item[seen.n] = *me;
    return seen.n++ >= ALL;
}

static int notes(const SCOOP_NONE *none, struct list *list)
{
    (void)none;
    *list = seen;
    seen.n = 0;
    return 0;
}

static int count(const struct item *me, int *one)
{
    api_compute(20e-6);
    return *one = me->number, 0;
}

static int hold(const double *seconds, SCOOP_NONE *none)
{
    (void)none;
    api_nap(*seconds);
    return 0;
}

/* As many more levels of tasks below it, of priorities that go up and down. */
static int nest(const int *depth, int *tasks)
{
    scoop_future f[3];
    int less = *depth - 1, part;

    *tasks = 1;
    for (int i = 0; i < 3 && less >= 0; i++)
        f[i] = scoop_submit(nest, &less, .priority = (i * 5 + less) % 9 - 4);
    for (int i = 0; i < 3 && less >= 0; i++) {
        if (scoop_join(f[i], &part))
            return 1;
        *tasks += part;
    }
    return 0;
}

/* The i-th of ALL: each priority EACH times, in no order. */
static struct item nth(int i)
{
    return (struct item){i * 7 % LEVELS - 4, i};
}

/* is_fixed: of one priority the first submitted comes first. */
static void check_order(const struct list *list, bool is_fixed)
{
    int wrong = list->n != ALL;

    for (int i = 1; i < list->n; i++) {
        const struct item *a = &list->item[i - 1], *b = &list->item[i];
        wrong += a->priority < b->priority;
        if (is_fixed && a->priority == b->priority)
            wrong += a->number > b->number;
    }
    CHECK(wrong == 0);
}

static void join_all(const scoop_future *f)
{
    int wrong = 0;

    for (int i = 0; i < ALL; i++)
        wrong += scoop_join(f[i], NULL) != 0;
    CHECK(wrong == 0);
}

/* Only this rank is there to run them; joined in the order of submission. */
static void alone(void)
{
    scoop_future f[ALL];

    for (int i = 0; i < ALL; i++) {
        struct item item = nth(i);
        f[i] = scoop_submit(note, &item, .priority = item.priority);
    }
    join_all(f);
    check_order(&seen, false);
    seen.n = 0;
}

/* For a rank that is busy meanwhile, as this one is with itself. */
static void on_one(int rank)
{
    scoop_future f[ALL], held = {0, 0};
    struct list list = {0};

    if (rank != scoop_rank()) {
        held = scoop_submit(hold, &(double){0.3}, .priority = 4,
                            .place = scoop_on_rank(rank));
        api_nap(0.02); /* it has begun, mostly */
    }
    for (int i = 0; i < ALL; i++) {
        struct item item = nth(i);
        f[i] = scoop_submit(note, &item, .priority = item.priority,
                            .place = scoop_on_rank(rank));
    }
    join_all(f);
    if (held.id)
        CHECK(scoop_join(held, NULL) == 0);
    CHECK(scoop_join(scoop_submit(notes, NULL, .place = scoop_on_rank(rank)),
                     &list) == 0);
    if (rank == scoop_rank())
        check_order(&list, true);
    CHECK(list.n == ALL);
}

/* Wherever they run, each runs once. */
static void anywhere(void)
{
    enum { MANY = 3000 };
    static scoop_future f[MANY];
    int wrong = 0, number;

    for (int i = 0; i < MANY; i++) {
        struct item item = {i * 7 % LEVELS - 4, i};
        f[i] = scoop_submit(count, &item, .priority = item.priority);
    }
    for (int i = 0; i < MANY; i++)
        wrong += scoop_join(f[i], &number) || number != i;
    CHECK(wrong == 0);
}

/* Many tasks that wait for others of a lower priority take no more stacks
 * than there are. */
static void nested(void)
{
    scoop_future f[40];
    int tasks, wrong = 0;

    for (int i = 0; i < 40; i++)
        f[i] = scoop_submit(nest, &(int){4}, .priority = i % 9 - 4);
    for (int i = 0; i < 40; i++)
        wrong += scoop_join(f[i], &tasks) || tasks != 1 + 3 + 9 + 27 + 81;
    CHECK(wrong == 0);
}

static void refused(void)
{
    const int bad[] = {5, -5, 127, 128, 256, 1000000, -2147483647 - 1};
    struct item item = {0, 0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scoop_future f = scoop_submit(note, &item, .priority = bad[i]);
        CHECK(f.id == 0 && scoop_join(f, NULL) == SCOOP_EINVAL);
        CHECK(strstr(scoop_last_error()->message, "priority") != NULL);
    }
    scoop_future f[2];
    for (int i = 0; i < 2; i++)
        f[i] = scoop_submit(count, &item,
                            .priority =
                                i ? SCOOP_PRIORITY_MAX : -SCOOP_PRIORITY_MAX,
                            .detached = i);
    CHECK(scoop_cancel(f[0]) >= 0 && scoop_release(f[0]) == 0);
}

static int root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (scoop_size() == 1)
        alone();
    for (int i = 0; i < scoop_size(); i++)
        on_one(i);
    anywhere();
    nested();
    refused();
    return checks_done();
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
