/* Replicas in each family's own words, see replication.h. */
#include "test/lib/replication.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lib/place.h"
#include "test/lib/sql.h"
#include "test/lib/wait.h"

/* What MariaDB calls differently; the rest follows by replacing Source by Master. */
static const char *word(const struct server *server, const char *mysql, const char *mariadb)
{
    return server->family == FAMILY_MYSQL ? mysql : mariadb;
}

const char *semisync_name(enum family family, const char *what)
{
    return place_format("rpl_semi_sync_%s_%s", family == FAMILY_MYSQL ? "source" : "master", what);
}

static const char *mode_clause(const struct server *server, const struct replica_from *from)
{
    bool is_mysql = server->family == FAMILY_MYSQL;

    switch (from->mode) {
    case REPLICA_GTID:
        return is_mysql ? "SOURCE_AUTO_POSITION=1" : "MASTER_USE_GTID=slave_pos";
    case REPLICA_CURRENT_POS:
        ck_assert_msg(!is_mysql, "current_pos is MariaDB's");
        return "MASTER_USE_GTID=current_pos";
    case REPLICA_FILE_POS:
        return place_format(is_mysql ? "SOURCE_AUTO_POSITION=0, SOURCE_LOG_FILE='%s', SOURCE_LOG_POS=%llu"
                                     : "MASTER_USE_GTID=no, MASTER_LOG_FILE='%s', MASTER_LOG_POS=%llu",
                            from->file, (unsigned long long)from->pos);
    }
    ck_abort_msg("unknown replica mode");
}

void replica_attach_at(struct place where, struct server *server, const struct replica_from *from)
{
    struct sql *admin = server_admin_at(where, server);
    bool is_mysql = server->family == FAMILY_MYSQL;
    const char *prefix = word(server, "SOURCE", "MASTER");

    if (!from->no_semisync) {
        const char *variable = word(server, "rpl_semi_sync_replica_enabled", "rpl_semi_sync_slave_enabled");
        sql_exec_at(where, admin, "SET GLOBAL %s=1", variable);
        server_add_option(server, "--loose-%s=1", variable);
    }
    sql_exec_at(where, admin,
                "CHANGE %s TO %s_HOST='%s', %s_PORT=%u, %s_USER='%s', %s_PASSWORD='%s', %s_CONNECT_RETRY=1, "
                "%s_SSL=0, "
                "%s%s%s",
                word(server, "REPLICATION SOURCE", "MASTER"), prefix, from->host ? from->host : "127.0.0.1",
                prefix, from->port, prefix, from->user, prefix, from->password, prefix, prefix,
                mode_clause(server, from),
                is_mysql ? ", SOURCE_RETRY_COUNT=86400, GET_SOURCE_PUBLIC_KEY=1"
                         : ", MASTER_SSL_VERIFY_SERVER_CERT=0",
                from->more ? from->more : "");
    if (!from->no_start)
        sql_exec_at(where, admin, "%s", word(server, "START REPLICA", "START SLAVE"));
}

void replica_detach(struct server *server)
{
    sql_exec(server_admin(server), "%s", word(server, "STOP REPLICA", "STOP SLAVE"));
    sql_exec(server_admin(server), "%s", word(server, "RESET REPLICA ALL", "RESET SLAVE ALL"));
}

void replica_start_receiver(struct server *server)
{
    sql_exec(server_admin(server), "%s", word(server, "START REPLICA IO_THREAD", "START SLAVE IO_THREAD"));
}

void replica_stop_receiver(struct server *server)
{
    sql_exec(server_admin(server), "%s", word(server, "STOP REPLICA IO_THREAD", "STOP SLAVE IO_THREAD"));
}

void replica_start_applier(struct server *server)
{
    sql_exec(server_admin(server), "%s", word(server, "START REPLICA SQL_THREAD", "START SLAVE SQL_THREAD"));
}

void replica_stop_applier(struct server *server)
{
    sql_exec(server_admin(server), "%s", word(server, "STOP REPLICA SQL_THREAD", "STOP SLAVE SQL_THREAD"));
}

/* "Source_Log_File" → "Master_Log_File", "Replica_IO_Running" → "Slave_IO_Running" */
static void old_column_name(const char *column, char *ret_name, size_t max)
{
    static const char *const words[][2] = {
        {"Source",  "Master"},
        {"Replica", "Slave" }
    };
    size_t put = 0;

    while (*column && put + 8 < max) {
        size_t i = 0;
        while (i < 2 && strncmp(column, words[i][0], strlen(words[i][0])) != 0)
            i++;
        if (i < 2) {
            put += (size_t)snprintf(ret_name + put, max - put, "%s", words[i][1]);
            column += strlen(words[i][0]);
        } else {
            ret_name[put++] = *column++;
        }
    }
    ret_name[put] = '\0';
}

const char *replica_status(struct server *server, const char *column)
{
    const struct sql_rows *rows =
        sql_rows(server_admin(server), "%s", word(server, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"));
    char name[80];

    old_column_name(column, name, sizeof name);
    return sql_cell(rows, 0, server->family == FAMILY_MYSQL ? column : name);
}

/* MySQL says so before the dump is asked for; the thread's own state is what tells. */
static bool is_streaming(void *arg)
{
    const char *running = replica_status(arg, "Replica_IO_Running");
    const char *state = replica_status(arg, "Replica_IO_State");

    return running && strcmp(running, "Yes") == 0 && state && strstr(state, "aiting for ") &&
           strstr(state, " to send event");
}

void replica_wait_streaming_at(struct place where, struct server *server)
{
    if (wait_for(is_streaming, server, WAIT_SECONDS))
        return;
    fail_at(where, "%s does not stream: %s, error %s", server->name,
            replica_status(server, "Replica_IO_State"), replica_status(server, "Last_IO_Error"));
}

void replica_wait_caught_up_at(struct place where, struct server *server, struct server *with, double seconds)
{
    const char *gtids = server_gtids_at(where, with);
    struct sql *admin = server_admin_at(where, server);
    int limit = (int)(seconds * wait_factor());

    if (!*gtids)
        return;
    const char *left =
        server->family == FAMILY_MYSQL
            ? sql_value_at(where, admin, "SELECT WAIT_FOR_EXECUTED_GTID_SET('%s', %d)", gtids, limit)
            : sql_value_at(where, admin, "SELECT MASTER_GTID_WAIT('%s', %d)", gtids, limit);
    if (left && strcmp(left, "0") == 0)
        return;
    fail_at(where, "%s has not executed %s after %d s, but %s; receiver %s (%s), applier %s (%s)",
            server->name, gtids, limit, server_gtids_at(where, server),
            replica_status(server, "Replica_IO_Running"), replica_status(server, "Last_IO_Error"),
            replica_status(server, "Replica_SQL_Running"), replica_status(server, "Last_SQL_Error"));
}

void source_enable_semisync(struct server *server, unsigned replicas_needed)
{
    struct sql *admin = server_admin(server);

    sql_exec(admin, "SET GLOBAL %s='AFTER_SYNC'", semisync_name(server->family, "wait_point"));
    sql_exec(admin, "SET GLOBAL %s=4294967295", semisync_name(server->family, "timeout"));
    if (server->family == FAMILY_MYSQL)
        sql_exec(admin, "SET GLOBAL rpl_semi_sync_source_wait_for_replica_count=%u", replicas_needed);
    else
        ck_assert_msg(replicas_needed == 1, "MariaDB waits for one replica only");
    sql_exec(admin, "SET GLOBAL %s=1", semisync_name(server->family, "enabled"));
}
