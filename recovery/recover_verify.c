/* verify: what the started server's engine has committed is told to ackgate. */
#include "protocol/xalloc.h"
#include "recovery/binlog_file.h"
#include "recovery/binlog_index.h"
#include "recovery/recover_engine.h"
#include "recovery/recover_place.h"
#include "recovery/recover_say.h"
#include "recovery/recover_source.h"
#include "recovery/recover_talk.h"
#include "recovery/recover_value.h"

#include <stdlib.h>
#include <string.h>

static const char WHERE_IS_THE_LOG[] =
    "say where the server's error log is: --error-log FILE, or - for stdin (journalctl -u mariadb -o cat "
    "_SYSTEMD_INVOCATION_ID=$INVOCATION_ID | ackgate-recover verify --error-log -)";
static const char MYSQL_BY_ITSELF[] =
    "nothing to verify: ackgate reads @@gtid_executed of a MySQL source by itself when it connects";

/* The newest file that has a format description knows the family. */
static enum result find_flavor(const struct recover_options *options, struct storage *storage,
                               enum flavor *ret_flavor, char **ret_problem)
{
    char *path;
    struct binlog_index index;
    enum result result = recover_find_index(storage, options->datadir, options->log_bin,
                                            options->log_bin_index, &path, ret_problem);
    if (result != RESULT_OK)
        return result;
    result = binlog_index_read(storage, path, options->datadir, &index);
    *ret_flavor = FLAVOR_UNKNOWN;
    for (size_t i = result == RESULT_OK ? index.count : 0; i > 0 && *ret_flavor == FLAVOR_UNKNOWN; i--) {
        struct binlog_file file;
        if (binlog_file_open(storage, index.lines[i - 1].path, &file) != RESULT_OK)
            continue;
        *ret_flavor = file.format_length == 0 ? FLAVOR_MYSQL : file.format.flavor;
        binlog_file_close(&file);
    }
    if (result == RESULT_OK)
        binlog_index_release(&index);
    if (*ret_flavor == FLAVOR_UNKNOWN)
        *ret_problem = xasprintf("%s: no binlog file can be read", path);
    free(path);
    return *ret_flavor == FLAVOR_UNKNOWN ? RESULT_NOT_FOUND : RESULT_OK;
}

bool recover_needs_verify(const struct recover_options *options, struct storage *storage)
{
    enum flavor flavor = FLAVOR_UNKNOWN;
    char *problem = NULL;
    if (find_flavor(options, storage, &flavor, &problem) != RESULT_OK)
        flavor = FLAVOR_UNKNOWN;
    free(problem);
    return flavor == FLAVOR_MARIADB;
}

static enum result ask_mysql(const struct recover_options *options, struct engine_report *ret_report,
                             char **ret_problem)
{
    char *password = NULL;
    if (options->source_password_file != NULL &&
        recover_password_read(options->source_password_file, &password, ret_problem) != RESULT_OK)
        return RESULT_MALFORMED;
    const struct sql_client_options source = {
        .host = options->socket,
        .user = options->source_user,
        .password = password == NULL ? "" : password,
        .timeout_seconds = (unsigned)((options->timeout_ms + 999) / 1000),
    };
    enum result result = recover_engine_from_mysql(&source, ret_report, ret_problem);
    free(password);
    return result;
}

/* The report in words, allocated. */
static char *describe(const struct engine_report *report)
{
    if (report->flavor == FLAVOR_MARIADB && report->file[0] == '\0')
        return xstrdup("told ackgate that InnoDB names no position of the binlog");
    if (report->flavor == FLAVOR_MARIADB)
        return xasprintf("told ackgate that InnoDB stands at %s:%llu of the binlog", report->file,
                         (unsigned long long)report->offset);
    return xasprintf("told ackgate that the server has executed %s",
                     report->executed[0] == '\0' ? "nothing" : report->executed);
}

int recover_verify_tell(const struct recover_options *options, const char *password,
                        const struct engine_report *report)
{
    const struct recover_talk talk = {
        .host = options->proxy_host,
        .port = options->proxy_port,
        .user = options->user,
        .password = password,
        .tls = &options->tls,
        .timeout_ms = options->timeout_ms,
    };
    char *problem = NULL;
    enum recover_outcome outcome = recover_tell_engine(&talk, report, &problem);
    int code;
    if (outcome == RECOVER_ANSWERED) {
        char *text = describe(report);
        code = recover_say_note(options->is_json, "verified", text);
        free(text);
    } else {
        code = recover_say_error(options->is_json,
                                 outcome == RECOVER_REJECTED ? RECOVER_EXIT_REFUSED : RECOVER_EXIT_UNREADABLE,
                                 problem);
    }
    free(problem);
    return code;
}

int recover_verify(const struct recover_options *options, const char *password, struct storage *storage)
{
    enum flavor flavor;
    struct engine_report report = {0};
    char *problem = NULL;
    enum result result = find_flavor(options, storage, &flavor, &problem);
    if (result == RESULT_OK && flavor == FLAVOR_MYSQL) {
        if (options->source_user == NULL || options->socket == NULL)
            return recover_say_note(options->is_json, "nothing", MYSQL_BY_ITSELF);
        result = ask_mysql(options, &report, &problem);
    } else if (result == RESULT_OK) {
        if (options->error_log == NULL || options->error_log[0] == '\0')
            return recover_say_error(options->is_json, RECOVER_EXIT_USAGE, WHERE_IS_THE_LOG);
        result = recover_engine_from_log(options->datadir, options->error_log, &report, &problem);
    }
    int code = result == RESULT_OK ? recover_verify_tell(options, password, &report)
                                   : recover_say_error(options->is_json, RECOVER_EXIT_UNREADABLE, problem);
    engine_report_release(&report);
    free(problem);
    return code;
}
