/* layer: proxy */
/*
 * Tables that CREATE TABLE … SELECT makes on MariaDB: their names out of the statement, and which of them a
 * crash may have taken.
 */
#include "proxy/table_review.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *sql, *name; /* in the schema d; "" for none */
} statements[] = {
    {"CREATE TABLE `d`.`c` (\n  `id` int(11) NOT NULL\n)", "d/c"    },
    {"create table c select 1",                            "d/c"    },
    {"CREATE  TABLE IF NOT EXISTS\n`e`.c (a INT)",         "e/c"    },
    {"CREATE TABLE $a_1.B2(x INT)",                        "$a_1/B2"},
    {"CREATE OR REPLACE TABLE c (a INT)",                  ""       },
    {"CREATE TABLE `a b` (a INT)",                         ""       },
    {"CREATE TABLE `d`.`c'` (a INT)",                      ""       },
    {"CREATE TABLE `d`.`c",                                ""       },
    {"CREATE TABLE d.c",                                   ""       },
    {"CREATE TABLE",                                       ""       },
    {"CREATE TEMPORARY TABLE c (a INT)",                   ""       },
    {"CREATE TABLE IF EXISTS c (a INT)",                   ""       },
    {"INSERT INTO c VALUES (1)",                           ""       },
    {"",                                                   ""       },
};

START_TEST(every_statement)
{
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++) {
        char name[TXN_TABLE_MAX] = "";
        struct binlog_query query = {
            .db = {(const uint8_t *)"d",               1                        },
            .sql = {(const uint8_t *)statements[i].sql, strlen(statements[i].sql)},
        };
        binlog_query_made_table(&query, name, sizeof(name));
        ck_assert_msg(strcmp(name, statements[i].name) == 0, "%s: %s", statements[i].sql, name);
    }
}
END_TEST

/* 64 bytes are a name; more do not fit and are none. */
START_TEST(long_names)
{
    char sql[300], name[TXN_TABLE_MAX] = "";
    for (int length = 64; length <= 65; length++) {
        char part[70];
        memset(part, 'x', sizeof(part));
        part[length] = '\0';
        int written = snprintf(sql, sizeof(sql), "CREATE TABLE %s.%s (a INT)", part, part);
        struct binlog_query query = {
            .sql = {(const uint8_t *)sql, (size_t)written}
        };
        name[0] = '\0';
        binlog_query_made_table(&query, name, sizeof(name));
        ck_assert_uint_eq(strlen(name), length == 64 ? 129 : 0);
    }
}
END_TEST

/* Every byte that a statement may lack at its end. */
START_TEST(every_truncation)
{
    static const char sql[] = "CREATE TABLE IF NOT EXISTS `dd`.`cc` (a INT)";
    for (size_t length = 0; length < sizeof(sql); length++) {
        char *copy = malloc(length + 1), name[TXN_TABLE_MAX] = "";
        memcpy(copy, sql, length);
        struct binlog_query query = {
            .sql = {(const uint8_t *)copy, length}
        };
        binlog_query_made_table(&query, name, sizeof(name));
        ck_assert(name[0] == '\0' || strcmp(name, "dd/cc") == 0);
        free(copy);
    }
}
END_TEST

static void feed(struct table_review *review, enum txn_kind kind, bool is_older, const char *makes)
{
    struct txn txn = {.kind = kind, .ddl = kind == TXN_DDL || makes[0] != '\0'};
    snprintf(txn.makes, sizeof(txn.makes), "%s", makes);
    table_review_add(review, 4, is_older, &txn);
}

START_TEST(what_is_asked)
{
    struct table_review review = {.count = 0};
    ck_assert_ptr_null(table_review_probe(&review));
    feed(&review, TXN_ROWS, true, "d/a");
    feed(&review, TXN_ROWS, true, "");
    feed(&review, TXN_ROWS, true, "d/b");
    feed(&review, TXN_ROWS, false, "d/new");
    char *probe = table_review_probe(&review);
    ck_assert_ptr_nonnull(strstr(probe, "SELECT 'd/a' AS name UNION ALL SELECT 'd/b' AS name)"));
    ck_assert_ptr_nonnull(strstr(probe, "'#%')"));
    ck_assert_ptr_null(strstr(probe, "new"));
    free(probe);
    ck_assert_ptr_nonnull(table_review_find(&review, "d/b"));
    ck_assert_ptr_null(table_review_find(&review, "d/c"));
    feed(&review, TXN_DDL, false, ""); /* may have dropped them */
    ck_assert_ptr_null(table_review_probe(&review));
}
END_TEST

START_TEST(only_the_latest)
{
    struct table_review review = {.count = 0};
    char name[32];
    for (int i = 0; i < TABLE_REVIEW_MAX + 3; i++) {
        snprintf(name, sizeof(name), "d/t%d", i);
        feed(&review, TXN_ROWS, true, name);
    }
    ck_assert_uint_eq(review.count, TABLE_REVIEW_MAX);
    ck_assert_ptr_null(table_review_find(&review, "d/t2"));
    ck_assert_ptr_nonnull(table_review_find(&review, name));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table_review");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, every_statement);
    tcase_add_test(tcase, long_names);
    tcase_add_test(tcase, every_truncation);
    tcase_add_test(tcase, what_is_asked);
    tcase_add_test(tcase, only_the_latest);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
