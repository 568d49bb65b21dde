/*
 * A bounded cursor over bytes that somebody else owns. All decoding goes through it.
 *
 * Failure is sticky: a read past the end, or a length that points there, marks the reader failed, and every
 * later read gives zero or an empty span. A decoder reads all fields like the manual's table and asks once,
 * at the end, with reader_result(). Integers are little endian unless the name says otherwise.
 * Spans point into the bytes given to reader_init() and live as long as those.
 */
#ifndef ACKGATE_PROTOCOL_READER_H
#define ACKGATE_PROTOCOL_READER_H

#include "protocol/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *data; /* not NUL-terminated; NULL only when length is 0 */
    size_t length;       /* bytes */
};

struct reader {
    const uint8_t *data;
    size_t length;
    size_t at;
    bool failed;
};

void reader_init(struct reader *reader, const void *data, size_t length_bytes);
void reader_init_span(struct reader *reader, struct span span);

size_t reader_left(const struct reader *reader); /* bytes not read yet; 0 after a failure */
bool reader_at_end(const struct reader *reader); /* all read, and nothing failed */
bool reader_failed(const struct reader *reader);
void reader_fail(struct reader *reader); /* the caller found a value that cannot be */

uint8_t reader_peek_u8(struct reader *reader);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u24(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u48(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
uint64_t reader_uint(struct reader *reader, size_t width_bytes); /* 1 to 8 bytes */

/* A length-encoded integer (protocol manual, "Length-Encoded Integer Type"); 0xFB and 0xFF fail. */
uint64_t reader_lenenc(struct reader *reader);
/* A length-encoded string; 0xFB (NULL) fails, see reader_lenenc_string_or_null(). */
struct span reader_lenenc_string(struct reader *reader);
bool reader_lenenc_string_or_null(struct reader *reader, struct span *ret_span); /* false: it is NULL */

struct span reader_bytes(struct reader *reader, size_t length_bytes);
struct span reader_zero_string(struct reader *reader); /* up to a NUL, which is read and left out */
struct span reader_rest(struct reader *reader);
void reader_skip(struct reader *reader, size_t length_bytes);

/* RESULT_OK, or RESULT_TRUNCATED after a failure. */
MUST_CHECK enum result reader_result(const struct reader *reader);
/* The same, and RESULT_MALFORMED when bytes are left over. */
MUST_CHECK enum result reader_result_at_end(const struct reader *reader);

bool span_equal(struct span a, struct span b);
bool span_is_text(struct span span, const char *text);        /* byte for byte */
bool span_is_text_nocase(struct span span, const char *text); /* ASCII case folded */
struct span span_of_text(const char *text);                   /* without the NUL */
/* Copies span and a NUL into out. RESULT_TOO_LARGE when it does not fit, RESULT_MALFORMED when it holds a
 * NUL. */
MUST_CHECK enum result span_copy_text(struct span span, char *ret_text, size_t text_max);

#endif
