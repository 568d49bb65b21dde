/* The tables `status` and `variables`. */
#include "proxy/admin_tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add_text(struct admin_rows *rows, const char *name, const char *value)
{
    admin_rows_text(rows, name);
    admin_rows_text(rows, value);
}

static void add_number(struct admin_rows *rows, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    add_text(rows, name, text);
}

static void add_source(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct view_source source;
    pipeline_view_source(pipeline, &source);
    add_text(rows, "Ackgate_source_state", source.state);
    add_text(rows, "Ackgate_source_reason", source.reason);
    add_text(rows, "Ackgate_received_file", source.received.file);
    add_number(rows, "Ackgate_received_pos", source.received.offset);
    add_text(rows, "Ackgate_durable_file", source.durable.file);
    add_number(rows, "Ackgate_durable_pos", source.durable.offset);
    add_text(rows, "Ackgate_confirmed_file", source.confirmed.file);
    add_number(rows, "Ackgate_confirmed_pos", source.confirmed.offset);
    add_text(rows, "Ackgate_confirmed_gtid", source.confirmed_gtid);
}

static void add_quorum(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct view_quorum quorum;
    pipeline_view_quorum(pipeline, &quorum);
    add_text(rows, "Ackgate_quorum_rule", quorum.rule);
    add_text(rows, "Ackgate_quorum_satisfied", quorum.is_satisfied ? "ON" : "OFF");
    add_number(rows, "Ackgate_waiting_transactions", quorum.waiting_transactions);
    add_number(rows, "Ackgate_oldest_wait_ms", quorum.oldest_wait_ms);
}

void admin_fill_status(struct pipeline *pipeline, struct admin_rows *rows)
{
    struct view_counters counters;
    add_source(pipeline, rows);
    add_quorum(pipeline, rows);
    pipeline_view_counters(pipeline, &counters);
    add_number(rows, "Ackgate_commits_confirmed", counters.commits_confirmed);
    add_number(rows, "Ackgate_commits_held", counters.commits_held);
    add_number(rows, "Ackgate_commits_unknown", counters.commits_unknown);
    add_number(rows, "Ackgate_sessions", counters.sessions);
    add_number(rows, "Ackgate_replicas_attached", counters.replicas_attached);
    add_number(rows, "Ackgate_store_bytes", counters.store_bytes);
    add_number(rows, "Ackgate_discarded_transactions", counters.discarded_transactions);
    add_number(rows, "Ackgate_epoch", counters.epoch);
    add_number(rows, "Ackgate_uptime", counters.uptime_ms / 1000);
    add_text(rows, "Ackgate_version", ACKGATE_VERSION);
}

/* The rule in force is the journal's when an operator has set one, in an earlier run too. */
static void take_rule_in_force(struct pipeline *pipeline, struct config_variable *variable)
{
    struct view_quorum quorum;
    pipeline_view_quorum(pipeline, &quorum);
    if (strcmp(variable->value, quorum.rule) != 0)
        variable->origin = CONFIG_FROM_RUNTIME;
    snprintf(variable->value, sizeof(variable->value), "%s", quorum.rule);
}

void admin_fill_variables(struct pipeline *pipeline, struct admin_rows *rows)
{
    static const char *const origins[] = {"default", "file", "runtime"};
    for (size_t i = 0; i < config_variable_count(); i++) {
        struct config_variable variable;
        config_variable(pipeline_config(pipeline), i, &variable);
        if (strcmp(variable.name, "quorum.rule") == 0)
            take_rule_in_force(pipeline, &variable);
        admin_rows_text(rows, variable.name);
        admin_rows_text(rows, variable.value);
        admin_rows_text(rows, origins[variable.origin]);
        admin_rows_text(rows, variable.is_reloadable ? "yes" : "no");
    }
}
