/* layer: proxy */
/*
 * The power fails under a store: what was synced is there afterwards, what was not is there, lost or garbage.
 * Whatever it had called durable is in the store that opens on what is left, and nothing that was cut.
 */
#include "test/unit/store_fixture.h"

#include <pthread.h>

/* What becomes of the binlog file's bytes that were not synced. */
enum loss { LOSS_NONE, LOSS_ALL, LOSS_GARBAGE, LOSS_COUNT };

enum { SNAPSHOTS = 16, WAL_BLOCK = 4096 };

/* Files as their last sync left them. */
static struct snapshot {
    ino_t inode;
    uint8_t *bytes;
    size_t length;
} snapshots[SNAPSHOTS];
static pthread_mutex_t mutex /* guards them */ = PTHREAD_MUTEX_INITIALIZER;
static char noted_dir[64];

static struct snapshot *snapshot_of(ino_t inode)
{
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        if (snapshots[i].inode == inode || snapshots[i].inode == 0)
            return &snapshots[i];
    }
    ck_abort_msg("too many files");
}

/* A file of the store that is going to lose power, and one that can be read: the index is none. */
static bool is_noted(int fd)
{
    char link[64];
    char path[256];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path));
    size_t prefix = strlen(noted_dir);
    return length > (ssize_t)prefix && memcmp(path, noted_dir, prefix) == 0 &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

static int noting_fdatasync(int fd)
{
    struct stat status;
    if (!is_noted(fd))
        return 0;
    pthread_mutex_lock(&mutex);
    ck_assert_int_eq(fstat(fd, &status), 0);
    struct snapshot *snapshot = snapshot_of(status.st_ino);
    snapshot->inode = status.st_ino;
    snapshot->length = (size_t)status.st_size;
    snapshot->bytes = xrealloc(snapshot->bytes, snapshot->length + 1);
    ck_assert_int_eq(pread(fd, snapshot->bytes, snapshot->length, 0), (ssize_t)snapshot->length);
    pthread_mutex_unlock(&mutex);
    return 0;
}

static void forget_snapshots(void)
{
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        free(snapshots[i].bytes);
        snapshots[i] = (struct snapshot){0};
    }
}

static void setup(void)
{
    disk_io = (struct disk_io){pwrite, noting_fdatasync, ftruncate};
}

static void teardown(void)
{
    forget_snapshots();
    disk_io = (struct disk_io){pwrite, fdatasync, ftruncate};
}

/* ---- losing power ---- */

static bool is_synced_only(const char *name, enum loss loss)
{
    return strncmp(name, "binlog.", 7) == 0 && loss != LOSS_NONE;
}

/* What is left of one file. */
static void copy_what_is_left(const char *from, const char *to, bool is_synced, enum loss loss)
{
    size_t length;
    struct stat status;
    uint8_t *bytes = slurp(from, &length);
    ck_assert_int_eq(stat(from, &status), 0);
    const struct snapshot *snapshot = snapshot_of(status.st_ino);
    if (is_synced && snapshot->inode != 0) {
        size_t same = snapshot->length < length ? snapshot->length : length;
        memcpy(bytes, snapshot->bytes, same);
        if (loss == LOSS_GARBAGE)
            memset(bytes + same, 0xa7, length - same);
        else
            length = same;
    }
    spill(to, bytes, length);
    free(bytes);
}

/* Opens a second store on what is left of the first one's directory. */
static void open_what_is_left(const struct fixture *fixture, enum loss loss, struct fixture *ret_left)
{
    fixture_init(ret_left);
    ret_left->cut = fixture->cut;
    pthread_mutex_lock(&mutex);
    DIR *list = opendir(fixture->dir);
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        if (entry->d_name[0] == '.')
            continue;
        bool is_synced =
            is_synced_only(entry->d_name, loss) || strcmp(entry->d_name, "ackgate-store.wal") == 0;
        copy_what_is_left(path_of(fixture, entry->d_name), path_of(ret_left, entry->d_name), is_synced, loss);
    }
    closedir(list);
    pthread_mutex_unlock(&mutex);
    ck_assert_int_eq(fixture_open(ret_left), RESULT_OK);
}

static void assert_nothing_durable_is_lost(const struct fixture *fixture, const struct source_file *file)
{
    struct position durable = store_durable(fixture->store);
    for (enum loss loss = LOSS_NONE; loss < LOSS_COUNT; loss++) {
        struct fixture left;
        open_what_is_left(fixture, loss, &left);
        struct position end = store_end(left.store);
        ck_assert_uint_eq(end.file, durable.file);
        ck_assert_uint_ge(end.offset, durable.offset);
        assert_same_file(&left, file, (size_t)end.offset, true);
        ck_assert(position_equal(store_durable(left.store), end));
        fixture_release(&left);
    }
}

/* ---- a source's file, a transaction at a time ---- */

static struct source_file make_file(const char *name, int64_t first, int txns, size_t rows_bytes)
{
    char state[GTID_TEXT_MAX] = "";
    if (first > 1)
        snprintf(state, sizeof(state), first == 2 ? "%s:1" : "%s:1-%d", uuid_text, (int)first - 1);
    struct source_file file = source_file_new(FLAVOR_MYSQL, name, state, true);
    for (int i = 0; i < txns; i++) {
        struct gtid gtid = mysql_gtid(first + i);
        source_file_txn(&file, &gtid, rows_bytes);
    }
    return file;
}

/* Feeds the events in [from, to) and waits until they are durable. */
static void feed_durable(struct fixture *fixture, const struct source_file *file, size_t from, size_t to)
{
    ck_assert_int_eq(feed_range(fixture->store, file, from, to, SIZE_MAX / 2, 0), RESULT_OK);
    wait_durable(fixture);
}

static void start(struct fixture *fixture)
{
    fixture_init(fixture);
    memcpy(noted_dir, fixture->dir, sizeof(noted_dir));
    ck_assert_int_eq(fixture_open(fixture), RESULT_OK);
}

static size_t next_event(const struct source_file *file, size_t at)
{
    struct binlog_event_header header;
    struct span left = {file->bytes + at, file->length - at};
    ck_assert_int_eq(binlog_event_header_decode(left, &header), RESULT_OK);
    return at + header.length;
}

static void begin(struct fixture *fixture, const struct source_file *file)
{
    ck_assert_int_eq(store_begin_file(fixture->store, FLAVOR_MYSQL, file->name), RESULT_OK);
}

START_TEST(small_batches_survive)
{
    struct fixture fixture;
    struct source_file file = make_file("binlog.000001", 1, 8, 200);
    start(&fixture);
    begin(&fixture, &file);
    for (size_t at = BINLOG_MAGIC_BYTES; at < file.length; at = next_event(&file, at)) {
        feed_durable(&fixture, &file, at, next_event(&file, at));
        assert_nothing_durable_is_lost(&fixture, &file);
    }
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

START_TEST(a_batch_under_way_is_whole_or_not_there)
{
    struct fixture fixture;
    struct source_file file = make_file("binlog.000001", 1, 8, 200);
    start(&fixture);
    begin(&fixture, &file);
    size_t half = file.length;
    for (size_t at = BINLOG_MAGIC_BYTES; at < file.length / 2; at = next_event(&file, at))
        half = next_event(&file, at);
    feed_durable(&fixture, &file, BINLOG_MAGIC_BYTES, half);
    for (size_t at = half; at < file.length; at = next_event(&file, at)) {
        /* flushed, the sync perhaps begun, perhaps not */
        ck_assert_int_eq(feed_range(fixture.store, &file, at, next_event(&file, at), SIZE_MAX / 2, 0),
                         RESULT_OK);
        assert_nothing_durable_is_lost(&fixture, &file);
    }
    wait_durable(&fixture);
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

/* Longer than a record may be, so that the file itself is synced in between. */
START_TEST(large_batches_survive_between_small_ones)
{
    struct fixture fixture;
    struct source_file small = make_file("binlog.000001", 1, 2, 200);
    struct source_file file = make_file("binlog.000001", 1, 2, 200);
    for (int i = 3; i < 9; i++) {
        struct gtid gtid = mysql_gtid(i);
        source_file_txn(&file, &gtid, i % 2 == 0 ? 100 : 150 * 1024);
    }
    start(&fixture);
    begin(&fixture, &file);
    feed_durable(&fixture, &file, BINLOG_MAGIC_BYTES, small.length);
    for (size_t at = small.length; at < file.length; at = next_event(&file, at)) {
        feed_durable(&fixture, &file, at, next_event(&file, at));
        assert_nothing_durable_is_lost(&fixture, &file);
    }
    fixture_release(&fixture);
    source_file_free(&small);
    source_file_free(&file);
}
END_TEST

/* More records than the WAL has room for. */
START_TEST(the_wal_is_used_again)
{
    struct fixture fixture;
    struct source_file file = make_file("binlog.000001", 1, 1200, 20);
    unsigned batches = 0;
    start(&fixture);
    begin(&fixture, &file);
    for (size_t at = BINLOG_MAGIC_BYTES; at < file.length; at = next_event(&file, at)) {
        feed_durable(&fixture, &file, at, next_event(&file, at));
        if (++batches % 509 == 0 || (batches > 1020 && batches < 1028))
            assert_nothing_durable_is_lost(&fixture, &file);
    }
    ck_assert_uint_gt(batches, 3000);
    assert_nothing_durable_is_lost(&fixture, &file);
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

START_TEST(a_change_of_files_survives)
{
    struct fixture fixture;
    struct source_file first = make_file("binlog.000001", 1, 3, 200);
    source_file_rotate(&first, "binlog.000002");
    struct source_file second = make_file("binlog.000002", 4, 3, 200);
    start(&fixture);
    begin(&fixture, &first);
    feed_durable(&fixture, &first, BINLOG_MAGIC_BYTES, first.length);
    begin(&fixture, &second);
    for (size_t at = BINLOG_MAGIC_BYTES; at < second.length; at = next_event(&second, at)) {
        feed_durable(&fixture, &second, at, next_event(&second, at));
        assert_nothing_durable_is_lost(&fixture, &second);
    }
    fixture_release(&fixture);
    source_file_free(&first);
    source_file_free(&second);
}
END_TEST

/* A store with all of the file, each event a record of its own in the WAL. */
static void fill(struct fixture *fixture, const struct source_file *file)
{
    start(fixture);
    begin(fixture, file);
    for (size_t at = BINLOG_MAGIC_BYTES; at < file->length; at = next_event(file, at))
        feed_durable(fixture, file, at, next_event(file, at));
}

/* What was discarded must not come back, however often the power fails. */
START_TEST(a_cut_is_not_undone)
{
    struct source_file file = make_file("binlog.000001", 1, 6, 200);
    struct source_file kept = make_file("binlog.000001", 1, 3, 200);
    struct source_file other = make_file("binlog.000001", 1, 3, 200);
    struct gtid again = mysql_gtid(4);
    source_file_txn(&other, &again, 77);
    for (enum loss loss = LOSS_NONE; loss < LOSS_COUNT; loss++) {
        struct fixture fixture;
        struct fixture left;
        fill(&fixture, &file);
        fixture.cut = (struct store_cut){
            .at = {1, kept.length},
              .epoch = 1
        };
        ck_assert_int_eq(store_cut(fixture.store, &fixture.cut), RESULT_OK);
        open_what_is_left(&fixture, loss, &left);
        ck_assert_uint_eq(store_end(left.store).offset, kept.length);
        assert_same_file(&left, &kept, kept.length, true);
        fixture_release(&left);
        /* the same GTID and place again, in the WAL's first record; behind it stand old ones */
        feed_durable(&fixture, &other, kept.length, other.length);
        open_what_is_left(&fixture, loss, &left);
        assert_same_file(&left, &other, other.length, true);
        fixture_release(&left);
        fixture_release(&fixture);
        forget_snapshots();
    }
    source_file_free(&file);
    source_file_free(&kept);
    source_file_free(&other);
}
END_TEST

/* The journal has the discard, the store had not yet heard of it when the power failed. */
START_TEST(a_cut_at_a_start_comes_after_the_replay)
{
    struct source_file file = make_file("binlog.000001", 1, 6, 200);
    struct source_file kept = make_file("binlog.000001", 1, 3, 200);
    for (enum loss loss = LOSS_NONE; loss < LOSS_COUNT; loss++) {
        struct fixture fixture;
        struct fixture left;
        struct fixture again;
        fill(&fixture, &file);
        fixture.cut = (struct store_cut){
            .at = {1, kept.length},
              .epoch = 1
        };
        open_what_is_left(&fixture, loss, &left);
        ck_assert_uint_eq(store_end(left.store).offset, kept.length);
        open_what_is_left(&left, loss, &again);
        ck_assert_uint_eq(store_end(again.store).offset, kept.length);
        fixture_release(&again);
        fixture_release(&left);
        fixture_release(&fixture);
        forget_snapshots();
    }
    source_file_free(&file);
    source_file_free(&kept);
}
END_TEST

/* The first bad record ends what is put back; one bit anywhere makes it bad. */
START_TEST(a_torn_record_ends_it)
{
    size_t length;
    struct fixture fixture;
    struct source_file file = make_file("binlog.000001", 1, 2, 200);
    size_t first_end = next_event(&file, BINLOG_MAGIC_BYTES);
    fill(&fixture, &file);
    uint8_t *wal = slurp(path_of(&fixture, "ackgate-store.wal"), &length);
    for (size_t bit = 0; bit < 44 * 8; bit += 7) {
        struct fixture left;
        open_what_is_left(&fixture, LOSS_ALL, &left);
        store_close(&left.store);
        wal[WAL_BLOCK + bit / 8] ^= (uint8_t)(1 << bit % 8);
        spill(path_of(&left, "ackgate-store.wal"), wal, length);
        wal[WAL_BLOCK + bit / 8] ^= (uint8_t)(1 << bit % 8);
        spill(path_of(&left, file.name), file.bytes, BINLOG_MAGIC_BYTES);
        unlink(path_of(&left, "ackgate-store.durable"));
        ck_assert_int_eq(fixture_open(&left), RESULT_OK);
        ck_assert_uint_eq(store_end(left.store).offset, first_end);
        fixture_release(&left);
    }
    free(wal);
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

/* The binlog file has lost what had been synced in itself: no hole, and no more than that. */
START_TEST(a_record_behind_the_end_is_left_out)
{
    struct fixture fixture;
    struct fixture left;
    struct source_file file = make_file("binlog.000001", 1, 4, 200);
    struct source_file first = make_file("binlog.000001", 1, 2, 200);
    size_t half = first.length;
    source_file_free(&first);
    start(&fixture);
    begin(&fixture, &file);
    feed_durable(&fixture, &file, BINLOG_MAGIC_BYTES, half);
    fixture_reopen(&fixture);
    feed_durable(&fixture, &file, half, file.length);
    ck_assert_int_eq(truncate(path_of(&fixture, file.name), (off_t)half - 10), 0);
    open_what_is_left(&fixture, LOSS_NONE, &left);
    ck_assert_uint_lt(store_end(left.store).offset, half);
    assert_same_file(&left, &file, store_end(left.store).offset, true);
    fixture_release(&left);
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

START_TEST(a_clean_close_leaves_nothing_to_put_back)
{
    struct fixture fixture;
    struct source_file file = make_file("binlog.000001", 1, 4, 200);
    start(&fixture);
    begin(&fixture, &file);
    feed_durable(&fixture, &file, BINLOG_MAGIC_BYTES, file.length);
    store_close(&fixture.store);
    ck_assert_int_eq(truncate(path_of(&fixture, file.name), (off_t)file.length - 1), 0);
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    ck_assert_uint_lt(store_end(fixture.store).offset, file.length);
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

/* Not synced before each confirm, but at a stop: what the store says then of its disk is true. */
START_TEST(without_syncs_a_stop_is_one)
{
    struct fixture fixture, left;
    struct source_file file = make_file("binlog.000001", 1, 8, 200);
    fixture_init(&fixture);
    fixture.is_unsynced = true;
    memcpy(noted_dir, fixture.dir, sizeof(noted_dir));
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    begin(&fixture, &file);
    feed_durable(&fixture, &file, BINLOG_MAGIC_BYTES, file.length);
    store_close(&fixture.store);
    open_what_is_left(&fixture, LOSS_ALL, &left);
    ck_assert_uint_eq(store_end(left.store).offset, file.length);
    fixture_release(&left);
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

START_TEST(without_syncs_there_is_none)
{
    struct fixture fixture;
    struct source_file file = make_file("binlog.000001", 1, 4, 200);
    fixture_init(&fixture);
    fixture.is_unsynced = true;
    ck_assert_int_eq(fixture_open(&fixture), RESULT_OK);
    begin(&fixture, &file);
    feed_durable(&fixture, &file, BINLOG_MAGIC_BYTES, file.length);
    ck_assert(!is_there(&fixture, "ackgate-store.wal"));
    fixture_release(&fixture);
    source_file_free(&file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_wal");
    TCase *tests = tcase_create("store_wal");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, small_batches_survive);
    tcase_add_test(tests, a_batch_under_way_is_whole_or_not_there);
    tcase_add_test(tests, large_batches_survive_between_small_ones);
    tcase_add_test(tests, the_wal_is_used_again);
    tcase_add_test(tests, a_change_of_files_survives);
    tcase_add_test(tests, a_cut_is_not_undone);
    tcase_add_test(tests, a_cut_at_a_start_comes_after_the_replay);
    tcase_add_test(tests, a_torn_record_ends_it);
    tcase_add_test(tests, a_record_behind_the_end_is_left_out);
    tcase_add_test(tests, a_clean_close_leaves_nothing_to_put_back);
    tcase_add_test(tests, without_syncs_there_is_none);
    tcase_add_test(tests, without_syncs_a_stop_is_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
