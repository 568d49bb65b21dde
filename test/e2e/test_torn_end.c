/* A source dies while it writes its binlog, of a loss of power or a full disk: at the end stands half a
 * transaction, and of its last event only a piece. MySQL cuts it off at its start; MariaDB leaves it and
 * begins a new file, behind which no dump would ever come. ackgate-recover cuts the piece off, and commits go
 * on. */
#include <check.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { TORN_BYTES = 1000 };

static const char *newest_binlog(struct server *source)
{
    const char *query = source->family == FAMILY_MYSQL ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";

    return place_format("%s/%s", source->datadir, sql_value(server_admin(source), "%s", query));
}

/* Two rows of 3000 bytes, one event; ackgate is gone and never gets it. */
static void write_and_die(struct topology *t)
{
    const char *binlog = newest_binlog(t->source);
    struct sql *app = server_open(t->source, "app", "app-pw");
    struct stat status;

    gate_kill(t->gate);
    sql_start(app, "INSERT INTO d.t VALUES (2, REPEAT('b', 3000)), (3, REPEAT('c', 3000))");
    WAIT_SQL(server_admin(t->source),
             "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE '%semi-sync ACK%'", "1");
    server_kill(t->source);
    (void)sql_finish_try(app);
    ck_assert_int_eq(stat(binlog, &status), 0);
    ck_assert_int_eq(truncate(binlog, status.st_size - TORN_BYTES), 0);
}

START_TEST(half_a_transaction_and_a_piece_of_an_event)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    bool is_mariadb = TEST_FAMILY == FAMILY_MARIADB;

    sql_exec(gate_app(t->gate),
             "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARBINARY(3000))");
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (1, 'a')");
    write_and_die(t);
    gate_start(t->gate);
    ck_assert_int_eq(recover_run(t->gate, t->source, "apply", NULL), 0);
    ck_assert_msg((strstr(recover_output(), ".torn") != NULL) == is_mariadb, "%s", recover_output());
    server_start(t->source);
    recover_verify(t->gate, t->source);
    topology_wait_open(t);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (4, 'd')");
    topology_assert_same_data(t);
    ck_assert_str_eq(sql_text(server_admin(t->replica[0]), "SELECT id FROM d.t ORDER BY id"), "1\n4");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torn_end");

    e2e_add(suite, "torn_end", half_a_transaction_and_a_piece_of_an_event);
    return e2e_main(suite);
}
