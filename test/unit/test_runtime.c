/* layer: proxy
 *
 * SET and RELOAD: what a file's change does to the config that the daemon goes by, all of it or nothing. The
 * pipeline behind it is this file's own.
 */
#include "proxy/runtime.h"

#include "proxy/config_key.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/ackgate-runtime-XXXXXX";
static char path[64];
static struct config *config;
static char rule[128];
static unsigned reconfigured;
static unsigned rules_set;
static char text[RUNTIME_TEXT_MAX];

void pipeline_reconfigure(struct pipeline *pipeline)
{
    (void)pipeline;
    reconfigured++;
}

struct tls_contexts *pipeline_tls(struct pipeline *pipeline)
{
    (void)pipeline;
    static struct tls_contexts none;
    return &none;
}

void pipeline_view_quorum(struct pipeline *pipeline, struct view_quorum *ret_view)
{
    (void)pipeline;
    *ret_view = (struct view_quorum){.voters = (unsigned)config->voter_count};
    snprintf(ret_view->rule, sizeof(ret_view->rule), "%s", rule);
}

enum result pipeline_set_quorum_rule(struct pipeline *pipeline, const char *new_rule, char *ret_error,
                                     size_t error_max)
{
    (void)pipeline;
    (void)ret_error;
    (void)error_max;
    rules_set++;
    snprintf(rule, sizeof(rule), "%s", new_rule);
    return RESULT_OK;
}

/* A good file, with changes at the places where tests need them. */
struct variant {
    const char *ackgate;
    const char *app;
    const char *repl_password;
    const char *replicas;
    const char *rule;
    const char *rest;
};
static const struct variant plain = {
    "", "", "p", "[replica r1]\nserver_id = 1\n[replica r2]\nserver_id = 2\n", "ANY 1 (r1, r2)", ""};

static void write_config(const struct variant *variant)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "[ackgate]\nlog_file = %s/log\n%s[source]\nhost = h\nuser = u\npassword = p\n[app]\n%s"
            "[replication]\nuser = r\npassword = %s\n[admin]\nuser = admin\npassword = p\n%s"
            "[quorum]\nrule = %s\n%s",
            directory, variant->ackgate, variant->app, variant->repl_password, variant->replicas,
            variant->rule, variant->rest);
    fclose(file);
    ck_assert_int_eq(chmod(path, 0600), 0);
}

static void start(void)
{
    char *problems = NULL;
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/a.cnf", directory);
    write_config(&plain);
    ck_assert_int_eq(config_load(path, &config, &problems), RESULT_OK);
    snprintf(rule, sizeof(rule), "%s", config->quorum.rule);
    runtime_start(config);
    ck_assert_int_eq(log_open(config->ackgate.log_file, LOG_LEVEL_INFO, false), RESULT_OK);
}

static void stop(void)
{
    char command[128];
    config_free(&config);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static const char *variable(const char *name)
{
    static struct config_variable found;
    for (size_t i = 0; i < config_variable_count(); i++) {
        config_variable(config, i, &found);
        if (strcmp(found.name, name) == 0)
            return found.value;
    }
    return NULL;
}

static enum config_origin origin(const char *name)
{
    struct config_variable found = {.name = ""};
    for (size_t i = 0; strcmp(found.name, name) != 0; i++)
        config_variable(config, i, &found);
    return found.origin;
}

static enum result reload(const struct variant *variant)
{
    write_config(variant);
    return runtime_reload(NULL, text, sizeof(text));
}

static enum result set(const char *name, const char *value)
{
    size_t key = runtime_key(name);
    ck_assert_uint_lt(key, config_key_count());
    return runtime_set(NULL, key, value, text, sizeof(text));
}

static bool is_logged(const char *what)
{
    char log[8192] = "";
    char name[128];
    snprintf(name, sizeof(name), "%s/log", directory);
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    log[fread(log, 1, sizeof(log) - 1, file)] = '\0';
    fclose(file);
    return strstr(log, what) != NULL;
}

START_TEST(set_changes_until_the_file_is_read_again)
{
    ck_assert_int_eq(set("hold", "30s"), RESULT_OK);
    ck_assert_uint_eq(config->app.hold_ms, 30000);
    ck_assert_uint_eq(reconfigured, 1);
    ck_assert_str_eq(variable("app.hold"), "30s");
    ck_assert_int_eq(origin("app.hold"), CONFIG_FROM_RUNTIME);
    ck_assert(is_logged("warn  config: app.hold was set to 30s"));

    ck_assert_int_eq(set("APP.MAX_CONNECTIONS", "7"), RESULT_OK);
    ck_assert_uint_eq(config->app.max_connections, 7);
    ck_assert_int_eq(set("allow_unlisted", "off"), RESULT_OK);
    ck_assert(!config->replication.is_unlisted_allowed);
    ck_assert_int_eq(set("store.retain_size", "3G"), RESULT_OK);
    ck_assert_uint_eq(config->store.retain_size_bytes, UINT64_C(3) << 30);
    ck_assert_int_eq(set("log_level", "warn"), RESULT_OK);
    log_info("x", "not to be seen");
    ck_assert(!is_logged("not to be seen"));
    ck_assert_int_eq(set("log_format", "json"), RESULT_OK);
    ck_assert(is_logged("\"object\":\"config\""));

    ck_assert_int_eq(reload(&plain), RESULT_OK);
    ck_assert_uint_eq(config->app.hold_ms, 10000);
    ck_assert_uint_eq(config->app.max_connections, 1000);
    ck_assert_int_eq(origin("app.hold"), CONFIG_FROM_DEFAULT);
    ck_assert_ptr_nonnull(strstr(text, "ackgate.log_level"));
}
END_TEST

START_TEST(set_refuses_what_it_cannot)
{
    ck_assert_int_eq(set("hold", "soon"), RESULT_MALFORMED);
    ck_assert_ptr_nonnull(strstr(text, "hold must be a duration"));
    ck_assert_int_eq(set("app.max_connections", "0"), RESULT_MALFORMED);
    ck_assert_int_eq(set("source.host", "x"), RESULT_CONFLICT);
    ck_assert_str_eq(text, "change source.host in the config file and restart ackgate");
    ck_assert_int_eq(set("replication.password", "x"), RESULT_CONFLICT);
    ck_assert_str_eq(text, "change replication.password in the config file and RELOAD");
    ck_assert_int_eq(set("log_file", "/etc/passwd"), RESULT_CONFLICT);
    ck_assert_uint_eq(runtime_key("nonsense"), config_key_count());
    ck_assert_uint_eq(runtime_key("app.port"), config_key_count());
    ck_assert_uint_eq(reconfigured, 0);
}
END_TEST

START_TEST(a_reload_applies_what_can_be_and_names_the_rest)
{
    struct variant changed = plain;
    changed.ackgate = "log_level = debug\nthreads = 3\nshutdown_timeout = 1min\n";
    changed.app = "hold = 1s\nlisten = 127.0.0.1:1\n";
    changed.repl_password = "another";
    changed.rest = "[store]\nretain_time = 1d\nsync = os\n";
    struct config_account before = config->replication.account;
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text,
                     "applied ackgate.log_level, ackgate.shutdown_timeout, app.hold, replication.password, "
                     "store.retain_time; a restart is needed for ackgate.threads, app.listen, store.sync");
    ck_assert(is_logged("; a restart is needed for ackgate.threads, app.listen, store.sync"));
    ck_assert_uint_eq(config->app.hold_ms, 1000);
    ck_assert_uint_eq(config->ackgate.shutdown_timeout_ms, 60000);
    ck_assert_uint_eq(config->store.retain_time_ms, 86400000);
    ck_assert_mem_ne(before.sha2_hash, config->replication.account.sha2_hash, 32);
    ck_assert_uint_eq(config->ackgate.threads, 0);
    ck_assert_str_eq(variable("app.listen"), "0.0.0.0:3316");
    ck_assert_uint_eq(reconfigured, 1);
    ck_assert_uint_eq(rules_set, 0);

    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text,
                     "nothing to apply; a restart is needed for ackgate.threads, app.listen, store.sync");
}
END_TEST

/* A value that is not the default, for keys that can be set alone; NULL: this one cannot. */
static const char *another_value(const struct config_key *key)
{
    static char value[32];
    const char *choices = key->choices;
    if (strcmp(key->name, "tls") == 0 || strcmp(key->name, "log_file") == 0)
        return NULL;
    switch (key->kind) {
    case CONFIG_NUMBER:
        return strcmp(key->default_text, "7") == 0 ? "8" : "7";
    case CONFIG_DURATION:
        return "7s";
    case CONFIG_SIZE:
        return "7M";
    case CONFIG_SWITCH:
    case CONFIG_CHOICE:
        if (strncmp(choices, key->default_text, strlen(key->default_text)) == 0)
            choices = strchr(choices, '|') + 1;
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(choices, "|"), choices);
        return value;
    case CONFIG_LISTEN:
        return "127.0.0.1:7";
    default:
        return strcmp(key->name, "start_at") == 0 ? "current" : strcmp(key->name, "dir") == 0 ? "/x" : NULL;
    }
}

/* What the sample and the manual say of each key, "Reload: yes" or "no", is what the code's table says
 * (test_config_sample.c), and this is what happens. */
START_TEST(a_reload_does_to_each_key_what_the_manual_says)
{
    unsigned tried = 0;
    for (size_t i = 0; i < config_key_count_static(); i++) {
        const struct config_key *key = &config_keys[i];
        const char *value = another_value(key);
        if (value == NULL)
            continue;
        char rest[128];
        char name[64];
        char before[sizeof(((struct config_variable *)0)->value)];
        char expected[160];
        struct variant changed = plain;
        snprintf(name, sizeof(name), "%s.%s", key->section, key->name);
        snprintf(before, sizeof(before), "%s", variable(name));
        snprintf(rest, sizeof(rest), "[%s]\n%s = %s\n", key->section, key->name, value);
        snprintf(expected, sizeof(expected),
                 key->is_reloadable ? "applied %s" : "nothing to apply; a restart is needed for %s", name);
        changed.rest = rest;
        ck_assert_msg(reload(&changed) == RESULT_OK, "%s: %s", name, text);
        ck_assert_str_eq(text, expected);
        ck_assert_str_eq(variable(name), key->is_reloadable ? value : before);
        ck_assert_int_eq(reload(&plain), RESULT_OK);
        ck_assert_str_eq(variable(name), before);
        tried++;
    }
    ck_assert_uint_ge(tried, 30);
}
END_TEST

START_TEST(a_file_with_a_mistake_changes_nothing)
{
    static const struct {
        const char *app;
        const char *rule;
        const char *ackgate;
        const char *problem;
    } mistakes[] = {
        {"hold = 1s\nhold = 2s\n", "ANY 1 (r1, r2)", "",                                  "hold is set twice"               },
        {"hold = 1s\n",            "ANY 1 (r9)",     "",                                  "there is no section [replica r9]"},
        {"hold = 1s\n",            "ANY 1 (r1, r2)", "log_level = loud\nlog_level = x\n", "log_level must be one of"        },
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct variant changed = plain;
        changed.app = mistakes[i].app;
        changed.rule = mistakes[i].rule;
        changed.ackgate = mistakes[i].ackgate;
        ck_assert_int_eq(reload(&changed), RESULT_MALFORMED);
        ck_assert_msg(strstr(text, mistakes[i].problem) != NULL, "%s", text);
        ck_assert(is_logged(mistakes[i].problem));
        ck_assert_uint_eq(config->app.hold_ms, 10000);
    }
    ck_assert_uint_eq(reconfigured + rules_set, 0);
}
END_TEST

/* The log's file is opened before anything else is changed. */
START_TEST(a_log_file_that_cannot_be_opened_changes_nothing)
{
    char file[128];
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    fputs("[ackgate]\nlog_file = /nowhere/log\n[source]\nhost = h\nuser = u\npassword = p\n[app]\nhold = 1s\n"
          "[replication]\nuser = r\npassword = p\n[admin]\nuser = admin\npassword = p\n"
          "[replica r1]\nserver_id = 1\n[replica r2]\nserver_id = 2\n[quorum]\nrule = ANY 1 (r1, r2)\n",
          out);
    fclose(out);
    ck_assert_int_eq(runtime_reload(NULL, text, sizeof(text)), RESULT_MALFORMED);
    ck_assert_str_eq(text, "ackgate.log_file /nowhere/log cannot be opened: No such file or directory");
    ck_assert_uint_eq(config->app.hold_ms, 10000);
    snprintf(file, sizeof(file), "%s/log", directory);
    ck_assert_str_eq(config->ackgate.log_file, file);
    ck_assert(is_logged("/nowhere/log cannot be opened"));
}
END_TEST

START_TEST(an_operators_rule_stands_until_the_files_changes)
{
    ck_assert_int_eq(set("quorum_rule", "ALL (r1, r2)"), RESULT_OK);
    ck_assert_int_eq(reload(&plain), RESULT_OK);
    ck_assert_str_eq(text, "nothing to apply");
    ck_assert_str_eq(rule, "ALL (r1, r2)");
    ck_assert_uint_eq(rules_set, 1);

    struct variant changed = plain;
    changed.rule = "MAJORITY (r1, r2)";
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text, "applied quorum.rule");
    ck_assert_str_eq(rule, "MAJORITY (r1, r2)");
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_uint_eq(rules_set, 2);
}
END_TEST

START_TEST(replicas_come_and_go)
{
    struct variant changed = plain;
    changed.replicas =
        "[replica r0]\nserver_id = 9\n[replica r2]\nserver_id = 22\n[replica r1]\nserver_id = 1\n";
    changed.rule = "ANY 2 (r0, r1, r2)";
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text, "applied quorum.rule, replica.*");
    ck_assert_uint_eq(config->voter_count, 3);
    ck_assert_str_eq(config->voters[0].name, "r1"); /* numbers stay */
    ck_assert_str_eq(config->voters[1].name, "r2");
    ck_assert_uint_eq(config->voters[1].server_id, 22);
    ck_assert_str_eq(config->voters[2].name, "r0");
    ck_assert_str_eq(rule, "ANY 2 (r0, r1, r2)");

    changed.replicas = "[replica r0]\nserver_id = 9\n[replica r2]\nserver_id = 22\n";
    changed.rule = "ALL (r0, r2)";
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text, "applied quorum.rule, replica.*");
    ck_assert_uint_eq(config->voter_count, 3);
    ck_assert(config->voters[0].is_removed);
    ck_assert_uint_eq(config->voters[0].server_id, 0);
    ck_assert(!config->voters[1].is_removed && !config->voters[2].is_removed);
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text, "nothing to apply");

    /* it may come back, in its place */
    changed.replicas =
        "[replica r1]\nserver_id = 11\n[replica r0]\nserver_id = 9\n[replica r2]\nserver_id = 22\n";
    ck_assert_int_eq(reload(&changed), RESULT_OK);
    ck_assert_str_eq(text, "applied replica.*");
    ck_assert_uint_eq(config->voter_count, 3);
    ck_assert_uint_eq(config->voters[0].server_id, 11);
    ck_assert(!config->voters[0].is_removed);
}
END_TEST

/* Not one that the rule in force needs, though the file's rule does without. */
START_TEST(a_replica_that_the_rule_needs_stays)
{
    struct variant without = plain;
    without.rule = "ANY 1 (r1)";
    ck_assert_int_eq(reload(&without), RESULT_OK);
    ck_assert_int_eq(set("quorum_rule", "ALL (r1, r2)"), RESULT_OK);
    without.replicas = "[replica r1]\nserver_id = 1\n";
    ck_assert_int_eq(reload(&without), RESULT_MALFORMED);
    ck_assert_ptr_nonnull(strstr(text, "there is no section [replica r2]"));
    ck_assert_ptr_nonnull(strstr(text, "that rule is in force: SET quorum_rule to another one first"));
    ck_assert(!config->voters[1].is_removed);
    ck_assert_int_eq(set("quorum_rule", "ANY 1 (r1)"), RESULT_OK);
    ck_assert_int_eq(reload(&without), RESULT_OK);
    ck_assert(config->voters[1].is_removed);
}
END_TEST

START_TEST(a_rule_with_a_star_means_those_that_there_are)
{
    struct variant star = plain;
    star.rule = "MAJORITY (*)";
    ck_assert_int_eq(reload(&star), RESULT_OK);
    ck_assert_uint_eq(rules_set, 1);
    star.replicas = "[replica r1]\nserver_id = 1\n[replica r2]\nserver_id = 2\n[replica r3]\nserver_id = 3\n";
    ck_assert_int_eq(reload(&star), RESULT_OK);
    ck_assert_uint_eq(rules_set, 2);
    star.replicas = "[replica r2]\nserver_id = 2\n[replica r3]\nserver_id = 3\n";
    ck_assert_int_eq(reload(&star), RESULT_OK);
    ck_assert_uint_eq(rules_set, 3);
    ck_assert_str_eq(rule, "MAJORITY (*)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime");
    TCase *tcase = tcase_create("runtime");
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, set_changes_until_the_file_is_read_again);
    tcase_add_test(tcase, set_refuses_what_it_cannot);
    tcase_add_test(tcase, a_reload_applies_what_can_be_and_names_the_rest);
    tcase_add_test(tcase, a_reload_does_to_each_key_what_the_manual_says);
    tcase_add_test(tcase, a_file_with_a_mistake_changes_nothing);
    tcase_add_test(tcase, a_log_file_that_cannot_be_opened_changes_nothing);
    tcase_add_test(tcase, an_operators_rule_stands_until_the_files_changes);
    tcase_add_test(tcase, replicas_come_and_go);
    tcase_add_test(tcase, a_replica_that_the_rule_needs_stays);
    tcase_add_test(tcase, a_rule_with_a_star_means_those_that_there_are);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
