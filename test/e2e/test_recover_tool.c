/* ackgate-recover on a source that was killed with commits that nobody has: cut before the start they are
 * gone and their GTIDs are free, without it they are there. Killed at each of its steps it can be run again;
 * what it may not touch it does not touch. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/lib/binlog_files.h"
#include "test/lib/place.h"
#include "test/lib/process.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { KILLED = 128 + SIGKILL };

struct scene {
    struct topology *t;
    struct sql *app;
    const char *before; /* the source's GTIDs */
};

static void stop_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_stop_receiver(t->replica[i]);
    gate_wait_attached(t->gate, 0);
}

static void start_receivers(struct topology *t)
{
    for (size_t i = 0; i < t->replica_count; i++)
        replica_start_receiver(t->replica[i]);
}

static struct scene start_scene(enum family family)
{
    struct scene scene = {.t = topology_start(family, "ANY 1 (r1, r2)", 2)};

    scene.app = gate_app(scene.t->gate);
    sql_exec(scene.app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT); "
                        "INSERT INTO d.t VALUES (1, 'kept')");
    topology_assert_same_data(scene.t); /* none is stopped in the middle of a transaction */
    stop_receivers(scene.t);
    scene.before = place_format("%s", server_gtids(scene.t->source));
    return scene;
}

/* A statement that waits for its ack for ever, and the source's end by -9. */
static void write_and_kill(struct scene *scene, const char *statement)
{
    sql_start(scene->app, "%s", statement);
    WAIT_SQL(gate_admin(scene->t->gate), "SELECT count(*) FROM waiting", "1");
    sql_assert_waiting(scene->app, 100);
    server_kill(scene->t->source);
    ck_assert_uint_ne(sql_finish_try(scene->app), 0);
}

static void assert_all_well(struct scene *scene)
{
    start_receivers(scene->t);
    topology_wait_open(scene->t);
    topology_assert_same_data(scene->t);
}

static const char ids[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

START_TEST(phantom_without_the_tool)
{
    struct scene scene = start_scene(TEST_FAMILY);

    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    server_start(scene.t->source);
    ck_assert_str_eq(sql_value(server_admin(scene.t->source), ids), "1,2");
    ck_assert_str_eq(sql_value(server_admin(scene.t->replica[0]), ids), "1");
    assert_all_well(&scene); /* it is completed */
    ck_assert_str_eq(sql_value(server_admin(scene.t->replica[0]), ids), "1,2");
}
END_TEST

static const char *kept_file(const struct scene *scene)
{
    return place_format("%s", sql_value(gate_admin(scene->t->gate), "SELECT kept_as FROM discarded LIMIT 1"));
}

/* Its own binlog client finds the statement in the kept file. */
static void assert_kept(struct scene *scene, const char *statement)
{
    const char *kept = kept_file(scene);
    const char *log = place_format("%s/kept.sql", scene->t->source->dir);

    ck_assert_msg(access(kept, R_OK) == 0, "%s: %m", kept);
    ck_assert_int_eq(
        binlog_client_run(scene->t->family, 0, log, (const char *const[]){"--verbose", kept, NULL}), 0);
    ck_assert_msg(place_file_has(log, 0, statement), "%s: no %s in it", log, statement);
}

START_TEST(discarded_with_it)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    ck_assert_int_eq(recover_run(scene.t->gate, source, "check", NULL), 0);
    ck_assert_msg(strstr(recover_output(), "to be cut") != NULL, "%s", recover_output());
    recover_and_start(scene.t->gate, source);
    ck_assert_str_eq(sql_value(server_admin(source), ids), "1");
    ck_assert_str_eq(server_gtids(source), scene.before);
    assert_kept(&scene, "### INSERT INTO `d`.`t`");
    /* the GTID is used again, for something else */
    start_receivers(scene.t);
    topology_wait_open(scene.t);
    struct sql *app = gate_app(scene.t->gate);
    sql_exec(app, "INSERT INTO d.t VALUES (3, 'again')");
    topology_assert_same_data(scene.t);
    ck_assert_str_eq(sql_value(server_admin(scene.t->replica[0]), ids), "1,3");
    assert_same_files(scene.t->gate, source, NULL);
}
END_TEST

START_TEST(many_are_discarded_at_once)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct sql *more[8];

    for (int i = 0; i < 8; i++) {
        more[i] = gate_app(scene.t->gate);
        sql_start(more[i], "INSERT INTO d.t VALUES (%d, REPEAT('x', 50000))", 100 + i);
    }
    /* those behind the first group may not be in the binlog yet */
    WAIT_SQL(gate_admin(scene.t->gate), "SELECT count(*) > 0 FROM waiting", "1");
    for (int i = 0; i < 8; i++)
        sql_assert_waiting(more[i], 100);
    server_kill(scene.t->source);
    for (int i = 0; i < 8; i++)
        ck_assert_uint_ne(sql_finish_try(more[i]), 0);
    recover_and_start(scene.t->gate, scene.t->source);
    ck_assert_str_eq(sql_value(server_admin(scene.t->source), ids), "1");
    assert_all_well(&scene);
}
END_TEST

/* DDL: MySQL's is undone; MariaDB's is not, and so it is kept and completed, whatever else is in front. */
START_TEST(ddl)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    write_and_kill(&scene, "DROP TABLE d.t");
    recover_and_start(scene.t->gate, source);
    const char *tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'd'";
    ck_assert_str_eq(sql_value(server_admin(source), tables), TEST_FAMILY == FAMILY_MYSQL ? "1" : "0");
    assert_all_well(&scene);
    ck_assert_str_eq(sql_value(server_admin(scene.t->replica[0]), tables),
                     TEST_FAMILY == FAMILY_MYSQL ? "1" : "0");
}
END_TEST

/* ---- nothing is touched ---- */

START_TEST(proxy_is_not_there)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    gate_kill(scene.t->gate);
    const char *before = directory_fingerprint(source->datadir);
    ck_assert_int_eq(recover_run(scene.t->gate, source, "apply", "--timeout=300ms", NULL), 3);
    ck_assert_str_eq(directory_fingerprint(source->datadir), before);
    ck_assert_int_eq(
        recover_run(scene.t->gate, source, "run", "--timeout=300ms", "--", "touch", "/nowhere/x", NULL), 3);
    ck_assert_int_eq(
        recover_run(scene.t->gate, source, "apply", "--timeout=300ms", "--if-unreachable=start", NULL), 0);
    ck_assert_str_eq(directory_fingerprint(source->datadir), before);
    /* it comes back while the tool waits */
    gate_start(scene.t->gate);
    recover_and_start(scene.t->gate, source);
    ck_assert_str_eq(sql_value(server_admin(source), ids), "1");
    assert_all_well(&scene);
}
END_TEST

START_TEST(refusals_change_nothing)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    /* a server that runs */
    ck_assert_int_eq(recover_run(scene.t->gate, source, "apply", NULL), 3);
    ck_assert_msg(strstr(recover_output(), "a server runs on") != NULL, "%s", recover_output());
    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    const char *before = directory_fingerprint(source->datadir);
    /* check, a wrong password, one that others can read, a wrong directory, no index of that name */
    ck_assert_int_eq(recover_run(scene.t->gate, source, "check", NULL), 0);
    const char *wrong = place_format("%s/wrong.password", scene.t->gate->dir);
    place_write_file(wrong, "not it\n", 0600);
    ck_assert_int_eq(recover_run(scene.t->gate, source, "apply", "--password-file", wrong, NULL), 3);
    place_write_file(wrong, "admin-pw\n", 0600);
    ck_assert_int_eq(chmod(wrong, 0644), 0);
    ck_assert_int_eq(recover_run(scene.t->gate, source, "apply", "--password-file", wrong, NULL), 1);
    ck_assert_int_eq(recover_run(scene.t->gate, source, "apply", "--datadir=/nowhere", NULL), 3);
    ck_assert_int_eq(recover_run(scene.t->gate, source, "apply", "--log-bin=other", NULL), 3);
    /* another server's directory */
    server_stop(scene.t->replica[0]);
    ck_assert_int_eq(
        recover_run(scene.t->gate, source, "apply", "--datadir", scene.t->replica[0]->datadir, NULL), 2);
    ck_assert_str_eq(directory_fingerprint(source->datadir), before);
}
END_TEST

/* ---- killed at each of its steps ---- */

static void copy_binlogs(const char *from, const char *to)
{
    process_must_run(
        "/dev/null", "sh", "-c",
        place_format("rm -rf %s/ackgate-discarded %s/binlog.* && cp -p %s/binlog.* %s", to, to, from, to));
}

static const char *binlogs(const struct server *source)
{
    const char *copy = place_format("%s/end-state", source->dir);

    process_must_run("/dev/null", "sh", "-c",
                     place_format("rm -rf %s && mkdir %s && cp -rp %s/binlog.* %s/ackgate-discarded %s", copy,
                                  copy, source->datadir, source->datadir, copy));
    return directory_fingerprint(copy);
}

START_TEST(killed_at_each_step)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;
    const char *copy = place_format("%s/after-crash", source->dir);
    int code = KILLED, steps = 0;

    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    process_must_run("/dev/null", "mkdir", copy);
    copy_binlogs(source->datadir, copy);
    recover_apply(scene.t->gate, source);
    const char *expected = binlogs(source);
    while (code == KILLED) {
        copy_binlogs(copy, source->datadir);
        ck_assert_int_eq(setenv("ACKGATE_RECOVER_STOP_AT", place_format("%d", ++steps), 1), 0);
        code = recover_run(scene.t->gate, source, "apply", NULL);
        ck_assert_int_eq(unsetenv("ACKGATE_RECOVER_STOP_AT"), 0);
        recover_apply(scene.t->gate, source);
        ck_assert_str_eq(binlogs(source), expected);
    }
    ck_assert_int_eq(code, 0);
    ck_assert_int_gt(steps, 6);
    server_start(source);
    recover_verify(scene.t->gate, source);
    ck_assert_str_eq(sql_value(server_admin(source), ids), "1");
    assert_all_well(&scene);
}
END_TEST

/* ---- run ---- */

START_TEST(run_becomes_the_server)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    /* what stands behind -- is run with its arguments and its own exit code, once it may */
    ck_assert_int_eq(
        recover_run(scene.t->gate, source, "run", "--", "sh", "-c", "echo started; exit 7", NULL), 7);
    ck_assert_msg(strstr(recover_output(), "started") != NULL, "%s", recover_output());
    server_start(source);
    recover_verify(scene.t->gate, source);
    ck_assert_str_eq(sql_value(server_admin(source), ids), "1");
    assert_all_well(&scene);
}
END_TEST

/* All that is needed, on both families: what its log says is reported too, from a file and from stderr. */
START_TEST(run_is_all)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;
    const char *logs[] = {source->error_log, "-"};

    for (size_t i = 0; i < 2; i++) {
        write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
        recover_run_server(scene.t->gate, source, logs[i]);
        gate_wait_open(scene.t->gate);
        ck_assert_str_eq(sql_value(server_admin(source), ids), "1");
        scene.app = gate_app(scene.t->gate);
    }
    ck_assert_str_eq(gate_status(scene.t->gate, "Ackgate_epoch"), "3");
    assert_all_well(&scene);
    server_stop(source);
    ck_assert_msg(strstr(place_text(source->error_log), "hutdown complete") != NULL,
                  "the end of its log is missing");
}
END_TEST

/* MariaDB commits a KILLed session's transaction in the engine: a cut does not undo it, and verify says so.
 */
START_TEST(engine_has_what_was_discarded)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    sql_start(scene.app, "INSERT INTO d.t VALUES (2, 'killed')");
    WAIT_SQL(gate_admin(scene.t->gate), "SELECT count(*) FROM waiting", "1");
    const char *id =
        sql_value(server_admin(source),
                  "SELECT id FROM information_schema.processlist WHERE info LIKE '%%killed%%' AND "
                  "info NOT LIKE '%%processlist%%'");
    sql_exec(server_admin(source), "KILL %s", id);
    WAIT_SQL(server_admin(source), ids, "1,2");
    sql_exec(server_admin(source),
             "FLUSH LOCAL ENGINE LOGS"); /* else the redo log is synced within a second */
    server_kill(source);
    (void)sql_finish_try(scene.app);
    recover_apply(scene.t->gate, source);
    server_start(source);
    ck_assert_str_eq(sql_value(server_admin(source), ids), "1,2");
    ck_assert_int_eq(recover_run(scene.t->gate, source, "verify", NULL), 2);
    WAIT_SQL(gate_admin(scene.t->gate), "SELECT state FROM source", "refused");
}
END_TEST

/* MySQL's @@gtid_executed, when verify is told where to ask. */
START_TEST(verify_asks_mysql)
{
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;

    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    recover_apply(scene.t->gate, source);
    server_start(source);
    ck_assert_int_eq(
        recover_run(scene.t->gate, source, "verify", "--source-user=root", "--socket", source->socket, NULL),
        0);
    ck_assert_msg(strstr(recover_output(), "the server has executed ") != NULL, "%s", recover_output());
    assert_all_well(&scene);
}
END_TEST

/* Root's tool works as the owner of the data directory. */
START_TEST(files_belong_to_the_owner)
{
    enum { OWNER = 65534 };
    struct scene scene = start_scene(TEST_FAMILY);
    struct server *source = scene.t->source;
    struct stat status;

    if (geteuid() != 0)
        return;
    write_and_kill(&scene, "INSERT INTO d.t VALUES (2, 'phantom')");
    process_must_run("/dev/null", "chown", "-R", "65534:65534", source->datadir);
    ck_assert_int_eq(chmod(source->dir, 0755), 0);
    /* who has changed its user cannot be looked at for leaks */
    ck_assert_int_eq(setenv("LSAN_OPTIONS", "detect_leaks=0", 1), 0);
    recover_apply(scene.t->gate, source);
    const char *const paths[] = {place_format("%s/binlog.000001", source->datadir),
                                 place_format("%s/binlog.index", source->datadir),
                                 place_format("%s/ackgate-discarded", source->datadir), kept_file(&scene)};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ck_assert_msg(stat(paths[i], &status) == 0, "%s: %m", paths[i]);
        ck_assert_msg(status.st_uid == OWNER && status.st_gid == OWNER, "%s", paths[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_tool");

    e2e_add(suite, "phantom", phantom_without_the_tool);
    e2e_add(suite, "discarded", discarded_with_it);
    e2e_add(suite, "many", many_are_discarded_at_once);
    e2e_add(suite, "ddl", ddl);
    e2e_add(suite, "unreachable", proxy_is_not_there);
    e2e_add(suite, "refusals", refusals_change_nothing);
    e2e_add(suite, "steps", killed_at_each_step);
    e2e_add(suite, "run", run_becomes_the_server);
    e2e_add(suite, "run_is_all", run_is_all);
    e2e_add_family(suite, "verify", verify_asks_mysql, FAMILY_MYSQL);
    e2e_add(suite, "owner", files_belong_to_the_owner);
    e2e_add_family(suite, "engine", engine_has_what_was_discarded, FAMILY_MARIADB);
    return e2e_main(suite);
}
