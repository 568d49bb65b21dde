/* The requests and refusals of replica_request.h. */
#include "proxy/replica_request.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "proxy/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_MALFORMED_GTID_SET = 1773, CODE_MALFORMED_GTID_LIST = 1941 };

__attribute__((format(printf, 3, 4))) static enum result refuse(struct replica_refusal *ret_refusal,
                                                                uint16_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_refusal->text, sizeof(ret_refusal->text), format, arguments);
    va_end(arguments);
    ret_refusal->code = code;
    return RESULT_UNSUPPORTED;
}

#define refuse_1236(refusal, ...) refuse(refusal, ERROR_CODE_SOURCE_FATAL_READING_BINLOG, __VA_ARGS__)

void replica_request_release(struct replica_request *request)
{
    gtid_state_release(&request->have);
    gtid_list_release(&request->until);
    *request = (struct replica_request){0};
}

static enum result parse_list(const struct replica_session *session, const char *variable,
                              struct gtid_list *list, struct replica_refusal *ret_refusal)
{
    struct span text;
    if (replica_session_text(session, variable, &text) && gtid_list_parse(list, text) != RESULT_OK)
        return refuse(ret_refusal, CODE_MALFORMED_GTID_LIST, "Could not parse GTID list");
    return RESULT_OK;
}

/* MariaDB's replicas send their GTIDs in variables, and the plain dump command. */
static enum result take_mariadb_gtids(const struct replica_session *session, struct replica_request *request,
                                      struct replica_refusal *ret_refusal)
{
    struct span text;
    if (!replica_session_text(session, "slave_connect_state", &text))
        return RESULT_OK;
    request->is_by_gtid = true;
    request->has_until = replica_session_text(session, "slave_until_gtid", &text);
    enum result result = parse_list(session, "slave_connect_state", &request->have.list, ret_refusal);
    if (result == RESULT_OK && request->has_until)
        result = parse_list(session, "slave_until_gtid", &request->until, ret_refusal);
    return result;
}

/* No binlog's name has control characters; without them it may stand in texts and in the log. */
static enum result copy_file_name(struct span name, struct replica_request *request)
{
    for (size_t i = 0; i < name.length; i++)
        if (name.data[i] < ' ' || name.data[i] == 0x7F)
            return RESULT_MALFORMED;
    return span_copy_text(name, request->file, sizeof(request->file));
}

static enum result decode_by_position(struct span payload, const struct replica_session *session,
                                      enum flavor flavor, struct replica_request *request,
                                      struct replica_refusal *ret_refusal)
{
    struct command_dump dump;
    if (command_dump_decode(payload, &dump) != RESULT_OK || copy_file_name(dump.file, request) != RESULT_OK)
        return refuse_1236(ret_refusal, "ackgate: malformed COM_BINLOG_DUMP");
    request->flags = dump.flags;
    request->server_id = dump.server_id;
    request->offset = dump.position;
    return flavor == FLAVOR_MARIADB ? take_mariadb_gtids(session, request, ret_refusal) : RESULT_OK;
}

static enum result decode_by_gtid(struct span payload, enum flavor flavor, struct replica_request *request,
                                  struct replica_refusal *ret_refusal)
{
    struct command_dump_gtid dump;
    if (flavor == FLAVOR_MARIADB)
        return refuse_1236(ret_refusal, "ackgate: the source is MariaDB, which MySQL's GTID auto-positioning "
                                        "cannot follow; use a MariaDB replica, or file and position");
    if (command_dump_gtid_decode(payload, &dump) != RESULT_OK ||
        copy_file_name(dump.file, request) != RESULT_OK)
        return refuse_1236(ret_refusal, "ackgate: malformed COM_BINLOG_DUMP_GTID");
    if (dump.gtid_set.length > 0 && gtid_set_decode(&request->have.set, dump.gtid_set) != RESULT_OK)
        return refuse(ret_refusal, CODE_MALFORMED_GTID_SET, "Malformed GTID set encoding.");
    request->flags = dump.flags;
    request->server_id = dump.server_id;
    request->offset = dump.position;
    request->is_by_gtid = request->file[0] == '\0';
    return RESULT_OK;
}

static enum result check_flavor(const struct replica_session *session, enum flavor flavor,
                                struct replica_refusal *ret_refusal)
{
    if (!session->is_registered)
        return RESULT_OK;
    if (flavor == FLAVOR_MARIADB && replica_session_is_mysql(session) && !replica_session_is_mariadb(session))
        return refuse_1236(ret_refusal,
                           "ackgate: the source is MariaDB; a MySQL server cannot replicate from it");
    if (flavor == FLAVOR_MYSQL && replica_session_is_mariadb(session) && !replica_session_is_mysql(session))
        return refuse_1236(ret_refusal,
                           "ackgate: the source is MySQL; a MariaDB server cannot replicate from it");
    return RESULT_OK;
}

enum result replica_request_decode(struct span payload, const struct replica_session *session,
                                   enum flavor flavor, struct replica_request *ret_request,
                                   struct replica_refusal *ret_refusal)
{
    struct replica_request request = {0};
    gtid_state_init(&request.have, flavor);
    gtid_list_init(&request.until);
    enum result result = check_flavor(session, flavor, ret_refusal);
    if (result == RESULT_OK)
        result = payload.data[0] == COMMAND_BINLOG_DUMP_GTID
                     ? decode_by_gtid(payload, flavor, &request, ret_refusal)
                     : decode_by_position(payload, session, flavor, &request, ret_refusal);
    if (result != RESULT_OK) {
        replica_request_release(&request);
        return result;
    }
    *ret_request = request;
    return RESULT_OK;
}

/* ---- by position ---- */

static enum result refuse_position_text(const struct replica_request *request, enum flavor flavor,
                                        const char *mysql_text, struct replica_refusal *ret_refusal)
{
    if (flavor == FLAVOR_MYSQL)
        return refuse_1236(ret_refusal, "Client requested source to start replication from position %s",
                           mysql_text);
    return refuse_1236(
        ret_refusal,
        "Client requested master to start replication from impossible position; the first event "
        "'%.100s' at %llu, the last event read from '%.100s' at 4, the last byte read from "
        "'%.100s' at 4.",
        request->file, (unsigned long long)request->offset, request->file, request->file);
}

/* What MySQL would make of the bytes at the position: true when they can be an event that the file's end cuts
 * off, and not one of impossible length. */
static bool looks_truncated(struct store *store, struct position position, uint64_t file_end)
{
    struct span bytes;
    struct binlog_event_header header;
    return store_read(store, position, BINLOG_HEADER_BYTES, &bytes) == RESULT_OK &&
           binlog_event_header_decode(bytes, &header) == RESULT_OK &&
           position.offset + header.length > file_end;
}

void replica_request_refuse_position(const struct replica_request *request, struct store *store,
                                     struct position position, uint64_t format_end,
                                     struct replica_refusal *ret_refusal)
{
    bool is_mysql = store_flavor(store) == FLAVOR_MYSQL;
    uint64_t file_end = 0;
    bool is_truncated = store_file_end(store, position.file, &file_end) == RESULT_OK &&
                        looks_truncated(store, position, file_end);
    const char *reason = is_truncated
                             ? "binlog truncated in the middle of event; consider out of disk space on master"
                             : "bogus data in log event";
    if (is_mysql)
        reason = is_truncated
                     ? "binlog truncated in the middle of event; consider out of disk space on source"
                     : "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source";
    unsigned long long last_byte =
        is_mysql && is_truncated ? file_end : position.offset + BINLOG_HEADER_BYTES;
    const char *here = is_mysql ? "./" : "";
    enum result ignored = refuse_1236(
        ret_refusal,
        "%s; the first event '%.100s' at %llu, the last event read from '%s%.100s' at %llu, "
        "the last byte read from '%s%.100s' at %llu.",
        reason, request->file, (unsigned long long)position.offset, here, request->file,
        (unsigned long long)(is_mysql ? format_end : position.offset), here, request->file, last_byte);
    (void)ignored;
}

static enum result find_file(const struct replica_request *request, const struct store *store,
                             uint64_t *ret_file)
{
    struct span base;
    const char *slash = strrchr(request->file, '/');
    const char *name = slash != NULL && store_flavor(store) == FLAVOR_MYSQL ? slash + 1 : request->file;
    *ret_file = store_start(store).file;
    if (name[0] == '\0')
        return RESULT_OK;
    enum result result = binlog_name_parse(span_of_text(name), &base, ret_file);
    if (result == RESULT_OK && !span_is_text(base, store_base(store)))
        result = RESULT_NOT_FOUND;
    return result;
}

static enum result find_position(const struct replica_request *request, struct store *store,
                                 struct position *ret_from, struct replica_refusal *ret_refusal)
{
    struct position from = {0, request->offset};
    uint64_t end;
    if (store_is_empty(store) || find_file(request, store, &from.file) != RESULT_OK ||
        store_file_end(store, from.file, &end) != RESULT_OK)
        return refuse_1236(ret_refusal, "Could not find first log file name in binary log index file");
    if (from.offset < BINLOG_START)
        return refuse_position_text(request, store_flavor(store), "< 4", ret_refusal);
    if (from.offset > end)
        return refuse_position_text(request, store_flavor(store), "> file size", ret_refusal);
    *ret_from = from;
    return RESULT_OK;
}

/* ---- by GTID ---- */

static enum result refuse_gone(const struct replica_request *request, const char *offending,
                               struct replica_refusal *ret_refusal)
{
    if (request->have.flavor == FLAVOR_MARIADB)
        return refuse_1236(
            ret_refusal,
            "Could not find GTID state requested by slave in any binlog files. Probably the slave "
            "state is too old and required binlog files have been purged.");
    char *have = gtid_state_format(&request->have);
    enum result result = refuse_1236(
        ret_refusal,
        "Cannot replicate because the source purged required binary logs. Replicate the missing transactions "
        "from "
        "elsewhere, or provision a new replica from backup. Consider increasing the source's binary log "
        "expiration period. The GTID set sent by the replica is '%s', and the missing transactions are '%s'",
        have, offending);
    free(have);
    return result;
}

static enum result refuse_diverged(const struct replica_request *request, const struct store *store,
                                   const char *offending, struct replica_refusal *ret_refusal)
{
    if (request->have.flavor == FLAVOR_MYSQL)
        return refuse_1236(
            ret_refusal,
            "Replica has more GTIDs than the source has: '%.200s'. It has transactions that the "
            "confirmed history lacks; replicate them to the source, or provision the replica from "
            "backup.",
            offending);
    struct gtid gtid;
    const struct gtid_mariadb *last = NULL;
    if (gtid_parse(FLAVOR_MARIADB, span_of_text(offending), &gtid) == RESULT_OK)
        last = gtid_list_last(&store_gtids(store)->list, gtid.mariadb.domain);
    bool is_lower = last != NULL && gtid.mariadb.seq <= last->seq;
    return refuse_1236(
        ret_refusal,
        "Error: connecting slave requested to start from GTID %.100s, which is not in the master's "
        "binlog%s",
        offending,
        is_lower ? ". Since the master's binlog contains GTIDs with higher sequence numbers, it "
                   "probably means that the slave has diverged due to executing extra erroneous "
                   "transactions"
                 : "");
}

enum result replica_request_find(const struct replica_request *request, struct store *store,
                                 struct position *ret_from, struct replica_refusal *ret_refusal)
{
    if (!request->is_by_gtid || store_is_empty(store))
        return find_position(request, store, ret_from, ret_refusal);
    char offending[256] = "";
    switch (store_find_gtids(store, &request->have, ret_from, offending, sizeof(offending))) {
    case RESULT_OK:
        return RESULT_OK;
    case RESULT_GONE:
        return refuse_gone(request, offending, ret_refusal);
    case RESULT_DIVERGED:
        return refuse_diverged(request, store, offending, ret_refusal);
    default:
        return refuse_1236(ret_refusal, "ackgate: the store cannot be read; its log says why");
    }
}
