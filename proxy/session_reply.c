/*
 * The source's bytes in the command phase: followed by session_response.h, asked about at the gate, and on to
 * the client.
 */
#include "proxy/session.h"

#include "protocol/constants.h"
#include "protocol/response.h"
#include "protocol/track.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "proxy/session_track.h"

#include <stdlib.h>

static void source_is_broken(struct session *session, enum result result)
{
    log_error(session_name(session), "closed: a response of the source cannot be followed: %s",
              result_text(result));
    session_close(session);
}

static void put_ok(struct session *session, const struct session_response_step *step)
{
    uint8_t small[256];
    uint8_t *bytes = small;
    struct writer writer;
    if (!session_response_rewrites(&session->response, step->payload)) {
        session_put(session, &session->client, step->bytes);
        return;
    }
    if (step->bytes.length > sizeof(small))
        bytes = xmalloc(step->bytes.length);
    writer_init(&writer, bytes, step->bytes.length);
    enum result result = session_response_encode_ok(&session->response, step, &writer);
    if (result == RESULT_OK)
        session_put_copy(session, &session->client, writer_span_written(&writer));
    else
        source_is_broken(session, result);
    if (bytes != small)
        free(bytes);
}

/* The gate is asked here, for every OK that says that something has changed. */
static void on_ok(struct session *session, const struct session_response_step *step)
{
    struct response_gtids gtids;
    if ((step->status & STATUS_SESSION_STATE_CHANGED) != 0) {
        enum result result = response_find_gtids(step->payload, session->source_caps, &gtids);
        if (result != RESULT_OK) {
            source_is_broken(session, result);
            return;
        }
        session_track_note(session, step, &gtids);
        bool names_some = gtids.own_gtids.length > 0 || gtids.last_gtid.length > 0;
        if (names_some && !session->is_swallowing && session_hold_start(session, step, &gtids))
            return;
    }
    if (!session->is_swallowing)
        put_ok(session, step);
    else
        session->is_answered_ok = true;
}

static void on_step(struct session *session, const struct session_response_step *step)
{
    if (step->kind == RESPONSE_STEP_OK) {
        on_ok(session, step);
        return;
    }
    if (session->is_swallowing)
        return;
    if (step->kind == RESPONSE_STEP_INSERT) /* the next one is made in the same place */
        session_put_copy(session, &session->client, step->bytes);
    else
        session_put(session, &session->client, step->bytes);
    if (step->kind != RESPONSE_STEP_INFILE)
        return;
    if (!packet_cursor_is_between_payloads(&session->command)) {
        source_is_broken(session, RESULT_SEQUENCE);
        return;
    }
    session->is_infile = true;
    packet_cursor_expect(&session->command, (uint8_t)(step->sequence + 1));
}

/* Between commands a source has nothing to say, except that it will close. */
static void on_unasked(struct session *session, struct span bytes)
{
    if (bytes.length > PACKET_HEADER_BYTES && bytes.data[PACKET_HEADER_BYTES] == RESPONSE_HEADER_ERR)
        session_put(session, &session->client, bytes);
    else
        source_is_broken(session, RESULT_SEQUENCE);
}

/* Returns how many bytes were consumed. */
static size_t follow(struct session *session, uint8_t *data, size_t length)
{
    size_t at = 0;
    while (session_response_is_open(&session->response) && session->hold == NULL &&
           !session_is_over(session)) {
        struct session_response_step step;
        enum result result = session_response_next(&session->response, data + at, length - at, &step);
        if (result == RESULT_AGAIN)
            break;
        if (result != RESULT_OK) {
            source_is_broken(session, result);
            break;
        }
        if (step.kind != RESPONSE_STEP_INSERT)
            at += step.bytes.length;
        on_step(session, &step);
    }
    return at;
}

void session_reply_take(struct session *session, uint8_t *data, size_t length_bytes)
{
    bool was_busy = session_is_busy(session);
    size_t at = follow(session, data, length_bytes);
    if (session_is_over(session))
        return;
    struct span rest = {data + at, length_bytes - at};
    if (session_is_busy(session))
        backlog_append(&session->source.in, rest);
    else if (rest.length > 0)
        on_unasked(session, rest);
    if (session_is_over(session))
        return;
    session_flush(session);
    if (was_busy && !session_is_over(session) && !session_is_busy(session))
        session_on_idle(session);
}

void session_reply_resume(struct session *session)
{
    size_t room;
    size_t length = backlog_bytes(&session->source.in);
    uint8_t *buffer = app_thread_buffer(session->thread, length, &room);
    length = backlog_take(&session->source.in, buffer);
    size_t at = follow(session, buffer, length);
    if (session_is_over(session))
        return;
    backlog_append(&session->source.in, (struct span){buffer + at, length - at});
    session_flush(session);
    if (!session_is_over(session) && !session_is_busy(session))
        session_on_idle(session);
}

void session_on_idle(struct session *session)
{
    bool is_drained = session->thread->is_draining && (session->response.status & STATUS_IN_TRANSACTION) == 0;
    bool was_restoring = session->is_restoring;
    session->is_swallowing = false;
    session->is_restoring = false;
    if (was_restoring && !session_track_on_restored(session)) {
        log_warn(session_name(session),
                 "closed: its OKs don't name transactions any more, and the source refuses to change that");
        session_close(session);
        return;
    }
    session_set_state(session, "idle");
    if (is_drained)
        session_end(session);
    else if (session->tracking != TRACKING_ON && !was_restoring)
        session_track_restore(session);
    else
        session_command_resume(session);
    if (session->has_client_finished && !session_is_over(session) && !session_is_busy(session))
        session_finish(session);
}
