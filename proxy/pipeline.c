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

const char *pipeline_consumer_name(const struct pipeline *pipeline, uint32_t voter)
{
    return voter == FANOUT_OBSERVER ? "observer" : pipeline->config->voters[voter].name;
}

/* ---- what the core says ---- */

static void note_waits(struct pipeline *pipeline, const struct core_action *action)
{
    struct view_histogram *waits = &pipeline->commit_wait;
    uint64_t now_us = clock_monotonic_us();
    for (size_t i = 0; i < action->gtid_count; i++) {
        uint64_t took_us = now_us - action->stored_us[i];
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

void pipeline_release(struct pipeline *pipeline, struct position up_to)
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
    log_info("source", "open: everything it has is confirmed, applications are admitted");
    journal_sink_put(pipeline->journal, &(struct journal_record){.type = JOURNAL_ADMITTED,
                                                                 .text = pipeline->config->source.host});
    app_set_admitted(pipeline->app, true, "");
    recover_note_admitted(pipeline);
}

bool pipeline_feed_stored(void *argument, uint64_t file, const struct txn *txn)
{
    struct pipeline *pipeline = argument;
    pipeline_on_txn(pipeline, file, txn);
    return core_has_room(pipeline->core);
}

/* More waits than the core could hold: the next of it, from the store. */
static void refill(struct pipeline *pipeline, struct position after)
{
    enum result result = store_scan(pipeline->store, after, pipeline_feed_stored, pipeline);
    if (result != RESULT_OK)
        log_error("store", "cannot be read again from %s:%" PRIu64 ": %s; mend the disk and restart ackgate",
                  store_file_label(pipeline->store, after.file), after.offset, result_text(result));
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
            pipeline_release(pipeline, action->position);
            break;
        case CORE_ADMIT:
            admit(pipeline);
            break;
        case CORE_SHUT:
            app_set_admitted(pipeline->app, false, pipeline->source_reason);
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
                        .stored_us = clock_monotonic_us(),
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
    struct pipeline *pipeline = argument;
    log_info("journal", "can be written again");
    pipeline->is_report_unsettled = false;
    pipeline_on_durable(argument);
}

/* ---- replicas ---- */

static void on_attach_durable(void *argument, uint64_t connection_id)
{
    struct pipeline *pipeline = argument;
    fanout_begin(pipeline->fanout, connection_id);
}

static void warn_lost(const char *name)
{
    char object[CONFIG_NAME_MAX + 16];
    snprintf(object, sizeof(object), "replica %s", name);
    log_warn(object,
             "came back with less than it had acked: it is sent the rest again, and its acks for that no "
             "longer count. Its relay log was lost: look at sync_relay_log there");
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
            warn_lost(configured->name);
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
