/* What source_check.c and the source_*.c files of its steps share: one look-over under way. */
#ifndef ACKGATE_PROXY_SOURCE_CHECK_PARTS_H
#define ACKGATE_PROXY_SOURCE_CHECK_PARTS_H

#include "proxy/source_check.h"

enum { SOURCE_STATEMENT_MAX = 2048 }; /* bytes of a statement of ours */

struct source_check {
    const struct config *config;
    const struct source_check_request *request;
    struct sql_client *client;
    struct source_facts *facts;
    char *reason; /* the caller's, SOURCE_REASON_MAX bytes */
    size_t reason_length;
    bool is_new_naming; /* rpl_semi_sync_source_*, not …_master_* */
};

__attribute__((format(printf, 2, 3))) void source_check_add_reason(struct source_check *check,
                                                                   const char *format, ...);
/* The value of a global variable, allocated, or NULL when the server has none of that name. */
MUST_CHECK enum result source_check_read_variable(struct source_check *check, const char *name,
                                                  char **ret_value);

/* A connection to the source; the caller closes check->client. */
MUST_CHECK enum result source_check_open(struct source_check *check, unsigned timeout_seconds);

/* ---- source_peers.c ---- */
/* The status variable whose name is like the pattern; 0 without one. */
MUST_CHECK enum result source_check_read_status(struct source_check *check, const char *pattern,
                                                uint64_t *ret_value);
MUST_CHECK enum result source_check_other_replicas(struct source_check *check);

/* ---- source_prepared.c ---- */
MUST_CHECK enum result source_check_read_prepared(struct source_check *check);

/* ---- source_grants.c: leaves a reason when the account cannot read the binlog ---- */
MUST_CHECK enum result source_check_grants(struct source_check *check);

/* ---- source_settings.c: steps of the look-over, which leave a reason when something differs or cannot be
 * set ---- */
MUST_CHECK enum result source_check_semi_sync(struct source_check *check);
MUST_CHECK enum result source_check_tracking(struct source_check *check);

#endif
