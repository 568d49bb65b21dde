/*
 * SHOW BINLOG EVENTS for replica_queries.h: a walk over one file, bounded in rows and in events walked.
 *
 * Names and texts are the servers' as far as clients look at them; the rest of an event's inside is not
 * shown.
 */
#include "proxy/replica_queries.h"

#include "protocol/constants.h"
#include "protocol/xalloc.h"
#include "proxy/replica_walk.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_MAX = 10000, EVENTS_WALKED_MAX = 1000000, READ_BYTES = 256 * 1024, INFO_MAX = 512 };

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

/* As the servers write the names: "Write_rows", "Gtid", which is how the format's words go. */
static const char *type_text(uint8_t type, char ret_text[64])
{
    const char *name = binlog_event_type_name(type);
    if (type == BINLOG_FORMAT_DESCRIPTION)
        return "Format_desc";
    if (type == BINLOG_MARIADB_GTID)
        return "Gtid";
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
        snprintf(ret_info, INFO_MAX,
                 gtid.gtid.flavor == FLAVOR_MARIADB ? "GTID %s" : "SET @@SESSION.GTID_NEXT= '%s'",
                 gtid_format(&gtid.gtid, gtid_text));
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
    resultset_writer_u64(query->writer, event->header.log_pos == 0
                                            ? 0 /* as it stands in MariaDB's groups */
                                            : event->start.offset + event->header.length);
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
    resultset_writer_end(query->writer, STATUS_AUTOCOMMIT, 0);
}
