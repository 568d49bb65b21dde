/* layer: proxy */
/*
 * What a crash, a lost index or a bad disk leaves in the store's directory, and what the next start makes of
 * it: a torn tail is cut, what can be read from the files is read from them, damage refuses the start.
 */
#include "test/unit/store_fixture.h"

#include "proxy/clock.h"

#include <zlib.h>

enum { TAIL_BYTES = 300 };

/* A directory with these files, closed in good order. */
static void keep(struct fixture *fixture, const struct source_file *files, size_t count)
{
    fixture_start(fixture);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(feed(fixture->store, &files[i]), RESULT_OK);
    wait_durable(fixture);
    store_close(&fixture->store);
}

/* The end of the last whole event at or before offset. */
static uint64_t event_end(const struct source_file *file, uint64_t offset)
{
    uint64_t at = 4;
    struct binlog_event_header header;
    while (at < file->length) {
        struct span left = {file->bytes + at, file->length - at};
        ck_assert_int_eq(binlog_event_header_decode(left, &header), RESULT_OK);
        if (at + header.length > offset)
            break;
        at += header.length;
    }
    return at;
}

static struct source_file small_file(enum flavor flavor, const char *name, int64_t txns, bool is_checksummed)
{
    struct source_file file = source_file_new(flavor, name, "", is_checksummed);
    for (int64_t i = 1; i <= txns; i++) {
        struct gtid gtid = flavor == FLAVOR_MYSQL ? mysql_gtid(i) : gtid_of_mariadb(0, 1, (uint64_t)i);
        source_file_txn(&file, &gtid, 20);
    }
    return file;
}

static const char *const goldens[] = {"mysql_row", "mysql_compressed", "mariadb_row", "mariadb_statement",
                                      "mariadb_cached"};

/* Cut at every byte of its end, and with garbage in place of what is missing. */
START_TEST(a_torn_tail_is_cut)
{
    struct fixture fixture;
    struct source_file file = source_file_golden(goldens[_i % 4], "binlog.000001");
    bool has_garbage = _i >= 4;
    keep(&fixture, &file, 1);
    for (size_t missing = 1; missing <= TAIL_BYTES; missing++) {
        uint64_t end = event_end(&file, file.length - missing);
        uint8_t *torn = xmalloc(file.length);
        memcpy(torn, file.bytes, file.length - missing);
        memset(torn + file.length - missing, (int)(missing % 3 * 0x7F), missing);
        bool is_same = torn[file.length - 1] == file.bytes[file.length - 1] && missing == 1;
        spill(path_of(&fixture, file.name), torn, has_garbage ? file.length : file.length - missing);
        free(torn);
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        if (!is_same || !has_garbage)
            ck_assert_uint_eq(store_end(fixture.store).offset, end);
        ck_assert(position_equal(store_end(fixture.store), store_durable(fixture.store)));
        /* and it goes on from there */
        uint64_t from = store_end(fixture.store).offset;
        ck_assert_int_eq(feed_range(fixture.store, &file, from, file.length, 100, 1), RESULT_OK);
        store_close(&fixture.store);
        size_t there;
        uint8_t *bytes = slurp(path_of(&fixture, file.name), &there);
        ck_assert_uint_eq(there, file.length);
        ck_assert_int_eq(memcmp(bytes, file.bytes, there), 0);
        free(bytes);
    }
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

/* Any byte of any event but the last goes wrong. Synced: refused. Not known as synced: cut. */
START_TEST(damage_before_the_tail_refuses)
{
    struct fixture fixture;
    struct source_file file =
        small_file(_i % 2 == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB, "binlog.000001", 3, true);
    bool is_known = _i < 2;
    keep(&fixture, &file, 1);
    if (!is_known)
        spill(path_of(&fixture, "ackgate-store.durable"), "", 0);
    uint64_t last = event_end(&file, file.length - 1);
    for (uint64_t at = 4; at < file.length; at++) {
        file.bytes[at] ^= 0x40;
        spill(path_of(&fixture, file.name), file.bytes, file.length);
        enum result result = fixture_open(&fixture);
        ck_assert_msg(result == (at < last ? RESULT_DAMAGED : RESULT_OK), "offset %u: %s", (unsigned)at,
                      result_text(result));
        if (result == RESULT_OK)
            ck_assert_uint_eq(store_end(fixture.store).offset, last);
        store_close(&fixture.store);
        file.bytes[at] ^= 0x40;
        if (!is_known)
            spill(path_of(&fixture, "ackgate-store.durable"), "", 0);
    }
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(what_was_not_synced_may_have_holes)
{
    struct fixture fixture;
    struct source_file file = small_file(FLAVOR_MYSQL, "binlog.000001", 10, true);
    uint64_t half = event_end(&file, file.length / 2);
    fixture_start(&fixture);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, file.name), RESULT_OK);
    ck_assert_int_eq(feed_range(fixture.store, &file, 4, half, 100, 0), RESULT_OK);
    wait_durable(&fixture);
    store_close(&fixture.store);
    for (uint64_t at = half; at < file.length; at += 7) {
        uint8_t *holed = xmalloc(file.length);
        memcpy(holed, file.bytes, file.length);
        holed[at] ^= 0xFF;
        size_t length;
        uint8_t *synced = slurp(path_of(&fixture, "ackgate-store.durable"), &length);
        spill(path_of(&fixture, file.name), holed, file.length);
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        ck_assert_uint_eq(store_end(fixture.store).offset, event_end(&file, at));
        store_close(&fixture.store);
        spill(path_of(&fixture, "ackgate-store.durable"), synced, length);
        free(synced);
        free(holed);
    }
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(without_checksums_the_frame_is_checked)
{
    struct fixture fixture;
    struct source_file file = small_file(FLAVOR_MARIADB, "binlog.000001", 3, false);
    keep(&fixture, &file, 1);
    for (size_t missing = 1; missing <= TAIL_BYTES; missing++) {
        spill(path_of(&fixture, file.name), file.bytes, file.length - missing);
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        ck_assert_uint_eq(store_end(fixture.store).offset, event_end(&file, file.length - missing));
        store_close(&fixture.store);
    }
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

/* The next file was being created, or had got a few bytes; at any of them the start goes well. */
START_TEST(a_file_that_had_just_begun)
{
    struct fixture fixture;
    struct source_file files[2] = {
        source_file_golden(_i == 0 ? "mysql_tagged" : "mariadb_domains", "binlog.000040"),
        source_file_golden(_i == 0 ? "mysql_tagged_next" : "mariadb_domains_next", "binlog.000041")};
    keep(&fixture, files, 2);
    uint64_t format_end = event_end(&files[1], 4 + 300);
    for (size_t length = 0; length < files[1].length; length++) {
        spill(path_of(&fixture, files[1].name), files[1].bytes, length);
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        ck_assert_uint_eq(store_file_count(fixture.store), length < 4 ? 1 : 2);
        struct position end = store_end(fixture.store);
        if (length < 4) {
            ck_assert(position_equal(end, (struct position){40, files[0].length}));
            ck_assert(!is_there(&fixture, files[1].name));
            ck_assert_int_eq(feed(fixture.store, &files[1]), RESULT_OK);
        } else {
            ck_assert(position_equal(end, (struct position){41, event_end(&files[1], length)}));
            const struct gtid_state *start;
            ck_assert_int_eq(store_file_gtids(fixture.store, 41, &start), RESULT_OK);
            if (end.offset < format_end)
                ck_assert(gtid_state_equal(start, store_gtids(fixture.store)));
            ck_assert_int_eq(feed_range(fixture.store, &files[1], end.offset, files[1].length, 50, 0),
                             RESULT_OK);
        }
        char *gtids = gtid_state_format(store_gtids(fixture.store));
        fixture_reopen(&fixture);
        assert_gtids(fixture.store, gtids);
        free(gtids);
        assert_same_file(&fixture, &files[1], files[1].length, length < 4 || end.offset == 4);
        store_close(&fixture.store);
    }
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    fixture_release(&fixture);
}
END_TEST

START_TEST(the_very_first_file_had_just_begun)
{
    struct fixture fixture;
    struct source_file file = source_file_golden("mysql_row", "binlog.000005");
    uint64_t format_end = event_end(&file, 300);
    for (size_t length = 0; length < format_end; length++) {
        fixture_init(&fixture);
        spill(path_of(&fixture, file.name), file.bytes, length);
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        bool has_format = event_end(&file, length) > 4;
        ck_assert_int_eq(store_is_empty(fixture.store), !has_format);
        fixture_reopen(&fixture);
        ck_assert_int_eq(is_there(&fixture, file.name), has_format);
        if (!has_format)
            ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
        fixture_release(&fixture);
    }
    source_file_free(&file);
}
END_TEST

START_TEST(the_index_can_be_made_anew)
{
    struct fixture fixture;
    struct source_file files[5];
    enum flavor flavor = _i % 2 == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB;
    char state[GTID_TEXT_MAX] = "";
    for (int64_t i = 0; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof(name), "binlog.%06u", (unsigned)i + 9);
        files[i] = source_file_new(flavor, name, state, true);
        struct gtid gtid =
            flavor == FLAVOR_MYSQL ? mysql_gtid(i + 1) : gtid_of_mariadb(0, 1, (uint64_t)i + 1);
        source_file_txn(&files[i], &gtid, 20);
        gtid_format(&gtid, state);
        if (flavor == FLAVOR_MYSQL && i > 0)
            snprintf(state, sizeof(state), "%s:1-%u", uuid_text, (unsigned)i + 1);
    }
    keep(&fixture, files, 5);
    size_t length;
    char *index = (char *)slurp(path_of(&fixture, "ackgate-store.index"), &length);
    for (size_t step = 0; step < length + 2; step++) {
        if (step == length + 1)
            unlink(path_of(&fixture, "ackgate-store.index"));
        else if (_i < 2)
            spill(path_of(&fixture, "ackgate-store.index"), index, step);
        else if (step < length) {
            index[step] ^= 1;
            spill(path_of(&fixture, "ackgate-store.index"), index, length);
            index[step] ^= 1;
        }
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        ck_assert_uint_eq(store_file_count(fixture.store), 5);
        ck_assert_int_eq(store_flavor(fixture.store), flavor);
        ck_assert_str_eq(store_base(fixture.store), "binlog");
        assert_gtids(fixture.store, state);
        const struct gtid_state *start;
        ck_assert_int_eq(store_file_gtids(fixture.store, 10, &start), RESULT_OK);
        char *text = gtid_state_format(start);
        ck_assert_str_eq(text, flavor == FLAVOR_MYSQL ? "3e11fa47-71ca-11e1-9e33-c80aa9429562:1" : "0-1-1");
        free(text);
        struct store_file_view view;
        store_file_view(fixture.store, 2, &view);
        ck_assert_uint_eq(view.first_time, 1700000000);
        ck_assert_uint_eq(view.size_bytes, files[2].length);
        store_close(&fixture.store);
    }
    free(index);
    for (size_t i = 0; i < 5; i++)
        source_file_free(&files[i]);
    fixture_release(&fixture);
}
END_TEST

/* The version before it can be started again: nothing is touched. */
START_TEST(a_newer_format_is_refused)
{
    struct fixture fixture;
    char rest[] = "ackgate-store 2 mysql with whatever comes then";
    char line[100];
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct gtid gtid = mysql_gtid(1);
    source_file_txn(&file, &gtid, 20);
    keep(&fixture, &file, 1);
    size_t length, length_then;
    uint8_t *before = slurp(path_of(&fixture, "binlog.000001"), &length);
    int line_length =
        snprintf(line, sizeof(line), "%08lx %s\n", crc32(0, (const Bytef *)rest, (uInt)strlen(rest)), rest);
    spill(path_of(&fixture, "ackgate-store.index"), line, (size_t)line_length);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_UNSUPPORTED);
    char *index = (char *)slurp(path_of(&fixture, "ackgate-store.index"), &length_then);
    ck_assert_uint_eq(length_then, (size_t)line_length);
    ck_assert_mem_eq(index, line, length_then);
    uint8_t *after = slurp(path_of(&fixture, "binlog.000001"), &length_then);
    ck_assert_uint_eq(length_then, length);
    ck_assert_mem_eq(after, before, length);
    free(index);
    free(before);
    free(after);
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(closed_files_are_what_they_were)
{
    struct fixture fixture;
    struct source_file files[3] = {small_file(FLAVOR_MYSQL, "binlog.000001", 3, true),
                                   small_file(FLAVOR_MYSQL, "binlog.000002", 3, true),
                                   small_file(FLAVOR_MYSQL, "binlog.000003", 3, true)};
    keep(&fixture, files, 3);
    spill(path_of(&fixture, files[1].name), files[1].bytes, files[1].length - 1);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_DAMAGED);
    unlink(path_of(&fixture, files[1].name));
    ck_assert_int_eq(fixture_open(&fixture), RESULT_DAMAGED);
    spill(path_of(&fixture, files[1].name), files[1].bytes, files[1].length);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    store_close(&fixture.store);
    unlink(path_of(&fixture, files[2].name));
    ck_assert_int_eq(fixture_open(&fixture), RESULT_DAMAGED);
    files[2].bytes[0] = 0xFD; /* encrypted */
    spill(path_of(&fixture, files[2].name), files[2].bytes, files[2].length);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_DAMAGED);
    for (size_t i = 0; i < 3; i++)
        source_file_free(&files[i]);
    fixture_release(&fixture);
}
END_TEST

START_TEST(leftovers_of_a_purge_go_and_strangers_stay)
{
    struct fixture fixture;
    struct source_file files[2] = {small_file(FLAVOR_MYSQL, "binlog.000008", 3, true),
                                   small_file(FLAVOR_MYSQL, "binlog.000009", 3, true)};
    keep(&fixture, files, 2);
    spill(path_of(&fixture, "binlog.000007"), files[0].bytes, files[0].length);
    spill(path_of(&fixture, "other.000001"), "x", 1);
    spill(path_of(&fixture, "notes.txt"), "x", 1);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert_uint_eq(store_start(fixture.store).file, 8);
    ck_assert(!is_there(&fixture, "binlog.000007"));
    ck_assert(is_there(&fixture, "other.000001"));
    ck_assert(is_there(&fixture, "notes.txt"));
    struct fixture second = fixture;
    second.store = NULL;
    ck_assert_int_eq(fixture_open(&second), RESULT_CONFLICT);
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    fixture_release(&fixture);
}
END_TEST

START_TEST(a_half_transaction_goes_on_after_a_start)
{
    struct fixture fixture;
    struct source_file file = small_file(_i == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB, "binlog.000001", 2, true);
    uint64_t cut = event_end(&file, event_end(&file, file.length - 1) - 1); /* before the last rows event */
    fixture_start(&fixture);
    ck_assert_int_eq(store_begin_file(fixture.store, flavor_of(&file), file.name), RESULT_OK);
    ck_assert_int_eq(feed_range(fixture.store, &file, 4, cut, 100, 0), RESULT_OK);
    fixture_reopen(&fixture);
    ck_assert_uint_eq(store_end(fixture.store).offset, cut);
    const char *one = _i == 0 ? "3e11fa47-71ca-11e1-9e33-c80aa9429562:1" : "0-1-1";
    const char *two = _i == 0 ? "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2" : "0-1-2";
    assert_gtids(fixture.store, one);
    ck_assert_int_eq(feed_range(fixture.store, &file, cut, file.length, 100, 0), RESULT_OK);
    assert_gtids(fixture.store, two);
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(a_thousand_files_open_fast)
{
    enum { FILES = 1000 };
    struct fixture fixture;
    fixture_start(&fixture);
    for (unsigned i = 1; i <= FILES; i++) {
        char name[64];
        snprintf(name, sizeof(name), "binlog.%06u", i);
        struct source_file file = small_file(FLAVOR_MYSQL, name, 0, true);
        ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
        source_file_free(&file);
    }
    store_close(&fixture.store);
    uint64_t started = clock_monotonic_us();
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    uint64_t took = clock_monotonic_us() - started;
    ck_assert_uint_eq(store_file_count(fixture.store), FILES);
    printf("opening %d files took %.1f ms\n", FILES, (double)took / 1000);
    ck_assert_uint_lt(took, 500000); /* a bound for slow machines; a few ms are usual */
    fixture_release(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_open");
    TCase *tests = tcase_create("store_open");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_torn_tail_is_cut, 0, 8);
    tcase_add_loop_test(tests, damage_before_the_tail_refuses, 0, 4);
    tcase_add_test(tests, what_was_not_synced_may_have_holes);
    tcase_add_test(tests, without_checksums_the_frame_is_checked);
    tcase_add_loop_test(tests, a_file_that_had_just_begun, 0, 2);
    tcase_add_test(tests, the_very_first_file_had_just_begun);
    tcase_add_loop_test(tests, the_index_can_be_made_anew, 0, 4);
    tcase_add_test(tests, a_newer_format_is_refused);
    tcase_add_test(tests, closed_files_are_what_they_were);
    tcase_add_test(tests, leftovers_of_a_purge_go_and_strangers_stay);
    tcase_add_loop_test(tests, a_half_transaction_goes_on_after_a_start, 0, 2);
    tcase_add_test(tests, a_thousand_files_open_fast);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
