/* What ackgate's disk has of a transaction, whatever happens to its host: the store's file as it is synced,
 * and what its WAL would put back. Reads the formats of store_segment.h and store_wal.h by itself. */
#ifndef ACKGATE_TEST_SIM_DURABLE_H
#define ACKGATE_TEST_SIM_DURABLE_H

#include "test/sim/truth.h"

bool durable_has(const struct truth_txn *txn);
bool stored_has(const struct truth_txn *txn); /* in the file, as it is read now */

#endif
