/*
 * The conversation between ackgate-recover and the admin port, as text.
 *
 * The tool logs in and says, in one session:
 *
 *   RECOVER SOURCE STATUS            rows (name, value): epoch, flavor, server_uuid, server_id, base,
 *                                    confirmed_file, confirmed_pos, from_file, from_pos. The listing has to
 *                                    begin at from_file:from_pos; from_file '' means: nothing is known here,
 *                                    send a listing without transactions (TAIL_START_NONE).
 *   RECOVER SOURCE CHECK 'TAIL'      what TAIL would answer; decides nothing (ackgate-recover check)
 *   RECOVER SOURCE TAIL 'TAIL'       the verdict, journaled and synced before it is answered; asked again,
 *                                    also after the cut was done or begun, it gives the same one
 *   RECOVER SOURCE ENGINE 'ENGINE'   what ackgate-recover verify found after the start; an OK, or an error
 *                                    that says what the engine has which was discarded. After a cut a MariaDB
 *                                    source is not admitted before this has come: every way of starting the
 *                                    server has to send it
 *
 * CHECK and TAIL answer with the columns gtid, file, start_pos, end_pos, verdict, reason, kept_as. The first
 * row is the overall one: gtid '', verdict cut, nothing or refuse; with cut, file and start_pos are where to
 * cut, end_pos is 0 and kept_as is the file (a path on the source's host, in keep_dir) that must have the
 * bytes first; with nothing and refuse they are '' and 0. All other rows are the listed transactions in
 * order: verdict keep, complete, discard, diverged or behind. A transaction that the source should have and
 * has not is no row: the overall reason names it. An SQL error instead of rows: nothing was decided.
 *
 * The text of a tail is lines that end with a newline, of printable ASCII without quotes and backslashes, so
 * that it needs no escaping in SQL. Values are %XX-encoded where they have other bytes than
 * [A-Za-z0-9._:/@+-].
 *
 *   ackgate-tail 1 flavor=mysql server_uuid=3e11… server_id=1 base=binlog closed=0 partial=0 fault=none
 *       start=found from=2:157 end=2:990 keep_dir=/var/lib/mysql/ackgate-discarded files=1:4711,2:990
 *   3e11fa47-…:17 2 157 430 rows 1 89abcdef
 *
 * The header is one line, all its keys in this order, empty values allowed. A transaction's line has its
 * GTID ("-": anonymous), file number, start, end, kind (txn_kind_name()), 1 if a cut undoes it, CRC-32C in 8
 * hexadecimal digits.
 *
 * The text of an engine report is one line of the same kind:
 *   ackgate-engine 1 flavor=mariadb file=binlog.000002 pos=750        MariaDB: "Last binlog file" of its log
 *   ackgate-engine 1 flavor=mysql executed=3e11…:1-17                 MySQL: @@gtid_executed
 */
#ifndef ACKGATE_RECOVERY_TAIL_TEXT_H
#define ACKGATE_RECOVERY_TAIL_TEXT_H

#include "recovery/tail.h"

#define TAIL_TEXT_MAX (16u * 1024 * 1024) /* bytes of the whole text and its NUL; formatting keeps to it */

/*
 * The text with a NUL, the caller frees it. When the transactions do not fit, the last ones are left out and
 * the text says partial=1. ret_length (may be NULL) is without the NUL.
 */
char *tail_format(const struct tail *tail, size_t *ret_length);

/*
 * ret_tail is initialised by the caller and as it was on failure. RESULT_MALFORMED, RESULT_TOO_LARGE,
 * RESULT_UNSUPPORTED (another version); *ret_line is the number of the line at fault, from 1. Checked too:
 * order and bounds of files and transactions, GTIDs of the flavour, no transaction outside [from, end].
 */
MUST_CHECK enum result tail_parse(struct span text, struct tail *ret_tail, size_t *ret_line);

struct engine_report {
    enum flavor flavor;
    char *executed;             /* MySQL: a GTID set; allocated, never NULL */
    char file[BINLOG_NAME_MAX]; /* MariaDB: "" when the log had no such line */
    uint64_t offset;
};
void engine_report_release(struct engine_report *report);
char *engine_report_format(const struct engine_report *report); /* the caller frees it */
/* ret_report is released by the caller after RESULT_OK only. RESULT_MALFORMED, RESULT_UNSUPPORTED. */
MUST_CHECK enum result engine_report_parse(struct span text, struct engine_report *ret_report);

#endif
