/* SPDX-License-Identifier: MIT */
/* node_segment.c -- a piece of memory that the ranks of one node share
 *
 * What node.c says of node memory holds here as well: a random name in
 * /dev/shm for as long as others have to find it, and posix_fallocate, so that
 * a /dev/shm that is full is an error code and not a SIGBUS.  A rank that is
 * killed while the name is there leaves the segment behind: the name should go
 * as soon as all have joined.
 *
 * A segment is mapped at different addresses by different ranks, so nothing in
 * it may be a pointer.
 *
 * Fresh memory costs more than the bytes that go into it.  What is known when
 * the segment is made is therefore written to the file and not through the
 * mapping: the kernel then fills each page once, where posix_fallocate would
 * zero it first, and no page has to be faulted in by a store (measured: 1.6
 * times as fast).  Ordinary memory that is large asks for large pages, which
 * come four times as fast.  Those of shared memory could not be relied on:
 * the kernel has them switched off unless an administrator says otherwise.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif
#include "node_segment.h"

#include "node.h"
#include "scoop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tests make memory scarce. */
#ifndef NODE_TEST_FULL
#define NODE_TEST_FULL() 0
#endif

/* Ordinary memory from here on asks for large pages. */
#define LARGE_BYTES ((size_t)8 << 20)

static int code_of(int error)
{
    return error == ENOSPC || error == ENOMEM || error == EFBIG ||
                   error == EMFILE || error == ENFILE
               ? SCOOP_ENOMEM
               : SCOOP_ESYSTEM;
}

/* Nobody else can guess the name, so nobody can be there first. */
static int choose_name(char *name)
{
    unsigned char noise[16];
    size_t len =
        (size_t)snprintf(name, NODE_SEGMENT_NAME, "%s", "/scoop-const-");

    if (getrandom(noise, sizeof noise, 0) != (ssize_t)sizeof noise)
        return SCOOP_ESYSTEM;
    for (size_t i = 0; i < sizeof noise; i++)
        len += (size_t)snprintf(name + len, NODE_SEGMENT_NAME - len, "%02x",
                                noise[i]);
    return 0;
}

static int map(struct node_segment *segment, size_t len, int protection,
               int flags, int fd)
{
    void *data = mmap(NULL, len, protection, flags, fd, 0);

    if (data == MAP_FAILED)
        return code_of(errno);
    segment->data = data;
    segment->len = len;
    return 0;
}

static int allocate(int fd, size_t len)
{
    int error;

    do /* tmpfs gives up, and gives back, when a signal comes */
        error = posix_fallocate(fd, 0, (off_t)len);
    while (error == EINTR);
    return error ? code_of(error) : 0;
}

/* The file's bytes: a full /dev/shm is an error here as well. */
static int fill(int fd, const void *from, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t more =
            pwrite(fd, (const char *)from + done, len - done, (off_t)done);
        if (more > 0)
            done += (size_t)more;
        else if (more == 0 || errno != EINTR)
            return more ? code_of(errno) : SCOOP_ESYSTEM;
    }
    return 0;
}

static int make_shared(struct node_segment *segment, const void *from,
                       size_t len)
{
    int status = choose_name(segment->name);

    if (status) {
        segment->name[0] = '\0';
        return status;
    }
    int fd = shm_open(segment->name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0) {
        status = code_of(errno);
        segment->name[0] = '\0';
        return status;
    }
    status = from ? fill(fd, from, len) : allocate(fd, len);
    if (!status)
        status = map(segment, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    close(fd);
    if (status)
        node_segment_drop(segment);
    return status;
}

static int make_alone(struct node_segment *segment, const void *from,
                      size_t len)
{
    int status = map(segment, len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1);

    if (!status && len >= LARGE_BYTES)
        madvise(segment->data, len, MADV_HUGEPAGE); /* a wish only */
    if (!status && from)
        memcpy(segment->data, from, len);
    return status;
}

int node_segment_make(struct node_segment *segment, const struct node *node,
                      const void *from, size_t len)
{
    *segment = (struct node_segment){0};
    if (!len || len > (size_t)PTRDIFF_MAX)
        return len ? SCOOP_ENOMEM : SCOOP_EINVAL;
    if (NODE_TEST_FULL())
        return SCOOP_ENOMEM;
    return node->locals > 1 ? make_shared(segment, from, len)
                            : make_alone(segment, from, len);
}

int node_segment_join(struct node_segment *segment, const char *name,
                      size_t len)
{
    struct stat stat;
    int status = 0;

    *segment = (struct node_segment){0};
    if (NODE_TEST_FULL())
        return SCOOP_ENOMEM;
    int fd = shm_open(name, O_RDONLY, 0);
    if (fd < 0)
        return code_of(errno);
    if (fstat(fd, &stat) || (uint64_t)stat.st_size != len)
        status = SCOOP_ESYSTEM;
    if (!status)
        status = map(segment, len, PROT_READ, MAP_SHARED, fd);
    close(fd);
    return status;
}

void node_segment_seal(struct node_segment *segment)
{
    if (segment->data)
        mprotect(segment->data, segment->len, PROT_READ);
}

void node_segment_forget(const char *name)
{
    if (name[0])
        shm_unlink(name);
}

void node_segment_drop(struct node_segment *segment)
{
    node_segment_forget(segment->name);
    if (segment->data)
        munmap(segment->data, segment->len);
    *segment = (struct node_segment){0};
}
