/*
 * A place in the source's binlog: number of the file and byte offset in it; and the names of binlog files.
 *
 * A binlog file is called base.number, with six digits at least: binlog.000002 is file 2, binlog.999999 is
 * followed by binlog.1000000. The base is one for a whole source and kept elsewhere; on the wire and in acks
 * the full name is always sent. Offsets have 64 bits although the log_pos of an event has only 32.
 */
#ifndef ACKGATE_PROTOCOL_POSITION_H
#define ACKGATE_PROTOCOL_POSITION_H

#include "protocol/reader.h"

#define BINLOG_NAME_MAX   512 /* bytes of a file name and its NUL, as the servers' FN_REFLEN */
#define BINLOG_BASE_MAX   496 /* bytes of a base and its NUL, so that every number fits behind it */
#define BINLOG_NUMBER_MAX 0x7FFFFFFFu
#define BINLOG_START      4u /* the offset of the first event, behind the magic */

struct position {
    uint64_t file;   /* 1 or more; 0 only in "before everything" */
    uint64_t offset; /* bytes from the file's start */
};

#define POSITION_NONE ((struct position){0, 0}) /* before everything */

int position_compare(struct position a, struct position b); /* negative, 0, positive */
bool position_equal(struct position a, struct position b);
bool position_is_none(struct position position);
struct position position_min(struct position a, struct position b);
struct position position_max(struct position a, struct position b);

/*
 * Splits base.number. RESULT_MALFORMED: no base, no number, a number that is 0, over BINLOG_NUMBER_MAX or not
 * written the way binlog_name_format() does, a path separator or a control character (NUL included).
 * RESULT_TOO_LARGE: longer than the limits above. ret_base points into name; either output may be NULL.
 */
MUST_CHECK enum result binlog_name_parse(struct span name, struct span *ret_base, uint64_t *ret_file);

/* Whether text can be a base: 1 to BINLOG_BASE_MAX - 1 bytes, none of them '/', '\\' or a control character.
 */
bool binlog_base_is_valid(struct span base);

/* Writes base.number and a NUL. The base must be valid and file from 1 to BINLOG_NUMBER_MAX (asserted). */
void binlog_name_format(const char *base, uint64_t file, char ret_name[BINLOG_NAME_MAX]);

#endif
