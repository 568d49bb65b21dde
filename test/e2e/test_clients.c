/* The servers' own client programs through ackgate, with what their libraries agree to (query attributes,
 * session tracking, MariaDB's extensions) and with what no test would think of. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/client_program.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

enum { LINES = 20000 };

struct shell {
    struct topology *t;
    char *dir;
};

static struct shell start(enum family family)
{
    static const char *const options[] = {"--local-infile=1", NULL};
    const struct topology_options with = {
        .family = family, .rule = "ANY 1 (r1)", .replicas = 1, .source_options = options};
    struct shell shell = {.t = topology_start_with(&with)};

    shell.dir = shell.t->gate->dir;
    sql_exec(
        gate_app(shell.t->gate),
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, n INT, s LONGTEXT); "
        "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; CREATE VIEW v AS SELECT n FROM t; "
        "INSERT INTO t (n, s) VALUES (1, 'ä'), (2, NULL), (3, REPEAT('x', 100000))");
    return shell;
}

static const char *run(struct shell *shell, uint16_t port, const char *name, const char *const *arguments)
{
    const struct client_login login = {.port = port, .user = "app", .password = "app-pw"};

    return client_program_run(HERE, shell->t->family, name, &login, 0, arguments);
}

#define RUN(shell, port, name, ...) run(shell, port, name, (const char *const[]){__VA_ARGS__, NULL})

static void compare(struct shell *shell, const char *name, const char *const *arguments)
{
    const char *through = run(shell, shell->t->gate->app_port, name, arguments);
    const char *direct = run(shell, shell->t->source->port, name, arguments);

    ck_assert_msg(strcmp(through, direct) == 0, "%s writes %.2000s instead of %.2000s", name, through,
                  direct);
}

#define COMPARE(shell, name, ...) compare(shell, name, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(interactive_client)
{
    struct shell shell = start(TEST_FAMILY);

    COMPARE(&shell, "", "--table", "--column-type-info", "-vv", "-e",
            "SELECT id, n, LENGTH(s) FROM d.t; CALL d.p(); DO 1; SHOW WARNINGS; SELECT 1/0; SHOW WARNINGS",
            "d");
    COMPARE(&shell, "", "--quick", "-e", "SELECT * FROM t", "d");
    COMPARE(&shell, "", "--compress", "-vv", "-e", "SELECT * FROM t; SELECT REPEAT('z', 3000000)", "d");
    if (TEST_FAMILY == FAMILY_MYSQL)
        COMPARE(&shell, "", "--compression-algorithms=zstd", "--zstd-compression-level=9", "-vv", "-e",
                "SELECT * FROM t; SELECT REPEAT('z', 3000000)", "d");
    COMPARE(&shell, "", "--xml", "-e", "SELECT REPEAT('x', 70000)", "mysql");
    (void)RUN(&shell, shell.t->gate->app_port, "", client_commands(TEST_FAMILY), "-e",
              "BEGIN; INSERT INTO t (n) VALUES (7); COMMIT;\nsource /dev/null\nSELECT 1;\nstatus\nuse "
              "mysql\nrehash",
              "--auto-rehash", "d");
    topology_assert_same_data(shell.t);
}
END_TEST

START_TEST(dump_and_restore)
{
    struct shell shell = start(TEST_FAMILY);
    uint16_t port = shell.t->gate->app_port;

    COMPARE(&shell, "dump", "--skip-comments", "--single-transaction", "--routines", "--databases", "d");
    char *file = place_format("%s/dump.sql", shell.dir);
    (void)RUN(&shell, port, "dump", "--skip-comments", "--routines", place_format("--result-file=%s", file),
              "d");
    (void)RUN(&shell, port, "", client_commands(TEST_FAMILY), "-e",
              place_format("CREATE DATABASE e;\nUSE e;\nsource %s", file));
    ck_assert_str_eq(sql_value(gate_app(shell.t->gate), "SELECT COUNT(*) FROM e.t"), "3");
    topology_assert_same_data(shell.t);
}
END_TEST

START_TEST(load_tools)
{
    struct shell shell = start(TEST_FAMILY);
    uint16_t port = shell.t->gate->app_port;
    char *path = place_format("%s/u.txt", shell.dir);

    sql_exec(gate_app(shell.t->gate), "CREATE TABLE d.u (id INT PRIMARY KEY)");
    FILE *out = fopen(path, "w");
    for (int i = 0; i < LINES; i++)
        (void)fprintf(out, "%d\n", i);
    (void)fclose(out);
    (void)RUN(&shell, port, "import", "--local", "--compress", "d", path);
    ck_assert_int_eq(sql_number(gate_app(shell.t->gate), "SELECT COUNT(*) FROM d.u"), LINES);
    (void)RUN(&shell, port, "slap", "--create-schema=d", "--no-drop", "--concurrency=8",
              "--number-of-queries=400", "--query=INSERT INTO t (n) VALUES (9)");
    ck_assert_int_eq(sql_number(gate_app(shell.t->gate), "SELECT COUNT(*) FROM d.t WHERE n = 9"), 400);
    (void)RUN(&shell, port, "check", "--databases", "d");
    (void)RUN(&shell, port, "show", "d", "t");
    (void)RUN(&shell, port, "admin", "ping", "status", "processlist", "extended-status", "variables",
              "version");
    topology_assert_same_data(shell.t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clients");

    e2e_add(suite, "interactive", interactive_client);
    e2e_add(suite, "dump", dump_and_restore);
    e2e_add(suite, "tools", load_tools);
    return e2e_main(suite);
}
