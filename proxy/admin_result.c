/* A query's rows as a result set: names and types of the columns, and the values as text. */
#include "proxy/admin_sql_internal.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 256 };

/* A column is of the widest kind among its values; without values, what its declaration says. */
static enum admin_value_kind kind_of_column(sqlite3_stmt *statement, const struct admin_rows *rows,
                                            size_t column)
{
    enum admin_value_kind widest = ADMIN_NULL;
    for (size_t row = 0; row < admin_rows_count(rows); row++) {
        enum admin_value_kind kind = admin_rows_value(rows, row, column)->kind;
        if (kind > widest)
            widest = kind;
    }
    const char *declared = sqlite3_column_decltype(statement, (int)column);
    if (widest == ADMIN_NULL && declared != NULL)
        return strcmp(declared, "INTEGER") == 0 ? ADMIN_INTEGER
               : strcmp(declared, "REAL") == 0  ? ADMIN_REAL
                                                : ADMIN_TEXT;
    return widest == ADMIN_NULL ? ADMIN_TEXT : widest;
}

/* An expression's name is its text: sysvar('x') is shown as the @@x that it was. */
static void copy_name(const char *name, char ret_name[NAME_MAX_BYTES])
{
    static const char call[] = "sysvar('";
    size_t at = 0;
    while (*name != '\0' && at + 3 < NAME_MAX_BYTES) {
        if (strncmp(name, call, sizeof(call) - 1) != 0) {
            ret_name[at++] = *name++;
            continue;
        }
        ret_name[at++] = '@';
        ret_name[at++] = '@';
        name += sizeof(call) - 1;
        while (*name != '\0' && *name != '\'' && at + 1 < NAME_MAX_BYTES)
            ret_name[at++] = *name++;
        name += strspn(name, "')") < 2 ? strspn(name, "')") : 2;
    }
    ret_name[at] = '\0';
}

static void write_columns(sqlite3_stmt *statement, const struct admin_rows *rows,
                          struct resultset_writer *out)
{
    struct resultset_column *columns = xcalloc(rows->columns, sizeof(columns[0]));
    char(*names)[NAME_MAX_BYTES] = xcalloc(rows->columns, sizeof(names[0]));
    for (size_t i = 0; i < rows->columns; i++) {
        enum admin_value_kind kind = kind_of_column(statement, rows, i);
        const char *name = sqlite3_column_name(statement, (int)i);
        copy_name(name != NULL ? name : "", names[i]);
        columns[i].name = names[i];
        columns[i].type = kind == ADMIN_INTEGER ? COLUMN_TYPE_LONGLONG
                          : kind == ADMIN_REAL  ? COLUMN_TYPE_DOUBLE
                                                : COLUMN_TYPE_VAR_STRING;
        columns[i].flags = kind == ADMIN_TEXT ? 0 : COLUMN_FLAG_BINARY | COLUMN_FLAG_NUMBER;
    }
    resultset_writer_columns(out, columns, rows->columns);
    free(columns);
    free(names);
}

static void write_value(const struct admin_value *value, struct resultset_writer *out)
{
    char text[64];
    switch (value->kind) {
    case ADMIN_NULL:
        resultset_writer_null(out);
        return;
    case ADMIN_INTEGER:
        snprintf(text, sizeof(text), "%" PRId64, value->integer);
        break;
    case ADMIN_REAL:
        snprintf(text, sizeof(text), "%.15g", value->real);
        break;
    case ADMIN_TEXT:
        resultset_writer_value(out, (struct span){(const uint8_t *)value->text, value->length});
        return;
    }
    resultset_writer_text(out, text);
}

static void write_rows(const struct admin_rows *rows, struct resultset_writer *out)
{
    for (size_t row = 0; row < admin_rows_count(rows); row++) {
        resultset_writer_row_begin(out);
        for (size_t column = 0; column < rows->columns; column++)
            write_value(admin_rows_value(rows, row, column), out);
        resultset_writer_row_end(out);
    }
    resultset_writer_end(out, STATUS_AUTOCOMMIT, 0);
}

void admin_result_write(sqlite3_stmt *statement, const struct admin_rows *rows, struct resultset_writer *out)
{
    write_columns(statement, rows, out);
    write_rows(rows, out);
}
