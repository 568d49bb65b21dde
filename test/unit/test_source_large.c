/* layer: proxy
 *
 * Events larger than the stream's buffer: one and more packets long, ending exactly at a packet's end,
 * damaged at their start, middle and end, and come again. They pass through in pieces: memory does not grow
 * with them.
 */
#include "source_fixture.h"

#include <sys/resource.h>

enum { BLOCK = 65536, MEBI = 1024 * 1024, BUFFER = 256 * 1024, MEMORY_MAX_KIB = 16 * 1024 };

static const struct position from_start = {1, BINLOG_START};

/* A rows event: header, a block of bytes over and over, checksum. Never in memory as a whole. */
struct large {
    size_t length; /* of the event */
    size_t start;  /* in the file */
    uint8_t header[BINLOG_HEADER_BYTES];
    uint8_t block[BLOCK];
    uint8_t tail[BINLOG_CHECKSUM_BYTES];
    size_t wrong_at; /* a bit of this byte is wrong; SIZE_MAX: of none */
};

static void large_seal(struct large *large)
{
    struct binlog_event_header header = {.timestamp = 1700000000,
                                         .type = BINLOG_WRITE_ROWS,
                                         .server_id = 1,
                                         .length = (uint32_t)large->length,
                                         .log_pos = (uint32_t)(large->start + large->length)};
    struct writer writer;
    writer_init(&writer, large->header, sizeof(large->header));
    binlog_event_header_encode(&writer, &header);
    struct binlog_crc crc;
    binlog_crc_init(&crc, &header);
    binlog_crc_update(&crc, (struct span){large->header, sizeof(large->header)});
    for (size_t left = large->length - sizeof(large->header) - sizeof(large->tail); left > 0;) {
        size_t length = left < BLOCK ? left : BLOCK;
        binlog_crc_update(&crc, (struct span){large->block, length});
        left -= length;
    }
    for (unsigned i = 0; i < sizeof(large->tail); i++)
        large->tail[i] = (uint8_t)(binlog_crc_value(&crc) >> 8 * i);
}

static void large_init(struct large *large, size_t length, size_t start)
{
    *large = (struct large){.length = length, .start = start, .wrong_at = SIZE_MAX};
    for (size_t i = 0; i < BLOCK; i++)
        large->block[i] = (uint8_t)(i * 31 + i / 251);
    large_seal(large);
}

/* Bytes of the event from an offset on, as many as lie in a row: at most `length`. */
static size_t large_read(const struct large *large, size_t at, uint8_t *out, size_t length)
{
    size_t body_end = large->length - sizeof(large->tail);
    const uint8_t *from;
    size_t there;
    if (at < sizeof(large->header)) {
        from = large->header + at;
        there = sizeof(large->header) - at;
    } else if (at < body_end) {
        size_t in_block = (at - sizeof(large->header)) % BLOCK;
        from = large->block + in_block;
        there = BLOCK - in_block < body_end - at ? BLOCK - in_block : body_end - at;
    } else {
        from = large->tail + (at - body_end);
        there = large->length - at;
    }
    if (there > length)
        there = length;
    memcpy(out, from, there);
    if (large->wrong_at >= at && large->wrong_at < at + there)
        out[large->wrong_at - at] ^= 4;
    return there;
}

/* Says the event as packets, without ever having it whole. */
static void say_large(struct scripted *s, const struct large *large, uint8_t sequence, bool ack_wanted)
{
    static uint8_t out[BLOCK];
    size_t prefix = s->is_semi_sync ? 3 : 1;
    size_t left_of_payload = prefix + large->length;
    size_t at = 0;
    bool is_first = true;
    size_t packet;
    do {
        packet = left_of_payload < PACKET_PAYLOAD_MAX ? left_of_payload : PACKET_PAYLOAD_MAX;
        left_of_payload -= packet;
        packet_header_encode(out, (struct packet_header){(uint32_t)packet, sequence++});
        size_t used = PACKET_HEADER_BYTES;
        size_t left = packet;
        if (is_first) {
            out[used] = 0;
            out[used + 1] = SEMISYNC_MAGIC;
            out[used + 2] = ack_wanted;
            used += prefix;
            left -= prefix;
        }
        is_first = false;
        do {
            size_t length = left < BLOCK - used ? left : BLOCK - used;
            for (size_t got = 0; got < length;)
                got += large_read(large, at + got, out + used + got, length - got);
            scripted_say(s, (struct span){out, used + length}, SIZE_MAX);
            at += length;
            left -= length;
            used = 0;
        } while (left > 0 && s->stream != NULL);
    } while (packet == PACKET_PAYLOAD_MAX && s->stream != NULL);
}

/* A transaction with the event in it: what comes before, and after. */
struct story {
    struct scripted s;
    struct source_file file; /* up to the large event */
    struct source_file rest; /* the Xid event, alone */
    struct large large;
    size_t end; /* of the transaction */
};

static void story_init(struct story *story, size_t length, bool is_semi_sync)
{
    scripted_init(&story->s, is_semi_sync, FLAVOR_MYSQL);
    story->file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct gtid gtid = mysql_gtid(1);
    source_file_txn(&story->file, &gtid, 10);
    for (size_t at = BINLOG_START; at < story->file.length;) { /* the transaction without rows and Xid */
        struct span event = event_at(&story->file, at);
        if (event.data[4] == BINLOG_WRITE_ROWS)
            story->file.length = at;
        at += event.length;
    }
    large_init(&story->large, length, story->file.length);
    story->rest = (struct source_file){.is_checksummed = true, .time = 1700000000};
    source_file_event(&story->rest, BINLOG_XID, 1, (struct span){(const uint8_t *)"\1\0\0\0\0\0\0\0", 8});
    story->end = story->file.length + length + story->rest.length;
    binlog_event_set_log_pos(story->rest.bytes, story->rest.length, (uint32_t)story->end, true);
}

static void story_release(struct story *story)
{
    source_file_free(&story->file);
    source_file_free(&story->rest);
    scripted_release(&story->s);
}

/* The whole dump from the start. */
static void tell(struct story *story, bool ack_wanted)
{
    struct wire wire = wire_new(story->s.is_semi_sync);
    wire_begin(&wire, &story->file, BINLOG_START);
    wire_events(&wire, &story->file, BINLOG_START, story->file.length, 0);
    scripted_connect(&story->s, from_start);
    scripted_say_wire(&story->s, &wire, SIZE_MAX);
    uint8_t sequence = wire.sequence;
    say_large(&story->s, &story->large, sequence, ack_wanted);
    size_t prefix = story->s.is_semi_sync ? 3 : 1;
    wire.length = 0;
    wire.sequence = (uint8_t)(sequence + (prefix + story->large.length) / PACKET_PAYLOAD_MAX + 1);
    if (ack_wanted)
        wire.sequence = 1;
    wire_event(&wire, (struct span){story->rest.bytes, story->rest.length}, false);
    scripted_say_wire(&story->s, &wire, SIZE_MAX);
    wire_free(&wire);
}

static void assert_stored_bytes(struct story *story, size_t at)
{
    static uint8_t expected[BLOCK];
    while (at < story->large.length) {
        size_t length = large_read(&story->large, at, expected, sizeof(expected));
        struct position position = {1, story->large.start + at};
        ck_assert_int_eq(store_compare(story->s.store.store, position, (struct span){expected, length}),
                         RESULT_OK);
        at += length;
    }
}

static void assert_told(struct story *story)
{
    ck_assert_msg(story->s.losses == 0, "lost: %s", story->s.message);
    ck_assert_uint_eq(scripted_end(&story->s).offset, story->end);
    ck_assert_uint_eq(story->s.store.txns_told, 1);
    assert_stored_bytes(story, 0);
}

/* ---- the tests ---- */

static const size_t sizes[] = {
    BUFFER - 8,
    BUFFER - 7, /* with prefix and header as long as the buffer */
    BUFFER - 6,
    BUFFER,
    MEBI,
    PACKET_PAYLOAD_MAX - 4, /* one packet, one byte short of full */
    PACKET_PAYLOAD_MAX - 3, /* a full packet and an empty one */
    PACKET_PAYLOAD_MAX - 2,
};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

START_TEST(a_large_event_is_stored_whole)
{
    struct story story;
    story_init(&story, sizes[_i / 2], true);
    tell(&story, _i % 2 == 1);
    assert_told(&story);
    story_release(&story);
}
END_TEST

static long memory_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

START_TEST(memory_does_not_grow_with_the_event)
{
    struct story story;
    story_init(&story, 40 * MEBI, true);
    long before = memory_kib();
    tell(&story, true);
    long grown = memory_kib() - before;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ck_assert_int_lt(grown, MEMORY_MAX_KIB);
#else
    (void)grown;
#endif
    assert_told(&story);
    story_release(&story);
}
END_TEST

static const struct {
    size_t at;
    bool from_end;
} places[] = {
    {2,        false}, /* the time */
    {4,        false}, /* the type */
    {14,       false}, /* log_pos */
    {17,       false}, /* flags */
    {19,       false},
    {MEBI / 2, false},
    {5,        true }, /* the last byte before the checksum */
    {1,        true },
};

/* Damage is damage: nothing is stored, nothing is said about history, and a second stream completes it. */
START_TEST(a_large_event_with_a_wrong_bit_is_never_stored)
{
    struct story story;
    story_init(&story, MEBI, _i % 2 == 0);
    size_t at = places[_i].from_end ? MEBI - places[_i].at : places[_i].at;
    story.large.wrong_at = at;
    tell(&story, false);
    assert_lost(&story.s, RESULT_CHECKSUM, "checksum");
    ck_assert_uint_eq(scripted_end(&story.s).offset, story.large.start);
    scripted_disconnect(&story.s);
    story.large.wrong_at = SIZE_MAX;
    tell(&story, false);
    assert_told(&story);
    scripted_disconnect(&story.s);

    story.large.wrong_at = at; /* once more, when it is only compared */
    tell(&story, false);
    assert_lost(&story.s, RESULT_CHECKSUM, "checksum");
    ck_assert_uint_eq(scripted_end(&story.s).offset, story.end);
    story_release(&story);
}
END_TEST

START_TEST(a_large_event_that_comes_again_is_compared)
{
    struct story story;
    story_init(&story, MEBI, true);
    tell(&story, true);
    scripted_disconnect(&story.s);
    tell(&story, true);
    assert_told(&story);
    scripted_disconnect(&story.s);
    story.large.block[500]++; /* and the checksum fits */
    large_seal(&story.large);
    tell(&story, true);
    assert_lost(&story.s, RESULT_DIVERGED, "other bytes");
    ck_assert_uint_eq(scripted_end(&story.s).offset, story.end);
    story_release(&story);
}
END_TEST

START_TEST(a_large_event_out_of_its_place_is_refused)
{
    struct story story;
    story_init(&story, MEBI, true);
    story.large.start += 100;
    large_seal(&story.large);
    tell(&story, false);
    assert_lost(&story.s, RESULT_DIVERGED, "by our count");
    ck_assert_uint_eq(scripted_end(&story.s).offset, story.file.length);
    story_release(&story);
}
END_TEST

/* The connection ends in the middle; what came of the event is taken out again. */
START_TEST(half_a_large_event_is_no_event)
{
    struct story story;
    story_init(&story, 3 * MEBI, true);
    struct wire wire = wire_new(true);
    wire_begin(&wire, &story.file, BINLOG_START);
    wire_events(&wire, &story.file, BINLOG_START, story.file.length, 0);
    scripted_connect(&story.s, from_start);
    scripted_say_wire(&story.s, &wire, SIZE_MAX);
    size_t whole = story.large.length;
    story.large.length = whole / 2;
    say_large(&story.s, &story.large, wire.sequence, false); /* shorter than its header says, */
    story.large.length = whole;
    if (_i == 0) {
        assert_lost(&story.s, RESULT_TRUNCATED, "bytes");
    } else { /* or just ended by ourselves, as before a restart */
        source_stream_free(&story.s.stream);
    }
    scripted_disconnect(&story.s);
    ck_assert_uint_eq(scripted_end(&story.s).offset, story.file.length);
    tell(&story, false);
    assert_told(&story);
    wire_free(&wire);
    story_release(&story);
}
END_TEST

/* The second packet of an event has the wrong number. */
START_TEST(the_packets_of_one_event_are_counted)
{
    struct story story;
    story_init(&story, PACKET_PAYLOAD_MAX + 10, true);
    struct wire wire = wire_new(true);
    wire_begin(&wire, &story.file, BINLOG_START);
    wire_events(&wire, &story.file, BINLOG_START, story.file.length, 0);
    scripted_connect(&story.s, from_start);
    scripted_say_wire(&story.s, &wire, SIZE_MAX);
    say_large(&story.s, &story.large, (uint8_t)(wire.sequence + 1), false);
    assert_lost(&story.s, RESULT_SEQUENCE, "out of order");
    ck_assert_uint_eq(scripted_end(&story.s).offset, story.file.length);
    wire_free(&wire);
    story_release(&story);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_large");
    TCase *tests = tcase_create("source_large");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_large_event_is_stored_whole, 0, 2 * SIZES);
    tcase_add_test(tests, memory_does_not_grow_with_the_event);
    tcase_add_loop_test(tests, a_large_event_with_a_wrong_bit_is_never_stored, 0,
                        sizeof(places) / sizeof(places[0]));
    tcase_add_test(tests, a_large_event_that_comes_again_is_compared);
    tcase_add_test(tests, a_large_event_out_of_its_place_is_refused);
    tcase_add_loop_test(tests, half_a_large_event_is_no_event, 0, 2);
    tcase_add_test(tests, the_packets_of_one_event_are_counted);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
