/* layer: protocol */
/* OK, ERR and EOF as real servers send them, and the GTIDs in them. */
#include "protocol/response.h"
#include "protocol/track.h"

#include "test/unit/connection_golden.h"

#define TRACKED   (CAP_PROTOCOL_41 | CAP_SESSION_TRACK | CAP_DEPRECATE_EOF)
#define UNTRACKED CAP_PROTOCOL_41

static const char *const tracked_names[] = {"mysql_ok_schema",      "mysql_ok_insert",   "mysql_ok_variable",
                                            "mysql_ok_track_gtids", "mariadb_ok_schema", "mariadb_ok_insert",
                                            "mariadb_ok_variable"};
#define TRACKED_NAMES (sizeof tracked_names / sizeof tracked_names[0])

static void assert_ok_same(const char *name, uint64_t caps)
{
    struct golden golden;
    struct response_ok ok;
    uint8_t bytes[512];
    struct writer writer;
    golden_load(&golden, name);
    ck_assert_int_eq(response_kind_of_first(golden.span, golden.span.length, caps), RESPONSE_OK);
    ck_assert_int_eq(response_ok_decode(golden.span, caps, &ok), RESULT_OK);
    writer_init(&writer, bytes, sizeof bytes);
    response_ok_encode(&writer, &ok, caps);
    golden_assert_same(writer_span_written(&writer), golden.span);
}

START_TEST(real_oks_are_read_and_written_alike)
{
    for (size_t i = 0; i < TRACKED_NAMES; i++)
        assert_ok_same(tracked_names[i], TRACKED);
    assert_ok_same("mysql_ok_untracked", UNTRACKED);
    assert_ok_same("mariadb_ok_untracked", UNTRACKED);
}
END_TEST

START_TEST(an_ok_says_what_the_statement_did)
{
    struct golden golden;
    struct response_ok ok;
    golden_load(&golden, "mysql_ok_insert");
    ck_assert_int_eq(response_ok_decode(golden.span, TRACKED, &ok), RESULT_OK);
    ck_assert_uint_eq(ok.affected_rows, 2);
    ck_assert_uint_eq(ok.status, STATUS_AUTOCOMMIT | STATUS_SESSION_STATE_CHANGED);
    golden_assert_span(ok.info, "Records: 2  Duplicates: 0  Warnings: 0");
    golden_load(&golden, "mariadb_ok_untracked");
    ck_assert_int_eq(response_ok_decode(golden.span, UNTRACKED, &ok), RESULT_OK);
    golden_assert_span(ok.info, "Rows matched: 3  Changed: 3  Warnings: 0");
    ck_assert_uint_eq(ok.state.length, 0);
}
END_TEST

START_TEST(an_info_without_its_length_is_taken_as_the_manual_says)
{
    static const uint8_t payload[] = {0, 1, 0, 2, 0, 0, 0, 'd', 'o', 'n', 'e'};
    struct response_ok ok;
    ck_assert_int_eq(response_ok_decode((struct span){payload, sizeof payload}, UNTRACKED, &ok), RESULT_OK);
    golden_assert_span(ok.info, "done");
}
END_TEST

START_TEST(gtids_are_found_in_real_oks)
{
    struct golden golden;
    struct response_gtids gtids;
    golden_load(&golden, "mysql_ok_insert");
    ck_assert_int_eq(response_find_gtids(golden.span, TRACKED, &gtids), RESULT_OK);
    ck_assert_uint_ge(gtids.own_gtids.length, 38);
    ck_assert_uint_eq(gtids.own_gtids.data[8], '-');
    ck_assert_uint_eq(gtids.own_gtids.data[36], ':');
    ck_assert_uint_eq(gtids.last_gtid.length, 0);
    golden_load(&golden, "mariadb_ok_insert");
    ck_assert_int_eq(response_find_gtids(golden.span, TRACKED, &gtids), RESULT_OK);
    ck_assert_uint_eq(gtids.own_gtids.length, 0);
    ck_assert_int_eq(memcmp(gtids.last_gtid.data, "0-2-", 4), 0);
    ck_assert(!gtids.track_gtids_changed && !gtids.track_variables_changed);
}
END_TEST

START_TEST(switching_the_trackers_is_noticed)
{
    struct golden golden;
    struct response_gtids gtids;
    golden_load(&golden, "mysql_ok_track_gtids");
    ck_assert_int_eq(response_find_gtids(golden.span, TRACKED, &gtids), RESULT_OK);
    ck_assert(gtids.track_gtids_changed && !gtids.track_variables_changed);
    golden_assert_span(gtids.track_gtids, "OFF");
    golden_load(&golden, "mysql_ok_variable");
    ck_assert_int_eq(response_find_gtids(golden.span, TRACKED, &gtids), RESULT_OK);
    ck_assert(gtids.track_variables_changed && !gtids.track_gtids_changed);
    golden_assert_span(gtids.track_variables, "*");
    golden_load(&golden, "mariadb_ok_variable");
    ck_assert_int_eq(response_find_gtids(golden.span, TRACKED, &gtids), RESULT_OK);
    ck_assert(gtids.track_variables_changed);
}
END_TEST

START_TEST(an_ok_without_changes_has_no_gtids)
{
    static const uint8_t payload[] = {0, 0, 0, 2, 0, 0, 0};
    struct response_gtids gtids;
    ck_assert_int_eq(response_find_gtids((struct span){payload, sizeof payload}, TRACKED, &gtids), RESULT_OK);
    ck_assert_uint_eq(gtids.status, STATUS_AUTOCOMMIT);
    ck_assert_uint_eq(gtids.own_gtids.length, 0);
    ck_assert_uint_eq(gtids.last_gtid.length, 0);
}
END_TEST

/* All kinds of entries in one OK, written by ourselves; the last of repeated ones counts. */
START_TEST(entries_come_back)
{
    uint8_t state[1024];
    uint8_t payload[2048];
    char long_set[400];
    struct writer writer;
    struct writer ok_writer;
    memset(long_set, 'g', sizeof long_set);
    writer_init(&writer, state, sizeof state);
    track_string_encode(&writer, TRACK_SCHEMA, span_of_text("db"));
    track_variable_encode(&writer, span_of_text("autocommit"), span_of_text("ON"));
    track_gtids_encode(&writer, span_of_text("first:1"));
    track_gtids_encode(&writer, (struct span){(uint8_t *)long_set, sizeof long_set});
    track_variable_encode(&writer, span_of_text("last_gtid"), span_of_text("0-1-2"));
    track_string_encode(&writer, TRACK_STATE_CHANGE, span_of_text("1"));
    track_string_encode(&writer, TRACK_TRANSACTION_STATE, span_of_text("T_______"));
    ck_assert_int_eq(writer_result(&writer), RESULT_OK);
    struct response_ok ok = {.header = RESPONSE_HEADER_EOF,
                             .status = STATUS_SESSION_STATE_CHANGED | STATUS_MORE_RESULTS,
                             .info = span_of_text("info"),
                             .state = writer_span_written(&writer)};
    writer_init(&ok_writer, payload, sizeof payload);
    response_ok_encode(&ok_writer, &ok, TRACKED);
    struct response_gtids gtids;
    ck_assert_int_eq(response_find_gtids(writer_span_written(&ok_writer), TRACKED, &gtids), RESULT_OK);
    ck_assert_uint_eq(gtids.own_gtids.length, sizeof long_set);
    golden_assert_span(gtids.last_gtid, "0-1-2");
    ck_assert_uint_eq(gtids.status, ok.status);
    struct track_cursor cursor;
    struct track_entry entry;
    struct span text;
    static const uint8_t types[] = {
        TRACK_SCHEMA,       TRACK_SYSTEM_VARIABLES, TRACK_GTIDS, TRACK_GTIDS, TRACK_SYSTEM_VARIABLES,
        TRACK_STATE_CHANGE, TRACK_TRANSACTION_STATE};
    track_cursor_init(&cursor, ok.state);
    for (size_t i = 0; i < sizeof types; i++) {
        ck_assert(track_cursor_next(&cursor, &entry));
        ck_assert_uint_eq(entry.type, types[i]);
        if (i == 0) {
            ck_assert_int_eq(track_string_decode(entry.data, &text), RESULT_OK);
            golden_assert_span(text, "db");
        }
    }
    ck_assert(!track_cursor_next(&cursor, &entry));
    ck_assert_int_eq(track_cursor_result(&cursor), RESULT_OK);
}
END_TEST

START_TEST(an_unknown_encoding_of_gtids_is_not_taken_as_none)
{
    static const uint8_t payload[] = {0, 0, 0, 0, 0x40, 0, 0, 0, 5, 3, 3, 1, 1, 'x'};
    struct response_gtids gtids;
    ck_assert_int_eq(response_find_gtids((struct span){payload, sizeof payload}, TRACKED, &gtids),
                     RESULT_UNSUPPORTED);
}
END_TEST

START_TEST(an_ok_is_rewritten_for_a_client_that_agreed_to_less)
{
    struct golden golden;
    struct response_ok before;
    struct response_ok after;
    struct response_eof eof;
    uint8_t bytes[512];
    struct writer writer;
    golden_load(&golden, "mysql_ok_insert");
    ck_assert_int_eq(response_ok_decode(golden.span, TRACKED, &before), RESULT_OK);
    writer_init(&writer, bytes, sizeof bytes);
    ck_assert(response_differs(TRACKED, UNTRACKED) && !response_differs(TRACKED, TRACKED));
    ck_assert_int_eq(response_ok_rewrite(golden.span, TRACKED, UNTRACKED, FLAVOR_MYSQL, &writer), RESULT_OK);
    ck_assert_int_eq(response_ok_decode(writer_span_written(&writer), UNTRACKED, &after), RESULT_OK);
    ck_assert_uint_eq(after.status, STATUS_AUTOCOMMIT);
    ck_assert(span_equal(after.info, before.info));
    ck_assert_uint_eq(after.affected_rows, before.affected_rows);
    golden.bytes[0] = RESPONSE_HEADER_EOF;
    writer_init(&writer, bytes, sizeof bytes);
    ck_assert_int_eq(response_ok_rewrite(golden.span, TRACKED, UNTRACKED, FLAVOR_MYSQL, &writer), RESULT_OK);
    ck_assert_int_eq(response_eof_decode(writer_span_written(&writer), &eof), RESULT_OK);
    ck_assert_uint_eq(eof.status, STATUS_AUTOCOMMIT);
    writer_init(&writer, bytes, sizeof bytes);
    ck_assert_int_eq(response_ok_rewrite(golden.span, TRACKED, CAP_DEPRECATE_EOF, FLAVOR_MYSQL, &writer),
                     RESULT_OK);
    ck_assert_uint_eq(bytes[0], RESPONSE_HEADER_EOF);
    writer_init(&writer, bytes, sizeof bytes);
    ck_assert_int_eq(response_ok_rewrite(golden.span, TRACKED, TRACKED, FLAVOR_MYSQL, &writer), RESULT_OK);
    golden_assert_same(writer_span_written(&writer), golden.span);
}
END_TEST

START_TEST(real_errors_are_read_and_written_alike)
{
    static const char *const names[] = {"mysql_error", "mariadb_error"};
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct response_error error;
        uint8_t bytes[600];
        struct writer writer;
        golden_load(&golden, names[i]);
        ck_assert(response_is_error(golden.span));
        ck_assert_int_eq(response_error_decode(golden.span, &error), RESULT_OK);
        ck_assert_uint_eq(error.code, ERROR_CODE_PARSE);
        ck_assert_str_eq(error.sqlstate, "42000");
        writer_init(&writer, bytes, sizeof bytes);
        response_error_encode(&writer, error.code, error.message);
        golden_assert_same(writer_span_written(&writer), golden.span);
    }
}
END_TEST

START_TEST(an_error_before_login_has_no_sqlstate)
{
    struct response_error error;
    ck_assert_int_eq(response_error_decode(span_of_text("\xFF\x10\x04Too many connections"), &error),
                     RESULT_OK);
    ck_assert_uint_eq(error.code, ERROR_CODE_TOO_MANY_CONNECTIONS);
    ck_assert_str_eq(error.sqlstate, "HY000");
    golden_assert_span(error.message, "Too many connections");
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
    char text[700];
    uint8_t bytes[700];
    struct writer writer;
    memset(text, 'x', sizeof text);
    memcpy(text + 511, "\xC3\xA9", 2);
    writer_init(&writer, bytes, sizeof bytes);
    response_error_encode(&writer, ERROR_CODE_UNKNOWN, (struct span){(uint8_t *)text, sizeof text});
    ck_assert_uint_eq(writer.length, 9 + 511);
}
END_TEST

START_TEST(packets_are_told_apart)
{
    static const struct {
        const char *start;
        size_t length;
        uint64_t caps;
        enum response_kind first;
        enum response_kind row;
    } rows[] = {
        {"\xFF\x28\x04", 30,       TRACKED,                        RESPONSE_ERR,       RESPONSE_ERR    },
        {"\xFF\xFF\xFF", 30,       TRACKED | CAP_MARIADB_PROGRESS, RESPONSE_PROGRESS,  RESPONSE_ERR    },
        {"\xFF\xFF\xFF", 30,       TRACKED,                        RESPONSE_ERR,       RESPONSE_ERR    },
        {"\xFBname",     9,        TRACKED,                        RESPONSE_INFILE,    RESPONSE_ROW    },
        {"\x02",         1,        TRACKED,                        RESPONSE_RESULTSET, RESPONSE_ROW    },
        {"\xFE...",      5,        UNTRACKED,                      RESPONSE_EOF,       RESPONSE_EOF    },
        {"\xFE...",      7,        TRACKED,                        RESPONSE_OK,        RESPONSE_OK     },
        {"\xFE...",      5,        TRACKED,                        RESPONSE_INVALID,   RESPONSE_INVALID},
        {"\xFE...",      9,        UNTRACKED,                      RESPONSE_INVALID,   RESPONSE_ROW    },
        {"\xFE...",      0xFFFFFF, TRACKED,                        RESPONSE_INVALID,   RESPONSE_ROW    },
        {"",             0,        TRACKED,                        RESPONSE_INVALID,   RESPONSE_ROW    },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span start = span_of_text(rows[i].start);
        ck_assert_int_eq(response_kind_of_first(start, rows[i].length, rows[i].caps), rows[i].first);
        if (start.length > 0)
            ck_assert_int_eq(response_kind_of_row(start.data[0], rows[i].length, rows[i].caps), rows[i].row);
    }
}
END_TEST

START_TEST(an_eof_comes_back)
{
    uint8_t bytes[8];
    struct writer writer;
    struct response_eof eof;
    uint16_t status;
    writer_init(&writer, bytes, sizeof bytes);
    response_eof_encode(&writer, (struct response_eof){.warnings = 3, .status = STATUS_MORE_RESULTS});
    ck_assert_int_eq(response_eof_decode(writer_span_written(&writer), &eof), RESULT_OK);
    ck_assert_uint_eq(eof.warnings, 3);
    ck_assert_uint_eq(eof.status, STATUS_MORE_RESULTS);
    ck_assert_int_eq(response_status(writer_span_written(&writer), UNTRACKED, &status), RESULT_OK);
    ck_assert_uint_eq(status, STATUS_MORE_RESULTS);
}
END_TEST

START_TEST(error_numbers_have_their_sqlstates)
{
    ck_assert_str_eq(error_code_sqlstate(ERROR_CODE_ACCESS_DENIED), "28000");
    ck_assert_str_eq(error_code_sqlstate(ERROR_CODE_SOURCE_FATAL_READING_BINLOG), "HY000");
    ck_assert_str_eq(error_code_sqlstate(ERROR_CODE_QUERY_INTERRUPTED), "70100");
}
END_TEST

static void decode_everything(struct span payload)
{
    static const uint64_t caps[] = {TRACKED, UNTRACKED, CAP_PROTOCOL_41 | CAP_SESSION_TRACK};
    struct response_ok ok;
    struct response_error error;
    struct response_eof eof;
    struct response_gtids gtids;
    uint8_t bytes[1024];
    uint16_t status;
    for (size_t i = 0; i < 3; i++) {
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        (void)!response_ok_decode(payload, caps[i], &ok);
        (void)!response_find_gtids(payload, caps[i], &gtids);
        (void)!response_status(payload, caps[i], &status);
        (void)!response_ok_rewrite(payload, caps[i], UNTRACKED, FLAVOR_MYSQL, &writer);
        (void)response_kind_of_first(payload, payload.length, caps[i]);
    }
    (void)!response_error_decode(payload, &error);
    (void)!response_eof_decode(payload, &eof);
}

START_TEST(damaged_packets_are_survived)
{
    static const char *const others[] = {"mysql_ok_untracked", "mariadb_ok_untracked", "mysql_error",
                                         "mariadb_error"};
    struct golden golden;
    for (size_t i = 0; i < TRACKED_NAMES; i++)
        golden_damage(golden_load(&golden, tracked_names[i]), decode_everything);
    for (size_t i = 0; i < 4; i++)
        golden_damage(golden_load(&golden, others[i]), decode_everything);
}
END_TEST

/* A GTID that cannot be read must never pass for "no GTID": every truncation of the OK is an error. */
START_TEST(a_truncated_ok_is_never_taken_for_one_without_gtids)
{
    static const char *const names[] = {"mysql_ok_insert", "mariadb_ok_insert"};
    for (size_t i = 0; i < 2; i++) {
        struct golden golden;
        struct response_gtids gtids;
        golden_load(&golden, names[i]);
        for (size_t length = 0; length < golden.span.length; length++)
            ck_assert_int_ne(response_find_gtids((struct span){golden.bytes, length}, TRACKED, &gtids),
                             RESULT_OK);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, real_oks_are_read_and_written_alike);
    tcase_add_test(tests, an_ok_says_what_the_statement_did);
    tcase_add_test(tests, an_info_without_its_length_is_taken_as_the_manual_says);
    tcase_add_test(tests, gtids_are_found_in_real_oks);
    tcase_add_test(tests, switching_the_trackers_is_noticed);
    tcase_add_test(tests, an_ok_without_changes_has_no_gtids);
    tcase_add_test(tests, entries_come_back);
    tcase_add_test(tests, an_unknown_encoding_of_gtids_is_not_taken_as_none);
    tcase_add_test(tests, an_ok_is_rewritten_for_a_client_that_agreed_to_less);
    tcase_add_test(tests, real_errors_are_read_and_written_alike);
    tcase_add_test(tests, an_error_before_login_has_no_sqlstate);
    tcase_add_test(tests, a_long_message_is_cut_between_characters);
    tcase_add_test(tests, packets_are_told_apart);
    tcase_add_test(tests, an_eof_comes_back);
    tcase_add_test(tests, error_numbers_have_their_sqlstates);
    tcase_add_test(tests, damaged_packets_are_survived);
    tcase_add_test(tests, a_truncated_ok_is_never_taken_for_one_without_gtids);
}

int main(void)
{
    Suite *suite = suite_create("response");
    TCase *tests = tcase_create("response");
    tcase_set_timeout(tests, 60);
    add_tests(tests);
    suite_add_tcase(suite, tests);
    return golden_run(suite);
}
