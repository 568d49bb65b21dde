/* Fills a source's binlog with so much, through whatever the port leads to: history for replicas to catch up
 * with and for tools to read. Database `history`. */
#ifndef ACKGATE_TEST_BENCH_HISTORY_H
#define ACKGATE_TEST_BENCH_HISTORY_H

#include <stdint.h>

#include "test/lib/server.h"

struct sql;
struct topology;

enum history_kind {
    HISTORY_LARGE_EVENTS, /* transactions of half a MiB, in events of 8 KB */
    HISTORY_SMALL_EVENTS, /* transactions of 1,000 rows, in events of about 60 and 200 bytes */
};

/* Options with which a source takes it faster; NULL-terminated. */
extern const char *const history_source_options[];

/* Such a source, ackgate, and one voter: a receiver that is caught up. */
struct topology *history_topology(enum family family);

/* Until the source's binlog has grown by so many MiB. Returns by how many bytes it has. */
uint64_t history_fill(struct server *source, uint16_t port, enum history_kind kind, unsigned mib);
/* The sum of all its binlog files. */
uint64_t history_bytes(struct server *source);
/* Its database and tables, where they are missing; history_fill() does it too. */
void history_make(struct sql *conn);
/* One transaction of about so many MiB begins on this connection: sql_finish() waits for its end. */
void history_start_large(struct sql *app, unsigned mib);

#endif
