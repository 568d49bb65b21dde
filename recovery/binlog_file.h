/*
 * One binlog file as it lies on the source's disk after a crash, read event by event over a bounded buffer.
 *
 * The tail's reader uses it on the server's own files, which may end anywhere: in the middle of an event, in
 * zeros, in the magic. Every length is checked against the file's size, and every event against its checksum,
 * or without checksums against the position that it names. It changes nothing.
 */
#ifndef ACKGATE_RECOVERY_BINLOG_FILE_H
#define ACKGATE_RECOVERY_BINLOG_FILE_H

#include "protocol/binlog_format.h"
#include "protocol/binlog_txn.h"
#include "protocol/position.h"
#include "recovery/storage.h"

#define BINLOG_FILE_BUFFER_BYTES (256u * 1024)

struct binlog_file_event {
    struct binlog_event_header header;
    struct span body; /* the first TXN_BODY_BYTES of it, without checksum; lives until the next call */
    uint64_t start;   /* offset of its first byte */
};

/* Zeroed is closed. */
struct binlog_file {
    struct storage_file *file;
    uint64_t size; /* bytes, as of opening */
    uint64_t at;   /* offset of the next event */
    struct binlog_format format;
    uint32_t format_length; /* bytes of the format description, which stands at BINLOG_START */
    uint32_t server_id;     /* of the format description: the server that wrote the file */
    bool in_use;            /* the file was not closed in good order */
    bool is_relay_log;
    bool is_encrypted; /* as a whole (MySQL), or from the second event on (MariaDB) */
    uint32_t crc32c;   /* runs over the bytes of the events read; the caller sets it to 0 where it likes */

    uint8_t *buffer;
    uint64_t buffer_at;
    size_t buffer_length;
    uint8_t lead[BINLOG_HEADER_BYTES + TXN_BODY_BYTES]; /* the event's first bytes */
};

/*
 * Opens it and reads the magic and the format description; at stands behind those. RESULT_OK also for an
 * encrypted file: of MySQL's nothing else is known then. RESULT_TRUNCATED: it ends before the format
 * description does. RESULT_MALFORMED: it is no binlog file. RESULT_CHECKSUM, RESULT_UNSUPPORTED (a format we
 * can't read), and those of storage.h; then there is nothing to close.
 */
MUST_CHECK enum result binlog_file_open(struct storage *storage, const char *path, struct binlog_file *file);
void binlog_file_close(struct binlog_file *file);

/*
 * The next event. RESULT_CLOSED: the file ends here. RESULT_TRUNCATED: in the middle of an event, or in what
 * claims to be one. RESULT_MALFORMED, RESULT_TOO_LARGE, RESULT_CHECKSUM: no event stands here. at stays where
 * it was then. RESULT_IO.
 */
MUST_CHECK enum result binlog_file_next(struct binlog_file *file, struct binlog_file_event *ret_event);

/* Reading goes on at this offset, which may be beyond the end. */
void binlog_file_seek(struct binlog_file *file, uint64_t offset);

/* Whether a whole event stands anywhere at or after offset: what tells damage from a torn end. */
MUST_CHECK enum result binlog_file_find(struct binlog_file *file, uint64_t offset, bool *ret_is_found,
                                        uint64_t *ret_start);

/*
 * The magic and the format description, with the in-use flag cleared: how a file that holds some of its
 * events begins. RESULT_IO, RESULT_TRUNCATED. Not of an encrypted file (asserted).
 */
#define BINLOG_FILE_LEAD_MAX (BINLOG_MAGIC_BYTES + BINLOG_FORMAT_EVENT_MAX)
MUST_CHECK enum result binlog_file_lead(struct binlog_file *file, uint8_t ret_bytes[BINLOG_FILE_LEAD_MAX],
                                        size_t *ret_length);

#endif
