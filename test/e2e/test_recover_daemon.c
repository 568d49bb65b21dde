/* RECOVER SOURCE and RESOLVE as ackgate-recover and an operator say them, by SQL on the admin port: the
 * verdict on a crashed source's tail, what becomes of the store, and who is let in afterwards. The listing is
 * made, and the source's binlog cut, by the test itself. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/binlog_files.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { PIECE_MAX = 1024 * 1024 };

/* The one transaction that waits for its ack, and where it stands. */
struct waiting {
    char file[64];
    int number;
    long start;
    long end;
    char gtid[128];
};

static uint32_t crc32c_of(const uint8_t *bytes, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82F63B78u & (0u - (crc & 1)));
    }
    return ~crc;
}

static const char *binlog_path(const struct server *source, const struct waiting *waiting)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", source->datadir, waiting->file);
    return path;
}

static uint32_t crc_of_waiting(const struct server *source, const struct waiting *waiting)
{
    static uint8_t bytes[PIECE_MAX];
    size_t length = (size_t)(waiting->end - waiting->start);
    FILE *in = fopen(binlog_path(source, waiting), "rb");
    ck_assert_ptr_nonnull(in);
    ck_assert_uint_le(length, sizeof(bytes));
    ck_assert_int_eq(fseek(in, waiting->start, SEEK_SET), 0);
    ck_assert_uint_eq(fread(bytes, 1, length, in), length);
    fclose(in);
    return crc32c_of(bytes, length);
}

/* A row that waits: what came before it is confirmed, nothing comes after it. */
static void insert_and_wait(struct topology *t, int id, struct waiting *ret_waiting)
{
    struct sql *app = gate_app(t->gate);
    struct sql *admin = gate_admin(t->gate);
    sql_start(app, "INSERT INTO app.t VALUES (%d)", id);
    WAIT_SQL(admin, "SELECT count(*) FROM waiting", "1");
    WAIT_SQL(admin, "SELECT received_pos = durable_pos FROM source", "1");
    const struct sql_rows *rows =
        sql_rows(admin, "SELECT s.confirmed_file, s.confirmed_pos, w.end_pos, w.gtid "
                        "FROM source s, waiting w");
    snprintf(ret_waiting->file, sizeof(ret_waiting->file), "%s", rows->cells[0]);
    ret_waiting->number = atoi(strrchr(ret_waiting->file, '.') + 1);
    ret_waiting->start = atol(rows->cells[1]);
    ret_waiting->end = atol(rows->cells[2]);
    snprintf(ret_waiting->gtid, sizeof(ret_waiting->gtid), "%s", rows->cells[3]);
}

/* The listing that ackgate-recover would send. is_cut: the transaction is cut off already. */
static const char *listing(struct topology *t, const struct waiting *waiting, bool is_cut, const char *uuid)
{
    static char text[1024];
    int length = snprintf(
        text, sizeof(text),
        "ackgate-tail 1 flavor=%s server_uuid=%s server_id=%u base=binlog closed=0 partial=0 fault=none "
        "start=found from=%d:%ld end=%d:%ld keep_dir=/kept files=%d:%ld\n",
        family_name(t->family), uuid, t->source->server_id, waiting->number, waiting->start, waiting->number,
        is_cut ? waiting->start : waiting->end, waiting->number, waiting->end);
    if (!is_cut)
        snprintf(text + length, sizeof(text) - (size_t)length, "%s %d %ld %ld rows 1 %08x\n", waiting->gtid,
                 waiting->number, waiting->start, waiting->end, crc_of_waiting(t->source, waiting));
    return text;
}

/* The verdicts of all rows, "cut discard". */
static const char *verdicts(const struct sql_rows *rows)
{
    static char text[256];
    text[0] = '\0';
    for (size_t i = 0; i < rows->rows; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i == 0 ? "" : " ",
                 sql_cell(rows, i, "verdict"));
    return text;
}

static void assert_cut(struct topology *t, const struct waiting *waiting, const char *say, bool is_cut)
{
    const struct sql_rows *rows =
        sql_rows(gate_admin(t->gate), "RECOVER SOURCE %s '%s'", say, listing(t, waiting, is_cut, ""));
    ck_assert_str_eq(verdicts(rows), is_cut ? "cut" : "cut discard");
    ck_assert_str_eq(sql_cell(rows, 0, "file"), waiting->file);
    ck_assert_int_eq(atol(sql_cell(rows, 0, "start_pos")), waiting->start);
    ck_assert_ptr_nonnull(strstr(sql_cell(rows, 0, "kept_as"), "/kept/binlog."));
}

static void cut_binlog(struct topology *t, const struct waiting *waiting)
{
    ck_assert_int_eq(truncate(binlog_path(t->source, waiting), waiting->start), 0);
}

/* What ackgate-recover verify would report. */
static void report_engine(struct topology *t, const struct waiting *waiting)
{
    if (t->family == FAMILY_MARIADB)
        sql_exec(gate_admin(t->gate),
                 "RECOVER SOURCE ENGINE 'ackgate-engine 1 flavor=mariadb file=%s pos=%ld'", waiting->file,
                 waiting->start);
}

/* One row is everywhere, the replica is away, a second row waits and was sent to nobody. */
static struct topology *start(enum family family, struct waiting *ret_waiting)
{
    struct topology *t = topology_start(family, "ALL (r1)", 1);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE app");
    sql_exec(app, "CREATE TABLE app.t (id INT PRIMARY KEY)");
    sql_exec(app, "INSERT INTO app.t VALUES (1)");
    replica_stop_receiver(t->replica[0]);
    WAIT_SQL(gate_admin(t->gate), "SELECT attached FROM quorum", "0");
    insert_and_wait(t, 2, ret_waiting);
    return t;
}

static void assert_rows(struct topology *t, const char *rows)
{
    ck_assert_str_eq(sql_text(server_admin(t->source), "SELECT id FROM app.t ORDER BY id"), rows);
}

/* The replica comes back, and all of it goes on. */
static void go_on(struct topology *t, const char *rows)
{
    gate_wait_open(t->gate);
    assert_rows(t, rows);
    replica_start_receiver(t->replica[0]);
    gate_wait_attached(t->gate, 1);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "INSERT INTO app.t VALUES (3)");
    topology_assert_same_data(t);
}

START_TEST(never_sent_is_discarded)
{
    struct waiting waiting;
    struct topology *t = start(TEST_FAMILY, &waiting);
    server_kill(t->source);
    struct sql *admin = gate_admin(t->gate);
    assert_cut(t, &waiting, "CHECK", false);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_epoch"), "1");
    ck_assert_str_eq(sql_value(admin, "SELECT count(*) FROM waiting"), "1");

    assert_cut(t, &waiting, "TAIL", false);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_epoch"), "2");
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_discarded_transactions"), "1");
    ck_assert_str_eq(sql_value(admin, "SELECT count(*) FROM waiting"), "0");
    ck_assert_int_eq(sql_number(admin, "SELECT received_pos FROM source"), waiting.start);
    ck_assert_str_eq(
        sql_text(admin, "SELECT epoch, gtid, file, start_pos, end_pos FROM discarded"),
        place_format("1\t%s\t%s\t%ld\t%ld", waiting.gtid, waiting.file, waiting.start, waiting.end));

    /* the same again, also by a daemon that was killed, and once the cut is done */
    assert_cut(t, &waiting, "TAIL", false);
    gate_kill(t->gate);
    gate_start(t->gate);
    assert_cut(t, &waiting, "TAIL", false);
    cut_binlog(t, &waiting);
    assert_cut(t, &waiting, "TAIL", true);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_epoch"), "2");

    server_start(t->source);
    report_engine(t, &waiting);
    go_on(t, "1");
    assert_rows(t, "1\n3");
}
END_TEST

static void complete(enum family family, bool with_kill)
{
    struct waiting waiting;
    struct topology *t = topology_start(family, "ALL (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "CREATE DATABASE app");
    sql_exec(app, "CREATE TABLE app.t (id INT PRIMARY KEY)");
    sql_exec(app, "INSERT INTO app.t VALUES (1)");
    replica_stop_receiver(t->replica[1]);
    WAIT_SQL(gate_admin(t->gate), "SELECT attached FROM quorum", "1");
    insert_and_wait(t, 2, &waiting);
    if (with_kill)
        gate_kill(t->gate); /* and it does not know whom it sent what */
    server_kill(t->source);
    if (with_kill)
        gate_start(t->gate);
    const struct sql_rows *rows =
        sql_rows(gate_admin(t->gate), "RECOVER SOURCE TAIL '%s'", listing(t, &waiting, false, ""));
    ck_assert_str_eq(verdicts(rows), "nothing complete");

    server_start(t->source);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "recovering");
    replica_start_receiver(t->replica[1]);
    topology_wait_open(t);
    assert_rows(t, "1\n2");
    topology_assert_same_data(t);
}

START_TEST(what_one_replica_has_is_completed)
{
    complete(TEST_FAMILY, false);
}
END_TEST

START_TEST(what_a_killed_ackgate_may_have_sent_is_completed)
{
    complete(TEST_FAMILY, true);
}
END_TEST

START_TEST(another_server_and_a_lost_tail_are_refused)
{
    struct waiting waiting;
    struct topology *t = start(TEST_FAMILY, &waiting);
    server_kill(t->source);
    struct sql *admin = gate_admin(t->gate);
    char text[1200];
    snprintf(text, sizeof(text), "%s", listing(t, &waiting, false, ""));
    if (t->family == FAMILY_MYSQL)
        snprintf(text, sizeof(text), "%s",
                 listing(t, &waiting, false, "00000000-0000-0000-0000-000000000001"));
    else
        memcpy(strstr(text, "server_id="), "server_id=9", strlen("server_id=9"));
    const struct sql_rows *rows = sql_rows(admin, "RECOVER SOURCE TAIL '%s'", text);
    ck_assert_str_eq(sql_cell(rows, 0, "verdict"), "refuse");
    ck_assert_ptr_nonnull(strstr(sql_cell(rows, 0, "reason"), "diverged: it is another server"));
    WAIT_SQL(admin, "SELECT state, reason LIKE 'diverged%' FROM source", "refused\t1");

    rows = sql_rows(admin,
                    "RECOVER SOURCE TAIL 'ackgate-tail 1 flavor=%s server_uuid= server_id=0 base=binlog "
                    "closed=0 partial=0 fault=none start=beyond from=%d:%ld end=%d:4 keep_dir=/kept "
                    "files=%d:4'",
                    family_name(t->family), waiting.number, waiting.start, waiting.number, waiting.number);
    ck_assert_ptr_nonnull(strstr(sql_cell(rows, 0, "reason"), "behind:"));
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_epoch"), "1");
    sql_exec_fails(admin, 1105, "RECOVER SOURCE TAIL 'nonsense'");
    sql_exec_fails(admin, 1105, "RESOLVE 'nonsense' DISCARD");

    /* an operator keeps what would go; the source is then completed */
    sql_exec(admin, "RESOLVE '%s' COMPLETE", waiting.gtid);
    rows = sql_rows(admin, "RECOVER SOURCE TAIL '%s'", listing(t, &waiting, false, ""));
    ck_assert_str_eq(verdicts(rows), "nothing complete");
    server_start(t->source);
    replica_start_receiver(t->replica[0]);
    topology_wait_open(t);
    assert_rows(t, "1\n2");
    topology_assert_same_data(t);
}
END_TEST

/* A commit that was let go without its ack is in the engine, and no cut of the binlog undoes it. */
START_TEST(engine_committed_and_discarded)
{
    struct waiting waiting;
    struct topology *t = start(TEST_FAMILY, &waiting);
    const char *off = t->family == FAMILY_MYSQL ? "SET GLOBAL rpl_semi_sync_source_enabled = OFF"
                                                : "SET GLOBAL rpl_semi_sync_master_enabled = OFF";
    sql_exec(server_admin(t->source), "%s", off);
    WAIT_SQL(server_admin(t->source), "SELECT count(*) FROM app.t", "2");
    server_kill(t->source);
    assert_cut(t, &waiting, "TAIL", false);
    cut_binlog(t, &waiting);
    server_start(t->source);
    struct sql *admin = gate_admin(t->gate);
    if (t->family == FAMILY_MARIADB) {
        WAIT_SQL(admin, "SELECT state, reason LIKE '%ackgate-recover verify%' FROM source", "refused\t1");
        sql_exec_fails(admin, 1105, "RECOVER SOURCE ENGINE 'ackgate-engine 1 flavor=mariadb file=%s pos=%ld'",
                       waiting.file, waiting.end);
    }
    WAIT_SQL(admin, "SELECT state, reason LIKE '%discarded (epoch 1)%' FROM source", "refused\t1");
    ck_assert_int_eq(sql_number(admin, "SELECT reason LIKE '%%%s%%' FROM source", waiting.gtid), 1);
    struct sql *app = sql_try_open(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .read_timeout_s = 2});
    ck_assert_uint_ne(sql_errno(app), 0);

    /* undone by hand, and said so; on MySQL its GTID stays the source's own for ever */
    sql_exec(server_admin(t->source), "SET sql_log_bin = 0; DELETE FROM app.t WHERE id = 2");
    sql_exec(admin, "RESOLVE '%s' DISCARD", waiting.gtid);
    gate_wait_open(t->gate);
    replica_start_receiver(t->replica[0]);
    gate_wait_attached(t->gate, 1);
    sql_exec(gate_app(t->gate), "INSERT INTO app.t VALUES (3)");
    assert_rows(t, "1\n3");
    WAIT_SQL(server_admin(t->replica[0]), "SELECT id FROM app.t ORDER BY id", "1\n3");
}
END_TEST

/* The tool was run by hand and the server is alive: what it would send again is not taken. */
START_TEST(cut_under_a_running_server)
{
    struct waiting waiting;
    struct topology *t = start(TEST_FAMILY, &waiting);
    struct sql *admin = gate_admin(t->gate);
    while (atol(server_status(t->source, "Uptime")) < 4)
        sleep_ms(100);
    assert_cut(t, &waiting, "TAIL", false);
    WAIT_SQL(admin, "SELECT state, reason LIKE 'it was running while%' FROM source", "refused\t1");
    ck_assert_int_eq(sql_number(admin, "SELECT received_pos FROM source"), waiting.start);
    server_kill(t->source);
    assert_cut(t, &waiting, "TAIL", false);
    cut_binlog(t, &waiting);
    server_start(t->source);
    report_engine(t, &waiting);
    go_on(t, "1");
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_epoch"), "2");
}
END_TEST

/* Its acks would release commits that the quorum does not have. */
START_TEST(another_semi_sync_replica)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 2);
    replica_detach(t->replica[1]);
    gate_stop(t->gate);
    replica_attach(t->replica[1], "127.0.0.1", t->source->port, "repl", "repl-pw", REPLICA_GTID);
    replica_wait_streaming(t->replica[1]);
    gate_start(t->gate);
    struct sql *admin = gate_admin(t->gate);
    WAIT_SQL(admin,
             "SELECT state, reason LIKE '%semi-sync replicas are attached to it beside ackgate%' FROM source",
             "refused\t1");
    replica_detach(t->replica[1]);
    for (int i = 0; i < 3; i++) /* so that the source finds it gone */
        sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    gate_wait_open(t->gate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_daemon");
    e2e_add(suite, "never_sent", never_sent_is_discarded);
    e2e_add(suite, "sent_to_one", what_one_replica_has_is_completed);
    e2e_add(suite, "ackgate_killed", what_a_killed_ackgate_may_have_sent_is_completed);
    e2e_add(suite, "refused", another_server_and_a_lost_tail_are_refused);
    e2e_add(suite, "engine_committed", engine_committed_and_discarded);
    e2e_add(suite, "running", cut_under_a_running_server);
    e2e_add(suite, "semi_sync_replica", another_semi_sync_replica);
    return e2e_main(suite);
}
