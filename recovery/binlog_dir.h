/*
 * The binlog files that lie on a source's disk, in the index or not: a crash can leave a file that has no
 * line, and a kill of the tool between two of its steps.
 */
#ifndef ACKGATE_RECOVERY_BINLOG_DIR_H
#define ACKGATE_RECOVERY_BINLOG_DIR_H

#include "recovery/binlog_index.h"
#include "recovery/storage.h"
#include "recovery/tail.h"

/*
 * Adds numbers and sizes to the tail: the files of the index, and those beside the newest of them with the
 * same base. A listed one that is missing is left out. The index must have lines. On failure *ret_problem is
 * allocated.
 */
MUST_CHECK enum result binlog_dir_list(struct storage *storage, const struct binlog_index *index,
                                       struct tail *tail, char **ret_problem);

/* The path of a binlog file, allocated: as the index has it, or, without a line, beside the newest that has
 * one. */
char *binlog_dir_path(const struct binlog_index *index, uint64_t number);

#endif
