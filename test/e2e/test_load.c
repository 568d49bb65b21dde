/* Much of everything: sysbench, a replica that is gigabytes behind, transactions and events larger than
 * memory. A tenth of the size unless LONG=1. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/binlog_files.h"
#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { MIB = 1 << 20, GATE_MEMORY_MAX = 128 * MIB };

/* Large rows need a redo log that is larger by far, and packets. */
static const char *const mysql_large[] = {
    "--max-allowed-packet=1G",        "--innodb-redo-log-capacity=2G",   "--sync-binlog=1",
    "--innodb-buffer-pool-size=256M", "--replica-max-allowed-packet=1G", NULL};
static const char *const mariadb_large[] = {"--max-allowed-packet=1G", "--innodb-log-file-size=2G",
                                            "--innodb-buffer-pool-size=256M", "--slave-max-allowed-packet=1G",
                                            NULL};

static struct topology *start_large(enum family family, const char *rule)
{
    const char *const *options = family == FAMILY_MYSQL ? mysql_large : mariadb_large;

    return topology_start_with(&(struct topology_options){.family = family,
                                                          .rule = rule,
                                                          .replicas = 2,
                                                          .source_options = options,
                                                          .replica_options = options});
}

static void assert_gate_memory(struct topology *t)
{
    uint64_t peak = gate_rss_peak_bytes(t->gate);

    fprintf(stderr, "ackgate's memory went up to %llu KiB\n", (unsigned long long)(peak / 1024));
    ck_assert_msg(peak < GATE_MEMORY_MAX, "ackgate's memory went up to %llu MiB",
                  (unsigned long long)(peak / MIB));
}

/* ---- sysbench ---- */

static int run_sysbench(struct topology *t, const char *output, const char *command)
{
    return process_run(
        (const char *const[]){"sysbench", "oltp_read_write", "--db-driver=mysql", "--mysql-host=127.0.0.1",
                              place_format("--mysql-port=%u", t->gate->app_port), "--mysql-user=app",
                              "--mysql-password=app-pw", "--mysql-db=sb", "--mysql-ignore-errors=none",
                              "--tables=4", "--table-size=5000", "--rand-type=uniform", "--threads=16",
                              place_format("--time=%ld", e2e_scale(60)), command, NULL},
        output);
}

static void must_sysbench(struct topology *t, const char *command)
{
    const char *output = place_format("%s/sysbench-%s", t->gate->dir, command);

    int code = run_sysbench(t, output, command);
    if (code != 0)
        ck_abort_msg("sysbench %s ended with %d: %s", command, code, place_read_file(output, NULL));
    if (strcmp(command, "run") == 0)
        ck_assert_msg(place_file_has(output, 0, "ignored errors:                      0 "),
                      "sysbench had errors: %s", place_read_file(output, NULL));
}

START_TEST(sysbench)
{
    /* MariaDB from 11.6 on answers 1020 to what others only block */
    static const char *const options[] = {"--loose-innodb-snapshot-isolation=OFF", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .source_options = options});

    sql_exec(gate_app(t->gate), "CREATE DATABASE sb");
    must_sysbench(t, "prepare");
    must_sysbench(t, "run");
    assert_gate_memory(t);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_wait_caught_up_within(t->replica[i], t->source, e2e_is_long() ? 600 : 60);
    topology_assert_same_data(t);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_waiting_transactions"), "0");
}
END_TEST

/* ---- a replica far behind ---- */

/* Rows of one MB, a hundred in a transaction. */
static void write_megabytes(struct topology *t, long count)
{
    struct sql *app = gate_app(t->gate);

    for (long i = 0; i < count; i++) {
        if (i % 100 == 0)
            sql_exec(app, "BEGIN");
        sql_exec(app, "REPLACE INTO d.big VALUES (%ld, REPEAT('%c', 1000000))", i % 100, (int)('a' + i % 26));
        if (i % 100 == 99 || i == count - 1)
            sql_exec(app, "COMMIT");
    }
    sql_close(app);
}

static uint64_t lag_bytes(struct topology *t, const char *replica)
{
    return (uint64_t)sql_number(gate_admin(t->gate), "SELECT lag_bytes FROM replicas WHERE name = '%s'",
                                replica);
}

struct lag {
    struct topology *topology;
    const char *replica;
};

static bool has_no_lag(void *arg)
{
    struct lag *lag = arg;

    return lag_bytes(lag->topology, lag->replica) < MIB;
}

/* r2's receiver fetches gigabytes while r1 acks each commit; and then r2 hangs, and takes nothing at all. */
START_TEST(far_behind)
{
    enum { OKS = 200 };
    struct topology *t = start_large(TEST_FAMILY, "ANY 1 (r1)");
    long megabytes = e2e_scale(5000);

    sql_exec(gate_app(t->gate), "CREATE DATABASE d; CREATE TABLE d.big (id INT PRIMARY KEY, v LONGBLOB)");
    replica_wait_caught_up(t->replica[1], t->source);
    replica_stop_receiver(t->replica[1]);
    replica_stop_applier(t->replica[1]);
    write_megabytes(t, megabytes);
    struct load *load = load_start(t->gate, 4);
    replica_wait_caught_up_within(t->replica[0], t->source, 600);
    load_wait_oks(load, OKS);
    replica_start_receiver(t->replica[1]);
    gate_wait_attached(t->gate, 2);
    ck_assert_uint_gt(lag_bytes(t, "r2"), 10 * MIB);
    load_wait_oks(load, OKS); /* how fast is a matter of the bench */
    wait_until(has_no_lag, &((struct lag){t, "r2"}), 600, "r2 to receive it all");
    /* a stuck one: everything up to its socket's buffers, and then nothing */
    server_freeze(t->replica[1]);
    load_wait_oks(load, OKS);
    server_thaw(t->replica[1]);
    load_stop(load);
    assert_gate_memory(t);
    replica_start_applier(t->replica[1]);
    replica_wait_caught_up_within(t->replica[1], t->source, 900);
    topology_assert_same_data(t);
    load_assert_kept(load, t->replica[0]);
}
END_TEST

/* ---- large transactions and events ---- */

START_TEST(large_transaction)
{
    struct topology *t = start_large(TEST_FAMILY, "ALL (r1, r2)");
    struct sql *app = gate_app(t->gate);
    long rows = e2e_scale(1100);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.big (id INT PRIMARY KEY, v LONGBLOB)");
    sql_exec(app, "BEGIN");
    for (long i = 0; i < rows; i++)
        sql_exec(app, "INSERT INTO d.big VALUES (%ld, REPEAT('%c', 1000000))", i, (int)('a' + i % 26));
    sql_start(app, "COMMIT");
    sql_finish_within(app, 600);
    assert_gate_memory(t);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_wait_caught_up_within(t->replica[i], t->source, 600);
    topology_assert_same_data(t);
    assert_same_files(t->gate, t->source, NULL);
    /* and once more from the files, to a replica that starts over */
    gate_restart(t->gate);
    topology_wait_open(t);
    sql_exec(gate_app(t->gate), "INSERT INTO d.big VALUES (-1, 'x')");
    topology_assert_same_data(t);
    assert_gate_memory(t);
}
END_TEST

/* Events over 16 MiB come in several packets. One is exactly as long as a packet can be at most, by turns: a
 * row event's own bytes are some tens more than its value's. */
START_TEST(large_events)
{
    struct topology *t = start_large(TEST_FAMILY, "ALL (r1, r2)");
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.big (id INT PRIMARY KEY, v LONGBLOB)");
    sql_exec(app, "INSERT INTO d.big VALUES (1, REPEAT('a', 17 * 1024 * 1024))");
    for (int i = 0; i < 12; i++)
        sql_exec(app, "INSERT INTO d.big VALUES (%d, REPEAT('b', 16 * 1024 * 1024 - %d))", 10 + i,
                 30 + i * 4);
    sql_exec(app, "INSERT INTO d.big VALUES (2, REPEAT('c', 70 * 1024 * 1024))");
    if (e2e_is_long())
        sql_exec(app, "INSERT INTO d.big VALUES (3, REPEAT('d', 300 * 1024 * 1024))");
    topology_assert_same_data(t);
    assert_same_files(t->gate, t->source, NULL);
    assert_gate_memory(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), "SELECT LENGTH(v) FROM d.big WHERE id = 2"),
                     "73400320");
}
END_TEST

/* ---- LOAD DATA LOCAL ---- */

enum { LINE_BYTES = 1024, LINES_OF_2_GIB = 2 * 1024 * 1024 };

static const char *make_lines(struct topology *t)
{
    char *path = place_format("%s/lines", t->gate->dir);
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    for (long i = 1; i <= LINES_OF_2_GIB; i++)
        (void)fprintf(out, "%08ld\t%0*ld\n", i, LINE_BYTES - 10, i * 7);
    ck_assert_int_eq(fclose(out), 0);
    return path;
}

START_TEST(load_gigabytes)
{
    struct topology *t = start_large(TEST_FAMILY, "ANY 1 (r1, r2)");
    struct sql *app = sql_open_with(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .local_infile = true});

    sql_exec(server_admin(t->source), "SET GLOBAL local_infile = 1");
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.l (id INT PRIMARY KEY, s VARCHAR(1100))");
    sql_exec(app, "LOAD DATA LOCAL INFILE '%s' INTO TABLE d.l", make_lines(t));
    ck_assert_int_eq(sql_number(app, "SELECT COUNT(*) FROM d.l WHERE s = id * 7"), LINES_OF_2_GIB);
    assert_gate_memory(t);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_wait_caught_up_within(t->replica[i], t->source, 1200);
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load");
    double seconds = e2e_is_long() ? 2400 : 180;

    e2e_add_within(suite, "sysbench", sysbench, seconds);
    e2e_add_within(suite, "far_behind", far_behind, seconds);
    e2e_add_within(suite, "large_transaction", large_transaction, seconds);
    e2e_add_within(suite, "large_events", large_events, seconds);
    if (e2e_is_long()) /* the short form is in test_sizes.c */
        e2e_add_within(suite, "load_gigabytes", load_gigabytes, seconds);
    return e2e_main(suite);
}
