/* layer: recovery
 * The tail of a source's binlog: golden files of both families, whole, cut at every byte, with flipped bits,
 * over several files, and with what crashes leave of index and files.
 */
#include "protocol/xalloc.h"
#include "test/unit/recover_fixture.h"

#include <time.h>

enum { CUT_BYTES = 2048 };

static struct recover_dir dir;
static struct binlog_golden golden;
static struct recover_expected expected[128];

static void set_up(void)
{
    recover_dir_make(&dir);
    recover_write_index(&dir, "./binlog.000001\n");
}

static void tear_down(void)
{
    recover_dir_remove(&dir);
}

static void check_txn(const struct tail_txn *txn, const struct recover_expected *row, uint64_t file)
{
    char gtid[GTID_TEXT_MAX];
    ck_assert_str_eq(gtid_format(&txn->gtid, gtid), row->gtid);
    ck_assert_uint_eq(txn->file, file);
    ck_assert_uint_eq(txn->start, row->start);
    ck_assert_uint_eq(txn->end, row->end);
    ck_assert_str_eq(txn_kind_name(txn->kind), row->kind);
    ck_assert_uint_eq(txn->crc, crc32c(0, golden.bytes + row->start, row->end - row->start));
}

START_TEST(lists_whole_files)
{
    const char *name = binlog_golden_names[_i];
    struct tail tail;
    binlog_golden_load(&golden, name);
    size_t count = recover_expect(name, expected);
    for (int in_use = 0; in_use < 2; in_use++) {
        binlog_event_set_in_use(golden.bytes + BINLOG_MAGIC_BYTES, in_use == 1);
        recover_write(&dir, "binlog.000001", golden.bytes, golden.length);
        ck_assert_int_eq(recover_tail(&dir, (struct position){1, BINLOG_START}, &tail), RESULT_OK);
        if (count > 0)
            ck_assert_uint_eq(tail.txn_count, count);
        for (size_t i = 0; i < count; i++)
            check_txn(&tail.txns[i], &expected[i], 1);
        ck_assert_int_eq(tail.start, TAIL_START_FOUND);
        ck_assert_int_eq(tail.fault, TAIL_READABLE);
        ck_assert_int_eq(tail.flavor, strncmp(name, "mysql", 5) == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB);
        ck_assert_int_eq(tail.is_closed, in_use == 0);
        ck_assert_str_eq(tail.base, "binlog");
        ck_assert_uint_ne(tail.server_id, 0);
        ck_assert(position_equal(tail.end, (struct position){1, golden.length}));
        ck_assert_uint_eq(tail.file_count, 1);
        ck_assert_uint_eq(tail.files[0].size_bytes, golden.length);
        tail_release(&tail);
    }
}
END_TEST

/* From each transaction's start, and from the end. */
START_TEST(begins_where_it_is_told)
{
    const char *name = binlog_golden_names[_i];
    struct tail tail;
    binlog_golden_load(&golden, name);
    size_t count = recover_expect(name, expected);
    recover_write(&dir, "binlog.000001", golden.bytes, golden.length);
    for (size_t first = 0; count > 0 && first <= count; first++) {
        uint64_t from = first == count ? golden.length : expected[first].start;
        ck_assert_int_eq(recover_tail(&dir, (struct position){1, from}, &tail), RESULT_OK);
        ck_assert_uint_eq(tail.txn_count, count - first);
        for (size_t i = first; i < count; i++)
            check_txn(&tail.txns[i - first], &expected[i], 1);
        ck_assert(position_equal(tail.from, (struct position){1, from}));
        ck_assert(position_equal(tail.end, (struct position){1, golden.length}));
        tail_release(&tail);
    }
}
END_TEST

/* Where a file that ends at length has its last whole event that leaves no group open, and how many
 * transactions end there. */
static size_t whole_until(size_t count, size_t length, uint64_t *ret_end)
{
    size_t whole = 0;
    while (whole < count && expected[whole].end <= length)
        whole++;
    uint64_t end = 0;
    golden.at = BINLOG_MAGIC_BYTES;
    while (binlog_golden_next(&golden) && golden.at <= length) {
        bool is_inside = whole < count && golden.at > expected[whole].start;
        if (!is_inside)
            end = golden.at;
    }
    *ret_end = end;
    return whole;
}

START_TEST(survives_a_cut_at_every_byte)
{
    const char *name = binlog_golden_names[_i];
    struct tail tail;
    binlog_golden_load(&golden, name);
    recover_mark_in_use(&golden);
    size_t count = recover_expect(name, expected);
    size_t shortest = golden.length > CUT_BYTES ? golden.length - CUT_BYTES : 0;
    for (size_t length = golden.length; length-- > shortest;) {
        recover_write(&dir, "binlog.000001", golden.bytes, length);
        enum result result = recover_tail(&dir, (struct position){1, BINLOG_START}, &tail);
        if (length < BINLOG_START + BINLOG_HEADER_BYTES) {
            ck_assert_int_ne(result,
                             RESULT_OK); /* not even the first file has a header: no source's binlog */
            continue;
        }
        if (result != RESULT_OK)
            continue;
        uint64_t end;
        size_t whole = whole_until(count, length, &end);
        ck_assert_int_eq(tail.fault, TAIL_READABLE);
        ck_assert_int_eq(tail.start, TAIL_START_FOUND);
        ck_assert(!tail.is_closed);
        if (count > 0) {
            ck_assert_uint_eq(tail.txn_count, whole);
            ck_assert(position_equal(tail.end, (struct position){1, end}));
        }
        tail_release(&tail);
    }
}
END_TEST

/* A flipped bit is damage when whole events follow, a torn end when none does; never is a transaction with
 * other bytes listed. */
START_TEST(finds_every_flipped_bit)
{
    const char *name = binlog_golden_names[_i];
    struct tail tail;
    binlog_golden_load(&golden, name);
    recover_mark_in_use(&golden);
    size_t count = recover_expect(name, expected);
    size_t from = count > 3 ? expected[count - 3].start : BINLOG_START;
    size_t last_event = 0;
    while (binlog_golden_next(&golden))
        last_event = golden.start;
    for (size_t at = from > BINLOG_START ? from : golden.length - 20; at < golden.length; at++) {
        golden.bytes[at] ^= (uint8_t)(1u << at % 8);
        recover_write(&dir, "binlog.000001", golden.bytes, golden.length);
        golden.bytes[at] ^= (uint8_t)(1u << at % 8);
        ck_assert_int_eq(recover_tail(&dir, (struct position){1, from}, &tail), RESULT_OK);
        ck_assert_int_eq(tail.fault, at < last_event ? TAIL_DAMAGED : TAIL_READABLE);
        ck_assert_int_eq(tail.start, TAIL_START_FOUND);
        ck_assert_uint_lt(tail.end.offset, golden.length);
        size_t first = count > 3 ? count - 3 : 0;
        ck_assert(count == 0 || tail.txn_count <= count - first);
        for (size_t i = 0; i < tail.txn_count && count > 3; i++)
            check_txn(&tail.txns[i], &expected[first + i], 1);
        tail_release(&tail);
    }
}
END_TEST

START_TEST(zeros_at_the_end_are_torn)
{
    static uint8_t zeros[9000];
    static uint8_t both[BINLOG_GOLDEN_MAX + sizeof zeros];
    struct tail tail;
    binlog_golden_load(&golden, "mysql_row");
    recover_mark_in_use(&golden);
    memcpy(both, golden.bytes, golden.length);
    memcpy(both + golden.length, zeros, sizeof zeros);
    recover_write(&dir, "binlog.000001", both, golden.length + sizeof zeros);
    const uint64_t froms[] = {BINLOG_START, golden.length};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(recover_tail(&dir, (struct position){1, froms[i]}, &tail), RESULT_OK);
        ck_assert_int_eq(tail.fault, TAIL_READABLE);
        ck_assert_int_eq(tail.start, TAIL_START_FOUND);
        ck_assert(position_equal(tail.end, (struct position){1, golden.length}));
        tail_release(&tail);
    }
}
END_TEST

static void check_start(struct position from, enum tail_start start, size_t txns)
{
    struct tail tail;
    ck_assert_int_eq(recover_tail(&dir, from, &tail), RESULT_OK);
    ck_assert_int_eq(tail.start, start);
    ck_assert_uint_eq(tail.txn_count, txns);
    tail_release(&tail);
}

/* binlog_mariadb_domains_next is the file after binlog_mariadb_domains; MySQL has tagged and tagged_next. */
START_TEST(reads_several_files)
{
    static const char *const names[][2] = {
        {"mariadb_domains", "mariadb_domains_next"},
        {"mysql_tagged",    "mysql_tagged_next"   },
    };
    struct tail tail;
    recover_write_index(&dir, "./binlog.000007\n./binlog.000008\n");
    binlog_golden_load(&golden, names[_i][0]);
    size_t first_length = golden.length;
    recover_write(&dir, "binlog.000007", golden.bytes, golden.length);
    size_t first = recover_expect(names[_i][0], expected);
    binlog_golden_load(&golden, names[_i][1]);
    recover_mark_in_use(&golden);
    recover_write(&dir, "binlog.000008", golden.bytes, golden.length);

    ck_assert_int_eq(recover_tail(&dir, (struct position){7, expected[1].start}, &tail), RESULT_OK);
    ck_assert_uint_eq(tail.txn_count, first); /* the second file has one */
    ck_assert_uint_eq(tail.txns[first - 1].file, 8);
    ck_assert_uint_eq(tail.file_count, 2);
    ck_assert_uint_eq(tail.files[0].number, 7);
    ck_assert_uint_eq(tail.files[0].size_bytes, first_length);
    ck_assert(position_equal(tail.end, (struct position){8, golden.length}));
    ck_assert(!tail.is_closed);
    tail_release(&tail);

    check_start((struct position){8, golden.length}, TAIL_START_FOUND, 0);
    check_start((struct position){8, golden.length + 1}, TAIL_START_BEYOND, 0);
    check_start((struct position){9, 4}, TAIL_START_BEYOND, 0);
    check_start((struct position){3, 400}, TAIL_START_PURGED, first + 1);
    check_start((struct position){7, expected[1].start + 1}, TAIL_START_INSIDE, 0);
    check_start((struct position){7, 5}, TAIL_START_INSIDE, 0);
    check_start((struct position){7, first_length + 1}, TAIL_START_INSIDE, 0);
    check_start(POSITION_NONE, TAIL_START_NONE, 0);
}
END_TEST

/* What a crash leaves around the files. */
START_TEST(index_and_files_after_a_crash)
{
    struct tail tail;
    binlog_golden_load(&golden, "mariadb_row");
    size_t count = recover_expect("mariadb_row", expected);
    struct position begin = {1, BINLOG_START};
    recover_write(&dir, "binlog.000001", golden.bytes, golden.length);

    /* an empty or headless newest file: there, listed, nothing in it, and no order in the shutdown */
    for (size_t length = 0; length < 100; length += 33) {
        recover_write_index(&dir, "./binlog.000001\n./binlog.000002\n");
        recover_write(&dir, "binlog.000002", golden.bytes, length);
        ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_OK);
        ck_assert_uint_eq(tail.txn_count, count);
        ck_assert(!tail.is_closed);
        ck_assert(position_equal(tail.end, (struct position){1, golden.length}));
        tail_release(&tail);
    }
    /* a file past the index, and a torn line that names it */
    recover_write_index(&dir, "./binlog.000001\n./binlog.000");
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_OK);
    ck_assert_uint_eq(tail.file_count, 2);
    ck_assert_uint_eq(tail.txn_count, count);
    ck_assert(position_equal(tail.end, (struct position){1, golden.length}));
    tail_release(&tail);
    /* a listed file that is missing: before the place to begin at that is nothing, behind it an error */
    recover_write_index(&dir, "./binlog.000000001\n");
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_DAMAGED);
    recover_write_index(&dir, "./binlog.000001\n./binlog.000003\n");
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(dir.problem, "binlog.000003: not found"));
    recover_write(&dir, "binlog.000003", golden.bytes, golden.length);
    recover_write_index(&dir, "/nowhere/binlog.000001\n./binlog.000003\n");
    check_start((struct position){3, BINLOG_START}, TAIL_START_FOUND, count);
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_NOT_FOUND);
    /* MySQL's index between its two renames */
    recover_write_index(&dir, "./binlog.000001\n");
    char *crash_safe = xasprintf("%s_crash_safe", dir.index_path);
    ck_assert_int_eq(rename(dir.index_path, crash_safe), 0);
    check_start(begin, TAIL_START_FOUND, count);
    ck_assert_int_eq(remove(crash_safe), 0);
    free(crash_safe);
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_NOT_FOUND);
    /* an empty index */
    recover_write_index(&dir, "");
    check_start(begin, TAIL_START_BEYOND, 0);
    check_start(POSITION_NONE, TAIL_START_NONE, 0);
}
END_TEST

/* MariaDB leaves a torn end behind and begins a new file; MySQL does not, there it is damage. */
START_TEST(torn_end_of_an_older_file)
{
    const bool is_mariadb = _i == 1;
    struct tail tail;
    binlog_golden_load(&golden, is_mariadb ? "mariadb_row" : "mysql_row");
    size_t count = recover_expect(is_mariadb ? "mariadb_row" : "mysql_row", expected);
    recover_write(&dir, "binlog.000001", golden.bytes, expected[count - 1].end - 1);
    recover_write(&dir, "binlog.000002", golden.bytes, golden.length);
    recover_write_index(&dir, "binlog.000001\nbinlog.000002\n");
    ck_assert_int_eq(recover_tail(&dir, (struct position){1, BINLOG_START}, &tail), RESULT_OK);
    ck_assert_int_eq(tail.fault, is_mariadb ? TAIL_READABLE : TAIL_DAMAGED);
    ck_assert_uint_eq(tail.txn_count, is_mariadb ? 2 * count - 1 : count - 1);
    ck_assert_uint_eq(tail.torn.file, is_mariadb ? 1 : 0);
    ck_assert(!is_mariadb ||
              (tail.torn.offset > expected[count - 1].start && tail.torn.offset < expected[count - 1].end));
    tail_release(&tail);
}
END_TEST

START_TEST(encrypted_files_are_told)
{
    struct tail tail;
    struct position begin = {1, BINLOG_START};
    uint8_t bytes[600] = {0xFD, 'b', 'i', 'n'};
    recover_write(&dir, "binlog.000001", bytes, sizeof bytes);
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_OK);
    ck_assert_int_eq(tail.fault, TAIL_ENCRYPTED);
    ck_assert_int_eq(tail.flavor, FLAVOR_MYSQL);
    ck_assert(!tail.is_closed);
    tail_release(&tail);

    /* MariaDB: START_ENCRYPTION behind the format description */
    binlog_golden_load(&golden, "mariadb_row");
    ck_assert(binlog_golden_next(&golden));
    size_t at = golden.at;
    golden.bytes[at + 4] = BINLOG_MARIADB_START_ENCRYPTION;
    recover_write(&dir, "binlog.000001", golden.bytes, golden.length);
    const uint64_t froms[] = {BINLOG_START, at, golden.length};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(recover_tail(&dir, (struct position){1, froms[i]}, &tail), RESULT_OK);
        ck_assert_int_eq(tail.fault, TAIL_ENCRYPTED);
        ck_assert_int_eq(tail.flavor, FLAVOR_MARIADB);
        ck_assert_uint_eq(tail.txn_count, 0);
        tail_release(&tail);
    }
    recover_write(&dir, "binlog.000001", "MZ not a binlog", 15);
    ck_assert_int_eq(recover_tail(&dir, begin, &tail), RESULT_MALFORMED);
}
END_TEST

START_TEST(server_uuid_is_read)
{
    static const char text[] = "[auto]\nserver-uuid=E443747A-e4e4-11f1-bcd7-02fc00000001\n";
    struct tail tail;
    binlog_golden_load(&golden, "mysql_row");
    recover_write(&dir, "binlog.000001", golden.bytes, golden.length);
    recover_write(&dir, "auto.cnf", text, strlen(text));
    ck_assert_int_eq(recover_tail(&dir, (struct position){1, golden.length}, &tail), RESULT_OK);
    ck_assert_str_eq(tail.server_uuid, "e443747a-e4e4-11f1-bcd7-02fc00000001");
    tail_release(&tail);
}
END_TEST

/* A file of 1 GiB, and a tail of which only the end is asked for. */
START_TEST(a_long_file_is_not_read_from_its_begin)
{
    struct timespec before, after;
    struct tail tail;
    char path[128];
    const uint64_t hole = 1ull << 30;
    binlog_golden_load(&golden, "mysql_row");
    size_t count = recover_expect("mysql_row", expected);
    recover_write(&dir, "binlog.000001", golden.bytes, golden.length);
    snprintf(path, sizeof path, "%s/binlog.000001", dir.path);
    FILE *file = fopen(path, "r+b");
    ck_assert_int_eq(fseek(file, (long)hole, SEEK_SET), 0);
    size_t tail_bytes = golden.length - expected[count - 5].start;
    ck_assert_uint_eq(fwrite(golden.bytes + expected[count - 5].start, 1, tail_bytes, file), tail_bytes);
    fclose(file);
    clock_gettime(CLOCK_MONOTONIC, &before);
    ck_assert_int_eq(recover_tail(&dir, (struct position){1, hole}, &tail), RESULT_OK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_uint_eq(tail.txn_count, 5);
    ck_assert_uint_eq(tail.end.offset, hole + tail_bytes);
    ck_assert_double_lt(
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9, 1.0);
    tail_release(&tail);
}
END_TEST

int main(void)
{
    const int files = (int)BINLOG_GOLDEN_COUNT;
    Suite *suite = suite_create("binlog_tail");
    TCase *whole = tcase_create("tail");
    tcase_add_checked_fixture(whole, set_up, tear_down);
    tcase_set_timeout(whole, 60);
    tcase_add_loop_test(whole, lists_whole_files, 0, files);
    tcase_add_loop_test(whole, begins_where_it_is_told, 0, files);
    tcase_add_loop_test(whole, survives_a_cut_at_every_byte, 0, files);
    tcase_add_loop_test(whole, finds_every_flipped_bit, 0, files);
    tcase_add_test(whole, zeros_at_the_end_are_torn);
    tcase_add_loop_test(whole, reads_several_files, 0, 2);
    tcase_add_test(whole, index_and_files_after_a_crash);
    tcase_add_loop_test(whole, torn_end_of_an_older_file, 0, 2);
    tcase_add_test(whole, encrypted_files_are_told);
    tcase_add_test(whole, server_uuid_is_read);
    tcase_add_test(whole, a_long_file_is_not_read_from_its_begin);
    suite_add_tcase(suite, whole);
    return binlog_golden_run(suite);
}
