/*
 * Whether a session's OKs still name the transactions that they commit. A client may switch that off; before
 * anything else goes to the source, ackgate switches it on again, unseen by the client.
 */
#ifndef ACKGATE_PROXY_SESSION_TRACK_H
#define ACKGATE_PROXY_SESSION_TRACK_H

#include "protocol/track.h"
#include "proxy/session.h"

/* Notes what an OK tells about the session: the tracking itself, and the database for the admin port. */
void session_track_note(struct session *session, const struct session_response_step *step,
                        const struct response_gtids *gtids);
/* Sends the statement; its answer is swallowed, session_on_idle() comes after it. */
void session_track_restore(struct session *session);

#endif
