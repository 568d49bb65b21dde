/* layer: proxy */
/*
 * The store cut at a discard: at every transaction of three files, with other content after it, and with a
 * crash or a failing disk at every step of the cut, made up for at the next start.
 */
#include "test/unit/store_fixture.h"

enum { FILES = 3, TXNS = 3 };

static struct source_file files[FILES];
static uint64_t starts[FILES][TXNS + 1]; /* of transactions; the last: behind them */

static struct gtid number(enum flavor flavor, int64_t n)
{
    return flavor == FLAVOR_MYSQL ? mysql_gtid(n) : gtid_of_mariadb(0, 1, (uint64_t)n);
}

static void format_state(enum flavor flavor, int64_t n, char ret_text[GTID_TEXT_MAX])
{
    ret_text[0] = '\0';
    if (n > 0 && flavor == FLAVOR_MYSQL)
        snprintf(ret_text, GTID_TEXT_MAX, n == 1 ? "%s:1" : "%s:1-%d", uuid_text, (int)n);
    else if (n > 0)
        snprintf(ret_text, GTID_TEXT_MAX, "0-1-%d", (int)n);
}

static void make_files(enum flavor flavor)
{
    for (int i = 0; i < FILES; i++) {
        char name[64];
        char state[GTID_TEXT_MAX];
        snprintf(name, sizeof(name), "binlog.%06d", i + 1);
        format_state(flavor, i * TXNS, state);
        source_file_free(&files[i]);
        files[i] = source_file_new(flavor, name, state, true);
        for (int j = 0; j < TXNS; j++) {
            struct gtid gtid = number(flavor, i * TXNS + j + 1);
            starts[i][j] = files[i].length;
            source_file_txn(&files[i], &gtid, 100);
        }
        starts[i][TXNS] = files[i].length;
        if (i + 1 < FILES) {
            snprintf(name, sizeof(name), "binlog.%06d", i + 2);
            source_file_rotate(&files[i], name);
        }
    }
}

static enum result feed_file(struct fixture *fixture, enum flavor flavor, const struct source_file *file)
{
    enum result result = store_begin_file(fixture->store, flavor, file->name);
    if (result != RESULT_OK)
        return result;
    return feed_range(fixture->store, file, BINLOG_MAGIC_BYTES, file->length, 64, 0);
}

static void fill(struct fixture *fixture, enum flavor flavor)
{
    fixture_start(fixture);
    for (int i = 0; i < FILES; i++)
        ck_assert_int_eq(feed_file(fixture, flavor, &files[i]), RESULT_OK);
    wait_durable(fixture);
}

/* Everything up to the cut is there and nothing else. */
static void assert_cut(struct fixture *fixture, enum flavor flavor, int file, int txn)
{
    char expected[GTID_TEXT_MAX];
    struct store *store = fixture->store;
    struct position end = store_end(store);
    ck_assert_uint_eq(end.file, (uint64_t)file + 1);
    ck_assert_uint_eq(end.offset, starts[file][txn]);
    ck_assert(position_equal(store_durable(store), end));
    ck_assert_uint_eq(store_file_count(store), (size_t)file + 1);
    char *gtids = gtid_state_format(store_gtids(store));
    format_state(flavor, file * TXNS + txn, expected);
    ck_assert_str_eq(gtids, expected);
    free(gtids);
    struct store_file_view view;
    store_file_view(store, (size_t)file, &view);
    ck_assert_uint_eq(view.epoch, 2);
    ck_assert_uint_eq(view.size_bytes, starts[file][txn]);
    for (uint64_t at = BINLOG_START; at < end.offset;) {
        struct span bytes;
        ck_assert_int_eq(store_read(store, (struct position){end.file, at}, 1000, &bytes), RESULT_OK);
        for (size_t i = 0; i < bytes.length; i++) {
            uint8_t flag = at + i == 21 ? BINLOG_FLAG_IN_USE : 0;
            ck_assert_uint_eq(bytes.data[i] | flag, files[file].bytes[at + i] | flag);
        }
        at += bytes.length;
    }
    for (int later = file + 1; later < FILES; later++)
        ck_assert_int_ne(access(path_of(fixture, files[later].name), F_OK), 0);
}

/* As a source does that was cut there and restarted: another transaction under the same GTID, in the next
 * file. */
static void go_on(struct fixture *fixture, enum flavor flavor, int file, int txn)
{
    char name[64];
    char state[GTID_TEXT_MAX];
    int64_t last = file * TXNS + txn;
    snprintf(name, sizeof(name), "binlog.%06d", file + 2);
    format_state(flavor, last, state);
    struct source_file next = source_file_new(flavor, name, state, true);
    struct gtid gtid = number(flavor, last + 1);
    source_file_txn(&next, &gtid, 333);
    ck_assert_int_eq(feed_file(fixture, flavor, &next), RESULT_OK);
    wait_durable(fixture);
    char expected[GTID_TEXT_MAX];
    format_state(flavor, last + 1, expected);
    for (int again = 0; again < 2; again++) {
        char *gtids = gtid_state_format(store_gtids(fixture->store));
        ck_assert_str_eq(gtids, expected);
        free(gtids);
        ck_assert_uint_eq(store_end(fixture->store).offset, next.length);
        fixture->cut = (struct store_cut){
            {(uint64_t)file + 1, starts[file][txn]},
            2
        };
        fixture_reopen(fixture); /* the cut is known to be done */
    }
    source_file_free(&next);
}

START_TEST(every_place)
{
    enum flavor flavor = _i == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB;
    make_files(flavor);
    for (int file = 0; file < FILES; file++) {
        for (int txn = 0; txn <= TXNS; txn++) {
            struct fixture fixture;
            struct store_cut cut = {
                {(uint64_t)file + 1, starts[file][txn]},
                2
            };
            fill(&fixture, flavor);
            ck_assert_int_eq(store_cut(fixture.store, &cut), RESULT_OK);
            assert_cut(&fixture, flavor, file, txn);
            go_on(&fixture, flavor, file, txn);
            fixture_release(&fixture);
        }
    }
}
END_TEST

START_TEST(half_a_transaction)
{
    make_files(FLAVOR_MYSQL);
    struct fixture fixture;
    fill(&fixture, FLAVOR_MYSQL);
    struct source_file more = source_file_new(FLAVOR_MYSQL, "binlog.000003", "", true);
    more.length = files[2].length;
    source_file_room(&more, 4096);
    struct gtid gtid = mysql_gtid(10);
    source_file_txn(&more, &gtid, 500);
    /* its first events are stored, of the third a part has come */
    struct binlog_event_header header;
    struct span first = {more.bytes + files[2].length, more.length - files[2].length};
    ck_assert_int_eq(binlog_event_header_decode(first, &header), RESULT_OK);
    ck_assert_int_eq(feed_event(fixture.store, (struct span){first.data, header.length}, 64), RESULT_OK);
    ck_assert_int_eq(store_flush(fixture.store), RESULT_OK);
    ck_assert_int_eq(store_write(fixture.store, (struct span){first.data + header.length, 20}), RESULT_OK);
    struct store_cut cut = {
        {3, files[2].length},
        2
    };
    ck_assert_int_eq(store_cut(fixture.store, &cut), RESULT_OK);
    ck_assert_uint_eq(store_end(fixture.store).offset, files[2].length);
    /* another one comes in its place */
    ck_assert_int_eq(feed_range(fixture.store, &more, files[2].length, more.length, 64, 0), RESULT_OK);
    ck_assert_uint_eq(store_end(fixture.store).offset, more.length);
    source_file_free(&more);
    fixture_release(&fixture);
}
END_TEST

START_TEST(nothing_is_there)
{
    struct fixture fixture;
    struct store_cut cut = {
        {7, 4711},
        3
    };
    fixture_start(&fixture);
    ck_assert_int_eq(store_cut(fixture.store, &cut), RESULT_OK);
    make_files(FLAVOR_MYSQL);
    ck_assert_int_eq(feed_file(&fixture, FLAVOR_MYSQL, &files[0]), RESULT_OK);
    struct store_file_view view;
    store_file_view(fixture.store, 0, &view);
    ck_assert_uint_eq(view.epoch, 3);
    fixture_release(&fixture);
}
END_TEST

static int calls_left;
static bool fails_now(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

static ssize_t failing_pwrite(int fd, const void *data, size_t length, off_t offset)
{
    errno = EIO;
    return fails_now() ? -1 : pwrite(fd, data, length, offset);
}

static int failing_fdatasync(int fd)
{
    errno = EIO;
    return fails_now() ? -1 : fdatasync(fd);
}

static int failing_ftruncate(int fd, off_t length)
{
    errno = EIO;
    return fails_now() ? -1 : ftruncate(fd, length);
}

/* The i-th call fails, ackgate ends there; the next start finishes the cut. */
START_TEST(every_step_fails)
{
    enum flavor flavor = _i == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB;
    make_files(flavor);
    for (int call = 0;; call++) {
        struct fixture fixture;
        struct store_cut cut = {
            {1, starts[0][1]},
            2
        };
        fill(&fixture, flavor);
        disk_io = (struct disk_io){failing_pwrite, failing_fdatasync, failing_ftruncate};
        calls_left = call;
        enum result result = store_cut(fixture.store, &cut);
        bool is_over = calls_left >= 0;
        calls_left = -1;
        ck_assert(is_over ? result == RESULT_OK : true);
        fixture.cut = cut;
        fixture_reopen(&fixture);
        assert_cut(&fixture, flavor, 0, 1);
        go_on(&fixture, flavor, 0, 1);
        fixture_release(&fixture);
        if (is_over) {
            ck_assert_int_gt(call, 8);
            break;
        }
    }
}
END_TEST

/* A cut that the journal had on disk and the store had not begun; and files that were left behind. */
START_TEST(a_start_does_it)
{
    enum flavor flavor = _i == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB;
    make_files(flavor);
    struct fixture fixture;
    fill(&fixture, flavor);
    fixture.cut = (struct store_cut){
        {2, starts[1][2]},
        2
    };
    fixture_reopen(&fixture);
    assert_cut(&fixture, flavor, 1, 2);
    fixture_reopen(&fixture);
    assert_cut(&fixture, flavor, 1, 2);
    go_on(&fixture, flavor, 1, 2);
    fixture_release(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_cut");
    TCase *tcase = tcase_create("store_cut");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, every_place, 0, 2);
    tcase_add_test(tcase, half_a_transaction);
    tcase_add_test(tcase, nothing_is_there);
    tcase_add_loop_test(tcase, every_step_fails, 0, 2);
    tcase_add_loop_test(tcase, a_start_does_it, 0, 2);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
