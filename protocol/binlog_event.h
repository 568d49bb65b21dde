/*
 * The frame of a binlog event: the 19-byte header of format version 4, its types and flags, its checksum, and
 * the few patches in place that sending a stored event needs.
 *
 * Layout: header | post-header and body | CRC32 of all before it, when the file's format description says so.
 * "Event" means all of these bytes, "body" what stands between header and checksum.
 * Manual: MySQL internals, "Binlog Event"; MariaDB knowledge base, "2-Binlog Event Header".
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_EVENT_H
#define ACKGATE_PROTOCOL_BINLOG_EVENT_H

#include "protocol/flavor.h"
#include "protocol/writer.h"

#define BINLOG_MAGIC_BYTES    4u
#define BINLOG_HEADER_BYTES   19u
#define BINLOG_CHECKSUM_BYTES 4u
#define BINLOG_EVENT_MAX      (1024u * 1024u * 1024u + 65536u) /* servers send none over 1 GiB of content */

extern const uint8_t binlog_magic[BINLOG_MAGIC_BYTES];           /* FE 62 69 6E */
extern const uint8_t binlog_magic_encrypted[BINLOG_MAGIC_BYTES]; /* FD 62 69 6E, MySQL's binlog_encryption */

enum binlog_event_type {
    BINLOG_START_V3 = 1,
    BINLOG_QUERY = 2,
    BINLOG_STOP = 3,
    BINLOG_ROTATE = 4,
    BINLOG_INTVAR = 5,
    BINLOG_RAND = 13,
    BINLOG_USER_VAR = 14,
    BINLOG_FORMAT_DESCRIPTION = 15,
    BINLOG_XID = 16,
    BINLOG_BEGIN_LOAD_QUERY = 17,
    BINLOG_EXECUTE_LOAD_QUERY = 18,
    BINLOG_TABLE_MAP = 19,
    BINLOG_WRITE_ROWS_V1 = 23,
    BINLOG_UPDATE_ROWS_V1 = 24,
    BINLOG_DELETE_ROWS_V1 = 25,
    BINLOG_INCIDENT = 26,
    BINLOG_HEARTBEAT = 27,
    BINLOG_IGNORABLE = 28,
    BINLOG_ROWS_QUERY = 29,
    BINLOG_WRITE_ROWS = 30,
    BINLOG_UPDATE_ROWS = 31,
    BINLOG_DELETE_ROWS = 32,
    BINLOG_GTID = 33,
    BINLOG_ANONYMOUS_GTID = 34,
    BINLOG_PREVIOUS_GTIDS = 35,
    BINLOG_TRANSACTION_CONTEXT = 36,
    BINLOG_VIEW_CHANGE = 37,
    BINLOG_XA_PREPARE = 38,
    BINLOG_PARTIAL_UPDATE_ROWS = 39,
    BINLOG_TRANSACTION_PAYLOAD = 40,
    BINLOG_HEARTBEAT_V2 = 41,
    BINLOG_GTID_TAGGED = 42,
    BINLOG_MARIADB_ANNOTATE_ROWS = 160,
    BINLOG_MARIADB_CHECKPOINT = 161,
    BINLOG_MARIADB_GTID = 162,
    BINLOG_MARIADB_GTID_LIST = 163,
    BINLOG_MARIADB_START_ENCRYPTION = 164,
    BINLOG_MARIADB_QUERY_COMPRESSED = 165,
    BINLOG_MARIADB_WRITE_ROWS_COMPRESSED_V1 = 166,
    BINLOG_MARIADB_DELETE_ROWS_COMPRESSED = 171,
};

enum binlog_event_flag {
    BINLOG_FLAG_IN_USE = 0x0001, /* FORMAT_DESCRIPTION only: the file was not closed in good order */
    BINLOG_FLAG_THREAD_SPECIFIC = 0x0004,
    BINLOG_FLAG_SUPPRESS_USE = 0x0008,
    BINLOG_FLAG_ARTIFICIAL = 0x0020, /* made up by the sender, stands in no file */
    BINLOG_FLAG_RELAY_LOG = 0x0040,
    BINLOG_FLAG_IGNORABLE = 0x0080,
    BINLOG_FLAG_NO_FILTER = 0x0100,
    BINLOG_FLAG_MTS_ISOLATE = 0x0200,
    BINLOG_FLAG_SKIP_REPLICATION = 0x8000, /* MariaDB */
};

struct binlog_event_header {
    uint32_t timestamp; /* seconds since 1970, 0 in artificial events */
    uint8_t type;       /* enum binlog_event_type, or one that we don't know */
    uint32_t server_id;
    uint32_t length;  /* of the whole event, header and checksum included */
    uint32_t log_pos; /* offset of its end in the file, lower 32 bits; 0 in artificial events and MariaDB's
                         groups */
    uint16_t flags;
};

/*
 * Decodes the first 19 of the given bytes. RESULT_TRUNCATED: fewer. RESULT_MALFORMED: a length under 19.
 * RESULT_TOO_LARGE: one over BINLOG_EVENT_MAX.
 */
MUST_CHECK enum result binlog_event_header_decode(struct span bytes, struct binlog_event_header *ret_header);
void binlog_event_header_encode(struct writer *writer, const struct binlog_event_header *header);

const char *binlog_event_type_name(uint8_t type); /* "QUERY", "unknown" */

/*
 * The body of a whole event: without header and, when checksummed, the last 4 bytes.
 * RESULT_TRUNCATED: the event is too short for that, or its bytes are not as many as its header says.
 */
MUST_CHECK enum result binlog_event_body(struct span event, bool checksummed, struct span *ret_body);

/*
 * The checksum of an event that comes in pieces. The format description's is computed with the in-use flag
 * cleared, which happens here.
 */
struct binlog_crc {
    uint32_t crc;    /* of what came so far */
    uint64_t at;     /* bytes that came so far */
    uint64_t length; /* of the whole event */
    bool clears_in_use;
    uint8_t stored[BINLOG_CHECKSUM_BYTES];
};

void binlog_crc_init(struct binlog_crc *crc, const struct binlog_event_header *header);
/* The next bytes of the event, from its header on; more than the header's length is our mistake (asserted).
 */
void binlog_crc_update(struct binlog_crc *crc, struct span bytes);
/* RESULT_OK, RESULT_TRUNCATED: not all bytes came, RESULT_CHECKSUM. */
MUST_CHECK enum result binlog_crc_final(const struct binlog_crc *crc);
uint32_t binlog_crc_value(const struct binlog_crc *crc); /* as computed so far */

/* Checks a whole checksummed event. RESULT_TRUNCATED as above. */
MUST_CHECK enum result binlog_event_check(struct span event);

/*
 * Patches of a whole event in place. The event's length must be that of its header (asserted); *_header ones
 * need only the first 19 bytes, for events that are not held in memory as a whole.
 */
void binlog_event_seal(uint8_t *event, size_t length_bytes); /* computes and stores the checksum */
void binlog_event_set_in_use(uint8_t *header, bool in_use);  /* the checksum stays right */
void binlog_event_set_log_pos(uint8_t *event, size_t length_bytes, uint32_t log_pos, bool checksummed);
/* For a client without checksums: the header's length becomes 4 less; the caller leaves the last 4 bytes out.
 */
void binlog_event_header_strip_checksum(uint8_t *header);
/*
 * Whether the event says of itself that it ends at this offset. From 11.4 on MariaDB copies what stands
 * between a group's GTID and its end as its session has written it, with a log_pos of 0: those events say
 * nothing, and it counts as true. Where the group began and where it ends, it always says.
 */
bool binlog_event_fits_end(const struct binlog_event_header *header, enum flavor flavor, uint64_t end);
/* Whether the type is written into files; false for those that only travel (heartbeats). */
bool binlog_event_type_is_stored(uint8_t type);

#endif
