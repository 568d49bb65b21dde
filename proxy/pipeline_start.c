/* Bringing the pipeline up from what the disk says, and down again. */
#include "proxy/pipeline_parts.h"

#include "protocol/digest.h"
#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/recover_source.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HOUSEKEEPING_MS = 1000, DIR_MODE = 0700, PATH_MAX_BYTES = 4096 };

static enum result make_dir(const char *dir)
{
    if (mkdir(dir, DIR_MODE) == 0 || errno == EEXIST)
        return RESULT_OK;
    log_error("ackgate", "cannot make %s: %s", dir, strerror(errno));
    return RESULT_IO;
}

/* A random (version 4) UUID. */
static void make_uuid(char ret_uuid[JOURNAL_UUID_MAX])
{
    uint8_t b[16];
    digest_random(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    snprintf(ret_uuid, JOURNAL_UUID_MAX,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static enum result open_journal(struct pipeline *pipeline)
{
    char dir[PATH_MAX_BYTES];
    snprintf(dir, sizeof(dir), "%s/journal", pipeline->config->ackgate.data_dir);
    enum result result = make_dir(dir);
    if (result != RESULT_OK)
        return result;
    struct journal_sink_options options = {
        .loop = pipeline->loop,
        .disk = pipeline->disk,
        .dir = dir,
        .is_sync_always = pipeline->config->journal.is_synced_always,
    };
    struct journal_sink_callbacks callbacks = {pipeline_on_journal_failed, pipeline_on_journal_recovered,
                                               pipeline};
    struct journal_report report;
    result = journal_sink_open(&options, &callbacks, &pipeline->journal, &report);
    if (result != RESULT_OK)
        return result;
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    if (state->own_uuid[0] != '\0')
        snprintf(pipeline->own_uuid, sizeof(pipeline->own_uuid), "%s", state->own_uuid);
    else
        make_uuid(pipeline->own_uuid);
    struct journal_record record = {
        .type = JOURNAL_STARTED, .started = {pipeline->own_uuid, ACKGATE_VERSION}
    };
    journal_sink_put(pipeline->journal, &record);
    snprintf(pipeline->source_version, sizeof(pipeline->source_version), "%.*s", VIEW_NAME - 1,
             state->source_version);
    return RESULT_OK;
}

static enum result open_store(struct pipeline *pipeline)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    struct store_cut cut = {POSITION_NONE, state->epoch};
    if (state->discards_count > 0)
        cut.at = state->discards[state->discards_count - 1].from;
    struct store_options options = {
        .dir = pipeline->config->store.dir,
        .cut = cut,
        .is_synced = pipeline->config->store.is_synced,
        .retain_ms = pipeline->config->store.retain_time_ms,
        .retain_bytes = pipeline->config->store.retain_size_bytes,
    };
    struct store_callbacks callbacks = {
        .on_txn = pipeline_on_txn,
        .on_durable = pipeline_on_durable,
        .on_failed = pipeline_on_store_failed,
        .argument = pipeline,
    };
    return store_open(pipeline->loop, &options, &callbacks, &pipeline->store);
}

/* Opens the gate for everything up to the confirmed position. */
static enum result fill_gate(struct pipeline *pipeline, struct position confirmed)
{
    if (store_is_empty(pipeline->store))
        return RESULT_OK;
    struct position up_to = position_min(confirmed, store_end(pipeline->store));
    up_to = position_max(up_to, store_start(pipeline->store));
    struct gtid_state state;
    gtid_state_init(&state, store_flavor(pipeline->store));
    enum result result = store_gtids_at(pipeline->store, up_to, &state);
    if (result == RESULT_OK)
        gate_reset(pipeline->gate, &state);
    gtid_state_release(&state);
    return result;
}

/* The core, with what the journal says is confirmed and what the store has beyond that. */
static enum result start_core(struct pipeline *pipeline)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    const struct config *config = pipeline->config;
    const char *rule = state->rule != NULL ? state->rule : config->quorum.rule;
    struct quorum quorum;
    char error[VIEW_TEXT];
    if (quorum_parse(rule, config->voters, config->voter_count, &quorum, error, sizeof(error)) != RESULT_OK) {
        log_warn("quorum",
                 "the rule that an operator had set no longer fits the config (%s): using the config's",
                 error);
        rule = config->quorum.rule;
        enum result result =
            quorum_parse(rule, config->voters, config->voter_count, &quorum, error, sizeof(error));
        if (result != RESULT_OK) {
            log_error("quorum", "%s", error);
            return result;
        }
    }
    if (strcmp(rule, config->quorum.rule) != 0)
        log_warn("quorum",
                 "the rule in force was set by an operator and is not the config file's, which is %s: write "
                 "it there, "
                 "or SET quorum_rule",
                 config->quorum.rule);
    snprintf(pipeline->rule, sizeof(pipeline->rule), "%s", rule);
    pipeline->next_rule = quorum;
    enum result result = fill_gate(pipeline, state->confirmed);
    if (result != RESULT_OK)
        return result;
    pipeline->core = core_new(&quorum, config->voter_count, state->confirmed);
    if (store_is_empty(pipeline->store))
        return RESULT_OK;
    struct position from = position_max(state->confirmed, store_start(pipeline->store));
    if (position_compare(from, store_end(pipeline->store)) < 0)
        result = store_scan(pipeline->store, from, pipeline_feed_stored, pipeline);
    pipeline_on_durable(pipeline);
    return result;
}

static enum result start_fanout(struct pipeline *pipeline)
{
    struct fanout_identity identity = {pipeline->config->source.server_id, pipeline->own_uuid,
                                       pipeline->source_version};
    struct fanout_callbacks callbacks = {pipeline_on_attaching, pipeline_on_ack, pipeline_on_detached,
                                         pipeline};
    return fanout_start(pipeline->loop, pipeline->config, pipeline->tls.replication, pipeline->store,
                        &identity, &callbacks, &pipeline->fanout);
}

/* For the error that app.commit_wait gives. */
static void tell_missing_names(struct pipeline *pipeline)
{
    struct view_quorum view;
    pipeline_view_quorum(pipeline, &view);
    app_set_missing_names(pipeline->app, view.needed_for);
}

static void on_housekeeping(void *argument)
{
    struct pipeline *pipeline = argument;
    tell_missing_names(pipeline);
    if (!store_is_empty(pipeline->store))
        store_purge(pipeline->store,
                    position_min(core_confirmed(pipeline->core), fanout_oldest_needed(pipeline->fanout)));
    pipeline_consider_tail(pipeline);
    timer_start(&pipeline->housekeeping, HOUSEKEEPING_MS);
}

static void log_start(const struct pipeline *pipeline)
{
    struct position confirmed = core_confirmed(pipeline->core);
    char file[BINLOG_NAME_MAX];
    if (position_is_none(confirmed) || store_is_empty(pipeline->store)) {
        log_info("quorum", "rule %s; nothing is confirmed yet", pipeline->rule);
        return;
    }
    store_file_name(pipeline->store, confirmed.file, file, sizeof(file));
    log_info("quorum", "rule %s; confirmed up to %s %" PRIu64 ", %zu transactions wait", pipeline->rule, file,
             confirmed.offset, core_waiting_count(pipeline->core));
}

enum result pipeline_start(struct loop *loop, const struct config *config, struct pipeline **ret_pipeline)
{
    struct pipeline *pipeline = xcalloc(1, sizeof(*pipeline));
    pipeline->loop = loop;
    pipeline->config = config;
    pipeline->started_ms = clock_monotonic_ms();
    pipeline->disk = disk_new(loop);
    pipeline->gate = gate_new();
    enum result result = tls_contexts_init(&pipeline->tls, config);
    if (result == RESULT_OK)
        result = make_dir(config->ackgate.data_dir);
    if (result == RESULT_OK)
        result = open_journal(pipeline);
    if (result == RESULT_OK)
        result = open_store(pipeline);
    if (result == RESULT_OK)
        result = start_core(pipeline);
    if (result == RESULT_OK)
        result = start_fanout(pipeline);
    if (result == RESULT_OK)
        recover_note_start(pipeline);
    if (result == RESULT_OK)
        result = app_start(loop, config, &pipeline->tls, pipeline->gate, &pipeline->app);
    if (result != RESULT_OK) {
        pipeline_stop(&pipeline);
        return result;
    }
    log_start(pipeline);
    timer_init(&pipeline->housekeeping, loop, on_housekeeping, pipeline);
    timer_start(&pipeline->housekeeping, HOUSEKEEPING_MS);
    struct source_callbacks callbacks = {pipeline_on_source_event, pipeline_on_facts, pipeline_on_tail,
                                         pipeline_on_batch, pipeline};
    pipeline->overdue = overdue_new(loop, config, pipeline->core, pipeline->app);
    pipeline->source =
        source_start(loop, config, pipeline->tls.source, pipeline->store, pipeline->own_uuid, &callbacks);
    pipeline_expect_source(pipeline);
    *ret_pipeline = pipeline;
    return RESULT_OK;
}

void pipeline_drain(struct pipeline *pipeline, loop_fn *on_drained, void *argument)
{
    pipeline->is_draining = true;
    app_drain(pipeline->app, pipeline->config->ackgate.shutdown_timeout_ms, on_drained, argument);
}

void pipeline_stop(struct pipeline **pipeline)
{
    struct pipeline *old = *pipeline;
    if (old == NULL)
        return;
    *pipeline = NULL;
    timer_release(&old->housekeeping);
    overdue_free(&old->overdue);
    if (old->app != NULL)
        app_stop(&old->app);
    if (old->source != NULL)
        source_stop(&old->source);
    if (old->fanout != NULL)
        fanout_stop(&old->fanout);
    if (old->store != NULL)
        store_close(&old->store);
    if (old->journal != NULL)
        journal_sink_close(&old->journal);
    core_free(&old->core);
    gate_free(&old->gate);
    disk_free(&old->disk);
    tls_contexts_release(&old->tls);
    free(old);
}
