/* layer: proxy
 *
 * A scripted source speaks to the stream: real binlog files come whole and in shreds, connections break
 * anywhere, bits flip, and history is told differently than before. Whatever happens, the store holds a
 * byte-exact start of the source's file, and a second stream completes it.
 */
#include "source_fixture.h"

static const struct position from_start = {1, BINLOG_START};

static const struct {
    const char *golden;
    enum flavor flavor;
} goldens[] = {
    {"mysql_row",          FLAVOR_MYSQL  },
    {"mysql_statement",    FLAVOR_MYSQL  },
    {"mysql_compressed",   FLAVOR_MYSQL  },
    {"mysql_tagged",       FLAVOR_MYSQL  },
    {"mariadb_row",        FLAVOR_MARIADB},
    {"mariadb_mixed",      FLAVOR_MARIADB},
    {"mariadb_compressed", FLAVOR_MARIADB},
    {"mariadb_domains",    FLAVOR_MARIADB},
    {"mariadb_cached",     FLAVOR_MARIADB},
};
enum { GOLDENS = sizeof(goldens) / sizeof(goldens[0]) };

/* A short file: two small transactions. */
static struct source_file short_file(bool is_checksummed)
{
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", is_checksummed);
    for (int64_t gno = 1; gno <= 2; gno++) {
        struct gtid gtid = mysql_gtid(gno);
        source_file_txn(&file, &gtid, 40);
    }
    return file;
}

/* ---- it comes as it should ---- */

/* _i: which file, and whether semi-sync is on */
START_TEST(a_whole_dump_is_stored_byte_for_byte)
{
    struct scripted s;
    scripted_init(&s, _i % 2 == 1, goldens[_i / 2].flavor);
    struct source_file file = source_file_golden(goldens[_i / 2].golden, "binlog.000001");
    struct wire wire = wire_new(s.is_semi_sync);
    wire_dump(&wire, &file, BINLOG_START);
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, 1000 + (size_t)_i * 777);
    assert_streaming(&s, &file, file.length);
    ck_assert_uint_gt(s.batches, 0);
    ck_assert_uint_gt(s.store.txns_told, 0);
    wire_free(&wire);
    source_file_free(&file);
    scripted_release(&s);
}
END_TEST

START_TEST(bytes_one_at_a_time_make_the_same_file)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = source_file_golden("mysql_compressed", "binlog.000001");
    struct wire wire = wire_new(true);
    wire_dump(&wire, &file, BINLOG_START);
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, 1);
    assert_streaming(&s, &file, file.length);
    wire_free(&wire);
    source_file_free(&file);
    scripted_release(&s);
}
END_TEST

START_TEST(a_file_without_checksums_is_stored_too)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = short_file(false);
    struct wire wire = wire_new(true);
    wire_dump(&wire, &file, BINLOG_START);
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, 50);
    assert_streaming(&s, &file, file.length);
    wire_free(&wire);
    source_file_free(&file);
    scripted_release(&s);
}
END_TEST

/* What was read together with the answer before the dump comes first. */
START_TEST(bytes_read_before_are_not_lost)
{
    struct source_file file = source_file_golden("mysql_row", "binlog.000001");
    struct wire wire = wire_new(true);
    wire_dump(&wire, &file, BINLOG_START);
    static const size_t lengths[] = {0, 1, 3, 100, 5000, SIZE_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct scripted s;
        scripted_init(&s, true, FLAVOR_MYSQL);
        size_t length = lengths[i] < wire.length ? lengths[i] : wire.length;
        scripted_connect_as(&s, SOCK_STREAM, from_start, (struct span){wire.bytes, length});
        scripted_say(&s, (struct span){wire.bytes + length, wire.length - length}, 4096);
        scripted_settle(&s);
        assert_streaming(&s, &file, file.length);
        scripted_release(&s);
    }
    wire_free(&wire);
    source_file_free(&file);
}
END_TEST

/* _i: with or without a checksum in the artificial ROTATEs */
START_TEST(the_stream_goes_on_in_the_next_file)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MARIADB);
    struct source_file files[2] = {source_file_golden("mariadb_domains", "binlog.000001"),
                                   source_file_golden("mariadb_domains_next", "binlog.000002")};
    struct wire wire = wire_new(true);
    for (int i = 0; i < 2; i++) {
        wire_rotate(&wire, files[i].name, BINLOG_START, _i == 1);
        wire_events(&wire, &files[i], BINLOG_START, files[i].length, 5);
    }
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, 4000);
    assert_streaming(&s, &files[1], files[1].length);
    ck_assert_uint_eq(scripted_end(&s).file, 2);
    assert_same_file(&s.store, &files[0], files[0].length, false);
    wire_free(&wire);
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    scripted_release(&s);
}
END_TEST

START_TEST(heartbeats_are_not_stored)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = short_file(true);
    struct wire wire = wire_new(true);
    wire_begin(&wire, &file, BINLOG_START);
    for (size_t at = BINLOG_START; at < file.length;) {
        size_t length = event_at(&file, at).length;
        wire_events(&wire, &file, at, at + length, 0);
        at += length;
        for (uint8_t type = BINLOG_HEARTBEAT; type <= BINLOG_HEARTBEAT_V2;
             type = (uint8_t)(type + BINLOG_HEARTBEAT_V2 - BINLOG_HEARTBEAT)) {
            struct source_file beat = {.is_checksummed = true, .length = 0};
            source_file_event(&beat, type, 1, span_of_text("binlog.000001"));
            wire_event(&wire, (struct span){beat.bytes, beat.length}, false);
            source_file_free(&beat);
        }
    }
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, 200);
    assert_streaming(&s, &file, file.length);
    wire_free(&wire);
    source_file_free(&file);
    scripted_release(&s);
}
END_TEST

/* ---- it breaks, and starts again ---- */

/* The connection ends after every single byte; the next one begins where the quorum is: at the start. */
START_TEST(a_dump_torn_anywhere_is_completed_by_the_next)
{
    struct source_file file = short_file(true);
    struct wire wire = wire_new(true);
    wire_dump(&wire, &file, BINLOG_START);
    for (size_t cut = 0; cut < wire.length; cut++) {
        struct scripted s;
        scripted_init_small(&s, true, FLAVOR_MYSQL);
        scripted_connect(&s, from_start);
        scripted_say(&s, (struct span){wire.bytes, cut}, SIZE_MAX);
        ck_assert_uint_eq(s.losses, 0);
        shutdown(s.peer, SHUT_WR);
        while (s.losses == 0)
            scripted_turn(&s);
        assert_lost(&s, RESULT_CLOSED, "");
        scripted_disconnect(&s);
        scripted_connect(&s, from_start);
        scripted_say_wire(&s, &wire, SIZE_MAX);
        assert_streaming(&s, &file, file.length);
        scripted_release(&s);
    }
    wire_free(&wire);
    source_file_free(&file);
}
END_TEST

/* A bit of an event that cannot be told from the event's own: who has the file open. */
static bool is_in_use_bit(struct span event, size_t bit)
{
    return event.data[4] == BINLOG_FORMAT_DESCRIPTION && bit == 17 * 8;
}

/* The stream resumes at the store's end, with one bit of the next event wrong. */
static void send_damaged(struct scripted *s, const struct source_file *file, size_t at, size_t bit)
{
    struct span event = event_at(file, at);
    if (is_in_use_bit(event, bit))
        return;
    uint8_t *copy = xmalloc(event.length);
    memcpy(copy, event.data, event.length);
    copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1u << bit % 8);
    struct position end = scripted_end(s);
    struct wire wire = wire_new(s->is_semi_sync);
    wire_begin(&wire, file, at);
    wire_event(&wire, (struct span){copy, event.length}, true);
    scripted_connect(s, (struct position){1, at});
    scripted_say_wire(s, &wire, SIZE_MAX);
    ck_assert_msg(s->losses == 1, "bit %zu of the event at %zu was taken", bit, at);
    ck_assert_msg(s->lost != RESULT_DIVERGED, "damage is no other history: %s", s->message);
    if (at > BINLOG_START)
        ck_assert(position_equal(scripted_end(s), end));
    ck_assert_uint_le(scripted_end(s).offset, BINLOG_START < at ? at : BINLOG_START);
    scripted_disconnect(s);
    wire_free(&wire);
    free(copy);
}

static void send_good(struct scripted *s, const struct source_file *file, size_t at)
{
    struct wire wire = wire_new(s->is_semi_sync);
    wire_begin(&wire, file, at);
    wire_events(&wire, file, at, at + event_at(file, at).length, 1);
    scripted_connect(s, (struct position){1, at});
    scripted_say_wire(s, &wire, SIZE_MAX);
    ck_assert_msg(s->losses == 0, "%s", s->message);
    ck_assert_uint_eq(scripted_end(s).offset, at + event_at(file, at).length);
    scripted_disconnect(s);
    wire_free(&wire);
}

START_TEST(an_event_with_a_wrong_bit_is_never_stored)
{
    struct scripted s;
    scripted_init(&s, true, goldens[_i].flavor);
    struct source_file file = source_file_golden(goldens[_i].golden, "binlog.000001");
    unsigned seed = 17;
    for (size_t at = BINLOG_START; at < file.length; at += event_at(&file, at).length) {
        size_t bits = event_at(&file, at).length * 8;
        for (int i = 0; i < 3; i++) {
            send_damaged(&s, &file, at, (size_t)rand_r(&seed) % (BINLOG_HEADER_BYTES * 8));
            send_damaged(&s, &file, at, (size_t)rand_r(&seed) % bits);
        }
        send_good(&s, &file, at);
    }
    assert_same_file(&s.store, &file, file.length, true);
    source_file_free(&file);
    fixture_release(&s.store);
}
END_TEST

START_TEST(every_bit_of_every_kind_of_event_counts)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct gtid gtid = mysql_gtid(1);
    source_file_txn(&file, &gtid, 8);
    source_file_rotate(&file, "binlog.000002");
    for (size_t at = BINLOG_START; at < file.length; at += event_at(&file, at).length) {
        size_t bits = event_at(&file, at).length * 8;
        for (size_t bit = 0; bit<bits; bit += bits> 1000 ? 5 : 1)
            send_damaged(&s, &file, at, bit);
        send_good(&s, &file, at);
    }
    assert_same_file(&s.store, &file, file.length, true);
    source_file_free(&file);
    fixture_release(&s.store);
}
END_TEST

/* The callee may end the stream as soon as it hears of a batch, with more in the buffer or on the way. */
START_TEST(the_stream_may_be_ended_inside_a_batch)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = short_file(true);
    struct wire wire = wire_new(true);
    wire_dump(&wire, &file, BINLOG_START);
    s.frees_in_batch = true;
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, wire.length - 10);
    ck_assert_ptr_null(s.stream);
    ck_assert_uint_eq(s.losses, 0);
    scripted_disconnect(&s);
    s.frees_in_batch = false;
    scripted_connect(&s, from_start);
    scripted_say_wire(&s, &wire, SIZE_MAX);
    assert_streaming(&s, &file, file.length);
    wire_free(&wire);
    source_file_free(&file);
    scripted_release(&s);
}
END_TEST

/* ---- history ---- */

static void store_whole(struct scripted *s, const struct source_file *file)
{
    struct wire wire = wire_new(s->is_semi_sync);
    wire_dump(&wire, file, BINLOG_START);
    scripted_connect(s, from_start);
    scripted_say_wire(s, &wire, SIZE_MAX);
    assert_streaming(s, file, file->length);
    scripted_disconnect(s);
    wire_free(&wire);
}

/* From the start, and from the middle. */
START_TEST(what_comes_again_is_not_stored_twice)
{
    struct scripted s;
    scripted_init(&s, true, goldens[_i].flavor);
    struct source_file file = source_file_golden(goldens[_i].golden, "binlog.000001");
    store_whole(&s, &file);
    unsigned told = s.store.txns_told;
    size_t from[2] = {BINLOG_START, BINLOG_START};
    while (from[1] < file.length / 2)
        from[1] += event_at(&file, from[1]).length;
    for (int i = 0; i < 2; i++) {
        struct wire wire = wire_new(true);
        wire_dump(&wire, &file, from[i]);
        scripted_connect(&s, (struct position){1, from[i]});
        scripted_say_wire(&s, &wire, 3000);
        assert_streaming(&s, &file, file.length);
        scripted_disconnect(&s);
        wire_free(&wire);
    }
    ck_assert_uint_eq(s.store.txns_told, told);
    source_file_free(&file);
    fixture_release(&s.store);
}
END_TEST

/* One byte of each event in turn is another, and the checksum right: that is another history. */
START_TEST(other_bytes_than_before_are_another_history)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = short_file(true);
    store_whole(&s, &file);
    for (size_t at = BINLOG_START; at < file.length;) {
        struct span event = event_at(&file, at);
        size_t where = at + event.length - 5 - (event.data[4] == BINLOG_FORMAT_DESCRIPTION ? 1 : 0);
        file.bytes[where] ^= 1;
        binlog_event_seal(file.bytes + at, event.length);
        struct wire wire = wire_new(true);
        wire_dump(&wire, &file, BINLOG_START);
        scripted_connect(&s, from_start);
        scripted_say_wire(&s, &wire, SIZE_MAX);
        assert_lost(&s, RESULT_DIVERGED, "other bytes");
        scripted_disconnect(&s);
        wire_free(&wire);
        file.bytes[where] ^= 1;
        binlog_event_seal(file.bytes + at, event.length);
        at += event.length;
    }
    assert_same_file(&s.store, &file, file.length, true);
    source_file_free(&file);
    fixture_release(&s.store);
}
END_TEST

/* An event is left out; one that was stored already, or one that comes new. */
START_TEST(a_hole_is_refused)
{
    struct source_file file = short_file(true);
    for (int is_stored = 0; is_stored < 2; is_stored++) {
        struct scripted s;
        scripted_init(&s, true, FLAVOR_MYSQL);
        if (is_stored)
            store_whole(&s, &file);
        size_t hole = BINLOG_START + event_at(&file, BINLOG_START).length;
        struct wire wire = wire_new(true);
        wire_begin(&wire, &file, BINLOG_START);
        wire_events(&wire, &file, BINLOG_START, hole, 0);
        wire_events(&wire, &file, hole + event_at(&file, hole).length, file.length, 0);
        scripted_connect(&s, from_start);
        scripted_say_wire(&s, &wire, SIZE_MAX);
        assert_lost(&s, RESULT_DIVERGED, "by our count");
        ck_assert_uint_eq(scripted_end(&s).offset, is_stored ? file.length : hole);
        scripted_release(&s);
        wire_free(&wire);
    }
    source_file_free(&file);
}
END_TEST

static const struct {
    const char *name;
    uint64_t position;
    enum result result;
} wrong_places[] = {
    {"binlog.000003", 4,       RESULT_DIVERGED }, /* a file is left out */
    {"other.000002",  4,       RESULT_DIVERGED },
    {"other.000001",  0,       RESULT_DIVERGED }, /* at our end, but of another file */
    {"binlog.000001", 1 << 20, RESULT_DIVERGED }, /* beyond our end */
    {"binlog.000002", 1000,    RESULT_DIVERGED }, /* the next file's start is left out */
    {"binlog",        4,       RESULT_MALFORMED},
    {"../x.000002",   4,       RESULT_MALFORMED},
};

START_TEST(a_dump_goes_on_only_where_the_store_ends)
{
    struct scripted s;
    scripted_init(&s, true, FLAVOR_MYSQL);
    struct source_file file = short_file(true);
    store_whole(&s, &file);
    size_t end = file.length;
    uint64_t position = wrong_places[_i].position == 0 ? end : wrong_places[_i].position;
    struct wire wire = wire_new(true);
    wire_rotate(&wire, wrong_places[_i].name, position, true);
    wire_format(&wire, &file);
    file.length = position > end ? position : end; /* so that the event's log_pos fits what was said */
    source_file_room(&file, 1000);
    size_t at = file.length;
    source_file_query(&file, "BEGIN");
    wire_events(&wire, &file, at, file.length, 0);
    scripted_connect(&s, (struct position){1, end});
    scripted_say_wire(&s, &wire, SIZE_MAX);
    ck_assert_uint_eq(s.losses, 1);
    ck_assert_msg(s.lost == wrong_places[_i].result, "%s: %s", result_text(s.lost), s.message);
    assert_same_file(&s.store, &file, end, scripted_end(&s).file == 1);
    wire_free(&wire);
    source_file_free(&file);
    scripted_release(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_stream");
    TCase *tests = tcase_create("source_stream");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_whole_dump_is_stored_byte_for_byte, 0, 2 * GOLDENS);
    tcase_add_test(tests, bytes_one_at_a_time_make_the_same_file);
    tcase_add_test(tests, a_file_without_checksums_is_stored_too);
    tcase_add_test(tests, bytes_read_before_are_not_lost);
    tcase_add_loop_test(tests, the_stream_goes_on_in_the_next_file, 0, 2);
    tcase_add_test(tests, heartbeats_are_not_stored);
    tcase_add_test(tests, a_dump_torn_anywhere_is_completed_by_the_next);
    tcase_add_loop_test(tests, an_event_with_a_wrong_bit_is_never_stored, 0, GOLDENS);
    tcase_add_test(tests, every_bit_of_every_kind_of_event_counts);
    tcase_add_test(tests, the_stream_may_be_ended_inside_a_batch);
    tcase_add_loop_test(tests, what_comes_again_is_not_stored_twice, 0, GOLDENS);
    tcase_add_test(tests, other_bytes_than_before_are_another_history);
    tcase_add_test(tests, a_hole_is_refused);
    tcase_add_loop_test(tests, a_dump_goes_on_only_where_the_store_ends, 0,
                        sizeof(wrong_places) / sizeof(wrong_places[0]));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
