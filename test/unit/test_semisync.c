/* layer: protocol */
/* The semi-sync bytes, as a real replica sends them, and heartbeats, as real sources send them. */
#include "protocol/binlog_heartbeat.h"
#include "protocol/semisync.h"

#include "test/unit/binlog_golden.h"

START_TEST(a_prefix_says_whether_an_ack_is_wanted)
{
    for (int wanted = 0; wanted <= 1; wanted++) {
        uint8_t bytes[2];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        semisync_prefix_encode(&writer, wanted == 1);
        ck_assert_uint_eq(bytes[0], 0xEF);
        ck_assert_int_eq(bytes[1], wanted);
        struct reader reader;
        reader_init(&reader, bytes, sizeof bytes);
        bool ret = wanted == 0;
        ck_assert_int_eq(semisync_prefix_decode(&reader, &ret), RESULT_OK);
        ck_assert_int_eq(ret, wanted);
    }
}
END_TEST

START_TEST(another_prefix_is_refused)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum result result;
    } rows[] = {
        {"",         0, RESULT_TRUNCATED},
        {"\xEF",     1, RESULT_TRUNCATED},
        {"\xEE\x01", 2, RESULT_MALFORMED},
        {"\xEF\x02", 2, RESULT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reader reader;
        reader_init(&reader, rows[i].bytes, rows[i].length);
        bool wanted;
        ck_assert_int_eq(semisync_prefix_decode(&reader, &wanted), rows[i].result);
    }
}
END_TEST

START_TEST(an_ack_carries_64_bits_and_a_name)
{
    struct semisync_ack ack = {.offset = UINT64_C(0x100000002), .name = span_of_text("binlog.000003")};
    uint8_t bytes[SEMISYNC_ACK_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    semisync_ack_encode(&writer, &ack);
    ck_assert_uint_eq(writer.length, 9 + 13);
    ck_assert_mem_eq(bytes,
                     "\xEF\x02\x00\x00\x00\x01\x00\x00\x00"
                     "binlog.000003",
                     22);
    struct semisync_ack back;
    ck_assert_int_eq(semisync_ack_decode(writer_span_written(&writer), &back), RESULT_OK);
    ck_assert_uint_eq(back.offset, ack.offset);
    ck_assert(span_equal(back.name, ack.name));
}
END_TEST

START_TEST(a_bad_ack_is_refused)
{
    uint8_t bytes[SEMISYNC_ACK_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    struct semisync_ack ack;
    ck_assert_int_eq(semisync_ack_decode((struct span){bytes, sizeof bytes}, &ack), RESULT_TOO_LARGE);
    ck_assert_int_eq(semisync_ack_decode((struct span){bytes, 20}, &ack), RESULT_MALFORMED);
    bytes[0] = SEMISYNC_MAGIC;
    for (size_t length = 0; length < 9; length++)
        ck_assert_int_eq(semisync_ack_decode((struct span){bytes, length}, &ack), RESULT_TRUNCATED);
    ck_assert_int_eq(semisync_ack_decode((struct span){bytes, 9}, &ack), RESULT_MALFORMED);
    ck_assert_int_eq(semisync_ack_decode((struct span){bytes, 10}, &ack), RESULT_OK);
}
END_TEST

/* MySQL 9.7's heartbeats of either type for one position. */
static const uint8_t captured_27[] = {
    0x00, 0x00, 0x00, 0x00, 0x1B, 0x01, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00,
    0x00, 0xDB, 0x01, 0x00, 0x00, 0x00, 0x00, 0x62, 0x69, 0x6E, 0x6C, 0x6F,
    0x67, 0x2E, 0x30, 0x30, 0x30, 0x30, 0x30, 0x33, 0xE2, 0xCF, 0x39, 0x25,
};
static const uint8_t captured_41[] = {
    0x00, 0x00, 0x00, 0x00, 0x29, 0x01, 0x00, 0x00, 0x00, 0x2C, 0x00, 0x00, 0x00, 0xE3, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x0D, 0x62, 0x69, 0x6E, 0x6C, 0x6F, 0x67, 0x2E, 0x30, 0x30,
    0x30, 0x30, 0x30, 0x38, 0x02, 0x03, 0xFC, 0xE3, 0x01, 0x00, 0x96, 0x24, 0xC8, 0x66,
};

static void check_heartbeat(struct span event, uint64_t position, const char *name)
{
    struct binlog_event_header header;
    struct span body;
    struct binlog_heartbeat heartbeat;
    ck_assert_int_eq(binlog_event_check(event), RESULT_OK);
    ck_assert_int_eq(binlog_event_header_decode(event, &header), RESULT_OK);
    ck_assert_int_eq(binlog_event_body(event, true, &body), RESULT_OK);
    ck_assert_int_eq(binlog_heartbeat_decode(&header, body, &heartbeat), RESULT_OK);
    ck_assert_uint_eq(heartbeat.position, position);
    ck_assert(span_is_text(heartbeat.name, name));
    uint8_t bytes[BINLOG_HEARTBEAT_EVENT_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_heartbeat_encode(&writer, header.type, header.server_id, &heartbeat, true);
    ck_assert(span_equal(writer_span_written(&writer), event));
}

START_TEST(captured_heartbeats_come_back_byte_for_byte)
{
    check_heartbeat((struct span){captured_27, sizeof captured_27}, 475, "binlog.000003");
}
END_TEST

START_TEST(captured_heartbeats_of_version_2_come_back_byte_for_byte)
{
    check_heartbeat((struct span){captured_41, sizeof captured_41}, 483, "binlog.000008");
}
END_TEST

START_TEST(a_heartbeat_of_version_2_reaches_over_4_gib)
{
    struct binlog_heartbeat heartbeat = {.name = span_of_text("binlog.000008"),
                                         .position = UINT64_C(1) << 33};
    uint8_t bytes[BINLOG_HEARTBEAT_EVENT_MAX];
    for (int checksummed = 0; checksummed <= 1; checksummed++) {
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        binlog_heartbeat_encode(&writer, BINLOG_HEARTBEAT_V2, 7, &heartbeat, checksummed == 1);
        struct binlog_event_header header;
        struct span body;
        struct binlog_heartbeat back;
        ck_assert_int_eq(binlog_event_header_decode(writer_span_written(&writer), &header), RESULT_OK);
        ck_assert_int_eq(binlog_event_body(writer_span_written(&writer), checksummed == 1, &body), RESULT_OK);
        ck_assert_int_eq(binlog_heartbeat_decode(&header, body, &back), RESULT_OK);
        ck_assert_uint_eq(back.position, heartbeat.position);
    }
}
END_TEST

static void decode_heartbeat(struct span bytes, void *context)
{
    struct binlog_event_header header;
    struct span body;
    struct binlog_heartbeat heartbeat;
    (void)context;
    if (binlog_event_header_decode(bytes, &header) != RESULT_OK)
        return;
    if (binlog_event_body(bytes, true, &body) == RESULT_OK)
        (void)!binlog_heartbeat_decode(&header, body, &heartbeat);
}

START_TEST(damaged_heartbeats_do_no_harm)
{
    binlog_damage((struct span){captured_27, sizeof captured_27}, decode_heartbeat, NULL);
    binlog_damage((struct span){captured_41, sizeof captured_41}, decode_heartbeat, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("semisync");
    TCase *tests = tcase_create("semisync");
    tcase_add_test(tests, a_prefix_says_whether_an_ack_is_wanted);
    tcase_add_test(tests, another_prefix_is_refused);
    tcase_add_test(tests, an_ack_carries_64_bits_and_a_name);
    tcase_add_test(tests, a_bad_ack_is_refused);
    tcase_add_test(tests, captured_heartbeats_come_back_byte_for_byte);
    tcase_add_test(tests, captured_heartbeats_of_version_2_come_back_byte_for_byte);
    tcase_add_test(tests, a_heartbeat_of_version_2_reaches_over_4_gib);
    tcase_add_test(tests, damaged_heartbeats_do_no_harm);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
