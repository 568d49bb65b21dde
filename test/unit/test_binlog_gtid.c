/* layer: protocol */
/* GTID events: those of real servers are read, and written again byte for byte. */
#include "protocol/binlog_gtid.h"

#include "test/unit/binlog_golden.h"

static struct binlog_golden golden;

static bool next_gtid(void)
{
    while (binlog_golden_next(&golden)) {
        if (binlog_gtid_is_type(golden.header.type))
            return true;
    }
    return false;
}

static void assert_same(const struct binlog_gtid *a, const struct binlog_gtid *b)
{
    ck_assert(gtid_equal(&a->gtid, &b->gtid));
    ck_assert_uint_eq(a->flags, b->flags);
    ck_assert_int_eq(a->last_committed, b->last_committed);
    ck_assert_int_eq(a->sequence_number, b->sequence_number);
    ck_assert_uint_eq(a->immediate_commit_us, b->immediate_commit_us);
    ck_assert_uint_eq(a->original_commit_us, b->original_commit_us);
    ck_assert_uint_eq(a->transaction_length, b->transaction_length);
    ck_assert_uint_eq(a->immediate_server_version, b->immediate_server_version);
    ck_assert_uint_eq(a->original_server_version, b->original_server_version);
    ck_assert_uint_eq(a->commit_group_ticket, b->commit_group_ticket);
    ck_assert_uint_eq(a->commit_id, b->commit_id);
}

START_TEST(events_of_real_servers_come_back)
{
    binlog_golden_load(&golden, binlog_golden_names[_i]);
    while (next_gtid()) {
        struct binlog_gtid gtid;
        ck_assert_int_eq(binlog_gtid_decode(&golden.header, golden.body, &gtid), RESULT_OK);
        ck_assert(!gtid_is_none(&gtid.gtid));
        uint8_t bytes[BINLOG_GTID_BODY_MAX];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        binlog_gtid_encode(&writer, golden.header.type, &gtid);
        struct span known = golden.body;
        /* MariaDB's go on with an XID or the engines that took part, which are not decoded. */
        if (golden.header.type == BINLOG_MARIADB_GTID)
            known.length = writer.length = (gtid.flags & MARIADB_GTID_GROUP_COMMIT_ID) != 0 ? 21 : 13;
        ck_assert(span_equal(writer_span_written(&writer), known));
        if (golden.header.type != BINLOG_MARIADB_GTID) {
            ck_assert_uint_eq(gtid.immediate_server_version, 90704);
            ck_assert_uint_gt(gtid.transaction_length, 0);
        }
    }
}
END_TEST

/* The transaction length that MySQL notes leads from one GTID event to the next. */
START_TEST(the_transaction_length_is_that_of_the_group)
{
    binlog_golden_load(&golden, "mysql_tagged");
    uint64_t expected = 0;
    size_t tagged = 0;
    while (next_gtid()) {
        struct binlog_gtid gtid;
        ck_assert_int_eq(binlog_gtid_decode(&golden.header, golden.body, &gtid), RESULT_OK);
        ck_assert(expected == 0 || golden.start == expected);
        expected = golden.start + gtid.transaction_length;
        tagged += golden.header.type == BINLOG_GTID_TAGGED;
    }
    ck_assert_uint_gt(tagged, 3);
}
END_TEST

START_TEST(every_field_comes_back)
{
    static const uint8_t types[] = {BINLOG_GTID, BINLOG_ANONYMOUS_GTID, BINLOG_GTID_TAGGED};
    for (size_t i = 0; i < sizeof types; i++) {
        for (unsigned given = 0; given < 8; given++) {
            struct binlog_gtid gtid = {
                .flags = 1,
                .last_committed = 41,
                .sequence_number = 42,
                .immediate_commit_us = 1795181126000001,
                .original_commit_us = (given & 1) != 0 ? 1795181126000000 : 1795181126000001,
                .transaction_length = UINT64_C(5000000000),
                .immediate_server_version = 90704,
                .original_server_version = (given & 2) != 0 ? 80046 : 90704,
                .commit_group_ticket = (given & 4) != 0 ? UINT64_MAX : 0,
            };
            if (types[i] != BINLOG_ANONYMOUS_GTID) {
                struct gtid_origin origin = {
                    .uuid = {0xFF, 0x80, 0x7F, 1}
                };
                if (types[i] == BINLOG_GTID_TAGGED)
                    ck_assert_int_eq(
                        gtid_origin_set_tag(&origin, span_of_text("a1234567890123456789012345678901")),
                        RESULT_OK);
                gtid.gtid = gtid_of_mysql(&origin, GTID_GNO_MAX - 1);
            }
            uint8_t bytes[BINLOG_GTID_BODY_MAX];
            struct writer writer;
            writer_init(&writer, bytes, sizeof bytes);
            binlog_gtid_encode(&writer, types[i], &gtid);
            ck_assert_int_eq(writer_result(&writer), RESULT_OK);
            struct binlog_event_header header = {.type = types[i]};
            struct binlog_gtid back;
            ck_assert_int_eq(binlog_gtid_decode(&header, writer_span_written(&writer), &back), RESULT_OK);
            assert_same(&back, &gtid);
        }
    }
}
END_TEST

/* Servers before 8.0 wrote fewer fields: each version ends behind one of these. */
START_TEST(older_events_are_shorter)
{
    struct gtid_origin origin = {.uuid = {7}};
    struct binlog_gtid gtid = {.gtid = gtid_of_mysql(&origin, 5),
                               .last_committed = 1,
                               .sequence_number = 2,
                               .immediate_commit_us = 3,
                               .original_commit_us = 3,
                               .transaction_length = 4};
    uint8_t bytes[BINLOG_GTID_BODY_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_gtid_encode(&writer, BINLOG_GTID, &gtid);
    static const struct {
        size_t length;
        int64_t sequence_number;
        uint64_t time;
        uint64_t transaction_length;
    } rows[] = {
        {25, 0, 0, 0},
        {42, 2, 0, 0},
        {49, 2, 3, 0},
        {50, 2, 3, 4}
    };
    struct binlog_event_header header = {.type = BINLOG_GTID};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct binlog_gtid back;
        ck_assert_int_eq(binlog_gtid_decode(&header, (struct span){bytes, rows[i].length}, &back), RESULT_OK);
        ck_assert(gtid_equal(&back.gtid, &gtid.gtid));
        ck_assert_int_eq(back.sequence_number, rows[i].sequence_number);
        ck_assert_uint_eq(back.immediate_commit_us, rows[i].time);
        ck_assert_uint_eq(back.transaction_length, rows[i].transaction_length);
        ck_assert_int_eq(binlog_gtid_decode(&header, (struct span){bytes, rows[i].length - 1}, &back),
                         rows[i].length == 50 ? RESULT_OK : RESULT_TRUNCATED);
    }
}
END_TEST

START_TEST(an_unknown_field_is_skipped_only_when_it_may_be)
{
    struct gtid_origin origin = {.uuid = {7}};
    struct binlog_gtid gtid = {.gtid = gtid_of_mysql(&origin, 5)};
    uint8_t bytes[BINLOG_GTID_BODY_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_gtid_encode(&writer, BINLOG_GTID_TAGGED, &gtid);
    writer_bytes(&writer, "\x18\xAA\xBB", 3); /* a field 12 */
    bytes[1] = (uint8_t)(writer.length << 1);
    struct binlog_event_header header = {.type = BINLOG_GTID_TAGGED};
    struct binlog_gtid back;
    ck_assert_int_eq(binlog_gtid_decode(&header, writer_span_written(&writer), &back), RESULT_OK);
    ck_assert(gtid_equal(&back.gtid, &gtid.gtid));
    bytes[2] = 12 << 1;
    ck_assert_int_eq(binlog_gtid_decode(&header, writer_span_written(&writer), &back), RESULT_UNSUPPORTED);
    bytes[0] = 2 << 1;
    ck_assert_int_eq(binlog_gtid_decode(&header, writer_span_written(&writer), &back), RESULT_UNSUPPORTED);
}
END_TEST

static void decode_gtid(struct span body, void *context)
{
    struct binlog_gtid gtid;
    (void)!binlog_gtid_decode(context, body, &gtid);
}

START_TEST(damage_does_no_harm)
{
    binlog_golden_load(&golden, binlog_golden_names[_i]);
    for (int i = 0; i < 6 && next_gtid(); i++)
        binlog_damage(golden.body, decode_gtid, &golden.header);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binlog_gtid");
    TCase *tests = tcase_create("binlog_gtid");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, events_of_real_servers_come_back, 0, (int)BINLOG_GOLDEN_COUNT);
    tcase_add_test(tests, the_transaction_length_is_that_of_the_group);
    tcase_add_test(tests, every_field_comes_back);
    tcase_add_test(tests, older_events_are_shorter);
    tcase_add_test(tests, an_unknown_field_is_skipped_only_when_it_may_be);
    tcase_add_loop_test(tests, damage_does_no_harm, 0, (int)BINLOG_GOLDEN_COUNT);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
