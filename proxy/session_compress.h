/*
 * The client's side of a session under compression: the frames of protocol/compressed.h taken off what it
 * sends and put around what it gets. The source's side is never compressed: it is usually near.
 *
 * Internal to the session files. It begins with the packet after the login's OK. What frames hold can be a
 * thousand times what has come: it is taken out in pieces of the thread's buffer, and the rest waits as it
 * came.
 */
#ifndef ACKGATE_PROXY_SESSION_COMPRESS_H
#define ACKGATE_PROXY_SESSION_COMPRESS_H

#include "protocol/compressed.h"
#include "protocol/login.h"
#include "proxy/backlog.h"

struct session;
struct session_output;

struct session_compress {
    struct compressed_reader reader;
    struct backlog raw; /* has come, and is not taken out of its frames yet */
    int level;
    uint8_t next_sequence; /* of the frames to the client */
    bool is_planned;       /* going on with what is there already */
};

/* The client has asked for it, and it was offered; takes effect with session_compress_start(). */
void session_compress_ask(struct session *session, const struct login *login);
/* After the login's OK has been put; may end the session. */
void session_compress_start(struct session *session);
void session_compress_release(struct session *session);

/* A command of the client has come whole: what answers it is numbered after its last frame. */
void session_compress_on_command(struct session *session);
/* A command has come in part: what the source may say already waits, its frames' numbers are not known yet.
 */
bool session_compress_is_in_command(const struct session *session);
/* As conn_read(). */
MUST_CHECK enum result session_compress_read(struct session *session, uint8_t *buffer, size_t room_bytes,
                                             size_t *ret_length);
/* More can be read without the client sending anything. */
bool session_compress_has_rest(const struct session *session);
/* Reads it at the end of the loop's turn. */
void session_compress_plan(struct session *session);
/*
 * Puts frames around the output and writes them; what the client does not take is kept. False: the connection
 * is broken.
 */
bool session_compress_write(struct session *session, const struct session_output *output);

#endif
