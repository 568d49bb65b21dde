/* QUERY, XID and XA_PREPARE; binlog_query.h has the layouts. */
#include "protocol/binlog_query.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define XID_PART_MAX 64u /* bytes of a gtrid, and of a bqual */

/* Status variables by code. What is not listed has a fixed size, or is unknown. */
enum status {
    STATUS_CATALOG = 2,      /* length, name, NUL */
    STATUS_TIME_ZONE = 5,    /* length, name */
    STATUS_CATALOG_NZ = 6,   /* length, name */
    STATUS_INVOKER = 11,     /* length, user, length, host */
    STATUS_UPDATED_DBS = 12, /* count, names with a NUL each; over 16 (254): none listed */
    STATUS_DDL_XID = 17,     /* MySQL */
    STATUS_MARIADB_XID = 129,
};

#define UPDATED_DBS_MAX 16u

/* Sizes of the values that are always the same; 0: not one of those. */
static const uint8_t status_bytes[256] = {
    [0] = 4,              /* flags */
    [1] = 8,              /* sql_mode */
    [3] = 4,              /* auto_increment_increment and _offset */
    [4] = 6,              /* character sets */
    [7] = 2,              /* lc_time_names */
    [8] = 2,              /* collation_database */
    [9] = 8,              /* tables of a multi-table update */
    [10] = 4,             /* size on the original source */
    [13] = 3,             /* microseconds */
    [16] = 1,             /* explicit_defaults_for_timestamp */
    [STATUS_DDL_XID] = 8, /* the engine's XID */
    [18] = 2,             /* default_collation_for_utf8mb4 */
    [19] = 1,             /* sql_require_primary_key */
    [20] = 1,             /* default_table_encryption */
    [128] = 3,            /* MariaDB: microseconds */
    [STATUS_MARIADB_XID] = 8,
    [130] = 2, /* MariaDB: more GTID flags */
};

/* Steps over one value; false when the code is unknown. */
static bool skip_value(struct reader *reader, uint8_t code)
{
    if (status_bytes[code] > 0) {
        reader_skip(reader, status_bytes[code]);
        return true;
    }
    switch (code) {
    case STATUS_CATALOG:
        reader_skip(reader, reader_u8(reader) + 1u);
        return true;
    case STATUS_TIME_ZONE:
    case STATUS_CATALOG_NZ:
        reader_skip(reader, reader_u8(reader));
        return true;
    case STATUS_INVOKER:
        reader_skip(reader, reader_u8(reader));
        reader_skip(reader, reader_u8(reader));
        return true;
    case STATUS_UPDATED_DBS: {
        uint8_t count = reader_u8(reader);
        for (uint8_t i = 0; count <= UPDATED_DBS_MAX && i < count; i++)
            (void)reader_zero_string(reader);
        return true;
    }
    default:
        return false;
    }
}

static void find_xid(struct binlog_query *query, enum flavor flavor)
{
    uint8_t wanted = flavor == FLAVOR_MARIADB ? STATUS_MARIADB_XID : STATUS_DDL_XID;
    struct reader reader;
    reader_init_span(&reader, query->status);
    while (reader_left(&reader) > 0) {
        uint8_t code = reader_u8(&reader);
        if (code == wanted) {
            query->xid = reader_u64(&reader);
            query->has_xid = !reader_failed(&reader);
            return;
        }
        if (!skip_value(&reader, code))
            return;
    }
}

enum result binlog_query_decode(struct span body, size_t post_header_bytes, enum flavor flavor,
                                struct binlog_query *ret_query)
{
    if (post_header_bytes < BINLOG_QUERY_POST_HEADER_BYTES)
        return RESULT_UNSUPPORTED;
    struct reader reader;
    reader_init_span(&reader, body);
    struct binlog_query query = {0};
    query.thread_id = reader_u32(&reader);
    query.execution_s = reader_u32(&reader);
    uint8_t db_length = reader_u8(&reader);
    query.error_code = reader_u16(&reader);
    uint16_t status_length = reader_u16(&reader);
    reader_skip(&reader, post_header_bytes - BINLOG_QUERY_POST_HEADER_BYTES);
    query.status = reader_bytes(&reader, status_length);
    query.db = reader_bytes(&reader, db_length);
    uint8_t nul = reader_u8(&reader);
    query.sql = reader_rest(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    if (nul != 0)
        return RESULT_MALFORMED;
    find_xid(&query, flavor);
    *ret_query = query;
    return RESULT_OK;
}

void binlog_query_encode(struct writer *writer, const struct binlog_query *query)
{
    assert(query->db.length <= UINT8_MAX && query->status.length <= UINT16_MAX);
    writer_u32(writer, query->thread_id);
    writer_u32(writer, query->execution_s);
    writer_u8(writer, (uint8_t)query->db.length);
    writer_u16(writer, query->error_code);
    writer_u16(writer, (uint16_t)query->status.length);
    writer_span(writer, query->status);
    writer_zero_string(writer, query->db);
    writer_span(writer, query->sql);
}

/* Whether sql starts with words, of any case, and the last of them ends there. */
static bool starts_with(struct span sql, const char *words)
{
    size_t length = strlen(words);
    if (sql.length < length || strncasecmp((const char *)sql.data, words, length) != 0)
        return false;
    return sql.length == length || !(isalnum(sql.data[length]) || sql.data[length] == '_');
}

static bool is_alone(struct span sql, const char *word)
{
    while (sql.length > 0 && (isspace(sql.data[sql.length - 1]) || sql.data[sql.length - 1] == ';'))
        sql.length--;
    return span_is_text_nocase(sql, word);
}

enum binlog_query_verb binlog_query_verb(struct span sql)
{
    static const struct {
        const char *words;
        enum binlog_query_verb verb;
    } prefixes[] = {
        {"SAVEPOINT",         BINLOG_VERB_SAVEPOINT  },
        {"RELEASE SAVEPOINT", BINLOG_VERB_SAVEPOINT  },
        {"ROLLBACK TO",       BINLOG_VERB_SAVEPOINT  },
        {"ROLLBACK",          BINLOG_VERB_ROLLBACK   },
        {"COMMIT",            BINLOG_VERB_COMMIT     },
        {"XA START",          BINLOG_VERB_XA_START   },
        {"XA BEGIN",          BINLOG_VERB_XA_START   },
        {"XA END",            BINLOG_VERB_XA_END     },
        {"XA PREPARE",        BINLOG_VERB_XA_PREPARE },
        {"XA COMMIT",         BINLOG_VERB_XA_COMMIT  },
        {"XA ROLLBACK",       BINLOG_VERB_XA_ROLLBACK},
    };
    if (is_alone(sql, "BEGIN") || starts_with(sql, "START TRANSACTION"))
        return BINLOG_VERB_BEGIN;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (starts_with(sql, prefixes[i].words))
            return prefixes[i].verb;
    }
    return BINLOG_VERB_OTHER;
}

bool binlog_query_is_create(struct span sql)
{
    return starts_with(sql, "CREATE");
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_blanks(struct span *sql)
{
    while (sql->length > 0 && is_blank(sql->data[0]))
        *sql = (struct span){sql->data + 1, sql->length - 1};
}

/* The next word, if it is this one. */
static bool skip_word(struct span *sql, const char *word)
{
    size_t length = strlen(word);
    skip_blanks(sql);
    if (!starts_with(*sql, word) || sql->length <= length || !is_blank(sql->data[length]))
        return false;
    *sql = (struct span){sql->data + length, sql->length - length};
    return true;
}

static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '$';
}

/* A name, quoted or not. */
static bool take_name(struct span *sql, struct span *ret_name)
{
    skip_blanks(sql);
    bool is_quoted = sql->length > 0 && sql->data[0] == '`';
    size_t from = is_quoted ? 1 : 0;
    size_t to = from;
    while (to < sql->length && is_plain(sql->data[to]))
        to++;
    bool is_whole = to > from && to < sql->length && (!is_quoted || sql->data[to] == '`');
    if (!is_whole)
        return false;
    *ret_name = (struct span){sql->data + from, to - from};
    size_t end = to + (is_quoted ? 1 : 0);
    *sql = (struct span){sql->data + end, sql->length - end};
    return true;
}

void binlog_query_made_table(const struct binlog_query *query, char *ret_name, size_t name_max)
{
    struct span sql = query->sql;
    struct span schema = query->db;
    struct span table;
    if (!skip_word(&sql, "CREATE") || !skip_word(&sql, "TABLE"))
        return;
    if (skip_word(&sql, "IF") && (!skip_word(&sql, "NOT") || !skip_word(&sql, "EXISTS")))
        return;
    if (!take_name(&sql, &table))
        return;
    if (sql.length > 0 && sql.data[0] == '.') {
        schema = table;
        sql = (struct span){sql.data + 1, sql.length - 1};
        if (!take_name(&sql, &table))
            return;
    }
    for (size_t i = 0; i < schema.length; i++)
        if (!is_plain(schema.data[i]))
            return;
    if (schema.length == 0 || schema.length + table.length + 2 > name_max)
        return;
    snprintf(ret_name, name_max, "%.*s/%.*s", (int)schema.length, (const char *)schema.data,
             (int)table.length, (const char *)table.data);
}

enum result binlog_xid_decode(struct span body, uint64_t *ret_xid)
{
    struct reader reader;
    reader_init_span(&reader, body);
    uint64_t xid = reader_u64(&reader);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    *ret_xid = xid;
    return RESULT_OK;
}

enum result binlog_xa_prepare_decode(struct span body, struct binlog_xa_prepare *ret_prepare)
{
    struct reader reader;
    reader_init_span(&reader, body);
    struct binlog_xa_prepare prepare;
    prepare.one_phase = reader_u8(&reader) != 0;
    prepare.format_id = reader_u32(&reader);
    uint32_t gtrid_length = reader_u32(&reader);
    uint32_t bqual_length = reader_u32(&reader);
    if (!reader_failed(&reader) && (gtrid_length > XID_PART_MAX || bqual_length > XID_PART_MAX))
        return RESULT_MALFORMED;
    prepare.gtrid = reader_bytes(&reader, gtrid_length);
    prepare.bqual = reader_bytes(&reader, bqual_length);
    if (reader_failed(&reader))
        return RESULT_TRUNCATED;
    *ret_prepare = prepare;
    return RESULT_OK;
}
