/* layer: proxy */
/*
 * What the source sends stands in the store byte for byte, can be read at once and after, and nothing that is
 * not whole or not in its place gets in.
 */
#include "test/unit/store_fixture.h"

static const struct golden {
    const char *golden;
    const char *name;
} goldens[] = {
    {"mysql_row",          "binlog.000001"   },
    {"mysql_compressed",   "binlog.000007"   },
    {"mysql_tagged",       "binlog.000040"   },
    {"mariadb_row",        "mysql-bin.000003"},
    {"mariadb_compressed", "m b.999999"      },
    {"mariadb_domains",    "binlog.000036"   },
    {"mariadb_cached",     "binlog.000001"   },
    {"mysql_statement",    "x.y.000001"      },
    {"mariadb_statement",  "binlog.1000001"  },
};
#define GOLDENS ((int)(sizeof(goldens) / sizeof(goldens[0])))

/* Reads all of a file through the store in reads of at most max_bytes. */
static void assert_reads(struct store *store, const struct source_file *file, uint64_t number,
                         size_t max_bytes, enum result at_end)
{
    struct position at = {number, BINLOG_START};
    for (;;) {
        struct span bytes;
        enum result result = store_read(store, at, max_bytes, &bytes);
        if (result != RESULT_OK) {
            ck_assert_int_eq(result, at_end);
            break;
        }
        ck_assert_uint_gt(bytes.length, 0);
        ck_assert_uint_le(bytes.length, max_bytes);
        for (size_t i = 0; i < bytes.length && at.offset + i < 100; i++) {
            uint8_t mask = at.offset + i == 21 ? (uint8_t)~BINLOG_FLAG_IN_USE : 0xFF;
            ck_assert_uint_eq(bytes.data[i] & mask, file->bytes[at.offset + i] & mask);
        }
        size_t skip = at.offset >= 100 ? 0 : (size_t)(100 - at.offset);
        if (skip < bytes.length)
            ck_assert_int_eq(memcmp(bytes.data + skip, file->bytes + at.offset + skip, bytes.length - skip),
                             0);
        at.offset += bytes.length;
    }
    ck_assert_uint_eq(at.offset, file->length);
}

START_TEST(real_files_come_out_as_they_went_in)
{
    static const size_t pieces[] = {1, 7, 100, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct fixture fixture;
        struct source_file file = source_file_golden(goldens[_i].golden, goldens[_i].name);
        fixture_start(&fixture);
        ck_assert(store_is_empty(fixture.store));
        ck_assert_int_eq(store_begin_file(fixture.store, flavor_of(&file), file.name), RESULT_OK);
        ck_assert_int_eq(feed_range(fixture.store, &file, 4, file.length, pieces[i], (unsigned)i), RESULT_OK);
        wait_durable(&fixture);
        assert_same_file(&fixture, &file, file.length, true);
        ck_assert_int_eq(store_flavor(fixture.store), flavor_of(&file));
        ck_assert_uint_eq(store_end(fixture.store).offset, file.length);
        ck_assert_uint_eq(store_bytes(fixture.store), file.length);
        assert_reads(fixture.store, &file, store_end(fixture.store).file, pieces[i], RESULT_AGAIN);
        char name[BINLOG_NAME_MAX];
        store_file_name(fixture.store, store_end(fixture.store).file, name, sizeof(name));
        ck_assert_str_eq(name, file.name);
        char *gtids = gtid_state_format(store_gtids(fixture.store));
        ck_assert_uint_gt(fixture.txns_told, 0);
        fixture_reopen(&fixture);
        assert_gtids(fixture.store, gtids);
        assert_same_file(&fixture, &file, file.length, true);
        assert_reads(fixture.store, &file, store_end(fixture.store).file, pieces[i], RESULT_AGAIN);
        ck_assert(position_equal(store_durable(fixture.store), store_end(fixture.store)));
        free(gtids);
        source_file_free(&file);
        fixture_release(&fixture);
    }
}
END_TEST

START_TEST(files_follow_each_other)
{
    static const char *const pairs[][4] = {
        {"mysql_tagged",    "binlog.000040", "mysql_tagged_next",    "binlog.000041"},
        {"mariadb_domains", "binlog.000036", "mariadb_domains_next", "binlog.000037"},
    };
    struct fixture fixture;
    struct source_file first = source_file_golden(pairs[_i][0], pairs[_i][1]);
    struct source_file second = source_file_golden(pairs[_i][2], pairs[_i][3]);
    fixture_start(&fixture);
    ck_assert_int_eq(feed(fixture.store, &first), RESULT_OK);
    ck_assert_int_eq(store_begin_file(fixture.store, flavor_of(&first), first.name), RESULT_OK);
    char *before = gtid_state_format(store_gtids(fixture.store));
    ck_assert_int_eq(feed(fixture.store, &second), RESULT_OK);
    const struct gtid_state *start;
    ck_assert_int_eq(store_file_gtids(fixture.store, store_end(fixture.store).file, &start), RESULT_OK);
    char *state = gtid_state_format(start);
    ck_assert_str_eq(before, state);
    wait_durable(&fixture);
    for (int round = 0; round < 2; round++) {
        assert_same_file(&fixture, &first, first.length, false);
        assert_same_file(&fixture, &second, second.length, true);
        assert_reads(fixture.store, &first, store_start(fixture.store).file, 1000, RESULT_CLOSED);
        assert_reads(fixture.store, &second, store_end(fixture.store).file, 1000, RESULT_AGAIN);
        ck_assert_uint_eq(store_file_count(fixture.store), 2);
        ck_assert_uint_eq(store_bytes(fixture.store), first.length + second.length);
        fixture_reopen(&fixture);
    }
    free(before);
    free(state);
    source_file_free(&first);
    source_file_free(&second);
    fixture_release(&fixture);
}
END_TEST

START_TEST(only_the_next_file_may_begin)
{
    static const struct {
        const char *name;
        enum flavor flavor;
        enum result result;
    } rows[] = {
        {"binlog.000001",    FLAVOR_MYSQL,   RESULT_OK       },
        {"binlog.000003",    FLAVOR_MYSQL,   RESULT_DIVERGED },
        {"binlog.000002",    FLAVOR_MARIADB, RESULT_DIVERGED },
        {"other.000002",     FLAVOR_MYSQL,   RESULT_DIVERGED },
        {"binlog.2",         FLAVOR_MYSQL,   RESULT_MALFORMED},
        {"../binlog.000002", FLAVOR_MYSQL,   RESULT_MALFORMED},
        {"binlog",           FLAVOR_MYSQL,   RESULT_MALFORMED},
        {"binlog.000002",    FLAVOR_MYSQL,   RESULT_OK       },
        {"binlog.000001",    FLAVOR_MYSQL,   RESULT_DIVERGED },
    };
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    fixture_start(&fixture);
    ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_int_eq(store_begin_file(fixture.store, rows[i].flavor, rows[i].name), rows[i].result);
    ck_assert_uint_eq(store_file_count(fixture.store), 2);
    struct span bytes;
    ck_assert_int_eq(store_read(fixture.store, (struct position){2, 4}, 100, &bytes), RESULT_AGAIN);
    ck_assert_int_eq(store_read(fixture.store, (struct position){3, 4}, 100, &bytes), RESULT_NOT_FOUND);
    ck_assert_int_eq(store_read(fixture.store, (struct position){1, 3}, 100, &bytes), RESULT_NOT_FOUND);
    ck_assert_int_eq(store_read(fixture.store, (struct position){1, file.length + 1}, 9, &bytes),
                     RESULT_NOT_FOUND);
    ck_assert(store_has_position(fixture.store, (struct position){1, file.length}));
    ck_assert(!store_has_position(fixture.store, (struct position){2, 5}));
    fixture_reopen(&fixture); /* the second has only its magic */
    ck_assert_uint_eq(store_file_count(fixture.store), 2);
    ck_assert_uint_eq(store_end(fixture.store).offset, 4);
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(what_is_not_flushed_is_not_there)
{
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    size_t head = file.length;
    struct gtid gtid = mysql_gtid(1);
    source_file_txn(&file, &gtid, 100);
    fixture_start(&fixture);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, file.name), RESULT_OK);
    ck_assert_int_eq(feed_range(fixture.store, &file, 4, head, 64, 0), RESULT_OK);
    struct binlog_event_header header;
    for (size_t at = head; at < file.length; at += header.length) {
        struct span event = {file.bytes + at, file.length - at};
        ck_assert_int_eq(binlog_event_header_decode(event, &header), RESULT_OK);
        event.length = header.length;
        ck_assert_int_eq(feed_event(fixture.store, event, 10), RESULT_OK);
        ck_assert_uint_eq(store_end(fixture.store).offset, head);
    }
    struct span bytes;
    ck_assert_int_eq(store_read(fixture.store, (struct position){1, head}, 100, &bytes), RESULT_AGAIN);
    assert_gtids(fixture.store, "");
    ck_assert_uint_eq(fixture.txns_told, 1);
    ck_assert_int_eq(store_flush(fixture.store), RESULT_OK);
    ck_assert_uint_eq(store_end(fixture.store).offset, file.length);
    assert_gtids(fixture.store, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1");
    unsigned told = fixture.durable_told;
    wait_durable(&fixture);
    ck_assert_uint_gt(fixture.durable_told, told);
    uint64_t counts[32];
    uint64_t total = 0;
    uint64_t syncs = 0;
    store_sync_histogram(fixture.store, counts, &total);
    for (size_t i = 0; i < 32; i++)
        syncs += counts[i];
    ck_assert_uint_gt(syncs, 0);
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

/* At any byte of the event in progress the connection may go away; what comes then is as if it had not been.
 */
START_TEST(half_an_event_is_taken_back)
{
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct gtid gtid = mysql_gtid(1);
    size_t head = file.length;
    source_file_txn(&file, &gtid, 3 * 1024 * 1024);
    fixture_start(&fixture);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, file.name), RESULT_OK);
    for (size_t cut = 1; cut < 60; cut++) {
        ck_assert_int_eq(store_write(fixture.store, (struct span){file.bytes + 4, cut}), RESULT_OK);
        store_event_abort(fixture.store);
    }
    ck_assert_int_eq(feed_range(fixture.store, &file, 4, head, 64, 0), RESULT_OK);
    static const size_t cuts[] = {1, 300, 1000000, 1100000, 2500000};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        ck_assert_int_eq(store_write(fixture.store, (struct span){file.bytes + head, cuts[i]}), RESULT_OK);
        ck_assert_int_eq(store_flush(fixture.store), RESULT_OK);
        ck_assert_uint_eq(store_end(fixture.store).offset, head);
        store_event_abort(fixture.store);
        assert_same_file(&fixture, &file, head, true);
    }
    ck_assert_int_eq(feed_range(fixture.store, &file, head, file.length, 100000, 1), RESULT_OK);
    assert_same_file(&fixture, &file, file.length, true);
    assert_reads(fixture.store, &file, 1, 300000, RESULT_AGAIN);
    assert_gtids(fixture.store, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1");
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(an_event_out_of_place_is_refused)
{
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MYSQL, "binlog.000001", "", true);
    struct source_file maria = source_file_new(FLAVOR_MARIADB, "binlog.000001", "", true);
    size_t head = file.length;
    struct gtid gtid = mysql_gtid(1);
    source_file_txn(&file, &gtid, 10);
    fixture_start(&fixture);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, file.name), RESULT_OK);
    ck_assert_int_eq(feed_range(fixture.store, &maria, 4, maria.length, 64, 0), RESULT_DIVERGED);
    ck_assert_int_eq(feed_range(fixture.store, &file, head, file.length, 64, 0), RESULT_DIVERGED);
    uint8_t *event = file.bytes + head; /* no format description before it */
    struct binlog_event_header header;
    ck_assert_int_eq(binlog_event_header_decode((struct span){event, 19}, &header), RESULT_OK);
    binlog_event_set_log_pos(event, header.length, 4 + header.length, true);
    ck_assert_int_eq(feed_event(fixture.store, (struct span){event, header.length}, 64), RESULT_MALFORMED);
    ck_assert_int_eq(feed_range(fixture.store, &file, 4, head, 64, 0), RESULT_OK);
    ck_assert_int_eq(feed_event(fixture.store, (struct span){event, header.length}, 64), RESULT_DIVERGED);
    binlog_event_set_log_pos(event, header.length, (uint32_t)head + header.length, true);
    ck_assert_int_eq(feed_range(fixture.store, &file, head, file.length, 64, 0), RESULT_OK);
    assert_same_file(&fixture, &file, file.length, true);
    source_file_free(&file);
    source_file_free(&maria);
    fixture_release(&fixture);
}
END_TEST

START_TEST(what_comes_again_is_compared)
{
    struct fixture fixture;
    struct source_file file = source_file_golden("mysql_row", "binlog.000001");
    fixture_start(&fixture);
    ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
    struct position start = {1, 4};
    struct span all = {file.bytes + 4, file.length - 4};
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(store_compare(fixture.store, start, all), RESULT_OK);
        for (size_t at = 4; at < 150; at++) {
            file.bytes[at] ^= 0x81;
            ck_assert_int_eq(store_compare(fixture.store, start, all), RESULT_DIVERGED);
            file.bytes[at] ^= 0x81;
        }
        file.bytes[21] ^= BINLOG_FLAG_IN_USE;
        ck_assert_int_eq(store_compare(fixture.store, start, all), RESULT_OK);
        ck_assert_int_eq(store_compare(fixture.store, (struct position){1, 5}, all), RESULT_DIVERGED);
        struct position last = {1, file.length - 1};
        ck_assert_int_eq(store_compare(fixture.store, last, (struct span){file.bytes + file.length - 1, 2}),
                         RESULT_NOT_FOUND);
        fixture_reopen(&fixture); /* once from memory, once from the file */
    }
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

/* Several megabytes through a buffer of one; readers at five places share four windows. */
START_TEST(more_than_memory_holds_is_read_back)
{
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MARIADB, "binlog.000001", "", _i == 0);
    for (uint64_t seq = 1; seq <= 400; seq++) {
        struct gtid gtid = gtid_of_mariadb(0, 1, seq);
        source_file_txn(&file, &gtid, 20000 + (size_t)seq * 10);
    }
    fixture_start(&fixture);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MARIADB, file.name), RESULT_OK);
    ck_assert_int_eq(feed_range(fixture.store, &file, 4, file.length, 65536, 7), RESULT_OK);
    assert_reads(fixture.store, &file, 1, 65536, RESULT_AGAIN);
    uint64_t at[5] = {4, 1000000, 2000000, 3000000, 4000000};
    for (unsigned step = 0; step < 300; step++) {
        for (size_t i = 0; i < 5; i++) {
            struct span bytes;
            ck_assert_int_eq(store_read(fixture.store, (struct position){1, at[i]}, 9999, &bytes), RESULT_OK);
            bool has_flag = at[i] <= 21;
            if (!has_flag)
                ck_assert_int_eq(memcmp(bytes.data, file.bytes + at[i], bytes.length), 0);
            at[i] += bytes.length;
        }
    }
    assert_gtids(fixture.store, "0-1-400");
    fixture_reopen(&fixture);
    assert_gtids(fixture.store, "0-1-400");
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

START_TEST(without_sync_durable_is_what_is_written)
{
    struct fixture fixture;
    struct source_file file = source_file_golden("mysql_row", "binlog.000001");
    fixture_init(&fixture);
    fixture.is_unsynced = true;
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
    ck_assert_uint_eq(store_durable(fixture.store).offset, file.length);
    ck_assert_uint_eq(fixture.durable_told, 0); /* never inside a store function */
    turn(&fixture);
    ck_assert_uint_eq(fixture.durable_told, 1);
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, real_files_come_out_as_they_went_in, 0, GOLDENS);
    tcase_add_loop_test(tests, files_follow_each_other, 0, 2);
    tcase_add_test(tests, only_the_next_file_may_begin);
    tcase_add_test(tests, what_is_not_flushed_is_not_there);
    tcase_add_test(tests, half_an_event_is_taken_back);
    tcase_add_test(tests, an_event_out_of_place_is_refused);
    tcase_add_test(tests, what_comes_again_is_compared);
    tcase_add_loop_test(tests, more_than_memory_holds_is_read_back, 0, 2);
    tcase_add_test(tests, without_sync_durable_is_what_is_written);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
