/* A replica's insides, for replica*.c only. */
#ifndef ACKGATE_TEST_SIM_REPLICA_STATE_H
#define ACKGATE_TEST_SIM_REPLICA_STATE_H

#include "test/sim/events.h"
#include "test/sim/link.h"
#include "test/sim/replica.h"
#include "test/sim/truth.h"

enum { REPLICA_RX_BYTES = 65536, REPLICA_GROUP_BYTES = 2048 };

struct replica_model {
    unsigned number;
    struct link *link;
    uint64_t come_back; /* item of the schedule; 0: not planned */
    uint64_t execute;   /* the same */
    uint64_t age;       /* world_disk_age() when it connected */

    uint64_t uids[TRUTH_TXNS_MAX];
    size_t executed;
    size_t received; /* what is between is in the relay log */
    size_t acked;    /* how many of them it has acked, in this connection */

    struct group group;
    uint64_t file;
    uint8_t bytes[REPLICA_GROUP_BYTES]; /* of the group so far */
    size_t length;
    uint8_t rx[REPLICA_RX_BYTES];
    size_t rx_length;
};

bool replica_is_voter(const struct replica_model *replica);
bool replica_is_by_position(const struct replica_model *replica);
void replica_plan_execution(struct replica_model *replica);

/* replica_stream.c */
void replica_on_bytes(void *argument, struct span bytes);
void replica_take_error(struct replica_model *replica, struct span payload);

#endif
