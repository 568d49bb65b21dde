/*
 * Semi-synchronous replication on the wire: two bytes before each event of a dump, and the replica's ack.
 *
 * Dump packet: 00 | EF | 1 when an ack is wanted, else 0 | event. Ack: EF | u64 position behind the event |
 * file name, in one packet with sequence 0 that gets no answer. The ack has to leave in one write.
 */
#ifndef ACKGATE_PROTOCOL_SEMISYNC_H
#define ACKGATE_PROTOCOL_SEMISYNC_H

#include "protocol/position.h"
#include "protocol/writer.h"

#define SEMISYNC_MAGIC        0xEF
#define SEMISYNC_PREFIX_BYTES 2u
#define SEMISYNC_ACK_MAX      (1u + 8u + BINLOG_NAME_MAX) /* bytes of a payload */

/* The two bytes between the packet's 00 and the event. RESULT_MALFORMED: other magic or flag than there are.
 */
MUST_CHECK enum result semisync_prefix_decode(struct reader *reader, bool *ret_ack_wanted);
void semisync_prefix_encode(struct writer *writer, bool ack_wanted);

struct semisync_ack {
    uint64_t offset;
    struct span name; /* points into the decoded bytes; its form is for binlog_name_parse() to check */
};

/* A packet's payload. RESULT_MALFORMED: wrong magic, no name; RESULT_TOO_LARGE: longer than SEMISYNC_ACK_MAX.
 */
MUST_CHECK enum result semisync_ack_decode(struct span payload, struct semisync_ack *ret_ack);
void semisync_ack_encode(struct writer *writer, const struct semisync_ack *ack);

#endif
