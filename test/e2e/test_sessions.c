/* A session through ackgate is a session on the source: the same answers, byte for byte where it matters, for
 * all that clients do. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/constants.h"
#include "test/lib/place.h"
#include "test/lib/raw_response.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static struct topology *start(enum family family)
{
    struct topology *topology = topology_start(family, "ANY 1 (r1)", 1);

    sql_exec(
        gate_app(topology->gate),
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT, f DOUBLE, "
        "s VARCHAR(200), b LONGBLOB, w DATETIME); "
        "INSERT INTO t (n, f, s, b, w) VALUES (1, 1.5, 'one', 'x', '2024-01-02 03:04:05'), "
        "(2, NULL, NULL, NULL, NULL), (-3, -1e300, REPEAT('s', 200), REPEAT('y', 70000), NOW()); "
        "CREATE PROCEDURE p(INOUT a INT) BEGIN SELECT id FROM t; SELECT s, n FROM t WHERE id < 3; "
        "SET a = a + 1; END");
    return topology;
}

static const char *const same_answers[] = {
    "SELECT 1",
    "SELECT * FROM t",
    "SELECT * FROM t WHERE 1 = 0",
    "SELECT 'ä', NULL, '', 0x00ff",
    "SELECT no_such_column FROM t",
    "SELECT * FROM no_such_table",
    "this is no SQL",
    "",
    "SELECT 1; SELECT 2 UNION SELECT 3; DO 1; SELECT 4",
    "SELECT 1; SELECT none; SELECT 2",
    "SET @a = 5; CALL p(@a); SELECT @a",
    "CALL no_such_procedure()",
    "SHOW TABLES",
    "SHOW CREATE TABLE t",
    "EXPLAIN SELECT * FROM t WHERE id = 1",
    "SELECT REPEAT('z', 250), REPEAT('z', 251), REPEAT('z', 65535), REPEAT('z', 65536)",
    "USE no_such_database",
    "USE mysql; SELECT DATABASE(); USE d",
    "BEGIN; INSERT INTO t (n) VALUES (9); SELECT COUNT(*) FROM t; ROLLBACK; SELECT COUNT(*) FROM t",
    "INSERT INTO t (id) VALUES (1)",
    "SELECT 1 / 0; SHOW WARNINGS",
    "CREATE TEMPORARY TABLE tmp (i INT); INSERT INTO tmp VALUES (1), (2); SELECT * FROM tmp; DROP TABLE tmp",
    "SELECT @@version, @@hostname, @@port, @@server_id",
    "HANDLER t OPEN; HANDLER t READ FIRST LIMIT 2; HANDLER t CLOSE",
    "CHECK TABLE t",
    "SET SESSION sql_mode = 'ANSI_QUOTES'; SELECT \"id\" FROM \"t\"",
    "KILL 99999999",
    "DO SLEEP(0.01)",
};

static void compare_metadata(MYSQL *one, MYSQL *two)
{
    ck_assert_uint_eq(mysql_field_count(one), mysql_field_count(two));
    ck_assert_uint_eq(mysql_affected_rows(one), mysql_affected_rows(two));
    ck_assert_uint_eq(mysql_warning_count(one), mysql_warning_count(two));
    ck_assert_uint_eq(mysql_insert_id(one), mysql_insert_id(two));
    ck_assert_str_eq(mysql_info(one) ? mysql_info(one) : "", mysql_info(two) ? mysql_info(two) : "");
}

START_TEST(statements_are_answered_alike)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *conn[2] = {gate_app(t->gate), server_open(t->source, "app", "app-pw")};
    static char text[2][400000];

    sql_exec(conn[0], "USE d");
    sql_exec(conn[1], "USE d");
    for (size_t i = 0; i < sizeof same_answers / sizeof *same_answers; i++) {
        for (size_t j = 0; j < 2; j++)
            sql_peek(conn[j], same_answers[i], text[j], sizeof text[j]);
        ck_assert_msg(strcmp(text[0], text[1]) == 0, "%s: %.400s instead of %.400s", same_answers[i], text[0],
                      text[1]);
        compare_metadata(sql_handle(conn[0]), sql_handle(conn[1]));
    }
}
END_TEST

/* Commands that are no statements. */
START_TEST(commands_are_answered_alike)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = gate_app(t->gate), *victim = gate_app(t->gate);
    MYSQL *handle = sql_handle(app);

    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(mysql_ping(handle), 0);
        ck_assert_int_eq(mysql_select_db(handle, "d"), 0);
        ck_assert_str_eq(sql_value(app, "SELECT DATABASE()"), "d");
        ck_assert_int_ne(mysql_select_db(handle, "no_such"), 0);
        ck_assert_uint_eq(mysql_errno(handle), 1049);
        ck_assert_ptr_nonnull(strstr(mysql_stat(handle), "Uptime: "));
        ck_assert_int_eq(mysql_set_server_option(handle, MYSQL_OPTION_MULTI_STATEMENTS_OFF), 0);
        sql_exec_fails(app, 1064, "SELECT 1; SELECT 2");
        ck_assert_int_eq(mysql_set_server_option(handle, MYSQL_OPTION_MULTI_STATEMENTS_ON), 0);
        ck_assert_str_eq(sql_text(app, "SELECT 1; SELECT 2"), "1\n--\n2");
        MYSQL_RES *fields = mysql_list_fields(handle, "t", "%");
        ck_assert_msg(fields || TEST_FAMILY == FAMILY_MYSQL, "%s", mysql_error(handle));
        if (fields) {
            ck_assert_uint_eq(mysql_num_fields(fields), 6);
            mysql_free_result(fields);
        }
        ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
    }
    (void)mysql_dump_debug_info(handle);
    (void)mysql_refresh(handle, REFRESH_STATUS);
    ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
    sql_start(victim, "SELECT SLEEP(30)");
    WAIT_SQL(app, "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(30)'", "1");
    sql_exec(app, "KILL QUERY %llu", (unsigned long long)sql_thread_id(victim));
    (void)sql_finish_try(victim);
    ck_assert_str_eq(sql_value(victim, "SELECT 2"), "2");
    sql_exec(app, "KILL %llu", (unsigned long long)sql_thread_id(victim));
    ck_assert_uint_ne(sql_try(victim, "SELECT 1"), 0);
    ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
}
END_TEST

static MYSQL_STMT *prepare(MYSQL *handle, const char *text)
{
    MYSQL_STMT *statement = mysql_stmt_init(handle);

    ck_assert_msg(mysql_stmt_prepare(statement, text, (unsigned long)strlen(text)) == 0, "%s: %s", text,
                  mysql_stmt_error(statement));
    return statement;
}

static void execute(MYSQL_STMT *statement)
{
    ck_assert_msg(mysql_stmt_execute(statement) == 0, "%s", mysql_stmt_error(statement));
}

/* The rows of the current result set, whose first column is a number: their sum. */
static long long sum_rows(MYSQL_STMT *statement, unsigned *ret_rows)
{
    long long value = 0, sum = 0;
    MYSQL_BIND bind[8] = {0};

    bind[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &value};
    for (size_t i = 1; i < 8; i++)
        bind[i].buffer_type = MYSQL_TYPE_NULL;
    *ret_rows = 0;
    ck_assert_int_eq(mysql_stmt_bind_result(statement, bind), 0);
    int status;
    while ((status = mysql_stmt_fetch(statement)) == 0 || status == MYSQL_DATA_TRUNCATED) {
        ++*ret_rows;
        sum += value;
    }
    ck_assert_msg(status == MYSQL_NO_DATA, "%s", mysql_stmt_error(statement));
    return sum;
}

static void insert_prepared(MYSQL *handle)
{
    static char text[] = "bound", blob[300000];
    long long number = 77;
    my_bool is_null = 1;
    MYSQL_BIND bind[3] = {
        {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &number},
        {.buffer_type = MYSQL_TYPE_STRING,   .buffer = text,    .buffer_length = sizeof text - 1},
        {.buffer_type = MYSQL_TYPE_LONG_BLOB,                                  .is_null = NULL                },
    };
    MYSQL_STMT *statement = prepare(handle, "INSERT INTO d.t (n, s, b) VALUES (?, ?, ?)");

    memset(blob, 'B', sizeof blob);
    ck_assert_int_eq(mysql_stmt_bind_param(statement, bind), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(mysql_stmt_send_long_data(statement, 2, blob, sizeof blob), 0);
    execute(statement);
    ck_assert_uint_eq(mysql_stmt_affected_rows(statement), 1);
    ck_assert_int_eq(mysql_stmt_reset(statement), 0);
    bind[2] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONG_BLOB, .is_null = &is_null};
    ck_assert_int_eq(mysql_stmt_bind_param(statement, bind), 0);
    execute(statement);
    mysql_stmt_close(statement);
}

START_TEST(prepared_statements)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);
    MYSQL *handle = sql_handle(app);
    unsigned rows;

    insert_prepared(handle);
    ck_assert_str_eq(sql_text(app, "SELECT COUNT(*), SUM(n), SUM(LENGTH(b)), MAX(SHA2(b, 256)) = "
                                   "SHA2(REPEAT('B', 3000000), 256) FROM d.t WHERE n = 77"),
                     "2\t154\t3000000\t1");
    MYSQL_STMT *statement = prepare(handle, "SELECT n, s FROM d.t WHERE n > ?");
    long long least = 0;
    MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &least};
    ck_assert_int_eq(mysql_stmt_bind_param(statement, &bind), 0);
    for (int i = 0; i < 3; i++) {
        execute(statement);
        ck_assert_int_eq((int)sum_rows(statement, &rows), 157);
        ck_assert_uint_eq(rows, 4);
        mysql_stmt_free_result(statement);
    }
    mysql_stmt_close(statement);
    statement = mysql_stmt_init(handle);
    ck_assert_int_ne(mysql_stmt_prepare(statement, "SELECT none", 11), 0);
    ck_assert_uint_eq(mysql_stmt_errno(statement), 1054);
    mysql_stmt_close(statement);
    topology_assert_same_data(t);
}
END_TEST

START_TEST(cursors_and_results_of_prepared_statements)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);
    MYSQL *handle = sql_handle(app);
    unsigned rows, results = 0;
    unsigned long type = CURSOR_TYPE_READ_ONLY, prefetch = 7;

    sql_exec(app, "SET SESSION %s = 2000",
             TEST_FAMILY == FAMILY_MYSQL ? "cte_max_recursion_depth" : "max_recursive_iterations");
    MYSQL_STMT *statement =
        prepare(handle, "WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 1000) "
                        "SELECT n, REPEAT('r', n) FROM c");
    ck_assert_int_eq(mysql_stmt_attr_set(statement, STMT_ATTR_CURSOR_TYPE, &type), 0);
    ck_assert_int_eq(mysql_stmt_attr_set(statement, STMT_ATTR_PREFETCH_ROWS, &prefetch), 0);
    execute(statement);
    ck_assert_int_eq((int)sum_rows(statement, &rows), 500500);
    ck_assert_uint_eq(rows, 1000);
    mysql_stmt_close(statement);
    statement = prepare(handle, "CALL d.p(@a)");
    execute(statement);
    do {
        if (mysql_stmt_field_count(statement) == 0)
            continue;
        results++;
        (void)sum_rows(statement, &rows);
        mysql_stmt_free_result(statement);
    } while (mysql_stmt_next_result(statement) == 0);
    ck_assert_uint_ge(results, 2);
    mysql_stmt_close(statement);
    ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
}
END_TEST

static void send_query(uint8_t *bytes, size_t *size, const char *text)
{
    uint8_t payload[200] = {COMMAND_QUERY};

    memcpy(payload + 1, text, strlen(text));
    raw_frame(bytes + *size, 0, payload, 1 + strlen(text));
    *size += 5 + strlen(text);
}

static void take_answer(struct raw_client *client, struct raw_response *response)
{
    client->sequence = 1;
    raw_response_init(response, client);
    raw_response_finish(response);
}

/* A hundred commands in one segment, a commit that is held among them: answered in order, none too early. */
START_TEST(commands_sent_ahead)
{
    struct topology *t = start(TEST_FAMILY);
    static uint8_t bytes[8000];
    size_t size = 0;
    struct raw_client client;
    struct raw_response response;

    raw_open(&client, t->gate->app_port);
    raw_login(&client, "app", "app-pw", 0, 0);
    replica_stop_receiver(t->replica[0]);
    for (int i = 0; i < 100; i++)
        send_query(bytes, &size, i == 50 ? "INSERT INTO d.t (n) VALUES (50)" : "SELECT 1 UNION SELECT 2");
    ck_assert(raw_send(&client, bytes, size));
    for (int i = 0; i < 50; i++) {
        take_answer(&client, &response);
        ck_assert_uint_eq(response.rows, 2);
    }
    client.sequence = 1;
    raw_response_init(&response, &client);
    raw_response_assert_waiting(&response, 200);
    replica_start_receiver(t->replica[0]);
    raw_response_finish(&response);
    ck_assert_uint_eq(response.oks, 1);
    for (int i = 51; i < 100; i++) {
        take_answer(&client, &response);
        ck_assert_uint_eq(response.rows, 2);
    }
    ck_assert_uint_eq(raw_query(&client, "DO 1"), 0);
}
END_TEST

/* The name may stand for several addresses, of which the source has one: all go there. It is looked up again
 * when the source comes back. */
START_TEST(a_source_by_name)
{
    static const char *const lines[] = {"source", "host = localhost", NULL};
    const struct topology_options with = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1)", .replicas = 1, .gate_lines = lines};
    struct topology *t = topology_start_with(&with);
    struct sql *app = gate_app(t->gate);
    ck_assert_str_eq(sql_value(app, "SELECT @@port"), place_format("%u", t->source->port));
    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    server_restart(t->source);
    topology_wait_open(t);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (1)");
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sessions");

    e2e_add(suite, "statements", statements_are_answered_alike);
    e2e_add(suite, "commands", commands_are_answered_alike);
    e2e_add(suite, "prepared", prepared_statements);
    e2e_add(suite, "cursors", cursors_and_results_of_prepared_statements);
    e2e_add(suite, "ahead", commands_sent_ahead);
    e2e_add(suite, "by_name", a_source_by_name);
    return e2e_main(suite);
}
