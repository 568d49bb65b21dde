/* layer: protocol */
/*
 * The tracker finds in the files of real servers the transactions that their own tools print
 * (test/golden/binlog_*.expected: GTID, start, end, kind), and cannot be led astray.
 */
#include "protocol/binlog_txn.h"

#include "test/unit/binlog_golden.h"

static struct binlog_golden golden;

static const char *const with_expectation[] = {
    "mysql_row",          "mysql_statement", "mysql_mixed",       "mysql_compressed",
    "mysql_tagged",       "mariadb_row",     "mariadb_statement", "mariadb_mixed",
    "mariadb_compressed", "mariadb_domains", "mariadb_cached",
};
#define EXPECTATIONS ((int)(sizeof with_expectation / sizeof with_expectation[0]))

static FILE *open_expectation(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "test/golden/binlog_%s.expected", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    return file;
}

static enum result feed(struct txn_tracker *tracker, enum txn_step *step)
{
    struct span body = golden.body;
    if (body.length > TXN_BODY_BYTES)
        body.length = TXN_BODY_BYTES;
    return txn_tracker_step(tracker, &golden.header, body, golden.start, step);
}

static void start_tracker(struct txn_tracker *tracker, const char *name)
{
    binlog_golden_load(&golden, name);
    txn_tracker_init(tracker, strncmp(name, "mysql", 5) == 0 ? FLAVOR_MYSQL : FLAVOR_MARIADB);
}

START_TEST(transactions_are_those_that_the_servers_tools_print)
{
    struct txn_tracker tracker;
    start_tracker(&tracker, with_expectation[_i]);
    FILE *expected = open_expectation(with_expectation[_i]);
    char line[256];
    while (binlog_golden_next(&golden)) {
        enum txn_step step;
        if (golden.header.type == BINLOG_FORMAT_DESCRIPTION)
            txn_tracker_set_format(&tracker, &golden.format);
        ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
        ck_assert_int_ne(step, TXN_STEP_DROPPED);
        ck_assert(tracker.open == (step == TXN_STEP_BEGINS || step == TXN_STEP_INSIDE));
        if (step != TXN_STEP_ENDS)
            continue;
        char gtid[GTID_TEXT_MAX];
        char found[256];
        snprintf(found, sizeof found, "%s %lu %lu %s\n", gtid_format(&tracker.txn.gtid, gtid),
                 (unsigned long)tracker.txn.start, (unsigned long)tracker.txn.end,
                 txn_kind_name(tracker.txn.kind));
        ck_assert_msg(fgets(line, sizeof line, expected) != NULL, "not expected: %s", found);
        ck_assert_str_eq(found, line);
    }
    ck_assert_msg(fgets(line, sizeof line, expected) == NULL, "missing: %s", line);
    fclose(expected);
    ck_assert(!tracker.open);
}
END_TEST

/* Facts measured on the servers: what is gone after the binlog was cut before crash recovery. */
START_TEST(what_a_cut_undoes)
{
    static const struct {
        enum flavor flavor;
        enum txn_kind kind;
        bool ddl;
        bool undone;
    } rows[] = {
        {FLAVOR_MYSQL,   TXN_ROWS,        false, true },
        {FLAVOR_MARIADB, TXN_ROWS,        false, true },
        {FLAVOR_MYSQL,   TXN_ROWS,        true,  true },
        {FLAVOR_MARIADB, TXN_ROWS,        true,  false},
        {FLAVOR_MYSQL,   TXN_DDL_ATOMIC,  true,  true },
        {FLAVOR_MARIADB, TXN_DDL_ATOMIC,  true,  false},
        {FLAVOR_MYSQL,   TXN_DDL,         true,  false},
        {FLAVOR_MARIADB, TXN_DDL,         true,  false},
        {FLAVOR_MYSQL,   TXN_XA_PREPARE,  false, true },
        {FLAVOR_MARIADB, TXN_XA_PREPARE,  false, true },
        {FLAVOR_MYSQL,   TXN_XA_COMMIT,   false, true },
        {FLAVOR_MARIADB, TXN_XA_COMMIT,   false, true },
        {FLAVOR_MYSQL,   TXN_ROWS_COMMIT, false, false},
        {FLAVOR_MARIADB, TXN_ROWS_COMMIT, false, false},
        {FLAVOR_MYSQL,   TXN_INCIDENT,    false, false},
        {FLAVOR_MYSQL,   TXN_UNKNOWN,     false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn txn = {.gtid.flavor = rows[i].flavor, .kind = rows[i].kind, .ddl = rows[i].ddl};
        ck_assert_msg(txn_is_undone_by_cut(&txn) == rows[i].undone, "row %zu", i);
    }
}
END_TEST

START_TEST(ddl_is_known_as_such)
{
    static const struct {
        const char *file;
        int ddl;
    } rows[] = {
        {"mysql_row",   0},
        {"mariadb_row", 0}
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_tracker tracker;
        start_tracker(&tracker, rows[i].file);
        int selects = 0;
        while (binlog_golden_next(&golden)) {
            enum txn_step step;
            ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
            if (step == TXN_STEP_ENDS && (tracker.txn.kind == TXN_DDL || tracker.txn.kind == TXN_DDL_ATOMIC))
                ck_assert(tracker.txn.ddl);
            selects += step == TXN_STEP_ENDS && tracker.txn.kind == TXN_ROWS && tracker.txn.ddl;
        }
        ck_assert_int_eq(selects, 1); /* the one CREATE TABLE … SELECT */
    }
}
END_TEST

/* The table of a CREATE TABLE … SELECT, where a crash can have lost it and a cut undoes it. */
START_TEST(made_tables_need_the_servers_ddl_log)
{
    static const struct {
        const char *version;
        bool is_known;
    } rows[] = {
        {"10.11.19-MariaDB-log", true },
        {"11.8.6-MariaDB",       true },
        {"10.6.0-MariaDB",       true },
        {"10.5.29-MariaDB-log",  false},
        {"5.5.68-MariaDB",       false},
        {"MariaDB",              false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct txn_tracker tracker;
        enum txn_step step;
        size_t made = 0;
        start_tracker(&tracker, "mariadb_cached");
        while (binlog_golden_next(&golden)) {
            struct binlog_format format = golden.format;
            snprintf(format.server_version, sizeof format.server_version, "%s", rows[i].version);
            txn_tracker_set_format(&tracker, &format);
            ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
            if (step != TXN_STEP_ENDS || tracker.txn.makes[0] == '\0')
                continue;
            ck_assert_str_eq(tracker.txn.makes, "d/made");
            ck_assert(txn_is_undone_by_cut(&tracker.txn));
            made++;
        }
        ck_assert_msg(made == (rows[i].is_known ? 1 : 0), "%s: %zu", rows[i].version, made);
    }
}
END_TEST

/* A crash left the first half of each transaction; the next file begins. */
START_TEST(a_half_transaction_is_dropped_at_the_next_file)
{
    struct txn_tracker tracker;
    struct binlog_event_header format = {.type = BINLOG_FORMAT_DESCRIPTION, .length = 123, .log_pos = 127};
    start_tracker(&tracker, with_expectation[_i]);
    size_t dropped = 0;
    while (binlog_golden_next(&golden)) {
        enum txn_step step;
        ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
        if (!tracker.open)
            continue;
        struct txn_tracker crashed = tracker;
        ck_assert_int_eq(txn_tracker_step(&crashed, &format, (struct span){0}, 4, &step), RESULT_OK);
        ck_assert_int_eq(step, TXN_STEP_DROPPED);
        ck_assert(gtid_equal(&crashed.txn.gtid, &tracker.txn.gtid));
        ck_assert(!crashed.open);
        dropped++;
    }
    ck_assert_uint_gt(dropped, 0);
}
END_TEST

START_TEST(a_gtid_inside_a_group_is_refused_and_changes_nothing)
{
    struct txn_tracker tracker;
    start_tracker(&tracker, with_expectation[_i]);
    while (binlog_golden_next(&golden)) {
        enum txn_step step;
        ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
        if (step != TXN_STEP_BEGINS)
            continue;
        struct txn before = tracker.txn;
        ck_assert_int_eq(feed(&tracker, &step), RESULT_MALFORMED);
        ck_assert(gtid_equal(&before.gtid, &tracker.txn.gtid) && tracker.open);
    }
}
END_TEST

START_TEST(heartbeats_and_artificial_events_are_outside)
{
    struct txn_tracker tracker;
    start_tracker(&tracker, "mariadb_row");
    static const struct binlog_event_header aside[] = {
        {.type = BINLOG_HEARTBEAT,          .length = 40,   .log_pos = 500                 },
        {.type = BINLOG_ROTATE,             .length = 44,   .flags = BINLOG_FLAG_ARTIFICIAL},
        {.type = BINLOG_FORMAT_DESCRIPTION, .length = 252 },
        {.type = BINLOG_MARIADB_GTID_LIST,                     .length = 43, .log_pos = 500,                                .flags = BINLOG_FLAG_ARTIFICIAL},
        {.type = BINLOG_MARIADB_CHECKPOINT, .length = 40,   .log_pos = 500},
    };
    while (binlog_golden_next(&golden)) {
        enum txn_step step;
        ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
        struct txn_tracker before = tracker;
        for (size_t i = 0; i < sizeof aside / sizeof aside[0]; i++) {
            ck_assert_int_eq(txn_tracker_step(&tracker, &aside[i], (struct span){0}, 4, &step), RESULT_OK);
            ck_assert_int_eq(step, TXN_STEP_OUTSIDE);
            ck_assert(tracker.open == before.open && tracker.txn.end == before.txn.end);
        }
    }
}
END_TEST

static void step_on(struct span bytes, void *context)
{
    struct txn_tracker tracker = *(struct txn_tracker *)context;
    struct binlog_event_header header;
    enum txn_step step;
    if (binlog_event_header_decode(bytes, &header) != RESULT_OK)
        return;
    struct span body = {bytes.data + BINLOG_HEADER_BYTES, bytes.length - BINLOG_HEADER_BYTES};
    if (body.length >= BINLOG_CHECKSUM_BYTES)
        body.length -= BINLOG_CHECKSUM_BYTES;
    (void)!txn_tracker_step(&tracker, &header, body, 4, &step);
}

START_TEST(damaged_events_do_no_harm)
{
    struct txn_tracker tracker;
    start_tracker(&tracker, with_expectation[_i]);
    while (binlog_golden_next(&golden)) {
        enum txn_step step;
        if (golden.event.length < 400)
            binlog_damage(golden.event, step_on, &tracker);
        ck_assert_int_eq(feed(&tracker, &step), RESULT_OK);
    }
}
END_TEST

START_TEST(the_verb_of_a_statement)
{
    static const struct {
        const char *sql;
        enum binlog_query_verb verb;
    } rows[] = {
        {"BEGIN",                     BINLOG_VERB_BEGIN      },
        {"begin",                     BINLOG_VERB_BEGIN      },
        {"BEGINNING",                 BINLOG_VERB_OTHER      },
        {"COMMIT",                    BINLOG_VERB_COMMIT     },
        {"COMMIT /* implicit */",     BINLOG_VERB_COMMIT     },
        {"COMMITTED",                 BINLOG_VERB_OTHER      },
        {"ROLLBACK",                  BINLOG_VERB_ROLLBACK   },
        {"ROLLBACK TO `s1`",          BINLOG_VERB_SAVEPOINT  },
        {"SAVEPOINT `s1`",            BINLOG_VERB_SAVEPOINT  },
        {"RELEASE SAVEPOINT `s1`",    BINLOG_VERB_SAVEPOINT  },
        {"XA START X'7831',X'',1",    BINLOG_VERB_XA_START   },
        {"XA END X'7831',X'',1",      BINLOG_VERB_XA_END     },
        {"XA PREPARE X'7831',X'',1",  BINLOG_VERB_XA_PREPARE },
        {"XA COMMIT X'7831',X'',1",   BINLOG_VERB_XA_COMMIT  },
        {"XA ROLLBACK X'7831',X'',1", BINLOG_VERB_XA_ROLLBACK},
        {"CREATE TABLE t(a int)",     BINLOG_VERB_OTHER      },
        {"",                          BINLOG_VERB_OTHER      },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(binlog_query_verb(span_of_text(rows[i].sql)) == rows[i].verb, "%s", rows[i].sql);
}
END_TEST

START_TEST(statements_come_back_byte_for_byte)
{
    struct txn_tracker tracker;
    start_tracker(&tracker, with_expectation[_i]);
    while (binlog_golden_next(&golden)) {
        struct binlog_query query;
        if (golden.header.type != BINLOG_QUERY)
            continue;
        ck_assert_int_eq(binlog_query_decode(golden.body, 13, tracker.flavor, &query), RESULT_OK);
        uint8_t bytes[16384];
        struct writer writer;
        writer_init(&writer, bytes, sizeof bytes);
        binlog_query_encode(&writer, &query);
        ck_assert(span_equal(writer_span_written(&writer), golden.body));
    }
}
END_TEST

/* A statement of any length is understood from its first bytes, with the most status variables there can be.
 */
START_TEST(the_leading_bytes_of_a_long_statement_are_enough)
{
    static uint8_t status[5000];
    static uint8_t sql[30000];
    memset(status, 0, sizeof status); /* flags, again and again */
    memset(sql, 'x', sizeof sql);
    memcpy(sql, "UPDATE t SET ", 13);
    struct binlog_query query = {
        .status = {status, sizeof status},
          .db = span_of_text("d"), .sql = {sql,    sizeof sql   }
    };
    static uint8_t body[40000];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    binlog_query_encode(&writer, &query);
    struct binlog_event_header header = {.type = BINLOG_QUERY, .length = (uint32_t)(writer.length + 19)};
    struct txn_tracker tracker;
    txn_tracker_init(&tracker, FLAVOR_MYSQL);
    tracker.open = tracker.begun = true;
    enum txn_step step;
    struct span leading = {body, TXN_BODY_BYTES};
    ck_assert_int_eq(txn_tracker_step(&tracker, &header, leading, UINT64_C(1) << 40, &step), RESULT_OK);
    ck_assert_int_eq(step, TXN_STEP_INSIDE);
    ck_assert_uint_eq(tracker.txn.end, (UINT64_C(1) << 40) + header.length);
    tracker.begun = false;
    ck_assert_int_eq(txn_tracker_step(&tracker, &header, leading, 4, &step), RESULT_OK);
    ck_assert_int_eq(step, TXN_STEP_ENDS);
    ck_assert_int_eq(tracker.txn.kind, TXN_DDL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binlog_txn");
    TCase *tests = tcase_create("binlog_txn");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, transactions_are_those_that_the_servers_tools_print, 0, EXPECTATIONS);
    tcase_add_test(tests, what_a_cut_undoes);
    tcase_add_test(tests, ddl_is_known_as_such);
    tcase_add_test(tests, made_tables_need_the_servers_ddl_log);
    tcase_add_loop_test(tests, a_half_transaction_is_dropped_at_the_next_file, 0, EXPECTATIONS);
    tcase_add_loop_test(tests, a_gtid_inside_a_group_is_refused_and_changes_nothing, 0, EXPECTATIONS);
    tcase_add_test(tests, heartbeats_and_artificial_events_are_outside);
    tcase_add_loop_test(tests, damaged_events_do_no_harm, 0, EXPECTATIONS);
    tcase_add_test(tests, the_verb_of_a_statement);
    tcase_add_loop_test(tests, statements_come_back_byte_for_byte, 0, EXPECTATIONS);
    tcase_add_test(tests, the_leading_bytes_of_a_long_statement_are_enough);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
