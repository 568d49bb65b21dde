/*
 * FORMAT_DESCRIPTION (15): the first event of every binlog file, which says how the others are to be read.
 *
 * Layout: header | u16 binlog version | 50 bytes server version | u32 created | u8 header length |
 * u8 post-header length per event type, from type 1 | u8 checksum algorithm | CRC32, there even when the
 * algorithm is "none". Both flavours have the last two (MySQL since 5.6.1, MariaDB since 5.3); older servers
 * are not supported.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_FORMAT_H
#define ACKGATE_PROTOCOL_BINLOG_FORMAT_H

#include "protocol/binlog_event.h"
#include "protocol/flavor.h"

#define BINLOG_SERVER_VERSION_BYTES 50
#define BINLOG_FORMAT_EVENT_MAX     512 /* bytes; the longest there is has 280 */

enum binlog_checksum {
    BINLOG_CHECKSUM_NONE = 0,
    BINLOG_CHECKSUM_CRC32 = 1,
};

struct binlog_format {
    uint16_t version; /* 4 */
    char server_version[BINLOG_SERVER_VERSION_BYTES + 1];
    enum flavor flavor;    /* by the version's "MariaDB", else MySQL */
    uint32_t created;      /* seconds since 1970; 0 when not the first file since the server's start */
    uint8_t header_length; /* 19 */
    uint8_t post_header_count;
    uint8_t post_header_lengths[256]; /* [type]; [0] unused, 0 for types the server does not know */
    enum binlog_checksum checksum;    /* of the events that follow */
};

/*
 * Decodes a whole event, its checksum too (RESULT_CHECKSUM when it is wrong). RESULT_UNSUPPORTED: a version,
 * header length or checksum algorithm that we can't read.
 */
MUST_CHECK enum result binlog_format_decode(struct span event, struct binlog_format *ret_format);

bool binlog_format_is_checksummed(const struct binlog_format *format);

/* Writes a whole event from header.timestamp, server_id, log_pos and flags; type and length are put right. */
void binlog_format_encode(struct writer *writer, const struct binlog_event_header *header,
                          const struct binlog_format *format);

/*
 * Makes a stored format description what a source sends, in place: the in-use flag is cleared; with mid_file
 * (the replica does not start at the file's beginning) log_pos and created become 0 too, so that it neither
 * counts as a position nor as a server start that would drop temporary tables. With checksums false the
 * algorithm becomes "none" for a client that does not know checksums. The checksum is computed again. The
 * event must have been decoded without error (asserted).
 */
void binlog_format_prepare(uint8_t *event, size_t length_bytes, bool mid_file, bool checksums);

#endif
