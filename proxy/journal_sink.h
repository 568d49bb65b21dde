/*
 * The journal in the daemon: takes records on the replication loop, writes them in batches, syncs them on the
 * disk thread, and says when they are durable.
 *
 * Acks and confirms only lag (design: what is missing reads as "exposed"): they are written together a few
 * milliseconds later, and synced once a second. All other records are written at the end of the loop's turn.
 * With is_sync_always everything is written at the end of the turn and synced at once.
 *
 * When writing or syncing fails nothing is lost: on_failed is called once, the sink tries again by itself
 * every second, and on_recovered is called when all that waited has been written and synced. The pipeline
 * keeps the gate closed in between. Callbacks are never called from within a put.
 */
#ifndef ACKGATE_PROXY_JOURNAL_SINK_H
#define ACKGATE_PROXY_JOURNAL_SINK_H

#include "protocol/gtid.h"
#include "proxy/disk.h"
#include "recovery/journal_text.h"
#include "recovery/journal_writer.h"

struct journal_sink;

struct journal_sink_options {
    struct loop *loop;
    struct disk *disk;
    const char *dir;
    bool is_sync_always;
    struct storage *storage; /* NULL: storage_posix() */
};

struct journal_sink_callbacks {
    void (*on_failed)(void *argument, enum result result, int reason); /* reason: errno, for strerror */
    void (*on_recovered)(void *argument);
    void *argument;
};

/* token: the number given with the record, e.g. a connection id. On the replication loop. */
typedef void journal_sink_fn(void *argument, uint64_t token);

/*
 * Opens or makes the journal. It logs what the reader reports (torn tail, damage with file and offset), and
 * the report is filled in any case: is_tail_cut means that everything counts as exposed. Results of
 * journal_writer_open(). Blocks; for start-up.
 */
MUST_CHECK enum result journal_sink_open(const struct journal_sink_options *options,
                                         const struct journal_sink_callbacks *callbacks,
                                         struct journal_sink **ret_sink, struct journal_report *ret_report);

/* Puts JOURNAL_STOPPED, writes and syncs what is left, blocking. Callbacks of put_synced that are not due by
 * then are not called. Before its disk and loop are freed. */
void journal_sink_close(struct journal_sink **sink);

/* What all records so far, written or not, add up to. */
const struct journal_state *journal_sink_state(const struct journal_sink *sink);

/* The record and its texts are the caller's and not needed after the call. */
void journal_sink_put(struct journal_sink *sink, const struct journal_record *record);
/* One voter's ack, or that the quorum confirmed: short for a put of such a record. */
void journal_sink_put_ack(struct journal_sink *sink, const char *name, struct position acked);
void journal_sink_put_confirm(struct journal_sink *sink, struct position up_to, const struct gtid *gtid);

/* Calls fn(argument, token) when the record is on the disk, in the order of the puts. It never fails: while
 * the journal cannot be written it waits. */
void journal_sink_put_synced(struct journal_sink *sink, const struct journal_record *record,
                             journal_sink_fn *fn, void *argument, uint64_t token);

/* Puts the record and blocks until it is on the disk, with all before it: for the rare decision that must
 * stand before anything else happens. RESULT_FULL, RESULT_IO: it is not, and the sink goes on trying; the
 * record counts already, so that a second attempt is journal_sink_settle(). */
MUST_CHECK enum result journal_sink_put_blocking(struct journal_sink *sink,
                                                 const struct journal_record *record);
/* Blocks until all that was put is on the disk. */
MUST_CHECK enum result journal_sink_settle(struct journal_sink *sink);

bool journal_sink_is_failed(const struct journal_sink *sink);

/* The latest records, for the admin table. Borrowed until the next put. */
const struct journal_ring *journal_sink_ring(const struct journal_sink *sink);

#endif
