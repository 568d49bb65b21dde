/* What a source is looked at for before, and while, applications use it: somebody else's semi-sync replicas,
 * and what its engine has that its binlog has not, or the other way round. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/runner.h"
#include "test/lib/sql.h"
#include "test/lib/topology.h"
#include "test/lib/wait.h"

enum {
    LONG_SET_GTIDS = 12000, /* no two of them neighbours: more than 64 KiB as text */
    WATCH_MS = 6000,        /* longer than from one look to the next */
};

/* Its acks would release commits that the quorum does not have. */
START_TEST(semi_sync_replica_comes)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 2);
    struct sql *admin = gate_admin(t->gate);

    replica_detach(t->replica[1]);
    replica_attach(t->replica[1], "127.0.0.1", t->source->port, "repl", "repl-pw", REPLICA_GTID);
    WAIT_SQL(admin,
             "SELECT state, reason LIKE '%semi-sync replicas are attached to it beside ackgate%' FROM source",
             "refused\t1");
    replica_detach(t->replica[1]);
    for (int i = 0; i < 3; i++) /* so that the source finds it gone */
        sql_exec(server_admin(t->source), "FLUSH BINARY LOGS");
    gate_wait_open(t->gate);
    sql_exec(gate_app(t->gate), "CREATE DATABASE d");
    replica_wait_caught_up(t->replica[0], t->source);
}
END_TEST

static bool is_not_open(void *admin)
{
    return strcmp(sql_value(admin, "SELECT state FROM source"), "open") != 0;
}

/* Without semi-sync nothing is released by its acks. */
START_TEST(other_replica_comes)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 2);

    replica_detach(t->replica[1]);
    sql_exec(server_admin(t->replica[1]), "SET GLOBAL rpl_semi_sync_%s_enabled = 0",
             TEST_FAMILY == FAMILY_MYSQL ? "replica" : "slave");
    replica_attach_from(t->replica[1], &(struct replica_from){.port = t->source->port,
                                                              .user = "repl",
                                                              .password = "repl-pw",
                                                              .no_semisync = true});
    replica_wait_streaming(t->replica[1]);
    sql_exec(gate_app(t->gate), "CREATE DATABASE d");
    replica_wait_caught_up(t->replica[1], t->source);
    assert_stays_false(is_not_open, gate_admin(t->gate), WATCH_MS, "an open source");
}
END_TEST

static char *long_set(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    (void)fprintf(out, "3e11fa47-71ca-11e1-9e33-c80aa9429562");
    for (int i = 0; i < LONG_SET_GTIDS; i++)
        (void)fprintf(out, ":%d", 1 + 2 * i);
    (void)fclose(out);
    ck_assert_uint_gt(length, 64 * 1024);
    return text;
}

/* However long @@gtid_executed is. */
START_TEST(executed_what_nobody_has)
{
    struct topology *t = topology_start(TEST_FAMILY, "ANY 1 (r1)", 1);
    char *set = long_set();

    gate_stop(t->gate);
    sql_exec(server_admin(t->source), "SET GLOBAL gtid_purged = '+%s'", set);
    free(set);
    gate_start(t->gate);
    WAIT_SQL(gate_admin(t->gate), "SELECT state, reason LIKE 'it has executed 3e11fa47-%' FROM source",
             "refused\t1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");

    e2e_add(suite, "semi_sync_replica_comes", semi_sync_replica_comes);
    e2e_add(suite, "other_replica_comes", other_replica_comes);
    e2e_add_family(suite, "executed", executed_what_nobody_has, FAMILY_MYSQL);
    return e2e_main(suite);
}
