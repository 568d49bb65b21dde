/*
 * Who has acked what: for each voter the position up to which it has everything, and whether it is attached.
 *
 * Acks are cumulative. An ack never moves backwards within one attachment; attaching sets the position anew,
 * because a replica that comes back with less than it acked has lost it (facts of relay logs) and must not
 * count for it again.
 */
#ifndef ACKGATE_PROXY_ACK_TABLE_H
#define ACKGATE_PROXY_ACK_TABLE_H

#include "protocol/position.h"
#include "proxy/config.h"

struct ack_table {
    struct position acked[CONFIG_VOTERS_MAX]; /* POSITION_NONE: nothing known */
    uint32_t attached;                        /* mask */
    size_t voter_count;
};

void ack_table_init(struct ack_table *table, size_t voter_count);
/* Returns whether the voter came back with less than it had acked. */
bool ack_table_attach(struct ack_table *table, uint32_t voter, struct position has_up_to);
/* Returns whether the position moved. From a voter that is not attached it is ignored. */
bool ack_table_ack(struct ack_table *table, uint32_t voter, struct position acked);
void ack_table_detach(struct ack_table *table, uint32_t voter);
/* Nothing behind position is there any more to be acked. */
void ack_table_cut(struct ack_table *table, struct position position);
uint32_t ack_table_having(const struct ack_table *table, struct position position); /* mask of who has it */

#endif
