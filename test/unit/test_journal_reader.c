/* layer: recovery */
/*
 * What the reader makes of journals that were cut short or changed: it may lack records and say so, or
 * refuse; it never believes anything that was not written.
 */
#include "test/unit/journal_fixture.h"

/* The states after each record, as the writer had them: what a reader may come to. */
struct history {
    struct journal_state states[64];
    size_t count;
};

static void history_add(struct history *history, const struct journal_state *state)
{
    size_t length;
    uint8_t *bytes = journal_state_encode(state, &length);
    struct journal_state *copy = &history->states[history->count++];
    journal_state_init(copy);
    ck_assert_int_eq(journal_state_decode(copy, (struct span){bytes, length}), RESULT_OK);
    free(bytes);
}

/* Of a journal that was cut the state is unproven, whatever it was. */
static bool history_has(const struct history *history, struct journal_state *state)
{
    if (!state->is_unproven)
        return false;
    for (size_t i = 0; i < history->count; i++) {
        state->is_unproven = history->states[i].is_unproven;
        if (journal_test_same(&history->states[i], state))
            return true;
    }
    return false;
}

static void history_release(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        journal_state_release(&history->states[i]);
}

/* Writes all kinds of records, each flushed, and synced where is_synced says so. */
static void write_journal(struct memory_storage *storage, bool is_synced, struct history *history)
{
    memory_storage_init(storage, 1);
    struct journal_writer *writer = journal_test_open(storage, 0, 0);
    memset(history, 0, sizeof *history);
    history_add(history, journal_writer_state(writer));
    for (size_t i = 0; i < JOURNAL_TEST_RECORDS; i++) {
        journal_writer_append(writer, &journal_test_records[i], 2000 + i);
        ck_assert_int_eq(is_synced ? journal_writer_sync(writer, 2000) : journal_writer_flush(writer, 2000),
                         RESULT_OK);
        history_add(history, journal_writer_state(writer));
    }
    journal_writer_close(&writer);
}

static struct memory_bytes *segment(struct memory_storage *storage, const char *path)
{
    return &memory_storage_file(storage, path)->live;
}

START_TEST(what_was_written_is_read)
{
    struct memory_storage storage;
    struct history history;
    write_journal(&storage, _i == 1, &history);
    struct journal_state state;
    journal_state_init(&state);
    struct journal_report report;
    ck_assert_int_eq(journal_test_read(&storage, &state, &report), RESULT_OK);
    ck_assert(journal_test_same(&state, &history.states[history.count - 1]));
    ck_assert(!report.is_tail_cut);
    ck_assert_str_eq(report.fault, "");
    ck_assert_uint_eq(report.records, JOURNAL_TEST_RECORDS + 1);
    ck_assert_uint_eq(report.segment, 1);
    ck_assert_uint_eq(report.segment_bytes, report.valid_bytes + JOURNAL_END_BYTES);
    journal_state_release(&state);
    history_release(&history);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(a_journal_cut_at_any_byte_says_so)
{
    struct memory_storage storage;
    struct history history;
    write_journal(&storage, _i == 1, &history);
    struct memory_bytes *bytes = segment(&storage, JOURNAL_TEST_DIR "/journal.000001");
    for (size_t length = bytes->length; length-- > 0;) {
        bytes->length = length;
        struct journal_state state;
        journal_state_init(&state);
        struct journal_report report;
        ck_assert_int_eq(journal_test_read(&storage, &state, &report), RESULT_OK);
        ck_assert(report.is_tail_cut);
        ck_assert(history_has(&history, &state));
        ck_assert_uint_le(report.valid_bytes, length);
        journal_state_release(&state);
    }
    history_release(&history);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(a_journal_with_any_bit_turned_is_cut_or_refused)
{
    struct memory_storage storage;
    struct history history;
    bool is_synced = _i == 1;
    write_journal(&storage, is_synced, &history);
    struct memory_bytes *bytes = segment(&storage, JOURNAL_TEST_DIR "/journal.000001");
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * bytes->length; bit++) {
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct journal_state state;
        journal_state_init(&state);
        struct journal_report report;
        enum result result = journal_test_read(&storage, &state, &report);
        ck_assert(result == RESULT_DAMAGED || (result == RESULT_OK && report.is_tail_cut));
        ck_assert(result != RESULT_OK || history_has(&history, &state));
        ck_assert(report.fault[0] != '\0' && report.fault_offset <= bit / 8);
        ck_assert(result == RESULT_OK || strcmp(report.path, JOURNAL_TEST_DIR "/journal.000001") == 0);
        refused += result != RESULT_OK;
        journal_state_release(&state);
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* With a sync behind each record only the last two frames and the mark can pass for a torn tail. */
    if (is_synced)
        ck_assert_uint_ge(refused, 8 * (bytes->length - 2 * (JOURNAL_FRAME_BYTES + 120)));
    history_release(&history);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(a_later_segment_without_its_older_ones_is_refused_when_its_start_is_damaged)
{
    struct memory_storage storage;
    struct history history;
    write_journal(&storage, false, &history);
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    journal_writer_close(&writer);
    struct memory_bytes *bytes = segment(&storage, JOURNAL_TEST_DIR "/journal.000002");
    ck_assert_ptr_null(memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001"));
    struct journal_report report;
    struct journal_state state;
    journal_state_init(&state);
    for (size_t bit = 0; bit < 8 * (bytes->length - JOURNAL_END_BYTES); bit++) {
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(journal_test_read(&storage, &state, &report), RESULT_DAMAGED);
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    journal_state_release(&state);
    history_release(&history);
    memory_storage_release(&storage);
}
END_TEST

START_TEST(a_torn_newest_segment_leaves_the_one_before_it)
{
    struct memory_storage storage;
    struct history history;
    write_journal(&storage, true, &history);
    struct memory_inode *torn = xcalloc(1, sizeof *torn);
    storage.inodes[storage.inodes_count++] = torn;
    memory_name_find(&storage, JOURNAL_TEST_DIR "/journal.000002")->live = torn;
    memory_change_add(torn, false, 0, segment(&storage, JOURNAL_TEST_DIR "/journal.000001")->data, 60);
    struct journal_report report;
    struct journal_state state;
    journal_state_init(&state);
    ck_assert_int_eq(journal_test_read(&storage, &state, &report), RESULT_OK);
    ck_assert_uint_eq(report.segment, 1);
    ck_assert_uint_eq(report.newest_segment, 2);
    ck_assert(!report.is_tail_cut);
    ck_assert(journal_test_same(&state, &history.states[history.count - 1]));
    struct journal_writer *writer = journal_test_open(&storage, 0, 0);
    ck_assert_uint_eq(journal_writer_segment(writer), 3);
    ck_assert(journal_test_same(&state, journal_writer_state(writer)));
    ck_assert_ptr_null(memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001"));
    ck_assert_ptr_null(memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000002"));
    journal_writer_close(&writer);
    journal_state_release(&state);
    history_release(&history);
    memory_storage_release(&storage);
}
END_TEST

/* Puts a changed header or frame with a right checksum into the journal. */
static enum result read_with_version(uint32_t version)
{
    struct memory_storage storage;
    struct history history;
    write_journal(&storage, true, &history);
    struct writer header;
    writer_init(&header, segment(&storage, JOURNAL_TEST_DIR "/journal.000001")->data, JOURNAL_HEADER_BYTES);
    journal_header_encode(&header, &(struct journal_header){version, 1, 1});
    struct journal_report report;
    struct journal_state state;
    journal_state_init(&state);
    enum result result = journal_test_read(&storage, &state, &report);
    if (result != RESULT_OK)
        ck_assert_ptr_nonnull(strstr(report.fault, "newer version"));
    journal_state_release(&state);
    history_release(&history);
    memory_storage_release(&storage);
    return result;
}

START_TEST(a_newer_format_is_refused)
{
    ck_assert_int_eq(read_with_version(JOURNAL_VERSION), RESULT_OK);
    ck_assert_int_eq(read_with_version(JOURNAL_VERSION + 1), RESULT_UNSUPPORTED);
}
END_TEST

START_TEST(a_valid_frame_that_makes_no_sense_is_refused)
{
    static const struct {
        uint8_t type;
        const char *body;
        enum result expected;
    } rows[] = {
        {JOURNAL_TYPE_END,   "",          RESULT_UNSUPPORTED},
        {200,                "what",      RESULT_UNSUPPORTED},
        {JOURNAL_CONFIRM,    "short",     RESULT_MALFORMED  },
        {JOURNAL_STOPPED,    "not empty", RESULT_MALFORMED  },
        {JOURNAL_CHECKPOINT, "no state",  RESULT_MALFORMED  },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct memory_storage storage;
        struct history history;
        write_journal(&storage, true, &history);
        struct memory_bytes *bytes = segment(&storage, JOURNAL_TEST_DIR "/journal.000001");
        uint8_t added[128];
        struct writer writer;
        writer_init(&writer, added, sizeof added);
        struct journal_frame frame = {
            .type = rows[i].type, .sequence = JOURNAL_TEST_RECORDS + 2, .body = span_of_text(rows[i].body)};
        journal_frame_encode(&writer, &frame);
        memory_change_add(memory_storage_file(&storage, JOURNAL_TEST_DIR "/journal.000001"), false,
                          bytes->length - JOURNAL_END_BYTES, added, writer.length);
        struct journal_report report;
        struct journal_state state;
        journal_state_init(&state);
        ck_assert_int_eq(journal_test_read(&storage, &state, &report), rows[i].expected);
        ck_assert_ptr_nonnull(strstr(report.fault, "record"));
        journal_state_release(&state);
        history_release(&history);
        memory_storage_release(&storage);
    }
}
END_TEST

START_TEST(an_empty_directory_is_an_empty_journal)
{
    struct memory_storage storage;
    memory_storage_init(&storage, 1);
    struct journal_report report;
    struct journal_state state;
    journal_state_init(&state);
    ck_assert_int_eq(journal_test_read(&storage, &state, &report), RESULT_OK);
    ck_assert_uint_eq(report.segment, 0);
    ck_assert(!report.is_tail_cut && state.sequence == 0 && state.starts == 0);
    storage.calls = 0;
    storage.fail_at = 1;
    ck_assert_int_eq(journal_test_read(&storage, &state, &report), RESULT_IO);
    journal_state_release(&state);
    memory_storage_release(&storage);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_reader");
    TCase *tests = tcase_create("journal_reader");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_was_written_is_read, 0, 2);
    tcase_add_loop_test(tests, a_journal_cut_at_any_byte_says_so, 0, 2);
    tcase_add_loop_test(tests, a_journal_with_any_bit_turned_is_cut_or_refused, 0, 2);
    tcase_add_test(tests, a_later_segment_without_its_older_ones_is_refused_when_its_start_is_damaged);
    tcase_add_test(tests, a_torn_newest_segment_leaves_the_one_before_it);
    tcase_add_test(tests, a_newer_format_is_refused);
    tcase_add_test(tests, a_valid_frame_that_makes_no_sense_is_refused);
    tcase_add_test(tests, an_empty_directory_is_an_empty_journal);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
