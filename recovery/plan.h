/*
 * What is to be done with a source's binlog: the proxy's answer to its tail, checked against that tail.
 *
 * ackgate-recover hands in the answer row by row (tail_text.h has its columns); what comes out is either
 * "nothing", "refuse", or where to cut and which file has to have the bytes before. An answer that does not
 * fit the tail, or that a cut could not undo, is never carried out.
 */
#ifndef ACKGATE_RECOVERY_PLAN_H
#define ACKGATE_RECOVERY_PLAN_H

#include "recovery/tail.h"
#include "recovery/verdict.h"

#define PLAN_COLUMNS 7u /* gtid, file, start_pos, end_pos, verdict, reason, kept_as */

struct plan {
    enum verdict_overall overall;
    struct position cut; /* with VERDICT_CUT: the start of a GTID event, or the end of what is left: then
                            the cut was done before */
    char *kept_as;       /* with VERDICT_CUT: path of the file that keeps what is cut; else NULL */
    char *reason;        /* the proxy's words, never NULL after plan_take_row() */
    size_t rows;         /* taken so far, the first one included */
    size_t kept, completed, discarded, refused; /* transactions */
    bool has_discarded;                         /* the first discarded one has come: */
    struct position first_discarded;
};

void plan_init(struct plan *plan);
void plan_release(struct plan *plan);

/*
 * The next row; cells may be NULL (counts as ""). RESULT_MALFORMED: it does not fit what came before or the
 * tail; *ret_problem is a constant phrase.
 */
MUST_CHECK enum result plan_take_row(struct plan *plan, const struct tail *tail,
                                     const char *const cells[PLAN_COLUMNS], const char **ret_problem);

/* After the last row. RESULT_MALFORMED: rows are missing, or the parts contradict each other. */
MUST_CHECK enum result plan_finish(const struct plan *plan, const struct tail *tail,
                                   const char **ret_problem);

#endif
