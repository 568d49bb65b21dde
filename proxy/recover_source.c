/* The verdict of recover_source.h: passed, journaled, carried out. */
#include "proxy/recover_source.h"

#include "protocol/xalloc.h"
#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/recover_facts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a decision would change; nothing of it has happened yet. */
struct decision {
    struct position from; /* POSITION_NONE: nothing is discarded */
    struct position to;
    char *gtids;
    char *places;
    char reason[VERDICT_REASON_MAX];
    char kept_as[RECOVER_KEPT_MAX];
    bool is_repeated; /* the journal has it already */
};

void pipeline_recover_status(struct pipeline *pipeline, struct recover_status *ret_status)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    struct recover_status status = {
        .epoch = state->epoch,
        .flavor = state->flavor,
        .server_id = state->source_server_id,
        .confirmed = core_confirmed(pipeline->core),
        .from = recover_listing_start(pipeline),
    };
    snprintf(status.server_uuid, sizeof(status.server_uuid), "%s", state->source_uuid);
    snprintf(status.base, sizeof(status.base), "%s",
             store_is_empty(pipeline->store) ? state->source_base : store_base(pipeline->store));
    pipeline->listing_start = status.from;
    *ret_status = status;
}

/* ---- what is to be journaled ---- */

/* The GTIDs of the discarded ones, as the flavour writes many: a set, or all of them with commas. */
static char *format_gtids(enum flavor flavor, const struct tail_txn *txns, size_t count)
{
    char *text = NULL;
    size_t length = 0;
    if (flavor == FLAVOR_MYSQL) {
        struct gtid_set set;
        gtid_set_init(&set);
        for (size_t i = 0; i < count; i++)
            if (txns[i].gtid.flavor == FLAVOR_MYSQL)
                gtid_set_add(&set, &txns[i].gtid.mysql);
        text = gtid_set_format(&set);
        gtid_set_release(&set);
        return text;
    }
    FILE *out = open_memstream(&text, &length);
    assert(out != NULL);
    for (size_t i = 0; i < count && length + 2 * GTID_TEXT_MAX < JOURNAL_TEXT_MAX; i++) {
        char gtid[GTID_TEXT_MAX];
        fprintf(out, "%s%s", i == 0 ? "" : ",", gtid_format(&txns[i].gtid, gtid));
        fflush(out);
    }
    fclose(out);
    return text;
}

/* A line for each: "GTID file start end"; "" when they are too many. */
static char *format_places(const char *base, const struct tail_txn *txns, size_t count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert(out != NULL);
    for (size_t i = 0; i < count; i++) {
        char gtid[GTID_TEXT_MAX];
        char name[BINLOG_NAME_MAX];
        struct position start = tail_txn_start(&txns[i]);
        struct position end = tail_txn_end(&txns[i]);
        binlog_name_format(base, start.file, name);
        fprintf(out, "%s %s %" PRIu64 " %" PRIu64 "\n", gtid_format(&txns[i].gtid, gtid), name, start.offset,
                end.offset);
    }
    fclose(out);
    if (length >= JOURNAL_TEXT_MAX)
        text[0] = '\0';
    return text;
}

static void decide_cut(const struct tail *tail, const struct verdict *verdict, uint32_t epoch,
                       struct decision *decision)
{
    char name[BINLOG_NAME_MAX];
    size_t first = verdict->item_count - verdict->discarded;
    decision->from = verdict->cut;
    decision->to = tail_txn_end(&tail->txns[tail->txn_count - 1]);
    decision->gtids = format_gtids(tail->flavor, &tail->txns[first], verdict->discarded);
    decision->places = format_places(tail->base, &tail->txns[first], verdict->discarded);
    snprintf(decision->reason, sizeof(decision->reason), "%s", verdict->items[first].reason);
    binlog_name_format(tail->base, verdict->cut.file, name);
    snprintf(decision->kept_as, sizeof(decision->kept_as), "%s/%s-%" PRIu64 "-epoch-%" PRIu32, tail->keep_dir,
             name, verdict->cut.offset, epoch);
}

/* The source has lost by itself what nobody else has: only the store is cut. */
static void decide_store_cut(const char *base, const struct recover_facts *facts,
                             const struct verdict *verdict, struct decision *decision)
{
    size_t first = 0;
    while (first < facts->stored_count &&
           position_compare(tail_txn_start(&facts->stored[first]), verdict->store_cut) < 0)
        first++;
    decision->from = verdict->store_cut;
    decision->to = facts->facts.store_end;
    decision->gtids = format_gtids(facts->facts.flavor, facts->stored + first, facts->stored_count - first);
    decision->places = format_places(base, facts->stored + first, facts->stored_count - first);
    snprintf(decision->reason, sizeof(decision->reason), "the source has lost it, and it was sent to nobody");
}

/* The latest discard again: its cut is still to be done, was begun, or is done and was not heard of. */
static bool is_latest_again(const struct pipeline *pipeline, const struct tail *tail,
                            const struct verdict *verdict)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    if (state->discards_count == 0 || verdict->overall == VERDICT_REFUSE || tail->start != TAIL_START_FOUND)
        return false;
    const struct journal_discarded *latest = &state->discards[state->discards_count - 1];
    struct position cut = verdict->overall == VERDICT_CUT ? verdict->cut : tail->end;
    return latest->kept_as[0] != '\0' && position_equal(cut, latest->from) &&
           position_compare(store_end(pipeline->store), latest->from) <= 0;
}

static void decide(const struct pipeline *pipeline, const struct tail *tail,
                   const struct recover_facts *facts, struct verdict *verdict, struct decision *decision)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    *decision = (struct decision){.from = POSITION_NONE};
    if (is_latest_again(pipeline, tail, verdict)) {
        const struct journal_discarded *latest = &state->discards[state->discards_count - 1];
        decision->is_repeated = true;
        decision->from = latest->from;
        decision->gtids = xstrdup(latest->gtids);
        snprintf(decision->reason, sizeof(decision->reason), "%.1000s", latest->reason);
        snprintf(decision->kept_as, sizeof(decision->kept_as), "%s", latest->kept_as);
        verdict->overall = VERDICT_CUT;
        verdict->cut = latest->from;
    } else if (verdict->overall == VERDICT_CUT) {
        decide_cut(tail, verdict, state->epoch, decision);
    } else if (verdict->overall == VERDICT_NOTHING && verdict->has_store_cut) {
        decide_store_cut(tail->base, facts, verdict, decision);
    }
}

/* ---- carrying it out ---- */

__attribute__((format(printf, 2, 3))) static enum result fail(char *ret_error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_error, RECOVER_ERROR_MAX, format, arguments);
    va_end(arguments);
    log_error("recovery", "nothing was decided: %s", ret_error);
    return RESULT_IO;
}

static enum result journal_decision(struct pipeline *pipeline, const struct decision *decision)
{
    struct journal_record record = {
        .type = JOURNAL_DISCARD,
        .discard = {.from = decision->from,
                    .to = decision->to,
                    .gtids = decision->gtids,
                    .reason = decision->reason,
                    .kept_as = decision->kept_as,
                    .places = decision->places},
    };
    if (decision->is_repeated)
        return journal_sink_settle(pipeline->journal);
    return journal_sink_put_blocking(pipeline->journal, &record);
}

/*
 * A client may still wait for the OK of a transaction that is discarded, when the source's host died without
 * a word. Its GTID will come again for other content, and must not set that OK free (P1).
 */
static void end_sessions(struct pipeline *pipeline)
{
    size_t max = app_sessions_max(pipeline->app);
    struct view_session *views = xcalloc(max + 1, sizeof(*views));
    size_t count = app_sessions(pipeline->app, views, max);
    size_t ended = 0;
    for (size_t i = 0; i < count; i++)
        ended += app_kill(pipeline->app, views[i].id);
    if (ended > 0)
        log_warn("recovery", "ended %zu application sessions of the crashed source", ended);
    free(views);
}

static enum result forget_discarded(struct pipeline *pipeline, const struct decision *decision)
{
    struct store_cut cut = {decision->from, journal_sink_state(pipeline->journal)->epoch};
    end_sessions(pipeline);
    fanout_cut(pipeline->fanout, cut.at);
    enum result result = store_cut(pipeline->store, &cut);
    if (result != RESULT_OK)
        return result;
    pipeline_step(pipeline, &(struct core_input){.type = CORE_CUT, .position = cut.at});
    pipeline->store_end_at_start = position_min(pipeline->store_end_at_start, cut.at);
    pipeline->discarded_ms = clock_monotonic_ms();
    log_warn("recovery", "discarded %.1000s: %s; epoch %" PRIu64 " begins", decision->gtids, decision->reason,
             cut.epoch);
    return RESULT_OK;
}

static enum result carry_out(struct pipeline *pipeline, const struct decision *decision, char *ret_error)
{
    if (position_is_none(decision->from))
        return RESULT_OK;
    assert(position_compare(core_confirmed(pipeline->core), decision->from) <= 0); /* P1 */
    enum result result = journal_decision(pipeline, decision);
    if (result != RESULT_OK)
        return fail(ret_error, "the journal cannot be written: %s; try again when it can",
                    result_text(result));
    /* also when repeated: the first time may have got no further */
    result = forget_discarded(pipeline, decision);
    if (result != RESULT_OK)
        return fail(ret_error, "the store cannot be cut: %s; mend its disk and restart ackgate",
                    result_text(result));
    return RESULT_OK;
}

static void note_verdict(struct pipeline *pipeline, const struct verdict *verdict)
{
    bool is_refused = verdict->overall == VERDICT_REFUSE;
    log_info("recovery", "the source's tail: %s: %s", verdict_overall_name(verdict->overall),
             verdict->reason);
    snprintf(pipeline->tail_refusal, sizeof(pipeline->tail_refusal), "%s", is_refused ? verdict->reason : "");
    if (is_refused)
        pipeline_on_source_event(pipeline, SOURCE_REFUSED, verdict->reason);
}

/* ---- the statement ---- */

static enum result gather(struct pipeline *pipeline, const struct tail *tail, struct recover_facts *facts,
                          char *ret_error)
{
    enum result result = recover_facts_gather(pipeline, tail, facts);
    if (result == RESULT_NOT_FOUND)
        return fail(ret_error, "the listing does not begin where it has to: ask RECOVER SOURCE STATUS again");
    if (result != RESULT_OK)
        return fail(ret_error, "the store cannot be read: %s", result_text(result));
    return RESULT_OK;
}

static enum result judge(struct pipeline *pipeline, const struct tail *tail, bool decides,
                         struct recover_answer *ret_answer, char *ret_error)
{
    struct recover_facts facts;
    struct verdict verdict = {.items = NULL};
    struct decision decision = {.gtids = NULL};
    enum result result = gather(pipeline, tail, &facts, ret_error);
    if (result == RESULT_OK) {
        verdict_pass(&facts.facts, tail, &verdict);
        decide(pipeline, tail, &facts, &verdict, &decision);
        if (decides)
            result = carry_out(pipeline, &decision, ret_error);
    }
    if (result == RESULT_OK && decides && recover_revoke_latest(pipeline, tail, &verdict) != RESULT_OK)
        result = fail(ret_error, "the journal cannot be written; try again when it can");
    if (result == RESULT_OK && decides)
        note_verdict(pipeline, &verdict);
    if (result == RESULT_OK) {
        ret_answer->verdict = verdict;
        memcpy(ret_answer->kept_as, decision.kept_as, sizeof(decision.kept_as));
    } else {
        verdict_release(&verdict);
    }
    free(decision.gtids);
    free(decision.places);
    recover_facts_release(&facts);
    return result;
}

enum result pipeline_recover_tail(struct pipeline *pipeline, const struct tail *tail, bool decides,
                                  struct recover_answer *ret_answer, char ret_error[RECOVER_ERROR_MAX])
{
    if (pipeline->is_store_failed)
        return fail(ret_error, "the store cannot be written: mend its disk and restart ackgate");
    if (tail->start == TAIL_START_FOUND && tail->file_count == 0)
        return fail(ret_error, "the listing names no binlog files");
    if (decides) {
        source_restart(pipeline->source);
        pipeline_on_source_event(pipeline, SOURCE_LOST, "ackgate-recover is looking at its binlog");
    }
    return judge(pipeline, tail, decides, ret_answer, ret_error);
}
