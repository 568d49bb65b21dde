/*
 * What the replication port answers to COM_QUERY.
 *
 * A table of statements: the set-up questions of MySQL and MariaDB replicas, of mysqlbinlog and of
 * change-data-capture clients. It is read-only; what is not in the table gets a clear error.
 */
#ifndef ACKGATE_PROXY_REPLICA_QUERIES_H
#define ACKGATE_PROXY_REPLICA_QUERIES_H

#include "protocol/resultset.h"
#include "proxy/replica_server.h"
#include "proxy/replica_session.h"
#include "proxy/replica_sql.h"

struct replica_query {
    const struct replica_server *server;
    struct replica_session *session;
    struct sql_cursor cursor; /* behind the words that the table names */
    struct resultset_writer *writer;
};

/* Writes the whole response. */
void replica_query_answer(const struct replica_server *server, struct replica_session *session,
                          struct span sql, struct resultset_writer *writer);

/* Shorthands for the answers below. */
void replica_query_ok(struct replica_query *query);
__attribute__((format(printf, 3, 4))) void replica_query_error(struct replica_query *query, uint16_t code,
                                                               const char *format, ...);
void replica_query_syntax_error(struct replica_query *query);

/* replica_select.c: SELECT of variables and functions, SET. */
void replica_answer_select(struct replica_query *query);
void replica_answer_set(struct replica_query *query);
/* replica_show.c */
void replica_answer_variables(struct replica_query *query);
void replica_answer_binary_logs(struct replica_query *query);
void replica_answer_log_status(struct replica_query *query);
void replica_answer_no_rows(struct replica_query *query);
/* replica_show_events.c */
void replica_answer_binlog_events(struct replica_query *query);

#endif
