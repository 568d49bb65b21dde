/* layer: protocol */
/* Packets: what goes in as a payload comes out as one, however the bytes arrive. */
#include "protocol/packet.h"

#include "test/unit/connection_golden.h"

#define BIG (2 * (size_t)PACKET_PAYLOAD_MAX + 5)

static uint8_t *pattern(size_t length)
{
    uint8_t *bytes = malloc(length + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 65536);
    return bytes;
}

static uint8_t *encoded(const uint8_t *payload, size_t length, uint8_t *sequence, size_t *ret_length)
{
    struct writer writer;
    size_t room = packet_encoded_bytes(length);
    uint8_t *bytes = malloc(room);
    ck_assert_ptr_nonnull(bytes);
    writer_init(&writer, bytes, room);
    packet_encode(&writer, (struct span){payload, length}, sequence);
    ck_assert_int_eq(writer_result(&writer), RESULT_OK);
    ck_assert_uint_eq(writer.length, room);
    *ret_length = room;
    return bytes;
}

START_TEST(a_header_comes_back)
{
    uint8_t bytes[PACKET_HEADER_BYTES];
    struct packet_header header;
    packet_header_encode(bytes, (struct packet_header){0x010203, 200});
    ck_assert_mem_eq(bytes, "\x03\x02\x01\xC8", 4);
    ck_assert_int_eq(packet_peek((struct span){bytes, 3}, &header), RESULT_AGAIN);
    ck_assert_int_eq(packet_peek((struct span){bytes, 4}, &header), RESULT_OK);
    ck_assert_uint_eq(header.length, 0x010203);
    ck_assert_uint_eq(header.sequence, 200);
}
END_TEST

/* Lengths around the multiples of the maximum, the sequence near its wrap, pieces of several sizes. */
START_TEST(a_payload_of_any_length_is_joined_again)
{
    static const size_t lengths[] = {0,
                                     1,
                                     250,
                                     70000,
                                     PACKET_PAYLOAD_MAX - 1,
                                     PACKET_PAYLOAD_MAX,
                                     PACKET_PAYLOAD_MAX + 1,
                                     2 * (size_t)PACKET_PAYLOAD_MAX,
                                     BIG};
    static const size_t packets[] = {1, 1, 1, 1, 1, 2, 2, 3, 3};
    static const size_t steps[] = {SIZE_MAX, 65536, 7777};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *payload = pattern(lengths[i]);
        uint8_t sequence = 254;
        size_t wire_length;
        uint8_t *wire = encoded(payload, lengths[i], &sequence, &wire_length);
        ck_assert_uint_eq(sequence, (uint8_t)(254 + packets[i]));
        for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
            struct packet_joiner joiner;
            packet_joiner_init(&joiner, 254, BIG);
            size_t at = 0;
            size_t have = 0;
            struct span joined;
            enum result result = RESULT_AGAIN;
            while (result == RESULT_AGAIN) {
                ck_assert_uint_lt(have, wire_length);
                have = steps[s] > wire_length - have ? wire_length : have + steps[s];
                struct reader stream;
                reader_init(&stream, wire + at, have - at);
                result = packet_joiner_next(&joiner, &stream, &joined);
                at += stream.at;
                ck_assert(have - at <= PACKET_HEADER_BYTES);
            }
            ck_assert_int_eq(result, RESULT_OK);
            ck_assert_uint_eq(at, wire_length);
            ck_assert_uint_eq(joined.length, lengths[i]);
            ck_assert(joined.length == 0 || memcmp(joined.data, payload, joined.length) == 0);
            ck_assert_uint_eq(packet_cursor_next_sequence(&joiner.cursor), sequence);
            packet_joiner_release(&joiner);
        }
        free(wire);
        free(payload);
    }
}
END_TEST

START_TEST(payloads_that_arrive_byte_by_byte_follow_each_other)
{
    uint8_t wire[64];
    struct writer writer;
    uint8_t sequence = 0;
    writer_init(&writer, wire, sizeof wire);
    packet_encode(&writer, span_of_text("first"), &sequence);
    packet_encode(&writer, span_of_text(""), &sequence);
    packet_encode(&writer, span_of_text("second"), &sequence);
    const char *const expected[] = {"first", "", "second"};
    struct packet_joiner joiner;
    packet_joiner_init(&joiner, 0, 100);
    size_t at = 0;
    size_t found = 0;
    for (size_t have = 1; have <= writer.length; have++) {
        struct reader stream;
        struct span payload;
        reader_init(&stream, wire + at, have - at);
        enum result result = packet_joiner_next(&joiner, &stream, &payload);
        if (result == RESULT_OK)
            golden_assert_span(payload, expected[found++]);
        else
            ck_assert_int_eq(result, RESULT_AGAIN);
        at += stream.at;
    }
    ck_assert_uint_eq(found, 3);
    packet_joiner_release(&joiner);
}
END_TEST

START_TEST(a_payload_over_the_maximum_is_refused_by_its_header_alone)
{
    static const uint8_t header[] = {11, 0, 0, 0};
    static const uint8_t long_header[] = {0xFF, 0xFF, 0xFF, 0};
    struct packet_joiner joiner;
    struct span payload;
    struct reader stream;
    packet_joiner_init(&joiner, 0, 10);
    reader_init(&stream, header, sizeof header);
    ck_assert_int_eq(packet_joiner_next(&joiner, &stream, &payload), RESULT_TOO_LARGE);
    reader_init(&stream, long_header, sizeof long_header);
    ck_assert_int_eq(packet_joiner_next(&joiner, &stream, &payload), RESULT_TOO_LARGE);
    ck_assert_uint_eq(joiner.room, 0);
    packet_joiner_release(&joiner);
}
END_TEST

START_TEST(a_continuation_over_the_maximum_is_refused)
{
    uint8_t sequence = 0;
    size_t length;
    uint8_t *payload = pattern(PACKET_PAYLOAD_MAX + 100);
    uint8_t *wire = encoded(payload, PACKET_PAYLOAD_MAX + 100, &sequence, &length);
    struct packet_joiner joiner;
    struct span joined;
    struct reader stream;
    packet_joiner_init(&joiner, 0, PACKET_PAYLOAD_MAX + 99);
    reader_init(&stream, wire, length);
    ck_assert_int_eq(packet_joiner_next(&joiner, &stream, &joined), RESULT_TOO_LARGE);
    packet_joiner_release(&joiner);
    free(wire);
    free(payload);
}
END_TEST

START_TEST(a_wrong_sequence_is_noticed_and_can_be_excused)
{
    static const uint8_t wire[] = {1, 0, 0, 5, 'x', 1, 0, 0, 7, 'y'};
    struct packet_cursor cursor;
    struct packet_piece piece;
    struct reader stream;
    reader_init(&stream, wire, sizeof wire);
    packet_cursor_init(&cursor, 0);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_SEQUENCE);
    ck_assert_uint_eq(stream.at, 0);
    packet_cursor_expect(&cursor, 5);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_OK);
    ck_assert_uint_eq(packet_cursor_next_sequence(&cursor), 6);
    packet_cursor_expect_any(&cursor);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_OK);
    ck_assert_uint_eq(packet_cursor_next_sequence(&cursor), 8);
}
END_TEST

START_TEST(a_cursor_shows_where_packets_and_payloads_begin_and_end)
{
    static const uint8_t wire[] = {3, 0, 0, 0, 'a', 'b', 'c', 0, 0, 0, 1, 2, 0, 0, 2, 'd'};
    struct packet_cursor cursor;
    struct packet_piece piece;
    struct reader stream;
    packet_cursor_init(&cursor, 0);
    reader_init(&stream, wire, 4);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_AGAIN);
    ck_assert_uint_eq(stream.at, 0);
    reader_init(&stream, wire, 5);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_OK);
    ck_assert(piece.starts_packet && piece.starts_payload && !piece.ends_packet && !piece.ends_payload);
    golden_assert_span(piece.payload, "a");
    ck_assert_uint_eq(piece.raw.length, 5);
    ck_assert(!packet_cursor_is_between_payloads(&cursor));
    reader_init(&stream, wire + 5, sizeof wire - 5);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_OK);
    ck_assert(!piece.starts_packet && !piece.starts_payload && piece.ends_packet && piece.ends_payload);
    golden_assert_span(piece.raw, "bc");
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_OK);
    ck_assert(piece.starts_payload && piece.ends_payload && piece.payload.length == 0 &&
              piece.raw.length == 4);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_OK);
    ck_assert(piece.starts_payload && !piece.ends_payload);
    ck_assert_int_eq(packet_cursor_next(&cursor, &stream, &piece), RESULT_AGAIN);
}
END_TEST

START_TEST(a_packet_is_written_in_place)
{
    uint8_t bytes[16];
    struct writer writer;
    uint8_t sequence = 255;
    writer_init(&writer, bytes, sizeof bytes);
    size_t mark = packet_begin(&writer);
    writer_text(&writer, "ping");
    packet_end(&writer, mark, &sequence);
    ck_assert_mem_eq(bytes, "\x04\x00\x00\xFFping", 8);
    ck_assert_uint_eq(sequence, 0);
    mark = packet_begin(&writer);
    writer_text(&writer, "too long");
    packet_end(&writer, mark, &sequence);
    ck_assert_int_eq(writer_result(&writer), RESULT_TOO_LARGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("packet");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_header_comes_back);
    tcase_add_test(tests, a_payload_of_any_length_is_joined_again);
    tcase_add_test(tests, payloads_that_arrive_byte_by_byte_follow_each_other);
    tcase_add_test(tests, a_payload_over_the_maximum_is_refused_by_its_header_alone);
    tcase_add_test(tests, a_continuation_over_the_maximum_is_refused);
    tcase_add_test(tests, a_wrong_sequence_is_noticed_and_can_be_excused);
    tcase_add_test(tests, a_cursor_shows_where_packets_and_payloads_begin_and_end);
    tcase_add_test(tests, a_packet_is_written_in_place);
    suite_add_tcase(suite, tests);
    return golden_run(suite);
}
