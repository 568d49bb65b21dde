/* COM_QUERY of command.h: the SQL text behind the query attributes. */
#include "protocol/command.h"

#include "protocol/constants.h"

#define PARAMETERS_MAX 65535

/* Manual: "Binary Protocol Value". */
static void skip_value(struct reader *reader, uint8_t type)
{
    switch (type) {
    case COLUMN_TYPE_NULL:
        break;
    case COLUMN_TYPE_TINY:
    case COLUMN_TYPE_BOOL:
        reader_skip(reader, 1);
        break;
    case COLUMN_TYPE_SHORT:
    case COLUMN_TYPE_YEAR:
        reader_skip(reader, 2);
        break;
    case COLUMN_TYPE_LONG:
    case COLUMN_TYPE_INT24:
    case COLUMN_TYPE_FLOAT:
        reader_skip(reader, 4);
        break;
    case COLUMN_TYPE_LONGLONG:
    case COLUMN_TYPE_DOUBLE:
        reader_skip(reader, 8);
        break;
    case COLUMN_TYPE_DATE:
    case COLUMN_TYPE_DATETIME:
    case COLUMN_TYPE_TIMESTAMP:
    case COLUMN_TYPE_TIME:
        reader_skip(reader, reader_u8(reader));
        break;
    default: /* all others are strings */
        (void)reader_lenenc_string(reader);
    }
}

static bool is_null(struct span bitmap, size_t index)
{
    return (bitmap.data[index / 8] >> index % 8 & 1) != 0;
}

/* Types and names first, then the values: two walks over the same attributes. */
static void skip_attributes(struct reader *reader, uint64_t count)
{
    struct span bitmap = reader_bytes(reader, (size_t)(count + 7) / 8);
    if (reader_u8(reader) !=
        1) /* the types must come with it: there is no earlier execution to take them from */
        reader_fail(reader);
    struct reader types = *reader;
    for (uint64_t i = 0; i < count && !reader_failed(reader); i++) {
        reader_skip(reader, 2);
        (void)reader_lenenc_string(reader);
    }
    for (size_t i = 0; i < count && !reader_failed(reader); i++) {
        uint8_t type = reader_u8(&types);
        reader_skip(&types, 1);
        (void)reader_lenenc_string(&types);
        if (!is_null(bitmap, i))
            skip_value(reader, type);
    }
}

enum result command_query_decode(struct span payload, uint64_t caps, struct span *ret_sql)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    if (reader_u8(&reader) != COMMAND_QUERY)
        reader_fail(&reader);
    if ((caps & CAP_QUERY_ATTRIBUTES) != 0) {
        uint64_t count = reader_lenenc(&reader);
        uint64_t sets = reader_lenenc(&reader);
        if (!reader_failed(&reader) && (sets != 1 || count > PARAMETERS_MAX))
            return RESULT_MALFORMED;
        if (count > 0)
            skip_attributes(&reader, count);
    }
    struct span sql = reader_rest(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_sql = sql;
    return result;
}

void command_query_encode(struct writer *writer, struct span sql, uint64_t caps)
{
    writer_u8(writer, COMMAND_QUERY);
    if ((caps & CAP_QUERY_ATTRIBUTES) != 0) {
        writer_lenenc(writer, 0);
        writer_lenenc(writer, 1);
    }
    writer_span(writer, sql);
}
