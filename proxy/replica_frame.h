/*
 * One event of a dump as packets: [length, sequence][00][EF flag][event bytes], split at 16 MiB - 1.
 *
 * A frame holds no bytes of the event. It is the arithmetic between "so many bytes have left" and "this byte
 * of the event is next, with this packet header before it", so that a stream can stop anywhere and go on
 * from the store. Manual: "COM_BINLOG_DUMP"; semisync.h for the two bytes EF flag.
 */
#ifndef ACKGATE_PROXY_REPLICA_FRAME_H
#define ACKGATE_PROXY_REPLICA_FRAME_H

#include "protocol/reader.h"

#include <sys/uio.h>

#define FRAME_HEAD_BYTES 7u /* packet header, 00, EF, flag */

struct frame {
    uint64_t event_bytes; /* as sent */
    uint64_t sent;        /* bytes on the wire that have left, headers included */
    uint8_t sequence;     /* of its first packet */
    bool is_semi_sync;    /* the two bytes EF flag are there */
    bool wants_ack;
};

/* What one sendmsg takes. The caller brings the arrays, each with room for max. */
struct frame_parts {
    struct iovec *parts;
    uint8_t (*heads)[FRAME_HEAD_BYTES];
    size_t max;
    size_t count;
    size_t head_count;
    size_t bytes; /* in parts */
};

uint64_t frame_wire_bytes(const struct frame *frame);
bool frame_is_sent(const struct frame *frame);
/* The first byte of the event that has not left. */
uint64_t frame_event_offset(const struct frame *frame);
/* The sequence id of the packet after it: 1 when it asked for an ack, as the servers count. */
uint8_t frame_next_sequence(const struct frame *frame);

/*
 * Adds what comes next on the wire to parts, as far as `piece` goes, which holds the event's bytes from
 * frame_event_offset() on, and advances frame->sent by it. The piece must live until the parts are written.
 * Stops early when parts are full.
 */
void frame_gather(struct frame *frame, struct span piece, struct frame_parts *parts);

#endif
