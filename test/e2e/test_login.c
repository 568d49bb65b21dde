/* Clients log in with the source's own accounts, through packets that ackgate only relays: whatever the
 * account's plugin, with the source's own answers, also while it is down for a moment. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static struct topology *start(enum family family, const char *key_1, const char *key_2)
{
    const char *const lines[] = {"app", key_1, "app", key_2, NULL};
    const struct topology_options options = {
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = key_1 ? lines : NULL};

    return topology_start_with(&options);
}

#define LONG_USER "a_user_name_that_is_32_bytes_lon"
#define LONG_PASSWORD                                                                                        \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"

struct account {
    unsigned families; /* 1: MySQL, 2: MariaDB */
    const char *user;
    const char *password;
    const char *how; /* CREATE USER … how */
};

static const struct account accounts[] = {
    {3, "plain",   "secret",      "IDENTIFIED BY 'secret'"                                             },
    {3, "empty",   "",            ""                                                                   },
    {3, LONG_USER, LONG_PASSWORD, "IDENTIFIED BY '" LONG_PASSWORD "'"                                  },
    {3, "utf8",    "pässwörd",  "IDENTIFIED BY 'pässwörd'"                                         },
    {1, "sha2",    "secret",      "IDENTIFIED WITH caching_sha2_password BY 'secret'"                  },
    {2, "native",  "secret",      "IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')"      },
    {2, "edward",  "secret",      "IDENTIFIED VIA ed25519 USING PASSWORD('secret')"                    },
    {2, "both",    "secret",
     "IDENTIFIED VIA ed25519 USING PASSWORD('other') OR mysql_native_password USING PASSWORD('secret')"},
};

enum { ACCOUNTS = sizeof accounts / sizeof *accounts };

static bool is_for(const struct account *account, enum family family)
{
    return account->families & (family == FAMILY_MYSQL ? 1 : 2);
}

/* Twice: caching_sha2_password takes the long way at an account's first login, and a short one afterwards. */
static void log_in(struct topology *t, const struct account *account)
{
    for (int round = 0; round < 3; round++) {
        struct sql *conn = gate_app_as(t->gate, account->user, account->password);
        ck_assert_str_eq(sql_value(conn, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), account->user);
        ck_assert_int_eq(sql_number(conn, "SELECT CONNECTION_ID()"), (int64_t)sql_thread_id(conn));
        ck_assert_str_eq(mysql_get_server_info(sql_handle(conn)),
                         mysql_get_server_info(sql_handle(server_admin(t->source))));
        sql_close(conn);
    }
}

static bool is_ed25519(const struct account *account)
{
    return strstr(account->how, "ed25519") != NULL;
}

/* Accounts whose plugin the raw client speaks, with what no library sends in just this way. */
static void log_in_raw(struct topology *t, const struct account *account)
{
    struct raw_client client;

    for (int round = 0; round < 2; round++) {
        raw_open(&client, t->gate->app_port);
        raw_login(&client, account->user, account->password, 0, 0);
        ck_assert_uint_eq(raw_query(&client, "SELECT 1"), 0);
        raw_close(&client);
    }
}

START_TEST(every_plugin)
{
    struct topology *t = start(TEST_FAMILY, NULL, NULL);
    struct sql *app = gate_app(t->gate);

    if (TEST_FAMILY == FAMILY_MARIADB) {
        sql_exec(server_admin(t->source), "SET sql_log_bin = 0; INSTALL SONAME 'auth_ed25519'");
        sql_exec(server_admin(t->replica[0]), "SET sql_log_bin = 0; INSTALL SONAME 'auth_ed25519'; "
                                              "SET sql_log_bin = 1");
    }
    for (size_t i = 0; i < ACCOUNTS; i++) {
        if (!is_for(&accounts[i], TEST_FAMILY))
            continue;
        sql_exec(app, "CREATE USER '%s'@'%%' %s", accounts[i].user, accounts[i].how);
        log_in(t, &accounts[i]);
        sql_exec(app, "FLUSH PRIVILEGES");
        if (!is_ed25519(&accounts[i]))
            log_in_raw(t, &accounts[i]);
    }
    topology_assert_same_data(t);
}
END_TEST

struct refusal {
    const char *user;
    const char *password;
    const char *db;
};

static const struct refusal refusals[] = {
    {"app",     "wrong",  NULL     },
    {"app",     "",       NULL     },
    {"nobody",  "secret", NULL     },
    {"nobody",  "",       NULL     },
    {"app",     "app-pw", "no_such"},
    {"locked",  "secret", NULL     },
    {"expired", "secret", NULL     },
    {"tls",     "secret", NULL     },
    {"weak",    "secret", "mysql"  },
    {"once",    "secret", NULL     },
};

static void try_refused(struct topology *t, const struct refusal *refusal)
{
    struct sql_options options = {
        .port = t->source->port, .user = refusal->user, .password = refusal->password, .db = refusal->db};
    struct sql *direct = sql_try_open(&options);

    options.port = t->gate->app_port;
    struct sql *through = sql_try_open(&options);
    ck_assert_uint_ne(sql_errno(direct), 0);
    ck_assert_msg(sql_errno(through) == sql_errno(direct) && !strcmp(sql_error(through), sql_error(direct)) &&
                      !strcmp(sql_state(through), sql_state(direct)),
                  "%s: %u %s %s instead of %u %s %s", refusal->user, sql_errno(through), sql_state(through),
                  sql_error(through), sql_errno(direct), sql_state(direct), sql_error(direct));
    sql_close(direct);
    sql_close(through);
}

START_TEST(refused_as_by_the_source)
{
    struct topology *t = start(TEST_FAMILY, NULL, NULL);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE USER locked IDENTIFIED BY 'secret' ACCOUNT LOCK");
    sql_exec(app, "CREATE USER expired IDENTIFIED BY 'secret' PASSWORD EXPIRE");
    sql_exec(app, "CREATE USER tls IDENTIFIED BY 'secret' REQUIRE SSL");
    sql_exec(app, "CREATE USER weak IDENTIFIED BY 'secret'");
    sql_exec(app, "CREATE USER once IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1");
    struct sql *once = gate_app_as(t->gate, "once", "secret");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        /* MariaDB lets it in and refuses its statements */
        if (TEST_FAMILY == FAMILY_MARIADB && strcmp(refusals[i].user, "expired") == 0)
            continue;
        try_refused(t, &refusals[i]);
    }
    ck_assert_str_eq(sql_value(once, "SELECT 1"), "1");
    ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
}
END_TEST

static const char who[] =
    "SELECT CONCAT(SUBSTRING_INDEX(CURRENT_USER(), '@', 1), ' ', IFNULL(DATABASE(), '-'), "
    "' ', IFNULL(@v, '-'))";

START_TEST(change_user_and_reset)
{
    struct topology *t = start(TEST_FAMILY, NULL, NULL);
    struct sql *app = gate_app(t->gate);
    MYSQL *handle = sql_handle(app);

    sql_exec(app, "CREATE DATABASE d; CREATE USER other IDENTIFIED BY 'secret'; GRANT ALL ON d.* TO other; "
                  "CREATE TABLE d.t (id INT PRIMARY KEY); SET @v = 7; USE d");
    ck_assert_str_eq(sql_value(app, who), "app d 7");
    ck_assert_int_eq(mysql_reset_connection(handle), 0);
    ck_assert_str_eq(sql_value(app, who), "app d -");
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(mysql_change_user(handle, "other", "secret", "d"), 0);
        ck_assert_str_eq(sql_value(app, who), "other d -");
        sql_exec(app, "INSERT INTO t VALUES (%d)", 2 * round);
        ck_assert_int_eq(mysql_change_user(handle, "app", "app-pw", NULL), 0);
        ck_assert_str_eq(sql_value(app, who), "app - -");
        sql_exec(app, "INSERT INTO d.t VALUES (%d)", 2 * round + 1);
    }
    ck_assert_int_eq(sql_number(app, "SELECT COUNT(*) FROM d.t"), 6);
    struct sql *direct = server_open(t->source, "app", "app-pw");
    ck_assert_int_ne(mysql_change_user(sql_handle(direct), "other", "wrong", NULL), 0);
    ck_assert_int_ne(mysql_change_user(handle, "other", "wrong", NULL), 0);
    ck_assert_uint_eq(mysql_errno(handle), mysql_errno(sql_handle(direct)));
    ck_assert_str_eq(mysql_error(handle), mysql_error(sql_handle(direct)));
    ck_assert_uint_eq(sql_try(app, "SELECT 1") == 0, sql_try(direct, "SELECT 1") == 0);
    topology_assert_same_data(t);
}
END_TEST

/* For a client that does not want to hear of GTIDs: */
static const char *const tracking_off[] = {
    "SET SESSION session_track_system_variables = ''",
    "SET SESSION session_track_system_variables = '', session_track_schema = 0",
    "SET SESSION session_track_gtids = OFF", /* MySQL */
};

static void try_held(struct topology *t, struct sql *app, int id, const char *before)
{
    replica_stop_receiver(t->replica[0]);
    sql_start(app, "%s INSERT INTO d.t VALUES (%d)", before, id);
    sql_assert_waiting(app, 200);
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
}

static struct topology *start_with_table(enum family family, const char *semi_sync)
{
    const char *const lines[] = {"source", semi_sync, NULL};
    const struct topology_options options = {
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    struct topology *topology = topology_start_with(&options);

    sql_exec(gate_app(topology->gate), "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    return topology;
}

static size_t ways_to_switch_off(enum family family)
{
    return family == FAMILY_MYSQL ? 3 : 2;
}

/* The source does not wait, so that it is ackgate's doing. */
START_TEST(commits_wait_in_whatever_session)
{
    struct topology *t = start_with_table(TEST_FAMILY, "semi_sync = off");
    struct sql *app = gate_app(t->gate);
    int id = 0;

    ck_assert_int_eq(mysql_reset_connection(sql_handle(app)), 0);
    try_held(t, app, id++, "/* after COM_RESET_CONNECTION */");
    ck_assert_int_eq(mysql_change_user(sql_handle(app), "app", "app-pw", "d"), 0);
    try_held(t, app, id++, "/* after COM_CHANGE_USER */");
    for (size_t i = 0; i < ways_to_switch_off(TEST_FAMILY); i++) {
        struct sql *other = gate_app(t->gate);
        sql_exec(other, "%s", tracking_off[i]);
        try_held(t, other, id++, "/* after switching off */");
        sql_exec(other, "%s", tracking_off[i]);
        sql_exec(other, "BEGIN; INSERT INTO d.t VALUES (%d)", id++);
        try_held(t, other, id++, "COMMIT;");
    }
    topology_assert_same_data(t);
}
END_TEST

/* Where ackgate cannot see what was committed, the source's own waiting is what holds. */
START_TEST(commits_wait_in_the_statement_that_hides_them)
{
    struct topology *t = start_with_table(TEST_FAMILY, "semi_sync = required");
    struct sql *app = gate_app(t->gate);
    int id = 0;

    sql_exec(app, "CREATE PROCEDURE d.p(a INT) BEGIN SET SESSION session_track_system_variables = ''; "
                  "INSERT INTO d.t VALUES (a); END");
    for (size_t i = 0; i < ways_to_switch_off(TEST_FAMILY); i++)
        try_held(t, app, id++, place_format("%s;", tracking_off[i]));
    try_held(t, app, id + 1, place_format("CALL d.p(%d);", id));
    topology_assert_same_data(t);
}
END_TEST

/* Comes, looks, and leaves at some point before it has logged in. */
static void health_check(uint16_t port, int how)
{
    static const uint8_t half_login[] = {0x20, 0, 0, 1, 0x85};
    struct raw_client client;

    raw_open(&client, port);
    if (how % 4 >= 1)
        (void)raw_read_packet(&client);
    if (how % 4 == 2)
        (void)raw_send(&client, half_login, sizeof half_login);
    if (how % 4 == 3)
        raw_abort(&client);
    else
        raw_close(&client);
}

START_TEST(health_checks_are_no_failures)
{
    struct topology *t = start(TEST_FAMILY, NULL, NULL);
    const char *before = server_status(t->source, "Aborted_connects");
    enum { CHECKS = 160 };

    sql_exec(server_admin(t->source), "SET GLOBAL max_connect_errors = 10");
    for (int i = 0; i < CHECKS; i++)
        health_check(t->gate->app_port, i);
    WAIT_SQL(server_admin(t->source),
             "SELECT COUNT(*) FROM information_schema.processlist WHERE user LIKE 'unauth%'", "0");
    for (int i = 0; i < 20; i++)
        sql_close(gate_app(t->gate));
    ck_assert_str_eq(server_status(t->source, "Aborted_connects"), before);
    WAIT_SQL(gate_admin(t->gate), "SHOW STATUS LIKE 'Ackgate_sessions'", "Ackgate_sessions\t0");
}
END_TEST

START_TEST(no_source_for_longer_than_hold)
{
    struct topology *t = start(TEST_FAMILY, "hold = 1500ms", "auth_timeout = 5s");
    const struct sql_options options = {.port = t->gate->app_port, .user = "app", .password = "app-pw"};

    server_stop(t->source);
    uint64_t began_ms = now_ms();
    struct sql *refused = sql_try_open(&options);
    uint64_t took_ms = now_ms() - began_ms;
    ck_assert_uint_eq(sql_errno(refused), 1105);
    ck_assert_str_eq(sql_state(refused), "HY000");
    ck_assert_msg(strncmp(sql_error(refused), "ackgate: source not available: ", 31) == 0, "%s",
                  sql_error(refused));
    ck_assert_uint_ge(took_ms, 1400);
    server_start(t->source);
    gate_wait_open(t->gate);
    ck_assert_str_eq(sql_value(gate_app(t->gate), "SELECT 1"), "1");
}
END_TEST

START_TEST(source_comes_back_within_hold)
{
    struct topology *t = start(TEST_FAMILY, "hold = 20s", "auth_timeout = 5s");
    struct raw_client early;

    sql_exec(gate_app(t->gate), "CREATE DATABASE d");
    server_stop(t->source);
    raw_open(&early, t->gate->app_port);
    ck_assert_int_eq(raw_read_packet_within(&early, 300), RAW_TIMEOUT);
    server_launch(t->source);
    struct sql *app = gate_app(t->gate);
    server_wait_ready(t->source);
    sql_exec(app, "CREATE TABLE d.t (id INT PRIMARY KEY)");
    raw_login(&early, "app", "app-pw", 0, 0);
    ck_assert_uint_eq(raw_query(&early, "INSERT INTO d.t VALUES (1)"), 0);
    raw_close(&early);
    topology_assert_same_data(t);
}
END_TEST

START_TEST(connections_have_a_limit)
{
    struct topology *t = start(TEST_FAMILY, "max_connections = 3", "hold = 500ms");
    struct sql *conns[3];

    for (size_t i = 0; i < 3; i++)
        conns[i] = gate_app(t->gate);
    struct sql *refused =
        sql_try_open(&(struct sql_options){.port = t->gate->app_port, .user = "app", .password = "app-pw"});
    ck_assert_uint_ne(sql_errno(refused), 0);
    ck_assert_str_eq(sql_error(refused), "Too many connections");
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(sql_value(conns[i], "SELECT 1"), "1");
    sql_close(conns[0]);
    WAIT_SQL(gate_admin(t->gate), "SHOW STATUS LIKE 'Ackgate_sessions'", "Ackgate_sessions\t2");
    ck_assert_str_eq(sql_value(gate_app(t->gate), "SELECT 1"), "1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("login");

    e2e_add(suite, "plugins", every_plugin);
    e2e_add(suite, "refused", refused_as_by_the_source);
    e2e_add(suite, "change_user", change_user_and_reset);
    e2e_add(suite, "held", commits_wait_in_whatever_session);
    e2e_add(suite, "hidden", commits_wait_in_the_statement_that_hides_them);
    e2e_add(suite, "health_checks", health_checks_are_no_failures);
    e2e_add(suite, "no_source", no_source_for_longer_than_hold);
    e2e_add(suite, "source_back", source_comes_back_within_hold);
    e2e_add(suite, "limit", connections_have_a_limit);
    return e2e_main(suite);
}
