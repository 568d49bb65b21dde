/* Sources that may not come back as source: one that has lost its tail, confirmed or only sent, one whose
 * binlog has other bytes, one without any binlog. Each is refused with its own message and its data directory
 * stays as it was; started all the same, it is not let in. */
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

enum { REFUSED = 2, UNREADABLE = 3 };

struct scene {
    struct topology *t;
    struct sql *app;
    const char *binlog; /* its last file */
    long last;          /* where its last transaction begins */
};

static long confirmed_end(struct topology *t)
{
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) FROM waiting", "0");
    return (long)sql_number(gate_admin(t->gate), "SELECT confirmed_pos FROM source");
}

static struct scene start_scene(enum family family, const char *source_option)
{
    const char *const lines[] = {"app", "hold = 300ms", NULL};
    const char *const options[] = {source_option, NULL};
    struct scene scene = {.t = topology_start_with(&(struct topology_options){.family = family,
                                                                              .rule = "ALL (r1, r2)",
                                                                              .replicas = 2,
                                                                              .source_options = options,
                                                                              .gate_lines = lines})};

    scene.app = gate_app(scene.t->gate);
    sql_exec(scene.app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT); "
                        "INSERT INTO d.t VALUES (1, 'kept')");
    scene.last = confirmed_end(scene.t);
    scene.binlog = place_format("%s/%s", scene.t->source->datadir,
                                sql_value(gate_admin(scene.t->gate), "SELECT confirmed_file FROM source"));
    return scene;
}

static void lose_last(const struct scene *scene)
{
    ck_assert_msg(truncate(scene->binlog, scene->last) == 0, "%s: %m", scene->binlog);
}

/* check and apply give this exit code, say this, and change nothing. */
static void assert_refused(struct scene *scene, int code, const char *message)
{
    struct topology *t = scene->t;
    const char *before = directory_fingerprint(t->source->datadir);
    static const char *const verbs[] = {"check", "apply", "apply"};

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        int got = recover_run(t->gate, t->source, verbs[i], NULL);
        ck_assert_msg(got == code && strstr(recover_output(), message) != NULL, "%s: exit %d: %s", verbs[i],
                      got, recover_output());
        ck_assert_str_eq(directory_fingerprint(t->source->datadir), before);
    }
    const char *started = place_format("%s/started", t->gate->dir);
    ck_assert_int_eq(recover_run(t->gate, t->source, "run", "--", "touch", started, NULL), code);
    ck_assert_int_ne(access(started, F_OK), 0);
    ck_assert_str_eq(directory_fingerprint(t->source->datadir), before);
}

static void assert_not_let_in(struct scene *scene)
{
    struct topology *t = scene->t;

    server_start(t->source);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "refused");
    struct sql *app = sql_try_open(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .read_timeout_s = 1});
    ck_assert_uint_ne(sql_errno(app), 0);
    for (size_t i = 0; i < t->replica_count; i++)
        ck_assert_str_eq(sql_value(server_admin(t->replica[i]), "SELECT v FROM d.t WHERE id = 1"), "kept");
}

START_TEST(lost_what_is_confirmed)
{
    struct scene scene = start_scene(TEST_FAMILY, NULL);

    sql_exec(scene.app, "INSERT INTO d.t VALUES (2, 'everywhere')");
    (void)confirmed_end(scene.t);
    server_kill(scene.t->source);
    lose_last(&scene);
    assert_refused(&scene, REFUSED, "behind: its binlog ends at");
    ck_assert_ptr_nonnull(strstr(recover_output(), "is confirmed"));
    assert_not_let_in(&scene);
}
END_TEST

START_TEST(lost_what_one_replica_has)
{
    struct scene scene = start_scene(TEST_FAMILY, NULL);
    struct topology *t = scene.t;

    replica_stop_receiver(t->replica[1]);
    gate_wait_attached(t->gate, 1);
    sql_start(scene.app, "INSERT INTO d.t VALUES (2, 'on r1')");
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) FROM waiting WHERE acked_by LIKE '%r1%'", "1");
    server_kill(t->source);
    ck_assert_uint_ne(sql_finish_try(scene.app), 0);
    lose_last(&scene);
    assert_refused(&scene, REFUSED, "behind: its binlog ends at");
    ck_assert_ptr_nonnull(strstr(recover_output(), "may be on a replica"));
    assert_not_let_in(&scene);
    WAIT_SQL(gate_admin(t->gate), "SELECT reason LIKE '%the end of it is lost%' FROM source", "1");
}
END_TEST

/* It was cut by hand, started past ackgate, and has written something else. */
START_TEST(diverged)
{
    struct scene scene = start_scene(TEST_FAMILY, NULL);
    struct topology *t = scene.t;

    sql_exec(scene.app, "INSERT INTO d.t VALUES (2, 'everywhere')");
    (void)confirmed_end(t);
    server_kill(t->source);
    gate_kill(t->gate);
    lose_last(&scene);
    server_start(t->source);
    sql_exec(server_admin(t->source), "INSERT INTO d.t VALUES (3, 'only here')");
    server_kill(t->source);
    /* in the same file as before, where the other one stood */
    const char *next = place_format("%.*s2", (int)strlen(scene.binlog) - 1, scene.binlog);
    ck_assert_int_eq(access(next, F_OK), 0);
    gate_start(t->gate);
    assert_refused(&scene, REFUSED, "must not start as source");
    assert_not_let_in(&scene);
}
END_TEST

/* The same place, the same GTID and length, one other byte in the row. */
static void change_last_row(const struct scene *scene)
{
    size_t size;
    char *bytes = place_read_file(scene->binlog, &size);
    char *found = memmem(bytes + scene->last, size - (size_t)scene->last, "everywhere", 10);

    ck_assert_ptr_nonnull(found);
    FILE *file = fopen(scene->binlog, "r+e");
    ck_assert_int_eq(fseek(file, found - bytes, SEEK_SET), 0);
    (void)fputc('E', file);
    (void)fclose(file);
    free(bytes);
}

START_TEST(other_bytes)
{
    struct scene scene = start_scene(TEST_FAMILY, "--binlog-checksum=NONE");

    sql_exec(scene.app, "INSERT INTO d.t VALUES (2, 'everywhere')");
    (void)confirmed_end(scene.t);
    server_kill(scene.t->source);
    change_last_row(&scene);
    assert_refused(&scene, REFUSED, "diverged: transaction ");
    ck_assert_ptr_nonnull(strstr(recover_output(), "another transaction at this place"));
}
END_TEST

START_TEST(no_binlog_left)
{
    struct scene scene = start_scene(TEST_FAMILY, NULL);
    struct topology *t = scene.t;

    server_kill(t->source);
    process_must_run("/dev/null", "sh", "-c", place_format("rm %s/binlog.*", t->source->datadir));
    assert_refused(&scene, UNREADABLE, "ackgate-recover: ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrong_source");

    e2e_add(suite, "lost_confirmed", lost_what_is_confirmed);
    e2e_add(suite, "lost_sent", lost_what_one_replica_has);
    e2e_add(suite, "diverged", diverged);
    e2e_add(suite, "other_bytes", other_bytes);
    e2e_add(suite, "no_binlog", no_binlog_left);
    return e2e_main(suite);
}
