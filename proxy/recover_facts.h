/*
 * What this daemon knows for a verdict: journal, store and the connections of now, put together.
 *
 * Exposure is exact where it can be: consumers of this run by what their sockets took, those that left by
 * their detach records, those of a crashed run by the whole of what the store had when this run began,
 * because nothing is sent that is not stored. Where journal or store have lost something it is not known.
 */
#ifndef ACKGATE_PROXY_RECOVER_FACTS_H
#define ACKGATE_PROXY_RECOVER_FACTS_H

#include "proxy/pipeline_parts.h"
#include "recovery/verdict.h"

struct recover_facts {
    struct verdict_facts facts; /* points into the rest, and into journal and config */
    struct tail_txn *stored;
    size_t stored_count;
    size_t stored_room;
    struct gtid_state before;
    struct verdict_override *overrides;
    bool is_overfull; /* more is stored than a listing can have */
};

/* Where a tail's listing has to begin; POSITION_NONE: nothing is known. */
struct position recover_listing_start(const struct pipeline *pipeline);
/* False: nothing may be concluded from what is known. */
bool recover_exposure(const struct pipeline *pipeline, struct position *ret_exposed);

/* from: the tail's, checked against the store. Reads what is stored behind it; blocks. RESULT_NOT_FOUND: from
 * is no place where a listing may begin (any more). RESULT_IO, RESULT_DAMAGED. Release it in any case. */
MUST_CHECK enum result recover_facts_gather(struct pipeline *pipeline, const struct tail *tail,
                                            struct recover_facts *ret_facts);
void recover_facts_release(struct recover_facts *facts);

#endif
