/* Binlog events for the models: made as a source writes them, and read back into whole transactions. Each
 * transaction carries its number in truth.h (uid). */
#ifndef ACKGATE_TEST_SIM_EVENTS_H
#define ACKGATE_TEST_SIM_EVENTS_H

#include "protocol/binlog_format.h"
#include "protocol/binlog_gtid.h"
#include "protocol/gtid_state.h"
#include "protocol/position.h"

enum events_kind {
    EVENTS_ROWS,
    EVENTS_DDL, /* a cut does not undo it */
    EVENTS_XA_PREPARE,
    EVENTS_XA_COMMIT,
    EVENTS_XA_ROLLBACK,
};
enum { EVENTS_MAX = 4096 };

struct events {
    uint8_t data[EVENTS_MAX];
    size_t length;
    uint64_t offset; /* of data in the file */
    enum flavor flavor;
};

void events_begin(struct events *events, enum flavor flavor, uint64_t offset);
struct events_head {
    const struct gtid_state *before;
    bool is_start;          /* the first file since the server's start */
    const char *checkpoint; /* MariaDB: the file from which on a crash recovery would read */
};
void events_add_head(struct events *events, const struct events_head *head); /* magic, format, state */
struct events_txn {
    enum events_kind kind;
    struct gtid gtid;
    uint64_t uid;
    uint64_t prepared; /* XA: the uid of the XA PREPARE, which names it */
    size_t extra_bytes;
};
void events_add_txn(struct events *events, const struct events_txn *txn);
struct xa_id events_xa_id(uint64_t prepared);
void events_add_rotate(struct events *events, const char *next);
void events_add_stop(struct events *events);

/* A reader of events in order; zeroed at first. */
struct group {
    bool is_open;
    bool is_standalone;
    struct gtid gtid;
    uint64_t uid;
    uint64_t start; /* of the event in the file, as its caller counts */
};

/* True: the event ends a transaction, which the group now holds. */
bool group_take(struct group *group, struct span event, uint64_t offset);
/* The event at the start of bytes; false: not whole. */
bool event_next(struct span bytes, struct span *ret_event, struct binlog_event_header *ret_header);

#endif
