/*
 * Queries of the admin port away from the replication loop: one thread of its own runs SQLite; the loop
 * only copies the tables that a query reads, all of them at one moment.
 *
 *     statement ─► queue ─► prepare (thread) ─► fill (loop) ─► execute (thread) ─► answer (loop)
 *
 * A query waits for the ones before it, and after each there is a pause in proportion to what it took of the
 * loop. On a busy machine queries get slow, and commits do not.
 */
#ifndef ACKGATE_PROXY_ADMIN_WORKER_H
#define ACKGATE_PROXY_ADMIN_WORKER_H

#include "proxy/admin_context.h"
#include "proxy/admin_query.h"
#include "proxy/loop.h"

#include "protocol/resultset.h"

struct admin_worker;

/* The whole response, which may be taken, for the admin connection that asked, which may be gone. */
typedef void admin_worker_fn(void *argument, uint32_t connection_id, struct resultset_writer *response);

struct admin_worker *admin_worker_new(struct loop *loop, struct pipeline *pipeline, admin_worker_fn *on_done,
                                      void *argument);
/* Takes the query's memory; copies what it needs of the context. `out` says how to write the response. */
void admin_worker_submit(struct admin_worker *worker, const struct admin_context *context,
                         struct admin_query *query, const struct resultset_writer *out);
/* Ends the connection's query early, if it is running. */
void admin_worker_interrupt(struct admin_worker *worker, uint32_t connection_id);
/* Nobody is told any more. After the loop has ended, or on it. */
void admin_worker_free(struct admin_worker **worker);

#endif
