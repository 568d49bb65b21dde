/* The writers of history.h. */
#include "test/bench/history.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "test/lib/place.h"
#include "test/lib/receivers.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    WRITERS = 2,
    ROWS = 64,
    CELL_BYTES = 4000,
    SMALL_ROWS = 1000,
    LARGE_ROW_BYTES = 1000000,
    VOTER_SERVER_ID = 5001,
};

const char *const history_source_options[] = {
    "--loose-innodb-redo-log-capacity=1G",
    "--loose-innodb-log-file-size=512M",
    "--innodb-buffer-pool-size=256M",
    "--max-allowed-packet=128M",
    "--innodb-doublewrite=OFF",
    "--max-connections=500",
    NULL,
};

struct topology *history_topology(enum family family)
{
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = family,
        .rule = "ANY 1 (r1)",
        .source_options = history_source_options,
        .no_gate_start = true,
    });
    gate_add_voter(t->gate, "r1", VOTER_SERVER_ID);
    gate_set(t->gate, "ackgate", "log_level = info");
    gate_start(t->gate);
    WAIT_SQL(gate_admin(t->gate), "SELECT state IN ('open', 'completing') FROM source", "1");
    struct receiver_options voter = {
        .family = family,
        .port = t->gate->replication_port,
        .server_id = VOTER_SERVER_ID,
        .file = "binlog.000001",
        .offset = 4,
        .is_semi_sync = true,
    };
    (void)receivers_start(&voter, 1);
    gate_wait_open(t->gate);
    return t;
}

struct writer_of_history {
    pthread_t thread;
    struct sql *conn;
    enum history_kind kind;
    unsigned number;
    unsigned transactions;
};

static uint64_t sum_of_files(struct sql *admin)
{
    uint64_t sum = 0;
    const struct sql_rows *logs = sql_rows(admin, "SHOW BINARY LOGS");
    for (size_t i = 0; i < logs->rows; i++)
        sum += strtoull(sql_cell(logs, i, "File_size"), NULL, 10);
    return sum;
}

uint64_t history_bytes(struct server *source)
{
    return sum_of_files(server_admin(source));
}

void history_make(struct sql *conn)
{
    sql_exec(conn, "CREATE DATABASE IF NOT EXISTS history");
    sql_exec(conn,
             "CREATE TABLE IF NOT EXISTS history.large (writer INT, id INT, v VARCHAR(%d), PRIMARY KEY "
             "(writer, id)) CHARACTER SET latin1",
             CELL_BYTES);
    sql_exec(conn,
             "CREATE TABLE IF NOT EXISTS history.small (writer INT, id INT, v VARCHAR(200), PRIMARY KEY "
             "(writer, id)) CHARACTER SET latin1");
    sql_exec(conn, "CREATE TABLE IF NOT EXISTS history.huge (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB)");
    sql_exec(conn,
             "CREATE PROCEDURE IF NOT EXISTS history.write_small (IN w INT, IN rows_wanted INT) BEGIN "
             "DECLARE i INT DEFAULT 0; START TRANSACTION; WHILE i < rows_wanted DO "
             "REPLACE INTO history.small VALUES (w, i, REPEAT(CHAR(97 + RAND() * 25), 60)); SET i = i + 1; "
             "END WHILE; COMMIT; END");
    for (unsigned writer = 0; writer < WRITERS; writer++)
        for (unsigned row = 0; row < ROWS; row++)
            sql_exec(conn, "REPLACE INTO history.large VALUES (%u, %u, REPEAT('.', %d))", writer, row,
                     CELL_BYTES);
}

static void *write_some(void *argument)
{
    struct writer_of_history *writer = argument;
    for (unsigned i = 0; i < writer->transactions; i++) {
        if (writer->kind == HISTORY_SMALL_EVENTS)
            sql_exec(writer->conn, "CALL history.write_small(%u, %d)", writer->number, SMALL_ROWS);
        else
            sql_exec(writer->conn, "UPDATE history.large SET v = REPEAT('%c', %d) WHERE writer = %u",
                     'a' + (char)(i % 26), CELL_BYTES, writer->number);
    }
    return NULL;
}

uint64_t history_fill(struct server *source, uint16_t port, enum history_kind kind, unsigned mib)
{
    struct writer_of_history writers[WRITERS];
    struct sql *admin = server_open(source, "root", "");
    uint64_t wanted = (uint64_t)mib << 20, before, grown;
    for (unsigned i = 0; i < WRITERS; i++)
        writers[i] = (struct writer_of_history){.conn = sql_open("127.0.0.1", port, "app", "app-pw"),
                                                .kind = kind,
                                                .number = i,
                                                .transactions = 1};
    history_make(writers[0].conn);
    before = sum_of_files(admin);
    do {
        for (unsigned i = 0; i < WRITERS; i++)
            ck_assert_int_eq(pthread_create(&writers[i].thread, NULL, write_some, &writers[i]), 0);
        for (unsigned i = 0; i < WRITERS; i++)
            (void)pthread_join(writers[i].thread, NULL);
        grown = sum_of_files(admin) - before;
        uint64_t each = grown / writers[0].transactions / WRITERS;
        uint64_t more = grown < wanted ? (wanted - grown) / (each > 0 ? each : 1) / WRITERS + 1 : 0;
        for (unsigned i = 0; i < WRITERS; i++)
            writers[i].transactions = (unsigned)more;
    } while (grown < wanted);
    for (unsigned i = 0; i < WRITERS; i++)
        sql_close(writers[i].conn);
    sql_close(admin);
    return grown;
}

void history_start_large(struct sql *app, unsigned mib)
{
    (void)sql_try(app, "SET SESSION cte_max_recursion_depth = 100000"); /* MySQL's */
    sql_start(app,
              "INSERT INTO history.huge (v) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
              "WHERE i < %u) SELECT REPEAT('h', 1048576) FROM n",
              mib);
}
