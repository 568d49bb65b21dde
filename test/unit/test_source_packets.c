/* layer: proxy
 *
 * A scripted source that does not keep to the protocol of a dump: numbers out of order, a missing prefix,
 * errors, lengths that lie, silence. And what the stream says itself: its acks, to the byte.
 */
#include "source_fixture.h"

#include "protocol/response.h"

static const struct position from_start = {1, BINLOG_START};

static struct source_file short_file(void)
{
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct gtid gtid = mysql_gtid(1);
    source_file_txn(&file, &gtid, 40);
    return file;
}

/* A stream that has the file's start and waits for the event at *ret_at. */
static void start_dump(struct scripted *s, const struct source_file *file, struct wire *wire, size_t *ret_at)
{
    *ret_at = BINLOG_START + event_at(file, BINLOG_START).length;
    *ret_at += event_at(file, *ret_at).length;
    wire_begin(wire, file, BINLOG_START);
    wire_events(wire, file, BINLOG_START, *ret_at, 0);
    scripted_connect(s, from_start);
    scripted_say_wire(s, wire, SIZE_MAX);
    assert_streaming(s, file, *ret_at);
    wire->length = 0;
}

struct dump {
    struct scripted s;
    struct source_file file;
    struct wire wire;
    size_t at;
};

static void dump_init(struct dump *dump, bool is_semi_sync)
{
    scripted_init(&dump->s, is_semi_sync, FLAVOR_MYSQL);
    dump->file = short_file();
    dump->wire = wire_new(is_semi_sync);
    start_dump(&dump->s, &dump->file, &dump->wire, &dump->at);
}

/* What was put together is said; nothing of it is stored, whatever becomes of the stream. */
static void dump_say(struct dump *dump)
{
    scripted_say_wire(&dump->s, &dump->wire, SIZE_MAX);
    ck_assert_uint_eq(scripted_end(&dump->s).offset, dump->at);
    assert_same_file(&dump->s.store, &dump->file, dump->at, true);
}

static void dump_release(struct dump *dump)
{
    wire_free(&dump->wire);
    source_file_free(&dump->file);
    scripted_release(&dump->s);
}

/* ---- packets ---- */

START_TEST(packets_out_of_order_are_refused)
{
    static const int steps[] = {-1, 1, 2, 100};
    struct dump dump;
    dump_init(&dump, true);
    dump.wire.sequence = (uint8_t)(dump.wire.sequence + steps[_i]);
    wire_events(&dump.wire, &dump.file, dump.at, dump.file.length, 0);
    dump_say(&dump);
    assert_lost(&dump.s, RESULT_SEQUENCE, "out of order");
    dump_release(&dump);
}
END_TEST

/* After a packet that wants an ack, number 1 comes next, and nothing else. _i: which number comes */
START_TEST(numbers_begin_again_after_a_flagged_packet)
{
    struct dump dump;
    dump_init(&dump, true);
    struct span first = event_at(&dump.file, dump.at);
    uint8_t before = dump.wire.sequence;
    wire_event(&dump.wire, first, true);
    ck_assert_uint_eq(dump.wire.sequence, 1);
    dump.wire.sequence = _i == 0 ? 1 : (uint8_t)(before + 1);
    wire_events(&dump.wire, &dump.file, dump.at + first.length, dump.file.length, 0);
    scripted_say_wire(&dump.s, &dump.wire, SIZE_MAX);
    if (_i == 0) {
        assert_streaming(&dump.s, &dump.file, dump.file.length);
    } else {
        assert_lost(&dump.s, RESULT_SEQUENCE, "out of order");
        ck_assert_uint_eq(scripted_end(&dump.s).offset, dump.at + first.length);
    }
    dump_release(&dump);
}
END_TEST

START_TEST(numbers_wrap_around)
{
    struct dump dump;
    dump_init(&dump, false);
    struct source_file beat = {.is_checksummed = true};
    source_file_event(&beat, BINLOG_HEARTBEAT, 1, span_of_text("binlog.000001"));
    for (int i = 0; i < 600; i++)
        wire_event(&dump.wire, (struct span){beat.bytes, beat.length}, false);
    wire_events(&dump.wire, &dump.file, dump.at, dump.file.length, 0);
    scripted_say_wire(&dump.s, &dump.wire, SIZE_MAX);
    assert_streaming(&dump.s, &dump.file, dump.file.length);
    source_file_free(&beat);
    dump_release(&dump);
}
END_TEST

static const struct {
    const char *payload;
    size_t length;
    enum result result;
    const char *part; /* of the message */
} odd_packets[] = {
    {"\xFF\xD4\x04#HY000Could not find \x1b[1m", 28, RESULT_CLOSED,    "Could not find \\x1b[1m (error 1236)"},
    {"\xFF\xD4",                                 2,  RESULT_TRUNCATED, ""                                    },
    {"\xFE\0\0\2\0",                             5,  RESULT_CLOSED,    "ended"                               },
    {"B",                                        1,  RESULT_MALFORMED, "no part of a dump"                   },
    {"",                                         0,  RESULT_TRUNCATED, "prefix"                              },
    {"\0",                                       1,  RESULT_TRUNCATED, "prefix"                              },
    {"\0\xEF",                                   2,  RESULT_TRUNCATED, "prefix"                              },
    {"\0\xEF\2",                                 3,  RESULT_MALFORMED, "prefix"                              },
    {"\0\xEF\0",                                 3,  RESULT_TRUNCATED, "header"                              },
    {"\0\xEE\0",                                 3,  RESULT_MALFORMED, "prefix"                              },
    {"\0\xEF\0ABC",                              6,  RESULT_TRUNCATED, "header"                              },
};

START_TEST(an_odd_packet_ends_the_stream_with_its_reason)
{
    struct dump dump;
    dump_init(&dump, true);
    wire_packet(&dump.wire, (struct span){(const uint8_t *)odd_packets[_i].payload, odd_packets[_i].length});
    dump_say(&dump);
    assert_lost(&dump.s, odd_packets[_i].result, odd_packets[_i].part);
    dump_release(&dump);
}
END_TEST

/* The source does without semi-sync although it was asked for, and the other way round. */
START_TEST(a_prefix_too_few_or_too_many_is_seen)
{
    struct dump dump;
    dump_init(&dump, _i == 1);
    dump.wire.is_semi_sync = _i == 0;
    wire_events(&dump.wire, &dump.file, dump.at, dump.file.length, 0);
    dump_say(&dump);
    assert_lost(&dump.s, RESULT_MALFORMED, _i == 1 ? "semi-sync" : "header");
    dump_release(&dump);
}
END_TEST

/* ---- lengths ---- */

static const struct {
    uint32_t length; /* in the header; 0xFFFFFF00 + x: the true one and x - 10 */
    enum result result;
} lies[] = {
    {0,                    RESULT_MALFORMED},
    {3,                    RESULT_MALFORMED},
    {18,                   RESULT_MALFORMED},
    {19,                   RESULT_MALFORMED},
    {22,                   RESULT_MALFORMED},
    {0xFFFFFF00 + 9,       RESULT_MALFORMED},
    {0xFFFFFF00 + 11,      RESULT_MALFORMED},
    {70000,                RESULT_MALFORMED},
    {BINLOG_EVENT_MAX,     RESULT_MALFORMED},
    {BINLOG_EVENT_MAX + 1, RESULT_TOO_LARGE},
    {0x80000000,           RESULT_TOO_LARGE},
    {UINT32_MAX,           RESULT_TOO_LARGE},
};

/* In an event that fits the buffer, and in one that does not (_i odd). */
START_TEST(a_length_that_lies_is_refused)
{
    struct dump dump;
    dump_init(&dump, true);
    bool is_large = _i % 2 == 1;
    size_t bytes = is_large ? 300000 : event_at(&dump.file, dump.at).length;
    uint8_t *event = xcalloc(1, bytes);
    memcpy(event, event_at(&dump.file, dump.at).data, BINLOG_HEADER_BYTES);
    uint32_t length = lies[_i / 2].length;
    if (length >= 0xFFFFFF00 && length != UINT32_MAX)
        length = (uint32_t)(bytes + length - 0xFFFFFF00 - 10);
    uint32_t log_pos = (uint32_t)dump.at + length;
    for (unsigned i = 0; i < 4; i++) {
        event[9 + i] = (uint8_t)(length >> 8 * i);
        event[13 + i] = (uint8_t)(log_pos >> 8 * i);
    }
    wire_event(&dump.wire, (struct span){event, bytes}, true);
    dump_say(&dump);
    bool is_short = is_large && length > bytes && length <= BINLOG_EVENT_MAX;
    assert_lost(&dump.s, is_short ? RESULT_TRUNCATED : lies[_i / 2].result, "");
    free(event);
    dump_release(&dump);
}
END_TEST

/* A packet of 16 MiB - 1 whose event has long ended. */
START_TEST(a_packet_goes_on_after_its_event)
{
    struct dump dump;
    dump_init(&dump, true);
    struct span event = event_at(&dump.file, dump.at);
    uint8_t *bytes = xcalloc(1, 300000);
    memcpy(bytes, event.data, event.length);
    wire_event(&dump.wire, (struct span){bytes, 300000}, false);
    memset(dump.wire.bytes, 0xFF, 3);
    dump_say(&dump);
    assert_lost(&dump.s, RESULT_MALFORMED, "longer than its header says");
    free(bytes);
    dump_release(&dump);
}
END_TEST

/* ---- what has to come first ---- */

static const struct {
    bool has_rotate;
    bool has_format;
    bool has_store; /* there is a start of the file already */
    bool is_large;
} beginnings[] = {
    {false, false, false, false},
    {false, false, true,  false},
    {false, true,  true,  false},
    {true,  false, true,  false},
    {false, false, false, true },
    {false, true,  true,  true },
    {true,  false, true,  true },
};

/* An event that no ROTATE and no format description came before is stored nowhere. */
START_TEST(a_dump_begins_with_its_file_and_format)
{
    struct dump dump;
    dump_init(&dump, false);
    struct span event = event_at(&dump.file, dump.at);
    if (beginnings[_i].is_large) {
        uint8_t *rows = xcalloc(1, 300000);
        dump.file.length = dump.at;
        source_file_event(&dump.file, BINLOG_WRITE_ROWS, 1, (struct span){rows, 300000});
        event = event_at(&dump.file, dump.at);
        free(rows);
    }
    scripted_disconnect(&dump.s);
    struct scripted empty;
    scripted_init(&empty, false, FLAVOR_MYSQL);
    struct scripted *s = beginnings[_i].has_store ? &dump.s : &empty;
    struct position end = scripted_end(s);
    struct wire wire = wire_new(false);
    if (beginnings[_i].has_rotate)
        wire_rotate(&wire, dump.file.name, dump.at, true);
    if (beginnings[_i].has_format)
        wire_format(&wire, &dump.file);
    wire_event(&wire, event, false);
    scripted_connect(s, (struct position){1, dump.at});
    scripted_say_wire(s, &wire, SIZE_MAX);
    assert_lost(s, RESULT_MALFORMED, "");
    ck_assert(position_equal(scripted_end(s), end));
    scripted_release(&empty);
    wire_free(&wire);
    dump_release(&dump);
}
END_TEST

/* ---- silence ---- */

START_TEST(silence_is_a_dead_connection)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    s.silence_max_ms = 20;
    scripted_connect(&s, from_start);
    while (s.losses == 0)
        turn(&s.store);
    assert_lost(&s, RESULT_TIMEOUT, "heartbeat");
    scripted_release(&s);
}
END_TEST

/* ---- acks ---- */

START_TEST(an_ack_is_these_bytes_in_one_write)
{
    static const uint8_t expected[] = "\x16\0\0\0\xEF\x08\x07\x06\x05\x04\x03\x02\x01"
                                      "binlog.000001";
    struct scripted s;
    uint8_t bytes[64];
    scripted_init(&s, true, FLAVOR_MYSQL);
    scripted_connect_as(&s, SOCK_SEQPACKET, from_start, (struct span){NULL, 0});
    for (int i = 0; i < 3; i++) { /* each begins with number 0 */
        source_stream_ack(s.stream, "binlog.000001", 0x0102030405060708);
        ck_assert_int_eq(recv(s.peer, bytes, sizeof(bytes), 0), (ssize_t)sizeof(expected) - 1);
        ck_assert_mem_eq(bytes, expected, sizeof(expected) - 1);
    }
    ck_assert_int_eq(recv(s.peer, bytes, sizeof(bytes), 0), -1);
    scripted_release(&s);
}
END_TEST

START_TEST(without_semi_sync_there_are_no_acks)
{
    struct scripted s;
    uint8_t byte;
    scripted_init(&s, false, FLAVOR_MYSQL);
    scripted_connect(&s, from_start);
    source_stream_ack(s.stream, "binlog.000001", 4);
    scripted_turn(&s);
    ck_assert_int_eq(recv(s.peer, &byte, 1, 0), -1);
    scripted_release(&s);
}
END_TEST

/* The source does not read: only the newest ack waits, and it goes out as a whole once there is room. */
START_TEST(the_newest_ack_waits_for_room)
{
    struct scripted s;
    uint8_t bytes[8192] = {0};
    scripted_init(&s, true, FLAVOR_MYSQL);
    scripted_connect_as(&s, SOCK_SEQPACKET, from_start, (struct span){NULL, 0});
    size_t fillers = 0;
    while (send(s.fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
        fillers++;
    for (uint64_t offset = 1; offset <= 5; offset++)
        source_stream_ack(s.stream, "binlog.000001", offset);
    scripted_turn(&s);
    ck_assert_uint_eq(s.losses, 0);
    for (size_t i = 0; i < fillers; i++)
        ck_assert_int_eq(recv(s.peer, bytes, sizeof(bytes), 0), sizeof(bytes));
    scripted_turn(&s);
    ck_assert_int_eq(recv(s.peer, bytes, sizeof(bytes), 0), 26);
    ck_assert_uint_eq(bytes[5], 5);
    scripted_turn(&s);
    ck_assert_int_eq(recv(s.peer, bytes, sizeof(bytes), 0), -1);
    scripted_release(&s);
}
END_TEST

START_TEST(a_source_that_is_gone_when_acked_is_lost)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    scripted_connect(&s, from_start);
    close(s.peer);
    s.peer = open("/dev/null", O_RDONLY | O_CLOEXEC); /* to be closed again at the end */
    source_stream_ack(s.stream, "binlog.000001", 4);
    assert_lost(&s, RESULT_IO, "");
    scripted_release(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_packets");
    TCase *tests = tcase_create("source_packets");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, packets_out_of_order_are_refused, 0, 4);
    tcase_add_loop_test(tests, numbers_begin_again_after_a_flagged_packet, 0, 2);
    tcase_add_test(tests, numbers_wrap_around);
    tcase_add_loop_test(tests, an_odd_packet_ends_the_stream_with_its_reason, 0,
                        sizeof(odd_packets) / sizeof(odd_packets[0]));
    tcase_add_loop_test(tests, a_prefix_too_few_or_too_many_is_seen, 0, 2);
    tcase_add_loop_test(tests, a_length_that_lies_is_refused, 0, 2 * sizeof(lies) / sizeof(lies[0]));
    tcase_add_test(tests, a_packet_goes_on_after_its_event);
    tcase_add_loop_test(tests, a_dump_begins_with_its_file_and_format, 0,
                        sizeof(beginnings) / sizeof(beginnings[0]));
    tcase_add_test(tests, silence_is_a_dead_connection);
    tcase_add_test(tests, an_ack_is_these_bytes_in_one_write);
    tcase_add_test(tests, without_semi_sync_there_are_no_acks);
    tcase_add_test(tests, the_newest_ack_waits_for_room);
    tcase_add_test(tests, a_source_that_is_gone_when_acked_is_lost);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
