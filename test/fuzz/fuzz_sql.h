/* For the fuzz targets of blocking SQL: a scripted server in place of sql_client.c. Each statement has its
 * usual answer, by the target's table; pieces of the input (fuzz_wire.h) take the place of the n-th one.
 *
 * An answer as text: '=' and rows, cells with a tab between, rows with a newline, \N for NULL; "0", an OK;
 * D, N, U, I and what the error says: denied, not found, unsupported, a broken connection. */
#ifndef ACKGATE_TEST_FUZZ_SQL_H
#define ACKGATE_TEST_FUZZ_SQL_H

#include "recovery/sql_client.h"
#include "test/fuzz/fuzz_wire.h"

enum { FUZZ_ANSWERS = 64, FUZZ_CELLS = 512 };

struct sql_client {
    unsigned dummy;
};

struct sql_rows {
    char *text;
    size_t rows;
    size_t columns; /* of the first row */
    struct {
        size_t row;
        size_t column;
        struct span bytes;
    } cells[FUZZ_CELLS];
    size_t count;
};

static struct {
    struct span answers[FUZZ_ANSWERS]; /* .data NULL: the usual one */
    uint8_t statements;                /* run so far */
    char error[256];
} fuzz_sql;

/* The target's: what the server answers usually; NULL is an OK without rows. */
static const char *fuzz_sql_usual(const char *sql);

static inline void fuzz_sql_script(struct reader *reader)
{
    struct span bytes;
    uint8_t number;

    memset(&fuzz_sql, 0, sizeof fuzz_sql);
    while (fuzz_next_piece(reader, &number, &bytes))
        fuzz_sql.answers[number % FUZZ_ANSWERS] = bytes;
}

void sql_client_library_init(void)
{
}

enum result sql_client_open(const struct sql_client_options *options, struct sql_client **ret_client,
                            char **ret_error)
{
    (void)options;
    (void)ret_error;
    *ret_client = xcalloc(1, sizeof **ret_client);
    return RESULT_OK;
}

void sql_client_close(struct sql_client **client)
{
    free(*client);
    *client = NULL;
}

void sql_client_address(const struct sql_client *client, char *ret_address, size_t address_max)
{
    (void)client;
    (void)snprintf(ret_address, address_max, "10.0.0.1");
}

static inline void fuzz_sql_add_cell(struct sql_rows *rows, size_t row, size_t column, char *from, char *to)
{
    if (rows->count == FUZZ_CELLS)
        return;
    *to = '\0';
    rows->cells[rows->count].row = row;
    rows->cells[rows->count].column = column;
    rows->cells[rows->count].bytes = strcmp(from, "\\N") == 0
                                         ? (struct span){NULL, 0}
                                         : fuzz_copy((struct span){(uint8_t *)from, (size_t)(to - from) + 1});
    rows->count++;
    rows->rows = row + 1;
    if (row == 0)
        rows->columns = column + 1;
}

/* Each cell lies in memory of its own, with a NUL behind it, as the library has it. */
static inline struct sql_rows *fuzz_sql_rows(struct span answer)
{
    struct sql_rows *rows = xcalloc(1, sizeof *rows);
    size_t row = 0, column = 0;
    char *text = xstrndup((const char *)answer.data, answer.length), *from = text;
    size_t length = strlen(text);

    for (size_t i = 0; i <= length; i++) {
        char here = text[i];
        if (here != '\t' && here != '\n' && here != '\0')
            continue;
        if (here != '\0' || from < text + i)
            fuzz_sql_add_cell(rows, row, column, from, text + i);
        from = text + i + 1;
        column = here == '\n' ? 0 : column + 1;
        row += here == '\n';
    }
    free(text);
    return rows;
}

static inline enum result fuzz_sql_answer(struct span answer, struct sql_rows **ret_rows)
{
    enum result result = RESULT_OK;
    char kind = '0';

    if (answer.length > 0) {
        kind = (char)answer.data[0];
        answer.data++;
        answer.length--;
    }
    if (ret_rows != NULL)
        *ret_rows = NULL;
    switch (kind) {
    case 'D':
        result = RESULT_DENIED;
        break;
    case 'N':
        result = RESULT_NOT_FOUND;
        break;
    case 'U':
        result = RESULT_UNSUPPORTED;
        break;
    case 'I':
        result = RESULT_IO;
        break;
    case '=':
        if (ret_rows != NULL)
            *ret_rows = fuzz_sql_rows(answer);
        break;
    default:
        break;
    }
    if (answer.length == 0 || answer.data[0] == '\0')
        answer = span_of_text("no reason given");
    (void)snprintf(fuzz_sql.error, sizeof fuzz_sql.error, "%.*s", (int)answer.length,
                   (const char *)answer.data);
    return result;
}

enum result sql_client_run(struct sql_client *client, const char *sql, struct sql_rows **ret_rows)
{
    struct span answer = fuzz_sql.answers[fuzz_sql.statements % FUZZ_ANSWERS];

    fuzz_check(client != NULL);
    fuzz_sql.statements++;
    if (answer.data == NULL) {
        const char *usual = fuzz_sql_usual(sql);
        answer = span_of_text(usual == NULL ? "0" : usual);
    }
    return fuzz_sql_answer(answer, ret_rows);
}

const char *sql_client_error(const struct sql_client *client)
{
    fuzz_check(client != NULL);
    return fuzz_sql.error;
}

unsigned sql_client_error_code(const struct sql_client *client)
{
    fuzz_check(client != NULL);
    return 1064;
}

size_t sql_rows_count(const struct sql_rows *rows)
{
    return rows == NULL ? 0 : rows->rows;
}

size_t sql_rows_columns(const struct sql_rows *rows)
{
    return rows == NULL ? 0 : rows->columns;
}

struct span sql_rows_bytes(const struct sql_rows *rows, size_t row, size_t column)
{
    for (size_t i = 0; rows != NULL && i < rows->count; i++)
        if (rows->cells[i].row == row && rows->cells[i].column == column && rows->cells[i].bytes.data != NULL)
            return (struct span){rows->cells[i].bytes.data, rows->cells[i].bytes.length - 1};
    return (struct span){NULL, 0};
}

const char *sql_rows_text(const struct sql_rows *rows, size_t row, size_t column)
{
    return (const char *)sql_rows_bytes(rows, row, column).data;
}

void sql_rows_free(struct sql_rows **rows)
{
    if (*rows == NULL)
        return;
    for (size_t i = 0; i < (*rows)->count; i++)
        if ((*rows)->cells[i].bytes.data != NULL)
            fuzz_free((*rows)->cells[i].bytes);
    free(*rows);
    *rows = NULL;
}

enum result sql_client_value(struct sql_client *client, const char *sql, char **ret_text)
{
    struct sql_rows *rows = NULL;
    enum result result = sql_client_run(client, sql, &rows);
    const char *text = sql_rows_text(rows, 0, 0);

    if (result == RESULT_OK)
        *ret_text = text == NULL ? NULL : xstrdup(text);
    sql_rows_free(&rows);
    return result;
}

#endif
