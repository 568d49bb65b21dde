/* layer: recovery */
/*
 * The writer under faults and crashes: whichever storage call fails, the end state is the one that was put;
 * whatever a crash keeps, drops or tears, the journal opens, has all that was called durable, and nothing
 * else.
 */
#include "test/unit/journal_fixture.h"

/* ---- a long story, told in steps ---- */

static void put_ack(struct journal_writer *writer, const char *name, uint64_t offset)
{
    struct journal_ack ack = {
        name, {1, offset}
    };
    journal_writer_append(writer,
                          &(struct journal_record){
                              .type = JOURNAL_ACKS, .acks = {&ack, 1}
    },
                          1);
}

static void put_step(struct journal_writer *writer, unsigned step)
{
    uint64_t offset = 100 + step * 10;
    char gtid[32];
    snprintf(gtid, sizeof gtid, "u:%u", step);
    put_ack(writer, step % 2 == 0 ? "r1" : "r2", offset);
    journal_writer_append(writer,
                          &(struct journal_record){
                              .type = JOURNAL_CONFIRM, .confirm = {{1, offset}, gtid}
    },
                          1);
    if (step % 3 == 1)
        journal_writer_append(writer,
                              &(struct journal_record){
                                  .type = JOURNAL_ATTACH, .attach = {"r1", 1, "", step, {1, offset}}
        },
                              1);
    if (step % 6 == 5)
        journal_writer_append(writer,
                              &(struct journal_record){
                                  .type = JOURNAL_DETACH, .detach = {"r1", step, true, {1, offset}}
        },
                              1);
    if (step % 7 == 6)
        journal_writer_append(writer,
                              &(struct journal_record){
                                  .type = JOURNAL_DISCARD,
                                  .discard = {{1, offset + 1}, {1, offset + 5}, gtid, "never sent", "kept"}
        },
                              1);
}

/* What is known to be on the disk, as the writer has said. */
struct promise {
    uint64_t attaches;
    size_t discards;
    struct position confirmed;
};

static struct promise promise_of(const struct journal_state *state)
{
    return (struct promise){state->attaches, state->discards_count, state->confirmed};
}

static void check_promise(const struct journal_state *state, struct promise low, struct promise high)
{
    ck_assert_uint_ge(state->attaches, low.attaches);
    ck_assert_uint_le(state->attaches, high.attaches);
    ck_assert_uint_ge(state->discards_count, low.discards);
    ck_assert_uint_le(state->discards_count, high.discards);
    ck_assert_uint_eq(state->epoch, 1 + state->discards_count);
    ck_assert_int_ge(position_compare(state->confirmed, low.confirmed), 0);
    ck_assert_int_le(position_compare(state->confirmed, high.confirmed), 0);
}

static void check_reopens_same(struct memory_storage *storage, const struct journal_state *expected)
{
    struct journal_state state;
    struct journal_report report;
    journal_state_init(&state);
    ck_assert_int_eq(journal_test_read(storage, &state, &report), RESULT_OK);
    ck_assert(!report.is_tail_cut);
    ck_assert(journal_test_same(&state, expected));
    journal_state_release(&state);
}

START_TEST(what_is_flushed_is_found_again)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    for (unsigned step = 0; step < 50; step++)
        put_step(writer, step);
    ck_assert(!journal_writer_is_flushed(writer));
    ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
    ck_assert(journal_writer_is_flushed(writer));
    check_reopens_same(&storage, journal_writer_state(writer));
    journal_writer_close(&writer);
    writer = journal_test_open(&storage, 0, 0);
    ck_assert_uint_eq(journal_writer_state(writer)->discards_count, 7);
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

/* What a cut tail makes unknown stays unknown over restarts, until the source is admitted. */
START_TEST(a_lost_tail_is_not_forgotten_by_the_next_start)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    struct journal_record admitted = {.type = JOURNAL_ADMITTED, .text = "s"};
    journal_writer_append(writer, &admitted, 1);
    put_step(writer, 0);
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    journal_writer_close(&writer);
    memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001")->live.length -= 1;
    for (int start = 0; start < 3; start++) {
        writer = journal_test_open(&storage, 0, 0);
        ck_assert(journal_writer_state(writer)->is_unproven);
        journal_writer_close(&writer);
    }
    writer = journal_test_open(&storage, 0, 0);
    journal_writer_append(writer, &admitted, 1);
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    journal_writer_close(&writer);
    writer = journal_test_open(&storage, 0, 0);
    ck_assert(!journal_writer_state(writer)->is_unproven);
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(only_one_process_writes)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    struct journal_writer_options options = {.storage = &storage.base, .dir = JOURNAL_TEST_DIR};
    struct journal_writer *second = NULL;
    struct journal_report report;
    ck_assert_int_eq(journal_writer_open(&options, 1, &second, &report), RESULT_CONFLICT);
    ck_assert_ptr_null(second);
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

static void count_record(void *argument, const struct journal_frame *frame,
                         const struct journal_record *record)
{
    (void)frame;
    size_t *counts = argument;
    counts[record->type]++;
}

START_TEST(acks_and_confirms_that_wait_are_merged)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    for (unsigned i = 0; i < 1000; i++) {
        put_ack(writer, i % 2 == 0 ? "r1" : "r2", 100 + i);
        struct journal_record confirm = {
            .type = JOURNAL_CONFIRM, .confirm = {{1, 100 + i}, "g"}
        };
        journal_writer_append(writer, &confirm, 1);
    }
    ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
    size_t counts[JOURNAL_TYPE_END] = {0};
    struct journal_state state;
    struct journal_report report;
    journal_state_init(&state);
    ck_assert_int_eq(
        journal_reader_replay(&storage.base, JOURNAL_TEST_DIR, count_record, counts, &state, &report),
        RESULT_OK);
    ck_assert_uint_eq(counts[JOURNAL_ACKS], 1);
    ck_assert_uint_eq(counts[JOURNAL_CONFIRM], 1);
    ck_assert(journal_test_same(&state, journal_writer_state(writer)));
    ck_assert_uint_eq(journal_state_consumer(&state, "r1")->acked.offset, 1098);
    ck_assert_uint_eq(journal_state_consumer(&state, "r2")->acked.offset, 1099);
    journal_state_release(&state);
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(more_voters_than_fit_a_record_are_split)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    for (unsigned i = 0; i < 3 * JOURNAL_ACKS_MAX + 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "r%u", i);
        put_ack(writer, name, i);
    }
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    check_reopens_same(&storage, journal_writer_state(writer));
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(segments_are_replaced_and_the_old_ones_go_when_the_new_one_is_durable)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 4096, 0);
    uint64_t first = journal_writer_segment(writer);
    unsigned step = 0;
    while (journal_writer_segment(writer) == first) {
        put_step(writer, step++);
        ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
        ck_assert_uint_lt(step, 1000);
    }
    ck_assert_ptr_nonnull(memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001"));
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    ck_assert_ptr_null(memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001"));
    check_reopens_same(&storage, journal_writer_state(writer));
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(what_waits_is_bounded_and_nothing_is_lost)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 0, 8192);
    storage.calls = 0;
    storage.fail_at = 1;
    storage.fail_count = 1000000;
    storage.fail_errno = ENOSPC;
    for (unsigned step = 0; step < 5000; step++) {
        put_step(writer, step);
        ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_FULL);
        ck_assert_int_eq(errno, ENOSPC);
    }
    storage.fail_at = 0;
    ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
    ck_assert_uint_eq(journal_writer_durable(writer), journal_writer_written(writer));
    check_reopens_same(&storage, journal_writer_state(writer));
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(a_sync_that_runs_elsewhere_keeps_its_file)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_writer *writer = journal_test_open(&storage, 2048, 1024);
    put_step(writer, 0);
    ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
    uint64_t sequence, durable = journal_writer_durable(writer);
    struct storage_file *file = journal_writer_sync_begin(writer, &sequence);
    for (unsigned step = 1; step < 200; step++) {
        put_step(writer, step);
        ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
    }
    ck_assert_uint_eq(journal_writer_segment(writer), 1);
    ck_assert_uint_eq(journal_writer_durable(writer), durable);
    ck_assert_int_eq(storage_sync(file), RESULT_OK);
    ck_assert_int_eq(journal_writer_synced(writer, sequence), RESULT_OK);
    ck_assert_uint_eq(journal_writer_durable(writer), sequence);
    put_step(writer, 200);
    ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
    ck_assert_uint_eq(journal_writer_segment(writer), 2);
    check_reopens_same(&storage, journal_writer_state(writer));
    journal_writer_close(&writer);
    memory_storage_release(&storage);
}
END_TEST

/* ---- the i-th call fails ---- */

enum { STEPS = 80 };

/* Opens, again after a failure, as an operator would. */
static struct journal_writer *open_stubbornly(struct memory_storage *storage, unsigned *failures)
{
    struct journal_writer_options options = {
        .storage = &storage->base, .dir = JOURNAL_TEST_DIR, .segment_bytes = 1024, .waiting_bytes = 512};
    for (;;) {
        struct journal_writer *writer = NULL;
        struct journal_report report;
        enum result result = journal_writer_open(&options, 1, &writer, &report);
        if (result == RESULT_OK)
            return writer;
        ck_assert(result == RESULT_IO || result == RESULT_FULL);
        ck_assert_uint_le(++*failures, 1000);
    }
}

static bool run_with_fault(unsigned fail_at, unsigned fail_count, int reason)
{
    struct memory_storage storage;
    memory_storage_init(&storage, fail_at);
    storage.fail_at = fail_at;
    storage.fail_count = fail_count;
    storage.fail_errno = reason;
    unsigned failures = 0;
    struct journal_writer *writer = open_stubbornly(&storage, &failures);
    for (unsigned step = 0; step < STEPS; step++) {
        put_step(writer, step);
        enum result result = step % 4 == 3 ? journal_writer_sync(writer, 1) : journal_writer_flush(writer, 1);
        failures += result != RESULT_OK;
    }
    while (journal_writer_sync(writer, 1) != RESULT_OK)
        ck_assert_uint_le(++failures, 1000);
    ck_assert(journal_writer_is_flushed(writer));
    ck_assert_uint_eq(journal_writer_durable(writer), journal_writer_written(writer));
    bool has_failed = storage.calls >= fail_at;
    storage.fail_at = 0;
    check_reopens_same(&storage, journal_writer_state(writer));
    struct promise kept = promise_of(journal_writer_state(writer));
    journal_writer_close(&writer);
    memory_storage_crash(&storage);
    writer = journal_test_open(&storage, 0, 0);
    check_promise(journal_writer_state(writer), kept, kept);
    journal_writer_close(&writer);
    memory_storage_release(&storage);
    return has_failed;
}

START_TEST(whichever_call_fails_the_end_is_what_was_put)
{
    static const unsigned counts[] = {1, 2, 7, 60};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        unsigned fail_at = 1;
        while (run_with_fault(fail_at, counts[i], fail_at % 2 == 0 ? EIO : ENOSPC))
            fail_at++;
        ck_assert_uint_gt(fail_at, 100);
    }
}
END_TEST

/* The process dies while calls fail: what is in the files is old or new, and never refused. */
START_TEST(a_process_that_dies_while_calls_fail_leaves_a_journal_that_opens)
{
    for (unsigned fail_at = 20; fail_at < 200; fail_at++) {
        struct memory_storage storage;
        memory_storage_init(&storage, fail_at);
        unsigned failures = 0;
        struct journal_writer *writer = open_stubbornly(&storage, &failures);
        storage.fail_at = fail_at;
        storage.fail_count = 1000000;
        storage.fail_errno = ENOSPC;
        struct promise low = {0};
        for (unsigned step = 0; step < STEPS; step++) {
            put_step(writer, step);
            if (journal_writer_sync(writer, 1) == RESULT_OK)
                low = promise_of(journal_writer_state(writer));
        }
        struct promise high = promise_of(journal_writer_state(writer));
        journal_writer_close(&writer);
        storage.fail_at = 0;
        if (_i == 1)
            memory_storage_crash(&storage);
        writer = journal_test_open(&storage, 0, 0);
        check_promise(journal_writer_state(writer), low, high);
        journal_writer_close(&writer);
        memory_storage_release(&storage);
    }
}
END_TEST

/* ---- power is lost ---- */

/* Goes on with the journal for some steps; *low is what was durable at the end, *high what was put. */
static void live(struct memory_storage *storage, struct journal_writer *writer, unsigned *step,
                 struct promise *low, struct promise *high)
{
    *low = promise_of(journal_writer_state(writer));
    for (uint64_t steps = memory_random(storage, 60); steps > 0; steps--) {
        put_step(writer, (*step)++);
        uint64_t choice = memory_random(storage, 4);
        if (choice == 0) {
            ck_assert_int_eq(journal_writer_sync(writer, 1), RESULT_OK);
            *low = promise_of(journal_writer_state(writer));
        } else if (choice < 3) {
            ck_assert_int_eq(journal_writer_flush(writer, 1), RESULT_OK);
        }
    }
    *high = promise_of(journal_writer_state(writer));
}

static void run_with_crashes(uint64_t seed)
{
    struct memory_storage storage;
    memory_storage_init(&storage, seed);
    unsigned step = 0;
    struct promise low = {0}, high = {0};
    for (unsigned life = 0; life < 12; life++) {
        struct journal_writer_options options = {
            .storage = &storage.base, .dir = JOURNAL_TEST_DIR, .segment_bytes = 1024, .waiting_bytes = 512};
        struct journal_writer *writer = NULL;
        struct journal_report report;
        enum result result = journal_writer_open(&options, 1, &writer, &report);
        ck_assert_msg(result == RESULT_OK, "seed %lu life %u: %s: %s at %lu", (unsigned long)seed, life,
                      result_text(result), report.fault, (unsigned long)report.fault_offset);
        check_promise(journal_writer_state(writer), low, high);
        live(&storage, writer, &step, &low, &high);
        journal_writer_close(&writer);
        memory_storage_crash(&storage);
    }
    memory_storage_release(&storage);
}

START_TEST(after_any_crash_all_that_was_durable_is_there)
{
    const char *given = getenv("SEED");
    if (given != NULL) {
        run_with_crashes(strtoull(given, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= 300; seed++)
        run_with_crashes(seed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_writer");
    TCase *tests = tcase_create("journal_writer");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_is_flushed_is_found_again);
    tcase_add_test(tests, a_lost_tail_is_not_forgotten_by_the_next_start);
    tcase_add_test(tests, only_one_process_writes);
    tcase_add_test(tests, acks_and_confirms_that_wait_are_merged);
    tcase_add_test(tests, more_voters_than_fit_a_record_are_split);
    tcase_add_test(tests, segments_are_replaced_and_the_old_ones_go_when_the_new_one_is_durable);
    tcase_add_test(tests, what_waits_is_bounded_and_nothing_is_lost);
    tcase_add_test(tests, a_sync_that_runs_elsewhere_keeps_its_file);
    tcase_add_test(tests, whichever_call_fails_the_end_is_what_was_put);
    tcase_add_loop_test(tests, a_process_that_dies_while_calls_fail_leaves_a_journal_that_opens, 0, 2);
    tcase_add_test(tests, after_any_crash_all_that_was_durable_is_there);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
