/*
 * The store's own struct, for the store_*.c files and nobody else.
 *
 * Who changes what: store_write.c the current file, its events and what they mean; store_sync.c durable and
 * failed; store_open.c and store_tail.c everything, before anybody else sees the store; store_read.c the
 * windows; store_purge.c the oldest files.
 */
#ifndef ACKGATE_PROXY_STORE_INTERNAL_H
#define ACKGATE_PROXY_STORE_INTERNAL_H

#include "proxy/boot_mark.h"
#include "proxy/disk.h"
#include "proxy/store.h"
#include "proxy/store_index.h"
#include "proxy/store_scanner.h"
#include "proxy/store_segment.h"
#include "proxy/store_wal.h"
#include "proxy/timer.h"

enum { STORE_WINDOWS = 4, STORE_RECENT = 65536 };

/* File bytes that replicas share while they read what has left the segment's memory. */
struct store_window {
    int fd; /* -1: none */
    uint64_t file;
    uint64_t start;
    size_t length;
    uint64_t used; /* when, by store.reads: the least recent makes room */
    uint8_t *bytes;
};

struct store {
    struct store_options options;
    struct store_callbacks callbacks;
    char *dir;
    int dir_fd;               /* holds the lock that keeps a second process out */
    struct store_index index; /* flavor and base too; its last file is the segment's */
    uint64_t epoch;           /* of files that begin from now on */

    struct store_segment segment;
    struct binlog_format format; /* the current file's */
    bool has_format;
    uint8_t last_type; /* of the newest file's last whole event */
    struct txn_tracker tracker;
    struct gtid_state gtids; /* up to segment.end */
    /* MariaDB: the last transactions of gtids, a ring, so that a replica which reconnects is not looked up in
     * a file of a gigabyte. */
    struct gtid_mariadb recent[STORE_RECENT];
    uint64_t recent_count; /* ever put in */
    struct gtid *arrived;  /* GTIDs that ended between segment.end and segment.done, in order */
    size_t arrived_count;
    size_t arrived_room;

    struct disk *disk;
    struct store_wal wal; /* open when batches are synced */
    struct boot_mark mark;
    struct position durable;
    int durable_fd; /* ackgate-store.durable, which says: */
    bool has_line_on_disk;
    struct position saved;
    uint64_t saved_ms;
    uint64_t syncing;     /* offset in the current file that the running sync covers; 0: none runs */
    bool is_file_syncing; /* the current file itself, not the WAL */
    bool is_quiet;        /* inside a store function: callbacks wait for the loop's next turn */
    struct timer news;    /* tells, in the loop's next turn, about: */
    bool has_durable_news;
    bool has_failed_news;
    int failed; /* errno of the first failure, 0: none */
    uint64_t sync_counts[32];
    uint64_t sync_total_us;

    struct store_window windows[STORE_WINDOWS];
    uint64_t reads;
};

/* ---- store.c ---- */
struct store_file *store_newest(const struct store *store); /* NULL: the store is empty */
struct store_file *store_find(const struct store *store, uint64_t file);
int store_open_file(const struct store *store, uint64_t file, int flags); /* -1: errno */
/* The transaction is in the file: it becomes part of gtids. */
void store_settle_gtid(struct store *store, const struct gtid *gtid);
/* A file's GTID_LIST or PREVIOUS_GTIDS says what came before it. */
void store_start_known(struct store *store, struct store_file *file, struct gtid_state *state);

/* ---- store_open.c ---- */
MUST_CHECK enum result store_recover(struct store *store);
/* An empty index that is filled from files learns from the first one whose they are. */
void store_adopt_flavor(struct store *store, enum flavor flavor);
/* Fills in the start of the index-th file by what all files before it have. */
MUST_CHECK enum result store_derive_start(struct store *store, size_t index);
enum result store_damaged(const struct store *store, uint64_t file, const char *what); /* logs */

/* ---- store_tail.c ---- */
/* Reads the newest file and goes on behind its last whole event. verifies: checksums count. *ret_is_removed:
 * it was not even begun. */
MUST_CHECK enum result store_recover_newest(struct store *store, bool verifies, bool *ret_is_removed);

/* ---- store_sync.c ---- */
/* The current file itself is synced, and the WAL has nothing to put back: before a cut, and at the end. */
MUST_CHECK enum result store_sync_file(struct store *store);
void store_sync_init(struct store *store, struct loop *loop);
void store_sync_release(struct store *store); /* waits for the running sync */
void store_sync_begin(struct store *store);   /* something was written */
void store_sync_wait(struct store *store);    /* until no sync runs */
/* Everything up to here is on disk. */
void store_durable_moved(struct store *store, struct position durable);
/* Remembers the first failure, takes back what was half written. Returns the result to hand on. */
enum result store_fail(struct store *store, int reason, const char *what);
enum result store_failed(const struct store *store); /* RESULT_OK, or what store_fail() returned */
void store_durable_lower(struct store *store, struct position durable); /* before a cut */
/* The mark says how far the store reaches now: before anything of that can be sent. */
void store_mark_end(struct store *store);
/* RESULT_NOT_FOUND: it says nothing. */
MUST_CHECK enum result store_durable_load(const struct store *store, struct position *ret_durable);

/* ---- store_cut.c ---- */
/* At a start, before the files are looked at: does what options.cut says and the index does not know to be
 * done. files: numbers of those in the directory, ascending; what is removed leaves the list. */
MUST_CHECK enum result store_cut_redo(struct store *store, uint64_t *files, size_t *count);

/* ---- store_read.c ---- */
void store_windows_init(struct store *store);
void store_windows_forget(struct store *store, uint64_t first_file, uint64_t last_file);
void store_windows_release(struct store *store);

/* ---- store_scan.c ---- */
/* Transactions of one file that end in (from, to], as store_scan(). */
MUST_CHECK enum result store_scan_file(const struct store *store, uint64_t file, uint64_t from, uint64_t to,
                                       store_txn_fn *fn, void *argument, bool *ret_is_stopped);

#endif
