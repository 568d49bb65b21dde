/* The phantom of MySQL bug 83158, by the report's own steps: a row is inserted while no replica acks, the
 * source is killed after its binlog write and restarts, a client reads the row there, the source dies, and a
 * client reads a replica. With semi-sync alone the row was read and is gone; with ackgate and ackgate-recover
 * nobody reads it, and its GTID is used again for something else. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "test/lib/binlog_files.h"
#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { REPLICAS = 2 };

static const char set_up[] = "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT); "
                             "INSERT INTO d.t VALUES (1, 'kept')";
static const char phantom[] = "INSERT INTO d.t VALUES (2, 'phantom')";
static const char ids[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

static bool source_waits(void *arg)
{
    struct server *source = arg;

    return atoi(server_status(source, source->family == FAMILY_MYSQL
                                          ? "Rpl_semi_sync_source_wait_sessions"
                                          : "Rpl_semi_sync_master_wait_sessions")) == 1;
}

static bool has_semisync_replicas(void *arg)
{
    struct server *source = arg;

    return atoi(server_status(source, source->family == FAMILY_MYSQL ? "Rpl_semi_sync_source_clients"
                                                                     : "Rpl_semi_sync_master_clients")) ==
           REPLICAS;
}

/* ---- semi-sync alone ---- */

static void start_without_ackgate(enum family family, struct server **ret_source,
                                  struct server **ret_replicas)
{
    struct server *source = server_new(family, "source", NULL);

    server_launch(source);
    for (int i = 0; i < REPLICAS; i++) {
        ret_replicas[i] = server_new(family, place_format("r%d", i + 1), NULL);
        server_launch(ret_replicas[i]);
    }
    server_wait_ready(source);
    source_enable_semisync(source, 1);
    for (int i = 0; i < REPLICAS; i++) {
        server_wait_ready(ret_replicas[i]);
        replica_attach(ret_replicas[i], NULL, source->port, "repl", "repl-pw", REPLICA_GTID);
    }
    wait_until(has_semisync_replicas, source, WAIT_SECONDS, "both replicas");
    *ret_source = source;
}

START_TEST(semisync_alone)
{
    struct server *source, *replicas[REPLICAS];

    start_without_ackgate(TEST_FAMILY, &source, replicas);
    struct sql *app = server_open(source, "app", "app-pw");
    sql_exec(app, set_up);
    for (int i = 0; i < REPLICAS; i++) {
        replica_wait_caught_up(replicas[i], source);
        replica_stop_receiver(replicas[i]);
    }
    sql_start(app, phantom);
    wait_until(source_waits, source, WAIT_SECONDS, "the insert to wait");
    ck_assert_str_eq(sql_value(server_admin(source), ids), "1");
    server_kill(source);
    ck_assert_uint_ne(sql_finish_try(app), 0);

    server_start(source);
    struct sql *reader = server_open(source, "app", "app-pw");
    ck_assert_str_eq(sql_value(reader, ids), "1,2");
    server_kill(source);
    for (int i = 0; i < REPLICAS; i++)
        ck_assert_str_eq(sql_value(server_admin(replicas[i]), ids), "1");
}
END_TEST

/* ---- with ackgate ---- */

static void stop_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_receiver(t->replica[i]);
    gate_wait_attached(t->gate, 0);
}

static void start_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
}

/* Up to the crash; the GTID of the row that nobody has. */
static struct topology *start_and_crash(enum family family, const char **ret_gtid)
{
    const char *const lines[] = {"app", "hold = 300ms", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1, r2)", .replicas = REPLICAS, .gate_lines = lines});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, set_up);
    for (int i = 0; i < REPLICAS; i++)
        replica_wait_caught_up(t->replica[i], t->source);
    stop_receivers(t);
    sql_start(app, phantom);
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) FROM waiting", "1");
    wait_until(source_waits, t->source, WAIT_SECONDS, "the insert to wait");
    *ret_gtid = place_format("%s", sql_value(gate_admin(t->gate), "SELECT gtid FROM waiting"));
    server_kill(t->source);
    ck_assert_uint_ne(sql_finish_try(app), 0);
    return t;
}

static void assert_replicas_have(struct topology *t, const char *rows)
{
    for (size_t i = 0; i < t->replica_count; i++)
        ck_assert_str_eq(sql_value(server_admin(t->replica[i]), ids), rows);
}

/* Without the tool the source has the row. Nobody reads it through ackgate before the replicas have it too.
 */
START_TEST(ackgate_without_the_tool)
{
    const char *gtid;
    struct topology *t = start_and_crash(TEST_FAMILY, &gtid);

    server_start(t->source);
    ck_assert_str_eq(sql_value(server_admin(t->source), ids), "1,2");
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "recovering");
    struct sql *reader =
        sql_try_open(&(struct sql_options){.port = t->gate->app_port, .user = "app", .password = "app-pw"});
    ck_assert_uint_eq(sql_errno(reader), 1105);
    assert_replicas_have(t, "1");
    start_receivers(t);
    topology_wait_open(t);
    ck_assert_str_eq(sql_value(gate_app(t->gate), ids), "1,2");
    topology_assert_same_data(t);
    assert_replicas_have(t, "1,2");
}
END_TEST

START_TEST(ackgate_with_the_tool)
{
    const char *gtid;
    struct topology *t = start_and_crash(TEST_FAMILY, &gtid);

    recover_and_start(t->gate, t->source);
    gate_wait_open(t->gate);
    ck_assert_str_eq(sql_value(gate_app(t->gate), ids), "1");
    ck_assert_str_eq(sql_value(gate_admin(t->gate), "SELECT gtid FROM discarded"), gtid);
    server_kill(t->source);
    assert_replicas_have(t, "1");

    /* it comes back once more, and what is committed next gets the GTID of the one that is gone */
    recover_and_start(t->gate, t->source);
    gate_wait_open(t->gate);
    struct sql *app = gate_app(t->gate);
    sql_start(app, "INSERT INTO d.t VALUES (3, 'in its place')");
    WAIT_SQL(gate_admin(t->gate), "SELECT gtid FROM waiting", gtid);
    start_receivers(t);
    sql_finish(app);
    sql_exec(app, "INSERT INTO d.t VALUES (4, 'after it')");
    topology_wait_open(t);
    topology_assert_same_data(t);
    assert_replicas_have(t, "1,3,4");
    assert_same_files(t->gate, t->source, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("phantom");

    e2e_add(suite, "semisync_alone", semisync_alone);
    e2e_add(suite, "without_tool", ackgate_without_the_tool);
    e2e_add(suite, "with_tool", ackgate_with_the_tool);
    return e2e_main(suite);
}
