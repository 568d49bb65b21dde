/*
 * ROTATE (4): the next file's name and the position there.
 *
 * Layout: header | u64 position | name up to the event's end | CRC32 as the file has it. A real one closes a
 * file. An artificial one (log_pos 0, timestamp 0, flag 0x20) tells at the start of a dump, and at every
 * file, which file follows; it ends with a checksum when the events around it do.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_ROTATE_H
#define ACKGATE_PROTOCOL_BINLOG_ROTATE_H

#include "protocol/binlog_event.h"
#include "protocol/position.h"

#define BINLOG_ROTATE_EVENT_MAX (BINLOG_HEADER_BYTES + 8u + BINLOG_NAME_MAX + BINLOG_CHECKSUM_BYTES)

struct binlog_rotate {
    uint64_t position;
    struct span name; /* points into the decoded bytes */
};

/* Decodes a body. RESULT_MALFORMED: no name; RESULT_TOO_LARGE: one over BINLOG_NAME_MAX - 1. The name's form
 * is for binlog_name_parse() to check. */
MUST_CHECK enum result binlog_rotate_decode(struct span body, struct binlog_rotate *ret_rotate);

/* Writes a whole event; header.timestamp, server_id, log_pos and flags are taken, type and length put right.
 */
void binlog_rotate_encode(struct writer *writer, const struct binlog_event_header *header,
                          const struct binlog_rotate *rotate, bool checksummed);
/* The artificial one. */
void binlog_rotate_encode_artificial(struct writer *writer, uint32_t server_id, struct span name,
                                     uint64_t position, bool checksummed);

bool binlog_rotate_is_artificial(const struct binlog_event_header *header); /* log_pos 0 or the flag */

#endif
