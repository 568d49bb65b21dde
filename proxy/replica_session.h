/*
 * What a replica has said about itself before it dumps: its user variables and its registration.
 *
 * Replicas of both flavours announce what they want in user variables (facts: "What a replica asks before it
 * dumps"); their names are compared without case. MySQL's have an old and a new name, either counts.
 */
#ifndef ACKGATE_PROXY_REPLICA_SESSION_H
#define ACKGATE_PROXY_REPLICA_SESSION_H

#include "protocol/reader.h"

enum { SESSION_VARIABLES_MAX = 64 };

struct session_variable {
    char *name;
    char *value; /* NULL: NULL */
    size_t length;
};

struct replica_session {
    struct session_variable variables[SESSION_VARIABLES_MAX];
    size_t count;
    uint64_t caps; /* agreed at login */
    bool is_registered;
    uint32_t server_id; /* of the registration, then of the dump */
    char host[64];      /* of the registration */
    uint16_t port;
};

enum session_checksum {
    SESSION_CHECKSUM_UNKNOWN, /* the client never said: it cannot read checksums */
    SESSION_CHECKSUM_NONE,    /* it can, but wants none on the first artificial event */
    SESSION_CHECKSUM_CRC32,
};

void replica_session_release(struct replica_session *session); /* and clear */
/* value.data NULL: NULL. RESULT_FULL: too many variables. */
MUST_CHECK enum result replica_session_set(struct replica_session *session, struct span name,
                                           struct span value);
/* NULL: never set. */
const struct session_variable *replica_session_find(const struct replica_session *session, struct span name);
/* The text of a variable that is set and not NULL. */
bool replica_session_text(const struct replica_session *session, const char *name, struct span *ret_text);

/* What the variables mean. */
uint64_t replica_session_heartbeat_ms(const struct replica_session *session); /* 0: none wanted */
enum session_checksum replica_session_checksum(const struct replica_session *session);
bool replica_session_is_semi_sync(const struct replica_session *session);
/* Lower case, with a NUL; "" when the replica has not said. */
void replica_session_uuid(const struct replica_session *session, char ret_uuid[37]);
/* It is a MySQL replica (sets its uuid), or a MariaDB one (sets its capability). */
bool replica_session_is_mysql(const struct replica_session *session);
bool replica_session_is_mariadb(const struct replica_session *session);

#endif
