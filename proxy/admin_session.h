/* One client of the admin port: login, then one command after the other. */
#ifndef ACKGATE_PROXY_ADMIN_SESSION_H
#define ACKGATE_PROXY_ADMIN_SESSION_H

#include "protocol/resultset.h"
#include "proxy/admin_context.h"

struct admin_session;

/* What all sessions of the port share; outlives them. */
struct admin_port {
    struct loop *loop;
    const struct config *config;
    struct pipeline *pipeline;
    struct admin *admin;
    struct admin_worker *worker;
    void (*on_ended)(struct admin *admin, struct admin_session *session); /* it frees itself then */
};

/* Takes over fd. is_full: the client only gets error 1040. */
struct admin_session *admin_session_start(const struct admin_port *port, int fd, uint32_t connection_id,
                                          bool is_full);
/* What a statement that waited (admin_context) is answered with: packets, which are taken, or OK or error
 * 1105 with the sentence. */
void admin_session_respond(struct admin_session *session, struct resultset_writer *response);
void admin_session_answer(struct admin_session *session, const char *error);
/* Ends it at once, without on_ended. */
void admin_session_free(struct admin_session **session);
/* Ends it when what it was sent is written; may be its own wish. */
void admin_session_kill(struct admin_session *session);
uint32_t admin_session_id(const struct admin_session *session);

#endif
