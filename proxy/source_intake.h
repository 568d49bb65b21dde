/*
 * Events of the source's dump, taken into the store.
 *
 * Called by source_stream.h with whole events, or with the pieces of one that is too long for its buffer.
 * Every checksum is checked before the event counts as stored; offsets must be the ones that we count,
 * because a gap would be lost bytes; what the store has already is compared. No I/O of its own.
 */
#ifndef ACKGATE_PROXY_SOURCE_INTAKE_H
#define ACKGATE_PROXY_SOURCE_INTAKE_H

#include "proxy/store.h"

enum { SOURCE_INTAKE_MESSAGE_MAX = 512, SOURCE_INTAKE_HEAD_BYTES = BINLOG_HEADER_BYTES + TXN_BODY_BYTES };

/* An event that comes in pieces. */
struct source_intake_long {
    enum result verdict; /* not OK: its bytes are only checksummed, to tell another history from damage */
    uint64_t seen;       /* bytes of it */
    struct binlog_event_header header;
    struct binlog_crc crc;
    size_t head_length;
    uint8_t head[SOURCE_INTAKE_HEAD_BYTES];
};

struct source_intake {
    struct store *store;
    enum flavor flavor;
    struct position at; /* where the next stored event stands in the source's file */
    bool has_file;      /* the dump has said which file it sends */
    bool has_format;
    struct binlog_format format;
    struct source_intake_long part;
    char message[SOURCE_INTAKE_MESSAGE_MAX]; /* after a failure: why, in words; "" when the result says it all
                                              */
};

/* start: as asked for in the dump command. The store outlives the intake. */
void source_intake_init(struct source_intake *intake, struct store *store, enum flavor flavor,
                        struct position start);

/* A whole event. RESULT_DIVERGED: another history than the store's; else what is wrong with it, or the
 * store's failure. */
MUST_CHECK enum result source_intake_event(struct source_intake *intake, struct span event);

/* A long event: begins with its header, which is among the pieces too; then all its bytes; then its end. */
MUST_CHECK enum result source_intake_begin(struct source_intake *intake, struct span header_bytes);
MUST_CHECK enum result source_intake_piece(struct source_intake *intake, struct span piece);
MUST_CHECK enum result source_intake_end(struct source_intake *intake);

#endif
