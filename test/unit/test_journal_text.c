/* layer: recovery */
/* The journal as people read it: lines, JSON, and the ring behind the admin table. */
#include "recovery/journal_text.h"
#include "test/unit/journal_fixture.h"

static char *print(struct memory_storage *storage, bool is_json, enum result expected, char **ret_err)
{
    char *out = NULL, *err = NULL;
    size_t out_length, err_length;
    FILE *out_file = open_memstream(&out, &out_length);
    FILE *err_file = open_memstream(&err, &err_length);
    ck_assert_int_eq(journal_text_print(&storage->base, JOURNAL_TEST_DIR, is_json, out_file, err_file),
                     expected);
    fclose(out_file);
    fclose(err_file);
    *ret_err = err;
    return out;
}

static void write_all(struct memory_storage *storage)
{
    memory_storage_init(storage, 1);
    struct journal_writer *writer = journal_test_open(storage, 0, 0);
    for (size_t i = 0; i < JOURNAL_TEST_RECORDS; i++) {
        journal_writer_append(writer, &journal_test_records[i], 1772359200123u);
        ck_assert_int_eq(journal_writer_sync(writer, 1772359200123u), RESULT_OK);
    }
    journal_writer_close(&writer);
}

START_TEST(each_record_is_one_line)
{
    static const char expected[] =
        "1 1970-01-01T00:00:01.000Z epoch 1 checkpoint confirmed up to the start consumers 0 discards 0 "
        "starts 0 everything counts as sent\n"
        "2 2026-03-01T10:00:00.123Z epoch 1 started version 0.1.0 server_uuid "
        "11111111-2222-3333-4444-555555555555\n"
        "3 2026-03-01T10:00:00.123Z epoch 1 source mysql version 9.7.4 server_id 7 server_uuid "
        "3e11fa47-71ca-11e1-9e33-c80aa9429562 binlog binlog\n"
        "4 2026-03-01T10:00:00.123Z epoch 1 admitted 10.0.0.1:3306\n"
        "5 2026-03-01T10:00:00.123Z epoch 1 attach r1 from binlog.000002:157 server_id 11 server_uuid "
        "aaaaaaaa-0000-0000-0000-000000000001 connection 5\n"
        "6 2026-03-01T10:00:00.123Z epoch 1 attach r2 from binlog.000001:4 server_id 12 connection 6\n"
        "7 2026-03-01T10:00:00.123Z epoch 1 acks r1 binlog.000002:900, r2 binlog.000002:800\n"
        "8 2026-03-01T10:00:00.123Z epoch 1 confirm up to binlog.000002:900 gtid "
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:17\n"
        "9 2026-03-01T10:00:00.123Z epoch 1 detach r2 sent up to binlog.000002:950 connection 6\n"
        "10 2026-03-01T10:00:00.123Z epoch 1 policy rule ALL (r1, r2) by admin@127.0.0.1\n"
        "11 2026-03-01T10:00:00.123Z epoch 1 refused diverged\n"
        "12 2026-03-01T10:00:00.123Z epoch 1 override RESOLVE 'x:1' COMPLETE by admin@127.0.0.1\n"
        "13 2026-03-01T10:00:00.123Z epoch 1 discard from binlog.000002:950 to binlog.000002:1400 gtids "
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:18-19 kept as d/binlog.000002 reason: never sent\n"
        "14 2026-03-01T10:00:00.123Z epoch 2 stopped\n";
    struct memory_storage storage;
    write_all(&storage);
    char *err;
    char *out = print(&storage, false, RESULT_OK, &err);
    ck_assert_str_eq(out, expected);
    ck_assert_str_eq(err, "");
    free(out);
    free(err);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(json_has_one_object_a_line)
{
    struct memory_storage storage;
    write_all(&storage);
    char *err;
    char *out = print(&storage, true, RESULT_OK, &err);
    ck_assert_ptr_nonnull(strstr(out,
                                 "\n{\"seq\":10,\"time\":\"2026-03-01T10:00:00.123Z\",\"epoch\":1,\"type\":"
                                 "\"policy\",\"detail\":\"rule ALL (r1, r2) by admin@127.0.0.1\"}\n"));
    free(out);
    free(err);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(a_torn_tail_and_damage_are_told)
{
    struct memory_storage storage;
    write_all(&storage);
    struct memory_bytes *bytes = &memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001")->live;
    bytes->length--;
    char *err;
    char *out = print(&storage, false, RESULT_OK, &err);
    ck_assert_ptr_nonnull(strstr(err, "/journal/journal.000001: from offset"));
    free(out);
    free(err);
    bytes->data[300] ^= 1;
    out = print(&storage, false, RESULT_DAMAGED, &err);
    ck_assert_ptr_nonnull(strstr(err, "damaged at offset"));
    free(out);
    free(err);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(foreign_text_stays_on_its_line)
{
    char detail[64];
    struct journal_record record = {.type = JOURNAL_REFUSED, .text = "a\nb\x1b[31m\"\xc3\xa4"};
    journal_text_detail(&record, "", detail, sizeof detail);
    ck_assert_str_eq(detail, "a\\x0ab\\x1b[31m\"\\xc3\\xa4");
    journal_text_detail(&record, "", detail, 8);
    ck_assert_str_eq(detail, "a\\x0...");
    record = (struct journal_record){
        .type = JOURNAL_CONFIRM, .confirm = {{3, 77}, NULL}
    };
    journal_text_detail(&record, "", detail, sizeof detail);
    ck_assert_str_eq(detail, "up to 000003:77");
    record = (struct journal_record){
        .type = JOURNAL_POLICY, .policy = {NULL, "me"}
    };
    journal_text_detail(&record, "", detail, sizeof detail);
    ck_assert_str_eq(detail, "back to the config's rule by me");
}
END_TEST

static void add_line(struct journal_ring *ring, enum journal_type type, uint64_t sequence)
{
    struct journal_record record = {.type = type};
    journal_ring_add(ring, &record, "binlog", sequence, 1, 5);
}

START_TEST(the_ring_keeps_the_latest_and_merges_what_is_frequent)
{
    struct journal_ring *ring = xcalloc(1, sizeof *ring);
    ck_assert_ptr_null(journal_ring_line(ring, 0));
    for (uint64_t i = 1; i <= 1000; i++)
        add_line(ring, JOURNAL_REFUSED, i);
    ck_assert_uint_eq(ring->count, JOURNAL_RING_MAX);
    ck_assert_uint_eq(journal_ring_line(ring, 0)->sequence, 1000);
    ck_assert_uint_eq(journal_ring_line(ring, JOURNAL_RING_MAX - 1)->sequence, 1001 - JOURNAL_RING_MAX);
    ck_assert_ptr_null(journal_ring_line(ring, JOURNAL_RING_MAX));
    for (uint64_t i = 1; i <= 1000; i++) {
        add_line(ring, JOURNAL_ACKS, 1000 + 2 * i - 1);
        add_line(ring, JOURNAL_CONFIRM, 1000 + 2 * i);
    }
    ck_assert_uint_eq(journal_ring_line(ring, 0)->sequence, 3000);
    ck_assert_str_eq(journal_ring_line(ring, 0)->type, "confirm");
    ck_assert_uint_eq(journal_ring_line(ring, 1)->sequence, 2999);
    ck_assert_uint_eq(journal_ring_line(ring, 2)->sequence, 1000);
    add_line(ring, JOURNAL_CONFIRM, 3001);
    add_line(ring, JOURNAL_CONFIRM, 3002);
    add_line(ring, JOURNAL_ACKS, 3003);
    ck_assert_str_eq(journal_ring_line(ring, 1)->type, "confirm");
    for (size_t i = 0; i + 1 < ring->count; i++)
        ck_assert_uint_gt(journal_ring_line(ring, i)->sequence, journal_ring_line(ring, i + 1)->sequence);
    add_line(ring, JOURNAL_STOPPED, 3004);
    add_line(ring, JOURNAL_CONFIRM, 3005);
    ck_assert_uint_eq(journal_ring_line(ring, 2)->sequence, 3003);
    journal_ring_release(ring);
    free(ring);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_text");
    TCase *tests = tcase_create("journal_text");
    tcase_add_test(tests, each_record_is_one_line);
    tcase_add_test(tests, json_has_one_object_a_line);
    tcase_add_test(tests, a_torn_tail_and_damage_are_told);
    tcase_add_test(tests, foreign_text_stays_on_its_line);
    tcase_add_test(tests, the_ring_keeps_the_latest_and_merges_what_is_frequent);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
