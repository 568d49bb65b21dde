/* The current file of store_segment.h. */
#include "proxy/store_segment.h"

#include "protocol/xalloc.h"
#include "proxy/disk_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BUFFER_BYTES = 1024 * 1024,
    KEPT_BYTES = 256 * 1024, /* stays readable from memory when the buffer makes room */
    IN_USE_AT = BINLOG_MAGIC_BYTES + 17,
};

void store_segment_init(struct store_segment *segment)
{
    *segment = (struct store_segment){.fd = -1};
}

void store_segment_release(struct store_segment *segment)
{
    if (segment->fd >= 0)
        close(segment->fd);
    free(segment->buffer);
    store_segment_init(segment);
}

void store_segment_adopt(struct store_segment *segment, int fd, uint64_t end_bytes)
{
    if (segment->fd >= 0)
        close(segment->fd);
    if (segment->buffer == NULL)
        segment->buffer = xmalloc(BUFFER_BYTES);
    segment->fd = fd;
    segment->end = segment->done = segment->at = segment->written = segment->buffer_start = end_bytes;
}

enum result store_segment_create(struct store_segment *segment, int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return RESULT_IO;
    enum result result = disk_io_write(fd, (struct span){binlog_magic, BINLOG_MAGIC_BYTES}, 0);
    if (result == RESULT_OK && (disk_io.fdatasync(fd) != 0 || fsync(dir_fd) != 0))
        result = RESULT_IO;
    if (result != RESULT_OK) {
        int reason = errno;
        close(fd);
        unlinkat(dir_fd, name, 0);
        errno = reason;
        return result;
    }
    store_segment_adopt(segment, fd, BINLOG_START);
    return RESULT_OK;
}

static size_t buffered(const struct store_segment *segment)
{
    return (size_t)(segment->at - segment->buffer_start);
}

/* Hands what the system does not have yet to it, up to `to`. */
static enum result write_up_to(struct store_segment *segment, uint64_t to)
{
    if (to <= segment->written)
        return RESULT_OK;
    size_t skip = (size_t)(segment->written - segment->buffer_start);
    struct span bytes = {segment->buffer + skip, (size_t)(to - segment->written)};
    enum result result = disk_io_write(segment->fd, bytes, segment->written);
    if (result == RESULT_OK)
        segment->written = to;
    return result;
}

/* The buffer is full: writes it out and keeps the last part of it. */
static enum result make_room(struct store_segment *segment)
{
    enum result result = write_up_to(segment, segment->at);
    if (result != RESULT_OK)
        return result;
    size_t dropped = buffered(segment) - KEPT_BYTES;
    memmove(segment->buffer, segment->buffer + dropped, KEPT_BYTES);
    segment->buffer_start += dropped;
    return RESULT_OK;
}

/* The flag stands in the file's first event, which is never split by the buffer. */
static void mark_in_use(struct store_segment *segment)
{
    if (segment->done == BINLOG_START && segment->at > IN_USE_AT && segment->buffer_start <= IN_USE_AT)
        segment->buffer[IN_USE_AT - segment->buffer_start] |= BINLOG_FLAG_IN_USE;
}

enum result store_segment_append(struct store_segment *segment, struct span bytes)
{
    while (bytes.length > 0) {
        if (buffered(segment) == BUFFER_BYTES) {
            enum result result = make_room(segment);
            if (result != RESULT_OK)
                return result;
        }
        size_t room = BUFFER_BYTES - buffered(segment);
        size_t length = bytes.length < room ? bytes.length : room;
        memcpy(segment->buffer + buffered(segment), bytes.data, length);
        segment->at += length;
        bytes.data += length;
        bytes.length -= length;
    }
    mark_in_use(segment);
    return RESULT_OK;
}

void store_segment_event_done(struct store_segment *segment)
{
    segment->done = segment->at;
}

/* Forgets what is behind offset, in memory and in the file. */
static enum result take_back(struct store_segment *segment, uint64_t offset)
{
    segment->at = segment->done = offset;
    if (segment->buffer_start > offset)
        segment->buffer_start = offset;
    if (segment->written <= offset)
        return RESULT_OK;
    if (disk_io.ftruncate(segment->fd, (off_t)offset) != 0)
        return RESULT_IO;
    segment->written = offset;
    return RESULT_OK;
}

enum result store_segment_event_abort(struct store_segment *segment)
{
    return take_back(segment, segment->done);
}

enum result store_segment_write(struct store_segment *segment)
{
    enum result result = write_up_to(segment, segment->done);
    if (result == RESULT_OK)
        segment->end = segment->done;
    return result;
}

enum result store_segment_finish(struct store_segment *segment, bool stays_in_use)
{
    assert(segment->end == segment->at);
    uint8_t flags;
    if (disk_io.fdatasync(segment->fd) != 0)
        return RESULT_IO;
    if (stays_in_use || segment->end <= IN_USE_AT)
        return RESULT_OK;
    enum result result = disk_io_read(segment->fd, &flags, 1, IN_USE_AT);
    if (result != RESULT_OK || (flags & BINLOG_FLAG_IN_USE) == 0)
        return result;
    flags = (uint8_t)(flags & ~BINLOG_FLAG_IN_USE);
    result = disk_io_write(segment->fd, (struct span){&flags, 1}, IN_USE_AT);
    if (result == RESULT_OK && disk_io.fdatasync(segment->fd) != 0)
        result = RESULT_IO;
    return result;
}

void store_segment_cut(struct store_segment *segment)
{
    if (segment->fd < 0)
        return;
    segment->written = segment->end + 1; /* a failed write may have left a part of itself */
    enum result ignored = take_back(segment, segment->end);
    (void)ignored;
}

uint64_t store_segment_event_length(const struct store_segment *segment)
{
    return segment->at - segment->done;
}

enum result store_segment_event_load(struct store_segment *segment, uint8_t **ret_event)
{
    size_t length = (size_t)(segment->at - segment->done);
    enum result result = write_up_to(segment, segment->at);
    if (result != RESULT_OK)
        return result;
    uint8_t *event = xmalloc(length);
    result = disk_io_read(segment->fd, event, length, segment->done);
    if (result != RESULT_OK) {
        free(event);
        return RESULT_IO;
    }
    *ret_event = event;
    return RESULT_OK;
}

struct span store_segment_recent(const struct store_segment *segment, uint64_t offset)
{
    if (offset < segment->buffer_start || offset >= segment->end)
        return (struct span){NULL, 0};
    return (struct span){segment->buffer + (offset - segment->buffer_start), (size_t)(segment->end - offset)};
}
