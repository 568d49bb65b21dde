/* What the pipeline shows of itself: copies for the admin port and the metrics. */
#include "proxy/pipeline_parts.h"

#include "protocol/xalloc.h"
#include "proxy/admission.h"
#include "proxy/clock.h"

#include <stdio.h>
#include <string.h>

static struct view_position show_position(const struct pipeline *pipeline, struct position position)
{
    struct view_position view = {.file = ""};
    if (position_is_none(position) || store_is_empty(pipeline->store))
        return view;
    char name[BINLOG_NAME_MAX];
    store_file_name(pipeline->store, position.file, name, sizeof(name));
    snprintf(view.file, sizeof(view.file), "%.*s", VIEW_FILE - 1, name);
    view.offset = position.offset;
    return view;
}

static void show_gtid(const struct gtid *gtid, char ret_text[VIEW_GTID])
{
    char text[GTID_TEXT_MAX];
    snprintf(ret_text, VIEW_GTID, "%s", gtid_format(gtid, text));
}

/* The GTID of the last confirmed transaction: this run's, or the journal's from before. */
static void show_confirmed_gtid(const struct pipeline *pipeline, char ret_text[VIEW_GTID])
{
    const struct gtid *gtid = core_confirmed_gtid(pipeline->core);
    if (!gtid_is_none(gtid))
        show_gtid(gtid, ret_text);
    else
        snprintf(ret_text, VIEW_GTID, "%s", journal_sink_state(pipeline->journal)->confirmed_gtid);
}

void pipeline_view_source(struct pipeline *pipeline, struct view_source *ret_view)
{
    struct view_source view = {.port = pipeline->config->source.port,
                               .is_semi_sync = pipeline->config->source.is_semi_sync};
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    snprintf(view.host, sizeof(view.host), "%s", pipeline->config->source.host);
    snprintf(view.state, sizeof(view.state), "%s", core_source_state_name(core_source_state(pipeline->core)));
    snprintf(view.reason, sizeof(view.reason), "%s", pipeline->source_reason);
    if (state->has_source) {
        snprintf(view.flavor, sizeof(view.flavor), "%s", flavor_name(state->flavor));
        snprintf(view.version, sizeof(view.version), "%.*s", VIEW_NAME - 1, state->source_version);
        snprintf(view.server_uuid, sizeof(view.server_uuid), "%s", state->source_uuid);
        view.server_id = state->source_server_id;
    }
    if (!store_is_empty(pipeline->store)) {
        view.received = show_position(pipeline, store_end(pipeline->store));
        view.durable = show_position(pipeline, store_durable(pipeline->store));
        view.confirmed = show_position(pipeline, core_confirmed(pipeline->core));
    }
    show_confirmed_gtid(pipeline, view.confirmed_gtid);
    *ret_view = view;
}

size_t pipeline_view_replicas(struct pipeline *pipeline, struct view_replica *ret_views, size_t max)
{
    return fanout_replicas(pipeline->fanout, ret_views, max);
}

static unsigned count_voters(const struct config *config)
{
    unsigned count = 0;
    for (size_t i = 0; i < config->voter_count; i++)
        count += !config->voters[i].is_removed;
    return count;
}

void pipeline_view_quorum(struct pipeline *pipeline, struct view_quorum *ret_view)
{
    struct view_quorum view = {
        .is_satisfied = core_is_quorum_satisfied(pipeline->core),
        .voters = count_voters(pipeline->config),
        .attached = (unsigned)__builtin_popcount(core_attached(pipeline->core)),
        .waiting_transactions = core_waiting_count(pipeline->core),
    };
    snprintf(view.rule, sizeof(view.rule), "%s", pipeline->rule);
    if (view.waiting_transactions > 0) {
        const struct core_transaction *oldest = core_waiting(pipeline->core, 0);
        view.oldest_wait_ms = (clock_monotonic_us() - oldest->stored_us) / 1000;
        quorum_format_voters(pipeline->config->voters, core_missing_for(pipeline->core, oldest->end),
                             view.needed_for, sizeof(view.needed_for));
    }
    *ret_view = view;
}

struct view_waiting_list *pipeline_view_waiting(struct pipeline *pipeline, size_t max)
{
    size_t count = core_waiting_count(pipeline->core);
    if (count > max)
        count = max;
    struct view_waiting_list *list = xmalloc(sizeof(*list) + count * sizeof(list->items[0]));
    snprintf(list->base, sizeof(list->base), "%s", store_base(pipeline->store));
    memcpy(list->voters, pipeline->config->voters, sizeof(list->voters));
    list->count = count;
    uint64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        const struct core_transaction *transaction = core_waiting(pipeline->core, i);
        list->items[i] = (struct view_waiting_item){
            .gtid = transaction->gtid,
            .end = transaction->end,
            .waiting_us = now_us - transaction->stored_us,
            .session_id = transaction->session_id,
            .acked_by = core_acked_by(pipeline->core, transaction->end),
            .missing = core_missing_for(pipeline->core, transaction->end),
        };
    }
    return list;
}

size_t pipeline_view_sessions_max(struct pipeline *pipeline)
{
    return app_sessions_max(pipeline->app);
}

size_t pipeline_view_sessions(struct pipeline *pipeline, struct view_session *ret_views, size_t max)
{
    return app_sessions(pipeline->app, ret_views, max);
}

void pipeline_view_session_states(struct pipeline *pipeline, uint64_t ret_counts[APP_SESSION_STATES])
{
    app_session_states_count(pipeline->app, ret_counts);
}

void pipeline_view_health(struct pipeline *pipeline, struct view_health *ret_view)
{
    *ret_view = (struct view_health){.is_paused = pipeline->is_paused,
                                     .is_stopping = pipeline->is_draining,
                                     .is_store_failed = pipeline->is_store_failed,
                                     .is_journal_failed = journal_sink_is_failed(pipeline->journal)};
}

/* Of each discard only once: their GTIDs may be many. */
static uint64_t count_discarded(struct pipeline *pipeline, const struct journal_state *state)
{
    while (pipeline->discards_counted < state->discards_count) {
        const struct journal_discarded *discarded = &state->discards[pipeline->discards_counted++];
        pipeline->discarded_transactions += admission_discarded_count(discarded, state->flavor);
    }
    return pipeline->discarded_transactions;
}

void pipeline_view_counters(struct pipeline *pipeline, struct view_counters *ret_view)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    struct view_counters view = {
        .commits_confirmed = pipeline->commits_confirmed,
        .replicas_attached = (uint64_t)__builtin_popcount(core_attached(pipeline->core)),
        .store_bytes = store_bytes(pipeline->store),
        .epoch = state->epoch,
        .uptime_ms = clock_monotonic_ms() - pipeline->started_ms,
        .discarded_transactions = count_discarded(pipeline, state),
    };
    app_counters(pipeline->app, &view);
    *ret_view = view;
}

void pipeline_view_commit_wait(struct pipeline *pipeline, struct view_histogram *ret_view)
{
    *ret_view = pipeline->commit_wait;
}

struct tls_contexts *pipeline_tls(struct pipeline *pipeline)
{
    return &pipeline->tls;
}

const struct config *pipeline_config(const struct pipeline *pipeline)
{
    return pipeline->config;
}

const struct store *pipeline_store(const struct pipeline *pipeline)
{
    return pipeline->store;
}

const struct journal_ring *pipeline_journal(const struct pipeline *pipeline)
{
    return journal_sink_ring(pipeline->journal);
}

const struct journal_state *pipeline_journal_state(const struct pipeline *pipeline)
{
    return journal_sink_state(pipeline->journal);
}
