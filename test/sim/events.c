/* The events of events.h. */
#include "test/sim/events.h"

#include "protocol/binlog_query.h"
#include "protocol/binlog_rotate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIME = 1800000000, SERVER_ID = 1 };

void events_begin(struct events *events, enum flavor flavor, uint64_t offset)
{
    events->length = 0;
    events->offset = offset;
    events->flavor = flavor;
}

static void add(struct events *events, uint8_t type, struct span body)
{
    size_t length = BINLOG_HEADER_BYTES + body.length + BINLOG_CHECKSUM_BYTES;
    struct writer writer;
    assert(events->length + length <= EVENTS_MAX);
    uint8_t *event = events->data + events->length;
    struct binlog_event_header header = {
        .timestamp = TIME,
        .type = type,
        .server_id = SERVER_ID,
        .length = (uint32_t)length,
        .log_pos = (uint32_t)(events->offset + events->length + length),
    };
    writer_init(&writer, event, length);
    binlog_event_header_encode(&writer, &header);
    writer_span(&writer, body);
    writer_zeros(&writer, BINLOG_CHECKSUM_BYTES);
    binlog_event_seal(event, length);
    events->length += length;
}

static void add_format(struct events *events, bool is_start)
{
    struct binlog_format format = {.version = 4,
                                   .header_length = 19,
                                   .created = is_start ? TIME : 0,
                                   .post_header_count = events->flavor == FLAVOR_MYSQL ? 42 : 171,
                                   .checksum = BINLOG_CHECKSUM_CRC32};
    struct binlog_event_header header = {.timestamp = TIME, .server_id = SERVER_ID};
    struct writer writer;
    strcpy(format.server_version, events->flavor == FLAVOR_MYSQL ? "9.7.4" : "10.11.19-MariaDB");
    format.post_header_lengths[BINLOG_QUERY] = 13;
    for (int round = 0; round < 2; round++) { /* the first tells the length */
        writer_init(&writer, events->data + events->length, EVENTS_MAX - events->length);
        binlog_format_encode(&writer, &header, &format);
        header.log_pos = (uint32_t)(events->offset + events->length + writer.length);
    }
    binlog_event_set_in_use(events->data + events->length, true);
    events->length += writer.length;
}

static void add_checkpoint(struct events *events, const char *name)
{
    uint8_t body[64];
    struct writer writer;
    writer_init(&writer, body, sizeof(body));
    writer_u32(&writer, (uint32_t)strlen(name));
    writer_text(&writer, name);
    add(events, BINLOG_MARIADB_CHECKPOINT, writer_span_written(&writer));
}

void events_add_head(struct events *events, const struct events_head *head)
{
    uint8_t body[1024];
    struct writer writer;
    assert(events->offset == 0);
    memcpy(events->data, binlog_magic, BINLOG_MAGIC_BYTES);
    events->length = BINLOG_MAGIC_BYTES;
    add_format(events, head->is_start);
    writer_init(&writer, body, sizeof(body));
    if (events->flavor == FLAVOR_MYSQL)
        gtid_set_encode(&writer, &head->before->set);
    else
        gtid_list_encode(&writer, &head->before->list);
    assert(!writer_failed(&writer));
    add(events, events->flavor == FLAVOR_MYSQL ? BINLOG_PREVIOUS_GTIDS : BINLOG_MARIADB_GTID_LIST,
        writer_span_written(&writer));
    if (events->flavor == FLAVOR_MARIADB)
        add_checkpoint(events, head->checkpoint);
}

static void add_query(struct events *events, const char *sql)
{
    uint8_t body[256];
    struct writer writer;
    struct binlog_query query = {.sql = span_of_text(sql)};
    writer_init(&writer, body, sizeof(body));
    binlog_query_encode(&writer, &query);
    add(events, BINLOG_QUERY, writer_span_written(&writer));
}

static void add_rows(struct events *events, uint64_t uid, size_t extra_bytes)
{
    uint8_t body[512];
    struct writer writer;
    writer_init(&writer, body, sizeof(body));
    writer_u64(&writer, uid);
    for (size_t i = 0; i < extra_bytes; i++)
        writer_u8(&writer, (uint8_t)(uid + i));
    add(events, BINLOG_WRITE_ROWS, writer_span_written(&writer));
}

/* ---- transactions ---- */

struct xa_id events_xa_id(uint64_t prepared)
{
    struct xa_id id = {.format = 1, .global_bytes = 8};
    for (size_t i = 0; i < 8; i++)
        id.data[i] = (uint8_t)(prepared >> (8 * i));
    return id;
}

static uint8_t mariadb_flags(enum events_kind kind)
{
    switch (kind) {
    case EVENTS_DDL:
        return MARIADB_GTID_STANDALONE | MARIADB_GTID_DDL;
    case EVENTS_XA_PREPARE:
        return MARIADB_GTID_TRANSACTIONAL | MARIADB_GTID_PREPARED_XA;
    case EVENTS_XA_COMMIT:
    case EVENTS_XA_ROLLBACK:
        return MARIADB_GTID_TRANSACTIONAL | MARIADB_GTID_COMPLETED_XA;
    default:
        return MARIADB_GTID_TRANSACTIONAL;
    }
}

static void add_gtid(struct events *events, const struct events_txn *txn)
{
    uint8_t body[BINLOG_GTID_BODY_MAX];
    struct writer writer;
    bool is_mysql = events->flavor == FLAVOR_MYSQL;
    struct binlog_gtid event = {.gtid = txn->gtid, .xa = events_xa_id(txn->prepared)};
    event.flags = is_mysql ? 0 : mariadb_flags(txn->kind);
    writer_init(&writer, body, sizeof(body));
    binlog_gtid_encode(&writer, is_mysql ? BINLOG_GTID : BINLOG_MARIADB_GTID, &event);
    add(events, is_mysql ? BINLOG_GTID : BINLOG_MARIADB_GTID, writer_span_written(&writer));
}

/* The comment tells group_take() whose it is. */
static void add_xa_query(struct events *events, const char *verb, const struct events_txn *txn)
{
    char sql[160];
    char text[XA_ID_TEXT_MAX];
    struct xa_id id = events_xa_id(txn->prepared);
    xa_id_format(&id, text);
    snprintf(sql, sizeof(sql), "XA %s %.60s /* %llu */", verb, text, (unsigned long long)txn->uid);
    add_query(events, sql);
}

static void add_xa_prepare(struct events *events, const struct events_txn *txn)
{
    uint8_t body[64];
    struct writer writer;
    struct xa_id id = events_xa_id(txn->prepared);
    add_xa_query(events, "START", txn);
    add_rows(events, txn->uid, txn->extra_bytes);
    add_xa_query(events, "END", txn);
    writer_init(&writer, body, sizeof(body));
    writer_u8(&writer, 0); /* not in one phase */
    writer_u32(&writer, id.format);
    writer_u32(&writer, id.global_bytes);
    writer_u32(&writer, id.branch_bytes);
    writer_bytes(&writer, id.data, id.global_bytes);
    add(events, BINLOG_XA_PREPARE, writer_span_written(&writer));
}

static void add_ddl(struct events *events, const struct events_txn *txn)
{
    char sql[96];
    if (events->flavor == FLAVOR_MYSQL) {
        add_query(events, "BEGIN");
        add_rows(events, txn->uid, txn->extra_bytes);
        add_query(events, "COMMIT");
        return;
    }
    snprintf(sql, sizeof(sql), "DROP TABLE t%020llu", (unsigned long long)txn->uid);
    add_query(events, sql);
}

static void add_plain(struct events *events, const struct events_txn *txn)
{
    uint8_t xid[8];
    struct writer writer;
    if (events->flavor == FLAVOR_MYSQL)
        add_query(events, "BEGIN");
    add_rows(events, txn->uid, txn->extra_bytes);
    writer_init(&writer, xid, sizeof(xid));
    writer_u64(&writer, txn->uid);
    add(events, BINLOG_XID, writer_span_written(&writer));
}

void events_add_txn(struct events *events, const struct events_txn *txn)
{
    add_gtid(events, txn);
    switch (txn->kind) {
    case EVENTS_ROWS:
        add_plain(events, txn);
        break;
    case EVENTS_DDL:
        add_ddl(events, txn);
        break;
    case EVENTS_XA_PREPARE:
        add_xa_prepare(events, txn);
        break;
    case EVENTS_XA_COMMIT:
        add_xa_query(events, "COMMIT", txn);
        break;
    case EVENTS_XA_ROLLBACK:
        add_xa_query(events, "ROLLBACK", txn);
        break;
    }
}

void events_add_rotate(struct events *events, const char *next)
{
    uint8_t body[128];
    struct writer writer;
    writer_init(&writer, body, sizeof(body));
    writer_u64(&writer, BINLOG_START);
    writer_text(&writer, next);
    add(events, BINLOG_ROTATE, writer_span_written(&writer));
}

void events_add_stop(struct events *events)
{
    add(events, BINLOG_STOP, (struct span){NULL, 0});
}

/* ---- reading ---- */

bool event_next(struct span bytes, struct span *ret_event, struct binlog_event_header *ret_header)
{
    if (binlog_event_header_decode(bytes, ret_header) != RESULT_OK || ret_header->length > bytes.length)
        return false;
    *ret_event = (struct span){bytes.data, ret_header->length};
    return true;
}

static void open_group(struct group *group, const struct binlog_event_header *header, struct span body,
                       uint64_t offset)
{
    struct binlog_gtid gtid;
    enum result result = binlog_gtid_decode(header, body, &gtid);
    assert(result == RESULT_OK);
    (void)result;
    *group = (struct group){.is_open = true, .gtid = gtid.gtid, .start = offset};
    group->is_standalone = gtid.gtid.flavor == FLAVOR_MARIADB && (gtid.flags & MARIADB_GTID_STANDALONE);
}

static bool ends_with_query(struct group *group, struct span body)
{
    char sql[160] = "";
    size_t at = BINLOG_QUERY_POST_HEADER_BYTES + 1; /* no status variables, no database */
    size_t length = body.length > at ? body.length - at : 0;
    memcpy(sql, body.data + at, length < sizeof(sql) ? length : sizeof(sql) - 1);
    if (group->is_standalone)
        group->uid = strtoull(sql + strlen("DROP TABLE t"), NULL, 10);
    bool ends_xa = strncmp(sql, "XA COMMIT", 9) == 0 || strncmp(sql, "XA ROLLBACK", 11) == 0;
    if (ends_xa)
        group->uid = strtoull(strstr(sql, "/* ") + 3, NULL, 10);
    return group->is_standalone || ends_xa || strncmp(sql, "COMMIT", 6) == 0;
}

bool group_take(struct group *group, struct span event, uint64_t offset)
{
    struct binlog_event_header header;
    struct span body;
    if (binlog_event_header_decode(event, &header) != RESULT_OK ||
        binlog_event_body(event, true, &body) != RESULT_OK)
        return false;
    if (header.type == BINLOG_FORMAT_DESCRIPTION)
        group->is_open = false;
    if (binlog_gtid_is_type(header.type))
        open_group(group, &header, body, offset);
    if (!group->is_open)
        return false;
    if (header.type == BINLOG_WRITE_ROWS) {
        struct reader reader;
        reader_init_span(&reader, body);
        group->uid = reader_u64(&reader);
    }
    bool ends = header.type == BINLOG_XID || header.type == BINLOG_XA_PREPARE ||
                (header.type == BINLOG_QUERY && ends_with_query(group, body));
    group->is_open = !ends;
    return ends;
}
