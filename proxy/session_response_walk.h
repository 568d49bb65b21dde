/*
 * One walk over what came of a response: the state that session_response.c and the steps of
 * session_response_walk.c share. Internal to the two.
 */
#ifndef ACKGATE_PROXY_SESSION_RESPONSE_WALK_H
#define ACKGATE_PROXY_SESSION_RESPONSE_WALK_H

#include "protocol/packet.h"
#include "proxy/session_response.h"

enum { HEADER_AND_FIRST = PACKET_HEADER_BYTES + 1 };

/* Of the flags that an OK tells, those that are still true when the next statement's rows begin. */
#define STATUS_LASTING (STATUS_IN_TRANSACTION | STATUS_AUTOCOMMIT | STATUS_NO_BACKSLASH_ESCAPES)

/* What one walk of session_response_next() works on. */
struct walk {
    struct session_response *response;
    uint8_t *data;
    size_t length;
    size_t at; /* everything before is to be passed */
    struct session_response_step *step;
};

/* All that was walked over, to be passed; RESULT_AGAIN if that is nothing. */
MUST_CHECK enum result walk_give_passed(struct walk *walk, enum response_step_kind kind);
/* The EOF that is due, or first what goes before it. */
MUST_CHECK enum result walk_give_eof(struct walk *walk);
/* The OK that stands at walk->at, or first what goes before it. */
MUST_CHECK enum result walk_give_ok(struct walk *walk, struct packet_header header);
/* Whether the packet at walk->at is there whole: RESULT_OK, RESULT_AGAIN or RESULT_TOO_LARGE. */
MUST_CHECK enum result walk_want_whole(const struct walk *walk, struct packet_header header);
/* Numbers the packet at walk->at as the client counts. */
void walk_renumber(struct walk *walk, struct packet_header header);

#endif
