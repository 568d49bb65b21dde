/* Comparing what servers hold, see replication.h. */
#include <check.h>
#include <stdarg.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/replication.h"
#include "test/lib/sql.h"

const char *server_checksums(struct server *server)
{
    struct sql *admin = server_admin(server);

    sql_exec(admin, "SET SESSION group_concat_max_len = 16777216");
    const char *tables = sql_value(
        admin, "SELECT GROUP_CONCAT(CONCAT('`', table_schema, '`.`', table_name, '`') ORDER BY table_schema, "
               "table_name) "
               "FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
               "AND table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')");
    return tables ? sql_text(admin, "CHECKSUM TABLE %s", tables) : "";
}

static void compare(struct place where, struct server *first, struct server *other)
{
    const char *gtids = server_gtids_at(where, first), *other_gtids = server_gtids_at(where, other);
    const char *sums = server_checksums(first), *other_sums = server_checksums(other);

    if (strcmp(sums, other_sums) != 0)
        fail_at(where, "%s and %s hold different data:\n%s\n--\n%s", first->name, other->name, sums,
                other_sums);
    if (strcmp(gtids, other_gtids) != 0)
        fail_at(where, "%s and %s have executed different GTIDs:\n%s\n%s", first->name, other->name, gtids,
                other_gtids);
}

void assert_same_data_at(struct place where, struct server *first, ...)
{
    va_list args;

    va_start(args, first);
    for (struct server *other; (other = va_arg(args, struct server *));) {
        replica_wait_caught_up_at(where, other, first, 60);
        compare(where, first, other);
    }
    va_end(args);
}
