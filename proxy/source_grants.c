/*
 * Whether source.user may read the binlog, asked before anything is set: a source that waits for acks which
 * nobody can give stands still, and with it the GRANT that would help.
 *
 * Only statements that do not wait for the binlog's lock. MySQL: two that need the same privileges. MariaDB
 * has no such statement for REPLICATION SLAVE; it lists an account's grants with those of its role. A server
 * that knows none of these is left to the dump, which says itself what is missing.
 */
#include "proxy/source_check_parts.h"

#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <string.h>

static enum result check_statement(struct source_check *check, const char *sql, const char *old_sql)
{
    struct sql_rows *rows = NULL;
    enum result result = sql_client_run(check->client, sql, &rows);
    if (result == RESULT_UNSUPPORTED)
        result = sql_client_run(check->client, old_sql, &rows);
    sql_rows_free(&rows);
    if (result == RESULT_UNSUPPORTED)
        return RESULT_OK;
    if (result != RESULT_DENIED)
        return result;
    source_check_add_reason(check, "%s may not read its binlog: %s. Give source.user that privilege",
                            log_quote_text(check->config->source.user),
                            log_quote_text(sql_client_error(check->client)));
    return RESULT_CONFLICT;
}

static enum result check_mysql(struct source_check *check)
{
    enum result result = check_statement(check, "SHOW REPLICAS", "SHOW SLAVE HOSTS");
    return result != RESULT_OK ? result : check_statement(check, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS");
}

static bool is_dump_granted(const struct sql_rows *rows)
{
    for (size_t i = 0; i < sql_rows_count(rows); i++) {
        const char *grant = sql_rows_text(rows, i, 0);
        if (grant != NULL && strstr(grant, " ON *.* TO ") != NULL &&
            (strstr(grant, "REPLICATION SLAVE") != NULL || strstr(grant, "ALL PRIVILEGES") != NULL))
            return true;
    }
    return false;
}

static enum result check_mariadb(struct source_check *check)
{
    struct sql_rows *rows;
    enum result result = sql_client_run(check->client, "SHOW GRANTS", &rows);
    if (result != RESULT_OK)
        return result;
    bool is_granted = is_dump_granted(rows);
    sql_rows_free(&rows);
    if (is_granted)
        return RESULT_OK;
    source_check_add_reason(
        check, "%s may not read its binlog. Give source.user the privilege REPLICATION SLAVE ON *.*",
        log_quote_text(check->config->source.user));
    return RESULT_CONFLICT;
}

enum result source_check_grants(struct source_check *check)
{
    return check->facts->flavor == FLAVOR_MARIADB ? check_mariadb(check) : check_mysql(check);
}
