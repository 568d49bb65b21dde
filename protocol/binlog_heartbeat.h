/*
 * HEARTBEAT (27) and HEARTBEAT_V2 (41): the source is there and has nothing to send, or has skipped up to
 * here.
 *
 * 27: the file name is the body, the position the header's log_pos, so it says nothing right over 4 GiB. 41
 * (MySQL ≥ 8.0.26, only to replicas that ask for it in their dump flags): fields of lenenc type, lenenc
 * length, value (1 name, 2 lenenc position), ended by type 0. Both exist on the wire only.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_HEARTBEAT_H
#define ACKGATE_PROTOCOL_BINLOG_HEARTBEAT_H

#include "protocol/binlog_event.h"
#include "protocol/position.h"

#define BINLOG_HEARTBEAT_EVENT_MAX (BINLOG_HEADER_BYTES + 32u + BINLOG_NAME_MAX + BINLOG_CHECKSUM_BYTES)

struct binlog_heartbeat {
    struct span name; /* points into the decoded bytes */
    uint64_t position;
};

/* Header and body of an event of either type; unknown fields of type 41 are skipped. */
MUST_CHECK enum result binlog_heartbeat_decode(const struct binlog_event_header *header, struct span body,
                                               struct binlog_heartbeat *ret_heartbeat);

/* Writes a whole event of type 27 or 41 as a source does: timestamp 0. A position over 32 bits must go out as
 * 41 (asserted). */
void binlog_heartbeat_encode(struct writer *writer, uint8_t type, uint32_t server_id,
                             const struct binlog_heartbeat *heartbeat, bool checksummed);

#endif
