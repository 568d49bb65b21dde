/* Result sets of the test's SQL client: cells, values and texts, see sql.h. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/xalloc.h"
#include "test/lib/sql_internal.h"

static char *copy_cell(const char *cell, unsigned long size)
{
    if (!cell)
        return NULL;
    char *copy = xmalloc(size + 1);
    memcpy(copy, cell, size);
    copy[size] = '\0';
    return copy;
}

struct sql_result *sql_result_read(struct sql *conn)
{
    MYSQL_RES *set = mysql_store_result(conn->handle);
    if (!set)
        return NULL;

    struct sql_result *result = xcalloc(1, sizeof *result);
    size_t columns = mysql_num_fields(set), rows = (size_t)mysql_num_rows(set);
    char **names = xcalloc(columns + 1, sizeof *names), **cells = xcalloc(rows * columns + 1, sizeof *cells);
    for (size_t i = 0; i < columns; i++)
        names[i] = xstrdup(mysql_fetch_field(set)->name);
    for (size_t row = 0; row < rows; row++) {
        MYSQL_ROW values = mysql_fetch_row(set);
        const unsigned long *sizes = mysql_fetch_lengths(set);
        for (size_t i = 0; i < columns; i++)
            cells[row * columns + i] = copy_cell(values[i], sizes[i]);
    }
    result->rows = (struct sql_rows){rows, columns, (const char *const *)names, (const char *const *)cells};
    mysql_free_result(set);
    return result;
}

static void free_texts(const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)texts[i]);
    free((void *)(uintptr_t)texts);
}

void sql_result_free(struct sql_result *results)
{
    while (results) {
        struct sql_result *next = results->next;
        free_texts(results->rows.names, results->rows.columns);
        free_texts(results->rows.cells, results->rows.rows * results->rows.columns);
        free(results);
        results = next;
    }
}

static void print_rows(FILE *out, const struct sql_rows *rows)
{
    for (size_t i = 0; i < rows->rows * rows->columns; i++) {
        if (i > 0)
            (void)fputc(i % rows->columns ? '\t' : '\n', out);
        (void)fputs(rows->cells[i] ? rows->cells[i] : "NULL", out);
    }
}

char *sql_result_text(const struct sql_result *results)
{
    char *text = NULL;
    size_t size = 0;

    FILE *out = open_memstream(&text, &size);
    for (const struct sql_result *result = results; result; result = result->next) {
        print_rows(out, &result->rows);
        if (result->next)
            (void)fputs("\n--\n", out);
    }
    (void)fclose(out);
    return text;
}

void *sql_keep(struct sql *conn, size_t size)
{
    struct sql_memory *memory = xmalloc(sizeof *memory + size);

    memory->next = conn->memory;
    conn->memory = memory;
    return memory->bytes;
}

const char *sql_keep_text(struct sql *conn, const char *text)
{
    return text ? memcpy(sql_keep(conn, strlen(text) + 1), text, strlen(text) + 1) : NULL;
}

const char *sql_value_at(struct place where, struct sql *conn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args);
    va_end(args);
    struct sql_result *results = sql_run(conn, statement);
    sql_check(where, conn, statement);
    bool has_cell = results && results->rows.rows > 0 && results->rows.columns > 0;
    const char *value = sql_keep_text(conn, has_cell ? results->rows.cells[0] : NULL);
    sql_result_free(results);
    free(statement);
    return value;
}

int64_t sql_number_at(struct place where, struct sql *conn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args), *end;
    va_end(args);
    const char *value = sql_value_at(where, conn, "%s", statement);
    long long number = strtoll(value ? value : "", &end, 10);
    if (!value || end == value || *end)
        fail_at(where, "%s: \"%s\" is no number", statement, value ? value : "NULL");
    free(statement);
    return number;
}

const char *sql_text_at(struct place where, struct sql *conn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args);
    va_end(args);
    struct sql_result *results = sql_run(conn, statement);
    sql_check(where, conn, statement);
    char *text = sql_result_text(results);
    const char *kept = sql_keep_text(conn, text);
    free(text);
    sql_result_free(results);
    free(statement);
    return kept;
}

void sql_peek(struct sql *conn, const char *statement, char *ret_text, size_t max)
{
    struct sql_result *results = sql_run(conn, statement);

    if (conn->number) {
        (void)snprintf(ret_text, max, "error %u: %s", conn->number, conn->error);
    } else {
        char *text = sql_result_text(results);
        (void)snprintf(ret_text, max, "%s", text);
        free(text);
    }
    sql_result_free(results);
}

static const char *const *keep_texts(struct sql *conn, const char *const *texts, size_t count)
{
    const char **kept = sql_keep(conn, (count + 1) * sizeof *kept);

    for (size_t i = 0; i < count; i++)
        kept[i] = sql_keep_text(conn, texts[i]);
    return kept;
}

const struct sql_rows *sql_rows_at(struct place where, struct sql *conn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *statement = sql_format(format, args);
    va_end(args);
    struct sql_result *results = sql_run(conn, statement), *last = results;
    sql_check(where, conn, statement);
    struct sql_rows *rows = sql_keep(conn, sizeof *rows);
    *rows = (struct sql_rows){0};
    while (last && last->next)
        last = last->next;
    if (last)
        *rows = (struct sql_rows){
            .rows = last->rows.rows,
            .columns = last->rows.columns,
            .names = keep_texts(conn, last->rows.names, last->rows.columns),
            .cells = keep_texts(conn, last->rows.cells, last->rows.rows * last->rows.columns),
        };
    sql_result_free(results);
    free(statement);
    return rows;
}

const char *sql_cell(const struct sql_rows *rows, size_t row, const char *column)
{
    for (size_t i = 0; row < rows->rows && i < rows->columns; i++)
        if (strcasecmp(rows->names[i], column) == 0)
            return rows->cells[row * rows->columns + i];
    return NULL;
}
