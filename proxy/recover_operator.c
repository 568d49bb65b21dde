/* What ackgate-recover verify and operators say about a source, and letting it in: the rest of
 * recover_source.h. */
#include "proxy/recover_source.h"

#include "protocol/xalloc.h"
#include "proxy/admission.h"
#include "proxy/log.h"
#include "proxy/pipeline_parts.h"
#include "proxy/recover_redo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void recover_put_override(struct pipeline *pipeline, const char *text)
{
    journal_sink_put(pipeline->journal, &(struct journal_record){.type = JOURNAL_OVERRIDE, .text = text});
}

/* A source that is refused, or was not there, is looked at again at once. */
static void look_again(struct pipeline *pipeline)
{
    enum core_source_state state = core_source_state(pipeline->core);
    if (state == CORE_SOURCE_REFUSED || state == CORE_SOURCE_DOWN)
        source_restart(pipeline->source);
}

enum result pipeline_recover_engine(struct pipeline *pipeline, const struct engine_report *report,
                                    char ret_error[RECOVER_ERROR_MAX])
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    char text[64];
    if (state->has_source && state->flavor != report->flavor) {
        snprintf(ret_error, RECOVER_ERROR_MAX, "this is the report of a %s server, and the source is %s",
                 flavor_name(report->flavor), flavor_name(state->flavor));
        return RESULT_CONFLICT;
    }
    if (!admission_check_engine(state, report, ret_error, RECOVER_ERROR_MAX)) {
        log_error("recovery", "the engine's position after the start: %s", ret_error);
        journal_sink_put(pipeline->journal,
                         &(struct journal_record){.type = JOURNAL_REFUSED, .text = ret_error});
        snprintf(pipeline->engine_refusal, sizeof(pipeline->engine_refusal), "%s", ret_error);
        pipeline->engine_refusal_epoch = state->epoch;
        source_restart(pipeline->source);
        return RESULT_CONFLICT;
    }
    pipeline->engine_refusal[0] = '\0';
    if (report->flavor == FLAVOR_MARIADB) {
        snprintf(text, sizeof(text), "ENGINE %" PRIu32, state->epoch);
        recover_put_override(pipeline, text);
    }
    enum result result = journal_sink_settle(pipeline->journal); /* nobody is going to report it again */
    pipeline->is_report_unsettled = result != RESULT_OK;
    look_again(pipeline);
    if (result != RESULT_OK)
        snprintf(ret_error, RECOVER_ERROR_MAX, "the journal cannot be written now: say it again");
    return result;
}

enum result pipeline_resolve(struct pipeline *pipeline, const char *gtid, bool is_discard, const char *who,
                             char ret_error[RECOVER_ERROR_MAX])
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    struct gtid parsed;
    char canonical[GTID_TEXT_MAX];
    char text[GTID_TEXT_MAX + 256];
    if (!state->has_source || gtid_parse(state->flavor, span_of_text(gtid), &parsed) != RESULT_OK) {
        snprintf(ret_error, RECOVER_ERROR_MAX, "'%.100s' is not the GTID of one transaction of the source",
                 gtid);
        return RESULT_MALFORMED;
    }
    gtid_format(&parsed, canonical);
    bool is_latest = strcmp(state->confirmed_gtid, canonical) == 0;
    if (is_discard && (is_latest || gate_is_open(pipeline->gate, span_of_text(canonical))) &&
        !admission_is_discarded(state, &parsed)) {
        snprintf(ret_error, RECOVER_ERROR_MAX, "%s is confirmed: it cannot be discarded", canonical);
        return RESULT_CONFLICT;
    }
    snprintf(text, sizeof(text), "RESOLVE '%s' %s by %.200s", canonical, is_discard ? "DISCARD" : "COMPLETE",
             who);
    log_warn("recovery", "%s", text);
    recover_put_override(pipeline, text);
    pipeline->engine_refusal[0] = '\0';
    look_again(pipeline);
    return journal_sink_settle(pipeline->journal);
}

/* ---- letting it in ---- */

bool recover_may_admit(struct pipeline *pipeline)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    const struct source_facts *facts = source_facts(pipeline->source);
    const char *executed = facts == NULL ? NULL : facts->executed;
    char reason[SOURCE_REASON_MAX] = "";
    char *adopted = NULL;
    bool is_good =
        admission_check(state, executed, store_gtids(pipeline->store), &adopted, reason, sizeof(reason));
    if (is_good && pipeline->engine_refusal[0] != '\0' && pipeline->engine_refusal_epoch == state->epoch) {
        snprintf(reason, sizeof(reason), "%s", pipeline->engine_refusal);
        is_good = false;
    }
    if (is_good && pipeline->is_report_unsettled) {
        snprintf(reason, sizeof(reason),
                 "what its engine has cannot be written to ackgate's journal: see ackgate's log");
        is_good = false;
    }
    if (adopted != NULL && is_good && strlen(adopted) + 16 < JOURNAL_TEXT_MAX) {
        size_t room = strlen(adopted) + 16;
        char *text = xmalloc(room);
        snprintf(text, room, "ADOPT '%s'", adopted);
        recover_put_override(pipeline, text);
        free(text);
    }
    free(adopted);
    if (!is_good)
        source_refuse(pipeline->source, reason);
    return is_good && recover_redo_may_admit(pipeline);
}

static bool has_lost_consumers(const struct journal_state *state)
{
    for (size_t i = 0; i < state->consumers_count; i++)
        if (state->consumers[i].lost > 0)
            return true;
    return false;
}

void recover_note_start(struct pipeline *pipeline)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    pipeline->store_end_at_start = store_end(pipeline->store);
    bool is_proof = store_is_proof(pipeline->store);
    bool is_any_open = state->is_unproven || has_lost_consumers(state);
    if (is_proof || !is_any_open)
        pipeline->is_store_superset = store_begin_proof(pipeline->store) || is_proof;
    else
        store_end_proof(pipeline->store);
}

void recover_note_admitted(struct pipeline *pipeline)
{
    pipeline->tail_refusal[0] = '\0';
    pipeline->is_store_superset = store_begin_proof(pipeline->store) || pipeline->is_store_superset;
}
