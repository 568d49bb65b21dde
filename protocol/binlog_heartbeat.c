/* Heartbeats; binlog_heartbeat.h has the layouts. */
#include "protocol/binlog_heartbeat.h"

#include <assert.h>

enum field {
    FIELD_END = 0,
    FIELD_NAME = 1,
    FIELD_POSITION = 2,
};

static void decode_fields(struct reader *reader, struct binlog_heartbeat *heartbeat)
{
    while (reader_left(reader) > 0) {
        uint64_t type = reader_lenenc(reader);
        if (type == FIELD_END)
            return;
        struct span value = reader_lenenc_string(reader);
        if (type == FIELD_NAME) {
            heartbeat->name = value;
        } else if (type == FIELD_POSITION) {
            struct reader position;
            reader_init_span(&position, value);
            heartbeat->position = reader_lenenc(&position);
            if (!reader_at_end(&position))
                reader_fail(reader);
        }
    }
    reader_fail(reader); /* the end mark is missing */
}

enum result binlog_heartbeat_decode(const struct binlog_event_header *header, struct span body,
                                    struct binlog_heartbeat *ret_heartbeat)
{
    struct binlog_heartbeat heartbeat = {.name = body, .position = header->log_pos};
    if (header->type == BINLOG_HEARTBEAT_V2) {
        struct reader reader;
        reader_init_span(&reader, body);
        heartbeat = (struct binlog_heartbeat){0};
        decode_fields(&reader, &heartbeat);
        if (reader_failed(&reader))
            return RESULT_TRUNCATED;
    } else if (header->type != BINLOG_HEARTBEAT) {
        return RESULT_MALFORMED;
    }
    if (heartbeat.name.length == 0)
        return RESULT_MALFORMED;
    if (heartbeat.name.length >= BINLOG_NAME_MAX)
        return RESULT_TOO_LARGE;
    *ret_heartbeat = heartbeat;
    return RESULT_OK;
}

static void encode_fields(struct writer *writer, const struct binlog_heartbeat *heartbeat)
{
    uint8_t position[9];
    struct writer value;
    writer_init(&value, position, sizeof position);
    writer_lenenc(&value, heartbeat->position);
    writer_lenenc(writer, FIELD_NAME);
    writer_lenenc_string(writer, heartbeat->name);
    writer_lenenc(writer, FIELD_POSITION);
    writer_lenenc_string(writer, writer_span_written(&value));
    writer_lenenc(writer, FIELD_END);
}

void binlog_heartbeat_encode(struct writer *writer, uint8_t type, uint32_t server_id,
                             const struct binlog_heartbeat *heartbeat, bool checksummed)
{
    assert(type == BINLOG_HEARTBEAT_V2 || (type == BINLOG_HEARTBEAT && heartbeat->position <= UINT32_MAX));
    uint8_t fields[32 + BINLOG_NAME_MAX];
    struct writer body;
    writer_init(&body, fields, sizeof fields);
    if (type == BINLOG_HEARTBEAT_V2)
        encode_fields(&body, heartbeat);
    else
        writer_span(&body, heartbeat->name);
    assert(!writer_failed(&body));
    struct binlog_event_header header = {
        .type = type,
        .server_id = server_id,
        .length = (uint32_t)(BINLOG_HEADER_BYTES + body.length + (checksummed ? BINLOG_CHECKSUM_BYTES : 0)),
        .log_pos = (uint32_t)(heartbeat->position & UINT32_MAX),
    };
    size_t start = writer->length;
    binlog_event_header_encode(writer, &header);
    writer_span(writer, writer_span_written(&body));
    if (checksummed)
        writer_u32(writer, 0);
    if (checksummed && !writer_failed(writer))
        binlog_event_seal(writer->data + start, header.length);
}
