/*
 * The core: which transactions are confirmed, and when the source may be used. All decisions, no I/O, no
 * clock.
 *
 * core_step() takes what happened and says what to do. It is driven by the daemon (pipeline.c), by unit tests
 * and by the simulator. A transaction is confirmed when the quorum rule holds for its end *and* the store has
 * it on disk. What is confirmed stays confirmed: later losses (a replica that comes back with less, a
 * stricter rule) never take it back.
 *
 * Transactions that wait are kept in a bounded queue. When more wait than fit (a first start with a long
 * history), the core asks for the rest with CORE_REFILL once there is room again.
 */
#ifndef ACKGATE_PROXY_CORE_H
#define ACKGATE_PROXY_CORE_H

#include "protocol/gtid.h"
#include "protocol/position.h"
#include "proxy/quorum.h"

enum { CORE_QUEUE_MAX = 16384 };

enum core_source_state {
    CORE_SOURCE_DOWN,
    CORE_SOURCE_CONNECTING,
    CORE_SOURCE_VERIFYING,
    CORE_SOURCE_RECOVERING, /* its tail is not confirmed yet */
    CORE_SOURCE_OPEN,       /* applications are admitted */
    CORE_SOURCE_REFUSED     /* an operator has to act */
};
const char *core_source_state_name(enum core_source_state state); /* "down", "connecting", … */

struct core_transaction {
    struct gtid gtid;
    struct position end;
    uint64_t stored_us;  /* the caller's clock, for showing how long it waits */
    uint64_t session_id; /* the source's connection that wrote it; 0: not known */
};

enum core_input_type {
    CORE_STORED,      /* a transaction is in the store's files, in the order of the binlog */
    CORE_DURABLE,     /* the store is on disk up to position */
    CORE_ATTACHED,    /* voter is served; it has everything up to position already */
    CORE_ACK,         /* voter has everything up to position */
    CORE_DETACHED,    /* voter */
    CORE_RULE_COMING, /* an operator's rule is being journaled: what is confirmed meanwhile needs both */
    CORE_RULE,        /* it is in force; of several under way, the last one when the last one is journaled */
    CORE_SOURCE,      /* the source's state changed, short of open; reason only for refused */
    CORE_CUT,         /* the store has been cut at position: what waited behind it was discarded */
    CORE_TAIL /* the source streams; its binlog ended at position when it was asked: RECOVERING begins */
};

struct core_input {
    enum core_input_type type;
    uint32_t voter;
    struct position position;
    struct core_transaction transaction;
    const struct quorum *rule;
    enum core_source_state source;
};

enum core_action_type {
    CORE_CONFIRM, /* position, and the GTIDs of the transactions that it confirms, in order */
    CORE_RELEASE, /* tell the source that everything up to position is acked */
    CORE_ADMIT,   /* admit applications */
    CORE_SHUT,    /* admit no new ones */
    CORE_REFILL   /* feed CORE_STORED for the transactions after position, as long as core_has_room() */
};

struct core_action {
    enum core_action_type type;
    struct position position;
    const struct gtid *gtids;  /* borrowed until the next step */
    const uint64_t *stored_us; /* of each of them, as it was given */
    size_t gtid_count;
};

enum { CORE_ACTIONS_MAX = 4 };
struct core_actions {
    struct core_action items[CORE_ACTIONS_MAX];
    size_t count;
};

struct core;

/* Everything up to `confirmed` was confirmed before; transactions after it must be fed with CORE_STORED. */
struct core *core_new(const struct quorum *rule, size_t voter_count, struct position confirmed);
void core_free(struct core **core);
/* There are more voters now: those with higher numbers than before have acked nothing yet. */
void core_set_voter_count(struct core *core, size_t voter_count);

void core_step(struct core *core, const struct core_input *input, struct core_actions *ret_actions);

bool core_has_room(const struct core *core);
struct position core_confirmed(const struct core *core);
const struct gtid *
core_confirmed_gtid(const struct core *core); /* of the last one confirmed here; GTID_NONE at first */
enum core_source_state core_source_state(const struct core *core);

/* ---- for showing ---- */
size_t core_waiting_count(const struct core *core); /* at most CORE_QUEUE_MAX; more may wait in the store */
const struct core_transaction *core_waiting(const struct core *core, size_t index); /* 0 is the oldest */
uint32_t core_acked_by(const struct core *core, struct position position);          /* mask of voters */
uint32_t core_missing_for(const struct core *core, struct position position);       /* mask of voters */
uint32_t core_attached(const struct core *core);                                    /* mask of voters */
bool core_is_quorum_satisfied(const struct core *core);
struct position core_acked(const struct core *core, uint32_t voter);

#endif
