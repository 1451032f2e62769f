/* SPDX-License-Identifier: MIT */
/* map.h -- range tasks: split, run, combine
 *
 * See map.c.
 */
#ifndef MAP_H
#define MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct future;
struct runtime;
struct scoop_task;

struct slice; /* the part of the input that a guest has */

/* Runs a piece on the running stack, home or guest; it is gone afterwards. */
void map_run_piece(struct runtime *rt, struct future *piece);
/* A guest piece is given up before it ran (cancelled, no memory). */
void map_drop_guest(struct runtime *rt, struct future *piece, int status,
                    struct error *error);
/* A home piece is given up before it ran. */
void map_drop_piece(struct runtime *rt, struct future *piece, int status,
                    struct error *error);
/* Whether a guest is a piece that reads its input where that lies, and need not
 * send for it. */
bool map_reads_input(struct runtime *rt, const struct future *piece);
/* A guest piece's input has come; data is kept. */
int map_input_take(struct runtime *rt, struct future *piece, void *data);
/* A part of a home piece has been done elsewhere. */
void map_result(struct runtime *rt, struct future *piece, uint64_t first,
                uint64_t count, int status, const void *data, size_t len);
/* A rank has a home piece, or a part that was split off it. */
void map_note_holder(struct runtime *rt, struct future *piece, int holder);
/* To all who have a part of a home piece: do not run it. */
void map_cancel_piece(struct runtime *rt, struct future *piece);
/* Lets go of what a guest piece has. */
void map_forget_guest(struct future *piece);

#endif
