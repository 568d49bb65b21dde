/* Fifty admin clients that read every table in a loop while applications write: each gets whole answers of
 * one moment, and the commits go on. What that costs is measured by test/bench/admin_polling.c. */
#include <check.h>

#include "test/lib/load.h"
#include "test/lib/pollers.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum { CLIENTS = 50 };

static bool has_been_polled(void *pollers)
{
    return pollers_queries(pollers) > (uint64_t)e2e_scale(10000);
}

START_TEST(fifty_clients)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1, r2)", 2);
    struct load *load = load_start(t->gate, 4);
    struct pollers *pollers = pollers_start(t->gate, CLIENTS);

    pollers_set_active(pollers, true);
    load_wait_oks(load, 100);
    wait_until(has_been_polled, pollers, 60, "1000 queries");
    load_wait_oks(load, 100);
    pollers_stop(pollers);
    load_stop(load);
    load_assert_kept(load, t->source);
    topology_assert_same_data(t);
}
END_TEST

/* A query that takes long holds up neither commits nor, once it is interrupted, other queries. */
START_TEST(a_long_query_and_the_commits)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    struct load *load = load_start(t->gate, 2);
    struct sql *slow = sql_open(NULL, t->gate->admin_port, "admin", "admin-pw");
    const char *id = sql_value(slow, "SELECT CONNECTION_ID()");

    sql_start(slow, "SELECT count(*) FROM columns a, columns b, columns c, columns d");
    load_wait_oks(load, 20);
    sql_exec(gate_admin(t->gate), "KILL QUERY %s", id);
    ck_assert_str_eq(sql_value(gate_admin(t->gate), "SELECT state FROM source"), "open");
    ck_assert_uint_eq(sql_finish_try(slow), 1317);
    /* nor does a client that leaves while its query runs */
    sql_start(slow, "SELECT count(*) FROM columns a, columns b, columns c, columns d");
    sql_break(slow);
    (void)sql_finish_try(slow);
    ck_assert_str_eq(sql_value(gate_admin(t->gate), "SELECT state FROM source"), "open");
    load_stop(load);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin_polling");
    e2e_add(suite, "fifty", fifty_clients);
    e2e_add_family(suite, "long", a_long_query_and_the_commits, FAMILY_MARIADB);
    return e2e_main(suite);
}
