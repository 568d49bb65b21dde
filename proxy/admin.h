/*
 * The admin port: a MySQL server for operators, with ackgate's own account, on the replication loop.
 *
 * Listens, counts sessions and ends them; what a session says is admin_session.h's.
 */
#ifndef ACKGATE_PROXY_ADMIN_H
#define ACKGATE_PROXY_ADMIN_H

#include "proxy/pipeline.h"

struct admin;

/* Binds all addresses of config->admin.listen (the error is logged). Config and pipeline outlive it. */
MUST_CHECK enum result admin_start(struct loop *loop, const struct config *config, struct pipeline *pipeline,
                                   struct admin **ret_admin);
void admin_stop(struct admin **admin); /* ends all sessions at once */

/* FLUSH BINARY LOGS: the session's answer comes when the source has given its own. RESULT_CONFLICT: one is
 * under way already. */
MUST_CHECK enum result admin_rotate_source(struct admin *admin, uint32_t connection_id);

bool admin_kill(struct admin *admin, uint64_t connection_id); /* false: no admin session has this id */

#endif
