/* The checks of truth.h. docs/invariants.md names them. */
#include "test/sim/truth.h"

#include "proxy/pipeline_parts.h"
#include "test/sim/durable.h"
#include "test/sim/replica.h"
#include "test/sim/source.h"
#include "test/sim/world.h"

#include <assert.h>
#include <string.h>

#define ULL (unsigned long long)

static struct truth_txn txns[TRUTH_TXNS_MAX + 1];
static uint64_t count;
static uint64_t checked;      /* uids up to here lie below the confirmed position, or are cut */
static uint64_t checked_life; /* of the daemon */

void truth_reset(void)
{
    memset(txns, 0, (count + 1) * sizeof(*txns));
    count = checked = checked_life = 0;
}

uint64_t truth_add(void)
{
    assert(count < TRUTH_TXNS_MAX);
    return ++count;
}

struct truth_txn *truth_of(uint64_t uid)
{
    if (uid == 0 || uid > count)
        world_fail("a transaction that the source never wrote: %llu", ULL uid);
    return &txns[uid];
}

uint64_t truth_count(void)
{
    return count;
}

/* ---- acks ---- */

static void consider(struct truth_txn *txn)
{
    unsigned acks = (unsigned)__builtin_popcount(txn->acked);
    txn->was_satisfied = txn->was_satisfied || acks >= world_setup()->needed;
}

void truth_on_acked(unsigned voter, uint64_t uid)
{
    struct truth_txn *txn = truth_of(uid);
    txn->acked |= 1u << voter;
    consider(txn);
}

void truth_on_attached(unsigned voter, const bool *has)
{
    for (uint64_t uid = 1; uid <= count; uid++) {
        if (has[uid])
            txns[uid].acked |= 1u << voter;
        else
            txns[uid].acked &= ~(1u << voter);
        consider(&txns[uid]);
    }
}

/* ---- who has it ---- */

void truth_on_received(unsigned replica, uint64_t age, uint64_t uid, struct position end, struct span bytes)
{
    struct truth_txn *txn = truth_of(uid);
    txn->has |= 1u << replica;
    if (txn->is_cut)
        world_fail("P3: replica %u has transaction %llu, which was discarded", replica, ULL uid);
    if (!position_equal(end, txn->end) || bytes.length != txn->length ||
        memcmp(bytes.data, txn->bytes, bytes.length) != 0)
        world_fail(
            "P3: replica %u has other bytes for transaction %llu (%zu, ending at %llu:%llu) than the source",
            replica, ULL uid, bytes.length, ULL end.file, ULL end.offset);
    if (age == world_disk_age() && !stored_has(txn))
        world_fail("P4: replica %u has transaction %llu, and the store has not", replica, ULL uid);
}

/* ---- users' XA transactions ---- */

static enum truth_engine xa_state_after(enum events_kind kind)
{
    return kind == EVENTS_XA_PREPARE  ? ENGINE_PREPARED
           : kind == EVENTS_XA_COMMIT ? ENGINE_COMMITTED
                                      : ENGINE_ROLLED_BACK;
}

void truth_apply_xa(const struct truth_txn *txn)
{
    if (txn->prepared != 0)
        txns[txn->prepared].xa_state = xa_state_after(txn->kind);
}

enum truth_engine truth_xa_history(uint64_t prepared)
{
    enum truth_engine state = ENGINE_NONE;
    for (uint64_t uid = prepared; uid <= count; uid++)
        if (txns[uid].prepared == prepared && !txns[uid].is_cut && txns[uid].engine != ENGINE_PREPARED)
            state = xa_state_after(txns[uid].kind);
    return state;
}

static void check_xa(void)
{
    static const char *const names[] = {"nothing of", "prepared", "committed", "rolled back"};
    if (daemon_ever_missed_start())
        return;
    for (uint64_t uid = 1; uid <= count; uid++)
        if (txns[uid].kind == EVENTS_XA_PREPARE && txns[uid].xa_state != truth_xa_history(uid))
            world_fail("P2: the source's engine has %s XA transaction %llu, and by its binlog it has %s it",
                       names[txns[uid].xa_state], ULL uid, names[truth_xa_history(uid)]);
}

/* ---- what is promised ---- */

static void check_confirmed(uint64_t uid, const char *how)
{
    const struct truth_txn *txn = &txns[uid];
    if (!txn->was_satisfied)
        world_fail("P1: transaction %llu is %s, and the rule was never satisfied for it (acked by %x)",
                   ULL uid, how, txn->acked);
    if (!(world_setup()->is_store_synced ? durable_has(txn) : stored_has(txn)))
        world_fail("P1: transaction %llu is %s, and the store has it not on disk", ULL uid, how);
}

void truth_on_ok(uint64_t uid)
{
    struct truth_txn *txn = truth_of(uid);
    check_confirmed(uid, "OK for its client");
    if (txn->is_cut)
        world_fail("P1: the OK of transaction %llu goes to its client, and it is discarded", ULL uid);
    txn->is_ok_given = true;
}

void truth_on_engine_commit(uint64_t uid)
{
    struct truth_txn *txn = truth_of(uid);
    txn->engine = ENGINE_COMMITTED;
    truth_apply_xa(txn);
    if (!txn->is_let_go && !txn->was_satisfied)
        world_fail("P2: all sessions see transaction %llu, and it is not confirmed", ULL uid);
}

void truth_on_cut(uint64_t uid)
{
    struct truth_txn *txn = truth_of(uid);
    txn->is_cut = true;
    if (txn->is_ok_given)
        world_fail("P1: transaction %llu is gone from the source, and its client has the OK", ULL uid);
    if (txn->has != 0)
        world_fail("P3: transaction %llu is gone from the source, and replicas have it (%x)", ULL uid,
                   txn->has);
}

void truth_on_admitted(void)
{
    for (uint64_t uid = 1; uid <= count; uid++) {
        const struct truth_txn *txn = &txns[uid];
        bool was_let_go_now = txn->is_let_go && txn->life == source_life();
        if (txn->engine == ENGINE_COMMITTED && !txn->is_cut && !txn->was_satisfied && !was_let_go_now)
            world_fail("P2: applications are let in, and see transaction %llu, which is not confirmed",
                       ULL uid);
        if (txn->engine == ENGINE_COMMITTED && txn->is_cut && !daemon_ever_lost_journal())
            world_fail("P2: applications are let in, and see transaction %llu, which was discarded", ULL uid);
    }
    check_xa();
}

static void check_next(const struct pipeline *pipeline)
{
    const struct truth_txn *txn = &txns[++checked];
    bool is_stored =
        !store_is_empty(pipeline->store) && position_compare(txn->end, store_end(pipeline->store)) <= 0;
    if (!txn->is_cut && is_stored)
        check_confirmed(checked, "confirmed");
    world_figures()->confirmed += !txn->is_cut;
}

/* What a start has put into the gate. */
static void check_gate(const struct pipeline *pipeline)
{
    char text[GTID_TEXT_MAX];
    for (uint64_t uid = 1; uid <= count; uid++)
        if (!txns[uid].is_cut && !txns[uid].was_satisfied &&
            gate_is_open(pipeline->gate, span_of_text(gtid_format(&txns[uid].gtid, text))))
            world_fail("P1: the gate is open for transaction %llu, which is not confirmed", ULL uid);
}

void truth_check_step(void)
{
    struct pipeline *pipeline = daemon_pipeline();
    if (pipeline == NULL)
        return;
    if (checked_life != daemon_life()) {
        checked = 0;
        check_gate(pipeline);
    }
    checked_life = daemon_life();
    struct position confirmed = core_confirmed(pipeline->core);
    while (checked < count &&
           (txns[checked + 1].is_cut || position_compare(txns[checked + 1].end, confirmed) <= 0))
        check_next(pipeline);
}

/* ---- the end ---- */

struct history {
    uint64_t uids[TRUTH_TXNS_MAX + 1];
    size_t count;
};

static void add_to_history(void *argument, uint64_t uid, struct position start, struct position end)
{
    struct history *history = argument;
    (void)start;
    (void)end;
    history->uids[history->count++] = uid;
}

static void check_replica(unsigned replica, const struct history *history)
{
    const uint64_t *uids;
    size_t has = replica_uids(replica, &uids);
    for (size_t i = 0; i < has && i < history->count; i++)
        if (uids[i] != history->uids[i])
            world_fail("P3: at the end replica %u has transaction %llu where the source has %llu", replica,
                       ULL uids[i], ULL history->uids[i]);
    if (has != history->count)
        world_fail("P3: at the end replica %u has %zu transactions, and the source %zu", replica, has,
                   history->count);
}

void truth_check_end(void)
{
    static struct history history;
    history.count = 0;
    source_walk(add_to_history, &history);
    check_xa();
    for (unsigned i = 0; i < replicas_count(); i++)
        check_replica(i, &history);
    for (uint64_t uid = 1; uid <= count; uid++)
        if (txns[uid].is_ok_given && txns[uid].is_cut)
            world_fail("P1: at the end transaction %llu is nowhere, and its client has the OK", ULL uid);
}
