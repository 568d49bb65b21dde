/* Walking events of a file: store_scanner.h. */
#include "proxy/store_scanner.h"

#include "protocol/xalloc.h"
#include "proxy/disk_io.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFER_BYTES = 256 * 1024,
    READ_BYTES_MIN = 16 * 1024, /* header, leading bytes of the body, and some */
    STATE_BYTES_MAX = 256 * 1024 * 1024,
};

/* Makes at least need_bytes from offset on available; need_bytes is small and ends before scanner.end. */
static enum result fill(struct store_scanner *scanner, uint64_t offset, size_t need_bytes)
{
    uint64_t buffer_end = scanner->buffer_start + scanner->buffer_length;
    assert(need_bytes <= READ_BYTES_MIN && offset + need_bytes <= scanner->end);
    if (offset >= scanner->buffer_start && offset + need_bytes <= buffer_end)
        return RESULT_OK;
    bool goes_on = offset >= scanner->buffer_start && offset <= buffer_end;
    scanner->read_bytes = goes_on ? scanner->read_bytes * 2 : READ_BYTES_MIN;
    if (scanner->read_bytes > BUFFER_BYTES)
        scanner->read_bytes = BUFFER_BYTES;
    uint64_t left = scanner->end - offset;
    size_t length = left < scanner->read_bytes ? (size_t)left : scanner->read_bytes;
    scanner->buffer_length = 0;
    enum result result = disk_io_read(scanner->fd, scanner->buffer, length, offset);
    if (result != RESULT_OK)
        return result;
    scanner->buffer_start = offset;
    scanner->buffer_length = length;
    return RESULT_OK;
}

/* What the buffer has from offset on, filled before. */
static struct span filled(const struct store_scanner *scanner, uint64_t offset)
{
    size_t skip = (size_t)(offset - scanner->buffer_start);
    return (struct span){scanner->buffer + skip, scanner->buffer_length - skip};
}

enum result store_scanner_init(struct store_scanner *scanner, int fd, uint64_t end_bytes)
{
    *scanner =
        (struct store_scanner){.fd = fd, .at = BINLOG_START, .end = end_bytes, .read_bytes = READ_BYTES_MIN};
    scanner->buffer = xmalloc(BUFFER_BYTES);
    if (end_bytes < BINLOG_MAGIC_BYTES)
        return RESULT_TRUNCATED;
    enum result result = fill(scanner, 0, BINLOG_MAGIC_BYTES);
    if (result != RESULT_OK)
        return result;
    if (memcmp(scanner->buffer, binlog_magic_encrypted, BINLOG_MAGIC_BYTES) == 0)
        return RESULT_UNSUPPORTED;
    return memcmp(scanner->buffer, binlog_magic, BINLOG_MAGIC_BYTES) == 0 ? RESULT_OK : RESULT_MALFORMED;
}

void store_scanner_release(struct store_scanner *scanner)
{
    free(scanner->buffer);
    scanner->buffer = NULL;
}

/* flavor: FLAVOR_UNKNOWN where only an event counts that says itself where it ends. */
static enum result read_header(struct store_scanner *scanner, uint64_t offset, enum flavor flavor,
                               struct binlog_event_header *ret_header)
{
    struct binlog_event_header header;
    if (scanner->end - offset < BINLOG_HEADER_BYTES)
        return RESULT_TRUNCATED;
    enum result result = fill(scanner, offset, BINLOG_HEADER_BYTES);
    if (result == RESULT_OK)
        result = binlog_event_header_decode(filled(scanner, offset), &header);
    if (result != RESULT_OK)
        return result;
    uint64_t end = offset + header.length;
    if (!binlog_event_fits_end(&header, flavor, end))
        return RESULT_MALFORMED;
    if (end > scanner->end)
        return RESULT_TRUNCATED;
    *ret_header = header;
    return RESULT_OK;
}

/* Reads all bytes of the event. */
static enum result check_sum(struct store_scanner *scanner, uint64_t offset,
                             const struct binlog_event_header *header)
{
    if (header->length < BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES)
        return RESULT_MALFORMED;
    struct binlog_crc crc;
    binlog_crc_init(&crc, header);
    for (uint64_t at = offset, end = offset + header->length; at < end;) {
        enum result result = fill(scanner, at, 1);
        if (result != RESULT_OK)
            return result;
        struct span bytes = filled(scanner, at);
        if (bytes.length > end - at)
            bytes.length = (size_t)(end - at);
        binlog_crc_update(&crc, bytes);
        at += bytes.length;
    }
    return binlog_crc_final(&crc);
}

static bool has_checksum(const struct store_scanner *scanner, const struct binlog_event_header *header)
{
    return header->type == BINLOG_FORMAT_DESCRIPTION ||
           (scanner->has_format && binlog_format_is_checksummed(&scanner->format));
}

static enum result read_body(struct store_scanner *scanner, uint64_t offset,
                             const struct binlog_event_header *header, struct span *ret_body)
{
    size_t tail = has_checksum(scanner, header) ? BINLOG_CHECKSUM_BYTES : 0;
    if (header->length < BINLOG_HEADER_BYTES + tail)
        return RESULT_MALFORMED;
    size_t length = header->length - BINLOG_HEADER_BYTES - tail;
    if (length > TXN_BODY_BYTES)
        length = TXN_BODY_BYTES;
    enum result result = fill(scanner, offset, BINLOG_HEADER_BYTES + length);
    if (result != RESULT_OK)
        return result;
    *ret_body = (struct span){filled(scanner, offset).data + BINLOG_HEADER_BYTES, length};
    return RESULT_OK;
}

/* The format description is always checked, and must be the file's first event. */
static enum result read_format(struct store_scanner *scanner, uint64_t offset,
                               const struct binlog_event_header *header)
{
    if (header->length > BINLOG_FORMAT_EVENT_MAX)
        return RESULT_TOO_LARGE;
    enum result result = fill(scanner, offset, header->length);
    if (result != RESULT_OK)
        return result;
    struct span event = filled(scanner, offset);
    event.length = header->length;
    result = binlog_format_decode(event, &scanner->format);
    scanner->has_format = result == RESULT_OK;
    return result;
}

enum result store_scanner_next(struct store_scanner *scanner, bool verifies, struct store_event *ret_event)
{
    struct store_event event = {.start = scanner->at};
    if (scanner->at >= scanner->end)
        return RESULT_CLOSED;
    enum flavor flavor = scanner->has_format ? scanner->format.flavor : FLAVOR_UNKNOWN;
    enum result result = read_header(scanner, event.start, flavor, &event.header);
    if (result != RESULT_OK)
        return result;
    bool is_format = event.header.type == BINLOG_FORMAT_DESCRIPTION;
    if (is_format != (event.start == BINLOG_START))
        return RESULT_MALFORMED;
    if (is_format)
        result = read_format(scanner, event.start, &event.header);
    else if (verifies && has_checksum(scanner, &event.header))
        result = check_sum(scanner, event.start, &event.header);
    if (result == RESULT_OK)
        result = read_body(scanner, event.start, &event.header, &event.body);
    if (result != RESULT_OK)
        return result;
    scanner->at += event.header.length;
    *ret_event = event;
    return RESULT_OK;
}

void store_scanner_seek(struct store_scanner *scanner, uint64_t offset)
{
    assert(scanner->has_format && offset > BINLOG_START && offset <= scanner->end);
    scanner->at = offset;
}

bool store_event_is_state(enum flavor flavor, uint8_t event_type)
{
    return event_type == (flavor == FLAVOR_MARIADB ? BINLOG_MARIADB_GTID_LIST : BINLOG_PREVIOUS_GTIDS);
}

enum result store_scanner_load_state(struct store_scanner *scanner, const struct store_event *event,
                                     struct gtid_state *ret_state)
{
    size_t tail = has_checksum(scanner, &event->header) ? BINLOG_CHECKSUM_BYTES : 0;
    size_t length = event->header.length - BINLOG_HEADER_BYTES - tail;
    if (length <= event->body.length)
        return gtid_state_decode(ret_state, event->header.type, event->body);
    if (length > STATE_BYTES_MAX)
        return RESULT_TOO_LARGE;
    uint8_t *body = xmalloc(length);
    enum result result = disk_io_read(scanner->fd, body, length, event->start + BINLOG_HEADER_BYTES);
    if (result == RESULT_OK)
        result = gtid_state_decode(ret_state, event->header.type, (struct span){body, length});
    free(body);
    return result;
}

bool store_scanner_find(struct store_scanner *scanner, uint64_t offset, uint64_t *ret_start)
{
    for (; offset + BINLOG_HEADER_BYTES <= scanner->end; offset++) {
        struct binlog_event_header header;
        if (read_header(scanner, offset, FLAVOR_UNKNOWN, &header) != RESULT_OK)
            continue;
        if (has_checksum(scanner, &header) && check_sum(scanner, offset, &header) != RESULT_OK)
            continue;
        *ret_start = offset;
        return true;
    }
    return false;
}
