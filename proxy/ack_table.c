/* The ack table of ack_table.h. */
#include "proxy/ack_table.h"

#include <assert.h>

void ack_table_init(struct ack_table *table, size_t voter_count)
{
    assert(voter_count <= CONFIG_VOTERS_MAX);
    *table = (struct ack_table){.voter_count = voter_count};
}

bool ack_table_attach(struct ack_table *table, uint32_t voter, struct position has_up_to)
{
    assert(voter < table->voter_count);
    bool is_regression = position_compare(has_up_to, table->acked[voter]) < 0;
    table->acked[voter] = has_up_to;
    table->attached |= 1u << voter;
    return is_regression;
}

bool ack_table_ack(struct ack_table *table, uint32_t voter, struct position acked)
{
    assert(voter < table->voter_count);
    if (!(table->attached & 1u << voter) || position_compare(acked, table->acked[voter]) <= 0)
        return false;
    table->acked[voter] = acked;
    return true;
}

void ack_table_detach(struct ack_table *table, uint32_t voter)
{
    assert(voter < table->voter_count);
    table->attached &= ~(1u << voter);
}

void ack_table_cut(struct ack_table *table, struct position position)
{
    for (size_t i = 0; i < table->voter_count; i++)
        table->acked[i] = position_min(table->acked[i], position);
}

uint32_t ack_table_having(const struct ack_table *table, struct position position)
{
    uint32_t having = 0;
    for (size_t i = 0; i < table->voter_count; i++)
        if (position_compare(table->acked[i], position) >= 0)
            having |= 1u << i;
    return having;
}
