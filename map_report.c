/* SPDX-License-Identifier: MIT */
/* map_report.c -- what a guest tells its home of a range of items
 *
 * A RESULT for a range is one of three.
 *
 *   status 0    all went well; the data is their results
 *   status < 0  all ended with that status; the data is an error, or nothing
 *   SOME_BAD    the data is
 *
 *     | results of the first `done` items | stretches | error | trailer |
 *
 *               where a stretch {first, count, status} tells of neighbours that
 *               ended with the same status (struct map_bad), and the trailer
 *               how much there is of each.  Items behind the first `done` were
 *               not run: a stretch says so.
 *
 * Where results are not among the data because they are in the home's array
 * already (map_run.c), the first and the last of these have IN_PLACE added.
 *
 * A guest that is at it for long sends what it has in parts, so that the home
 * can tell how far it is, and knows more when the time is over.
 *
 * The results of items that failed are sent along, as zeros, so that the rest
 * stays one block.  A receiver trusts no number in it before it was checked.
 */
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "map_inside.h"

#define SOME_BAD 1
#define IN_PLACE 2

struct trailer {
    uint64_t done, bads, error_len;
};

void map_report_bad_take(struct map_report *r, uint64_t first, uint64_t count,
                         int status, struct error *error)
{
    struct map_bad *last = r->bads ? &r->bad[r->bads - 1] : NULL;

    if (r->error)
        error_free(error);
    else
        r->error = error;
    if (last && last->status == status && last->first + last->count == first) {
        last->count += count;
        return;
    }
    if (r->bads == r->bad_room) {
        size_t room = 2 * r->bad_room + 4;
        void *more = realloc(r->bad, room * sizeof *r->bad);
        if (!more) {
            r->status = SCOOP_ENOMEM;
            return;
        }
        r->bad = more;
        r->bad_room = room;
    }
    r->bad[r->bads++] = (struct map_bad){first, count, status};
}

void map_report_spoil_take(struct map_report *r, uint64_t first, uint64_t count,
                           int status, struct error *error)
{
    struct map_bad *last;

    while (r->bads && r->bad[r->bads - 1].first >= first)
        r->bads--;
    last = r->bads ? &r->bad[r->bads - 1] : NULL;
    if (last && last->first + last->count > first)
        last->count = first - last->first;
    map_report_bad_take(r, first, count, status, error);
}

/* The data of a report of which some is bad; NULL: no memory. */
static char *pack_mixed(const struct map_report *r, size_t *len)
{
    size_t out_len = r->out ? (size_t)r->done * r->out_size : 0;
    size_t bad_len = r->bads * sizeof *r->bad, error_len;
    char *error = error_pack(r->error, &error_len);
    struct trailer trailer = {r->done, r->bads, error_len};

    *len = out_len + bad_len + error_len + sizeof trailer;
    char *data = malloc(*len), *at = data;
    if (data) {
        if (out_len)
            memcpy(at, r->out, out_len);
        at += out_len;
        memcpy(at, r->bad, bad_len);
        at += bad_len;
        if (error_len)
            memcpy(at, error, error_len);
        at += error_len;
        memcpy(at, &trailer, sizeof trailer);
    }
    free(error);
    return data;
}

/* The results alone; the block itself, if nothing else is in it. */
static char *pack_good(struct map_report *r, bool is_last, size_t *len)
{
    char *data = r->out;

    *len = data ? (size_t)r->done * r->out_size : 0;
    if (!*len)
        return NULL;
    if (is_last && r->out == r->block) {
        r->block = r->out = NULL;
        return data;
    }
    data = malloc(*len);
    return data ? memcpy(data, r->out, *len) : NULL;
}

static bool is_all_alike(const struct map_report *r)
{
    return r->bads == 1 && r->bad[0].first == r->first &&
           r->bad[0].count == r->count;
}

static void send_report(struct runtime *rt, const struct future *f,
                        struct map_report *r, bool is_last)
{
    struct wire_result body = {f->rec.id, f->rec.generation, r->first,
                               r->count,  r->status,         rt->rank};
    char *data = NULL;
    size_t len = 0;
    int home = task_home(&f->rec);

    if (!body.status && r->bads)
        body.status = is_all_alike(r) ? (int32_t)r->bad[0].status : SOME_BAD;
    if (!body.status)
        data = pack_good(r, is_last, &len);
    else if (body.status == SOME_BAD)
        data = pack_mixed(r, &len);
    if (body.status >= 0 && len && !data)
        body.status = SCOOP_ENOMEM;
    if (body.status >= 0 && r->is_in_place)
        body.status |= IN_PLACE;
    if (body.status < 0)
        data = error_pack(r->error, &len);
    int err = net_send(rt->net, home, WIRE_RESULT, &body, data, len, NET_TAKE);
    if (err) {
        body.status = err;
        if (net_send(rt->net, home, WIRE_RESULT, &body, NULL, 0, NET_COPY)) {
            log_error(&rt->log, "no memory to send a result home");
            net_abort(rt->net, 1);
        }
    }
    error_free(r->error);
    r->error = NULL;
}

void map_report_send_part(struct runtime *rt, const struct future *f,
                          struct map_report *r)
{
    r->count = r->done;
    send_report(rt, f, r, false);
    r->first += r->done;
    if (r->out)
        r->out += (size_t)r->done * r->out_size;
    r->done = 0;
    r->bads = 0;
    r->status = 0;
}

void map_report_send_take(struct runtime *rt, struct future *f,
                          struct map_report *r)
{
    send_report(rt, f, r, true);
    free(r->block);
    free(r->bad);
    link_remove(&f->link);
    map_forget_guest(f);
    future_put(&rt->guests, f);
}

/* The stretches are in order, apart, within the range, and reach to its end
 * from the first item that was not run. */
static bool are_sound(const struct map_report *r)
{
    uint64_t at = r->first, end = r->first + r->count;

    for (size_t i = 0; i < r->bads; i++) {
        const struct map_bad *bad = &r->bad[i];
        if (bad->first < at || bad->first > end || !bad->count ||
            bad->count > end - bad->first || bad->status >= 0 ||
            (bad->first > at && bad->first - r->first > r->done))
            return false;
        at = bad->first + bad->count;
    }
    return at == end || r->done == r->count;
}

static int read_mixed(struct map_report *r, const char *data, size_t len)
{
    struct trailer t;

    if (len < sizeof t)
        return SCOOP_EMISMATCH;
    len -= sizeof t;
    memcpy(&t, data + len, sizeof t);
    if (t.done > r->count || (r->out_size && t.done > len / r->out_size))
        return SCOOP_EMISMATCH;
    size_t out_len = (size_t)t.done * r->out_size;
    len -= out_len;
    if (t.bads > len / sizeof *r->bad)
        return SCOOP_EMISMATCH;
    size_t bad_len = (size_t)t.bads * sizeof *r->bad;
    if (t.error_len != len - bad_len)
        return SCOOP_EMISMATCH;
    r->done = t.done;
    r->out = (char *)(uintptr_t)data;
    r->bads = (size_t)t.bads;
    r->bad = malloc(bad_len + 1);
    if (!r->bad)
        return SCOOP_ENOMEM;
    memcpy(r->bad, data + out_len, bad_len);
    if (!are_sound(r))
        return SCOOP_EMISMATCH;
    r->error = error_unpack(data + out_len + bad_len, (size_t)t.error_len);
    return 0;
}

int map_report_read(struct map_report *r, uint64_t first, uint64_t count,
                    size_t out_size, int status, const void *data, size_t len)
{
    memset(r, 0, sizeof *r);
    r->first = first;
    r->count = count;
    if (status > 0 && status & IN_PLACE) {
        r->is_in_place = true;
        status &= ~IN_PLACE;
        out_size = 0;
    }
    r->out_size = out_size;
    if (status < 0) {
        r->error = error_unpack(data, len);
        map_report_bad_take(r, first, count, status, NULL);
        return r->status;
    }
    if (len && !data)
        return SCOOP_ENOMEM;
    if (status)
        return status == SOME_BAD ? read_mixed(r, data, len) : SCOOP_EMISMATCH;
    r->done = count;
    r->out = (char *)(uintptr_t)data;
    return len == count * out_size ? 0 : SCOOP_EMISMATCH;
}
