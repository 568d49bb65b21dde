/* The admin port with the clients that operators have: both families' own programs, the client library with
 * both authentication plugins, and what Debian has for Python and Node. */
#include <check.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/client_program.h"
#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"

static const char *run_program(struct topology *t, const char *name, int expected,
                               const char *const *arguments)
{
    const struct client_login login = {.port = t->gate->admin_port, .user = "admin", .password = "admin-pw"};

    return client_program_run(HERE, t->family, name, &login, expected, arguments);
}
#define RUN(t, name, ...) run_program(t, name, 0, (const char *const[]){__VA_ARGS__, NULL})

static void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is missing in %s", part, text);
}

/* \s, \u, rehash (what tab completion asks for), \W, a table with its types, an error's text. */
START_TEST(command_lines)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    const char *text = RUN(t, "", client_commands(TEST_FAMILY), "-e", "\\s");
    assert_has(text, "ackgate-");
    assert_has(text, "admin@127.0.0.1");
    assert_has(text, place_format("%u", t->gate->admin_port));
    text = RUN(t, "", client_commands(TEST_FAMILY), "--auto-rehash", "-e",
               "\\u ackgate\nrehash\nSELECT DATABASE();\nSHOW TABLES;\n\\W\n");
    assert_has(text, "ackgate\n");
    assert_has(text, "binary_logs\n");
    text = RUN(t, "", "--table", "--column-type-info", "ackgate", "-e", "SELECT * FROM replicas");
    assert_has(text, "LONGLONG");
    assert_has(text, "DOUBLE");
    assert_has(text, "| r1 ");
    text = RUN(t, "", "--vertical", "-e", "SHOW SOURCE STATUS");
    assert_has(text, "state: open");
    text = run_program(t, "", 1, (const char *const[]){"-e", "SELECT 1; HELLO", NULL});
    assert_has(text,
               "ERROR 1064 (42000) at line 1: You have an error in your SQL at position 1 near 'HELLO'");
    if (TEST_FAMILY == FAMILY_MYSQL)
        assert_has(RUN(t, "", "-e", "HELP"), "SHOW QUORUM");
    text = RUN(t, "admin", "ping", "status", "processlist", "extended-status", "variables", "version");
    assert_has(text, "mysqld is alive");
    assert_has(text, "Uptime: ");
    assert_has(text, "Ackgate_confirmed_pos");
    assert_has(text, "quorum.rule");
    assert_has(RUN(t, "show", "ackgate"), "discarded");
    assert_has(RUN(t, "show", "ackgate", "quorum"), "needed_for");
}
END_TEST

/* Both plugins, asked for first or after the server's wish; other accounts and passwords are refused. */
START_TEST(client_library)
{
    static const char *const plugins[] = {"mysql_native_password", "caching_sha2_password", NULL};
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    for (size_t i = 0; i < 3; i++) {
        struct sql_options options = {
            .port = t->gate->admin_port, .user = "admin", .password = "admin-pw", .plugin = plugins[i]};
        struct sql *sql = sql_open_with(&options);
        ck_assert_str_eq(sql_value(sql, "SELECT state FROM source"), "open");
        ck_assert_int_eq(mysql_ping(sql_handle(sql)), 0);
        ck_assert_int_eq(mysql_select_db(sql_handle(sql), "ackgate"), 0);
        ck_assert_ptr_nonnull(strstr(mysql_stat(sql_handle(sql)), "Uptime"));
        ck_assert_int_ne(mysql_change_user(sql_handle(sql), "admin", "wrong", NULL), 0);
        options.password = "wrong";
        ck_assert_uint_eq(sql_errno(sql_try_open(&options)), 1045);
        options.password = "";
        ck_assert_uint_eq(sql_errno(sql_try_open(&options)), 1045);
        options.user = "repl";
        options.password = "repl-pw";
        ck_assert_uint_eq(sql_errno(sql_try_open(&options)), 1045);
    }
}
END_TEST

START_TEST(python_and_node)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    const char *port = place_format("%u", t->gate->admin_port);
    (void)CLIENT_RUN_OTHER("/usr/bin/python3", "test/clients/admin.py", port);
    (void)CLIENT_RUN_OTHER("env", "NODE_PATH=/usr/share/nodejs", "/usr/bin/node", "test/clients/admin.js",
                           "mysql", port);
    /* what npm offers, when `make test-admin-npm` has brought it */
    const char *modules = getenv("NODE_MODULES");
    if (modules != NULL)
        (void)CLIENT_RUN_OTHER("env", place_format("NODE_PATH=%s", modules), "/usr/bin/node",
                               "test/clients/admin.js", "mysql2", port);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_clients");
    e2e_add(suite, "programs", command_lines);
    e2e_add(suite, "library", client_library);
    e2e_add_family(suite, "scripts", python_and_node, FAMILY_MYSQL);
    return e2e_main(suite);
}
