/* SPDX-License-Identifier: MIT */
/* shared_constants.c -- values that every task can look at
 *
 * SCOOP's example of that name. A constant has a name, and is defined once for
 * the whole farm, by any task; any task on any rank can look at it. It may be
 * a variable of C of any type, bytes, a JSON value, or a task, which is how a
 * task is told at run time what it shall call.
 *
 * Defining a name that is taken is refused. A constant that is not there yet
 * is waited for; one that has been deleted is not.
 */
#include <scoop.h>

#include <stdio.h>

enum { ITEMS = 5 };

struct scale {
    double factor, offset;
};

struct label {
    char text[80];
};

SCOOP_TASK(describe, int, struct label);
SCOOP_TASK(to_fahrenheit, double, double);

static int to_fahrenheit(const double *celsius, double *fahrenheit)
{
    const struct scale *scale;
    int err = scoop_const_get("scale", &scale); /* lent: not a copy */

    if (err)
        return err;
    *fahrenheit = *celsius * scale->factor + scale->offset;
    return 0;
}

/* The formula and the names are looked up: this task knows neither. */
static int describe(const int *i, struct label *label)
{
    const struct scoop_task *formula;
    double celsius = *i * 25, converted;
    json_t *names;
    int err = scoop_const_get_task("formula", &formula);

    if (!err)
        err = scoop_const_get_json("names", &names);
    if (!err)
        err = scoop_join(scoop_submit_task(formula, &celsius, sizeof celsius,
                                           NULL),
                         &converted);
    if (err)
        return err;
    snprintf(label->text, sizeof label->text, "%s: %g C are %g F",
             json_string_value(json_array_get(names, (size_t)*i)), celsius,
             converted);
    return 0;
}

static int define(void)
{
    json_t *names = json_pack("[sssss]", "ice", "warm room", "hot bath",
                              "hot tea", "steam");
    int err = scoop_const_set("scale", (&(struct scale){1.8, 32}));

    if (!err)
        err = scoop_const_set_json("names", names);
    if (!err)
        err = scoop_const_set_task("formula", scoop_task_of(to_fahrenheit));
    json_decref(names);
    return err;
}

static int root(int argc, char **argv)
{
    static const int number[ITEMS] = {0, 1, 2, 3, 4};
    const struct scale *scale;
    struct label label[ITEMS];

    (void)argc;
    (void)argv;
    if (define())
        return scoop_perror("define");
    if (scoop_map(describe, number, label, ITEMS))
        return scoop_perror("describe");
    for (int i = 0; i < ITEMS; i++)
        printf("%s\n", label[i].text);

    /* No second definition, until it is deleted. */
    printf("again: %s\n",
           scoop_strerror(scoop_const_set("scale", (&(struct scale){1, 0}))));
    printf("not yet there: %s\n",
           scoop_strerror(
               scoop_const_get("never defined", &scale, .timeout = 0.05)));
    if (scoop_const_delete("scale"))
        return scoop_perror("scoop_const_delete");
    printf("deleted: %s\n", scoop_strerror(scoop_const_get("scale", &scale)));
    if (scoop_const_set("scale", (&(struct scale){1, 273.15})) ||
        scoop_const_get("scale", &scale))
        return scoop_perror("scale");
    printf("version %d: offset %g\n", (int)scoop_const_version("scale"),
           scale->offset);
    return 0;
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
