/*
 * The list of the store's files, oldest first and without gaps, and the text file that keeps it.
 *
 * `ackgate-store.index` saves reading the head of every file at a start. Its bytes are lines, each
 * "<CRC32 of the rest, 8 hex digits> <rest>":
 *
 *     b2f3c0de ackgate-store 1 mysql
 *     77aa0112 4711 1767225600 0 =3e11fa47-…:1-77 binlog.000001
 *     0f51c9e4 - 0 0 - binlog.000002
 *
 * first the flavour, then a line a file: its size when it was closed ("-": it is the current one), the time
 * of its first event in seconds since 1970, its epoch, "=" and the GTID state before its first event ("-":
 * not known yet), its name. The number behind the first word is the format's version. It is written under
 * another name, synced and renamed, so it is whole or not there; a line whose checksum is wrong counts as not
 * there. The files themselves are the truth: what the index does not say is read from them (store_open.c).
 */
#ifndef ACKGATE_PROXY_STORE_INDEX_H
#define ACKGATE_PROXY_STORE_INDEX_H

#include "protocol/flavor.h"
#include "protocol/gtid_state.h"
#include "protocol/position.h"

struct store_file {
    uint64_t number;
    uint64_t size_bytes; /* of a closed file; the current one's is in its segment */
    uint32_t first_time;
    uint64_t epoch;
    bool is_closed;
    bool has_start;          /* start is from the file's own event, or was complete when it was closed */
    struct gtid_state start; /* always usable while the store is open */
};

struct store_index {
    enum flavor flavor;
    char base[BINLOG_BASE_MAX]; /* "": no file yet */
    struct store_file *files;
    size_t count;
    size_t room;
};

void store_index_init(struct store_index *index);
void store_index_release(struct store_index *index);

/* Appends a file; numbers must grow. Valid until the next add or drop. */
struct store_file *store_index_add(struct store_index *index, uint64_t number);
struct store_file *store_index_find(const struct store_index *index, uint64_t number); /* or NULL */
void store_index_drop(struct store_index *index, size_t first, size_t count);

/* RESULT_IO (errno): the old file is still there. */
MUST_CHECK enum result store_index_save(const struct store_index *index, int dir_fd);
/* Into an empty index. RESULT_NOT_FOUND: there is none. RESULT_UNSUPPORTED: a newer version of ackgate wrote
 * it. *ret_is_intact false: lines are missing or wrong. */
MUST_CHECK enum result store_index_load(struct store_index *index, int dir_fd, bool *ret_is_intact);

#endif
