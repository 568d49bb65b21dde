/*
 * Where transactions start and end in a stream of events: whole GTID groups, with their GTID and kind.
 *
 * The source stream feeds it what is stored, the recovery tool what stands in the tail, in the order of the
 * file. Rules: a group opens with a GTID event. MySQL: it ends at XID, XA_PREPARE, a COMMIT or ROLLBACK
 * statement, or a payload event; without BEGIN or XA START at the next QUERY that is neither. MariaDB: with
 * the standalone flag at the next QUERY, else at XID, XA_PREPARE, COMMIT or ROLLBACK. All other events stand
 * inside (rows, variables, LOAD DATA, annotations, savepoints). No memory beyond the struct, no I/O.
 */
#ifndef ACKGATE_PROTOCOL_BINLOG_TXN_H
#define ACKGATE_PROTOCOL_BINLOG_TXN_H

#include "protocol/binlog_format.h"
#include "protocol/binlog_gtid.h"
#include "protocol/binlog_query.h"

#define TXN_BODY_BYTES 8192u /* leading bytes of a body that the tracker needs; of a shorter one all */

enum { TXN_TABLE_MAX = 2 * 64 + 2 };

enum txn_kind {
    TXN_UNKNOWN = 0, /* its end has not come */
    TXN_ROWS,        /* ended by an XID, or a compressed payload (XID or XA PREPARE is inside) */
    TXN_ROWS_COMMIT, /* ended by a COMMIT or ROLLBACK statement: non-transactional changes are in it */
    TXN_DDL_ATOMIC,  /* one statement with an Xid: MySQL's atomic DDL */
    TXN_DDL, /* one statement without: other DDL, account statements, FLUSH, MyISAM statements of MariaDB */
    TXN_XA_PREPARE,   /* XA START … XA PREPARE */
    TXN_XA_ONE_PHASE, /* XA START … XA COMMIT … ONE PHASE */
    TXN_XA_COMMIT,
    TXN_XA_ROLLBACK,
    TXN_INCIDENT, /* a GTID and an INCIDENT event: the source lost events */
};
const char *txn_kind_name(
    enum txn_kind kind); /* "rows", "rows-commit", "ddl-atomic", … for the journal and admin tables */

struct txn {
    struct gtid gtid; /* GTID_NONE: anonymous */
    enum txn_kind kind;
    bool compressed;       /* a TRANSACTION_PAYLOAD event */
    bool ddl;              /* DDL by kind, or a CREATE TABLE … SELECT, or MariaDB's DDL flag */
    bool has_xid;          /* an engine XID is known: */
    uint64_t xid;          /* the one of the XID event or of the atomic DDL statement */
    uint8_t mariadb_flags; /* enum mariadb_gtid_flag */
    struct xa_id xa;       /* with MARIADB_GTID_PREPARED_XA or …_COMPLETED_XA */
    uint32_t timestamp;    /* of the opening event */
    uint32_t thread_id; /* of the source's session that wrote it; 0: its events do not say (MariaDB's rows) */
    char makes[TXN_TABLE_MAX]; /* the table that a MariaDB's CREATE TABLE … SELECT makes, "schema/table", with
                                  letters, digits, _ and $ only; "" for none, another name, OR REPLACE, or a
                                  server before 10.6, whose crash recovery does not drop it */
    uint64_t start;            /* offset of the GTID event */
    uint64_t end;              /* offset behind the last event; up to the events seen while it is open */
};

/* What a cut of the binlog at its start, before crash recovery, does to it on the source (facts measured per
 * flavour): true when the engine rolls it back, false when it has to be kept. */
bool txn_is_undone_by_cut(const struct txn *txn);

enum txn_step {
    TXN_STEP_OUTSIDE =
        0, /* the event belongs to no transaction: format, rotate, stop, GTID lists, heartbeats, … */
    TXN_STEP_BEGINS, /* tracker.txn has GTID and start */
    TXN_STEP_INSIDE,
    TXN_STEP_ENDS,    /* tracker.txn is complete */
    TXN_STEP_DROPPED, /* a file's first event came while one was open: tracker.txn is the half one that a
                         crash left, and is forgotten with the next event; the event itself is outside */
};

struct txn_tracker {
    enum flavor flavor;
    bool open;  /* between BEGINS and ENDS */
    bool begun; /* BEGIN or XA START was seen in it */
    bool xa;
    bool has_ddl_log; /* txn.makes can be known */
    uint8_t query_post_header_bytes;
    struct txn txn; /* the open one, or the last that ended */
};

void txn_tracker_init(struct txn_tracker *tracker, enum flavor flavor);
void txn_tracker_set_format(struct txn_tracker *tracker,
                            const struct binlog_format *format); /* at each file's start */
void txn_tracker_reset(
    struct txn_tracker *tracker); /* forgets an open transaction: reading goes on elsewhere */

/*
 * One event: its header, at least the first TXN_BODY_BYTES of its body (all, when it is shorter), without
 * checksum, and the offset of its first byte. Artificial events need not be fed; they are outside and change
 * nothing. RESULT_MALFORMED: events in an order that cannot be (a GTID inside a group), or a body that breaks
 * its format: the tracker is unchanged. Events without a GTID before them are outside (MariaDB's and pre-GTID
 * history).
 */
MUST_CHECK enum result txn_tracker_step(struct txn_tracker *tracker, const struct binlog_event_header *header,
                                        struct span body, uint64_t start_offset, enum txn_step *ret_step);

#endif
