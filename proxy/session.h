/*
 * A client's session: its connection, and one connection to the source that it has for itself.
 *
 * Internal to the session files. A session lives on one app thread, from session_open() to session_close(),
 * which may be called anywhere: afterwards only session_is_over() may be asked about it until the callback
 * returns; its memory goes at the end of the loop's turn.
 *
 *     held ─► connecting ─► greeting ─► login ─► securing ─► auth ─► command ─► closing
 *       ▲         │             │         └─────────────────►▲         │
 *       └─────────┴─────────────┘                            └─────────┘ COM_CHANGE_USER
 */
#ifndef ACKGATE_PROXY_SESSION_H
#define ACKGATE_PROXY_SESSION_H

#include "protocol/packet.h"
#include "proxy/app_thread.h"
#include "proxy/backlog.h"
#include "proxy/conn.h"
#include "proxy/session_compress.h"
#include "proxy/session_password.h"
#include "proxy/session_response.h"
#include "proxy/timer.h"

enum session_phase {
    SESSION_HELD,       /* the source may not be used yet */
    SESSION_CONNECTING, /* to the source */
    SESSION_GREETING,   /* waits for the source's greeting */
    SESSION_LOGIN,      /* waits for the client's answer to it, which may bring TLS first */
    SESSION_SECURING,   /* TLS with the source begins, before the answer goes on to it */
    SESSION_AUTH,       /* packets of the authentication go back and forth */
    SESSION_COMMAND,
    SESSION_CLOSING, /* the client gets the last bytes, the source is gone */
    SESSION_OVER
};

enum {
    SESSION_PACKET_MAX = 64 * 1024 - PACKET_HEADER_BYTES, /* of a packet outside the command phase */
    SESSION_AHEAD_MAX = 16 * 1024, /* kept of commands that a client sends before their turn */
    SESSION_HELD_MAX = 64 * 1024   /* kept of what the source sends after an OK that is held */
};

struct session_hold;
struct proxy_header;

struct session_side {
    struct conn conn;
    struct backlog in;  /* read, and not processed yet */
    struct backlog out; /* waits until the peer reads */
    bool is_deaf;       /* the source only: it takes nothing any more, but may have said why */
};

struct session {
    struct app_thread *thread;
    struct session *next; /* of the thread's */
    struct session *previous;
    struct session_side client;
    struct session_side source;
    struct timer timer;
    enum session_phase phase;
    uint64_t client_caps;         /* agreed with the client */
    uint64_t source_caps;         /* offered by the source, then agreed with it */
    uint64_t held_since_ms;       /* as app.hold counts; a pause begins it anew */
    uint64_t hold_shown_since_ms; /* since when the client waits for the source */
    struct backlog greeting;      /* the source's, until the client has answered it; then that answer */
    struct session_password password;
    struct proxy_header *proxied; /* what the proxy in front has said about the client, or NULL */
    struct packet_cursor command; /* over the client's packets */
    struct session_response response;
    struct session_compress *compress; /* the client has asked for it, or NULL */
    struct session_hold *hold;         /* an OK that waits for its quorum */
    uint8_t last_sequence;             /* of the client's and ackgate's packets in the login: the last, */
    uint8_t source_sequence;           /* and the same between ackgate and the source */
    bool is_broken;                    /* a write has failed */
    bool is_stranger;                  /* counted among app_shared.strangers */
    bool has_client_finished;          /* it sends nothing any more, but may wait for an answer */
    bool is_proxy;                     /* the peer may say whose connection it is */
    bool has_begun;                    /* the client, with something else than a PROXY header */
    bool is_clients_turn;              /* in the authentication */
    bool is_changing_user;
    bool is_mariadb;
    bool is_compressed;         /* the login is over, and compress in use */
    bool is_quitting;           /* COM_QUIT has gone */
    bool is_infile;             /* the client sends a file */
    bool is_refusing;           /* the command under way is not passed on */
    bool is_swallowing;         /* the response under way is not for the client */
    bool is_restoring;          /* … because it answers a statement of our own */
    bool is_answered_ok;        /* and was an OK */
    bool has_prepared_tracking; /* a prepared statement mentions the variables of session_track.h */
    uint8_t command_byte;       /* of the command under way */
    enum { TRACKING_ON, TRACKING_DOUBTFUL, TRACKING_OFF } tracking;

    /* The identity, for other threads to show: strings and id change under the thread's mutex. */
    uint64_t id; /* the source's connection id; 0: not known yet */
    char *user;
    char *db;
    char waiting_gtid[VIEW_GTID];
    _Atomic(const char *) command_text; /* constants */
    _Atomic(const char *) state_text;
    _Atomic uint64_t state_since_ms;
    _Atomic bool is_tls; /* the client's connection */
};

/* ---- session.c: life ---- */
void session_open(struct app_thread *thread, int fd, bool is_proxy);
void session_close(struct session *session); /* at once, both connections */
/* Ends the source's connection; closes the client's once it has got what is on its way. */
void session_end(struct session *session);
/* The same, with a last error packet. */
void session_fail(struct session *session, uint16_t code, uint8_t sequence, const char *message);
/*
 * An error packet. In place of the greeting it has no SQLSTATE, as clients expect: they don't know the
 * protocol yet.
 */
void session_write_error(struct writer *writer, bool has_greeted, uint16_t code, uint8_t sequence,
                         const char *message);
bool session_is_over(const struct session *session);
void session_set_state(struct session *session, const char *state); /* a constant; from now on */
void session_set_state_since(struct session *session, const char *state, uint64_t since_ms);
/* It has the greeting, or has logged in: for session_evict(). */
void session_set_stranger(struct session *session, bool is_stranger);
void session_set_db(struct session *session, struct span db);
void session_on_drain(struct session *session);
void session_on_limits(struct session *session);         /* app.hold or app.idle_timeout is another one */
const char *session_name(const struct session *session); /* for the log; until the thread's next call */

/* ---- session_start.c: until the source's greeting ---- */
void session_start(struct session *session); /* connects, or waits until it may */
void session_retry(struct session *session); /* the connection to the source did not come about */
void session_on_source_connected(struct session *session);
void session_on_withdrawn(struct session *session); /* the source may not be used any more */
void session_on_start_timeout(struct session *session);

/* ---- session_proxy.c: PROXY headers ---- */
/*
 * The client's first bytes. True: they, or those that *data and *length_bytes are moved on to, are the
 * client's own. False: there are none yet, or the session ends.
 */
bool session_proxy_take(struct session *session, uint8_t **data, size_t *length_bytes);
/* Tells the source whose session it is, if it takes that: before anything else that is sent to it. False:
 * nobody can say any more, and the session has ended. */
MUST_CHECK bool session_proxy_announce(struct session *session);

/* ---- session_login.c: the client's login, and TLS on both sides ---- */
uint64_t session_login_offered(const struct session *session, uint64_t source_caps);
/* bytes: the packet, followed by whatever else the client has sent: with an SSLRequest all of it is taken. */
void session_login_take(struct session *session, struct packet_header header, struct span payload,
                        uint8_t *bytes, size_t rest_length_bytes);
void session_login_on_timeout(struct session *session);       /* app.auth_timeout */
bool session_is_client_secure(const struct session *session); /* TLS, or a Unix socket */
bool session_is_source_secure(const struct session *session);

/* ---- session_auth.c ---- */
/* A packet of the login, as it stands in a buffer or made up: with the number that the receiver expects. */
void session_auth_relay_client(struct session *session, uint8_t *bytes, struct packet_header header);
void session_auth_relay_source(struct session *session, uint8_t *bytes, struct packet_header header);
void session_auth_send_client(struct session *session, struct span payload);
void session_auth_send_source(struct session *session, struct span payload);
void session_auth_client_is_wrong(struct session *session, uint16_t code, uint8_t sequence,
                                  const char *message);
void session_auth_set_identity(struct session *session, const struct login *login);
void session_auth_take_source(struct session *session, uint8_t *data, size_t length_bytes);
void session_auth_take_client(struct session *session, uint8_t *data, size_t length_bytes);
/* True: another packet has been put for the source, and this one must not go there. */
bool session_auth_on_change_user(struct session *session, struct span payload);

/* ---- session_command.c: the client's bytes, in the command phase ---- */
void session_command_take(struct session *session, uint8_t *data, size_t length_bytes);
/* The response is over: what the client has sent meanwhile. */
void session_command_resume(struct session *session);
bool session_is_busy(const struct session *session);

/* ---- session_reply.c: the source's bytes, in the command phase ---- */
void session_reply_take(struct session *session, uint8_t *data, size_t length_bytes);
void session_reply_resume(struct session *session); /* after a held OK */
void session_on_idle(struct session *session);      /* no command is under way any more */

/* ---- session_hold.c ---- */
struct response_gtids;
/* False: the gate is open after all. */
bool session_hold_start(struct session *session, const struct session_response_step *step,
                        const struct response_gtids *gtids);
void session_hold_on_timeout(struct session *session);
/* The source itself holds the answer to what it has committed: see app_give_up(). */
void session_give_up(struct session *session, const char *message);
void session_hold_drop(struct session *session);      /* the session ends */
void session_hold_on_wake(struct app_thread *thread); /* more transactions are confirmed */

/* ---- session_flow.c: bytes ---- */
void session_on_client_ready(void *argument, unsigned what);
void session_on_source_ready(void *argument, unsigned what);
/* Adds to the output; bytes stay where they are until session_flush(). */
void session_put(struct session *session, struct session_side *side, struct span bytes);
void session_put_copy(struct session *session, struct session_side *side, struct span bytes);
void session_flush(struct session *session); /* may end the session */
/* The client sends nothing any more and has its answers: the source is told, and ends the session. */
void session_finish(struct session *session);
void session_watch(struct session *session); /* for what it can go on with now */

#endif
