/*
 * ackgate-recover's conversation with ackgate's admin port (tail_text.h): where to begin, the source's tail,
 * the plan that comes back.
 *
 * A connection that cannot be made, or breaks, is tried again until the deadline; what the server says is
 * final.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_TALK_H
#define ACKGATE_RECOVERY_RECOVER_TALK_H

#include "recovery/plan.h"
#include "recovery/sql_client.h"
#include "recovery/tail_text.h"

struct recover_status {
    uint64_t epoch;
    char from_file[BINLOG_NAME_MAX]; /* "": nothing is known, send no transactions */
    uint64_t from_offset;
};

/* Reads the tail from there. On failure *ret_problem is allocated. */
typedef enum result recover_tail_fn(void *argument, const struct recover_status *status,
                                    struct tail *ret_tail, char **ret_problem);

struct recover_talk {
    const char *host;
    unsigned port;
    const char *user;
    const char *password;
    const struct tls_settings *tls; /* NULL: without */
    uint64_t timeout_ms;            /* of the whole conversation */
    recover_tail_fn *read_tail;
    void *argument; /* of read_tail */
};

enum recover_outcome {
    RECOVER_ANSWERED,
    RECOVER_UNREACHABLE, /* no connection until the deadline */
    RECOVER_REJECTED,    /* reached, but: wrong password, an SQL error, an answer that does not fit */
    RECOVER_UNREADABLE,  /* read_tail failed */
};

/*
 * asks is "CHECK" or "TAIL". ret_tail is initialised by the caller and filled with what was sent; ret_plan is
 * the caller's with RECOVER_ANSWERED, and *ret_problem is an allocated sentence otherwise.
 */
MUST_CHECK enum recover_outcome recover_ask(const struct recover_talk *talk, const char *asks,
                                            struct tail *ret_tail, struct plan *ret_plan, char **ret_problem);

/* Hands in what verify found. RECOVER_REJECTED: ackgate refuses the source, *ret_problem has its words. */
MUST_CHECK enum recover_outcome recover_tell_engine(const struct recover_talk *talk,
                                                    const struct engine_report *report, char **ret_problem);

#endif
