/* A commit through ackgate returns when, and only when, the quorum rule holds, and nobody on the source sees
 * it before. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

/* How long a commit is watched that must not return. */
enum { WATCH_MS = 200 };

enum { R1 = 1, R2 = 2, R3 = 4 };

static void stop_receivers(struct topology *topology, unsigned which)
{
    for (size_t i = 0; i < topology->replica_count; i++)
        if (which & (1U << i))
            replica_stop_receiver(topology->replica[i]);
}

static void start_receivers(struct topology *topology, unsigned which)
{
    for (size_t i = 0; i < topology->replica_count; i++)
        if (which & (1U << i))
            replica_start_receiver(topology->replica[i]);
}

static const char *count_of(struct server *server)
{
    return sql_value(server_admin(server), "SELECT COUNT(*) FROM d.t");
}

static const char create_table[] = "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)";

START_TEST(any_one_of_two)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    stop_receivers(t, R1);
    sql_exec(app, "INSERT INTO d.t VALUES (1)");
    stop_receivers(t, R2);
    gate_wait_attached(t->gate, 0);
    sql_start(app, "INSERT INTO d.t VALUES (2)");
    sql_assert_waiting(app, 500);
    ck_assert_str_eq(count_of(t->source), "1");
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_quorum_satisfied"), "OFF");
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_waiting_transactions"), "1");
    ck_assert_uint_eq(sql_rows(gate_admin(t->gate), "SHOW WAITING")->rows, 1);
    start_receivers(t, R2);
    sql_finish(app);
    ck_assert_str_eq(count_of(t->source), "2");
    WAIT_SQL(server_admin(t->replica[1]), "SELECT COUNT(*) FROM d.t", "2");
    WAIT_SQL(gate_admin(t->gate), "SHOW STATUS LIKE 'Ackgate_waiting_transactions'",
             "Ackgate_waiting_transactions\t0");
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_quorum_satisfied"), "ON");
    start_receivers(t, R1);
    topology_assert_same_data(t);
}
END_TEST

struct rule_row {
    const char *rule;
    unsigned stopped;
    unsigned releases; /* 0: the commit does not wait; else these, started one after the other, let it go */
};

static const struct rule_row rule_rows[] = {
    {"ANY 1 (r1, r2)",               R1 | R2,      R1     }, /* r3 acks, and is not asked */
    {"ANY 1 (r1, r2)",               R2 | R3,      0      },
    {"ANY 2 (r1, r2, r3)",           R1 | R3,      R3     },
    {"ANY 2 (r1, r2, r3)",           R2,           0      },
    {"ALL (r1, r2)",                 R2,           R2     },
    {"ALL (r1, r2)",                 R1 | R2,      R1 | R2},
    {"ALL (r1, r2)",                 R3,           0      },
    {"MAJORITY (r1, r2, r3)",        R1 | R2,      R2     },
    {"MAJORITY (r1, r2, r3)",        R3,           0      },
    {"ANY 1 (r1, r2) AND ALL (r3)",  R3,           R3     },
    {"ANY 1 (r1, r2) AND ALL (r3)",  R1 | R2,      R2     },
    {"ANY 1 (r1, r2) AND ALL (r3)",  R1,           0      },
    {"ANY 1 (r1, r2) AND ANY 1 (*)", R1 | R2 | R3, R1     },
    {"ALL (*)",                      R2,           R2     },
};

static void try_rule(struct topology *t, struct sql *app, const struct rule_row *row, int id)
{
    char title[200];

    (void)snprintf(title, sizeof title, "%s with %u stopped", row->rule, row->stopped);
    sql_exec(gate_admin(t->gate), "SET quorum_rule = '%s'", row->rule);
    stop_receivers(t, row->stopped);
    sql_start(app, "/* %s */ INSERT INTO d.t VALUES (%d)", title, id);
    for (unsigned left = row->releases; left; left &= left - 1) {
        sql_assert_waiting(app, WATCH_MS);
        ck_assert_msg(!sql_value(server_admin(t->source), "SELECT id FROM d.t WHERE id = %d", id),
                      "%s: seen too early", title);
        start_receivers(t, left & -left);
    }
    sql_finish(app);
    start_receivers(t, row->stopped & ~row->releases);
    for (size_t i = 0; i < t->replica_count; i++)
        replica_wait_streaming(t->replica[i]);
    gate_wait_attached(t->gate, (unsigned)t->replica_count);
}

START_TEST(rules)
{
    struct topology *t = topology_start(TEST_FAMILY, "ALL (*)", 3);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    for (size_t i = 0; i < sizeof rule_rows / sizeof *rule_rows; i++)
        try_rule(t, app, &rule_rows[i], (int)i);
    topology_assert_same_data(t);
}
END_TEST

START_TEST(another_rule_lets_a_commit_go)
{
    struct topology *t = topology_start(TEST_FAMILY, "ALL (r1, r2)", 2);
    struct sql *app = gate_app(t->gate);
    struct sql *admin = gate_admin(t->gate);

    sql_exec(app, create_table);
    stop_receivers(t, R2);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    sql_assert_waiting(app, WATCH_MS);
    WAIT_SQL(admin, "SHOW STATUS LIKE 'Ackgate_waiting_transactions'", "Ackgate_waiting_transactions\t1");
    ck_assert_str_eq(sql_cell(sql_rows(admin, "SHOW QUORUM"), 0, "needed_for"), "r2");
    ck_assert_uint_ne(sql_try(admin, "SET quorum_rule = 'ANY 1 (r1, nobody)'"), 0);
    ck_assert_uint_ne(sql_try(admin, "SET quorum_rule = 'ANY 3 (r1, r2)'"), 0);
    ck_assert_uint_ne(sql_try(admin, "SET quorum_rule = ''"), 0);
    sql_assert_waiting(app, WATCH_MS);
    sql_exec(admin, "SET quorum_rule = 'ANY 1 (r1, r2)'");
    sql_finish(app);
    ck_assert_str_eq(sql_cell(sql_rows(admin, "SHOW QUORUM"), 0, "rule"), "ANY 1 (r1, r2)");
    /* and back */
    sql_exec(admin, "SET quorum_rule = 'ALL (r1, r2)'");
    sql_start(app, "INSERT INTO d.t VALUES (2)");
    sql_assert_waiting(app, WATCH_MS);
    start_receivers(t, R2);
    sql_finish(app);
    topology_assert_same_data(t);
}
END_TEST

static void set_semisync(struct server *replica, bool is_on)
{
    sql_exec(server_admin(replica), "SET GLOBAL rpl_semi_sync_%s_enabled = %d",
             replica->family == FAMILY_MYSQL ? "replica" : "slave", is_on);
}

/* A replica counts if it is listed and speaks semi-sync; others get everything and count for nothing. */
START_TEST(who_does_not_count)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct sql *app = gate_app(t->gate);
    struct server *unlisted = server_new(TEST_FAMILY, "unlisted", NULL);

    sql_exec(app, create_table);
    server_start(unlisted);
    replica_attach(unlisted, "127.0.0.1", t->gate->replication_port, "repl", "repl-pw", REPLICA_GTID);
    replica_wait_streaming(unlisted);
    stop_receivers(t, R1);
    sql_start(app, "INSERT INTO d.t VALUES (1)");
    sql_assert_waiting(app, WATCH_MS);
    WAIT_SQL(server_admin(unlisted), "SELECT COUNT(*) FROM d.t", "1");
    set_semisync(t->replica[0], false);
    start_receivers(t, R1);
    WAIT_SQL(server_admin(t->replica[0]), "SELECT COUNT(*) FROM d.t", "1");
    sql_assert_waiting(app, WATCH_MS);
    ck_assert_str_eq(count_of(t->source), "0");
    stop_receivers(t, R1);
    set_semisync(t->replica[0], true);
    start_receivers(t, R1);
    sql_finish(app);
    assert_same_data(t->source, t->replica[0], unlisted);
}
END_TEST

/* What the client hears of a commit that ackgate holds for longer than commit_wait. A source that waits
 * itself holds its answer, so this is one that does not. */
START_TEST(commit_wait_gives_up)
{
    static const char *const lines[] = {"app", "commit_wait = 300ms", "source", "semi_sync = off", NULL};
    const struct topology_options options = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .gate_lines = lines};
    struct topology *t = topology_start_with(&options);
    struct sql *app = gate_app(t->gate);

    sql_exec(app, create_table);
    stop_receivers(t, R1 | R2);
    for (int id = 1; id <= 3; id++) {
        sql_exec_fails(app, 1180, "INSERT INTO d.t VALUES (%d)", id);
        ck_assert_ptr_nonnull(strstr(sql_error(app), "ackgate: outcome not known yet: transaction "));
        ck_assert_ptr_nonnull(strstr(sql_error(app), "is written on the source and waits for "));
        ck_assert_str_eq(sql_state(app), "HY000");
        ck_assert_int_eq(sql_number(app, "SELECT CONNECTION_ID()"), (int64_t)sql_thread_id(app));
    }
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_commits_unknown"), "3");
    /* several results, of which the first is one too many */
    sql_exec_fails(app, 1180, "INSERT INTO d.t VALUES (4); SELECT 1; INSERT INTO d.t VALUES (5)");
    ck_assert_str_eq(sql_value(app, "SELECT MAX(id) FROM d.t"), "5");
    start_receivers(t, R2);
    gate_wait_attached(t->gate, 1);
    sql_exec(app, "INSERT INTO d.t VALUES (6)");
    start_receivers(t, R1);
    topology_assert_same_data(t);
}
END_TEST

/* The source itself holds the answer here: ackgate finds the sessions that wait there, and tells their
 * clients. */
START_TEST(commit_wait_gives_up_while_the_source_waits)
{
    static const char *const lines[] = {"app", "commit_wait = 300ms", NULL};
    const struct topology_options options = {
        .family = TEST_FAMILY, .rule = "ANY 1 (r1, r2)", .replicas = 2, .gate_lines = lines};
    struct topology *t = topology_start_with(&options);
    struct sql *app = gate_app(t->gate);
    struct sql *other = gate_app(t->gate);

    sql_exec(app, create_table);
    stop_receivers(t, R1 | R2);
    sql_start(other, "SELECT SLEEP(3)"); /* long, but not a commit */
    sql_exec_fails(app, 1180, "INSERT INTO d.t VALUES (1)");
    ck_assert_ptr_nonnull(strstr(sql_error(app), "ackgate: outcome not known yet: transaction "));
    ck_assert_ptr_nonnull(strstr(sql_error(app), "is written on the source and waits for r1, r2"));
    ck_assert_str_eq(sql_state(app), "HY000");
    const char *waiting = sql_value(gate_admin(t->gate), "SELECT gtid FROM waiting");
    ck_assert_msg(strstr(sql_error(app), waiting) != NULL, "%s does not name %s", sql_error(app), waiting);
    sql_start(app, "SELECT COUNT(*) FROM d.t"); /* the session goes on, once the source answers */
    start_receivers(t, R1 | R2);
    sql_finish(app);
    ck_assert_str_eq(sql_finished_text(app), "1");
    sql_finish(other);
    ck_assert_str_eq(gate_status(t->gate, "Ackgate_commits_unknown"), "1");
    sql_exec(app, "INSERT INTO d.t VALUES (2)");
    topology_assert_same_data(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quorum");

    e2e_add(suite, "any_one", any_one_of_two);
    e2e_add(suite, "rules", rules);
    e2e_add(suite, "another_rule", another_rule_lets_a_commit_go);
    e2e_add(suite, "not_counted", who_does_not_count);
    e2e_add(suite, "commit_wait", commit_wait_gives_up);
    e2e_add(suite, "commit_wait", commit_wait_gives_up_while_the_source_waits);
    return e2e_main(suite);
}
