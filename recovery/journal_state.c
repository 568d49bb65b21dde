/* What each record does to the state of journal_state.h. */
#include "recovery/journal_state.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void journal_state_init(struct journal_state *state)
{
    *state = (struct journal_state){.epoch = 1, .is_unproven = true, .confirmed_gtid = xstrdup("")};
}

void journal_state_release(struct journal_state *state)
{
    for (size_t i = 0; i < state->discards_count; i++) {
        free(state->discards[i].gtids);
        free(state->discards[i].reason);
        free(state->discards[i].kept_as);
        free(state->discards[i].places);
    }
    for (size_t i = 0; i < state->overrides_count; i++)
        free(state->overrides[i]);
    free(state->overrides);
    free(state->discards);
    free(state->consumers);
    free(state->confirmed_gtid);
    free(state->rule);
    *state = (struct journal_state){0};
}

static void copy_text(char *ret_text, size_t max, const char *text)
{
    size_t length = text == NULL ? 0 : strnlen(text, max - 1);
    if (length > 0)
        memcpy(ret_text, text, length);
    memset(ret_text + length, 0, max - length);
}

static void replace_text(char **text, const char *by)
{
    char *old = *text;
    *text = xstrndup(by == NULL ? "" : by, JOURNAL_TEXT_MAX - 1);
    free(old);
}

static struct journal_consumer *find(const struct journal_state *state, const char *name)
{
    for (size_t i = 0; i < state->consumers_count; i++) {
        if (strncmp(state->consumers[i].name, name, JOURNAL_CONSUMER_MAX - 1) == 0)
            return &state->consumers[i];
    }
    return NULL;
}

const struct journal_consumer *journal_state_consumer(const struct journal_state *state, const char *name)
{
    return find(state, name);
}

static struct journal_consumer *find_or_add(struct journal_state *state, const char *name)
{
    struct journal_consumer *consumer = find(state, name);
    if (consumer != NULL)
        return consumer;
    state->consumers = xrealloc(state->consumers, (state->consumers_count + 1) * sizeof(*state->consumers));
    consumer = &state->consumers[state->consumers_count++];
    *consumer = (struct journal_consumer){0};
    copy_text(consumer->name, sizeof(consumer->name), name);
    return consumer;
}

/*
 * Only at attach and detach: these are written one by one, so that the daemon, which merges acks and confirms
 * that wait, forgets the same consumers as a later reader of the journal.
 */
static void forget_consumers(struct journal_state *state)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->consumers_count; i++) {
        const struct journal_consumer *consumer = &state->consumers[i];
        if (consumer->attached > 0 || consumer->lost > 0 || consumer->has_acked ||
            position_compare(consumer->sent, state->confirmed) > 0)
            state->consumers[kept++] = *consumer;
    }
    state->consumers_count = kept;
}

static void apply_started(struct journal_state *state, const struct journal_started *started)
{
    copy_text(state->own_uuid, sizeof(state->own_uuid), started->server_uuid);
    state->starts++;
    for (size_t i = 0; i < state->consumers_count; i++) {
        state->consumers[i].lost += state->consumers[i].attached;
        state->consumers[i].attached = 0;
    }
}

static void apply_source(struct journal_state *state, const struct journal_source *source)
{
    state->has_source = true;
    state->flavor = source->flavor;
    state->source_server_id = source->server_id;
    copy_text(state->source_uuid, sizeof(state->source_uuid), source->server_uuid);
    copy_text(state->source_base, sizeof(state->source_base), source->base);
    copy_text(state->source_version, sizeof(state->source_version), source->version);
}

static void apply_attach(struct journal_state *state, const struct journal_attach *attach, uint64_t time_ms)
{
    forget_consumers(state);
    struct journal_consumer *consumer = find_or_add(state, attach->name);
    consumer->server_id = attach->server_id;
    copy_text(consumer->server_uuid, sizeof(consumer->server_uuid), attach->server_uuid);
    consumer->attached++;
    consumer->sent = position_max(consumer->sent, attach->from);
    consumer->changed_ms = time_ms;
    state->attaches++;
}

static void apply_detach(struct journal_state *state, const struct journal_detach *detach, uint64_t time_ms)
{
    struct journal_consumer *consumer = find_or_add(state, detach->name);
    if (detach->is_every)
        consumer->attached = consumer->lost = 0;
    else if (consumer->attached > 0)
        consumer->attached--;
    consumer->sent = position_max(consumer->sent, detach->sent);
    consumer->changed_ms = time_ms;
    forget_consumers(state);
}

static void apply_acks(struct journal_state *state, const struct journal_acks *acks)
{
    for (size_t i = 0; i < acks->count; i++) {
        struct journal_consumer *consumer = find_or_add(state, acks->items[i].name);
        consumer->has_acked = true;
        consumer->acked = acks->items[i].acked;
    }
}

/* All that earlier runs may have sent is confirmed once the source has been admitted. */
static void apply_admitted(struct journal_state *state)
{
    state->is_admitted = true;
    state->is_unproven = false;
    for (size_t i = 0; i < state->consumers_count; i++) {
        struct journal_consumer *consumer = &state->consumers[i];
        if (consumer->lost > 0)
            consumer->sent = position_max(consumer->sent, state->confirmed);
        consumer->lost = 0;
    }
}

/* Positions behind the cut belong to the epoch that ends: nobody has anything there. */
static void apply_discard(struct journal_state *state, const struct journal_discard *discard,
                          uint64_t time_ms)
{
    state->discards = xrealloc(state->discards, (state->discards_count + 1) * sizeof(*state->discards));
    state->discards[state->discards_count++] = (struct journal_discarded){
        .epoch = state->epoch,
        .time_ms = time_ms,
        .from = discard->from,
        .to = discard->to,
        .gtids = xstrndup(discard->gtids == NULL ? "" : discard->gtids, JOURNAL_TEXT_MAX - 1),
        .reason = xstrndup(discard->reason == NULL ? "" : discard->reason, JOURNAL_TEXT_MAX - 1),
        .kept_as = xstrndup(discard->kept_as == NULL ? "" : discard->kept_as, JOURNAL_TEXT_MAX - 1),
        .places = xstrndup(discard->places == NULL ? "" : discard->places, JOURNAL_TEXT_MAX - 1),
    };
    state->epoch++;
    for (size_t i = 0; i < state->consumers_count; i++) {
        struct journal_consumer *consumer = &state->consumers[i];
        consumer->sent = position_min(consumer->sent, discard->from);
        consumer->acked = position_min(consumer->acked, discard->from);
    }
}

static void drop_override(struct journal_state *state, size_t index)
{
    free(state->overrides[index]);
    state->overrides_count--;
    memmove(&state->overrides[index], &state->overrides[index + 1],
            (state->overrides_count - index) * sizeof(*state->overrides));
}

static void apply_override(struct journal_state *state, const char *text)
{
    char *copy = xstrndup(text == NULL ? "" : text, JOURNAL_TEXT_MAX - 1);
    for (size_t i = state->overrides_count; i > 0; i--)
        if (strcmp(state->overrides[i - 1], copy) == 0)
            drop_override(state, i - 1);
    if (state->overrides_count == JOURNAL_OVERRIDES_MAX)
        drop_override(state, 0);
    state->overrides = xrealloc(state->overrides, (state->overrides_count + 1) * sizeof(*state->overrides));
    state->overrides[state->overrides_count++] = copy;
}

static void apply_policy(struct journal_state *state, const struct journal_policy *policy)
{
    bool is_back_to_config = policy->rule == NULL || policy->rule[0] == '\0';
    if (!is_back_to_config) {
        replace_text(&state->rule, policy->rule);
    } else {
        free(state->rule);
        state->rule = NULL;
    }
}

static void apply_body(struct journal_state *state, const struct journal_record *record, uint64_t time_ms)
{
    switch (record->type) {
    case JOURNAL_STARTED:
        apply_started(state, &record->started);
        break;
    case JOURNAL_SOURCE:
        apply_source(state, &record->source);
        break;
    case JOURNAL_ATTACH:
        apply_attach(state, &record->attach, time_ms);
        break;
    case JOURNAL_DETACH:
        apply_detach(state, &record->detach, time_ms);
        break;
    case JOURNAL_ACKS:
        apply_acks(state, &record->acks);
        break;
    case JOURNAL_CONFIRM:
        state->confirmed = record->confirm.up_to;
        replace_text(&state->confirmed_gtid, record->confirm.gtid);
        break;
    case JOURNAL_POLICY:
        apply_policy(state, &record->policy);
        break;
    case JOURNAL_DISCARD:
        apply_discard(state, &record->discard, time_ms);
        break;
    case JOURNAL_ADMITTED:
        apply_admitted(state);
        break;
    case JOURNAL_REFUSED:
        state->is_admitted = false;
        break;
    case JOURNAL_OVERRIDE:
        apply_override(state, record->text);
        break;
    case JOURNAL_CHECKPOINT:
    case JOURNAL_STOPPED:
    case JOURNAL_TYPE_END:
        break;
    }
}

enum result journal_state_apply(struct journal_state *state, const struct journal_record *record,
                                uint64_t sequence, uint64_t time_ms)
{
    if (record->type == JOURNAL_CHECKPOINT) {
        enum result result = journal_state_decode(state, record->checkpoint);
        if (result != RESULT_OK)
            return result;
    } else {
        apply_body(state, record, time_ms);
        state->is_stopped = record->type == JOURNAL_STOPPED;
    }
    state->sequence = sequence;
    return RESULT_OK;
}

bool journal_state_exposed(const struct journal_state *state, struct position *ret_position)
{
    struct position exposed = state->confirmed;
    if (state->is_unproven)
        return false;
    for (size_t i = 0; i < state->consumers_count; i++) {
        const struct journal_consumer *consumer = &state->consumers[i];
        if (consumer->attached > 0 || consumer->lost > 0)
            return false;
        exposed = position_max(exposed, consumer->sent);
        if (consumer->has_acked)
            exposed = position_max(exposed, consumer->acked);
    }
    *ret_position = exposed;
    return true;
}
