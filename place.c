/* SPDX-License-Identifier: MIT */
/* place.c -- where a new task goes
 *
 *                      this rank, or node            another
 *     anywhere         its lane
 *     on a rank        fixed there                   sent, fixed there
 *     near a rank      its lane                      sent, its lane there
 *     on a node        its lane for this node        sent to one of its ranks,
 *                                                    the lane for that node
 *     near a node      its lane                      sent likewise, its lane
 *
 * What is in a lane may be robbed, by mates only in those for a node
 * (lanes.c).  The ranks of another node get such tasks in turn: which of them
 * is idle is known there, and an idle one robs the others; if the main thread
 * of the one that got it is busy, its helper passes it on (transfer_pass_on).
 * A preference is forgotten once the task has been sent: whoever steals it has
 * nothing better to do, and a further attempt may run anywhere.
 */
#include "place.h"

#include "public.h"
#include "queue.h"
#include "transfer.h"
#include "worker.h"

int place_check(struct runtime *rt, scoop_place place)
{
    int number = place.number;

    switch (place.kind) {
    case SCOOP_ANYWHERE:
        return 0;
    case SCOOP_ON_RANK:
    case SCOOP_NEAR_RANK:
        if (number >= 0 && number < rt->size)
            return 0;
        return runtime_fail(rt, SCOOP_EINVAL,
                            "there is no rank %d to place a task on: the farm "
                            "has %d",
                            number, rt->size);
    case SCOOP_ON_NODE:
    case SCOOP_NEAR_NODE:
        if (number >= 0 && number < rt->node.nodes)
            return 0;
        return runtime_fail(rt, SCOOP_EINVAL,
                            "there is no node %d to place a task on: the farm "
                            "has %d",
                            number, rt->node.nodes);
    }
    return runtime_fail(rt, SCOOP_EINVAL, "a place of kind %d is none",
                        (int)place.kind);
}

int place_task(struct runtime *rt, struct future *f, scoop_place place)
{
    int rank = place.number;

    switch (place.kind) {
    case SCOOP_ON_NODE:
        f->rec.flags |= TASK_NODE;
        /* fall through */
    case SCOOP_ON_RANK:
        f->rec.place = place.number;
        break;
    case SCOOP_NEAR_NODE:
        if (place.number == rt->node.my_node)
            break;
        rank = lanes_rank_of_node(&rt->lanes, &rt->node, place.number);
        /* fall through */
    case SCOOP_NEAR_RANK:
        if (rank != rt->rank)
            return transfer_place(rt, f, rank, WIRE_NEAR);
        break;
    }
    return queue_task(rt, f);
}
