/*
 * What a MariaDB source's crash recovery has left: the user XA transactions that it has prepared, and tables
 * that are not there, for proxy/recover_redo.h; and ending XA transactions without a word in its binlog.
 */
#include "proxy/source_check_parts.h"

#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "recovery/sql_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What fails is found again in what is prepared. */
static void repair(struct source_check *check)
{
    char *rest = check->request->repairs;
    if (rest == NULL)
        return;
    if (sql_client_run(check->client, "SET SESSION sql_log_bin = 0", NULL) != RESULT_OK) {
        log_warn("source",
                 "its XA transactions cannot be ended from here, source.user needs BINLOG ADMIN: %s",
                 log_quote_text(sql_client_error(check->client)));
        return;
    }
    for (char *sql = strsep(&rest, "\n"); sql != NULL; sql = strsep(&rest, "\n")) {
        if (sql[0] == '\0')
            continue;
        if (sql_client_run(check->client, sql, NULL) == RESULT_OK)
            log_warn("source", "%s: run on it, because its crash recovery did not redo it", sql);
        else
            log_warn("source", "%s: %s", sql, log_quote_text(sql_client_error(check->client)));
    }
}

static uint64_t number_at(const struct sql_rows *rows, size_t row, size_t column)
{
    const char *text = sql_rows_text(rows, row, column);
    return text == NULL ? UINT64_MAX : strtoull(text, NULL, 10);
}

static enum result take_rows(const struct sql_rows *rows, struct source_prepared *prepared)
{
    size_t count = sql_rows_count(rows);
    prepared->ids = xcalloc(count + 1, sizeof(*prepared->ids));
    for (size_t i = 0; i < count; i++)
        if (!xa_id_make(number_at(rows, i, 0), number_at(rows, i, 1), number_at(rows, i, 2),
                        sql_rows_bytes(rows, i, 3), &prepared->ids[i]))
            return RESULT_MALFORMED;
    prepared->count = count;
    prepared->is_known = true;
    return RESULT_OK;
}

static enum result probe(struct source_check *check)
{
    char *missing = NULL;
    if (check->request->probe == NULL)
        return RESULT_OK;
    enum result result = sql_client_value(check->client, check->request->probe, &missing);
    check->facts->is_probed = result == RESULT_OK;
    snprintf(check->facts->missing, sizeof(check->facts->missing), "%s", missing == NULL ? "" : missing);
    free(missing);
    return result;
}

enum result source_check_read_prepared(struct source_check *check)
{
    struct source_prepared *prepared = &check->facts->prepared;
    struct sql_rows *rows = NULL;
    if (check->facts->flavor != FLAVOR_MARIADB)
        return RESULT_OK;
    repair(check);
    enum result result = sql_client_run(check->client, "XA RECOVER", &rows);
    if (result == RESULT_OK)
        result = take_rows(rows, prepared);
    if (result == RESULT_MALFORMED)
        source_check_add_reason(check, "XA RECOVER lists what cannot be");
    sql_rows_free(&rows);
    return result == RESULT_OK ? probe(check) : result;
}
