/* Real replicas attach to the replication port in every way they know, catch up from wherever they are, and
 * are refused when they must be. Binlog clients: test_binlog_clients.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static const char create_table[] =
    "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(1000))";

static void insert(struct sql *app, int first, int count)
{
    for (int i = first; i < first + count; i++)
        sql_exec(app, "INSERT INTO d.t VALUES (%d, REPEAT('v', %d))", i, i % 900);
}

static void flush_logs(struct server *source)
{
    sql_exec(server_admin(source), "FLUSH BINARY LOGS");
}

/* A history of several files that exists before anybody attaches; r1 is the one that lets it be. */
static struct topology *start_with_history(enum family family)
{
    struct topology *t = topology_start(family, "ANY 1 (r1)", 1);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    for (int i = 0; i < 3; i++) {
        insert(app, i * 100, 20);
        flush_logs(t->source);
    }
    insert(app, 900, 20);
    return t;
}

static struct replica_from from_gate(const struct topology *t, enum replica_mode mode)
{
    return (struct replica_from){.port = t->gate->replication_port,
                                 .user = "repl",
                                 .password = "repl-pw",
                                 .mode = mode,
                                 .file = "binlog.000001",
                                 .pos = 4};
}

static struct server *new_replica(const struct topology *t, const char *name)
{
    struct server *replica = server_new(t->family, name, NULL);

    server_start(replica);
    return replica;
}

static void run_sql(struct server *server, const char *mysql, const char *mariadb)
{
    sql_exec(server_admin(server), "%s", server->family == FAMILY_MYSQL ? mysql : mariadb);
}

/* In one mode: from the beginning, after having been away, across a restart of its own and of ackgate. */
static void try_mode(struct topology *t, struct server *replica, enum replica_mode mode, int id)
{
    struct replica_from from = from_gate(t, mode);
    struct sql *app = gate_app(t->gate);

    replica_attach_from(replica, &from);
    assert_same_data(t->source, replica);
    replica_stop_receiver(replica);
    insert(app, id, 10);
    flush_logs(t->source);
    insert(app, id + 10, 10);
    replica_start_receiver(replica);
    assert_same_data(t->source, replica);
    server_restart(replica);
    insert(app, id + 20, 10);
    assert_same_data(t->source, replica);
    sql_close(app);
}

START_TEST(every_mode)
{
    struct topology *t = start_with_history(TEST_FAMILY);

    try_mode(t, new_replica(t, "gtid"), REPLICA_GTID, 1000);
    try_mode(t, new_replica(t, "file"), REPLICA_FILE_POS, 2000);
    if (TEST_FAMILY == FAMILY_MARIADB)
        try_mode(t, new_replica(t, "current"), REPLICA_CURRENT_POS, 3000);
    gate_restart(t->gate);
    topology_wait_open(t);
    insert(gate_app(t->gate), 4000, 10);
    topology_assert_same_data(t);
}
END_TEST

/* The gaps of a replica that has some of the GTIDs: it is sent the others only. A transaction sent twice
 * would break it with a duplicate key. */
START_TEST(gtids_that_are_there)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    struct server *replica = new_replica(t, "other");
    struct replica_from from = from_gate(t, REPLICA_GTID);
    struct sql *app = gate_app(t->gate);

    /* half of it straight from the source, the rest from ackgate */
    struct replica_from straight = from;
    straight.port = t->source->port;
    straight.no_semisync = true;
    replica_attach_from(replica, &straight);
    assert_same_data(t->source, replica);
    replica_detach(replica);
    insert(app, 1000, 20);
    replica_attach_from(replica, &from);
    assert_same_data(t->source, replica);
    insert(app, 1100, 10);
    assert_same_data(t->source, replica);
    if (TEST_FAMILY == FAMILY_MYSQL) {
        /* a hole in the middle: one transaction is taken for executed before it comes */
        replica_stop_receiver(replica);
        const char *uuid = sql_value(server_admin(t->source), "SELECT @@server_uuid");
        uint64_t next = (uint64_t)sql_number(
            server_admin(t->source),
            "SELECT SUBSTRING_INDEX(SUBSTRING_INDEX(@@GLOBAL.gtid_executed, ':', -1), '-', -1) + 2");
        sql_exec(server_admin(replica),
                 "SET gtid_next = '%s:%llu'; BEGIN; COMMIT; SET gtid_next = 'AUTOMATIC'", uuid,
                 (unsigned long long)next);
        insert(app, 1200, 5);
        replica_start_receiver(replica);
        replica_wait_caught_up(replica, t->source);
        ck_assert_int_eq(sql_number(server_admin(replica), "SELECT COUNT(*) FROM d.t WHERE id >= 1200"), 4);
        ck_assert_ptr_null(sql_value(server_admin(replica), "SELECT id FROM d.t WHERE id = 1201"));
    }
    topology_assert_same_data(t);
}
END_TEST

struct error_wait {
    struct server *replica;
    const char *part;
};

static bool has_io_error(void *arg)
{
    struct error_wait *wait = arg;
    const char *error = replica_status(wait->replica, "Last_IO_Error");

    return error && strstr(error, wait->part);
}

static void wait_refused(struct server *replica, const char *part)
{
    struct error_wait wait = {replica, part};

    if (!wait_for(has_io_error, &wait, WAIT_SECONDS))
        ck_abort_msg("no \"%s\" in Last_IO_Error: %s", part, replica_status(replica, "Last_IO_Error"));
    ck_assert_str_eq(replica_status(replica, "Last_IO_Errno"),
                     replica->family == FAMILY_MYSQL ? "13114" : "1236");
}

START_TEST(refused)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    struct server *late = new_replica(t, "late"), *errant = new_replica(t, "errant");
    struct replica_from from = from_gate(t, REPLICA_GTID);
    bool is_mysql = TEST_FAMILY == FAMILY_MYSQL;

    /* has what the history lacks */
    run_sql(errant, "CREATE DATABASE own", "CREATE DATABASE own");
    if (!is_mysql)
        sql_exec(server_admin(errant), "SET GLOBAL gtid_slave_pos = @@gtid_binlog_pos");
    replica_attach_from(errant, &from);
    wait_refused(errant, is_mysql ? "1236" : "error 1236");
    ck_assert_msg(strstr(replica_status(errant, "Last_IO_Error"),
                         is_mysql ? sql_value(server_admin(errant), "SELECT @@server_uuid")
                                  : place_format("0-%u-1", errant->server_id)) != NULL,
                  "the error does not name what it has: %s", replica_status(errant, "Last_IO_Error"));
    /* needs what is gone */
    replica_wait_caught_up(t->replica[0], t->source);
    WAIT_SQL(gate_admin(t->gate), "PURGE BINARY LOGS TO 'binlog.000003'", "");
    replica_attach_from(late, &from);
    wait_refused(late, "1236");
    replica_detach(late);
    /* by file: one that is gone, one that never was, a position behind the end */
    from.mode = REPLICA_FILE_POS;
    replica_attach_from(late, &from);
    wait_refused(late, "Could not find first log file name in binary log index file");
    replica_detach(late);
    from.file = "binlog.000099";
    replica_attach_from(late, &from);
    wait_refused(late, "Could not find first log file name in binary log index file");
    replica_detach(late);
    from.file = "binlog.000004";
    from.pos = 99999999;
    replica_attach_from(late, &from);
    wait_refused(late, is_mysql ? "position > file size" : "impossible position");
    /* nobody else has felt it */
    insert(gate_app(t->gate), 2000, 5);
    topology_assert_same_data(t);
}
END_TEST

static const char *heartbeats(struct server *replica)
{
    if (replica->family == FAMILY_MARIADB)
        return server_status(replica, "Slave_received_heartbeats");
    return sql_value(
        server_admin(replica),
        "SELECT COUNT_RECEIVED_HEARTBEATS FROM performance_schema.replication_connection_status");
}

struct heartbeat_goal {
    struct server *replica;
    unsigned long count;
};

static bool has_heartbeats(void *arg)
{
    struct heartbeat_goal *goal = arg;
    const char *now = heartbeats(goal->replica);

    return now && strtoul(now, NULL, 10) >= goal->count;
}

/* The replica would take the connection for dead after two seconds. */
START_TEST(heartbeat)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct server *replica = server_new(TEST_FAMILY, "idle", NULL);
    struct replica_from from = from_gate(t, REPLICA_GTID);
    bool is_mysql = TEST_FAMILY == FAMILY_MYSQL;

    sql_exec(gate_app(t->gate), create_table);
    if (is_mysql)
        server_add_option(replica, "--performance-schema=ON");
    server_add_option(replica, is_mysql ? "--replica-net-timeout=2" : "--slave-net-timeout=2");
    server_start(replica);
    from.more = is_mysql ? ", SOURCE_HEARTBEAT_PERIOD=0.5" : ", MASTER_HEARTBEAT_PERIOD=0.5";
    replica_attach_from(replica, &from);
    replica_wait_streaming(replica);
    replica_wait_caught_up(replica, t->source);
    const char *attached_at = place_format(
        "%s", sql_value(gate_admin(t->gate), "SELECT attached_at FROM replicas WHERE server_id = %u",
                        replica->server_id));
    struct heartbeat_goal goal = {replica, strtoul(heartbeats(replica), NULL, 10) + 10};
    uint64_t began = now_ms();
    wait_until(has_heartbeats, &goal, WAIT_SECONDS, "ten heartbeats");
    ck_assert_uint_ge(now_ms() - began, 3000);
    ck_assert_str_eq(attached_at,
                     sql_value(gate_admin(t->gate), "SELECT attached_at FROM replicas WHERE server_id = %u",
                               replica->server_id));
    insert(gate_app(t->gate), 1, 3);
    assert_same_data(t->source, replica);
}
END_TEST

START_TEST(while_the_source_is_down)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    struct server *replica = new_replica(t, "late");
    struct replica_from from = from_gate(t, REPLICA_GTID);

    replica_wait_caught_up(t->replica[0], t->source);
    server_stop(t->source);
    replica_attach_from(replica, &from);
    replica_wait_caught_up(replica, t->replica[0]);
    /* and with an ackgate that has never seen it run */
    gate_restart(t->gate);
    struct server *other = new_replica(t, "later");
    replica_attach_from(other, &from);
    assert_same_data(t->replica[0], replica, other);
    server_start(t->source);
    topology_wait_open(t);
    insert(gate_app(t->gate), 3000, 5);
    assert_same_data(t->source, t->replica[0], replica, other);
}
END_TEST

/* Each way in which a transaction stands in a binlog. */
START_TEST(statements_of_all_kinds)
{
    struct topology *t = topology_start(TEST_FAMILY, "ALL (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    sql_exec(app,
             "SET binlog_format = 'STATEMENT'; INSERT INTO d.t VALUES (1, 'statement'); "
             "SET binlog_format = 'MIXED'; INSERT INTO d.t VALUES (2, 'mixed'); SET binlog_format = 'ROW'");
    sql_exec(app,
             "XA START 'x'; INSERT INTO d.t VALUES (3, 'xa'); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'");
    sql_exec(app,
             "XA START 'y'; INSERT INTO d.t VALUES (4, 'xa'); XA END 'y'; XA PREPARE 'y'; XA ROLLBACK 'y'");
    sql_exec(app, "CREATE TABLE d.m (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO d.m VALUES (1)");
    sql_exec(app, "CREATE TABLE d.c SELECT * FROM d.t; TRUNCATE d.c; DROP TABLE d.c");
    sql_exec(app, "BEGIN; INSERT INTO d.t VALUES (5, 'a'); SAVEPOINT s; INSERT INTO d.t VALUES (6, 'b'); "
                  "ROLLBACK TO s; COMMIT");
    if (TEST_FAMILY == FAMILY_MYSQL)
        sql_exec(app,
                 "SET binlog_transaction_compression = ON; INSERT INTO d.t VALUES (7, REPEAT('z', 900)); "
                 "SET gtid_next = 'AUTOMATIC:a_tag'; INSERT INTO d.t VALUES (8, 'tagged'); "
                 "SET gtid_next = 'AUTOMATIC'");
    else
        sql_exec(app, "SET gtid_domain_id = 7; INSERT INTO d.t VALUES (7, 'domain'); SET gtid_domain_id = 0; "
                      "INSERT INTO d.t VALUES (8, 'zero')");
    topology_assert_same_data(t);
    gate_restart(t->gate);
    topology_wait_open(t);
    insert(gate_app(t->gate), 100, 2);
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replicas");

    e2e_add(suite, "every_mode", every_mode);
    e2e_add(suite, "gtids_there", gtids_that_are_there);
    e2e_add(suite, "refused", refused);
    e2e_add(suite, "heartbeat", heartbeat);
    e2e_add(suite, "source_down", while_the_source_is_down);
    e2e_add(suite, "statements", statements_of_all_kinds);
    return e2e_main(suite);
}
