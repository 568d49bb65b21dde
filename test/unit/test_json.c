/* layer: proxy
 *
 * JSON as it is written: nesting and commas, and texts that nobody can break out of.
 */
#include "proxy/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t length;
static struct json json;

static void begin(void)
{
    json_init(&json, open_memstream(&text, &length));
}

static void assert_is(const char *expected)
{
    fclose(json.out);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(test_nesting)
{
    begin();
    json_begin_object(&json, NULL);
    json_number(&json, "a", UINT64_C(9007199254740991));
    json_begin_array(&json, "b");
    json_bool(&json, NULL, true);
    json_null(&json, NULL);
    json_begin_object(&json, NULL);
    json_end_object(&json);
    json_thousandths(&json, NULL, 1007);
    json_end_array(&json);
    json_text(&json, "c", NULL);
    json_begin_array(&json, "d");
    json_end_array(&json);
    json_text(&json, "e", "");
    json_end_object(&json);
    assert_is("{\"a\":9007199254740991,\"b\":[true,null,{},1.007],\"c\":null,\"d\":[],\"e\":\"\"}");
}
END_TEST

static const struct {
    const char *text, *written;
} rows[] = {
    {"r1",                                     "r1"                                    },
    {"a\"b\\c",                                "a\\u0022b\\u005cc"                     },
    {"<b>&'",                                  "\\u003cb\\u003e\\u0026\\u0027"         },
    {"\n\t\x01\x7f",                           "\\u000a\\u0009\\u0001\\u007f"          },
    {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xac", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xac"},
    {"\xff\xfe",                               "\\ufffd\\ufffd"                        },
    {"\x80x",                                  "\\ufffdx"                              },
    {"\xc0\xaf",                               "\\ufffd\\ufffd"                        }, /* '/' in two bytes */
    {"\xc1\xbf",                               "\\ufffd\\ufffd"                        },
    {"\xe0\x80\xaf",                           "\\ufffd\\ufffd\\ufffd"                 }, /* and in three */
    {"\xed\xa0\x80",                           "\\ufffd\\ufffd\\ufffd"                 }, /* half of a surrogate pair */
    {"\xf4\x90\x80\x80",                       "\\ufffd\\ufffd\\ufffd\\ufffd"          }, /* above U+10FFFF */
    {"\xf5\x80\x80\x80",                       "\\ufffd\\ufffd\\ufffd\\ufffd"          },
    {"\xc3",                                   "\\ufffd"                               }, /* cut off */
    {"\xe2\x82",                               "\\ufffd\\ufffd"                        },
    {"\xf0\x9f\x90",                           "\\ufffd\\ufffd\\ufffd"                 },
    {"\xe2\x82\"",                             "\\ufffd\\ufffd\\u0022"                 },
};

START_TEST(test_texts)
{
    char expected[200];
    begin();
    json_text(&json, NULL, rows[_i].text);
    snprintf(expected, sizeof(expected), "\"%s\"", rows[_i].written);
    assert_is(expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    tcase_add_test(tcase, test_nesting);
    tcase_add_loop_test(tcase, test_texts, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
