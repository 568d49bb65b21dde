/* layer: proxy */
/*
 * Where a replica is served from, by the GTIDs that it has, in both flavours; what a walk over transactions
 * finds; and which files go when there are too many.
 */
#include "test/unit/store_fixture.h"

#define U "3e11fa47-71ca-11e1-9e33-c80aa9429562"

/* Files 5, 6, 7 with ten transactions each; before them there were 100 (and their files, gone). */
static void keep_mysql(struct fixture *fixture)
{
    fixture_start(fixture);
    for (int64_t i = 0; i < 3; i++) {
        char name[64];
        char state[GTID_TEXT_MAX];
        snprintf(name, sizeof(name), "binlog.%06u", (unsigned)i + 5);
        snprintf(state, sizeof(state), U ":1-%u", 100 + (unsigned)i * 10);
        struct source_file file = source_file_new(FLAVOR_MYSQL, name, state, true);
        for (int64_t j = 1; j <= 10; j++) {
            struct gtid gtid = mysql_gtid(100 + i * 10 + j);
            source_file_txn(&file, &gtid, 40);
        }
        ck_assert_int_eq(feed(fixture->store, &file), RESULT_OK);
        source_file_free(&file);
    }
}

/*
 * Two domains; server 2 took over domain 0 in file 6. Sequences have gaps.
 * before 5: 0-1-100 | 5: 0-1-101, 0-1-103, 1-1-7 | 6: 0-2-104, 0-2-106, 1-1-8 | 7: 0-2-107, 0-1-108
 */
static void keep_mariadb(struct fixture *fixture)
{
    static const char *const states[] = {"0-1-100", "0-1-103,1-1-7", "0-1-103,0-2-106,1-1-8"};
    static const struct gtid_mariadb gtids[3][3] = {
        {{0, 1, 101}, {0, 1, 103}, {1, 1, 7}},
        {{0, 2, 104}, {0, 2, 106}, {1, 1, 8}},
        {{0, 2, 107}, {0, 1, 108}, {0, 0, 0}},
    };
    fixture_start(fixture);
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof(name), "binlog.%06u", (unsigned)i + 5);
        struct source_file file = source_file_new(FLAVOR_MARIADB, name, states[i], true);
        for (size_t j = 0; j < 3 && gtids[i][j].seq != 0; j++) {
            struct gtid gtid = gtid_of_mariadb(gtids[i][j].domain, gtids[i][j].server, gtids[i][j].seq);
            source_file_txn(&file, &gtid, 40);
        }
        ck_assert_int_eq(feed(fixture->store, &file), RESULT_OK);
        source_file_free(&file);
    }
}

struct row {
    const char *have;
    enum result result;
    uint64_t file;
    const char *offending;
};

static void check_rows(struct fixture *fixture, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gtid_state have;
        struct position from = {0, 0};
        char offending[256] = "";
        gtid_state_init(&have, store_flavor(fixture->store));
        ck_assert_int_eq(gtid_state_parse(&have, span_of_text(rows[i].have)), RESULT_OK);
        enum result result = store_find_gtids(fixture->store, &have, &from, offending, sizeof(offending));
        ck_assert_msg(result == rows[i].result, "%s: %s (%s)", rows[i].have, result_text(result), offending);
        ck_assert_uint_eq(from.file, rows[i].file);
        ck_assert_uint_eq(from.offset, rows[i].file == 0 ? 0 : BINLOG_START);
        ck_assert_str_eq(offending, rows[i].offending);
        gtid_state_release(&have);
    }
}

START_TEST(a_mysql_replica_finds_its_file)
{
    static const struct row rows[] = {
        {U ":1-100",                                         RESULT_OK,       5, ""        },
        {U ":1-105",                                         RESULT_OK,       5, ""        },
        {U ":1-109",                                         RESULT_OK,       5, ""        },
        {U ":1-110",                                         RESULT_OK,       6, ""        },
        {U ":1-110:112",                                     RESULT_OK,       6, ""        },
        {U ":1-109:111-130",                                 RESULT_OK,       5, ""        },
        {U ":1-130",                                         RESULT_OK,       7, ""        },
        {U ":1-99",                                          RESULT_GONE,     0, U ":100"  },
        {"",                                                 RESULT_GONE,     0, U ":1-100"},
        {U ":2-130",                                         RESULT_GONE,     0, U ":1"    },
        {U ":1-131",                                         RESULT_DIVERGED, 0, U ":131"  },
        {U ":1-50,4e11fa47-71ca-11e1-9e33-c80aa9429562:1-3", RESULT_DIVERGED, 0,
         "4e11fa47-71ca-11e1-9e33-c80aa9429562:1-3"                                        },
    };
    struct fixture fixture;
    keep_mysql(&fixture);
    for (int round = 0; round < 2; round++) {
        check_rows(&fixture, rows, sizeof(rows) / sizeof(rows[0]));
        fixture_reopen(&fixture);
    }
    struct gtid_state have; /* a long text is cut to its room */
    char offending[20];
    struct position from;
    gtid_state_init(&have, FLAVOR_MYSQL);
    ck_assert_int_eq(store_find_gtids(fixture.store, &have, &from, offending, sizeof(offending)),
                     RESULT_GONE);
    ck_assert_uint_lt(strlen(offending), sizeof(offending));
    ck_assert_int_eq(strncmp(offending, U, 10), 0);
    fixture_release(&fixture);
}
END_TEST

START_TEST(a_mariadb_replica_finds_its_file)
{
    static const struct row rows[] = {
        {"0-1-100",       RESULT_OK,       5, ""       },
        {"0-1-101",       RESULT_OK,       5, ""       },
        {"0-1-103",       RESULT_OK,       5, ""       }, /* lacks domain 1, which begins in file 5 */
        {"0-1-103,1-1-7", RESULT_OK,       6, ""       },
        {"0-2-104,1-1-7", RESULT_OK,       6, ""       },
        {"0-2-106,1-1-7", RESULT_OK,       6, ""       },
        {"0-2-106,1-1-8", RESULT_OK,       7, ""       },
        {"0-1-108,1-1-8", RESULT_OK,       7, ""       },
        {"0-2-107,1-1-7", RESULT_OK,       6, ""       },
        {"0-1-108",       RESULT_OK,       5, ""       },
        {"1-1-8",         RESULT_GONE,     0, "0-1-100"}, /* needs domain 0 from its beginning */
        {"",              RESULT_GONE,     0, "0-1-100"},
        {"0-1-99",        RESULT_GONE,     0, "0-1-99" },
        {"0-1-102",       RESULT_DIVERGED, 0, "0-1-102"}, /* a number that no transaction has */
        {"0-2-105,1-1-7", RESULT_DIVERGED, 0, "0-2-105"},
        {"0-1-107,1-1-8", RESULT_DIVERGED, 0, "0-1-107"},
        {"0-1-109,1-1-8", RESULT_DIVERGED, 0, "0-1-109"},
        {"0-3-104,1-1-8", RESULT_DIVERGED, 0, "0-3-104"},
        {"0-1-103,2-1-1", RESULT_DIVERGED, 0, "2-1-1"  },
    };
    struct fixture fixture;
    keep_mariadb(&fixture);
    for (int round = 0; round < 2; round++) {
        check_rows(&fixture, rows, sizeof(rows) / sizeof(rows[0]));
        fixture_reopen(&fixture);
    }
    fixture_release(&fixture);
}
END_TEST

START_TEST(an_empty_store_serves_nobody)
{
    struct fixture fixture;
    struct gtid_state have;
    struct position from;
    char offending[64] = "";
    fixture_start(&fixture);
    gtid_state_init(&have, FLAVOR_MARIADB);
    ck_assert_int_eq(store_find_gtids(fixture.store, &have, &from, offending, 64), RESULT_NOT_FOUND);
    ck_assert_int_eq(gtid_state_parse(&have, span_of_text("0-1-1")), RESULT_OK);
    ck_assert_int_eq(store_find_gtids(fixture.store, &have, &from, offending, 64), RESULT_DIVERGED);
    ck_assert_str_eq(offending, "0-1-1");
    gtid_state_release(&have);
    fixture_release(&fixture);
    keep_mysql(&fixture);
    gtid_state_init(&have, FLAVOR_MARIADB);
    ck_assert_int_eq(gtid_state_parse(&have, span_of_text("0-1-1")), RESULT_OK);
    ck_assert_int_eq(store_find_gtids(fixture.store, &have, &from, offending, 64), RESULT_DIVERGED);
    gtid_state_release(&have);
    fixture_release(&fixture);
}
END_TEST

/* ---- walks ---- */

struct seen {
    struct position ends[64];
    size_t count;
    size_t stop_at;
};

static bool see(void *argument, uint64_t file, const struct txn *txn)
{
    struct seen *seen = argument;
    seen->ends[seen->count++] = (struct position){file, txn->end};
    return seen->count != seen->stop_at;
}

START_TEST(a_walk_sees_every_transaction_behind_a_boundary)
{
    struct fixture fixture;
    struct seen all = {0};
    keep_mysql(&fixture);
    ck_assert_int_eq(store_scan(fixture.store, store_start(fixture.store), see, &all), RESULT_OK);
    ck_assert_uint_eq(all.count, 30);
    for (size_t i = 0; i < all.count; i++) {
        struct seen rest = {0};
        ck_assert_int_eq(store_scan(fixture.store, all.ends[i], see, &rest), RESULT_OK);
        ck_assert_uint_eq(rest.count, 29 - i);
        if (rest.count > 0)
            ck_assert(position_equal(rest.ends[0], all.ends[i + 1]));
        struct gtid_state state;
        gtid_state_init(&state, FLAVOR_UNKNOWN);
        ck_assert_int_eq(store_gtids_at(fixture.store, all.ends[i], &state), RESULT_OK);
        char *text = gtid_state_format(&state);
        char expected[GTID_TEXT_MAX];
        snprintf(expected, sizeof(expected), U ":1-%zu", 101 + i);
        ck_assert_str_eq(text, expected);
        free(text);
        gtid_state_release(&state);
    }
    struct seen some = {.stop_at = 13};
    ck_assert_int_eq(store_scan(fixture.store, store_start(fixture.store), see, &some), RESULT_OK);
    ck_assert_uint_eq(some.count, 13);
    struct gtid_state state;
    gtid_state_init(&state, FLAVOR_MYSQL);
    ck_assert_int_eq(store_gtids_at(fixture.store, (struct position){4, 4}, &state), RESULT_GONE);
    ck_assert_int_eq(store_gtids_at(fixture.store, (struct position){8, 4}, &state), RESULT_NOT_FOUND);
    ck_assert_int_eq(store_gtids_at(fixture.store, (struct position){7, 100000}, &state), RESULT_NOT_FOUND);
    fixture_release(&fixture);
}
END_TEST

START_TEST(a_large_event_is_jumped_over)
{
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MARIADB, "binlog.000001", "", true);
    struct gtid gtid = gtid_of_mariadb(0, 1, 1);
    source_file_txn(&file, &gtid, 200 * 1024 * 1024);
    gtid = gtid_of_mariadb(0, 1, 2);
    source_file_txn(&file, &gtid, 100);
    fixture_start(&fixture);
    ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
    struct seen seen = {0};
    ck_assert_int_eq(store_scan(fixture.store, store_start(fixture.store), see, &seen), RESULT_OK);
    ck_assert_uint_eq(seen.count, 2);
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

/* Over 4 GiB the events' own positions start again at 0; a hole in the file stands for the bytes. */
START_TEST(offsets_go_beyond_32_bits)
{
    struct fixture fixture;
    struct source_file file = source_file_new(FLAVOR_MARIADB, "binlog.000001", "", false);
    size_t head = file.length;
    fixture_start(&fixture);
    ck_assert_int_eq(feed(fixture.store, &file), RESULT_OK);
    store_close(&fixture.store);
    uint64_t at = head;
    int fd = open(path_of(&fixture, file.name), O_RDWR);
    for (unsigned i = 0; i < 5; i++) { /* five of almost 1 GiB, holes but for the headers */
        uint8_t bytes[BINLOG_HEADER_BYTES];
        struct writer writer;
        struct binlog_event_header header = {.type = BINLOG_ROWS_QUERY, .length = 1000u * 1024 * 1024};
        header.log_pos = (uint32_t)(at + header.length);
        writer_init(&writer, bytes, sizeof(bytes));
        binlog_event_header_encode(&writer, &header);
        ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), (off_t)at), sizeof(bytes));
        at += header.length;
        ck_assert_int_eq(ftruncate(fd, (off_t)at), 0);
    }
    close(fd);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert_uint_eq(store_end(fixture.store).offset, at);
    ck_assert_uint_gt(at, UINT32_MAX);
    struct gtid gtid = gtid_of_mariadb(0, 1, 1);
    source_file_txn(&file, &gtid, 100);
    for (size_t from = head; from < file.length;) {
        struct binlog_event_header header;
        struct span left = {file.bytes + from, file.length - from};
        ck_assert_int_eq(binlog_event_header_decode(left, &header), RESULT_OK);
        binlog_event_set_log_pos(file.bytes + from, header.length, (uint32_t)(header.log_pos - head + at),
                                 false);
        from += header.length;
    }
    ck_assert_int_eq(feed_range(fixture.store, &file, head, file.length, 10, 0), RESULT_OK);
    assert_gtids(fixture.store, "0-1-1");
    struct span bytes;
    ck_assert_int_eq(store_read(fixture.store, (struct position){1, at}, 19, &bytes), RESULT_OK);
    ck_assert_int_eq(memcmp(bytes.data, file.bytes + head, 19), 0);
    fixture_reopen(&fixture);
    assert_gtids(fixture.store, "0-1-1");
    source_file_free(&file);
    fixture_release(&fixture);
}
END_TEST

/* ---- retention ---- */

START_TEST(a_purge_keeps_what_is_needed)
{
    struct fixture fixture;
    struct position keep_from = {6, 500};
    struct span bytes;
    keep_mysql(&fixture);
    store_purge(fixture.store, keep_from); /* no bound: nothing goes */
    ck_assert_uint_eq(store_file_count(fixture.store), 3);
    ck_assert_int_eq(store_purge_to(fixture.store, 7, keep_from), RESULT_CONFLICT);
    ck_assert_int_eq(store_purge_to(fixture.store, 8, (struct position){9, 4}), RESULT_NOT_FOUND);
    ck_assert_int_eq(store_purge_to(fixture.store, 4, keep_from), RESULT_GONE);
    ck_assert_int_eq(store_purge_to(fixture.store, 5, keep_from), RESULT_OK);
    ck_assert_int_eq(store_read(fixture.store, (struct position){5, 4}, 10, &bytes), RESULT_OK);
    ck_assert_int_eq(store_purge_to(fixture.store, 6, keep_from), RESULT_OK);
    ck_assert_uint_eq(store_file_count(fixture.store), 2);
    ck_assert_uint_eq(store_start(fixture.store).file, 6);
    ck_assert(!is_there(&fixture, "binlog.000005"));
    ck_assert_int_eq(store_read(fixture.store, (struct position){5, 4}, 10, &bytes), RESULT_GONE);
    const struct gtid_state *state;
    ck_assert_int_eq(store_file_gtids(fixture.store, 5, &state), RESULT_GONE);
    fixture_reopen(&fixture);
    ck_assert_uint_eq(store_start(fixture.store).file, 6);
    assert_gtids(fixture.store, U ":1-130");
    fixture_release(&fixture);
}
END_TEST

START_TEST(old_or_many_bytes_go)
{
    struct fixture fixture;
    for (int by_time = 0; by_time < 2; by_time++) {
        keep_mysql(&fixture);
        uint64_t bytes = store_bytes(fixture.store);
        uint64_t first;
        ck_assert_int_eq(store_file_end(fixture.store, 5, &first), RESULT_OK);
        store_close(&fixture.store);
        fixture.retain_ms = by_time != 0 ? 3600000 : 0;
        fixture.retain_bytes = by_time != 0 ? 0 : bytes - first;
        ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
        store_purge(fixture.store, (struct position){5, 1000}); /* still needed */
        ck_assert_uint_eq(store_file_count(fixture.store), 3);
        store_purge(fixture.store, store_end(fixture.store));
        ck_assert_uint_eq(store_file_count(fixture.store), by_time != 0 ? 1 : 2);
        ck_assert_uint_eq(store_end(fixture.store).file, 7);
        fixture_release(&fixture);
    }
}
END_TEST

START_TEST(files_carry_their_epoch)
{
    struct fixture fixture;
    struct store_file_view view;
    keep_mysql(&fixture);
    store_set_epoch(fixture.store, 3);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, "binlog.000008"), RESULT_OK);
    fixture_reopen(&fixture);
    store_file_view(fixture.store, 2, &view);
    ck_assert_uint_eq(view.epoch, 0);
    store_file_view(fixture.store, 3, &view);
    ck_assert_uint_eq(view.epoch, 3);
    ck_assert_uint_eq(view.file, 8);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, "binlog.000009"), RESULT_OK);
    store_file_view(fixture.store, 4, &view);
    ck_assert_uint_eq(view.epoch, 3);
    fixture_release(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_gtids");
    TCase *tests = tcase_create("store_gtids");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_mysql_replica_finds_its_file);
    tcase_add_test(tests, a_mariadb_replica_finds_its_file);
    tcase_add_test(tests, an_empty_store_serves_nobody);
    tcase_add_test(tests, a_walk_sees_every_transaction_behind_a_boundary);
    tcase_add_test(tests, a_large_event_is_jumped_over);
    tcase_add_test(tests, offsets_go_beyond_32_bits);
    tcase_add_test(tests, a_purge_keeps_what_is_needed);
    tcase_add_test(tests, old_or_many_bytes_go);
    tcase_add_test(tests, files_carry_their_epoch);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
