/* The system variables of replica_variables.h: one table, and the few that are computed. */
#include "proxy/replica_variables.h"

#include "protocol/xalloc.h"

#include <string.h>
#include <unistd.h>

typedef char *variable_fn(const struct replica_server *server);

struct variable {
    const char *name;
    enum flavor flavor; /* FLAVOR_UNKNOWN: both have it */
    const char *text;   /* constant, or */
    variable_fn *fn;    /* computed */
    bool is_switch;     /* text is "1" or "0", shown as ON or OFF */
};

enum flavor replica_server_flavor(const struct replica_server *server)
{
    if (!store_is_empty(server->store))
        return store_flavor(server->store);
    return strstr(server->identity->source_version, "MariaDB") != NULL ? FLAVOR_MARIADB : FLAVOR_MYSQL;
}

bool replica_server_is_checksummed(const struct replica_server *server)
{
    struct position start = {store_end(server->store).file, BINLOG_START};
    struct span bytes;
    struct binlog_event_header header;
    struct binlog_format format;
    if (store_is_empty(server->store) ||
        store_read(server->store, start, BINLOG_FORMAT_EVENT_MAX, &bytes) != RESULT_OK ||
        binlog_event_header_decode(bytes, &header) != RESULT_OK || header.length > bytes.length)
        return true;
    bytes.length = header.length;
    return binlog_format_decode(bytes, &format) != RESULT_OK || binlog_format_is_checksummed(&format);
}

static char *version(const struct replica_server *server)
{
    return xstrdup(server->identity->source_version);
}

static char *server_id(const struct replica_server *server)
{
    return xasprintf("%u", server->identity->server_id);
}

static char *server_uuid(const struct replica_server *server)
{
    return xstrdup(server->identity->server_uuid);
}

static char *binlog_checksum(const struct replica_server *server)
{
    return xstrdup(replica_server_is_checksummed(server) ? "CRC32" : "NONE");
}

static char *gtids_all(const struct replica_server *server)
{
    return gtid_state_format(store_gtids(server->store));
}

static char *gtids_last(const struct replica_server *server)
{
    const struct gtid_state *state = store_gtids(server->store);
    if (state->flavor != FLAVOR_MARIADB)
        return xstrdup("");
    size_t room = state->list.count * GTID_TEXT_MAX + 1;
    char *text = xcalloc(1, room);
    struct writer writer;
    writer_init(&writer, text, room - 1);
    gtid_list_write_last(&writer, &state->list);
    return text;
}

static char *gtids_purged(const struct replica_server *server)
{
    const struct gtid_state *state;
    if (store_is_empty(server->store) ||
        store_file_gtids(server->store, store_start(server->store).file, &state) != RESULT_OK)
        return xstrdup("");
    return gtid_state_format(state);
}

static char *log_bin_basename(const struct replica_server *server)
{
    return xstrdup(store_base(server->store));
}

static char *host_name(const struct replica_server *server)
{
    (void)server;
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1) != 0)
        name[0] = '\0';
    return xstrdup(name);
}

static const struct variable variables[] = {
    {"auto_increment_increment",               FLAVOR_UNKNOWN, "1",                                          NULL,             false},
    {"auto_increment_offset",                  FLAVOR_UNKNOWN, "1",                                          NULL,             false},
    {"autocommit",                             FLAVOR_UNKNOWN, "1",                                          NULL,             true },
    {"binlog_annotate_row_events",             FLAVOR_MARIADB, "1",                                          NULL,             true },
    {"binlog_checksum",                        FLAVOR_UNKNOWN, NULL,                                         binlog_checksum,  false},
    {"binlog_format",                          FLAVOR_UNKNOWN, "ROW",                                        NULL,             false},
    {"binlog_gtid_simple_recovery",            FLAVOR_MYSQL,   "1",                                          NULL,             true },
    {"binlog_row_image",                       FLAVOR_UNKNOWN, "FULL",                                       NULL,             false},
    {"binlog_row_metadata",                    FLAVOR_UNKNOWN, "MINIMAL",                                    NULL,             false},
    {"binlog_row_value_options",               FLAVOR_MYSQL,   "",                                           NULL,             false},
    {"binlog_rows_query_log_events",           FLAVOR_MYSQL,   "0",                                          NULL,             true },
    {"binlog_transaction_compression",         FLAVOR_MYSQL,   "0",                                          NULL,             true },
    {"character_set_client",                   FLAVOR_UNKNOWN, "utf8mb4",                                    NULL,             false},
    {"character_set_connection",               FLAVOR_UNKNOWN, "utf8mb4",                                    NULL,             false},
    {"character_set_database",                 FLAVOR_UNKNOWN, "utf8mb4",                                    NULL,             false},
    {"character_set_results",                  FLAVOR_UNKNOWN, "utf8mb4",                                    NULL,             false},
    {"character_set_server",                   FLAVOR_UNKNOWN, "utf8mb4",                                    NULL,             false},
    {"character_set_system",                   FLAVOR_UNKNOWN, "utf8mb3",                                    NULL,             false},
    {"collation_connection",                   FLAVOR_UNKNOWN, "utf8mb4_general_ci",                         NULL,             false},
    {"collation_database",                     FLAVOR_UNKNOWN, "utf8mb4_general_ci",                         NULL,             false},
    {"collation_server",                       FLAVOR_UNKNOWN, "utf8mb4_general_ci",                         NULL,             false},
    {"enforce_gtid_consistency",               FLAVOR_MYSQL,   "ON",                                         NULL,             false},
    {"gtid_binlog_pos",                        FLAVOR_MARIADB, NULL,                                         gtids_last,       false},
    {"gtid_binlog_state",                      FLAVOR_MARIADB, NULL,                                         gtids_all,        false},
    {"gtid_current_pos",                       FLAVOR_MARIADB, NULL,                                         gtids_last,       false},
    {"gtid_domain_id",                         FLAVOR_MARIADB, "0",                                          NULL,             false},
    {"gtid_executed",                          FLAVOR_MYSQL,   NULL,                                         gtids_all,        false},
    {"gtid_mode",                              FLAVOR_MYSQL,   "ON",                                         NULL,             false},
    {"gtid_purged",                            FLAVOR_MYSQL,   NULL,                                         gtids_purged,     false},
    {"gtid_slave_pos",                         FLAVOR_MARIADB, "",                                           NULL,             false},
    {"gtid_strict_mode",                       FLAVOR_MARIADB, "1",                                          NULL,             true },
    {"hostname",                               FLAVOR_UNKNOWN, NULL,                                         host_name,        false},
    {"init_connect",                           FLAVOR_UNKNOWN, "",                                           NULL,             false},
    {"interactive_timeout",                    FLAVOR_UNKNOWN, "28800",                                      NULL,             false},
    {"license",                                FLAVOR_UNKNOWN, "GPL",                                        NULL,             false},
    {"log_bin",                                FLAVOR_UNKNOWN, "1",                                          NULL,             true },
    {"log_bin_basename",                       FLAVOR_UNKNOWN, NULL,                                         log_bin_basename, false},
    {"log_replica_updates",                    FLAVOR_MYSQL,   "1",                                          NULL,             true },
    {"log_slave_updates",                      FLAVOR_UNKNOWN, "1",                                          NULL,             true },
    {"lower_case_table_names",                 FLAVOR_UNKNOWN, "0",                                          NULL,             false},
    {"max_allowed_packet",                     FLAVOR_UNKNOWN, "1073741824",                                 NULL,             false},
    {"net_buffer_length",                      FLAVOR_UNKNOWN, "16384",                                      NULL,             false},
    {"net_read_timeout",                       FLAVOR_UNKNOWN, "30",                                         NULL,             false},
    {"net_write_timeout",                      FLAVOR_UNKNOWN, "60",                                         NULL,             false},
    {"performance_schema",                     FLAVOR_UNKNOWN, "0",                                          NULL,             true },
    {"protocol_version",                       FLAVOR_UNKNOWN, "10",                                         NULL,             false},
    {"query_cache_size",                       FLAVOR_MARIADB, "0",                                          NULL,             false},
    {"query_cache_type",                       FLAVOR_MARIADB, "0",                                          NULL,             true },
    {"read_only",                              FLAVOR_UNKNOWN, "1",                                          NULL,             true },
    {"replication_sender_observe_commit_only", FLAVOR_MYSQL,   "0",                                          NULL,             true },
    {"rpl_semi_sync_master_enabled",           FLAVOR_UNKNOWN, "1",                                          NULL,             true },
    {"rpl_semi_sync_master_wait_point",        FLAVOR_UNKNOWN, "AFTER_SYNC",                                 NULL,             false},
    {"rpl_semi_sync_source_enabled",           FLAVOR_MYSQL,   "1",                                          NULL,             true },
    {"rpl_semi_sync_source_wait_point",        FLAVOR_MYSQL,   "AFTER_SYNC",                                 NULL,             false},
    {"server_id",                              FLAVOR_UNKNOWN, NULL,                                         server_id,        false},
    {"server_uuid",                            FLAVOR_MYSQL,   NULL,                                         server_uuid,      false},
    {"sql_mode",                               FLAVOR_UNKNOWN, "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION", NULL,             false},
    {"super_read_only",                        FLAVOR_MYSQL,   "1",                                          NULL,             true },
    {"system_time_zone",                       FLAVOR_UNKNOWN, "UTC",                                        NULL,             false},
    {"time_zone",                              FLAVOR_UNKNOWN, "SYSTEM",                                     NULL,             false},
    {"transaction_isolation",                  FLAVOR_MYSQL,   "REPEATABLE-READ",                            NULL,             false},
    {"transaction_read_only",                  FLAVOR_MYSQL,   "0",                                          NULL,             true },
    {"tx_isolation",                           FLAVOR_MARIADB, "REPEATABLE-READ",                            NULL,             false},
    {"tx_read_only",                           FLAVOR_MARIADB, "0",                                          NULL,             true },
    {"version",                                FLAVOR_UNKNOWN, NULL,                                         version,          false},
    {"version_comment",                        FLAVOR_UNKNOWN, "ackgate replication port",                   NULL,             false},
    {"version_compile_machine",                FLAVOR_UNKNOWN, "x86_64",                                     NULL,             false},
    {"version_compile_os",                     FLAVOR_UNKNOWN, "Linux",                                      NULL,             false},
    {"wait_timeout",                           FLAVOR_UNKNOWN, "28800",                                      NULL,             false},
};

size_t replica_variable_count(void)
{
    return sizeof(variables) / sizeof(variables[0]);
}

const char *replica_variable_name(const struct replica_server *server, size_t index)
{
    const struct variable *variable = &variables[index];
    bool is_there = variable->flavor == FLAVOR_UNKNOWN || variable->flavor == replica_server_flavor(server);
    return is_there ? variable->name : NULL;
}

char *replica_variable_value(const struct replica_server *server, size_t index,
                             enum replica_variable_form form)
{
    const struct variable *variable = &variables[index];
    if (variable->fn != NULL)
        return variable->fn(server);
    if (variable->is_switch && form == VARIABLE_IN_SHOW)
        return xstrdup(variable->text[0] == '1' ? "ON" : "OFF");
    return xstrdup(variable->text);
}

enum result replica_variable_find(const struct replica_server *server, struct span name, size_t *ret_index)
{
    for (size_t i = 0; i < replica_variable_count(); i++) {
        if (replica_variable_name(server, i) != NULL && span_is_text_nocase(name, variables[i].name)) {
            *ret_index = i;
            return RESULT_OK;
        }
    }
    return RESULT_NOT_FOUND;
}
