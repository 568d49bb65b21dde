/*
 * What a source has to pass before applications are let in, besides having everything confirmed: that its
 * engine has nothing that the history lacks. And the operator's overrides, which are part of the same
 * question. Pure: it asks the journal's state and what the source said.
 *
 * An engine can have committed what the binlog no longer has: a waiting commit that was KILLed (MariaDB), or
 * released by switching semi-sync off, and then discarded by a cut. MySQL shows it in @@gtid_executed. On
 * MariaDB only the server's log does, so after a cut its source waits for the report of ackgate-recover
 * verify.
 *
 * The texts of JOURNAL_OVERRIDE that mean something here:
 *   RESOLVE 'GTID' COMPLETE|DISCARD by …   an operator's word
 *   ADOPT 'GTIDs'    what @@gtid_executed had beyond the binlog when this source was first admitted
 *   ENGINE EPOCH     the engine was seen to be at or before the cut that began this epoch
 */
#ifndef ACKGATE_PROXY_ADMISSION_H
#define ACKGATE_PROXY_ADMISSION_H

#include "recovery/journal_state.h"
#include "recovery/tail_text.h"
#include "recovery/verdict.h"

/* What operators resolved, in the order of the journal; the caller frees it. Returns how many. */
size_t admission_overrides(const struct journal_state *state, struct verdict_override **ret_overrides);

/*
 * executed: the source's @@gtid_executed as of its tail, NULL where it has none or it is not known; stored:
 * all GTIDs up to that tail. False: ret_reason says why not and what to do. *ret_adopted (MySQL, else NULL):
 * allocated, what has to be journaled as ADOPT with this first admission.
 */
bool admission_check(const struct journal_state *state, const char *executed, const struct gtid_state *stored,
                     char **ret_adopted, char *ret_reason, size_t reason_max);

/* What ackgate-recover verify reports after a start. False: as above. */
bool admission_check_engine(const struct journal_state *state, const struct engine_report *report,
                            char *ret_reason, size_t reason_max);

/* Whether it was discarded once, in any epoch. */
bool admission_is_discarded(const struct journal_state *state, const struct gtid *gtid);
/* How many transactions a discard took. */
uint64_t admission_discarded_count(const struct journal_discarded *discarded, enum flavor flavor);

#endif
