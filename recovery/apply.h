/*
 * Carries a cut out on the source's disk, while its server is down.
 *
 * Called by ackgate-recover with the plan's place. Order, each step durable before the next:
 *
 *   1 the bytes to go are copied to the kept file: a binlog file of its own (magic, the format description of
 *     the file that is cut, the events); bytes of a torn event go to a file beside it, with .torn behind its
 *     name. Written under another name and renamed, so that it is whole when it is there.
 *   2 the in-use flag of the file that is cut is set, if it was closed: it becomes the newest, and without
 * the flag the server would not recover but roll back everything that is prepared 3 the index is cut before
 * the line of the first later file: a listed file that is missing keeps the server from starting, one that is
 * there without a line only makes it skip a number 4 later files are removed, the newest first 5 the file is
 * cut, at the start of a GTID event
 *
 * As long as 5 is not done the tail still shows what is to be discarded, so whoever is killed in between is
 * run again and does the same; what a step finds done it makes durable. The index and the binlog file are
 * cut in place, so that they keep their owner and mode.
 */
#ifndef ACKGATE_RECOVERY_APPLY_H
#define ACKGATE_RECOVERY_APPLY_H

#include "recovery/binlog_index.h"
#include "recovery/storage.h"
#include "recovery/tail.h"

struct apply_request {
    struct storage *storage;
    const struct binlog_index *index; /* as read for the tail */
    const struct tail *tail;
    struct position cut;
    const char *kept_as; /* path, in keep_dir */
};

struct apply_report {
    char *kept_as;      /* where the bytes are, kept_as or kept_as.N when another file had that name;
                           NULL: there was nothing left to do */
    char *torn_as;      /* NULL: nothing was torn */
    uint64_t cut_bytes; /* of the file that was cut */
    size_t removed_files;
};

/*
 * RESULT_CONFLICT: no transaction begins at the cut, or the file ends before it. RESULT_IO, RESULT_FULL,
 * RESULT_NOT_FOUND. *ret_problem is then allocated and says where; run it again when the cause is gone.
 */
MUST_CHECK enum result apply_cut(const struct apply_request *request, struct apply_report *ret_report,
                                 char **ret_problem);
void apply_report_release(struct apply_report *report);

#endif
