/*
 * Where a source's binlog index is, and whether its server runs.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_PLACE_H
#define ACKGATE_RECOVERY_RECOVER_PLACE_H

#include "recovery/storage.h"

#include <sys/types.h>

/*
 * The index's path, allocated: log_bin_index, or log_bin with .index for its extension, both relative to
 * datadir; with neither (NULL, or "") the one index in datadir that lists binlogs and no relay logs.
 * RESULT_NOT_FOUND, RESULT_CONFLICT (several): *ret_problem is an allocated sentence.
 */
MUST_CHECK enum result recover_find_index(struct storage *storage, const char *datadir, const char *log_bin,
                                          const char *log_bin_index, char **ret_path, char **ret_problem);

/*
 * Takes the lock that a running server has on its system tablespace, so that none starts while the tool
 * works. RESULT_CONFLICT: a server, or another tool, has it, and *ret_pid is the process, 0 when it is not
 * known. RESULT_NOT_FOUND: there is no tablespace, so no server has ever run here. RESULT_IO: errno has the
 * reason.
 */
MUST_CHECK enum result recover_lock(const char *datadir, const char *innodb_home, const char *innodb_files,
                                    int *ret_fd, pid_t *ret_pid);

#endif
