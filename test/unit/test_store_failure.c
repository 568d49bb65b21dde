/* layer: proxy */
/*
 * The i-th write, sync or truncation fails, for every i of a whole run, in every way a disk can: the store
 * says so once, moves nothing on, keeps what it had, and after it was opened again goes on from there to the
 * same bytes as if nothing had happened.
 */
#include "proxy/boot_mark.h"
#include "test/unit/store_fixture.h"

#include <stdatomic.h>

enum failure { FAIL_ENOSPC, FAIL_EIO, FAIL_SHORT_THEN_ENOSPC, FAIL_COUNT };

static atomic_int calls_left; /* until the one that fails; negative: none does */
static atomic_bool is_broken; /* the disk stays so until it is mended */
static enum failure failure;
static struct disk_io real;

static bool fails(void)
{
    if (is_broken)
        return true;
    if (calls_left < 0 || atomic_fetch_sub(&calls_left, 1) > 0)
        return false;
    is_broken = true;
    return true;
}

static ssize_t failing_pwrite(int fd, const void *data, size_t length, off_t offset)
{
    bool was_broken = is_broken;
    if (!fails())
        return real.pwrite(fd, data, length, offset);
    if (failure == FAIL_SHORT_THEN_ENOSPC && !was_broken && length > 1)
        return real.pwrite(fd, data, length / 2, offset);
    errno = failure == FAIL_EIO ? EIO : ENOSPC;
    return -1;
}

static int failing_fdatasync(int fd)
{
    if (!fails())
        return real.fdatasync(fd);
    errno = failure == FAIL_EIO ? EIO : ENOSPC;
    return -1;
}

static int failing_ftruncate(int fd, off_t length)
{
    if (!fails())
        return real.ftruncate(fd, length);
    errno = EIO;
    return -1;
}

static void break_after(int calls)
{
    real = (struct disk_io){pwrite, fdatasync, ftruncate};
    disk_io = (struct disk_io){failing_pwrite, failing_fdatasync, failing_ftruncate};
    is_broken = false;
    calls_left = calls;
}

static void mend(void)
{
    calls_left = -1;
    is_broken = false;
}

static struct source_file files[2];

static void make_files(void)
{
    char state[GTID_TEXT_MAX];
    for (int64_t i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof(name), "binlog.%06u", (unsigned)i + 1);
        snprintf(state, sizeof(state), i == 0 ? "" : "%s:1-4", uuid_text);
        files[i] = source_file_new(FLAVOR_MYSQL, name, state, true);
        for (int64_t j = 1; j <= 4; j++) {
            struct gtid gtid = mysql_gtid(i * 4 + j);
            source_file_txn(&files[i], &gtid, j == 3 ? 1500000 : 50);
        }
        if (i == 0)
            source_file_rotate(&files[i], "binlog.000002");
    }
}

/* Goes on from where the store is, as a source's stream would; every batch is waited for. */
static enum result go_on(struct fixture *fixture)
{
    for (uint64_t i = store_is_empty(fixture->store) ? 0 : store_end(fixture->store).file - 1; i < 2; i++) {
        enum result result = store_begin_file(fixture->store, FLAVOR_MYSQL, files[i].name);
        if (result != RESULT_OK)
            return result;
        for (size_t at = store_end(fixture->store).offset; at < files[i].length;) {
            struct binlog_event_header header;
            struct span left = {files[i].bytes + at, files[i].length - at};
            ck_assert_int_eq(binlog_event_header_decode(left, &header), RESULT_OK);
            result = feed_range(fixture->store, &files[i], at, at + header.length, 65536, 0);
            if (result != RESULT_OK)
                return result;
            at += header.length;
            if (at % 3 == 0)
                turn(fixture);
        }
    }
    while (fixture->failed_told == 0 &&
           !position_equal(store_durable(fixture->store), store_end(fixture->store)))
        turn(fixture);
    return fixture->failed_told == 0 ? RESULT_OK : RESULT_IO;
}

static void assert_failed(struct fixture *fixture)
{
    struct position durable = store_durable(fixture->store);
    struct position end = store_end(fixture->store);
    enum result expected = failure == FAIL_EIO ? RESULT_IO : RESULT_FULL;
    while (fixture->failed_told == 0)
        turn(fixture);
    ck_assert_uint_eq(fixture->failed_told, 1);
    ck_assert_int_ne(fixture->failed_reason, 0);
    if (fixture->failed_reason != EIO)
        ck_assert_int_eq(store_write(fixture->store, (struct span){binlog_magic, 4}), expected);
    ck_assert_int_ne(store_flush(fixture->store), RESULT_OK);
    ck_assert_int_ne(store_begin_file(fixture->store, FLAVOR_MYSQL, "binlog.000009"), RESULT_OK);
    store_event_abort(fixture->store);
    ck_assert_uint_eq(fixture->failed_told, 1);
    ck_assert(position_equal(durable, store_durable(fixture->store)));
    ck_assert(position_equal(end, store_end(fixture->store)));
    struct span bytes; /* it may still be read */
    if (!store_is_empty(fixture->store) && end.offset > 200)
        ck_assert_int_eq(store_read(fixture->store, (struct position){end.file, end.offset - 100}, 9, &bytes),
                         RESULT_OK);
}

/* Returns whether call i was reached. */
static bool run(int i)
{
    struct position marked;
    struct fixture fixture;
    fixture_start(&fixture);
    ck_assert(store_begin_proof(fixture.store));
    break_after(i);
    enum result result = go_on(&fixture);
    bool is_reached = is_broken;
    struct position durable = store_durable(fixture.store);
    if (result != RESULT_OK && !store_is_empty(fixture.store))
        assert_failed(&fixture);
    if (result != RESULT_OK && fixture.failed_told > 0) /* replicas may have more than the next start finds */
        ck_assert(!boot_mark_read(fixture.dir, &marked));
    store_close(&fixture.store);
    if (is_reached) /* not mended yet: it does not open, or opens what can be read, but does no harm */
        (void)!fixture_open(&fixture);
    store_close(&fixture.store);
    mend();
    fixture.failed_told = 0;
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert_int_ge(position_compare(store_end(fixture.store), durable), 0);
    ck_assert_int_eq(go_on(&fixture), RESULT_OK);
    assert_same_file(&fixture, &files[0], files[0].length, false);
    assert_same_file(&fixture, &files[1], files[1].length, true);
    assert_gtids(fixture.store, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-8");
    fixture_release(&fixture);
    return is_reached;
}

START_TEST(the_ith_call_fails)
{
    failure = (enum failure)_i;
    make_files();
    int calls = 0;
    while (run(calls))
        calls++;
    ck_assert_int_gt(calls, 20);
    source_file_free(&files[0]);
    source_file_free(&files[1]);
}
END_TEST

/* A sync that failed is final, even if a second one would succeed. */
static int one_bad_sync(int fd)
{
    (void)fd;
    if (calls_left-- == 0) {
        errno = EIO;
        return -1;
    }
    return 0;
}

START_TEST(a_failed_sync_is_not_tried_again)
{
    struct position marked;
    struct fixture fixture;
    make_files();
    fixture_start(&fixture);
    ck_assert_int_eq(feed(fixture.store, &files[0]), RESULT_OK);
    wait_durable(&fixture);
    struct position durable = store_durable(fixture.store);
    ck_assert_int_eq(store_begin_file(fixture.store, FLAVOR_MYSQL, files[1].name), RESULT_OK);
    durable = store_durable(fixture.store);
    calls_left = 0;
    ck_assert(store_begin_proof(fixture.store));
    disk_io.fdatasync = one_bad_sync;
    ck_assert_int_eq(feed_range(fixture.store, &files[1], 4, files[1].length, 1000, 0), RESULT_OK);
    while (fixture.failed_told == 0)
        turn(&fixture);
    ck_assert_int_eq(fixture.failed_reason, EIO);
    ck_assert_int_eq(store_flush(fixture.store), RESULT_IO);
    ck_assert(position_equal(store_durable(fixture.store), durable));
    ck_assert(!boot_mark_read(fixture.dir, &marked)); /* it proves nothing any more */
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    fixture_release(&fixture);
}
END_TEST

/* As a disk does that fails while the process dies: it never hears of that, and the next one finds less. */
START_TEST(a_shortened_store_proves_nothing)
{
    char path[160];
    struct fixture fixture;
    make_files();
    fixture_start(&fixture);
    ck_assert(!store_is_proof(fixture.store));
    ck_assert(store_begin_proof(fixture.store));
    ck_assert_int_eq(feed(fixture.store, &files[0]), RESULT_OK);
    wait_durable(&fixture);
    store_close(&fixture.store);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert(store_is_proof(fixture.store));
    store_close(&fixture.store);
    snprintf(path, sizeof(path), "%s/%s", fixture.dir, files[0].name);
    ck_assert_int_eq(truncate(path, (off_t)files[0].length - 1), 0);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert(!store_is_proof(fixture.store));
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    fixture_release(&fixture);
}
END_TEST

/* A loss of power keeps what it likes of the mark and of the store. */
START_TEST(a_mark_of_another_boot_proves_nothing)
{
    size_t length;
    struct fixture fixture;
    fixture_start(&fixture);
    ck_assert(store_begin_proof(fixture.store));
    store_close(&fixture.store);
    uint8_t *mark = slurp(path_of(&fixture, "ackgate-store.boot"), &length);
    mark[0] = mark[0] == '0' ? '1' : '0';
    spill(path_of(&fixture, "ackgate-store.boot"), mark, length);
    free(mark);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert(!store_is_proof(fixture.store));
    fixture_release(&fixture);
}
END_TEST

/* A start that cannot sync may have lost what it found, and the next one does not hear of that. */
START_TEST(a_start_that_fails_ends_the_proof)
{
    struct position marked;
    struct fixture fixture;
    make_files();
    fixture_start(&fixture);
    ck_assert(store_begin_proof(fixture.store));
    ck_assert_int_eq(feed(fixture.store, &files[0]), RESULT_OK);
    wait_durable(&fixture);
    store_close(&fixture.store);
    ck_assert(boot_mark_read(fixture.dir, &marked));
    calls_left = 0;
    disk_io.fdatasync = one_bad_sync;
    ck_assert_int_eq(fixture_open(&fixture), RESULT_IO);
    ck_assert(!boot_mark_read(fixture.dir, &marked));
    source_file_free(&files[0]);
    source_file_free(&files[1]);
    fixture_release(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_failure");
    TCase *tests = tcase_create("store_failure");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, the_ith_call_fails, 0, FAIL_COUNT);
    tcase_add_test(tests, a_failed_sync_is_not_tried_again);
    tcase_add_test(tests, a_shortened_store_proves_nothing);
    tcase_add_test(tests, a_mark_of_another_boot_proves_nothing);
    tcase_add_test(tests, a_start_that_fails_ends_the_proof);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
