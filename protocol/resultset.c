/* Text result sets of resultset.h. */
#include "protocol/resultset.h"

#include "protocol/constants.h"
#include "protocol/packet.h"
#include "protocol/writer.h"
#include "protocol/xalloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST_BYTES     1024
#define LENENC_BYTES_MAX     9
#define DEFINITION_FIXED     0x0C /* bytes of the fields of fixed length */
#define DEFINITION_BYTES_MAX 64   /* of a column definition, besides its name */
#define ERROR_BYTES_MAX      (16 + 512)
#define OK_FIXED_BYTES_MAX   64
#define COLUMN_LENGTH        1024 /* display length, in bytes */
#define FLOAT_DECIMALS       31   /* "as many as there are" */

void resultset_writer_init(struct resultset_writer *writer, uint64_t caps, uint8_t sequence)
{
    assert((caps & (CAP_OPTIONAL_METADATA | CAP_MARIADB_METADATA | CAP_MARIADB_CACHE)) == 0);
    *writer = (struct resultset_writer){.caps = caps, .sequence = sequence};
}

void resultset_writer_release(struct resultset_writer *writer)
{
    free(writer->data);
    *writer = (struct resultset_writer){0};
}

uint8_t *resultset_writer_take(struct resultset_writer *writer, size_t *ret_length_bytes)
{
    uint8_t *data = writer->data;
    assert(!writer->in_row);
    *ret_length_bytes = writer->length;
    writer->data = NULL;
    writer->length = writer->room = 0;
    return data;
}

/* A writer that stands at the end of the data, with room for that many bytes more. */
static struct writer begin(struct resultset_writer *writer, size_t more_bytes)
{
    size_t needed = writer->length + more_bytes;
    if (needed > writer->room) {
        size_t room = writer->room < ROOM_FIRST_BYTES ? ROOM_FIRST_BYTES : writer->room;
        while (room < needed)
            room *= 2;
        writer->data = xrealloc(writer->data, room);
        writer->room = room;
    }
    struct writer bytes;
    writer_init(&bytes, writer->data, writer->room);
    bytes.length = writer->length;
    return bytes;
}

static void end(struct resultset_writer *writer, const struct writer *bytes)
{
    assert(!writer_failed(bytes));
    writer->length = bytes->length;
}

/* The same for a whole packet. */
static struct writer begin_packet(struct resultset_writer *writer, size_t payload_bytes_max)
{
    writer->mark = writer->length;
    struct writer bytes = begin(writer, PACKET_HEADER_BYTES + payload_bytes_max);
    (void)packet_begin(&bytes);
    return bytes;
}

static void end_packet(struct resultset_writer *writer, struct writer *bytes)
{
    packet_end(bytes, writer->mark, &writer->sequence);
    end(writer, bytes);
}

static void write_definition(struct writer *bytes, const struct resultset_column *column)
{
    uint8_t type = column->type == 0 ? COLUMN_TYPE_VAR_STRING : column->type;
    bool is_text =
        type == COLUMN_TYPE_VAR_STRING || type == COLUMN_TYPE_STRING || type == COLUMN_TYPE_VARCHAR;
    bool is_float = type == COLUMN_TYPE_DOUBLE || type == COLUMN_TYPE_FLOAT;
    bool is_utf8 = is_text || (type == COLUMN_TYPE_BLOB && (column->flags & COLUMN_FLAG_BINARY) == 0);
    writer_lenenc_text(bytes, "def");
    writer_lenenc_text(bytes, ""); /* schema */
    writer_lenenc_text(bytes, ""); /* table, and its original name */
    writer_lenenc_text(bytes, "");
    writer_lenenc_text(bytes, column->name);
    writer_lenenc_text(bytes, ""); /* original name */
    writer_lenenc(bytes, DEFINITION_FIXED);
    writer_u16(bytes, is_utf8 ? CHARSET_UTF8MB4 : CHARSET_BINARY);
    writer_u32(bytes, is_utf8 ? COLUMN_LENGTH : 20);
    writer_u8(bytes, type);
    writer_u16(bytes, column->flags);
    writer_u8(bytes, is_text || is_float ? FLOAT_DECIMALS : 0);
    writer_zeros(bytes, 2);
}

static void write_eof(struct resultset_writer *writer, uint16_t status, uint16_t warnings)
{
    struct writer bytes = begin_packet(writer, OK_FIXED_BYTES_MAX);
    response_eof_encode(&bytes, (struct response_eof){.warnings = warnings, .status = status});
    end_packet(writer, &bytes);
}

void resultset_writer_columns(struct resultset_writer *writer, const struct resultset_column *columns,
                              size_t count)
{
    assert(writer->columns == 0 && count > 0 && count <= RESULTSET_COLUMNS_MAX);
    struct writer bytes = begin_packet(writer, LENENC_BYTES_MAX);
    writer_lenenc(&bytes, count);
    end_packet(writer, &bytes);
    for (size_t i = 0; i < count; i++) {
        bytes = begin_packet(writer, DEFINITION_BYTES_MAX + strlen(columns[i].name));
        write_definition(&bytes, &columns[i]);
        end_packet(writer, &bytes);
    }
    if ((writer->caps & CAP_DEPRECATE_EOF) == 0)
        write_eof(writer, STATUS_AUTOCOMMIT, 0);
    writer->columns = count;
}

void resultset_writer_row_begin(struct resultset_writer *writer)
{
    assert(writer->columns > 0 && !writer->in_row);
    struct writer bytes = begin_packet(writer, 0);
    end(writer, &bytes);
    writer->in_row = true;
    writer->values = 0;
}

void resultset_writer_value(struct resultset_writer *writer, struct span text)
{
    assert(writer->in_row && writer->values < writer->columns);
    struct writer bytes = begin(writer, LENENC_BYTES_MAX + text.length);
    writer_lenenc_string(&bytes, text);
    end(writer, &bytes);
    writer->values++;
}

void resultset_writer_text(struct resultset_writer *writer, const char *text)
{
    if (text == NULL)
        resultset_writer_null(writer);
    else
        resultset_writer_value(writer, span_of_text(text));
}

void resultset_writer_null(struct resultset_writer *writer)
{
    assert(writer->in_row && writer->values < writer->columns);
    struct writer bytes = begin(writer, 1);
    writer_u8(&bytes, 0xFB);
    end(writer, &bytes);
    writer->values++;
}

void resultset_writer_u64(struct resultset_writer *writer, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    resultset_writer_text(writer, text);
}

/* A row that needs several packets, whose headers go in between. */
static void end_large_row(struct resultset_writer *writer)
{
    size_t length = writer->length - writer->mark - PACKET_HEADER_BYTES;
    uint8_t *payload = xmalloc(length);
    memcpy(payload, writer->data + writer->mark + PACKET_HEADER_BYTES, length);
    writer->length = writer->mark;
    struct writer bytes = begin(writer, packet_encoded_bytes(length));
    packet_encode(&bytes, (struct span){payload, length}, &writer->sequence);
    end(writer, &bytes);
    free(payload);
}

void resultset_writer_row_end(struct resultset_writer *writer)
{
    assert(writer->in_row && writer->values == writer->columns);
    writer->in_row = false;
    if (writer->length - writer->mark - PACKET_HEADER_BYTES >= PACKET_PAYLOAD_MAX) {
        end_large_row(writer);
        return;
    }
    struct writer bytes = begin(writer, 0);
    end_packet(writer, &bytes);
}

void resultset_writer_end(struct resultset_writer *writer, uint16_t status, uint16_t warnings)
{
    assert(writer->columns > 0 && !writer->in_row);
    writer->columns = 0;
    if ((writer->caps & CAP_DEPRECATE_EOF) == 0) {
        write_eof(writer, status, warnings);
        return;
    }
    struct response_ok ok = {.header = RESPONSE_HEADER_EOF, .status = status, .warnings = warnings};
    resultset_writer_ok(writer, &ok);
}

void resultset_writer_ok(struct resultset_writer *writer, const struct response_ok *ok)
{
    assert(writer->columns == 0);
    struct writer bytes = begin_packet(writer, OK_FIXED_BYTES_MAX + ok->info.length + ok->state.length);
    response_ok_encode(&bytes, ok, writer->caps);
    end_packet(writer, &bytes);
}

void resultset_writer_error(struct resultset_writer *writer, uint16_t code, const char *message)
{
    assert(!writer->in_row);
    struct writer bytes = begin_packet(writer, ERROR_BYTES_MAX);
    response_error_encode(&bytes, code, span_of_text(message));
    end_packet(writer, &bytes);
    writer->columns = 0;
}

void resultset_writer_single(struct resultset_writer *writer, const char *column, const char *text,
                             uint16_t status)
{
    resultset_writer_columns(writer, &(struct resultset_column){.name = column}, 1);
    resultset_writer_row_begin(writer);
    resultset_writer_text(writer, text);
    resultset_writer_row_end(writer);
    resultset_writer_end(writer, status, 0);
}
