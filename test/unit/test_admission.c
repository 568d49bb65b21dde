/* layer: proxy */
/*
 * Whether a source may be let in: what its engine has that the history lacks, after a discard or without one,
 * and what an operator said about it. Row by row.
 */
#include "proxy/admission.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"

/* discarded: as of epoch 1, from file 2 offset 500 on; "" for none. overrides: separated by ';'. */
static const struct row {
    const char *story;
    enum flavor flavor;
    const char *stored, *executed, *discarded, *overrides;
    const char *refusal; /* a part of it; "" when it is let in */
    const char *adopted; /* NULL: nothing */
} rows[] = {
    {"the first time, nothing special",     FLAVOR_MYSQL,   UUID ":1-5", UUID ":1-5",   "",            "",                             "",                       ""         },
    {"the first time, with purged history", FLAVOR_MYSQL,   UUID ":3-5", UUID ":1-5",   "",            "",                             "",                       UUID ":1-2"},
    {"again, the same purged history",      FLAVOR_MYSQL,   UUID ":3-6", UUID ":1-6",   "",            "ADOPT '" UUID ":1-2'",         "",
     NULL                                                                                                                                                                   },
    {"less than the store has",             FLAVOR_MYSQL,   UUID ":1-9", UUID ":1-5",   "",            "ADOPT ''",                     "",                       NULL       },
    {"something that nobody knows",         FLAVOR_MYSQL,   UUID ":1-5", UUID ":1-5:8", "",            "ADOPT ''",
     "has executed " UUID ":8",                                                                                                                                  NULL       },
    {"an operator lets that be",            FLAVOR_MYSQL,   UUID ":1-5", UUID ":1-5:8", "",
     "ADOPT '';RESOLVE '" UUID ":8' COMPLETE by x",                                                                                    "",                       NULL       },
    {"not known what it has",               FLAVOR_MYSQL,   UUID ":1-5", NULL,          "",            "ADOPT ''",                     "",                       NULL       },
    {"discarded, and used again",           FLAVOR_MYSQL,   UUID ":1-5", UUID ":1-5",   UUID ":5",     "ADOPT ''",                     "",                       NULL       },
    {"discarded, and in the engine",        FLAVOR_MYSQL,   UUID ":1-4", UUID ":1-5",   UUID ":5",     "ADOPT ''",
     "committed " UUID ":5, which was discarded (epoch 1)",                                                                                                      NULL       },
    {"the same the first time",             FLAVOR_MYSQL,   UUID ":1-4", UUID ":1-5",   UUID ":5",     "",                             "kept in /kept/x",
     NULL                                                                                                                                                                   },
    {"resolved",                            FLAVOR_MYSQL,   UUID ":1-4", UUID ":1-5",   UUID ":5",
     "ADOPT '';RESOLVE '" UUID ":5' DISCARD by x",                                                                                     "",                       NULL       },
    {"no set",                              FLAVOR_MYSQL,   UUID ":1-4", "x",           "",            "ADOPT ''",                     "no set of GTIDs",        NULL       },
    {"no discard",                          FLAVOR_MARIADB, "0-1-5",     NULL,          "",            "",                             "",                       NULL       },
    {"not verified yet",                    FLAVOR_MARIADB, "0-1-5",     NULL,          "0-1-6",       "",                             "ackgate-recover verify", NULL       },
    {"verified before",                     FLAVOR_MARIADB, "0-1-5",     NULL,          "0-1-6",       "ENGINE 1",                     "ackgate-recover verify", NULL       },
    {"verified",                            FLAVOR_MARIADB, "0-1-5",     NULL,          "0-1-6",       "ENGINE 2",                     "",                       NULL       },
    {"resolved one of two",                 FLAVOR_MARIADB, "0-1-5",     NULL,          "0-1-6,0-1-7", "RESOLVE '0-1-6' DISCARD by x",
     "ackgate-recover verify",                                                                                                                                   NULL       },
    {"resolved both",                       FLAVOR_MARIADB, "0-1-5",     NULL,          "0-1-6,0-1-7",
     "RESOLVE '0-1-6' DISCARD by x;RESOLVE '0-1-7' COMPLETE by x",                                                                     "",                       NULL       },
};

static void put(struct journal_state *state, const struct journal_record *record)
{
    ck_assert_int_eq(journal_state_apply(state, record, state->sequence + 1, 1700000000000), RESULT_OK);
}

static void put_overrides(struct journal_state *state, const char *texts)
{
    char copy[512];
    snprintf(copy, sizeof(copy), "%s", texts);
    for (char *rest = copy, *text = strsep(&rest, ";"); text != NULL; text = strsep(&rest, ";"))
        if (text[0] != '\0')
            put(state, &(struct journal_record){.type = JOURNAL_OVERRIDE, .text = text});
}

static void make_state(enum flavor flavor, const char *discarded, const char *overrides,
                       struct journal_state *ret_state)
{
    journal_state_init(ret_state);
    put(ret_state, &(struct journal_record){
                       .type = JOURNAL_SOURCE, .source = {flavor, 1, "", "binlog", "1.0"}
    });
    if (discarded[0] != '\0')
        put(ret_state, &(struct journal_record){
                           .type = JOURNAL_DISCARD,
                           .discard = {{2, 500}, {2, 900}, discarded, "never sent", "/kept/x"}
        });
    put_overrides(ret_state, overrides);
}

START_TEST(every_row)
{
    const struct row *row = &rows[_i];
    struct journal_state state;
    struct gtid_state stored;
    char reason[2048] = "";
    char *adopted = NULL;
    make_state(row->flavor, row->discarded, row->overrides, &state);
    gtid_state_init(&stored, row->flavor);
    ck_assert_int_eq(gtid_state_parse(&stored, span_of_text(row->stored)), RESULT_OK);
    bool is_in = admission_check(&state, row->executed, &stored, &adopted, reason, sizeof(reason));
    ck_assert_msg(is_in == (row->refusal[0] == '\0'), "%s: %s", row->story, reason);
    ck_assert_msg(is_in || strstr(reason, row->refusal) != NULL, "%s: %s", row->story, reason);
    ck_assert_msg((adopted == NULL) == (row->adopted == NULL), "%s: %s", row->story, adopted);
    if (adopted != NULL)
        ck_assert_str_eq(adopted, row->adopted);
    free(adopted);
    gtid_state_release(&stored);
    journal_state_release(&state);
}
END_TEST

/* The engine's position after a start, against a cut at 500 of file 2. */
static const struct engine_row {
    const char *story, *file;
    uint64_t offset;
    const char *overrides;
    bool is_good;
} engine_rows[] = {
    {"nothing in the log",                 "",              0,   "",                             true },
    {"before the cut",                     "binlog.000002", 400, "",                             true },
    {"at the cut",                         "binlog.000002", 500, "",                             true },
    {"behind it",                          "binlog.000002", 501, "",                             false},
    {"an older file",                      "binlog.000001", 999, "",                             true },
    {"a file that the cut removed",        "binlog.000003", 50,  "",                             false},
    {"a later start, in a file made anew", "binlog.000003", 50,  "ENGINE 2",                     true },
    {"a later start, still behind it",     "binlog.000002", 501, "ENGINE 2",                     false},
    {"resolved",                           "binlog.000002", 501, "RESOLVE '0-1-6' DISCARD by x", true },
};

START_TEST(every_engine_row)
{
    const struct engine_row *row = &engine_rows[_i];
    struct journal_state state;
    struct engine_report report = {.flavor = FLAVOR_MARIADB, .offset = row->offset};
    char reason[2048] = "";
    strcpy(report.file, row->file);
    make_state(FLAVOR_MARIADB, "0-1-6", row->overrides, &state);
    bool is_good = admission_check_engine(&state, &report, reason, sizeof(reason));
    ck_assert_msg(is_good == row->is_good, "%s: %s", row->story, reason);
    ck_assert(is_good == (reason[0] == '\0'));
    journal_state_release(&state);
}
END_TEST

START_TEST(what_was_discarded)
{
    struct journal_state state;
    struct gtid gtid;
    make_state(FLAVOR_MYSQL, UUID ":5-7", "", &state);
    ck_assert_uint_eq(admission_discarded_count(&state.discards[0], FLAVOR_MYSQL), 3);
    ck_assert_int_eq(gtid_parse(FLAVOR_MYSQL, span_of_text(UUID ":6"), &gtid), RESULT_OK);
    ck_assert(admission_is_discarded(&state, &gtid));
    ck_assert_int_eq(gtid_parse(FLAVOR_MYSQL, span_of_text(UUID ":8"), &gtid), RESULT_OK);
    ck_assert(!admission_is_discarded(&state, &gtid));
    journal_state_release(&state);
    make_state(FLAVOR_MARIADB, "0-1-5,0-1-6", "", &state);
    ck_assert_uint_eq(admission_discarded_count(&state.discards[0], FLAVOR_MARIADB), 2);
    gtid = gtid_of_mariadb(0, 1, 6);
    ck_assert(admission_is_discarded(&state, &gtid));
    gtid = gtid_of_mariadb(0, 2, 6);
    ck_assert(!admission_is_discarded(&state, &gtid));
    journal_state_release(&state);
}
END_TEST

/* Overrides survive a checkpoint, each once, the latest last. */
START_TEST(overrides_are_kept)
{
    struct journal_state state;
    struct journal_state read;
    struct verdict_override *overrides;
    make_state(
        FLAVOR_MARIADB, "",
        "RESOLVE '0-1-6' DISCARD by x;ADOPT '';RESOLVE '0-1-7' COMPLETE by x;RESOLVE '0-1-6' DISCARD by x",
        &state);
    size_t length;
    uint8_t *bytes = journal_state_encode(&state, &length);
    journal_state_init(&read);
    ck_assert_int_eq(journal_state_decode(&read, (struct span){bytes, length}), RESULT_OK);
    ck_assert_uint_eq(read.overrides_count, 3);
    ck_assert_uint_eq(admission_overrides(&read, &overrides), 2);
    ck_assert_uint_eq(overrides[0].gtid.mariadb.seq, 7);
    ck_assert(!overrides[0].is_discard);
    ck_assert_uint_eq(overrides[1].gtid.mariadb.seq, 6);
    ck_assert(overrides[1].is_discard);
    free(overrides);
    free(bytes);
    journal_state_release(&state);
    journal_state_release(&read);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tcase = tcase_create("admission");
    tcase_add_loop_test(tcase, every_row, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(tcase, every_engine_row, 0, (int)(sizeof(engine_rows) / sizeof(engine_rows[0])));
    tcase_add_test(tcase, what_was_discarded);
    tcase_add_test(tcase, overrides_are_kept);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
