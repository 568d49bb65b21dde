/*
 * The acks of one replica: taken off the wire, checked, and how long they took.
 *
 * An ack is one packet EF | position | file (semisync.h), sequence 0; several may come in one read, or one in
 * pieces. They are cumulative, so only the last of a read is told on.
 */
#ifndef ACKGATE_PROXY_REPLICA_ACKS_H
#define ACKGATE_PROXY_REPLICA_ACKS_H

#include "protocol/gtid.h"
#include "protocol/packet.h"
#include "protocol/position.h"
#include "protocol/semisync.h"
#include "proxy/view.h"

enum { ACKS_PENDING_MAX = 64, ACKS_BUCKETS = 128 };

/* A place that was sent with the request for an ack. */
struct asked_ack {
    struct position end;
    struct gtid gtid;
    uint64_t sent_us;
};

struct replica_acks {
    struct packet_joiner joiner;
    uint8_t rest[PACKET_HEADER_BYTES]; /* the start of a packet that the joiner could not take yet */
    size_t rest_length;
    struct asked_ack asked[ACKS_PENDING_MAX]; /* a ring */
    size_t first;
    size_t count;
    struct position acked;          /* POSITION_NONE: nothing yet */
    struct gtid acked_gtid;         /* of the last transaction whose ack was asked for and came */
    uint32_t buckets[ACKS_BUCKETS]; /* of latency: four for each power of two microseconds */
    uint32_t latencies;
    uint64_t total_us;
};

void replica_acks_init(struct replica_acks *acks);
void replica_acks_release(struct replica_acks *acks);

void replica_acks_asked(struct replica_acks *acks, struct position end, const struct gtid *gtid,
                        uint64_t now_us);
/* Puts what the last read left over at the start of a buffer of the next; returns its length, 4 at most. */
size_t replica_acks_begin_read(struct replica_acks *acks, uint8_t *buffer);
/*
 * Decodes the acks in bytes; *ret_ack is the last one, *ret_has whether there was any. base: the store's.
 * RESULT_CLOSED: COM_QUIT. RESULT_MALFORMED and others: not an ack of ours, or for a file of another base.
 */
MUST_CHECK enum result replica_acks_read(struct replica_acks *acks, struct span bytes, const char *base,
                                         bool *ret_has, struct position *ret_ack);
/* The replica has everything up to here; false when that was known. */
bool replica_acks_take(struct replica_acks *acks, struct position acked, uint64_t now_us);
/* The same durations by powers of two, for the metrics. */
void replica_acks_histogram(const struct replica_acks *acks, struct view_histogram *ret_histogram);
/* Microseconds that this share (0.5, 0.99) of the acks took at most; 0 while there are none. */
uint64_t replica_acks_percentile_us(const struct replica_acks *acks, double share);

#endif
