/*
 * What the engine of a source that has just started has committed, as far as the server tells: its answer to
 * whether a cut of the binlog was obeyed.
 *
 * MariaDB's InnoDB prints the binlog position of its last commit at the start; a position past a cut means
 * that something discarded is committed. MySQL has the same in @@gtid_executed.
 */
#ifndef ACKGATE_RECOVERY_RECOVER_ENGINE_H
#define ACKGATE_RECOVERY_RECOVER_ENGINE_H

#include "recovery/sql_client.h"
#include "recovery/tail_text.h"

#include <stdio.h>

/* The next line of a log; report is zeroed before the first. True: the server is ready. */
bool recover_engine_read_line(const char *line, struct engine_report *report);
/* NULL: errno. */
FILE *recover_engine_open_log(const char *datadir, const char *path);
/* Takes the position of the log's last start; file is "" when there is none. */
void recover_engine_read_log(FILE *log, struct engine_report *ret_report);

/* Opens the log of that name ("-": stdin), relative to datadir. RESULT_NOT_FOUND: *ret_problem is allocated.
 */
MUST_CHECK enum result recover_engine_from_log(const char *datadir, const char *path,
                                               struct engine_report *ret_report, char **ret_problem);

/* Asks the source. On failure *ret_problem is allocated. */
MUST_CHECK enum result recover_engine_from_mysql(const struct sql_client_options *source,
                                                 struct engine_report *ret_report, char **ret_problem);

#endif
