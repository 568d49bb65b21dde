/* What a statement of the admin port knows about the session it came from. */
#ifndef ACKGATE_PROXY_ADMIN_CONTEXT_H
#define ACKGATE_PROXY_ADMIN_CONTEXT_H

#include "proxy/pipeline.h"

struct admin;
struct admin_sql;
struct admin_worker;

#define ADMIN_SCHEMA         "ackgate"
#define ADMIN_SERVER_VERSION "8.4.0-ackgate-" ACKGATE_VERSION

enum { ADMIN_USER_MAX = 128, ADMIN_PEER_MAX = 128 };

struct admin_context {
    struct admin *admin; /* for KILL of another admin session; may be NULL */
    struct admin_worker *worker;
    struct admin_sql *sql; /* without a worker: queries are answered at once */
    struct pipeline *pipeline;
    uint32_t connection_id;
    char user[ADMIN_USER_MAX];
    char peer[ADMIN_PEER_MAX];
    const char *label; /* for the log: "admin 4026531840 admin@10.0.0.5:4711" */
    char db[65];       /* "" or ADMIN_SCHEMA */
    bool is_read_only; /* admin.stats_user */
    bool is_waiting;   /* the answer comes later: admin_session_respond() */
};

#endif
