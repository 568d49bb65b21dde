/* The fixture itself: real servers of both families come up, replicate from each other with native semi-sync,
 * survive kill -9, compare equal, and statements that wait are seen waiting. No ackgate in it, only a script
 * in its place. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/constants.h"
#include "test/lib/gate.h"
#include "test/lib/place.h"
#include "test/lib/raw_client.h"
#include "test/lib/replication.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

static uint64_t step_began_ms;

static void step(const char *what)
{
    uint64_t now = now_ms();

    if (what && getenv("STEPS"))
        (void)fprintf(stderr, "%6llu ms  %s\n", (unsigned long long)(now - step_began_ms), what);
    step_began_ms = now_ms();
}

static void start_three(enum family family, struct server **ret_servers)
{
    static const char *const names[] = {"source", "r1", "r2"};

    for (size_t i = 0; i < 3; i++) {
        ret_servers[i] = server_new(family, names[i], NULL);
        server_launch(ret_servers[i]);
    }
    step("3 servers copied and launched");
    for (size_t i = 0; i < 3; i++)
        server_wait_ready(ret_servers[i]);
    step("3 servers accept SQL");
}

static void attach_two(struct server **servers)
{
    source_enable_semisync(servers[0], 1);
    for (size_t i = 1; i < 3; i++)
        replica_attach(servers[i], "127.0.0.1", servers[0]->port, "repl", "repl-pw", REPLICA_GTID);
    for (size_t i = 1; i < 3; i++)
        replica_wait_streaming(servers[i]);
    WAIT_SQL(server_admin(servers[0]),
             place_format("SHOW STATUS LIKE '%s'", semisync_name(servers[0]->family, "clients")),
             place_format("R%s\t2", semisync_name(servers[0]->family, "clients") + 1));
    step("2 replicas stream with semi-sync");
}

START_TEST(servers_start_empty_and_equal)
{
    struct server *server = server_new(TEST_FAMILY, "alone", NULL);

    step(NULL);
    server_start(server);
    step("1 server started");
    ck_assert_str_eq(server_gtids(server), "");
    ck_assert_str_eq(server_checksums(server), "");
    ck_assert_str_eq(server_status(server, "log_bin"), "ON");
    for (size_t i = 0; i < 4; i++) {
        static const char *const accounts[][2] = {
            {"root",    NULL        },
            {"app",     "app-pw"    },
            {"repl",    "repl-pw"   },
            {"ackgate", "ackgate-pw"}
        };
        struct sql *conn = server_open(server, accounts[i][0], accounts[i][1]);
        ck_assert_str_eq(sql_value(conn, "SELECT 1"), "1");
    }
    struct sql *refused =
        sql_try_open(&(struct sql_options){.port = server->port, .user = "app", .password = "no"});
    ck_assert_uint_eq(sql_errno(refused), 1045);
    server_stop(server);
    step("1 server stopped");
}
END_TEST

START_TEST(replicates_and_survives_kill)
{
    struct server *servers[3];

    step(NULL);
    start_three(TEST_FAMILY, servers);
    attach_two(servers);
    struct sql *app = server_open(servers[0], "app", "app-pw");
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20)) "
                  "ENGINE=InnoDB");
    for (int i = 0; i < 100; i++)
        sql_exec(app, "INSERT INTO d.t (v) VALUES ('row %d')", i);
    step("100 commits");
    assert_same_data(servers[0], servers[1], servers[2]);
    ck_assert_int_eq(sql_number(server_admin(servers[1]), "SELECT COUNT(*) FROM d.t"), 100);
    step("all equal");
    server_kill(servers[1]);
    server_kill(servers[0]);
    server_start(servers[0]);
    server_start(servers[1]);
    step("source and r1 killed and started");
    source_enable_semisync(servers[0], 1);
    ck_assert_uint_ne(sql_try(app, "SELECT 1"), 0);
    app = server_open(servers[0], "app", "app-pw");
    sql_exec(app, "INSERT INTO d.t (v) VALUES ('after')");
    assert_same_data(servers[0], servers[1], servers[2]);
    step("another commit, all equal");
}
END_TEST

START_TEST(commit_waits_without_receivers)
{
    struct server *servers[3];

    step(NULL);
    start_three(TEST_FAMILY, servers);
    attach_two(servers);
    struct sql *app = server_open(servers[0], "app", "app-pw");
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    replica_wait_caught_up(servers[1], servers[0]); /* one ack was enough, so the other may be behind */
    replica_wait_caught_up(servers[2], servers[0]);
    replica_stop_receiver(servers[1]);
    replica_stop_receiver(servers[2]);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    sql_assert_waiting(app, 300);
    ck_assert_str_eq(sql_value(server_admin(servers[0]), "SELECT COUNT(*) FROM d.t"), "0");
    replica_start_receiver(servers[2]);
    sql_finish(app);
    WAIT_SQL(server_admin(servers[2]), "SELECT * FROM d.t", "1");
    WAIT_SQL(server_admin(servers[1]), "SELECT COUNT(*) FROM d.t", "0");
    replica_start_receiver(servers[1]);
    assert_same_data(servers[0], servers[1], servers[2]);
    server_restart(servers[1]);
    replica_wait_streaming(servers[1]);
    step("wait, release, restart");
}
END_TEST

START_TEST(speaks_packets_by_hand)
{
    struct server *server = server_new(TEST_FAMILY, "alone", NULL);
    struct raw_client client;
    unsigned number = 0;

    server_start(server);
    for (int round = 0; round < 2; round++) {
        raw_open(&client, server->port);
        raw_login(&client, "app", "app-pw", round ? CAP_DEPRECATE_EOF : 0, 0);
        ck_assert_uint_eq(raw_query(&client, "SELECT 1; SELECT 2 UNION SELECT 3; DO 1"), 0);
        ck_assert_uint_eq(raw_query(&client, "SELECT no_such_column"), ERROR_CODE_BAD_FIELD);
        ck_assert_uint_eq(raw_query(&client, "CREATE DATABASE IF NOT EXISTS d"), 0);
        raw_close(&client);
    }
    raw_open(&client, server->port);
    raw_login(&client, "app", "app-pw", 0, 0);
    uint8_t bytes[16];
    raw_frame(bytes, 0, "\x03SELECT 1", 9);
    ck_assert(raw_send_slowly(&client, bytes, 13));
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert_uint_eq(client.payload[0], 1);
    raw_abort(&client);
    raw_open(&client, server->port);
    raw_login(&client, "app", "app-pw", 0, 0);
    client.sequence = 7;
    ck_assert(raw_send_packet(&client, "\x03SELECT 1", 9));
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    ck_assert(raw_is_error(&client, &number));
    ck_assert_uint_eq(number, ERROR_CODE_PACKETS_OUT_OF_ORDER);
    raw_assert_closed(&client);
}
END_TEST

/* A script in ackgate's place shows what the daemon is given. */
START_TEST(gate_is_configured_and_ended)
{
    static const char script[] = "#!/bin/sh\ncat \"$2\" >&2\necho ackgate ready >&2\n"
                                 "trap 'exit 0' TERM\nwhile :; do sleep 0.05; done\n";
    struct server *source = server_new(FAMILY_MARIADB, "source", NULL);
    struct gate *gate = gate_new(source, "ANY 1 (r1, r2)");
    char *path = place_format("%s/fake", gate->dir);

    place_write_file(path, script, 0755);
    ck_assert_int_eq(setenv("ACKGATE", path, 1), 0);
    gate_add_voter(gate, "r1", 102);
    gate_set(gate, "app", "hold = %us", 3U);
    gate_set(gate, "source", "user = nobody");
    gate_start(gate);
    ck_assert(gate_has_logged(gate, "[replica r1]\nserver_id = 102\n"));
    ck_assert(gate_has_logged(gate, "rule = ANY 1 (r1, r2)\n"));
    ck_assert(gate_has_logged(gate, "hold = 3s\n"));
    ck_assert(gate_has_logged(gate, "user = nobody\n"));
    ck_assert(!gate_has_logged(gate, "user = ackgate\n"));
    ck_assert_uint_gt(gate_rss_peak_bytes(gate), 0);
    gate_set(gate, "app", "hold = 4s");
    gate_restart(gate);
    ck_assert(gate_has_logged(gate, "hold = 4s\n"));
    ck_assert(!gate_has_logged(gate, "hold = 3s\n"));
    gate_kill(gate);
    ck_assert(!gate_is_running(gate));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fixture");

    e2e_add(suite, "start", servers_start_empty_and_equal);
    e2e_add(suite, "replicate", replicates_and_survives_kill);
    e2e_add(suite, "wait", commit_waits_without_receivers);
    e2e_add(suite, "packets", speaks_packets_by_hand);
    e2e_add_family(suite, "gate", gate_is_configured_and_ended, FAMILY_MARIADB);
    return e2e_main(suite);
}
