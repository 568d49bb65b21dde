/* layer: proxy
 *
 * The command line: what each form asks for, and what is no form of it.
 */
#include "proxy/options.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 8 };

static enum result parse(const char *line, struct options *options, char *error)
{
    static char copy[256];
    char *argv[ARGUMENTS_MAX] = {(char[]){"ackgate"}};
    int argc = 1;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    error[0] = '\0';
    return options_parse(argc, argv, options, error, 256);
}

START_TEST(test_jobs)
{
    static const struct {
        const char *line;
        struct options options;
    } rows[] = {
        {"--config a.cnf",           {OPTIONS_RUN, .config = "a.cnf"}              },
        {"--config=a.cnf",           {OPTIONS_RUN, .config = "a.cnf"}              },
        {"--config a.cnf --check",   {OPTIONS_CHECK, .config = "a.cnf"}            },
        {"--check --config a.cnf",   {OPTIONS_CHECK, .config = "a.cnf"}            },
        {"--version",                {OPTIONS_VERSION, .config = NULL}             },
        {"--config x --help",        {OPTIONS_HELP, .config = NULL}                },
        {"passwd",                   {OPTIONS_PASSWD, .user = NULL}                },
        {"passwd --user repl",       {OPTIONS_PASSWD, .user = "repl"}              },
        {"journal /var/lib/ackgate", {OPTIONS_JOURNAL, .dir = "/var/lib/ackgate"}  },
        {"journal --json d",         {OPTIONS_JOURNAL, .dir = "d", .is_json = true}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct options options;
        char error[256];
        ck_assert_msg(parse(rows[i].line, &options, error) == RESULT_OK, "%s: %s", rows[i].line, error);
        ck_assert_int_eq(options.job, rows[i].options.job);
        ck_assert_pstr_eq(options.config, rows[i].options.config);
        ck_assert_pstr_eq(options.user, rows[i].options.user);
        ck_assert_pstr_eq(options.dir, rows[i].options.dir);
        ck_assert_int_eq(options.is_json, rows[i].options.is_json);
    }
}
END_TEST

START_TEST(test_mistakes)
{
    static const char *const rows[][2] = {
        {"",                "--config FILE is needed"},
        {"--config",        "--config needs a file"  },
        {"--confg a",       "unknown option --confg" },
        {"--check",         "--config FILE is needed"},
        {"passwd secret",   "passwd: what is secret?"},
        {"passwd --user",   "--user needs a name"    },
        {"journal",         "which directory?"       },
        {"journal a b",     "one directory only"     },
        {"journal a --xml", "unknown option --xml"   },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct options options;
        char error[256];
        ck_assert_msg(parse(rows[i][0], &options, error) == RESULT_MALFORMED, "%s", rows[i][0]);
        ck_assert_msg(strstr(error, rows[i][1]) != NULL, "%s: %s", rows[i][0], error);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("parse");
    tcase_add_test(tcase, test_jobs);
    tcase_add_test(tcase, test_mistakes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
