/*
 * QUERY (2): a statement, among them BEGIN, COMMIT and DDL; and the XA_PREPARE (38) and XID (16) bodies.
 *
 * Layout: u32 thread id | u32 execution time | u8 length of db | u16 error code | u16 length of status
 * variables | (more post-header, by the format description) | status variables | db, NUL | statement up to
 * the end.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_QUERY_H
#define ACKGATE_PROTOCOL_BINLOG_QUERY_H

#include "protocol/binlog_event.h"
#include "protocol/flavor.h"

#define BINLOG_QUERY_POST_HEADER_BYTES 13u

struct binlog_query {
    uint32_t thread_id;
    uint32_t execution_s;
    uint16_t error_code;
    struct span status; /* status variables; the spans point into the decoded body */
    struct span db;
    struct span sql; /* as much of it as was given */
    bool
        has_xid; /* MySQL: Q_DDL_LOGGED_WITH_XID, an atomic DDL statement; MariaDB: Q_XID of 10.6 and later */
    uint64_t xid;
};

/*
 * Decodes the leading bytes of a body; the statement may be cut short, all before it has to be there.
 * post_header_bytes is the format description's for QUERY. Status variables that we do not know end their
 * scan without an error: they stand behind the known ones.
 */
MUST_CHECK enum result binlog_query_decode(struct span body, size_t post_header_bytes, enum flavor flavor,
                                           struct binlog_query *ret_query);
void binlog_query_encode(struct writer *writer,
                         const struct binlog_query *query); /* the body, 13 bytes post-header */

/* What the statement does to a transaction: what replicas look at, by its first word. */
enum binlog_query_verb {
    BINLOG_VERB_OTHER = 0, /* DDL outside, DML inside a transaction */
    BINLOG_VERB_BEGIN,
    BINLOG_VERB_COMMIT,
    BINLOG_VERB_ROLLBACK, /* of the whole; ROLLBACK TO is BINLOG_VERB_SAVEPOINT */
    BINLOG_VERB_SAVEPOINT,
    BINLOG_VERB_XA_START,
    BINLOG_VERB_XA_END,
    BINLOG_VERB_XA_PREPARE,
    BINLOG_VERB_XA_COMMIT,
    BINLOG_VERB_XA_ROLLBACK,
};
enum binlog_query_verb binlog_query_verb(struct span sql);
bool binlog_query_is_create(
    struct span sql); /* CREATE …, as inside the transaction of CREATE TABLE … SELECT */

/* CREATE TABLE [IF NOT EXISTS] name …: its "schema/table", if both are of letters, digits, _ and $; else
 * ret_name stays. */
void binlog_query_made_table(const struct binlog_query *query, char *ret_name, size_t name_max);

MUST_CHECK enum result binlog_xid_decode(struct span body, uint64_t *ret_xid);

struct binlog_xa_prepare {
    bool one_phase; /* XA COMMIT … ONE PHASE: the event commits */
    uint32_t format_id;
    struct span gtrid;
    struct span bqual;
};
MUST_CHECK enum result binlog_xa_prepare_decode(struct span body, struct binlog_xa_prepare *ret_prepare);

#endif
