/*
 * The client's bytes in the command phase: commands go to the source one at a time, streamed as they come,
 * with a look at their first byte only. What comes before its turn is kept.
 */
#include "proxy/session.h"

#include "protocol/command.h"
#include "protocol/constants.h"
#include "protocol/response.h"
#include "proxy/log.h"
#include "proxy/session_track.h"

#include <assert.h>
#include <stdio.h>

enum { MESSAGE_MAX = 256, ERROR_PACKET_MAX = PACKET_HEADER_BYTES + 512 };

bool session_is_busy(const struct session *session)
{
    if (session->phase == SESSION_AUTH)
        return !session->is_clients_turn;
    if (session->phase == SESSION_SECURING)
        return true;
    return session_response_is_open(&session->response) || session->hold != NULL;
}

/* Replication has its own port; what these start is no response that could be followed. COM_MULTI is several
 * commands in one: a source before MariaDB 10.6 would answer each, and only the first answer would be held.
 */
static bool is_refused(uint8_t command, enum flavor flavor)
{
    switch (command) {
    case COMMAND_BINLOG_DUMP:
    case COMMAND_BINLOG_DUMP_GTID:
    case COMMAND_REGISTER_REPLICA:
    case COMMAND_TABLE_DUMP:
    case COMMAND_CLONE:
    case COMMAND_SUBSCRIBE_GROUP:
        return true;
    case COMMAND_MARIADB_MULTI:
        return flavor == FLAVOR_MARIADB;
    default:
        return false;
    }
}

static void answer_refused(struct session *session, uint8_t sequence)
{
    const struct config_listen *listen = &session->thread->shared->config->replication.listen;
    char message[MESSAGE_MAX];
    uint8_t bytes[ERROR_PACKET_MAX];
    struct writer writer;
    snprintf(message, sizeof(message),
             "ackgate: this command is not served here; replicas connect to the replication port (%s)",
             listen->count > 0 ? listen->addresses[0] : "replication.listen");
    writer_init(&writer, bytes, sizeof(bytes));
    size_t mark = packet_begin(&writer);
    response_error_encode(&writer, ERROR_CODE_UNKNOWN, span_of_text(message));
    packet_end(&writer, mark, &sequence);
    session_put_copy(session, &session->client, writer_span_written(&writer));
}

static void begin_response(struct session *session, uint8_t command)
{
    enum command_response kind = command_response_kind(command);
    if (kind == COMMAND_RESPONSE_NONE)
        return;
    if (kind == COMMAND_RESPONSE_REFUSED) /* of no use to the source either, which says so */
        kind = COMMAND_RESPONSE_RESULTSETS;
    session_response_begin(&session->response, kind);
    atomic_store_explicit(&session->command_text, command_name(command), memory_order_relaxed);
    session_set_state(session, "running");
}

/* The first piece of a command. True: something else goes to the source in its place. */
static bool begin_command(struct session *session, const struct packet_piece *piece)
{
    uint8_t command = piece->payload.length > 0 ? piece->payload.data[0] : (uint8_t)COMMAND_SLEEP;
    session->command_byte = command;
    session->is_refusing = is_refused(command, session->response.flavor);
    if (session->is_refusing)
        return false;
    session->is_quitting = command == COMMAND_QUIT;
    if (command == COMMAND_CHANGE_USER)
        return session_auth_on_change_user(session, piece->payload);
    begin_response(session, command);
    return false;
}

/* A file's packet, numbered as the source counts. A packet without payload is its end. */
static void on_file_piece(struct session *session, const struct packet_piece *piece, uint8_t *bytes)
{
    struct packet_header header = piece->header;
    if (piece->starts_packet && session->response.shift != 0) {
        header.sequence = (uint8_t)(header.sequence - session->response.shift);
        packet_header_encode(bytes, header);
    }
    if (piece->starts_payload && header.length == 0)
        session->is_infile = false;
}

static void on_piece(struct session *session, const struct packet_piece *piece, uint8_t *bytes)
{
    bool is_replaced = false;
    if (piece->ends_payload)
        session_compress_on_command(session);
    if (session->is_infile)
        on_file_piece(session, piece, bytes);
    else if (piece->starts_payload)
        is_replaced = begin_command(session, piece);
    if (!session->is_infile)
        session_track_note_command(session, session->command_byte, piece->payload);
    if (!session->is_refusing && !is_replaced)
        session_put(session, &session->source, piece->raw);
    else if (!is_replaced && piece->ends_payload)
        answer_refused(session, (uint8_t)(piece->header.sequence + 1));
    if (piece->ends_payload)
        session->is_refusing = false;
}

/* Whether the next byte of the client may be processed: it goes on with a payload, or its turn has come. */
static bool may_take(struct session *session, const struct reader *stream)
{
    struct packet_header header;
    struct span ahead = {stream->data + stream->at, reader_left(stream)};
    if (session->phase != SESSION_COMMAND || session->is_quitting)
        return false;
    if (!packet_cursor_is_between_payloads(&session->command))
        return true;
    if (session->is_infile)
        return true;
    if (session_is_busy(session) || packet_peek(ahead, &header) != RESULT_OK)
        return false;
    packet_cursor_expect(&session->command, 0);
    /* who the user is has to be seen whole; over the limit the source will say something */
    bool is_change_user =
        ahead.length > PACKET_HEADER_BYTES && ahead.data[PACKET_HEADER_BYTES] == COMMAND_CHANGE_USER;
    return !is_change_user || header.length > SESSION_PACKET_MAX ||
           ahead.length >= PACKET_HEADER_BYTES + (size_t)header.length;
}

void session_command_take(struct session *session, uint8_t *data, size_t length_bytes)
{
    static _Thread_local struct log_limit limit;
    struct reader stream;
    struct packet_piece piece;
    enum result result = RESULT_OK;
    reader_init(&stream, data, length_bytes);
    while (reader_left(&stream) > 0 && may_take(session, &stream)) {
        size_t at = stream.at;
        result = packet_cursor_next(&session->command, &stream, &piece);
        if (result != RESULT_OK)
            break;
        on_piece(session, &piece, data + at);
    }
    if (result == RESULT_SEQUENCE) {
        uint8_t sequence = data[stream.at + PACKET_HEADER_BYTES - 1];
        log_limited(&limit, LOG_LEVEL_INFO, session_name(session),
                    "closed: the client's packets are out of order");
        session_fail(session, ERROR_CODE_PACKETS_OUT_OF_ORDER, (uint8_t)(sequence + 1),
                     "Got packets out of order");
        return;
    }
    backlog_append(&session->client.in, (struct span){data + stream.at, reader_left(&stream)});
    session_flush(session);
    if (session->is_quitting)
        session_close(session);
}

void session_command_resume(struct session *session)
{
    size_t room;
    size_t length = backlog_bytes(&session->client.in);
    if (length == 0 || session->phase != SESSION_COMMAND)
        return;
    uint8_t *buffer = app_thread_buffer(session->thread, length, &room);
    length = backlog_take(&session->client.in, buffer);
    session_command_take(session, buffer, length);
}
