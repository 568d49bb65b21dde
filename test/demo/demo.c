/*
 * `make demo`: a source, two replicas and ackgate on this machine, and the story of a commit, told and
 * checked.
 *
 * SERVER=mysql|mariadb picks the family (mysql). Leaves everything running until Ctrl-C, with commands to
 * try; DEMO=once ends by itself, with exit code 0 when everything held.
 */
#include "test/lib/recover.h"
#include "test/lib/topology.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/lib/sql.h"
#include "test/lib/wait.h"

static unsigned failed;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void check(const char *what, bool holds)
{
    say("   %s %s", holds ? "[ok]  " : "[FAIL]", what);
    failed += !holds;
}

static enum family wanted_family(void)
{
    const char *server = getenv("SERVER");
    return server != NULL && strcmp(server, "mariadb") == 0 ? FAMILY_MARIADB : FAMILY_MYSQL;
}

static void show(struct sql *connection, const char *statement)
{
    say("   admin> %s", statement);
    char text[2048];
    sql_peek(connection, statement, text, sizeof(text));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        say("          %s", line);
}

static bool is_everywhere(struct topology *t, const char *query, const char *expected)
{
    bool holds = strcmp(sql_value(server_admin(t->source), "%s", query), expected) == 0;
    for (size_t i = 0; i < t->replica_count; i++)
        holds = holds && strcmp(sql_value(server_admin(t->replica[i]), "%s", query), expected) == 0;
    return holds;
}

static void tell_ordinary_commit(struct sql *app)
{
    say("\n1. An application commits through ackgate; a replica has the rows before the OK arrives.");
    sql_exec(app, "CREATE DATABASE shop");
    sql_exec(app, "CREATE TABLE shop.orders (id INT PRIMARY KEY, item VARCHAR(40))");
    sql_exec(app, "INSERT INTO shop.orders VALUES (1, 'tea'), (2, 'coffee')");
    check("the commit returned", sql_number(app, "SELECT COUNT(*) FROM shop.orders") == 2);
}

static void tell_waiting_commit(struct topology *t, struct sql *app)
{
    say("\n2. Both replicas stop receiving. A commit waits, and nobody sees its row.");
    replica_stop_receiver(t->replica[0]);
    replica_stop_receiver(t->replica[1]);
    sql_start(app, "INSERT INTO shop.orders VALUES (3, 'phantom')");
    struct sql *admin = gate_admin(t->gate);
    WAIT_SQL(admin, "SELECT COUNT(*) FROM waiting", "1");
    show(admin, "SELECT gtid, missing FROM waiting");
    check("the INSERT has not returned", !sql_is_done(app));
    check("another session on the source does not see the row",
          sql_number(server_admin(t->source), "SELECT COUNT(*) FROM shop.orders WHERE id = 3") == 0);
}

static void tell_release(struct topology *t, struct sql *app)
{
    say("\n3. One replica comes back. The rule is ANY 1 (r1, r2), so the commit goes on.");
    replica_start_receiver(t->replica[0]);
    sql_finish(app);
    check("the INSERT returned OK", true);
    check("the row is visible",
          sql_number(server_admin(t->source), "SELECT COUNT(*) FROM shop.orders WHERE id = 3") == 1);
    show(gate_admin(t->gate), "SELECT name, state, acked_gtid FROM replicas");
}

static void tell_end(struct topology *t)
{
    say("\n4. The other one comes back too, and all three servers are equal.");
    replica_start_receiver(t->replica[1]);
    topology_assert_same_data(t);
    check("source, r1 and r2 hold the same three orders",
          is_everywhere(t, "SELECT COUNT(*) FROM shop.orders", "3"));
}

static void show_output(const char *command)
{
    say("   $ %s", command);
    char text[2048];
    snprintf(text, sizeof(text), "%s", recover_output());
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        say("     %s", line);
}

static void tell_crash(struct topology *t, struct sql *app)
{
    say("\n5. Both replicas stop again. A commit is written to the source's binlog, nobody has it, and the "
        "source dies.");
    replica_stop_receiver(t->replica[0]);
    replica_stop_receiver(t->replica[1]);
    gate_wait_attached(t->gate, 0);
    sql_start(app, "INSERT INTO shop.orders VALUES (4, 'nobody has it')");
    WAIT_SQL(gate_admin(t->gate), "SELECT COUNT(*) FROM waiting", "1");
    server_kill(t->source);
    check("the client got no OK: its connection broke", sql_finish_try(app) != 0);
    say("   Started like this, the source would commit that order all by itself, and show it until the next "
        "failover.\n"
        "   ackgate-recover runs before it starts and asks ackgate what to discard:");
    int code = recover_run(t->gate, t->source, "apply", NULL);
    show_output("ackgate-recover apply --datadir … --proxy …");
    check("it is safe to start", code == 0);
    server_start(t->source);
    code = recover_run(t->gate, t->source, "verify", NULL);
    show_output("ackgate-recover verify --datadir … --proxy …          (after its start)");
    check("nothing that was cut is left in the source's engine", code == 0);
}

static void tell_after_crash(struct topology *t)
{
    static const char phantom[] = "SELECT COUNT(*) FROM shop.orders WHERE id = 4";
    say("\n6. The source is back, the replicas too, and commits go on.");
    replica_start_receiver(t->replica[0]);
    replica_start_receiver(t->replica[1]);
    topology_wait_open(t);
    struct sql *app = gate_app(t->gate);
    sql_exec(app, "INSERT INTO shop.orders VALUES (5, 'cake')");
    sql_close(app);
    topology_assert_same_data(t);
    show(gate_admin(t->gate), "SELECT epoch, gtid, reason FROM discarded");
    check("order 4 is on no server", is_everywhere(t, phantom, "0"));
    check("source, r1 and r2 hold the same four orders",
          is_everywhere(t, "SELECT COUNT(*) FROM shop.orders", "4"));
}

static void tell_what_to_try(const struct topology *t)
{
    say("\nEverything is left running until Ctrl-C. Try, in another terminal:\n"
        "   mariadb -h127.0.0.1 -P%u -uapp -papp-pw shop             the application's port\n"
        "   mariadb -h127.0.0.1 -P%u -uadmin -padmin-pw              the admin port: SHOW REPLICAS; HELP;\n"
        "   mariadb -h127.0.0.1 -P%u -uroot                          replica r1: STOP REPLICA IO_THREAD;\n"
        "   mariadb -h127.0.0.1 -P%u -uroot                          replica r2\n"
        "   http://127.0.0.1:%u/                                     the status page; /metrics for "
        "Prometheus\n"
        "   tail -f %s                        ackgate's log\n",
        t->gate->app_port, t->gate->admin_port, t->replica[0]->port, t->replica[1]->port,
        t->gate->metrics_port, t->gate->log);
}

static void wait_for_interrupt(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int got;
    sigwait(&signals, &got);
}

/* The fixture stands on Check, so the story is told inside of one test, in this process. */
START_TEST(story)
{
    enum family family = wanted_family();
    say("Starting a %s source, two replicas and ackgate …", family_name(family));
    struct topology *t = topology_start(family, "ANY 1 (r1, r2)", 2);
    say("   source 127.0.0.1:%u ← ackgate (SQL %u, replication %u, admin %u) ← r1 127.0.0.1:%u, r2 "
        "127.0.0.1:%u",
        t->source->port, t->gate->app_port, t->gate->replication_port, t->gate->admin_port,
        t->replica[0]->port, t->replica[1]->port);
    struct sql *app = gate_app(t->gate);
    tell_ordinary_commit(app);
    tell_waiting_commit(t, app);
    tell_release(t, app);
    tell_end(t);
    tell_crash(t, app);
    tell_after_crash(t);
    sql_close(app);
    say("\n%s", failed == 0 ? "Everything held." : "Something did not hold: see [FAIL] above.");
    const char *demo = getenv("DEMO");
    if (failed == 0 && (demo == NULL || strcmp(demo, "once") != 0)) {
        tell_what_to_try(t);
        wait_for_interrupt();
        say("\nStopping.");
    }
    topology_stop(t);
    ck_assert_uint_eq(failed, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("demo");
    TCase *tests = tcase_create("demo");
    tcase_add_test(tests, story);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT); /* the story is what there is to read */
    int tests_failed = srunner_ntests_failed(runner);
    if (tests_failed > 0)
        srunner_print(runner, CK_NORMAL);
    srunner_free(runner);
    return tests_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
