/* The reading half of resultset.h: one response taken apart, payload by payload. */
#include "protocol/resultset.h"

#include "protocol/constants.h"

#include <assert.h>

void resultset_reader_init(struct resultset_reader *reader, uint64_t caps)
{
    assert((caps & (CAP_OPTIONAL_METADATA | CAP_MARIADB_METADATA | CAP_MARIADB_CACHE)) == 0);
    *reader = (struct resultset_reader){.caps = caps, .at = RESULTSET_AT_FIRST};
}

static enum result on_first(struct resultset_reader *reader, struct span payload,
                            enum resultset_step *ret_step)
{
    struct reader bytes;
    enum result result = RESULT_OK;
    uint64_t columns = 0;
    switch (response_kind_of_first(payload, payload.length, reader->caps)) {
    case RESPONSE_OK:
    case RESPONSE_EOF:
        result = response_status(payload, reader->caps, &reader->status);
        if (result == RESULT_OK)
            *ret_step = RESULTSET_STEP_OK;
        return result;
    case RESPONSE_ERR:
        *ret_step = RESULTSET_STEP_ERROR;
        return RESULT_OK;
    case RESPONSE_PROGRESS:
        *ret_step = RESULTSET_STEP_MORE;
        return RESULT_OK;
    case RESPONSE_RESULTSET:
        reader_init_span(&bytes, payload);
        columns = reader_lenenc(&bytes);
        result = reader_result_at_end(&bytes);
        if (result != RESULT_OK)
            return result;
        if (columns > RESULTSET_COLUMNS_MAX)
            return RESULT_MALFORMED;
        reader->columns = reader->definitions = columns;
        reader->at = RESULTSET_AT_DEFINITION;
        *ret_step = RESULTSET_STEP_MORE;
        return RESULT_OK;
    case RESPONSE_INFILE: /* our own queries never load a file */
    case RESPONSE_ROW:
    case RESPONSE_INVALID:
        break;
    }
    return RESULT_MALFORMED;
}

/* A server may give up in the middle of the definitions too. */
static enum result on_definition(struct resultset_reader *reader, struct span payload,
                                 enum resultset_step *ret_step)
{
    if (response_is_error(payload)) {
        reader->at = RESULTSET_AT_FIRST;
        *ret_step = RESULTSET_STEP_ERROR;
        return RESULT_OK;
    }
    if (reader->at == RESULTSET_AT_EOF) {
        struct response_eof eof;
        enum result result = response_eof_decode(payload, &eof);
        if (result != RESULT_OK)
            return result;
        reader->at = RESULTSET_AT_ROW;
    } else if (--reader->definitions == 0) {
        reader->at = (reader->caps & CAP_DEPRECATE_EOF) != 0 ? RESULTSET_AT_ROW : RESULTSET_AT_EOF;
    }
    *ret_step = RESULTSET_STEP_MORE;
    return RESULT_OK;
}

static enum result on_row(struct resultset_reader *reader, struct span payload, enum resultset_step *ret_step)
{
    enum result result;
    switch (response_kind_of_row(payload.data[0], payload.length, reader->caps)) {
    case RESPONSE_ROW:
        *ret_step = RESULTSET_STEP_ROW;
        return RESULT_OK;
    case RESPONSE_ERR:
        reader->at = RESULTSET_AT_FIRST;
        *ret_step = RESULTSET_STEP_ERROR;
        return RESULT_OK;
    case RESPONSE_OK:
    case RESPONSE_EOF:
        result = response_status(payload, reader->caps, &reader->status);
        if (result != RESULT_OK)
            return result;
        reader->at = RESULTSET_AT_FIRST;
        *ret_step = RESULTSET_STEP_END;
        return RESULT_OK;
    default:
        return RESULT_MALFORMED;
    }
}

enum result resultset_reader_next(struct resultset_reader *reader, struct span payload,
                                  enum resultset_step *ret_step)
{
    if (payload.length == 0)
        return RESULT_MALFORMED;
    switch (reader->at) {
    case RESULTSET_AT_FIRST:
        return on_first(reader, payload, ret_step);
    case RESULTSET_AT_DEFINITION:
    case RESULTSET_AT_EOF:
        return on_definition(reader, payload, ret_step);
    case RESULTSET_AT_ROW:
        return on_row(reader, payload, ret_step);
    }
    assert(false);
    return RESULT_MALFORMED;
}

enum result resultset_row_decode(struct span row, size_t count, struct resultset_value *ret_values)
{
    struct reader reader;
    reader_init_span(&reader, row);
    for (size_t i = 0; i < count; i++) {
        struct resultset_value value = {0};
        if (reader_left(&reader) == 0)
            return RESULT_TRUNCATED;
        value.is_null = !reader_lenenc_string_or_null(&reader, &value.text);
        if (reader_failed(&reader))
            return RESULT_TRUNCATED;
        ret_values[i] = value;
    }
    return reader_result_at_end(&reader);
}
