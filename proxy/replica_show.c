/* SHOW statements about variables and binlog files, for replica_queries.h. */
#include "proxy/replica_queries.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "proxy/replica_variables.h"
#include "proxy/replica_walk.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_MAX = 10000, EVENTS_WALKED_MAX = 1000000, READ_BYTES = 256 * 1024, INFO_MAX = 512 };

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

/* ---- events ---- */

struct events_wanted {
    uint64_t file;
    uint64_t from;  /* offset of the first */
    uint64_t skip;  /* rows to leave out */
    uint64_t limit; /* rows at most */
};

/* IN 'file' names a file of the store; without it the oldest. */
static bool take_file(struct replica_query *query, uint64_t *ret_file)
{
    struct store *store = query->server->store;
    struct span base;
    uint64_t ignored_end;
    *ret_file = store_start(store).file;
    if (!sql_take_word(&query->cursor, "IN"))
        return true;
    struct span name = query->cursor.token.text;
    sql_advance(&query->cursor);
    return binlog_name_parse(name, &base, ret_file) == RESULT_OK && span_is_text(base, store_base(store)) &&
           store_file_end(store, *ret_file, &ignored_end) == RESULT_OK;
}

static enum result parse_events(struct replica_query *query, struct events_wanted *wanted)
{
    struct sql_cursor *cursor = &query->cursor;
    *wanted = (struct events_wanted){.from = BINLOG_START, .limit = EVENTS_MAX};
    if (!take_file(query, &wanted->file))
        return RESULT_NOT_FOUND;
    if (sql_take_word(cursor, "FROM") && sql_take_u64(cursor, &wanted->from) != RESULT_OK)
        return RESULT_MALFORMED;
    if (sql_take_word(cursor, "LIMIT")) {
        if (sql_take_u64(cursor, &wanted->limit) != RESULT_OK)
            return RESULT_MALFORMED;
        if (sql_take_symbol(cursor, ',')) {
            wanted->skip = wanted->limit;
            if (sql_take_u64(cursor, &wanted->limit) != RESULT_OK)
                return RESULT_MALFORMED;
        }
    }
    if (wanted->limit > EVENTS_MAX)
        wanted->limit = EVENTS_MAX;
    return sql_is_over(cursor) ? RESULT_OK : RESULT_MALFORMED;
}

/* As the servers write the names: "Write_rows_v1", "Gtid", in the words of the format. */
static const char *type_text(uint8_t type, char ret_text[64])
{
    const char *name = binlog_event_type_name(type);
    size_t i = 0;
    for (; name[i] != '\0' && i < 63; i++)
        ret_text[i] = name[i] >= 'A' && name[i] <= 'Z' && i > 0 ? (char)(name[i] + 32) : name[i];
    ret_text[i] = '\0';
    return ret_text;
}

static void describe(const struct walk *walk, const struct walk_event *event, char ret_info[INFO_MAX])
{
    struct span body = walk_event_body(walk, event);
    struct binlog_query query;
    struct binlog_gtid gtid;
    char gtid_text[GTID_TEXT_MAX];
    uint64_t xid;
    ret_info[0] = '\0';
    if (event->header.type == BINLOG_QUERY && binlog_query_decode(body, walk->tracker.query_post_header_bytes,
                                                                  walk->tracker.flavor, &query) == RESULT_OK)
        snprintf(ret_info, INFO_MAX, "%.*s",
                 (int)(query.sql.length < INFO_MAX ? query.sql.length : INFO_MAX - 1),
                 (const char *)query.sql.data);
    else if (event->header.type == BINLOG_XID && binlog_xid_decode(body, &xid) == RESULT_OK)
        snprintf(ret_info, INFO_MAX, "COMMIT /* xid=%llu */", (unsigned long long)xid);
    else if (binlog_gtid_is_type(event->header.type) &&
             binlog_gtid_decode(&event->header, body, &gtid) == RESULT_OK)
        snprintf(ret_info, INFO_MAX, "GTID %s", gtid_format(&gtid.gtid, gtid_text));
}

static void write_event(struct replica_query *query, const struct walk *walk, const struct walk_event *event,
                        const char *file)
{
    char info[INFO_MAX];
    char type[64];
    describe(walk, event, info);
    resultset_writer_row_begin(query->writer);
    resultset_writer_text(query->writer, file);
    resultset_writer_u64(query->writer, event->start.offset);
    resultset_writer_text(query->writer, type_text(event->header.type, type));
    resultset_writer_u64(query->writer, event->header.server_id);
    resultset_writer_u64(query->writer, event->start.offset + event->header.length);
    resultset_writer_text(query->writer, info);
    resultset_writer_row_end(query->writer);
}

/* Walks the file, and writes rows while there is room for them. */
static void write_events(struct replica_query *query, const struct events_wanted *wanted)
{
    uint8_t *scratch = xmalloc(WALK_HEAD_BYTES);
    char file[BINLOG_NAME_MAX];
    struct walk walk;
    struct span bytes;
    store_file_name(query->server->store, wanted->file, file, sizeof(file));
    walk_init(&walk, store_flavor(query->server->store), (struct position){wanted->file, BINLOG_START});
    uint64_t matched = 0;
    uint64_t walked = 0;
    while (walked < EVENTS_WALKED_MAX && matched < wanted->skip + wanted->limit &&
           walk_read(&walk, query->server->store, READ_BYTES, scratch, &bytes) == RESULT_OK) {
        struct walk_event event;
        while (matched < wanted->skip + wanted->limit && walk_peek(&walk, bytes, &event) == RESULT_OK) {
            walk_take(&walk, &event);
            walked++;
            if (event.start.offset >= wanted->from && ++matched > wanted->skip)
                write_event(query, &walk, &event, file);
            if (!event.is_whole)
                break;
            bytes = (struct span){bytes.data + event.header.length, bytes.length - event.header.length};
        }
    }
    free(scratch);
}

void replica_answer_binlog_events(struct replica_query *query)
{
    static const struct resultset_column columns[] = {
        {.name = "Log_name"           },
        {.name = "Pos",                 .type = COLUMN_TYPE_LONGLONG},
        {.name = "Event_type"                            },
        {.name = "Server_id", .type = COLUMN_TYPE_LONGLONG},
        {.name = "End_log_pos", .type = COLUMN_TYPE_LONGLONG},
        {.name = "Info"        }
    };
    struct events_wanted wanted;
    enum result result = parse_events(query, &wanted);
    if (result == RESULT_NOT_FOUND) {
        replica_query_error(query, 1220,
                            "Error when executing command SHOW BINLOG EVENTS: Could not find target log");
        return;
    }
    if (result != RESULT_OK) {
        replica_query_syntax_error(query);
        return;
    }
    resultset_writer_columns(query->writer, columns, 6);
    if (!store_is_empty(query->server->store))
        write_events(query, &wanted);
    write_end(query);
}
