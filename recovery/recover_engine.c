/* Reading MariaDB's error log and MySQL's @@gtid_executed. */
#include "recovery/recover_engine.h"

#include "protocol/xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_TAIL_BYTES (64L * 1024 * 1024) /* of a log file, the last so many are read */

static const char BEGINS[] = "as process "; /* in the line that a server begins its log with */
static const char READY[] = ": ready for connections";
static const char FILE_IS[] =
    "Last binlog file '"; /* InnoDB: Last binlog file './binlog.000002', position 750 */
static const char POSITION_IS[] = "', position ";

static bool parse_position(const char *line, struct engine_report *ret_report)
{
    const char *file = strstr(line, FILE_IS);
    if (file == NULL)
        return false;
    file += strlen(FILE_IS);
    const char *end = strstr(file, POSITION_IS);
    if (end == NULL || end == file)
        return false;
    const char *slash = memrchr(file, '/', (size_t)(end - file));
    if (slash != NULL)
        file = slash + 1;
    struct span name = {(const uint8_t *)file, (size_t)(end - file)};
    const char *digits = end + strlen(POSITION_IS);
    uint64_t offset = strtoull(digits, NULL, 10);
    if (digits[0] < '0' || digits[0] > '9' || offset > INT64_MAX ||
        binlog_name_parse(name, NULL, NULL) != RESULT_OK ||
        span_copy_text(name, ret_report->file, sizeof ret_report->file) != RESULT_OK)
        return false;
    ret_report->offset = offset;
    return true;
}

bool recover_engine_read_line(const char *line, struct engine_report *report)
{
    if (report->executed == NULL || strstr(line, BEGINS) != NULL) {
        engine_report_release(report);
        *report = (struct engine_report){.flavor = FLAVOR_MARIADB, .executed = xstrdup("")};
    }
    (void)parse_position(line, report);
    return strstr(line, READY) != NULL;
}

void recover_engine_read_log(FILE *log, struct engine_report *ret_report)
{
    struct engine_report report = {.flavor = FLAVOR_MARIADB, .executed = xstrdup("")};
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, log) >= 0)
        (void)recover_engine_read_line(line, &report);
    free(line);
    *ret_report = report;
}

/* The server adds .err to a name without an extension. */
FILE *recover_engine_open_log(const char *datadir, const char *path)
{
    char *full = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", datadir, path);
    FILE *log = fopen(full, "re");
    if (log == NULL && errno == ENOENT) {
        char *with_err = xasprintf("%s.err", full);
        log = fopen(with_err, "re");
        free(with_err);
    }
    free(full);
    return log;
}

enum result recover_engine_from_log(const char *datadir, const char *path, struct engine_report *ret_report,
                                    char **ret_problem)
{
    if (strcmp(path, "-") == 0) {
        recover_engine_read_log(stdin, ret_report);
        return RESULT_OK;
    }
    FILE *log = recover_engine_open_log(datadir, path);
    if (log == NULL) {
        *ret_problem = xasprintf("error log %s: %s", path, strerror(errno));
        return RESULT_NOT_FOUND;
    }
    if (fseek(log, -LOG_TAIL_BYTES, SEEK_END) != 0) /* it is shorter */
        rewind(log);
    recover_engine_read_log(log, ret_report);
    (void)fclose(log);
    return RESULT_OK;
}

enum result recover_engine_from_mysql(const struct sql_client_options *source,
                                      struct engine_report *ret_report, char **ret_problem)
{
    struct sql_client *client;
    char *executed = NULL, *error;
    enum result result = sql_client_open(source, &client, &error);
    if (result != RESULT_OK) {
        *ret_problem = xasprintf("source at %s: %s", source->host, error);
        free(error);
        return result;
    }
    result = sql_client_value(client, "SELECT @@GLOBAL.gtid_executed", &executed);
    if (result != RESULT_OK)
        *ret_problem = xasprintf("source at %s: %s", source->host, sql_client_error(client));
    else
        *ret_report = (struct engine_report){.flavor = FLAVOR_MYSQL,
                                             .executed = executed == NULL ? xstrdup("") : executed};
    sql_client_close(&client);
    return result;
}
