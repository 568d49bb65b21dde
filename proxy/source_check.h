/*
 * Looking the source over before its binlog is read: what it is, whether it can keep the promise, and, with
 * source.configure = on, making it so. Blocking SQL, meant for a helper thread.
 *
 * Needed on both families: binary log on, GTIDs (MySQL: gtid_mode = ON), semi-sync at AFTER_SYNC without a
 * way out by time or by lack of replicas, and sessions that name their transactions in their OKs. The names
 * are the new or the old ones, as the server has them. Manual: "Semisynchronous Replication",
 * "session_track_gtids".
 */
#ifndef ACKGATE_PROXY_SOURCE_CHECK_H
#define ACKGATE_PROXY_SOURCE_CHECK_H

#include "protocol/binlog_txn.h"
#include "protocol/xa_id.h"
#include "proxy/config.h"

enum { SOURCE_TEXT_MAX = 256, SOURCE_ADDRESS_MAX = 108, SOURCE_REASON_MAX = 2048 };

/* User XA transactions that its engine has prepared. */
struct source_prepared {
    bool is_known;
    struct xa_id *ids;
    size_t count;
};

struct source_facts {
    char address[SOURCE_ADDRESS_MAX]; /* where source.host was found: in numbers, or the path of its socket */
    enum flavor flavor;
    char version[SOURCE_TEXT_MAX];
    char server_uuid[40]; /* MySQL; empty on MariaDB */
    uint32_t server_id;
    char base[SOURCE_TEXT_MAX];       /* what its binlog files are called, before the dot */
    char first_file[SOURCE_TEXT_MAX]; /* the oldest binlog file that it has; only when it was asked for */
    bool has_tail;                    /* the next two are known */
    char last_file[SOURCE_TEXT_MAX];  /* where it writes, */
    uint64_t last_offset;             /* and how far it was when asked */
    uint64_t uptime_s;
    char *executed; /* MySQL, with the tail: @@gtid_executed at that moment; NULL: not known */
    struct source_prepared prepared; /* MariaDB */
    bool is_probed;                  /* the request had a probe, and it answered this: */
    char missing[TXN_TABLE_MAX];     /* a table that is not there; "" for none */
};

/* Zeroed is empty. */
void source_facts_release(struct source_facts *facts);
void source_facts_copy(struct source_facts *facts, const struct source_facts *from); /* facts is empty */

/* Which server it has to be. */
struct source_identity {
    bool is_known; /* false: any; the rest means nothing */
    enum flavor flavor;
    uint32_t server_id;
    char server_uuid[40]; /* MySQL */
};

/* Zeroed asks for nothing; owned. */
struct source_check_request {
    struct source_identity expected; /* another one is refused, and nothing is set on it */
    bool needs_files;                /* nothing is stored yet */
    char *probe;                     /* MariaDB: a query for the first missing table, or NULL */
    char *repairs; /* statements to be run first, each with a newline, without writing the binlog; or NULL */
};
void source_check_request_release(struct source_check_request *request);

/*
 * Returns RESULT_OK with the facts; RESULT_IO or RESULT_DENIED: cannot be reached or asked, try again;
 * RESULT_CONFLICT: it must not be used like this. In these cases ret_reason says why and what to do.
 *
 * A commit that waits for an ack can make the next one hold the lock that guards the binlog's list and end
 * (MariaDB: a second group; MySQL: a rotation), and with it everybody who asks for these, until the ack
 * comes. So the facts may come without the tail: source_check_tail() asks again once acks flow. With
 * needs_files first file and tail are known, or the result is RESULT_IO.
 */
MUST_CHECK enum result source_check(const struct config *config, const struct source_check_request *request,
                                    struct source_facts *ret_facts, char ret_reason[SOURCE_REASON_MAX]);
/* Only the end of the binlog, into facts. RESULT_IO, RESULT_DENIED: not to be had now. */
MUST_CHECK enum result source_check_tail(const struct config *config, struct source_facts *facts);
/* Only whether other semi-sync replicas are attached to it. RESULT_CONFLICT: ret_reason names them;
 * RESULT_IO, RESULT_DENIED: not to be had now. */
MUST_CHECK enum result source_check_peers(const struct config *config, char ret_reason[SOURCE_REASON_MAX]);

#endif
