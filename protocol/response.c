/* OK, ERR and EOF of response.h. */
#include "protocol/response.h"

#include "protocol/constants.h"

#include <assert.h>
#include <string.h>

#define OK_BYTES_MIN      7 /* header, two counters, status, warnings */
#define EOF_BYTES         5
#define EOF_BYTES_MAX     8 /* from 9 on, 0xFE begins a row whose first value has 16 MiB or more */
#define PACKET_FULL_BYTES 0xFFFFFFu
#define SQLSTATE_BYTES    5
#define MESSAGE_BYTES_MAX 512
#define CODE_PROGRESS     0xFFFF

/* 0xFE as the only byte that both forms of the end of a result set begin with. */
static enum response_kind kind_of_end(size_t length_bytes, uint64_t caps)
{
    if ((caps & CAP_DEPRECATE_EOF) != 0)
        return length_bytes >= OK_BYTES_MIN && length_bytes < PACKET_FULL_BYTES ? RESPONSE_OK
                                                                                : RESPONSE_INVALID;
    return length_bytes == EOF_BYTES ? RESPONSE_EOF : RESPONSE_INVALID;
}

static bool is_progress(struct span start, uint64_t caps)
{
    return (caps & CAP_MARIADB_PROGRESS) != 0 && start.length >= 3 && start.data[1] == 0xFF &&
           start.data[2] == 0xFF;
}

enum response_kind response_kind_of_first(struct span start, size_t length_bytes, uint64_t caps)
{
    if (start.length == 0)
        return RESPONSE_INVALID;
    switch (start.data[0]) {
    case RESPONSE_HEADER_OK:
        return length_bytes >= OK_BYTES_MIN ? RESPONSE_OK : RESPONSE_INVALID;
    case RESPONSE_HEADER_ERR:
        return is_progress(start, caps) ? RESPONSE_PROGRESS : RESPONSE_ERR;
    case RESPONSE_HEADER_INFILE:
        return RESPONSE_INFILE;
    case RESPONSE_HEADER_EOF:
        return kind_of_end(length_bytes, caps);
    default:
        return RESPONSE_RESULTSET;
    }
}

enum response_kind response_kind_of_row(uint8_t first, size_t length_bytes, uint64_t caps)
{
    if (first == RESPONSE_HEADER_ERR)
        return RESPONSE_ERR;
    if (first != RESPONSE_HEADER_EOF)
        return RESPONSE_ROW;
    size_t end_max = (caps & CAP_DEPRECATE_EOF) != 0 ? PACKET_FULL_BYTES - 1 : EOF_BYTES_MAX;
    return length_bytes > end_max ? RESPONSE_ROW : kind_of_end(length_bytes, caps);
}

bool response_is_error(struct span payload)
{
    return payload.length > 0 && payload.data[0] == RESPONSE_HEADER_ERR;
}

/*
 * The manual calls the info "string<EOF>" without CAP_SESSION_TRACK, but servers write its length there too.
 * Taken as they write it if that comes out even, else as the manual says.
 */
static struct span decode_untracked_info(struct reader *reader)
{
    struct reader with_length = *reader;
    struct span info = reader_lenenc_string(&with_length);
    return reader_at_end(&with_length) ? info : reader_rest(reader);
}

enum result response_ok_decode(struct span payload, uint64_t caps, struct response_ok *ret_ok)
{
    struct response_ok ok = {0};
    struct reader reader;
    reader_init_span(&reader, payload);
    ok.header = reader_u8(&reader);
    if (ok.header != RESPONSE_HEADER_OK && ok.header != RESPONSE_HEADER_EOF)
        return RESULT_MALFORMED;
    ok.affected_rows = reader_lenenc(&reader);
    ok.last_insert_id = reader_lenenc(&reader);
    ok.status = reader_u16(&reader);
    ok.warnings = reader_u16(&reader);
    if ((caps & CAP_SESSION_TRACK) == 0) {
        if (reader_left(&reader) > 0)
            ok.info = decode_untracked_info(&reader);
    } else {
        if (reader_left(&reader) > 0)
            ok.info = reader_lenenc_string(&reader);
        if ((ok.status & STATUS_SESSION_STATE_CHANGED) != 0)
            ok.state = reader_lenenc_string(&reader);
    }
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_ok = ok;
    return result;
}

void response_ok_encode(struct writer *writer, const struct response_ok *ok, uint64_t caps)
{
    bool has_state = (caps & CAP_SESSION_TRACK) != 0 && (ok->status & STATUS_SESSION_STATE_CHANGED) != 0;
    uint16_t status = has_state ? ok->status : (uint16_t)(ok->status & ~STATUS_SESSION_STATE_CHANGED);
    assert(ok->header == RESPONSE_HEADER_OK || ok->header == RESPONSE_HEADER_EOF);
    writer_u8(writer, ok->header);
    writer_lenenc(writer, ok->affected_rows);
    writer_lenenc(writer, ok->last_insert_id);
    writer_u16(writer, status);
    writer_u16(writer, ok->warnings);
    if (ok->info.length > 0 || has_state)
        writer_lenenc_string(writer, ok->info);
    if (has_state)
        writer_lenenc_string(writer, ok->state);
}

enum result response_error_decode(struct span payload, struct response_error *ret_error)
{
    struct response_error error = {.sqlstate = "HY000"};
    struct reader reader;
    reader_init_span(&reader, payload);
    if (reader_u8(&reader) != RESPONSE_HEADER_ERR)
        return reader_failed(&reader) ? RESULT_TRUNCATED : RESULT_MALFORMED;
    error.code = reader_u16(&reader);
    if (reader_left(&reader) > SQLSTATE_BYTES && reader_peek_u8(&reader) == '#') {
        reader_skip(&reader, 1);
        memcpy(error.sqlstate, reader_bytes(&reader, SQLSTATE_BYTES).data, SQLSTATE_BYTES);
    }
    error.message = reader_rest(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_error = error;
    return result;
}

/* The length without a part of a UTF-8 character at its end, where a message is cut. */
static size_t whole_characters(struct span text, size_t length)
{
    if (length >= text.length)
        return text.length;
    while (length > 0 && (text.data[length] & 0xC0) == 0x80)
        length--;
    return length;
}

void response_error_encode(struct writer *writer, uint16_t code, struct span message)
{
    writer_u8(writer, RESPONSE_HEADER_ERR);
    writer_u16(writer, code);
    writer_u8(writer, '#');
    writer_text(writer, error_code_sqlstate(code));
    message.length = whole_characters(message, MESSAGE_BYTES_MAX);
    writer_span(writer, message);
}

enum result response_eof_decode(struct span payload, struct response_eof *ret_eof)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    if (reader_u8(&reader) != RESPONSE_HEADER_EOF)
        return reader_failed(&reader) ? RESULT_TRUNCATED : RESULT_MALFORMED;
    struct response_eof eof = {.warnings = reader_u16(&reader)};
    eof.status = reader_u16(&reader);
    enum result result = reader_result_at_end(&reader);
    if (result == RESULT_OK)
        *ret_eof = eof;
    return result;
}

void response_eof_encode(struct writer *writer, struct response_eof eof)
{
    writer_u8(writer, RESPONSE_HEADER_EOF);
    writer_u16(writer, eof.warnings);
    writer_u16(writer, eof.status);
}

enum result response_status(struct span payload, uint64_t caps, uint16_t *ret_status)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    uint8_t header = reader_u8(&reader);
    if (!reader_failed(&reader) && header != RESPONSE_HEADER_OK && header != RESPONSE_HEADER_EOF)
        return RESULT_MALFORMED;
    if (header == RESPONSE_HEADER_EOF && (caps & CAP_DEPRECATE_EOF) == 0) {
        reader_skip(&reader, 2);
    } else {
        (void)reader_lenenc(&reader);
        (void)reader_lenenc(&reader);
    }
    uint16_t status = reader_u16(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_status = status;
    return result;
}

bool response_differs(uint64_t source_caps, uint64_t client_caps)
{
    return (source_caps & ~client_caps & (CAP_SESSION_TRACK | CAP_DEPRECATE_EOF)) != 0;
}

/* MySQL's servers keep two things out of EOFs: that state has changed, and what follows OUT parameters. */
static uint16_t status_in_eof(uint16_t status, enum flavor flavor)
{
    if (flavor == FLAVOR_MARIADB)
        return status;
    if ((status & STATUS_OUT_PARAMETERS) != 0)
        status = (uint16_t)(status & ~(STATUS_OUT_PARAMETERS | STATUS_MORE_RESULTS));
    return (uint16_t)(status & ~STATUS_SESSION_STATE_CHANGED);
}

enum result response_ok_rewrite(struct span payload, uint64_t source_caps, uint64_t client_caps,
                                enum flavor flavor, struct writer *writer)
{
    struct response_ok ok;
    enum result result = response_ok_decode(payload, source_caps, &ok);
    if (result != RESULT_OK)
        return result;
    if (ok.header == RESPONSE_HEADER_EOF && (client_caps & CAP_DEPRECATE_EOF) == 0) {
        struct response_eof eof = {.warnings = ok.warnings, .status = status_in_eof(ok.status, flavor)};
        response_eof_encode(writer, eof);
    } else {
        response_ok_encode(writer, &ok, client_caps);
    }
    return writer_result(writer);
}
