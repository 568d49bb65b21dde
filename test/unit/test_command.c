/* layer: protocol */
/* Commands: names, what answers them, and the payloads that real clients and replicas send. */
#include "protocol/command.h"

#include "test/unit/connection_golden.h"

START_TEST(every_command_has_its_kind_of_answer)
{
    static const struct {
        uint8_t command;
        const char *name;
        enum command_response response;
    } rows[] = {
        {COMMAND_QUIT,                "COM_QUIT",                COMMAND_RESPONSE_NONE      },
        {COMMAND_STMT_CLOSE,          "COM_STMT_CLOSE",          COMMAND_RESPONSE_NONE      },
        {COMMAND_STMT_SEND_LONG_DATA, "COM_STMT_SEND_LONG_DATA", COMMAND_RESPONSE_NONE      },
        {COMMAND_PING,                "COM_PING",                COMMAND_RESPONSE_OK        },
        {COMMAND_QUERY,               "COM_QUERY",               COMMAND_RESPONSE_RESULTSETS},
        {COMMAND_STMT_EXECUTE,        "COM_STMT_EXECUTE",        COMMAND_RESPONSE_RESULTSETS},
        {COMMAND_STMT_PREPARE,        "COM_STMT_PREPARE",        COMMAND_RESPONSE_PREPARE   },
        {COMMAND_STMT_FETCH,          "COM_STMT_FETCH",          COMMAND_RESPONSE_ROWS      },
        {COMMAND_FIELD_LIST,          "COM_FIELD_LIST",          COMMAND_RESPONSE_FIELDS    },
        {COMMAND_STATISTICS,          "COM_STATISTICS",          COMMAND_RESPONSE_TEXT      },
        {COMMAND_CHANGE_USER,         "COM_CHANGE_USER",         COMMAND_RESPONSE_AUTH      },
        {COMMAND_SET_OPTION,          "COM_SET_OPTION",          COMMAND_RESPONSE_OK_OR_EOF },
        {COMMAND_BINLOG_DUMP,         "COM_BINLOG_DUMP",         COMMAND_RESPONSE_REFUSED   },
        {COMMAND_BINLOG_DUMP_GTID,    "COM_BINLOG_DUMP_GTID",    COMMAND_RESPONSE_REFUSED   },
        {COMMAND_REGISTER_REPLICA,    "COM_REGISTER_SLAVE",      COMMAND_RESPONSE_REFUSED   },
        {COMMAND_TABLE_DUMP,          "COM_TABLE_DUMP",          COMMAND_RESPONSE_REFUSED   },
        {COMMAND_SLEEP,               "COM_SLEEP",               COMMAND_RESPONSE_REFUSED   },
        {0x77,                        "unknown command",         COMMAND_RESPONSE_REFUSED   },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_str_eq(command_name(rows[i].command), rows[i].name);
        ck_assert_int_eq(command_response_kind(rows[i].command), rows[i].response);
    }
}
END_TEST

START_TEST(the_sql_is_found_behind_attributes)
{
    struct golden golden;
    struct span sql;
    golden_load(&golden, "mysql_query_attributes");
    ck_assert_int_eq(command_query_decode(golden.span, CAP_QUERY_ATTRIBUTES, &sql), RESULT_OK);
    golden_assert_span(sql, "select 2");
    ck_assert_int_eq(command_query_decode(span_of_text("\x03select 1"), 0, &sql), RESULT_OK);
    golden_assert_span(sql, "select 1");
}
END_TEST

START_TEST(attributes_of_every_type_are_skipped)
{
    static const struct {
        uint8_t type;
        const char *value;
        size_t length;
    } rows[] = {
        {COLUMN_TYPE_TINY,       "1",        1 },
        {COLUMN_TYPE_SHORT,      "12",       2 },
        {COLUMN_TYPE_YEAR,       "12",       2 },
        {COLUMN_TYPE_LONG,       "1234",     4 },
        {COLUMN_TYPE_INT24,      "1234",     4 },
        {COLUMN_TYPE_FLOAT,      "1234",     4 },
        {COLUMN_TYPE_LONGLONG,   "12345678", 8 },
        {COLUMN_TYPE_DOUBLE,     "12345678", 8 },
        {COLUMN_TYPE_NULL,       "",         0 },
        {COLUMN_TYPE_DATE,
         "\x04"
         "1234",                             5 },
        {COLUMN_TYPE_TIME,       "\x00",     1 },
        {COLUMN_TYPE_DATETIME,
         "\x07"
         "1234567",                          8 },
        {COLUMN_TYPE_TIMESTAMP,
         "\x0B"
         "12345678901",                      12},
        {COLUMN_TYPE_VAR_STRING,
         "\x03"
         "abc",                              4 },
        {COLUMN_TYPE_BLOB,
         "\xFC\x01\x00"
         "a",                                4 },
        {COLUMN_TYPE_NEWDECIMAL,
         "\x03"
         "1.5",                              4 },
        {COLUMN_TYPE_JSON,       "\x02{}",   3 },
    };
    size_t count = sizeof rows / sizeof rows[0];
    uint8_t bytes[512];
    struct writer writer;
    struct span sql;
    writer_init(&writer, bytes, sizeof bytes);
    writer_u8(&writer, COMMAND_QUERY);
    writer_lenenc(&writer, count + 1);
    writer_lenenc(&writer, 1);
    writer_uint(&writer, UINT64_C(1) << count, (count + 1 + 7) / 8);
    writer_u8(&writer, 1);
    for (size_t i = 0; i < count; i++) {
        writer_u8(&writer, rows[i].type);
        writer_u8(&writer, 0);
        writer_lenenc_text(&writer, "name");
    }
    writer_u16(&writer, COLUMN_TYPE_LONGLONG); /* its NULL bit is set: no value follows */
    writer_lenenc_text(&writer, "");
    for (size_t i = 0; i < count; i++)
        writer_bytes(&writer, rows[i].value, rows[i].length);
    writer_text(&writer, "SELECT 3");
    ck_assert_int_eq(command_query_decode(writer_span_written(&writer), CAP_QUERY_ATTRIBUTES, &sql),
                     RESULT_OK);
    golden_assert_span(sql, "SELECT 3");
}
END_TEST

START_TEST(attributes_that_cannot_be_are_refused)
{
    static const uint8_t many[] = {3, 0xFE, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0};
    static const uint8_t two_sets[] = {3, 0, 2, 'x'};
    static const uint8_t no_types[] = {3, 1, 1, 0, 0, 'x'};
    struct span sql;
    ck_assert_int_eq(command_query_decode((struct span){many, sizeof many}, CAP_QUERY_ATTRIBUTES, &sql),
                     RESULT_MALFORMED);
    ck_assert_int_eq(
        command_query_decode((struct span){two_sets, sizeof two_sets}, CAP_QUERY_ATTRIBUTES, &sql),
        RESULT_MALFORMED);
    ck_assert_int_ne(
        command_query_decode((struct span){no_types, sizeof no_types}, CAP_QUERY_ATTRIBUTES, &sql),
        RESULT_OK);
}
END_TEST

START_TEST(a_query_comes_back)
{
    static const uint64_t caps[] = {0, CAP_QUERY_ATTRIBUTES};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[32];
        struct writer writer;
        struct span sql;
        writer_init(&writer, bytes, sizeof bytes);
        command_query_encode(&writer, span_of_text("SELECT 1"), caps[i]);
        ck_assert_int_eq(command_query_decode(writer_span_written(&writer), caps[i], &sql), RESULT_OK);
        golden_assert_span(sql, "SELECT 1");
    }
}
END_TEST

START_TEST(registrations_of_replicas_are_read_and_written_alike)
{
    static const struct {
        const char *name;
        uint32_t server_id;
        const char *host;
        uint16_t port;
    } rows[] = {
        {"mysql_register",   3, "rep3", 23973},
        {"mariadb_register", 4, "",     23974}
    };
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct command_register command;
        uint8_t bytes[64];
        struct writer writer;
        golden_load(&golden, rows[i].name);
        ck_assert_int_eq(command_register_decode(golden.span, &command), RESULT_OK);
        ck_assert_uint_eq(command.server_id, rows[i].server_id);
        ck_assert_uint_eq(command.port, rows[i].port);
        golden_assert_span(command.host, rows[i].host);
        writer_init(&writer, bytes, sizeof bytes);
        command_register_encode(&writer, &command);
        golden_assert_same(writer_span_written(&writer), golden.span);
    }
}
END_TEST

START_TEST(dumps_of_replicas_are_read_and_written_alike)
{
    static const struct {
        const char *name;
        uint32_t position;
        const char *file;
    } rows[] = {
        {"mysql_dump",   158, "binlog.000001"},
        {"mariadb_dump", 4,   ""             }
    };
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct command_dump dump;
        uint8_t bytes[64];
        struct writer writer;
        golden_load(&golden, rows[i].name);
        ck_assert_int_eq(command_dump_decode(golden.span, &dump), RESULT_OK);
        ck_assert_uint_eq(dump.position, rows[i].position);
        golden_assert_span(dump.file, rows[i].file);
        writer_init(&writer, bytes, sizeof bytes);
        command_dump_encode(&writer, &dump);
        golden_assert_same(writer_span_written(&writer), golden.span);
    }
}
END_TEST

/* MySQL 9.7 sends its GTID set without DUMP_FLAG_THROUGH_GTID. */
START_TEST(a_dump_by_gtid_is_read_and_written_alike)
{
    struct golden golden;
    struct command_dump_gtid dump;
    uint8_t bytes[64];
    struct writer writer;
    golden_load(&golden, "mysql_dump_gtid");
    ck_assert_int_eq(command_dump_gtid_decode(golden.span, &dump), RESULT_OK);
    ck_assert_uint_eq(dump.server_id, 3);
    ck_assert_uint_eq(dump.position, 4);
    ck_assert_uint_eq(dump.file.length, 0);
    ck_assert_uint_eq(dump.flags & DUMP_FLAG_THROUGH_GTID, 0);
    ck_assert_uint_eq(dump.gtid_set.length, 8);
    writer_init(&writer, bytes, sizeof bytes);
    command_dump_gtid_encode(&writer, &dump);
    golden_assert_same(writer_span_written(&writer), golden.span);
}
END_TEST

START_TEST(a_prepared_statement_is_described)
{
    static const char *const names[] = {"mysql_prepared", "mariadb_prepared"};
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct command_prepared prepared;
        golden_load(&golden, names[i]);
        ck_assert_int_eq(command_prepared_decode(golden.span, &prepared), RESULT_OK);
        ck_assert_uint_eq(prepared.statement_id, 1);
        ck_assert_uint_eq(prepared.columns, 1);
        ck_assert_uint_eq(prepared.parameters, 1);
        ck_assert_uint_eq(prepared.warnings, 0);
    }
}
END_TEST

START_TEST(a_kill_comes_back)
{
    uint8_t bytes[8];
    struct writer writer;
    uint32_t thread_id;
    writer_init(&writer, bytes, sizeof bytes);
    command_kill_encode(&writer, 77);
    ck_assert_int_eq(command_kill_decode(writer_span_written(&writer), &thread_id), RESULT_OK);
    ck_assert_uint_eq(thread_id, 77);
}
END_TEST

static void decode_everything(struct span payload)
{
    struct span sql;
    struct command_prepared prepared;
    struct command_register command;
    struct command_dump dump;
    struct command_dump_gtid dump_gtid;
    uint32_t number;
    (void)!command_query_decode(payload, CAP_QUERY_ATTRIBUTES, &sql);
    (void)!command_query_decode(payload, 0, &sql);
    (void)!command_prepared_decode(payload, &prepared);
    (void)!command_register_decode(payload, &command);
    (void)!command_dump_decode(payload, &dump);
    (void)!command_dump_gtid_decode(payload, &dump_gtid);
    (void)!command_kill_decode(payload, &number);
    (void)!command_statement_id(payload, &number);
}

START_TEST(damaged_commands_are_survived)
{
    static const char *const names[] = {
        "mysql_query_attributes", "mysql_register",  "mariadb_register", "mysql_dump",
        "mariadb_dump",           "mysql_dump_gtid", "mysql_prepared"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct golden golden;
        golden_damage(golden_load(&golden, names[i]), decode_everything);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("command");
    TCase *tests = tcase_create("command");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_command_has_its_kind_of_answer);
    tcase_add_test(tests, the_sql_is_found_behind_attributes);
    tcase_add_test(tests, attributes_of_every_type_are_skipped);
    tcase_add_test(tests, attributes_that_cannot_be_are_refused);
    tcase_add_test(tests, a_query_comes_back);
    tcase_add_test(tests, registrations_of_replicas_are_read_and_written_alike);
    tcase_add_test(tests, dumps_of_replicas_are_read_and_written_alike);
    tcase_add_test(tests, a_dump_by_gtid_is_read_and_written_alike);
    tcase_add_test(tests, a_prepared_statement_is_described);
    tcase_add_test(tests, a_kill_comes_back);
    tcase_add_test(tests, damaged_commands_are_survived);
    suite_add_tcase(suite, tests);
    return golden_run(suite);
}
