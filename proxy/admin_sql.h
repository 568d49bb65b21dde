/*
 * Queries over the admin tables: SQLite with one virtual table for each, in memory, read-only.
 *
 * A query is prepared, which tells what tables it reads; those are filled, all at one moment of the
 * replication loop; then it is executed. Its steps, time, memory and result are bounded, and nothing but
 * SELECT is let through. One query at a time: preparing and executing may be on another thread than filling
 * (admin_worker.h).
 */
#ifndef ACKGATE_PROXY_ADMIN_SQL_H
#define ACKGATE_PROXY_ADMIN_SQL_H

#include "protocol/resultset.h"
#include "proxy/admin_context.h"
#include "proxy/admin_query.h"

enum {
    ADMIN_SQL_TEXT_MAX = 64 * 1024,         /* bytes of a statement */
    ADMIN_SQL_RESULT_MAX = 4 * 1024 * 1024, /* bytes in memory */
    ADMIN_SQL_TIME_MAX_MS = 1000
};

struct admin_sql *admin_sql_new(struct pipeline *pipeline);
void admin_sql_free(struct admin_sql **sql);

/* False: it cannot be, and an error was written. The context and the query live until the end of the query.
 */
bool admin_sql_prepare(struct admin_sql *sql, const struct admin_context *context,
                       const struct admin_query *query, struct resultset_writer *out);
void admin_sql_fill(struct admin_sql *sql); /* on the replication loop */
/* Writes the result set, or an error. */
void admin_sql_execute(struct admin_sql *sql, const struct admin_query *query, struct resultset_writer *out);
void admin_sql_cancel(struct admin_sql *sql); /* instead */
/* From any thread: the query under way ends with error 1317 soon. */
void admin_sql_interrupt(struct admin_sql *sql);

#endif
