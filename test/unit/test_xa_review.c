/* layer: proxy */
/*
 * What a restarted engine has prepared, against what the binlog says. Stories in rows: a history is words of
 * a file's number, what happened (p: XA PREPARE, c: XA COMMIT, r: XA ROLLBACK, x: rows) and a name; the
 * server's latest start began file 5.
 */
#include "proxy/xa_review.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_FILE = 5, IDS_MAX = 8 };

static const struct row {
    const char *story, *prepared, *history;
    const char *repairs, *unknown, *lost; /* names, "" for none */
} rows[] = {
    {"nothing",                               "",   "4x-",             "",                       "",  "" },
    {"prepared, and so says the binlog",      "a",  "3pa 4x-",         "",                       "",  "" },
    {"prepared and ended",                    "",   "4pa 4ca 4pb 4rb", "",                       "",  "" },
    {"the engine has lost it",                "",   "4pa",             "",                       "",  "a"},
    {"one of two",                            "a",  "4pa 4pb",         "",                       "",  "b"},
    {"lost, and prepared again since",        "a",  "4pa 5pa",         "",                       "",  "" },
    {"lost, and ended since",                 "",   "4pa 6ca",         "",                       "",  "" },
    {"prepared since, not yet in the engine", "",   "5pa",             "",                       "",  "" },
    {"the engine has not committed it",       "a",  "4pa 4ca",         "COMMIT a\n",             "",  "" },
    {"the engine has not rolled it back",     "a",  "4ra",             "ROLLBACK a\n",           "",  "" },
    {"its name was used before",              "a",  "4pa 4ca 4pa 4ra", "ROLLBACK a\n",           "",  "" },
    {"and is used again",                     "a",  "4pa 4ca 4pa",     "",                       "",  "" },
    {"ended since, not yet in the engine",    "a",  "4pa 5ca",         "",                       "",  "" },
    {"two to be ended",                       "ab", "4ca 4rb",         "COMMIT a\nROLLBACK b\n", "",  "" },
    {"nobody knows it",                       "ab", "4pa 4x-",         "",                       "b", "" },
    {"all at once",                           "ab", "4ca 4pc",         "COMMIT a\n",             "b", "c"},
};

static struct xa_id id_of(char name)
{
    struct xa_id id = {.format = 1, .global_bytes = 1};
    id.data[0] = (uint8_t)name;
    return id;
}

static enum txn_kind kind_of(char what)
{
    return what == 'p'   ? TXN_XA_PREPARE
           : what == 'c' ? TXN_XA_COMMIT
           : what == 'r' ? TXN_XA_ROLLBACK
                         : TXN_ROWS;
}

static void feed(struct xa_review *review, const char *history)
{
    for (const char *word = history; word[0] != '\0'; word += word[3] == ' ' ? 4 : 3) {
        struct txn txn = {.gtid = gtid_of_mariadb(0, 1, 7), .kind = kind_of(word[1]), .xa = id_of(word[2])};
        ck_assert(xa_review_add(review, (uint64_t)(word[0] - '0'), &txn));
    }
}

/* "COMMIT a" of "XA COMMIT X'61',X'',1" */
static void shorten(const char *repairs, char *ret_text)
{
    char verb[16];
    unsigned byte;
    ret_text[0] = '\0';
    for (int read; sscanf(repairs, "XA %15s X'%2x',X'',1\n%n", verb, &byte, &read) == 2; repairs += read)
        ret_text += sprintf(ret_text, "%s %c\n", verb, (char)byte);
    ck_assert_str_eq(repairs, "");
}

static void check_row(const struct row *row)
{
    struct xa_id ids[IDS_MAX];
    struct xa_review review;
    char said[200];
    size_t count = strlen(row->prepared);
    for (size_t i = 0; i < count; i++)
        ids[i] = id_of(row->prepared[i]);
    xa_review_init(&review, ids, count, RUN_FILE);
    feed(&review, row->history);
    char *repairs = xa_review_repairs(&review);
    shorten(repairs, said);
    ck_assert_msg(strcmp(said, row->repairs) == 0, "%s: repairs: %s", row->story, said);
    const struct xa_id *unknown = xa_review_unknown(&review);
    ck_assert_msg(unknown == NULL ? row->unknown[0] == '\0' : unknown->data[0] == row->unknown[0],
                  "%s: unknown", row->story);
    const struct xa_open *lost = xa_review_lost(&review);
    ck_assert_msg(lost == NULL ? row->lost[0] == '\0' : lost->id.data[0] == row->lost[0], "%s: lost",
                  row->story);
    free(repairs);
    xa_review_release(&review);
}

START_TEST(every_row)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        check_row(&rows[i]);
}
END_TEST

/* Many are open at a time, in no order. */
START_TEST(many_open)
{
    struct xa_review review;
    xa_review_init(&review, NULL, 0, RUN_FILE);
    for (char name = 'A'; name <= 'z'; name++)
        feed(&review, (char[]){'4', 'p', name, '\0'});
    for (char name = 'z'; name > 'A'; name--)
        feed(&review, (char[]){'4', name % 2 ? 'c' : 'r', name, '\0'});
    ck_assert_uint_eq(review.open_count, 1);
    ck_assert_int_eq(xa_review_lost(&review)->id.data[0], 'A');
    xa_review_release(&review);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xa_review");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, every_row);
    tcase_add_test(tcase, many_open);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
