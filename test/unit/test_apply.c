/* layer: recovery
 * A cut of a source's binlog: the end state, the kept copy, and the same end state after a failure, a kill or
 * a loss of power at every single call.
 */
#include "recovery/apply.h"
#include "recovery/binlog_tail.h"
#include "recovery/torn_end.h"
#include "test/unit/memory_storage.h"
#include "test/unit/recover_fixture.h"

#define DIR  "/data"
#define KEEP DIR "/ackgate-discarded"
#define KEPT KEEP "/epoch1.binlog"

static struct memory_storage storage;
static struct binlog_golden first, second;
static struct recover_expected expected[128];
static size_t expected_count;

static void put(const char *path, const void *bytes, size_t length)
{
    struct storage_file *file;
    ck_assert_int_eq(storage_open(&storage.base, path, STORAGE_CREATE, &file), RESULT_OK);
    ck_assert_int_eq(storage_write(file, 0, bytes, length), RESULT_OK);
    ck_assert_int_eq(storage_sync(file), RESULT_OK);
    storage_close(&file);
    ck_assert_int_eq(storage_sync_dir(&storage.base, DIR), RESULT_OK);
}

/* Two files of MariaDB, as a rotation under load and a crash leave them, the second one with a torn end. */
static void put_two_files(uint64_t seed)
{
    static const char index[] = "./binlog.000001\n./binlog.000002\n";
    memory_storage_init(&storage, seed);
    binlog_golden_load(&first, "mariadb_domains");
    expected_count = recover_expect("mariadb_domains", expected);
    binlog_golden_load(&second, "mariadb_domains_next");
    recover_mark_in_use(&second);
    memcpy(second.bytes + second.length, second.bytes + BINLOG_START, 50);
    second.length += 50;
    put(DIR "/binlog.000001", first.bytes, first.length);
    put(DIR "/binlog.000002", second.bytes, second.length);
    put(DIR "/binlog.index", index, strlen(index));
}

static void put_one_file(uint64_t seed)
{
    static const char index[] = "./binlog.000001\n";
    memory_storage_init(&storage, seed);
    binlog_golden_load(&first, "mysql_row");
    expected_count = recover_expect("mysql_row", expected);
    recover_mark_in_use(&first);
    put(DIR "/binlog.000001", first.bytes, first.length);
    put(DIR "/binlog.index", index, strlen(index));
}

/* Reads the tail and cuts, as the tool does; fail_at counts from the first call of the cut. */
static enum result run(uint64_t cut_offset, unsigned fail_at, struct apply_report *ret_report)
{
    struct binlog_index index;
    struct tail tail;
    char *problem = NULL;
    struct binlog_tail_request request = {
        &storage.base, DIR, &index, {1, expected[0].start}
    };
    ck_assert_int_eq(binlog_index_read(&storage.base, DIR "/binlog.index", DIR, &index), RESULT_OK);
    tail_init(&tail);
    ck_assert_int_eq(binlog_tail_read(&request, &tail, &problem), RESULT_OK);
    snprintf(tail.keep_dir, sizeof tail.keep_dir, "%s", KEEP);
    struct apply_request apply = {
        &storage.base, &index, &tail, {1, cut_offset},
           KEPT
    };
    storage.fail_at = fail_at == 0 ? 0 : storage.calls + fail_at;
    enum result result = apply_cut(&apply, ret_report, &problem);
    storage.fail_at = 0;
    ck_assert((result == RESULT_OK) == (problem == NULL));
    free(problem);
    tail_release(&tail);
    binlog_index_release(&index);
    return result;
}

static const struct memory_inode *check_bytes(const char *path, const uint8_t *bytes, size_t length)
{
    const struct memory_inode *inode = memory_storage_file(&storage, path);
    ck_assert_msg(inode != NULL, "%s", path);
    ck_assert_uint_eq(inode->live.length, length);
    ck_assert_mem_eq(inode->live.data, bytes, length);
    return inode;
}

static void check_file(const char *path, const uint8_t *bytes, size_t length)
{
    ck_assert_uint_eq(check_bytes(path, bytes, length)->synced.length, length);
}

/* What the kept file has to hold. */
static size_t expect_kept(uint64_t cut, bool has_second, uint8_t *ret_bytes)
{
    binlog_golden_load(&first, has_second ? "mariadb_domains" : "mysql_row");
    ck_assert(binlog_golden_next(&first));
    size_t length = first.at;
    memcpy(ret_bytes, first.bytes, length);
    memcpy(ret_bytes + length, first.bytes + cut, first.length - cut);
    length += first.length - cut;
    if (has_second) {
        size_t whole = second.length - 50 - BINLOG_START;
        memcpy(ret_bytes + length, second.bytes + BINLOG_START, whole);
        length += whole;
    }
    return length;
}

static void check_end_state(uint64_t cut, bool has_second)
{
    static uint8_t kept[3 * BINLOG_GOLDEN_MAX];
    static const char index[] = "./binlog.000001\n";
    size_t length = expect_kept(cut, has_second, kept);
    check_file(KEPT, kept, length);
    recover_mark_in_use(&first);
    check_file(DIR "/binlog.000001", first.bytes, cut);
    check_file(DIR "/binlog.index", (const uint8_t *)index, strlen(index));
    ck_assert_ptr_null(memory_storage_file(&storage, DIR "/binlog.000002"));
    ck_assert_ptr_null(memory_storage_file(&storage, KEPT ".1"));
    if (has_second)
        check_file(KEPT ".torn", second.bytes + second.length - 50, 50);
    else
        ck_assert_ptr_null(memory_storage_file(&storage, KEPT ".torn"));
}

static void set_case(uint64_t seed, bool has_second)
{
    if (has_second)
        put_two_files(seed);
    else
        put_one_file(seed);
}

/* At every transaction of the file. */
START_TEST(cuts_where_it_is_told)
{
    bool has_second = _i == 1;
    size_t count = 1;
    for (size_t i = 0; i < count; i++) {
        struct apply_report report;
        set_case(1, has_second);
        count = expected_count;
        ck_assert_int_eq(run(expected[i].start, 0, &report), RESULT_OK);
        ck_assert_str_eq(report.kept_as, KEPT);
        ck_assert((report.torn_as != NULL) == has_second);
        ck_assert_uint_eq(report.removed_files, has_second ? 1 : 0);
        ck_assert_uint_eq(report.cut_bytes, first.length - expected[i].start);
        apply_report_release(&report);
        check_end_state(expected[i].start, has_second);
        /* once more: nothing is left to do */
        ck_assert_int_eq(run(expected[i].start, 0, &report), RESULT_OK);
        ck_assert_ptr_null(report.kept_as);
        apply_report_release(&report);
        check_end_state(expected[i].start, has_second);
        memory_storage_release(&storage);
    }
}
END_TEST

enum { FAILS_ONCE, KILLED, POWER_LOST, WAYS };

/* Call n fails; or it and all after it do, which is a kill; or then the power goes too. Run again until it
 * succeeds. */
START_TEST(interrupted_at_every_call)
{
    bool has_second = _i == 1;
    for (int way = 0; way < WAYS; way++) {
        bool has_failed = true;
        unsigned n = 1;
        for (; has_failed; n++) {
            struct apply_report report;
            set_case(n * WAYS + (unsigned)way + 1, has_second);
            uint64_t cut = expected[expected_count - 2].start;
            storage.fail_count = way == FAILS_ONCE ? 1 : 1000000;
            has_failed = run(cut, n, &report) != RESULT_OK;
            if (has_failed && way == POWER_LOST)
                memory_storage_crash(&storage);
            if (!has_failed)
                apply_report_release(&report);
            ck_assert_int_eq(run(cut, 0, &report), RESULT_OK);
            apply_report_release(&report);
            check_end_state(cut, has_second);
            memory_storage_release(&storage);
        }
        ck_assert_uint_gt(n, 15);
    }
}
END_TEST

/* Killed, and killed again at every later call of the second run. */
START_TEST(interrupted_twice)
{
    for (unsigned n = 1; n < 60; n++) {
        for (unsigned m = 1; m < 60; m += 3) {
            struct apply_report report;
            put_two_files(n * 61 + m);
            uint64_t cut = expected[2].start;
            storage.fail_count = 1000000;
            if (run(cut, n, &report) == RESULT_OK)
                apply_report_release(&report);
            memory_storage_crash(&storage);
            if (run(cut, m, &report) == RESULT_OK)
                apply_report_release(&report);
            memory_storage_crash(&storage);
            ck_assert_int_eq(run(cut, 0, &report), RESULT_OK);
            apply_report_release(&report);
            check_end_state(cut, true);
            memory_storage_release(&storage);
        }
    }
}
END_TEST

START_TEST(another_kept_file_is_not_overwritten)
{
    struct apply_report report;
    put_one_file(1);
    put(KEPT, "something else", 14);
    put(KEPT ".1", "and more", 8);
    ck_assert_int_eq(run(expected[3].start, 0, &report), RESULT_OK);
    ck_assert_str_eq(report.kept_as, KEPT ".2");
    apply_report_release(&report);
    check_file(KEPT, (const uint8_t *)"something else", 14);
    memory_storage_release(&storage);
}
END_TEST

/* An earlier run was killed after the index, and a loss of power tore what it had left of the file. */
START_TEST(a_torn_rest_goes_too)
{
    struct apply_report report;
    struct storage_file *file;
    put_one_file(1);
    uint64_t cut = expected[3].start;
    ck_assert_int_eq(storage_open(&storage.base, DIR "/binlog.000001", STORAGE_WRITE, &file), RESULT_OK);
    ck_assert_int_eq(storage_truncate(file, cut + 30), RESULT_OK);
    ck_assert_int_eq(storage_sync(file), RESULT_OK);
    storage_close(&file);
    ck_assert_int_eq(run(cut, 0, &report), RESULT_OK);
    ck_assert_str_eq(report.torn_as, KEPT ".torn");
    apply_report_release(&report);
    check_file(DIR "/binlog.000001", first.bytes, cut);
    check_file(KEPT ".torn", first.bytes + cut, 30);
    memory_storage_release(&storage);
}
END_TEST

#define TORN KEEP "/binlog.000002-"

/* The tool without a cut: reads the tail, and takes away what is torn at its end. */
static enum result run_torn_end(unsigned fail_at, char **ret_kept_as)
{
    struct binlog_index index;
    struct tail tail;
    char *problem = NULL;
    struct binlog_tail_request request = {
        &storage.base, DIR, &index, {1, BINLOG_START}
    };
    ck_assert_int_eq(binlog_index_read(&storage.base, DIR "/binlog.index", DIR, &index), RESULT_OK);
    tail_init(&tail);
    ck_assert_int_eq(binlog_tail_read(&request, &tail, &problem), RESULT_OK);
    snprintf(tail.keep_dir, sizeof tail.keep_dir, "%s", KEEP);
    struct torn_end_request torn = {&storage.base, &index, &tail};
    storage.fail_at = fail_at == 0 ? 0 : storage.calls + fail_at;
    enum result result = torn_end_cut(&torn, ret_kept_as, &problem);
    storage.fail_at = 0;
    ck_assert((result == RESULT_OK) == (problem == NULL));
    free(problem);
    tail_release(&tail);
    binlog_index_release(&index);
    return result;
}

/* Whatever call fails, the next run comes to the same end; whole events stay, also in the file before. */
START_TEST(a_torn_end_goes_alone)
{
    char *kept_as = NULL, *torn;
    enum result result = RESULT_IO;
    for (unsigned fail_at = 1; result != RESULT_OK; fail_at++) {
        put_two_files(1);
        size_t whole = second.length - 50;
        result = run_torn_end(fail_at, &kept_as);
        if (result != RESULT_OK)
            ck_assert_int_eq(run_torn_end(0, &kept_as), RESULT_OK);
        torn = xasprintf(TORN "%zu.torn", whole);
        /* cut and not synced: what a loss of power brings back is cut again */
        (void)check_bytes(DIR "/binlog.000002", second.bytes, whole);
        check_file(torn, second.bytes + whole, 50);
        check_file(DIR "/binlog.000001", first.bytes, first.length);
        ck_assert(kept_as == NULL || strcmp(kept_as, torn) == 0);
        free(torn);
        free(kept_as);
        kept_as = NULL;
        /* then nothing is torn any more */
        ck_assert_int_eq(run_torn_end(0, &kept_as), RESULT_OK);
        ck_assert_ptr_null(kept_as);
        memory_storage_release(&storage);
    }
}
END_TEST

START_TEST(refuses_a_place_that_is_none)
{
    struct apply_report report;
    static const uint64_t before_format[] = {4, 60};
    put_one_file(1);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(run(before_format[i], 0, &report), RESULT_CONFLICT);
    ck_assert_int_eq(run(expected[3].start + 1, 0, &report), RESULT_CONFLICT);
    ck_assert_int_eq(run(first.length + 1, 0, &report), RESULT_CONFLICT);
    /* inside of a group, where an event begins */
    first.at = BINLOG_MAGIC_BYTES;
    while (binlog_golden_next(&first) && first.start <= expected[3].start)
        ;
    ck_assert_int_eq(run(first.start, 0, &report), RESULT_CONFLICT);
    recover_mark_in_use(&first);
    check_file(DIR "/binlog.000001", first.bytes, first.length);
    ck_assert_ptr_null(memory_storage_file(&storage, KEPT));
    memory_storage_release(&storage);
}
END_TEST

/* A file past the index, as a kill between the index and the removal leaves it, or a crash of the server. */
START_TEST(a_file_without_a_line_goes_too)
{
    struct apply_report report;
    static const char index[] = "./binlog.000001\n";
    put_two_files(1);
    put(DIR "/binlog.index", index, strlen(index));
    struct storage_file *file;
    ck_assert_int_eq(storage_open(&storage.base, DIR "/binlog.index", STORAGE_WRITE, &file), RESULT_OK);
    ck_assert_int_eq(storage_truncate(file, strlen(index)), RESULT_OK);
    storage_close(&file);
    put(DIR "/binlog.000003", "", 0);
    ck_assert_int_eq(run(expected[2].start, 0, &report), RESULT_OK);
    ck_assert_uint_eq(report.removed_files, 2);
    apply_report_release(&report);
    ck_assert_int_eq(storage_open(&storage.base, DIR "/binlog.index", STORAGE_WRITE, &file), RESULT_OK);
    ck_assert_int_eq(storage_sync(file), RESULT_OK);
    storage_close(&file);
    check_end_state(expected[2].start, true);
    ck_assert_ptr_null(memory_storage_file(&storage, DIR "/binlog.000003"));
    memory_storage_release(&storage);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply");
    TCase *tests = tcase_create("apply");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, cuts_where_it_is_told, 0, 2);
    tcase_add_loop_test(tests, interrupted_at_every_call, 0, 2);
    tcase_add_test(tests, interrupted_twice);
    tcase_add_test(tests, another_kept_file_is_not_overwritten);
    tcase_add_test(tests, a_torn_rest_goes_too);
    tcase_add_test(tests, a_torn_end_goes_alone);
    tcase_add_test(tests, refuses_a_place_that_is_none);
    tcase_add_test(tests, a_file_without_a_line_goes_too);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
