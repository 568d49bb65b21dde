/* FORMAT_DESCRIPTION; binlog_format.h has the layout. */
#include "protocol/binlog_format.h"

#include <assert.h>
#include <string.h>

#define FIXED_BYTES   (2u + BINLOG_SERVER_VERSION_BYTES + 4u + 1u)
#define CREATED_AT    (BINLOG_HEADER_BYTES + 2u + BINLOG_SERVER_VERSION_BYTES)
#define TAIL_BYTES    (1u + BINLOG_CHECKSUM_BYTES) /* algorithm and checksum */
#define LENGTHS_MAX   255u
#define VERSION_KNOWN 4u

static enum result decode_body(struct span body, struct binlog_format *format)
{
    struct reader reader;
    reader_init_span(&reader, body);
    format->version = reader_u16(&reader);
    struct span server_version = reader_bytes(&reader, BINLOG_SERVER_VERSION_BYTES);
    format->created = reader_u32(&reader);
    format->header_length = reader_u8(&reader);
    size_t left = reader_left(&reader);
    if (reader_failed(&reader) || left < 1)
        return RESULT_TRUNCATED;
    if (left - 1 > LENGTHS_MAX)
        return RESULT_MALFORMED;
    format->post_header_count = (uint8_t)(left - 1);
    struct span lengths = reader_bytes(&reader, left - 1);
    if (lengths.length > 0)
        memcpy(format->post_header_lengths + 1, lengths.data, lengths.length);
    uint8_t algorithm = reader_u8(&reader);
    if (format->version != VERSION_KNOWN || format->header_length != BINLOG_HEADER_BYTES ||
        algorithm > BINLOG_CHECKSUM_CRC32)
        return RESULT_UNSUPPORTED;
    format->checksum = algorithm;
    memcpy(format->server_version, server_version.data, server_version.length);
    format->flavor = strstr(format->server_version, "MariaDB") != NULL ? FLAVOR_MARIADB : FLAVOR_MYSQL;
    return RESULT_OK;
}

enum result binlog_format_decode(struct span event, struct binlog_format *ret_format)
{
    struct binlog_event_header header;
    struct span body;
    enum result result = binlog_event_body(event, true, &body);
    if (result == RESULT_OK)
        result = binlog_event_header_decode(event, &header);
    if (result != RESULT_OK)
        return result;
    if (header.type != BINLOG_FORMAT_DESCRIPTION)
        return RESULT_MALFORMED;
    result = binlog_event_check(event);
    if (result != RESULT_OK)
        return result;
    struct binlog_format format = {0};
    result = decode_body(body, &format);
    if (result == RESULT_OK)
        *ret_format = format;
    return result;
}

bool binlog_format_is_checksummed(const struct binlog_format *format)
{
    return format->checksum == BINLOG_CHECKSUM_CRC32;
}

void binlog_format_encode(struct writer *writer, const struct binlog_event_header *header,
                          const struct binlog_format *format)
{
    struct binlog_event_header own = *header;
    own.type = BINLOG_FORMAT_DESCRIPTION;
    own.length = BINLOG_HEADER_BYTES + FIXED_BYTES + format->post_header_count + TAIL_BYTES;
    size_t start = writer->length;
    binlog_event_header_encode(writer, &own);
    writer_u16(writer, format->version);
    size_t version_bytes = strnlen(format->server_version, BINLOG_SERVER_VERSION_BYTES);
    writer_bytes(writer, format->server_version, version_bytes);
    writer_zeros(writer, BINLOG_SERVER_VERSION_BYTES - version_bytes);
    writer_u32(writer, format->created);
    writer_u8(writer, format->header_length);
    writer_bytes(writer, format->post_header_lengths + 1, format->post_header_count);
    writer_u8(writer, (uint8_t)format->checksum);
    writer_u32(writer, 0);
    if (!writer_failed(writer))
        binlog_event_seal(writer->data + start, own.length);
}

void binlog_format_prepare(uint8_t *event, size_t length_bytes, bool mid_file, bool checksums)
{
    assert(length_bytes >= BINLOG_HEADER_BYTES + FIXED_BYTES + TAIL_BYTES);
    binlog_event_set_in_use(event, false);
    if (mid_file) {
        binlog_event_set_log_pos(event, length_bytes, 0, false);
        memset(event + CREATED_AT, 0, 4);
    }
    if (!checksums)
        event[length_bytes - TAIL_BYTES] = BINLOG_CHECKSUM_NONE;
    binlog_event_seal(event, length_bytes);
}
