/*
 * Writes the journal: gathers frames, writes them in one go, starts new segments. No thread, no clock: the
 * daemon's journal_sink drives it, on its loop; so do tests.
 *
 * Life of a record: append (in memory, applied to the state at once) → flush (in the file) → durable. A flush
 * that fails loses nothing: what is in memory stays there and is tried again by the next one, after what the
 * failed write left has been cut off. Acks and confirms that wait are kept as the latest only; when all else
 * that waits gets over a bound, or after a failed sync, the next flush writes the whole state as the
 * checkpoint of a new segment instead.
 */
#ifndef ACKGATE_RECOVERY_JOURNAL_WRITER_H
#define ACKGATE_RECOVERY_JOURNAL_WRITER_H

#include "recovery/journal_reader.h"

struct journal_writer;

struct journal_writer_options {
    struct storage *storage;     /* must live as long as the writer */
    const char *dir;             /* made when it is not there; its parent must be */
    uint64_t segment_bytes;      /* a new segment after this many; 0: 1 MiB */
    size_t waiting_bytes;        /* bound on the frames that wait for a flush; 0: 1 MiB */
    journal_reader_fn *on_frame; /* NULL or: each frame found on opening, and each made from then on, as it is
                                    made; its body is not to be looked at */
    void *argument;
};

/*
 * Locks the directory, replays it, cuts a torn tail off and starts a new segment with the state it found, all
 * synced. Results of journal_reader_replay(), RESULT_CONFLICT (another process has it), RESULT_FULL. The
 * report is always filled.
 */
MUST_CHECK enum result journal_writer_open(const struct journal_writer_options *options, uint64_t now_ms,
                                           struct journal_writer **ret_writer,
                                           struct journal_report *ret_report);
/* Drops what was not flushed. */
void journal_writer_close(struct journal_writer **writer);

/* All that was appended, flushed or not. */
const struct journal_state *journal_writer_state(const struct journal_writer *writer);

/* Returns the record's sequence; for acks and confirms, which may be merged, that of the frame they will be
 * in or of a later one. */
uint64_t journal_writer_append(struct journal_writer *writer, const struct journal_record *record,
                               uint64_t now_ms);

bool journal_writer_is_flushed(const struct journal_writer *writer); /* nothing waits in memory */

/* Writes what waits. RESULT_FULL, RESULT_IO: nothing is lost, call again later. */
MUST_CHECK enum result journal_writer_flush(struct journal_writer *writer, uint64_t now_ms);

/*
 * What has to be synced: the current segment's file, and the sequence that is in it as of now. Hand that
 * sequence to journal_writer_synced() when the sync has succeeded (it may run on another thread), or call
 * journal_writer_sync_failed(). The file is not closed while a sync is between.
 */
struct storage_file *journal_writer_sync_begin(struct journal_writer *writer, uint64_t *ret_sequence);
/* After the first sync of a new segment this also syncs the directory and removes older segments, which may
 * fail: then nothing has become durable. */
MUST_CHECK enum result journal_writer_synced(struct journal_writer *writer, uint64_t sequence);
void journal_writer_sync_failed(struct journal_writer *writer);

/* The whole of it at once, for those who may block: flush, sync, synced. No sync may be between. */
MUST_CHECK enum result journal_writer_sync(struct journal_writer *writer, uint64_t now_ms);

uint64_t journal_writer_durable(const struct journal_writer *writer); /* sequence */
uint64_t
journal_writer_written(const struct journal_writer *writer); /* sequence; durable < written: a sync is due */
uint64_t journal_writer_segment(const struct journal_writer *writer); /* number of the current segment */

#endif
