/*
 * The current binlog file of the store: its bytes on disk, those gathered for the next write, and the most
 * recent ones, which are still in memory.
 *
 * The disk format. A file of the store is called as the source calls it and has the source's bytes: 4 bytes
 * of magic FE 62 69 6E, then whole events, the first a FORMAT_DESCRIPTION, each at the offset it has on the
 * source. In one byte a file may differ from what a dump sends: bit 0 of the byte at offset 21 (the format
 * description's flags: LOG_EVENT_BINLOG_IN_USE_F) is set while the file is the current one, as in the
 * source's own file; the format description's checksum is computed as if it were clear. A file that a
 * crashed source left without ROTATE or STOP at its end keeps it, as MariaDB does; MySQL's recovery clears
 * it.
 *
 * Order of a change of files: the current file is written and synced; its bit is cleared and synced; the next
 * file is created with its magic, it and the directory are synced; then the index names it. So only the
 * newest file can end in the middle of an event, and the one before it is whole.
 *
 * What a crash leaves, and what is done with it at the next start (store_open.c), once what was synced in the
 * WAL (store_wal.h) has been put back:
 * - the newest file has fewer than 4 bytes, or 4 that are not the magic: it was being created; it is removed.
 * - its bytes stop being whole events (length, log_pos = end offset modulo 2^32, checksum where the format
 *   has one, right place for the type) at offset X. Is there a whole event anywhere behind X, and was X
 *   synced, then the disk has damaged it: RESULT_DAMAGED, nothing is changed. Else it is the torn tail of
 *   writes that nobody has seen as durable: the file is cut at X.
 * - "Was synced" is what `ackgate-store.durable` says: one line "<CRC32 of the rest, 8 hex digits> <offset>
 *   <file>", overwritten as syncs are done, at most 20 times a second (synced only once in each run, so that
 * there is always a right one: it may say too little, never too much). Without one everything counts as
 * synced.
 * - an older file whose size is not that of the index, or that is missing, is damage.
 */
#ifndef ACKGATE_PROXY_STORE_SEGMENT_H
#define ACKGATE_PROXY_STORE_SEGMENT_H

#include "protocol/binlog_txn.h"
#include "protocol/position.h"

struct store_segment {
    int fd;           /* -1: there is no current file */
    uint64_t end;     /* whole events that are in the file */
    uint64_t done;    /* whole events; those from `end` on are still in the buffer, at least in part */
    uint64_t at;      /* where the next byte goes: from `done` on stands the event in progress */
    uint64_t written; /* bytes handed to the system */

    uint8_t *buffer; /* file bytes from buffer_start to at */
    uint64_t buffer_start;
};

void store_segment_init(struct store_segment *segment);
void store_segment_release(struct store_segment *segment); /* closes the file, writes nothing */

/* Creates the file with its magic, synced, its name too. RESULT_IO (errno). */
MUST_CHECK enum result store_segment_create(struct store_segment *segment, int dir_fd, const char *name);
/* Goes on behind end_bytes of an existing file; takes over fd. */
void store_segment_adopt(struct store_segment *segment, int fd, uint64_t end_bytes);

/* All of these: RESULT_IO (errno), after which the segment is only good for reading up to `end`. */
MUST_CHECK enum result store_segment_append(struct store_segment *segment, struct span bytes);
void store_segment_event_done(struct store_segment *segment);
MUST_CHECK enum result store_segment_event_abort(struct store_segment *segment);
MUST_CHECK enum result store_segment_write(struct store_segment *segment); /* `end` becomes `done` */
/* Clears the in-use flag, unless it stays, and syncs. Everything must have been written. */
MUST_CHECK enum result store_segment_finish(struct store_segment *segment, bool stays_in_use);
/* After a failure: takes out again what is behind `end`, as far as the system lets us. */
void store_segment_cut(struct store_segment *segment);

uint64_t store_segment_event_length(const struct store_segment *segment); /* so far; 0: none in progress */
/* The event in progress, allocated, read back from the file; for the rare one that is large and needed. */
MUST_CHECK enum result store_segment_event_load(struct store_segment *segment, uint8_t **ret_event);
/* What memory has from offset up to `end`; empty when it begins later. */
struct span store_segment_recent(const struct store_segment *segment, uint64_t offset);

#endif
