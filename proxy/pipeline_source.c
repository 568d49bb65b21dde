/*
 * The source's side of pipeline.h: whether it is the one that was followed, where its dump starts, when it is
 * admitted.
 */
#include "proxy/pipeline_parts.h"

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/recover_source.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UPTIME_SLACK_MS = 2000 };

/* The store may have lost its newest files or tail: until it has again what the source had when it was asked,
 * a replica that seems to have more is only ahead of it. */
static void consider_complete(struct pipeline *pipeline)
{
    if (pipeline->is_store_complete || position_is_none(pipeline->tail) || store_is_empty(pipeline->store) ||
        position_compare(store_end(pipeline->store), pipeline->tail) < 0)
        return;
    pipeline->is_store_complete = true;
    fanout_set_complete(pipeline->fanout);
}

/* What was confirmed while there was no stream, or between choosing where the dump starts and its first
 * bytes, could not be acked then; the source may wait for exactly that. */
static void settle_ack(struct pipeline *pipeline)
{
    struct position confirmed = core_confirmed(pipeline->core);
    if (!pipeline->owes_ack || position_is_none(confirmed) ||
        position_compare(confirmed, store_end(pipeline->store)) > 0)
        return;
    pipeline->owes_ack = false;
    pipeline_release(pipeline, confirmed);
}

void pipeline_on_batch(void *argument)
{
    struct pipeline *pipeline = argument;
    fanout_on_stored(pipeline->fanout);
    consider_complete(pipeline);
    settle_ack(pipeline);
}

static void set_source_state(struct pipeline *pipeline, enum core_source_state state, const char *reason)
{
    if (reason[0] != '\0' || pipeline->source_reason[0] == '\0')
        snprintf(pipeline->source_reason, sizeof(pipeline->source_reason), "%s",
                 reason[0] != '\0' ? reason : "not connected yet");
    pipeline_step(pipeline, &(struct core_input){.type = CORE_SOURCE, .source = state});
}

/* It is looked at again every few seconds, and refused again: journaled once. */
static void journal_refusal(struct pipeline *pipeline, const char *reason)
{
    if (core_source_state(pipeline->core) != CORE_SOURCE_OPEN &&
        strcmp(pipeline->journaled_refusal, reason) == 0)
        return;
    snprintf(pipeline->journaled_refusal, sizeof(pipeline->journaled_refusal), "%s", reason);
    journal_sink_put(pipeline->journal, &(struct journal_record){.type = JOURNAL_REFUSED, .text = reason});
}

/* The tail while it is not known. */
static const struct position behind_everything = {UINT64_MAX, UINT64_MAX};

void pipeline_on_source_event(void *argument, enum source_event event, const char *reason)
{
    struct pipeline *pipeline = argument;
    switch (event) {
    case SOURCE_CONNECTING:
        set_source_state(pipeline, CORE_SOURCE_CONNECTING, reason);
        break;
    case SOURCE_VERIFYING:
        set_source_state(pipeline, CORE_SOURCE_VERIFYING, reason);
        break;
    case SOURCE_LOST:
        if (pipeline->tail_refusal[0] != '\0')
            set_source_state(pipeline, CORE_SOURCE_REFUSED, pipeline->tail_refusal);
        else
            set_source_state(pipeline, CORE_SOURCE_DOWN, reason);
        break;
    case SOURCE_REFUSED:
        journal_refusal(pipeline, reason);
        set_source_state(pipeline, CORE_SOURCE_REFUSED, reason);
        break;
    case SOURCE_STREAMING:
        pipeline->owes_ack = true;
        snprintf(pipeline->source_reason, sizeof(pipeline->source_reason),
                 "completing transactions that the quorum does not have yet");
        app_set_admitted(pipeline->app, false, pipeline->source_reason);
        pipeline_step(pipeline,
                      &(struct core_input){.type = CORE_TAIL,
                                           .position = position_is_none(pipeline->tail) ? behind_everything
                                                                                        : pipeline->tail});
        pipeline_consider_tail(pipeline);
        consider_complete(pipeline);
        break;
    }
}

void pipeline_expect_source(struct pipeline *pipeline)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    struct source_identity identity = {state->has_source, state->flavor, state->source_server_id, ""};
    snprintf(identity.server_uuid, sizeof(identity.server_uuid), "%s", state->source_uuid);
    source_expect(pipeline->source, &identity);
}

static void note_source(struct pipeline *pipeline, const struct source_facts *facts, const char *base)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    if (!state->has_source || strcmp(state->source_version, facts->version) != 0) {
        struct journal_record record = {
            .type = JOURNAL_SOURCE,
            .source = {facts->flavor, facts->server_id, facts->server_uuid, base, facts->version},
        };
        journal_sink_put(pipeline->journal, &record);
        pipeline_expect_source(pipeline);
    }
    snprintf(pipeline->source_version, sizeof(pipeline->source_version), "%.*s", VIEW_NAME - 1,
             facts->version);
    struct fanout_identity identity = {pipeline->config->source.server_id, pipeline->own_uuid,
                                       pipeline->source_version};
    fanout_set_identity(pipeline->fanout, &identity);
}

/* Fewer bytes than what was received from it (tail_min): it has lost some. */
static bool take_tail(struct pipeline *pipeline, const struct source_facts *facts, uint64_t last_file,
                      char ret_reason[SOURCE_REASON_MAX])
{
    struct position tail = {last_file, facts->last_offset};
    struct position min = pipeline->tail_min;
    if (!position_is_none(min) && position_compare(tail, min) < 0) {
        snprintf(ret_reason, SOURCE_REASON_MAX,
                 "its binlog ends at %s:%" PRIu64 ", before what was received from it (file %" PRIu64
                 ", offset %" PRIu64 "): it has lost its tail and must not serve as source",
                 log_quote_text(facts->last_file), facts->last_offset, min.file, min.offset);
        return false;
    }
    pipeline->tail = tail;
    return true;
}

bool pipeline_on_tail(void *argument, const struct source_facts *facts, char ret_reason[SOURCE_REASON_MAX])
{
    struct pipeline *pipeline = argument;
    struct span base;
    uint64_t file;
    if (binlog_name_parse(span_of_text(facts->last_file), &base, &file) != RESULT_OK ||
        !span_is_text(base, store_base(pipeline->store))) {
        snprintf(ret_reason, SOURCE_REASON_MAX, "its binlog file has a name that cannot be: %s",
                 log_quote_text(facts->last_file));
        return false;
    }
    if (!take_tail(pipeline, facts, file, ret_reason))
        return false;
    pipeline_step(pipeline, &(struct core_input){.type = CORE_TAIL, .position = pipeline->tail});
    consider_complete(pipeline);
    return true;
}

void pipeline_consider_tail(struct pipeline *pipeline)
{
    bool is_missing =
        position_is_none(pipeline->tail) && core_source_state(pipeline->core) == CORE_SOURCE_RECOVERING;
    /* commits that wait for acks may keep the answer back: not before all that came is acked */
    if (!is_missing || core_waiting_count(pipeline->core) > 0)
        return;
    pipeline->tail_min = store_end(pipeline->store);
    source_ask_tail(pipeline->source);
}

/*
 * Where the dump starts. That is an ack of everything before, so it is the confirmed position, never what was
 * merely received. An offset that the dump command cannot hold falls back to its file's start.
 */
static struct position choose_start(const struct pipeline *pipeline, const struct source_facts *facts,
                                    uint64_t last_file)
{
    struct position confirmed = core_confirmed(pipeline->core);
    struct position start =
        store_is_empty(pipeline->store) ? confirmed : position_min(confirmed, store_end(pipeline->store));
    if (position_is_none(start) && !store_is_empty(pipeline->store))
        start = store_start(pipeline->store);
    if (store_is_empty(pipeline->store)) {
        const char *from = pipeline->config->source.start_at;
        uint64_t file = last_file;
        const char *name = strcmp(from, "oldest") == 0 ? facts->first_file : from;
        if (!position_is_none(start))
            file = start.file;
        else if (strcmp(from, "current") != 0 &&
                 binlog_name_parse(span_of_text(name), NULL, &file) != RESULT_OK)
            file = last_file;
        start = (struct position){file, BINLOG_START};
    }
    if (start.offset > UINT32_MAX)
        start.offset = BINLOG_START;
    return start;
}

/* A cut of its binlog under a running server undoes nothing, and it would send again what was discarded. */
static bool is_started_since_discard(const struct pipeline *pipeline, const struct source_facts *facts,
                                     char ret_reason[SOURCE_REASON_MAX])
{
    uint64_t since_ms = clock_monotonic_ms() - pipeline->discarded_ms;
    if (pipeline->discarded_ms == 0 || facts->uptime_s * 1000 <= since_ms + UPTIME_SLACK_MS)
        return true;
    snprintf(
        ret_reason, SOURCE_REASON_MAX,
        "it was running while ackgate-recover had its binlog cut: stop it, run ackgate-recover apply again "
        "and start it");
    return false;
}

bool pipeline_on_facts(void *argument, const struct source_facts *facts, struct position *ret_start,
                       char *ret_file, size_t file_max, char ret_reason[SOURCE_REASON_MAX])
{
    struct pipeline *pipeline = argument;
    const struct store *store = pipeline->store;
    struct span base_span;
    char base[BINLOG_BASE_MAX];
    uint64_t last_file = 0;
    const char *name = facts->has_tail ? facts->last_file : facts->base;
    pipeline->tail = POSITION_NONE;
    pipeline->tail_min = store_is_empty(store) ? POSITION_NONE : store_end(store);
    enum result result =
        facts->has_tail ? binlog_name_parse(span_of_text(name), &base_span, &last_file) : RESULT_OK;
    if (!facts->has_tail)
        base_span = span_of_text(name);
    if (result != RESULT_OK || span_copy_text(base_span, base, sizeof(base)) != RESULT_OK) {
        snprintf(ret_reason, SOURCE_REASON_MAX, "its binlog file has a name that cannot be: %s",
                 log_quote_text(name));
        return false;
    }
    if (!store_is_empty(store) && strcmp(store_base(store), base) != 0) {
        snprintf(
            ret_reason, SOURCE_REASON_MAX,
            "its binlog files are called %s now and were called %s: set log_bin back, or give ackgate an "
            "empty data_dir",
            log_quote_text(base), store_base(store));
        return false;
    }
    if (!is_started_since_discard(pipeline, facts, ret_reason))
        return false;
    if (facts->has_tail && !take_tail(pipeline, facts, last_file, ret_reason))
        return false;
    note_source(pipeline, facts, base);
    app_set_source_address(pipeline->app, facts->address);
    *ret_start = choose_start(pipeline, facts, last_file);
    assert(file_max >= BINLOG_NAME_MAX);
    binlog_name_format(base, ret_start->file, ret_file);
    return true;
}
