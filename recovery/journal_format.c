/* Segment names, headers and frames of journal_format.h. */
#include "recovery/journal_format.h"

#include "recovery/crc32c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t magic[8] = {0xFE, 'A', 'G', 'J', 'N', 'L', 0x0D, 0x0A};
static const uint8_t end_mark[JOURNAL_END_BYTES] = {0xFF, 0xFF, 0xFF, 0xFF};
static const char prefix[] = "journal.";

void journal_header_encode(struct writer *writer, const struct journal_header *header)
{
    size_t start = writer->length;
    writer_bytes(writer, magic, sizeof(magic));
    writer_u32(writer, header->version);
    writer_u64(writer, header->created_ms);
    writer_u64(writer, header->first_sequence);
    if (!writer_failed(writer))
        writer_u32(writer, crc32c(0, writer->data + start, writer->length - start));
}

enum result journal_header_decode(struct reader *reader, struct journal_header *ret_header)
{
    struct span covered = reader_bytes(reader, JOURNAL_HEADER_BYTES - 4);
    uint32_t checksum = reader_u32(reader);
    if (reader_failed(reader))
        return RESULT_TRUNCATED;
    struct reader fields;
    reader_init_span(&fields, covered);
    if (!span_equal(reader_bytes(&fields, sizeof(magic)), (struct span){magic, sizeof(magic)}))
        return RESULT_MALFORMED;
    if (crc32c(0, covered.data, covered.length) != checksum)
        return RESULT_CHECKSUM;
    struct journal_header header = {.version = reader_u32(&fields)};
    header.created_ms = reader_u64(&fields);
    header.first_sequence = reader_u64(&fields);
    if (header.version != JOURNAL_VERSION)
        return RESULT_UNSUPPORTED;
    *ret_header = header;
    return reader_result_at_end(&fields);
}

/* Over the whole frame but the four bytes of the checksum, which are the second four. */
static uint32_t frame_checksum(const uint8_t *frame, size_t length)
{
    return crc32c(crc32c(0, frame, 4), frame + 8, length - 8);
}

void journal_frame_encode(struct writer *writer, const struct journal_frame *frame)
{
    assert(frame->body.length <= JOURNAL_BODY_MAX && frame->durable < frame->sequence);
    size_t start = writer->length;
    writer_u32(writer, (uint32_t)frame->body.length);
    writer_u32(writer, 0);
    writer_u8(writer, frame->type);
    writer_u64(writer, frame->sequence);
    writer_u64(writer, frame->durable);
    writer_u32(writer, frame->epoch);
    writer_u64(writer, frame->time_ms);
    writer_span(writer, frame->body);
    if (writer_failed(writer))
        return;
    uint32_t checksum = frame_checksum(writer->data + start, writer->length - start);
    struct writer field;
    writer_init(&field, writer->data + start + 4, 4);
    writer_u32(&field, checksum);
}

enum result journal_frame_decode(struct reader *reader, struct journal_frame *ret_frame)
{
    const uint8_t *start = reader->data + reader->at;
    uint32_t length = reader_u32(reader);
    uint32_t checksum = reader_u32(reader);
    struct journal_frame frame = {.type = reader_u8(reader)};
    frame.sequence = reader_u64(reader);
    frame.durable = reader_u64(reader);
    frame.epoch = reader_u32(reader);
    frame.time_ms = reader_u64(reader);
    if (!reader_failed(reader) && length > JOURNAL_BODY_MAX)
        return RESULT_TOO_LARGE;
    frame.body = reader_bytes(reader, length);
    if (reader_failed(reader))
        return RESULT_TRUNCATED;
    if (frame_checksum(start, JOURNAL_FRAME_BYTES + length) != checksum)
        return RESULT_CHECKSUM;
    if (frame.durable >= frame.sequence)
        return RESULT_MALFORMED;
    *ret_frame = frame;
    return RESULT_OK;
}

void journal_end_encode(struct writer *writer)
{
    writer_bytes(writer, end_mark, sizeof(end_mark));
}

bool journal_end_is_at(struct span bytes, size_t at)
{
    return bytes.length - at == sizeof(end_mark) && memcmp(bytes.data + at, end_mark, sizeof(end_mark)) == 0;
}

void journal_segment_format(uint64_t number, char ret_name[JOURNAL_NAME_MAX])
{
    snprintf(ret_name, JOURNAL_NAME_MAX, "%s%06" PRIu64, prefix, number);
}

bool journal_segment_parse(const char *name, uint64_t *ret_number)
{
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return false;
    uint64_t number = 0;
    for (const char *digit = name + sizeof(prefix) - 1; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || number > INT64_MAX / 10)
            return false;
        number = number * 10 + (uint64_t)(*digit - '0');
    }
    char canonical[JOURNAL_NAME_MAX];
    journal_segment_format(number, canonical);
    if (number == 0 || strcmp(canonical, name) != 0)
        return false;
    *ret_number = number;
    return true;
}
