/*
 * What is to become of the transactions at the end of a crashed source's binlog: design.md's table, pure.
 *
 * Confirmed ones are kept. What may have reached a consumer, or cannot be proven not to have, is completed:
 * kept, and applications are let in once the quorum has it. What never left ackgate is discarded, if a cut
 * of the binlog undoes it and everything behind it. A source that lacks what it must have, or has something
 * else in its place, is refused. Keeping is always safe, so every doubt ends there.
 */
#ifndef ACKGATE_RECOVERY_VERDICT_H
#define ACKGATE_RECOVERY_VERDICT_H

#include "protocol/gtid_state.h"
#include "recovery/tail.h"

enum { VERDICT_REASON_MAX = 1024 };

enum verdict_action {
    VERDICT_KEEP,
    VERDICT_COMPLETE,
    VERDICT_DISCARD,
    VERDICT_DIVERGED, /* refuse: another transaction stands here in the store */
    VERDICT_BEHIND,   /* refuse: the source ends before what it must have */
    VERDICT_ACTION_END
};
const char *verdict_action_name(enum verdict_action action); /* "keep", "complete", "discard", … */
/* False: no such word. */
bool verdict_action_parse(const char *name, enum verdict_action *ret_action);

enum verdict_overall {
    VERDICT_NOTHING, /* nothing to cut, the server may start */
    VERDICT_CUT,
    VERDICT_REFUSE, /* the server must not start as source */
    VERDICT_OVERALL_END
};
const char *verdict_overall_name(enum verdict_overall overall); /* "nothing", "cut", "refuse" */
bool verdict_overall_parse(const char *name, enum verdict_overall *ret_overall);

struct verdict_item {
    enum verdict_action action;
    const char *reason; /* constant */
};

/* What an operator has said about a transaction with RESOLVE. */
struct verdict_override {
    struct gtid gtid;
    bool is_discard; /* else: complete */
};

/* What is known here. Everything is borrowed for the call. */
struct verdict_facts {
    bool is_known; /* a source was followed before; when not, everything is completed */
    enum flavor flavor;
    const char *server_uuid; /* "" on MariaDB */
    uint32_t server_id;
    const char *base;

    struct position confirmed;
    /* Nothing behind `exposed` was ever sent to anybody. is_exposure_known false: it may have been anything,
     * because the journal or the store has lost something. */
    bool is_exposure_known;
    struct position exposed;

    struct position store_end;     /* POSITION_NONE: the store is empty */
    const struct tail_txn *stored; /* whole transactions of the store that end after the tail's `from` */
    size_t stored_count;
    const struct gtid_state *before; /* all GTIDs of the history up to the tail's `from`; NULL: not known */

    const struct verdict_override *overrides;
    size_t override_count;
};

struct verdict {
    enum verdict_overall overall;
    struct position cut; /* with VERDICT_CUT: start of the first discarded transaction */
    char reason[VERDICT_REASON_MAX];
    struct verdict_item *items; /* one for each of the tail's transactions */
    size_t item_count;
    size_t kept, completed, discarded; /* how many */
    /* The store has to be cut too: what stands there behind this is gone from the source's binlog, or going,
     * and no consumer has a whole transaction of it. */
    bool has_store_cut;
    struct position store_cut;
};

/* The same facts and the same tail give the same verdict. Release it in any case. */
void verdict_pass(const struct verdict_facts *facts, const struct tail *tail, struct verdict *ret_verdict);
void verdict_release(struct verdict *verdict);

#endif
