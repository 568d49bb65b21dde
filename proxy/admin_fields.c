/* The answer of admin_fields.h: column definitions that each end with a default value, which is NULL. */
#include "proxy/admin_fields.h"

#include "protocol/constants.h"
#include "protocol/response.h"
#include "proxy/admin_context.h"
#include "proxy/admin_tables.h"

#include <assert.h>
#include <stdio.h>

enum { PACKET_MAX = 512, FIXED_FIELDS_BYTES = 0x0C, COLUMN_LENGTH = 1024, NULL_VALUE = 0xFB };

static uint8_t type_of(const struct admin_column *column)
{
    return column->kind == ADMIN_INTEGER ? COLUMN_TYPE_LONGLONG
           : column->kind == ADMIN_REAL  ? COLUMN_TYPE_DOUBLE
                                         : COLUMN_TYPE_VAR_STRING;
}

static void send_definition(struct channel *channel, const struct admin_table *table,
                            const struct admin_column *column)
{
    uint8_t bytes[PACKET_MAX];
    struct writer writer;
    bool is_text = column->kind == ADMIN_TEXT;
    writer_init(&writer, bytes, sizeof(bytes));
    writer_lenenc_text(&writer, "def");
    writer_lenenc_text(&writer, ADMIN_SCHEMA);
    writer_lenenc_text(&writer, table->name);
    writer_lenenc_text(&writer, table->name);
    writer_lenenc_text(&writer, column->name);
    writer_lenenc_text(&writer, column->name);
    writer_lenenc(&writer, FIXED_FIELDS_BYTES);
    writer_u16(&writer, is_text ? CHARSET_UTF8MB4 : CHARSET_BINARY);
    writer_u32(&writer, is_text ? COLUMN_LENGTH : 20);
    writer_u8(&writer, type_of(column));
    writer_u16(&writer, is_text ? 0 : COLUMN_FLAG_BINARY | COLUMN_FLAG_NUMBER);
    writer_u8(&writer, 0);
    writer_zeros(&writer, 2);
    writer_u8(&writer, NULL_VALUE);
    assert(!writer_failed(&writer));
    channel_send(channel, writer_span_written(&writer));
}

static void send_end(struct channel *channel, uint64_t capabilities)
{
    uint8_t bytes[PACKET_MAX];
    struct writer writer;
    struct response_ok ok = {.header = RESPONSE_HEADER_EOF, .status = STATUS_AUTOCOMMIT};
    writer_init(&writer, bytes, sizeof(bytes));
    if ((capabilities & CAP_DEPRECATE_EOF) != 0)
        response_ok_encode(&writer, &ok, capabilities);
    else
        response_eof_encode(&writer, (struct response_eof){.status = STATUS_AUTOCOMMIT});
    channel_send(channel, writer_span_written(&writer));
}

static void send_unknown(struct channel *channel, struct span name)
{
    uint8_t bytes[PACKET_MAX];
    char message[256];
    struct writer writer;
    snprintf(message, sizeof(message), "Table '%.*s' doesn't exist; SHOW TABLES lists them",
             name.length > 64 ? 64 : (int)name.length, (const char *)name.data);
    writer_init(&writer, bytes, sizeof(bytes));
    response_error_encode(&writer, ERROR_CODE_NO_SUCH_TABLE, span_of_text(message));
    channel_send(channel, writer_span_written(&writer));
}

void admin_fields_send(struct channel *channel, uint64_t capabilities, struct span argument)
{
    struct reader reader;
    reader_init_span(&reader, argument);
    struct span name = reader_zero_string(&reader);
    if (reader_failed(&reader))
        name = argument;
    const struct admin_table *table = admin_table_find(name);
    if (table == NULL) {
        send_unknown(channel, name);
        return;
    }
    for (size_t i = 0; table->columns[i].name != NULL; i++)
        send_definition(channel, table, &table->columns[i]);
    send_end(channel, capabilities);
}
