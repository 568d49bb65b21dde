/*
 * The store: the source's binlog files, byte for byte, under the same names and offsets, plus what is needed
 * to find a position or a GTID in them.
 *
 * Written by the source's stream only, and read by the replicas' streams, all on the replication loop;
 * fdatasync runs on the store's own disk thread, one for each batch. An event that arrives in pieces becomes
 * part of the store (store_end) when store_event_done() says that its checksum was right, not before: nothing
 * beyond store_end is ever read or sent. Event bytes are written as they come, so an event of 1 GiB needs no
 * memory. The current file has the in-use flag set in its format description like the source's own; it is
 * cleared when the next file begins.
 */
#ifndef ACKGATE_PROXY_STORE_H
#define ACKGATE_PROXY_STORE_H

#include "protocol/binlog_event.h"
#include "protocol/binlog_txn.h"
#include "protocol/flavor.h"
#include "protocol/gtid_state.h"
#include "protocol/position.h"
#include "proxy/loop.h"

struct store;

/* Nothing behind `at` belongs to the epoch that begins with the cut. */
struct store_cut {
    struct position at;
    uint64_t epoch;
};

struct store_options {
    const char *dir;
    /* The journal's last discard (at POSITION_NONE: there was none) and epoch: a cut that a crash interrupted
     * is brought to its end before anything else. */
    struct store_cut cut;
    bool is_synced;        /* fdatasync each batch (store.sync = group); otherwise durable means written */
    uint64_t retain_ms;    /* store.retain_time; 0: for ever */
    uint64_t retain_bytes; /* store.retain_size; 0: no bound */
};

struct store_callbacks {
    /* A transaction is whole and part of the batch in progress: store_flush() will have it in the file.
     * Inside store_event_done(); may be NULL. */
    void (*on_txn)(void *argument, uint64_t file, const struct txn *txn);
    /* store_durable() has moved. On the replication loop, never inside a store function. It may not call
     * store_close(). */
    void (*on_durable)(void *argument);
    /* Writing or syncing failed: errno in reason. The store takes nothing more until it is opened again; it
     * may still be read up to store_end. Comes once, on the replication loop, never inside a store function
     * (whose result says it too: RESULT_FULL or RESULT_IO), and may call store_close(). */
    void (*on_failed)(void *argument, int reason);
    void *argument;
};

/*
 * Opens or makes the directory, reads the index, checks the last file event by event (checksums too) and cuts
 * a torn tail off, with a warning in the log. Damage before the tail refuses with RESULT_DAMAGED (the log
 * names file and offset). RESULT_CONFLICT: another process has the directory open. RESULT_IO (errno).
 */
MUST_CHECK enum result store_open(struct loop *loop, const struct store_options *options,
                                  const struct store_callbacks *callbacks, struct store **ret_store);
void store_close(struct store **store);

bool store_is_empty(const struct store *store);
enum flavor store_flavor(const struct store *store);      /* FLAVOR_UNKNOWN while empty */
const char *store_base(const struct store *store);        /* "binlog"; "" while empty */
struct position store_start(const struct store *store);   /* oldest file, offset 4 */
struct position store_end(const struct store *store);     /* end of the last whole event */
struct position store_durable(const struct store *store); /* <= store_end */
uint64_t store_bytes(const struct store *store);
void store_set_epoch(struct store *store, uint64_t epoch); /* of the files that begin from now on */
/* The file's name, e.g. "binlog.000002"; formats into ret_name. */
void store_file_name(const struct store *store, uint64_t file, char *ret_name, size_t name_max);
/* The same for the log; until the thread's next call. */
const char *store_file_label(const struct store *store, uint64_t file);
/* End offset of a file of the store. RESULT_NOT_FOUND, RESULT_GONE (older than the store). */
MUST_CHECK enum result store_file_end(const struct store *store, uint64_t file, uint64_t *ret_offset);
bool store_has_position(const struct store *store,
                        struct position position); /* in a file, 4 <= offset <= end */

/* ---- writing: the source's stream ---- */

/*
 * The source goes on in this file (from an artificial ROTATE). The current one's name changes nothing; the
 * following file is begun with its magic; anything else is RESULT_DIVERGED. An empty store takes any name.
 */
MUST_CHECK enum result store_begin_file(struct store *store, enum flavor flavor, const char *name);
/* Bytes of the event in progress, in order. They are gathered and written in few system calls. All writing
 * functions: RESULT_FULL or RESULT_IO once the store has failed. */
MUST_CHECK enum result store_write(struct store *store, struct span bytes);
/*
 * The event that store_write() brought is whole and its checksum right. `head`: its first bytes, from the
 * header on, at least BINLOG_HEADER_BYTES + TXN_BODY_BYTES of them, or all. RESULT_DIVERGED: its log_pos is
 * not its place here (modulo 2^32), or its format is another flavour's; RESULT_MALFORMED: it makes no sense
 * at its place. Then it has been taken out again, logged.
 */
MUST_CHECK enum result store_event_done(struct store *store, const struct binlog_event_header *header,
                                        struct span head);
void store_event_abort(
    struct store *store); /* takes the event in progress out again (connection lost, bad checksum) */
/* The batch is over: everything is in the files (store_end moves), and a sync is asked for. One call for each
 * read. */
MUST_CHECK enum result store_flush(struct store *store);

/* Compares bytes that came again with what is stored at position. RESULT_DIVERGED when they differ. */
MUST_CHECK enum result store_compare(struct store *store, struct position position, struct span bytes);

/* ---- reading: replicas and start-up ---- */

/*
 * Up to max_bytes of the file at position, never beyond store_end and never beyond the file. The span lives
 * until the next call of any store function. What was just written comes from memory; other reads use one
 * shared window, so replicas at the same place share a read. RESULT_NOT_FOUND, RESULT_GONE; RESULT_AGAIN at
 * store_end; at the end of an older file RESULT_CLOSED: go on at {file + 1, 4}.
 */
MUST_CHECK enum result store_read(struct store *store, struct position position, size_t max_bytes,
                                  struct span *ret_bytes);

/* The state before the first event of a file, from its PREVIOUS_GTIDS or GTID_LIST event. Borrowed. */
MUST_CHECK enum result store_file_gtids(const struct store *store, uint64_t file,
                                        const struct gtid_state **ret_state);
/* All GTIDs that the store and the history before it have, up to store_end. Borrowed. */
const struct gtid_state *store_gtids(const struct store *store);
/*
 * The file from which a replica that has `have` must be served, skipping what it has: the newest whose
 * starting state is contained in `have`. RESULT_GONE: it needs what was purged. RESULT_DIVERGED: it has what
 * the history lacks. *ret_missing_text/… the offending GTIDs as text, for the error.
 */
MUST_CHECK enum result store_find_gtids(const struct store *store, const struct gtid_state *have,
                                        struct position *ret_from, char *ret_offending, size_t offending_max);

/*
 * Walks whole transactions that end after `from` (a transaction's boundary), in order up to store_end,
 * calling fn for each; fn returns false to stop. For start-up: rebuilding what is not confirmed yet. Blocks;
 * bounded memory.
 */
typedef bool store_txn_fn(void *argument, uint64_t file, const struct txn *txn);
MUST_CHECK enum result store_scan(struct store *store, struct position from, store_txn_fn *fn,
                                  void *argument);
/* The GTID state at a transaction's boundary: file's starting state plus a scan of that file. */
MUST_CHECK enum result store_gtids_at(struct store *store, struct position position,
                                      struct gtid_state *ret_state);

/* The file that the source's latest start began, of those with a lower number than `before`.
 * RESULT_NOT_FOUND: it is older than the store. */
MUST_CHECK enum result store_run_start(const struct store *store, uint64_t before, uint64_t *ret_file);
/* Where a MariaDB that crashed at the end of this file would begin to read at its recovery: all that its
 * engines had not yet made their own stands there or behind it. A file's number, maybe older than the store.
 * Blocks. */
MUST_CHECK enum result store_checkpoint(const struct store *store, uint64_t file, uint64_t *ret_file);

/* ---- retention ---- */
/* Removes files older than `keep_from` as far as retention allows. Called from a timer. */
void store_set_retention(struct store *store, uint64_t retain_ms, uint64_t retain_bytes);
void store_purge(struct store *store, struct position keep_from);
/* PURGE BINARY LOGS TO: everything before `file`, never past keep_from (RESULT_CONFLICT). */
MUST_CHECK enum result store_purge_to(struct store *store, uint64_t file, struct position keep_from);

/* ---- recovery of the source ---- */
/*
 * Drops everything behind cut->at, a transaction's start, and counts it and what follows to the new epoch.
 * The journal must have the discard on disk already. Nobody may be reading behind it any more. Blocks.
 * RESULT_IO, RESULT_FULL: the store has failed, and the next start does it.
 */
MUST_CHECK enum result store_cut(struct store *store, const struct store_cut *cut);

/* Whether it is known to have everything that any run of ackgate ever read from it: boot_mark.h. Ask before
 * store_begin_proof(). */
bool store_is_proof(const struct store *store);
/* From now on it is one. False, and logged: that cannot be written down. */
MUST_CHECK bool store_begin_proof(struct store *store);
/* It is none. */
void store_end_proof(struct store *store);

/* ---- for the admin port ---- */
struct store_file_view {
    uint64_t file;
    uint64_t size_bytes;
    uint32_t first_time; /* seconds since 1970, from the first event */
    uint64_t epoch;
};
size_t store_file_count(const struct store *store);
void store_file_view(const struct store *store, size_t index, struct store_file_view *ret_view);
/* Microseconds that the last fdatasync calls took: a histogram of powers of two. */
void store_sync_histogram(const struct store *store, uint64_t ret_counts[32], uint64_t *ret_total_us);

#endif
