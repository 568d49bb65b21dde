/* The bounded writing cursor of writer.h. */
#include "protocol/writer.h"

#include <assert.h>
#include <string.h>

void writer_init(struct writer *writer, void *data, size_t room_bytes)
{
    assert(data != NULL || room_bytes == 0);
    *writer = (struct writer){.data = data, .room = room_bytes};
}

static uint8_t *take(struct writer *writer, size_t length)
{
    if (writer->failed || length > writer->room - writer->length) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *start = writer->data + writer->length;
    writer->length += length;
    return start;
}

void writer_uint(struct writer *writer, uint64_t value, size_t width_bytes)
{
    assert(width_bytes >= 1 && width_bytes <= 8);
    assert(width_bytes == 8 || value >> (8 * width_bytes) == 0);
    uint8_t *bytes = take(writer, width_bytes);
    for (size_t i = 0; bytes != NULL && i < width_bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

void writer_u8(struct writer *writer, uint8_t value)
{
    writer_uint(writer, value, 1);
}

void writer_u16(struct writer *writer, uint16_t value)
{
    writer_uint(writer, value, 2);
}

void writer_u24(struct writer *writer, uint32_t value)
{
    writer_uint(writer, value, 3);
}

void writer_u32(struct writer *writer, uint32_t value)
{
    writer_uint(writer, value, 4);
}

void writer_u48(struct writer *writer, uint64_t value)
{
    writer_uint(writer, value, 6);
}

void writer_u64(struct writer *writer, uint64_t value)
{
    writer_uint(writer, value, 8);
}

void writer_lenenc(struct writer *writer, uint64_t value)
{
    if (value < 0xFB) {
        writer_u8(writer, (uint8_t)value);
    } else if (value <= 0xFFFF) {
        writer_u8(writer, 0xFC);
        writer_u16(writer, (uint16_t)value);
    } else if (value <= 0xFFFFFF) {
        writer_u8(writer, 0xFD);
        writer_u24(writer, (uint32_t)value);
    } else {
        writer_u8(writer, 0xFE);
        writer_u64(writer, value);
    }
}

void writer_bytes(struct writer *writer, const void *data, size_t length_bytes)
{
    uint8_t *bytes = take(writer, length_bytes);
    if (bytes != NULL && length_bytes > 0)
        memcpy(bytes, data, length_bytes);
}

void writer_span(struct writer *writer, struct span span)
{
    writer_bytes(writer, span.data, span.length);
}

void writer_text(struct writer *writer, const char *text)
{
    writer_bytes(writer, text, strlen(text));
}

void writer_lenenc_string(struct writer *writer, struct span span)
{
    writer_lenenc(writer, span.length);
    writer_span(writer, span);
}

void writer_lenenc_text(struct writer *writer, const char *text)
{
    writer_lenenc_string(writer, span_of_text(text));
}

void writer_zero_string(struct writer *writer, struct span span)
{
    writer_span(writer, span);
    writer_u8(writer, 0);
}

void writer_zeros(struct writer *writer, size_t count_bytes)
{
    uint8_t *bytes = take(writer, count_bytes);
    if (bytes != NULL && count_bytes > 0)
        memset(bytes, 0, count_bytes);
}

bool writer_failed(const struct writer *writer)
{
    return writer->failed;
}

struct span writer_span_written(const struct writer *writer)
{
    return (struct span){writer->data, writer->length};
}

enum result writer_result(const struct writer *writer)
{
    return writer->failed ? RESULT_TOO_LARGE : RESULT_OK;
}
