/*
 * Reads the tail of a source's binlog from its disk while the server is down: whole transactions from a
 * position on, over all files, as a struct tail.
 *
 * Called by ackgate-recover. A crash may leave a torn event, a half-written group, a last file without a
 * header, a file that is not in the index, an index that was being renamed: all of that is expected, and is
 * not damage. A bad event with whole ones behind it is. Memory does not grow with the files, only with the
 * number of transactions, which tail.h bounds. Changes nothing.
 */
#ifndef ACKGATE_RECOVERY_BINLOG_TAIL_H
#define ACKGATE_RECOVERY_BINLOG_TAIL_H

#include "recovery/binlog_index.h"
#include "recovery/storage.h"
#include "recovery/tail.h"

struct binlog_tail_request {
    struct storage *storage;
    const char *datadir;
    const struct binlog_index *index;
    struct position from; /* POSITION_NONE: no transactions are wanted */
};

/*
 * ret_tail is initialised by the caller; all of it is filled but keep_dir. On failure *ret_problem is an
 * allocated sentence: RESULT_NOT_FOUND: a file of the index is not there, RESULT_MALFORMED: it is no binlog
 * file, or one of a format that we can't read, RESULT_IO.
 */
MUST_CHECK enum result binlog_tail_read(const struct binlog_tail_request *request, struct tail *ret_tail,
                                        char **ret_problem);

#endif
