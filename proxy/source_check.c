/* The look-over of source_check.h: what the source is and has. What it must be set to is in
 * source_settings.c. */
#include "proxy/source_check_parts.h"

#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXECUTED_COLUMN = 4, SQL_TIMEOUT_MIN_SECONDS = 1, LOCK_TIMEOUT_SECONDS = 1 };

void source_check_add_reason(struct source_check *check, const char *format, ...)
{
    size_t room = SOURCE_REASON_MAX - check->reason_length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(check->reason + check->reason_length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        check->reason_length += (size_t)length < room ? (size_t)length : room - 1;
}

enum result source_check_read_variable(struct source_check *check, const char *name, char **ret_value)
{
    char sql[SOURCE_STATEMENT_MAX];
    snprintf(sql, sizeof(sql), "SELECT @@GLOBAL.%s", name);
    *ret_value = NULL;
    enum result result = sql_client_value(check->client, sql, ret_value);
    if (result == RESULT_NOT_FOUND)
        return RESULT_OK;
    if (result != RESULT_OK)
        source_check_add_reason(check, "cannot read @@GLOBAL.%s: %s", name,
                                log_quote_text(sql_client_error(check->client)));
    return result;
}

static enum result read_text(struct source_check *check, const char *name, char *ret_text, size_t text_max)
{
    char *value;
    enum result result = source_check_read_variable(check, name, &value);
    if (result == RESULT_OK)
        snprintf(ret_text, text_max, "%s", value == NULL ? "" : value);
    free(value);
    return result;
}

static enum result read_identity(struct source_check *check)
{
    struct source_facts *facts = check->facts;
    char id[32];
    enum result result = read_text(check, "version", facts->version, sizeof(facts->version));
    if (result == RESULT_OK)
        result = read_text(check, "server_id", id, sizeof(id));
    if (result != RESULT_OK)
        return result;
    facts->server_id = (uint32_t)strtoul(id, NULL, 10);
    facts->flavor = strstr(facts->version, "MariaDB") != NULL ? FLAVOR_MARIADB : FLAVOR_MYSQL;
    enum flavor wanted = check->config->source.flavor;
    if (wanted != FLAVOR_UNKNOWN && wanted != facts->flavor) {
        source_check_add_reason(
            check, "it is %s %s, and source.flavor says %s: correct source.flavor or source.host",
            flavor_name(facts->flavor), log_quote_text(facts->version), flavor_name(wanted));
        return RESULT_CONFLICT;
    }
    if (facts->flavor == FLAVOR_MYSQL)
        result = read_text(check, "server_uuid", facts->server_uuid, sizeof(facts->server_uuid));
    return result;
}

/* Before anything is set: a server that is not the source must not start to wait for acks. */
static enum result check_identity(struct source_check *check)
{
    const struct source_identity *expected = &check->request->expected;
    const struct source_facts *facts = check->facts;
    bool is_same = expected->flavor == facts->flavor &&
                   (facts->flavor == FLAVOR_MYSQL ? strcmp(expected->server_uuid, facts->server_uuid) == 0
                                                  : expected->server_id == facts->server_id);
    if (!expected->is_known || is_same)
        return RESULT_OK;
    source_check_add_reason(
        check,
        "it is another server (%s %s, id %" PRIu32 ") than the one followed so far (%s %s, id %" PRIu32
        "): point source.host at that one, or give ackgate an empty data_dir to follow this one",
        flavor_name(facts->flavor), log_quote_text(facts->server_uuid), facts->server_id,
        flavor_name(expected->flavor), expected->server_uuid, expected->server_id);
    return RESULT_CONFLICT;
}

/* "/var/lib/mysql/binlog" → "binlog" */
static enum result read_base(struct source_check *check)
{
    char path[SOURCE_TEXT_MAX];
    enum result result = read_text(check, "log_bin_basename", path, sizeof(path));
    if (result != RESULT_OK)
        return result;
    const char *slash = strrchr(path, '/');
    snprintf(check->facts->base, sizeof(check->facts->base), "%s", slash == NULL ? path : slash + 1);
    return RESULT_OK;
}

/* Variables that cannot be changed from here. */
static enum result check_fixed(struct source_check *check)
{
    char value[SOURCE_TEXT_MAX];
    enum result result = read_text(check, "log_bin", value, sizeof(value));
    if (result != RESULT_OK)
        return result;
    if (strcmp(value, "1") != 0 && strcasecmp(value, "ON") != 0) {
        source_check_add_reason(check,
                                "its binary log is off: set log_bin in its option file and restart it");
        return RESULT_CONFLICT;
    }
    if (check->facts->flavor != FLAVOR_MYSQL)
        return RESULT_OK;
    result = read_text(check, "gtid_mode", value, sizeof(value));
    if (result == RESULT_OK && strcasecmp(value, "ON") != 0) {
        source_check_add_reason(
            check,
            "gtid_mode is %s, and ackgate needs ON: bring it up step by step (SET GLOBAL "
            "enforce_gtid_consistency = ON; then gtid_mode OFF_PERMISSIVE, ON_PERMISSIVE, ON) and put it "
            "into the option file",
            log_quote_text(value));
        return RESULT_CONFLICT;
    }
    return result;
}

/* Whether it takes what sessions tell it about their clients. */
static enum result check_proxied(struct source_check *check)
{
    char *networks = NULL;
    if (!check->config->source.is_proxied)
        return RESULT_OK;
    if (check->facts->flavor == FLAVOR_MYSQL) {
        source_check_add_reason(check,
                                "it is a MySQL, which takes no PROXY headers: source.proxy_protocol = off");
        return RESULT_CONFLICT;
    }
    enum result result = source_check_read_variable(check, "proxy_protocol_networks", &networks);
    if (result == RESULT_OK && (networks == NULL || networks[0] == '\0')) {
        source_check_add_reason(check,
                                "its proxy_protocol_networks is empty, so it takes no PROXY headers: set it "
                                "to ackgate's address there, or source.proxy_protocol = off here");
        result = RESULT_CONFLICT;
    }
    free(networks);
    return result;
}

static enum result read_first_file(struct source_check *check)
{
    struct sql_rows *rows = NULL;
    enum result result = sql_client_run(check->client, "SHOW BINARY LOGS", &rows);
    const char *file = result == RESULT_OK ? sql_rows_text(rows, 0, 0) : NULL;
    if (file == NULL) {
        sql_rows_free(&rows);
        source_check_add_reason(
            check,
            "SHOW BINARY LOGS failed: %s. Give source.user REPLICATION CLIENT (BINLOG MONITOR on MariaDB)",
            log_quote_text(sql_client_error(check->client)));
        return result == RESULT_OK ? RESULT_CONFLICT : result;
    }
    snprintf(check->facts->first_file, sizeof(check->facts->first_file), "%s", file);
    sql_rows_free(&rows);
    return RESULT_OK;
}

/* MySQL shows it beside the position. */
static void take_executed(struct source_facts *facts, const char *executed)
{
    free(facts->executed);
    facts->executed = facts->flavor == FLAVOR_MYSQL && executed != NULL ? xstrdup(executed) : NULL;
}

/* Where the binlog ends at this moment. The statement has two names. */
static enum result read_tail(struct source_check *check)
{
    struct sql_rows *rows = NULL;
    enum result result = sql_client_run(check->client, "SHOW BINARY LOG STATUS", &rows);
    if (result == RESULT_UNSUPPORTED)
        result = sql_client_run(check->client, "SHOW MASTER STATUS", &rows);
    const char *file = result == RESULT_OK ? sql_rows_text(rows, 0, 0) : NULL;
    const char *offset = result == RESULT_OK ? sql_rows_text(rows, 0, 1) : NULL;
    if (file == NULL || offset == NULL) {
        sql_rows_free(&rows);
        source_check_add_reason(check, "cannot read its binlog position: %s",
                                log_quote_text(sql_client_error(check->client)));
        return result == RESULT_OK ? RESULT_CONFLICT : result;
    }
    snprintf(check->facts->last_file, sizeof(check->facts->last_file), "%s", file);
    check->facts->last_offset = strtoull(offset, NULL, 10);
    check->facts->has_tail = true;
    take_executed(check->facts, sql_rows_text(rows, 0, EXECUTED_COLUMN));
    sql_rows_free(&rows);
    return RESULT_OK;
}

static enum result check_peers(struct source_check *check)
{
    enum result result = source_check_read_status(check, "Uptime", &check->facts->uptime_s);
    return result == RESULT_OK ? source_check_other_replicas(check) : result;
}

typedef enum result check_step(struct source_check *check);

static check_step *const steps[] = {
    read_identity,          check_identity,        check_fixed, check_proxied, source_check_grants,
    source_check_semi_sync, source_check_tracking, read_base,   check_peers,   source_check_read_prepared};

static enum result run_steps(struct source_check *check)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum result result = steps[i](check);
        if (result != RESULT_OK) {
            if (check->reason_length == 0)
                source_check_add_reason(check, "%s", log_quote_text(sql_client_error(check->client)));
            return result;
        }
    }
    if (check->reason_length == 0)
        return RESULT_OK;
    /* configure = off, and something differs */
    source_check_add_reason(check, ". Set these, or let ackgate do it with source.configure = on");
    return RESULT_CONFLICT;
}

void source_facts_release(struct source_facts *facts)
{
    free(facts->executed);
    free(facts->prepared.ids);
    *facts = (struct source_facts){0};
}

void source_facts_copy(struct source_facts *facts, const struct source_facts *from)
{
    size_t bytes = from->prepared.count * sizeof(*from->prepared.ids);
    *facts = *from;
    facts->executed = from->executed == NULL ? NULL : xstrdup(from->executed);
    facts->prepared.ids = xmalloc(bytes + 1);
    if (bytes > 0)
        memcpy(facts->prepared.ids, from->prepared.ids, bytes);
}

void source_check_request_release(struct source_check_request *request)
{
    free(request->repairs);
    free(request->probe);
    *request = (struct source_check_request){0};
}

enum result source_check_open(struct source_check *check, unsigned timeout_seconds)
{
    const struct config *config = check->config;
    struct sql_client_options options = {
        .host = config->source.host,
        .port = config->source.port,
        .user = config->source.user,
        .password = config->source.password,
        .timeout_seconds = timeout_seconds,
        .tls = &config->source.tls,
    };
    char *error = NULL;
    enum result result = sql_client_open(&options, &check->client, &error);
    if (result != RESULT_OK)
        source_check_add_reason(check, "cannot log in as %s: %s", log_quote_text(config->source.user),
                                log_quote_text(error));
    free(error);
    return result;
}

/* What the binlog's lock guards: on a connection of its own that gives up soon. */
static enum result read_files(struct source_check *check, bool needs_files)
{
    enum result result = source_check_open(check, LOCK_TIMEOUT_SECONDS);
    if (result == RESULT_OK && needs_files)
        result = read_first_file(check);
    if (result == RESULT_OK)
        result = read_tail(check);
    sql_client_close(&check->client);
    if (result != RESULT_IO || needs_files)
        return result;
    check->reason[0] = '\0';
    check->reason_length = 0;
    return RESULT_OK;
}

enum result source_check(const struct config *config, const struct source_check_request *request,
                         struct source_facts *ret_facts, char ret_reason[SOURCE_REASON_MAX])
{
    struct source_facts facts = {0};
    struct source_check check = {.config = config, .request = request, .facts = &facts, .reason = ret_reason};
    unsigned timeout_seconds = (unsigned)(config->source.connect_timeout_ms / 1000);
    ret_reason[0] = '\0';
    enum result result = source_check_open(
        &check, timeout_seconds < SQL_TIMEOUT_MIN_SECONDS ? SQL_TIMEOUT_MIN_SECONDS : timeout_seconds);
    if (result != RESULT_OK)
        return result;
    sql_client_address(check.client, facts.address, sizeof(facts.address));
    if (facts.address[0] == '\0')
        snprintf(facts.address, sizeof(facts.address), "%s", config->source.host);
    result = run_steps(&check);
    sql_client_close(&check.client);
    if (result == RESULT_OK)
        result = read_files(&check, request->needs_files);
    if (result == RESULT_OK)
        *ret_facts = facts;
    else
        source_facts_release(&facts);
    return result;
}

enum result source_check_tail(const struct config *config, struct source_facts *facts)
{
    char reason[SOURCE_REASON_MAX];
    struct source_check check = {.config = config, .facts = facts, .reason = reason};
    enum result result = source_check_open(&check, LOCK_TIMEOUT_SECONDS);
    if (result == RESULT_OK)
        result = read_tail(&check);
    sql_client_close(&check.client);
    return result;
}
