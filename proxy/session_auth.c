/*
 * The relayed login: the source's greeting, the client's answer (session_login.c), and whatever packets the
 * account's authentication plugin exchanges until OK or ERR. COM_CHANGE_USER goes the same way. Packets are
 * renumbered, because TLS takes a packet of its own on one side, and session_password.c may take others.
 *
 * A client's packet goes on only in its turn and with its number: what is sent ahead could be taken for a
 * command that nobody follows, and its OK would pass by the gate.
 */
#include "proxy/session.h"

#include "protocol/auth_packet.h"
#include "protocol/constants.h"
#include "protocol/greeting.h"
#include "protocol/login.h"
#include "protocol/response.h"
#include "protocol/xalloc.h"
#include "proxy/log.h"
#include "proxy/session_evict.h"

#include <stdlib.h>

enum { MARGIN_MS = 1000 };

/* RESULT_OK: a whole packet stands at the start of data. */
static enum result find_packet(const uint8_t *data, size_t length, struct packet_header *ret_header,
                               struct span *ret_payload)
{
    struct packet_header header;
    enum result result = packet_peek((struct span){data, length}, &header);
    if (result != RESULT_OK)
        return result;
    if (header.length > SESSION_PACKET_MAX)
        return RESULT_TOO_LARGE;
    if (length < PACKET_HEADER_BYTES + (size_t)header.length)
        return RESULT_AGAIN;
    *ret_header = header;
    *ret_payload = (struct span){data + PACKET_HEADER_BYTES, header.length};
    return RESULT_OK;
}

static void keep(struct session_side *side, const uint8_t *data, size_t length)
{
    backlog_append(&side->in, (struct span){data, length});
}

static void source_is_broken(struct session *session, const char *what)
{
    log_warn(session_name(session), "the source's login packets cannot be read: %s", what);
    session_fail(session, ERROR_CODE_UNKNOWN, (uint8_t)(session->last_sequence + 1),
                 "ackgate: the source's login packets cannot be read");
}

void session_auth_client_is_wrong(struct session *session, uint16_t code, uint8_t sequence,
                                  const char *message)
{
    static _Thread_local struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_INFO, session_name(session), "closed: %s", message);
    session_fail(session, code, (uint8_t)(sequence + 1), message);
}

/* ---- packets with the numbers that the receiver expects ---- */

void session_auth_relay_client(struct session *session, uint8_t *bytes, struct packet_header header)
{
    header.sequence = ++session->last_sequence;
    packet_header_encode(bytes, header);
    session_put(session, &session->client, (struct span){bytes, PACKET_HEADER_BYTES + (size_t)header.length});
}

void session_auth_relay_source(struct session *session, uint8_t *bytes, struct packet_header header)
{
    header.sequence = ++session->source_sequence;
    packet_header_encode(bytes, header);
    session_put(session, &session->source, (struct span){bytes, PACKET_HEADER_BYTES + (size_t)header.length});
}

static void send_made(struct session *session, struct session_side *side, uint8_t sequence,
                      struct span payload)
{
    uint8_t header[PACKET_HEADER_BYTES];
    packet_header_encode(header, (struct packet_header){(uint32_t)payload.length, sequence});
    session_put_copy(session, side, (struct span){header, sizeof(header)});
    session_put_copy(session, side, payload);
}

void session_auth_send_client(struct session *session, struct span payload)
{
    send_made(session, &session->client, ++session->last_sequence, payload);
}

void session_auth_send_source(struct session *session, struct span payload)
{
    send_made(session, &session->source, ++session->source_sequence, payload);
}

/* ---- the source's packets ---- */

/* A little before the source's own timeout for logins, usually the same 10 s, would be counted there. */
static void start_auth_timer(struct session *session)
{
    uint64_t timeout_ms = session->thread->shared->auth_timeout_ms;
    uint64_t margin_ms = timeout_ms / 10 < MARGIN_MS ? timeout_ms / 10 : MARGIN_MS;
    timer_start(&session->timer, timeout_ms - margin_ms);
}

static void on_greeting(struct session *session, struct packet_header header, struct span payload,
                        uint8_t *bytes)
{
    struct greeting greeting;
    enum result result = greeting_decode(payload, &greeting);
    if (result != RESULT_OK) {
        source_is_broken(session, result_text(result));
        return;
    }
    uint64_t offered = session_login_offered(session, greeting.capabilities);
    if (offered == 0) {
        session_fail(session, ERROR_CODE_UNKNOWN, 0,
                     "ackgate: the source is too old: it does not track sessions");
        return;
    }
    backlog_append(&session->greeting, payload);
    pthread_mutex_lock(&session->thread->mutex);
    session->id = greeting.thread_id;
    pthread_mutex_unlock(&session->thread->mutex);
    session->source_caps = greeting.capabilities;
    session->is_mariadb = (greeting.capabilities & CAP_LONG_PASSWORD) == 0;
    session_password_set_plugin(&session->password, (struct span){0},
                                (struct span){greeting.scramble, SCRAMBLE_BYTES});
    /* kept where it is: a source may do without plugins */
    result = greeting_change_capabilities(bytes + PACKET_HEADER_BYTES, payload.length,
                                          offered | CAP_PLUGIN_AUTH, offered & CAP_SSL);
    if (result != RESULT_OK) {
        source_is_broken(session, result_text(result));
        return;
    }
    session_auth_relay_client(session, bytes, header);
    session->phase = SESSION_LOGIN;
    session_set_stranger(session, true);
    start_auth_timer(session);
}

static void put_ok(struct session *session, struct packet_header header, struct span payload, uint8_t *bytes)
{
    struct writer writer;
    if (!session_response_rewrites(&session->response, payload)) {
        session_auth_relay_client(session, bytes, header);
        return;
    }
    size_t length = PACKET_HEADER_BYTES + payload.length;
    struct session_response_step step = {.payload = payload, .sequence = ++session->last_sequence};
    uint8_t *made = xmalloc(length);
    writer_init(&writer, made, length);
    enum result result = session_response_encode_ok(&session->response, &step, &writer);
    if (result == RESULT_OK)
        session_put_copy(session, &session->client, writer_span_written(&writer));
    else
        source_is_broken(session, result_text(result));
    free(made);
}

/* The login is over. */
static void on_ok(struct session *session, struct packet_header header, struct span payload, uint8_t *bytes)
{
    uint16_t status;
    uint64_t idle_ms = session->thread->shared->idle_timeout_ms;
    enum result result = response_status(payload, session->source_caps, &status);
    if (result != RESULT_OK) {
        source_is_broken(session, result_text(result));
        return;
    }
    session_response_init(&session->response, session->is_mariadb ? FLAVOR_MARIADB : FLAVOR_MYSQL,
                          session->source_caps, session->client_caps, status);
    session->phase = SESSION_COMMAND;
    session->is_changing_user = false;
    session_set_stranger(session, false);
    session->tracking = TRACKING_ON;
    session->has_prepared_tracking = false;
    timer_stop(&session->timer);
    if (idle_ms > 0)
        timer_start(&session->timer, idle_ms);
    session_password_forget(&session->password);
    put_ok(session, header, payload, bytes);
    session_compress_start(session);
}

/* The source closes after an error; only a failed change of the user may leave the session as it was. */
static void on_error(struct session *session)
{
    session->phase = session->is_changing_user ? SESSION_COMMAND : SESSION_AUTH;
    if (session->is_changing_user) {
        session->is_changing_user = false;
        return;
    }
    session_flush(session);
    session_end(session);
}

/* The source has too many connections. */
static bool is_full(struct span payload)
{
    struct response_error error;
    return response_is_error(payload) && response_error_decode(payload, &error) == RESULT_OK &&
           error.code == ERROR_CODE_TOO_MANY_CONNECTIONS;
}

static void take_auth_packet(struct session *session, struct packet_header header, struct span payload,
                             uint8_t *bytes)
{
    if (session_password_from_source(session, payload))
        return;
    if (session_password_is_exposed(session)) {
        session_fail(session, ERROR_CODE_UNKNOWN, (uint8_t)(session->last_sequence + 1),
                     "ackgate: this account's password would go in the clear over the connection to the "
                     "source: set source.tls");
        return;
    }
    session_auth_relay_client(session, bytes, header);
    session->is_clients_turn = true;
    if (auth_packet_kind(payload) == AUTH_PACKET_ERR)
        on_error(session);
}

static void take_source_packet(struct session *session, struct packet_header header, struct span payload,
                               uint8_t *bytes)
{
    session->source_sequence = header.sequence;
    if (session->phase == SESSION_GREETING && is_full(payload) &&
        session_evict(session->thread) != SESSION_EVICT_NOBODY) {
        session_retry(session);
        return;
    }
    if (session->phase == SESSION_GREETING && !response_is_error(payload)) {
        on_greeting(session, header, payload, bytes);
        return;
    }
    enum auth_packet_kind kind = auth_packet_kind(payload);
    if (session->phase != SESSION_AUTH && kind != AUTH_PACKET_ERR)
        source_is_broken(session, "it spoke out of turn");
    else if (kind == AUTH_PACKET_INVALID)
        source_is_broken(session, "this does not belong to a login");
    else if (kind == AUTH_PACKET_OK)
        on_ok(session, header, payload, bytes);
    else
        take_auth_packet(session, header, payload, bytes);
}

void session_auth_take_source(struct session *session, uint8_t *data, size_t length_bytes)
{
    size_t at = 0;
    enum result result = RESULT_OK;
    while (at < length_bytes && session->phase >= SESSION_GREETING && session->phase <= SESSION_AUTH) {
        struct packet_header header;
        struct span payload;
        result = find_packet(data + at, length_bytes - at, &header, &payload);
        if (result != RESULT_OK)
            break;
        take_source_packet(session, header, payload, data + at);
        at += PACKET_HEADER_BYTES + payload.length;
    }
    if (session->phase == SESSION_CLOSING || session_is_over(session))
        return;
    if (result == RESULT_TOO_LARGE || (at < length_bytes && session->phase == SESSION_COMMAND)) {
        source_is_broken(session, result_text(RESULT_TOO_LARGE));
        return;
    }
    keep(&session->source, data + at, length_bytes - at);
    session_flush(session);
    if (session->phase == SESSION_COMMAND)
        session_on_idle(session);
}

/* ---- the client's packets ---- */

void session_auth_set_identity(struct session *session, const struct login *login)
{
    char *user = xstrndup(login->user.length == 0 ? "" : (const char *)login->user.data, login->user.length);
    pthread_mutex_lock(&session->thread->mutex);
    char *old = session->user;
    session->user = user;
    pthread_mutex_unlock(&session->thread->mutex);
    free(old);
    session_set_db(session, login->database);
}

/* False: it is not the client's turn; a command that came too early stays where it is. */
static bool on_auth_answer(struct session *session, struct packet_header header, struct span payload,
                           uint8_t *bytes)
{
    bool is_next = header.sequence == (uint8_t)(session->last_sequence + 1);
    if (!session->is_clients_turn || !is_next) {
        if (header.sequence != 0 && (session->is_clients_turn || !is_next))
            session_auth_client_is_wrong(session, ERROR_CODE_PACKETS_OUT_OF_ORDER, header.sequence,
                                         "Got packets out of order");
        return false;
    }
    session->last_sequence = header.sequence;
    if (!session_password_from_client(session, payload))
        session_auth_relay_source(session, bytes, header);
    session->is_clients_turn = session->password.stage == PASSWORD_COMES_ENCRYPTED;
    session_compress_on_command(session);
    return true;
}

void session_auth_take_client(struct session *session, uint8_t *data, size_t length_bytes)
{
    size_t at = 0;
    enum result result = RESULT_OK;
    while (at < length_bytes && (session->phase == SESSION_LOGIN || session->phase == SESSION_AUTH)) {
        struct packet_header header;
        struct span payload;
        result = find_packet(data + at, length_bytes - at, &header, &payload);
        if (result != RESULT_OK)
            break;
        size_t length = PACKET_HEADER_BYTES + payload.length;
        if (session->phase == SESSION_LOGIN)
            session_login_take(session, header, payload, data + at, length_bytes - at - length);
        else if (!on_auth_answer(session, header, payload, data + at))
            break;
        at += length;
        if (conn_is_securing(&session->client.conn))
            at = length_bytes; /* the rest is TLS's */
    }
    if (session->phase == SESSION_CLOSING || session_is_over(session))
        return;
    if (result == RESULT_TOO_LARGE) {
        session_auth_client_is_wrong(session, ERROR_CODE_PACKET_TOO_LARGE, session->last_sequence,
                                     "Got a packet bigger than a login may be");
        return;
    }
    keep(&session->client, data + at, length_bytes - at);
    session_flush(session);
}

/* As session_login.c does it for the login. */
static bool replace_change_user(struct session *session, struct login *login, size_t room)
{
    struct writer writer;
    if (!session_password_take_out(session, login))
        return false;
    uint8_t *bytes = xmalloc(room);
    writer_init(&writer, bytes, room);
    change_user_encode(&writer, login);
    bool fits = !writer_failed(&writer);
    if (fits)
        send_made(session, &session->source, 0, writer_span_written(&writer));
    free(bytes);
    return fits;
}

bool session_auth_on_change_user(struct session *session, struct span payload)
{
    struct login login;
    bool is_replaced = false;
    if (change_user_decode(payload, session->source_caps, &login) == RESULT_OK) {
        session_auth_set_identity(session, &login);
        session_password_set_plugin(&session->password, login.plugin, (struct span){0});
        is_replaced = replace_change_user(session, &login, payload.length);
    }
    session->last_sequence = 0;
    session->source_sequence = 0;
    session->is_clients_turn = false;
    session->is_changing_user = true;
    session->phase = SESSION_AUTH;
    start_auth_timer(session);
    return is_replaced;
}
