/* layer: protocol */
/* Event frames, checksums, format descriptions and rotations, on the files that real servers wrote. */
#include "protocol/binlog_rotate.h"

#include "test/unit/binlog_golden.h"

static struct binlog_golden golden;

START_TEST(every_event_of_a_file_checks)
{
    binlog_golden_load(&golden, binlog_golden_names[_i]);
    size_t events = 0;
    while (binlog_golden_next(&golden)) {
        ck_assert_int_eq(binlog_event_check(golden.event), RESULT_OK);
        ck_assert(binlog_event_fits_end(&golden.header, golden.format.flavor, golden.at));
        ck_assert(!binlog_event_fits_end(&golden.header, FLAVOR_UNKNOWN, golden.at + 1));
        ck_assert_str_ne(binlog_event_type_name(golden.header.type), "unknown");
        ck_assert(binlog_event_type_is_stored(golden.header.type));
        uint8_t bytes[BINLOG_HEADER_BYTES];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        binlog_event_header_encode(&writer, &golden.header);
        ck_assert_mem_eq(bytes, golden.event.data, sizeof bytes);
        events++;
    }
    ck_assert_uint_gt(events, 3);
}
END_TEST

/* Only what MariaDB has in its groups, between their GTID and their end, may leave it open where it ends. */
START_TEST(who_says_where_it_ends)
{
    static const struct {
        uint8_t type;
        enum flavor flavor;
        uint32_t log_pos;
        bool fits;
    } rows[] = {
        {BINLOG_QUERY,                    FLAVOR_MYSQL,   500, true },
        {BINLOG_QUERY,                    FLAVOR_MYSQL,   501, false},
        {BINLOG_QUERY,                    FLAVOR_MYSQL,   0,   false},
        {BINLOG_QUERY,                    FLAVOR_MARIADB, 0,   true },
        {BINLOG_QUERY,                    FLAVOR_MARIADB, 501, false},
        {BINLOG_USER_VAR,                 FLAVOR_MARIADB, 0,   true },
        {BINLOG_TABLE_MAP,                FLAVOR_MARIADB, 0,   true },
        {BINLOG_DELETE_ROWS_V1,           FLAVOR_MARIADB, 0,   true },
        {BINLOG_MARIADB_ANNOTATE_ROWS,    FLAVOR_MARIADB, 0,   true },
        {BINLOG_MARIADB_GTID,             FLAVOR_MARIADB, 0,   false},
        {BINLOG_XID,                      FLAVOR_MARIADB, 0,   false},
        {BINLOG_XA_PREPARE,               FLAVOR_MARIADB, 0,   false},
        {BINLOG_ROTATE,                   FLAVOR_MARIADB, 0,   false},
        {BINLOG_STOP,                     FLAVOR_MARIADB, 0,   false},
        {BINLOG_FORMAT_DESCRIPTION,       FLAVOR_MARIADB, 0,   false},
        {BINLOG_MARIADB_GTID_LIST,        FLAVOR_MARIADB, 0,   false},
        {BINLOG_MARIADB_CHECKPOINT,       FLAVOR_MARIADB, 0,   false},
        {BINLOG_MARIADB_START_ENCRYPTION, FLAVOR_MARIADB, 0,   false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct binlog_event_header header = {.type = rows[i].type, .log_pos = rows[i].log_pos};
        ck_assert_msg(binlog_event_fits_end(&header, rows[i].flavor, 500) == rows[i].fits, "row %zu", i);
    }
    binlog_golden_load(&golden, "mariadb_cached");
    size_t open = 0;
    while (binlog_golden_next(&golden))
        open += golden.header.log_pos == 0;
    ck_assert_uint_gt(open, 40);
}
END_TEST

/* The checksum does not depend on the pieces, and not on the in-use flag of a format description. */
START_TEST(a_checksum_in_pieces_is_the_same)
{
    binlog_golden_load(&golden, "mysql_row");
    while (binlog_golden_next(&golden)) {
        for (size_t piece = 1; piece < 40; piece++) {
            for (int in_use = 0; in_use <= (golden.header.type == BINLOG_FORMAT_DESCRIPTION); in_use++) {
                uint8_t *event = golden.bytes + golden.start;
                struct binlog_event_header header = golden.header;
                if (golden.header.type == BINLOG_FORMAT_DESCRIPTION)
                    binlog_event_set_in_use(event, in_use == 1);
                ck_assert_int_eq(binlog_event_header_decode(golden.event, &header), RESULT_OK);
                struct binlog_crc crc;
                binlog_crc_init(&crc, &header);
                for (size_t at = 0; at < golden.event.length; at += piece) {
                    size_t left = golden.event.length - at;
                    ck_assert_int_eq(binlog_crc_final(&crc), RESULT_TRUNCATED);
                    binlog_crc_update(&crc, (struct span){event + at, left < piece ? left : piece});
                }
                ck_assert_int_eq(binlog_crc_final(&crc), RESULT_OK);
            }
        }
    }
}
END_TEST

START_TEST(any_changed_bit_is_seen)
{
    binlog_golden_load(&golden, "mariadb_row");
    for (int i = 0; i < 4; i++)
        ck_assert(binlog_golden_next(&golden));
    uint8_t *event = golden.bytes + golden.start;
    for (size_t bit = 0; bit < golden.event.length * 8; bit++) {
        event[bit / 8] = (uint8_t)(event[bit / 8] ^ 1u << bit % 8);
        ck_assert_int_ne(binlog_event_check(golden.event), RESULT_OK);
        event[bit / 8] = (uint8_t)(event[bit / 8] ^ 1u << bit % 8);
    }
    ck_assert_int_eq(binlog_event_check(golden.event), RESULT_OK);
}
END_TEST

START_TEST(impossible_headers_are_refused)
{
    static const struct {
        uint32_t length;
        enum result result;
    } rows[] = {
        {0,                    RESULT_MALFORMED},
        {18,                   RESULT_MALFORMED},
        {19,                   RESULT_OK       },
        {BINLOG_EVENT_MAX,     RESULT_OK       },
        {BINLOG_EVENT_MAX + 1, RESULT_TOO_LARGE},
        {UINT32_MAX,           RESULT_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct binlog_event_header header = {.type = BINLOG_QUERY, .length = rows[i].length};
        uint8_t bytes[BINLOG_HEADER_BYTES];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        binlog_event_header_encode(&writer, &header);
        struct binlog_event_header back;
        ck_assert_int_eq(binlog_event_header_decode((struct span){bytes, sizeof bytes}, &back),
                         rows[i].result);
        ck_assert_int_eq(binlog_event_header_decode((struct span){bytes, 18}, &back), RESULT_TRUNCATED);
    }
}
END_TEST

START_TEST(an_event_is_patched_in_place)
{
    binlog_golden_load(&golden, "mysql_row");
    ck_assert(binlog_golden_next(&golden) && binlog_golden_next(&golden) && binlog_golden_next(&golden));
    uint8_t *event = golden.bytes + golden.start;
    size_t length = golden.event.length;
    binlog_event_set_log_pos(event, length, 0x01020304, true);
    ck_assert_int_eq(binlog_event_check(golden.event), RESULT_OK);
    ck_assert_mem_eq(event + 13, "\x04\x03\x02\x01", 4);
    binlog_event_header_strip_checksum(event);
    struct span body;
    ck_assert_int_eq(binlog_event_body((struct span){event, length - 4}, false, &body), RESULT_OK);
    ck_assert_uint_eq(body.length, golden.body.length);
    ck_assert_int_eq(binlog_event_body((struct span){event, length}, false, &body), RESULT_TRUNCATED);
}
END_TEST

START_TEST(a_format_description_comes_back_byte_for_byte)
{
    binlog_golden_load(&golden, binlog_golden_names[_i]);
    ck_assert(binlog_golden_next(&golden));
    bool is_mariadb = strncmp(binlog_golden_names[_i], "mariadb", 7) == 0;
    ck_assert_int_eq(golden.format.flavor, is_mariadb ? FLAVOR_MARIADB : FLAVOR_MYSQL);
    ck_assert(binlog_format_is_checksummed(&golden.format));
    ck_assert_uint_eq(golden.format.post_header_lengths[BINLOG_QUERY], 13);
    ck_assert_uint_eq(golden.format.post_header_lengths[BINLOG_ROTATE], 8);
    uint8_t bytes[BINLOG_FORMAT_EVENT_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_format_encode(&writer, &golden.header, &golden.format);
    ck_assert(span_equal(writer_span_written(&writer), golden.event));
}
END_TEST

/* What real servers were seen to change: in mid-file log_pos, created, the in-use flag and the checksum. */
START_TEST(a_format_description_is_prepared_for_sending)
{
    binlog_golden_load(&golden, "mariadb_row");
    ck_assert(binlog_golden_next(&golden));
    uint8_t before[BINLOG_FORMAT_EVENT_MAX];
    memcpy(before, golden.event.data, golden.event.length);
    uint8_t *event = golden.bytes + golden.start;
    binlog_event_set_in_use(event, true);
    binlog_format_prepare(event, golden.event.length, false, true);
    ck_assert_mem_eq(event, before, golden.event.length);
    memset(event + 71, 0x55, 4);
    binlog_format_prepare(event, golden.event.length, true, true);
    struct binlog_format format;
    ck_assert_int_eq(binlog_format_decode(golden.event, &format), RESULT_OK);
    ck_assert_uint_eq(format.created, 0);
    ck_assert_mem_eq(event + 13, "\0\0\0\0", 4);
    ck_assert_mem_eq(event, before, 13);
    ck_assert_mem_eq(event + 75, before + 75, golden.event.length - 75 - 4);
    binlog_format_prepare(event, golden.event.length, true, false);
    ck_assert_int_eq(binlog_format_decode(golden.event, &format), RESULT_OK);
    ck_assert(!binlog_format_is_checksummed(&format));
}
END_TEST

static void decode_format(struct span bytes, void *context)
{
    struct binlog_format format;
    (void)context;
    struct binlog_event_header header;
    if (binlog_event_header_decode(bytes, &header) == RESULT_OK && header.length == bytes.length &&
        bytes.length >= 23) {
        uint8_t *writable = (uint8_t *)(uintptr_t)bytes.data;
        binlog_event_seal(writable, bytes.length);
    }
    (void)!binlog_format_decode(bytes, &format);
}

START_TEST(a_damaged_format_description_does_no_harm)
{
    for (size_t i = 0; i < 2; i++) {
        binlog_golden_load(&golden, i == 0 ? "mysql_row" : "mariadb_row");
        ck_assert(binlog_golden_next(&golden));
        binlog_damage(golden.event, decode_format, NULL);
    }
}
END_TEST

START_TEST(a_rotation_comes_back_byte_for_byte)
{
    binlog_golden_load(&golden, binlog_golden_names[_i]);
    size_t rotations = 0;
    while (binlog_golden_next(&golden)) {
        if (golden.header.type != BINLOG_ROTATE)
            continue;
        struct binlog_rotate rotate;
        ck_assert_int_eq(binlog_rotate_decode(golden.body, &rotate), RESULT_OK);
        ck_assert_uint_eq(rotate.position, 4);
        ck_assert_int_eq(binlog_name_parse(rotate.name, NULL, NULL), RESULT_OK);
        ck_assert(!binlog_rotate_is_artificial(&golden.header));
        uint8_t bytes[BINLOG_ROTATE_EVENT_MAX];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        binlog_rotate_encode(&writer, &golden.header, &rotate, true);
        ck_assert(span_equal(writer_span_written(&writer), golden.event));
        rotations++;
    }
    ck_assert_uint_eq(rotations, 1);
}
END_TEST

/* Captured from MySQL 9.7 and, the same bytes, from MariaDB 10.11. */
START_TEST(an_artificial_rotation_is_what_sources_send)
{
    uint8_t bytes[BINLOG_ROTATE_EVENT_MAX];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    binlog_rotate_encode_artificial(&writer, 1, span_of_text("binlog.000001"), 4, true);
    ck_assert_uint_eq(writer.length, 44);
    ck_assert_mem_eq(bytes,
                     "\0\0\0\0\x04\x01\0\0\0\x2c\0\0\0\0\0\0\0\x20\0\x04\0\0\0\0\0\0\0"
                     "binlog.000001",
                     40);
    ck_assert_mem_eq(bytes + 40, "\xe9\xd2\xcan", 4);
    writer_init(&writer, bytes, sizeof bytes);
    binlog_rotate_encode_artificial(&writer, 1, span_of_text("binlog.000001"), 4, false);
    ck_assert_uint_eq(writer.length, 40);
    struct binlog_event_header header;
    ck_assert_int_eq(binlog_event_header_decode(writer_span_written(&writer), &header), RESULT_OK);
    ck_assert_uint_eq(header.length, 40);
    ck_assert(binlog_rotate_is_artificial(&header));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binlog_event");
    TCase *tests = tcase_create("binlog_event");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_event_of_a_file_checks, 0, (int)BINLOG_GOLDEN_COUNT);
    tcase_add_test(tests, who_says_where_it_ends);
    tcase_add_test(tests, a_checksum_in_pieces_is_the_same);
    tcase_add_test(tests, any_changed_bit_is_seen);
    tcase_add_test(tests, impossible_headers_are_refused);
    tcase_add_test(tests, an_event_is_patched_in_place);
    tcase_add_loop_test(tests, a_format_description_comes_back_byte_for_byte, 0, (int)BINLOG_GOLDEN_COUNT);
    tcase_add_test(tests, a_format_description_is_prepared_for_sending);
    tcase_add_test(tests, a_damaged_format_description_does_no_harm);
    tcase_add_loop_test(tests, a_rotation_comes_back_byte_for_byte, 0, (int)BINLOG_GOLDEN_COUNT);
    tcase_add_test(tests, an_artificial_rotation_is_what_sources_send);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
