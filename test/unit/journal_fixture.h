/*
 * For the tests of the journal: a journal in a memory_storage, one record of each kind, and states compared.
 */
#ifndef ACKGATE_TEST_JOURNAL_FIXTURE_H
#define ACKGATE_TEST_JOURNAL_FIXTURE_H

#include "recovery/journal_writer.h"
#include "test/unit/memory_storage.h"

#include <check.h>

#define JOURNAL_TEST_DIR "/journal"

static const struct journal_ack journal_test_acks[] = {
    {"r1", {2, 900}},
    {"r2", {2, 800}}
};

/* One record of each kind, in an order that makes sense. */
static const struct journal_record journal_test_records[] = {
    {.type = JOURNAL_STARTED,                                                                .started = {"11111111-2222-3333-4444-555555555555", "0.1.0"}},
    {.type = JOURNAL_SOURCE,
     .source = {FLAVOR_MYSQL, 7, "3e11fa47-71ca-11e1-9e33-c80aa9429562", "binlog", "9.7.4"}},
    {.type = JOURNAL_ADMITTED, .text = "10.0.0.1:3306"},
    {.type = JOURNAL_ATTACH,                                                               .attach = {"r1", 11, "aaaaaaaa-0000-0000-0000-000000000001", 5, {2, 157}}},
    {.type = JOURNAL_ATTACH,                                                                                      .attach = {"r2", 12, "", 6, {1, 4}}},
    {.type = JOURNAL_ACKS,.acks = {journal_test_acks, 2}},
    {.type = JOURNAL_CONFIRM,                                                                 .confirm = {{2, 900}, "3e11fa47-71ca-11e1-9e33-c80aa9429562:17"}},
    {.type = JOURNAL_DETACH,                                                                                      .detach = {"r2", 6, false, {2, 950}}},
    {.type = JOURNAL_POLICY,                                                                                                          .policy = {"ALL (r1, r2)", "admin@127.0.0.1"}},
    {.type = JOURNAL_REFUSED,                                                                .text = "diverged"},
    {.type = JOURNAL_OVERRIDE,                                                                                      .text = "RESOLVE 'x:1' COMPLETE by admin@127.0.0.1"},
    {.type = JOURNAL_DISCARD,
     .discard = {{2, 950},
                 {2, 1400},
                 "3e11fa47-71ca-11e1-9e33-c80aa9429562:18-19",
                 "never sent",
                 "d/binlog.000002"}},
    {.type = JOURNAL_STOPPED                                                                },
};
enum { JOURNAL_TEST_RECORDS = sizeof journal_test_records / sizeof journal_test_records[0] };

static inline struct journal_writer *journal_test_open(struct memory_storage *storage, uint64_t segment_bytes,
                                                       size_t waiting_bytes)
{
    struct journal_writer_options options = {
        .storage = &storage->base,
        .dir = JOURNAL_TEST_DIR,
        .segment_bytes = segment_bytes,
        .waiting_bytes = waiting_bytes,
    };
    struct journal_writer *writer = NULL;
    struct journal_report report;
    enum result result = journal_writer_open(&options, 1000, &writer, &report);
    ck_assert_msg(result == RESULT_OK, "%s: %s at %lu", result_text(result), report.fault,
                  (unsigned long)report.fault_offset);
    return writer;
}

/* The same knowledge, whatever the sequence. */
static inline bool journal_test_same(const struct journal_state *a, const struct journal_state *b)
{
    size_t a_length, b_length;
    uint8_t *a_bytes = journal_state_encode(a, &a_length);
    uint8_t *b_bytes = journal_state_encode(b, &b_length);
    bool is_same = a_length == b_length && memcmp(a_bytes, b_bytes, a_length) == 0;
    free(a_bytes);
    free(b_bytes);
    return is_same;
}

static inline enum result journal_test_read(struct memory_storage *storage, struct journal_state *state,
                                            struct journal_report *report)
{
    return journal_reader_replay(&storage->base, JOURNAL_TEST_DIR, NULL, NULL, state, report);
}

#endif
