/* layer: protocol */
/* Positions are ordered by file, then offset; file names are taken apart and put together without loss. */
#include "protocol/position.h"

#include "test/unit/binlog_golden.h"

START_TEST(positions_are_ordered_by_file_then_offset)
{
    static const struct position ascending[] = {
        {0,       0         },
        {1,       4         },
        {1,       5000000000},
        {2,       4         },
        {1000000, 4         }
    };
    size_t count = sizeof ascending / sizeof ascending[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = position_compare(ascending[i], ascending[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
            ck_assert(position_equal(position_min(ascending[i], ascending[j]), ascending[i < j ? i : j]));
            ck_assert(position_equal(position_max(ascending[i], ascending[j]), ascending[i > j ? i : j]));
        }
        ck_assert(position_is_none(ascending[i]) == (i == 0));
    }
}
END_TEST

START_TEST(file_names_come_back)
{
    static const struct {
        const char *name;
        const char *base;
        uint64_t file;
    } rows[] = {
        {"binlog.000002",          "binlog",      2         },
        {"binlog.999999",          "binlog",      999999    },
        {"binlog.1000000",         "binlog",      1000000   },
        {"my.host-bin.2147483647", "my.host-bin", 2147483647},
        {"b.000001",               "b",           1         },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct span base = {0};
        uint64_t file = 0;
        ck_assert_int_eq(binlog_name_parse(span_of_text(rows[i].name), &base, &file), RESULT_OK);
        ck_assert(span_is_text(base, rows[i].base));
        ck_assert_uint_eq(file, rows[i].file);
        char name[BINLOG_NAME_MAX];
        binlog_name_format(rows[i].base, rows[i].file, name);
        ck_assert_str_eq(name, rows[i].name);
    }
}
END_TEST

START_TEST(other_names_are_refused)
{
    static const char *const names[] = {
        "",
        "binlog",
        ".000001",
        "binlog.",
        "binlog.00001",
        "binlog.000000",
        "binlog.0000001",
        "binlog.00000a",
        "binlog.2147483648",
        "binlog.99999999999999999999",
        "binlog. 00001",
        "../binlog.000001",
        "a/b.000001",
        "a\\b.000001",
        "a\nb.000001",
        "a\x7f.000001",
        "binlog.000001 ",
        "binlog.-00001",
        "binlog.+00001",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(binlog_name_parse(span_of_text(names[i]), NULL, NULL) == RESULT_MALFORMED, "%s",
                      names[i]);
    struct span with_nul = {(const uint8_t *)"a\0b.000001", 10};
    ck_assert_int_eq(binlog_name_parse(with_nul, NULL, NULL), RESULT_MALFORMED);
    char longest[BINLOG_NAME_MAX + 8];
    memset(longest, 'b', sizeof longest);
    ck_assert_int_eq(binlog_name_parse((struct span){(uint8_t *)longest, BINLOG_NAME_MAX}, NULL, NULL),
                     RESULT_TOO_LARGE);
    memcpy(longest + BINLOG_BASE_MAX, ".000001", 7);
    ck_assert_int_eq(binlog_name_parse((struct span){(uint8_t *)longest, BINLOG_BASE_MAX + 7}, NULL, NULL),
                     RESULT_TOO_LARGE);
    ck_assert_int_eq(
        binlog_name_parse((struct span){(uint8_t *)longest + 1, BINLOG_BASE_MAX + 6}, NULL, NULL), RESULT_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("position");
    TCase *tests = tcase_create("position");
    tcase_add_test(tests, positions_are_ordered_by_file_then_offset);
    tcase_add_test(tests, file_names_come_back);
    tcase_add_test(tests, other_names_are_refused);
    suite_add_tcase(suite, tests);
    return binlog_golden_run(suite);
}
