/*
 * The relayed login: the source's greeting, the client's answer, and whatever packets the account's
 * authentication plugin exchanges until OK or ERR. COM_CHANGE_USER goes the same way. Ackgate sees no
 * password and only changes capabilities.
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

#define CAPS_NEEDED (CAP_SESSION_TRACK | CAP_DEPRECATE_EOF)
/* What ackgate does not speak, and what it does not know and could change packets that it finds its way in.
 */
#define CAPS_MASKED (CAP_SSL | CAP_MARIADB_MULTI | ~CAPS_KNOWN)
/* What is between a client and ackgate only. */
#define CAPS_OF_CLIENTS (CAP_COMPRESS | CAP_ZSTD)

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

static void client_is_wrong(struct session *session, uint16_t code, uint8_t sequence, const char *message)
{
    static _Thread_local struct log_limit limit;
    log_limited(&limit, LOG_LEVEL_INFO, session_name(session), "closed: %s", message);
    session_fail(session, code, (uint8_t)(sequence + 1), message);
}

/* ---- the source's packets ---- */

/* A little before the source's own timeout for logins, usually the same 10 s, would be counted there. */
static void start_auth_timer(struct session *session)
{
    uint64_t timeout_ms = session->thread->shared->auth_timeout_ms;
    uint64_t margin_ms = timeout_ms / 10 < MARGIN_MS ? timeout_ms / 10 : MARGIN_MS;
    timer_start(&session->timer, timeout_ms - margin_ms);
}

static void on_greeting(struct session *session, struct span payload, uint8_t *bytes, size_t length)
{
    struct greeting greeting;
    enum result result = greeting_decode(payload, &greeting);
    if (result != RESULT_OK) {
        source_is_broken(session, result_text(result));
        return;
    }
    if ((greeting.capabilities & CAPS_NEEDED) != CAPS_NEEDED) {
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
    result = greeting_mask_capabilities(bytes + PACKET_HEADER_BYTES, payload.length, ~CAPS_MASKED);
    if (result != RESULT_OK) {
        source_is_broken(session, result_text(result));
        return;
    }
    session_put(session, &session->client, (struct span){bytes, length});
    session->phase = SESSION_LOGIN;
    session_set_stranger(session, true);
    start_auth_timer(session);
}

static void put_ok(struct session *session, struct span packet, const struct session_response_step *step)
{
    struct writer writer;
    uint8_t *bytes;
    if (!session_response_rewrites(&session->response, step->payload)) {
        session_put(session, &session->client, packet);
        return;
    }
    bytes = xmalloc(packet.length);
    writer_init(&writer, bytes, packet.length);
    enum result result = session_response_encode_ok(&session->response, step, &writer);
    if (result == RESULT_OK)
        session_put_copy(session, &session->client, writer_span_written(&writer));
    else
        source_is_broken(session, result_text(result));
    free(bytes);
}

/* The login is over. */
static void on_ok(struct session *session, struct packet_header header, struct span payload,
                  struct span packet)
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
    put_ok(session, packet, &(struct session_response_step){.payload = payload, .sequence = header.sequence});
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

static void take_source_packet(struct session *session, struct packet_header header, struct span payload,
                               uint8_t *bytes)
{
    struct span packet = {bytes, PACKET_HEADER_BYTES + payload.length};
    session->last_sequence = header.sequence;
    if (session->phase == SESSION_GREETING && is_full(payload) &&
        session_evict(session->thread) != SESSION_EVICT_NOBODY) {
        session_retry(session);
        return;
    }
    if (session->phase == SESSION_GREETING && !response_is_error(payload)) {
        on_greeting(session, payload, bytes, packet.length);
        return;
    }
    enum auth_packet_kind kind = auth_packet_kind(payload);
    if (session->phase != SESSION_AUTH && kind != AUTH_PACKET_ERR) {
        source_is_broken(session, "it spoke out of turn");
    } else if (kind == AUTH_PACKET_INVALID) {
        source_is_broken(session, "this does not belong to a login");
    } else if (kind == AUTH_PACKET_OK) {
        on_ok(session, header, payload, packet);
    } else {
        session_put(session, &session->client, packet);
        session->is_clients_turn = true;
        if (kind == AUTH_PACKET_ERR)
            on_error(session);
    }
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

static void set_identity(struct session *session, const struct login *login)
{
    char *user = xstrndup(login->user.length == 0 ? "" : (const char *)login->user.data, login->user.length);
    pthread_mutex_lock(&session->thread->mutex);
    char *old = session->user;
    session->user = user;
    pthread_mutex_unlock(&session->thread->mutex);
    free(old);
    session_set_db(session, login->database);
}

static void on_login(struct session *session, struct packet_header header, struct span payload,
                     uint8_t *bytes)
{
    struct login login;
    uint64_t offered = session->source_caps & ~CAPS_MASKED;
    if (header.sequence != 1) {
        client_is_wrong(session, ERROR_CODE_PACKETS_OUT_OF_ORDER, header.sequence,
                        "Got packets out of order");
        return;
    }
    if (login_is_ssl_request(payload)) {
        client_is_wrong(session, ERROR_CODE_BAD_HANDSHAKE, header.sequence,
                        "ackgate: TLS is not offered on this port");
        return;
    }
    if (login_decode(payload, &login) != RESULT_OK) {
        client_is_wrong(session, ERROR_CODE_BAD_HANDSHAKE, header.sequence, "Bad handshake");
        return;
    }
    session_compress_ask(session, &login);
    uint64_t unwanted = (~offered & ~LOGIN_CAPS_WITH_FIELDS) | CAPS_OF_CLIENTS;
    if (login_change_capabilities(bytes + PACKET_HEADER_BYTES, payload.length, CAPS_NEEDED, unwanted) !=
        RESULT_OK) {
        client_is_wrong(session, ERROR_CODE_BAD_HANDSHAKE, header.sequence, "Bad handshake");
        return;
    }
    session->client_caps = login.capabilities & offered;
    session->source_caps = (session->client_caps & ~CAPS_OF_CLIENTS) | CAPS_NEEDED;
    set_identity(session, &login);
    session_put(session, &session->source, (struct span){bytes, PACKET_HEADER_BYTES + payload.length});
    session->last_sequence = header.sequence;
    session->is_clients_turn = false;
    session->phase = SESSION_AUTH;
    backlog_release(&session->greeting);
}

/* False: it is not the client's turn; a command that came too early stays where it is. */
static bool on_auth_answer(struct session *session, struct packet_header header, struct span packet)
{
    bool is_next = header.sequence == (uint8_t)(session->last_sequence + 1);
    if (!session->is_clients_turn || !is_next) {
        if (header.sequence != 0 && (session->is_clients_turn || !is_next))
            client_is_wrong(session, ERROR_CODE_PACKETS_OUT_OF_ORDER, header.sequence,
                            "Got packets out of order");
        return false;
    }
    session_put(session, &session->source, packet);
    session->last_sequence = header.sequence;
    session->is_clients_turn = false;
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
        struct span packet = {data + at, PACKET_HEADER_BYTES + payload.length};
        if (session->phase == SESSION_LOGIN)
            on_login(session, header, payload, data + at);
        else if (!on_auth_answer(session, header, packet))
            break;
        at += packet.length;
    }
    if (session->phase == SESSION_CLOSING || session_is_over(session))
        return;
    if (result == RESULT_TOO_LARGE) {
        client_is_wrong(session, ERROR_CODE_PACKET_TOO_LARGE, session->last_sequence,
                        "Got a packet bigger than a login may be");
        return;
    }
    keep(&session->client, data + at, length_bytes - at);
    session_flush(session);
}

void session_auth_on_change_user(struct session *session, struct span payload)
{
    struct login login;
    if (change_user_decode(payload, session->source_caps, &login) == RESULT_OK)
        set_identity(session, &login);
    session->last_sequence = 0;
    session->is_clients_turn = false;
    session->is_changing_user = true;
    session->phase = SESSION_AUTH;
    start_auth_timer(session);
}
