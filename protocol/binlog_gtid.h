/*
 * The event that opens a transaction: GTID (33), ANONYMOUS_GTID (34), GTID_TAGGED (42) and MariaDB's GTID
 * (162).
 *
 * 33 and 34: u8 flags | uuid | i64 gno | u8 2 | i64 last committed | i64 sequence number | then, each only
 * when bytes are left: u56 immediate commit time (top bit: u56 original time follows) | lenenc transaction
 * length | u32 immediate server version (top bit: u32 original follows) | u64 commit group ticket. 42: the
 * same fields in MySQL's mysql::serialization format, numbered and with variable-length integers. 162: u64
 * sequence | u32 domain | u8 flags | u64 commit id (FL_GROUP_COMMIT_ID) | XID (FL_PREPARED_XA,
 * FL_COMPLETED_XA; xa_id.h) | later fields, at least 6 bytes behind the flags, zeros if need be; the
 * server part of the GTID is the event header's server_id.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_GTID_H
#define ACKGATE_PROTOCOL_BINLOG_GTID_H

#include "protocol/binlog_event.h"
#include "protocol/gtid.h"
#include "protocol/xa_id.h"

#define BINLOG_GTID_BODY_MAX 512 /* bytes, of every known kind */

enum mariadb_gtid_flag {
    MARIADB_GTID_STANDALONE = 1, /* one event follows and ends the group */
    MARIADB_GTID_GROUP_COMMIT_ID = 2,
    MARIADB_GTID_TRANSACTIONAL = 4,
    MARIADB_GTID_ALLOW_PARALLEL = 8,
    MARIADB_GTID_WAITED = 16,
    MARIADB_GTID_DDL = 32,
    MARIADB_GTID_PREPARED_XA = 64,   /* ends with XA PREPARE */
    MARIADB_GTID_COMPLETED_XA = 128, /* is XA COMMIT or XA ROLLBACK */
};

struct binlog_gtid {
    struct gtid gtid; /* GTID_NONE for an anonymous transaction */
    uint8_t flags;    /* MySQL: bit 0 may have statement-based changes; MariaDB: enum mariadb_gtid_flag */

    /* MySQL; what the event does not have is 0 */
    int64_t last_committed;
    int64_t sequence_number;
    uint64_t immediate_commit_us; /* microseconds since 1970 */
    uint64_t original_commit_us;  /* equal to the immediate one on the server of origin */
    uint64_t transaction_length;  /* bytes of the whole group, this event included */
    uint32_t immediate_server_version;
    uint32_t original_server_version;
    uint64_t commit_group_ticket;

    /* MariaDB */
    uint64_t commit_id; /* 0 without MARIADB_GTID_GROUP_COMMIT_ID */
    struct xa_id xa;    /* with MARIADB_GTID_PREPARED_XA or …_COMPLETED_XA; zeros if it cannot be read */
};

bool binlog_gtid_is_type(uint8_t type); /* one of the four */

/* RESULT_UNSUPPORTED: type 42 with a field that must not be ignored and is unknown. */
MUST_CHECK enum result binlog_gtid_decode(const struct binlog_event_header *header, struct span body,
                                          struct binlog_gtid *ret_gtid);

/* Writes the body of an event of that type; all MySQL fields are written as a current server does. For 162
 * the caller puts gtid.mariadb.server into the header. */
void binlog_gtid_encode(struct writer *writer, uint8_t type, const struct binlog_gtid *gtid);

#endif
