/*
 * The admin tables as SQLite's virtual tables: eponymous (there without CREATE) and read from front to back.
 * SQLite filters and sorts; the tables are small.
 */
#include "proxy/admin_sql_internal.h"

#include "protocol/xalloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vtab {
    sqlite3_vtab base;
    struct admin_snapshot *snapshot;
};

struct cursor {
    sqlite3_vtab_cursor base;
    const struct admin_rows *rows;
    size_t row;
};

static int on_connect(sqlite3 *database, void *argument, int argc, const char *const *argv,
                      sqlite3_vtab **ret_vtab, char **ret_error)
{
    (void)argc;
    (void)argv;
    (void)ret_error;
    struct admin_snapshot *snapshot = argument;
    char declaration[2048] = "CREATE TABLE x(";
    size_t length = strlen(declaration);
    for (size_t i = 0; snapshot->table->columns[i].name != NULL; i++) {
        const struct admin_column *column = &snapshot->table->columns[i];
        const char *type = column->kind == ADMIN_INTEGER ? "INTEGER"
                           : column->kind == ADMIN_REAL  ? "REAL"
                                                         : "TEXT COLLATE NOCASE";
        length += (size_t)snprintf(declaration + length, sizeof(declaration) - length, "%s\"%s\" %s",
                                   i == 0 ? "" : ",", column->name, type);
    }
    snprintf(declaration + length, sizeof(declaration) - length, ")");
    snapshot->sql->is_declaring = true; /* SQLite asks the authorizer about its own schema meanwhile */
    int status = sqlite3_declare_vtab(database, declaration);
    snapshot->sql->is_declaring = false;
    if (status != SQLITE_OK)
        return status;
    struct vtab *vtab = xcalloc(1, sizeof(*vtab));
    vtab->snapshot = snapshot;
    *ret_vtab = &vtab->base;
    return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *vtab)
{
    free(vtab);
    return SQLITE_OK;
}

static int on_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    ((struct vtab *)vtab)->snapshot->is_needed = true;
    info->estimatedCost = 1000;
    info->estimatedRows = 100;
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret_cursor)
{
    (void)vtab;
    struct cursor *cursor = xcalloc(1, sizeof(*cursor));
    *ret_cursor = &cursor->base;
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int on_filter(sqlite3_vtab_cursor *base, int index, const char *text, int argc, sqlite3_value **argv)
{
    (void)index;
    (void)text;
    (void)argc;
    (void)argv;
    struct cursor *cursor = (struct cursor *)base;
    const struct admin_snapshot *snapshot = ((struct vtab *)base->pVtab)->snapshot;
    assert(snapshot->is_filled); /* nothing is read that was not asked for when it was prepared */
    cursor->rows = &snapshot->rows;
    cursor->row = 0;
    return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    ((struct cursor *)base)->row++;
    return SQLITE_OK;
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = (struct cursor *)base;
    return cursor->row >= admin_rows_count(cursor->rows);
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int column)
{
    const struct cursor *cursor = (struct cursor *)base;
    const struct admin_value *value = admin_rows_value(cursor->rows, cursor->row, (size_t)column);
    switch (value->kind) {
    case ADMIN_NULL:
        sqlite3_result_null(result);
        break;
    case ADMIN_INTEGER:
        sqlite3_result_int64(result, value->integer);
        break;
    case ADMIN_REAL:
        sqlite3_result_double(result, value->real);
        break;
    case ADMIN_TEXT: /* the snapshot outlives the statement */
        sqlite3_result_text64(result, value->text, value->length, SQLITE_STATIC, SQLITE_UTF8);
        break;
    }
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_rowid)
{
    *ret_rowid = (sqlite3_int64)((struct cursor *)base)->row;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = on_connect, /* xCreate NULL: nobody can make another one */
    .xBestIndex = on_best_index,
    .xDisconnect = on_disconnect,
    .xDestroy = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

void admin_vtab_register(struct admin_sql *sql)
{
    assert(admin_table_count() <= ADMIN_TABLES_MAX);
    for (size_t i = 0; i < admin_table_count(); i++) {
        struct admin_snapshot *snapshot = &sql->snapshots[i];
        snapshot->sql = sql;
        snapshot->table = &admin_tables[i];
        admin_rows_init(&snapshot->rows, admin_table_columns(snapshot->table));
        int status = sqlite3_create_module(sql->database, snapshot->table->name, &module, snapshot);
        assert(status == SQLITE_OK);
        (void)status;
    }
}
