/* The reader of binlog_file.h. */
#include "recovery/binlog_file.h"

#include "protocol/xalloc.h"
#include "recovery/crc32c.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Bytes from offset on that the buffer holds, refilled when it has none; empty at the file's end. */
static enum result bytes_at(struct binlog_file *file, uint64_t offset, struct span *ret_bytes)
{
    if (offset < file->buffer_at || offset >= file->buffer_at + file->buffer_length) {
        size_t got = 0;
        file->buffer_length = 0;
        enum result result = storage_read(file->file, offset, file->buffer, BINLOG_FILE_BUFFER_BYTES, &got);
        if (result != RESULT_OK)
            return result;
        file->buffer_at = offset;
        file->buffer_length = got;
    }
    size_t skipped = (size_t)(offset - file->buffer_at);
    *ret_bytes = (struct span){file->buffer + skipped, file->buffer_length - skipped};
    return RESULT_OK;
}

/* RESULT_TRUNCATED: the file has fewer. */
static enum result copy_out(struct binlog_file *file, uint64_t offset, uint8_t *ret_bytes, size_t length)
{
    while (length > 0) {
        struct span bytes;
        enum result result = bytes_at(file, offset, &bytes);
        if (result != RESULT_OK)
            return result;
        if (bytes.length == 0)
            return RESULT_TRUNCATED;
        size_t part = bytes.length < length ? bytes.length : length;
        memcpy(ret_bytes, bytes.data, part);
        ret_bytes += part;
        offset += part;
        length -= part;
    }
    return RESULT_OK;
}

static bool has_checksum(const struct binlog_file *file, const struct binlog_event_header *header)
{
    return header->type == BINLOG_FORMAT_DESCRIPTION || binlog_format_is_checksummed(&file->format);
}

/* Checks the whole event that begins here, and adds it to *crc. */
static enum result check_event(struct binlog_file *file, uint64_t start,
                               const struct binlog_event_header *header, uint32_t *crc)
{
    struct binlog_crc sum;
    uint32_t total = *crc;
    uint64_t end = start + header->length;
    binlog_crc_init(&sum, header);
    for (uint64_t at = start; at < end;) {
        struct span bytes;
        enum result result = bytes_at(file, at, &bytes);
        if (result != RESULT_OK)
            return result;
        if (bytes.length == 0)
            return RESULT_TRUNCATED;
        if (bytes.length > end - at)
            bytes.length = (size_t)(end - at);
        binlog_crc_update(&sum, bytes);
        total = crc32c(total, bytes.data, bytes.length);
        at += bytes.length;
    }
    if (!has_checksum(file, header) && !binlog_event_fits_end(header, file->format.flavor, end))
        return RESULT_MALFORMED;
    enum result result = has_checksum(file, header) ? binlog_crc_final(&sum) : RESULT_OK;
    if (result == RESULT_OK)
        *crc = total;
    return result;
}

/* Its header, with a length that the file can hold. */
static enum result read_header(struct binlog_file *file, uint64_t start,
                               struct binlog_event_header *ret_header)
{
    uint8_t bytes[BINLOG_HEADER_BYTES];
    if (file->size - start < sizeof bytes)
        return RESULT_TRUNCATED;
    enum result result = copy_out(file, start, bytes, sizeof bytes);
    if (result == RESULT_OK)
        result = binlog_event_header_decode((struct span){bytes, sizeof bytes}, ret_header);
    if (result == RESULT_OK && ret_header->length > file->size - start)
        result = RESULT_TRUNCATED;
    return result;
}

enum result binlog_file_next(struct binlog_file *file, struct binlog_file_event *ret_event)
{
    struct binlog_file_event event = {.start = file->at};
    if (file->at >= file->size)
        return RESULT_CLOSED;
    enum result result = read_header(file, event.start, &event.header);
    if (result != RESULT_OK)
        return result;
    size_t length = event.header.length;
    size_t tail = has_checksum(file, &event.header) ? BINLOG_CHECKSUM_BYTES : 0;
    if (length < BINLOG_HEADER_BYTES + tail)
        return RESULT_MALFORMED;
    size_t body = length - BINLOG_HEADER_BYTES - tail;
    if (body > TXN_BODY_BYTES)
        body = TXN_BODY_BYTES;
    result = copy_out(file, event.start, file->lead, BINLOG_HEADER_BYTES + body);
    if (result == RESULT_OK)
        result = check_event(file, event.start, &event.header, &file->crc32c);
    if (result != RESULT_OK)
        return result;
    event.body = (struct span){file->lead + BINLOG_HEADER_BYTES, body};
    file->at += length;
    *ret_event = event;
    return RESULT_OK;
}

void binlog_file_seek(struct binlog_file *file, uint64_t offset)
{
    assert(offset >= BINLOG_START);
    file->at = offset;
}

enum result binlog_file_find(struct binlog_file *file, uint64_t offset, bool *ret_is_found,
                             uint64_t *ret_start)
{
    for (; offset + BINLOG_HEADER_BYTES <= file->size; offset++) {
        struct binlog_event_header header;
        uint32_t crc = 0;
        enum result result = read_header(file, offset, &header);
        if (result == RESULT_OK && header.type != 0 &&
            binlog_event_fits_end(&header, FLAVOR_UNKNOWN, offset + header.length))
            result = check_event(file, offset, &header, &crc);
        else if (result == RESULT_OK)
            result = RESULT_MALFORMED;
        if (result == RESULT_IO)
            return result;
        if (result == RESULT_OK) {
            *ret_start = offset;
            *ret_is_found = true;
            return RESULT_OK;
        }
    }
    *ret_is_found = false;
    return RESULT_OK;
}

static enum result read_magic(struct binlog_file *file)
{
    uint8_t magic[BINLOG_MAGIC_BYTES];
    enum result result = copy_out(file, 0, magic, sizeof magic);
    if (result != RESULT_OK)
        return result;
    file->is_encrypted = memcmp(magic, binlog_magic_encrypted, sizeof magic) == 0;
    if (!file->is_encrypted && memcmp(magic, binlog_magic, sizeof magic) != 0)
        return RESULT_MALFORMED;
    return RESULT_OK;
}

static enum result read_format(struct binlog_file *file)
{
    uint8_t event[BINLOG_FORMAT_EVENT_MAX];
    struct binlog_event_header header;
    enum result result = read_header(file, BINLOG_START, &header);
    if (result != RESULT_OK)
        return result;
    if (header.type != BINLOG_FORMAT_DESCRIPTION || header.length > sizeof event)
        return RESULT_MALFORMED;
    result = copy_out(file, BINLOG_START, event, header.length);
    if (result == RESULT_OK)
        result = binlog_format_decode((struct span){event, header.length}, &file->format);
    if (result != RESULT_OK)
        return result;
    file->format_length = header.length;
    file->server_id = header.server_id;
    file->in_use = (header.flags & BINLOG_FLAG_IN_USE) != 0;
    file->is_relay_log = (header.flags & BINLOG_FLAG_RELAY_LOG) != 0;
    file->at = BINLOG_START + header.length;
    /* MariaDB says in the event behind it that all others are encrypted */
    struct binlog_event_header next;
    result = read_header(file, file->at, &next);
    file->is_encrypted = result == RESULT_OK && next.type == BINLOG_MARIADB_START_ENCRYPTION;
    return result == RESULT_IO ? result : RESULT_OK;
}

enum result binlog_file_open(struct storage *storage, const char *path, struct binlog_file *file)
{
    *file = (struct binlog_file){0};
    enum result result = storage_open(storage, path, STORAGE_READ, &file->file);
    if (result != RESULT_OK)
        return result;
    file->buffer = xmalloc(BINLOG_FILE_BUFFER_BYTES);
    result = storage_size(file->file, &file->size);
    if (result == RESULT_OK && file->size < BINLOG_START)
        result = RESULT_TRUNCATED;
    if (result == RESULT_OK)
        result = read_magic(file);
    if (result == RESULT_OK && !file->is_encrypted)
        result = read_format(file);
    if (result != RESULT_OK)
        binlog_file_close(file);
    return result;
}

enum result binlog_file_lead(struct binlog_file *file, uint8_t ret_bytes[BINLOG_FILE_LEAD_MAX],
                             size_t *ret_length)
{
    size_t length = BINLOG_START + file->format_length;
    assert(file->format_length >= BINLOG_HEADER_BYTES && length <= BINLOG_FILE_LEAD_MAX);
    enum result result = copy_out(file, 0, ret_bytes, length);
    if (result != RESULT_OK)
        return result;
    binlog_event_set_in_use(ret_bytes + BINLOG_START, false);
    *ret_length = length;
    return RESULT_OK;
}

void binlog_file_close(struct binlog_file *file)
{
    storage_close(&file->file);
    free(file->buffer);
    file->buffer = NULL;
}
