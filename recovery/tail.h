/*
 * The tail of a source's binlog as it lies on disk before the server starts: what ackgate-recover reads
 * (binlog_tail), sends (tail_text.h) and the verdict is passed on.
 *
 * Only whole transactions are listed, in the order of the binlog, each in one file. A half-written group or
 * a torn event at the end is not: `end` says where it begins. Positions are file numbers and offsets; `base`
 * gives the names.
 */
#ifndef ACKGATE_RECOVERY_TAIL_H
#define ACKGATE_RECOVERY_TAIL_H

#include "protocol/binlog_txn.h"
#include "protocol/position.h"
#include "recovery/journal_record.h"

#include <stddef.h>

enum {
    TAIL_TXNS_MAX = 250000,  /* in one listing; what follows is not listed, and is_partial says so */
    TAIL_FILES_MAX = 100000, /* named in one listing: the newest of them */
    TAIL_PATH_MAX = 4096,
    TAIL_KEEP_DIR_MAX = TAIL_PATH_MAX - 512, /* so that names of what is kept there fit */
};

/* How the place was found from which the listing was to begin. */
enum tail_start {
    TAIL_START_FOUND = 0, /* an event begins there, or the file ends there */
    TAIL_START_NONE,      /* the proxy named none: nothing is listed */
    TAIL_START_PURGED,    /* that file is gone and later ones are there; listed from the oldest one */
    TAIL_START_BEYOND,    /* the binlog ends before it; nothing is listed */
    TAIL_START_INSIDE,    /* no event begins there; nothing is listed */
};

/* Whether the listed files could be read. With any but the first the listing ends there. */
enum tail_fault {
    TAIL_READABLE = 0,
    TAIL_ENCRYPTED, /* magic FD 62 69 6E, or MariaDB's START_ENCRYPTION */
    TAIL_DAMAGED,   /* damage in front of whole events, not a torn end */
};

struct tail_txn {
    struct gtid gtid; /* GTID_NONE: anonymous */
    uint64_t file;
    uint64_t start; /* offset of the GTID event */
    uint64_t end;   /* behind the last event */
    enum txn_kind kind;
    bool is_undone; /* txn_is_undone_by_cut(), and the server has not started since */
    uint32_t crc;   /* CRC-32C of its bytes, from start to end */
};

struct tail_file {
    uint64_t number;
    uint64_t size_bytes;
};

struct tail {
    enum flavor flavor;                 /* FLAVOR_UNKNOWN only with no file at all */
    char server_uuid[JOURNAL_UUID_MAX]; /* from auto.cnf; "": not known, or MariaDB */
    uint32_t server_id;                 /* of the newest file's format description; 0: not known */
    char base[BINLOG_BASE_MAX];
    bool is_closed;        /* the last file's in-use flag is clear: the server was shut down in order */
    bool is_partial;       /* more transactions follow than are listed */
    enum tail_fault fault; /* of the files from `from` on */
    enum tail_start start; /* how `from` was found */
    struct position from;  /* where the listing begins */
    struct position end;   /* behind the last whole event that is not part of a half-written group */
    struct position torn; /* where an event begins that is not whole, with no whole one behind it in its file;
                             the last one of the listed files, POSITION_NONE: none */
    char keep_dir[TAIL_KEEP_DIR_MAX]; /* where the tool keeps what it cuts: DATADIR/ackgate-discarded */
    struct tail_file *files; /* ascending, all there are of the base, also those missing in the index */
    size_t file_count;
    size_t file_room;
    struct tail_txn *txns; /* in order */
    size_t txn_count;
    size_t txn_room;
};

void tail_init(struct tail *tail);
void tail_release(struct tail *tail);
void tail_add_file(struct tail *tail, uint64_t number, uint64_t size_bytes);
/* False, and is_partial is set: there are TAIL_TXNS_MAX already. */
bool tail_add_txn(struct tail *tail, const struct tail_txn *txn);

struct position tail_txn_start(const struct tail_txn *txn);
struct position tail_txn_end(const struct tail_txn *txn);

#endif
