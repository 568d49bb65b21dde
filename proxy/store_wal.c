/* The WAL of store_wal.h. */
#include "proxy/store_wal.h"

#include "protocol/writer.h"
#include "protocol/xalloc.h"
#include "proxy/disk_io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    BLOCK_BYTES = 4096,
    WAL_BYTES = 4 * 1024 * 1024,
    PAYLOAD_MAX = 128 * 1024, /* longer batches are cheaper to sync where they belong */
    MAGIC = 0x31574741,       /* "AGW1" */
    CRC_FROM = 8,
    HEAD_BYTES = 44,
    RECORD_MAX = HEAD_BYTES + PAYLOAD_MAX + BLOCK_BYTES,
};

static const char wal_name[] = "ackgate-store.wal";
static const char wal_name_new[] = "ackgate-store.wal.new";

struct wal_record {
    uint64_t pass;
    uint32_t index;
    uint32_t length;
    uint64_t file;
    uint64_t offset;
    uint32_t base_crc;
};

static uint32_t crc_of(const void *data, size_t length_bytes)
{
    return (uint32_t)crc32_z(0, data, length_bytes);
}

static size_t in_blocks(size_t bytes)
{
    return (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

void store_wal_init(struct store_wal *wal)
{
    *wal = (struct store_wal){.fd = -1};
}

void store_wal_release(struct store_wal *wal)
{
    if (wal->fd >= 0)
        close(wal->fd);
    free(wal->record);
    store_wal_init(wal);
}

/* ---- writing ---- */

static enum result write_record(struct store_wal *wal, uint32_t base_crc, struct position start,
                                struct span bytes)
{
    struct writer writer;
    size_t length = in_blocks(HEAD_BYTES + bytes.length);
    assert(wal->at + length <= WAL_BYTES && length <= RECORD_MAX);
    writer_init(&writer, wal->record, RECORD_MAX);
    writer_u32(&writer, MAGIC);
    writer_u32(&writer, 0); /* the CRC's place */
    writer_u64(&writer, wal->pass);
    writer_u32(&writer, wal->index);
    writer_u32(&writer, (uint32_t)bytes.length);
    writer_u64(&writer, start.file);
    writer_u64(&writer, start.offset);
    writer_u32(&writer, base_crc);
    assert(writer.length == HEAD_BYTES);
    writer_span(&writer, bytes);
    uint32_t crc = crc_of(wal->record + CRC_FROM, writer.length - CRC_FROM);
    writer_zeros(&writer, length - writer.length);
    assert(!writer_failed(&writer));
    writer_init(&writer, wal->record + 4, 4);
    writer_u32(&writer, crc);
    return disk_io_write(wal->fd, (struct span){wal->record, length}, wal->at);
}

bool store_wal_has_room(const struct store_wal *wal, size_t length_bytes)
{
    return length_bytes <= PAYLOAD_MAX && wal->at + in_blocks(HEAD_BYTES + length_bytes) <= WAL_BYTES;
}

enum result store_wal_put(struct store_wal *wal, const char *base, struct position start, struct span bytes)
{
    assert(bytes.length > 0);
    if (wal->index == 0)
        wal->base_crc = crc_of(base, strlen(base));
    enum result result = write_record(wal, wal->base_crc, start, bytes);
    if (result != RESULT_OK)
        return result;
    wal->index++;
    wal->at += in_blocks(HEAD_BYTES + bytes.length);
    return RESULT_OK;
}

void store_wal_restart(struct store_wal *wal)
{
    wal->pass++;
    wal->index = 0;
    wal->at = 0;
}

enum result store_wal_clear(struct store_wal *wal)
{
    store_wal_restart(wal);
    enum result result = write_record(wal, 0, POSITION_NONE, (struct span){NULL, 0});
    if (result == RESULT_OK && disk_io.fdatasync(wal->fd) != 0)
        result = RESULT_IO;
    store_wal_restart(wal);
    return result;
}

/* ---- opening ---- */

/* Real zeros, not a hole: overwriting them later changes nothing but bytes. */
static enum result fill(int fd)
{
    uint8_t *zeros = xcalloc(1, RECORD_MAX);
    enum result result = RESULT_OK;
    for (uint64_t at = 0; result == RESULT_OK && at < WAL_BYTES; at += RECORD_MAX) {
        size_t length = WAL_BYTES - at < RECORD_MAX ? (size_t)(WAL_BYTES - at) : RECORD_MAX;
        result = disk_io_write(fd, (struct span){zeros, length}, at);
    }
    free(zeros);
    if (result == RESULT_OK && disk_io.fdatasync(fd) != 0)
        result = RESULT_IO;
    return result;
}

static enum result create(int dir_fd)
{
    int fd = openat(dir_fd, wal_name_new, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return RESULT_IO;
    enum result result = fill(fd);
    int reason = errno;
    close(fd);
    errno = reason;
    if (result == RESULT_OK && (renameat(dir_fd, wal_name_new, dir_fd, wal_name) != 0 || fsync(dir_fd) != 0))
        result = RESULT_IO;
    return result;
}

/* -1 (errno; ENOENT: there is none, or none of the right size). */
static int open_file(int dir_fd)
{
    struct stat status;
    int fd = openat(dir_fd, wal_name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return -1;
    bool is_known = fstat(fd, &status) == 0;
    if (is_known && status.st_size == WAL_BYTES)
        return fd;
    int reason = is_known ? ENOENT : errno;
    close(fd);
    errno = reason;
    return -1;
}

static void adopt_file(struct store_wal *wal, int fd)
{
    wal->fd = fd;
    wal->record = xmalloc(RECORD_MAX);
    ssize_t ignored = getrandom(&wal->pass, sizeof(wal->pass), 0); /* one that no old record has */
    (void)ignored;
}

enum result store_wal_open(struct store_wal *wal, int dir_fd)
{
    int fd = open_file(dir_fd);
    if (fd < 0 && errno == ENOENT && create(dir_fd) == RESULT_OK)
        fd = open_file(dir_fd);
    if (fd < 0)
        return RESULT_IO;
    adopt_file(wal, fd);
    return RESULT_OK;
}

/* ---- putting back ---- */

static enum result decode(struct span bytes, struct wal_record *ret_record)
{
    struct reader reader;
    struct wal_record record;
    reader_init_span(&reader, bytes);
    bool is_magic = reader_u32(&reader) == MAGIC;
    uint32_t crc = reader_u32(&reader);
    record.pass = reader_u64(&reader);
    record.index = reader_u32(&reader);
    record.length = reader_u32(&reader);
    record.file = reader_u64(&reader);
    record.offset = reader_u64(&reader);
    record.base_crc = reader_u32(&reader);
    struct span payload = reader_bytes(&reader, record.length);
    if (!is_magic || reader_result(&reader) != RESULT_OK ||
        crc != crc_of(bytes.data + CRC_FROM, HEAD_BYTES - CRC_FROM + payload.length))
        return RESULT_NOT_FOUND;
    *ret_record = record;
    return RESULT_OK;
}

/* The bytes of a file from an offset on, as many as there are. */
static enum result read_some(int fd, uint8_t *ret_data, size_t room_bytes, uint64_t offset,
                             size_t *ret_length)
{
    size_t length = 0;
    while (length < room_bytes) {
        ssize_t taken = pread(fd, ret_data + length, room_bytes - length, (off_t)(offset + length));
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return RESULT_IO;
        if (taken == 0)
            break;
        length += (size_t)taken;
    }
    *ret_length = length;
    return RESULT_OK;
}

/* Writes it also where it seems to be: a sync that failed leaves pages that only look as if they were on
 * disk. */
static enum result put_back(int fd, struct span payload, uint64_t offset, uint64_t *lost_bytes)
{
    size_t length = 0;
    uint8_t *there = xmalloc(payload.length);
    enum result result = read_some(fd, there, payload.length, offset, &length);
    if (result == RESULT_OK && (length < payload.length || memcmp(there, payload.data, length) != 0))
        *lost_bytes += payload.length;
    free(there);
    return result == RESULT_OK ? disk_io_write(fd, payload, offset) : result;
}

static bool follows(const struct wal_record *record, const struct wal_record *first, uint32_t index)
{
    return record->pass == first->pass && record->index == index && record->length > 0 &&
           record->file == first->file && record->base_crc == first->base_crc;
}

/* A file that ends before the record has lost what was synced in itself: the WAL cannot help there. */
static bool reaches(int fd, uint64_t offset)
{
    struct stat status;
    return fstat(fd, &status) == 0 && (uint64_t)status.st_size >= offset;
}

/* all: the whole WAL. */
static enum result replay_into(struct span all, int fd, uint64_t *lost_bytes)
{
    struct wal_record first;
    struct wal_record record;
    uint64_t at = 0;
    enum result result = RESULT_OK;
    for (uint32_t index = 0; result == RESULT_OK && at < all.length; index++) {
        struct span rest = {all.data + at, all.length - (size_t)at};
        if (decode(rest, &record) != RESULT_OK)
            break;
        if (index == 0)
            first = record;
        if (!follows(&record, &first, index) || !reaches(fd, record.offset))
            break;
        struct span payload = {rest.data + HEAD_BYTES, record.length};
        result = put_back(fd, payload, record.offset, lost_bytes);
        at += in_blocks(HEAD_BYTES + record.length);
    }
    if (result == RESULT_OK && disk_io.fdatasync(fd) != 0)
        result = RESULT_IO;
    return result;
}

static enum result replay_all(const struct store_wal_target *target, struct span all, uint64_t *lost_bytes)
{
    struct wal_record first;
    char name[BINLOG_NAME_MAX];
    if (decode(all, &first) != RESULT_OK || first.length == 0 || first.file != target->file ||
        first.base_crc != crc_of(target->base, strlen(target->base)))
        return RESULT_OK;
    binlog_name_format(target->base, target->file, name);
    int fd = openat(target->dir_fd, name, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return RESULT_IO;
    enum result result = replay_into(all, fd, lost_bytes);
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}

enum result store_wal_replay(const struct store_wal_target *target, uint64_t *ret_lost_bytes)
{
    size_t length = 0;
    uint64_t lost_bytes = 0;
    struct store_wal wal = {.fd = open_file(target->dir_fd)};
    if (wal.fd < 0)
        return errno == ENOENT ? RESULT_OK : RESULT_IO;
    uint8_t *all = xmalloc(WAL_BYTES);
    enum result result = read_some(wal.fd, all, WAL_BYTES, 0, &length);
    if (result == RESULT_OK)
        result = replay_all(target, (struct span){all, length}, &lost_bytes);
    free(all);
    adopt_file(&wal, wal.fd);
    if (result == RESULT_OK)
        result = store_wal_clear(&wal);
    int reason = errno;
    store_wal_release(&wal);
    errno = reason;
    if (result == RESULT_OK)
        *ret_lost_bytes = lost_bytes;
    return result;
}
