/*
 * What a crash or a full disk has left of an event at the end of MariaDB's binlog goes before the server
 * starts.
 *
 * MariaDB leaves it where it is and begins a new file. A dump that comes to it ends with error 1236, each
 * time anew, and with semi-sync it hangs ("Waiting to finalize termination", measured on 10.11): nobody would
 * ever get what is written after that. Nobody can have had the torn event, and no whole one stands behind it.
 * MySQL cuts it off itself.
 *
 * The bytes are kept first, beside what else is cut (apply.h); whoever is killed in between does the same
 * when run again.
 */
#ifndef ACKGATE_RECOVERY_TORN_END_H
#define ACKGATE_RECOVERY_TORN_END_H

#include "recovery/binlog_index.h"
#include "recovery/storage.h"
#include "recovery/tail.h"

struct torn_end_request {
    struct storage *storage;
    const struct binlog_index *index; /* as read for the tail */
    const struct tail *tail;
};

/*
 * *ret_kept_as is allocated, the path of the file with these bytes, or NULL: nothing was torn. RESULT_IO,
 * RESULT_FULL, RESULT_NOT_FOUND: *ret_problem is allocated and says where.
 */
MUST_CHECK enum result torn_end_cut(const struct torn_end_request *request, char **ret_kept_as,
                                    char **ret_problem);

#endif
