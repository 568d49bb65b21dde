/* Commands of command.h, except COM_QUERY, which has command_query.c. */
#include "protocol/command.h"

#include "protocol/constants.h"

#include <assert.h>
#include <stdbool.h>

#define STRING_U8_MAX 255

struct trait {
    const char *name;
    enum command_response response;
};

#define REFUSED COMMAND_RESPONSE_REFUSED

static const struct trait traits[256] = {
    [COMMAND_SLEEP] = {"COM_SLEEP",                              REFUSED                    },
    [COMMAND_QUIT] = {"COM_QUIT",                               COMMAND_RESPONSE_NONE      },
    [COMMAND_INIT_DB] = {"COM_INIT_DB",                            COMMAND_RESPONSE_OK        },
    [COMMAND_QUERY] = {"COM_QUERY",                              COMMAND_RESPONSE_RESULTSETS},
    [COMMAND_FIELD_LIST] = {"COM_FIELD_LIST",                         COMMAND_RESPONSE_FIELDS    },
    [COMMAND_CREATE_DB] = {"COM_CREATE_DB",                          COMMAND_RESPONSE_OK        },
    [COMMAND_DROP_DB] = {"COM_DROP_DB",                            COMMAND_RESPONSE_OK        },
    [COMMAND_REFRESH] = {"COM_REFRESH",                            COMMAND_RESPONSE_OK        },
    [COMMAND_SHUTDOWN] = {"COM_SHUTDOWN",                           COMMAND_RESPONSE_OK_OR_EOF },
    [COMMAND_STATISTICS] = {"COM_STATISTICS",                         COMMAND_RESPONSE_TEXT      },
    [COMMAND_PROCESS_INFO] = {"COM_PROCESS_INFO",                       COMMAND_RESPONSE_RESULTSETS},
    [COMMAND_CONNECT] = {"COM_CONNECT",                            REFUSED                    },
    [COMMAND_PROCESS_KILL] = {"COM_PROCESS_KILL",                       COMMAND_RESPONSE_OK        },
    [COMMAND_DEBUG] = {"COM_DEBUG",                              COMMAND_RESPONSE_OK_OR_EOF },
    [COMMAND_PING] = {"COM_PING",                               COMMAND_RESPONSE_OK        },
    [COMMAND_TIME] = {"COM_TIME",                               REFUSED                    },
    [COMMAND_DELAYED_INSERT] = {"COM_DELAYED_INSERT",                     REFUSED                    },
    [COMMAND_CHANGE_USER] = {"COM_CHANGE_USER",                        COMMAND_RESPONSE_AUTH      },
    [COMMAND_BINLOG_DUMP] = {"COM_BINLOG_DUMP",                        REFUSED                    },
    [COMMAND_TABLE_DUMP] = {"COM_TABLE_DUMP",                         REFUSED                    },
    [COMMAND_CONNECT_OUT] = {"COM_CONNECT_OUT",                        REFUSED                    },
    [COMMAND_REGISTER_REPLICA] = {"COM_REGISTER_SLAVE",                     REFUSED                    },
    [COMMAND_STMT_PREPARE] = {"COM_STMT_PREPARE",                       COMMAND_RESPONSE_PREPARE   },
    [COMMAND_STMT_EXECUTE] = {"COM_STMT_EXECUTE",                       COMMAND_RESPONSE_RESULTSETS},
    [COMMAND_STMT_SEND_LONG_DATA] = {"COM_STMT_SEND_LONG_DATA",                COMMAND_RESPONSE_NONE      },
    [COMMAND_STMT_CLOSE] = {"COM_STMT_CLOSE",                         COMMAND_RESPONSE_NONE      },
    [COMMAND_STMT_RESET] = {"COM_STMT_RESET",                         COMMAND_RESPONSE_OK        },
    [COMMAND_SET_OPTION] = {"COM_SET_OPTION",                         COMMAND_RESPONSE_OK_OR_EOF },
    [COMMAND_STMT_FETCH] = {"COM_STMT_FETCH",                         COMMAND_RESPONSE_ROWS      },
    [COMMAND_DAEMON] = {"COM_DAEMON",                             REFUSED                    },
    [COMMAND_BINLOG_DUMP_GTID] = {"COM_BINLOG_DUMP_GTID",                   REFUSED                    },
    [COMMAND_RESET_CONNECTION] = {"COM_RESET_CONNECTION",                   COMMAND_RESPONSE_OK        },
    [COMMAND_CLONE] = {"COM_CLONE",                              REFUSED                    },
    [COMMAND_SUBSCRIBE_GROUP] = {"COM_SUBSCRIBE_GROUP_REPLICATION_STREAM", REFUSED                    },
    [COMMAND_MARIADB_STMT_BULK_EXECUTE] = {"COM_STMT_BULK_EXECUTE",                  COMMAND_RESPONSE_RESULTSETS},
    [COMMAND_MARIADB_MULTI] = {"COM_MULTI",                              REFUSED                    },
};

enum command_response command_response_kind(uint8_t command)
{
    return traits[command].name == NULL ? REFUSED : traits[command].response;
}

const char *command_name(uint8_t command)
{
    return traits[command].name == NULL ? "unknown command" : traits[command].name;
}

/* A reader after the command byte; failed if it is another command's. */
static struct reader begin(struct span payload, uint8_t command)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    if (reader_u8(&reader) != command)
        reader_fail(&reader);
    return reader;
}

enum result command_prepared_decode(struct span payload, struct command_prepared *ret_prepared)
{
    struct reader reader = begin(payload, 0x00);
    struct command_prepared prepared = {.statement_id = reader_u32(&reader)};
    prepared.columns = reader_u16(&reader);
    prepared.parameters = reader_u16(&reader);
    reader_skip(&reader, 1);
    prepared.warnings = reader_u16(&reader);
    prepared.has_definitions = reader_left(&reader) == 0 || reader_u8(&reader) != 0;
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_prepared = prepared;
    return result;
}

enum result command_statement_id(struct span payload, uint32_t *ret_statement_id)
{
    struct reader reader;
    reader_init_span(&reader, payload);
    reader_skip(&reader, 1);
    uint32_t statement_id = reader_u32(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_statement_id = statement_id;
    return result;
}

enum result command_register_decode(struct span payload, struct command_register *ret_register)
{
    struct reader reader = begin(payload, COMMAND_REGISTER_REPLICA);
    struct command_register command = {.server_id = reader_u32(&reader)};
    command.host = reader_bytes(&reader, reader_u8(&reader));
    command.user = reader_bytes(&reader, reader_u8(&reader));
    command.password = reader_bytes(&reader, reader_u8(&reader));
    command.port = reader_u16(&reader);
    reader_skip(&reader, 4); /* replication rank: never used */
    command.source_id = reader_u32(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_register = command;
    return result;
}

static void write_string_u8(struct writer *writer, struct span text)
{
    assert(text.length <= STRING_U8_MAX);
    writer_u8(writer, (uint8_t)text.length);
    writer_span(writer, text);
}

void command_register_encode(struct writer *writer, const struct command_register *command)
{
    writer_u8(writer, COMMAND_REGISTER_REPLICA);
    writer_u32(writer, command->server_id);
    write_string_u8(writer, command->host);
    write_string_u8(writer, command->user);
    write_string_u8(writer, command->password);
    writer_u16(writer, command->port);
    writer_zeros(writer, 4);
    writer_u32(writer, command->source_id);
}

enum result command_dump_decode(struct span payload, struct command_dump *ret_dump)
{
    struct reader reader = begin(payload, COMMAND_BINLOG_DUMP);
    struct command_dump dump = {.position = reader_u32(&reader)};
    dump.flags = reader_u16(&reader);
    dump.server_id = reader_u32(&reader);
    dump.file = reader_rest(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_dump = dump;
    return result;
}

void command_dump_encode(struct writer *writer, const struct command_dump *dump)
{
    writer_u8(writer, COMMAND_BINLOG_DUMP);
    writer_u32(writer, dump->position);
    writer_u16(writer, dump->flags);
    writer_u32(writer, dump->server_id);
    writer_span(writer, dump->file);
}

/* The manual makes the GTID set depend on DUMP_FLAG_THROUGH_GTID; servers read it in any case. */
enum result command_dump_gtid_decode(struct span payload, struct command_dump_gtid *ret_dump)
{
    struct reader reader = begin(payload, COMMAND_BINLOG_DUMP_GTID);
    struct command_dump_gtid dump = {.flags = reader_u16(&reader)};
    dump.server_id = reader_u32(&reader);
    dump.file = reader_bytes(&reader, reader_u32(&reader));
    dump.position = reader_u64(&reader);
    if (reader_left(&reader) > 0)
        dump.gtid_set = reader_bytes(&reader, reader_u32(&reader));
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_dump = dump;
    return result;
}

void command_dump_gtid_encode(struct writer *writer, const struct command_dump_gtid *dump)
{
    assert(dump->file.length <= UINT32_MAX && dump->gtid_set.length <= UINT32_MAX);
    writer_u8(writer, COMMAND_BINLOG_DUMP_GTID);
    writer_u16(writer, dump->flags);
    writer_u32(writer, dump->server_id);
    writer_u32(writer, (uint32_t)dump->file.length);
    writer_span(writer, dump->file);
    writer_u64(writer, dump->position);
    writer_u32(writer, (uint32_t)dump->gtid_set.length);
    writer_span(writer, dump->gtid_set);
}

enum result command_kill_decode(struct span payload, uint32_t *ret_thread_id)
{
    struct reader reader = begin(payload, COMMAND_PROCESS_KILL);
    uint32_t thread_id = reader_u32(&reader);
    enum result result = reader_result(&reader);
    if (result == RESULT_OK)
        *ret_thread_id = thread_id;
    return result;
}

void command_kill_encode(struct writer *writer, uint32_t thread_id)
{
    writer_u8(writer, COMMAND_PROCESS_KILL);
    writer_u32(writer, thread_id);
}
