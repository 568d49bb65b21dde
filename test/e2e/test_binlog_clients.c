/* What reads binlogs and is no replica: mysqlbinlog, mariadb-binlog, change-data-capture clients. They get
 * from ackgate what they would get from the source. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/binlog_format.h"
#include "protocol/binlog_rotate.h"
#include "protocol/command.h"
#include "test/lib/binlog_files.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/raw_client.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { CLIENT_SERVER_ID = 990 };

static void insert(struct sql *app, int first, int count)
{
    for (int i = first; i < first + count; i++)
        sql_exec(app, "INSERT INTO d.t VALUES (%d, REPEAT('v', %d))", i, i % 900);
}

/* Three files, the last one live; ackgate's store has all of it. */
static struct topology *start_with_history(enum family family)
{
    /* with it MariaDB from 11.4 on begins a dump by GTID in the middle of a file, where ackgate skips */
    static const char *const options[] = {"--loose-binlog-gtid-index=OFF", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .source_options = options});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(1000))");
    for (int i = 0; i < 2; i++) {
        insert(app, i * 100, 10);
        sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    }
    insert(app, 300, 10);
    assert_same_files(t->gate, t->source, NULL);
    return t;
}

/* Runs the client against both and compares what it prints. */
static void same_output(struct topology *t, const char *const *arguments)
{
    const char *of_source = place_format("%s/of-source", t->gate->dir);
    const char *of_gate = place_format("%s/of-gate", t->gate->dir);

    (void)remove(of_source);
    (void)remove(of_gate);
    int source_code = binlog_client_run(t->family, t->source->port, of_source, arguments);
    int gate_code = binlog_client_run(t->family, t->gate->replication_port, of_gate, arguments);
    if (gate_code != source_code)
        ck_abort_msg("%s: ends with %d on the source, %d on ackgate: %s", arguments[0], source_code,
                     gate_code, place_read_file(of_gate, NULL));
    assert_equal_files(of_source, of_gate);
}

static const char *gtid_of(struct topology *t, int number)
{
    if (t->family == FAMILY_MARIADB)
        return place_format("0-%u-%d", t->source->server_id, number);
    return place_format("%s:%d", sql_value(server_admin(t->source), "SELECT @@server_uuid"), number);
}

/* A position between two transactions of the second file. */
static const char *middle_position(struct topology *t)
{
    const struct sql_rows *rows =
        sql_rows(server_admin(t->source), "SHOW BINLOG EVENTS IN 'binlog.000002' LIMIT 100");
    unsigned seen = 0;

    for (size_t i = 0; i < rows->rows; i++)
        if (strcmp(sql_cell(rows, i, "Event_type"), "Xid") == 0 && ++seen == 3)
            return place_format("%s", sql_cell(rows, i, "End_log_pos"));
    ck_abort_msg("no third transaction in binlog.000002");
}

#define SAME(...) same_output(t, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(as_text)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    const char *position = middle_position(t);

    SAME("--to-last-log", "binlog.000001");
    SAME("-vv", "binlog.000002", "binlog.000003");
    SAME("--verify-binlog-checksum", "--to-last-log", "binlog.000001");
    SAME(place_format("--start-position=%s", position), "binlog.000002");
    SAME(place_format("--stop-position=%s", position), "binlog.000002");
    SAME("--start-position=4", "--to-last-log", "binlog.000002");
    /* errors too */
    SAME("binlog.000009");
    SAME("--start-position=99999999", "binlog.000002");
    if (TEST_FAMILY == FAMILY_MYSQL) {
        const char *exclude = place_format("--exclude-gtids=%s", gtid_of(t, 5));
        SAME(exclude, "--to-last-log", "binlog.000001");
        SAME("--read-from-remote-source=BINLOG-DUMP-GTIDS", exclude, "--to-last-log", "binlog.000001");
        SAME(place_format("--include-gtids=%s-9", gtid_of(t, 5)), "--to-last-log", "binlog.000001");
    } else {
        SAME(place_format("--start-position=%s", gtid_of(t, 5)), "--to-last-log", "binlog.000001");
        SAME(place_format("--stop-position=%s", gtid_of(t, 15)), "--to-last-log", "binlog.000001");
    }
}
END_TEST

static const char *raw_files(struct topology *t, uint16_t port, const char *name)
{
    const char *prefix = place_format("%s/%s-", t->gate->dir, name);
    const char *log = place_format("%s/client.log", t->gate->dir);

    int code = binlog_client_run(t->family, port, log,
                                 (const char *const[]){"--raw", "--to-last-log",
                                                       place_format("--result-file=%s", prefix),
                                                       "binlog.000001", NULL});
    if (code != 0)
        ck_abort_msg("--raw ended with %d: %s", code, place_read_file(log, NULL));
    return prefix;
}

START_TEST(raw)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    const char *of_source = raw_files(t, t->source->port, "source");
    const char *of_gate = raw_files(t, t->gate->replication_port, "gate");

    for (int i = 1; i <= 3; i++)
        assert_equal_files(place_format("%sbinlog.%06d", of_source, i),
                           place_format("%sbinlog.%06d", of_gate, i));
    /* the closed ones are the source's own */
    for (int i = 1; i <= 2; i++)
        assert_equal_files(place_format("%sbinlog.%06d", of_gate, i),
                           place_format("%s/binlog.%06d", t->source->datadir, i));
}
END_TEST

struct text_wait {
    const char *path;
    const char *text;
};

static bool has_text(void *arg)
{
    struct text_wait *wait = arg;

    return place_file_has(wait->path, 0, wait->text);
}

/* Follows across a rotation for as long as it is left alone, also while the source restarts. */
START_TEST(stop_never)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);
    const char *prefix = place_format("%s/live-", t->gate->dir);
    const char *log = place_format("%s/client.log", t->gate->dir);
    struct text_wait wait = {.text = "needle"};

    pid_t pid = binlog_client_start(t->family, t->gate->replication_port, log,
                                    (const char *const[]){"--raw", "--stop-never",
                                                          place_format("--result-file=%s", prefix),
                                                          "binlog.000001", NULL});
    sql_exec(app, "INSERT INTO d.t VALUES (1000, 'needle')");
    wait.path = place_format("%sbinlog.000003", prefix);
    wait_until(has_text, &wait, WAIT_SECONDS, "the insert in the client's file");
    sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    sql_exec(app, "INSERT INTO d.t VALUES (1001, 'needle')");
    wait.path = place_format("%sbinlog.000004", prefix);
    wait_until(has_text, &wait, WAIT_SECONDS, "the insert in the client's next file");
    server_restart(t->source);
    gate_wait_open(t->gate);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (1002, 'needle')");
    wait.path = place_format("%sbinlog.000005", prefix);
    wait_until(has_text, &wait, WAIT_SECONDS, "the insert after the source's restart");
    ck_assert(!process_has_ended(pid, NULL));
    process_kill(pid);
}
END_TEST

/* ---- SHOW statements ---- */

static struct sql *open_replication(struct topology *t)
{
    return sql_open("127.0.0.1", t->gate->replication_port, "repl", "repl-pw");
}

/* In the columns that both give. */
static void same_rows(struct topology *t, struct sql *conn, const char *statement, const char *const *columns)
{
    const struct sql_rows *of_source = sql_rows(server_admin(t->source), "%s", statement);
    const struct sql_rows *of_gate = sql_rows(conn, "%s", statement);

    ck_assert_msg(of_source->rows == of_gate->rows, "%s: %zu rows from the source, %zu from ackgate",
                  statement, of_source->rows, of_gate->rows);
    for (size_t row = 0; row < of_source->rows; row++) {
        for (size_t i = 0; columns[i]; i++) {
            const char *one = sql_cell(of_source, row, columns[i]),
                       *other = sql_cell(of_gate, row, columns[i]);
            ck_assert_msg(one && other && strcmp(one, other) == 0, "%s: row %zu: %s is %s, ackgate says %s",
                          statement, row, columns[i], one, other);
        }
    }
}

START_TEST(show_statements)
{
    static const char *const logs[] = {"Log_name", "File_size", NULL};
    static const char *const status[] = {"File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", NULL};
    static const char *const events[] = {"Log_name", "Pos", "Event_type", "Server_id", "End_log_pos", NULL};
    struct topology *t = start_with_history(TEST_FAMILY);
    struct sql *conn = open_replication(t);
    bool is_mysql = TEST_FAMILY == FAMILY_MYSQL;

    same_rows(t, conn, "SHOW BINARY LOGS", logs);
    same_rows(t, conn, is_mysql ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", status);
    if (is_mysql)
        ck_assert_str_eq(
            sql_cell(sql_rows(conn, "SHOW BINARY LOG STATUS"), 0, "Executed_Gtid_Set"),
            sql_cell(sql_rows(server_admin(t->source), "SHOW BINARY LOG STATUS"), 0, "Executed_Gtid_Set"));
    /* older clients ask in the old words, whatever the source is */
    ck_assert_uint_eq(sql_rows(conn, "SHOW MASTER STATUS")->rows, 1);
    ck_assert_uint_eq(sql_rows(conn, "SHOW MASTER LOGS")->rows, 3);
    same_rows(t, conn, "SHOW BINLOG EVENTS", events);
    same_rows(t, conn, "SHOW BINLOG EVENTS IN 'binlog.000002'", events);
    same_rows(t, conn, "SHOW BINLOG EVENTS IN 'binlog.000002' LIMIT 3, 4", events);
    same_rows(t, conn,
              place_format("SHOW BINLOG EVENTS IN 'binlog.000002' FROM %s LIMIT 5", middle_position(t)),
              events);
    (void)sql_try(server_admin(t->source), "SHOW BINLOG EVENTS IN 'nothing.000001'");
    sql_exec_fails(conn, sql_errno(server_admin(t->source)), "SHOW BINLOG EVENTS IN 'nothing.000001'");
    ck_assert_str_eq(sql_error(conn), sql_error(server_admin(t->source)));
    /* what capture clients ask */
    static const char *const same_values[] = {"@@version",
                                              "@@global.binlog_format",
                                              "@@global.binlog_row_image",
                                              "@@global.binlog_checksum",
                                              "@@global.log_bin",
                                              "@@lower_case_table_names",
                                              "1"};
    for (size_t i = 0; i < sizeof same_values / sizeof *same_values; i++)
        ck_assert_str_eq(sql_value(conn, "SELECT %s", same_values[i]),
                         sql_value(server_admin(t->source), "SELECT %s", same_values[i]));
    ck_assert_str_eq(sql_cell(sql_rows(conn, "SHOW VARIABLES LIKE 'binlog_format'"), 0, "Value"), "ROW");
    ck_assert_str_eq(sql_cell(sql_rows(conn, "SHOW GLOBAL VARIABLES LIKE 'log_bin'"), 0, "Value"), "ON");
    ck_assert_uint_ne(sql_try(conn, "SELECT * FROM d.t"), 0);
    ck_assert_uint_eq(sql_try(conn, "SELECT 1"), 0); /* and it goes on */
}
END_TEST

/* ---- dumps by hand ---- */

/* On a connection of libmysqlclient, whose thread id is known. */
static struct raw_client start_dump(struct sql *conn, const char *file, uint32_t position, uint16_t flags)
{
    struct raw_client client = {.fd = (int)mysql_get_socket(sql_handle(conn))};
    uint8_t bytes[64];
    struct writer writer;

    writer_init(&writer, bytes, sizeof bytes);
    command_dump_encode(&writer,
                        &(struct command_dump){position, flags, CLIENT_SERVER_ID, span_of_text(file)});
    ck_assert(!writer_failed(&writer));
    client.sequence = 0;
    ck_assert(raw_send_packet(&client, bytes, writer.length));
    return client;
}

/* The event in the packet just read. */
static struct span event_in(const struct raw_client *client)
{
    ck_assert_uint_gt(client->payload_bytes, 1);
    ck_assert_msg(client->payload[0] == 0, "error from the dump: %.*s", (int)client->payload_bytes - 9,
                  (const char *)client->payload + 9);
    return (struct span){client->payload + 1, client->payload_bytes - 1};
}

static bool is_end(const struct raw_client *client)
{
    return client->payload_bytes < 9 && client->payload[0] == 0xfe;
}

struct dump_counts {
    unsigned events;
    unsigned xids;
    bool is_checksummed; /* as the format description says */
};

/* Reads a dump to its end (non-blocking) and checks each event's length. */
static struct dump_counts read_dump(struct raw_client *client)
{
    struct dump_counts counts = {0};

    for (;;) {
        struct binlog_event_header header;
        struct binlog_format format;
        ck_assert_int_eq(raw_read_packet(client), RAW_PACKET);
        if (is_end(client))
            return counts;
        struct span event = event_in(client);
        ck_assert_int_eq(binlog_event_header_decode(event, &header), RESULT_OK);
        ck_assert_uint_eq(header.length, event.length);
        counts.events++;
        if (header.type == BINLOG_FORMAT_DESCRIPTION) {
            ck_assert_int_eq(binlog_format_decode(event, &format), RESULT_OK);
            counts.is_checksummed = binlog_format_is_checksummed(&format);
            ck_assert_uint_eq(header.flags & BINLOG_FLAG_IN_USE, 0);
        }
        if (header.type == BINLOG_XID) {
            counts.xids++;
            ck_assert_uint_eq(header.length,
                              BINLOG_HEADER_BYTES + 8 + (counts.is_checksummed ? BINLOG_CHECKSUM_BYTES : 0));
        }
    }
}

START_TEST(without_checksums)
{
    struct topology *t = start_with_history(TEST_FAMILY);

    struct sql *conn = open_replication(t);
    struct raw_client client = start_dump(conn, "binlog.000002", 4, DUMP_FLAG_NON_BLOCK);
    struct dump_counts plain = read_dump(&client);
    ck_assert(!plain.is_checksummed);
    conn = open_replication(t);
    sql_exec(conn, "SET @master_binlog_checksum = 'NONE', @source_binlog_checksum = 'NONE'");
    client = start_dump(conn, "binlog.000002", 4, DUMP_FLAG_NON_BLOCK);
    struct dump_counts none = read_dump(&client);
    conn = open_replication(t);
    sql_exec(conn, "SET @master_binlog_checksum = @@global.binlog_checksum");
    client = start_dump(conn, "binlog.000002", 4, DUMP_FLAG_NON_BLOCK);
    struct dump_counts checked = read_dump(&client);
    ck_assert_int_eq(checked.is_checksummed,
                     strcmp(server_status(t->source, "binlog_checksum"), "CRC32") == 0);
    /* NONE only says that the client knows checksums: like the servers', the events keep theirs */
    ck_assert_int_eq(none.is_checksummed, checked.is_checksummed);
    ck_assert_uint_eq(plain.xids, 20);
    ck_assert_uint_eq(none.xids, 20);
    ck_assert_uint_eq(checked.xids, 20);
    ck_assert_uint_eq(plain.events, checked.events);
}
END_TEST

struct dump_row {
    const char *file;
    uint32_t position;
};

/* The ERR packet that this dump gets from a port, as text. */
static const char *dump_error(uint16_t port, const struct dump_row *row)
{
    struct sql *conn = sql_open("127.0.0.1", port, "repl", "repl-pw");

    sql_exec(conn, "SET @master_binlog_checksum = @@global.binlog_checksum");
    struct raw_client client = start_dump(conn, row->file, row->position, DUMP_FLAG_NON_BLOCK);
    /* an artificial rotate may come first */
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
        if (client.payload[0] == 0xff)
            return place_format("%d %.*s", client.payload[1] | client.payload[2] << 8,
                                (int)client.payload_bytes - 3, (const char *)client.payload + 3);
    }
    return "no error";
}

START_TEST(the_sources_own_errors)
{
    static const struct dump_row rows[] = {
        {"binlog.000009",    4       },
        {"nothing.000001",   4       },
        {"binlog",           4       },
        {"../binlog.000001", 4       },
        {"binlog.000002",    99999999},
        {"binlog.000003",    99999999},
        {"binlog.000002",    0       },
        {"binlog.000002",    3       },
    };
    struct topology *t = start_with_history(TEST_FAMILY);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *of_source = dump_error(t->source->port, &rows[i]);
        const char *of_gate = dump_error(t->gate->replication_port, &rows[i]);
        ck_assert_msg(strcmp(of_source, of_gate) == 0, "%s:%u: the source says \"%s\", ackgate \"%s\"",
                      rows[i].file, rows[i].position, of_source, of_gate);
    }
}
END_TEST

START_TEST(killed_dump)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    struct sql *dumping = open_replication(t), *killer = open_replication(t);
    uint64_t id = sql_thread_id(dumping);

    struct raw_client client = start_dump(dumping, "binlog.000003", 4, 0);
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    sql_exec(killer, "KILL %llu", (unsigned long long)id);
    raw_assert_closed(&client);
    sql_exec_fails(killer, 1094, "KILL %llu", (unsigned long long)id);
    sql_exec(killer, "SELECT 1");
    /* a dump is KILLed by what MySQL's and MariaDB's own clients say, too */
    dumping = open_replication(t);
    client = start_dump(dumping, "binlog.000003", 4, 0);
    ck_assert_int_eq(raw_read_packet(&client), RAW_PACKET);
    sql_exec(killer, "KILL CONNECTION %llu", (unsigned long long)sql_thread_id(dumping));
    raw_assert_closed(&client);
}
END_TEST

START_TEST(wrong_logins)
{
    struct topology *t = start_with_history(TEST_FAMILY);
    static const char *const rows[][2] = {
        {"repl",  "wrong"   },
        {"repl",  NULL      },
        {"app",   "app-pw"  },
        {"admin", "admin-pw"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sql *conn = sql_try_open(&(struct sql_options){
            .port = t->gate->replication_port, .user = rows[i][0], .password = rows[i][1]});
        ck_assert_uint_eq(sql_errno(conn), 1045);
        sql_close(conn);
    }
    static const char *const plugins[] = {"caching_sha2_password", "mysql_native_password"};
    for (size_t i = 0; i < 2; i++) {
        struct sql *conn = sql_open_with(&(struct sql_options){
            .port = t->gate->replication_port, .user = "repl", .password = "repl-pw", .plugin = plugins[i]});
        ck_assert_uint_eq(sql_rows(conn, "SHOW BINARY LOGS")->rows, 3);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("binlog_clients");

    e2e_add(suite, "text", as_text);
    e2e_add(suite, "raw", raw);
    e2e_add(suite, "stop_never", stop_never);
    e2e_add(suite, "show", show_statements);
    e2e_add(suite, "without_checksums", without_checksums);
    e2e_add(suite, "errors", the_sources_own_errors);
    e2e_add(suite, "kill", killed_dump);
    e2e_add(suite, "logins", wrong_logins);
    return e2e_main(suite);
}
