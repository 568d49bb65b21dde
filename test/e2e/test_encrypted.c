/* A source whose binlog is encrypted on its disk. The tool cannot read it, so nothing of it is cut: all is
 * kept and completed, the data directory stays as it is. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

static const char ids[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

/* MySQL looks for the keyring's manifest beside its program, and for its settings beside its plugins: a place
 * of our own with links to both. */
static void encrypt_mysql(struct server *source)
{
    const char *argv[8];
    const char *root = place_format("%s/keyring", source->dir);

    (void)server_program(FAMILY_MYSQL, "mysqld", argv, 8);
    const char *program = argv[3];
    process_must_run("/dev/null", "sh", "-c",
                     place_format("mkdir -p %s/plugin && ln -s %s %s/mysqld && "
                                  "ln -s $(dirname %s)/../lib/mysql/plugin/*.so %s/plugin/",
                                  root, program, root, program, root));
    place_write_file(place_format("%s/mysqld.my", root),
                     "{\"components\": \"file://component_keyring_file\"}", 0600);
    place_write_file(place_format("%s/plugin/component_keyring_file.cnf", root),
                     place_format("{\"path\": \"%s/keys\", \"read_only\": false}", root), 0600);
    (void)snprintf(source->program, sizeof source->program, "%s/mysqld", root);
    server_add_option(source, "--plugin-dir=%s/plugin", root);
    server_add_option(source, "--binlog-encryption=ON");
}

static void encrypt_mariadb(struct server *source)
{
    const char *keys = place_format("%s/keys", source->dir);

    place_write_file(keys, "1;a7addd9adea9978fda19f21e6be987880e68ac92632ca052e5bb42b1a506939a\n", 0600);
    server_add_option(source, "--plugin-load-add=file_key_management");
    server_add_option(source, "--file-key-management-filename=%s", keys);
    server_add_option(source, "--encrypt-binlog=ON");
}

/* A row is everywhere; the source goes on with an encrypted file. */
static struct topology *start_scene(enum family family)
{
    const char *const lines[] = {"app", "hold = 300ms", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1, r2)", .replicas = 2, .gate_lines = lines});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_close(app);
    server_stop(t->source);
    if (family == FAMILY_MYSQL)
        encrypt_mysql(t->source);
    else
        encrypt_mariadb(t->source);
    server_start(t->source);
    return t;
}

static void assert_untouched(struct topology *t, const char *verb)
{
    const char *before = directory_fingerprint(t->source->datadir);
    int code = recover_run(t->gate, t->source, verb, NULL);

    ck_assert_msg(code == 0, "%s", recover_output());
    ck_assert_msg(strstr(recover_output(), "nothing to cut") != NULL, "%s", recover_output());
    ck_assert_str_eq(directory_fingerprint(t->source->datadir), before);
}

START_TEST(all_is_kept)
{
    struct topology *t = start_scene(TEST_FAMILY);

    gate_wait_open(t->gate);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "INSERT INTO d.t VALUES (2)");
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_receiver(t->replica[i]);
    gate_wait_attached(t->gate, 0);
    sql_start(app, "INSERT INTO d.t VALUES (3)");
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) FROM waiting", "1");
    server_kill(t->source);
    ck_assert_uint_ne(sql_finish_try(app), 0);
    assert_untouched(t, "check");
    assert_untouched(t, "apply");
    server_start(t->source);
    recover_verify(t->gate, t->source);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "recovering");
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
    topology_wait_open(t);
    topology_assert_same_data(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), ids), "1,2,3");
}
END_TEST

/* ackgate comes when the source's first file is encrypted already, and again when it has lost its own. */
START_TEST(begun_from)
{
    struct topology *t = start_scene(TEST_FAMILY);

    for (int round = 0; round < 2; round++) {
        gate_kill(t->gate);
        process_must_run("/dev/null", "rm", "-r", t->gate->data_dir);
        sql_exec(server_admin(t->source), "PURGE BINARY LOGS TO 'binlog.000002'");
        gate_start(t->gate);
        topology_wait_open(t);
        sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (%d)", 2 + round);
        topology_assert_same_data(t);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encrypted");

    e2e_add(suite, "kept", all_is_kept);
    e2e_add(suite, "begun_from", begun_from);
    return e2e_main(suite);
}
