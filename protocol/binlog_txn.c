/*
 * The rules of binlog_txn.h: which event ends a group, per flavour, and what kind that makes it.
 *
 * A step works on a copy of the tracker and stores it when all went well, so that a bad event changes
 * nothing.
 */
#include "protocol/binlog_txn.h"

#include <assert.h>
#include <stdio.h>

#define ROWS_FLAGS_AT      6u /* behind the table id */
#define ROWS_STATEMENT_END 1u
#define APPEND_BLOCK       9u

const char *txn_kind_name(enum txn_kind kind)
{
    static const char *const names[] = {
        [TXN_UNKNOWN] = "unknown",
        [TXN_ROWS] = "rows",
        [TXN_ROWS_COMMIT] = "rows-commit",
        [TXN_DDL_ATOMIC] = "ddl-atomic",
        [TXN_DDL] = "ddl",
        [TXN_XA_PREPARE] = "xa-prepare",
        [TXN_XA_ONE_PHASE] = "xa-one-phase",
        [TXN_XA_COMMIT] = "xa-commit",
        [TXN_XA_ROLLBACK] = "xa-rollback",
        [TXN_INCIDENT] = "incident",
    };
    assert(kind <= TXN_INCIDENT);
    return names[kind];
}

bool txn_is_undone_by_cut(const struct txn *txn)
{
    switch (txn->kind) {
    case TXN_ROWS:
    case TXN_XA_PREPARE:
    case TXN_XA_ONE_PHASE:
    case TXN_XA_COMMIT:
    case TXN_XA_ROLLBACK:
        return txn->gtid.flavor != FLAVOR_MARIADB || !txn->ddl || txn->makes[0] != '\0';
    case TXN_DDL_ATOMIC:
        return txn->gtid.flavor != FLAVOR_MARIADB;
    case TXN_ROWS_COMMIT:
    case TXN_DDL:
    case TXN_INCIDENT:
    case TXN_UNKNOWN:
        break;
    }
    return false;
}

void txn_tracker_init(struct txn_tracker *tracker, enum flavor flavor)
{
    *tracker = (struct txn_tracker){
        .flavor = flavor,
        .query_post_header_bytes = BINLOG_QUERY_POST_HEADER_BYTES,
    };
}

/* MariaDB from 10.6 on: what drops a half-made table after a crash. */
static bool has_ddl_log(const struct binlog_format *format)
{
    unsigned major = 0;
    unsigned minor = 0;
    int read = sscanf(format->server_version, "%3u.%3u", &major, &minor);
    return format->flavor == FLAVOR_MARIADB && read == 2 && (major > 10 || (major == 10 && minor >= 6));
}

void txn_tracker_set_format(struct txn_tracker *tracker, const struct binlog_format *format)
{
    tracker->has_ddl_log = has_ddl_log(format);
    if (format->post_header_count >= BINLOG_QUERY)
        tracker->query_post_header_bytes = format->post_header_lengths[BINLOG_QUERY];
}

void txn_tracker_reset(struct txn_tracker *tracker)
{
    tracker->open = tracker->begun = tracker->xa = false;
    tracker->txn = (struct txn){0};
}

static enum result on_gtid(struct txn_tracker *tracker, const struct binlog_event_header *header,
                           struct span body, uint64_t start_offset, enum txn_step *step)
{
    struct binlog_gtid gtid;
    bool is_mariadb = header->type == BINLOG_MARIADB_GTID;
    if (tracker->open || is_mariadb != (tracker->flavor == FLAVOR_MARIADB))
        return RESULT_MALFORMED;
    enum result result = binlog_gtid_decode(header, body, &gtid);
    if (result != RESULT_OK)
        return result;
    txn_tracker_reset(tracker);
    tracker->open = true;
    tracker->txn.gtid = gtid.gtid;
    tracker->txn.mariadb_flags = is_mariadb ? gtid.flags : 0;
    tracker->txn.ddl = is_mariadb && (gtid.flags & MARIADB_GTID_DDL) != 0;
    tracker->txn.xa = gtid.xa;
    tracker->txn.timestamp = header->timestamp;
    tracker->txn.start = start_offset;
    *step = TXN_STEP_BEGINS;
    return RESULT_OK;
}

static void end_with(struct txn_tracker *tracker, enum txn_kind kind, enum txn_step *step)
{
    tracker->txn.kind = kind;
    tracker->open = false;
    *step = TXN_STEP_ENDS;
}

static bool is_standalone(const struct txn_tracker *tracker)
{
    if (tracker->flavor == FLAVOR_MARIADB)
        return (tracker->txn.mariadb_flags & MARIADB_GTID_STANDALONE) != 0;
    return !tracker->begun;
}

static void note_xid(struct txn_tracker *tracker, uint64_t xid)
{
    tracker->txn.has_xid = true;
    tracker->txn.xid = xid;
}

/* A statement that is neither transaction control nor XA. */
static void on_statement(struct txn_tracker *tracker, const struct binlog_query *query, enum txn_step *step)
{
    if (!is_standalone(tracker)) {
        /* MySQL writes CREATE TABLE … SELECT as such a statement and rows, ended by an XID. */
        if (query->has_xid || binlog_query_is_create(query->sql))
            tracker->txn.ddl = true;
        if (tracker->has_ddl_log)
            binlog_query_made_table(query, tracker->txn.makes, sizeof(tracker->txn.makes));
        return;
    }
    tracker->txn.ddl = true;
    if (query->has_xid)
        note_xid(tracker, query->xid);
    end_with(tracker, query->has_xid ? TXN_DDL_ATOMIC : TXN_DDL, step);
}

static enum result on_query(struct txn_tracker *tracker, struct span body, enum txn_step *step)
{
    struct binlog_query query;
    enum result result = binlog_query_decode(body, tracker->query_post_header_bytes, tracker->flavor, &query);
    if (result != RESULT_OK)
        return result;
    if (tracker->txn.thread_id == 0)
        tracker->txn.thread_id = query.thread_id;
    switch (binlog_query_verb(query.sql)) {
    case BINLOG_VERB_BEGIN:
        tracker->begun = true;
        break;
    case BINLOG_VERB_XA_START:
        tracker->begun = tracker->xa = true;
        break;
    case BINLOG_VERB_COMMIT:
    case BINLOG_VERB_ROLLBACK:
        end_with(tracker, TXN_ROWS_COMMIT, step);
        break;
    case BINLOG_VERB_XA_COMMIT:
        end_with(tracker, TXN_XA_COMMIT, step);
        break;
    case BINLOG_VERB_XA_ROLLBACK:
        end_with(tracker, TXN_XA_ROLLBACK, step);
        break;
    case BINLOG_VERB_SAVEPOINT:
    case BINLOG_VERB_XA_END:
    case BINLOG_VERB_XA_PREPARE:
        break;
    case BINLOG_VERB_OTHER:
        on_statement(tracker, &query, step);
        break;
    }
    return RESULT_OK;
}

/* Transaction control is too short for MariaDB to compress it, but for XA COMMIT and ROLLBACK, which are
 * alike here. */
static enum result on_compressed_query(struct txn_tracker *tracker, struct span body, enum txn_step *step)
{
    struct binlog_query query;
    enum result result = binlog_query_decode(body, tracker->query_post_header_bytes, tracker->flavor, &query);
    if (result != RESULT_OK)
        return result;
    query.sql = (struct span){0};
    if ((tracker->txn.mariadb_flags & MARIADB_GTID_COMPLETED_XA) != 0)
        end_with(tracker, TXN_XA_COMMIT, step);
    else
        on_statement(tracker, &query, step);
    return RESULT_OK;
}

static enum result on_xid(struct txn_tracker *tracker, struct span body, enum txn_step *step)
{
    uint64_t xid;
    enum result result = binlog_xid_decode(body, &xid);
    if (result != RESULT_OK)
        return result;
    note_xid(tracker, xid);
    end_with(tracker, TXN_ROWS, step);
    return RESULT_OK;
}

static enum result on_xa_prepare(struct txn_tracker *tracker, struct span body, enum txn_step *step)
{
    struct binlog_xa_prepare prepare;
    enum result result = binlog_xa_prepare_decode(body, &prepare);
    if (result != RESULT_OK)
        return result;
    end_with(tracker, prepare.one_phase ? TXN_XA_ONE_PHASE : TXN_XA_PREPARE, step);
    return RESULT_OK;
}

static bool is_rows(uint8_t type)
{
    return (type >= BINLOG_WRITE_ROWS_V1 && type <= BINLOG_DELETE_ROWS_V1) ||
           (type >= BINLOG_WRITE_ROWS && type <= BINLOG_DELETE_ROWS) ||
           (type >= BINLOG_MARIADB_WRITE_ROWS_COMPRESSED_V1 && type <= BINLOG_MARIADB_DELETE_ROWS_COMPRESSED);
}

/* Of what may follow MariaDB's standalone flag: the events that belong to the next one. */
static bool leads_to_next(uint8_t type, struct span body)
{
    if (is_rows(type)) {
        struct reader reader;
        reader_init_span(&reader, body);
        reader_skip(&reader, ROWS_FLAGS_AT);
        return (reader_u16(&reader) & ROWS_STATEMENT_END) == 0;
    }
    return type == BINLOG_INTVAR || type == BINLOG_RAND || type == BINLOG_USER_VAR ||
           type == BINLOG_TABLE_MAP || type == BINLOG_MARIADB_ANNOTATE_ROWS ||
           type == BINLOG_BEGIN_LOAD_QUERY || type == APPEND_BLOCK;
}

static enum result on_inside(struct txn_tracker *tracker, const struct binlog_event_header *header,
                             struct span body, enum txn_step *step)
{
    switch (header->type) {
    case BINLOG_QUERY:
        return on_query(tracker, body, step);
    case BINLOG_MARIADB_QUERY_COMPRESSED:
        return on_compressed_query(tracker, body, step);
    case BINLOG_XID:
        return on_xid(tracker, body, step);
    case BINLOG_XA_PREPARE:
        return on_xa_prepare(tracker, body, step);
    case BINLOG_TRANSACTION_PAYLOAD:
        tracker->txn.compressed = true;
        end_with(tracker, TXN_ROWS, step);
        return RESULT_OK;
    case BINLOG_INCIDENT:
        if (!tracker->begun)
            end_with(tracker, TXN_INCIDENT, step);
        return RESULT_OK;
    default:
        if (tracker->flavor == FLAVOR_MARIADB && is_standalone(tracker) && !leads_to_next(header->type, body))
            end_with(tracker, TXN_DDL, step);
        return RESULT_OK;
    }
}

/* Events that only stand between transactions. */
static bool is_between(uint8_t type)
{
    return type == BINLOG_FORMAT_DESCRIPTION || type == BINLOG_START_V3 || type == BINLOG_ROTATE ||
           type == BINLOG_STOP || type == BINLOG_PREVIOUS_GTIDS || type == BINLOG_MARIADB_GTID_LIST ||
           type == BINLOG_MARIADB_START_ENCRYPTION;
}

/* Events that may come anywhere and belong to no transaction. */
static bool is_aside(const struct binlog_event_header *header)
{
    return !binlog_event_type_is_stored(header->type) || header->type == BINLOG_MARIADB_CHECKPOINT ||
           (header->flags & BINLOG_FLAG_ARTIFICIAL) != 0 ||
           (header->type == BINLOG_FORMAT_DESCRIPTION && header->log_pos == 0);
}

enum result txn_tracker_step(struct txn_tracker *tracker, const struct binlog_event_header *header,
                             struct span body, uint64_t start_offset, enum txn_step *ret_step)
{
    enum txn_step step = TXN_STEP_OUTSIDE;
    if (is_aside(header)) {
        *ret_step = step;
        return RESULT_OK;
    }
    struct txn_tracker next = *tracker;
    enum result result = RESULT_OK;
    if (binlog_gtid_is_type(header->type)) {
        result = on_gtid(&next, header, body, start_offset, &step);
    } else if (is_between(header->type)) {
        step = next.open ? TXN_STEP_DROPPED : TXN_STEP_OUTSIDE;
        next.open = false;
    } else if (next.open) {
        step = TXN_STEP_INSIDE;
        result = on_inside(&next, header, body, &step);
    }
    if (result != RESULT_OK)
        return result;
    if (step == TXN_STEP_BEGINS || step == TXN_STEP_INSIDE || step == TXN_STEP_ENDS)
        next.txn.end = start_offset + header->length;
    *tracker = next;
    *ret_step = step;
    return RESULT_OK;
}
