/*
 * Walks the events of one binlog file: the header and the leading bytes of each body, optionally the
 * checksum of all its bytes. For start-up, recovery and look-ups; it blocks, and its memory is bounded
 * whatever the size of an event. It reads with larger and larger steps where events are small, and jumps over
 * large ones.
 */
#ifndef ACKGATE_PROXY_STORE_SCANNER_H
#define ACKGATE_PROXY_STORE_SCANNER_H

#include "protocol/binlog_format.h"
#include "protocol/binlog_txn.h"
#include "protocol/gtid_state.h"
#include "protocol/position.h"

struct store_scanner {
    int fd;       /* borrowed */
    uint64_t at;  /* offset of the next event */
    uint64_t end; /* nothing is read from here on */
    bool has_format;
    struct binlog_format format; /* once the format description was read */

    uint8_t *buffer; /* file bytes from buffer_start on */
    uint64_t buffer_start;
    size_t buffer_length;
    size_t read_bytes; /* size of the next read */
};

struct store_event {
    struct binlog_event_header header;
    uint64_t start;   /* offset of its first byte */
    struct span body; /* its first TXN_BODY_BYTES, or all; no checksum. Until the scanner's next call */
};

/* end_bytes: how much of the file is to be looked at. Reads the magic: RESULT_MALFORMED, RESULT_TRUNCATED,
 * RESULT_UNSUPPORTED (encrypted), RESULT_IO. Release it in any case. */
MUST_CHECK enum result store_scanner_init(struct store_scanner *scanner, int fd, uint64_t end_bytes);
void store_scanner_release(struct store_scanner *scanner);

/*
 * The next event. RESULT_CLOSED: it was the last. Anything else but RESULT_IO says that no whole, right event
 * stands at scanner.at: RESULT_TRUNCATED, RESULT_MALFORMED (an impossible header, or a log_pos that is not
 * its end), RESULT_CHECKSUM. With verifies all bytes are read, else only the leading ones.
 */
MUST_CHECK enum result store_scanner_next(struct store_scanner *scanner, bool verifies,
                                          struct store_event *ret_event);
/* Goes on at offset, an event's start; the format must have been read. */
void store_scanner_seek(struct store_scanner *scanner, uint64_t offset);

/* The GTID state of a PREVIOUS_GTIDS or GTID_LIST event that was just returned, however long. */
MUST_CHECK enum result store_scanner_load_state(struct store_scanner *scanner,
                                                const struct store_event *event,
                                                struct gtid_state *ret_state);
bool store_event_is_state(enum flavor flavor, uint8_t event_type);

/* Looks for a whole, right event that starts at offset or anywhere after it. False when there is none. */
bool store_scanner_find(struct store_scanner *scanner, uint64_t offset, uint64_t *ret_start);

#endif
