/* SHOW statements about variables and binlog files, for replica_queries.h. */
#include "proxy/replica_queries.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/replica_variables.h"

#include <stdlib.h>

static enum flavor flavor_of(const struct replica_query *query)
{
    return replica_server_flavor(query->server);
}

static void write_end(struct replica_query *query)
{
    resultset_writer_end(query->writer, STATUS_AUTOCOMMIT, 0);
}

/* Statements that are only asked to find nothing. */
void replica_answer_no_rows(struct replica_query *query)
{
    static const struct resultset_column columns[] = {{.name = "Variable_name"}, {.name = "Value"}};
    resultset_writer_columns(query->writer, columns, 2);
    write_end(query);
}

/* ---- variables ---- */

/* LIKE 'x', or WHERE … with the names anywhere in it as strings: [NOT] what the clients' WHERE come down to.
 */
struct name_filter {
    bool is_like;
    struct span patterns[32];
    size_t count;
};

static enum result parse_filter(struct sql_cursor *cursor, struct name_filter *filter)
{
    filter->is_like = sql_take_word(cursor, "LIKE");
    bool is_where = !filter->is_like && sql_take_word(cursor, "WHERE");
    while ((filter->is_like || is_where) && cursor->token.kind != SQL_END && cursor->token.kind != SQL_BAD) {
        bool has_room = filter->count < sizeof(filter->patterns) / sizeof(filter->patterns[0]);
        if (cursor->token.kind == SQL_STRING && has_room)
            filter->patterns[filter->count++] = cursor->token.text;
        sql_advance(cursor);
    }
    bool is_whole = filter->is_like ? filter->count == 1 : (!is_where || filter->count > 0);
    return is_whole && sql_is_over(cursor) ? RESULT_OK : RESULT_MALFORMED;
}

static bool filter_takes(const struct name_filter *filter, const char *name)
{
    for (size_t i = 0; i < filter->count; i++)
        if (sql_like(filter->patterns[i], name))
            return true;
    return filter->count == 0;
}

void replica_answer_variables(struct replica_query *query)
{
    static const struct resultset_column columns[] = {{.name = "Variable_name"}, {.name = "Value"}};
    struct name_filter filter = {0};
    if (parse_filter(&query->cursor, &filter) != RESULT_OK) {
        replica_query_syntax_error(query);
        return;
    }
    resultset_writer_columns(query->writer, columns, 2);
    for (size_t i = 0; i < replica_variable_count(); i++) {
        const char *name = replica_variable_name(query->server, i);
        if (name == NULL || !filter_takes(&filter, name))
            continue;
        char *value = replica_variable_value(query->server, i, VARIABLE_IN_SHOW);
        resultset_writer_row_begin(query->writer);
        resultset_writer_text(query->writer, name);
        resultset_writer_text(query->writer, value);
        resultset_writer_row_end(query->writer);
        free(value);
    }
    write_end(query);
}

/* ---- files ---- */

void replica_answer_binary_logs(struct replica_query *query)
{
    static const struct resultset_column columns[] = {
        {.name = "Log_name" },
        {.name = "File_size", .type = COLUMN_TYPE_LONGLONG},
        {.name = "Encrypted"                  }
    };
    size_t column_count = flavor_of(query) == FLAVOR_MARIADB ? 2 : 3;
    struct store *store = query->server->store;
    resultset_writer_columns(query->writer, columns, column_count);
    for (size_t i = 0; i < store_file_count(store); i++) {
        char name[BINLOG_NAME_MAX];
        struct store_file_view file;
        store_file_view(store, i, &file);
        store_file_name(store, file.file, name, sizeof(name));
        resultset_writer_row_begin(query->writer);
        resultset_writer_text(query->writer, name);
        resultset_writer_u64(query->writer, file.size_bytes);
        if (column_count == 3)
            resultset_writer_text(query->writer, "No");
        resultset_writer_row_end(query->writer);
    }
    write_end(query);
}

void replica_answer_log_status(struct replica_query *query)
{
    static const struct resultset_column columns[] = {
        {.name = "File"    },
        {.name = "Position", .type = COLUMN_TYPE_LONGLONG},
        {.name = "Binlog_Do_DB"                 },
        {.name = "Binlog_Ignore_DB"},
        {.name = "Executed_Gtid_Set"                 }
    };
    size_t column_count = flavor_of(query) == FLAVOR_MARIADB ? 4 : 5;
    struct store *store = query->server->store;
    resultset_writer_columns(query->writer, columns, column_count);
    if (!store_is_empty(store)) {
        char name[BINLOG_NAME_MAX];
        store_file_name(store, store_end(store).file, name, sizeof(name));
        char *gtids = gtid_state_format(store_gtids(store));
        resultset_writer_row_begin(query->writer);
        resultset_writer_text(query->writer, name);
        resultset_writer_u64(query->writer, store_end(store).offset);
        resultset_writer_text(query->writer, "");
        resultset_writer_text(query->writer, "");
        if (column_count == 5)
            resultset_writer_text(query->writer, gtids);
        resultset_writer_row_end(query->writer);
        free(gtids);
    }
    write_end(query);
}
