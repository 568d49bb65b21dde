/*
 * What the source has to be set to: semi-sync without a way out, and sessions that name their transactions.
 *
 * A variable that differs is set (configure = on) or named in the refusal (configure = off). Nothing is set
 * that is right already: setting a semi-sync variable on a live source takes locks that waiting commits hold.
 */
#include "proxy/source_check_parts.h"

#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Finds out how the semi-sync variables are called; installs MySQL's plugin when it is missing and that is
 * allowed. */
static enum result find_semi_sync(struct source_check *check)
{
    char *value = NULL;
    enum result result = source_check_read_variable(check, "rpl_semi_sync_source_enabled", &value);
    check->is_new_naming = value != NULL;
    if (result == RESULT_OK && value == NULL)
        result = source_check_read_variable(check, "rpl_semi_sync_master_enabled", &value);
    bool is_there = value != NULL;
    free(value);
    if (result != RESULT_OK || is_there)
        return result;
    const char *sql = "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'";
    if (check->config->source.is_configured && sql_client_run(check->client, sql, NULL) == RESULT_OK) {
        log_info("source", "installed the semi-sync plugin (%s)", sql);
        check->is_new_naming = true;
        return RESULT_OK;
    }
    source_check_add_reason(
        check, "it has no semi-sync plugin%s%s: run  %s;  on it as an administrator",
        check->config->source.is_configured ? ", and it could not be installed: " : "",
        check->config->source.is_configured ? log_quote_text(sql_client_error(check->client)) : "", sql);
    return RESULT_CONFLICT;
}

/* Sets a variable that differs, or notes the difference. `value` is as it stands in SQL. */
static enum result want(struct source_check *check, const char *name, const char *is, const char *value)
{
    char sql[SOURCE_STATEMENT_MAX];
    snprintf(sql, sizeof(sql), "SET GLOBAL %s = %s", name, value);
    if (!check->config->source.is_configured) {
        source_check_add_reason(check, "%s%s is %s (run  %s;)", check->reason_length == 0 ? "" : "; ", name,
                                log_quote_text(is), sql);
        return RESULT_OK; /* goes on, so that all differences are named */
    }
    enum result result = sql_client_run(check->client, sql, NULL);
    if (result == RESULT_OK) {
        log_info("source", "set %s = %s (it was %s)", name, value, log_quote_text(is));
        return RESULT_OK;
    }
    source_check_add_reason(
        check,
        "%s is %s and could not be set to %s: %s. Give source.user the privilege that the error names, or "
        "run  %s;  as an administrator",
        name, log_quote_text(is), value, log_quote_text(sql_client_error(check->client)), sql);
    return RESULT_CONFLICT;
}

struct wanted {
    const char *new_name; /* NULL: one name on all versions */
    const char *old_name; /* NULL: only where the new name exists */
    const char *value;    /* what SELECT shows */
    const char *sql;      /* what SET takes */
};

/* In this order: semi-sync is switched on last, when all its settings are right. */
static const struct wanted mysql_semi_sync[] = {
    {"rpl_semi_sync_source_wait_point",             "rpl_semi_sync_master_wait_point",           "AFTER_SYNC", "'AFTER_SYNC'"},
    {"rpl_semi_sync_source_timeout",                "rpl_semi_sync_master_timeout",              "4294967295", "4294967295"  },
    {"rpl_semi_sync_source_wait_no_replica",        "rpl_semi_sync_master_wait_no_slave",        "1",          "ON"          },
    {"rpl_semi_sync_source_wait_for_replica_count", "rpl_semi_sync_master_wait_for_slave_count", "1",          "1"           },
    {"replication_sender_observe_commit_only",      "replication_sender_observe_commit_only",    "0",          "OFF"         },
    {"rpl_semi_sync_source_enabled",                "rpl_semi_sync_master_enabled",              "1",          "ON"          },
};
static const struct wanted mariadb_semi_sync[] = {
    {NULL, "rpl_semi_sync_master_wait_point",    "AFTER_SYNC",           "'AFTER_SYNC'"        },
    {NULL, "rpl_semi_sync_master_timeout",       "18446744073709551615", "18446744073709551615"},
    {NULL, "rpl_semi_sync_master_wait_no_slave", "1",                    "ON"                  },
    {NULL, "rpl_semi_sync_master_enabled",       "1",                    "ON"                  },
};

static enum result apply_wanted(struct source_check *check, const struct wanted *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = check->is_new_naming ? wanted[i].new_name : wanted[i].old_name;
        if (name == NULL)
            continue;
        char *is;
        enum result result = source_check_read_variable(check, name, &is);
        if (result == RESULT_OK && is != NULL && strcasecmp(is, wanted[i].value) != 0)
            result = want(check, name, is, wanted[i].sql);
        free(is);
        if (result != RESULT_OK)
            return result;
    }
    return RESULT_OK;
}

enum result source_check_semi_sync(struct source_check *check)
{
    if (!check->config->source.is_semi_sync)
        return RESULT_OK;
    if (check->facts->flavor == FLAVOR_MARIADB)
        return apply_wanted(check, mariadb_semi_sync,
                            sizeof(mariadb_semi_sync) / sizeof(mariadb_semi_sync[0]));
    enum result result = find_semi_sync(check);
    if (result != RESULT_OK)
        return result;
    return apply_wanted(check, mysql_semi_sync, sizeof(mysql_semi_sync) / sizeof(mysql_semi_sync[0]));
}

/* Whether a comma separated list has the word, in any case. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        size_t item = strcspn(at, ", ");
        if (item == length && strncasecmp(at, word, length) == 0)
            return true;
        at += item;
    }
    return false;
}

/* Whether it is names of variables and nothing else: it goes into a statement and into a reason. */
static bool is_list(const char *list)
{
    for (const char *at = list; *at != '\0'; at++)
        if (!(isalnum((unsigned char)*at) || *at == '_' || *at == ',' || *at == ' '))
            return false;
    return true;
}

/* The OKs must name their transactions, and tell when a client switches that off. */
enum result source_check_tracking(struct source_check *check)
{
    bool is_mysql = check->facts->flavor == FLAVOR_MYSQL;
    char *is = NULL;
    enum result result = RESULT_OK;
    if (is_mysql) {
        result = source_check_read_variable(check, "session_track_gtids", &is);
        if (result == RESULT_OK && is != NULL && strcasecmp(is, "OWN_GTID") != 0)
            result = want(check, "session_track_gtids", is, "'OWN_GTID'");
        free(is);
    }
    if (result == RESULT_OK)
        result = source_check_read_variable(check, "session_track_system_variables", &is);
    if (result != RESULT_OK)
        return result;
    if (is != NULL && strcmp(is, "*") != 0) {
        const char *first = is_mysql ? "session_track_gtids" : "last_gtid";
        const char *second = "session_track_system_variables";
        bool has_first = list_has(is, first);
        bool has_second = list_has(is, second);
        char value[SOURCE_STATEMENT_MAX];
        const char *kept = is_list(is) ? is : "";
        snprintf(value, sizeof(value), "'%s%s%s%s%s'", kept, has_first || kept[0] == '\0' ? "" : ",",
                 has_first ? "" : first, has_second ? "" : ",", has_second ? "" : second);
        if (!has_first || !has_second)
            result = want(check, "session_track_system_variables", is, value);
    }
    free(is);
    return result;
}
