/* See group.h. */
#include "test/bench/group.h"

#include <stdio.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

enum { JOIN_SECONDS = 60 };

void group_add_options(struct server *server)
{
    server_add_option(server, "--plugin-load-add=group_replication.so");
    server_add_option(server, "--report-host=127.0.0.1");
    server_add_option(server, "--loose-group-replication-group-name=6d0c1a2e-8d11-4b55-9b0d-0e6a5f1f9c01");
    server_add_option(server, "--loose-group-replication-start-on-boot=OFF");
    server_add_option(server, "--loose-group-replication-recovery-get-public-key=ON");
}

static void join(struct server *server, const char *address, const char *seeds, bool is_first)
{
    struct sql *admin = server_admin(server);
    sql_exec(admin, "SET GLOBAL group_replication_local_address = '%s'", address);
    sql_exec(admin, "SET GLOBAL group_replication_group_seeds = '%s'", seeds);
    sql_exec(admin, "SET GLOBAL group_replication_bootstrap_group = %s", is_first ? "ON" : "OFF");
    sql_exec(admin, "START GROUP_REPLICATION USER = 'repl', PASSWORD = 'repl-pw'");
    sql_exec(admin, "SET GLOBAL group_replication_bootstrap_group = OFF");
    WAIT_SQL_FOR(admin,
                 place_format("SELECT member_state FROM performance_schema.replication_group_members "
                              "WHERE member_port = %u",
                              server->port),
                 "ONLINE", JOIN_SECONDS);
}

void group_start(struct server *primary, struct server *const *others, size_t count)
{
    const char *first = place_format("127.0.0.1:%u", place_free_port());
    join(primary, first, first, true);
    for (size_t i = 0; i < count; i++)
        join(others[i], place_format("127.0.0.1:%u", place_free_port()), first, false);
}
