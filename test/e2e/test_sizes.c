/* What is big passes, with bounded memory: packets around and over 16 MiB, files, results that nobody reads.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "test/lib/place.h"
#include "test/lib/raw_response.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

#define MIB         (UINT64_C(1) << 20)
#define PACKET_FULL 16777215 /* a packet of this size goes on in the next one */
#define GATE_MAX    (96 * MIB)

static struct topology *start(enum family family)
{
    static const char *const all[] = {"--local-infile=1", "--max-allowed-packet=128M", NULL};
    const struct topology_options options = {.family = family,
                                             .rule = "ANY 1 (r1)",
                                             .replicas = 1,
                                             .source_options = all,
                                             .replica_options = all + 1};
    struct topology *topology = topology_start_with(&options);

    sql_exec(gate_app(topology->gate), "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY "
                                       "AUTO_INCREMENT, b LONGBLOB)");
    return topology;
}

static void check_memory(struct topology *t)
{
    ck_assert_uint_lt(gate_rss_peak_bytes(t->gate), GATE_MAX);
}

/* Rows whose packets are a little under, at, and over the limit: a row is the value and its length in 4
 * bytes, or 9 from 16 MiB on. */
static const long row_sizes[] = {PACKET_FULL - 5,     PACKET_FULL - 4,  PACKET_FULL - 3,
                                 PACKET_FULL,         PACKET_FULL + 10, 20000000,
                                 2 * PACKET_FULL - 9, 2 * PACKET_FULL,  60000000};

START_TEST(rows_over_16_mib)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app =
        sql_open_with(&(struct sql_options){.port = t->gate->app_port, .user = "app", .password = "app-pw"});

    for (size_t i = 0; i < sizeof row_sizes / sizeof *row_sizes; i++) {
        const char *row = sql_value(app, "SELECT REPEAT('w', %ld)", row_sizes[i]);
        ck_assert_ptr_nonnull(row);
        ck_assert_uint_eq(strspn(row, "w"), (size_t)row_sizes[i]);
        ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
    }
    check_memory(t);
}
END_TEST

/* `SELECT LENGTH('…')` of this many bytes in all, the command byte counted. */
static char *long_statement(size_t size)
{
    static const char head[] = "SELECT LENGTH('";
    char *text = xmalloc(size);

    memset(text, 'l', size);
    memcpy(text, head, sizeof head - 1);
    text[size - 3] = '\'';
    text[size - 2] = ')';
    text[size - 1] = '\0';
    return text;
}

START_TEST(statements_over_16_mib)
{
    static const size_t sizes[] = {PACKET_FULL - 1, PACKET_FULL, PACKET_FULL + 1, 2 * PACKET_FULL, 40000000};
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = long_statement(sizes[i]);
        ck_assert_int_eq(sql_number(app, "%s", text), (int64_t)strlen(text) - 17);
        free(text);
        ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
    }
    sql_exec(app, "INSERT INTO d.t (b) VALUES (REPEAT('i', 40000000))");
    char *text = long_statement(200 * MIB);
    ck_assert_uint_ne(sql_try(app, "%s", text), 0); /* over max_allowed_packet */
    free(text);
    ck_assert_str_eq(sql_value(gate_app(t->gate), "SELECT LENGTH(b) FROM d.t"), "40000000");
    topology_assert_same_data(t);
    check_memory(t);
}
END_TEST

static const char *make_file(struct topology *t, long lines)
{
    char *path = place_format("%s/lines", t->gate->dir);
    FILE *out = fopen(path, "w");

    ck_assert_ptr_nonnull(out);
    for (long i = 0; i < lines; i++)
        (void)fprintf(out, "%ld\t%0490ld\n", i + 1, i);
    ck_assert_int_eq(fclose(out), 0);
    return path;
}

START_TEST(load_data_local)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = sql_open_with(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .local_infile = true});
    enum { LINES = 100000 }; /* of 500 bytes */
    const char *path = make_file(t, LINES);

    replica_stop_receiver(t->replica[0]);
    sql_start(app, "LOAD DATA LOCAL INFILE '%s' INTO TABLE d.t", path);
    WAIT_SQL_FOR(gate_admin(t->gate), "SHOW STATUS LIKE 'Ackgate_waiting_transactions'",
                 "Ackgate_waiting_transactions\t1", 30);
    sql_assert_waiting(app, 200);
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
    ck_assert_int_eq(sql_number(app, "SELECT COUNT(*) FROM d.t"), LINES);
    /* a file that is not there: the source's error, and the session goes on */
    ck_assert_uint_ne(sql_try(app, "LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE d.t"), 0);
    ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
    /* a duplicate key in the middle is skipped, a table that is missing is an error after the file */
    sql_exec(app, "LOAD DATA LOCAL INFILE '%s' INTO TABLE d.t", path);
    sql_exec_fails(app, 1146, "LOAD DATA LOCAL INFILE '%s' INTO TABLE d.none", path);
    ck_assert_str_eq(sql_value(app, "SELECT 1"), "1");
    topology_assert_same_data(t);
    check_memory(t);
}
END_TEST

/* 100 MB that come as soon as somebody takes them. */
static const char big_result[] = "SELECT REPEAT('r', 1000) FROM d.n a, d.n b, d.n c, d.n e, d.n f";

static void make_numbers(struct sql *app)
{
    sql_exec(app, "CREATE TABLE d.n (i INT PRIMARY KEY); "
                  "INSERT INTO d.n VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
}

static void send_text(struct raw_client *client, struct raw_response *response, const char *text)
{
    ck_assert(raw_send_command(client, COMMAND_QUERY, text, strlen(text)));
    raw_response_init(response, client);
}

START_TEST(client_stops_reading)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);
    struct raw_client client[2];
    struct raw_response response[2];

    make_numbers(app);
    for (size_t i = 0; i < 2; i++) {
        raw_open(&client[i], t->gate->app_port);
        raw_login(&client[i], "app", "app-pw", i ? CAP_DEPRECATE_EOF : 0, 0);
        send_text(&client[i], &response[i], big_result);
        ck_assert_int_eq(raw_read_packet(&client[i]), RAW_PACKET); /* the column count */
    }
    for (int i = 0; i < 50; i++) {
        sql_exec(app, "INSERT INTO d.t (b) VALUES ('x')");
        sleep_ms(10);
    }
    check_memory(t);
    raw_abort(&client[1]);
    WAIT_SQL(server_admin(t->source),
             "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT%'", "1");
    /* the one that was only slow gets everything */
    ck_assert(client[0].payload_bytes == 1 && client[0].payload[0] == 1);
    for (int i = 0; i < 2; i++) /* definition and EOF */
        ck_assert_int_eq(raw_read_packet(&client[0]), RAW_PACKET);
    response[0].reader.at = RESULTSET_AT_ROW;
    response[0].reader.columns = 1;
    raw_response_finish(&response[0]);
    ck_assert_uint_eq(response[0].rows, 100000);
    ck_assert_uint_eq(raw_query(&client[0], "DO 1"), 0);
    check_memory(t);
}
END_TEST

/* A statement that takes long to arrive, while the source has no use for it yet. */
START_TEST(source_stops_reading)
{
    struct topology *t = start(TEST_FAMILY);
    struct sql *app = gate_app(t->gate), *other = gate_app(t->gate);
    char *text = long_statement(60 * MIB);

    server_freeze(t->source);
    sql_start(app, "%s", text);
    sql_assert_waiting(app, 500);
    check_memory(t);
    server_thaw(t->source);
    sql_finish(app);
    ck_assert_str_eq(sql_value(other, "SELECT 1"), "1");
    check_memory(t);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sizes");

    e2e_add(suite, "rows", rows_over_16_mib);
    e2e_add(suite, "statements", statements_over_16_mib);
    e2e_add(suite, "load_data", load_data_local);
    e2e_add(suite, "client_stops", client_stops_reading);
    e2e_add(suite, "source_stops", source_stops_reading);
    return e2e_main(suite);
}
