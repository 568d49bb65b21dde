/* layer: proxy */
/*
 * How the source is looked over when it is a release that has the old names: a scripted server in place of
 * sql_client.c, which knows the variables, plugins and statements of MySQL 5.7 to 8.0.25 (old names only), of
 * 8.0.26 to 8.0.x and 8.4 with either plugin, and of 9.
 */
#include "proxy/source_check.h"

#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES_MAX = 24, LOG_MAX = 16384, COLUMNS_MAX = 5 };

struct release {
    const char *version;
    const char *semi_sync;   /* "source", "master"; NULL: no plugin yet */
    bool has_new_statements; /* SHOW REPLICAS, SHOW BINARY LOG STATUS */
    bool has_old_statements;
    bool observes_commit_only; /* replication_sender_observe_commit_only is there, and ON */
};

static const struct release releases[] = {
    {"8.0.20", "master", false, true,  false},
    {"8.0.25", "master", false, true,  true },
    {"8.0.40", "master", false, true,  true },
    {"8.0.40", "source", false, true,  true },
    {"8.4.3",  "master", true,  false, true },
    {"8.4.3",  "source", true,  false, true },
    {"9.7.0",  "source", true,  false, true },
    {"8.4.3",  NULL,     true,  false, false},
};
enum { RELEASES = sizeof(releases) / sizeof(releases[0]), WITHOUT_PLUGIN = RELEASES - 1 };

struct variable {
    char name[64];
    char value[128];
};

struct sql_client {
    const struct release *release;
};
struct sql_rows {
    const char *texts[COLUMNS_MAX]; /* of the one row */
};

static struct variable variables[VARIABLES_MAX];
static size_t variable_count;
static const struct release *server;
static char statements[LOG_MAX]; /* what was run, a line each */

/* ---- the server ---- */

static struct variable *find(const char *name)
{
    for (size_t i = 0; i < variable_count; i++)
        if (strcmp(variables[i].name, name) == 0)
            return &variables[i];
    return NULL;
}

static void add(const char *name, const char *value)
{
    struct variable *variable = &variables[variable_count++];
    ck_assert_uint_le(variable_count, VARIABLES_MAX);
    snprintf(variable->name, sizeof(variable->name), "%s", name);
    snprintf(variable->value, sizeof(variable->value), "%s", value);
}

static void add_semi_sync(const char *role)
{
    static const char *const settings[][2] = {
        {"wait_point", "AFTER_COMMIT"},
        {"timeout",    "10000"       },
        {"enabled",    "0"           },
    };
    char name[64];
    bool is_new = strcmp(role, "source") == 0;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        snprintf(name, sizeof(name), "rpl_semi_sync_%s_%s", role, settings[i][0]);
        add(name, settings[i][1]);
    }
    add(is_new ? "rpl_semi_sync_source_wait_no_replica" : "rpl_semi_sync_master_wait_no_slave", "0");
    add(is_new ? "rpl_semi_sync_source_wait_for_replica_count" : "rpl_semi_sync_master_wait_for_slave_count",
        "2");
}

static void start_server(const struct release *release)
{
    server = release;
    variable_count = 0;
    statements[0] = '\0';
    add("version", release->version);
    add("server_id", "7");
    add("server_uuid", "11111111-2222-3333-4444-555555555555");
    add("log_bin", "1");
    add("gtid_mode", "ON");
    add("log_bin_basename", "/var/lib/mysql/binlog");
    add("session_track_gtids", "OFF");
    add("session_track_system_variables", "time_zone,autocommit");
    if (release->observes_commit_only)
        add("replication_sender_observe_commit_only", "1");
    if (release->semi_sync != NULL)
        add_semi_sync(release->semi_sync);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* As the server shows a value that was set: without quotes, and 1 for ON. */
static void set_variable(struct variable *variable, const char *sql)
{
    size_t length = strlen(sql);
    bool is_quoted = sql[0] == '\'';
    if (strcmp(sql, "ON") == 0 || strcmp(sql, "OFF") == 0)
        snprintf(variable->value, sizeof(variable->value), "%d", sql[1] == 'N');
    else
        snprintf(variable->value, sizeof(variable->value), "%.*s", (int)(is_quoted ? length - 2 : length),
                 is_quoted ? sql + 1 : sql);
}

static enum result run_set(const char *assignment)
{
    char name[64];
    const char *sign = strstr(assignment, " = ");
    ck_assert_ptr_nonnull(sign);
    snprintf(name, sizeof(name), "%.*s", (int)(sign - assignment), assignment);
    struct variable *variable = find(name);
    if (variable == NULL)
        return RESULT_NOT_FOUND;
    set_variable(variable, sign + strlen(" = "));
    return RESULT_OK;
}

static bool is_known_statement(const char *sql)
{
    static const char *const new_names[] = {"SHOW REPLICAS", "SHOW BINARY LOG STATUS"};
    static const char *const old_names[] = {"SHOW SLAVE HOSTS", "SHOW SLAVE STATUS", "SHOW MASTER STATUS"};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(sql, new_names[i]) == 0)
            return server->has_new_statements;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(sql, old_names[i]) == 0)
            return server->has_old_statements;
    return true;
}

static struct sql_rows *row_for(const char *sql)
{
    struct sql_rows *rows = xcalloc(1, sizeof(*rows));
    if (strcmp(sql, "SHOW BINARY LOG STATUS") == 0 || strcmp(sql, "SHOW MASTER STATUS") == 0)
        *rows = (struct sql_rows){
            {"binlog.000042", "4711", "", "", "11111111-2222-3333-4444-555555555555:1-9"}
        };
    else if (strcmp(sql, "SHOW BINARY LOGS") == 0)
        *rows = (struct sql_rows){
            {"binlog.000040", "157"}
        };
    else if (strstr(sql, "'Uptime'") != NULL)
        *rows = (struct sql_rows){
            {"Uptime", "99"}
        };
    return rows;
}

/* ---- sql_client.h ---- */

void sql_client_library_init(void)
{
}

enum result sql_client_open(const struct sql_client_options *options, struct sql_client **ret_client,
                            char **ret_error)
{
    (void)options;
    *ret_error = NULL;
    *ret_client = xcalloc(1, sizeof(**ret_client));
    (*ret_client)->release = server;
    return RESULT_OK;
}

void sql_client_close(struct sql_client **client)
{
    free(*client);
    *client = NULL;
}

void sql_client_address(const struct sql_client *client, char *ret_address, size_t address_max)
{
    (void)client;
    snprintf(ret_address, address_max, "192.0.2.1");
}

enum result sql_client_run(struct sql_client *client, const char *sql, struct sql_rows **ret_rows)
{
    (void)client;
    size_t length = strlen(statements);
    snprintf(statements + length, sizeof(statements) - length, "%s\n", sql);
    if (begins(sql, "SET GLOBAL "))
        return run_set(sql + strlen("SET GLOBAL "));
    if (begins(sql, "INSTALL PLUGIN rpl_semi_sync_source"))
        add_semi_sync("source");
    if (!is_known_statement(sql))
        return RESULT_UNSUPPORTED;
    if (ret_rows != NULL)
        *ret_rows = row_for(sql);
    return RESULT_OK;
}

const char *sql_client_error(const struct sql_client *client)
{
    (void)client;
    return "scripted";
}

unsigned sql_client_error_code(const struct sql_client *client)
{
    (void)client;
    return 0;
}

size_t sql_rows_count(const struct sql_rows *rows)
{
    return rows->texts[0] != NULL;
}

size_t sql_rows_columns(const struct sql_rows *rows)
{
    (void)rows;
    return COLUMNS_MAX;
}

const char *sql_rows_text(const struct sql_rows *rows, size_t row, size_t column)
{
    return row == 0 && column < COLUMNS_MAX ? rows->texts[column] : NULL;
}

struct span sql_rows_bytes(const struct sql_rows *rows, size_t row, size_t column)
{
    const char *text = sql_rows_text(rows, row, column);
    return (struct span){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

void sql_rows_free(struct sql_rows **rows)
{
    free(*rows);
    *rows = NULL;
}

enum result sql_client_value(struct sql_client *client, const char *sql, char **ret_text)
{
    (void)client;
    ck_assert(begins(sql, "SELECT @@GLOBAL."));
    const struct variable *variable = find(sql + strlen("SELECT @@GLOBAL."));
    *ret_text = variable == NULL ? NULL : xstrdup(variable->value);
    return variable == NULL ? RESULT_NOT_FOUND : RESULT_OK;
}

/* ---- the tests ---- */

static char reason[SOURCE_REASON_MAX];

static enum result look_over(bool is_configured, struct source_facts *facts)
{
    static const struct source_check_request request = {.needs_files = true};
    struct config config = {
        .source = {.host = (char *)"db1",
                   .port = 3306,
                   .user = (char *)"ackgate",
                   .server_id = 4000,
                   .is_semi_sync = true,
                   .is_configured = is_configured,
                   .connect_timeout_ms = 5000},
    };
    return source_check(&config, &request, facts, reason);
}

static void expect(const char *name, const char *value)
{
    const struct variable *variable = find(name);
    ck_assert_msg(variable != NULL, "%s has no %s", server->version, name);
    ck_assert_msg(strcmp(variable->value, value) == 0, "%s: %s is %s", server->version, name,
                  variable->value);
}

static void expect_set(const char *role)
{
    char name[64];
    static const char *const wanted[][2] = {
        {"wait_point", "AFTER_SYNC"},
        {"timeout",    "4294967295"},
        {"enabled",    "1"         },
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        snprintf(name, sizeof(name), "rpl_semi_sync_%s_%s", role, wanted[i][0]);
        expect(name, wanted[i][1]);
    }
    bool is_new = strcmp(role, "source") == 0;
    expect(is_new ? "rpl_semi_sync_source_wait_no_replica" : "rpl_semi_sync_master_wait_no_slave", "1");
    expect(is_new ? "rpl_semi_sync_source_wait_for_replica_count"
                  : "rpl_semi_sync_master_wait_for_slave_count",
           "1");
    expect("session_track_gtids", "OWN_GTID");
    expect("session_track_system_variables",
           "time_zone,autocommit,session_track_gtids,session_track_system_variables");
    if (server->observes_commit_only)
        expect("replication_sender_observe_commit_only", "0");
}

START_TEST(each_release_is_set_by_the_names_that_it_has)
{
    struct source_facts facts = {0};
    start_server(&releases[_i]);
    enum result result = look_over(true, &facts);
    ck_assert_msg(result == RESULT_OK, "%s: %s", server->version, reason);
    expect_set(server->semi_sync == NULL ? "source" : server->semi_sync);
    ck_assert(strstr(statements, "INSTALL PLUGIN") == NULL || _i == WITHOUT_PLUGIN);
    ck_assert_str_eq(facts.base, "binlog");
    ck_assert_str_eq(facts.first_file, "binlog.000040");
    ck_assert(facts.has_tail);
    ck_assert_str_eq(facts.last_file, "binlog.000042");
    ck_assert_uint_eq(facts.last_offset, 4711);
    ck_assert_uint_eq(facts.uptime_s, 99);
    source_facts_release(&facts);
}
END_TEST

/* Semi-sync goes on when all its settings are right, never before. */
START_TEST(semi_sync_is_switched_on_last)
{
    struct source_facts facts = {0};
    start_server(&releases[_i]);
    ck_assert_int_eq(look_over(true, &facts), RESULT_OK);
    const char *on = strstr(statements, "_enabled = ON");
    ck_assert_ptr_nonnull(on);
    ck_assert_ptr_null(strstr(on, "SET GLOBAL rpl_semi_sync"));
    ck_assert_ptr_null(strstr(on, "observe_commit_only"));
    source_facts_release(&facts);
}
END_TEST

START_TEST(what_is_right_is_not_set_again)
{
    struct source_facts facts = {0};
    start_server(&releases[_i]);
    ck_assert_int_eq(look_over(true, &facts), RESULT_OK);
    source_facts_release(&facts);
    statements[0] = '\0';
    ck_assert_int_eq(look_over(true, &facts), RESULT_OK);
    ck_assert_ptr_null(strstr(statements, "SET GLOBAL"));
    source_facts_release(&facts);
}
END_TEST

/* With configure = off nothing is changed, and the refusal has the statements that this release takes. */
START_TEST(without_configure_the_differences_are_named)
{
    char wanted[128];
    struct source_facts facts = {0};
    start_server(&releases[_i]);
    ck_assert_int_eq(look_over(false, &facts), RESULT_CONFLICT);
    ck_assert_ptr_null(strstr(statements, "SET GLOBAL"));
    ck_assert_ptr_null(strstr(statements, "INSTALL"));
    if (server->semi_sync == NULL)
        snprintf(wanted, sizeof(wanted), "INSTALL PLUGIN rpl_semi_sync_source");
    else
        snprintf(wanted, sizeof(wanted), "SET GLOBAL rpl_semi_sync_%s_enabled = ON;", server->semi_sync);
    ck_assert_msg(strstr(reason, wanted) != NULL, "%s: %s", server->version, reason);
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR + 1);
    Suite *suite = suite_create("source_check");
    TCase *tests = tcase_create("source_check");
    tcase_add_loop_test(tests, each_release_is_set_by_the_names_that_it_has, 0, RELEASES);
    tcase_add_loop_test(tests, semi_sync_is_switched_on_last, 0, RELEASES);
    tcase_add_loop_test(tests, what_is_right_is_not_set_again, 0, RELEASES);
    tcase_add_loop_test(tests, without_configure_the_differences_are_named, 0, RELEASES);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
