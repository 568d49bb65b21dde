/*
 * Whether a session's OKs still name the transactions that they commit. A client may switch that off; before
 * anything else goes to the source, ackgate switches it on again, unseen by the client.
 *
 * The source reports a change of the variables only as long as it is asked to, so a statement that mentions
 * them is reason enough to restore them. What hides both (a procedure that changes the list of variables)
 * is not seen: the session then has the source's own semi-sync guarantee.
 */
#ifndef ACKGATE_PROXY_SESSION_TRACK_H
#define ACKGATE_PROXY_SESSION_TRACK_H

#include "protocol/track.h"
#include "proxy/session.h"

/* A piece of a command is on its way to the source. */
void session_track_note_command(struct session *session, uint8_t command, struct span piece);
/* Notes what an OK tells about the session: the tracking itself, and the database for the admin port. */
void session_track_note(struct session *session, const struct session_response_step *step,
                        const struct response_gtids *gtids);
/* Sends the statement; its answer is swallowed, session_on_idle() comes after it. */
void session_track_restore(struct session *session);
/* The answer is there. False: the tracking is off, and the source refuses to change that. */
bool session_track_on_restored(struct session *session);

#endif
