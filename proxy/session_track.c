/* The statements that switch the tracking of session_track.h on again. */
#include "proxy/session_track.h"

#include "protocol/constants.h"
#include "protocol/response.h"

#include <assert.h>
#include <string.h>

enum { COMMAND_PACKET_MAX = 1024 };

/* What the client lists stays; MySQL refuses a list that names a variable twice. */
#define LIST_MYSQL          "REPLACE(@@session.session_track_system_variables, ' ', '')"
#define UNLESS_LISTED(name) "IF(FIND_IN_SET('" name "', " LIST_MYSQL "), NULL, '" name "')"
#define RESTORE_LIST_MYSQL                                                                                   \
    "SESSION session_track_system_variables=IF(" LIST_MYSQL "='*', '*', CONCAT_WS(',', NULLIF(" LIST_MYSQL   \
    ", ''), " UNLESS_LISTED("session_track_gtids") ", " UNLESS_LISTED("session_track_system_variables") "))"
static const char restore_mysql[] =
    "SET SESSION session_track_gtids=IF(@@session.session_track_gtids='OFF', 'OWN_GTID',"
    " @@session.session_track_gtids), " RESTORE_LIST_MYSQL;
static const char restore_list_mysql[] = "SET " RESTORE_LIST_MYSQL;
static const char restore_mariadb[] =
    "SET SESSION session_track_system_variables=CONCAT_WS(',',"
    " NULLIF(@@session.session_track_system_variables, ''), 'last_gtid', 'session_track_system_variables')";

/* Whether a comma separated list has the name, or the asterisk for all. */
static bool lists(struct span list, const char *name)
{
    size_t at = 0;
    while (at <= list.length && list.length > 0) {
        const uint8_t *start = list.data + at;
        const uint8_t *comma = memchr(start, ',', list.length - at);
        struct span item = {start, comma == NULL ? list.length - at : (size_t)(comma - start)};
        at += item.length + 1;
        while (item.length > 0 && *item.data == ' ') {
            item.data++;
            item.length--;
        }
        while (item.length > 0 && item.data[item.length - 1] == ' ')
            item.length--;
        if (span_is_text_nocase(item, name) || span_is_text(item, "*"))
            return true;
    }
    return false;
}

static void note_db(struct session *session, struct span state)
{
    struct track_cursor cursor;
    struct track_entry entry;
    struct span db;
    track_cursor_init(&cursor, state);
    while (track_cursor_next(&cursor, &entry))
        if (entry.type == TRACK_SCHEMA && track_string_decode(entry.data, &db) == RESULT_OK)
            session_set_db(session, db);
}

/* Any case of it; between quotes or in a comment too, as nothing but a statement more comes of that. */
static bool names_tracking(struct span text)
{
    static const char before[] = "session";
    static const char after[] = "track";
    const size_t before_length = sizeof(before) - 1;
    const size_t after_length = sizeof(after) - 1;
    const uint8_t *end = text.data + text.length;
    const uint8_t *from = text.data;
    while (from < end) {
        const uint8_t *at = memchr(from, '_', (size_t)(end - from));
        if (at == NULL)
            return false;
        from = at + 1;
        if ((size_t)(at - text.data) >= before_length && (size_t)(end - from) >= after_length &&
            span_is_text_nocase((struct span){at - before_length, before_length}, before) &&
            span_is_text_nocase((struct span){from, after_length}, after))
            return true;
    }
    return false;
}

void session_track_note_command(struct session *session, uint8_t command, struct span piece)
{
    bool is_executing = command == COMMAND_STMT_EXECUTE || command == COMMAND_MARIADB_STMT_BULK_EXECUTE;
    if (command == COMMAND_STMT_PREPARE && names_tracking(piece))
        session->has_prepared_tracking = true;
    if ((command == COMMAND_QUERY && names_tracking(piece)) ||
        (is_executing && session->has_prepared_tracking))
        if (session->tracking == TRACKING_ON)
            session->tracking = TRACKING_DOUBTFUL;
}

void session_track_note(struct session *session, const struct session_response_step *step,
                        const struct response_gtids *gtids)
{
    struct response_ok ok;
    const char *needed = session->is_mariadb ? "last_gtid" : "session_track_gtids";
    bool is_off = gtids->track_gtids_changed && span_is_text_nocase(gtids->track_gtids, "OFF");
    bool is_short = gtids->track_variables_changed && !lists(gtids->track_variables, needed);
    if (is_off || is_short)
        session->tracking = TRACKING_OFF;
    if (response_ok_decode(step->payload, session->source_caps, &ok) == RESULT_OK)
        note_db(session, ok.state);
}

/* MySQL refuses to change session_track_gtids in a transaction; its end comes before the next try. */
static const char *statement(const struct session *session)
{
    if (session->is_mariadb)
        return restore_mariadb;
    bool is_in_transaction = (session->response.status & STATUS_IN_TRANSACTION) != 0;
    return is_in_transaction && session->tracking == TRACKING_DOUBTFUL ? restore_list_mysql : restore_mysql;
}

void session_track_restore(struct session *session)
{
    uint8_t bytes[COMMAND_PACKET_MAX];
    uint8_t sequence = 0;
    struct writer writer;
    writer_init(&writer, bytes, sizeof(bytes));
    size_t mark = packet_begin(&writer);
    command_query_encode(&writer, span_of_text(statement(session)), session->source_caps);
    packet_end(&writer, mark, &sequence);
    assert(!writer_failed(&writer));
    session->is_swallowing = true;
    session->is_restoring = true;
    session->is_answered_ok = false;
    session_response_begin(&session->response, COMMAND_RESPONSE_RESULTSETS);
    session_put_copy(session, &session->source, writer_span_written(&writer));
    session_flush(session);
}

bool session_track_on_restored(struct session *session)
{
    bool is_whole = statement(session) != restore_list_mysql;
    if (session->is_answered_ok && is_whole)
        session->tracking = TRACKING_ON;
    return session->is_answered_ok || session->tracking == TRACKING_DOUBTFUL;
}
