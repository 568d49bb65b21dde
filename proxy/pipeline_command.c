/* The operator's commands: checked, journaled, done. */
#include "proxy/pipeline_parts.h"

#include "proxy/log.h"

#include <stdio.h>
#include <string.h>

/* Nothing is confirmed by a rule that a restart would not know, and from the answer to the operator on
 * nothing that the new one would not confirm. */
static void on_rule_durable(void *argument, uint64_t token)
{
    (void)token;
    struct pipeline *pipeline = argument;
    pipeline_step(pipeline, &(struct core_input){.type = CORE_RULE, .rule = &pipeline->next_rule});
}

enum result pipeline_set_quorum_rule(struct pipeline *pipeline, const char *rule, char *ret_error,
                                     size_t error_max)
{
    const struct config *config = pipeline->config;
    struct quorum quorum;
    enum result result =
        quorum_parse(rule, config->voters, config->voter_count, &quorum, ret_error, error_max);
    if (result != RESULT_OK)
        return result;
    if (strlen(rule) >= sizeof(pipeline->rule)) {
        snprintf(ret_error, error_max, "quorum rule: longer than %zu bytes", sizeof(pipeline->rule) - 1);
        return RESULT_TOO_LARGE;
    }
    bool is_same_text = strcmp(rule, pipeline->rule) == 0;
    if (is_same_text && quorum_is_same(&quorum, &pipeline->next_rule))
        return RESULT_OK;
    if (is_same_text)
        log_warn("quorum", "the rule is %s as before, but * means other replicas now", log_quote_text(rule));
    else
        log_warn("quorum", "the rule was %s and is now %s", pipeline->rule, log_quote_text(rule));
    snprintf(pipeline->rule, sizeof(pipeline->rule), "%s", rule);
    pipeline->next_rule = quorum;
    pipeline_step(pipeline, &(struct core_input){.type = CORE_RULE_COMING, .rule = &quorum});
    struct journal_record record = {
        .type = JOURNAL_POLICY, .policy = {.rule = rule, .who = "admin"}
    };
    journal_sink_put_synced(pipeline->journal, &record, on_rule_durable, pipeline, 0);
    return RESULT_OK;
}

void pipeline_reconfigure(struct pipeline *pipeline)
{
    const struct config *config = pipeline->config;
    core_set_voter_count(pipeline->core, config->voter_count);
    fanout_on_voters(pipeline->fanout);
    store_set_retention(pipeline->store, config->store.retain_time_ms, config->store.retain_size_bytes);
    app_on_limits(pipeline->app);
    overdue_set_commit_wait(pipeline->overdue, config->app.commit_wait_ms);
}

void pipeline_set_paused(struct pipeline *pipeline, bool is_paused)
{
    pipeline->is_paused = is_paused;
    app_set_paused(pipeline->app, is_paused);
    log_warn("app", is_paused ? "paused: new sessions wait until RESUME" : "resumed");
}

enum result pipeline_kill(struct pipeline *pipeline, uint64_t connection_id)
{
    return app_kill(pipeline->app, connection_id) || fanout_kill(pipeline->fanout, connection_id)
               ? RESULT_OK
               : RESULT_NOT_FOUND;
}

enum result pipeline_purge_to(struct pipeline *pipeline, const char *file, char *ret_error, size_t error_max)
{
    struct span base;
    uint64_t number;
    enum result result = binlog_name_parse(span_of_text(file), &base, &number);
    if (result == RESULT_OK && !span_is_text(base, store_base(pipeline->store)))
        result = RESULT_NOT_FOUND;
    if (result == RESULT_OK)
        result = store_purge_to(
            pipeline->store, number,
            position_min(core_confirmed(pipeline->core), fanout_oldest_needed(pipeline->fanout)));
    if (result == RESULT_CONFLICT)
        snprintf(ret_error, error_max, "a voter, or the confirmed position, still needs a file before %s",
                 log_quote_text(file));
    else if (result != RESULT_OK)
        snprintf(ret_error, error_max, "file %s: %s", log_quote_text(file), result_text(result));
    return result;
}
