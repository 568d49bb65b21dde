/* layer: recovery */
/* A tail and an engine report as text: there and back, and everything that is refused. */
#include "protocol/xalloc.h"
#include "recovery/tail_text.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
    "ackgate-tail 1 flavor=mysql server_uuid=3e11fa47-71ca-11e1-9e33-c80aa9429562 server_id=1 "
    "base=bin%20log closed=0 partial=0 fault=none start=found from=2:157 end=3:990 "
    "keep_dir=/data/it%27s%25/ackgate-discarded files=1:4711,2:500,3:990\n"
    "3e11fa47-71ca-11e1-9e33-c80aa9429562:17 2 157 430 rows 1 89abcdef\n"
    "- 2 430 500 ddl 0 00000000\n"
    "3e11fa47-71ca-11e1-9e33-c80aa9429562:tag:1 3 157 990 ddl-atomic 1 00000001\n";

static enum result parse(const char *text, struct tail *ret_tail, size_t *ret_line)
{
    return tail_parse(span_of_text(text), ret_tail, ret_line);
}

START_TEST(there_and_back)
{
    struct tail tail;
    size_t line;
    size_t length;
    tail_init(&tail);
    ck_assert_int_eq(parse(good, &tail, &line), RESULT_OK);
    ck_assert_int_eq(tail.flavor, FLAVOR_MYSQL);
    ck_assert_str_eq(tail.base, "bin log");
    ck_assert_str_eq(tail.keep_dir, "/data/it's%/ackgate-discarded");
    ck_assert_uint_eq(tail.file_count, 3);
    ck_assert_uint_eq(tail.txn_count, 3);
    ck_assert_uint_eq(tail.txns[0].crc, 0x89abcdefu);
    ck_assert(!tail.txns[1].is_undone);
    ck_assert(gtid_is_none(&tail.txns[1].gtid));
    ck_assert_int_eq(tail.txns[2].kind, TXN_DDL_ATOMIC);
    char *text = tail_format(&tail, &length);
    ck_assert_str_eq(text, good);
    ck_assert_uint_eq(length, strlen(good));
    free(text);
    tail_release(&tail);
}
END_TEST

static const struct {
    const char *from, *to;
    size_t line;
} bad[] = {
    {"ackgate-tail",    "ackgate-tale",             1},
    {"tail 1",          "tail x",                   1},
    {"flavor=mysql",    "flavor=oracle",            1},
    {"flavor=mysql ",   "",                         1},
    {"closed=0",        "closed=2",                 1},
    {"fault=none",      "fault=",                   1},
    {"start=found",     "start=lost",               1},
    {"from=2:157",      "from=2",                   1},
    {"from=2:157",      "from=2:x",                 1},
    {"from=2:157",      "from=99999999999:4",       1},
    {"%20log",          "%2log",                    1},
    {"%20log",          "%41log",                   1},
    {"%20log",          "%00log",                   1},
    {"%20log",          "'log",                     1},
    {"base=bin%20log",  "base=bin/log",             1},
    {"files=1:4711,2",  "files=2:4711,2",           1},
    {"3:990\n",         "3:990,\n",                 1},
    {"3:990\n",         "3:990 more=1\n",           1},
    {":17 2 157",       ":17 2 156",                2},
    {":17 2 157",       ":17 2 157 ",               2},
    {":17 2 157",       ":0 2 157",                 2},
    {":17 2 157",       " 2 157",                   2},
    {"rows 1 89abcdef", "rows 1 89ABCDEF",          2},
    {"rows 1 89abcdef", "rows 1 9abcdef",           2},
    {"rows 1 89abcdef", "rows 2 89abcdef",          2},
    {"rows 1 89abcdef", "rowz 1 89abcdef",          2},
    {"rows 1 89abcdef", "rows 1 89abcdef x",        2},
    {"157 430",         "157 18446744073709551616", 2},
    {"- 2 430 500",     "- 2 429 500",              3},
    {"- 2 430 500",     "- 2 430 430",              3},
    {"- 2 430 500",     "\n- 2 430 500",            3},
    {"157 990",         "157 991",                  4},
    {"- 2 430 500",     "0-1-5 2 430 500",          3},
    {"start=found",     "start=inside",             2},
};

START_TEST(refused)
{
    struct tail tail;
    size_t line;
    const char *at = strstr(good, bad[_i].from);
    ck_assert_ptr_nonnull(at);
    char *text = xasprintf("%.*s%s%s", (int)(at - good), good, bad[_i].to, at + strlen(bad[_i].from));
    tail_init(&tail);
    tail.server_id = 77;
    enum result result = parse(text, &tail, &line);
    ck_assert_msg(result == RESULT_MALFORMED && line == bad[_i].line, "%s -> %s: %s in line %zu",
                  bad[_i].from, bad[_i].to, result_text(result), line);
    ck_assert_uint_eq(tail.server_id, 77);
    free(text);
}
END_TEST

START_TEST(cut_anywhere)
{
    struct tail tail;
    size_t line;
    tail_init(&tail);
    for (size_t length = 0; length < strlen(good); length++) {
        char *text = xstrndup(good, length);
        struct span span = {(const uint8_t *)text, length};
        enum result result = tail_parse(span, &tail, &line);
        (void)result; /* whole lines are a tail; nothing else is, and nothing is read beyond */
        free(text);
    }
    tail_release(&tail);
    ck_assert_int_eq(parse("", &tail, &line), RESULT_MALFORMED);
    ck_assert_int_eq(parse("ackgate-tail 2 x", &tail, &line), RESULT_UNSUPPORTED);
}
END_TEST

START_TEST(does_not_fit)
{
    struct tail tail;
    struct tail parsed;
    size_t line;
    size_t length;
    tail_init(&tail);
    tail_init(&parsed);
    ck_assert_int_eq(parse(good, &tail, &line), RESULT_OK);
    struct tail_txn txn = tail.txns[2];
    while (tail.txn_count < 249000) {
        txn.start = txn.end;
        txn.end += 100;
        ck_assert(tail_add_txn(&tail, &txn));
    }
    tail.end = tail_txn_end(&txn);
    char *text = tail_format(&tail, &length);
    ck_assert_uint_lt(length, TAIL_TEXT_MAX);
    ck_assert_int_eq(tail_parse((struct span){(const uint8_t *)text, length}, &parsed, &line), RESULT_OK);
    ck_assert(parsed.is_partial);
    ck_assert_uint_lt(parsed.txn_count, tail.txn_count);
    ck_assert_uint_gt(parsed.txn_count, 150000);
    free(text);
    tail_release(&tail);
    tail_release(&parsed);
}
END_TEST

START_TEST(engine_reports)
{
    struct engine_report report = {.flavor = FLAVOR_MARIADB, .file = "bin log.000002", .offset = 750};
    struct engine_report parsed;
    char *text = engine_report_format(&report);
    ck_assert_str_eq(text, "ackgate-engine 1 flavor=mariadb file=bin%20log.000002 pos=750\n");
    ck_assert_int_eq(engine_report_parse(span_of_text(text), &parsed), RESULT_OK);
    ck_assert_str_eq(parsed.file, report.file);
    ck_assert_uint_eq(parsed.offset, 750);
    engine_report_release(&parsed);
    free(text);
    static char executed[] =
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-17,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1";
    report = (struct engine_report){.flavor = FLAVOR_MYSQL, .executed = executed};
    text = engine_report_format(&report);
    ck_assert_int_eq(engine_report_parse(span_of_text(text), &parsed), RESULT_OK);
    ck_assert_str_eq(parsed.executed,
                     "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-17,4e11fa47-71ca-11e1-9e33-c80aa9429562:1");
    engine_report_release(&parsed);
    free(text);
    static const char *const wrong[] = {"",
                                        "ackgate-engine",
                                        "ackgate-engine 1 flavor=mysql",
                                        "ackgate-engine 1 flavor=mysql executed=x",
                                        "ackgate-engine 1 flavor=mariadb file=x pos=1",
                                        "ackgate-engine 1 flavor=mariadb file=b.000001 pos=",
                                        "ackgate-engine 1 flavor=mariadb file=b.000001 pos=1\nx"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(engine_report_parse(span_of_text(wrong[i]), &parsed) == RESULT_MALFORMED, "%s",
                      wrong[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tail_text");
    TCase *tcase = tcase_create("tail_text");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, there_and_back);
    tcase_add_loop_test(tcase, refused, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, cut_anywhere);
    tcase_add_test(tcase, does_not_fit);
    tcase_add_test(tcase, engine_reports);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
