/*
 * Replicas, modelled: they log in at the real replication port, say what they have, take the stream apart,
 * ack when they are asked to, and lose what real ones lose. The first ones are the voters; behind them come
 * a replica that nobody lists (it acks too) and a binlog client that reads from the first file's start.
 */
#ifndef ACKGATE_TEST_SIM_REPLICA_H
#define ACKGATE_TEST_SIM_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void replicas_reset(void);
void replicas_start(void);
size_t replicas_count(void);
void replica_die_at(unsigned replica, bool is_power);
void replica_pause(unsigned replica, uint64_t for_us); /* it leaves, and comes back later */
void replicas_hurry(void);                             /* those that pause come back soon */
/* All that it has, in order. */
size_t replica_uids(unsigned replica, const uint64_t **ret_uids);

#endif
