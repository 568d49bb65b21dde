/*
 * What a dump command asks for, and where that is in the store.
 *
 * COM_BINLOG_DUMP (file and position; on MariaDB also GTIDs through @slave_connect_state) and
 * COM_BINLOG_DUMP_GTID. A request that cannot be served is refused with the number and the words of the
 * source's own errors, because replicas, tools and people know those.
 */
#ifndef ACKGATE_PROXY_REPLICA_REQUEST_H
#define ACKGATE_PROXY_REPLICA_REQUEST_H

#include "proxy/replica_session.h"
#include "proxy/replica_skip.h"

struct replica_request {
    uint16_t flags; /* DUMP_FLAG_*, DUMP_FLAG_HEARTBEAT_V2 */
    uint32_t server_id;
    char file[BINLOG_NAME_MAX]; /* "" when none was named */
    uint64_t offset;
    bool is_by_gtid; /* without a file: the GTIDs decide where to begin */
    struct gtid_state have;
    bool has_until; /* MariaDB */
    struct gtid_list until;
};

/* MySQL's meaning of the bit that MariaDB uses for ANNOTATE_ROWS. */
#define DUMP_FLAG_HEARTBEAT_V2 0x0002u

struct replica_refusal {
    uint16_t code;
    char text[512];
};

void replica_request_release(struct replica_request *request);
/*
 * payload: the dump command. Not RESULT_OK: refused, with the reason. flavor: the store's.
 */
MUST_CHECK enum result replica_request_decode(struct span payload, const struct replica_session *session,
                                              enum flavor flavor, struct replica_request *ret_request,
                                              struct replica_refusal *ret_refusal);
/*
 * Where to begin: *ret_from is the position asked for, or by GTID the start of the file that has the first
 * transaction that the replica may lack.
 */
MUST_CHECK enum result replica_request_find(const struct replica_request *request, struct store *store,
                                            struct position *ret_from, struct replica_refusal *ret_refusal);
/* The position turned out to be inside an event; format_end: where the file's second one starts. */
void replica_request_refuse_position(const struct replica_request *request, struct store *store,
                                     struct position position, uint64_t format_end,
                                     struct replica_refusal *ret_refusal);

#endif
