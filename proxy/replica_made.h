/*
 * Packets that stand in no file: what a replica is sent besides the store's events.
 *
 * Artificial ROTATE, the format description as a source sends it, heartbeats, MariaDB's artificial GTID_LIST,
 * and the EOF or ERR that ends a dump. They are few and small, so they are built in a buffer, which goes out
 * before anything else.
 */
#ifndef ACKGATE_PROXY_REPLICA_MADE_H
#define ACKGATE_PROXY_REPLICA_MADE_H

#include "protocol/gtid_list.h"
#include "protocol/position.h"

struct made {
    uint8_t *data; /* owned; NULL while there is nothing */
    size_t length;
    size_t room;
    size_t sent;
};

/* How this replica's packets look. */
struct made_style {
    uint32_t server_id;
    bool is_semi_sync;
    bool is_checksummed; /* artificial events end with a checksum */
    uint8_t sequence;    /* of the next packet; advanced */
};

void made_release(struct made *made);
bool made_is_empty(const struct made *made);
struct span made_left(const struct made *made);
void made_advance(struct made *made, size_t sent_bytes); /* frees the buffer when all is sent */

void made_event(struct made *made, struct made_style *style, struct span event);
void made_rotate(struct made *made, struct made_style *style, const char *name, uint64_t offset);
/* type: BINLOG_HEARTBEAT (positions up to 32 bits only) or BINLOG_HEARTBEAT_V2. */
void made_heartbeat(struct made *made, struct made_style *style, uint8_t type, const char *name,
                    uint64_t offset);
void made_gtid_list(struct made *made, struct made_style *style, const struct gtid_list *list,
                    uint64_t log_pos, bool is_until_reached);
void made_eof(struct made *made, struct made_style *style);
void made_error(struct made *made, struct made_style *style, uint16_t code, const char *message);

#endif
