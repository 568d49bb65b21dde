/* A source that lets commits go without their acks: shut down in order, semi-sync switched off, a waiting
 * session killed. No client gets an OK for it, and when the source is back it is completed, or, once a crash
 * and a cut have made two histories of it, refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/load.h"
#include "test/lib/place.h"
#include "test/lib/recover.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { CLIENTS = 3, WATCH_MS = 500, OKS = 50 };

static const char ids[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

/* One number out of the tool's --json. */
static long said(const char *key)
{
    const char *found = strstr(recover_output(), place_format("\"%s\": ", key));

    ck_assert_msg(found != NULL, "no %s in %s", key, recover_output());
    return strtol(found + strlen(key) + 4, NULL, 10);
}

static void apply(struct topology *t)
{
    ck_assert_msg(recover_run(t->gate, t->source, "apply", "--json", NULL) == 0, "%s", recover_output());
}

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

/* A row is everywhere, the replicas are away. */
static struct topology *start_scene(enum family family)
{
    const char *const lines[] = {"app", "hold = 300ms", NULL};
    struct topology *t = topology_start_with(&(struct topology_options){
        .family = family, .rule = "ANY 1 (r1, r2)", .replicas = 2, .gate_lines = lines});
    struct sql *app = gate_app(t->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)");
    sql_close(app);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_wait_caught_up(t->replica[i], t->source);
    stop_receivers(t);
    return t;
}

static void insert_and_wait(struct topology *t, struct sql *app, int id)
{
    sql_start(app, "INSERT INTO d.t VALUES (%d)", id);
    WAIT_SQL(gate_admin(t->gate), "SELECT count(*) > 0 FROM waiting", "1");
    sql_assert_waiting(app, 100);
}

static bool is_admitted(struct topology *t)
{
    struct sql *app = sql_try_open(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .read_timeout_s = 1});
    bool is_open = sql_errno(app) == 0;

    sql_close(app);
    return is_open;
}

/* ---- SIGTERM ---- */

/* What it has written is in its engine: nothing is cut, and applications wait for the quorum. */
START_TEST(shut_down_while_commits_wait)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *apps[CLIENTS];

    for (int i = 0; i < CLIENTS; i++) {
        apps[i] = gate_app(t->gate);
        insert_and_wait(t, apps[i], 2 + i);
    }
    server_terminate(t->source);
    server_wait_end(t->source);
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_msg(!sql_is_done(apps[i]) || sql_finish_try(apps[i]) != 0, "an OK for %d", 2 + i);
    apply(t);
    ck_assert_msg(said("discarded") == 0 && said("completed") > 0, "%s", recover_output());
    server_start(t->source);
    recover_verify(t->gate, t->source);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "recovering");
    ck_assert(!is_admitted(t));
    const char *rows = place_format("%s", sql_value(server_admin(t->source), ids));
    ck_assert_str_ne(rows, "1");
    start_receivers(t);
    topology_wait_open(t);
    topology_assert_same_data(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), ids), rows);
}
END_TEST

START_TEST(shut_down_under_load)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct load *load = load_start(t->gate, 2);

    load_wait_oks(load, OKS);
    server_stop(t->source);
    apply(t);
    ck_assert_msg(said("discarded") == 0, "%s", recover_output());
    server_start(t->source);
    recover_verify(t->gate, t->source);
    load_wait_oks(load, OKS);
    load_stop(load);
    topology_assert_same_data(t);
    load_assert_kept(load, t->source);
    load_assert_kept(load, t->replica[0]);
    load_assert_kept(load, t->replica[1]);
}
END_TEST

/* ---- semi-sync off and on ---- */

static void set_semisync(struct topology *t, int on)
{
    sql_exec(server_admin(t->source), "SET GLOBAL %s = %d", semisync_name(t->family, "enabled"), on);
}

START_TEST(switched_off_under_load)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct load *load = load_start(t->gate, CLIENTS);

    load_wait_oks(load, OKS);
    set_semisync(t, 0);
    load_wait_oks(load, OKS); /* the replicas are there: it goes on */
    stop_receivers(t);
    uint64_t oks = load_oks(load);
    sleep_ms(WATCH_MS);
    /* one for each client may have been acked before the last replica was gone */
    ck_assert_uint_le(load_oks(load), oks + CLIENTS);
    oks = load_oks(load);
    set_semisync(t, 1);
    sleep_ms(WATCH_MS);
    ck_assert_uint_eq(load_oks(load), oks);
    start_receivers(t);
    load_wait_oks(load, OKS);
    load_stop(load);
    topology_assert_same_data(t);
    load_assert_kept(load, t->source);
    load_assert_kept(load, t->replica[0]);
    load_assert_kept(load, t->replica[1]);
}
END_TEST

/* ---- KILL ---- */

static void kill_session(struct topology *t, struct sql *app)
{
    sql_exec(server_admin(t->source), "KILL %llu", (unsigned long long)sql_thread_id(app));
}

/* MariaDB commits it at once, MySQL goes on waiting. Either way it is completed when replicas are back. */
START_TEST(killed_and_completed)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);

    insert_and_wait(t, app, 2);
    kill_session(t, app);
    if (TEST_FAMILY == FAMILY_MARIADB)
        WAIT_SQL(server_admin(t->source), ids, "1,2");
    ck_assert(!sql_is_done(app) || sql_finish_try(app) != 0);
    start_receivers(t);
    WAIT_SQL(server_admin(t->replica[0]), ids, "1,2");
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (3)");
    topology_assert_same_data(t);
}
END_TEST

/* On MySQL it is discarded like any other. MariaDB's engine has it, and no cut undoes that: refused. */
START_TEST(killed_and_crashed)
{
    struct topology *t = start_scene(TEST_FAMILY);
    struct sql *app = gate_app(t->gate);

    insert_and_wait(t, app, 2);
    const char *gtid = place_format("%s", sql_value(gate_admin(t->gate), "SELECT gtid FROM waiting"));
    kill_session(t, app);
    if (TEST_FAMILY == FAMILY_MARIADB) {
        WAIT_SQL(server_admin(t->source), ids, "1,2");
        sql_exec(server_admin(t->source), "FLUSH LOCAL ENGINE LOGS");
    }
    server_kill(t->source);
    ck_assert_uint_ne(sql_finish_try(app), 0);
    apply(t);
    ck_assert_int_eq(said("discarded"), 1);
    server_start(t->source);
    if (TEST_FAMILY == FAMILY_MYSQL) {
        recover_verify(t->gate, t->source);
        ck_assert_str_eq(sql_value(server_admin(t->source), ids), "1");
        start_receivers(t);
        topology_wait_open(t);
        topology_assert_same_data(t);
        return;
    }
    ck_assert_int_eq(recover_run(t->gate, t->source, "verify", NULL), 2);
    WAIT_SQL(gate_admin(t->gate), "SELECT state FROM source", "refused");
    ck_assert_ptr_nonnull(strstr(sql_value(gate_admin(t->gate), "SELECT reason FROM source"), gtid));
    ck_assert(!is_admitted(t));
    start_receivers(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[0]), ids), "1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("let_go");

    e2e_add(suite, "shut_down_waiting", shut_down_while_commits_wait);
    e2e_add(suite, "shut_down_load", shut_down_under_load);
    e2e_add(suite, "switched_off", switched_off_under_load);
    e2e_add(suite, "killed_completed", killed_and_completed);
    e2e_add(suite, "killed_crashed", killed_and_crashed);
    return e2e_main(suite);
}
