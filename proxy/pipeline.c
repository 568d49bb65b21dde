/*
 * The flow of pipeline.h: what happens to the parts is told to the core, and what the core decides is done
 * here.
 *
 * The order when something is confirmed: the journal gets a note, the gate learns the GTIDs, the source gets
 * its ack, and then the app loops are woken. An OK that the ack sets free therefore always finds its gate
 * open.
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

const char *pipeline_consumer_name(const struct pipeline *pipeline, uint32_t voter)
{
    return voter == FANOUT_OBSERVER ? "observer" : pipeline->config->voters[voter].name;
}

/* ---- what the core says ---- */

static void note_waits(struct pipeline *pipeline, const struct core_action *action)
{
    struct view_histogram *waits = &pipeline->commit_wait;
    uint64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < action->gtid_count; i++) {
        uint64_t took_us = (now_ms - action->stored_ms[i]) * 1000;
        unsigned bucket = took_us == 0 ? 0 : 63u - (unsigned)__builtin_clzll(took_us);
        waits->counts[bucket < VIEW_BUCKETS ? bucket : VIEW_BUCKETS - 1]++;
        waits->total_us += took_us;
    }
}

static void confirm(struct pipeline *pipeline, const struct core_action *action)
{
    assert(position_compare(action->position, store_durable(pipeline->store)) <=
           0); /* P1: stored before confirmed */
    journal_sink_put_confirm(pipeline->journal, action->position, &action->gtids[action->gtid_count - 1]);
    gate_add_all(pipeline->gate, action->gtids, action->gtid_count);
    pipeline->commits_confirmed += action->gtid_count;
    note_waits(pipeline, action);
}

static void release(struct pipeline *pipeline, struct position up_to)
{
    char file[BINLOG_NAME_MAX];
    store_file_name(pipeline->store, up_to.file, file, sizeof(file));
    source_ack(pipeline->source, file, up_to.offset);
    gate_wake(pipeline->gate);
}

static void admit(struct pipeline *pipeline)
{
    if (!recover_may_admit(pipeline))
        return; /* it has been refused meanwhile */
    pipeline->source_reason[0] = '\0';
    const struct source_facts *facts = source_facts(pipeline->source);
    log_info("source", "open: everything it has is confirmed, applications are admitted");
    journal_sink_put(pipeline->journal, &(struct journal_record){.type = JOURNAL_ADMITTED,
                                                                 .text = pipeline->config->source.host});
    app_set_admitted(pipeline->app, true, facts->flavor, "");
    recover_note_admitted(pipeline);
}

static bool feed_stored(void *argument, uint64_t file, const struct txn *txn)
{
    struct pipeline *pipeline = argument;
    pipeline_on_txn(pipeline, file, txn);
    return core_has_room(pipeline->core);
}

/* More waits than the core could hold: the next of it, from the store. */
static void refill(struct pipeline *pipeline, struct position after)
{
    enum result result = store_scan(pipeline->store, after, feed_stored, pipeline);
    if (result != RESULT_OK)
        log_error("store", "cannot be read again from file %" PRIu64 " offset %" PRIu64 ": %s", after.file,
                  after.offset, result_text(result));
    pipeline_on_durable(pipeline);
}

void pipeline_step(struct pipeline *pipeline, const struct core_input *input)
{
    struct core_actions actions;
    core_step(pipeline->core, input, &actions);
    for (size_t i = 0; i < actions.count; i++) {
        const struct core_action *action = &actions.items[i];
        switch (action->type) {
        case CORE_CONFIRM:
            confirm(pipeline, action);
            break;
        case CORE_RELEASE:
            release(pipeline, action->position);
            break;
        case CORE_ADMIT:
            admit(pipeline);
            break;
        case CORE_SHUT:
            app_set_admitted(pipeline->app, false, FLAVOR_UNKNOWN, pipeline->source_reason);
            break;
        case CORE_REFILL:
            refill(pipeline, action->position); /* the last one: it steps the core again */
            assert(i + 1 == actions.count);
            break;
        }
    }
}

/* ---- the store and the journal ---- */

void pipeline_on_txn(void *argument, uint64_t file, const struct txn *txn)
{
    struct pipeline *pipeline = argument;
    struct position end = {file, txn->end};
    if (position_compare(end, core_confirmed(pipeline->core)) <= 0) {
        gate_add(pipeline->gate, &txn->gtid); /* confirmed before the store lost its tail */
        return;
    }
    struct core_input input = {
        .type = CORE_STORED,
        .transaction = {.gtid = txn->gtid,
                        .end = end,
                        .stored_ms = clock_monotonic_ms(),
                        .session_id = txn->thread_id},
    };
    pipeline_step(pipeline, &input);
}

void pipeline_on_durable(void *argument)
{
    struct pipeline *pipeline = argument;
    if (pipeline->core == NULL || journal_sink_is_failed(pipeline->journal))
        return; /* told again when the journal can be written */
    pipeline_step(pipeline,
                  &(struct core_input){.type = CORE_DURABLE, .position = store_durable(pipeline->store)});
}

void pipeline_on_store_failed(void *argument, int reason)
{
    struct pipeline *pipeline = argument;
    pipeline->is_store_failed = true;
    log_error("store",
              "cannot be written: %s. No commit is confirmed until it can: make room or mend the disk under "
              "%s, then "
              "restart ackgate",
              strerror(reason), pipeline->config->store.dir);
}

void pipeline_on_journal_failed(void *argument, enum result result, int reason)
{
    (void)argument;
    log_error("journal", "cannot be written: %s (%s). No commit is confirmed until it can; trying again",
              result_text(result), strerror(reason));
}

void pipeline_on_journal_recovered(void *argument)
{
    log_info("journal", "can be written again");
    pipeline_on_durable(argument);
}

/* ---- replicas ---- */

static void on_attach_durable(void *argument, uint64_t connection_id)
{
    struct pipeline *pipeline = argument;
    fanout_begin(pipeline->fanout, connection_id);
}

void pipeline_on_attaching(void *argument, uint64_t connection_id, uint32_t voter, bool is_semi_sync,
                           struct position from, struct position has_up_to)
{
    struct pipeline *pipeline = argument;
    (void)is_semi_sync; /* a voter without it comes as an observer */
    struct journal_record record = {
        .type = JOURNAL_ATTACH,
        .attach = {.name = pipeline_consumer_name(pipeline, voter),
                   .connection_id = connection_id,
                   .from = from},
    };
    if (voter != FANOUT_OBSERVER) {
        const struct config_voter *configured = &pipeline->config->voters[voter];
        record.attach.server_id = configured->server_id;
        record.attach.server_uuid = configured->server_uuid;
        if (position_compare(has_up_to, core_acked(pipeline->core, voter)) < 0)
            log_warn("replica",
                     "%s came back with less than it had acked: it is sent the rest again and its acks for "
                     "that no longer count",
                     configured->name);
        journal_sink_put_ack(pipeline->journal, configured->name, has_up_to);
    }
    journal_sink_put_synced(pipeline->journal, &record, on_attach_durable, pipeline, connection_id);
    if (voter != FANOUT_OBSERVER)
        pipeline_step(pipeline,
                      &(struct core_input){.type = CORE_ATTACHED, .voter = voter, .position = has_up_to});
}

void pipeline_on_ack(void *argument, uint32_t voter, struct position acked)
{
    struct pipeline *pipeline = argument;
    if (voter == FANOUT_OBSERVER)
        return;
    journal_sink_put_ack(pipeline->journal, pipeline->config->voters[voter].name, acked);
    pipeline_step(pipeline, &(struct core_input){.type = CORE_ACK, .voter = voter, .position = acked});
}

void pipeline_on_detached(void *argument, uint64_t connection_id, uint32_t voter, struct position sent)
{
    struct pipeline *pipeline = argument;
    struct journal_record record = {
        .type = JOURNAL_DETACH,
        .detach = {.name = pipeline_consumer_name(pipeline, voter),
                   .connection_id = connection_id,
                   .sent = sent},
    };
    journal_sink_put(pipeline->journal, &record);
    if (voter != FANOUT_OBSERVER)
        pipeline_step(pipeline, &(struct core_input){.type = CORE_DETACHED, .voter = voter});
}

/* ---- the source ---- */

void pipeline_on_batch(void *argument)
{
    struct pipeline *pipeline = argument;
    fanout_on_stored(pipeline->fanout);
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
        snprintf(pipeline->source_reason, sizeof(pipeline->source_reason),
                 "completing transactions that the quorum does not have yet");
        app_set_admitted(pipeline->app, false, FLAVOR_UNKNOWN, pipeline->source_reason);
        pipeline_step(pipeline,
                      &(struct core_input){.type = CORE_TAIL,
                                           .position = position_is_none(pipeline->tail) ? behind_everything
                                                                                        : pipeline->tail});
        pipeline_consider_tail(pipeline);
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
    *ret_start = choose_start(pipeline, facts, last_file);
    assert(file_max >= BINLOG_NAME_MAX);
    binlog_name_format(base, ret_start->file, ret_file);
    return true;
}
