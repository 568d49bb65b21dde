/*
 * A bounded cursor that writes into a buffer somebody else owns. All encoding goes through it.
 *
 * Failure is sticky, like the reader's: what does not fit marks the writer failed and writes nothing more;
 * the encoder's caller asks once, with writer_result(). Integers are little endian.
 */
#ifndef ACKGATE_PROTOCOL_WRITER_H
#define ACKGATE_PROTOCOL_WRITER_H

#include "protocol/error.h"
#include "protocol/reader.h"

struct writer {
    uint8_t *data;
    size_t room; /* bytes in data */
    size_t length;
    bool failed;
};

void writer_init(struct writer *writer, void *data, size_t room_bytes);

void writer_u8(struct writer *writer, uint8_t value);
void writer_u16(struct writer *writer, uint16_t value);
void writer_u24(struct writer *writer, uint32_t value);
void writer_u32(struct writer *writer, uint32_t value);
void writer_u48(struct writer *writer, uint64_t value);
void writer_u64(struct writer *writer, uint64_t value);
void writer_uint(struct writer *writer, uint64_t value, size_t width_bytes); /* the value must fit */

void writer_lenenc(struct writer *writer, uint64_t value);
void writer_lenenc_string(struct writer *writer, struct span span);
void writer_lenenc_text(struct writer *writer, const char *text);

void writer_bytes(struct writer *writer, const void *data, size_t length_bytes);
void writer_span(struct writer *writer, struct span span);
void writer_text(struct writer *writer, const char *text);        /* without a NUL */
void writer_zero_string(struct writer *writer, struct span span); /* with a NUL */
void writer_zeros(struct writer *writer, size_t count_bytes);

bool writer_failed(const struct writer *writer);
struct span writer_span_written(const struct writer *writer);
/* RESULT_OK, or RESULT_TOO_LARGE when something did not fit. */
MUST_CHECK enum result writer_result(const struct writer *writer);

#endif
