/*
 * The quorum rule: whose acks a transaction needs.
 *
 *     ANY 2 (r1, r2, r3) · ALL (r1, r2) · MAJORITY (r1, r2, r3) · ANY 1 (r1, r2) AND ANY 1 (r3, r4) · ALL (*)
 *
 * Names are those of the [replica NAME] sections, without those that a reload has removed; `*` is all of
 * them. Keywords in any case. A rule is a list of clauses, "k out of a set", that must all hold; ALL and
 * MAJORITY are ANY with the matching k. Pure: no I/O, no clock.
 */
#ifndef ACKGATE_PROXY_QUORUM_H
#define ACKGATE_PROXY_QUORUM_H

#include "protocol/position.h"
#include "proxy/config.h"

enum { QUORUM_CLAUSES_MAX = 8 };

/* Voters are numbered as in the config; a set of them is a bit mask. */
struct quorum_clause {
    uint32_t voters;
    unsigned needed; /* 1 <= needed <= number of voters */
};

struct quorum {
    struct quorum_clause clauses[QUORUM_CLAUSES_MAX];
    size_t clause_count;
};

/* RESULT_MALFORMED: *ret_error is a sentence that says what is wrong and where. */
MUST_CHECK enum result quorum_parse(const char *rule, const struct config_voter *voters, size_t voter_count,
                                    struct quorum *ret_quorum, char *ret_error, size_t error_max);
/* The same check without a result. */
MUST_CHECK enum result quorum_rule_check(const char *rule, const struct config_voter *voters,
                                         size_t voter_count, char *ret_error, size_t error_max);

/*
 * The largest position that every clause's needed number of voters has reached; acked[i] is voter i's,
 * POSITION_NONE for nothing yet.
 */
struct position quorum_position(const struct quorum *quorum, const struct position *acked);
/* Whether the rule would hold if exactly these voters acked. */
bool quorum_is_satisfied(const struct quorum *quorum, uint32_t voters);
/* The voters that have not acked `position` and whose ack an unsatisfied clause could use. */
uint32_t quorum_missing(const struct quorum *quorum, const struct position *acked, struct position position);

/* Clause by clause. */
bool quorum_is_same(const struct quorum *a, const struct quorum *b);

/* "r1, r2" for a mask of voters, in the config's order; cut at text_max. */
void quorum_format_voters(const struct config_voter *voters, uint32_t mask, char *ret_text, size_t text_max);

#endif
