/*
 * Walking over the store's events: where the next one starts, what it is, and whether a transaction is open.
 *
 * Used by a replica's stream and by the search for its starting point. The state is small and copied by
 * assignment; the bytes stay in the store's window. Only the head of an event has to be in memory.
 */
#ifndef ACKGATE_PROXY_REPLICA_WALK_H
#define ACKGATE_PROXY_REPLICA_WALK_H

#include "proxy/store.h"

/* An event's leading bytes that are looked at: header, TXN_BODY_BYTES of its body, checksum. */
#define WALK_HEAD_BYTES (BINLOG_HEADER_BYTES + TXN_BODY_BYTES + BINLOG_CHECKSUM_BYTES)

struct walk {
    struct position at; /* the next event */
    bool is_checksummed;
    struct txn_tracker tracker;
};

struct walk_event {
    struct position start;
    struct binlog_event_header header;
    struct span bytes; /* as many of its bytes as are there, at least its head */
    bool is_whole;     /* all of them are */
};

/* Starts at a file's first event. */
void walk_init(struct walk *walk, enum flavor flavor, struct position file_start);

/*
 * Bytes of the store from walk->at on, at most max_bytes (but at least one head), with at least the head of
 * the first event; a head that the store gives in pieces is joined in scratch. Results as store_read()'s.
 * The span lives until the next call of a store function.
 */
MUST_CHECK enum result walk_read(const struct walk *walk, struct store *store, size_t max_bytes,
                                 uint8_t scratch[WALK_HEAD_BYTES], struct span *ret_bytes);

/* The event that starts at walk->at, whose bytes `bytes` begins with. RESULT_AGAIN: its head is not all
 * there. RESULT_DAMAGED: no event can look like this. */
MUST_CHECK enum result walk_peek(const struct walk *walk, struct span bytes, struct walk_event *ret_event);
struct span walk_event_body(const struct walk *walk, const struct walk_event *event);
/* Goes on behind the event. A format description sets how the following are read. */
enum txn_step walk_take(struct walk *walk, const struct walk_event *event);

#endif
