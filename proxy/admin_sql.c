/* Running queries for admin_sql.h: the database with its limits, the rows, and errors in MySQL's words. */
#include "proxy/admin_sql_internal.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/clock.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STEPS_PER_CALL = 1000, CALLS_MAX = 20000, HEAP_MAX_BYTES = 64 * 1024 * 1024 };

static const struct {
    int id;
    int value;
} limits[] = {
    {SQLITE_LIMIT_LENGTH,              1024 * 1024           },
    {SQLITE_LIMIT_SQL_LENGTH,          4 * ADMIN_SQL_TEXT_MAX}, /* what a statement grows to at most */
    {SQLITE_LIMIT_COLUMN,              256                   },
    {SQLITE_LIMIT_EXPR_DEPTH,          100                   },
    {SQLITE_LIMIT_COMPOUND_SELECT,     20                    },
    {SQLITE_LIMIT_VDBE_OP,             25000                 },
    {SQLITE_LIMIT_FUNCTION_ARG,        32                    },
    {SQLITE_LIMIT_ATTACHED,            0                     },
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 512                   },
    {SQLITE_LIMIT_VARIABLE_NUMBER,     0                     },
    {SQLITE_LIMIT_TRIGGER_DEPTH,       0                     },
    {SQLITE_LIMIT_WORKER_THREADS,      0                     },
};

static int on_authorize(void *argument, int action, const char *first, const char *second,
                        const char *database, const char *trigger)
{
    const struct admin_sql *sql = argument;
    (void)second;
    (void)database;
    (void)trigger;
    if (sql->is_declaring)
        return SQLITE_OK;
    if (action == SQLITE_SELECT || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE)
        return SQLITE_OK;
    if (action == SQLITE_READ && strncasecmp(first != NULL ? first : "", "sqlite_", 7) != 0)
        return SQLITE_OK;
    return SQLITE_DENY;
}

/* Not 0: the query has had its share of the loop's time. */
static int on_progress(void *argument)
{
    struct admin_sql *sql = argument;
    return ++sql->steps > CALLS_MAX || clock_monotonic_us() > sql->deadline_us;
}

struct admin_sql *admin_sql_new(struct pipeline *pipeline)
{
    struct admin_sql *sql = xcalloc(1, sizeof(*sql));
    sql->pipeline = pipeline;
    sqlite3_hard_heap_limit64(HEAP_MAX_BYTES); /* nobody else in the process uses SQLite */
    int status = sqlite3_open_v2(":memory:", &sql->database,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
    assert(status == SQLITE_OK);
    (void)status;
    sqlite3_db_config(sql->database, SQLITE_DBCONFIG_MAINDBNAME, ADMIN_SCHEMA);
    sqlite3_db_config(sql->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        sqlite3_limit(sql->database, limits[i].id, limits[i].value);
    admin_vtab_register(sql);
    admin_functions_register(sql);
    sqlite3_set_authorizer(sql->database, on_authorize, sql);
    sqlite3_progress_handler(sql->database, STEPS_PER_CALL, on_progress, sql);
    return sql;
}

void admin_sql_free(struct admin_sql **sql)
{
    struct admin_sql *old = *sql;
    if (old == NULL)
        return;
    *sql = NULL;
    sqlite3_close(old->database);
    free(old);
}

/* ---- the tables as they stand ---- */

void admin_sql_fill(struct admin_sql *sql)
{
    for (size_t i = 0; i < admin_table_count(); i++) {
        struct admin_snapshot *snapshot = &sql->snapshots[i];
        if (!snapshot->is_needed)
            continue;
        snapshot->table->fill(sql->pipeline, &snapshot->rows);
        snapshot->is_filled = true;
    }
}

/* Of what was only copied on the loop. */
static void make_rows(struct admin_sql *sql)
{
    for (size_t i = 0; i < admin_table_count(); i++)
        admin_rows_make(&sql->snapshots[i].rows);
}

static void forget_snapshots(struct admin_sql *sql)
{
    for (size_t i = 0; i < admin_table_count(); i++) {
        admin_rows_release(&sql->snapshots[i].rows);
        sql->snapshots[i].is_needed = sql->snapshots[i].is_filled = false;
    }
}

/* ---- errors ---- */

static bool starts_with(const char *text, const char *start, const char **ret_rest)
{
    *ret_rest = text + strlen(start);
    return strncmp(text, start, strlen(start)) == 0;
}

static void write_syntax_error(struct admin_sql *sql, const struct admin_query *query, const char *message,
                               struct resultset_writer *out)
{
    char text[512];
    struct admin_query_part part;
    int offset = sqlite3_error_offset(sql->database);
    if (offset >= 0 && admin_query_source(query, (size_t)offset, &part))
        snprintf(text, sizeof(text),
                 "You have an error in your SQL at position %zu: %s; HELP lists the statements",
                 part.source + 1, message);
    else
        snprintf(text, sizeof(text), "You have an error in your SQL: %s; HELP lists the statements", message);
    resultset_writer_error(out, ERROR_CODE_PARSE, text);
}

static void write_error(struct admin_sql *sql, const struct admin_query *query, struct resultset_writer *out)
{
    char text[512];
    const char *rest;
    const char *message = sqlite3_errmsg(sql->database);
    int code = sqlite3_errcode(sql->database);
    if (code == SQLITE_INTERRUPT) {
        resultset_writer_error(out, ERROR_CODE_QUERY_INTERRUPTED,
                               "The query takes too long, or was interrupted; ask for less");
    } else if (code == SQLITE_AUTH) {
        resultset_writer_error(out, ERROR_CODE_OPTION_PREVENTS_STATEMENT,
                               "The tables here are read-only; HELP lists what can be changed");
    } else if (starts_with(message, "no such table: ", &rest)) {
        snprintf(text, sizeof(text), "Table '%s' doesn't exist; SHOW TABLES lists them", rest);
        resultset_writer_error(out, ERROR_CODE_NO_SUCH_TABLE, text);
    } else if (starts_with(message, "no such column: ", &rest)) {
        snprintf(text, sizeof(text), "Unknown column '%s'; DESCRIBE lists a table's columns", rest);
        resultset_writer_error(out, ERROR_CODE_BAD_FIELD, text);
    } else if (starts_with(message, "unknown system variable: ", &rest)) {
        snprintf(text, sizeof(text), "Unknown system variable '%s'; SELECT * FROM variables lists ackgate's",
                 rest);
        resultset_writer_error(out, ERROR_CODE_UNKNOWN_VARIABLE, text);
    } else if (code == SQLITE_NOMEM || code == SQLITE_TOOBIG) {
        resultset_writer_error(out, ERROR_CODE_UNKNOWN, "The query needs too much memory; ask for less");
    } else {
        write_syntax_error(sql, query, message, out);
    }
}

/* ---- results ---- */

static void keep_value(sqlite3_stmt *statement, int column, struct admin_rows *rows)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        admin_rows_null(rows);
        break;
    case SQLITE_INTEGER:
        admin_rows_signed(rows, sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        admin_rows_real(rows, sqlite3_column_double(statement, column));
        break;
    default: {
        const uint8_t *text = sqlite3_column_text(statement, column);
        size_t length = (size_t)sqlite3_column_bytes(statement, column);
        admin_rows_span(rows, (struct span){text, text == NULL ? 0 : length});
        break;
    }
    }
}

static void step_all(struct admin_sql *sql, sqlite3_stmt *statement, const struct admin_query *query,
                     struct resultset_writer *out)
{
    struct admin_rows rows;
    int status;
    admin_rows_init(&rows, (size_t)sqlite3_column_count(statement));
    while ((status = sqlite3_step(statement)) == SQLITE_ROW && rows.bytes <= ADMIN_SQL_RESULT_MAX) {
        for (int i = 0; i < (int)rows.columns; i++)
            keep_value(statement, i, &rows);
    }
    if (status == SQLITE_ROW || rows.bytes > ADMIN_SQL_RESULT_MAX) {
        resultset_writer_error(out, ERROR_CODE_UNKNOWN, "The result is larger than 4 MiB; use LIMIT");
    } else if (status != SQLITE_DONE) {
        write_error(sql, query, out);
    } else {
        admin_result_write(statement, &rows, out);
    }
    admin_rows_release(&rows);
}

bool admin_sql_prepare(struct admin_sql *sql, const struct admin_context *context,
                       const struct admin_query *query, struct resultset_writer *out)
{
    const char *tail = NULL;
    sql->context = context;
    sql->steps = 0;
    sql->deadline_us = clock_monotonic_us() + ADMIN_SQL_TIME_MAX_MS * 1000;
    bool is_good = false;
    if (sqlite3_prepare_v2(sql->database, query->text, -1, &sql->statement, &tail) != SQLITE_OK)
        write_error(sql, query, out);
    else if (sql->statement == NULL)
        resultset_writer_error(out, ERROR_CODE_PARSE, "Query was empty");
    else if (tail[strspn(tail, " ;\t\r\n")] != '\0')
        resultset_writer_error(out, ERROR_CODE_PARSE, "One statement at a time, please");
    else
        is_good = true;
    if (!is_good)
        admin_sql_cancel(sql);
    return is_good;
}

void admin_sql_execute(struct admin_sql *sql, const struct admin_query *query, struct resultset_writer *out)
{
    make_rows(sql);
    step_all(sql, sql->statement, query, out);
    admin_sql_cancel(sql);
}

void admin_sql_cancel(struct admin_sql *sql)
{
    sqlite3_finalize(sql->statement);
    sql->statement = NULL;
    forget_snapshots(sql);
    sql->context = NULL;
}

void admin_sql_interrupt(struct admin_sql *sql)
{
    sqlite3_interrupt(sql->database);
}
