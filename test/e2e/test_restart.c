/* Whoever dies and returns while clients write — ackgate, the source, a replica — nothing that got an OK is
 * missing anywhere afterwards, the replicas re-attach by themselves, and all servers end equal. */
#include <check.h>
#include <stdio.h>

#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/relay.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { CLIENTS = 4, OKS_BETWEEN = 40 };

/* A replica that throws away what it has received and not applied: MariaDB does so by itself at each start.
 */
static const char *const mysql_replica_options[] = {"--relay-log-recovery=1", NULL};

static struct topology *start(enum family family, const char *rule)
{
    return topology_start_with(&(struct topology_options){
        .family = family,
        .rule = rule,
        .replicas = 2,
        .replica_options = family == FAMILY_MYSQL ? mysql_replica_options : NULL,
    });
}

static int rounds(int usual)
{
    return e2e_is_long() ? usual * 5 : usual;
}

/* The end of each story. */
static void assert_all_kept(struct topology *t, struct load *load)
{
    load_stop(load);
    topology_wait_open(t);
    topology_assert_same_data(t);
    load_assert_kept(load, t->source);
    for (size_t i = 0; i < t->replica_count; i++)
        load_assert_kept(load, t->replica[i]);
}

/* Everybody is back: the load goes on, and both replicas are there again without anybody's help. */
static void assert_recovered(struct topology *t, struct load *load)
{
    gate_wait_open(t->gate);
    load_wait_oks(load, OKS_BETWEEN);
    topology_wait_open(t);
}

START_TEST(ackgate_dies)
{
    struct topology *t = start(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(3); i++) {
        load_wait_oks(load, OKS_BETWEEN);
        uint64_t breaks = load_breaks(load);
        gate_kill(t->gate);
        gate_start(t->gate);
        assert_recovered(t, load);
        ck_assert_uint_ge(load_breaks(load) - breaks, CLIENTS);
    }
    assert_all_kept(t, load);
}
END_TEST

START_TEST(ackgate_is_stopped)
{
    struct topology *t = start(TEST_FAMILY, "ALL (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(2); i++) {
        load_wait_oks(load, OKS_BETWEEN);
        gate_stop(t->gate);
        gate_start(t->gate);
        assert_recovered(t, load);
    }
    /* killed with nobody writing, and with a replica that is away */
    replica_stop_receiver(t->replica[1]);
    gate_kill(t->gate);
    gate_start(t->gate);
    gate_wait_attached(t->gate, 1);
    replica_start_receiver(t->replica[1]);
    assert_recovered(t, load);
    assert_all_kept(t, load);
}
END_TEST

START_TEST(source_dies)
{
    struct topology *t = start(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(2); i++) {
        load_wait_oks(load, OKS_BETWEEN);
        server_kill(t->source);
        server_start(t->source);
        assert_recovered(t, load);
    }
    assert_all_kept(t, load);
}
END_TEST

START_TEST(source_is_stopped)
{
    struct topology *t = start(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(2); i++) {
        load_wait_oks(load, OKS_BETWEEN);
        server_stop(t->source);
        server_start(t->source);
        assert_recovered(t, load);
    }
    assert_all_kept(t, load);
}
END_TEST

/* Source and ackgate at once, in both orders of coming back. */
START_TEST(source_and_ackgate_die)
{
    struct topology *t = start(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(2); i++) {
        load_wait_oks(load, OKS_BETWEEN);
        gate_kill(t->gate);
        server_kill(t->source);
        if (i % 2)
            gate_start(t->gate);
        server_start(t->source);
        if (i % 2 == 0)
            gate_start(t->gate);
        assert_recovered(t, load);
    }
    assert_all_kept(t, load);
}
END_TEST

START_TEST(replica_dies)
{
    struct topology *t = start(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(2); i++) {
        load_wait_oks(load, OKS_BETWEEN);
        server_kill(t->replica[i % 2]);
        load_wait_oks(load, OKS_BETWEEN); /* the other one is enough */
        server_start(t->replica[i % 2]);
        assert_recovered(t, load);
    }
    assert_all_kept(t, load);
}
END_TEST

/* r1's applier stands still, so all that it has acked is in its relay log only, and that is gone after its
 * restart: it comes back with less than it had acked, and is sent it again. */
START_TEST(relay_log_is_lost)
{
    struct topology *t = start(TEST_FAMILY, "ALL (r1, r2)");
    struct load *load = load_start(t->gate, CLIENTS);

    for (int i = 0; i < rounds(2); i++) {
        struct server *replica = t->replica[i % 2];
        replica_stop_applier(replica);
        load_wait_oks(load, OKS_BETWEEN);
        server_kill(replica);
        server_start(replica);
        assert_recovered(t, load);
    }
    assert_all_kept(t, load);
}
END_TEST

struct hold {
    struct relay *relay;
    unsigned connections;
};

static bool has_connections(void *arg)
{
    struct hold *hold = arg;

    return relay_connections(hold->relay) >= hold->connections;
}

/* ackgate comes back and finds out where the dump has to start; before the dump begins a replica brings the
 * acks for what the source still waits for. They must reach the source all the same. */
START_TEST(acked_before_the_dump)
{
    enum { LOOK_OVER = 2 }; /* connections of the look-over: the facts, and the binlog's end */
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .no_gate_start = true});
    struct relay *relay = relay_start(t->source->port);

    gate_set(t->gate, "source", "port = %u", relay_port(relay));
    gate_start(t->gate);
    topology_attach(t, 0, REPLICA_GTID);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    replica_wait_caught_up(t->replica[0], t->source);
    replica_stop_receiver(t->replica[0]);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM waiting", "1");
    gate_kill(t->gate);
    (void)sql_finish_try(app);
    struct hold hold = {relay, relay_connections(relay) + LOOK_OVER + 1};
    relay_hold_after(relay, hold.connections - 1);
    gate_start(t->gate);
    wait_until(has_connections, &hold, WAIT_SECONDS, "ackgate to connect for the dump");
    replica_start_receiver(t->replica[0]);
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM waiting", "0");
    relay_release(relay);
    WAIT_SQL(
        server_admin(t->source),
        "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync ACK%'",
        "0");
    gate_wait_open(t->gate);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (2)");
    topology_assert_same_data(t);
}
END_TEST

/* Commits that wait for an ack make those behind them, and a rotation, hold the lock that everybody needs who
 * asks the source where its binlog ends. An ackgate that comes back must not wait for that before it acks. */
START_TEST(the_binlog_is_locked)
{
    struct topology *t = start(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct sql *app[3], *rotating = server_open(t->source, "app", "app-pw");

    sql_exec(gate_app(t->gate), "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    for (size_t i = 0; i < 2; i++) {
        replica_wait_caught_up(t->replica[i], t->source);
        replica_stop_receiver(t->replica[i]);
    }
    for (int i = 0; i < 3; i++) {
        app[i] = gate_app(t->gate);
        sql_start(app[i], "INSERT INTO d.t VALUES (%d)", i);
        sql_assert_waiting(app[i], 100);
    }
    sql_start(rotating, "FLUSH BINARY LOGS");
    sql_assert_waiting(rotating, 200);
    gate_kill(t->gate);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_ne(sql_finish_try(app[i]), 0);
    gate_start(t->gate);
    replica_start_receiver(t->replica[0]);
    replica_start_receiver(t->replica[1]);
    topology_wait_open(t);
    sql_finish(rotating);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (10)");
    topology_assert_same_data(t);
    ck_assert_int_eq(sql_number(server_admin(t->replica[0]), "SELECT COUNT(*) FROM d.t"), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restart");
    double seconds = e2e_is_long() ? 600 : E2E_TIMEOUT;

    e2e_add_within(suite, "ackgate_dies", ackgate_dies, seconds);
    e2e_add_within(suite, "ackgate_stopped", ackgate_is_stopped, seconds);
    e2e_add_within(suite, "source_dies", source_dies, seconds);
    e2e_add_within(suite, "source_stopped", source_is_stopped, seconds);
    e2e_add_within(suite, "both_die", source_and_ackgate_die, seconds);
    e2e_add_within(suite, "replica_dies", replica_dies, seconds);
    e2e_add_within(suite, "relay_log_lost", relay_log_is_lost, seconds);
    e2e_add(suite, "acked_before_dump", acked_before_the_dump);
    e2e_add_within(suite, "binlog_locked", the_binlog_is_locked, seconds);
    return e2e_main(suite);
}
