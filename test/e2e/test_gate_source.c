/* The source answers a commit that nobody has confirmed: at its shutdown, because the session was killed,
 * because semi-sync was switched off while it waited. The client gets no OK for it. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { WATCH_MS = 500 };

static void stop_receivers(struct topology *topology)
{
    for (size_t i = 0; i < topology->replica_count; i++)
        replica_stop_receiver(topology->replica[i]);
    gate_wait_attached(topology->gate, 0);
}

static void start_receivers(struct topology *topology)
{
    for (size_t i = 0; i < topology->replica_count; i++)
        replica_start_receiver(topology->replica[i]);
}

/* A topology without receivers and with an INSERT under way that waits for them. */
static struct topology *start_waiting(enum family family, struct sql **ret_app)
{
    struct topology *topology = topology_start(family, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(topology->gate);

    sql_exec(app, "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    stop_receivers(topology);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    sql_assert_waiting(app, 200);
    *ret_app = app;
    return topology;
}

static bool has_ended_well(void *arg)
{
    struct sql *app = arg;

    return sql_is_done(app) && sql_errno(app) == 0;
}

static const char select_row[] = "SELECT GROUP_CONCAT(id ORDER BY id) FROM d.t";

START_TEST(source_is_shut_down)
{
    struct sql *app;
    struct topology *t = start_waiting(TEST_FAMILY, &app);

    server_stop(t->source);
    assert_stays_false(has_ended_well, app, WATCH_MS, "no OK from a source that shuts down");
    /* what it has written is completed by the quorum before anybody may use it again */
    server_start(t->source);
    struct sql *other = sql_try_open(&(struct sql_options){
        .port = t->gate->app_port, .user = "app", .password = "app-pw", .read_timeout_s = 1});
    ck_assert_uint_ne(sql_errno(other), 0);
    assert_stays_false(has_ended_well, app, 0, "no OK before the quorum has it");
    start_receivers(t);
    topology_wait_open(t);
    other = gate_app(t->gate);
    ck_assert_str_eq(sql_value(other, "%s", select_row), "1");
    sql_exec(other, "INSERT INTO d.t VALUES (2)");
    topology_assert_same_data(t);
    ck_assert_str_eq(sql_value(server_admin(t->replica[1]), "%s", select_row), "1,2");
}
END_TEST

START_TEST(source_is_killed)
{
    struct sql *app;
    struct topology *t = start_waiting(TEST_FAMILY, &app);

    server_kill(t->source);
    assert_stays_false(has_ended_well, app, WATCH_MS, "no OK from a source that was killed");
    server_start(t->source);
    start_receivers(t);
    topology_wait_open(t);
    ck_assert_str_eq(sql_value(gate_app(t->gate), "%s", select_row), "1");
    topology_assert_same_data(t);
}
END_TEST

static void kill_waiting(enum family family, const char *how)
{
    struct sql *app;
    struct topology *t = start_waiting(family, &app);

    sql_exec(server_admin(t->source), "%s %llu", how, (unsigned long long)sql_thread_id(app));
    assert_stays_false(has_ended_well, app, WATCH_MS, "no OK after a KILL");
    start_receivers(t);
    (void)sql_finish_try(app);
    struct sql *other = gate_app(t->gate);
    WAIT_SQL(other, select_row, "1");
    sql_exec(other, "INSERT INTO d.t VALUES (2)");
    topology_assert_same_data(t);
}

START_TEST(session_is_killed)
{
    kill_waiting(TEST_FAMILY, "KILL");
}
END_TEST

START_TEST(statement_is_killed)
{
    kill_waiting(TEST_FAMILY, "KILL QUERY");
}
END_TEST

/* The source lets its waiters go, and ackgate holds what they answer. */
START_TEST(semi_sync_is_switched_off)
{
    struct sql *app;
    struct topology *t = start_waiting(TEST_FAMILY, &app);

    sql_exec(server_admin(t->source), "SET GLOBAL %s = 0", semisync_name(TEST_FAMILY, "enabled"));
    WAIT_SQL(server_admin(t->source), select_row, "1");
    assert_stays_false(has_ended_well, app, WATCH_MS, "no OK while nobody has it");
    start_receivers(t);
    sql_finish(app);
    sql_exec(gate_app(t->gate), "INSERT INTO d.t VALUES (2)");
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_source");

    e2e_add(suite, "shut_down", source_is_shut_down);
    e2e_add(suite, "killed", source_is_killed);
    e2e_add(suite, "kill", session_is_killed);
    e2e_add(suite, "kill_query", statement_is_killed);
    e2e_add(suite, "switched_off", semi_sync_is_switched_off);
    return e2e_main(suite);
}
