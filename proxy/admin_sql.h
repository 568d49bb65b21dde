/*
 * Queries over the admin tables: SQLite with one virtual table for each, in memory, read-only.
 *
 * A query sees each table at one moment: it is filled when the query first uses it. It runs to its end on the
 * replication loop, so its steps, memory and result are bounded, and nothing but SELECT is let through.
 */
#ifndef ACKGATE_PROXY_ADMIN_SQL_H
#define ACKGATE_PROXY_ADMIN_SQL_H

#include "protocol/resultset.h"
#include "proxy/admin_context.h"
#include "proxy/admin_query.h"

enum {
    ADMIN_SQL_TEXT_MAX = 64 * 1024,          /* bytes of a statement */
    ADMIN_SQL_RESULT_MAX = 15 * 1024 * 1024, /* bytes in memory; so a row always fits one packet */
    ADMIN_SQL_TIME_MAX_MS = 50
};

struct admin_sql *admin_sql_new(struct pipeline *pipeline);
void admin_sql_free(struct admin_sql **sql);

/* Runs the query and writes its result set, or an error. */
void admin_sql_run(struct admin_sql *sql, const struct admin_context *context,
                   const struct admin_query *query, struct resultset_writer *out);

#endif
