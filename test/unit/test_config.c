/* layer: proxy
 *
 * A config is loaded whole, or refused with every problem and its line.
 */
#include "proxy/config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/ackgate-config-XXXXXX";
static char path[128];

/* Lines 1 to 14; what a test adds begins at line 15. */
static const char good[] = "[source]\n"
                           "host = 127.0.0.1\n"
                           "user = ackgate\n"
                           "password = secret\n"
                           "[replication]\n"
                           "user = repl\n"
                           "password = p\n"
                           "[admin]\n"
                           "user = admin\n"
                           "password = p\n"
                           "[replica r1]\n"
                           "server_uuid = 6F9619FF-8b86-11ef-b42d-00c04fc964f1\n"
                           "[quorum]\n"
                           "rule = ANY 1 (r1)\n";

static void write_file(const char *name, mode_t mode, const char *first, const char *second)
{
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(first, file);
    fputs(second, file);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static struct config *load_good(const char *more)
{
    struct config *config = NULL;
    char *problems = NULL;
    write_file("good.cnf", 0600, good, more);
    enum result result = config_load(path, &config, &problems);
    ck_assert_msg(result == RESULT_OK, "%s", problems);
    ck_assert_ptr_null(problems);
    return config;
}

/* The config must be refused, and the problems must hold the text. */
static void assert_problem(const char *first, const char *second, const char *text)
{
    struct config *config = NULL;
    char *problems = NULL;
    write_file("bad.cnf", 0600, first, second);
    ck_assert_msg(config_load(path, &config, &problems) == RESULT_MALFORMED, "should not load: %s", second);
    ck_assert_ptr_null(config);
    ck_assert_msg(strstr(problems, text) != NULL, "\"%s\" should be in:\n%s", text, problems);
    free(problems);
}

START_TEST(test_defaults)
{
    struct config *config = load_good("");
    ck_assert_str_eq(config->ackgate.data_dir, "/var/lib/ackgate");
    ck_assert_str_eq(config->store.dir, "/var/lib/ackgate/store");
    ck_assert_ptr_null(config->ackgate.log_file);
    ck_assert_int_eq(config->ackgate.log_level, LOG_LEVEL_INFO);
    ck_assert_uint_eq(config->source.port, 3306);
    ck_assert_str_eq(config->source.start_at, "oldest");
    ck_assert(config->source.is_semi_sync && config->source.is_configured);
    ck_assert_int_eq(config->source.flavor, FLAVOR_UNKNOWN);
    ck_assert_uint_eq(config->app.listen.count, 1);
    ck_assert_str_eq(config->app.listen.addresses[0], "0.0.0.0:3316");
    ck_assert_uint_eq(config->app.commit_wait_ms, 0);
    ck_assert_uint_eq(config->app.hold_ms, 10000);
    ck_assert_uint_eq(config->store.retain_time_ms, 7 * 86400000ull);
    ck_assert(config->store.is_synced && !config->journal.is_synced_always);
    ck_assert(config->replication.is_unlisted_allowed && config->replication.account.has_password);
    ck_assert_uint_eq(config->voter_count, 1);
    ck_assert_str_eq(config->voters[0].name, "r1");
    ck_assert_str_eq(config->voters[0].server_uuid, "6f9619ff-8b86-11ef-b42d-00c04fc964f1");
    config_free(&config);
    ck_assert_ptr_null(config);
}
END_TEST

START_TEST(test_values)
{
    struct config *config = load_good("[app]\n"
                                      "  listen = 127.0.0.1:1 , unix:/run/a.sock,[::1]:2\n"
                                      "  commit_wait = 2min\n"
                                      "[ackgate]\nlog_level = WARN\nlog_format = json\n"
                                      "[store]\nretain_size = 2G\nsync = os ; as the disk is slow\n"
                                      "[journal]\nsync = always\n[metrics]\nlisten =\n");
    ck_assert_uint_eq(config->app.listen.count, 3);
    ck_assert_str_eq(config->app.listen.addresses[1], "unix:/run/a.sock");
    ck_assert_uint_eq(config->app.commit_wait_ms, 120000);
    ck_assert_int_eq(config->ackgate.log_level, LOG_LEVEL_WARN);
    ck_assert(config->ackgate.is_log_json && !config->store.is_synced && config->journal.is_synced_always);
    ck_assert_uint_eq(config->store.retain_size_bytes, UINT64_C(2) << 30);
    ck_assert_uint_eq(config->metrics.listen.count, 0);
    config_free(&config);
}
END_TEST

static const struct {
    const char *more;
    const char *problem;
} bad_rows[] = {
    {"[ap]\n",                                                             ":15: unknown section [ap]; did you mean [app]?"                  },
    {"[app]\ncommit_wiat = 1s\n",                                          ":16: unknown key commit_wiat in [app]; did you mean commit_wait?"},
    {"[app]\nxyzzyxyzzy = 1s\n",                                           ":16: unknown key xyzzyxyzzy in [app]"                            },
    {"[app]\nhold = soon\n",                                               ":16: hold must be a duration"                                    },
    {"[app]\nhold = 2h\n",                                                 ":16: hold must be from"                                          },
    {"[app]\nhold = 1s\nhold = 2s\n",                                      ":17: hold is set twice, first in line 16"                        },
    {"[app]\nhold\n",                                                      ":16: hold has no value"                                          },
    {"[app]\nlisten = here\n",                                             ":16: listen must be HOST:PORT"                                   },
    {"[app]\nlisten = 127.0.0.1:65536\n",                                  ":16: listen must be HOST:PORT"                                   },
    {"[app]\nlisten =\n",                                                  ":16: [app] needs an address"                                     },
    {"[app]\nlisten = 127.0.0.1:3318\n",                                   ": 127.0.0.1:3318 is listened on twice"                           },
    {"[app]\nmax_connections = -1\n",                                      ":16: max_connections must be a whole number from 1"              },
    {"[app]\ntls = required\n",                                            ":16: [app] tls is on, so this port needs tls_cert and tls_key"   },
    {"[source]\ntls = verify_ca\n",                                        ":16: [source] verify_ca and verify_identity need tls_ca"         },
    {"[source]\ntls = required\ntls_key = /dev/null\n",                    ":16: [source] tls_cert and tls_key are needed both"              },
    {"[source]\ntls = verify_ca\ntls_ca = /dev/null\n",                    ":16: [source] tls_ca /dev/null cannot be used"                   },
    {"[app]\ntls_ca = /dev/null\n",                                        ":16: [app] has tls_ca, but tls is off"                           },
    {"[admin]\ntls = maybe\n",                                             ":16: tls must be one of disabled|preferred|required"             },
    {"[app]\ntls_ca = /nowhere/ca.pem\n",                                  ":16: tls_ca /nowhere/ca.pem cannot be read"                      },
    {"[source]\nflavor = oracle\n",                                        ":16: flavor must be one of auto|mysql|mariadb"                   },
    {"[source]\nstart_at = binlog\n",                                      ":16: start_at must be"                                           },
    {"[source]\npassword_file = /nowhere\n",                               ":16: [source] has both password and password_file"               },
    {"[admin]\npassword_hash = $ackgate$\n",                               ":16: [admin] has both password and password_hash"                },
    {"[store]\nretain_size = 1X\n",                                        ":16: retain_size must be a size"                                 },
    {"[store]\nretain_size = 99999999T\n",                                 ":16: retain_size must be a size"                                 },
    {"[ackgate]\nuser = nobody-like-this\n",                               ":16: there is no user nobody-like-this"                          },
    {"[replica r1]\nserver_id = 5\n",                                      ":15: [replica r1] is there twice, first in line 11"              },
    {"[replica r2]\n",                                                     ":15: [replica r2] needs its server_uuid"                         },
    {"[replica r2]\nserver_id = 4294967211\n",                             ":15: [replica r2] has the server_id as which ackgate reads"      },
    {"[replica r2]\nserver_id = 0\n",                                      ":16: server_id must be a whole number"                           },
    {"[replica r2]\nserver_id = 1\n[replica r3]\nserver_id = 1\n",         ":17: [replica r3] has the server_id of"                          },
    {"[replica r2]\nserver_uuid = 6f9619ff-8b86-11ef-b42d-00c04fc964f1\n",
     ":15: [replica r2] has the server_uuid"                                                                                                 },
    {"[replica r2]\nserver_uuid = abc\n",                                  ":16: server_uuid must look like"                                 },
    {"[replica r2]\nport = 1\n",                                           ":16: unknown key port in [replica r2]"                           },
    {"[replica all]\n",                                                    ":15: \"all\" is no replica's name"                               },
    {"[replica]\n",                                                        ":15: a replica's section has its name"                           },
    {"[admin]\nstats_user = admin\nstats_password = q\n",                  ":16: stats_user is the admin's own name"                         },
    {"[admin]\nstats_user = look\n",                                       ":16: [admin] needs stats_password_hash"                          },
    {"[admin]\nstats_password = q\n",                                      ":16: [admin] has a password for stats_user"                      },
    {"[admin]\nstats_user = look\nstats_password = change-me\n",           ":17: stats_password is that of the sample"                       },
    {"[app]\n!include\n",                                                  ":16: a line with ! is"                                           },
    {"!included x\n",                                                      ":15: a line with ! is"                                           },
    {"!include nowhere.cnf\n",                                             "/nowhere.cnf cannot be read: No such file"                       },
    {"!includedir nowhere\n",                                              ":15: !includedir /tmp/"                                          },
    {"!include bad.cnf\n",                                                 "files include each other more than 8 deep"                       },
    {"[app]\n!includedir .\nhold = 1s\n",                                  ":17: hold stands in no section"                                  },
    {"[app\n",                                                             ":15: neither a [section] nor a key = value"                      },
};

START_TEST(test_each_problem_is_told_with_its_line)
{
    assert_problem(good, bad_rows[_i].more, bad_rows[_i].problem);
}
END_TEST

START_TEST(test_all_problems_at_once)
{
    assert_problem("[source]\nport = 0\n[ack]\n[app]\nhold = x\n", "", ".cnf:1: [source] needs host = …\n");
    assert_problem("[source]\nport = 0\n[ack]\n[app]\nhold = x\n", "", ".cnf:2: port must be");
    assert_problem("[source]\nport = 0\n[ack]\n[app]\nhold = x\n", "", ".cnf:3: unknown section [ack]");
    assert_problem("[source]\nport = 0\n[ack]\n[app]\nhold = x\n", "", ".cnf:5: hold must be");
    assert_problem("", "", ".cnf: there is no [replica NAME] section");
    assert_problem("", "x = 1\n", ".cnf:1: x stands in no section");
}
END_TEST

START_TEST(test_a_file_that_cannot_be_read)
{
    const char *files[] = {"/nonexistent/ackgate.cnf", "/tmp"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct config *config = NULL;
        char *problems = NULL;
        ck_assert(config_load(files[i], &config, &problems) == RESULT_MALFORMED);
        ck_assert_ptr_null(config);
        ck_assert_ptr_nonnull(strstr(problems, "cannot be read"));
        free(problems);
    }
}
END_TEST

START_TEST(test_a_rule_with_an_unknown_name)
{
    assert_problem("[replica r1]\nserver_id = 1\n[quorum]\nrule = ANY 1 (r9)\n", "", ".cnf:4: rule: ");
}
END_TEST

START_TEST(test_a_password_that_others_can_read)
{
    struct config *config = NULL;
    char *problems = NULL;
    write_file("open.cnf", 0644, good, "");
    ck_assert_int_eq(config_load(path, &config, &problems), RESULT_MALFORMED);
    ck_assert_ptr_nonnull(strstr(problems, ":4: the file holds a password and others can read it"));
    ck_assert_ptr_null(strstr(problems, "secret"));
    free(problems);
}
END_TEST

START_TEST(test_password_file)
{
    char text[1024];
    char config_path[128];
    write_file("bare", 0600, "file-secret\nmore\n", "");
    snprintf(text, sizeof(text), "[source]\nhost = h\nuser = u\npassword_file = %s\n%s", path,
             strstr(good, "[replication]"));
    write_file("file.cnf", 0600, text, "");
    strcpy(config_path, path);
    strcpy(config_path, path);
    struct config *config = NULL;
    char *problems = NULL;
    ck_assert_msg(config_load(config_path, &config, &problems) == RESULT_OK, "%s", problems);
    ck_assert_str_eq(config->source.password, "file-secret");
    config_free(&config);
    write_file("bare", 0644, "file-secret\n", "");
    ck_assert_int_eq(config_load(config_path, &config, &problems), RESULT_MALFORMED);
    ck_assert_ptr_nonnull(strstr(problems, "can be read by others"));
    free(problems);
}
END_TEST

START_TEST(test_an_open_port_needs_a_password)
{
    assert_problem("[admin]\nuser = a\npassword =\nlisten = 0.0.0.0:1\n", "",
                   ".cnf:4: [admin] has an empty password");
}
END_TEST

/* ---- files that the file includes ---- */

static void write_part(const char *name, const char *text)
{
    char part[160];
    snprintf(part, sizeof(part), "%s/parts/%s", directory, name);
    FILE *file = fopen(part, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    ck_assert_int_eq(chmod(part, 0600), 0);
}

static void make_parts(void)
{
    char parts[160];
    snprintf(parts, sizeof(parts), "%s/parts", directory);
    ck_assert_int_eq(mkdir(parts, 0700), 0);
}

static void remove_parts(void)
{
    char command[200];
    snprintf(command, sizeof(command), "rm -r %s/parts", directory);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(test_parts_replace_what_came_before)
{
    make_parts();
    write_part("b.cnf", "[app]\nhold = 2s\n[replica r2]\nserver_id = 7\n");
    write_part("a.cnf", "[app]\nhold = 1s\nauth_timeout = 1s\n");
    write_part("ignored.conf", "[nonsense]\n");
    write_part(".hidden.cnf", "[nonsense]\n");
    struct config *config = load_good("[app]\nhold = 9s\n!includedir parts\n[app]\nauth_timeout = 8s\n");
    ck_assert_uint_eq(config->app.hold_ms, 2000);
    ck_assert_uint_eq(config->app.auth_timeout_ms, 8000);
    ck_assert_uint_eq(config->voter_count, 2);
    config_free(&config);
    remove_parts();
}
END_TEST

START_TEST(test_a_problem_names_the_part_and_its_line)
{
    make_parts();
    write_part("a.cnf", "# one\n[app]\nhold = soon\nhold = 1s\nx\n[replica r1]\nserver_id = 4\n");
    write_part("b.cnf", "[source]\npassword = q\n[app]\nmax_connections = 0\n");
    char open_part[160];
    snprintf(open_part, sizeof(open_part), "%s/parts/b.cnf", directory);
    ck_assert_int_eq(chmod(open_part, 0644), 0);
    static const char *const texts[] = {
        "/parts/a.cnf:3: hold must be a duration",
        "/parts/a.cnf:4: hold is set twice, first in line 3\n",
        "/parts/a.cnf:5: x has no value",
        "/parts/a.cnf:6: [replica r1] is there twice, first in /tmp/",
        "/bad.cnf:11\n",
        "/parts/b.cnf:2: the file holds a password and others can read it",
        "/parts/b.cnf:4: max_connections must be a whole number from 1",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_problem(good, "!include parts/a.cnf\n!include parts/b.cnf\n", texts[i]);
    remove_parts();
}
END_TEST

START_TEST(test_variables_hide_secrets)
{
    struct config *config = load_good("[app]\nhold = 3s\n");
    unsigned seen = 0;
    for (size_t i = 0; i < config_variable_count(); i++) {
        struct config_variable variable;
        config_variable(config, i, &variable);
        ck_assert_ptr_null(strstr(variable.value, "secret"));
        if (strcmp(variable.name, "app.hold") == 0) {
            ck_assert_str_eq(variable.value, "3s");
            ck_assert_int_eq(variable.origin, CONFIG_FROM_FILE);
            seen++;
        } else if (strcmp(variable.name, "source.password") == 0) {
            ck_assert_str_eq(variable.value, "********");
            seen++;
        } else if (strcmp(variable.name, "source.port") == 0) {
            ck_assert_int_eq(variable.origin, CONFIG_FROM_DEFAULT);
            seen++;
        }
    }
    ck_assert_uint_eq(seen, 3);
    config_free(&config);
}
END_TEST

START_TEST(test_password_hash)
{
    struct config_account account = {0};
    struct config_account again = {0};
    char text[CONFIG_HASH_LENGTH + 1];
    config_account_set_password(&account, "change-me");
    config_account_format_hash(&account, text);
    ck_assert_uint_eq(strlen(text), CONFIG_HASH_LENGTH);
    ck_assert_int_eq(config_account_parse_hash(text, &again), RESULT_OK);
    ck_assert_mem_eq(account.native_hash, again.native_hash, sizeof(account.native_hash));
    ck_assert_mem_eq(account.sha2_hash, again.sha2_hash, sizeof(account.sha2_hash));
    for (size_t i = 0; i < CONFIG_HASH_LENGTH; i++) {
        char saved = text[i];
        text[i] = 'z';
        ck_assert_int_eq(config_account_parse_hash(text, &again), RESULT_MALFORMED);
        text[i] = '\0';
        ck_assert_int_eq(config_account_parse_hash(text, &again), RESULT_MALFORMED);
        text[i] = saved;
    }
}
END_TEST

START_TEST(test_durations_and_sizes)
{
    static const struct {
        const char *text;
        enum result duration;
        uint64_t ms;
    } rows[] = {
        {"0",                    RESULT_OK,        0        },
        {"10",                   RESULT_OK,        10000    },
        {"250ms",                RESULT_OK,        250      },
        {"2min",                 RESULT_OK,        120000   },
        {"1h",                   RESULT_OK,        3600000  },
        {"7d",                   RESULT_OK,        604800000},
        {"5 s",                  RESULT_OK,        5000     },
        {"",                     RESULT_MALFORMED, 0        },
        {"-1s",                  RESULT_MALFORMED, 0        },
        {"1m",                   RESULT_MALFORMED, 0        },
        {"s",                    RESULT_MALFORMED, 0        },
        {"1s1",                  RESULT_MALFORMED, 0        },
        {"99999999999999999999", RESULT_TOO_LARGE, 0        },
        {"18446744073709551615", RESULT_TOO_LARGE, 0        },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t ms = 0;
        ck_assert_msg(config_parse_duration(rows[i].text, &ms) == rows[i].duration, "%s", rows[i].text);
        if (rows[i].duration == RESULT_OK)
            ck_assert_uint_eq(ms, rows[i].ms);
    }
    uint64_t bytes;
    ck_assert_int_eq(config_parse_size("64k", &bytes), RESULT_OK);
    ck_assert_uint_eq(bytes, 65536);
    ck_assert_int_eq(config_parse_size("1min", &bytes), RESULT_MALFORMED);
}
END_TEST

int main(void)
{
    if (mkdtemp(directory) == NULL)
        return EXIT_FAILURE;
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("load");
    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_values);
    tcase_add_loop_test(tcase, test_each_problem_is_told_with_its_line, 0,
                        (int)(sizeof(bad_rows) / sizeof(bad_rows[0])));
    tcase_add_test(tcase, test_all_problems_at_once);
    tcase_add_test(tcase, test_a_rule_with_an_unknown_name);
    tcase_add_test(tcase, test_a_file_that_cannot_be_read);
    tcase_add_test(tcase, test_a_password_that_others_can_read);
    tcase_add_test(tcase, test_password_file);
    tcase_add_test(tcase, test_an_open_port_needs_a_password);
    tcase_add_test(tcase, test_parts_replace_what_came_before);
    tcase_add_test(tcase, test_a_problem_names_the_part_and_its_line);
    tcase_add_test(tcase, test_variables_hide_secrets);
    tcase_add_test(tcase, test_password_hash);
    tcase_add_test(tcase, test_durations_and_sizes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    static const char *const names[] = {"good.cnf", "bad.cnf", "open.cnf", "bare", "file.cnf"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
