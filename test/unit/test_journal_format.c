/* layer: recovery */
/* The journal's bytes: checksum, header, frame, end mark and names of segments. */
#include "recovery/crc32c.h"
#include "recovery/journal_format.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(the_checksum_is_the_one_of_the_rfc)
{
    uint8_t bytes[32];
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xE3069283u);
    ck_assert_uint_eq(crc32c(0, "", 0), 0);
    memset(bytes, 0, sizeof bytes);
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x62A8AB43u);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    ck_assert_uint_eq(crc32c(0, bytes, sizeof bytes), 0x46DD794Eu);
    ck_assert_uint_eq(crc32c_by_table(0, bytes, sizeof bytes), 0x46DD794Eu);
}
END_TEST

START_TEST(table_and_instruction_agree_at_every_length_and_split)
{
    uint8_t bytes[67];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        uint32_t whole = crc32c_by_table(0, bytes, length);
        for (size_t split = 0; split <= length; split++)
            ck_assert_uint_eq(crc32c(crc32c(0, bytes, split), bytes + split, length - split), whole);
    }
}
END_TEST

START_TEST(a_header_comes_back_and_a_newer_version_is_refused)
{
    static const struct {
        uint32_t version;
        enum result expected;
    } rows[] = {
        {JOURNAL_VERSION,     RESULT_OK         },
        {JOURNAL_VERSION + 1, RESULT_UNSUPPORTED},
        {0,                   RESULT_UNSUPPORTED}
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[JOURNAL_HEADER_BYTES];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        journal_header_encode(&writer, &(struct journal_header){rows[i].version, 77, 1234567890123u});
        ck_assert_uint_eq(writer.length, JOURNAL_HEADER_BYTES);
        struct reader reader;
        reader_init(&reader, bytes, sizeof bytes);
        struct journal_header header = {0};
        ck_assert_int_eq(journal_header_decode(&reader, &header), rows[i].expected);
        if (rows[i].expected == RESULT_OK) {
            ck_assert_uint_eq(header.created_ms, 77);
            ck_assert_uint_eq(header.first_sequence, 1234567890123u);
        }
    }
}
END_TEST

START_TEST(a_header_with_any_bit_turned_or_any_byte_missing_is_refused)
{
    uint8_t bytes[JOURNAL_HEADER_BYTES];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    journal_header_encode(&writer, &(struct journal_header){JOURNAL_VERSION, 77, 5});
    struct journal_header header;
    struct reader reader;
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        reader_init(&reader, bytes, sizeof bytes);
        ck_assert_int_ne(journal_header_decode(&reader, &header), RESULT_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t length = 0; length < sizeof bytes; length++) {
        reader_init(&reader, bytes, length);
        ck_assert_int_eq(journal_header_decode(&reader, &header), RESULT_TRUNCATED);
    }
}
END_TEST

static size_t encode_frame(uint8_t *bytes, size_t room)
{
    struct writer writer;
    writer_init(&writer, bytes, room);
    struct journal_frame frame = {7, 42, 40, 3, 1700000000123u, span_of_text("body")};
    journal_frame_encode(&writer, &frame);
    ck_assert(!writer_failed(&writer));
    return writer.length;
}

START_TEST(a_frame_comes_back)
{
    uint8_t bytes[64];
    size_t length = encode_frame(bytes, sizeof bytes);
    ck_assert_uint_eq(length, JOURNAL_FRAME_BYTES + 4);
    struct reader reader;
    reader_init(&reader, bytes, length);
    struct journal_frame frame;
    ck_assert_int_eq(journal_frame_decode(&reader, &frame), RESULT_OK);
    ck_assert_uint_eq(frame.type, 7);
    ck_assert_uint_eq(frame.sequence, 42);
    ck_assert_uint_eq(frame.durable, 40);
    ck_assert_uint_eq(frame.epoch, 3);
    ck_assert_uint_eq(frame.time_ms, 1700000000123u);
    ck_assert(span_is_text(frame.body, "body"));
    ck_assert(reader_at_end(&reader));
}
END_TEST

START_TEST(a_frame_with_any_bit_turned_or_any_byte_missing_is_refused)
{
    uint8_t bytes[64];
    size_t length = encode_frame(bytes, sizeof bytes);
    struct journal_frame frame;
    struct reader reader;
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        reader_init(&reader, bytes, length);
        ck_assert_int_ne(journal_frame_decode(&reader, &frame), RESULT_OK);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t shorter = 0; shorter < length; shorter++) {
        reader_init(&reader, bytes, shorter);
        ck_assert_int_eq(journal_frame_decode(&reader, &frame), RESULT_TRUNCATED);
    }
}
END_TEST

START_TEST(an_end_mark_is_no_frame)
{
    uint8_t bytes[64];
    memset(bytes, 0xFF, sizeof bytes);
    struct reader reader;
    reader_init(&reader, bytes, sizeof bytes);
    struct journal_frame frame;
    ck_assert_int_eq(journal_frame_decode(&reader, &frame), RESULT_TOO_LARGE);
    ck_assert(journal_end_is_at((struct span){bytes, 4}, 0));
    ck_assert(!journal_end_is_at((struct span){bytes, 5}, 0));
    ck_assert(!journal_end_is_at((struct span){bytes, 4}, 4));
}
END_TEST

START_TEST(segments_have_names)
{
    static const struct {
        const char *name;
        uint64_t number; /* 0: not a segment's */
    } rows[] = {
        {"journal.000001",                  1      },
        {"journal.999999",                  999999 },
        {"journal.1000000",                 1000000},
        {"journal.000000",                  0      },
        {"journal.1",                       0      },
        {"journal.0000001",                 0      },
        {"journal.",                        0      },
        {"journal.00000x",                  0      },
        {"journal",                         0      },
        {"lock",                            0      },
        {"journal.000001.bak",              0      },
        {"journal.99999999999999999999999", 0      },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t number = 0;
        ck_assert_int_eq(journal_segment_parse(rows[i].name, &number), rows[i].number != 0);
        ck_assert_uint_eq(number, rows[i].number);
        char name[JOURNAL_NAME_MAX];
        if (number != 0) {
            journal_segment_format(number, name);
            ck_assert_str_eq(name, rows[i].name);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_format");
    TCase *tests = tcase_create("journal_format");
    tcase_add_test(tests, the_checksum_is_the_one_of_the_rfc);
    tcase_add_test(tests, table_and_instruction_agree_at_every_length_and_split);
    tcase_add_test(tests, a_header_comes_back_and_a_newer_version_is_refused);
    tcase_add_test(tests, a_header_with_any_bit_turned_or_any_byte_missing_is_refused);
    tcase_add_test(tests, a_frame_comes_back);
    tcase_add_test(tests, a_frame_with_any_bit_turned_or_any_byte_missing_is_refused);
    tcase_add_test(tests, an_end_mark_is_no_frame);
    tcase_add_test(tests, segments_have_names);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
