/* Gathering the facts of recover_facts.h. */
#include "proxy/recover_facts.h"

#include "protocol/xalloc.h"
#include "proxy/admission.h"
#include "proxy/log.h"
#include "recovery/crc32c.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_BACK_BYTES = 1024 * 1024, READ_BYTES = 256 * 1024 };

/* A little of what is confirmed is listed too, so that its bytes are compared. */
struct position recover_listing_start(const struct pipeline *pipeline)
{
    const struct store *store = pipeline->store;
    struct position confirmed = core_confirmed(pipeline->core);
    if (!journal_sink_state(pipeline->journal)->has_source)
        return POSITION_NONE;
    if (position_is_none(confirmed))
        return store_start(store);
    struct position start = {confirmed.file, BINLOG_START};
    bool is_near = confirmed.offset <= LOOK_BACK_BYTES && store_has_position(store, confirmed);
    return is_near ? start : confirmed;
}

bool recover_exposure(const struct pipeline *pipeline, struct position *ret_exposed)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    size_t attached_now;
    size_t attached = 0;
    bool has_lost = false;
    struct position exposed =
        position_max(core_confirmed(pipeline->core), fanout_exposed(pipeline->fanout, &attached_now));
    for (size_t i = 0; i < state->consumers_count; i++) {
        const struct journal_consumer *consumer = &state->consumers[i];
        attached += consumer->attached;
        has_lost = has_lost || consumer->lost > 0;
        exposed = position_max(exposed, consumer->sent);
        if (consumer->has_acked)
            exposed = position_max(exposed, consumer->acked);
    }
    bool has_lost_store = position_compare(store_end(pipeline->store), state->confirmed) < 0;
    if (state->is_unproven || has_lost_store || attached != attached_now ||
        (has_lost && !pipeline->is_store_superset))
        return false;
    *ret_exposed = has_lost ? position_max(exposed, pipeline->store_end_at_start) : exposed;
    return true;
}

static bool add_stored(void *argument, uint64_t file, const struct txn *txn)
{
    struct recover_facts *facts = argument;
    if (facts->stored_count == TAIL_TXNS_MAX) {
        facts->is_overfull = true;
        return false;
    }
    if (facts->stored_count == facts->stored_room) {
        facts->stored_room = facts->stored_room == 0 ? 256 : facts->stored_room * 2;
        facts->stored = xrealloc(facts->stored, facts->stored_room * sizeof(*facts->stored));
    }
    facts->stored[facts->stored_count++] = (struct tail_txn){
        .gtid = txn->gtid,
        .file = file,
        .start = txn->start,
        .end = txn->end,
        .kind = txn->kind,
        .is_undone = txn_is_undone_by_cut(txn),
    };
    return true;
}

static enum result read_crc(struct store *store, struct tail_txn *txn)
{
    txn->crc = 0;
    for (uint64_t at = txn->start; at < txn->end;) {
        struct span bytes;
        uint64_t left = txn->end - at;
        size_t wanted = left < READ_BYTES ? (size_t)left : READ_BYTES;
        enum result result = store_read(store, (struct position){txn->file, at}, wanted, &bytes);
        if (result != RESULT_OK)
            return result;
        txn->crc = crc32c(txn->crc, bytes.data, bytes.length);
        at += bytes.length;
    }
    return RESULT_OK;
}

static enum result read_stored(struct pipeline *pipeline, struct position from, struct recover_facts *facts)
{
    struct store *store = pipeline->store;
    enum result result = store_scan(store, from, add_stored, facts);
    for (size_t i = 0; result == RESULT_OK && i < facts->stored_count; i++)
        result = read_crc(store, &facts->stored[i]);
    if (result == RESULT_OK)
        result = store_gtids_at(store, from, &facts->before);
    return result;
}

/* An operator's DISCARD is over once it has been carried out, or was said of what was gone already: on the
 * source the GTID comes again for other content. */
static size_t take_overrides(const struct journal_state *state, struct verdict_override **ret_overrides)
{
    size_t count = admission_overrides(state, ret_overrides);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct verdict_override *override = &(*ret_overrides)[i];
        if (!override->is_discard || !admission_is_discarded(state, &override->gtid))
            (*ret_overrides)[kept++] = *override;
    }
    return kept;
}

/* A file's start or a place where a transaction ends for certain, and nothing confirmed before it is needed:
 * confirms may have moved on since it was given out. */
static bool may_begin_at(const struct pipeline *pipeline, struct position from)
{
    struct position confirmed = core_confirmed(pipeline->core);
    if (position_equal(from, confirmed) || position_equal(from, recover_listing_start(pipeline)))
        return true;
    return position_compare(from, confirmed) <= 0 && store_has_position(pipeline->store, from) &&
           (from.offset == BINLOG_START || position_equal(from, pipeline->listing_start));
}

enum result recover_facts_gather(struct pipeline *pipeline, const struct tail *tail,
                                 struct recover_facts *ret_facts)
{
    const struct journal_state *state = journal_sink_state(pipeline->journal);
    const struct store *store = pipeline->store;
    struct recover_facts *all = ret_facts;
    *all = (struct recover_facts){
        .facts =
            {
                    .is_known = state->has_source,
                    .flavor = state->flavor,
                    .server_uuid = state->source_uuid,
                    .server_id = state->source_server_id,
                    .base = store_is_empty(store) ? state->source_base : store_base(store),
                    .confirmed = core_confirmed(pipeline->core),
                    .store_end = store_end(store),
                    },
    };
    gtid_state_init(&all->before, store_flavor(store));
    all->facts.is_exposure_known = recover_exposure(pipeline, &all->facts.exposed);
    all->facts.override_count = take_overrides(state, &all->overrides);
    all->facts.overrides = all->overrides;
    bool has_list = tail->start == TAIL_START_FOUND;
    if (has_list && !may_begin_at(pipeline, tail->from))
        return RESULT_NOT_FOUND;
    struct position from = has_list ? tail->from : recover_listing_start(pipeline);
    if (!store_has_position(store, from))
        return RESULT_OK; /* the store is empty, or has lost that place */
    enum result result = read_stored(pipeline, from, all);
    all->facts.stored = all->stored;
    all->facts.stored_count = all->stored_count;
    all->facts.before = &all->before;
    if (all->is_overfull) {
        all->facts.is_exposure_known = false;
        all->facts.store_end = tail_txn_end(&all->stored[all->stored_count - 1]);
    }
    return result;
}

void recover_facts_release(struct recover_facts *facts)
{
    free(facts->stored);
    free(facts->overrides);
    gtid_state_release(&facts->before);
}
