/* What a source is looked at for before, and while, applications use it: somebody else's semi-sync replicas,
 * and what its engine has that its binlog has not, or the other way round. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    LONG_SET_GTIDS = 12000, /* no two of them neighbours: more than 64 KiB as text */
    WATCH_MS = 6000,        /* longer than from one look to the next */
};

/* Its acks would release commits that the quorum does not have. */
START_TEST(semi_sync_replica_comes)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 2);
    struct sql *admin = gate_admin(t->gate);

    replica_detach(t->replica[1]);
    replica_attach(t->replica[1], "127.0.0.1", t->source->port, "repl", "repl-pw", REPLICA_GTID);
    WAIT_SQL(admin,
             "SELECT state, reason LIKE '%semi-sync replicas are attached to it beside ackgate%' FROM source",
             "refused\t1");
    replica_detach(t->replica[1]);
    for (int i = 0; i < 3; i++) /* so that the source finds it gone */
        sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    gate_wait_open(t->gate);
    sql_exec(gate_app(t->gate), "CREATE DATABASE d");
    replica_wait_caught_up(t->replica[0], t->source);
}
END_TEST

static bool is_not_open(void *admin)
{
    return strcmp(sql_value(admin, "SELECT state FROM source"), "open") != 0;
}

/* Without semi-sync nothing is released by its acks. */
START_TEST(other_replica_comes)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 2);

    replica_detach(t->replica[1]);
    sql_exec(server_admin(t->replica[1]), "SET GLOBAL rpl_semi_sync_%s_enabled = 0",
             TEST_FAMILY == FAMILY_MYSQL ? "replica" : "slave");
    replica_attach_from(t->replica[1], &(struct replica_from){.port = t->source->port,
                                                              .user = "repl",
                                                              .password = "repl-pw",
                                                              .no_semisync = true});
    replica_wait_streaming(t->replica[1]);
    sql_exec(gate_app(t->gate), "CREATE DATABASE d");
    replica_wait_caught_up(t->replica[1], t->source);
    assert_stays_false(is_not_open, gate_admin(t->gate), WATCH_MS, "an open source");
}
END_TEST

static char *long_set(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    (void)fprintf(out, "3e11fa47-71ca-11e1-9e33-c80aa9429562");
    for (int i = 0; i < LONG_SET_GTIDS; i++)
        (void)fprintf(out, ":%d", 1 + 2 * i);
    (void)fclose(out);
    ck_assert_uint_gt(length, 64 * 1024);
    return text;
}

/* However long @@gtid_executed is. */
START_TEST(executed_what_nobody_has)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    char *set = long_set();

    gate_stop(t->gate);
    sql_exec(server_admin(t->source), "SET GLOBAL gtid_purged = '+%s'", set);
    free(set);
    gate_start(t->gate);
    WAIT_SQL(gate_admin(t->gate), "SELECT state, reason LIKE 'it has executed 3e11fa47-%' FROM source",
             "refused\t1");
}
END_TEST

/* ---- XA that its crash recovery has to redo: MySQL does, MariaDB does not ---- */

static const char prepare_xa[] =
    "XA START 'a','b',7; INSERT INTO d.t VALUES (2); XA END 'a','b',7; XA PREPARE 'a','b',7";
static const char ids[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

/* A row is everywhere; then nobody receives, and a transaction is open that ends in `last`, which waits. */
static struct topology *start_xa(enum family family, const char *first, const char *last)
{
    struct topology *t = topology_start(family, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_exec(app, "%s", first);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_receiver(t->replica[i]);
    gate_wait_attached(t->gate, 0);
    sql_start(app, "%s", last);
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) FROM waiting", "1");
    return t;
}

/* The source crashes and is started without asking anybody: all of its tail is kept. */
static void crash(struct topology *t)
{
    server_kill(t->source);
    server_start(t->source);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
}

static size_t prepared(struct server *server)
{
    return sql_rows(server_admin(server), "XA RECOVER")->rows;
}

/* All have the same rows, and nothing is prepared. */
static void assert_ended(struct topology *t, const char *rows)
{
    topology_wait_open(t);
    topology_assert_same_data(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), ids), rows);
    ck_assert_uint_eq(prepared(t->source), 0);
    ck_assert_uint_eq(prepared(t->replica[0]), 0);
}

START_TEST(xa_commit_is_redone)
{
    struct topology *t = start_xa(TEST_FAMILY, prepare_xa, "XA COMMIT 'a','b',7");

    crash(t);
    assert_ended(t, "1,2");
}
END_TEST

START_TEST(xa_rollback_is_redone)
{
    struct topology *t = start_xa(TEST_FAMILY, prepare_xa, "XA ROLLBACK 'a','b',7");

    crash(t);
    assert_ended(t, "1");
}
END_TEST

/* MariaDB's engine may forget a rollback that was answered with OK. */
START_TEST(xa_rollback_with_ok)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_exec(app, "%s; XA ROLLBACK 'a','b',7", prepare_xa);
    crash(t);
    assert_ended(t, "1");
}
END_TEST

START_TEST(xa_prepare_is_redone)
{
    struct topology *t =
        start_xa(TEST_FAMILY, "XA START 'a','b',7; INSERT INTO d.t VALUES (2); XA END 'a','b',7",
                 "XA PREPARE 'a','b',7");

    crash(t);
    ck_assert_uint_eq(recover_obey(t->gate, t->source), TEST_FAMILY == FAMILY_MYSQL ? 0 : 1);
    ck_assert_uint_eq(prepared(t->source), 1);
    sql_exec(gate_app(t->gate), "XA COMMIT 'a','b',7");
    assert_ended(t, "1,2");
}
END_TEST

/* Its name is not in the binlog: only a person can tell. */
START_TEST(xa_one_phase)
{
    struct topology *t =
        start_xa(TEST_FAMILY, "XA START 'a','b',7; INSERT INTO d.t VALUES (2); XA END 'a','b',7",
                 "XA COMMIT 'a','b',7 ONE PHASE");

    crash(t);
    if (TEST_FAMILY == FAMILY_MARIADB) {
        WAIT_SQL(gate_admin(t->gate), "SELECT state, reason LIKE '%no XA PREPARE of it%' FROM source",
                 "refused\t1");
        sql_exec(server_admin(t->source), "SET sql_log_bin = 0; XA COMMIT 'a','b',7; SET sql_log_bin = 1");
    }
    assert_ended(t, "1,2");
}
END_TEST

/* What is prepared since long, and was before ackgate came, is nobody's mistake. */
START_TEST(xa_prepared_since_long)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_exec(app, "%s", prepare_xa);
    for (int i = 0; i < 3; i++)
        sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    sql_close(app);
    for (int i = 0; i < 2; i++) {
        crash(t);
        topology_wait_open(t);
        ck_assert_uint_eq(prepared(t->source), 1);
    }
    sql_exec(gate_app(t->gate), "XA COMMIT 'a','b',7");
    assert_ended(t, "1,2");
}
END_TEST

/* MariaDB's DDL log drops the table, whatever its binlog says. */
START_TEST(created_table_is_redone)
{
    struct topology *t =
        start_xa(TEST_FAMILY, "DO 1", "CREATE TABLE d.made (PRIMARY KEY (id)) SELECT id FROM d.t");
    bool drops_table = TEST_FAMILY == FAMILY_MARIADB && server_has_atomic_ddl(TEST_FAMILY);

    crash(t);
    ck_assert_uint_eq(recover_obey(t->gate, t->source), drops_table ? 1 : 0);
    topology_wait_open(t);
    topology_assert_same_data(t);
    ck_assert_int_eq(sql_number(server_admin(t->source), "SELECT count(*) FROM d.made"), 1);
    /* and what was made in peace is found there, or dropped in peace */
    sql_exec(gate_app(t->gate),
             "CREATE TABLE d.calm SELECT id FROM d.t; CREATE TABLE d.gone SELECT id FROM d.t; "
             "DROP TABLE d.gone; CREATE TABLE d.last SELECT id FROM d.t");
    crash(t);
    topology_wait_open(t);
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");

    e2e_add(suite, "semi_sync_replica_comes", semi_sync_replica_comes);
    e2e_add_family(suite, "other_replica_comes", other_replica_comes, FAMILY_MARIADB);
    e2e_add_family(suite, "executed", executed_what_nobody_has, FAMILY_MYSQL);
    e2e_add(suite, "xa_commit", xa_commit_is_redone);
    e2e_add_family(suite, "xa_rollback", xa_rollback_is_redone, FAMILY_MARIADB);
    e2e_add_family(suite, "xa_rollback_ok", xa_rollback_with_ok, FAMILY_MARIADB);
    e2e_add(suite, "xa_prepare", xa_prepare_is_redone);
    e2e_add_family(suite, "xa_one_phase", xa_one_phase, FAMILY_MARIADB);
    e2e_add_family(suite, "xa_old", xa_prepared_since_long, FAMILY_MARIADB);
    e2e_add(suite, "created_table", created_table_is_redone);
    return e2e_main(suite);
}
