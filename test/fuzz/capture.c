/* `make fuzz-corpus`: writes what real clients, replicas and servers say to each other, as it passes through
 * relays, into corpora for the fuzz targets of connections (test/fuzz/corpus/<target>/). SERVER= picks the
 * family. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/reader.h"
#include "protocol/writer.h"
#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/relay.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum { TAPES_MAX = 64, TAPE_BYTES = 200000, ENTRY_BYTES_MAX = 3000, LOGIN_BYTES_MAX = 400 };

/* What one connection said, in pieces as fuzz_wire.h reads them; and each direction by itself: 0, to the
 * target. */
struct tape {
    struct writer pieces;
    struct writer way[2];
};

struct tapes {
    struct tape tape[TAPES_MAX];
};

static void init_writer(struct writer *writer)
{
    if (writer->data == NULL)
        writer_init(writer, xmalloc(TAPE_BYTES), TAPE_BYTES);
}

static void on_bytes(void *argument, unsigned connection, bool is_from_target, const void *bytes, size_t size)
{
    struct tapes *tapes = argument;

    if (connection >= TAPES_MAX || size > 60000)
        return;
    struct tape *tape = &tapes->tape[connection];
    init_writer(&tape->pieces);
    init_writer(&tape->way[is_from_target]);
    if (tape->pieces.length + size + 3 > TAPE_BYTES)
        return;
    writer_u8(&tape->pieces, is_from_target);
    writer_u16(&tape->pieces, (uint16_t)size);
    writer_bytes(&tape->pieces, bytes, size);
    writer_bytes(&tape->way[is_from_target], bytes, size);
}

static struct relay *tap(uint16_t port, struct tapes **ret_tapes)
{
    struct relay *relay = relay_start(port);

    *ret_tapes = xcalloc(1, sizeof **ret_tapes);
    relay_tap(relay, on_bytes, *ret_tapes);
    return relay;
}

static void put(const char *target, const char *name, const void *bytes, size_t length, size_t max)
{
    char *folder = place_format("test/fuzz/corpus/%s", target);

    if (bytes == NULL)
        return;
    (void)mkdir(folder, 0755);
    FILE *out = fopen(place_format("%s/%s", folder, name), "wbe");
    ck_assert_msg(out != NULL, "%s: %m", folder);
    (void)fwrite(bytes, 1, length < max ? length : max, out);
    (void)fclose(out);
}

/* The packets of a direction as pieces of number and payload; only_commands: from the first one behind the
 * login. */
static void put_packets(const char *target, const char *name, uint8_t first, const struct writer *way,
                        bool only_commands, unsigned count)
{
    struct reader reader;
    struct writer out;
    bool has_begun = !only_commands;

    if (way->data == NULL)
        return;
    writer_init(&out, xmalloc(TAPE_BYTES), TAPE_BYTES);
    writer_u8(&out, first);
    reader_init(&reader, way->data, way->length);
    while (reader_left(&reader) > 4 && count > 0) {
        uint32_t length = reader_u24(&reader);
        uint8_t sequence = reader_u8(&reader);
        struct span payload =
            reader_bytes(&reader, length < reader_left(&reader) ? length : reader_left(&reader));
        has_begun |= sequence == 0;
        if (!has_begun || payload.length > 2000)
            continue;
        writer_u8(&out, sequence);
        writer_u16(&out, (uint16_t)payload.length);
        writer_span(&out, payload);
        count--;
    }
    put(target, name, out.data, out.length, ENTRY_BYTES_MAX);
    free(out.data);
}

/* ---- what is said ---- */

static const char *const app_statements[] = {
    "SELECT 1, 'two', NULL",
    "INSERT INTO d.t VALUES (1, 'one'), (2, NULL)",
    "UPDATE d.t SET v = 'x' WHERE id = 1; SELECT * FROM d.t; DELETE FROM d.t WHERE id = 2",
    "BEGIN; INSERT INTO d.t VALUES (3, 'three'); COMMIT",
    "CREATE TABLE d.u (id INT PRIMARY KEY); DROP TABLE d.u",
    "SELECT * FROM nothing.there",
    "CREATE PROCEDURE d.p() BEGIN INSERT INTO d.t VALUES (4, 'p'); SELECT 1; SELECT 2; END",
    "CALL d.p()",
    "XA START 'a'; INSERT INTO d.t VALUES (5, 'xa'); XA END 'a'; XA PREPARE 'a'; XA COMMIT 'a'",
    "SET NAMES latin1; SET autocommit = 0; INSERT INTO d.t VALUES (6, '6'); SET autocommit = 1; USE d",
};

static void talk_prepared(struct sql *app)
{
    static const char text[] = "SELECT id, v FROM d.t WHERE id > 0";
    MYSQL_STMT *statement = mysql_stmt_init(sql_handle(app));

    ck_assert_int_eq(mysql_stmt_prepare(statement, text, sizeof text - 1), 0);
    ck_assert_int_eq(mysql_stmt_execute(statement), 0);
    (void)mysql_stmt_store_result(statement);
    ck_assert_int_eq(mysql_stmt_close(statement), 0);
}

static void talk_as_app(uint16_t port)
{
    for (size_t i = 0; i < sizeof app_statements / sizeof *app_statements; i++) {
        struct sql *app = sql_open(NULL, port, "app", "app-pw");
        (void)sql_try(app, "%s", app_statements[i]);
        if (i == 0)
            talk_prepared(app);
        if (i == 1)
            (void)mysql_change_user(sql_handle(app), "app", "app-pw", "d");
        if (i == 2)
            (void)mysql_reset_connection(sql_handle(app));
        if (i == 3)
            (void)mysql_ping(sql_handle(app));
        sql_close(app);
    }
    sql_close(sql_try_open(&(struct sql_options){.port = port, .user = "nobody", .password = "wrong"}));
}

static const char *const admin_statements[] = {
    "SELECT name, state FROM replicas ORDER BY name",
    "SHOW STATUS LIKE 'Ackgate_%'",
    "SHOW VARIABLES",
    "SHOW SOURCE STATUS",
    "SHOW REPLICAS",
    "SHOW BINARY LOGS",
    "SHOW QUORUM",
    "SHOW WAITING",
    "SHOW PROCESSLIST",
    "HELP",
    "SELECT @@version_comment LIMIT 1",
    "SET NAMES utf8mb4",
    "SET app.hold = 3s",
    "SET quorum_rule = 'ALL (r1, r2)'",
    "SELECT r.name, count(*) FROM replicas r LEFT JOIN waiting w ON w.missing LIKE '%r%' GROUP BY 1 HAVING "
    "count(*) > 0",
    "PAUSE",
    "RESUME",
    "RELOAD",
    "KILL 17",
    "PURGE BINARY LOGS TO 'binlog.000001'",
    "SHOW JOURNAL",
    "SELECT * FROM discarded",
    "RESOLVE '0-1-2' COMPLETE",
    "RECOVER SOURCE STATUS",
    "SELECT 1; -- two",
    "SHOW TABLES",
    "DESCRIBE source",
    "SHUTDOWN x",
};

static void talk_as_operator(uint16_t port)
{
    struct sql *admin = sql_open(NULL, port, "admin", "admin-pw");

    for (size_t i = 0; i < sizeof admin_statements / sizeof *admin_statements; i++) {
        char *entry = place_format("%c%s", 2, admin_statements[i]);
        (void)sql_try(admin, "%s", admin_statements[i]);
        put("admin", place_format("statement_%02zu", i), entry, strlen(entry), ENTRY_BYTES_MAX);
    }
    (void)sql_try(admin, "SET quorum_rule = 'ANY 1 (r1, r2)'");
    sql_close(admin);
}

static const char *const reader_statements[] = {
    "SHOW BINARY LOGS",
    "SHOW BINLOG EVENTS IN 'binlog.000001' FROM 4 LIMIT 3",
    "SHOW VARIABLES LIKE 'server%'",
    "SHOW MASTER STATUS",
    "SHOW BINARY LOG STATUS",
    "SELECT @@global.gtid_mode, @@server_id, VERSION(), UNIX_TIMESTAMP()",
    "SET @slave_connect_state = '0-101-3', @mariadb_slave_capability = 4",
    "SHOW SLAVE HOSTS",
    "KILL 9",
};

static void talk_as_reader(uint16_t port)
{
    struct sql *reader = sql_open(NULL, port, "repl", "repl-pw");

    for (size_t i = 0; i < sizeof reader_statements / sizeof *reader_statements; i++)
        (void)sql_try(reader, "%s", reader_statements[i]);
    sql_close(reader);
}

static void save(enum family family, struct tapes *app, struct tapes *source, struct tapes *replica,
                 struct tapes *admin)
{
    uint8_t flavor = (uint8_t)(family == FAMILY_MARIADB);
    const char *name = family_name(family);

    for (unsigned i = 0; i < TAPES_MAX; i++) {
        const char *entry = place_format("%s_%02u", name, i);
        const struct writer *said = &replica->tape[i].way[0], *told = &admin->tape[i].way[0];
        put("session", entry, app->tape[i].pieces.data, app->tape[i].pieces.length, ENTRY_BYTES_MAX);
        if (i <= 3)
            put_packets("client_login", entry, 0, &source->tape[i].way[1], false, 6);
        put_packets("replica", entry, flavor | 2, said, true, 40);
        put("server_login", place_format("%s_replica_%02u", name, i), said->data, said->length,
            LOGIN_BYTES_MAX);
        put("server_login", place_format("%s_admin_%02u", name, i), told->data, told->length,
            LOGIN_BYTES_MAX);
    }
}

START_TEST(capture)
{
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .no_gate_start = true});
    struct tapes *app, *source, *replica, *admin;
    struct relay *to_source = tap(t->source->port, &source), *to_app = tap(t->source->port, &app);
    struct relay *to_replication = tap(t->gate->replication_port, &replica);
    struct relay *to_admin = tap(t->gate->admin_port, &admin);

    gate_set(t->gate, "source", "port = %u", relay_port(to_source));
    gate_start(t->gate);
    for (size_t i = 0; i < 2; i++) {
        struct replica_from from = {.port = relay_port(to_replication),
                                    .user = "repl",
                                    .password = "repl-pw",
                                    .mode = i == 0 ? REPLICA_GTID : REPLICA_FILE_POS,
                                    .file = "binlog.000001",
                                    .pos = 4};
        replica_attach_from(t->replica[i], &from);
    }
    topology_wait_open(t);
    sql_exec(gate_app(t->gate), "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT)");
    talk_as_app(relay_port(to_app));
    talk_as_operator(relay_port(to_admin));
    talk_as_reader(relay_port(to_replication));
    topology_assert_same_data(t);
    save(TEST_FAMILY, app, source, replica, admin);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capture");

    e2e_add(suite, "capture", capture);
    return e2e_main(suite);
}
