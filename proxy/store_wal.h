/*
 * Where the store's newest bytes become durable at little cost: the file `ackgate-store.wal`.
 *
 * A sync of the current binlog file, which has just grown, has to write its metadata too, and costs two to
 * three times one of bytes that take the place of others. So a batch is written twice: to its place in the
 * binlog file, which is left to the system, and as a record into this file of fixed size, which is synced.
 * The next start puts back what the binlog file has lost. store_sync.c decides which batches come here.
 *
 * The disk format. Records of whole 4 KiB blocks, so that a torn write cannot touch an earlier one; little
 * endian: magic "AGW1" · CRC32 of everything behind it, payload included · pass u64 · index u32 of the record
 * in its pass · payload length u32 · number of the binlog file u64 · offset of the payload in it u64 · CRC32
 * of the files' base name u32 · payload · zeros.
 * A pass begins at 0 and all its records are of one binlog file. Between passes that file itself is synced;
 * the next one has another number and begins at 0 again. Valid are the records from 0 on that have the pass
 * of the first one and indices 0, 1, 2, …; the first that is not right, or begins behind the file's end, ends
 * it. A record without payload says that there is nothing to put back.
 *
 * A cut of the binlog file must not be undone by a later start: store_wal_clear() comes before it.
 */
#ifndef ACKGATE_PROXY_STORE_WAL_H
#define ACKGATE_PROXY_STORE_WAL_H

#include "protocol/position.h"
#include "protocol/reader.h"

struct store_wal {
    int fd; /* -1: not open */
    uint32_t base_crc;
    uint64_t pass; /* of the next record, as are: */
    uint32_t index;
    uint64_t at;
    uint8_t *record; /* the one that is being written */
};

/* The file and the binlog file that it may say something about. */
struct store_wal_target {
    int dir_fd;
    const char *base;
    uint64_t file; /* the newest; 0: there is none */
};

void store_wal_init(struct store_wal *wal);
void store_wal_release(struct store_wal *wal);

/*
 * At a start, before anything in the directory is changed: puts back into the newest binlog file what it has
 * lost, syncs it, and clears the WAL. RESULT_OK also when there is no WAL, and *ret_lost_bytes stays as it
 * is then; RESULT_IO (errno).
 */
MUST_CHECK enum result store_wal_replay(const struct store_wal_target *target, uint64_t *ret_lost_bytes);

/* Creates it when it is not there. It is empty then or was replayed before. RESULT_IO (errno). */
MUST_CHECK enum result store_wal_open(struct store_wal *wal, int dir_fd);
bool store_wal_has_room(const struct store_wal *wal, size_t length_bytes);
/* Writes a record, which is durable once wal->fd is synced. base: of the file's name. */
MUST_CHECK enum result store_wal_put(struct store_wal *wal, const char *base, struct position start,
                                     struct span bytes);
/* The binlog file itself was synced: what stands here is not needed any more. */
void store_wal_restart(struct store_wal *wal);
/* The same, durably: no start puts anything back. Call it when the binlog file has been synced. */
MUST_CHECK enum result store_wal_clear(struct store_wal *wal);

#endif
