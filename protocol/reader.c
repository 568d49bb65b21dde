/* The bounded cursor of reader.h. */
#include "protocol/reader.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

void reader_init(struct reader *reader, const void *data, size_t length_bytes)
{
    assert(data != NULL || length_bytes == 0);
    *reader = (struct reader){.data = data, .length = length_bytes};
}

void reader_init_span(struct reader *reader, struct span span)
{
    reader_init(reader, span.data, span.length);
}

size_t reader_left(const struct reader *reader)
{
    return reader->failed ? 0 : reader->length - reader->at;
}

bool reader_at_end(const struct reader *reader)
{
    return !reader->failed && reader->at == reader->length;
}

bool reader_failed(const struct reader *reader)
{
    return reader->failed;
}

void reader_fail(struct reader *reader)
{
    reader->failed = true;
}

/* Takes length bytes, or NULL and a failed reader. */
static const uint8_t *take(struct reader *reader, size_t length)
{
    if (length > reader_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *start = reader->data + reader->at;
    reader->at += length;
    return start;
}

uint64_t reader_uint(struct reader *reader, size_t width_bytes)
{
    assert(width_bytes >= 1 && width_bytes <= 8);
    const uint8_t *bytes = take(reader, width_bytes);
    if (bytes == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = width_bytes; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

uint8_t reader_peek_u8(struct reader *reader)
{
    if (reader_left(reader) == 0) {
        reader->failed = true;
        return 0;
    }
    return reader->data[reader->at];
}

uint8_t reader_u8(struct reader *reader)
{
    return (uint8_t)reader_uint(reader, 1);
}

uint16_t reader_u16(struct reader *reader)
{
    return (uint16_t)reader_uint(reader, 2);
}

uint32_t reader_u24(struct reader *reader)
{
    return (uint32_t)reader_uint(reader, 3);
}

uint32_t reader_u32(struct reader *reader)
{
    return (uint32_t)reader_uint(reader, 4);
}

uint64_t reader_u48(struct reader *reader)
{
    return reader_uint(reader, 6);
}

uint64_t reader_u64(struct reader *reader)
{
    return reader_uint(reader, 8);
}

uint64_t reader_lenenc(struct reader *reader)
{
    uint8_t first = reader_u8(reader);
    switch (first) {
    case 0xFB: /* NULL */
    case 0xFF: /* the first byte of an ERR packet */
        reader->failed = true;
        return 0;
    case 0xFC:
        return reader_u16(reader);
    case 0xFD:
        return reader_u24(reader);
    case 0xFE:
        return reader_u64(reader);
    default:
        return first;
    }
}

struct span reader_bytes(struct reader *reader, size_t length_bytes)
{
    const uint8_t *bytes = take(reader, length_bytes);
    return bytes == NULL ? (struct span){0} : (struct span){bytes, length_bytes};
}

struct span reader_lenenc_string(struct reader *reader)
{
    uint64_t length = reader_lenenc(reader);
    if (length > reader_left(reader)) {
        reader->failed = true;
        return (struct span){0};
    }
    return reader_bytes(reader, (size_t)length);
}

bool reader_lenenc_string_or_null(struct reader *reader, struct span *ret_span)
{
    if (reader_left(reader) > 0 && reader->data[reader->at] == 0xFB) {
        reader->at++;
        return false;
    }
    *ret_span = reader_lenenc_string(reader);
    return true;
}

struct span reader_zero_string(struct reader *reader)
{
    size_t left = reader_left(reader);
    const uint8_t *start = left == 0 ? NULL : reader->data + reader->at;
    const uint8_t *end = left == 0 ? NULL : memchr(start, 0, left);
    if (end == NULL) {
        reader->failed = true;
        return (struct span){0};
    }
    size_t length = (size_t)(end - start);
    reader->at += length + 1;
    return (struct span){start, length};
}

struct span reader_rest(struct reader *reader)
{
    return reader_bytes(reader, reader_left(reader));
}

void reader_skip(struct reader *reader, size_t length_bytes)
{
    (void)take(reader, length_bytes);
}

enum result reader_result(const struct reader *reader)
{
    return reader->failed ? RESULT_TRUNCATED : RESULT_OK;
}

enum result reader_result_at_end(const struct reader *reader)
{
    if (reader->failed)
        return RESULT_TRUNCATED;
    return reader->at == reader->length ? RESULT_OK : RESULT_MALFORMED;
}

bool span_equal(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool span_is_text(struct span span, const char *text)
{
    return span_equal(span, span_of_text(text));
}

bool span_is_text_nocase(struct span span, const char *text)
{
    return span.length == strlen(text) &&
           (span.length == 0 || strncasecmp((const char *)span.data, text, span.length) == 0);
}

struct span span_of_text(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

enum result span_copy_text(struct span span, char *ret_text, size_t text_max)
{
    if (span.length >= text_max)
        return RESULT_TOO_LARGE;
    if (span.length > 0 && memchr(span.data, 0, span.length) != NULL)
        return RESULT_MALFORMED;
    if (span.length > 0)
        memcpy(ret_text, span.data, span.length);
    ret_text[span.length] = '\0';
    return RESULT_OK;
}
