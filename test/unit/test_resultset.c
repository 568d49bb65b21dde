/* layer: protocol */
/* Text result sets: real ones are read, our own come back through the reader. */
#include "protocol/packet.h"
#include "protocol/resultset.h"

#include "test/unit/connection_golden.h"

#define WITH_OK  (CAP_PROTOCOL_41 | CAP_DEPRECATE_EOF | CAP_SESSION_TRACK)
#define WITH_EOF CAP_PROTOCOL_41

/* Everything the reader says about a stream of packets, as text: M more, E end, O ok, X error, and the rows.
 */
static void describe(struct span wire, uint64_t caps, char *ret_text, size_t text_max)
{
    struct packet_joiner joiner;
    struct resultset_reader reader;
    struct reader stream;
    struct span payload;
    size_t length = 0;
    packet_joiner_init(&joiner, 1, 1 << 26);
    resultset_reader_init(&reader, caps);
    reader_init_span(&stream, wire);
    while (packet_joiner_next(&joiner, &stream, &payload) == RESULT_OK) {
        static const char letters[] = "M.EOX";
        enum resultset_step step;
        ck_assert_int_eq(resultset_reader_next(&reader, payload, &step), RESULT_OK);
        ck_assert_uint_lt(length + 200, text_max);
        if (step != RESULTSET_STEP_ROW) {
            ret_text[length++] = letters[step];
            continue;
        }
        struct resultset_value values[8];
        ck_assert_uint_le(reader.columns, 8);
        ck_assert_int_eq(resultset_row_decode(payload, (size_t)reader.columns, values), RESULT_OK);
        for (size_t i = 0; i < reader.columns; i++)
            length += (size_t)snprintf(ret_text + length, text_max - length, "%c%.*s", i == 0 ? '[' : ',',
                                       values[i].is_null ? 4 : (int)values[i].text.length,
                                       values[i].is_null ? "NULL" : (const char *)values[i].text.data);
        ret_text[length++] = ']';
    }
    ck_assert(reader_at_end(&stream));
    ret_text[length] = '\0';
    packet_joiner_release(&joiner);
}

START_TEST(real_result_sets_are_read)
{
    static const struct {
        const char *name;
        uint64_t caps;
        const char *expected;
    } rows[] = {
        {"mysql_resultset_ok",    WITH_OK,  "MMM[1,NULL][2,x]E"     },
        {"mysql_resultset_eof",   WITH_EOF, "MMMM[1,z][2,z]E"       },
        {"mariadb_resultset_ok",  WITH_OK,  "MMM[1,NULL][2,x][3,r]E"},
        {"mariadb_resultset_eof", WITH_EOF, "MMMM[1,z][2,z][3,z]E"  },
        {"mariadb_ok_returning",  WITH_OK,  "MM[3]E"                },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct golden golden;
        char text[1024];
        describe(golden_load(&golden, rows[i].name), rows[i].caps, text, sizeof text);
        ck_assert_str_eq(text, rows[i].expected);
    }
}
END_TEST

static void write_example(struct resultset_writer *writer)
{
    static const struct resultset_column columns[] = {
        {"name",  0,                    0                                        },
        {"value", COLUMN_TYPE_LONGLONG, COLUMN_FLAG_UNSIGNED | COLUMN_FLAG_NUMBER}
    };
    resultset_writer_columns(writer, columns, 2);
    resultset_writer_row_begin(writer);
    resultset_writer_text(writer, "a");
    resultset_writer_u64(writer, UINT64_MAX);
    resultset_writer_row_end(writer);
    resultset_writer_row_begin(writer);
    resultset_writer_text(writer, "");
    resultset_writer_text(writer, NULL);
    resultset_writer_row_end(writer);
    resultset_writer_end(writer, STATUS_AUTOCOMMIT | STATUS_MORE_RESULTS, 0);
    resultset_writer_single(writer, "@@version", "9", STATUS_AUTOCOMMIT);
}

START_TEST(written_result_sets_come_back)
{
    static const struct {
        uint64_t caps;
        const char *expected;
    } rows[] = {
        {WITH_OK,  "MMM[a,18446744073709551615][,NULL]EMM[9]E"  },
        {WITH_EOF, "MMMM[a,18446744073709551615][,NULL]EMMM[9]E"}
    };
    for (size_t i = 0; i < 2; i++) {
        struct resultset_writer writer;
        char text[1024];
        resultset_writer_init(&writer, rows[i].caps, 1);
        write_example(&writer);
        describe((struct span){writer.data, writer.length}, rows[i].caps, text, sizeof text);
        ck_assert_str_eq(text, rows[i].expected);
        resultset_writer_release(&writer);
    }
}
END_TEST

START_TEST(oks_and_errors_are_answers_too)
{
    struct resultset_writer writer;
    struct response_ok ok = {.status = STATUS_MORE_RESULTS, .info = span_of_text("done")};
    char text[1024];
    resultset_writer_init(&writer, WITH_OK, 1);
    resultset_writer_ok(&writer, &ok);
    resultset_writer_columns(&writer, &(struct resultset_column){.name = "c"}, 1);
    resultset_writer_error(&writer, ERROR_CODE_QUERY_INTERRUPTED, "interrupted");
    size_t length;
    uint8_t *bytes = resultset_writer_take(&writer, &length);
    describe((struct span){bytes, length}, WITH_OK, text, sizeof text);
    ck_assert_str_eq(text, "OMMX");
    free(bytes);
    resultset_writer_release(&writer);
}
END_TEST

START_TEST(a_row_over_16_mib_is_split_and_joined)
{
    struct resultset_writer writer;
    struct packet_joiner joiner;
    struct reader stream;
    struct span payload = {0};
    struct resultset_value value;
    size_t length = PACKET_PAYLOAD_MAX + 10;
    char *text = malloc(length);
    ck_assert_ptr_nonnull(text);
    memset(text, 'r', length);
    resultset_writer_init(&writer, WITH_OK, 1);
    resultset_writer_columns(&writer, &(struct resultset_column){.name = "c"}, 1);
    resultset_writer_row_begin(&writer);
    resultset_writer_value(&writer, (struct span){(uint8_t *)text, length});
    resultset_writer_row_end(&writer);
    resultset_writer_end(&writer, 0, 0);
    packet_joiner_init(&joiner, 1, 1 << 26);
    reader_init(&stream, writer.data, writer.length);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(packet_joiner_next(&joiner, &stream, &payload), RESULT_OK);
    ck_assert_int_eq(resultset_row_decode(payload, 1, &value), RESULT_OK);
    ck_assert_uint_eq(value.text.length, length);
    ck_assert_int_eq(packet_joiner_next(&joiner, &stream, &payload), RESULT_OK);
    ck_assert(reader_at_end(&stream));
    packet_joiner_release(&joiner);
    resultset_writer_release(&writer);
    free(text);
}
END_TEST

START_TEST(impossible_responses_are_refused)
{
    static const char *const payloads[] = {"", "\xFBname", "\xFC\xFF\xFF", "\x02x", "\xFE"};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        struct resultset_reader reader;
        enum resultset_step step;
        resultset_reader_init(&reader, WITH_OK);
        ck_assert_int_eq(resultset_reader_next(&reader, span_of_text(payloads[i]), &step), RESULT_MALFORMED);
    }
}
END_TEST

START_TEST(a_row_has_exactly_its_columns)
{
    struct resultset_value values[3];
    ck_assert_int_eq(resultset_row_decode(span_of_text("\x01"
                                                       "a\x01"
                                                       "b"),
                                          2, values),
                     RESULT_OK);
    ck_assert_int_eq(resultset_row_decode(span_of_text("\x01"
                                                       "a\x01"
                                                       "b"),
                                          1, values),
                     RESULT_MALFORMED);
    ck_assert_int_eq(resultset_row_decode(span_of_text("\x01"
                                                       "a\x01"
                                                       "b"),
                                          3, values),
                     RESULT_TRUNCATED);
    ck_assert_int_eq(resultset_row_decode(span_of_text("\x05"
                                                       "a"),
                                          1, values),
                     RESULT_TRUNCATED);
}
END_TEST

static void decode_everything(struct span wire)
{
    static const uint64_t caps[] = {WITH_OK, WITH_EOF};
    for (size_t i = 0; i < 2; i++) {
        struct packet_joiner joiner;
        struct resultset_reader reader;
        struct reader stream;
        struct span payload;
        enum resultset_step step;
        struct resultset_value values[4];
        packet_joiner_init(&joiner, 1, 1 << 20);
        resultset_reader_init(&reader, caps[i]);
        reader_init_span(&stream, wire);
        while (packet_joiner_next(&joiner, &stream, &payload) == RESULT_OK) {
            if (resultset_reader_next(&reader, payload, &step) != RESULT_OK)
                break;
            (void)!resultset_row_decode(payload, 4, values);
        }
        packet_joiner_release(&joiner);
    }
}

START_TEST(damaged_result_sets_are_survived)
{
    static const char *const names[] = {"mysql_resultset_ok", "mysql_resultset_eof", "mariadb_resultset_ok",
                                        "mariadb_resultset_eof", "mariadb_ok_returning"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct golden golden;
        golden_damage(golden_load(&golden, names[i]), decode_everything);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resultset");
    TCase *tests = tcase_create("resultset");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, real_result_sets_are_read);
    tcase_add_test(tests, written_result_sets_come_back);
    tcase_add_test(tests, oks_and_errors_are_answers_too);
    tcase_add_test(tests, a_row_over_16_mib_is_split_and_joined);
    tcase_add_test(tests, impossible_responses_are_refused);
    tcase_add_test(tests, a_row_has_exactly_its_columns);
    tcase_add_test(tests, damaged_result_sets_are_survived);
    suite_add_tcase(suite, tests);
    return golden_run(suite);
}
