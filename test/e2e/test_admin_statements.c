/* Every statement of the admin port on real servers: what it shows is what the tables show, what it changes
 * can be seen at the servers. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static void make_table(struct topology *t)
{
    sql_exec(gate_app(t->gate), "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
}

static struct sql *open_admin(struct topology *t, const char *user, const char *password)
{
    return sql_open(NULL, t->gate->admin_port, user, password);
}

/* ---- what shows ---- */

static void assert_same(struct sql *admin, const char *show, const char *select)
{
    const char *expected = place_format("%s", sql_text(admin, "%s", select));
    const char *shown = sql_text(admin, "%s", show);
    ck_assert_msg(strcmp(shown, expected) == 0, "%s gives %s instead of %s", show, shown, expected);
}

START_TEST(what_shows)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    make_table(t);
    struct sql *admin = gate_admin(t->gate);
    static const char *const same[][2] = {
        {"SHOW SOURCE STATUS",                    "SELECT * FROM source"                                     },
        {"SHOW REPLICAS",                         "SELECT * FROM replicas"                                   },
        {"SHOW QUORUM",                           "SELECT * FROM quorum"                                     },
        {"SHOW WAITING",                          "SELECT * FROM waiting"                                    },
        {"SHOW DISCARDED",                        "SELECT * FROM discarded"                                  },
        {"SHOW JOURNAL",                          "SELECT * FROM journal"                                    },
        {"SHOW TABLES",                           "SELECT name FROM tables"                                  },
        {"SHOW TABLES LIKE 's%'",                 "SELECT name FROM tables WHERE name LIKE 's%'"             },
        {"SHOW VARIABLES",                        "SELECT name, value FROM variables"                        },
        {"SHOW VARIABLES LIKE 'app.%'",           "SELECT name, value FROM variables WHERE name LIKE 'app.%'"},
        {"SHOW STATUS LIKE 'Ackgate_confirmed%'",
         "SELECT name, value FROM status WHERE name LIKE 'Ackgate_confirmed%'"                               },
        {"SHOW PROCESSLIST",
         "SELECT id, user, client, db, command, time_ms / 1000, state, waiting_gtid FROM sessions"           },
        {"HELP",                                  "SELECT statement, what FROM help"                         },
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_same(admin, same[i][0], same[i][1]);
    struct sql *source = server_admin(t->source);
    const struct sql_rows *theirs =
        sql_rows(source, t->family == FAMILY_MYSQL ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    static const char *const statements[] = {"SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"};
    for (size_t i = 0; i < 2; i++) {
        const struct sql_rows *ours = sql_rows(admin, "%s", statements[i]);
        ck_assert_str_eq(sql_cell(ours, 0, "File"), sql_cell(theirs, 0, "File"));
        ck_assert_str_eq(sql_cell(ours, 0, "Position"), sql_cell(theirs, 0, "Position"));
    }
    theirs = sql_rows(source, "SHOW BINARY LOGS");
    const struct sql_rows *ours = sql_rows(admin, "SHOW BINARY LOGS");
    ck_assert_uint_eq(ours->rows, theirs->rows);
    ck_assert_str_eq(sql_cell(ours, 0, "Log_name"), sql_cell(theirs, 0, "Log_name"));
    ck_assert_str_eq(sql_cell(ours, 0, "File_size"), sql_cell(theirs, 0, "File_size"));
    /* every table describes itself with the columns that it has */
    const struct sql_rows *tables = sql_rows(admin, "SHOW TABLES");
    ck_assert_uint_eq(tables->rows, 10);
    for (size_t i = 0; i < tables->rows; i++) {
        const struct sql_rows *described = sql_rows(admin, "DESCRIBE %s", tables->cells[i]);
        const struct sql_rows *selected = sql_rows(admin, "SELECT * FROM %s", tables->cells[i]);
        ck_assert_uint_eq(described->rows, selected->columns);
        for (size_t c = 0; c < selected->columns; c++)
            ck_assert_str_eq(sql_cell(described, c, "Field"), selected->names[c]);
    }
    sql_exec_fails(admin, 1064, "SHOW NONSENSE");
    ck_assert_str_eq(sql_error(admin),
                     "You have an error in your SQL at position 1 near 'SHOW'; HELP lists the statements");
    sql_exec_fails(admin, 1290, "DELETE FROM quorum");
    sql_exec_fails(admin, 1146, "SELECT * FROM nonsense");
    sql_exec_fails(admin, 1317, "SELECT count(*) FROM columns a, columns b, columns c, columns d");
}
END_TEST

/* ---- what changes settings ---- */

START_TEST(set_and_reload)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 2);
    struct sql *admin = gate_admin(t->gate);
    make_table(t);
    ck_assert_str_eq(
        sql_text(admin,
                 "SELECT value, source FROM variables WHERE name IN ('source.port', 'source.password', "
                 "'app.max_connections', 'admin.listen') ORDER BY name"),
        place_format("127.0.0.1:%u\tfile\n1000\tdefault\n********\tfile\n%u\tfile", t->gate->admin_port,
                     t->source->port));
    sql_exec(admin, "SET hold = '1s', app.idle_timeout = '1h'");
    ck_assert_str_eq(
        sql_text(admin, "SELECT name, value, source, reload FROM variables WHERE source = 'runtime'"),
        "app.hold\t1s\truntime\tyes\napp.idle_timeout\t1h\truntime\tyes");
    sql_exec_fails(admin, 1238, "SET source.port = 1");
    sql_exec_fails(admin, 1231, "SET max_connections = 0");
    sql_exec_fails(admin, 1193, "SET nonsense = 1");

    /* the limits hold: one session too many is refused */
    struct sql *app = gate_app(t->gate);
    sql_exec(admin, "SET max_connections = 1");
    struct sql *refused =
        sql_try_open(&(struct sql_options){.port = t->gate->app_port, .user = "app", .password = "app-pw"});
    ck_assert_uint_eq(sql_errno(refused), 1040);
    sql_exec(admin, "SET idle_timeout = '100ms'");
    WAIT_SQL(admin, "SELECT count(*) FROM sessions", "0");
    ck_assert_uint_ne(sql_try(app, "SELECT 1"), 0);

    /* a reload: the file wins, over SET too; what needs a restart is named */
    gate_set(t->gate, "app", "auth_timeout = 7s");
    gate_set(t->gate, "store", "retain_time = 1d");
    gate_set(t->gate, "store", "sync = os");
    gate_set(t->gate, "admin", "stats_user = look");
    gate_set(t->gate, "admin", "stats_password = look-pw");
    gate_write_config(t->gate);
    sql_exec(admin, "RELOAD");
    ck_assert_str_eq(
        sql_text(admin, "SELECT name, value FROM variables WHERE name IN "
                        "('app.hold', 'app.auth_timeout', 'store.retain_time', 'store.sync') ORDER BY name"),
        "app.auth_timeout\t7s\napp.hold\t10s\nstore.retain_time\t1d\nstore.sync\tgroup");
    ck_assert(gate_has_logged(t->gate, "a restart is needed for store.sync"));
    (void)open_admin(t, "look", "look-pw");

    /* a file with a mistake: nothing */
    gate_set(t->gate, "app", "auth_timeout = 8s");
    gate_set(t->gate, "store", "retain_time = soon");
    gate_write_config(t->gate);
    sql_exec_fails(admin, 1105, "RELOAD");
    ck_assert_ptr_nonnull(strstr(sql_error(admin), "retain_time must be a duration"));
    ck_assert_str_eq(sql_value(admin, "SELECT value FROM variables WHERE name = 'app.auth_timeout'"), "7s");

    /* the admin's own password */
    gate_set(t->gate, "store", "retain_time = 1d");
    gate_set(t->gate, "admin", "password = new-pw");
    gate_reload(t->gate);
    gate_wait_logged(t->gate, "applied app.auth_timeout, admin.password");
    ck_assert_uint_eq(sql_errno(sql_try_open(&(struct sql_options){
                          .port = t->gate->admin_port, .user = "admin", .password = "admin-pw"})),
                      1045);
    (void)open_admin(t, "admin", "new-pw");
    ck_assert_str_eq(sql_value(admin, "SELECT value FROM variables WHERE name = 'app.auth_timeout'"), "8s");
}
END_TEST

/* Not while the rule in force names it; then it goes on as an observer, and its acks do not count. */
static void check_removal(struct topology *t, struct server *second)
{
    struct sql *admin = gate_admin(t->gate);
    gate_remove_voter(t->gate, "r2");
    gate_set(t->gate, "quorum", "rule = ANY 1 (r1)");
    gate_write_config(t->gate);
    sql_exec(admin, "SET quorum_rule = 'ALL (r1, r2)'");
    sql_exec(admin, "RELOAD");
    WAIT_SQL(admin, "SELECT rule, satisfied, voters, attached FROM quorum", "ANY 1 (r1)\t1\t1\t1");
    ck_assert_str_eq(sql_text(admin, "SELECT name, role FROM replicas WHERE role = 'voter'"), "r1\tvoter");
    WAIT_SQL(admin, "SELECT server_id FROM replicas WHERE role = 'observer'",
             place_format("%u", second->server_id));
    replica_stop_receiver(t->replica[0]);
    struct sql *app = gate_app(t->gate);
    sql_start(app, "INSERT INTO d.t VALUES (2)");
    WAIT_SQL(admin, "SELECT acked_by, missing FROM waiting", "\tr1");
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
    replica_wait_caught_up(second, t->source);
}

/* An observer gets its section while it is attached, and its acks count from then on. */
START_TEST(a_new_replica_by_reload)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct server *second = server_new(TEST_FAMILY, "r2", NULL);
    make_table(t);
    server_start(second);
    replica_attach(second, NULL, t->gate->replication_port, "repl", "repl-pw", REPLICA_GTID);
    struct sql *admin = gate_admin(t->gate);
    WAIT_SQL(admin, "SELECT count(*) FROM replicas WHERE role = 'observer'", "1");
    gate_add_voter(t->gate, "r2", second->server_id);
    gate_set(t->gate, "quorum", "rule = ALL (r1, r2)");
    gate_reload(t->gate);
    WAIT_SQL(admin, "SELECT rule, satisfied, voters, attached FROM quorum", "ALL (r1, r2)\t1\t2\t2");
    ck_assert_str_eq(sql_text(admin, "SELECT name, role, server_id FROM replicas WHERE name = 'r2'"),
                     place_format("r2\tvoter\t%u", second->server_id));
    ck_assert_str_eq(sql_text(admin, "SELECT value, source FROM variables WHERE name = 'quorum.rule'"),
                     "ALL (r1, r2)\tfile");
    replica_stop_receiver(t->replica[0]);
    struct sql *app = gate_app(t->gate);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    WAIT_SQL(admin, "SELECT acked_by, missing FROM waiting", "r2\tr1");
    /* an operator's rule stands, in a reload of the same file and over a restart */
    sql_exec(admin, "SET quorum_rule = 'ANY 1 (r1, r2)'");
    sql_finish(app);
    sql_exec(admin, "RELOAD");
    gate_restart(t->gate);
    gate_wait_open(t->gate);
    ck_assert_str_eq(
        sql_text(gate_admin(t->gate), "SELECT value, source FROM variables WHERE name = 'quorum.rule'"),
        "ANY 1 (r1, r2)\truntime");
    replica_start_receiver(t->replica[0]);
    gate_wait_attached(t->gate, 2);
    check_removal(t, second);
    assert_same_data(t->source, t->replica[0], second);
}
END_TEST

/* ---- what acts ---- */

/* A client that connects and says nothing. */
static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void check_pause(struct topology *t, struct sql *admin)
{
    sql_exec(admin, "SET hold = '200ms'");
    sql_exec(admin, "PAUSE");
    int fd = connect_to(t->gate->app_port);
    WAIT_SQL(admin, "SELECT time_ms > 500 FROM sessions WHERE state = 'held'", "1");
    sql_exec(admin, "RESUME");
    WAIT_SQL(admin, "SELECT count(*) FROM sessions WHERE state = 'login'", "1");
    close(fd);
}

static void check_kill(struct topology *t, struct sql *admin)
{
    struct sql *app = gate_app(t->gate);
    const char *id = place_format("%s", sql_value(app, "SELECT CONNECTION_ID()"));
    sql_exec(admin, "KILL %s", id);
    unsigned lost = sql_try(app, "SELECT 1");
    ck_assert(lost == 2013 || lost == 2006);
    WAIT_SQL(server_admin(t->source),
             place_format("SELECT COUNT(*) FROM information_schema.processlist WHERE id = %s", id), "0");
    sql_exec_fails(admin, 1094, "KILL %s", id);

    const char *replica = place_format("%s", sql_value(admin, "SELECT id FROM replicas"));
    sql_exec(admin, "KILL %s", replica);
    WAIT_SQL(admin, place_format("SELECT state, id <> %s FROM replicas", replica), "streaming\t1");

    struct sql *other = open_admin(t, "admin", "admin-pw");
    sql_exec(admin, "KILL %s", sql_value(other, "SELECT CONNECTION_ID()"));
    lost = sql_try(other, "SELECT 1");
    ck_assert(lost == 2013 || lost == 2006);
}

/* The source begins a new file, once its account may tell it to; the store follows. */
static void check_flush_and_purge(struct topology *t, struct sql *admin)
{
    struct sql *source = server_admin(t->source);
    sql_exec_fails(admin, 1105, "FLUSH BINARY LOGS");
    ck_assert_ptr_nonnull(strstr(sql_error(admin), "needs the RELOAD privilege"));
    sql_exec(source, "GRANT RELOAD ON *.* TO ackgate@'%%'");
    for (int i = 0; i < 2; i++) {
        sql_exec(admin, "FLUSH BINARY LOGS");
        sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (%d)", i);
    }
    const struct sql_rows *theirs = sql_rows(source, "SHOW BINARY LOGS");
    ck_assert_uint_eq(theirs->rows, 3);
    const char *last = sql_cell(theirs, 2, "Log_name");
    ck_assert_str_eq(sql_value(admin, "SELECT max(file) FROM binary_logs"), last);
    WAIT_SQL(admin, place_format("SELECT acked_file FROM replicas"), last);
    sql_exec(admin, "PURGE BINARY LOGS TO '%s'", last);
    ck_assert_str_eq(sql_value(admin, "SELECT group_concat(file) FROM binary_logs"), last);
    ck_assert_uint_eq(sql_rows(source, "SHOW BINARY LOGS")->rows, 3);
    sql_exec_fails(admin, 1105, "PURGE BINARY LOGS TO 'binlog.009999'");
}

static void check_who_may_only_look(struct topology *t)
{
    struct sql *look = open_admin(t, "look", "look-pw");
    ck_assert_str_eq(sql_value(look, "SELECT state FROM source"), "open");
    ck_assert_int_eq(strncmp(sql_value(look, "SELECT CURRENT_USER()"), "look@", 5), 0);
    sql_exec_fails(look, 1227, "PAUSE");
    sql_exec_fails(look, 1227, "SET quorum_rule = 'ALL (r1)'");
    sql_exec_fails(look, 1227, "KILL %s", sql_value(look, "SELECT CONNECTION_ID()"));
    sql_exec_fails(look, 1227, "SHUTDOWN");
}

static bool has_ended(void *gate)
{
    return !gate_is_running(gate);
}

/* The line that the program makes of a password for the config. */
static const char *hash_line(const char *password)
{
    const char *program = getenv("ACKGATE") ? getenv("ACKGATE") : "build/ackgate";
    char line[300] = "";
    FILE *out = popen(place_format("printf '%s\\n' | %s passwd --user look", password, program), "r");
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), out));
    ck_assert_str_eq(line, "user = look\n");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), out));
    ck_assert_int_eq(pclose(out), 0);
    ck_assert_ptr_nonnull(strstr(line, "password_hash = $ackgate$"));
    line[strcspn(line, "\n")] = '\0';
    return place_format("stats_%s", line);
}

START_TEST(what_acts)
{
    const char *const lines[] = {"admin", "stats_user = look", "admin", hash_line("look-pw"), NULL};
    const struct topology_options with = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    struct topology *t = topology_start_with(&with);
    struct sql *admin = gate_admin(t->gate);
    make_table(t);
    check_pause(t, admin);
    check_kill(t, admin);
    check_flush_and_purge(t, admin);
    check_who_may_only_look(t);
    sql_exec_fails(admin, 1105, "RESOLVE 'nonsense' COMPLETE");
    ck_assert_str_eq(sql_value(admin, "RECOVER SOURCE STATUS"), "epoch");
    sql_exec(admin, "SHUTDOWN");
    wait_until(has_ended, t->gate, 10, "the end of ackgate");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_statements");
    e2e_add(suite, "show", what_shows);
    e2e_add(suite, "set", set_and_reload);
    e2e_add(suite, "voters", a_new_replica_by_reload);
    e2e_add(suite, "act", what_acts);
    return e2e_main(suite);
}
