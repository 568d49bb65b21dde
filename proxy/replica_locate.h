/*
 * Finding the exact place where a replica's stream begins, before anything is sent.
 *
 * By position: walks the file from its start to prove that an event starts there, and to know whether that is
 * inside a transaction. By GTID: walks over the transactions that the replica has, to the first that it
 * lacks; everything before that one is on the replica. Done in slices, so that nobody else waits for it.
 */
#ifndef ACKGATE_PROXY_REPLICA_LOCATE_H
#define ACKGATE_PROXY_REPLICA_LOCATE_H

#include "proxy/replica_skip.h"

struct replica_locate {
    struct walk walk;
    struct position target; /* by position: where to; POSITION_NONE by GTID */
    uint64_t format_end;    /* by position: where the file's second event starts */
    bool has_passed;        /* by GTID: the replica has a transaction of walk.at.file */
};

void replica_locate_to(struct replica_locate *locate, enum flavor flavor, struct position target);
void replica_locate_gtids(struct replica_locate *locate, enum flavor flavor, struct position file_start);

/*
 * Walks on for one slice. RESULT_AGAIN: come again. RESULT_OK: walk.at is the place. RESULT_NOT_FOUND: no
 * event starts at the position. RESULT_DIVERGED: skip refuses. Others: the store cannot be read there.
 */
MUST_CHECK enum result replica_locate_step(struct replica_locate *locate, struct store *store,
                                           struct replica_skip *skip, uint8_t scratch[WALK_HEAD_BYTES]);

#endif
