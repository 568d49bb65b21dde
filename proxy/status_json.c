/* The document of status_json.h, from the same views as the admin port's tables. */
#include "proxy/status_json.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/json.h"
#include "proxy/metrics_ready.h"
#include "recovery/journal_text.h"

#include <stdlib.h>
#include <string.h>

enum { REPLICAS_MAX = 256, OBSERVERS_SHOWN = 20, WAITING_SHOWN = 20, JOURNAL_SHOWN = 30 };

static void put_position(struct json *json, const char *key, const struct view_position *position)
{
    if (position->file[0] == '\0') {
        json_null(json, key);
        return;
    }
    json_begin_object(json, key);
    json_text(json, "file", position->file);
    json_number(json, "pos", position->offset);
    json_end_object(json);
}

static void put_health(struct json *json, struct pipeline *pipeline)
{
    char reason[READY_REASON_MAX];
    struct view_health health;
    pipeline_view_health(pipeline, &health);
    json_bool(json, "ready", metrics_is_ready(pipeline, reason));
    json_text(json, "reason", reason);
    json_bool(json, "paused", health.is_paused);
    json_bool(json, "stopping", health.is_stopping);
    json_bool(json, "store_failed", health.is_store_failed);
    json_bool(json, "journal_failed", health.is_journal_failed);
}

static void put_source(struct json *json, struct pipeline *pipeline)
{
    struct view_source source;
    pipeline_view_source(pipeline, &source);
    json_begin_object(json, "source");
    json_text(json, "host", source.host);
    json_number(json, "port", source.port);
    json_text(json, "flavor", source.flavor);
    json_text(json, "version", source.version);
    json_text(json, "state", source.state);
    json_text(json, "reason", source.reason);
    json_text(json, "semi_sync", source.is_semi_sync ? "required" : "off");
    put_position(json, "received", &source.received);
    put_position(json, "durable", &source.durable);
    put_position(json, "confirmed", &source.confirmed);
    json_text(json, "confirmed_gtid", source.confirmed_gtid);
    json_end_object(json);
}

static void put_quorum(struct json *json, struct pipeline *pipeline)
{
    struct view_quorum quorum;
    pipeline_view_quorum(pipeline, &quorum);
    json_begin_object(json, "quorum");
    json_text(json, "rule", quorum.rule);
    json_bool(json, "satisfied", quorum.is_satisfied);
    json_number(json, "voters", quorum.voters);
    json_number(json, "attached", quorum.attached);
    json_text(json, "needed_for", quorum.needed_for);
    json_number(json, "waiting_transactions", quorum.waiting_transactions);
    json_number(json, "oldest_wait_ms", quorum.oldest_wait_ms);
    json_end_object(json);
}

static void put_counters(struct json *json, struct pipeline *pipeline)
{
    struct view_counters counters;
    uint64_t states[APP_SESSION_STATES];
    pipeline_view_counters(pipeline, &counters);
    pipeline_view_session_states(pipeline, states);
    json_number(json, "uptime_ms", counters.uptime_ms);
    json_number(json, "commits_confirmed", counters.commits_confirmed);
    json_number(json, "commits_held", counters.commits_held);
    json_number(json, "commits_unknown", counters.commits_unknown);
    json_number(json, "discarded_transactions", counters.discarded_transactions);
    json_number(json, "epoch", counters.epoch);
    json_number(json, "store_bytes", counters.store_bytes);
    json_begin_object(json, "sessions");
    json_number(json, "total", counters.sessions);
    json_number(json, "limit", pipeline_config(pipeline)->app.max_connections);
    for (size_t i = 0; i < APP_SESSION_STATES; i++)
        json_number(json, app_session_states[i], states[i]);
    json_end_object(json);
}

static void put_replica(struct json *json, const struct view_replica *view)
{
    json_begin_object(json, NULL);
    json_text(json, "name", view->name);
    json_text(json, "role", view->is_voter ? "voter" : "observer");
    json_text(json, "state", view->state);
    json_text(json, "host", view->host);
    json_text(json, "flavor", view->flavor);
    json_number(json, "server_id", view->server_id);
    json_bool(json, "semi_sync", view->is_semi_sync);
    put_position(json, "sent", &view->sent);
    put_position(json, "acked", &view->acked);
    json_number(json, "lag_bytes", view->lag_bytes);
    json_thousandths(json, "ack_ms_p50", view->ack_p50_us);
    json_thousandths(json, "ack_ms_p99", view->ack_p99_us);
    json_number(json, "attached_at_ms", view->attached_wall_ms);
    json_text(json, "last_error", view->last_error);
    json_end_object(json);
}

static void put_replicas(struct json *json, struct pipeline *pipeline)
{
    struct view_replica *views = xcalloc(REPLICAS_MAX, sizeof(views[0]));
    size_t count = pipeline_view_replicas(pipeline, views, REPLICAS_MAX);
    size_t observers = 0;
    json_begin_array(json, "replicas");
    for (size_t i = 0; i < count; i++) {
        if (views[i].is_voter || observers++ < OBSERVERS_SHOWN)
            put_replica(json, &views[i]);
    }
    json_end_array(json);
    json_number(json, "observers", observers);
    free(views);
}

static void put_waiting(struct json *json, struct pipeline *pipeline)
{
    struct view_waiting_list *list = pipeline_view_waiting(pipeline, WAITING_SHOWN);
    json_begin_array(json, "waiting");
    for (size_t i = 0; i < list->count; i++) {
        struct view_waiting view;
        view_waiting_show(list, i, &view);
        json_begin_object(json, NULL);
        json_text(json, "gtid", view.gtid);
        put_position(json, "end", &view.end);
        json_number(json, "waiting_ms", view.waiting_ms);
        json_text(json, "acked_by", view.acked_by);
        json_text(json, "missing", view.missing);
        json_number(json, "session_id", view.session_id);
        json_end_object(json);
    }
    json_end_array(json);
    free(list);
}

/* What lags and comes with every commit says nothing here. */
static bool is_decision(const struct journal_line *line)
{
    return strcmp(line->type, journal_type_name(JOURNAL_ACKS)) != 0 &&
           strcmp(line->type, journal_type_name(JOURNAL_CONFIRM)) != 0 &&
           strcmp(line->type, journal_type_name(JOURNAL_CHECKPOINT)) != 0;
}

static void put_journal(struct json *json, struct pipeline *pipeline)
{
    const struct journal_ring *ring = pipeline_journal(pipeline);
    size_t shown = 0;
    json_begin_array(json, "journal");
    for (size_t i = 0; ring != NULL && i < ring->count && shown < JOURNAL_SHOWN; i++) {
        const struct journal_line *line = journal_ring_line(ring, i);
        if (!is_decision(line))
            continue;
        json_begin_object(json, NULL);
        json_number(json, "seq", line->sequence);
        json_number(json, "epoch", line->epoch);
        json_number(json, "time_ms", line->time_ms);
        json_text(json, "type", line->type);
        json_text(json, "detail", line->detail);
        json_end_object(json);
        shown++;
    }
    json_end_array(json);
}

/* A row is: how long ago it ended, its length, commits, waiting, and each voter's mean latency or null. */
static void put_sample(struct json *json, const struct config *config, const struct status_sample *sample,
                       uint64_t now_ms)
{
    json_begin_array(json, NULL);
    json_number(json, NULL, now_ms - sample->at_ms);
    json_number(json, NULL, sample->took_ms);
    json_number(json, NULL, sample->confirmed);
    json_number(json, NULL, sample->waiting);
    for (size_t i = 0; i < config->voter_count; i++) {
        if (config->voters[i].is_removed)
            continue;
        if (sample->voters[i].acks == 0)
            json_null(json, NULL);
        else
            json_thousandths(json, NULL, sample->voters[i].mean_us);
    }
    json_end_array(json);
}

static void put_history(struct json *json, const struct config *config, const struct status_history *history)
{
    uint64_t now_ms = clock_monotonic_ms();
    json_begin_object(json, "history");
    json_number(json, "interval_ms", HISTORY_INTERVAL_MS);
    json_number(json, "samples_max", HISTORY_SAMPLES_MAX);
    json_begin_array(json, "voters");
    for (size_t i = 0; i < config->voter_count; i++)
        if (!config->voters[i].is_removed)
            json_text(json, NULL, config->voters[i].name);
    json_end_array(json);
    json_begin_array(json, "samples");
    for (size_t i = 0; i < status_history_count(history); i++)
        put_sample(json, config, status_history_sample(history, i), now_ms);
    json_end_array(json);
    json_end_object(json);
}

char *status_json_format(struct pipeline *pipeline, const struct status_history *history)
{
    char *text = NULL;
    size_t length = 0;
    struct json json;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        abort(); /* out of memory */
    json_init(&json, out);
    json_begin_object(&json, NULL);
    json_text(&json, "version", ACKGATE_VERSION);
    json_number(&json, "now_ms", clock_wall_ms());
    put_health(&json, pipeline);
    put_source(&json, pipeline);
    put_quorum(&json, pipeline);
    put_counters(&json, pipeline);
    put_replicas(&json, pipeline);
    put_waiting(&json, pipeline);
    put_journal(&json, pipeline);
    put_history(&json, pipeline_config(pipeline), history);
    json_end_object(&json);
    putc('\n', out);
    fclose(out);
    return text;
}
