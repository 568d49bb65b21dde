/*
 * One connection to the replication port: login, questions, and then, if it dumps, its stream.
 *
 *     LOGIN → COMMANDS → LOCATING → ATTACHING → STREAMING → ENDED
 *
 * LOCATING finds where it begins; ATTACHING waits until the attachment is in the journal (fanout_begin());
 * only then bytes of the store leave. Private to the fan-out's files.
 */
#ifndef ACKGATE_PROXY_REPLICA_H
#define ACKGATE_PROXY_REPLICA_H

#include "proxy/channel.h"
#include "proxy/fanout_parts.h"
#include "proxy/replica_locate.h"
#include "proxy/replica_request.h"
#include "proxy/replica_stream.h"
#include "proxy/server_login.h"
#include "proxy/timer.h"

enum replica_state {
    REPLICA_LOGIN,
    REPLICA_COMMANDS,
    REPLICA_LOCATING,
    REPLICA_ATTACHING,
    REPLICA_STREAMING,
    REPLICA_CLOSING, /* an error has been sent, the connection ends when it is written */
    REPLICA_ENDED,   /* freed at the end of the turn */
};

struct replica {
    struct fanout *fanout;
    uint64_t id;
    enum replica_state state;
    char name[CONFIG_NAME_MAX + 32];  /* of its voter, or "observer-17" */
    char label[CONFIG_NAME_MAX + 48]; /* for the log */
    char peer[64];

    struct channel *channel;    /* until it streams */
    struct server_login *login; /* during the login */
    struct replica_session session;
    char uuid[37];
    uint32_t voter; /* index, or FANOUT_OBSERVER */

    struct replica_request request;
    struct replica_skip skip;
    struct replica_locate locate;
    struct position from; /* where its stream begins */
    struct position has_up_to;

    struct conn conn; /* while it streams */
    struct replica_stream stream;
    struct replica_acks acks;
    struct timer heartbeat;
    enum stream_state stream_state;
    bool is_semi_sync;
    bool is_attached;  /* on_attaching was called */
    bool is_scheduled; /* its turn comes with the loop's next */
    uint64_t attached_wall_ms;
    char last_error[VIEW_TEXT];
};

/* Takes over fd. */
struct replica *replica_new(struct fanout *fanout, uint64_t id, int fd);
/* Ends the connection; reason NULL: in good order. Memory goes at the end of the turn. */
void replica_end(struct replica *replica, const char *reason);
/* Sends an error and ends when it is written. Not while streaming. */
void replica_refuse(struct replica *replica, uint16_t code, const char *text);
void replica_set_state(struct replica *replica, enum replica_state state);

/* replica_command.c: payloads of the command phase. */
void replica_on_payload(void *argument, struct span payload);
/* replica_dump.c: from the dump command to the attachment. */
void replica_start_dump(struct replica *replica, struct span payload);
/* replica_serve.c: the stream. */
void replica_begin(struct replica *replica);
void replica_run(struct replica *replica); /* the stream, for one share of a turn */
void replica_stop_stream(struct replica *replica);
struct position replica_sent(const struct replica *replica);

#endif
