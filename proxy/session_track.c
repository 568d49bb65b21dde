/* The statements that switch the tracking of session_track.h on again. */
#include "proxy/session_track.h"

#include "protocol/constants.h"
#include "protocol/response.h"

#include <assert.h>
#include <string.h>

enum { COMMAND_PACKET_MAX = 512 };

static const char restore_mysql[] = "SET SESSION session_track_gtids=OWN_GTID,"
                                    " SESSION session_track_system_variables=CONCAT_WS(',', "
                                    "NULLIF(@@session.session_track_system_variables, ''),"
                                    " 'session_track_gtids', 'session_track_system_variables')";
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

void session_track_note(struct session *session, const struct session_response_step *step,
                        const struct response_gtids *gtids)
{
    struct response_ok ok;
    const char *needed = session->is_mariadb ? "last_gtid" : "session_track_gtids";
    if (gtids->track_gtids_changed)
        session->is_tracking_off = span_is_text_nocase(gtids->track_gtids, "OFF");
    if (gtids->track_variables_changed && !lists(gtids->track_variables, needed))
        session->is_tracking_off = true;
    else if (gtids->track_variables_changed && session->is_mariadb)
        session->is_tracking_off = false;
    if (response_ok_decode(step->payload, session->source_caps, &ok) == RESULT_OK)
        note_db(session, ok.state);
}

void session_track_restore(struct session *session)
{
    uint8_t bytes[COMMAND_PACKET_MAX];
    uint8_t sequence = 0;
    struct writer writer;
    const char *statement = session->is_mariadb ? restore_mariadb : restore_mysql;
    writer_init(&writer, bytes, sizeof(bytes));
    size_t mark = packet_begin(&writer);
    command_query_encode(&writer, span_of_text(statement), session->source_caps);
    packet_end(&writer, mark, &sequence);
    assert(!writer_failed(&writer));
    session->is_tracking_off = false;
    session->is_swallowing = true;
    session->is_restoring = true;
    session->is_restored = false;
    session_response_begin(&session->response, COMMAND_RESPONSE_RESULTSETS);
    session_put_copy(session, &session->source, writer_span_written(&writer));
    session_flush(session);
}
