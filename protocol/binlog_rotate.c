/* ROTATE; binlog_rotate.h has the layout. */
#include "protocol/binlog_rotate.h"

enum result binlog_rotate_decode(struct span body, struct binlog_rotate *ret_rotate)
{
    struct reader reader;
    reader_init_span(&reader, body);
    struct binlog_rotate rotate;
    rotate.position = reader_u64(&reader);
    rotate.name = reader_rest(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if (rotate.name.length == 0)
        return RESULT_MALFORMED;
    if (rotate.name.length >= BINLOG_NAME_MAX)
        return RESULT_TOO_LARGE;
    *ret_rotate = rotate;
    return RESULT_OK;
}

void binlog_rotate_encode(struct writer *writer, const struct binlog_event_header *header,
                          const struct binlog_rotate *rotate, bool checksummed)
{
    struct binlog_event_header own = *header;
    own.type = BINLOG_ROTATE;
    own.length =
        (uint32_t)(BINLOG_HEADER_BYTES + 8 + rotate->name.length + (checksummed ? BINLOG_CHECKSUM_BYTES : 0));
    size_t start = writer->length;
    binlog_event_header_encode(writer, &own);
    writer_u64(writer, rotate->position);
    writer_span(writer, rotate->name);
    if (checksummed)
        writer_u32(writer, 0);
    if (checksummed && !writer_failed(writer))
        binlog_event_seal(writer->data + start, own.length);
}

void binlog_rotate_encode_artificial(struct writer *writer, uint32_t server_id, struct span name,
                                     uint64_t position, bool checksummed)
{
    struct binlog_event_header header = {.server_id = server_id, .flags = BINLOG_FLAG_ARTIFICIAL};
    struct binlog_rotate rotate = {.position = position, .name = name};
    binlog_rotate_encode(writer, &header, &rotate, checksummed);
}

bool binlog_rotate_is_artificial(const struct binlog_event_header *header)
{
    return header->log_pos == 0 || (header->flags & BINLOG_FLAG_ARTIFICIAL) != 0;
}
