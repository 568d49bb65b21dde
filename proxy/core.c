/*
 * The core of core.h.
 *
 * Two things gate a confirm: `quorum` is the position that the rule has reached by acks, `durable` the one
 * that the store has reached on disk. After every input that can move either, advance() takes what lies below
 * both from the front of the queue. The queue is a ring; positions in it only grow.
 */
#include "proxy/core.h"

#include "protocol/xalloc.h"
#include "proxy/ack_table.h"

#include <assert.h>
#include <stdlib.h>

struct core {
    struct quorum rule;
    struct quorum next_rule; /* while rules_coming > 0 */
    size_t rules_coming;
    struct ack_table acks;
    struct position durable;
    struct position confirmed;
    struct gtid confirmed_gtid;
    struct position last_stored; /* end of the last transaction fed in */
    enum core_source_state source;
    struct position tail; /* while RECOVERING: what must be confirmed before OPEN */
    bool is_tail_known;
    bool has_overflowed; /* transactions after the queue's last one are in the store only */
    size_t head;
    size_t count;
    struct core_transaction queue[CORE_QUEUE_MAX];
    struct gtid confirmed_now[CORE_QUEUE_MAX]; /* what the last step confirmed */
    uint64_t stored_now[CORE_QUEUE_MAX];       /* when each of those was stored */
};

const char *core_source_state_name(enum core_source_state state)
{
    static const char *const names[] = {"down", "connecting", "verifying", "recovering", "open", "refused"};
    return names[state];
}

struct core *core_new(const struct quorum *rule, size_t voter_count, struct position confirmed)
{
    struct core *core = xcalloc(1, sizeof(*core));
    core->rule = *rule;
    core->confirmed = core->last_stored = confirmed; /* the store says itself how much of it is there */
    ack_table_init(&core->acks, voter_count);
    return core;
}

void core_free(struct core **core)
{
    free(*core);
    *core = NULL;
}

void core_set_voter_count(struct core *core, size_t voter_count)
{
    assert(voter_count >= core->acks.voter_count && voter_count <= CONFIG_VOTERS_MAX);
    core->acks.voter_count = voter_count;
}

static struct core_transaction *at(struct core *core, size_t index)
{
    return &core->queue[(core->head + index) % CORE_QUEUE_MAX];
}

static struct core_action *add_action(struct core_actions *actions, enum core_action_type type)
{
    assert(actions->count < CORE_ACTIONS_MAX);
    struct core_action *action = &actions->items[actions->count++];
    *action = (struct core_action){.type = type};
    return action;
}

/* Open when everything that the source had when it was asked is stored and confirmed. */
static void consider_opening(struct core *core, struct core_actions *actions)
{
    if (core->source != CORE_SOURCE_RECOVERING || !core->is_tail_known)
        return;
    bool is_stored = position_compare(core->durable, core->tail) >= 0;
    bool waits = core->count > 0 && position_compare(at(core, 0)->end, core->tail) <= 0;
    if (!is_stored || waits || (core->count == 0 && core->has_overflowed))
        return;
    core->source = CORE_SOURCE_OPEN;
    add_action(actions, CORE_ADMIT);
}

static struct position quorum_limit(const struct core *core)
{
    struct position limit = quorum_position(&core->rule, core->acks.acked);
    if (core->rules_coming > 0)
        limit = position_min(limit, quorum_position(&core->next_rule, core->acks.acked));
    return limit;
}

/* Confirms what lies below both the quorum's and the store's position. */
static void advance(struct core *core, struct core_actions *actions)
{
    struct position limit = position_min(quorum_limit(core), core->durable);
    size_t confirmed = 0;
    while (core->count > 0 && position_compare(at(core, 0)->end, limit) <= 0) {
        struct core_transaction *transaction = at(core, 0);
        assert(position_compare(transaction->end, core->confirmed) > 0);
        core->confirmed = transaction->end;
        core->stored_now[confirmed] = transaction->stored_us;
        core->confirmed_now[confirmed++] = transaction->gtid;
        core->head = (core->head + 1) % CORE_QUEUE_MAX;
        core->count--;
    }
    if (confirmed > 0) {
        core->confirmed_gtid = core->confirmed_now[confirmed - 1];
        struct core_action *action = add_action(actions, CORE_CONFIRM);
        action->position = core->confirmed;
        action->gtids = core->confirmed_now;
        action->stored_us = core->stored_now;
        action->gtid_count = confirmed;
        add_action(actions, CORE_RELEASE)->position = core->confirmed;
    }
    if (core->has_overflowed && core->count < CORE_QUEUE_MAX / 2) {
        core->has_overflowed = false;
        add_action(actions, CORE_REFILL)->position = core->last_stored;
    } else {
        consider_opening(core, actions);
    }
}

static void on_stored(struct core *core, const struct core_transaction *transaction)
{
    if (position_compare(transaction->end, core->last_stored) <= 0)
        return; /* it came again after a reconnection */
    if (core->has_overflowed || core->count == CORE_QUEUE_MAX) {
        core->has_overflowed = true;
        return;
    }
    core->last_stored = transaction->end;
    *at(core, core->count) = *transaction;
    core->count++;
}

/* A discard never reaches what is confirmed (P1). Acks behind the cut were for bytes that are gone. */
static void cut(struct core *core, struct position at_position)
{
    assert(position_compare(core->confirmed, at_position) <= 0);
    while (core->count > 0 && position_compare(at(core, core->count - 1)->end, at_position) > 0) {
        core->count--;
        core->has_overflowed = false; /* what did not fit came behind it */
    }
    if (position_compare(core->last_stored, at_position) > 0)
        core->last_stored = core->count > 0 ? at(core, core->count - 1)->end : core->confirmed;
    core->durable = position_min(core->durable, at_position);
    ack_table_cut(&core->acks, at_position);
}

static void set_source(struct core *core, enum core_source_state state, struct core_actions *actions)
{
    assert(state != CORE_SOURCE_OPEN && state != CORE_SOURCE_RECOVERING);
    core->source = state;
    core->is_tail_known = false;
    add_action(actions, CORE_SHUT);
}

void core_step(struct core *core, const struct core_input *input, struct core_actions *ret_actions)
{
    ret_actions->count = 0;
    switch (input->type) {
    case CORE_STORED:
        on_stored(core, &input->transaction);
        return;
    case CORE_DURABLE:
        core->durable = position_max(core->durable, input->position);
        break;
    case CORE_ATTACHED:
        ack_table_attach(&core->acks, input->voter, input->position);
        break;
    case CORE_ACK:
        if (!ack_table_ack(&core->acks, input->voter, input->position))
            return;
        break;
    case CORE_DETACHED:
        ack_table_detach(&core->acks, input->voter);
        return;
    case CORE_RULE_COMING:
        core->next_rule = *input->rule;
        core->rules_coming++;
        return;
    case CORE_RULE:
        if (core->rules_coming > 0 && --core->rules_coming > 0)
            return;
        core->rule = *input->rule;
        break;
    case CORE_SOURCE:
        set_source(core, input->source, ret_actions);
        return;
    case CORE_CUT:
        cut(core, input->position);
        return;
    case CORE_TAIL:
        core->source = CORE_SOURCE_RECOVERING;
        core->tail = input->position;
        core->is_tail_known = true;
        break;
    }
    advance(core, ret_actions);
}

bool core_has_room(const struct core *core)
{
    return !core->has_overflowed && core->count < CORE_QUEUE_MAX;
}

struct position core_confirmed(const struct core *core)
{
    return core->confirmed;
}

const struct gtid *core_confirmed_gtid(const struct core *core)
{
    return &core->confirmed_gtid;
}

enum core_source_state core_source_state(const struct core *core)
{
    return core->source;
}

size_t core_waiting_count(const struct core *core)
{
    return core->count;
}

const struct core_transaction *core_waiting(const struct core *core, size_t index)
{
    assert(index < core->count);
    return &core->queue[(core->head + index) % CORE_QUEUE_MAX];
}

uint32_t core_acked_by(const struct core *core, struct position position)
{
    return ack_table_having(&core->acks, position);
}

uint32_t core_missing_for(const struct core *core, struct position position)
{
    uint32_t missing = quorum_missing(&core->rule, core->acks.acked, position);
    if (core->rules_coming > 0)
        missing |= quorum_missing(&core->next_rule, core->acks.acked, position);
    return missing;
}

uint32_t core_attached(const struct core *core)
{
    return core->acks.attached;
}

bool core_is_quorum_satisfied(const struct core *core)
{
    return quorum_is_satisfied(&core->rule, core->acks.attached) &&
           (core->rules_coming == 0 || quorum_is_satisfied(&core->next_rule, core->acks.attached));
}

struct position core_acked(const struct core *core, uint32_t voter)
{
    assert(voter < core->acks.voter_count);
    return core->acks.acked[voter];
}
