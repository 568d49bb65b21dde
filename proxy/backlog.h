/*
 * Bytes of a session that cannot go on yet: the start of a packet that must be whole, commands that came
 * before their turn, or output that the peer has not taken. Most sessions have none, and then no memory.
 */
#ifndef ACKGATE_PROXY_BACKLOG_H
#define ACKGATE_PROXY_BACKLOG_H

#include "protocol/reader.h"

struct backlog {
    uint8_t *data; /* owned; NULL while empty */
    size_t start;
    size_t end;
    size_t room;
};

size_t backlog_bytes(const struct backlog *backlog);
/* The bytes kept; lives until the next call. */
struct span backlog_span(const struct backlog *backlog);
void backlog_append(struct backlog *backlog, struct span bytes); /* not from the backlog itself */
void backlog_consume(struct backlog *backlog, size_t length_bytes);
/* Moves everything to ret_bytes, which has room for backlog_bytes(), and is empty afterwards. */
size_t backlog_take(struct backlog *backlog, uint8_t *ret_bytes);
void backlog_release(struct backlog *backlog); /* empties it */

#endif
