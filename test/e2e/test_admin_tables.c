/* Every table of the admin port, column by column, against what the servers say of themselves: their
 * positions, GTIDs, uuids, ids and sessions. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

/* What the source says of its binlog. */
struct truth {
    const char *file;
    const char *position;
    const char *gtid; /* of the last transaction in it */
};

/* "… 'uuid:5'" of MySQL, "BEGIN GTID 0-1-5" of MariaDB. */
static const char *gtid_in(const char *info)
{
    const char *start = strchr(info, '\'');
    if (start != NULL)
        return place_format("%.*s", (int)strcspn(start + 1, "'"), start + 1);
    start = strstr(info, "GTID ") + strlen("GTID ");
    return place_format("%.*s", (int)strcspn(start, " "), start);
}

static struct truth truth_of(struct server *source)
{
    struct sql *sql = server_admin(source);
    const struct sql_rows *status =
        sql_rows(sql, source->family == FAMILY_MYSQL ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS");
    struct truth truth = {.file = sql_cell(status, 0, "File"), .position = sql_cell(status, 0, "Position")};
    const struct sql_rows *events = sql_rows(sql, "SHOW BINLOG EVENTS IN '%s'", truth.file);
    for (size_t i = 0; i < events->rows; i++) {
        if (strcasecmp(sql_cell(events, i, "Event_type"), "Gtid") == 0)
            truth.gtid = gtid_in(sql_cell(events, i, "Info"));
    }
    ck_assert_ptr_nonnull(truth.gtid);
    return truth;
}

/* The server's uuid; MariaDB's have none. */
static const char *uuid_of(struct server *server)
{
    return server->family == FAMILY_MYSQL ? sql_value(server_admin(server), "SELECT @@server_uuid") : NULL;
}

#define ASSERT_CELL(rows, row, column, expected)                                                             \
    do {                                                                                                     \
        const char *cell_ = sql_cell(rows, row, column);                                                     \
        const char *expected_ = expected;                                                                    \
        ck_assert_msg(                                                                                       \
            (cell_ == NULL) == (expected_ == NULL) && (cell_ == NULL || strcmp(cell_, expected_) == 0),      \
            "%s is %s and should be %s", column, cell_ ? cell_ : "NULL", expected_ ? expected_ : "NULL");    \
    } while (0)

static void assert_position(const struct sql_rows *rows, size_t row, const char *what,
                            const struct truth *truth)
{
    ASSERT_CELL(rows, row, place_format("%s_file", what), truth->file);
    ASSERT_CELL(rows, row, place_format("%s_pos", what), truth->position);
}

static void make_table(struct topology *t)
{
    sql_exec(gate_app(t->gate),
             "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    for (size_t i = 0; i < t->replica_count; i++)
        replica_wait_caught_up(t->replica[i], t->source);
}

/* Everybody has everything, and said so. */
static void wait_all_acked(struct topology *t)
{
    struct truth truth = truth_of(t->source);
    WAIT_SQL(
        gate_admin(t->gate),
        place_format(
            "SELECT count(*) FROM replicas WHERE role = 'voter' AND acked_file = '%s' AND acked_pos = %s",
            truth.file, truth.position),
        place_format("%zu", t->replica_count));
}

static void check_source(struct topology *t)
{
    struct truth truth = truth_of(t->source);
    struct sql *sql = server_admin(t->source);
    const struct sql_rows *rows = sql_rows(gate_admin(t->gate), "SELECT * FROM source");
    ck_assert_uint_eq(rows->rows, 1);
    ASSERT_CELL(rows, 0, "name", "source");
    ASSERT_CELL(rows, 0, "host", "127.0.0.1");
    ASSERT_CELL(rows, 0, "port", sql_value(sql, "SELECT @@port"));
    ASSERT_CELL(rows, 0, "flavor", family_name(t->family));
    ASSERT_CELL(rows, 0, "version", sql_value(sql, "SELECT VERSION()"));
    ASSERT_CELL(rows, 0, "server_uuid", uuid_of(t->source));
    ASSERT_CELL(rows, 0, "server_id", sql_value(sql, "SELECT @@server_id"));
    ASSERT_CELL(rows, 0, "state", "open");
    ASSERT_CELL(rows, 0, "reason", "");
    ASSERT_CELL(rows, 0, "semi_sync", "required");
    assert_position(rows, 0, "received", &truth);
    assert_position(rows, 0, "durable", &truth);
    assert_position(rows, 0, "confirmed", &truth);
    ASSERT_CELL(rows, 0, "confirmed_gtid", truth.gtid);
}

static void check_replica(struct topology *t, const struct sql_rows *rows, size_t row, const char *began)
{
    struct server *server = t->replica[row];
    struct truth truth = truth_of(t->source);
    ASSERT_CELL(rows, row, "name", place_format("r%zu", row + 1));
    ASSERT_CELL(rows, row, "role", "voter");
    ASSERT_CELL(rows, row, "state", "streaming");
    ck_assert_int_eq(strncmp(sql_cell(rows, row, "host"), "127.0.0.1:", 10), 0);
    ASSERT_CELL(rows, row, "server_id", sql_value(server_admin(server), "SELECT @@server_id"));
    ASSERT_CELL(rows, row, "server_uuid", uuid_of(server));
    ASSERT_CELL(rows, row, "flavor", family_name(t->family));
    ASSERT_CELL(rows, row, "semi_sync", "1");
    ck_assert_str_eq(replica_status(server, "Source_Log_File"), truth.file);
    ck_assert_str_eq(replica_status(server, "Read_Source_Log_Pos"), truth.position);
    assert_position(rows, row, "sent", &truth);
    assert_position(rows, row, "acked", &truth);
    ASSERT_CELL(rows, row, "acked_gtid", truth.gtid);
    ASSERT_CELL(rows, row, "lag_bytes", "0");
    ck_assert(atof(sql_cell(rows, row, "ack_ms_p50")) > 0);
    ck_assert(atof(sql_cell(rows, row, "ack_ms_p99")) >= atof(sql_cell(rows, row, "ack_ms_p50")));
    ck_assert_str_ge(sql_cell(rows, row, "attached_at"), began);
    ck_assert_str_le(sql_cell(rows, row, "attached_at"),
                     sql_value(server_admin(t->source), "SELECT UTC_TIMESTAMP(3)"));
    ASSERT_CELL(rows, row, "last_error", "");
}

/* A third server without a section, and without semi-sync. */
static void check_observer(struct topology *t, const struct sql_rows *rows, struct server *server)
{
    struct truth truth = truth_of(t->source);
    ASSERT_CELL(rows, 2, "name", place_format("observer-%s", sql_cell(rows, 2, "id")));
    ASSERT_CELL(rows, 2, "role", "observer");
    ASSERT_CELL(rows, 2, "server_id", sql_value(server_admin(server), "SELECT @@server_id"));
    ASSERT_CELL(rows, 2, "server_uuid", uuid_of(server));
    ASSERT_CELL(rows, 2, "semi_sync", "0");
    assert_position(rows, 2, "sent", &truth);
    ASSERT_CELL(rows, 2, "acked_file", NULL);
    ASSERT_CELL(rows, 2, "acked_pos", NULL);
    ASSERT_CELL(rows, 2, "acked_gtid", NULL);
}

/* The files and their sizes are the source's; a file's first event was made when it says. */
static void check_binary_logs(struct topology *t)
{
    const struct sql_rows *theirs = sql_rows(server_admin(t->source), "SHOW BINARY LOGS");
    const struct sql_rows *ours = sql_rows(gate_admin(t->gate), "SELECT * FROM binary_logs");
    ck_assert_uint_eq(ours->rows, theirs->rows);
    for (size_t i = 0; i < ours->rows; i++) {
        char time[32];
        size_t length;
        const char *file = sql_cell(theirs, i, "Log_name");
        unsigned char *bytes =
            (unsigned char *)place_read_file(place_format("%s/%s", t->source->datadir, file), &length);
        ck_assert_uint_gt(length, 8);
        time_t made = bytes[4] + bytes[5] * 0x100 + bytes[6] * 0x10000 + bytes[7] * (time_t)0x1000000;
        free(bytes);
        struct tm parts;
        strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S.000", gmtime_r(&made, &parts));
        ASSERT_CELL(ours, i, "file", file);
        ASSERT_CELL(ours, i, "size", sql_cell(theirs, i, "File_size"));
        ASSERT_CELL(ours, i, "epoch", "1");
        ASSERT_CELL(ours, i, "confirmed", "1");
        ASSERT_CELL(ours, i, "first_time", time);
    }
}

/* Newest first, each sequence once, as `ackgate journal` prints the same records. */
static void check_journal(struct topology *t)
{
    const struct sql_rows *rows = sql_rows(gate_admin(t->gate), "SELECT * FROM journal");
    unsigned attached = 0;
    ck_assert_uint_gt(rows->rows, 4);
    for (size_t i = 0; i < rows->rows; i++) {
        const char *detail = sql_cell(rows, i, "detail");
        if (i > 0)
            ck_assert_int_lt(atoll(sql_cell(rows, i, "seq")), atoll(sql_cell(rows, i - 1, "seq")));
        ASSERT_CELL(rows, i, "epoch", "1");
        ck_assert_str_le(sql_cell(rows, i, "time"),
                         sql_value(server_admin(t->source), "SELECT UTC_TIMESTAMP(3) + INTERVAL 1 SECOND"));
        for (size_t r = 0; r < t->replica_count; r++)
            attached +=
                strcmp(sql_cell(rows, i, "type"), "attach") == 0 &&
                strstr(detail, place_format("r%zu from ", r + 1)) != NULL &&
                strstr(detail, place_format("server_id %s ", sql_value(server_admin(t->replica[r]),
                                                                       "SELECT @@server_id"))) != NULL;
    }
    ck_assert_uint_eq(attached, t->replica_count);
}

/* SHOW STATUS shows the same as the tables. */
static void check_status(struct topology *t)
{
    static const char *const same[][2] = {
        {"Ackgate_source_state",           "SELECT state FROM source"                                         },
        {"Ackgate_confirmed_file",         "SELECT confirmed_file FROM source"                                },
        {"Ackgate_confirmed_pos",          "SELECT confirmed_pos FROM source"                                 },
        {"Ackgate_quorum_satisfied",       "SELECT CASE satisfied WHEN 1 THEN 'ON' ELSE 'OFF' END FROM quorum"},
        {"Ackgate_waiting_transactions",   "SELECT count(*) FROM waiting"                                     },
        {"Ackgate_sessions",               "SELECT count(*) FROM sessions"                                    },
        {"Ackgate_replicas_attached",
         "SELECT count(*) FROM replicas WHERE role = 'voter' AND state <> 'detached'"                         },
        {"Ackgate_store_bytes",            "SELECT sum(size) FROM binary_logs"                                },
        {"Ackgate_discarded_transactions", "SELECT count(*) FROM discarded"                                   },
        {"Ackgate_epoch",                  "SELECT max(epoch) FROM binary_logs"                               },
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        ck_assert_str_eq(gate_status(t->gate, same[i][0]), sql_value(gate_admin(t->gate), "%s", same[i][1]));
    long before = atol(gate_status(t->gate, "Ackgate_commits_confirmed"));
    long held = atol(gate_status(t->gate, "Ackgate_commits_held"));
    struct sql *app = gate_app(t->gate);
    for (int i = 10; i < 15; i++)
        sql_exec(app, "INSERT INTO d.t VALUES (%d)", i);
    ck_assert_int_eq(atol(gate_status(t->gate, "Ackgate_commits_confirmed")), before + 5);
    ck_assert_int_le(atol(gate_status(t->gate, "Ackgate_commits_held")), held + 5);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_commits_unknown"), "0");
    ck_assert_int_lt(atol(gate_status(t->gate, "Ackgate_uptime")), 600);
    sql_close(app);
}

START_TEST(tables_at_rest)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct server *observer = server_new(TEST_FAMILY, "o", NULL);
    const char *began =
        place_format("%s", sql_value(server_admin(t->source), "SELECT UTC_TIMESTAMP(3) - INTERVAL 5 MINUTE"));
    server_start(observer);
    replica_attach_from(observer, &(struct replica_from){.port = t->gate->replication_port,
                                                         .user = "repl",
                                                         .password = "repl-pw",
                                                         .mode = REPLICA_GTID,
                                                         .no_semisync = true});
    make_table(t);
    replica_wait_caught_up(observer, t->source);
    wait_all_acked(t);
    check_source(t);
    const struct sql_rows *rows = sql_rows(gate_admin(t->gate), "SELECT * FROM replicas");
    ck_assert_uint_eq(rows->rows, 3);
    check_replica(t, rows, 0, began);
    check_replica(t, rows, 1, began);
    check_observer(t, rows, observer);
    ck_assert_str_eq(sql_text(gate_admin(t->gate), "SELECT * FROM quorum"),
                     "ANY 1 (r1, r2)\t1\t2\t2\t\t0\t0");
    ck_assert_uint_eq(sql_rows(gate_admin(t->gate), "SELECT * FROM waiting")->rows, 0);
    ck_assert_uint_eq(sql_rows(gate_admin(t->gate), "SELECT * FROM discarded")->rows, 0);
    check_binary_logs(t);
    check_journal(t);
    check_status(t);
    /* what is in a file that the source has left is confirmed too */
    sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (2)");
    wait_all_acked(t);
    check_binary_logs(t);
}
END_TEST

START_TEST(tables_while_a_commit_waits)
{
    struct topology *t = topology_start(TEST_FAMILY, "ALL (r1, r2)", 2);
    make_table(t);
    replica_stop_receiver(t->replica[1]);
    struct sql *app = gate_app(t->gate);
    const char *id = place_format("%s", sql_value(app, "SELECT CONNECTION_ID()"));
    sql_exec(app, "USE d");
    sql_start(app, "INSERT INTO t VALUES (2)");
    struct sql *admin = gate_admin(t->gate);
    WAIT_SQL(admin, "SELECT acked_by, missing FROM waiting", "r1\tr2");
    struct truth truth = truth_of(t->source);
    const struct sql_rows *rows = sql_rows(admin, "SELECT * FROM waiting");
    ASSERT_CELL(rows, 0, "gtid", truth.gtid);
    ASSERT_CELL(rows, 0, "file", truth.file);
    ASSERT_CELL(rows, 0, "end_pos", truth.position);
    ASSERT_CELL(rows, 0, "session_id",
                TEST_FAMILY == FAMILY_MYSQL ? id : NULL); /* MariaDB's rows do not say */
    WAIT_SQL(admin, "SELECT waiting_ms > 100 FROM waiting", "1");
    ck_assert_str_eq(sql_value(admin, "SELECT confirmed FROM binary_logs WHERE file = '%s'", truth.file),
                     "0");
    ck_assert_str_eq(sql_text(admin, "SELECT rule, satisfied, voters, attached, needed_for, "
                                     "waiting_transactions, oldest_wait_ms > 0 FROM quorum"),
                     "ALL (r1, r2)\t0\t2\t1\tr2\t1\t1");
    rows = sql_rows(admin, "SELECT * FROM replicas WHERE name = 'r2'");
    ASSERT_CELL(rows, 0, "state", "detached");
    ck_assert_int_eq(sql_number(admin, "SELECT lag_bytes = (SELECT received_pos - confirmed_pos FROM source) "
                                       "FROM replicas WHERE name = 'r2'"),
                     1);
    ASSERT_CELL(rows, 0, "server_uuid", uuid_of(t->replica[1]));
    /* the source itself holds the answer, so the session runs; its row is the source's */
    rows = sql_rows(admin, "SELECT * FROM sessions WHERE id = %s", id);
    ck_assert_uint_eq(rows->rows, 1);
    ASSERT_CELL(rows, 0, "user", "app");
    ASSERT_CELL(rows, 0, "db", "d");
    ASSERT_CELL(rows, 0, "command", "COM_QUERY");
    ASSERT_CELL(rows, 0, "state", "running");
    ASSERT_CELL(rows, 0, "tls", "0");
    ck_assert_int_eq(strncmp(sql_cell(rows, 0, "client"), "127.0.0.1:", 10), 0);
    ck_assert_str_eq(
        sql_value(server_admin(t->source), "SELECT db FROM information_schema.processlist WHERE id = %s", id),
        "d");
    replica_start_receiver(t->replica[1]);
    sql_finish(app);
    WAIT_SQL(admin, place_format("SELECT state, waiting_gtid IS NULL FROM sessions WHERE id = %s", id),
             "idle\t1");
    ck_assert_uint_eq(sql_rows(admin, "SELECT * FROM waiting")->rows, 0);
}
END_TEST

/* Without the source's own wait it is ackgate that holds the OK. */
START_TEST(a_session_whose_ok_is_held)
{
    static const char *const lines[] = {"source", "semi_sync = off", NULL};
    const struct topology_options with = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    struct topology *t = topology_start_with(&with);
    make_table(t);
    replica_stop_receiver(t->replica[0]);
    struct sql *app = gate_app(t->gate);
    const char *id = place_format("%s", sql_value(app, "SELECT CONNECTION_ID()"));
    long held = atol(gate_status(t->gate, "Ackgate_commits_held"));
    sql_start(app, "INSERT INTO d.t VALUES (2)");
    WAIT_SQL(gate_admin(t->gate), place_format("SELECT state FROM sessions WHERE id = %s", id),
             "waiting_for_quorum");
    const char *gtid = truth_of(t->source).gtid;
    ck_assert_str_eq(sql_value(gate_admin(t->gate), "SELECT waiting_gtid FROM sessions WHERE id = %s", id),
                     gtid);
    ck_assert_str_eq(sql_value(gate_admin(t->gate), "SELECT semi_sync FROM source"), "off");
    ck_assert_str_eq(sql_value(gate_admin(t->gate), "SELECT gtid FROM waiting"), gtid);
    ck_assert_int_eq(atol(gate_status(t->gate, "Ackgate_commits_held")), held + 1);
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_tables");
    e2e_add(suite, "rest", tables_at_rest);
    e2e_add(suite, "waiting", tables_while_a_commit_waits);
    e2e_add(suite, "held", a_session_whose_ok_is_held);
    return e2e_main(suite);
}
