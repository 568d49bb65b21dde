/* The store holds the source's binlog files byte for byte, whatever happens; takes nothing that was damaged
 * on the way; begins where it is told; lets go of what nobody needs. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/binlog_files.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/relay.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static const char create_table[] = "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v LONGBLOB)";

static void flush_logs(struct server *source)
{
    sql_exec(server_admin(source), "FLUSH BINARY LOGS");
}

/* Rows of one MB each, in one transaction. */
static void insert_megabytes(struct sql *app, int first, int count)
{
    sql_exec(app, "BEGIN");
    for (int i = 0; i < count; i++)
        sql_exec(app, "INSERT INTO d.t VALUES (%d, REPEAT('%c', 1000000))", first + i, 'a' + i % 26);
    sql_exec(app, "COMMIT");
}

/* Every file of the store, read by the server's own program, checksums verified. */
static void assert_readable(struct topology *t)
{
    const struct sql_rows *rows = sql_rows(server_admin(t->source), "SHOW BINARY LOGS");
    const char *output = place_format("%s/binlog-client", t->gate->dir);

    for (size_t i = 0; i < rows->rows; i++) {
        const char *path = store_path(t->gate, sql_cell(rows, i, "Log_name"));
        int code = binlog_client_run(t->family, 0, output,
                                     (const char *const[]){"--verify-binlog-checksum", path, NULL});
        ck_assert_msg(code == 0, "the binlog client ended with %d for %s, see %s", code, path, output);
    }
}

START_TEST(the_sources_files)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    sql_exec(app, "INSERT INTO d.t VALUES (1, 'a')");
    assert_same_files(t->gate, t->source, NULL); /* the live one */
    for (int i = 0; i < 3; i++) {
        flush_logs(t->source);
        sql_exec(app, "INSERT INTO d.t VALUES (%d, 'b')", 10 + i);
    }
    assert_same_files(t->gate, t->source, NULL);
    insert_megabytes(app, 100, (int)e2e_scale(160));
    sql_exec(app, "ALTER TABLE d.t ADD COLUMN w INT; UPDATE d.t SET w = id; DELETE FROM d.t WHERE id = 1");
    assert_same_files(t->gate, t->source, NULL);
    gate_restart(t->gate);
    gate_wait_open(t->gate);
    app = gate_app(t->gate);
    sql_exec(app, "INSERT INTO d.t VALUES (2, 'c', 1)");
    assert_same_files(t->gate, t->source, NULL);
    assert_readable(t);
    topology_assert_same_data(t);
}
END_TEST

START_TEST(the_same_after_crashes)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct load *load = load_start(t->gate, 4);

    for (int i = 0; i < 2; i++) {
        load_wait_oks(load, 30);
        server_kill(t->source);
        server_start(t->source);
        gate_wait_open(t->gate);
        load_wait_oks(load, 10);
        gate_kill(t->gate);
        gate_start(t->gate);
        gate_wait_open(t->gate);
        load_wait_oks(load, 10);
        flush_logs(t->source);
    }
    load_stop(load);
    assert_same_files(t->gate, t->source, NULL);
    assert_readable(t);
    topology_wait_open(t);
    topology_assert_same_data(t);
}
END_TEST

/* The store's directory as if it had been copied without the WAL. */
static void tear(const struct gate *gate, const char *path, off_t length_bytes)
{
    ck_assert_int_eq(unlink(store_path(gate, "ackgate-store.wal")), 0);
    ck_assert_int_eq(truncate(path, length_bytes), 0);
}

/* What a crash of ackgate's machine may leave: a file that ends in the middle of an event. With its WAL the
 * store has everything again before it talks to anybody, without it the source fills it. */
START_TEST(torn_tail)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct sql *app = gate_app(t->gate);
    struct stat status;

    sql_exec(app, create_table);
    for (int i = 0; i < 3; i++)
        sql_exec(app, "INSERT INTO d.t VALUES (%d, REPEAT('x', 1000))", i);
    const char *file = sql_value(server_admin(t->source), "SHOW BINARY LOGS");
    const char *path = store_path(t->gate, file);
    gate_kill(t->gate);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(truncate(path, status.st_size - 700), 0);
    server_freeze(t->source);
    gate_start(t->gate);
    gate_wait_logged(t->gate, "put back from the WAL");
    server_thaw(t->source);
    gate_wait_open(t->gate);
    assert_same_files(t->gate, t->source, NULL);
    gate_kill(t->gate);
    for (int bytes = 1; bytes < 1500; bytes += 700) {
        tear(t->gate, path, status.st_size - bytes);
        gate_start(t->gate);
        gate_wait_open(t->gate);
        assert_same_files(t->gate, t->source, NULL);
        gate_kill(t->gate);
    }
    gate_start(t->gate);
    topology_wait_open(t);
    topology_assert_same_data(t);
}
END_TEST

/* The same, but the source cannot fill the store again for a while: the replica, which has more, is put off
 * and not refused for good. */
START_TEST(torn_tail_while_the_source_hangs)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct sql *app = gate_app(t->gate);
    struct stat status;

    sql_exec(app, create_table);
    sql_exec(app, "INSERT INTO d.t VALUES (1, REPEAT('x', 1000))");
    const char *path = store_path(t->gate, sql_value(server_admin(t->source), "SHOW BINARY LOGS"));
    gate_kill(t->gate);
    ck_assert_int_eq(stat(path, &status), 0);
    tear(t->gate, path, status.st_size - 1);
    server_freeze(t->source);
    gate_start(t->gate);
    gate_wait_logged(t->gate, "replica r1: put off:");
    server_thaw(t->source);
    topology_wait_open(t);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (2, '')");
    topology_assert_same_data(t);
}
END_TEST

START_TEST(damaged_on_the_way)
{
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ALL (r1, r2)", .replicas = 2, .no_gate_start = true});
    struct relay *relay = relay_start(t->source->port);

    gate_set(t->gate, "source", "port = %u", relay_port(relay));
    gate_start(t->gate);
    topology_attach(t, 0, REPLICA_GTID);
    topology_attach(t, 1, REPLICA_GTID);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, create_table);
    for (int i = 0; i < 5; i++) {
        unsigned connections = relay_connections(relay);
        relay_corrupt_next(relay, place_format("needle-%d", i));
        /* written once with the needle at the front, once with the needle deep in a large event */
        sql_exec(app, "INSERT INTO d.t VALUES (%d, CONCAT(REPEAT('x', %d), 'needle-%d', REPEAT('y', %d)))", i,
                 i * 100000, i, i * 50000);
        wait_until(relay_has_corrupted, relay, WAIT_SECONDS, "the damage");
        ck_assert_uint_gt(relay_connections(relay), connections);
    }
    ck_assert_msg(place_file_has(t->gate->log, t->gate->log_from, "checksum"), "the log does not say why");
    assert_same_files(t->gate, t->source, NULL);
    topology_wait_open(t);
    topology_assert_same_data(t);
}
END_TEST

struct start_row {
    const char *start_at;
    int first_file; /* of the three that there are */
};

static const struct start_row start_rows[] = {
    {"oldest",        1},
    {"binlog.000002", 2},
    {"current",       3},
};

START_TEST(start_at)
{
    struct server *source = server_new(TEST_FAMILY, "source", NULL);

    server_start(source);
    sql_exec(server_admin(source), create_table);
    for (int i = 0; i < 2; i++) {
        flush_logs(source);
        sql_exec(server_admin(source), "INSERT INTO d.t VALUES (%d, 'x')", i);
    }
    for (size_t i = 0; i < sizeof start_rows / sizeof *start_rows; i++) {
        struct gate *gate = gate_new(source, "ANY 1 (r1)");
        gate_add_voter(gate, "r1", 900);
        gate_set(gate, "source", "start_at = %s", start_rows[i].start_at);
        gate_start(gate);
        assert_same_files(gate, source, place_format("binlog.%06d", start_rows[i].first_file));
        gate_kill(gate);
    }
}
END_TEST

/* ---- a source that cannot be used ---- */

static const char *source_reason(struct gate *gate)
{
    return sql_cell(sql_rows(gate_admin(gate), "SHOW SOURCE STATUS"), 0, "reason");
}

struct reason_wait {
    struct gate *gate;
    const char *part;
};

static bool has_reason(void *arg)
{
    struct reason_wait *wait = arg;
    const char *reason = source_reason(wait->gate);

    return reason && strstr(reason, wait->part);
}

static void wait_reason(struct gate *gate, const char *part)
{
    struct reason_wait wait = {gate, part};

    if (!wait_for(has_reason, &wait, WAIT_SECONDS))
        ck_abort_msg("the reason says nothing of \"%s\", but: %s", part, source_reason(gate));
}

static void assert_not_admitted(struct gate *gate, const char *part)
{
    struct sql *app =
        sql_try_open(&(struct sql_options){.port = gate->app_port, .user = "app", .password = "app-pw"});

    ck_assert_uint_eq(sql_errno(app), 1105);
    ck_assert_ptr_nonnull(strstr(sql_error(app), "ackgate: source not available"));
    ck_assert_msg(strstr(sql_error(app), part) != NULL, "no \"%s\" in: %s", part, sql_error(app));
    sql_close(app);
}

/* A topology whose ackgate has been started, with these config lines, and no replica attached. */
static struct topology *start_detached(enum family family, const char *const *source_options,
                                       const char *const *gate_lines)
{
    struct topology *t = topology_start_with(&(struct topology_options){.family = family,
                                                                        .rule = "ANY 1 (r1)",
                                                                        .replicas = 1,
                                                                        .source_options = source_options,
                                                                        .no_gate_start = true});

    gate_set(t->gate, "app", "hold = 300ms");
    for (size_t i = 0; gate_lines && gate_lines[i]; i += 2)
        gate_set(t->gate, gate_lines[i], "%s", gate_lines[i + 1]);
    return t;
}

static void assert_opens(struct topology *t)
{
    topology_attach(t, 0, REPLICA_GTID);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, create_table);
    topology_assert_same_data(t);
}

START_TEST(gtids_are_off)
{
    static const char *const options[] = {"--gtid-mode=OFF", NULL};
    static const char *const steps[] = {"OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"};
    struct topology *t = start_detached(TEST_FAMILY, options, NULL);

    gate_start(t->gate);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "refused");
    wait_reason(t->gate, "gtid_mode");
    assert_not_admitted(t->gate, "gtid_mode");
    for (size_t i = 0; i < 3; i++) {
        ck_assert_msg(strstr(source_reason(t->gate), steps[i]) != NULL, "not what to do: %s",
                      source_reason(t->gate));
        sql_exec(server_admin(t->source), "SET GLOBAL gtid_mode = %s", steps[i]);
    }
    assert_opens(t);
}
END_TEST

START_TEST(configure_is_off)
{
    static const char *const lines[] = {"source", "configure = off", NULL};
    struct topology *t = start_detached(TEST_FAMILY, NULL, lines);
    bool is_mysql = TEST_FAMILY == FAMILY_MYSQL;
    const char *tracked = is_mysql ? "session_track_gtids" : "last_gtid";
    const char *semisync = semisync_name(TEST_FAMILY, "enabled");
    struct sql *admin = server_admin(t->source);

    gate_start(t->gate);
    wait_reason(t->gate, "configure");
    const char *differing[] = {semisync, semisync_name(TEST_FAMILY, "timeout"), tracked,
                               "session_track_system_variables"};
    for (size_t i = 0; i < sizeof differing / sizeof *differing; i++)
        ck_assert_msg(strstr(source_reason(t->gate), differing[i]) != NULL, "no %s in: %s", differing[i],
                      source_reason(t->gate));
    assert_not_admitted(t->gate, semisync);
    /* nothing was touched */
    ck_assert_str_eq(sql_value(admin, "SELECT @@GLOBAL.%s", semisync), "0");
    /* its statements, as an operator would run them */
    char *text = strdup(source_reason(t->gate)), *rest = text;
    for (char *at; (at = strstr(rest, "(run  ")) != NULL;) {
        char *end = strstr(at, ";)");
        ck_assert_ptr_nonnull(end);
        sql_exec(admin, "%.*s", (int)(end - at - 6), at + 6);
        rest = end;
    }
    free(text);
    assert_opens(t);
}
END_TEST

struct privilege_row {
    enum family family;
    const char *granted;
    const char *named; /* in the reason */
};

static const struct privilege_row privilege_rows[] = {
    {FAMILY_MYSQL,   "REPLICATION SLAVE, REPLICATION CLIENT",                               "SYSTEM_VARIABLES_ADMIN"  },
    {FAMILY_MYSQL,   "REPLICATION SLAVE, SYSTEM_VARIABLES_ADMIN",                           "REPLICATION CLIENT"      },
    {FAMILY_MYSQL,   "REPLICATION CLIENT, SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN",
     "REPLICATION SLAVE"                                                                                              },
    {FAMILY_MARIADB, "REPLICATION SLAVE, BINLOG MONITOR",                                   "REPLICATION MASTER ADMIN"},
    {FAMILY_MARIADB, "REPLICATION SLAVE, BINLOG MONITOR, REPLICATION MASTER ADMIN",         "SUPER"                   },
    {FAMILY_MARIADB, "BINLOG MONITOR, REPLICATION MASTER ADMIN, SUPER",                     "REPLICATION SLAVE"       },
};

START_TEST(privilege_is_missing)
{
    static const char *const lines[] = {"source", "user = weak", "source", "password = weak-pw", NULL};
    struct topology *t = start_detached(TEST_FAMILY, NULL, lines);
    struct sql *admin = server_admin(t->source);

    sql_exec(admin, "SET sql_log_bin = 0; CREATE USER weak@'%%' IDENTIFIED BY 'weak-pw'");
    gate_start(t->gate);
    for (size_t i = 0; i < sizeof privilege_rows / sizeof *privilege_rows; i++) {
        const struct privilege_row *row = &privilege_rows[i];
        if (row->family != TEST_FAMILY)
            continue;
        sql_exec(admin, "REVOKE ALL, GRANT OPTION FROM weak@'%%'; GRANT %s ON *.* TO weak@'%%'",
                 row->granted);
        gate_restart(t->gate);
        wait_reason(t->gate, row->named);
    }
    sql_exec(admin, "GRANT ALL ON *.* TO weak@'%%'");
    assert_opens(t);
}
END_TEST

START_TEST(another_server)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct server *stranger = server_new(TEST_FAMILY, "stranger", NULL);

    sql_exec(gate_app(t->gate), create_table);
    server_stop(t->source);
    stranger->port = t->source->port;
    server_start(stranger);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "refused");
    wait_reason(t->gate, "another server");
    sql_exec(server_admin(stranger), "CREATE DATABASE strange");
    server_stop(stranger);
    server_start(t->source);
    gate_wait_open(t->gate);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (1, 'a')");
    assert_same_files(t->gate, t->source, NULL);
    topology_assert_same_data(t);
}
END_TEST

/* ---- retention ---- */

static bool is_stored(const struct gate *gate, int file)
{
    return access(store_path(gate, place_format("binlog.%06d", file)), F_OK) == 0;
}

static const char *first_file(struct topology *t)
{
    return sql_value(gate_admin(t->gate), "SELECT MIN(file) FROM binary_logs");
}

/* Small files; each but the last is complete on both replicas. */
static void write_files(struct topology *t, struct sql *app, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        sql_exec(app, "INSERT INTO d.t VALUES (%d, REPEAT('x', 200000))", i);
        flush_logs(t->source);
    }
}

START_TEST(retention)
{
    static const char *const lines[] = {"store", "retain_size = 500K", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .gate_lines = lines});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    /* r2 receives nothing: it needs all that follows, whatever its size is */
    replica_stop_receiver(t->replica[1]);
    const char *needed = place_format("%s", replica_status(t->replica[1], "Source_Log_File"));
    write_files(t, app, 1, 6);
    WAIT_SQL(server_admin(t->replica[0]), "SELECT COUNT(*) FROM d.t", "6");
    sleep_ms(2500); /* it is looked at every second */
    ck_assert_int_le(strcmp(first_file(t), needed), 0);
    ck_assert_msg(is_stored(t->gate, atoi(needed + strlen("binlog."))), "%s is gone", needed);
    ck_assert_uint_ne(sql_try(gate_admin(t->gate), "PURGE BINARY LOGS TO 'binlog.000004'"), 0);
    ck_assert(is_stored(t->gate, 3));
    /* it comes back, gets all, and then they go */
    replica_start_receiver(t->replica[1]);
    replica_wait_caught_up(t->replica[1], t->source);
    write_files(t, app, 100, 1);
    WAIT_SQL(gate_admin(t->gate), "SELECT SUM(size) < 700000 FROM binary_logs", "1");
    ck_assert(!is_stored(t->gate, 1));
    topology_assert_same_data(t);
}
END_TEST

START_TEST(purge_by_command)
{
    struct topology *t = topology_start(TEST_FAMILY, "ALL (r1)", 1);
    struct sql *app = gate_app(t->gate);
    struct sql *admin = gate_admin(t->gate);

    sql_exec(app, create_table);
    write_files(t, app, 1, 4);
    replica_wait_caught_up(t->replica[0], t->source);
    sql_exec(app, "INSERT INTO d.t VALUES (50, 'x')");
    ck_assert_uint_ne(sql_try(admin, "PURGE BINARY LOGS TO 'binlog.999999'"), 0);
    ck_assert_uint_ne(sql_try(admin, "PURGE BINARY LOGS TO '../binlog.000003'"), 0);
    ck_assert(is_stored(t->gate, 1));
    WAIT_SQL(admin, "PURGE BINARY LOGS TO 'binlog.000003'", "");
    ck_assert(!is_stored(t->gate, 1) && !is_stored(t->gate, 2) && is_stored(t->gate, 3));
    ck_assert_str_eq(first_file(t), "binlog.000003");
    gate_restart(t->gate);
    ck_assert_str_eq(first_file(t), "binlog.000003");
    topology_wait_open(t);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (51, 'x')");
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");

    e2e_add(suite, "same_files", the_sources_files);
    e2e_add(suite, "after_crashes", the_same_after_crashes);
    e2e_add(suite, "torn_tail", torn_tail);
    e2e_add(suite, "torn_tail", torn_tail_while_the_source_hangs);
    e2e_add(suite, "damaged", damaged_on_the_way);
    e2e_add(suite, "start_at", start_at);
    e2e_add_family(suite, "gtids_off", gtids_are_off, FAMILY_MYSQL);
    e2e_add(suite, "configure_off", configure_is_off);
    e2e_add(suite, "privilege", privilege_is_missing);
    e2e_add(suite, "another_server", another_server);
    e2e_add(suite, "retention", retention);
    e2e_add(suite, "purge", purge_by_command);
    return e2e_main(suite);
}
